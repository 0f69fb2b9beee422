package tests

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		{"a principal that is no role", `principalArn: "arn:aws:iam::111122223333:group/x" is neither the ARN of an IAM role nor that of a user`, func(a *args) {
			a.PrincipalArn = pulumi.String("arn:aws:iam::111122223333:group/x")
		}},
		{"a user in aws-auth", `principalArn: "arn:aws:iam::111122223333:user/x" is not the ARN of an IAM role`, func(a *args) {
			a.PrincipalArn = pulumi.String("arn:aws:iam::111122223333:user/x")
			a.AccessEntry, a.AwsAuth = nil, &components.AwsAuthArgs{Kubeconfig: kubeconfig, Groups: []string{"x"}}
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
			"an access entry with nothing", "accessEntry.policies: give policies, kubernetesGroups or a username, an entry without them allows nothing",
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

const (
	reservedName   = "as all user names that begin with one of system: eks: aws: amazon: iam:"
	anIAMPolicy    = " is an IAM policy, for what a role may do in AWS; what it may do in a cluster is in an EKS access policy, "
	noAccessPolicy = " is not an EKS access policy such as AmazonEKSViewPolicy"
	noNamespace    = " is neither a namespace (up to 63 lower-case letters, digits and -) nor a pattern of some, such as dev-*"
	unprintable    = " has characters that cannot be printed, such as line breaks"
)

// What EKS would refuse in an access entry, one field each: the field, its path, the value and why.
var badEntries = []struct{ name, path, value, want string }{
	{"a user name of Kubernetes's own", "username", "system:argocd", `EKS refuses "system:argocd", ` + reservedName},
	{"a user name of EKS's own", "username", "eks:argocd", `EKS refuses "eks:argocd", ` + reservedName},
	{"a user name of AWS's own", "username", "aws:argocd", `EKS refuses "aws:argocd", ` + reservedName},
	{"a user name of Amazon's own", "username", "amazon:argocd", `EKS refuses "amazon:argocd", ` + reservedName},
	{"a user name of IAM's own", "username", "iam:argocd", `EKS refuses "iam:argocd", ` + reservedName},
	{
		"the session's name without a colon before it", "username", "john{{SessionName}}",
		`EKS refuses "john{{SessionName}}", as there must be a colon before {{SessionName}}, as in "john:{{SessionName}}"`,
	},
	{
		"the session's name as it stands, with the colon after it", "username", "{{SessionNameRaw}}:john",
		`EKS refuses "{{SessionNameRaw}}:john", as there must be a colon before {{SessionName}}, as in ":{{SessionNameRaw}}:john"`,
	},
	{"a user name of a space", "username", " ", "must not be empty"},
	{"a user name of two lines", "username", "argo\ncd", `"argo\ncd"` + unprintable},

	{"a group of Kubernetes's own", "kubernetesGroups[0]", "system:nodes", `EKS refuses "system:nodes", as all groups that begin with system:; use an access policy`},
	{"a group of a space", "kubernetesGroups[0]", " ", "must not be empty"},
	{"a group of two lines", "kubernetesGroups[0]", "a\nb", `"a\nb"` + unprintable},

	{"an IAM policy that sounds like EKS", "policies[0].policy", "AmazonEKSClusterPolicy", `"AmazonEKSClusterPolicy"` + anIAMPolicy + "probably AmazonEKSClusterAdminPolicy"},
	{"an older IAM policy of EKS", "policies[0].policy", "AmazonEKSServicePolicy", `"AmazonEKSServicePolicy"` + anIAMPolicy + "probably AmazonEKSClusterAdminPolicy"},
	{"the administrator of IAM", "policies[0].policy", "AdministratorAccess", `"AdministratorAccess"` + anIAMPolicy + "probably AmazonEKSClusterAdminPolicy"},
	{"the power user of IAM", "policies[0].policy", "PowerUserAccess", `"PowerUserAccess"` + anIAMPolicy + "probably AmazonEKSEditPolicy"},
	{"the reader of IAM", "policies[0].policy", "ReadOnlyAccess", `"ReadOnlyAccess"` + anIAMPolicy + "probably AmazonEKSViewPolicy"},
	{
		"an IAM policy's ARN", "policies[0].policy", "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
		`"arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"` + anIAMPolicy + "probably AmazonEKSClusterAdminPolicy",
	},
	{
		"an IAM policy of one's own", "policies[0].policy", "arn:aws:iam::111122223333:policy/AmazonEKSViewPolicy",
		`"arn:aws:iam::111122223333:policy/AmazonEKSViewPolicy"` + anIAMPolicy + "such as AmazonEKSViewPolicy",
	},
	{
		"an IAM policy's name in the ARN of an access policy", "policies[0].policy", "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterPolicy",
		`"arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterPolicy"` + anIAMPolicy + "probably AmazonEKSClusterAdminPolicy",
	},
	{"the nodes' IAM policy", "policies[0].policy", "AmazonEKSWorkerNodePolicy", `"AmazonEKSWorkerNodePolicy"` + anIAMPolicy + "such as AmazonEKSViewPolicy"},
	{"the CNI's IAM policy", "policies[0].policy", "AmazonEKS_CNI_Policy", `"AmazonEKS_CNI_Policy"` + anIAMPolicy + "such as AmazonEKSViewPolicy"},
	{"the controller's IAM policy", "policies[0].policy", "AmazonEKSVPCResourceController", `"AmazonEKSVPCResourceController"` + anIAMPolicy + "such as AmazonEKSViewPolicy"},
	{
		"an IAM policy of a service's role", "policies[0].policy", "AmazonEKSServiceRolePolicy",
		`"AmazonEKSServiceRolePolicy"` + anIAMPolicy + "such as AmazonEKSViewPolicy",
	},
	{
		"a ClusterRole for an access policy", "policies[0].policy", "cluster-admin",
		`"cluster-admin" is a ClusterRole of Kubernetes; the access policy that is like it is AmazonEKSClusterAdminPolicy`,
	},
	{"a policy without its last word", "policies[0].policy", "AmazonEKSView", `"AmazonEKSView"` + noAccessPolicy},
	{"a policy with a space", "policies[0].policy", "AmazonEKSView Policy", `"AmazonEKSView Policy"` + noAccessPolicy},
	{"no policy's name", "policies[0].policy", "", `""` + noAccessPolicy},
	{
		"an ARN of an account's own", "policies[0].policy", "arn:aws:eks::111122223333:cluster-access-policy/AmazonEKSViewPolicy",
		`"arn:aws:eks::111122223333:cluster-access-policy/AmazonEKSViewPolicy"` + noAccessPolicy,
	},

	{"a namespace in capitals", "policies[0].namespaces[0]", "Prod", `"Prod"` + noNamespace},
	{"a namespace with an underscore", "policies[0].namespaces[0]", "dev_*", `"dev_*"` + noNamespace},
	{"a namespace with a dot", "policies[0].namespaces[0]", "dev.eu", `"dev.eu"` + noNamespace},
	{"a namespace of 64 characters", "policies[0].namespaces[0]", strings.Repeat("a", 64), `"` + strings.Repeat("a", 64) + `"` + noNamespace},
	{"a namespace that begins with a hyphen", "policies[0].namespaces[0]", "-dev", `"-dev"` + noNamespace},
	{"a namespace that ends with a hyphen", "policies[0].namespaces[0]", "dev-", `"dev-"` + noNamespace},
	{"a namespace in a path", "policies[0].namespaces[0]", "dev/app", `"dev/app"` + noNamespace},
}

// entrySetters set what a path names.
var entrySetters = map[string]func(*components.AccessEntryArgs, string){
	"username":                  func(entry *components.AccessEntryArgs, value string) { entry.Username = value },
	"kubernetesGroups[0]":       func(entry *components.AccessEntryArgs, value string) { entry.KubernetesGroups = []string{value} },
	"policies[0].policy":        func(entry *components.AccessEntryArgs, value string) { entry.Policies[0].Policy = value },
	"policies[0].namespaces[0]": func(entry *components.AccessEntryArgs, value string) { entry.Policies[0].Namespaces = []string{value} },
}

// Each is refused before anything is registered, by the component and by the platform, with the path that it has there.
func TestClusterAccessRefusesWhatEKSRefusesInAnAccessEntry(t *testing.T) {
	t.Parallel()
	for _, test := range badEntries {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			entry := components.AccessEntryArgs{Policies: []components.AccessPolicyArgs{{Policy: "AmazonEKSViewPolicy"}}}
			entrySetters[test.path](&entry, test.value)
			clusterAccess.refuses(t, []refusal[components.ClusterAccessArgs]{
				{"by the component", "accessEntry." + test.path + ": " + test.want, func(args *components.ClusterAccessArgs) { args.AccessEntry = &entry }},
			})
			want := test.want
			switch blank := strings.TrimSpace(test.value) == ""; { // which the decoder refuses everywhere
			case blank && strings.HasSuffix(test.path, "]"):
				want = isEmptyInAList
			case blank:
				want = isEmpty
			}
			refusedConfig(t, accessTo(t, entry), "platform.argocd.targets.edge.access."+test.path+": "+want)
		})
	}
}

