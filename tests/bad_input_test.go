package tests

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// refusedInput checks that a constructor fails with the message, whole, and that nothing reached the engine: no
// registration and no question to AWS.
func refusedInput(t *testing.T, want string, construct func(*pulumi.Context) error, options ...pulumi.RunOption) {
	t.Helper()
	r := newRecorder()
	var err error
	require.NoError(t, r.run(func(ctx *pulumi.Context) error {
		err = construct(ctx)
		return nil
	}, options...))
	require.EqualError(t, err, want)
	assert.Empty(t, r.graph())
	assert.Empty(t, r.invokes)
}

func lines(texts ...string) string { return strings.Join(texts, "\n") }

const notAnArn = "is not an ARN; its form is arn:partition:service:region:account:resource"

const providerForm = "; its form is arn:<partition>:iam::<account>:oidc-provider/<issuer without https://>"

func TestAnOidcProviderRefuses(t *testing.T) {
	t.Parallel()
	type args = components.OidcProviderArgs
	const url = "https://" + hubIssuer
	cases := []struct {
		name, want string
		args       *args
	}{
		{"nil arguments", "args: must not be nil", nil},
		{"no issuer", "issuer: give exactly one of issuer, clusterName and issuerOfNewCluster", &args{}},
		{"two issuers", "issuer: give exactly one of issuer, clusterName and issuerOfNewCluster", &args{Issuer: url, ClusterName: "hub"}},
		{
			"an issuer over http", `issuer: issuer "http://` + hubIssuer + `" has the scheme "http"; it must be https`,
			&args{Issuer: "http://" + hubIssuer},
		},
		{
			"an issuer with a port", `issuer: issuer "https://oidc.example.com:8443" has a port; IAM takes none in the URL of an OIDC provider`,
			&args{Issuer: "https://oidc.example.com:8443"},
		},
		{
			"client IDs without that of the pods", `clientIds: must contain "sts.amazonaws.com", the audience of the pods' tokens`,
			&args{Issuer: url, ClientIDs: []string{"sigstore"}},
		},
		{
			"a client ID twice, and an empty one",
			lines(`clientIds[1]: "sts.amazonaws.com" is already in the list, at index 0`, "clientIds[2]: must not be empty"),
			&args{Issuer: url, ClientIDs: []string{"sts.amazonaws.com", "sts.amazonaws.com", ""}},
		},
		{
			"a thumbprint that is not SHA-1", `thumbprints[1]: "9E:99" is not a SHA-1 fingerprint of 40 hexadecimal digits`,
			&args{Issuer: url, Thumbprints: []string{"9e99a48a9960b14926bb7f3b02e22da2b0ab7280", "9E:99"}},
		},
		{
			"an owner that no tag can hold",
			`owner: the value "dev & prod" has a character that no tag can have; use letters, digits, spaces and _ . : / = + - @`,
			&args{Issuer: url, Owner: "dev & prod"},
		},
		{
			"to import the provider of a cluster that is still to be made",
			"import: not for a cluster that is still to be created, which has no provider yet",
			&args{IssuerOfNewCluster: pulumi.String(url), Import: true},
		},
		{
			"several faults, all reported",
			lines(
				`issuer: issuer "https://" has no host`,
				`clientIds: must contain "sts.amazonaws.com", the audience of the pods' tokens`,
				`thumbprints[0]: "" is not a SHA-1 fingerprint of 40 hexadecimal digits`,
			),
			&args{Issuer: "https://", ClientIDs: []string{"x"}, Thumbprints: []string{""}},
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refusedInput(t, "invalid arguments of OidcProvider \"hub\":\n"+test.want, func(ctx *pulumi.Context) error {
				_, err := components.NewOidcProvider(ctx, "hub", test.args)
				return err
			})
		})
	}
}

func TestAnIrsaRoleRefuses(t *testing.T) {
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
	cases := []struct {
		name, want string
		change     func(*args)
	}{
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
				"split them over several roles, or have the quota \"Role trust policy length\" raised (up to 8192) and say so in the maximum size",
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
			testPod(settings{Labels: map[string]string{components.ProofLabel: "none"}}),
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
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			given := &args{
				Clusters:        []cluster{{Name: "hub", OidcProviderArn: pulumi.String(hubProviderArn), Kubernetes: &kubernetes.Provider{}}},
				ServiceAccounts: []account{{Namespace: "default", Name: "app"}},
			}
			test.change(given)
			refusedInput(t, "invalid arguments of IrsaRole \"app\":\n"+test.want, func(ctx *pulumi.Context) error {
				_, err := components.NewIrsaRole(ctx, "app", given)
				return err
			})
		})
	}
	t.Run("nil arguments", func(t *testing.T) {
		t.Parallel()
		refusedInput(t, "invalid arguments of IrsaRole \"app\":\nargs: must not be nil", func(ctx *pulumi.Context) error {
			_, err := components.NewIrsaRole(ctx, "app", nil)
			return err
		})
	})
}

