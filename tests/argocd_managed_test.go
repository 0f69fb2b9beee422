package tests

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

const (
	noSecondRole   = "managed Argo CD logs in as its capability role itself and assumes no other role on its way; the cluster lets the capability role in, so leave it out"
	connectedByAWS = "AWS connects managed Argo CD with its clusters, private endpoints included; leave it out"
	knownByArn     = "managed Argo CD knows every cluster by its ARN, its own too, and no URL such as https://kubernetes.default.svc; give arn alone"
	noPodsOfYours  = "managed Argo CD has no pods in the hub; leave it out"
	eksKeepsEntry  = "EKS made the access entry and keeps it as it is; associate policies instead"
)

func TestArgoCDClusterByItsARNIsThisSecret(t *testing.T) {
	t.Parallel()
	r, cluster := argoCDCluster.made(t, func(args *components.ArgoCDClusterArgs) {
		*args = components.ArgoCDClusterArgs{Arn: pulumi.String("arn:aws:eks:eu-west-1:" + account + ":cluster/Prod_EU").ToStringOutput()}
	})
	assert.JSONEq(t, `{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
		"metadata": {
			"name": "cluster-prod-eu-2623744495", "namespace": "argocd",
			"labels": {"argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "pulumi"}
		},
		"data": {"name": "Prod_EU", "server": "arn:aws:eks:eu-west-1:`+account+`:cluster/Prod_EU", "project": "default"}
	}`, decoded(t, r.one(t, secretType, "edge")))
	assert.Equal(t, "arn:aws:eks:eu-west-1:"+account+":cluster/Prod_EU", awaitString(t, cluster.Server))
}

func TestArgoCDClusterByItsARNHasItsOwnNameAndProject(t *testing.T) {
	t.Parallel()
	yes := true
	r, _ := argoCDCluster.made(t, func(args *components.ArgoCDClusterArgs) {
		*args = components.ArgoCDClusterArgs{
			Arn: pulumi.String(edgeArn), InCluster: true, Project: "platform", SecretName: "edge", Namespaces: []string{"apps"}, ClusterResources: &yes,
		}
	})
	secret := fromJSON(t, decoded(t, r.one(t, secretType, "edge")))
	assert.Equal(t, map[string]any{
		"name": "in-cluster", "server": edgeArn, "project": "platform", "namespaces": "apps", "clusterResources": "true",
	}, secret["data"])
}

func TestArgoCDClusterByItsARNRefusesHowToReachIt(t *testing.T) {
	t.Parallel()
	type args = components.ArgoCDClusterArgs
	zero := 0
	argoCDCluster.refuses(t, []refusal[args]{
		{"all of it", lines(
			"clusterName: "+knownByArn, "server: "+knownByArn, "certificateAuthorityData: "+connectedByAWS, "roleArn: "+noSecondRole,
			"profile: "+noSecondRole, "serverName: "+connectedByAWS, "proxyUrl: "+connectedByAWS,
			"shard: AWS runs the controllers of managed Argo CD; leave it out",
		), func(a *args) {
			a.Arn, a.RoleArn, a.Profile, a.ServerName, a.ProxyURL, a.Shard = pulumi.String(edgeArn), pulumi.String(argoCDRole), "x", "x", "http://x", &zero
		}},
		{"a URL in place of the ARN", "arn: " + notAClusterArn("https://kubernetes.default.svc"), func(a *args) {
			*a = args{Arn: pulumi.String("https://kubernetes.default.svc")}
		}},
	})
	argoCDCluster.fails(t, []refusal[args]{{"a URL that comes later", "arn: " + notAClusterArn(edgeServer), func(a *args) {
		*a = args{Arn: pulumi.String(edgeServer).ToStringOutput(), SecretName: "edge"}
	}}})
}

