package components

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// earlierNames are the names that a component had before, and those that parts of its children's names had. From the
// aliases of a component the engine derives those of its children, but only in the one update that renames the component:
// when that fails half-way, the next would make the rest again. So each child gets its aliases itself.
type earlierNames struct {
	// component is the name, and aliases what it was called before.
	component string
	aliases   []string
	// clusters are those whose names stand behind the component's in the names of children.
	clusters []IrsaCluster
}

// earlierNamesOf finds what the caller says that a component was called before. Aliases of another form than a name are
// the component's alone.
func earlierNamesOf(component string, options *pulumi.ResourceOptions) earlierNames {
	names := earlierNames{component: component}
	for _, alias := range options.Aliases {
		if name, plain := plainString(alias.Name); plain {
			names.aliases = append(names.aliases, name)
		}
	}
	return names
}

// of are the names that a child had before.
func (n earlierNames) of(child string) []string {
	rest, ok := strings.CutPrefix(child, n.component)
	if !ok {
		return nil
	}
	rests := []string{rest}
	for _, cluster := range n.clusters {
		// A slash ends the name, so that cluster eu is not the beginning of cluster eu-2.
		if after, ok := strings.CutPrefix(rest+"/", "/"+cluster.Name+"/"); ok {
			for _, alias := range cluster.Aliases {
				rests = append(rests, strings.TrimSuffix(childName("", alias, after), "/"))
			}
		}
	}
	var names []string
	for _, component := range append([]string{n.component}, n.aliases...) {
		for _, rest := range rests {
			if name := component + rest; name != child {
				names = append(names, name)
			}
		}
	}
	return names
}

// all are the names of a child, now and before.
func (n earlierNames) all(child string) []string { return append([]string{child}, n.of(child)...) }

// option are the aliases of a child.
func (n earlierNames) option(child string) pulumi.ResourceOption {
	var aliases []pulumi.Alias
	for _, name := range n.of(child) {
		aliases = append(aliases, pulumi.Alias{Name: pulumi.String(name)})
	}
	return pulumi.Aliases(aliases)
}

// validateAliases refuses a cluster's earlier name that another has now, or had.
func validateAliases(path fielderr.Path, clusters []IrsaCluster) error {
	var found fielderr.List
	taken := map[string]fielderr.Path{}
	for i, cluster := range clusters {
		taken[cluster.Name] = path.Index(i).Child("name")
	}
	for i, cluster := range clusters {
		for j, alias := range cluster.Aliases {
			at := path.Index(i).Child("aliases").Index(j)
			switch other, ok := taken[alias]; {
			case alias == "":
				found.Addf(at, "must not be empty")
			case ok:
				found.Addf(at, "%q is %s already", alias, other)
			default:
				taken[alias] = at
			}
		}
	}
	return found.Err()
}

// firstName is what a cluster was called first. What is made in the cluster is told that name, as another would change
// it.
func (cluster IrsaCluster) firstName() string {
	return slices.Concat(cluster.Aliases, []string{cluster.Name})[0]
}
