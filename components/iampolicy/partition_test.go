package iampolicy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

func TestAnArnOfAnotherPartitionIsRefused(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, arn, partition, want string }{
		{"the same", "arn:aws:s3:::x", "aws", ""},
		{"China", "arn:aws-cn:s3:::x", "aws-cn", ""},
		{"a partition of tomorrow", "arn:aws-eusc:s3:::x", "aws-eusc", ""},
		{"every partition", "arn:*:s3:::x", "aws-us-gov", ""},
		{"every partition that begins with aws", "arn:aws*:s3:::x", "aws-us-gov", ""},
		{"partitions by pattern", "arn:aws-??:s3:::x", "aws-cn", ""},
		{"no ARN", "*", "aws-cn", ""},
		{"a text with colons", "a:b:c:d:e:f", "aws-cn", ""},
		{"what a template left", "arn:${AWS::Partition}:s3:::x", "aws", ""},
		{"a policy variable with colons", "arn:aws:s3:::${aws:username}", "aws", ""},
		{
			"AWS for China", "arn:aws:s3:::${aws:username}/*", "aws-cn",
			`"arn:aws:s3:::${aws:username}/*" is in the partition aws, and the role is in aws-cn: write arn:aws-cn:s3:::${aws:username}/*`,
		},
		{
			"China for AWS", "arn:aws-cn:sqs:cn-north-1:111122223333:jobs", "aws",
			`"arn:aws-cn:sqs:cn-north-1:111122223333:jobs" is in the partition aws-cn, and the role is in aws: write arn:aws:sqs:cn-north-1:111122223333:jobs`,
		},
		{
			"a pattern that does not match", "arn:aws-*:s3:::x", "aws",
			`"arn:aws-*:s3:::x" is in the partition aws-*, and the role is in aws: write arn:aws:s3:::x`,
		},
		{
			"many wildcards", "arn:" + strings.Repeat("*a", 40) + "*b:s3:::x", "aws-us-gov",
			`"arn:` + strings.Repeat("*a", 40) + `*b:s3:::x" is in the partition ` + strings.Repeat("*a", 40) + "*b, and the role is in aws-us-gov: write arn:aws-us-gov:s3:::x",
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := iampolicy.ValidatePartition(test.arn, test.partition)
			if test.want != "" {
				require.EqualError(t, err, test.want)
				return
			}
			require.NoError(t, err)
		})
	}
}

func TestEveryArnOfADocumentIsOfThePartition(t *testing.T) {
	t.Parallel()
	document := iampolicy.Document{Statements: []iampolicy.Statement{
		{Resources: iampolicy.Strings{"*", "arn:aws:s3:::a"}, NotResources: iampolicy.Strings{"arn:aws:s3:::b"}},
		{
			Principal: &iampolicy.Principal{
				AWS:       iampolicy.Strings{"111122223333", "arn:aws:iam::111122223333:root"},
				Federated: iampolicy.Strings{"arn:aws:iam::111122223333:saml-provider/x"},
			},
			NotPrincipal: &iampolicy.Principal{AWS: iampolicy.Strings{"arn:aws:iam::111122223333:role/c"}},
			Condition:    on("StringLike", "aws:PrincipalArn", "arn:*:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/d"),
		},
	}}
	wrong := func(path, arn string) string {
		return path + `: "` + arn + `" is in the partition aws, and the role is in aws-cn: write ` + strings.Replace(arn, "aws", "aws-cn", 1)
	}
	require.EqualError(t, document.ValidatePartition("aws-cn"), strings.Join([]string{
		wrong("Statement[0].Resource[1]", "arn:aws:s3:::a"),
		wrong("Statement[0].NotResource[0]", "arn:aws:s3:::b"),
		wrong("Statement[1].Principal.AWS[1]", "arn:aws:iam::111122223333:root"),
		wrong("Statement[1].Principal.Federated[0]", "arn:aws:iam::111122223333:saml-provider/x"),
		wrong("Statement[1].NotPrincipal.AWS[0]", "arn:aws:iam::111122223333:role/c"),
		wrong(`Statement[1].Condition.StringLike["aws:PrincipalArn"][1]`, "arn:aws:iam::111122223333:role/d"),
	}, "\n"))
	require.NoError(t, document.ValidatePartition("aws"))
	require.EqualError(t, iampolicy.ValidateStatementsPartition("extra", document.Statements[:1], "aws-cn"), strings.Join([]string{
		wrong("extra[0].Resource[1]", "arn:aws:s3:::a"), wrong("extra[0].NotResource[0]", "arn:aws:s3:::b"),
	}, "\n"))
}

func TestTheSizeOfADocumentIsCountedAsIAMDoes(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]int{
		"":                           0,
		"{ }\n":                      2,
		`{ "a b" : [ 1 , 2 ] }`:      13,
		"{\t\"\u00fc\":\r\n\"\\n\"}": 10,
		"no JSON":                    7,
	} {
		assert.Equal(t, want, iampolicy.TextSize(document), document)
	}
}
