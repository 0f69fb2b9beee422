package stacks

import (
	"context"
	"fmt"

	awseks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// modeSteps are the authentication modes that may follow each: EKS takes one step at a time, and none back.
//
// https://docs.aws.amazon.com/eks/latest/userguide/setting-up-access-entries.html
var modeSteps = map[components.AuthenticationMode]components.AuthenticationMode{
	components.AuthenticationModeConfigMap:       components.AuthenticationModeAPIAndConfigMap,
	components.AuthenticationModeAPIAndConfigMap: components.AuthenticationModeAPI,
}

// refuseModeStep refuses a change of the authentication mode that EKS refuses. before is the mode at the last update, or "".
func refuseModeStep(before, mode components.AuthenticationMode) error {
	next, isNot := modeSteps[before], before == "" || before == mode
	switch {
	case isNot || mode == next:
		return nil
	case next == "" || mode == components.AuthenticationModeConfigMap:
		return fmt.Errorf("the cluster has %s, and EKS has no way back to %s", before, mode)
	default:
		return fmt.Errorf("the cluster has %s, and EKS takes one step at a time: %s with one update, so that nodes get their access entries, and %s "+
			"with the next", before, next, mode)
	}
}

// modeBefore is the authentication mode that a cluster had at the last update, or "" where that is not known.
func (p *platform) modeBefore(key string) components.AuthenticationMode {
	return components.AuthenticationMode(p.before.fieldOfCluster(p.cfg.Clusters[key].keys(key), "authenticationMode"))
}

// nodeRoleBefore is the role that the nodes of a created cluster had at the last update, or "" where that is not known.
func (p *platform) nodeRoleBefore(key string) string {
	return p.before.fieldOfCluster(p.cfg.Clusters[key].keys(key), "nodeRoleArn")
}

// refuseWithoutNodes refuses to give up aws-auth while the nodes have no access entry: no node could join, and those that are there
// could not renew their credentials.
func (p *platform) refuseWithoutNodes(cluster Cluster, facts *resolvedCluster) error {
	role := p.nodeRoleBefore(facts.key)
	if role == "" || cluster.Create.AuthenticationMode != components.AuthenticationModeAPI ||
		p.modeBefore(facts.key) != components.AuthenticationModeAPIAndConfigMap {
		return nil
	}
	_, err := awseks.LookupAccessEntry(p.ctx, &awseks.LookupAccessEntryArgs{ClusterName: cluster.Name, PrincipalArn: role}, pulumi.Provider(facts.aws))
	if err != nil {
		return fmt.Errorf("create.authenticationMode: %s, the role of the nodes, has no access entry that can be found, and in the mode %s "+
			"nothing else gives nodes access; bring it back with `pulumi up --refresh` in the mode %s first: %w",
			role, components.AuthenticationModeAPI, components.AuthenticationModeAPIAndConfigMap, err)
	}
	return nil
}

// accessEntryType is the type token of an access entry.
const accessEntryType = "aws:eks/accessEntry:AccessEntry"

// takeOverNodeEntry lets pulumi-eks take over the access entry of the nodes' role, in the update that changes the authentication mode
// to API_AND_CONFIG_MAP: EKS makes it by itself then, for managed node groups, and pulumi-eks would make it once more, which is an
// error. A preview cannot read it, as the mode is not changed yet.
//
// https://github.com/aws/containers-roadmap/issues/185
func (p *platform) takeOverNodeEntry(cluster Cluster, key string) []pulumi.ResourceOption {
	role := p.nodeRoleBefore(key)
	if role == "" || p.ctx.DryRun() || cluster.Create.AuthenticationMode != components.AuthenticationModeAPIAndConfigMap ||
		p.modeBefore(key) != components.AuthenticationModeConfigMap {
		return nil
	}
	entry := func(_ context.Context, made *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
		if made.Type != accessEntryType {
			return nil
		}
		made.Opts.Import = pulumi.ID(cluster.Name + ":" + role)
		return &pulumi.ResourceTransformResult{Props: made.Props, Opts: made.Opts}
	}
	return []pulumi.ResourceOption{pulumi.Transforms([]pulumi.ResourceTransform{entry})}
}
