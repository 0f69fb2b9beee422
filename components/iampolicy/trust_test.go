package iampolicy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

const (
	issuer      = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"
	providerARN = "arn:aws:iam::111122223333:oidc-provider/" + issuer
)

func provider(partition, issuer string) string {
	return "arn:" + partition + ":iam::111122223333:oidc-provider/" + issuer
}

func trustPolicy() iampolicy.ServiceAccountTrust {
	return iampolicy.ServiceAccountTrust{
		Providers:       []string{provider("aws", issuer)},
		ServiceAccounts: []iampolicy.ServiceAccountSubject{{Namespace: "default", Name: "iam-role-test"}},
	}
}

// selfAssume lets a role assume itself, as Argo CD needs it when a cluster secret names the role of its own pods.
func selfAssume() iampolicy.Statement {
	return iampolicy.Statement{
		Sid:       "AssumeItself",
		Effect:    iampolicy.Allow,
		Principal: &iampolicy.Principal{AWS: iampolicy.Strings{"arn:aws:iam::111122223333:role/argocd"}},
		Actions:   iampolicy.Strings{"sts:AssumeRole"},
	}
}

func argoCD() []iampolicy.ServiceAccountSubject {
	return []iampolicy.ServiceAccountSubject{
		{Namespace: "argocd", Name: "argocd-application-controller"},
		{Namespace: "argocd", Name: "argocd-server"},
		{Namespace: "argocd", Name: "argocd-applicationset-controller"},
	}
}

func TestTrustPoliciesEqualTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	only := func(namespace, name string) func(*iampolicy.ServiceAccountTrust) {
		return func(p *iampolicy.ServiceAccountTrust) {
			p.ServiceAccounts = []iampolicy.ServiceAccountSubject{{Namespace: namespace, Name: name}}
		}
	}
	cases := []struct {
		name   string
		mutate func(*iampolicy.ServiceAccountTrust)
	}{
		{"trust-iam-role-test", func(*iampolicy.ServiceAccountTrust) {}},
		{"trust-s3-backup", only("payments", "s3-backup")},
		{"trust-my-service-account-default", only("default", "my-service-account")},
		{"trust-my-service-account-test", only("test", "my-service-account")},
		{"trust-name-with-dots", only("default", "v1.2.my-service-account")},
		{"trust-several-service-accounts", func(p *iampolicy.ServiceAccountTrust) { p.ServiceAccounts = argoCD() }},
		{"trust-several-clusters", func(p *iampolicy.ServiceAccountTrust) {
			p.Providers = append(p.Providers,
				provider("aws", "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE2"),
				provider("aws", "oidc.eks.ap-south-1.amazonaws.com/id/EXAMPLE3"))
		}},
		{"trust-several-of-both", func(p *iampolicy.ServiceAccountTrust) {
			p.Providers = append(p.Providers, provider("aws", "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE2"))
			p.ServiceAccounts = argoCD()
		}},
		{"trust-pattern", func(p *iampolicy.ServiceAccountTrust) {
			p.ServiceAccounts = []iampolicy.ServiceAccountSubject{{Namespace: "ci", NamePattern: "runner-?-*"}}
		}},
		{"trust-whole-namespace", func(p *iampolicy.ServiceAccountTrust) {
			p.ServiceAccounts = []iampolicy.ServiceAccountSubject{{Namespace: "ci", NamePattern: "*"}}
		}},
		{"trust-pattern-and-exact-name", func(p *iampolicy.ServiceAccountTrust) {
			p.ServiceAccounts = append(p.ServiceAccounts, iampolicy.ServiceAccountSubject{Namespace: "ci", NamePattern: "runner-*"})
		}},
		{"trust-china", func(p *iampolicy.ServiceAccountTrust) {
			p.Providers = []string{provider("aws-cn", "oidc.eks.cn-north-1.amazonaws.com.cn/id/EXAMPLE1")}
		}},
		{"trust-govcloud", func(p *iampolicy.ServiceAccountTrust) {
			p.Providers = []string{provider("aws-us-gov", "oidc.eks.us-gov-west-1.amazonaws.com/id/EXAMPLE1")}
		}},
		{"trust-extra-statement", func(p *iampolicy.ServiceAccountTrust) {
			p.ServiceAccounts = argoCD()
			p.ExtraStatements = []iampolicy.Statement{selfAssume()}
		}},
		{"trust-iam-role-test", func(*iampolicy.ServiceAccountTrust) {}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			policy := trustPolicy()
			test.mutate(&policy)
			document, err := policy.Document()
			require.NoError(t, err)
			require.NoError(t, document.ValidateTrust(), "what is built here is a valid trust policy")
			text, err := policy.JSON()
			require.NoError(t, err)
			assertGolden(t, test.name, text)
		})
	}
}

