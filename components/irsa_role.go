package components

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

// IrsaRoleType is the type token of [IrsaRole].
const IrsaRoleType = "eks-irsa:index:IrsaRole"

// IrsaRoleArgs are the arguments of [NewIrsaRole]. The json names are those of Pulumi.<env>.yaml.
type IrsaRoleArgs struct {
	// Clusters are those whose pods may assume the role, one or more; each adds a statement to the trust policy.
	Clusters []IrsaCluster `json:"-"`
	// Preset gives the role what a well-known controller needs: its policies, which are added to the role's own, and its service
	// accounts, if the role has none. Default: none.
	Preset presets.Preset `json:"preset"`
	// ServiceAccounts may assume the role, in every cluster; one or more. Default: those of the preset.
	ServiceAccounts []ServiceAccountArgs `json:"serviceAccounts"`

	// Identity is the way on which the pods get the role. Default: IdentityIRSA.
	Identity IdentityType `json:"identity"`

	// Name of the role, 1 to 64 characters of A-Z a-z 0-9 + = , . @ _ -. Default: eks-<namespace>-<service account> of
	// the first service account, shortened with a hash past 64 characters.
	Name string `json:"name"`
	// NamePrefix, up to 38 characters, is used instead of Name; the AWS provider adds 26 digits of its own.
	NamePrefix string `json:"namePrefix"`
	// Import takes over a role of this name that exists, made by hand or by another tool: Pulumi changes it to what is declared here,
	// and deletes it with the stack from then on. Policies that it has besides stay, unless ExclusivePolicies takes them away. It is
	// meant for one update, as Pulumi refuses to replace a resource that is still to be imported, for another path for example; a
	// missing role is an error. Default: false.
	Import bool `json:"import"`
	// RoleSettings are the role's. Its description names the service accounts by default.
	RoleSettings
	// RolePolicies are what the role may do.
	RolePolicies

	// TrustConditions have to hold as well for every service account, in every cluster: an organization's or a VPC's, for example.
	// They only narrow the trust; see [iampolicy.ServiceAccountTrust].
	TrustConditions iampolicy.Condition `json:"trustConditions"`
	// TrustStatements are added to the trust policy after the clusters' own.
	TrustStatements []iampolicy.Statement `json:"-"`

	// TestPod makes a pod per cluster and service account that proves the identity. Default: none.
	TestPod *TestPodArgs `json:"testPod"`
}

// IrsaCluster is a cluster whose pods may assume a role: its OIDC provider (exactly one of OidcProvider,
// OidcProviderArn and Issuer, unless the role is for EKS Pod Identity alone) and its Kubernetes provider.
type IrsaCluster struct {
	// Name tells the clusters of one role apart and is part of the children's names.
	Name string
	// Aliases are what Name was before, the oldest first: what was made under an earlier name is kept.
	Aliases []string
	// OidcProvider is the cluster's provider, made by this program.
	OidcProvider *OidcProvider
	// OidcProviderArn is the ARN of the cluster's provider, made elsewhere.
	OidcProviderArn pulumi.StringInput
	// Issuer is the cluster's issuer URL; its provider is adopted or created as a child of the role. Where several
	// roles share a cluster, make one [OidcProvider] and pass that.
	Issuer string
	// Arn is the EKS cluster's, in the role's account; needed for EKS Pod Identity, and not looked at for IRSA.
	Arn pulumi.StringInput
	// Aws is the AWS provider of the cluster's region, which associations are made with. Default: the component's.
	Aws pulumi.ProviderResource
	// OwnPodIdentityAgent is for a cluster whose agent of EKS Pod Identity is not the add-on eks-pod-identity-agent, as in EKS Auto
	// Mode. Default: false, the add-on is looked for before an association is made.
	OwnPodIdentityAgent bool
	// Kubernetes is the Pulumi provider of the cluster, needed unless every service account is trust-only. With the cluster's issuer as
	// its cluster identifier Pulumi replaces it, and all that is made in the cluster, when another cluster takes the name. Associations
	// of EKS Pod Identity are made again with it.
	Kubernetes pulumi.ProviderResource
	// Leaving is for a cluster that is to be deleted when its pods have moved to another one: the role trusts it as before and its
	// service accounts stay, but nothing is proven in it and no agent is looked for. Give its Kubernetes provider DeleteUnreachable, so
	// that it can be taken out of Clusters when it is gone; in one update with its deletion, its pods would lose the role first.
	Leaving bool
	// Namespaces are those that the program makes in the cluster, by name. An account goes with its namespace, so nothing is
	// done about a patched one when both are deleted.
	Namespaces map[string]pulumi.Resource
}