func TestAnAssumableRoleRefuses(t *testing.T) {
	t.Parallel()
	type (
		args      = components.AssumableRoleArgs
		principal = components.TrustedRole
	)
	cases := []struct {
		name, want string
		change     func(*args)
	}{
		{"no principal", "trustedRoles: name at least one role", func(a *args) { a.TrustedRoles = nil }},
		{"a principal without an ARN", "trustedRoles[0].arn: must not be empty", func(a *args) { a.TrustedRoles[0].Arn = nil }},
		{"a malformed ARN of a principal", `trustedRoles[0].arn: "argocd" ` + notAnArn, func(a *args) { a.TrustedRoles[0].Arn = pulumi.String("argocd") }},
		{
			"a whole account", `trustedRoles[1].arn: "arn:aws:iam::111122223333:root" is not the ARN of an IAM role`,
			func(a *args) {
				a.TrustedRoles = append(a.TrustedRoles, principal{Arn: pulumi.String("arn:aws:iam::111122223333:root")})
			},
		},
		{"everybody", `trustedRoles[0].arn: "*" ` + notAnArn, func(a *args) { a.TrustedRoles[0].Arn = pulumi.String("*") }},
		{"no name", "name: role name is empty; use 1 to 64 letters, digits or _+=,.@-", func(a *args) { a.Name = "" }},
		{"several faults, all reported", lines(
			"trustedRoles: name at least one role",
			`name: role name "a/b" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
			`path: role path "teams" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
			"description: has 1001 characters, IAM allows 1000",
			"maxSessionDuration: session duration of 1 s is out of range; use 3600 to 43200 s (1 to 12 hours)",
			`permissionsBoundary: "arn:x" `+notAnArn,
		), func(a *args) {
			*a = args{
				Name: "a/b",
				RoleSettings: components.RoleSettings{
					Path: "teams", Description: strings.Repeat("x", 1001), MaxSessionDuration: 1, PermissionsBoundary: pulumi.String("arn:x"),
				},
			}
		}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			given := &args{Name: "edge", TrustedRoles: []principal{{Arn: pulumi.String(argoCDRole)}}}
			test.change(given)
			refusedInput(t, "invalid arguments of AssumableRole \"edge\":\n"+test.want, func(ctx *pulumi.Context) error {
				_, err := components.NewAssumableRole(ctx, "edge", given)
				return err
			})
		})
	}
	t.Run("nil arguments", func(t *testing.T) {
		t.Parallel()
		refusedInput(t, "invalid arguments of AssumableRole \"edge\":\nargs: must not be nil", func(ctx *pulumi.Context) error {
			_, err := components.NewAssumableRole(ctx, "edge", nil)
			return err
		})
	})
}

func TestAClusterAccessRefuses(t *testing.T) {
	t.Parallel()
	type args = components.ClusterAccessArgs
	entry := func(change func(*components.AccessEntryArgs)) func(*args) {
		return func(a *args) { change(a.AccessEntry) }
	}
	awsAuth := func(line components.AwsAuthArgs) func(*args) {
		return func(a *args) { a.AccessEntry, a.AwsAuth = nil, &line }
	}
	kubeconfig := pulumi.String("apiVersion: v1")
	cases := []struct {
		name, want string
		change     func(*args)
	}{
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
				e.Policies = append(e.Policies, components.AccessPolicyArgs{Policy: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"})
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
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			given := &args{
				ClusterName: pulumi.String("edge"), PrincipalArn: pulumi.String(argoCDRole),
				AccessEntry: &components.AccessEntryArgs{Policies: []components.AccessPolicyArgs{{Policy: "AmazonEKSViewPolicy"}}},
			}
			test.change(given)
			refusedInput(t, "invalid arguments of ClusterAccess \"edge\":\n"+test.want, func(ctx *pulumi.Context) error {
				_, err := components.NewClusterAccess(ctx, "edge", given)
				return err
			})
		})
	}
	t.Run("nil arguments", func(t *testing.T) {
		t.Parallel()
		refusedInput(t, "invalid arguments of ClusterAccess \"\":\nname: must not be empty\nargs: must not be nil", func(ctx *pulumi.Context) error {
			_, err := components.NewClusterAccess(ctx, "", nil)
			return err
		})
	})
}

