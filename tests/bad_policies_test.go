package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// documentOf is a permission document of so many characters, without its white space.
func documentOf(size int) string {
	const format = `{ "Version": "2012-10-17", "Statement": [ {"Effect": "Allow", "Action": "s3:GetObject", "Resource": [ "arn:aws:s3:::%s" ] } ] }`
	return fmt.Sprintf(format, strings.Repeat("x", size-iampolicy.TextSize(fmt.Sprintf(format, ""))))
}

const tooLongForAManagedPolicy = "has 6145 characters without white space, and IAM allows 6144 in a managed policy; make several of it"

func TestAnIrsaRoleRefusesPolicies(t *testing.T) {
	t.Parallel()
	type (
		args    = components.IrsaRoleArgs
		cluster = components.IrsaCluster
	)
	inline := func(documents ...string) func(*args) {
		return func(a *args) {
			a.InlinePolicies = map[string]components.PolicyDocument{}
			for i, document := range documents {
				a.InlinePolicies[string(rune('x'+i))] = pulumi.String(document)
			}
		}
	}
	managed := func(document string) func(*args) {
		return func(a *args) {
			a.CustomerManagedPolicies = map[string]components.PolicyDocument{"x": pulumi.String(document)}
		}
	}
	statement := func(elements string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + elements + `}]}`
	}
	inChina := func(change func(*args)) func(*args) {
		return func(a *args) {
			a.Clusters[0].OidcProviderArn = pulumi.String("arn:aws-cn:iam::111122223333:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/EXAMPLE1")
			change(a)
		}
	}
	trust := func(s iampolicy.Statement) func(*args) {
		return func(a *args) {
			s.Effect = iampolicy.Allow
			a.TrustStatements = []iampolicy.Statement{s}
		}
	}
	issuer := func(issuer string) func(*args) {
		return func(a *args) {
			a.Clusters[0] = cluster{Name: "hub", Issuer: issuer, Kubernetes: a.Clusters[0].Kubernetes}
		}
	}
	cases := []struct {
		name, want string
		change     func(*args)
	}{
		// Sizes.
		{"a managed policy that is one character too long", "customerManagedPolicies.x: " + tooLongForAManagedPolicy, managed(documentOf(6145))},
		{
			"inline policies that are together one character too long",
			"inlinePolicies: 10241 characters in all, without white space, and IAM allows a role 10240; make managed policies of some",
			inline(documentOf(6000), documentOf(4241)),
		},
		{
			"one inline policy that is too long",
			"inlinePolicies: 10241 characters in all, without white space, and IAM allows a role 10240; make managed policies of some",
			inline(documentOf(10241)),
		},
		{
			"a managed policy of the old version", `customerManagedPolicies.x: Version: is "2008-10-17", which is also meant where it is missing, ` +
				`and IAM makes managed policies of "2012-10-17" only`,
			managed(`{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`),
		},

		// Partitions.
		{
			"an ARN of another partition", `inlinePolicies.x: Statement[0].Resource[0]: "arn:aws:elasticloadbalancing:*:*:targetgroup/*/*" is in the ` +
				"partition aws, and the role is in aws-cn: write arn:aws-cn:elasticloadbalancing:*:*:targetgroup/*/*",
			inChina(inline(statement(`"Action":"elasticloadbalancing:AddTags","Resource":"arn:aws:elasticloadbalancing:*:*:targetgroup/*/*"`))),
		},
		{
			"an AWS policy of another partition", `policyAttachments.read: "arn:aws:iam::aws:policy/ReadOnlyAccess" is in the partition aws, ` +
				"and the role is in aws-cn: write arn:aws-cn:iam::aws:policy/ReadOnlyAccess",
			inChina(func(a *args) {
				a.PolicyAttachments = map[string]pulumi.StringInput{"read": pulumi.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}
			}),
		},
		{
			"a boundary of another partition", `permissionsBoundary: "arn:aws:iam::111122223333:policy/edge" is in the partition aws, ` +
				"and the role is in aws-cn: write arn:aws-cn:iam::111122223333:policy/edge",
			inChina(func(a *args) { a.PermissionsBoundary = pulumi.String("arn:aws:iam::111122223333:policy/edge") }),
		},
		{
			"a trusted role of another partition", `trustPolicy: extraStatements[0].Principal.AWS[0]: "arn:aws:iam::111122223333:role/ci" is in the ` +
				"partition aws, and the role is in aws-cn: write arn:aws-cn:iam::111122223333:role/ci",
			inChina(trust(iampolicy.Statement{
				Principal: &iampolicy.Principal{AWS: iampolicy.Strings{"arn:aws:iam::111122223333:role/ci"}}, Actions: iampolicy.Strings{"sts:AssumeRole"},
			})),
		},

		// What a template left.
		{
			"a template that was not filled in",
			lines(
				`customerManagedPolicies.x: Statement[0].Resource[0]: "arn:${AWS::Partition}:ec2:*:*:instance/*" has ${AWS::Partition}, `+
					"which CloudFormation fills in and IAM does not; write the partition: aws, aws-cn, aws-us-gov or the like",
				`customerManagedPolicies.x: Statement[1].Resource[0]: "arn:${ARN_PARTITION}:iam::${AWS_ACCOUNT_ID}:role/KarpenterNodeRole" has `+
					"${ARN_PARTITION}, which a shell or a template fills in and IAM does not; write the partition: aws, aws-cn, aws-us-gov or the like",
			),
			managed(`{"Version":"2012-10-17","Statement":[` +
				`{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"arn:${AWS::Partition}:ec2:*:*:instance/*"},` +
				`{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:${ARN_PARTITION}:iam::${AWS_ACCOUNT_ID}:role/KarpenterNodeRole"}]}`),
		},

		// Trust.
		{
			"a trust statement that lets in all of GitHub",
			"trustPolicy: extraStatements[0].Condition: would trust every identity of token.actions.githubusercontent.com, as any of them can meet it; " +
				`restrict "token.actions.githubusercontent.com:sub" to subjects of yours with StringEquals or StringLike`,
			trust(iampolicy.Statement{
				Principal: &iampolicy.Principal{Federated: iampolicy.Strings{"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}},
				Actions:   iampolicy.Strings{"sts:AssumeRoleWithWebIdentity"},
				Condition: iampolicy.Condition{
					iampolicy.StringEquals: {"token.actions.githubusercontent.com:aud": {"sts.amazonaws.com"}},
					iampolicy.StringLike:   {"token.actions.githubusercontent.com:sub": {"*"}},
				},
			}),
		},
		{
			"a trust statement for everybody with a condition that anybody meets",
			"trustPolicy: extraStatements[0].Principal: would trust every principal, as any caller can meet the Condition; name principals, or restrict " +
				`a key such as "aws:PrincipalOrgID" to values of yours`,
			trust(iampolicy.Statement{
				Principal: &iampolicy.Principal{AWS: iampolicy.Strings{"*"}}, Actions: iampolicy.Strings{"sts:AssumeRole"},
				Condition: iampolicy.Condition{iampolicy.StringLike: {"aws:PrincipalArn": {"*"}}},
			}),
		},

		// Issuers.
		{
			"a dual-stack issuer", `clusters[0].issuer: issuer "https://oidc-eks.eu-west-1.api.aws/id/EXAMPLE1" is a dual-stack name, which no token says; ` +
				"use the issuer that they say, https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1",
			issuer("https://oidc-eks.eu-west-1.api.aws/id/EXAMPLE1"),
		},
		{
			"a dual-stack issuer of China", `clusters[0].issuer: issuer "https://oidc-eks.cn-north-1.api.amazonwebservices.com.cn/id/EXAMPLE1" is a ` +
				"dual-stack name, which no token says; use the issuer that they say, https://oidc.eks.cn-north-1.amazonaws.com.cn/id/EXAMPLE1",
			issuer("https://oidc-eks.cn-north-1.api.amazonwebservices.com.cn/id/EXAMPLE1"),
		},
		{
			"the provider of a dual-stack issuer", `clusters[0].oidcProviderArn: issuer "oidc-eks.eu-west-1.api.aws/id/EXAMPLE1" is a dual-stack name, ` +
				"which no token says; use the issuer that they say, https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1",
			func(a *args) {
				a.Clusters[0].OidcProviderArn = pulumi.String("arn:aws:iam::111122223333:oidc-provider/oidc-eks.eu-west-1.api.aws/id/EXAMPLE1")
			},
		},
		{
			"an issuer of EKS with a slash at the end", `clusters[0].issuer: issuer "https://` + hubIssuer + `/" ends with a slash, ` +
				"and the issuers of EKS do not, so no token would match; leave it out",
			issuer("https://" + hubIssuer + "/"),
		},
		{
			"the API server for the issuer", `clusters[0].issuer: issuer "https://0123456789ABCDEF0123456789ABCDEF.gr7.eu-west-1.eks.amazonaws.com" ` +
				"is the address of an API server; the issuer of an EKS cluster is https://oidc.eks.<region>.amazonaws.com/id/<id>",
			issuer("https://0123456789ABCDEF0123456789ABCDEF.gr7.eu-west-1.eks.amazonaws.com"),
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			given := &args{
				Clusters:        []cluster{{Name: "hub", OidcProviderArn: pulumi.String(hubProviderArn), Kubernetes: &kubernetes.Provider{}}},
				ServiceAccounts: []components.ServiceAccountArgs{{Namespace: "default", Name: "app"}},
			}
			test.change(given)
			refusedInput(t, "invalid arguments of IrsaRole \"app\":\n"+test.want, func(ctx *pulumi.Context) error {
				_, err := components.NewIrsaRole(ctx, "app", given)
				return err
			})
		})
	}
}

// The Pulumi CLI makes JSON of the stack file's YAML, and whatever had no quotes there is a number, a date or null by then.
func TestThePlatformSaysWhereYAMLNeedsQuotes(t *testing.T) {
	t.Parallel()
	policy := func(document string) string {
		return "roles:\n  app:\n    clusters: [hub]\n    serviceAccounts: [{namespace: default, name: app}]\n    inlinePolicies:\n      p: " + document
	}
	statement := func(elements string) string {
		return policy(`{Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:GetObject", Resource: "*", ` + elements + "}}")
	}
	condition := func(condition string) string { return statement("Condition: {" + condition + "}") }
	cases := []struct{ name, platform, want string }{
		{
			"the version", policy(`{Version: 2012-10-17, Statement: {Effect: Allow, Action: "sts:GetCallerIdentity", Resource: "*"}}`),
			`Version: "2012-10-17 00:00:00 +0000 UTC" is a date that YAML read; put it in quotes: "2012-10-17"`,
		},
		{
			"the operator Null", condition(`Null: {"aws:ResourceTag/elbv2.k8s.aws/cluster": "false"}`),
			`Statement[0].Condition["<nil>"]: is the operator Null, which YAML takes for no value at all; put it in quotes: "Null"`,
		},
		{
			"an account that begins with 0", condition(`StringEquals: {"aws:ResourceAccount": 012345670123}`),
			`Statement[0].Condition.StringEquals["aws:ResourceAccount"]: must be a string or a list of strings, is the number 1402433619; ` +
				"put it in quotes (without them YAML reads 012345670123, for one, as an octal number)",
		},
		{
			"an account that begins with 0 and has a 9", condition(`StringNotEquals: {"aws:PrincipalAccount": ["111122223333", 099999999999]}`),
			`Statement[0].Condition.StringNotEquals["aws:PrincipalAccount"][1]: must be a string, is the number 99999999999; ` +
				"put it in quotes (without them YAML reads 099999999999, for one, as a number and drops the 0)",
		},
		{
			"any account", condition(`StringEquals: {"aws:ResourceAccount": 111122223333}`),
			`Statement[0].Condition.StringEquals["aws:ResourceAccount"]: must be a string or a list of strings, is the number 111122223333; put it in quotes`,
		},
		{
			"a boolean for a text", condition(`StringEquals: {"aws:ResourceTag/backup": true}`),
			`Statement[0].Condition.StringEquals["aws:ResourceTag/backup"]: must be a string or a list of strings, is the boolean true; put it in quotes`,
		},
		{
			"a date", condition(`DateLessThan: {"aws:CurrentTime": 2026-12-31T23:59:59Z}`),
			`Statement[0].Condition.DateLessThan["aws:CurrentTime"][0]: "2026-12-31 23:59:59 +0000 UTC" is a date that YAML read, in a form that IAM cannot; ` +
				`put it in quotes: "2026-12-31T23:59:59Z"`,
		},
		{
			"a date with a time zone", condition(`DateLessThan: {"aws:CurrentTime": 2026-12-31T23:59:59.5+02:00}`),
			`Statement[0].Condition.DateLessThan["aws:CurrentTime"][0]: "2026-12-31 23:59:59.5 +0200 +0200" is a date that YAML read, in a form that IAM cannot; ` +
				`put it in quotes: "2026-12-31T23:59:59.5+02:00"`,
		},
		{
			"a date for a text", condition(`StringEquals: {"aws:ResourceTag/until": 2026-12-31}`),
			`Statement[0].Condition.StringEquals["aws:ResourceTag/until"][0]: "2026-12-31 00:00:00 +0000 UTC" is a date that YAML read, in a form that IAM cannot; ` +
				`put it in quotes: "2026-12-31"`,
		},
		{
			"a year, which would be seconds", condition(`DateGreaterThan: {"aws:CurrentTime": 2026}`),
			`Statement[0].Condition.DateGreaterThan["aws:CurrentTime"]: must be a string or a list of strings, is the number 2026; put it in quotes`,
		},
		{
			"a number with an exponent", condition(`NumericLessThan: {"s3:max-keys": 1e25}`),
			`Statement[0].Condition.NumericLessThan["s3:max-keys"]: must be a string or a list of strings, is the number 1e+25; put it in quotes`,
		},
		{
			"a number with more digits than YAML keeps", condition(`NumericEquals: {"s3:object-lock-remaining-retention-days": 1234567890.123456789}`),
			`Statement[0].Condition.NumericEquals["s3:object-lock-remaining-retention-days"]: must be a string or a list of strings, ` +
				"is the number 1234567890.1234567; put it in quotes",
		},
		{
			"yes for true", condition(`Bool: {"aws:SecureTransport": yes}`),
			`Statement[0].Condition.Bool["aws:SecureTransport"][0]: "yes" is neither true nor false`,
		},
		{
			"no value", condition(`StringEquals: {"aws:ResourceTag/team": ~}`),
			`Statement[0].Condition.StringEquals["aws:ResourceTag/team"]: must be a string or a list of strings, is null`,
		},
		{"a number for a Sid", statement("Sid: 007"), "Statement[0].Sid: must be a string, is the number 7; put it in quotes"},
		{
			"a line break that a block leaves", statement("") + "\n      q:\n        Version: \"2012-10-17\"\n        Statement:\n          Effect: Allow\n" +
				"          Action: s3:GetObject\n          Resource: |\n            arn:aws:s3:::dev-artifacts/*\n",
			"\x00q: Statement[0].Resource[0]: \"arn:aws:s3:::dev-artifacts/*\\n\" ends with white space",
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want, other := strings.CutPrefix(test.want, "\x00")
			if !other {
				want = "p: " + want
			}
			refusedConfig(t, test.platform, "platform.roles.app.inlinePolicies."+want)
		})
	}
}