// The articles that this project follows write these documents by hand; one of them forgets the audience.
func TestTheTrustPolicyIsTheOneThatIsWrittenByHand(t *testing.T) {
	t.Parallel()
	byHand := func(condition string) string {
		return `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
			"Principal": {"Federated": "` + providerARN + `"},
			"Action": "sts:AssumeRoleWithWebIdentity",
			"Condition": {"StringEquals": {` + condition + `}}}]}`
	}
	const aud = `"` + issuer + `:aud": "sts.amazonaws.com"`
	cases := []struct {
		name      string
		subject   iampolicy.ServiceAccountSubject
		condition string
	}{
		{
			"iam-role-test, and the audience that was forgotten",
			iampolicy.ServiceAccountSubject{Namespace: "default", Name: "iam-role-test"},
			`"` + issuer + `:sub": ["system:serviceaccount:default:iam-role-test"],` + aud,
		},
		{
			"s3-backup",
			iampolicy.ServiceAccountSubject{Namespace: "payments", Name: "s3-backup"},
			`"` + issuer + `:sub": "system:serviceaccount:payments:s3-backup",` + aud,
		},
		{
			"my-service-account",
			iampolicy.ServiceAccountSubject{Namespace: "default", Name: "my-service-account"},
			aud + `, "` + issuer + `:sub": "system:serviceaccount:default:my-service-account"`,
		},
		{
			"my-service-account of test, and the audience that was forgotten",
			iampolicy.ServiceAccountSubject{Namespace: "test", Name: "my-service-account"},
			`"` + issuer + `:sub": "system:serviceaccount:test:my-service-account",` + aud,
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want, err := iampolicy.Parse(byHand(test.condition))
			require.NoError(t, err)
			policy := trustPolicy()
			policy.ServiceAccounts = []iampolicy.ServiceAccountSubject{test.subject}
			built, err := policy.Document()
			require.NoError(t, err)
			assert.Equal(t, want, built)
		})
	}
}

