package tests

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

const tooLongForAManagedPolicy = "has 6145 characters without white space, and IAM allows 6144 in a managed policy; make several of it"

func TestIrsaRoleRefusesPolicies(t *testing.T) {
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
	irsaRole.refuses(t, []refusal[args]{
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
	})
}

// documentOf is a permission document of so many characters, without its white space.
func documentOf(size int) string {
	const format = `{ "Version": "2012-10-17", "Statement": [ {"Effect": "Allow", "Action": "s3:GetObject", "Resource": [ "arn:aws:s3:::%s" ] } ] }`
	return fmt.Sprintf(format, strings.Repeat("x", size-iampolicy.TextSize(fmt.Sprintf(format, ""))))
}

func TestIrsaRoleTakesAPolicyOfTheLargestSize(t *testing.T) {
	t.Parallel()
	r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.CustomerManagedPolicies = map[string]components.PolicyDocument{
			"known": pulumi.String(documentOf(6144)), "later": pulumi.String(documentOf(6144)).ToStringOutput(),
		}
		args.InlinePolicies = map[string]components.PolicyDocument{
			"known-inline": pulumi.String(documentOf(6000)), "later-inline": pulumi.String(documentOf(4240)).ToStringOutput(),
		}
	})
	assert.Len(t, r.ofType(policyType), 2)
	assert.Len(t, r.ofType(inlinePolicyType), 2)
}

// Files and YAML blocks leave white space around a document, which the AWS provider does not take before the first brace.
func TestIrsaRolePassesADocumentOnAsWrittenWithoutWhatSurroundsIt(t *testing.T) {
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
				r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
					args.InlinePolicies = map[string]components.PolicyDocument{"inline": input}
					args.CustomerManagedPolicies = map[string]components.PolicyDocument{"managed": input}
				})
				assert.Equal(t, written, r.one(t, inlinePolicyType, "app/inline").Inputs["policy"].StringValue()) //nolint:testifylint // byte for byte
				assert.Equal(t, written, r.one(t, policyType, "app/managed").Inputs["policy"].StringValue())      //nolint:testifylint // byte for byte
			})
		}
	}
}

func TestIrsaRoleFailsTheProgramWhenPoliciesTurnOutToBeWrong(t *testing.T) {
	t.Parallel()
	type args = components.IrsaRoleArgs
	later := func(text string) pulumi.StringInput { return pulumi.String(text).ToStringOutput() }
	inChina := func(a *args) {
		a.Clusters[0].OidcProviderArn = later("arn:aws-cn:iam::111122223333:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/EXAMPLE1")
	}
	const foreign = `Statement[0].Resource[0]: "arn:aws:s3:::x" is in the partition aws, and the role is in aws-cn: write arn:aws-cn:s3:::x`
	const reads = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::x"}}`
	irsaRole.fails(t, []refusal[args]{
		{"a managed policy that is too long", "customerManagedPolicies.x: " + tooLongForAManagedPolicy, func(a *args) {
			a.CustomerManagedPolicies = map[string]components.PolicyDocument{"x": later(documentOf(6145))}
		}},
		{"inline policies that are together too long", "inlinePolicies.x: 10241 characters in all, " +
			"without white space, and IAM allows a role 10240; make managed policies of some", func(a *args) {
			a.InlinePolicies = map[string]components.PolicyDocument{"x": later(documentOf(6000)), "y": pulumi.String(documentOf(4241))}
		}},
		{"a known document, and a provider of another partition", "inlinePolicies.x: " + foreign, func(a *args) {
			inChina(a)
			a.InlinePolicies = map[string]components.PolicyDocument{"x": pulumi.String(reads)}
		}},
		{"a document of another partition", "customerManagedPolicies.x: " + foreign, func(a *args) {
			inChina(a)
			a.CustomerManagedPolicies = map[string]components.PolicyDocument{"x": later(reads)}
		}},
	})
}

