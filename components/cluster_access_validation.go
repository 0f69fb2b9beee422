package components

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Validate reports every error of the arguments, each with its path; nil arguments are an error.
func (args *ClusterAccessArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	var found fielderr.List
	found.Add("clusterName", required(args.ClusterName, ValidateClusterName))
	found.Refuse(args.PrincipalArn == nil, "principalArn", "must not be empty")
	found.Add("principalArn", ifKnown(args.PrincipalArn, args.validatePrincipal))
	found.Add("", args.validateWayIn())
	return found.Err()
}

// clusterNameForm is that of EKS: https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
var clusterNameForm = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`)

// ValidateClusterName checks the name of an EKS cluster: up to 100 letters, digits, hyphens and underscores.
func ValidateClusterName(name string) error {
	if clusterNameForm.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%q is not the name of an EKS cluster; use up to 100 letters, digits, - and _, and begin with a letter or a digit", name)
}

func (args *ClusterAccessArgs) validatePrincipal(text string) error {
	if args.AccessEntry != nil {
		return args.AccessEntry.ValidatePrincipal(text)
	}
	return iampolicy.ValidateRoleARN(text)
}

// validateWayIn checks the access entry or the line of aws-auth, and that the cluster's authentication mode supports it.
func (args *ClusterAccessArgs) validateWayIn() error {
	mode := args.AuthenticationMode
	entries, awsAuth := mode == "" || mode.AllowsAccessEntries(), mode == "" || mode.AllowsAwsAuth()
	var found fielderr.List
	switch {
	case !entries && !awsAuth:
		found.Addf("authenticationMode", "%q is none of %q, %q and %q",
			mode, AuthenticationModeAPI, AuthenticationModeAPIAndConfigMap, AuthenticationModeConfigMap)
	case (args.AccessEntry == nil) == (args.AwsAuth == nil):
		found.Addf("accessEntry", "give exactly one of accessEntry and awsAuth")
	case args.AccessEntry != nil:
		found.Refuse(!entries, "accessEntry", "the cluster's authentication mode %s knows no access entries; "+
			"use awsAuth, or change the mode to %s", mode, AuthenticationModeAPIAndConfigMap)
		if args.ExistingEntry {
			found.Add("accessEntry", args.AccessEntry.validateExisting())
			break
		}
		found.Add("accessEntry", args.AccessEntry.Validate())
	default:
		found.Refuse(args.ExistingEntry, "existingEntry", "is for an access entry; use accessEntry")
		found.Refuse(!awsAuth, "awsAuth", "the cluster's authentication mode %s ignores aws-auth; use accessEntry", mode)
		found.Add("awsAuth", args.AwsAuth.Validate())
	}
	return found.Err()
}

// validateExisting checks what is associated with an entry that EKS keeps.
func (args *AccessEntryArgs) validateExisting() error {
	const kept = "EKS made the access entry and keeps it as it is; associate policies instead"
	var found fielderr.List
	found.Refuse(len(args.Policies) == 0, "policies", "name at least one; EKS made the access entry and keeps the rest of it")
	found.Refuse(len(args.KubernetesGroups) > 0, "kubernetesGroups", kept)
	found.Refuse(args.Username != "", "username", kept)
	found.Refuse(args.Tags != nil, "tags", kept)
	found.Refuse(args.Import, "import", kept)
	found.Add("", args.validatePolicies())
	return found.Err()
}

// Validate reports every error of the access entry, each with its path.
func (args *AccessEntryArgs) Validate() error {
	var found fielderr.List
	found.Add("", args.validateType())
	found.Add("", args.validatePolicies())
	found.Add("kubernetesGroups", ValidateKubernetesNames(args.KubernetesGroups))
	found.Add("kubernetesGroups", fielderr.Each(args.KubernetesGroups, refuseSystemGroup))
	found.Add("username", fielderr.IfGiven(args.Username, ValidateEntryUsername))
	found.Add("", validateTags(args.Tags))
	return found.Err()
}

func (args *AccessEntryArgs) validatePolicies() error {
	names := make([]string, len(args.Policies))
	for i, policy := range args.Policies {
		names[i] = policy.Name()
	}
	var found fielderr.List
	found.Add("policies", fielderr.Each(args.Policies, AccessPolicyArgs.validate))
	found.Add("policies", fielderr.Duplicates(names))
	return found.Err()
}

func refuseSystemGroup(group string) error {
	if strings.HasPrefix(group, "system:") {
		return fmt.Errorf("EKS refuses %q, as all groups that begin with system:; use an access policy", group)
	}
	return nil
}

// reservedUsernames are what EKS lets no user name of an access entry begin with, and sessionTemplate what it lets stand only
// behind a colon.
//
// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
var reservedUsernames = []string{"system:", "eks:", "aws:", "amazon:", "iam:"}

const sessionTemplate = "{{SessionName" // and {{SessionNameRaw}}

// ValidateEntryUsername checks the user name of an access entry of type STANDARD.
func ValidateEntryUsername(username string) error {
	for _, reserved := range reservedUsernames {
		if strings.HasPrefix(username, reserved) {
			return fmt.Errorf("EKS refuses %q, as all user names that begin with one of %s", username, strings.Join(reservedUsernames, " "))
		}
	}
	if before, _, found := strings.Cut(username, sessionTemplate); found && !strings.Contains(before, ":") {
		return fmt.Errorf("EKS refuses %q, as there must be a colon before %s}}, as in %q",
			username, sessionTemplate, strings.Replace(username, sessionTemplate, ":"+sessionTemplate, 1))
	}
	return ValidateKubernetesName(username)
}

// ValidateKubernetesNames checks the names of Kubernetes groups, or of users.
func ValidateKubernetesNames(names []string) error {
	return fielderr.Names(names, ValidateKubernetesName)
}

// ValidateKubernetesName checks the name of a Kubernetes user or group. Kubernetes takes any text, so this refuses only what
// no RoleBinding names on purpose.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects
func ValidateKubernetesName(name string) error {
	if strings.TrimSpace(name) == "" {
		return errors.New("must not be empty")
	}
	return validatePrintable(name)
}

// Validate reports every error of the line of aws-auth, each with its path.
func (args *AwsAuthArgs) Validate() error {
	var found fielderr.List
	found.Refuse(args.Kubeconfig == nil, "kubeconfig", "needed to edit the ConfigMap")
	found.Refuse(len(args.Groups) == 0, "groups", "name at least one group")
	found.Add("username", fielderr.IfGiven(args.Username, ValidateKubernetesName))
	found.Add("groups", ValidateKubernetesNames(args.Groups))
	return found.Err()
}
