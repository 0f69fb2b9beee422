package trust

import (
	"cmp"
	"fmt"
	"slices"
)

// drawing is the map as boxes and arrows, whatever they are drawn with.
type drawing struct {
	clusters []clusterBox
	accounts []accountBox
	targets  []targetNode
	arrows   []arrow
}

// clusterBox is a cluster with its namespaces that have service accounts with a role.
type clusterBox struct {
	name, region, account string
	namespaces            []namespaceBox
}

type namespaceBox struct {
	name     string
	accounts []accountNode
}

// accountNode is a service account.
type accountNode struct {
	id, name string
	look     look
}

// look is what a service account is drawn as.
type look string

const (
	byIRSA        look = "irsa"
	byPodIdentity look = "podIdentity"
	byBoth        look = "both"
	byPattern     look = "pattern"
)

// accountBox is an AWS account with its roles.
type accountBox struct {
	account string
	roles   []roleNode
}

type roleNode struct {
	id, name             string
	policies, conditions []string
}

type targetNode struct {
	id, cluster string
	access      []string
}

type arrow struct {
	from, to string
	proven   bool
	// between is set for an arrow from a role to a role.
	between bool
}

func (m *Map) drawing() drawing {
	var d drawing
	for _, cluster := range m.Clusters {
		box := clusterBox{name: m.nameOf(cluster.Key), region: cluster.Region, account: cluster.Account}
		box.namespaces = m.namespacesIn(cluster.Key, &d)
		d.clusters = append(d.clusters, box)
	}
	for _, account := range m.accounts() {
		box := accountBox{account: account}
		for i, role := range m.Roles {
			if role.Account == account {
				policies := role.Policies
				if role.Capability != "" {
					policies = append([]string{m.capabilityOf(role)}, policies...)
				}
				box.roles = append(box.roles, roleNode{roleID(i), role.Name, policies, role.Conditions})
			}
		}
		for i, target := range m.Targets {
			if owner, name := roleOf(target.Principal); target.Assumed && owner == account {
				box.roles = append(box.roles, roleNode{id: assumedID(i), name: name})
			}
		}
		d.accounts = append(d.accounts, box)
	}
	hub := slices.IndexFunc(m.Roles, func(role Role) bool { return role.Key == argoCDKey })
	for i, target := range m.Targets {
		if target.Principal == "" || hub < 0 {
			continue
		}
		node := targetNode{fmt.Sprintf("t%d", i), m.nameOfTarget(target), target.Access}
		d.targets = append(d.targets, node)
		from := roleID(hub)
		if target.Assumed {
			d.arrows = append(d.arrows, arrow{from: from, to: assumedID(i), proven: target.ProvenAt != "", between: true})
			from = assumedID(i)
		}
		d.arrows = append(d.arrows, arrow{from: from, to: node.id, proven: target.ProvenAt != ""})
	}
	return d
}

func roleID(i int) string    { return fmt.Sprintf("r%d", i) }
func assumedID(i int) string { return fmt.Sprintf("a%d", i) }

// namespacesIn are the namespaces of a cluster that have service accounts with a role, each account once, and their arrows.
func (m *Map) namespacesIn(cluster string, d *drawing) []namespaceBox {
	var boxes []namespaceBox
	for i, role := range m.Roles {
		for _, account := range role.ServiceAccounts {
			if account.Cluster != cluster {
				continue
			}
			at := slices.IndexFunc(boxes, func(box namespaceBox) bool { return box.name == account.Namespace })
			if at < 0 {
				at, boxes = len(boxes), append(boxes, namespaceBox{name: account.Namespace})
			}
			box := &boxes[at]
			node := slices.IndexFunc(box.accounts, func(node accountNode) bool { return node.name == account.Name })
			if node < 0 {
				id := fmt.Sprintf("s%d_%d", i, len(d.arrows))
				node, box.accounts = len(box.accounts), append(box.accounts, accountNode{id, account.Name, account.look()})
			}
			d.arrows = append(d.arrows, arrow{from: box.accounts[node].id, to: roleID(i), proven: account.ProvenAt != ""})
		}
	}
	slices.SortFunc(boxes, func(a, b namespaceBox) int { return cmp.Compare(a.name, b.name) })
	return boxes
}

func (account ServiceAccount) look() look {
	switch {
	case account.Pattern:
		return byPattern
	case account.TrustedToo != "":
		return byBoth
	case account.Via == PodIdentity:
		return byPodIdentity
	default:
		return byIRSA
	}
}