// Labels and annotations hand outputs on, the ARNs of roles for example; what is known is merged and checked at once.
func TestArgoCDClusterTakesOutputsInItsMetadata(t *testing.T) {
	t.Parallel()
	later := pulumi.String("later").ToStringOutput()
	for name, change := range map[string]func(*components.ArgoCDClusterArgs){
		"as values": func(args *components.ArgoCDClusterArgs) {
			args.Labels, args.Annotations = pulumi.StringMap{"team": later}, pulumi.StringMap{"arn": later}
		},
		"as a whole": func(args *components.ArgoCDClusterArgs) {
			args.Labels, args.Annotations = pulumi.StringMap{"team": later}.ToStringMapOutput(), pulumi.StringMap{"arn": later}.ToStringMapOutput()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := argoCDCluster.made(t, change)
			metadata := fromJSON(t, decoded(t, r.one(t, secretType, "edge")))["metadata"].(map[string]any)
			assert.Equal(t, map[string]any{
				"team": "later", "argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "pulumi",
			}, metadata["labels"])
			assert.Equal(t, map[string]any{"arn": "later"}, metadata["annotations"])
		})
	}
	argoCDCluster.refusesThis(t, "a key whose value comes later", `annotations.a b: "a b"`+useKey, func(args *components.ArgoCDClusterArgs) {
		args.Annotations = pulumi.StringMap{"a b": later}
	})
}

// entryOf is what the access entry of a target has: the principal and its groups, and its policies with their namespaces.
func entryOf(t *testing.T, r *recorder, name string) (principal string, groups any, policies map[string]any) {
	t.Helper()
	entry := r.one(t, accessEntryType, name)
	policies = map[string]any{}
	for _, association := range r.ofType(associationType) {
		scope := association.Inputs["accessScope"].ObjectValue().Mappable()
		policies[association.Inputs["policyArn"].StringValue()] = scope["namespaces"]
		assert.Equal(t, entry.Inputs["principalArn"], association.Inputs["principalArn"])
	}
	return entry.Inputs["principalArn"].StringValue(), entry.Inputs["kubernetesGroups"].Mappable(), policies
}

func TestArgoCDTargetOfManagedArgoCDHasTheLeastThatDeploys(t *testing.T) {
	t.Parallel()
	r, target := managedTarget.made(t, nil)
	principal, groups, policies := entryOf(t, r, "edge")
	assert.Equal(t, capabilityRoleArn, principal)
	assert.Equal(t, []any{"argocd-read-all"}, groups)
	assert.Equal(t, map[string]any{"arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy": []any{"apps", "web"}}, policies)
	assert.Equal(t, "edge", r.one(t, accessEntryType, "edge").Inputs["clusterName"].StringValue(), "the name is in the ARN")

	role, binding := r.one(t, clusterRoleType, "edge/argocd-read-all"), r.one(t, clusterRoleBindingType, "edge/argocd-read-all")
	assert.JSONEq(t, `{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
		"metadata": {"name": "argocd-read-all-b449e310", "labels": {"app.kubernetes.io/managed-by": "pulumi"}},
		"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
	}`, role.json(t))
	assert.JSONEq(t, `{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
		"metadata": {"name": "argocd-read-all-b449e310", "labels": {"app.kubernetes.io/managed-by": "pulumi"}},
		"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "argocd-read-all-b449e310"},
		"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "argocd-read-all"}]
	}`, binding.json(t))
	assert.Equal(t, "kubernetes-edge", providerName(role.Provider))
	assert.Equal(t, "kubernetes-edge", providerName(binding.Provider))

	secret := r.one(t, secretType, "edge")
	assert.Equal(t, "kubernetes-hub", providerName(secret.Provider))
	assert.Subset(t, secret.dependencies(), []string{
		"AccessEntry/edge", "AccessPolicyAssociation/edge/AmazonEKSEditPolicy", "ClusterRole/edge/argocd-read-all",
		"ClusterRoleBinding/edge/argocd-read-all",
	}, "Argo CD connects as soon as it sees the secret")
	assert.NotContains(t, fromJSON(t, decoded(t, secret))["data"], "config")
	assert.Equal(t, capabilityRoleArn, awaitString(t, target.PrincipalArn))
	assert.Equal(t, components.ArgoCDManaged, managedTarget.args(unregistered, nil).Model())
	assert.Empty(t, r.ofType(roleType))
	assert.Empty(t, r.ofType(jobType))
}

