package components

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
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

// AllowsAccessEntries tells whether a cluster in this mode heeds access entries.
func (mode AuthenticationMode) AllowsAccessEntries() bool {
	return mode == AuthenticationModeAPI || mode == AuthenticationModeAPIAndConfigMap
}

// AllowsAwsAuth tells whether a cluster in this mode heeds the aws-auth ConfigMap.
func (mode AuthenticationMode) AllowsAwsAuth() bool {
	return mode == AuthenticationModeConfigMap || mode == AuthenticationModeAPIAndConfigMap
}

// ClusterAccessArgs are the arguments of [NewClusterAccess]. Exactly one of AccessEntry and AwsAuth is needed.
type ClusterAccessArgs struct {
	// ClusterName is the EKS cluster to be let into.
	ClusterName pulumi.StringInput
	// PrincipalArn is the IAM role to let in.
	PrincipalArn pulumi.StringInput
	// PrincipalUniqueId is the role's unique ID (AROA...), if it is known. EKS keeps it with an access entry, so the entry
	// lets no session in any more once the role is deleted, even if another one is made under the same ARN. With another ID
	// the access entry is therefore replaced. aws-auth knows the ARN only.
	//
	// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
	PrincipalUniqueId pulumi.StringInput //nolint:revive // Pulumi's own spelling of the property
	// AuthenticationMode of the cluster, if known: a way in that the cluster does not heed is then refused at once.
	AuthenticationMode AuthenticationMode
	// AccessEntry lets the role in by the EKS API.
	AccessEntry *AccessEntryArgs
	// AwsAuth lets the role in by a line of the aws-auth ConfigMap.
	AwsAuth *AwsAuthArgs
}

// AccessEntryArgs are what an access entry of type STANDARD gives. It gives nothing, and is refused, without Policies
// and KubernetesGroups.
type AccessEntryArgs struct {
	// Policies are EKS access policies.
	Policies []AccessPolicyArgs
	// KubernetesGroups are groups that RoleBindings name. EKS refuses groups that begin with system:. A group that is taken
	// off the list is taken away in EKS.
	KubernetesGroups []string
	// Username in Kubernetes. Default: EKS's own, the assumed role's ARN with the session's name. EKS goes back to its own
	// name only with another access entry, so the entry is replaced when a name is taken out.
	Username string
	// Tags of the access entry.
	Tags pulumi.StringMapInput
}

// AccessPolicyArgs associate an EKS access policy with an access entry.
type AccessPolicyArgs struct {
	// Policy is the name (AmazonEKSViewPolicy) or the ARN of an access policy.
	Policy string
	// Namespaces limit the policy to these. Default: the whole cluster.
	Namespaces []string
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
}

// ClusterAccess lets an IAM role into an EKS cluster.
type ClusterAccess struct {
	pulumi.ResourceState

	// ClusterName and PrincipalArn are as given.
	ClusterName  pulumi.StringOutput `pulumi:"clusterName"`
	PrincipalArn pulumi.StringOutput `pulumi:"principalArn"`
	// Via is the way in: "accessEntry" or "aws-auth".
	Via pulumi.StringOutput `pulumi:"via"`
	// AccessEntryArn is the access entry's ARN, empty with aws-auth.
	AccessEntryArn pulumi.StringOutput `pulumi:"accessEntryArn"`

	grants []pulumi.Resource
}

// Grants are the resources that let the role in. What needs the way in depends on these rather than on the component,
// pulumi.DependsOn(access.Grants()): the Go SDK learns of a component's children in the background, so a dependency on
// the component may miss some.
func (a *ClusterAccess) Grants() []pulumi.Resource { return slices.Clone(a.grants) }

// NewClusterAccess lets an IAM role into a cluster.
func NewClusterAccess(
	ctx *pulumi.Context, name string, args *ClusterAccessArgs, opts ...pulumi.ResourceOption,
) (*ClusterAccess, error) {
	component := &ClusterAccess{}
	children, err := register(ctx, ClusterAccessType, name, component, args.Validate(), opts...)
	if err != nil {
		return nil, err
	}
	component.ClusterName, component.PrincipalArn = args.ClusterName.ToStringOutput(), args.PrincipalArn.ToStringOutput()
	grant := component.grantByAccessEntry
	if args.AwsAuth != nil {
		grant = component.grantByAwsAuth
	}
	if err := grant(ctx, name, args, children); err != nil {
		return nil, failure(ClusterAccessType, name, err)
	}
	outputs := pulumi.Map{
		"clusterName": component.ClusterName, "principalArn": component.PrincipalArn,
		"via": component.Via, "accessEntryArn": component.AccessEntryArn,
	}
	if err := ctx.RegisterResourceOutputs(component, outputs); err != nil {
		return nil, fmt.Errorf("registering the outputs of ClusterAccess %q: %w", name, err)
	}
	return component, nil
}

