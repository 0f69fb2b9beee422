package iampolicy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

const gitHub = "token.actions.githubusercontent.com"

// conditions of one operator and one key.
func on(operator iampolicy.Operator, key string, values ...string) iampolicy.Condition {
	return iampolicy.Condition{operator: {key: values}}
}

func allowed(principal iampolicy.Principal, condition iampolicy.Condition) iampolicy.Document {
	return iampolicy.Document{Statements: []iampolicy.Statement{{
		Effect: iampolicy.Allow, Principal: &principal, Actions: iampolicy.Strings{"sts:AssumeRoleWithWebIdentity"}, Condition: condition,
	}}}
}

// Without such a condition every token of the issuer gets the role.
func TestAConditionOnAnIssuersTokensTellsThemApart(t *testing.T) {
	t.Parallel()
	const gitHubSub, private = gitHub + ":sub", "idp.example.com"
	cases := []struct {
		name, issuer string
		condition    iampolicy.Condition
		open         bool
	}{
		{"one subject", issuer, on("StringEquals", issuer+":sub", "system:serviceaccount:a:b"), false},
		{"one subject in another case", issuer, on("StringEqualsIgnoreCase", issuer+":SUB", "System:serviceaccount:a:b"), false},
		{"any of several subjects", issuer, on("ForAnyValue:StringEquals", issuer+":sub", "system:serviceaccount:a:b"), false},
		{"a namespace", issuer, on("StringLike", issuer+":sub", "system:serviceaccount:a:*"), false},
		{"a name in any namespace", issuer, on("StringLike", issuer+":sub", "system:serviceaccount:*:runner"), false},
		{"namespaces that begin alike", issuer, on("StringLike", issuer+":sub", "system:serviceaccount:a*"), false},
		{"*", issuer, on("StringLike", issuer+":sub", "*"), true},
		{"**", issuer, on("StringLike", issuer+":sub", "**"), true},
		{"?*", issuer, on("StringLike", issuer+":sub", "?*"), true},
		{"*:*", issuer, on("StringLike", issuer+":sub", "*:*"), true},
		{"many ?", issuer, on("StringLike", issuer+":sub", "??????????*"), true},
		{"every account, by what all begin with", issuer, on("StringLike", issuer+":sub", "system:serviceaccount:*"), true},
		{"every account, by namespace and name", issuer, on("StringLike", issuer+":sub", "system:serviceaccount:*:*"), true},
		{"every account, with a ? too", issuer, on("StringLike", issuer+":sub", "system:?erviceaccount:?*"), true},
		{"every account, by what all have within", issuer, on("StringLike", issuer+":sub", "*account:*"), true},
		{"one that is right, and one for all", issuer, on("StringLike", issuer+":sub", "system:serviceaccount:a:b", "*"), true},
		{"an ARN operator for all", issuer, on("ArnLike", issuer+":sub", "*"), true},
		{"the subject itself", issuer, on("StringEquals", issuer+":sub", "${"+issuer+":sub}"), true},
		{"the subject itself, by pattern", issuer, on("StringLike", issuer+":sub", "${"+issuer+":sub}*"), true},
		{"all but one", issuer, on("StringNotEquals", issuer+":sub", "system:serviceaccount:a:b"), true},
		{"all but some", issuer, on("StringNotLike", issuer+":sub", "system:serviceaccount:a:*"), true},
		{"all but one in any case", issuer, on("StringNotEqualsIgnoreCase", issuer+":sub", "x"), true},
		{"tokens without a subject", issuer, on("StringEqualsIfExists", issuer+":sub", "system:serviceaccount:a:b"), true},
		{"all of no subjects", issuer, on("ForAllValues:StringEquals", issuer+":sub", "system:serviceaccount:a:b"), true},
		{"tokens with a subject", issuer, on("Null", issuer+":sub", "false"), true},
		{"a boolean", issuer, on("Bool", issuer+":email_verified", "true"), true},
		{"the audience alone", issuer, on("StringEquals", issuer+":aud", "sts.amazonaws.com"), true},
		{"the client alone", issuer, on("StringEquals", issuer+":azp", "x"), true},
		{"the way of authentication alone", issuer, on("ForAnyValue:StringLike", issuer+":amr", "authenticated"), true},
		{"the subject of another issuer", issuer, on("StringEquals", issuer+"2:sub", "system:serviceaccount:a:b"), true},
		{"the network alone", issuer, on("IpAddress", "aws:SourceIp", "203.0.113.0/24"), true},
		{"two keys, one of which tells tokens apart", issuer, iampolicy.Condition{
			"StringLike": {issuer + ":sub": {"*"}}, "StringEquals": {issuer + ":email": {"a@example.com"}},
		}, false},

		{"a repository", gitHub, on("StringLike", gitHubSub, "repo:octo-org/octo-repo:*"), false},
		{"an organization", gitHub, on("StringLike", gitHubSub, "repo:octo-org/*"), false},
		{"an organization by its ID", gitHub, on("StringEquals", gitHub+":repository_owner_id", "65"), false},
		{"all of GitHub", gitHub, on("StringLike", gitHubSub, "repo:*"), true},
		{"all of GitHub, by owner and repository", gitHub, on("StringLike", gitHubSub, "repo:*/*:*"), true},
		{"anybody's repository of a name", gitHub, on("StringLike", gitHubSub, "repo:*/octo-repo:ref:refs/heads/main"), true},
		{"anybody's main branch", gitHub, on("StringLike", gitHubSub, "*:ref:refs/heads/main"), true},
		{"anybody's main branch, by its claim", gitHub, on("StringEquals", gitHub+":ref", "refs/heads/main"), true},
		{"part of what all begin with", gitHub, on("StringLike", gitHubSub, "re*"), true},
		{"any owner", gitHub, on("StringLike", gitHub+":repository_owner", "*"), true},
		{"a group on GitLab", "gitlab.com", on("StringLike", "gitlab.com:sub", "project_path:acme/*"), false},
		{"all of GitLab", "gitlab.com", on("StringLike", "gitlab.com:sub", "project_path:*:ref_type:branch:ref:main"), true},
		{"all of HCP Terraform", "app.terraform.io", on("StringLike", "app.terraform.io:sub", "organization:*:workspace:prod:*"), true},
		{"all of Buildkite", "agent.buildkite.com", on("StringLike", "agent.buildkite.com:sub", "organization:*"), true},
		{"an organization of Pulumi Cloud", "api.pulumi.com/oidc", on("StringEquals", "api.pulumi.com/oidc:aud", "aws:acme"), false},
		{"all of Pulumi Cloud", "api.pulumi.com/oidc", on("StringLike", "api.pulumi.com/oidc:sub", "pulumi:deploy:org:*"), true},

		{"addresses of one's own domain", private, on("StringLike", private+":email", "*@example.com"), false},
		{"any address", private, on("StringLike", private+":email", "*@*"), true},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			provider := iampolicy.Principal{Federated: iampolicy.Strings{"arn:aws:iam::111122223333:oidc-provider/" + test.issuer}}
			err := allowed(provider, test.condition).ValidateTrust()
			if test.open {
				require.ErrorContains(t, err, "Statement[0].Condition: would trust every identity of "+test.issuer)
				return
			}
			require.NoError(t, err)
		})
	}
}

