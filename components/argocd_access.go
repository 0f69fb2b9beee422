package components

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// ArgoCDAccess is what Argo CD may do in a target. The json names are those of Pulumi.<env>.yaml.
type ArgoCDAccess struct {
	// Via is accessEntry or aws-auth. Default: an access entry wherever the cluster's authentication mode knows them.
	Via AccessVia `json:"via"`
	// AccessEntryArgs are what the role may do, with the type STANDARD. aws-auth takes the groups and the user name alone.
	AccessEntryArgs
	// Overwrite replaces a line of aws-auth that maps the role already; with Via aws-auth only. Default: false, which refuses.
	Overwrite bool `json:"overwrite"`
}

// AccessVia is a way into a cluster.
type AccessVia string

// The ways into a cluster.
const (
	ViaAccessEntry AccessVia = "accessEntry"
	ViaAwsAuth     AccessVia = "aws-auth"
)

// validate reports every error of the access to a cluster with that authentication mode, "" when it is not known yet.
func (access *ArgoCDAccess) validate(mode AuthenticationMode) error {
	var found fielderr.List
	found.Refuse(access.EntryType() != EntryStandard, "type", "%s is for nodes, and Argo CD's access entry is %s", access.Type, EntryStandard)
	unsupported := access.Via == ViaAccessEntry && mode == AuthenticationModeConfigMap ||
		access.Via == ViaAwsAuth && mode == AuthenticationModeAPI
	switch {
	case !slices.Contains([]AccessVia{"", ViaAccessEntry, ViaAwsAuth}, access.Via):
		found.Addf("via", "%q is neither %s nor %s", access.Via, ViaAccessEntry, ViaAwsAuth)
	case unsupported:
		found.Addf("via", "authentication mode %s does not support %s", mode, access.Via)
	case access.byAwsAuth(mode):
		err := access.validateAwsAuth()
		found.Refuse(err != nil && access.Via == "", "via",
			"is %s, as the cluster's authentication mode %s allows nothing else", ViaAwsAuth, mode)
		found.Add("", err)
	default:
		found.Add("", access.Validate()) // the access entry
		found.Refuse(access.Overwrite, "overwrite", "needs via: %s; an access entry that exists is taken over with import", ViaAwsAuth)
	}
	return found.Err()
}

// validateAwsAuth checks that a line of aws-auth can hold the access.
func (access *ArgoCDAccess) validateAwsAuth() error {
	var found fielderr.List
	found.Refuse(len(access.Policies) > 0, "policies", "aws-auth knows no access policies; name kubernetesGroups")
	found.Refuse(len(access.KubernetesGroups) == 0, "kubernetesGroups", "name at least one group")
	found.Add("kubernetesGroups", ValidateKubernetesNames(access.KubernetesGroups))
	found.Add("username", fielderr.IfGiven(access.Username, ValidateKubernetesName))
	found.Refuse(access.Import, "import", "not with aws-auth; a line that maps the role already is replaced with overwrite")
	return found.Err()
}

// byAwsAuth reports whether the access asks for aws-auth, or leaves that to a cluster that supports nothing else.
func (access *ArgoCDAccess) byAwsAuth(mode AuthenticationMode) bool {
	return access.Via == ViaAwsAuth || access.Via == "" && mode == AuthenticationModeConfigMap
}

// grant is the way in: by aws-auth where the access asks for it, or where the cluster supports nothing else.
func (access *ArgoCDAccess) grant(mode AuthenticationMode, kubeconfig pulumi.StringInput) (*AccessEntryArgs, *AwsAuthArgs) {
	if access.byAwsAuth(mode) {
		return nil, &AwsAuthArgs{
			Kubeconfig: kubeconfig, Username: access.Username, Groups: access.KubernetesGroups, Overwrite: access.Overwrite,
		}
	}
	return &access.AccessEntryArgs, nil
}

// readingPolicies are the access policies that let one read namespaces, or the ConfigMaps in one.
//
// https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
var readingPolicies = []string{
	"AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy", "AmazonEKSAdminViewPolicy", "AmazonEKSEditPolicy", "AmazonEKSViewPolicy",
}

// readable is a path that the access lets one read, or "" where only the target itself knows that: the RoleBindings there say
// what a group may do.
func (access *ArgoCDAccess) readable() string {
	for _, policy := range access.Policies {
		if !slices.Contains(readingPolicies, policy.Name()) {
			continue
		}
		if len(policy.Namespaces) == 0 {
			return "/api/v1/namespaces?limit=1"
		}
		return fmt.Sprintf("/api/v1/namespaces/%s/configmaps?limit=1", policy.Namespaces[0])
	}
	return ""
}