func TestAnArgoCDClusterRefuses(t *testing.T) {
	t.Parallel()
	type args = components.ArgoCDClusterArgs
	const notACertificate = "certificateAuthorityData: must be a PEM certificate in base64, as EKS gives it in certificateAuthority.data"
	const notInCluster = "not for the cluster that Argo CD runs in, which it reaches with its service accounts"
	yes, minusOne := true, -1
	cases := []struct {
		name, want string
		change     func(*args)
	}{
		{"no cluster", "clusterName: must not be empty", func(a *args) { a.ClusterName = nil }},
		{"no server", "server: must not be empty", func(a *args) { a.Server = pulumi.String("") }},
		{"a server over http", `server: "http://edge.example.com" is not an https URL`, func(a *args) { a.Server = pulumi.String("http://edge.example.com") }},
		{"a server without https://", `server: "edge.example.com" is not an https URL`, func(a *args) { a.Server = pulumi.String("edge.example.com") }},
		{"no CA", "certificateAuthorityData: must not be empty", func(a *args) { a.CertificateAuthorityData = nil }},
		{"a CA that is not encoded", notACertificate, func(a *args) { a.CertificateAuthorityData = pulumi.String("-----BEGIN CERTIFICATE-----") }},
		{"a CA that was encoded twice", notACertificate, func(a *args) {
			a.CertificateAuthorityData = pulumi.String(base64.StdEncoding.EncodeToString([]byte(caData)))
		}},
		{"a malformed ARN of a role", `roleArn: "argocd" ` + notAnArn, func(a *args) { a.RoleArn = pulumi.String("argocd") }},
		{
			"another ARN for that of a role", `roleArn: "arn:aws:sts::111122223333:assumed-role/argocd/x" is not the ARN of an IAM role`,
			func(a *args) { a.RoleArn = pulumi.String("arn:aws:sts::111122223333:assumed-role/argocd/x") },
		},
		{"cluster resources without namespaces", "clusterResources: only with namespaces", func(a *args) { a.ClusterResources = &yes }},
		{"a namespace twice", `namespaces[1]: "apps" is already in the list, at index 0`, func(a *args) { a.Namespaces = []string{"apps", "apps"} }},
		{"a negative shard", "shard: -1 is negative", func(a *args) { a.Shard = &minusOne }},
		{"another secret type", `labels: argocd.argoproj.io/secret-type must stay "cluster"`, func(a *args) {
			a.Labels = map[string]string{"argocd.argoproj.io/secret-type": "repository"}
		}},
		{"what says how to reach the cluster that Argo CD runs in", lines(
			"clusterName: "+notInCluster, "server: "+notInCluster, "certificateAuthorityData: "+notInCluster, "roleArn: "+notInCluster,
			"profile: "+notInCluster, "serverName: "+notInCluster, "proxyUrl: "+notInCluster,
		), func(a *args) {
			a.InCluster, a.RoleArn, a.Profile, a.ServerName, a.ProxyURL = true, pulumi.String(argoCDRole), "x", "x", "http://x"
		}},
		{"several faults, all reported", lines(
			"clusterName: must not be empty", "server: must not be empty", "certificateAuthorityData: must not be empty", "shard: -1 is negative",
		), func(a *args) { *a = args{Shard: &minusOne} }},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			given := &args{
				ClusterName: pulumi.String("edge"), Server: pulumi.String(edgeServer), CertificateAuthorityData: pulumi.String(caData),
			}
			test.change(given)
			refusedInput(t, "invalid arguments of ArgoCDCluster \"edge\":\n"+test.want, func(ctx *pulumi.Context) error {
				_, err := components.NewArgoCDCluster(ctx, "edge", given)
				return err
			})
		})
	}
	t.Run("nil arguments", func(t *testing.T) {
		t.Parallel()
		refusedInput(t, "invalid arguments of ArgoCDCluster \"edge\":\nargs: must not be nil", func(ctx *pulumi.Context) error {
			_, err := components.NewArgoCDCluster(ctx, "edge", nil)
			return err
		})
	})
}

// mayNotAssumeItself is why the hub role is refused as the role of a target.
func mayNotAssumeItself(path string) string {
	return "and no role may assume itself unless its trust policy names it; leave " + path + " out, and the cluster lets that role in directly"
}

// refusedConfig checks the message about a stack file whose clusters are hub and edge, unless it declares others.
func refusedConfig(t *testing.T, platform, want string) {
	t.Helper()
	refusedInput(t, "invalid configuration:\n"+want, stacks.Platform, withConfig(platformConfig(t, withClusters(platform))))
}

// withClusters declares hub and edge where no clusters are declared.
func withClusters(platform string) string {
	if strings.Contains(platform, "clusters:\n") {
		return platform
	}
	return "clusters:\n  hub: {region: eu-west-1}\n  edge: {region: us-east-1, profile: other}\n" + platform
}

func refusedConfigs(t *testing.T, cases []struct{ name, platform, want string }) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refusedConfig(t, test.platform, test.want)
		})
	}
}

const (
	isEmpty        = "is empty; give it a value, or leave the key out"
	isEmptyInAList = "is empty; give it a value, or take it off the list"

	// Keys that the configuration knows.
	topKeys  = "argocd, buckets, clusters, owner, roles, tags, testPodDefaults"
	roleKeys = "aliases, clusters, customerManagedPolicies, description, forceDetachPolicies, inlinePolicies, " +
		"managedPolicies, maxSessionDuration, maxTrustPolicySize, name, namePrefix, path, permissionsBoundary, serviceAccounts, tags, testPod"
	argoCDKeys = "customerManagedPolicies, description, forceDetachPolicies, hub, inlinePolicies, managedPolicies, maxSessionDuration, " +
		"maxTrustPolicySize, namespace, path, permissionsBoundary, roleName, roleNamePrefix, serviceAccountMode, serviceAccounts, tags, targets, testPod"
)

