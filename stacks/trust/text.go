package trust

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Text is the map for a terminal: a tree for each account, with a line for each way in (<-) and out (->) of a role.
func (m *Map) Text() string {
	var lines []line
	for _, account := range m.accounts() {
		lines = append(lines, line{heading: "account " + account})
		for _, role := range m.Roles {
			if role.Account == account {
				lines = append(lines, m.linesOfRole(role)...)
			}
		}
		for _, target := range m.Targets {
			if owner, name := roleOf(target.Principal); target.Assumed && owner == account {
				assume := []string{"<- " + m.argoCD(), "sts:AssumeRole"}
				lines = append(lines, line{heading: "  " + name}, line{cells: assume}, m.lineOfTarget(target))
			}
		}
	}
	return aligned(lines)
}

// line is a heading, or cells in columns.
type line struct {
	heading string
	cells   []string
}

// aligned are the lines with their columns below each other.
func aligned(lines []line) string {
	var widths []int
	for _, line := range lines {
		for i, cell := range line.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, line := range lines {
		text := line.heading
		for i, cell := range line.cells {
			text += strings.Repeat(" ", 2) + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		}
		if line.cells != nil {
			text = "  " + text
		}
		out.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	return out.String()
}

func (m *Map) linesOfRole(role Role) []line {
	heading := "  " + role.Name
	if len(role.Policies) > 0 {
		heading += ": " + strings.Join(role.Policies, ", ")
	}
	lines := []line{{heading: heading}}
	if role.Capability != "" {
		lines = append(lines, line{cells: []string{"<- " + m.capabilityOf(role), "capability"}})
	}
	for _, account := range role.ServiceAccounts {
		way := string(account.Via)
		if account.TrustedToo != "" {
			way += " (" + string(account.TrustedToo) + ")"
		}
		notes := []string{proof(account.ProvenAt, account.RefusedAt)}
		if account.Pattern {
			notes = append(notes, "by pattern")
		}
		for _, key := range role.Conditions {
			notes = append(notes, "if "+key)
		}
		from := "<- " + m.nameOf(account.Cluster) + "/" + account.Namespace + "/" + account.Name
		lines = append(lines, line{cells: []string{from, way, strings.Join(notes, ", ")}})
	}
	for _, target := range m.Targets {
		if role.Key == argoCDKey && target.Principal == role.Arn {
			lines = append(lines, m.lineOfTarget(target))
		}
	}
	return lines
}

func (m *Map) lineOfTarget(target Target) line {
	return line{cells: []string{
		"-> " + m.nameOfTarget(target), target.Via, proof(target.ProvenAt, "") + ": " + strings.Join(target.Access, "; "),
	}}
}

// capabilityOf is who has a capability's role.
func (m *Map) capabilityOf(role Role) string { return "EKS Capability of " + m.nameOf(role.Capability) }

// proof is what is proven, for people.
func proof(provenAt, refusedAt string) string {
	if provenAt == "" {
		return "not proven"
	}
	if refusedAt != "" {
		return "proven " + provenAt + ", others refused"
	}
	return "proven " + provenAt
}

// argoCD is the name of Argo CD's role.
func (m *Map) argoCD() string {
	i := slices.IndexFunc(m.Roles, func(role Role) bool { return role.Key == argoCDKey })
	if i < 0 {
		return argoCDKey
	}
	return m.Roles[i].Name
}