func TestIrsaRoleKeepsTheSlashThatTheIssuersTokensSay(t *testing.T) {
	t.Parallel()
	r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.Clusters[0].OidcProviderArn = pulumi.String("arn:aws:iam::111122223333:oidc-provider/idp.example.com/clusters/prod/")
	})
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
		"Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/idp.example.com/clusters/prod/"},
		"Condition":{"StringEquals":{"idp.example.com/clusters/prod/:aud":"sts.amazonaws.com",
			"idp.example.com/clusters/prod/:sub":"system:serviceaccount:default:app"}}}]}`,
		r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue())
}

func TestIrsaRoleHasItsPolicies(t *testing.T) {
	t.Parallel()
	r, _ := fullIrsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.Path, args.Tags = "/teams/", pulumi.StringMap{"team": pulumi.String("apps")}
		args.CustomerManagedPolicies["cluster"] = pulumi.String(describeCluster).ToStringOutput()
		args.PolicyAttachments["own"] = pulumi.String("arn:aws:iam::" + account + ":policy/own").ToStringOutput()
	})

	attached := map[string]string{}
	for _, attachment := range r.ofType(attachmentType) {
		assert.Equal(t, "eks-apps-one", attachment.Inputs["role"].StringValue())
		attached[attachment.Name] = attachment.Inputs["policyArn"].StringValue()
	}
	assert.Equal(t, map[string]string{
		"app/audit":   "arn:aws:iam::aws:policy/SecurityAudit",
		"app/own":     "arn:aws:iam::" + account + ":policy/own",
		"app/read":    "arn:aws:iam::aws:policy/ReadOnlyAccess",
		"app/buckets": "arn:aws:iam::" + account + ":policy/teams/buckets",
		"app/cluster": "arn:aws:iam::" + account + ":policy/teams/cluster",
	}, attached)
	assert.JSONEq(t, jsonOf(t, map[string]any{"name": "describe", "role": "eks-apps-one", "policy": describeCluster}),
		r.one(t, inlinePolicyType, "app/describe").json(t))
	assert.JSONEq(t, jsonOf(t, map[string]any{
		"name": "buckets", "path": "/teams/", "policy": listBuckets, "tags": map[string]any{"team": "apps"},
	}), r.one(t, policyType, "app/buckets").json(t))
}

func TestIrsaRoleFindsAWSsPoliciesByName(t *testing.T) {
	t.Parallel()
	byName := func(args *components.IrsaRoleArgs) {
		args.ManagedPolicies = []string{"AmazonEBSCSIDriverPolicy", "arn:aws-cn:iam::" + account + ":policy/own"}
		args.PermissionsBoundary = pulumi.String("ViewOnlyAccess")
		args.Clusters[0].OidcProviderArn = pulumi.String(strings.Replace(hubProviderArn, "arn:aws:", "arn:aws-cn:", 1))
	}
	inChina := func() *recorder {
		r := newRecorder()
		r.partition = "aws-cn"
		return r
	}
	t.Run("in the partition of its provider", func(t *testing.T) {
		t.Parallel()
		r := inChina()
		irsaRole.on(t, r, byName)
		assert.Equal(t, "arn:aws-cn:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
			r.one(t, attachmentType, "app/AmazonEBSCSIDriverPolicy").Inputs["policyArn"].StringValue())
		assert.Equal(t, "arn:aws-cn:iam::"+account+":policy/own", r.one(t, attachmentType, "app/own").Inputs["policyArn"].StringValue())
		assert.Equal(t, "arn:aws-cn:iam::aws:policy/job-function/ViewOnlyAccess", r.one(t, roleType, "app").Inputs["permissionsBoundary"].StringValue())
	})
	t.Run("or says that there is none", func(t *testing.T) {
		t.Parallel()
		for field, change := range map[string]func(*components.IrsaRoleArgs){
			"managedPolicies[0]":  func(args *components.IrsaRoleArgs) { args.ManagedPolicies = []string{"NoSuchPolicy"} },
			"permissionsBoundary": func(args *components.IrsaRoleArgs) { args.PermissionsBoundary = pulumi.String("NoSuchPolicy") },
		} {
			r := inChina()
			_, err := irsaRole.run(r, change)
			require.EqualError(t, err, `IrsaRole "app": `+field+": AWS has no policy of its own that is called NoSuchPolicy and can be given to a role; "+
				"give another one by its ARN")
			assert.Empty(t, r.ofType(roleType))
		}
	})
	t.Run("or that AWS does not answer", func(t *testing.T) {
		t.Parallel()
		r := inChina()
		r.invokeErrors[getPartition] = errors.New("no such host")
		_, err := irsaRole.run(r, byName)
		require.EqualError(t, err, `IrsaRole "app": managedPolicies[0]: asking for the AWS partition: no such host`)
	})
}

func TestIrsaRoleRefusesAPolicyThatIsAValueWithTheOtherArguments(t *testing.T) {
	t.Parallel()
	_, err := irsaRole.run(newRecorder(), func(args *components.IrsaRoleArgs) {
		args.InlinePolicies = map[string]components.PolicyDocument{"x": components.Policy(iampolicy.Document{Statements: []iampolicy.Statement{{
			Effect: "allow", Actions: iampolicy.Strings{"s3:GetObject"}, Resources: iampolicy.Strings{"*"},
		}}})}
	})
	require.ErrorContains(t, err, "invalid arguments of IrsaRole \"app\":\ninlinePolicies.x: Statement[0].Effect: ")
}
