package components

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Validate reports every fault of the arguments, each with its path; nil arguments are a fault.
func (args *ClusterAccessArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	var faults []error
	faults = append(faults, required("clusterName", args.ClusterName, ValidateClusterName))
	if args.PrincipalArn == nil {
		faults = append(faults, errors.New("principalArn: must not be empty"))
	} else if arn, plain := plainString(args.PrincipalArn); plain {
		faults = append(faults, fault.At("principalArn", args.validatePrincipal(arn)))
	}
	return errors.Join(append(faults, args.validateWayIn())...)
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

// validatePrincipal takes roles of any account, as the entries are of type STANDARD.
//
// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
func (args *ClusterAccessArgs) validatePrincipal(text string) error {
	if err := iampolicy.ValidateRoleARN(text); err != nil {
		return err
	}
	if arn, err := iampolicy.ParseARN(text); args.AccessEntry != nil && err == nil && arn.IsServiceLinkedRole() {
		return fmt.Errorf("%q is a service-linked role, for which EKS makes no access entries", text)
	}
	return nil
}

func (args *ClusterAccessArgs) validateWayIn() error {
	mode := args.AuthenticationMode
	switch mode {
	case "", AuthenticationModeAPI, AuthenticationModeAPIAndConfigMap, AuthenticationModeConfigMap:
	default:
		return fmt.Errorf("authenticationMode: %q is none of %q, %q and %q",
			mode, AuthenticationModeAPI, AuthenticationModeAPIAndConfigMap, AuthenticationModeConfigMap)
	}
	if (args.AccessEntry == nil) == (args.AwsAuth == nil) {
		return errors.New("accessEntry: give exactly one of accessEntry and awsAuth")
	}
	var faults []error
	if args.AccessEntry != nil {
		if mode != "" && !mode.AllowsAccessEntries() {
			faults = append(faults, fmt.Errorf("accessEntry: the cluster's authentication mode %s knows no access entries; "+
				"use awsAuth, or change the mode to %s", mode, AuthenticationModeAPIAndConfigMap))
		}
		return errors.Join(append(faults, fault.Under("accessEntry", args.AccessEntry.Validate()))...)
	}
	if mode != "" && !mode.AllowsAwsAuth() {
		faults = append(faults, fmt.Errorf("awsAuth: the cluster's authentication mode %s ignores aws-auth; use accessEntry", mode))
	}
	return errors.Join(append(faults, fault.Under("awsAuth", args.AwsAuth.Validate()))...)
}

// Validate reports every fault of the access entry, each with its path.
func (args *AccessEntryArgs) Validate() error {
	var faults []error
	if len(args.Policies) == 0 && len(args.KubernetesGroups) == 0 {
		faults = append(faults, errors.New("policies: give policies or kubernetesGroups, an entry without them allows nothing"))
	}
	names := make([]string, len(args.Policies))
	for i, policy := range args.Policies {
		names[i] = policy.Name()
		faults = append(faults, fault.Under(fmt.Sprintf("policies[%d]", i), policy.validate()))
	}
	faults = append(faults, duplicates("policies", names), ValidateKubernetesNames("kubernetesGroups", args.KubernetesGroups))
	for i, group := range args.KubernetesGroups {
		if strings.HasPrefix(group, "system:") {
			faults = append(faults, fmt.Errorf("kubernetesGroups[%d]: EKS refuses %q, as all groups that begin with system:; use an access policy",
				i, group))
		}
	}
	return errors.Join(append(faults, fault.At("username", validateUsername(args.Username)), validateTags(args.Tags))...)
}

// reservedUsernames are what EKS lets no user name of an access entry begin with, and sessionTemplate what it lets stand only
// behind a colon.
//
// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
var reservedUsernames = []string{"system:", "eks:", "aws:", "amazon:", "iam:"}

const sessionTemplate = "{{SessionName" // and {{SessionNameRaw}}

func validateUsername(username string) error {
	if username == "" {
		return nil // EKS's own
	}
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

// ValidateKubernetesNames checks the names of Kubernetes groups, or of users, each fault with its path, which begins with path.
func ValidateKubernetesNames(path string, names []string) error {
	return validateEach(path, names, ValidateKubernetesName)
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

// Validate reports every fault of the line of aws-auth, each with its path.
func (args *AwsAuthArgs) Validate() error {
	var faults []error
	if args.Kubeconfig == nil {
		faults = append(faults, errors.New("kubeconfig: needed to edit the ConfigMap"))
	}
	if len(args.Groups) == 0 {
		faults = append(faults, errors.New("groups: name at least one group"))
	}
	if args.Username != "" {
		faults = append(faults, fault.At("username", ValidateKubernetesName(args.Username)))
	}
	return errors.Join(append(faults, ValidateKubernetesNames("groups", args.Groups))...)
}