func TestTheTrustPolicyIsTheSameBytesEveryTime(t *testing.T) {
	t.Parallel()
	policy := trustPolicy()
	policy.ServiceAccounts = append(argoCD(), iampolicy.ServiceAccountSubject{Namespace: "ci", NamePattern: "*"})
	first, err := policy.JSON()
	require.NoError(t, err)
	for range 100 {
		again, err := policy.JSON()
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestTheAudienceIsPinnedAndExactInEveryStatement(t *testing.T) {
	t.Parallel()
	policy := trustPolicy()
	policy.Providers = append(policy.Providers, provider("aws-cn", "oidc.eks.cn-north-1.amazonaws.com.cn/id/EXAMPLE2"))
	for _, pattern := range []string{"", "runner-*"} {
		if pattern != "" {
			policy.ServiceAccounts = []iampolicy.ServiceAccountSubject{{Namespace: "ci", NamePattern: pattern}}
		}
		document, err := policy.Document()
		require.NoError(t, err)
		require.Len(t, document.Statements, 2)
		for i, statement := range document.Statements {
			host, err := iampolicy.ProviderIssuer(policy.Providers[i])
			require.NoError(t, err)
			assert.Equal(t, iampolicy.Strings{"sts.amazonaws.com"}, statement.Condition[iampolicy.StringEquals][host+":aud"])
		}
	}
}

func TestTrustPolicyRefuses(t *testing.T) {
	t.Parallel()
	const form = "its form is arn:<partition>:iam::<account>:oidc-provider/<issuer without https://>"
	extra := func(mutate func(*iampolicy.Statement)) func(*iampolicy.ServiceAccountTrust) {
		return func(p *iampolicy.ServiceAccountTrust) {
			statement := selfAssume()
			mutate(&statement)
			p.ExtraStatements = []iampolicy.Statement{statement}
		}
	}
	cases := []struct {
		name   string
		mutate func(*iampolicy.ServiceAccountTrust)
		want   string
	}{
		{"no cluster", func(p *iampolicy.ServiceAccountTrust) { p.Providers = nil }, "providers: is empty; at least one cluster is needed"},
		{
			"no service account, rather than trust the audience alone", func(p *iampolicy.ServiceAccountTrust) { p.ServiceAccounts = nil },
			"serviceAccounts: is empty; at least one service account is needed",
		},
		{
			"an empty name, rather than trust the audience alone", func(p *iampolicy.ServiceAccountTrust) { p.ServiceAccounts[0].Name = "" },
			"serviceAccounts[0].name: is empty; name the service account, or ask for a pattern with namePattern",
		},
		{
			"a provider without an issuer", func(p *iampolicy.ServiceAccountTrust) { p.Providers[0] = strings.TrimSuffix(providerARN, issuer) },
			`providers[0]: "arn:aws:iam::111122223333:oidc-provider/" is not the ARN of an OIDC provider; ` + form,
		},
		{
			"a provider of an issuer over http", func(p *iampolicy.ServiceAccountTrust) { p.Providers[0] = provider("aws", "http://"+issuer) },
			`providers[0]: issuer "http://` + issuer + `" has the scheme "http"; it must be https`,
		},
		{"no provider", func(p *iampolicy.ServiceAccountTrust) { p.Providers[0] = "" }, `providers[0]: "" is not the ARN of an OIDC provider; ` + form},
		{
			"a provider that is no ARN", func(p *iampolicy.ServiceAccountTrust) { p.Providers[0] = issuer },
			`providers[0]: "` + issuer + `" is not the ARN of an OIDC provider; ` + form,
		},
		{
			"a provider that is a role", func(p *iampolicy.ServiceAccountTrust) { p.Providers[0] = "arn:aws:iam::111122223333:role/x" },
			`providers[0]: "arn:aws:iam::111122223333:role/x" is not the ARN of an OIDC provider; ` + form,
		},
		{
			"https:// left in the provider's ARN", func(p *iampolicy.ServiceAccountTrust) { p.Providers[0] = provider("aws", "https://"+issuer) },
			`providers[0]: "arn:aws:iam::111122223333:oidc-provider/https://` + issuer + `" names the issuer otherwise than IAM does; ` + form,
		},
		{
			"one cluster twice", func(p *iampolicy.ServiceAccountTrust) { p.Providers = append(p.Providers, providerARN) },
			"providers[1]: " + issuer + " is the issuer of providers[0] already",
		},
		{
			"a size below the default quota", func(p *iampolicy.ServiceAccountTrust) { p.MaxSize = 2047 },
			"maxSize: 2047 is less than 2048, which IAM allows every account; give the quota that the account was raised to",
		},
		{
			"an extra statement for everybody", extra(func(s *iampolicy.Statement) { s.Principal = &iampolicy.Principal{Any: true} }),
			"extraStatements[0].Principal: would trust every principal; name principals or add a Condition",
		},
		{
			"an extra statement for everybody, spelled differently", extra(func(s *iampolicy.Statement) { s.Principal.AWS = iampolicy.Strings{"*"} }),
			"extraStatements[0].Principal: would trust every principal; name principals or add a Condition",
		},
		{"an extra statement for everybody, with a condition that is none", extra(func(s *iampolicy.Statement) {
			s.Principal.AWS, s.Condition = iampolicy.Strings{"*"}, iampolicy.Condition{}
		}), "extraStatements[0].Condition: is empty; leave it out or name an operator\n" +
			"extraStatements[0].Principal: would trust every principal; name principals or add a Condition"},
		{
			"an extra statement for everybody else", extra(func(s *iampolicy.Statement) { s.Principal, s.NotPrincipal = nil, s.Principal }),
			"extraStatements[0].NotPrincipal: with Allow would trust every other principal in the world; use Principal",
		},
		{
			"an extra statement for nobody", extra(func(s *iampolicy.Statement) { s.Principal = nil }),
			"extraStatements[0].Principal: is missing; a trust policy says who may assume the role",
		},
		{"an extra statement for a whole provider", extra(func(s *iampolicy.Statement) {
			s.Principal = &iampolicy.Principal{Federated: iampolicy.Strings{providerARN}}
			s.Condition = iampolicy.Condition{iampolicy.StringEquals: {issuer + ":aud": {iampolicy.Audience}}}
		}), `extraStatements[0].Condition: would trust every identity of ` + issuer + `; add a condition on "` + issuer + `:sub"`},
		{"an extra statement for all of Google", extra(func(s *iampolicy.Statement) {
			s.Principal = &iampolicy.Principal{Federated: iampolicy.Strings{"accounts.google.com"}}
		}), "extraStatements[0].Condition: is missing: every identity of accounts.google.com would be trusted"},
		{"an extra statement with part of a principal", extra(func(s *iampolicy.Statement) {
			s.Principal.AWS = iampolicy.Strings{"arn:aws:iam::111122223333:role/*"}
		}), `extraStatements[0].Principal.AWS[0]: "arn:aws:iam::111122223333:role/*" has a wildcard; a principal is named in full`},
		{"an extra statement for every service", extra(func(s *iampolicy.Statement) {
			s.Principal = &iampolicy.Principal{Service: iampolicy.Strings{"*"}}
		}), `extraStatements[0].Principal.Service[0]: "*" has a wildcard; a principal is named in full`},
		{
			"an extra statement with resources", extra(func(s *iampolicy.Statement) { s.Resources = iampolicy.Strings{"*"} }),
			"extraStatements[0].Resource: does not belong in a trust policy: the role itself is the resource",
		},
		{
			"an extra statement with negated resources", extra(func(s *iampolicy.Statement) { s.NotResources = iampolicy.Strings{"*"} }),
			"extraStatements[0].NotResource: does not belong in a trust policy: the role itself is the resource",
		},
		{
			"an extra statement with an action of another service", extra(func(s *iampolicy.Statement) { s.Actions = iampolicy.Strings{"*"} }),
			`extraStatements[0].Action[0]: "*" is not an action of STS, and a trust policy has no others; use "sts:AssumeRole" or the like`,
		},
		{
			"an extra statement without effect", extra(func(s *iampolicy.Statement) { s.Effect = "" }),
			"extraStatements[0].Effect: is missing; use Allow or Deny",
		},
		{"several faults at once", func(p *iampolicy.ServiceAccountTrust) {
			p.Providers[0] = ""
			p.ServiceAccounts[0].Namespace = ""
			p.ExtraStatements = []iampolicy.Statement{{Effect: iampolicy.Allow, Actions: iampolicy.Strings{"sts:AssumeRole"}}}
			p.MaxSize = -1
		}, `providers[0]: "" is not the ARN of an OIDC provider; ` + form + "\n" +
			"serviceAccounts[0].namespace: is empty; name the namespace\n" +
			"extraStatements[0].Principal: is missing; a trust policy says who may assume the role\n" +
			"maxSize: -1 is less than 2048, which IAM allows every account; give the quota that the account was raised to"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			policy := trustPolicy()
			test.mutate(&policy)
			text, err := policy.JSON()
			require.EqualError(t, err, test.want)
			assert.Empty(t, text)
		})
	}
}

func TestServiceAccountsAreRefused(t *testing.T) {
	t.Parallel()
	type subject = iampolicy.ServiceAccountSubject
	long := func(length int) string { return strings.Repeat("a", length) }
	pattern := func(pattern string) []subject { return []subject{{Namespace: "ci", NamePattern: pattern}} }
	cases := []struct {
		name     string
		subjects []subject
		want     string
	}{
		{"none", nil, "serviceAccounts: is empty; at least one service account is needed"},
		{"empty", []subject{{}}, "serviceAccounts[0].namespace: is empty; name the namespace\n" +
			"serviceAccounts[0].name: is empty; name the service account, or ask for a pattern with namePattern"},
		{
			"wildcard as name",
			[]subject{{Namespace: "ci", Name: "runner-*"}},
			`serviceAccounts[0].name: "runner-*" is a pattern; ask for it with namePattern`,
		},
		{
			"question mark in name",
			[]subject{{Namespace: "ci", Name: "runner-?"}},
			`serviceAccounts[0].name: "runner-?" is a pattern; ask for it with namePattern`,
		},
		{
			"wildcard as namespace",
			[]subject{{Namespace: "*", Name: "x"}},
			`serviceAccounts[0].namespace: "*" is a pattern; a namespace is always named exactly`,
		},
		{
			"wildcard in namespace beside a pattern",
			[]subject{{Namespace: "team-*", NamePattern: "*"}},
			`serviceAccounts[0].namespace: "team-*" is a pattern; a namespace is always named exactly`,
		},
		{
			"policy variable as name",
			[]subject{{Namespace: "ci", Name: "${aws:username}"}},
			`serviceAccounts[0].name: "${aws:username}" is not a service account; use lower case letters, digits, hyphens and dots`,
		},
		{
			"policy variable as namespace",
			[]subject{{Namespace: "${aws:username}", Name: "x"}},
			`serviceAccounts[0].namespace: "${aws:username}" is not a namespace; use lower case letters, digits and hyphens`,
		},
		{
			"upper case name",
			[]subject{{Namespace: "ci", Name: "Runner"}},
			`serviceAccounts[0].name: "Runner" is not a service account; use lower case letters, digits, hyphens and dots`,
		},
		{
			"upper case namespace",
			[]subject{{Namespace: "CI", Name: "x"}},
			`serviceAccounts[0].namespace: "CI" is not a namespace; use lower case letters, digits and hyphens`,
		},
		{
			"namespace with a dot",
			[]subject{{Namespace: "a.b", Name: "x"}},
			`serviceAccounts[0].namespace: "a.b" is not a namespace; use lower case letters, digits and hyphens`,
		},
		{
			"name that smuggles a namespace in",
			[]subject{{Namespace: "ci", Name: "x:y"}},
			`serviceAccounts[0].name: "x:y" is not a service account; use lower case letters, digits, hyphens and dots`,
		},
		{
			"name with a line break after it",
			[]subject{{Namespace: "ci", Name: "x\n"}},
			`serviceAccounts[0].name: "x\n" is not a service account; use lower case letters, digits, hyphens and dots`,
		},
		{
			"name that ends with a hyphen",
			[]subject{{Namespace: "ci", Name: "x-"}},
			`serviceAccounts[0].name: "x-" is not a service account; use lower case letters, digits, hyphens and dots`,
		},
		{
			"namespace of 64 characters",
			[]subject{{Namespace: long(64), Name: "x"}},
			`serviceAccounts[0].namespace: "` + long(64) + `" has 64 characters; Kubernetes allows 63`,
		},
		{
			"name of 254 characters",
			[]subject{{Namespace: "ci", Name: long(254)}},
			`serviceAccounts[0].name: "` + long(254) + `" has 254 characters; Kubernetes allows 253`,
		},
		{
			"name and pattern",
			[]subject{{Namespace: "ci", Name: "x", NamePattern: "y*"}},
			"serviceAccounts[0].namePattern: conflicts with name; give one of the two",
		},
		{"pattern without wildcard", pattern("runner"), `serviceAccounts[0].namePattern: "runner" has neither * nor ?; use name for an exact name`},
		{
			"pattern with a policy variable", pattern("${aws:username}*"),
			`serviceAccounts[0].namePattern: "${aws:username}*" has a character that no service account has; use lower case letters, digits, hyphens, dots, * and ?`,
		},
		{
			"pattern in upper case", pattern("Runner-*"),
			`serviceAccounts[0].namePattern: "Runner-*" has a character that no service account has; use lower case letters, digits, hyphens, dots, * and ?`,
		},
		{
			"pattern that disguises the whole namespace", pattern("?*"),
			`serviceAccounts[0].namePattern: "?*" is nothing but wildcards; write "*" if every service account of the namespace is meant`,
		},
		{
			"pattern of two stars", pattern("**"),
			`serviceAccounts[0].namePattern: "**" is nothing but wildcards; write "*" if every service account of the namespace is meant`,
		},
		{
			"pattern with two stars", pattern("runner-**"),
			`serviceAccounts[0].namePattern: "runner-**" has ** in it, which means the same as *; write one`,
		},
		{
			"pattern that matches nothing", pattern("-runner*"),
			`serviceAccounts[0].namePattern: "-runner*" can match no service account; names begin and end with a letter or a digit`,
		},
		{
			"pattern of 254 characters", pattern(long(253) + "*"),
			`serviceAccounts[0].namePattern: "` + long(253) + `*" has 254 characters; Kubernetes allows 253`,
		},
		{
			"one twice",
			[]subject{{Namespace: "ci", Name: "x"}, {Namespace: "ci", Name: "y"}, {Namespace: "ci", Name: "x"}},
			"serviceAccounts[2]: ci/x is serviceAccounts[0] already",
		},
		{
			"two faults, and nothing said of a third",
			[]subject{{Namespace: "", Name: "x"}, {Namespace: "", Name: "x"}},
			"serviceAccounts[0].namespace: is empty; name the namespace\nserviceAccounts[1].namespace: is empty; name the namespace",
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := iampolicy.ValidateServiceAccounts("serviceAccounts", test.subjects)
			require.EqualError(t, err, test.want)
		})
	}
}

