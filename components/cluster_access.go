package components

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ClusterAccessType is the type token of [ClusterAccess].
const ClusterAccessType = "eks-irsa:index:ClusterAccess"

// AuthenticationMode is how an EKS cluster decides which IAM principals may log in.
type AuthenticationMode string

// The authentication modes of EKS.
const (
	// AuthenticationModeAPI knows access entries only.
	AuthenticationModeAPI AuthenticationMode = "API"
	// AuthenticationModeAPIAndConfigMap knows both; an access entry wins over a line of aws-auth.
	AuthenticationModeAPIAndConfigMap AuthenticationMode = "API_AND_CONFIG_MAP"
	// AuthenticationModeConfigMap knows the aws-auth ConfigMap only.
	AuthenticationModeConfigMap AuthenticationMode = "CONFIG_MAP"
)

// AllowsAccessEntries reports whether a cluster in this mode supports access entries.
func (mode AuthenticationMode) AllowsAccessEntries() bool {
	return mode == AuthenticationModeAPI || mode == AuthenticationModeAPIAndConfigMap
}

// AllowsAwsAuth reports whether a cluster in this mode reads the aws-auth ConfigMap.
func (mode AuthenticationMode) AllowsAwsAuth() bool {
	return mode == AuthenticationModeConfigMap || mode == AuthenticationModeAPIAndConfigMap
}

// ClusterAccessArgs are the arguments of [NewClusterAccess]. Exactly one of AccessEntry and AwsAuth is needed.
type ClusterAccessArgs struct {
	// ClusterName is the EKS cluster to be let into.
	ClusterName pulumi.StringInput
	// PrincipalArn is the IAM role to let in or, with an access entry, the user. An access entry wants the role's path, aws-auth does
	// without.
	PrincipalArn pulumi.StringInput
	// PrincipalUniqueId is the role's unique ID (AROA...), if it is known. EKS keeps it with an access entry, so the entry
	// lets no session in any more once the role is deleted, even if another one is made under the same ARN. With another ID
	// the access entry is therefore replaced. aws-auth knows the ARN only.
	//
	// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
	PrincipalUniqueId pulumi.StringInput //nolint:revive // Pulumi's own spelling of the property
	// AuthenticationMode of the cluster, if known: an access method that it does not support is then refused at once.
	AuthenticationMode AuthenticationMode
	// Cluster is a resource that Pulumi replaces when another EKS cluster takes the name: the Kubernetes provider, with the issuer as
	// its cluster identifier, or the EKS cluster itself. Access entries go with their cluster, and are made again with this one.
	// Default: none, and `pulumi up --refresh` makes them again.
	Cluster pulumi.Resource
	// AccessEntry lets the role in by the EKS API.
	AccessEntry *AccessEntryArgs
	// ExistingEntry associates the Policies of AccessEntry with the access entry that EKS made for the role and keeps, such as that of
	// a capability's role in its own cluster. Pulumi neither changes nor deletes the entry, nor other policies that it has, so
	// AccessEntry has Policies alone. Default: false, the entry is made.
	ExistingEntry bool
	// AwsAuth lets the role in by a line of the aws-auth ConfigMap.
	AwsAuth *AwsAuthArgs
}

// AccessEntryArgs are what an access entry gives. One of type STANDARD gives nothing, and is refused, without Policies,
// KubernetesGroups and Username. The json names are those of Pulumi.<env>.yaml.
type AccessEntryArgs struct {
	// Type is STANDARD or, for the roles of nodes, another one, which has no KubernetesGroups and no Username and, but for EC2, no
	// Policies. With another type the entry is replaced. Default: STANDARD.
	Type AccessEntryType `json:"-"`
	// Policies are EKS access policies.
	Policies []AccessPolicyArgs `json:"policies"`
	// KubernetesGroups are groups that RoleBindings name. EKS refuses groups that begin with system:. A group that is taken
	// off the list is taken away in EKS.
	KubernetesGroups []string `json:"kubernetesGroups"`
	// Username in Kubernetes. EKS refuses names that begin with system:, eks:, aws:, amazon: or iam:, and wants a colon before
	// {{SessionName}} and {{SessionNameRaw}}. Default: EKS's own, the assumed role's ARN with the session's name. EKS goes
	// back to its own name only with another access entry, so the entry is replaced when a name is taken out.
	Username string `json:"username"`
	// Tags of the access entry.
	Tags pulumi.StringMapInput `json:"-"`
	// Import takes over the access entry that the principal has already, made by hand, by another stack or by EKS for the
	// cluster's creator: from then on it is as if this stack had made it, and is deleted with it. There must be one, of
	// this Type. Access policies that it has besides Policies stay with it, and so does its user name without Username. It is
	// meant for one update, as Pulumi refuses to replace a resource that is still to be imported. Default: false.
	Import bool `json:"import"`
}

