package iampolicy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

func TestParseIssuer(t *testing.T) {
	t.Parallel()
	const eks = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"
	const anAPIServer = "is the address of an API server; the issuer of an EKS cluster is https://oidc.eks.<region>.amazonaws.com/id/<id>"
	dualStack := func(issuer, said string) string {
		return `issuer "` + issuer + `" is a dual-stack name, which no token says; use the issuer that they say, ` + said
	}
	long := "x.example/" + strings.Repeat("a", 255-len("https://x.example/"))
	cases := []struct{ issuer, want, wantErr string }{
		{"https://" + eks, eks, ""},
		{eks, eks, ""},
		{"HTTPS://" + eks, eks, ""},
		{"https://oidc.example", "oidc.example", ""},
		{"https://oidc.example/", "oidc.example/", ""},
		{"idp.example.com/clusters/prod/", "idp.example.com/clusters/prod/", ""},
		{"https://sso.example/realms/team_a~1", "sso.example/realms/team_a~1", ""},
		{"https://" + long, long, ""},

		{"", "", "issuer is empty; it looks like https://oidc.eks.<region>.amazonaws.com/id/<id>"},
		{"http://" + eks, "", `issuer "http://` + eks + `" has the scheme "http"; it must be https`},
		{"arn:aws:iam::111122223333:oidc-provider/" + eks, "", `issuer "arn:aws:iam::111122223333:oidc-provider/` + eks + `" is an ARN; the issuer is what follows oidc-provider/ in it`},
		{"https://user:secret@oidc.example", "", `issuer at host "oidc.example" has a user name; it must not`},
		{"https://oidc.example?x=y", "", `issuer "https://oidc.example?x=y" has a query; it must not`},
		{"https://oidc.example?", "", `issuer "https://oidc.example?" has a query; it must not`},
		{"https://oidc.example#x", "", `issuer "https://oidc.example#x" has a fragment; it must not`},
		{"https://oidc.example#", "", `issuer "https://oidc.example#" has a fragment; it must not`},
		{"https://oidc.example:443/id", "", `issuer "https://oidc.example:443/id" has a port; IAM takes none in the URL of an OIDC provider`},
		{"https://oidc.example:/id", "", `issuer "https://oidc.example:/id" has a port; IAM takes none in the URL of an OIDC provider`},
		{"oidc.example:8443", "", `issuer "oidc.example:8443" has a port; IAM takes none in the URL of an OIDC provider`},
		{"https://oidc.example:x/id", "", `issuer "https://oidc.example:x/id" is not a URL: invalid port ":x" after host`},
		{"https://", "", `issuer "https://" has no host`},
		{"https:///id/x", "", `issuer "https:///id/x" has no host`},
		{"my-cluster", "", `issuer "my-cluster" has the host "my-cluster", which is not a full DNS name`},
		{"https://*.example/id", "", `issuer "https://*.example/id" has the host "*.example", which is not a full DNS name`},
		{"https://oidc.example/*", "", `issuer "https://oidc.example/*" has the path "/*"; use letters, digits and ._~- between single slashes`},
		{"https://oidc.example/${aws:username}", "", `issuer "https://oidc.example/${aws:username}" has the path "/$%7Baws:username%7D"; use letters, digits and ._~- between single slashes`},
		{"https://oidc.example//", "", `issuer "https://oidc.example//" has the path "//"; use letters, digits and ._~- between single slashes`},
		{"https://oidc.example/a b", "", `issuer "https://oidc.example/a b" has the path "/a%20b"; use letters, digits and ._~- between single slashes`},
		{" https://oidc.example", "", `issuer " https://oidc.example" is not a URL: first path segment in URL cannot contain colon`},
		{"https://" + eks + "/", "", `issuer "https://` + eks + `/" ends with a slash, and the issuers of EKS do not, so no token would match; leave it out`},
		{"https://oidc.eks.eu-west-1.amazonaws.com", "", `issuer "https://oidc.eks.eu-west-1.amazonaws.com" names no cluster; the issuer of an EKS cluster is https://oidc.eks.eu-west-1.amazonaws.com/id/<id>`},
		{"https://oidc-eks.eu-west-1.api.aws/id/A", "", dualStack("https://oidc-eks.eu-west-1.api.aws/id/A", "https://oidc.eks.eu-west-1.amazonaws.com/id/A")},
		{"oidc-eks.us-gov-west-1.api.aws/id/A/", "", dualStack("oidc-eks.us-gov-west-1.api.aws/id/A/", "https://oidc.eks.us-gov-west-1.amazonaws.com/id/A")},
		{"https://OIDC-EKS.eu-west-1.API.aws/id/A", "", dualStack("https://OIDC-EKS.eu-west-1.API.aws/id/A", "https://oidc.eks.eu-west-1.amazonaws.com/id/A")},
		{
			"https://oidc-eks.cn-north-1.api.amazonwebservices.com.cn/id/A", "",
			dualStack("https://oidc-eks.cn-north-1.api.amazonwebservices.com.cn/id/A", "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/A"),
		},
		{
			"https://oidc-eks.eusc-de-east-1.api.amazonwebservices.eu/id/A", "",
			dualStack("https://oidc-eks.eusc-de-east-1.api.amazonwebservices.eu/id/A", "https://oidc.eks.eusc-de-east-1.amazonaws.eu/id/A"),
		},
		{"https://0AF3.gr7.eu-west-1.eks.amazonaws.com", "", `issuer "https://0AF3.gr7.eu-west-1.eks.amazonaws.com" ` + anAPIServer},
		{"https://0AF3.sk1.cn-north-1.eks.amazonaws.com.cn", "", `issuer "https://0AF3.sk1.cn-north-1.eks.amazonaws.com.cn" ` + anAPIServer},
		{"https://0AF3.eks-cluster.eu-west-1.api.aws", "", `issuer "https://0AF3.eks-cluster.eu-west-1.api.aws" ` + anAPIServer},
		{"https://" + long + "a", "", `issuer "https://` + long + `a" has 256 characters with https://; IAM allows 255`},
	}
	for _, test := range cases {
		t.Run(test.issuer, func(t *testing.T) {
			t.Parallel()
			host, err := iampolicy.ParseIssuer(test.issuer)
			if test.wantErr != "" {
				require.EqualError(t, err, test.wantErr)
				assert.Empty(t, host)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, host)
		})
	}
}

