package tests

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
)

func TestIrsaRoleRefuses(t *testing.T) {
	t.Parallel()
	type (
		args     = components.IrsaRoleArgs
		account  = components.ServiceAccountArgs
		cluster  = components.IrsaCluster
		settings = components.PodSettings
	)
	long := func(length int) string { return strings.Repeat("a", length) }
	first := func(change func(*account)) func(*args) {
		return func(a *args) { change(&a.ServiceAccounts[0]) }
	}
	policies := func(arns map[string]string) func(*args) {
		return func(a *args) {
			a.PolicyAttachments = map[string]pulumi.StringInput{}
			for key, arn := range arns {
				a.PolicyAttachments[key] = pulumi.String(arn)
			}
		}
	}
	testPod := func(s settings) func(*args) {
		return func(a *args) { a.TestPod = &components.TestPodArgs{PodSettings: s} }
	}
	inline := func(name, document string) func(*args) {
		return func(a *args) { a.InlinePolicies = map[string]components.PolicyDocument{name: pulumi.String(document)} }
	}
	irsaRole.refuses(t, []refusal[args]{
		// Clusters.
		{"no cluster", "clusters: name at least one cluster", func(a *args) { a.Clusters = nil }},
		{"a cluster without a name", "clusters[0].name: must not be empty", func(a *args) { a.Clusters[0].Name = "" }},
		{"one cluster twice", lines(
			`clusters[1]: "hub" is already in the list, at index 0`,
			"trustPolicy: providers[1]: "+hubIssuer+" is the issuer of providers[0] already",
		), func(a *args) { a.Clusters = append(a.Clusters, a.Clusters[0]) }},
		{"a cluster without an OIDC provider", "clusters[0]: give exactly one of oidcProvider, oidcProviderArn and issuer", func(a *args) {
			a.Clusters[0].OidcProviderArn = nil
		}},
		{"a cluster with an OIDC provider and an issuer", "clusters[0]: give exactly one of oidcProvider, oidcProviderArn and issuer", func(a *args) {
			a.Clusters[0].Issuer = "https://" + hubIssuer
		}},
		{"a malformed ARN of an OIDC provider", `clusters[0].oidcProviderArn: "oidc-provider/x" is not the ARN of an OIDC provider` + providerForm, func(a *args) {
			a.Clusters[0].OidcProviderArn = pulumi.String("oidc-provider/x")
		}},
		{
			"another ARN for that of an OIDC provider",
			`clusters[0].oidcProviderArn: "arn:aws:iam::111122223333:role/x" is not the ARN of an OIDC provider` + providerForm,
			func(a *args) { a.Clusters[0].OidcProviderArn = pulumi.String("arn:aws:iam::111122223333:role/x") },
		},
		{"an issuer over http", `clusters[0].issuer: issuer "http://oidc.example.com" has the scheme "http"; it must be https`, func(a *args) {
			a.Clusters[0] = cluster{Name: "hub", Issuer: "http://oidc.example.com", Kubernetes: a.Clusters[0].Kubernetes}
		}},
		{
			"clusters of two accounts",
			"clusters: the OIDC providers " + hubProviderArn + " and arn:aws:iam::222233334444:oidc-provider/oidc.example.com are in different " +
				"accounts; a role can trust those of its own account only, so make one role per account",
			func(a *args) {
				a.Clusters = append(a.Clusters, cluster{
					Name: "edge", Kubernetes: a.Clusters[0].Kubernetes,
					OidcProviderArn: pulumi.String("arn:aws:iam::222233334444:oidc-provider/oidc.example.com"),
				})
			},
		},
		{"no Kubernetes provider", "clusters[0].kubernetes: needed, as a service account is not trust-only", func(a *args) {
			a.Clusters[0].Kubernetes = nil
		}},

		{"earlier names of clusters", lines(
			`clusters[0].aliases[0]: "hub" is clusters[0].name already`,
			"clusters[0].aliases[1]: must not be empty",
			`clusters[0].aliases[3]: "old" is clusters[0].aliases[2] already`,
		), func(a *args) { a.Clusters[0].Aliases = []string{"hub", "", "old", "old"} }},

		// Service accounts.
		{"no service account", "serviceAccounts: is empty; at least one service account is needed", func(a *args) { a.ServiceAccounts = nil }},
		{"no namespace", "serviceAccounts[0].namespace: is empty; name the namespace", first(func(s *account) { s.Namespace = "" })},
		{
			"no name of a service account",
			"serviceAccounts[0].name: is empty; name the service account, or ask for a pattern with namePattern",
			first(func(s *account) { s.Name = "" }),
		},
		{
			"a wildcard that is not asked for", `serviceAccounts[0].name: "app-*" is a pattern; ask for it with namePattern`,
			first(func(s *account) { s.Name = "app-*" }),
		},
		{
			"a namespace with a wildcard", `serviceAccounts[0].namespace: "*" is a pattern; a namespace is always named exactly`,
			first(func(s *account) { s.Namespace = "*" }),
		},
		{
			"a pattern that is to be created",
			lines(`serviceAccounts[0].mode: a namePattern names no single account, so it needs "trustOnly"`,
				"name: needed, as the first service account is a pattern"),
			first(func(s *account) { s.Name, s.NamePattern = "", "app-*" }),
		},
		{"a name and a pattern", lines(
			"serviceAccounts[0].namePattern: conflicts with name; give one of the two",
			"name: needed, as the first service account is a pattern",
		), first(func(s *account) { s.NamePattern, s.Mode = "app-*", components.TrustOnly })},
		{"a service account twice", "serviceAccounts[1]: default/app is serviceAccounts[0] already", func(a *args) {
			a.ServiceAccounts = append(a.ServiceAccounts, a.ServiceAccounts[0])
		}},
		{
			"an unknown mode", `serviceAccounts[0].mode: "adopt" is none of "create", "import", "patch" and "trustOnly"`,
			first(func(s *account) { s.Mode = "adopt" }),
		},
		{
			"a namespace to create around an account to patch",
			"serviceAccounts[0].createNamespace: the account to patch is in a namespace that exists",
			first(func(s *account) { s.Mode, s.CreateNamespace = components.PatchServiceAccount, true }),
		},
		{
			"a namespace to create around an account to import",
			"serviceAccounts[0].createNamespace: the account to import is in a namespace that exists",
			first(func(s *account) { s.Mode, s.CreateNamespace = components.ImportServiceAccount, true }),
		},
		{
			"a token of 599 seconds", "serviceAccounts[0].tokenExpirationSeconds: 599 is not within 600 to 86400",
			first(func(s *account) { s.TokenExpirationSeconds = 599 }),
		},
		{
			"a token of 86,401 seconds", "serviceAccounts[0].tokenExpirationSeconds: 86401 is not within 600 to 86400",
			first(func(s *account) { s.TokenExpirationSeconds = 86401 }),
		},
		{
			"an annotation that is the role's", `serviceAccounts[0].annotations: "eks.amazonaws.com/role-arn" is set by the role itself`,
			first(func(s *account) { s.Annotations = map[string]string{"eks.amazonaws.com/role-arn": "x"} }),
		},

		// The role.
		{"a name of 65 characters", `name: role name "` + long(65) + `" has 65 characters; at most 64 are allowed`, func(a *args) { a.Name = long(65) }},
		{
			"a name with a space", `name: role name "my role" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
			func(a *args) { a.Name = "my role" },
		},
		{
			"a prefix of 39 characters", `namePrefix: role name prefix "` + long(39) + `" has 39 characters; at most 38 are allowed`,
			func(a *args) { a.NamePrefix = long(39) },
		},
		{"a name and a prefix", "namePrefix: give a name or a prefix, not both", func(a *args) { a.Name, a.NamePrefix = "app", "app-" }},
		{
			"a path without a slash",
			`path: role path "teams" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
			func(a *args) { a.Path = "teams" },
		},
		{"a description of 1,001 characters", "description: has 1001 characters, IAM allows 1000", func(a *args) { a.Description = strings.Repeat("ä", 1001) }},
		{
			"a session of 43,201 s", "maxSessionDuration: session duration of 43201 s is out of range; use 3600 to 43200 s (1 to 12 hours)",
			func(a *args) { a.MaxSessionDuration = 43201 },
		},
		{
			"a session of 3,599 s", "maxSessionDuration: session duration of 3599 s is out of range; use 3600 to 43200 s (1 to 12 hours)",
			func(a *args) { a.MaxSessionDuration = 3599 },
		},
		{
			"a malformed ARN of a boundary", `permissionsBoundary: "arn:boundary" ` + notAnArn,
			func(a *args) { a.PermissionsBoundary = pulumi.String("arn:boundary") },
		},
		{
			"a boundary that is no policy", `permissionsBoundary: "arn:aws:iam::111122223333:role/x" is not the ARN of an IAM policy`,
			func(a *args) { a.PermissionsBoundary = pulumi.String("arn:aws:iam::111122223333:role/x") },
		},

		// Policies.
		{"a malformed ARN of a policy", `policyAttachments.read: "ReadOnlyAccess" ` + notAnArn, policies(map[string]string{"read": "ReadOnlyAccess"})},
		{
			"one managed policy twice", "policyAttachments.b: arn:aws:iam::aws:policy/ReadOnlyAccess is attached already",
			policies(map[string]string{"a": "arn:aws:iam::aws:policy/ReadOnlyAccess", "b": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
		},
		{"a policy document that is not JSON", "inlinePolicies.x: not JSON: invalid character 'V' looking for beginning of value, at byte 0", inline("x", "Version: 2012-10-17")},
		{"an empty policy document", "inlinePolicies.x: empty; a JSON policy document is expected", inline("x", "")},
		{
			"a policy document with a principal",
			"inlinePolicies.x: Statement[0].Principal: does not belong in a permission document: the role that it is attached to is meant",
			inline("x", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}`),
		},
		{
			"a policy's name with a slash", `inlinePolicies.a/b: policy name "a/b" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
			inline("a/b", describeCluster),
		},
		{"two policies with one name", "customerManagedPolicies.x: another policy of the role has this name, x", func(a *args) {
			inline("x", describeCluster)(a)
			a.CustomerManagedPolicies = map[string]components.PolicyDocument{"x": pulumi.String(listBuckets)}
		}},

		// The trust policy.
		{
			"a trust policy over the limit",
			"trustPolicy: trust policy has 2066 characters and IAM allows 2048: trust fewer service accounts or clusters with one role, " +
				"split them over several roles, or have the quota \"Role trust policy length\" raised (up to 8192), and say so in the maximum size unless the quota is read",
			manyServiceAccounts,
		},
		{
			"a limit below the one that every account has",
			"maxTrustPolicySize: 2047 is less than 2048, which IAM allows every account; give the quota that the account was raised to",
			func(a *args) { a.MaxTrustPolicySize = 2047 },
		},
		{
			"a statement that trusts everybody",
			"trustPolicy: extraStatements[0].Principal: would trust every principal; name principals or add a Condition",
			func(a *args) {
				a.TrustStatements = []iampolicy.Statement{{
					Effect: iampolicy.Allow, Principal: &iampolicy.Principal{Any: true}, Actions: iampolicy.Strings{"sts:AssumeRole"},
				}}
			},
		},

		// The test pod.
		{
			"a test pod without an account to run under",
			"testPod: needs a service account that is created or patched, as a pod gets its identity by the annotation",
			func(a *args) { a.TestPod, a.ServiceAccounts[0].Mode = &components.TestPodArgs{}, components.TrustOnly },
		},
		{"a test pod's timeout of 14 s", "testPod.timeoutSeconds: 14 is less than 15", testPod(settings{TimeoutSeconds: 14})},
		{"a test pod's image with a space", `testPod.image: "aws cli" is not an image reference such as public.ecr.aws/aws-cli/aws-cli:2.36.49`, testPod(settings{Image: "aws cli"})},
		{
			"a pull secret without a name", "testPod.imagePullSecrets[1]: must not be empty",
			testPod(settings{ImagePullSecrets: []string{"registry", ""}}),
		},
		{
			"a test pod on Windows", `testPod.nodeSelector: kubernetes.io/os must stay "linux", as the proof is a Linux program`,
			testPod(settings{NodeSelector: map[string]string{"kubernetes.io/os": "windows"}}),
		},
		{
			"a test pod with the proof's own label", "testPod.labels: eks-irsa/proof is set by the proof itself",
			testPod(settings{Labels: map[string]string{testpod.Label: "none"}}),
		},
		{
			"tolerations that Kubernetes refuses", lines(
				"testPod.tolerations[0].key: must not be empty, unless the operator is Exists",
				"testPod.tolerations[1].value: must be empty, as the operator is Exists",
				`testPod.tolerations[2].operator: "In" is neither "Equal" nor "Exists"`,
				`testPod.tolerations[2].effect: "NoRun" is none of ["NoSchedule" "PreferNoSchedule" "NoExecute"]`,
			), testPod(settings{Tolerations: []components.Toleration{
				{}, {Key: "team", Operator: "Exists", Value: "a"}, {Key: "team", Operator: "In", Effect: "NoRun"}, {Operator: "Exists"},
			}}),
		},
		{
			"a negative test where the default account has the role",
			"testPod.negativeTest: serviceAccounts[0] lets default/default have the role, under which the negative test runs to be refused",
			func(a *args) {
				a.TestPod, a.ServiceAccounts[0].Name = &components.TestPodArgs{NegativeTest: true}, "default"
			},
		},
		{
			"a negative test where a pattern takes the default account in",
			"testPod.negativeTest: serviceAccounts[1] lets ci/default have the role, under which the negative test runs to be refused",
			func(a *args) {
				a.TestPod = &components.TestPodArgs{NegativeTest: true}
				a.ServiceAccounts = append(a.ServiceAccounts, account{Namespace: "ci", NamePattern: "d*t", Mode: components.TrustOnly})
			},
		},

		{"several faults, all reported", lines(
			"clusters[0].name: must not be empty",
			"clusters[0].kubernetes: needed, as a service account is not trust-only",
			"serviceAccounts[0].namespace: is empty; name the namespace",
			"serviceAccounts[0].tokenExpirationSeconds: 1 is not within 600 to 86400",
			"maxSessionDuration: session duration of 1 s is out of range; use 3600 to 43200 s (1 to 12 hours)",
			`policyAttachments.read: "" `+notAnArn,
			"testPod.timeoutSeconds: 1 is less than 15",
		), func(a *args) {
			a.Clusters[0].Name, a.Clusters[0].Kubernetes = "", nil
			a.ServiceAccounts[0] = account{Name: "app", TokenExpirationSeconds: 1}
			a.MaxSessionDuration = 1
			policies(map[string]string{"read": ""})(a)
			testPod(settings{TimeoutSeconds: 1})(a)
		}},
	})
}