func TestArgoCDTargetOfManagedArgoCDHasTheAccessThatIsGiven(t *testing.T) {
	t.Parallel()
	r, _ := managedTarget.made(t, func(args *components.ArgoCDTargetArgs) {
		args.Kubernetes, args.Access.Policies = nil, []components.AccessPolicyArgs{{Policy: "AmazonEKSClusterAdminPolicy"}}
	})
	_, groups, policies := entryOf(t, r, "edge")
	assert.Empty(t, groups)
	assert.Equal(t, map[string]any{"arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy": nil}, policies)
	assert.Empty(t, r.ofType(clusterRoleType))
}

// EKS makes the access entry of the capability role in the hub with the capability, and keeps it; a group that a ClusterRole could
// name it does not have.
func TestArgoCDTargetInTheHubOfManagedArgoCDLeavesTheEntryToEKS(t *testing.T) {
	t.Parallel()
	r, target := managedTarget.made(t, func(args *components.ArgoCDTargetArgs) { args.InCluster, args.Kubernetes = true, nil })
	assert.Empty(t, r.ofType(accessEntryType))
	assert.Empty(t, r.ofType(clusterRoleType))
	var policies []string
	for _, association := range r.ofType(associationType) {
		policies = append(policies, association.Inputs["policyArn"].StringValue())
		assert.Equal(t, capabilityRoleArn, association.Inputs["principalArn"].StringValue())
	}
	assert.Equal(t, []string{
		"arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy", "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy",
	}, policies)
	assert.Equal(t, "accessEntry", awaitString(t, target.Access.Via))

	r, target = managedTarget.made(t, func(args *components.ArgoCDTargetArgs) { args.InCluster, args.WithoutAccess = true, true })
	assert.Nil(t, target.Access)
	assert.Empty(t, r.ofType(associationType))
	assert.Equal(t, edgeArn, awaitString(t, target.Secret.Server))
}