// IrsaRole is an IAM role that exactly the named service accounts of the given clusters may assume, with its policies,
// the service accounts, and test pods that prove it.
type IrsaRole struct {
	pulumi.ResourceState

	// Arn, Name and UniqueId (AROA...) are the role's.
	Arn      pulumi.StringOutput `pulumi:"arn"`
	Name     pulumi.StringOutput `pulumi:"name"`
	UniqueId pulumi.StringOutput `pulumi:"uniqueId"` //nolint:revive // Pulumi's own spelling of the property
	// The state holds what follows with the resources themselves, and not a second time.

	// OidcProviderArns are the ARNs of the clusters' providers, in the clusters' order.
	OidcProviderArns pulumi.StringArrayOutput
	// TrustPolicy is the role's trust policy as JSON.
	TrustPolicy pulumi.StringOutput
	// ServiceAccounts are the accounts that were created or patched, as <cluster>/<namespace>/<name>, sorted.
	ServiceAccounts pulumi.StringArrayOutput
	// TestPods are the test pods, as <cluster>/<namespace>/<name>, sorted.
	TestPods pulumi.StringArrayOutput
	// NegativeTestPods are the pods that must not get the role, as <cluster>/<namespace>/<name>, sorted.
	NegativeTestPods pulumi.StringArrayOutput
	// ProvenAt is when the test pod of each account proved the role, by <cluster>/<namespace>/<name of the account>, and RefusedAt
	// when a negative test was last refused it, by <cluster>/<namespace>. A proof that is not repeated keeps its time.
	ProvenAt, RefusedAt pulumi.StringMapOutput

	dependencies []pulumi.Resource
	policyNames  []string
}

// PolicyNames are the names of the role's policies, sorted: those of its preset, attached, inline and customer-managed ones.
func (r *IrsaRole) PolicyNames() []string { return slices.Clone(r.policyNames) }

// Dependencies are the resources that a pod of the role needs: its service accounts, their associations and its policies. What needs
// the role depends on these rather than on the component, pulumi.DependsOn(role.Dependencies()), for the reason that
// [ClusterAccess.Dependencies] gives.
func (r *IrsaRole) Dependencies() []pulumi.Resource { return slices.Clone(r.dependencies) }

// NewIrsaRole makes the role. A trust policy that depends on outputs is checked against its size limit as soon as they are
// known; every other error of the arguments is reported before anything is registered.
//
// IAM has no regions, but Pulumi's AWS provider has, and Pulumi replaces a role whose provider gets another one: give it an
// AWS provider that stays when its clusters change.
func NewIrsaRole(
	ctx *pulumi.Context, name string, args *IrsaRoleArgs, opts ...pulumi.ResourceOption,
) (*IrsaRole, error) {
	component := &IrsaRole{}
	args = args.withPreset()
	err := construct(ctx, IrsaRoleType, name, component, args.Validate(), opts, func(children children) error {
		builder := irsaRoleBuilder{ctx: ctx, name: name, args: args, component: component, children: children, inClusters: children}
		builder.inClusters.names.clusters = args.Clusters
		return builder.build()
	})
	if err != nil {
		return nil, err
	}
	return component, nil
}

