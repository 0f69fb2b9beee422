package iampolicy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// FuzzParse: what Parse takes is JSON to encoding/json as well, is valid, survives being written and read again, and has the
// size that its text has; and every other question about it has an answer.
func FuzzParse(f *testing.F) {
	everything, err := everything().JSON()
	require.NoError(f, err)
	trust, err := trustPolicy().JSON()
	require.NoError(f, err)
	for _, seed := range []string{
		everything, trust, "", "{}", "[]", "null", `{"Statement":[`, `{"Statement":{"Effect":"Allow","Action":"*"}} `,
		`{"Statement":[{"Effect":"Allow","Action":["s3:*"],"Condition":{"Bool":{"a:b":[true,"false"]}}}]}`,
		`{"Statement":[{"Effect":"Deny","Principal":"*","NotAction":"sts:*","Sid":"A"}],"Id":"\u00e9","Version":"2008-10-17"}`,
		`{"Statement":[],"Statement":[]}`, `{"Version":"","Statement":[{"Effect":"Allow","Action":"*"}]}`, "\xff", `"\ud800"`, `[[[[[[[[[[[[[[[[[[`,
	} {
		f.Add(seed)
	}
	for _, document := range rightPermissions {
		f.Add(document.document)
	}
	for _, document := range rightTrust {
		f.Add(document.document)
	}
	f.Fuzz(func(t *testing.T, text string) {
		document, err := iampolicy.Parse(text)
		if err != nil {
			require.Equal(t, iampolicy.Document{}, document)
			return
		}
		require.True(t, json.Valid([]byte(text)), "took what is not JSON")
		written, err := document.JSON()
		require.NoError(t, err, "took a document that it would not write")
		again, err := iampolicy.Parse(written)
		require.NoError(t, err, "does not read what it has written")
		require.Equal(t, document, again)
		require.Equal(t, document.Size(), iampolicy.TextSize(written))
		identity, trust := document.ValidatePermissions(), document.ValidateTrust()
		require.Equal(t, identity, again.ValidatePermissions(), "is judged otherwise when read again")
		require.Equal(t, trust, again.ValidateTrust(), "is judged otherwise when read again")
		review := iampolicy.ReviewTrust(document, "")
		require.Equal(t, review, iampolicy.ReviewTrust(again, ""), "is reviewed otherwise when read again")
		for _, finding := range review.Findings {
			open := []iampolicy.FindingKind{iampolicy.EveryoneTrusted, iampolicy.NotPrincipalAllows, iampolicy.NoSubject}
			require.False(t, trust == nil && slices.Contains(open, finding.Kind), "is a trust policy that the review calls open")
		}
		if document.ValidatePartition("aws") == nil && document.ValidatePartition("aws-cn") != nil {
			require.Contains(t, written, "arn:")
		}
	})
}

// FuzzParseARN: an ARN that is taken is the same when written, and is of one kind at most.
func FuzzParseARN(f *testing.F) {
	for _, seed := range []string{
		providerARN, "arn:aws-cn:iam::111122223333:role/team/x", "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
		"arn:aws:s3:::x", "arn:aws:eks:eu-west-1:111122223333:cluster/x", "arn:aws:iam::111122223333:oidc-provider/idp.example.com/",
		"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/x", "arn:aws:sts::111122223333:assumed-role/x/a:b", "arn:::::", "", "arn:aws:s3:::a b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		arn, err := iampolicy.ParseARN(text)
		if err != nil {
			require.Equal(t, iampolicy.ARN{}, arn)
			return
		}
		require.Equal(t, text, arn.String())
		kinds := 0
		for _, is := range []bool{arn.IsRole(), arn.IsPolicy(), arn.IsOIDCProvider()} {
			if is {
				kinds++
			}
		}
		require.LessOrEqual(t, kinds, 1)
		name := arn.RoleName()
		path := strings.TrimSuffix(strings.TrimPrefix(arn.Resource, "role"), name)
		isRole := arn.IsRole() && iampolicy.ValidateRoleName(name) == nil && iampolicy.ValidateRolePath(path) == nil
		require.Equal(t, isRole, iampolicy.ValidateRoleARN(text) == nil, "a role's ARN has a name and a path that roles can have")
		require.NoError(t, iampolicy.ValidatePartition(text, arn.Partition), "is not of its own partition")
	})
}

// FuzzParseIssuer: an issuer that is taken is the same when taken again, with and without https://, and IAM has a provider of
// that name.
func FuzzParseIssuer(f *testing.F) {
	for _, seed := range []string{
		issuer, "https://" + issuer, "https://" + issuer + "/", "https://idp.example.com/clusters/prod/", "https://oidc-eks.eu-west-1.api.aws/id/A",
		"https://oidc-eks.cn-north-1.api.amazonwebservices.com.cn/id/A", "HTTPS://Oidc.Example", "https://oidc.example:443/", "https://a@b.c/",
		"https://oidc.example//", "https://oidc.example/%2f", "https://oidc.example/../x", "http://oidc.example", "arn:aws:iam::1:x", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, err := iampolicy.ParseIssuer(text)
		if err != nil {
			require.Empty(t, host)
			return
		}
		for _, same := range []string{host, "https://" + host} {
			again, err := iampolicy.ParseIssuer(same)
			require.NoError(t, err)
			require.Equal(t, host, again)
		}
		provider, err := iampolicy.ParseARN("arn:aws:iam::111122223333:oidc-provider/" + host)
		require.NoError(t, err)
		require.True(t, provider.IsOIDCProvider())
		require.Equal(t, "oidc-provider/"+host, provider.Resource)
	})
}
