package components

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strings"

	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// What managed Argo CD, the EKS Capability, is told of a cluster: its ARN, and nothing of how to reach it.
//
// https://docs.aws.amazon.com/eks/latest/userguide/argocd-register-clusters.html

// managedProject is the project of a cluster for which no other is given.
const managedProject = "default"

// managedData are what a secret tells managed Argo CD. There is no config: one would name a role or a server that it does not use.
func managedData(displayName, text string) (map[string]string, error) {
	arn, err := iampolicy.ParseClusterARN(text)
	if err != nil {
		return nil, fielderr.At("arn", err)
	}
	return map[string]string{"name": cmp.Or(displayName, arn.ClusterName()), "server": text, "project": managedProject}, nil
}

// managedSecretName is the name of the secret of a cluster that is known by its ARN: its name as far as a secret can have it, and
// the 32-bit FNV-1a hash of the ARN, as in the names of other clusters' secrets.
func managedSecretName(text string) (string, error) {
	arn, err := iampolicy.ParseClusterARN(text)
	if err != nil {
		return "", err
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(text)) // a hash takes everything
	name := strings.ReplaceAll(strings.ToLower(arn.ClusterName()), "_", "-")
	return fmt.Sprintf("cluster-%s-%d", name, hash.Sum32()), nil
}

// What is wrong about settings of self-managed Argo CD where Argo CD is an EKS Capability.
const (
	knownByArn = "managed Argo CD knows every cluster by its ARN, its own too, and no URL such as " + ArgoCDInClusterServer +
		"; give arn alone"
	connectedByAWS = "AWS connects managed Argo CD with its clusters, private endpoints included; leave it out"
	noSecondRole   = "managed Argo CD logs in as its capability role itself and assumes no other role on its way; the cluster lets the " +
		"capability role in, so leave it out"
	noPodsOfYours = "managed Argo CD has no pods in the hub; leave it out"
)

// validateManaged refuses what self-managed Argo CD is told of a cluster.
func (args *ArgoCDClusterArgs) validateManaged() error {
	var found fielderr.List
	found.Refuse(args.ClusterName != nil, "clusterName", knownByArn)
	found.Refuse(args.Server != nil, "server", knownByArn)
	found.Refuse(args.CertificateAuthorityData != nil, "certificateAuthorityData", connectedByAWS)
	found.Refuse(args.RoleArn != nil, "roleArn", noSecondRole)
	found.Refuse(args.Profile != "", "profile", noSecondRole)
	found.Refuse(args.ServerName != "", "serverName", connectedByAWS)
	found.Refuse(args.ProxyURL != "", "proxyUrl", connectedByAWS)
	found.Refuse(args.Shard != nil, "shard", "AWS runs the controllers of managed Argo CD; leave it out")
	return found.Err()
}

// validateManaged reports every error of the access of managed Argo CD: it comes by an access entry. inCluster is the cluster of the
// capability itself, where the entry is EKS's own, and namespaces are those that Argo CD manages.
func (access *ArgoCDAccess) validateManaged(mode AuthenticationMode, inCluster bool, namespaces []string) error {
	var found fielderr.List
	found.Refuse(mode == AuthenticationModeConfigMap, "", "the cluster's authentication mode %s knows no access entries, and managed "+
		"Argo CD has no other way in; change the mode: aws eks update-cluster-config --name <cluster> --access-config authenticationMode=%s",
		mode, AuthenticationModeAPIAndConfigMap)
	found.Refuse(access.Via != "" && access.Via != ViaAccessEntry, "via",
		"%q is not a way of managed Argo CD, which comes by an access entry; leave it out", access.Via)
	found.Refuse(access.Overwrite, "overwrite", "is for a line of aws-auth, and managed Argo CD comes by an access entry; leave it out")
	if access.isLeast() && len(namespaces) == 0 {
		found.Addf("policies", "give policies or kubernetesGroups, an entry without them allows nothing; or give the target namespaces, for "+
			"managed Argo CD to edit what is in these and to read the rest")
		return found.Err()
	}
	entry, _ := access.managedEntry(inCluster, namespaces)
	if inCluster {
		found.Add("", entry.validateExisting())
		for i, policy := range access.Policies {
			found.Refuse(strings.HasPrefix(policy.Name(), argoCDPolicies), fielderr.Path("policies").Index(i).Child("policy"),
				"EKS associates %s itself with the capability, and Pulumi would take it away with the target; take it off the list", policy.Name())
		}
		return found.Err()
	}
	found.Add("", entry.Validate())
	return found.Err()
}

// argoCDPolicies is how the names of the access policies begin that EKS gives a capability role in the capability's own cluster:
// AmazonEKSArgoCDClusterPolicy and AmazonEKSArgoCDPolicy.
const argoCDPolicies = "AmazonEKSArgoCD"

// isLeast reports whether the access names nothing, which leaves it to the target's namespaces.
func (access *ArgoCDAccess) isLeast() bool {
	return len(access.Policies) == 0 && len(access.KubernetesGroups) == 0
}

// readAllGroup is the group of an access entry that may read everything in its cluster, by a ClusterRole that the target has.
const readAllGroup = "argocd-read-all"

// managedEntry is the access entry of the capability role. Without policies and groups it has the least that deploys: Argo CD edits
// what is in the namespaces, and reads the whole cluster, as it watches every kind of resource there. readAll is whether the group
// of the entry still needs a ClusterRole for that. In the capability's own cluster no group can be had: the entry is EKS's own, so an
// access policy reads there.
//
// https://docs.aws.amazon.com/eks/latest/userguide/argocd-register-clusters.html#_minimum_permissions_for_argo_cd
func (access *ArgoCDAccess) managedEntry(inCluster bool, namespaces []string) (entry AccessEntryArgs, readAll bool) {
	entry = access.AccessEntryArgs
	if !access.isLeast() {
		return entry, false
	}
	entry.Policies = []AccessPolicyArgs{{Policy: "AmazonEKSEditPolicy", Namespaces: namespaces}}
	if inCluster {
		entry.Policies = append(entry.Policies, AccessPolicyArgs{Policy: "AmazonEKSAdminViewPolicy"})
		return entry, false
	}
	entry.KubernetesGroups = []string{readAllGroup}
	return entry, true
}

