package components

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// podIdentityAgent is the add-on that gives pods the credentials of EKS Pod Identity.
//
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html
const podIdentityAgent = "eks-pod-identity-agent"

// createAssociations associates each service account of each cluster with the role, where its pods are to get it by EKS Pod
// Identity.
func (b *irsaRoleBuilder) createAssociations() error {
	b.associations = map[string]pulumi.Resource{}
	if !b.args.Identity.Associates() {
		return nil
	}
	for _, cluster := range b.args.Clusters {
		name := b.clusterWithAgent(cluster)
		for _, account := range b.args.accountsIn(cluster) {
			association := childName(b.name, accountKey(cluster, account))
			resource, err := eks.NewPodIdentityAssociation(b.ctx, association, &eks.PodIdentityAssociationArgs{
				ClusterName: name, Namespace: pulumi.String(account.Namespace), ServiceAccount: pulumi.String(account.Name),
				RoleArn: b.role.Arn, Tags: b.args.Tags,
			}, b.childrenOf(account).named(association, cluster.awsProvider(), oneOfAName, replacedWith(cluster.Kubernetes))...)
			if err != nil {
				return fmt.Errorf("associating %s with the role: %w", accountKey(cluster, account), err)
			}
			b.associations[accountKey(cluster, account)] = resource
		}
	}
	return nil
}

// awsProvider is the AWS provider of the cluster's region, or the component's.
func (cluster IrsaCluster) awsProvider() pulumi.ResourceOption {
	if cluster.Aws == nil {
		return pulumi.Composite()
	}
	return pulumi.Provider(cluster.Aws)
}

// clusterWithAgent is the name of a cluster, once its agent has been found: without it an association is there, and no pod gets
// the role.
func (b *irsaRoleBuilder) clusterWithAgent(cluster IrsaCluster) pulumi.StringOutput {
	return cluster.Arn.ToStringOutput().ApplyT(func(text string) (string, error) {
		arn, err := iampolicy.ParseClusterARN(text)
		if err != nil {
			return "", b.failure(fielderr.At(fielderr.Path("clusters").Child(cluster.Name).Child("arn"), err))
		}
		name := arn.ClusterName()
		if cluster.OwnPodIdentityAgent || cluster.Leaving {
			return name, nil
		}
		parent := pulumi.InvokeOption(pulumi.Parent(b.component))
		if cluster.Aws != nil {
			parent = pulumi.Provider(cluster.Aws)
		}
		if err := FindPodIdentityAgent(b.ctx, name, parent); err != nil {
			return "", b.failure(fmt.Errorf("cluster %q: %w", cluster.Name, err))
		}
		return name, nil
	}).(pulumi.StringOutput)
}

// FindPodIdentityAgent looks for the add-on in an EKS cluster. A program with many roles in a cluster asks once, and sets
// [IrsaCluster.OwnPodIdentityAgent] then.
func FindPodIdentityAgent(ctx *pulumi.Context, cluster string, opts ...pulumi.InvokeOption) error {
	_, err := eks.LookupAddon(ctx, &eks.LookupAddonArgs{ClusterName: cluster, AddonName: podIdentityAgent}, opts...)
	if err == nil {
		return nil
	}
	return fmt.Errorf("the add-on %s, which EKS Pod Identity needs, is not found: %w. Install it: aws eks create-addon --cluster-name %s "+
		"--addon-name %s. Where the agent is there otherwise, say so with ownPodIdentityAgent", podIdentityAgent, err, cluster, podIdentityAgent)
}