func TestThePlatformTakesNumbersAndBooleansOfIAMsOwnTypesWithoutQuotes(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.hasCluster("hub", "https://"+hubIssuer, "API")
	_, err := runPlatform(t, r, platformConfig(t, `
clusters: {hub: {region: eu-west-1}}
roles:
  app:
    clusters: [hub]
    serviceAccounts: [{namespace: default, name: app}]
    inlinePolicies:
      p:
        Version: "2012-10-17"
        Statement:
          Effect: Allow
          Action: s3:GetObject
          Resource: "*"
          Condition:
            "Null": {"aws:ResourceTag/team": false}
            Bool: {"aws:SecureTransport": true}
            NumericLessThanEquals: {"s3:max-keys": [10, 2.5]}
`))
	require.NoError(t, err)
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{
		"Null":{"aws:ResourceTag/team":false},"Bool":{"aws:SecureTransport":true},"NumericLessThanEquals":{"s3:max-keys":[10,2.5]}}}}`,
		r.ofType(inlinePolicyType)[0].Inputs["policy"].StringValue())
}

func TestAPolicyOfTheLargestSizeIsTaken(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
		args.CustomerManagedPolicies = map[string]components.PolicyDocument{
			"known": pulumi.String(documentOf(6144)), "later": pulumi.String(documentOf(6144)).ToStringOutput(),
		}
		args.InlinePolicies = map[string]components.PolicyDocument{
			"known-inline": pulumi.String(documentOf(6000)), "later-inline": pulumi.String(documentOf(4240)).ToStringOutput(),
		}
	})
	require.NoError(t, err)
	assert.Len(t, r.ofType(policyType), 2)
	assert.Len(t, r.ofType(inlinePolicyType), 2)
}

// Files and YAML blocks leave white space around a document, which the AWS provider does not take before the first brace.
func TestADocumentIsPassedOnAsWrittenWithoutWhatSurroundsIt(t *testing.T) {
	t.Parallel()
	const written = "{ \"Version\": \"2012-10-17\",\n  \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"sts:GetCallerIdentity\", \"Resource\": \"*\"}] }"
	for name, surrounded := range map[string]string{
		"line breaks": "\n\r\n\t " + written + "\n \n", "a byte order mark": "\ufeff" + written,
	} {
		for when, input := range map[string]pulumi.StringInput{
			"known": pulumi.String(surrounded), "known later": pulumi.String(surrounded).ToStringOutput(),
		} {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				r := newRecorder()
				_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
					args.InlinePolicies = map[string]components.PolicyDocument{"inline": input}
					args.CustomerManagedPolicies = map[string]components.PolicyDocument{"managed": input}
				})
				require.NoError(t, err)
				assert.Equal(t, written, r.one(t, inlinePolicyType, "app/inline").Inputs["policy"].StringValue()) //nolint:testifylint // byte for byte
				assert.Equal(t, written, r.one(t, policyType, "app/managed").Inputs["policy"].StringValue())      //nolint:testifylint // byte for byte
			})
		}
	}
}

func TestAnIssuerKeepsTheSlashThatItsTokensSay(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
		args.Clusters[0].OidcProviderArn = pulumi.String("arn:aws:iam::111122223333:oidc-provider/idp.example.com/clusters/prod/")
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
		"Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/idp.example.com/clusters/prod/"},
		"Condition":{"StringEquals":{"idp.example.com/clusters/prod/:aud":"sts.amazonaws.com",
			"idp.example.com/clusters/prod/:sub":"system:serviceaccount:default:app"}}}]}`,
		r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue())
}

