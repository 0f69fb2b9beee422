// Package trust is the map of who may become what on a platform: which service accounts of which clusters may assume which roles,
// what these may do, where Argo CD gets with its role, and what of it is proven. It is read from a stack's outputs and written as
// JSON, as text, as Mermaid and as DOT. It does no I/O.
package trust

// Map is who may become what. Clusters and targets are sorted by their keys, and roles by account and name.
type Map struct {
	Clusters []Cluster `json:"clusters"`
	Roles    []Role    `json:"roles"`
	// Targets are the clusters that Argo CD reaches with its role.
	Targets []Target `json:"argocdTargets,omitempty"`
}

// Cluster is an EKS cluster of the platform.
type Cluster struct {
	// Key is the cluster's in the configuration.
	Key     string `json:"key"`
	Name    string `json:"name"`
	Region  string `json:"region"`
	Account string `json:"account"`
	Issuer  string `json:"issuer"`
}

// Role is an IAM role that service accounts may assume, or managed Argo CD.
type Role struct {
	// Key is the role's in the configuration; that of Argo CD is "argocd".
	Key     string `json:"key"`
	Arn     string `json:"arn"`
	Account string `json:"account"`
	Name    string `json:"name"`
	// ServiceAccounts may assume the role, and no others may, except where a program adds statements of its own.
	ServiceAccounts []ServiceAccount `json:"serviceAccounts"`
	// Capability is the key of the cluster whose capability of Argo CD has the role, in place of service accounts.
	Capability string `json:"capability,omitempty"`
	// Policies are the names of what the role may do.
	Policies []string `json:"policies,omitempty"`
	// Conditions are the keys of further conditions that have to hold.
	Conditions []string `json:"conditions,omitempty"`
}

// ServiceAccount is a service account of a cluster, or several by a pattern, with what is known of its way to a role.
type ServiceAccount struct {
	// Cluster is a cluster's key.
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Pattern is set where Name has wildcards.
	Pattern bool `json:"pattern,omitempty"`
	// Via is how new pods get the role, and TrustedToo the other way where the role trusts both.
	Via        Via `json:"via"`
	TrustedToo Via `json:"trustedToo,omitempty"`
	// ProvenAt is when a test pod last proved that it has the role, and RefusedAt when a pod under the namespace's default account
	// was last refused it, both as Kubernetes writes times; empty where there is no such test.
	ProvenAt  string `json:"provenAt,omitempty"`
	RefusedAt string `json:"refusedAt,omitempty"`
}

// Via is a way to a role.
type Via string

// The ways to a role.
const (
	IRSA        Via = "irsa"
	PodIdentity Via = "podIdentity"
)

// Target is a cluster that Argo CD reaches.
type Target struct {
	// Key is the target's in the configuration.
	Key string `json:"key"`
	// Cluster is the EKS cluster's name.
	Cluster string `json:"cluster"`
	// Principal is the ARN of the role that the cluster lets in. It is empty for the cluster that Argo CD runs in, which it reaches
	// without AWS.
	Principal string `json:"principal,omitempty"`
	// Assumed is set where the principal is not Argo CD's own role, but one that it assumes on its way.
	Assumed bool `json:"assumed,omitempty"`
	// Via is "accessEntry" or "aws-auth".
	Via string `json:"via,omitempty"`
	// Access is what the principal may do there: access policies, with their namespaces, and groups.
	Access []string `json:"access,omitempty"`
	// ProvenAt is when all of Argo CD's service accounts had proved their login; empty where that is not tested.
	ProvenAt string `json:"provenAt,omitempty"`
}

// argoCDKey is the key of Argo CD's role.
const argoCDKey = "argocd"

// nameOf is how people know a cluster: its name, or its key where several have the name.
func (m *Map) nameOf(key string) string {
	found := key
	for _, cluster := range m.Clusters {
		if cluster.Key == key {
			found = cluster.Name
		}
	}
	for _, cluster := range m.Clusters {
		if cluster.Name == found && cluster.Key != key {
			return key
		}
	}
	return found
}

// nameOfTarget is how people know a target: its cluster's name, or its key where several targets are of a cluster of that name.
func (m *Map) nameOfTarget(target Target) string {
	for _, other := range m.Targets {
		if other.Key != target.Key && other.Cluster == target.Cluster {
			return target.Key
		}
	}
	return target.Cluster
}

// accounts are the accounts that have roles, in the roles' order.
func (m *Map) accounts() []string {
	var accounts []string
	seen := map[string]bool{}
	add := func(account string) {
		if !seen[account] {
			seen[account] = true
			accounts = append(accounts, account)
		}
	}
	for _, role := range m.Roles {
		add(role.Account)
	}
	for _, target := range m.Targets {
		if target.Assumed {
			account, _ := roleOf(target.Principal)
			add(account)
		}
	}
	return accounts
}