func TestServiceAccountsAreTaken(t *testing.T) {
	t.Parallel()
	err := iampolicy.ValidateServiceAccounts("roles.x.serviceAccounts", []iampolicy.ServiceAccountSubject{
		{Namespace: strings.Repeat("a", 63), Name: strings.Repeat("a", 253)},
		{Namespace: "0", Name: "0"},
		{Namespace: "ci", Name: "a.b-c.d"},
		{Namespace: "ci", NamePattern: "*"},
		{Namespace: "ci", NamePattern: "a-*"},
		{Namespace: "ci", NamePattern: "*.b"},
		{Namespace: "ci", NamePattern: "a-?*"},
		{Namespace: "ci", NamePattern: strings.Repeat("a", 252) + "*"},
		{Namespace: "other", Name: "a.b-c.d"},
	})
	require.NoError(t, err)
}

// sized is a trust policy of exactly that many characters.
func sized(t *testing.T, size int) iampolicy.ServiceAccountTrust {
	t.Helper()
	policy := trustPolicy()
	policy.MaxSize = 2 * iampolicy.RaisedTrustPolicySize
	for i := 0; ; i++ {
		document, err := policy.Document()
		require.NoError(t, err)
		missing := size - document.Size()
		if missing < 200 {
			policy.ServiceAccounts[0].Name += strings.Repeat("x", missing)
			policy.MaxSize = 0
			return policy
		}
		policy.ServiceAccounts = append(policy.ServiceAccounts, iampolicy.ServiceAccountSubject{Namespace: "n", Name: fmt.Sprintf("name-%d", i)})
	}
}