// Granted is what Argo CD may do in the cluster: for managed Argo CD the least that deploys where Access names nothing.
func (args *ArgoCDTargetArgs) Granted() AccessEntryArgs {
	if !args.Hub.Managed {
		return args.Access.AccessEntryArgs
	}
	entry, _ := args.Access.managedEntry(args.InCluster, args.Namespaces)
	return entry
}

// validateKind checks what fits one kind of hub only, and no settings of it: the ARN, the test pod, and the providers.
func (args *ArgoCDTargetArgs) validateKind() error {
	var found fielderr.List
	if !args.Hub.Managed {
		found.Refuse(args.Arn != nil, "arn", "is how managed Argo CD knows a cluster; give clusterName, server and certificateAuthorityData")
		found.Refuse(args.WithoutAccess, "withoutAccess", "is for managed Argo CD in its own cluster")
		return found.Err()
	}
	found.Refuse(args.Hub.TestPod != nil, "hub.testPod", noPodsOfYours)
	found.Refuse(args.Hub.ServiceAccounts != nil, "hub.serviceAccounts", noPodsOfYours)
	found.Refuse(args.WithoutAccess && !args.InCluster, "withoutAccess", "is for managed Argo CD in its own cluster")
	_, readAll := args.Access.managedEntry(args.InCluster, args.Namespaces)
	found.Refuse(readAll && args.Kubernetes == nil, "kubernetes",
		"must not be empty where access names neither policies nor kubernetesGroups: the ClusterRole by which Argo CD reads is made there")
	return found.Err()
}

// grantManagedAccess lets the capability role into the cluster. In the capability's own cluster EKS has done so, and its entry gets
// more policies.
func (b *argoCDTargetBuilder) grantManagedAccess() error {
	if b.args.WithoutAccess {
		return nil
	}
	entry, readAll := b.args.Access.managedEntry(b.args.InCluster, b.args.Namespaces)
	if readAll {
		if err := b.createReadAll(); err != nil {
			return err
		}
	}
	return b.grant(&ClusterAccessArgs{
		ClusterName: b.clusterNameOf(b.args.Arn), PrincipalArn: b.principal.Arn, PrincipalUniqueId: b.principal.UniqueId,
		AuthenticationMode: b.args.AuthenticationMode, Cluster: b.args.Cluster, AccessEntry: &entry, ExistingEntry: b.args.InCluster,
	})
}

// createReadAll lets the group of the access entry read everything in the cluster, Secrets too, as Argo CD watches every kind of
// resource there. The names of the two objects tell the hub, as a cluster can have several.
func (b *argoCDTargetBuilder) createReadAll() error {
	metadata := &metav1.ObjectMetaArgs{
		Name:   pulumi.Sprintf("%s-%s", readAllGroup, suffixOf(b.principal.Arn)),
		Labels: pulumi.StringMap{managedByLabel: pulumi.String("pulumi")},
	}
	name := childName(b.name, readAllGroup)
	options := b.children.named(name, pulumi.Provider(b.args.Kubernetes))
	role, err := rbacv1.NewClusterRole(b.ctx, name, &rbacv1.ClusterRoleArgs{
		Metadata: metadata,
		Rules: rbacv1.PolicyRuleArray{rbacv1.PolicyRuleArgs{
			ApiGroups: pulumi.ToStringArray([]string{"*"}), Resources: pulumi.ToStringArray([]string{"*"}),
			Verbs: pulumi.ToStringArray([]string{"get", "list", "watch"}),
		}},
	}, options...)
	if err != nil {
		return fmt.Errorf("creating the ClusterRole: %w", err)
	}
	binding, err := rbacv1.NewClusterRoleBinding(b.ctx, name, &rbacv1.ClusterRoleBindingArgs{
		Metadata: metadata,
		Subjects: rbacv1.SubjectArray{rbacv1.SubjectArgs{
			ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("Group"), Name: pulumi.String(readAllGroup),
		}},
		RoleRef: rbacv1.RoleRefArgs{
			ApiGroup: pulumi.String(rbacGroup), Kind: pulumi.String("ClusterRole"), Name: role.Metadata.Name().Elem(),
		},
	}, options...)
	if err != nil {
		return fmt.Errorf("creating the ClusterRoleBinding: %w", err)
	}
	b.ready = append(b.ready, role, binding)
	return nil
}

const rbacGroup = "rbac.authorization.k8s.io"

// clusterNameOf is the name of the EKS cluster with that ARN.
func (b *argoCDTargetBuilder) clusterNameOf(arn pulumi.StringInput) pulumi.StringOutput {
	return arn.ToStringOutput().ApplyT(func(text string) (string, error) {
		arn, err := iampolicy.ParseClusterARN(text)
		return arn.ClusterName(), failure(ArgoCDTargetType, b.name, fielderr.At("arn", err))
	}).(pulumi.StringOutput)
}

// suffixOf tells the Kubernetes objects of one principal from those of another.
func suffixOf(principal pulumi.StringInput) pulumi.StringOutput {
	return principal.ToStringOutput().ApplyT(func(arn string) string {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(arn)) // a hash takes everything
		return hex.EncodeToString(hash.Sum(nil))
	}).(pulumi.StringOutput)
}
