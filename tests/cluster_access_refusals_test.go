package tests

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

func TestClusterAccessRefuses(t *testing.T) {
	t.Parallel()
	type args = components.ClusterAccessArgs
	entry := func(change func(*components.AccessEntryArgs)) func(*args) {
		return func(a *args) { change(a.AccessEntry) }
	}
	awsAuth := func(line components.AwsAuthArgs) func(*args) {
		return func(a *args) { a.AccessEntry, a.AwsAuth = nil, &line }
	}
	kubeconfig := pulumi.String("apiVersion: v1")
	clusterAccess.refuses(t, []refusal[args]{
		{"no cluster", "clusterName: must not be empty", func(a *args) { a.ClusterName = nil }},
		{"an empty cluster", "clusterName: must not be empty", func(a *args) { a.ClusterName = pulumi.String("") }},
		{"no principal", "principalArn: must not be empty", func(a *args) { a.PrincipalArn = nil }},
		{"a malformed ARN of a principal", `principalArn: "argocd" ` + notAnArn, func(a *args) { a.PrincipalArn = pulumi.String("argocd") }},
		{"a principal that is no role", `principalArn: "arn:aws:iam::111122223333:user/x" is not the ARN of an IAM role`, func(a *args) {
			a.PrincipalArn = pulumi.String("arn:aws:iam::111122223333:user/x")
		}},
		{"an unknown mode", `authenticationMode: "IAM" is none of "API", "API_AND_CONFIG_MAP" and "CONFIG_MAP"`, func(a *args) { a.AuthenticationMode = "IAM" }},
		{"no way in", "accessEntry: give exactly one of accessEntry and awsAuth", func(a *args) { a.AccessEntry = nil }},
		{"two ways in", "accessEntry: give exactly one of accessEntry and awsAuth", func(a *args) { a.AwsAuth = &components.AwsAuthArgs{} }},
		{
			"an access entry that the cluster does not know",
			"accessEntry: the cluster's authentication mode CONFIG_MAP knows no access entries; use awsAuth, or change the mode to API_AND_CONFIG_MAP",
			func(a *args) { a.AuthenticationMode = components.AuthenticationModeConfigMap },
		},
		{
			"an access entry with nothing", "accessEntry.policies: give policies or kubernetesGroups, an entry without them allows nothing",
			entry(func(e *components.AccessEntryArgs) { e.Policies = nil }),
		},
		{
			"what is no access policy", `accessEntry.policies[0].policy: "Administrator" is not an EKS access policy such as AmazonEKSViewPolicy`,
			entry(func(e *components.AccessEntryArgs) { e.Policies[0].Policy = "Administrator" }),
		},
		{
			"an access policy twice", `accessEntry.policies[1]: "AmazonEKSViewPolicy" is already in the list, at index 0`,
			entry(func(e *components.AccessEntryArgs) {
				e.Policies[1].Policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
			}),
		},
		{
			"an empty namespace", "accessEntry.policies[0].namespaces[0]: must not be empty",
			entry(func(e *components.AccessEntryArgs) { e.Policies[0].Namespaces = []string{""} }),
		},
		{
			"the group system:masters",
			`accessEntry.kubernetesGroups[0]: EKS refuses "system:masters", as all groups that begin with system:; use an access policy`,
			entry(func(e *components.AccessEntryArgs) { e.KubernetesGroups = []string{"system:masters"} }),
		},
		{
			"an empty group", "accessEntry.kubernetesGroups[0]: must not be empty",
			entry(func(e *components.AccessEntryArgs) { e.KubernetesGroups = []string{""} }),
		},
		{"a line of aws-auth without a group", "awsAuth.groups: name at least one group", awsAuth(components.AwsAuthArgs{Kubeconfig: kubeconfig})},
		{"a line of aws-auth without a kubeconfig", "awsAuth.kubeconfig: needed to edit the ConfigMap", awsAuth(components.AwsAuthArgs{Groups: []string{"x"}})},
		{"a line of aws-auth that the cluster does not read", "awsAuth: the cluster's authentication mode API ignores aws-auth; use accessEntry", func(a *args) {
			awsAuth(components.AwsAuthArgs{Kubeconfig: kubeconfig, Groups: []string{"x"}})(a)
			a.AuthenticationMode = components.AuthenticationModeAPI
		}},
		{"several faults, all reported", lines(
			"clusterName: must not be empty", "principalArn: must not be empty",
			"awsAuth: the cluster's authentication mode API ignores aws-auth; use accessEntry",
			"awsAuth.kubeconfig: needed to edit the ConfigMap", "awsAuth.groups[1]: must not be empty",
		), func(a *args) {
			*a = args{AwsAuth: &components.AwsAuthArgs{Groups: []string{"x", ""}}, AuthenticationMode: components.AuthenticationModeAPI}
		}},
	})
}