// accessTo declares a target with the same access.
func accessTo(t *testing.T, entry components.AccessEntryArgs) string {
	t.Helper()
	access := map[string]any{}
	if entry.Username != "" {
		access["username"] = entry.Username
	}
	if entry.KubernetesGroups != nil {
		access["kubernetesGroups"] = entry.KubernetesGroups
	}
	var policies []map[string]any
	for _, policy := range entry.Policies {
		declared := map[string]any{"policy": policy.Policy}
		if policy.Namespaces != nil {
			declared["namespaces"] = policy.Namespaces
		}
		policies = append(policies, declared)
	}
	access["policies"] = policies
	text, err := json.Marshal(access)
	require.NoError(t, err)
	return "argocd: {hub: hub, targets: {edge: {cluster: edge, access: " + string(text) + "}}}"
}

func TestClusterAccessRefusesALineOfAwsAuth(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line          components.AwsAuthArgs
		component     string
		access        string
		inThePlatform []string
	}{
		"a user name of a space": {
			components.AwsAuthArgs{Username: " ", Groups: []string{"a"}},
			"awsAuth.username: must not be empty",
			`{via: aws-auth, username: ' ', kubernetesGroups: [a]}`,
			[]string{"username: " + isEmpty},
		},
		"a user name of two lines": {
			components.AwsAuthArgs{Username: "a\nb", Groups: []string{"a"}},
			`awsAuth.username: "a\nb"` + unprintable,
			`{via: aws-auth, username: "a\nb", kubernetesGroups: [a]}`,
			[]string{`username: "a\nb"` + unprintable},
		},
		"an empty group": {
			components.AwsAuthArgs{Groups: []string{"a", ""}},
			"awsAuth.groups[1]: must not be empty",
			`{via: aws-auth, kubernetesGroups: [a, '']}`,
			[]string{"kubernetesGroups[1]: " + isEmptyInAList},
		},
		"a group with a line separator": {
			components.AwsAuthArgs{Groups: []string{"a\u2028b"}},
			`awsAuth.groups[0]: "a\u2028b"` + unprintable,
			`{via: aws-auth, kubernetesGroups: ["a\u2028b"]}`,
			[]string{`kubernetesGroups[0]: "a\u2028b"` + unprintable},
		},
		"a group twice": {
			components.AwsAuthArgs{Groups: []string{"a", "a"}},
			`awsAuth.groups[1]: "a" is already in the list, at index 0`,
			`{via: aws-auth, kubernetesGroups: [a, a]}`,
			[]string{`kubernetesGroups[1]: "a" is already in the list, at index 0`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.line.Kubeconfig = pulumi.String("apiVersion: v1")
			clusterAccess.refusesThis(t, "by the component", test.component, func(args *components.ClusterAccessArgs) {
				args.AccessEntry, args.AwsAuth = nil, &test.line
			})
			var want []string
			for _, fault := range test.inThePlatform {
				want = append(want, "platform.argocd.targets.edge.access."+fault)
			}
			refusedConfig(t, "argocd: {hub: hub, targets: {edge: {cluster: edge, access: "+test.access+"}}}", lines(want...))
		})
	}
}