func TestWhatIsKnownOnlyLaterOfPoliciesFailsTheProgramAsWell(t *testing.T) {
	t.Parallel()
	later := func(text string) pulumi.StringInput { return pulumi.String(text).ToStringOutput() }
	inChina := func(a *components.IrsaRoleArgs) {
		a.Clusters[0].OidcProviderArn = later("arn:aws-cn:iam::111122223333:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/EXAMPLE1")
	}
	const foreign = `Statement[0].Resource[0]: "arn:aws:s3:::x" is in the partition aws, and the role is in aws-cn: write arn:aws-cn:s3:::x`
	const reads = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::x"}}`
	cases := []struct {
		name   string
		change func(*components.IrsaRoleArgs)
		want   string
	}{
		{"a managed policy that is too long", func(a *components.IrsaRoleArgs) {
			a.CustomerManagedPolicies = map[string]components.PolicyDocument{"x": later(documentOf(6145))}
		}, "customerManagedPolicies.x: " + tooLongForAManagedPolicy},
		{"inline policies that are together too long", func(a *components.IrsaRoleArgs) {
			a.InlinePolicies = map[string]components.PolicyDocument{"x": later(documentOf(6000)), "y": pulumi.String(documentOf(4241))}
		}, "inlinePolicies.x: 10241 characters in all, without white space, and IAM allows a role 10240; make managed policies of some"},
		{"a known document, and a provider of another partition", func(a *components.IrsaRoleArgs) {
			inChina(a)
			a.InlinePolicies = map[string]components.PolicyDocument{"x": pulumi.String(reads)}
		}, "inlinePolicies.x: " + foreign},
		{"a document of another partition", func(a *components.IrsaRoleArgs) {
			inChina(a)
			a.CustomerManagedPolicies = map[string]components.PolicyDocument{"x": later(reads)}
		}, "customerManagedPolicies.x: " + foreign},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := newIrsaRole(newRecorder(), func(a *components.IrsaRoleArgs, _ providers) { test.change(a) })
			require.ErrorContains(t, err, `IrsaRole "app": `+test.want)
		})
	}
}