func TestThePlatformRefusesAConfigurationOfAnotherShape(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, platform, want string }{
		{"an unknown key", "role: {}", "platform.role: unknown key; known are " + topKeys},
		{
			"an unknown key further down", "clusters:\n  hub: {region: eu-west-1, create: {nodes: 3}}",
			"platform.clusters.hub.create.nodes: unknown key; known are authenticationMode, desiredCapacity, instanceType, maxSize, minSize, " +
				"privateSubnetIds, publicSubnetIds, version, vpcId",
		},
		{
			"an unknown key in a list", "roles: {app: {serviceAccounts: [{Namespace: x}]}}",
			"platform.roles.app.serviceAccounts[0].Namespace: unknown key; known are annotations, labels, mode, name, namePattern, namespace, " +
				"regionalSts, tokenExpirationSeconds",
		},
		{
			"a number where a string is wanted", "clusters:\n  hub: {region: eu-west-1, create: {version: 1.34}}",
			"platform.clusters.hub.create.version: must be a string, not the number 1.34; put what the file has there in quotes",
		},
		{
			"a string where a number is wanted", `roles: {app: {maxSessionDuration: "3600"}}`,
			`platform.roles.app.maxSessionDuration: must be a whole number, not "3600"; take the quotes off`,
		},
		{
			"a fraction where a whole number is wanted", "roles: {app: {maxSessionDuration: 3600.5}}",
			"platform.roles.app.maxSessionDuration: must be a whole number, not the number 3600.5",
		},
		{"a string where a truth is wanted", `buckets: {b: {forceDestroy: "yes"}}`, `platform.buckets.b.forceDestroy: must be true or false, not "yes"`},
		{"a string where a list is wanted", "roles: {app: {clusters: hub}}", `platform.roles.app.clusters: must be a list, not "hub"; write it as a list: ["hub"]`},
		{"a list where a map is wanted", "roles: [app]", `platform.roles: must be a map, not ["app"]; write "key: value", without dashes or [ ]`},
		{"a string where a map with known keys is wanted", "argocd: hub", `platform.argocd: must be a map, not "hub"; known keys are ` + argoCDKeys},
		{
			"a key without a value", "roles: {app: {testPod: }}",
			"platform.roles.app.testPod: has no value; give one ({} if all is to be default), or leave the key out",
		},
		{"several faults, all reported", "role: {}\nroles: {app: {clusters: [1], Name: x}}\ntags: {a: 1}", lines(
			"platform.role: unknown key; known are "+topKeys,
			"platform.roles.app.Name: unknown key; known are "+roleKeys,
			"platform.roles.app.clusters[0]: must be a string, not the number 1; put what the file has there in quotes",
			"platform.tags.a: must be a string, not the number 1; put what the file has there in quotes",
		)},
	}
	refusedConfigs(t, cases)
}

func TestThePlatformRefusesAConfigurationThatIsNone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, value, want string }{
		{"not set", "", "eks-irsa:platform is not set: declare the platform in Pulumi.dev.yaml"},
		{"empty", "{}", "invalid configuration:\nplatform.clusters: declare at least one cluster"},
		{"null", "null", "invalid configuration:\nplatform: has no value; give one ({} if all is to be default), or leave the key out"},
		{"a word", "dev", "invalid configuration:\nplatform: must be a map: invalid character 'd' looking for beginning of value"},
		{"a number", "5", "invalid configuration:\nplatform: must be a map, not the number 5; known keys are " + topKeys},
		{"a list", `["dev"]`, "invalid configuration:\nplatform: must be a map, not [\"dev\"]; write \"key: value\", without dashes or [ ]; known keys are " + topKeys},
		{"two values", `{}{}`, "invalid configuration:\nplatform: something follows the value"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refusedInput(t, test.want, stacks.Platform, withConfig(map[string]string{"eks-irsa:platform": test.value}))
		})
	}
}