func TestTheTrustPolicyMayBeAsLongAsTheQuota(t *testing.T) {
	t.Parallel()
	const help = ": trust fewer service accounts or clusters with one role, split them over several roles, or have the quota " +
		`"Role trust policy length" raised (up to 8192), and say so in the maximum size unless the quota is read`
	cases := []struct {
		size, limit int
		want        string
	}{
		{2048, 0, ""},
		{2048, iampolicy.MaxTrustPolicySize, ""},
		{2049, 0, "trust policy has 2049 characters and IAM allows 2048" + help},
		{2049, iampolicy.RaisedTrustPolicySize, ""},
		{4000, 3999, "trust policy has 4000 characters and IAM allows 3999" + help},
		{8191, iampolicy.RaisedTrustPolicySize, ""},
		{8193, 10000, ""}, // AWS may raise the quota further
	}
	for _, test := range cases {
		t.Run(fmt.Sprintf("%d characters where %d are allowed", test.size, test.limit), func(t *testing.T) {
			t.Parallel()
			policy := sized(t, test.size)
			policy.MaxSize = test.limit
			text, err := policy.JSON()
			if test.want != "" {
				require.EqualError(t, err, test.want)
				return
			}
			require.NoError(t, err)
			assert.Len(t, text, test.size)
		})
	}
}

func TestOneMoreThanTheRaisedQuotaIsTooLong(t *testing.T) {
	t.Parallel()
	policy := sized(t, iampolicy.RaisedTrustPolicySize)
	policy.MaxSize = iampolicy.RaisedTrustPolicySize
	_, err := policy.JSON()
	require.NoError(t, err)

	policy.ServiceAccounts[0].Name += "x"
	_, err = policy.JSON()
	require.ErrorContains(t, err, "trust policy has 8193 characters and IAM allows 8192: ")
}