// AccessPolicyArgs associate an EKS access policy with an access entry. The json names are those of Pulumi.<env>.yaml.
type AccessPolicyArgs struct {
	// Policy is the name (AmazonEKSViewPolicy) or the ARN of an access policy. An ARN's partition is corrected to the
	// principal's.
	Policy string `json:"policy"`
	// Namespaces limit the policy to these, which may be patterns such as dev-*. Default: the whole cluster.
	Namespaces []string `json:"namespaces"`
}

// AwsAuthArgs are a line of mapRoles in the ConfigMap aws-auth of kube-system. The line is edited by the eks-irsa
// provider plugin (components/plugin), which keeps every other line as it is.
type AwsAuthArgs struct {
	// Kubeconfig reaches the cluster; it is kept secret in state.
	Kubeconfig pulumi.StringInput
	// Username in Kubernetes. Default: the role's ARN without its path.
	Username string
	// Groups in Kubernetes, one or more; system:masters is allowed here.
	Groups []string
	// Overwrite replaces a line that maps the role already, with another user name or other groups, and that this stack did not
	// write. Default: false, such a line is an error.
	Overwrite bool
}

// ClusterAccess lets an IAM role or a user into an EKS cluster.
type ClusterAccess struct {
	pulumi.ResourceState

	// ClusterName and PrincipalArn are as given.
	ClusterName  pulumi.StringOutput `pulumi:"clusterName"`
	PrincipalArn pulumi.StringOutput `pulumi:"principalArn"`
	// Via is the way in: "accessEntry" or "aws-auth".
	Via pulumi.StringOutput `pulumi:"via"`
	// AccessEntryArn is the access entry's ARN, empty with aws-auth and with ExistingEntry.
	AccessEntryArn pulumi.StringOutput `pulumi:"accessEntryArn"`

	grants []pulumi.Resource
}

// Dependencies are the resources that grant the access. What needs it depends on these rather than on the component,
// pulumi.DependsOn(access.Dependencies()): the Go SDK learns of a component's children in the background, so a dependency on
// the component may miss some.
func (a *ClusterAccess) Dependencies() []pulumi.Resource { return slices.Clone(a.grants) }

// NewClusterAccess lets an IAM role or a user into a cluster.
func NewClusterAccess(
	ctx *pulumi.Context, name string, args *ClusterAccessArgs, opts ...pulumi.ResourceOption,
) (*ClusterAccess, error) {
	component := &ClusterAccess{}
	err := construct(ctx, ClusterAccessType, name, component, args.Validate(), opts, func(children children) error {
		component.ClusterName, component.PrincipalArn = args.ClusterName.ToStringOutput(), args.PrincipalArn.ToStringOutput()
		if args.AwsAuth != nil {
			return component.grantByAwsAuth(ctx, name, args, children)
		}
		return component.grantByAccessEntry(ctx, name, args, children)
	})
	if err != nil {
		return nil, err
	}
	return component, nil
}

// awsAuthRoleType is the resource of the eks-irsa provider plugin that edits one entry of aws-auth.
const awsAuthRoleType = "eks-irsa:index:AwsAuthRole"

type awsAuthRole struct {
	pulumi.CustomResourceState
}

func (a *ClusterAccess) grantByAwsAuth(
	ctx *pulumi.Context, name string, args *ClusterAccessArgs, children children,
) error {
	inputs := pulumi.Map{
		"kubeconfig": pulumi.ToSecret(args.AwsAuth.Kubeconfig),
		"roleArn":    args.PrincipalArn,
		"groups":     pulumi.ToStringArray(args.AwsAuth.Groups),
	}
	if args.AwsAuth.Username != "" {
		inputs["username"] = pulumi.String(args.AwsAuth.Username)
	}
	if args.AwsAuth.Overwrite {
		inputs["overwrite"] = pulumi.Bool(true)
	}
	line := &awsAuthRole{}
	if err := ctx.RegisterResource(awsAuthRoleType, name, inputs, line, children.named(name, ownPlugin()...)...); err != nil {
		return fmt.Errorf("mapping the role in aws-auth: %w", err)
	}
	a.grants = append(a.grants, line)
	a.Via = pulumi.String("aws-auth").ToStringOutput()
	a.AccessEntryArn = pulumi.String("").ToStringOutput()
	return nil
}