func TestThePlatformRefusesClustersAndBuckets(t *testing.T) {
	t.Parallel()
	newCluster := func(create string) string { return "clusters:\n  hub: {region: eu-west-1, create: " + create + "}" }
	cases := []struct{ name, platform, want string }{
		{"a region that is none", "clusters:\n  hub: {region: Ireland}", `platform.clusters.hub.region: "Ireland" is not an AWS region such as eu-west-1`},
		{"no region", "clusters:\n  hub: {}", `platform.clusters.hub.region: "" is not an AWS region such as eu-west-1`},
		{
			"a cluster's name with a dot", "clusters:\n  hub: {region: eu-west-1, name: hub.dev}",
			`platform.clusters.hub.name: "hub.dev" is not the name of an EKS cluster; use up to 100 letters, digits, - and _, and begin with a letter or a digit`,
		},
		{
			"a role to assume that is none", "clusters:\n  hub: {region: eu-west-1, assumeRole: {roleArn: deployer}}",
			`platform.clusters.hub.assumeRole.roleArn: "deployer" ` + notAnArn,
		},
		{
			"no role to assume", "clusters:\n  hub: {region: eu-west-1, assumeRole: {sessionName: pulumi}}",
			`platform.clusters.hub.assumeRole.roleArn: "" ` + notAnArn,
		},
		{
			"an empty namespace", "clusters:\n  hub: {region: eu-west-1, namespaces: ['']}",
			"platform.clusters.hub.namespaces[0]: " + isEmptyInAList,
		},
		{"namespaces twice and Kubernetes's own", "clusters:\n  hub: {region: eu-west-1, namespaces: [apps, apps, kube-system]}", lines(
			`platform.clusters.hub.namespaces[1]: "apps" is there already`,
			`platform.clusters.hub.namespaces[2]: "kube-system" is Kubernetes's own, it exists already`,
		)},
		{
			"one EKS cluster twice", "clusters:\n  a: {name: hub, region: eu-west-1}\n  b: {name: hub, region: eu-west-1}",
			"platform.clusters.b: EKS cluster hub in eu-west-1 is declared already, at platform.clusters.a",
		},
		{
			"one EKS cluster twice, through a role",
			"clusters:\n  a: &a {name: hub, region: eu-west-1, assumeRole: {roleArn: 'arn:aws:iam::111122223333:role/x'}}\n  b: *a",
			"platform.clusters.b: EKS cluster hub in eu-west-1 of account 111122223333 is declared already, at platform.clusters.a",
		},
		{"a new cluster of impossible size", newCluster("{minSize: -1, desiredCapacity: -3, maxSize: 0}"), lines(
			"platform.clusters.hub.create.minSize: -1 is less than 0",
			"platform.clusters.hub.create.maxSize: 0 is less than 1",
			"platform.clusters.hub.create.desiredCapacity: -3 is less than 0",
		)},
		{
			"a new cluster with more nodes at least than at most", newCluster("{minSize: 3, maxSize: 2}"),
			"platform.clusters.hub.create.minSize: 3 is more than maxSize, 2",
		},
		{
			"a new cluster with more nodes than at most", newCluster("{desiredCapacity: 3, maxSize: 2}"),
			"platform.clusters.hub.create.desiredCapacity: 3 is not from minSize to maxSize, 1 to 2",
		},
		{
			"a new cluster with less nodes than at least", newCluster("{desiredCapacity: 1, minSize: 4}"),
			"platform.clusters.hub.create.desiredCapacity: 1 is not from minSize to maxSize, 4 to 4",
		},
		{"a new cluster of no version and no type of instances", newCluster("{version: v1.34, instanceType: t3}"), lines(
			`platform.clusters.hub.create.version: "v1.34" is not a version of Kubernetes such as "1.34"`,
			`platform.clusters.hub.create.instanceType: "t3" is not an EC2 instance type such as m7g.large`,
		)},
		{
			"a new cluster in one subnet", newCluster("{vpcId: vpc-00000001, privateSubnetIds: [subnet-00000001]}"),
			"platform.clusters.hub.create.vpcId: needs publicSubnetIds or privateSubnetIds, two at least and in two availability zones, not 1",
		},
		{
			"a new cluster whose key is no part of a role's name", "clusters:\n  hub.dev: {name: hub, region: eu-west-1, create: {}}",
			`platform.clusters.hub.dev.create: "hub.dev" becomes part of the names of the cluster's IAM roles; ` +
				"choose a key of up to 38 letters, digits, - and _",
		},
		{
			"a new cluster in subnets of no VPC", newCluster("{privateSubnetIds: [subnet-00000001]}"),
			"platform.clusters.hub.create.vpcId: needed with subnets",
		},
		{
			"a new cluster of an unknown mode", newCluster("{authenticationMode: api}"),
			`platform.clusters.hub.create.authenticationMode: "api" is none of API, API_AND_CONFIG_MAP and CONFIG_MAP`,
		},
		{
			"client IDs without that of the pods", "clusters:\n  hub: {region: eu-west-1, oidcProvider: {clientIds: [sigstore]}}",
			`platform.clusters.hub.oidcProvider.clientIds: must contain "sts.amazonaws.com", the audience of the pods' tokens`,
		},
		{
			"a thumbprint that is given and computed",
			"clusters:\n  hub: {region: eu-west-1, oidcProvider: {computeThumbprint: true, thumbprints: [9e99a48a9960b14926bb7f3b02e22da2b0ab7280]}}",
			"platform.clusters.hub.oidcProvider.computeThumbprint: conflicts with thumbprints",
		},
		{
			"a thumbprint of an issuer that does not exist yet", "clusters:\n  hub: {region: eu-west-1, create: {}, oidcProvider: {computeThumbprint: true}}",
			"platform.clusters.hub.oidcProvider.computeThumbprint: not for a cluster that is still to be created",
		},
		{
			"an OIDC provider to import that does not exist yet", "clusters:\n  hub: {region: eu-west-1, create: {}, oidcProvider: {import: true}}",
			"platform.clusters.hub.oidcProvider.import: not for a cluster that is still to be created, which has no provider yet",
		},
		{
			"an owner that no tag can hold", "owner: dev & prod",
			`platform.owner: the value "dev & prod" has a character that no tag can have; use letters, digits, spaces and _ . : / = + - @`,
		},
		{
			"clusters of two partitions with one account's credentials",
			"clusters:\n  hub: {region: eu-west-1}\n  iso: {region: us-isob-east-1, profile: iso}\n  far: {region: cn-north-1, profile: iso}",
			`platform.clusters.iso.region: us-isob-east-1 is in another partition than cn-north-1 of cluster "far", which is reached with ` +
				"the same credentials (profile iso); a partition has accounts of its own",
		},
		{
			"an earlier key that is declared or claimed twice",
			"clusters:\n  a: {region: eu-west-1, aliases: [b, a, old]}\n  b: {region: eu-west-1, aliases: [old]}", lines(
				`platform.clusters.a.aliases[0]: "b" is declared, at platform.clusters.b, so it is not an earlier key`,
				`platform.clusters.a.aliases[1]: "a" is declared, at platform.clusters.a, so it is not an earlier key`,
				`platform.clusters.b.aliases[0]: "old" is claimed already, at platform.clusters.a.aliases[2]`,
			),
		},
		{
			"an earlier key of a bucket that is declared", "buckets: {data: {cluster: hub}, backup: {cluster: hub, aliases: [data]}}", lines(
				`platform.buckets.backup.aliases[0]: "data" is declared, at platform.buckets.data, so it is not an earlier key`,
				"platform.buckets.data: bucket data is declared already, at platform.buckets.backup",
			),
		},
		{
			"a bucket in upper case", "buckets: {Backup: {cluster: hub}}",
			`platform.buckets.Backup.name: "Backup" is not a bucket name (3 to 63 lower-case letters, digits, . and -)`,
		},
		{
			"a bucket beside a cluster that is not declared", "buckets: {backup: {cluster: hubb}}",
			`platform.buckets.backup.cluster: cluster "hubb" is not declared; declared are ["edge" "hub"]`,
		},
		{
			"one bucket twice", "buckets: {a: {name: backup, cluster: hub}, backup: {cluster: edge}}",
			"platform.buckets.backup: bucket backup is declared already, at platform.buckets.a",
		},
	}
	refusedConfigs(t, cases)
}

