package trust

import (
	"fmt"
	"html"
	"strings"
)

// The colours of the picture.
const (
	green, grey = "#2e7d32", "#9aa1ab"
	blue        = "#cfe0fa"
)

// dotLooks are the attributes of a service account.
var dotLooks = map[look]string{
	byIRSA:        `fillcolor="#ffffff"`,
	byPodIdentity: `fillcolor="` + blue + `"`,
	byBoth:        `fillcolor="#ffffff:` + blue + `"`,
	byPattern:     `fillcolor="#ffffff", style="rounded,filled,dashed", color="#b3372f"`,
}

const dotHead = `digraph trust {
  rankdir=LR; nodesep=0.12; ranksep=1.4; pad=0.2; compound=true;
  graph [fontname="Helvetica", fontsize=12, style="rounded", color="#8a8f98", fontcolor="#333b48", labeljust=l];
  node  [fontname="Helvetica", fontsize=11, shape=box, style="rounded,filled", fillcolor="#ffffff", color="#5b6472", margin="0.1,0.05", height=0.3];
  edge  [color="` + green + `", arrowsize=0.7];
`

// dotLegend is the picture's label.
const dotLegend = `  labelloc=b; labeljust=l;
  label=<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="4"><TR>
    <TD BORDER="1" STYLE="ROUNDED" BGCOLOR="#ffffff"> IRSA </TD>
    <TD BORDER="1" STYLE="ROUNDED" BGCOLOR="` + blue + `"> EKS Pod Identity </TD>
    <TD BORDER="1" STYLE="ROUNDED" BGCOLOR="#ffffff:` + blue + `"> both trusted </TD>
    <TD BORDER="1" STYLE="ROUNDED,DASHED" COLOR="#b3372f" BGCOLOR="#ffffff"> service accounts by pattern </TD>
    <TD><FONT COLOR="` + green + `"><B>&#8212;&#8212;&#9654;</B></FONT> proven</TD>
    <TD><FONT COLOR="` + grey + `"><B>- - -&#9654;</B></FONT> not proven</TD>
  </TR></TABLE>>;
`

// DOT is the map for graphviz: clusters with their service accounts by namespace, accounts with their roles, and what Argo CD reaches.
// Times are not in it, so the same platform is the same picture.
func (m *Map) DOT() string {
	d := m.drawing()
	var out strings.Builder
	out.WriteString(dotHead)
	for i, cluster := range d.clusters {
		cluster.dot(&out, i)
	}
	for i, account := range d.accounts {
		fmt.Fprintf(&out, "  subgraph cluster_account%d {\n    label=\"account %s: roles\"; bgcolor=\"#eef5ee\";\n", i, account.account)
		for _, role := range account.roles {
			fmt.Fprintf(&out, "    %s [label=<%s>, fillcolor=\"#dcefdc\"];\n", role.id, dotLabel(role.name, role.notes()))
		}
		out.WriteString("  }\n")
	}
	if len(d.targets) > 0 {
		out.WriteString("  subgraph cluster_targets {\n    label=\"Argo CD manages\"; bgcolor=\"#fff8e1\";\n")
		for _, target := range d.targets {
			fmt.Fprintf(&out, "    %s [label=<%s>];\n", target.id, dotLabel(target.cluster, target.access))
		}
		out.WriteString("  }\n")
	}
	for _, arrow := range d.arrows {
		var attributes []string
		if !arrow.proven {
			attributes = append(attributes, fmt.Sprintf("style=dashed, color=%q", grey))
		}
		if arrow.between { // roles stay in one column
			attributes = append(attributes, "constraint=false")
		}
		fmt.Fprintf(&out, "  %s -> %s [%s];\n", arrow.from, arrow.to, strings.Join(attributes, ", "))
	}
	out.WriteString(dotLegend + "}\n")
	return out.String()
}

func (cluster clusterBox) dot(out *strings.Builder, i int) {
	fmt.Fprintf(out, "  subgraph cluster_%d {\n    label=<<B>%s</B>  %s, account %s>; bgcolor=\"#f4f6f9\";\n",
		i, html.EscapeString(cluster.name), cluster.region, cluster.account)
	if len(cluster.namespaces) == 0 {
		fmt.Fprintf(out, "    none%d [label=\"no service account with a role\", shape=plaintext, style=\"\", fontcolor=\"#8a8f98\"];\n", i)
	}
	for j, namespace := range cluster.namespaces {
		fmt.Fprintf(out, "    subgraph cluster_%d_%d {\n      label=%q; bgcolor=\"#e9edf3\"; color=\"#c9ced6\"; fontsize=10;\n", i, j, namespace.name)
		for _, account := range namespace.accounts {
			fmt.Fprintf(out, "      %s [label=%q, %s];\n", account.id, account.name, dotLooks[account.look])
		}
		out.WriteString("    }\n")
	}
	out.WriteString("  }\n")
}

// notes are what stands below a role's name.
func (role roleNode) notes() []string {
	notes := role.policies
	for _, key := range role.conditions {
		notes = append(notes[:len(notes):len(notes)], "if "+key)
	}
	return notes
}

// dotLabel is a name with small lines below it.
func dotLabel(name string, notes []string) string {
	label := html.EscapeString(name) + `<BR ALIGN="LEFT"/>`
	for _, note := range notes {
		label += `<FONT POINT-SIZE="9" COLOR="#55606e">` + html.EscapeString(note) + `</FONT><BR ALIGN="LEFT"/>`
	}
	return label
}
