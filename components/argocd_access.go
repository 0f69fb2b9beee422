package components

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
)

// ArgoCDAccess is what Argo CD may do in a target. The json names are those of Pulumi.<env>.yaml.
type ArgoCDAccess struct {
	// Via is accessEntry or aws-auth. Default: an access entry wherever the cluster's authentication mode knows them.
	Via AccessVia `json:"via"`
	// AccessEntryArgs are what the role may do. aws-auth takes the groups and the user name alone.
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

// validate reports every fault of the access to a cluster with that authentication mode, "" when it is not known yet.
func (access *ArgoCDAccess) validate(mode AuthenticationMode) error {
	switch access.Via {
	case "":
		if mode == AuthenticationModeConfigMap {
			err := access.validateAwsAuth()
			if err != nil {
				err = errors.Join(fmt.Errorf("via: is %s, as the cluster's authentication mode %s allows nothing else", ViaAwsAuth, mode), err)
			}
			return err
		}
	case ViaAccessEntry:
		if mode == AuthenticationModeConfigMap {
			return fmt.Errorf("via: authentication mode %s does not support %s", mode, access.Via)
		}
	case ViaAwsAuth:
		if mode == AuthenticationModeAPI {
			return fmt.Errorf("via: authentication mode %s does not support %s", mode, access.Via)
		}
		return access.validateAwsAuth()
	default:
		return fmt.Errorf("via: %q is neither %s nor %s", access.Via, ViaAccessEntry, ViaAwsAuth)
	}
	err := access.Validate() // the access entry
	if access.Overwrite {
		err = errors.Join(err, fmt.Errorf("overwrite: needs via: %s; an access entry that exists is taken over with import", ViaAwsAuth))
	}
	return err
}

// validateAwsAuth checks that a line of aws-auth can hold the access.
func (access *ArgoCDAccess) validateAwsAuth() error {
	var faults []error
	if len(access.Policies) > 0 {
		faults = append(faults, errors.New("policies: aws-auth knows no access policies; name kubernetesGroups"))
	}
	if len(access.KubernetesGroups) == 0 {
		faults = append(faults, errors.New("kubernetesGroups: name at least one group"))
	}
	faults = append(faults, ValidateKubernetesNames("kubernetesGroups", access.KubernetesGroups))
	if access.Username != "" {
		faults = append(faults, fault.At("username", ValidateKubernetesName(access.Username)))
	}
	if access.Import {
		faults = append(faults, errors.New("import: not with aws-auth; a line that maps the role already is replaced with overwrite"))
	}
	return errors.Join(faults...)
}

// grant is the way in: by aws-auth where the access asks for it, or where the cluster supports nothing else.
func (access *ArgoCDAccess) grant(mode AuthenticationMode, kubeconfig pulumi.StringInput) (*AccessEntryArgs, *AwsAuthArgs) {
	if access.Via == ViaAwsAuth || access.Via == "" && mode == AuthenticationModeConfigMap {
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