func TestThePlatformRefusesRoles(t *testing.T) {
	t.Parallel()
	role := func(rest string) string {
		return "roles:\n  app:\n    clusters: [hub]\n    serviceAccounts: [{namespace: default, name: app}]\n    " + rest
	}
	cases := []struct{ name, platform, want string }{
		{
			"a cluster that is not declared", "roles: {app: {clusters: [hubb], serviceAccounts: [{namespace: default, name: app}]}}",
			`platform.roles.app.clusters[0]: cluster "hubb" is not declared; declared are ["edge" "hub"]`,
		},
		{
			"an earlier key that is claimed twice", role("aliases: [old]") + "\n  other: {aliases: [old], clusters: [hub], serviceAccounts: [{namespace: x, name: y}]}",
			`platform.roles.other.aliases[0]: "old" is claimed already, at platform.roles.app.aliases[0]`,
		},
		{"no cluster", "roles: {app: {serviceAccounts: [{namespace: default, name: app}]}}", "platform.roles.app.clusters: name at least one cluster"},
		{
			"clusters of two accounts, as the roles to assume say", "clusters:\n  hub: {region: eu-west-1, assumeRole: {roleArn: 'arn:aws:iam::111122223333:role/x'}}\n" +
				"  edge: {region: eu-west-1, assumeRole: {roleArn: 'arn:aws:iam::222233334444:role/x'}}\n" +
				"roles: {app: {clusters: [hub, edge], serviceAccounts: [{namespace: default, name: app}]}}",
			`platform.roles.app.clusters[1]: "edge" is in account 222233334444 and "hub" in account 111122223333; a role is in one account, so make one role per account`,
		},
		{
			"no namespace", "roles: {app: {clusters: [hub], serviceAccounts: [{name: app}]}}",
			"platform.roles.app.serviceAccounts[0].namespace: is empty; name the namespace",
		},
		{
			"no service account", "roles: {app: {clusters: [hub]}}",
			"platform.roles.app.serviceAccounts: is empty; at least one service account is needed",
		},
		{
			"a wildcard that is not asked for", "roles: {app: {clusters: [hub], serviceAccounts: [{namespace: default, name: '*'}]}}",
			`platform.roles.app.serviceAccounts[0].name: "*" is a pattern; ask for it with namePattern`,
		},
		{"a policy document that is not JSON", role("inlinePolicies: {x: Allow everything}"), "platform.roles.app.inlinePolicies.x: not JSON: invalid character 'A' looking for beginning of value, at byte 0"},
		{
			"a policy document in YAML with a fault", role("customerManagedPolicies: {x: {Version: '2012-10-17', Statement: [{Effect: allow, Action: 's3:*', Resource: '*'}]}}"),
			`platform.roles.app.customerManagedPolicies.x: Statement[0].Effect: "allow" is neither Allow nor Deny`,
		},
		{
			"an AWS policy twice, by name and by ARN", role("managedPolicies: [ReadOnlyAccess, 'arn:aws:iam::aws:policy/ReadOnlyAccess']"),
			`platform.roles.app.managedPolicies[1]: a policy named "ReadOnlyAccess" is already in the list, at index 0`,
		},
		{
			"two managed policies of one name, one of which would get lost",
			role("managedPolicies: [ReadOnlyAccess, 'arn:aws:iam::111122223333:policy/own/ReadOnlyAccess']"),
			`platform.roles.app.managedPolicies[1]: a policy named "ReadOnlyAccess" is already in the list, at index 0`,
		},
		{
			"two roles with one name", "roles: {a: {name: app, clusters: [hub], serviceAccounts: [{namespace: default, name: a}]}, " +
				"b: {name: app, clusters: [hub], serviceAccounts: [{namespace: default, name: b}]}}",
			"platform.roles.b: role app is declared already, at platform.roles.a",
		},
		{
			"two roles with one name by default", "roles: {a: {clusters: [hub], serviceAccounts: [{namespace: a-b, name: c}]}, " +
				"b: {clusters: [hub], serviceAccounts: [{namespace: a, name: b-c}]}}",
			"platform.roles.b: role eks-a-b-c is declared already, at platform.roles.a",
		},
		{
			"a service account in two roles", "roles: {a: {name: a, clusters: [hub], serviceAccounts: [{namespace: default, name: app}]}, " +
				"b: {name: b, clusters: [hub], serviceAccounts: [{namespace: default, name: app}]}}",
			"platform.roles.b.serviceAccounts[0]: service account default/app of cluster hub is declared already, at platform.roles.a.serviceAccounts[0]",
		},
		{
			"a managed policy in two roles", "roles: {a: {clusters: [edge], serviceAccounts: [{namespace: default, name: a}], customerManagedPolicies: &p {x: '" +
				describeCluster + "'}}, b: {clusters: [edge], serviceAccounts: [{namespace: default, name: b}], customerManagedPolicies: *p}}",
			"platform.roles.b.customerManagedPolicies.x: managed policy x (profile other) is declared already, at platform.roles.a.customerManagedPolicies.x",
		},
	}
	refusedConfigs(t, cases)
}

