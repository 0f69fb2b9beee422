package components

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

func (a *ClusterAccess) grantByAccessEntry(
	ctx *pulumi.Context, name string, args *ClusterAccessArgs, children children,
) error {
	a.Via = pulumi.String("accessEntry").ToStringOutput()
	if args.ExistingEntry {
		a.AccessEntryArn = pulumi.String("").ToStringOutput()
		return a.associatePolicies(ctx, name, args, args.ClusterName, args.PrincipalArn, children)
	}
	found, err := a.onAnExistingEntry(ctx, name, args)
	if err != nil {
		return err
	}
	kind := args.AccessEntry.EntryType()
	entryArgs := &eks.AccessEntryArgs{
		ClusterName: args.ClusterName, PrincipalArn: args.PrincipalArn, Type: pulumi.String(kind),
		UserName: optionalString(args.AccessEntry.Username), Tags: args.AccessEntry.Tags,
	}
	if kind == EntryStandard {
		// No list means to the AWS provider that EKS keeps the groups that it has; an empty one takes them away. Nodes keep EKS's.
		entryArgs.KubernetesGroups = pulumi.ToStringArray(args.AccessEntry.KubernetesGroups)
	}
	entry, err := eks.NewAccessEntry(ctx, name, entryArgs, children.named(name, append(args.replacement(), found)...)...)
	if err != nil {
		return fmt.Errorf("creating the access entry: %w", err)
	}
	a.grants = append(a.grants, entry)
	a.AccessEntryArn = entry.AccessEntryArn
	// The entry's own outputs make the associations wait for it.
	return a.associatePolicies(ctx, name, args, entry.ClusterName, entry.PrincipalArn, children)
}

// associatePolicies associates the policies with the principal's entry in a cluster.
func (a *ClusterAccess) associatePolicies(
	ctx *pulumi.Context, name string, args *ClusterAccessArgs, cluster, principal pulumi.StringInput, children children,
) error {
	for _, policy := range args.AccessEntry.Policies {
		association := childName(name, policy.Name())
		resource, err := eks.NewAccessPolicyAssociation(ctx, association, &eks.AccessPolicyAssociationArgs{
			ClusterName: cluster, PrincipalArn: principal,
			PolicyArn: policy.arn(name, args.PrincipalArn), AccessScope: policy.scope(),
		}, children.named(association, args.replacement()...)...)
		if err != nil {
			return fmt.Errorf("associating access policy %q: %w", policy.Policy, err)
		}
		a.grants = append(a.grants, resource)
	}
	return nil
}

// hooks counts the hooks, whose names must differ: components of one name may stand below parents of different types.
var hooks atomic.Int64

// onAnExistingEntry says what is to be done about an access entry that the principal has already: to import it, which the engine
// does only where the state does not hold it, or to refuse to create another, as EKS would, but with what to do.
func (a *ClusterAccess) onAnExistingEntry(
	ctx *pulumi.Context, name string, args *ClusterAccessArgs,
) (pulumi.ResourceOption, error) {
	if args.AccessEntry.Import {
		id := pulumi.Sprintf("%s:%s", args.ClusterName, args.PrincipalArn)
		return pulumi.Import(id.ApplyT(func(id string) pulumi.ID { return pulumi.ID(id) }).(pulumi.IDOutput)), nil
	}
	hookName := fmt.Sprintf("ClusterAccess %s, hook %d", name, hooks.Add(1))
	hook, err := ctx.RegisterResourceHook(hookName, func(created *pulumi.ResourceHookArgs) error {
		return a.refuseExisting(ctx, created.NewInputs)
	}, &pulumi.ResourceHookOptions{OnDryRun: true})
	if err != nil {
		return nil, fmt.Errorf("registering the hook before the creation: %w", err)
	}
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{BeforeCreate: []*pulumi.ResourceHook{hook}}), nil
}

// refuseExisting runs as the engine is about to create the entry, so it takes the inputs from it and waits for no output.
func (a *ClusterAccess) refuseExisting(ctx *pulumi.Context, inputs resource.PropertyMap) error {
	cluster, principal := inputs["clusterName"], inputs["principalArn"]
	if !cluster.IsString() || !principal.IsString() {
		return nil // A preview does not know the role or the cluster yet.
	}
	found, err := eks.LookupAccessEntry(ctx, &eks.LookupAccessEntryArgs{
		ClusterName: cluster.StringValue(), PrincipalArn: principal.StringValue(),
	}, pulumi.Parent(a))
	if err != nil {
		return nil //nolint:nilerr // There is none, or EKS will say at the creation what else is wrong.
	}
	refusal := fmt.Errorf("%s has an access entry in cluster %q already (type %s, user name %q, groups %q), which this stack did not "+
		"make. Take it over with import for one update (in the configuration `access: {import: true}`, in a program Import of "+
		"components.AccessEntryArgs), or delete it: aws eks delete-access-entry --cluster-name %s --principal-arn %s",
		principal.StringValue(), cluster.StringValue(), found.Type, found.UserName, found.KubernetesGroups,
		cluster.StringValue(), principal.StringValue())
	if ctx.DryRun() {
		// A preview deletes nothing, so it does not know a replacement from a creation.
		return ctx.Log.Warn("unless this is a replacement, the update will fail: "+refusal.Error(), &pulumi.LogArgs{Resource: a})
	}
	return refusal
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
	return []pulumi.ResourceOption{pulumi.ReplacementTrigger(trigger), pulumi.DeleteBeforeReplace(true), replacedWith(args.Cluster)}
}

// replacedWith replaces what EKS keeps for a cluster, and loses with it, together with a resource that stands for the cluster. Without
// it Pulumi learns that it is gone only from a refresh: the name of the cluster that it belongs to is what it was.
func replacedWith(cluster pulumi.Resource) pulumi.ResourceOption {
	if cluster == nil {
		return pulumi.Composite()
	}
	return pulumi.ReplaceWith([]pulumi.Resource{cluster})
}

// Name is the access policy's name, whether it was given as such or as an ARN.
func (p AccessPolicyArgs) Name() string { return p.Policy[strings.LastIndex(p.Policy, "/")+1:] }

// arn is the access policy's ARN, in the partition of the principal, which is the cluster's too.
func (p AccessPolicyArgs) arn(component string, principal pulumi.StringInput) pulumi.StringOutput {
	return principal.ToStringOutput().ApplyT(func(principal string) (string, error) {
		arn, err := iampolicy.ParseARN(principal)
		if err != nil {
			return "", failure(ClusterAccessType, component, fielderr.At("principalArn", err))
		}
		policy := iampolicy.ARN{
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
