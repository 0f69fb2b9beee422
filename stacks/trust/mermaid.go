package trust

import (
	"fmt"
	"strings"
)

const mermaidHead = `flowchart LR
  classDef irsa fill:#ffffff,stroke:#5b6472
  classDef podIdentity fill:#cfe0fa,stroke:#5b6472
  classDef both fill:#cfe0fa,stroke:#5b6472,stroke-width:3px
  classDef pattern fill:#ffffff,stroke:#b3372f,stroke-dasharray:4
  classDef role fill:#dcefdc,stroke:#5b6472
  classDef target fill:#fff8e1,stroke:#5b6472
`

const mermaidLegend = `  subgraph legend
    li(IRSA):::irsa
    lp(EKS Pod Identity):::podIdentity
    lb(both trusted):::both
    lw(by pattern):::pattern
    l1[ ] -->|proven| l2[ ]
    l3[ ] -.->|not proven| l4[ ]
  end
`

// Mermaid is the map as a flow chart in Mermaid's text, which Markdown on GitHub shows as a picture.
func (m *Map) Mermaid() string {
	d := m.drawing()
	var out strings.Builder
	out.WriteString(mermaidHead)
	for i, cluster := range d.clusters {
		fmt.Fprintf(&out, "  subgraph c%d[%s]\n", i, quoted(cluster.name+", "+cluster.region))
		if len(cluster.namespaces) == 0 {
			fmt.Fprintf(&out, "    none%d[no service account with a role]\n", i)
		}
		for j, namespace := range cluster.namespaces {
			fmt.Fprintf(&out, "    subgraph c%dn%d[%s]\n", i, j, quoted(namespace.name))
			for _, account := range namespace.accounts {
				fmt.Fprintf(&out, "      %s(%s):::%s\n", account.id, quoted(account.name), account.look)
			}
			out.WriteString("    end\n")
		}
		out.WriteString("  end\n")
	}
	for i, account := range d.accounts {
		fmt.Fprintf(&out, "  subgraph a%d_[%s]\n", i, quoted("account "+account.account))
		for _, role := range account.roles {
			fmt.Fprintf(&out, "    %s[%s]:::role\n", role.id, quoted(role.name, role.notes()...))
		}
		out.WriteString("  end\n")
	}
	if len(d.targets) > 0 {
		out.WriteString("  subgraph targets[Argo CD manages]\n")
		for _, target := range d.targets {
			fmt.Fprintf(&out, "    %s[%s]:::target\n", target.id, quoted(target.cluster, target.access...))
		}
		out.WriteString("  end\n")
	}
	for _, arrow := range d.arrows {
		line := "-->"
		if !arrow.proven {
			line = "-.->"
		}
		fmt.Fprintf(&out, "  %s %s %s\n", arrow.from, line, arrow.to)
	}
	out.WriteString(mermaidLegend)
	return out.String()
}

// quoted is a label of Mermaid, with notes in small lines below it.
func quoted(name string, notes ...string) string {
	escape := strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "#", "#35;")
	label := escape.Replace(name)
	for _, note := range notes {
		label += "<br/><small>" + escape.Replace(note) + "</small>"
	}
	return `"` + label + `"`
}
