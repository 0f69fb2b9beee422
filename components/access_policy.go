package components

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// accessPolicyForm is the name of an EKS access policy, or its ARN. AWS adds policies, and not all are named after EKS, so only
// the form is judged.
//
// https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
var accessPolicyForm = regexp.MustCompile(`^(arn:aws[a-z-]*:eks::aws:cluster-access-policy/[A-Za-z0-9]+|[A-Za-z0-9]+Policy)$`)

// clusterRoles are Kubernetes's own ClusterRoles, with the access policies that are alike.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
var clusterRoles = map[string]string{
	"cluster-admin": "AmazonEKSClusterAdminPolicy",
	"admin":         "AmazonEKSAdminPolicy",
	"edit":          "AmazonEKSEditPolicy",
	"view":          "AmazonEKSViewPolicy",
}

// iamPolicies are policies of IAM that are taken for access policies, with the one that is probably meant, if any is. Some
// names, AmazonEKSComputePolicy for example, are those of both: they are not here.
//
// https://docs.aws.amazon.com/eks/latest/userguide/security-iam-awsmanpol.html
var iamPolicies = map[string]string{
	"AdministratorAccess":                "AmazonEKSClusterAdminPolicy",
	"PowerUserAccess":                    "AmazonEKSEditPolicy",
	"ReadOnlyAccess":                     "AmazonEKSViewPolicy",
	"ViewOnlyAccess":                     "AmazonEKSViewPolicy",
	"AmazonEKSClusterPolicy":             "AmazonEKSClusterAdminPolicy",
	"AmazonEKSServicePolicy":             "AmazonEKSClusterAdminPolicy",
	"AmazonEKSDashboardConsoleReadOnly":  "AmazonEKSViewPolicy",
	"AmazonEKSMCPReadOnlyAccess":         "AmazonEKSViewPolicy",
	"AmazonEKSLocalOutpostClusterPolicy": "",
	"AmazonEKSVPCResourceController":     "",
	"AmazonEKSWorkerNodeMinimalPolicy":   "",
	"AmazonEKSWorkerNodePolicy":          "",
	"AmazonEKS_CNI_Policy":               "",
	"AmazonEBSCSIDriverPolicy":           "",
	"AmazonEBSCSIDriverPolicyV2":         "",
	"AmazonEFSCSIDriverPolicy":           "",
}

// iamPolicyArn is the ARN of an IAM policy, AWS's own or a customer's.
var iamPolicyArn = regexp.MustCompile(`^arn:[^:]*:iam:`)

// isIAM reports whether an IAM policy was given, and the access policy that is probably meant. The names of the policies of
// service-linked and execution roles end in RolePolicy, which says no access policy of itself.
func (p AccessPolicyArgs) isIAM() (meant string, is bool) {
	meant, is = iamPolicies[p.Name()]
	return meant, is || iamPolicyArn.MatchString(p.Policy) || strings.HasSuffix(p.Name(), "RolePolicy")
}

func (p AccessPolicyArgs) validate() error {
	var found fielderr.List
	found.Add("policy", p.validatePolicy())
	found.Add("namespaces", fielderr.Names(p.Namespaces, validateNamespacePattern))
	return found.Err()
}

func (p AccessPolicyArgs) validatePolicy() error {
	if like, is := clusterRoles[p.Policy]; is {
		return fmt.Errorf("%q is a ClusterRole of Kubernetes; the access policy that is like it is %s", p.Policy, like)
	}
	if meant, is := p.isIAM(); is {
		advice := "such as AmazonEKSViewPolicy"
		if meant != "" {
			advice = "probably " + meant
		}
		return fmt.Errorf("%q is an IAM policy, for what a role may do in AWS; what it may do in a cluster is in an EKS access policy, %s",
			p.Policy, advice)
	}
	if !accessPolicyForm.MatchString(p.Policy) {
		return fmt.Errorf("%q is not an EKS access policy such as AmazonEKSViewPolicy", p.Policy)
	}
	return nil
}

// namespacePattern is a namespace, a DNS label, or a pattern of some.
//
// https://docs.aws.amazon.com/eks/latest/userguide/access-policies.html
var namespacePattern = regexp.MustCompile(`^[a-z0-9*?]([a-z0-9*?-]{0,61}[a-z0-9*?])?$`)

func validateNamespacePattern(namespace string) error {
	switch {
	case namespace == "":
		return errors.New("must not be empty")
	case !namespacePattern.MatchString(namespace):
		return fmt.Errorf("%q is neither a namespace (up to 63 lower-case letters, digits and -) nor a pattern of some, such as dev-*", namespace)
	default:
		return nil
	}
}