func TestThePlatformRefusesArgoCD(t *testing.T) {
	t.Parallel()
	target := func(rest string) string {
		return "argocd:\n  hub: hub\n  roleName: dev-argocd\n  targets:\n    edge:\n      cluster: edge\n      " + strings.ReplaceAll(rest, "\n", "\n      ")
	}
	const (
		access       = "access: {kubernetesGroups: [deployers]}\n"
		oneAccount   = "clusters:\n  hub: {region: eu-west-1}\n  edge: {region: us-east-1}\n  more: {region: us-east-1}\n"
		otherAccount = "clusters:\n  hub: {region: eu-west-1, assumeRole: {roleArn: 'arn:aws:iam::222233334444:role/deployer'}}\n  edge: {region: us-east-1}\n"
		notForTheHub = "not for the cluster that Argo CD runs in, which it reaches with its service accounts"
	)
	newCluster := func(mode string) string {
		return "clusters:\n  hub: {region: eu-west-1}\n  edge: {region: eu-west-1, create: {authenticationMode: " + mode + "}}\n"
	}
	cases := []struct{ name, platform, want string }{
		{"no hub", "argocd: {}", `platform.argocd.hub: cluster "" is not declared; declared are ["edge" "hub"]`},
		{
			"access policies for a new cluster that knows aws-auth only",
			newCluster("CONFIG_MAP") + target("access: {policies: [{policy: AmazonEKSViewPolicy}]}"),
			lines(
				"platform.argocd.targets.edge.access.via: is aws-auth, as the cluster's authentication mode CONFIG_MAP allows nothing else",
				"platform.argocd.targets.edge.access.policies: aws-auth knows no access policies; name kubernetesGroups",
				"platform.argocd.targets.edge.access.kubernetesGroups: name at least one group",
			),
		},
		{
			"an access entry for a new cluster that knows aws-auth only",
			newCluster("CONFIG_MAP") + target("access: {via: accessEntry, kubernetesGroups: [deployers]}"),
			"platform.argocd.targets.edge.access.via: authentication mode CONFIG_MAP does not support accessEntry",
		},
		{
			"aws-auth for a new cluster that does not know it",
			newCluster("API") + target("access: {via: aws-auth, kubernetesGroups: [deployers]}"),
			"platform.argocd.targets.edge.access.via: authentication mode API does not support aws-auth",
		},
		{"a hub that is not declared", "argocd: {hub: hubb}", `platform.argocd.hub: cluster "hubb" is not declared; declared are ["edge" "hub"]`},
		{
			"a namespace that is none", "argocd: {hub: hub, namespace: Argo CD}",
			`platform.argocd.namespace: "Argo CD" is not a namespace; use lower case letters, digits and hyphens`,
		},
		{
			"a role name of 65 characters", "argocd: {hub: hub, roleName: " + strings.Repeat("a", 65) + "}",
			`platform.argocd.roleName: role name "` + strings.Repeat("a", 65) + `" has 65 characters; at most 64 are allowed`,
		},
		{
			"a mode that is none", "argocd: {hub: hub, serviceAccountMode: adopt}",
			`platform.argocd.serviceAccountMode: "adopt" is none of "create", "import", "patch" and "trustOnly"`,
		},
		{
			"a test pod without an account to run under", "argocd: {hub: hub, serviceAccountMode: trustOnly, testPod: {}}",
			"platform.argocd.testPod: needs a service account that is created or patched, as a pod gets its identity by the annotation",
		},
		{
			"a default of all test pods that is none, told once", "testPodDefaults: {timeoutSeconds: 1}\nargocd: {hub: hub, testPod: {}}",
			"platform.testPodDefaults.timeoutSeconds: 1 is less than 15",
		},
		{
			"a target that is not declared", "argocd: {hub: hub, targets: {x: {cluster: x, access: {kubernetesGroups: [x]}}}}",
			`platform.argocd.targets.x.cluster: cluster "x" is not declared; declared are ["edge" "hub"]`,
		},
		{
			"an earlier key of a target that is declared",
			target(access+"aliases: [again]") + "\n    again: {cluster: hub}",
			lines(
				`platform.argocd.targets.edge.aliases[0]: "again" is declared, at platform.argocd.targets.again, so it is not an earlier key`,
				`platform.argocd.targets.edge: cluster "again" in Argo CD is declared already, at platform.argocd.targets.again`,
			),
		},
		{
			"Argo CD's own key for an earlier one of a role",
			target(access) + "\nroles: {app: {aliases: [argocd], clusters: [hub], serviceAccounts: [{namespace: x, name: x}]}}",
			`platform.roles.app.aliases[0]: Argo CD's own role has the key "argocd"`,
		},
		{
			"one target twice", target(access) + "\n    again: {cluster: edge, access: {kubernetesGroups: [x]}}",
			"platform.argocd.targets.edge: Argo CD target edge is declared already, at platform.argocd.targets.again",
		},
		{
			"access to nothing", target(""),
			"platform.argocd.targets.edge.access.policies: give policies or kubernetesGroups, an entry without them allows nothing",
		},
		{
			"the group system:masters", target("access: {kubernetesGroups: ['system:masters']}"),
			`platform.argocd.targets.edge.access.kubernetesGroups[0]: EKS refuses "system:masters", as all groups that begin with system:; use an access policy`,
		},
		{"another way in", target("access: {via: magic}"), `platform.argocd.targets.edge.access.via: "magic" is neither accessEntry nor aws-auth`},
		{"policies by aws-auth", target("access: {via: aws-auth, policies: [{policy: AmazonEKSViewPolicy}]}"), lines(
			"platform.argocd.targets.edge.access.policies: aws-auth knows no access policies; name kubernetesGroups",
			"platform.argocd.targets.edge.access.kubernetesGroups: name at least one group",
		)},
		{
			"cluster resources without namespaces", target(access + "clusterResources: true"),
			"platform.argocd.targets.edge.clusterResources: only with namespaces",
		},
		{"a negative shard", target(access + "shard: -1"), "platform.argocd.targets.edge.shard: -1 is negative"},
		{
			"a role of a target, and another one", target(access + "role: {}\nroleArn: 'arn:aws:iam::222233334444:role/argocd'"),
			"platform.argocd.targets.edge.roleArn: give role, to have one made, or roleArn, not both",
		},
		{"a role of a target that is none", target(access + "roleArn: argocd"), `platform.argocd.targets.edge.roleArn: "argocd" ` + notAnArn},
		{
			"a role of a target with impossible settings",
			target(access + "role: {name: a b, path: x, maxSessionDuration: 1, permissionsBoundary: 'arn:aws:iam::aws:role/x'}"), lines(
				`platform.argocd.targets.edge.role.name: role name "a b" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
				`platform.argocd.targets.edge.role.path: role path "x" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
				"platform.argocd.targets.edge.role.maxSessionDuration: session duration of 1 s is out of range; use 3600 to 43200 s (1 to 12 hours)",
				`platform.argocd.targets.edge.role.permissionsBoundary: "arn:aws:iam::aws:role/x" is not the ARN of an IAM policy`,
			),
		},
		{
			"Argo CD's own role for a role to make", oneAccount + target(access+"role: {name: Dev-ArgoCD}"),
			"platform.argocd.targets.edge.role: Dev-ArgoCD is Argo CD's own role, " + mayNotAssumeItself("role"),
		},
		{
			"Argo CD's own role for a role made elsewhere, when the account is known", otherAccount + target(access+"roleArn: 'arn:aws:iam::222233334444:role/x/dev-argocd'"),
			"platform.argocd.targets.edge.roleArn: dev-argocd is Argo CD's own role, " + mayNotAssumeItself("roleArn"),
		},
		{
			"two targets whose roles have one name",
			oneAccount + target(access+"role: {name: x}") + "\n    more: {cluster: more, role: {name: x}, access: {kubernetesGroups: [x]}}",
			"platform.argocd.targets.more.role: role x is declared already, at platform.argocd.targets.edge.role",
		},
		{
			"a target whose role has the name of another role",
			oneAccount + target(access+"role: {}") + "\nroles: {app: {name: dev-argocd-edge, clusters: [hub], serviceAccounts: [{namespace: x, name: x}]}}",
			"platform.argocd.targets.edge.role: role dev-argocd-edge is declared already, at platform.roles.app",
		},
		{
			"two targets with one name in Argo CD, and one secret",
			oneAccount + target(access+"secretName: s") + "\n    more: {cluster: more, displayName: edge, secretName: s, access: {kubernetesGroups: [x]}}", lines(
				`platform.argocd.targets.more: cluster "edge" in Argo CD is declared already, at platform.argocd.targets.edge`,
				"platform.argocd.targets.more.secretName: Argo CD's secret s is declared already, at platform.argocd.targets.edge.secretName",
			),
		},
		{
			"a way into the hub", "argocd: {hub: hub, targets: {hub: {cluster: hub, role: {}, roleArn: '" + argoCDRole +
				"', access: {via: accessEntry}, serverName: x, proxyUrl: 'http://x'}}}", lines(
				"platform.argocd.targets.hub.role: "+notForTheHub, "platform.argocd.targets.hub.access: "+notForTheHub,
				"platform.argocd.targets.hub.roleArn: "+notForTheHub, "platform.argocd.targets.hub.serverName: "+notForTheHub,
				"platform.argocd.targets.hub.proxyUrl: "+notForTheHub,
			),
		},
		{
			"a role with the key of Argo CD's own", target(access) + "\nroles: {argocd: {clusters: [hub], serviceAccounts: [{namespace: x, name: x}]}}",
			"platform.roles.argocd: Argo CD's own role has this key; choose another",
		},
		{
			"an account of Argo CD's in another role", target(access) +
				"\nroles: {server: {clusters: [hub], serviceAccounts: [{namespace: argocd, name: argocd-server}]}}",
			"platform.argocd.serviceAccounts[2]: service account argocd/argocd-server of cluster hub is declared already, at platform.roles.server.serviceAccounts[0]",
		},
		{"several faults, all reported", "buckets: {x: {cluster: hub}}\nroles: {app: {clusters: [x]}}\n" + target("access: {via: x}\nshard: -1"), lines(
			`platform.buckets.x.name: "x" is not a bucket name (3 to 63 lower-case letters, digits, . and -)`,
			`platform.roles.app.clusters[0]: cluster "x" is not declared; declared are ["edge" "hub"]`,
			"platform.roles.app.serviceAccounts: is empty; at least one service account is needed",
			`platform.argocd.targets.edge.access.via: "x" is neither accessEntry nor aws-auth`,
			"platform.argocd.targets.edge.shard: -1 is negative",
		)},
	}
	refusedConfigs(t, cases)
}