func (a *ClusterAccess) grantByAccessEntry(
	ctx *pulumi.Context, name string, args *ClusterAccessArgs, children children,
) error {
	options := args.replacement()
	entry, err := eks.NewAccessEntry(ctx, name, &eks.AccessEntryArgs{
		ClusterName: args.ClusterName, PrincipalArn: args.PrincipalArn, Type: pulumi.String("STANDARD"),
		UserName: optionalString(args.AccessEntry.Username), Tags: args.AccessEntry.Tags,
		// No list means to the AWS provider that EKS keeps the groups that it has; an empty one takes them away.
		KubernetesGroups: pulumi.ToStringArray(args.AccessEntry.KubernetesGroups),
	}, children.named(name, options...)...)
	if err != nil {
		return fmt.Errorf("creating the access entry: %w", err)
	}
	a.grants = append(a.grants, entry)
	for _, policy := range args.AccessEntry.Policies {
		association := childName(name, policy.Name())
		resource, err := eks.NewAccessPolicyAssociation(ctx, association, &eks.AccessPolicyAssociationArgs{
			// The entry's own outputs make the association wait for it.
			ClusterName: entry.ClusterName, PrincipalArn: entry.PrincipalArn,
			PolicyArn: policy.arn(name, args.PrincipalArn), AccessScope: policy.scope(),
		}, children.named(association, options...)...)
		if err != nil {
			return fmt.Errorf("associating access policy %q: %w", policy.Policy, err)
		}
		a.grants = append(a.grants, resource)
	}
	a.Via = pulumi.String("accessEntry").ToStringOutput()
	a.AccessEntryArn = entry.AccessEntryArn
	return nil
}

// replacement replaces the entry and its associations when what cannot be changed in place does: the principal's unique ID,
// which EKS keeps with them, and a user name that is taken out, which the AWS provider leaves in EKS. The old ones go first:
// there can be one entry per principal and cluster, and one association per entry and policy, so the deletion of an old one
// would take the new one away.
func (args *ClusterAccessArgs) replacement() []pulumi.ResourceOption {
	uniqueID := args.PrincipalUniqueId
	if uniqueID == nil {
		uniqueID = pulumi.String("")
	}
	trigger := uniqueID.ToStringOutput()
	if args.AccessEntry.Username != "" {
		trigger = pulumi.Sprintf("%s with a user name", trigger)
	}
	return []pulumi.ResourceOption{pulumi.ReplacementTrigger(trigger), pulumi.DeleteBeforeReplace(true)}
}

// Name is the access policy's name, whether it was given as such or as an ARN.
func (p AccessPolicyArgs) Name() string { return p.Policy[strings.LastIndex(p.Policy, "/")+1:] }

// arn is the access policy's ARN, in the partition of the principal, which is the cluster's too.
func (p AccessPolicyArgs) arn(component string, principal pulumi.StringInput) pulumi.StringOutput {
	return principal.ToStringOutput().ApplyT(func(principal string) (string, error) {
		arn, err := iampolicy.ParseArn(principal)
		if err != nil {
			return "", failure(ClusterAccessType, component, fault.At("principalArn", err))
		}
		policy := iampolicy.Arn{
			Partition: arn.Partition, Service: "eks", Account: "aws", Resource: "cluster-access-policy/" + p.Name(),
		}
		return policy.String(), nil
	}).(pulumi.StringOutput)
}

func (p AccessPolicyArgs) scope() *eks.AccessPolicyAssociationAccessScopeArgs {
	if len(p.Namespaces) == 0 {
		return &eks.AccessPolicyAssociationAccessScopeArgs{Type: pulumi.String("cluster")}
	}
	return &eks.AccessPolicyAssociationAccessScopeArgs{
		Type: pulumi.String("namespace"), Namespaces: pulumi.ToStringArray(p.Namespaces),
	}
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
	line := &awsAuthRole{}
	if err := ctx.RegisterResource(awsAuthRoleType, name, inputs, line, children.named(name, ownPlugin()...)...); err != nil {
		return fmt.Errorf("mapping the role in aws-auth: %w", err)
	}
	a.grants = append(a.grants, line)
	a.Via = pulumi.String("aws-auth").ToStringOutput()
	a.AccessEntryArn = pulumi.String("").ToStringOutput()
	return nil
}

// Validate reports every fault of the arguments, each with its path; nil arguments are a fault.
func (args *ClusterAccessArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	var faults []error
	if args.ClusterName == nil || args.ClusterName == pulumi.String("") {
		faults = append(faults, errors.New("clusterName: must not be empty"))
	}
	if args.PrincipalArn == nil {
		faults = append(faults, errors.New("principalArn: must not be empty"))
	} else if arn, plain := plainString(args.PrincipalArn); plain {
		faults = append(faults, fault.At("principalArn", iampolicy.ValidateRoleArn(arn)))
	}
	return errors.Join(append(faults, args.validateWayIn())...)
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

// accessPolicyForm is the name of an EKS access policy, or its ARN.
var accessPolicyForm = regexp.MustCompile(`^(arn:[a-z0-9-]+:eks::aws:cluster-access-policy/)?AmazonEKS[A-Za-z]+Policy$`)

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
	faults = append(faults, duplicates("policies", names), duplicates("kubernetesGroups", args.KubernetesGroups))
	for i, group := range args.KubernetesGroups {
		switch path := fmt.Sprintf("kubernetesGroups[%d]", i); {
		case group == "":
			faults = append(faults, fmt.Errorf("%s: must not be empty", path))
		case strings.HasPrefix(group, "system:"):
			faults = append(faults, fmt.Errorf("%s: EKS refuses %q, as all groups that begin with system:; use an access policy", path, group))
		}
	}
	return errors.Join(faults...)
}

func (p AccessPolicyArgs) validate() error {
	var faults []error
	if !accessPolicyForm.MatchString(p.Policy) {
		faults = append(faults, fmt.Errorf("policy: %q is not an EKS access policy such as AmazonEKSViewPolicy", p.Policy))
	}
	return errors.Join(append(faults, validateNames("namespaces", p.Namespaces))...)
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
	return errors.Join(append(faults, validateNames("groups", args.Groups))...)
}