func TestAConditionOnEverybodyTellsThemApart(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name      string
		condition iampolicy.Condition
		open      bool
	}{
		{"an organization", on("StringEquals", "aws:PrincipalOrgID", "o-exampleorgid"), false},
		{"the role's organization", on("StringEquals", "aws:PrincipalOrgID", "${aws:ResourceOrgID}"), false},
		{"part of an organization", on("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-exampleorgid/*"), false},
		{"an account", on("StringEquals", "aws:PrincipalAccount", "444455556666"), false},
		{"roles of an account", on("ArnLike", "aws:PrincipalArn", "arn:aws:iam::444455556666:role/*"), false},
		{"a user by ID", on("StringLike", "aws:userid", "AROAEXAMPLEEXAMPLE123:*"), false},
		{"a network", on("IpAddress", "aws:SourceIp", "203.0.113.0/24"), false},
		{"a topic", on("ArnEquals", "aws:SourceArn", "arn:aws:sns:eu-west-1:444455556666:jobs"), false},
		{"a bucket, whose ARN has no account", on("ArnEquals", "aws:SourceArn", "arn:aws:s3:::dev"), false},
		{"an external ID", on("StringEquals", "sts:ExternalId", "7f3c"), false},
		{"any organization", on("StringLike", "aws:PrincipalOrgID", "*"), true},
		{"one's own organization, whichever it is", on("StringEquals", "aws:PrincipalOrgID", "${aws:PrincipalOrgID}"), true},
		{"a member of any organization", on("Null", "aws:PrincipalOrgID", "false"), true},
		{"every organization but one", on("StringNotEquals", "aws:PrincipalOrgID", "o-exampleorgid"), true},
		{"any account", on("StringLike", "aws:PrincipalAccount", "????????????"), true},
		{"any ARN", on("StringLike", "aws:PrincipalArn", "*"), true},
		{"any role of any account", on("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*"), true},
		{"any role of any account, with ArnEquals", on("ArnEquals", "aws:PrincipalArn", "arn:*:*:*:*:*"), true},
		{"a role of that name in any account", on("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/deployer"), true},
		{"any bucket", on("ArnLike", "aws:SourceArn", "arn:aws:s3:::*"), true},
		{"no organization, or this one", on("StringEqualsIfExists", "aws:PrincipalOrgID", "o-exampleorgid"), true},
		{"a tag", on("StringEquals", "aws:PrincipalTag/team", "payments"), true},
		{"a name of a session", on("StringEquals", "sts:RoleSessionName", "deployer"), true},
		{"a name of a user", on("StringEquals", "aws:username", "deployer"), true},
		{"MFA", on("Bool", "aws:MultiFactorAuthPresent", "true"), true},
		{"TLS", on("Bool", "aws:SecureTransport", "true"), true},
		{"a time", on("DateLessThan", "aws:CurrentTime", "2026-12-31T00:00:00Z"), true},
		{"the whole internet", on("IpAddress", "aws:SourceIp", "0.0.0.0/0"), true},
		{"the whole internet in two halves", on("IpAddress", "aws:SourceIp", "0.0.0.0/1", "128.0.0.0/1"), true},
		{"the whole internet by IPv6", on("IpAddress", "aws:SourceIp", "203.0.113.0/24", "::/0"), true},
		{"all but a network", on("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"), true},
	}
	for _, test := range cases {
		for name, everybody := range map[string]iampolicy.Principal{"*": {Any: true}, "AWS *": {AWS: iampolicy.Strings{"*"}}} {
			t.Run(test.name+" for "+name, func(t *testing.T) {
				t.Parallel()
				document := allowed(everybody, test.condition)
				if test.open {
					require.EqualError(t, document.ValidateTrust(), "Statement[0].Principal: would trust every principal, as any caller can meet the Condition; "+
						`name principals, or restrict a key such as "aws:PrincipalOrgID" to values of yours`)
				} else {
					require.NoError(t, document.ValidateTrust())
				}
				document.Statements[0].Effect = iampolicy.Deny
				require.NoError(t, document.ValidateTrust(), "a denial lets no one in")
			})
		}
	}
}

func TestAConditionOnAProviderWithoutAnArnTellsItsTokensApart(t *testing.T) {
	t.Parallel()
	google := iampolicy.Principal{Federated: iampolicy.Strings{"accounts.google.com"}}
	require.NoError(t, allowed(google, on("StringEquals", "accounts.google.com:aud", "x")).ValidateTrust())
	require.EqualError(t, allowed(google, on("StringLike", "accounts.google.com:sub", "*")).ValidateTrust(), "Statement[0].Condition: "+
		"would trust every identity of accounts.google.com, as any of them can meet it; restrict a key to values of yours")
}