func TestParseArn(t *testing.T) {
	t.Parallel()
	cases := []struct{ arn, kind string }{
		{"arn:aws:iam::111122223333:role/x", "role"},
		{"arn:aws-cn:iam::111122223333:role/team/x", "role"},
		{"arn:aws-us-gov:iam::111122223333:policy/x", "policy"},
		{"arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy", "policy"},
		{"arn:aws:iam::111122223333:oidc-provider/oidc.example/id/X", "provider"},
		{"arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", ""},
		{"arn:aws:eks:eu-west-1:111122223333:cluster/my-cluster", ""},
		{"arn:aws:sts::111122223333:assumed-role/x/session:1", ""},
		{"arn:aws:s3:::my-test-bucket", ""},
		{"arn:aws:iam::111122223333:oidc-provider/idp.example.com/clusters/prod/", "provider"},
		{"arn:aws:iam::111122223333:oidc-provider/", ""},
		{"arn:aws:iam::111122223333:oidc-provider/x//", ""},
		{"arn:aws:iam::111122223333:role/", ""},
		{"arn:aws:iam::111122223333:role/team/", ""},
		{"arn:aws:iam::111122223333:role/*", ""},
		{"arn:aws:iam::aws:role/x", ""},
		{"arn:aws:iam:eu-west-1:111122223333:role/x", ""},
		{"arn:aws:iam::aws:oidc-provider/x", ""},
	}
	for _, test := range cases {
		t.Run(test.arn, func(t *testing.T) {
			t.Parallel()
			arn, err := iampolicy.ParseARN(test.arn)
			require.NoError(t, err)
			assert.Equal(t, test.arn, arn.String())
			assert.Equal(t, test.kind == "role", arn.IsRole())
			assert.Equal(t, test.kind == "policy", arn.IsPolicy())
			assert.Equal(t, test.kind == "provider", arn.IsOIDCProvider())
		})
	}
}

func TestParseArnRefuses(t *testing.T) {
	t.Parallel()
	const form = "is not an ARN; its form is arn:partition:service:region:account:resource"
	cases := []struct{ name, arn, want string }{
		{"nothing", "", `"" ` + form},
		{"a name", "my-role", `"my-role" ` + form},
		{"too few parts", "arn:aws:iam::111122223333", `"arn:aws:iam::111122223333" ` + form},
		{"another scheme", "urn:aws:iam::111122223333:role/x", `"urn:aws:iam::111122223333:role/x" ` + form},
		{
			"no partition", "arn::iam::111122223333:role/x",
			`"arn::iam::111122223333:role/x" is not an ARN: the partition is ""; it should be aws, aws-cn, aws-us-gov or the like`,
		},
		{
			"an unknown partition", "arn:azure:iam::111122223333:role/x",
			`"arn:azure:iam::111122223333:role/x" is not an ARN: the partition is "azure"; it should be aws, aws-cn, aws-us-gov or the like`,
		},
		{
			"no service", "arn:aws:::111122223333:role/x",
			`"arn:aws:::111122223333:role/x" is not an ARN: the service is ""; it should be a service such as iam`,
		},
		{
			"a region in upper case", "arn:aws:eks:EU:111122223333:cluster/x",
			`"arn:aws:eks:EU:111122223333:cluster/x" is not an ARN: the region is "EU"; it should be a region such as eu-west-1, or empty`,
		},
		{
			"an account of 11 digits", "arn:aws:iam::11112222333:role/x",
			`"arn:aws:iam::11112222333:role/x" is not an ARN: the account is "11112222333"; it should be 12 digits, aws, or empty`,
		},
		{
			"no resource", "arn:aws:iam::111122223333:",
			`"arn:aws:iam::111122223333:" is not an ARN: the resource is ""; it should be printable, without white space, and not empty`,
		},
		{
			"a line break", "arn:aws:iam::111122223333:role/x\n",
			`"arn:aws:iam::111122223333:role/x\n" is not an ARN: the resource is "role/x\n"; it should be printable, without white space, and not empty`,
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			arn, err := iampolicy.ParseARN(test.arn)
			require.EqualError(t, err, test.want)
			assert.Equal(t, iampolicy.ARN{}, arn)
		})
	}
}