func TestClusterAccessRefusesAServiceLinkedRole(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"
	clusterAccess.refuses(t, []refusal[components.ClusterAccessArgs]{{
		"by the component", `principalArn: "` + role + `" is a service-linked role, for which EKS makes no access entries`,
		func(args *components.ClusterAccessArgs) { args.PrincipalArn = pulumi.String(role) },
	}})
	refusedConfig(t, "argocd: {hub: hub, targets: {edge: {cluster: edge, roleArn: '"+role+"', access: {kubernetesGroups: [a]}}}}",
		`platform.argocd.targets.edge.roleArn: "`+role+`" is a service-linked role, which only its AWS service may assume`)
}

// What EKS takes, at the limits of its rules.
func TestClusterAccessTakesWhatEKSTakes(t *testing.T) {
	t.Parallel()
	for _, entry := range []components.AccessEntryArgs{
		{Username: "jo:hn{{SessionName}}", KubernetesGroups: []string{"systems:masters", "a b", "ümlaut"}},
		{Username: "a{{AccountID}}", KubernetesGroups: []string{"a"}},
		{Username: "arn:aws:sts::111122223333:assumed-role/argocd/{{SessionNameRaw}}", KubernetesGroups: []string{strings.Repeat("a", 300)}},
		{Username: "System:argocd", KubernetesGroups: []string{"a"}},
		{Policies: accessPolicies(
			"AmazonEKSViewPolicy", "AmazonAIOpsAssistantPolicy", "AIDevOpsAgentAccessPolicy", "AmazonSagemakerHyperpodSpaceTemplatePolicy",
			"AmazonEMRJobPolicy", "AmazonARCRegionSwitchScalingPolicy", "AmazonEKSComputePolicy", "AmazonEKSSecretReaderPolicy",
			"arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSEditPolicy", "arn:aws-eusc:eks::aws:cluster-access-policy/AmazonSomethingNew",
		)},
		{Policies: []components.AccessPolicyArgs{{
			Policy: "AmazonEKSViewPolicy", Namespaces: []string{"dev-*", "*", "a", "0", strings.Repeat("a", 63), "*-eu", "team-?"},
		}}},
	} {
		assert.NoError(t, entry.Validate())
	}
}

func accessPolicies(names ...string) []components.AccessPolicyArgs {
	var policies []components.AccessPolicyArgs
	for _, name := range names {
		policies = append(policies, components.AccessPolicyArgs{Policy: name})
	}
	return policies
}