func TestArgoCDTargetOfManagedArgoCDRefuses(t *testing.T) {
	t.Parallel()
	type args = components.ArgoCDTargetArgs
	policies := func(names ...string) (all []components.AccessPolicyArgs) {
		for _, name := range names {
			all = append(all, components.AccessPolicyArgs{Policy: name})
		}
		return all
	}
	const ofEKS = " itself with the capability, and Pulumi would take it away with the target; take it off the list"
	managedTarget.refuses(t, []refusal[args]{
		{"no role of the hub", "hub.role.arn: must not be empty", func(a *args) { a.Hub.Role.Arn = nil }},
		{"no ARN", "arn: must not be empty", func(a *args) { a.Arn = nil }},
		{"a URL", "arn: " + notAClusterArn(components.ArgoCDInClusterServer), func(a *args) { a.Arn = pulumi.String(components.ArgoCDInClusterServer) }},
		{"a server", "server: " + knownByArn, func(a *args) { a.Server = pulumi.String(components.ArgoCDInClusterServer) }},
		{"a role on its way", "role: " + noSecondRole, func(a *args) { a.Role = &components.AssumableRoleArgs{Name: "dev-edge"} }},
		{"a role on its way that exists", "roleArn: " + noSecondRole, func(a *args) { a.RoleArn = pulumi.String(argoCDRole) }},
		{"a proxy", "proxyUrl: " + connectedByAWS, func(a *args) { a.ProxyURL = "http://proxy" }},
		{"a proof by pods", "hub.testPod: " + noPodsOfYours, func(a *args) { a.Hub.TestPod = &components.PodSettings{} }},
		{"service accounts", "hub.serviceAccounts: " + noPodsOfYours, func(a *args) { a.Hub.ServiceAccounts = []string{"argocd-server"} }},
		{"no access, and no namespaces", "access.policies: give policies or kubernetesGroups, an entry without them allows nothing; or give the " +
			"target namespaces, for managed Argo CD to edit what is in these and to read the rest", func(a *args) { a.Namespaces = nil }},
		{"no provider for the ClusterRole", "kubernetes: must not be empty where access names neither policies nor kubernetesGroups: the " +
			"ClusterRole by which Argo CD reads is made there", func(a *args) { a.Kubernetes = nil }},
		{"aws-auth", `access.via: "aws-auth" is not a way of managed Argo CD, which comes by an access entry; leave it out`, func(a *args) { a.Access.Via = components.ViaAwsAuth }},
		{"a line of aws-auth", "access.overwrite: is for a line of aws-auth, and managed Argo CD comes by an access entry; leave it out", func(a *args) { a.Access.Overwrite = true }},
		{
			"a cluster without access entries", "access: the cluster's authentication mode CONFIG_MAP knows no access entries, and managed Argo CD " +
				"has no other way in; change the mode: aws eks update-cluster-config --name <cluster> --access-config authenticationMode=API_AND_CONFIG_MAP",
			func(a *args) { a.AuthenticationMode = components.AuthenticationModeConfigMap },
		},
		{
			"a group of Kubernetes's own", `access.kubernetesGroups[0]: EKS refuses "system:masters", as all groups that begin with system:; use an access policy`,
			func(a *args) { a.Access.KubernetesGroups = []string{"system:masters"} },
		},
		{
			"what EKS keeps in the hub", lines("access.kubernetesGroups: "+eksKeepsEntry, "access.username: "+eksKeepsEntry, "access.import: "+eksKeepsEntry),
			func(a *args) {
				a.InCluster, a.Access.Policies, a.Access.KubernetesGroups = true, policies("AmazonEKSViewPolicy"), []string{"x"}
				a.Access.Username, a.Access.Import = "x", true
			},
		},
		{
			"groups alone in the hub", lines("access.policies: name at least one; EKS made the access entry and keeps the rest of it", "access.kubernetesGroups: "+eksKeepsEntry),
			func(a *args) { a.InCluster, a.Access.KubernetesGroups = true, []string{"x"} },
		},
		{"EKS's own policies in the hub", lines("access.policies[0].policy: EKS associates AmazonEKSArgoCDClusterPolicy"+ofEKS,
			"access.policies[2].policy: EKS associates AmazonEKSArgoCDPolicy"+ofEKS), func(a *args) {
			a.InCluster, a.Access.Policies = true, policies("AmazonEKSArgoCDClusterPolicy", "AmazonEKSViewPolicy", "arn:aws:eks::aws:cluster-access-policy/AmazonEKSArgoCDPolicy")
		}},
		{"no access outside of the hub", "withoutAccess: is for managed Argo CD in its own cluster", func(a *args) { a.WithoutAccess = true }},
	})
	argoCDTarget.refuses(t, []refusal[args]{
		{"an ARN for self-managed Argo CD", lines(
			"arn: is how managed Argo CD knows a cluster; give clusterName, server and certificateAuthorityData",
			"withoutAccess: is for managed Argo CD in its own cluster",
		), func(a *args) { a.Arn, a.WithoutAccess = pulumi.String(edgeArn), true }},
	})
}

func TestArgoCDTargetOfManagedArgoCDFailsWhenTheARNTurnsOutToBeNone(t *testing.T) {
	t.Parallel()
	_, err := managedTarget.run(newRecorder(), func(args *components.ArgoCDTargetArgs) { args.Arn = pulumi.String("edge").ToStringOutput() })
	require.ErrorContains(t, err, `ArgoCDTarget "edge": arn: `+notAClusterArn("edge"))
}

func TestClusterAccessWithAnEntryOfEKSsOwnRefuses(t *testing.T) {
	t.Parallel()
	type args = components.ClusterAccessArgs
	clusterAccess.refuses(t, []refusal[args]{
		{"a line of aws-auth", "existingEntry: is for an access entry; use accessEntry", func(a *args) {
			a.ExistingEntry, a.AccessEntry = true, nil
			a.AwsAuth = &components.AwsAuthArgs{Kubeconfig: pulumi.String("apiVersion: v1"), Groups: []string{"deployers"}}
		}},
		{"tags", "accessEntry.tags: " + eksKeepsEntry, func(a *args) {
			a.ExistingEntry, a.AccessEntry.Tags = true, pulumi.StringMap{"team": pulumi.String("x")}
		}},
		{"a policy that is none", `accessEntry.policies[0].policy: "x" is not an EKS access policy such as AmazonEKSViewPolicy`, func(a *args) {
			a.ExistingEntry, a.AccessEntry.Policies = true, []components.AccessPolicyArgs{{Policy: "x"}}
		}},
	})
}