// irsaRoleBuilder holds what the steps of making one role share.
type irsaRoleBuilder struct {
	ctx       *pulumi.Context
	name      string
	args      *IrsaRoleArgs
	component *IrsaRole
	// inline are the documents of the inline policies, those of the preset among them.
	inline map[string]PolicyDocument
	// inClusters are the children in whose names a cluster's stands behind the component's.
	children, inClusters children

	role *iam.Role
	// attached are the ARNs of managed policies, by the names of their attachments, and boundary that of the permissions
	// boundary, nil where there is none.
	attached map[string]pulumi.StringInput
	boundary pulumi.StringInput
	// policies are the role's permissions: test pods wait for them.
	policies []pulumi.Resource
	// customerManaged are the ARNs of the policies that are made for the role.
	customerManaged pulumi.StringArray
	// namespaces and serviceAccounts are by <cluster>/<namespace>[/<name>].
	namespaces, serviceAccounts, associations map[string]pulumi.Resource
	// read are the accounts to be patched, by the same keys, under each of their names.
	read map[string][]pulumi.Resource
	// anyArn is an ARN of the role's account and partition.
	anyArn pulumi.StringInput
}

func (b *irsaRoleBuilder) build() error {
	providers, err := b.oidcProviderArns()
	if err != nil {
		return err
	}
	if b.attached, err = b.attachedPolicies(); err != nil {
		return err
	}
	if b.boundary, err = b.args.boundary(b.ctx, pulumi.Parent(b.component)); err != nil {
		return err
	}
	var clusters pulumi.StringArray
	if b.args.Identity.TrustsPodIdentity() {
		for _, cluster := range b.args.Clusters {
			clusters = append(clusters, cluster.Arn)
		}
	}
	b.anyArn = slices.Concat(providers, clusters)[0]
	b.component.OidcProviderArns = providers.ToStringArrayOutput()
	b.component.TrustPolicy = b.trustPolicy(providers, clusters)
	b.inline = b.presetPolicies(providers, clusters)
	if err := b.args.warn(b.ctx, b.name, b.component); err != nil {
		return err
	}
	steps := []func() error{
		b.createNamespaces, b.readPatchedAccounts, b.createRole, b.managedPolicies, b.inlinePolicies, b.customerManagedPolicies, b.makeExclusive,
		b.createAssociations, b.createServiceAccounts, b.createTestPods,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	b.component.policyNames = slices.Concat(slices.Collect(maps.Keys(b.attached)), slices.Collect(maps.Keys(b.inline)),
		slices.Collect(maps.Keys(b.args.CustomerManagedPolicies)))
	slices.Sort(b.component.policyNames)
	b.component.dependencies = slices.Clone(b.policies)
	for _, resources := range []map[string]pulumi.Resource{b.associations, b.serviceAccounts} {
		for _, key := range slices.Sorted(maps.Keys(resources)) {
			b.component.dependencies = append(b.component.dependencies, resources[key])
		}
	}
	return nil
}

// oidcProviderArns are the clusters' providers, made where only an issuer was given.
func (b *irsaRoleBuilder) oidcProviderArns() (pulumi.StringArray, error) {
	var arns pulumi.StringArray
	if !b.args.Identity.trustsOIDC() {
		return nil, nil
	}
	for _, cluster := range b.args.Clusters {
		switch {
		case cluster.OidcProvider != nil:
			arns = append(arns, cluster.OidcProvider.Arn)
		case cluster.OidcProviderArn != nil:
			arns = append(arns, cluster.OidcProviderArn)
		default:
			name := childName(b.name, cluster.Name)
			provider, err := NewOidcProvider(b.ctx, name,
				&OidcProviderArgs{Issuer: cluster.Issuer, Tags: b.args.Tags}, b.inClusters.named(name)...)
			if err != nil {
				return nil, err
			}
			arns = append(arns, provider.Arn)
		}
	}
	return arns, nil
}

// trustPolicy builds the document in the apply whose result feeds the role, so that an error in it cannot get lost.
func (b *irsaRoleBuilder) trustPolicy(providers, clusters pulumi.StringArray) pulumi.StringOutput {
	return pulumi.All(providers.ToStringArrayOutput(), clusters.ToStringArrayOutput()).ApplyT(func(all []any) (string, error) {
		known := trustedArns{all[0].([]string), all[1].([]string)}
		document, err := b.args.trustPolicy(known).JSON()
		err = fielderr.At("trustPolicy", fielderr.Document(err))
		return document, b.failure(errors.Join(err, oneAccount(known), b.args.inPartitionOf(known)))
	}).(pulumi.StringOutput)
}

// trustPolicy is the role's for the clusters, in their order.
func (args *IrsaRoleArgs) trustPolicy(known trustedArns) iampolicy.ServiceAccountTrust {
	return iampolicy.ServiceAccountTrust{
		Providers: known.providers, Clusters: known.clusters, ServiceAccounts: args.subjects(), Conditions: args.TrustConditions,
		ExtraStatements: args.TrustStatements, MaxSize: args.Quotas.trustPolicySize(args.MaxTrustPolicySize),
	}
}

func (b *irsaRoleBuilder) failure(err error) error { return failure(IrsaRoleType, b.name, err) }

func (args *IrsaRoleArgs) subjects() []iampolicy.ServiceAccountSubject {
	subjects := make([]iampolicy.ServiceAccountSubject, len(args.ServiceAccounts))
	for i, account := range args.ServiceAccounts {
		subjects[i] = iampolicy.ServiceAccountSubject{
			Namespace: account.Namespace, Name: account.Name, NamePattern: account.NamePattern,
		}
		for j, cluster := range args.Clusters {
			if slices.Contains(account.Clusters, cluster.Name) {
				subjects[i].In = append(subjects[i].In, j)
			}
		}
	}
	return subjects
}

func (b *irsaRoleBuilder) createRole() error {
	args := b.args
	roleArgs := args.roleArgs(b.component.TrustPolicy, b.boundary)
	roleArgs.Description = pulumi.String(args.description())
	roleArgs.ForceDetachPolicies = pulumi.Bool(args.ForceDetachPolicies == nil || *args.ForceDetachPolicies)
	options := b.children.named(b.name)
	for _, key := range slices.Sorted(maps.Keys(b.read)) {
		options = append(options, pulumi.DependsOn(b.read[key]))
	}
	if args.NamePrefix != "" {
		roleArgs.NamePrefix = pulumi.String(args.NamePrefix)
	} else {
		roleArgs.Name = pulumi.String(args.RoleName())
		options = append(options, oneOfAName)
		if args.Import {
			options = append(options, pulumi.Import(pulumi.ID(args.RoleName())))
		}
	}
	role, err := iam.NewRole(b.ctx, b.name, roleArgs, options...)
	if err != nil {
		return fmt.Errorf("creating the role: %w", err)
	}
	b.role = role
	b.component.Arn, b.component.Name, b.component.UniqueId = role.Arn, role.Name, role.UniqueId
	return nil
}

// RoleName is the name that the role will have, or "" when NamePrefix leaves it to the AWS provider.
func (args *IrsaRoleArgs) RoleName() string {
	args = args.withPreset()
	if args.Name != "" || args.NamePrefix != "" || len(args.ServiceAccounts) == 0 {
		return args.Name
	}
	first := args.ServiceAccounts[0]
	return iampolicy.DefaultRoleName(first.Namespace, first.Name)
}

func (args *IrsaRoleArgs) description() string {
	if args.Description != "" {
		return args.Description
	}
	first := args.ServiceAccounts[0]
	subject := first.Namespace + "/" + first.Name + first.NamePattern
	if more := len(args.ServiceAccounts) - 1; more > 0 {
		return fmt.Sprintf("IRSA for %s and %d more", subject, more)
	}
	return "IRSA for " + subject
}
