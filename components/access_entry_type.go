package components

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// AccessEntryType is the kind of principals that an access entry lets in. It cannot be changed: another type replaces the entry.
//
// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
type AccessEntryType string

// The types of access entries. All but EntryStandard are for the roles of nodes, to which EKS gives a user name and groups of its own.
const (
	// EntryStandard is for people and programs.
	EntryStandard AccessEntryType = "STANDARD"
	// EntryEC2Linux and EntryEC2Windows are for nodes on EC2. EKS makes the entries of managed node groups itself.
	EntryEC2Linux   AccessEntryType = "EC2_LINUX"
	EntryEC2Windows AccessEntryType = "EC2_WINDOWS"
	// EntryFargateLinux is for the pods of Fargate profiles. EKS makes these entries itself.
	EntryFargateLinux AccessEntryType = "FARGATE_LINUX"
	// EntryHybridLinux is for nodes outside of AWS.
	EntryHybridLinux AccessEntryType = "HYBRID_LINUX"
	// EntryEC2 is for node classes of EKS Auto Mode that have a role of their own; it is the only one of these with access policies.
	EntryEC2 AccessEntryType = "EC2"
	// EntryHyperPodLinux is for nodes of SageMaker HyperPod.
	EntryHyperPodLinux AccessEntryType = "HYPERPOD_LINUX"
)

var accessEntryTypes = []AccessEntryType{
	EntryStandard, EntryEC2Linux, EntryEC2Windows, EntryFargateLinux, EntryHybridLinux, EntryEC2, EntryHyperPodLinux,
}

// EntryType is the type of the entry, with its default.
func (args *AccessEntryArgs) EntryType() AccessEntryType {
	if args.Type == "" {
		return EntryStandard
	}
	return args.Type
}

// validateType checks what entries of the type may give.
func (args *AccessEntryArgs) validateType() error {
	kind := args.EntryType()
	var found fielderr.List
	switch nothing := len(args.Policies) == 0 && len(args.KubernetesGroups) == 0 && args.Username == ""; {
	case !slices.Contains(accessEntryTypes, kind):
		found.Addf("type", "%q is none of the types of access entries %q", kind, accessEntryTypes)
	case kind == EntryStandard:
		found.Refuse(nothing, "policies", "give policies, kubernetesGroups or a username, an entry without them allows nothing")
	default:
		found.Refuse(len(args.Policies) > 0 && kind != EntryEC2, "policies", "not with type %s, whose nodes may do what nodes do", kind)
		found.Refuse(len(args.KubernetesGroups) > 0, "kubernetesGroups", "not with type %s, to which EKS gives groups of its own", kind)
		found.Refuse(args.Username != "", "username", "not with type %s, to which EKS gives a name of its own", kind)
	}
	return found.Err()
}

// SSORolePrefix is what the names of the roles of IAM Identity Center begin with, and ssoRolePath their path: an access entry
// without it is refused, as there is no such role.
//
// https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
const (
	SSORolePrefix = "AWSReservedSSO_"
	ssoRolePath   = "role/aws-reserved/sso.amazonaws.com/"
)

// ValidatePrincipal checks the principal of the entry: a role or, with the type STANDARD, a user. A STANDARD one may be of any account.
func (args *AccessEntryArgs) ValidatePrincipal(text string) error {
	arn, err := iampolicy.ParseARN(text)
	switch kind := args.EntryType(); {
	case err != nil:
		return err
	case arn.IsUser() && kind != EntryStandard:
		return fmt.Errorf("%q is a user, and nodes (type %s) have roles", text, kind)
	case arn.IsUser():
		return iampolicy.ValidateUserARN(text)
	case arn.Service == "sts":
		return fmt.Errorf("%q is a session, which ends; give the ARN of the role or the user", text)
	case !arn.IsRole():
		return fmt.Errorf("%q is neither the ARN of an IAM role nor that of a user", text)
	case arn.IsServiceLinkedRole():
		return fmt.Errorf("%q is a service-linked role, for which EKS makes no access entries", text)
	case strings.HasPrefix(arn.RoleName(), SSORolePrefix) && !strings.HasPrefix(arn.Resource, ssoRolePath):
		return fmt.Errorf("%q lacks the path of a role of IAM Identity Center; look it up: "+
			"aws iam get-role --role-name %s --query Role.Arn", text, arn.RoleName())
	default:
		return iampolicy.ValidateRoleARN(text)
	}
}
