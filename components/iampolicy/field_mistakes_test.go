package iampolicy_test

// Permission documents with a mistake that people make.
var wrongPermissions = []fieldDocument{
	{
		"CloudFormation's partition",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"arn:${AWS::Partition}:ec2:*:*:instance/*"}]}`,
		`Statement[0].Resource[0]: "arn:${AWS::Partition}:ec2:*:*:instance/*" has ${AWS::Partition}, which CloudFormation fills in and IAM does not; write the partition: aws, aws-cn, aws-us-gov or the like`,
	},
	{
		"CloudFormation's account",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::${AWS::AccountId}:role/node"}]}`,
		`Statement[0].Resource[0]: "arn:aws:iam::${AWS::AccountId}:role/node" has ${AWS::AccountId}, which CloudFormation fills in and IAM does not; write the account: 12 digits`,
	},
	{
		"CloudFormation's way of writing a policy variable",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/${!aws:username}/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/${!aws:username}/*" has ${!, which is how CloudFormation's Fn::Sub writes ${; write ${`,
	},
	{
		"Terraform's data source",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:${data.aws_partition.current.partition}:s3:::dev/*"}]}`,
		`Statement[0].Resource[0]: "arn:${data.aws_partition.current.partition}:s3:::dev/*" has ${data.aws_partition.current.partition}, which Terraform fills in and IAM does not; write the partition: aws, aws-cn, aws-us-gov or the like`,
	},
	{
		"Terraform's variable",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::${var.bucket}/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::${var.bucket}/*" has ${var.bucket}, which Terraform fills in and IAM does not; write the value`,
	},
	{
		"Terraform's way of writing a policy variable",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/&{aws:username}/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/&{aws:username}/*" has &{, which only Terraform's aws_iam_policy_document reads; write ${`,
	},
	{
		"Terraform's escape",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/$${aws:username}/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/$${aws:username}/*" has $${, which is how a template of Terraform writes ${; write ${`,
	},
	{
		"a directive of Terraform",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/%{ if true }x%{ endif }"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/%{ if true }x%{ endif }" has %{ if true }, which is a directive of a Terraform template; write the value`,
	},
	{
		"Helm's values",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:{{ .Values.accountId }}:jobs"}]}`,
		`Statement[0].Resource[0]: "arn:aws:sqs:eu-west-1:{{ .Values.accountId }}:jobs" has {{ .Values.accountId }}, which a template (Helm, Jinja, CloudFormation) leaves where it is not filled in; write the account: 12 digits`,
	},
	{
		"a placeholder of an example",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::<YOUR_BUCKET>/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::<YOUR_BUCKET>/*" has <YOUR_BUCKET>, which stands in examples for a value of your own; write the value`,
	},
	{
		"a placeholder for the account",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:<account-id>:jobs"}]}`,
		`Statement[0].Resource[0]: "arn:aws:sqs:eu-west-1:<account-id>:jobs" has <account-id>, which stands in examples for a value of your own; write the account: 12 digits`,
	},
	{
		"a variable of envsubst",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::${ACCOUNT_ID}:role/deployer"}]}`,
		`Statement[0].Resource[0]: "arn:aws:iam::${ACCOUNT_ID}:role/deployer" has ${ACCOUNT_ID}, which a shell or a template fills in and IAM does not; write the account: 12 digits`,
	},
	{
		"a variable of a shell",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::$AWS_ACCOUNT_ID:role/deployer"}]}`,
		`Statement[0].Resource[0]: "arn:aws:iam::$AWS_ACCOUNT_ID:role/deployer" has $AWS_ACCOUNT_ID, which a shell fills in and IAM does not; write the account: 12 digits`,
	},
	{
		"a command of a shell",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::$(aws sts get-caller-identity):role/deployer"}]}`,
		`Statement[0].Resource[0]: "arn:aws:iam::$(aws sts get-caller-identity):role/deployer" has $(aws sts get-caller-identity), which a shell or a pipeline fills in and IAM does not; write the value`,
	},
	{
		"the Serverless Framework's region",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:${aws:region}:111122223333:jobs"}]}`,
		`Statement[0].Resource[0]: "arn:aws:sqs:${aws:region}:111122223333:jobs" has ${aws:region}, which the Serverless Framework fills in and IAM does not; write the region, such as eu-west-1`,
	},
	{
		"an output of Pulumi as a text",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::Calling [toString] on an [Output<T>] is not supported/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::Calling [toString] on an [Output<T>] is not supported/*" has Output<T>, which Pulumi writes where an output is used as a text; use Apply or pulumi.Sprintf`,
	},
	{
		"a format of Go without its argument",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::%!s(MISSING)/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::%!s(MISSING)/*" has %!s(MISSING), which Go writes where a format and its arguments do not fit; write the value`,
	},
	{
		"a template in a condition",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"${AWS::AccountId}"}}}]}`,
		`Statement[0].Condition.StringEquals["aws:ResourceAccount"][0]: "${AWS::AccountId}" has ${AWS::AccountId}, which CloudFormation fills in and IAM does not; write the account: 12 digits`,
	},
	{
		"a template in an action",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"${service}:GetObject","Resource":"*"}]}`,
		`Statement[0].Action[0]: "${service}:GetObject" has ${service}, which a shell or a template fills in and IAM does not; write the value`,
	},
	{
		"the tag key of AWS's own list",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:StartInstances","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/${TagKey}":"x"}}}]}`,
		`Statement[0].Condition.StringEquals["aws:ResourceTag/${TagKey}"]: "aws:ResourceTag/${TagKey}" has ${TagKey}, which a shell or a template fills in and IAM does not; write the value`,
	},
	{
		"a policy variable in the old version",
		`{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::dev/${aws:username}/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/${aws:username}/*" has ${aws:username}, and IAM knows policy variables in documents with "Version": "2012-10-17" only`,
	},
	{
		"a policy variable and no version",
		`{"Statement":{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringLike":{"s3:prefix":"${aws:username}/*"}}}}`,
		`Statement[0].Condition.StringLike["s3:prefix"][0]: "${aws:username}/*" has ${aws:username}, and IAM knows policy variables in documents with "Version": "2012-10-17" only`,
	},
	{
		"a policy variable in an action",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:${aws:PrincipalTag/verb}","Resource":"*"}]}`,
		`Statement[0].Action[0]: "s3:${aws:PrincipalTag/verb}" has a policy variable, which IAM reads in Resource and in the values of conditions only`,
	},
	{
		"a policy variable that does not end",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/${aws:username/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/${aws:username/*" has ${ without the } that ends a policy variable`,
	},
	{
		"a policy variable with white space",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/${ aws:username }/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/${ aws:username }/*" has white space within ${ and }; write ${aws:username}`,
	},
	{
		"an empty policy variable",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/${}/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/${}/*" has an empty policy variable; name a condition key in it, such as ${aws:username}`,
	},
	{
		"a default without quotes",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/${aws:PrincipalTag/team, shared}/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/${aws:PrincipalTag/team, shared}/*" has ${aws:PrincipalTag/team, shared}, which is no policy variable; its form is ${prefix:name} or ${prefix:name, 'default'}`,
	},
	{
		"a policy variable where a number belongs",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"NumericLessThan":{"s3:max-keys":"${aws:PrincipalTag/keys}"}}}]}`,
		`Statement[0].Condition.NumericLessThan["s3:max-keys"][0]: "${aws:PrincipalTag/keys}" has a policy variable, which IAM reads with operators of strings and ARNs only`,
	},
	{
		"every service",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:*:*:111122223333:*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:*:*:111122223333:*" has the service "*"; IAM takes no wildcard there, so name one service`,
	},
	{
		"a service by pattern",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s*:::dev"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s*:::dev" has the service "s*"; IAM takes no wildcard there, so name one service`,
	},
	{
		"a role with a region",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam:eu-west-1:111122223333:role/node"}]}`,
		`Statement[0].Resource[0]: "arn:aws:iam:eu-west-1:111122223333:role/node" has the region "eu-west-1", and IAM has none; leave it empty`,
	},
	{
		"a role without its kind",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111122223333:KarpenterNodeRole"}]}`,
		`Statement[0].Resource[0]: "arn:aws:iam::111122223333:KarpenterNodeRole" has no kind of resource; IAM's are such as role/x and policy/x`,
	},
	{
		"a bucket with a region",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:eu-west-1::dev-artifacts/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:eu-west-1::dev-artifacts/*" has the region "eu-west-1", and the ARN of a bucket has none: arn:aws:s3:::dev-artifacts/*`,
	},
	{
		"a bucket with a colon too few",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3::dev-artifacts/*"}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3::dev-artifacts/*" is not a resource; use an ARN or "*"`,
	},
	{
		"a bucket by name",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"dev-artifacts/*"}]}`,
		`Statement[0].Resource[0]: "dev-artifacts/*" is not a resource; use an ARN or "*"`,
	},
	{
		"an account of 11 digits",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:11112222333:jobs"}]}`,
		`Statement[0].Resource[0]: "arn:aws:sqs:eu-west-1:11112222333:jobs" is not an ARN: the account is "11112222333"; it should be 12 digits, *, or empty`,
	},
	{
		"an account with hyphens",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:1111-2222-3333:jobs"}]}`,
		`Statement[0].Resource[0]: "arn:aws:sqs:eu-west-1:1111-2222-3333:jobs" is not an ARN: the account is "1111-2222-3333"; it should be 12 digits, *, or empty`,
	},
	{
		"a partition that is none",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"arn:amazon:sqs:eu-west-1:111122223333:jobs"}]}`,
		`Statement[0].Resource[0]: "arn:amazon:sqs:eu-west-1:111122223333:jobs" is not an ARN: the partition is "amazon"; it should be aws, aws-cn, aws-us-gov or the like`,
	},
	{
		"an ARN with white space after it",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/* "}]}`,
		`Statement[0].Resource[0]: "arn:aws:s3:::dev/* " ends with white space`,
	},
	{
		"an operator in lower case",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"stringEquals":{"aws:ResourceAccount":"111122223333"}}}]}`,
		"Statement[0].Condition.stringEquals: is not a condition operator",
	},
	{
		"a condition key by pattern",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/*":"x"}}}]}`,
		`Statement[0].Condition.StringEquals["aws:ResourceTag/*"]: is not a condition key; its form is "prefix:name", without wildcards and without white space around it`,
	},
	{
		"a condition key twice, in two spellings",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"111122223333","aws:resourceaccount":"444455556666"}}}]}`,
		`Statement[0].Condition.StringEquals["aws:resourceaccount"]: is aws:ResourceAccount already: IAM knows no upper and lower case in condition keys; write one list`,
	},
	{
		"a condition without an operator",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"aws:ResourceAccount":"111122223333"}}]}`,
		`Statement[0].Condition["aws:ResourceAccount"]: must be an object, is a string`,
	},
	{
		"an account as a number",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":111122223333}}}]}`,
		`Statement[0].Condition.StringEquals["aws:ResourceAccount"]: must be a string or a list of strings, is the number 111122223333; put it in quotes`,
	},
	{
		"a date as people write it",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"31.12.2026"}}}]}`,
		`Statement[0].Condition.DateLessThan["aws:CurrentTime"][0]: "31.12.2026" is not a date; write it as "2026-01-31T00:00:00Z", or as seconds since 1970`,
	},
	{
		"a day that there is not",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2026-02-30T00:00:00Z"}}}]}`,
		`Statement[0].Condition.DateLessThan["aws:CurrentTime"][0]: "2026-02-30T00:00:00Z" is not a date; write it as "2026-01-31T00:00:00Z", or as seconds since 1970`,
	},
	{
		"an hour as a number",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":"1h"}}}]}`,
		`Statement[0].Condition.NumericLessThan["aws:MultiFactorAuthAge"][0]: "1h" is not a number; write digits such as 3600 or 1.5, in quotes and without an exponent`,
	},
	{
		"a number with an exponent",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":1e3}}}]}`,
		`Statement[0].Condition.NumericLessThan["aws:MultiFactorAuthAge"]: must be a string or a list of strings, is the number 1e3; put it in quotes`,
	},
	{
		"on for true",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"on"}}}]}`,
		`Statement[0].Condition.Bool["aws:SecureTransport"][0]: "on" is neither true nor false`,
	},
	{
		"Null with an empty value",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"Null":{"aws:ResourceTag/team":""}}}]}`,
		`Statement[0].Condition.Null["aws:ResourceTag/team"][0]: "" is neither true nor false`,
	},
	{
		"a network of 33 bits",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}}]}`,
		`Statement[0].Condition.IpAddress["aws:SourceIp"][0]: "10.0.0.0/33" is neither an IP address nor a range of them such as "203.0.113.0/24" or "2001:db8::/32"`,
	},
	{
		"a name where an ARN belongs",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"role/dev-*"}}}]}`,
		`Statement[0].Condition.ArnLike["aws:PrincipalArn"][0]: "role/dev-*" is not an ARN, with which this operator compares; its form is arn:partition:service:region:account:resource, with * and ?`,
	},
	{
		"an ARN with four parts where one belongs",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:jobs"}}}]}`,
		`Statement[0].Condition.ArnEquals["aws:SourceArn"][0]: "arn:aws:sns:jobs" is not an ARN, with which this operator compares; its form is arn:partition:service:region:account:resource, with * and ?`,
	},
	{
		"what is not base64",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"BinaryEquals":{"kms:RecipientAttestation:PCR0":"not base64"}}}]}`,
		`Statement[0].Condition.BinaryEquals["kms:RecipientAttestation:PCR0"][0]: "not base64" is not base64, in which IAM wants binary values`,
	},
	{
		"a principal",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"*"}]}`,
		"Statement[0].Principal: does not belong in a permission document: the role that it is attached to is meant",
	},
	{
		"an effect in lower case",
		`{"Version":"2012-10-17","Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`,
		`Statement[0].Effect: "allow" is neither Allow nor Deny`,
	},
	{
		"Actions for Action",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Actions":["s3:*"],"Resource":"*"}}`,
		"Statement[0].Actions: unknown element; known here (upper and lower case matter) are Sid, Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource, Condition\n" +
			"Statement[0].Action: is missing; a statement needs Action or NotAction",
	},
	{
		"an action without its service",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"GetObject","Resource":"*"}]}`,
		`Statement[0].Action[0]: "GetObject" is not an action; use "service:Action" or "*"`,
	},
	{
		"two services in one action",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:s3:GetObject","Resource":"*"}]}`,
		`Statement[0].Action[0]: "s3:s3:GetObject" is not an action; use "service:Action" or "*"`,
	},
	{
		"no resource",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*"}}`,
		"Statement[0].Resource: is missing; a permission document needs Resource or NotResource",
	},
	{
		"a Sid with hyphens",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Sid":"allow-s3","Action":"s3:*","Resource":"*"}]}`,
		`Statement[0].Sid: "allow-s3" has a character that is not allowed; use letters and digits`,
	},
	{
		"two statements of one Sid",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Sid":"A","Action":"s3:*","Resource":"*"},{"Effect":"Allow","Sid":"A","Action":"sqs:*","Resource":"*"}]}`,
		`Statement[1].Sid: "A" is the Sid of Statement[0] already; a Sid is unique in its policy`,
	},
	{
		"quotes of a word processor",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"“payments”"}}}]}`,
		`Statement[0].Condition.StringEquals["aws:ResourceTag/team"][0]: has the character '“' (U+201C); IAM takes tab, line breaks and U+0020 to U+00FF only`,
	},
	{
		"a comma too many",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},]}`,
		"not JSON: invalid character ']' looking for beginning of value, at byte 87",
	},
	{
		"a comment",
		`{"Version":"2012-10-17", // the current one
"Statement":[]}`,
		"not JSON: invalid character '/' looking for beginning of object key string, at byte 25",
	},
	{
		"today's date for the version",
		`{"Version":"2026-11-26","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`,
		`Version: "2026-11-26" is not a version of the policy language; use "2012-10-17"`,
	},
}

// Trust policies that let in others than are meant, or that IAM refuses.
var wrongTrust = []fieldDocument{
	{
		"no condition on who it is",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:aud":"sts.amazonaws.com"}}}]}`,
		`Statement[0].Condition: would trust every identity of oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1; add a condition on "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub"`,
	},
	{
		"every service account of the cluster",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub":"system:serviceaccount:*:*"}}}]}`,
		`Statement[0].Condition: would trust every identity of oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1, as any of them can meet it; restrict "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub" to subjects of yours with StringEquals or StringLike`,
	},
	{
		"every identity, by pattern",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub":"*"}}}]}`,
		`Statement[0].Condition: would trust every identity of oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1, as any of them can meet it; restrict "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub" to subjects of yours with StringEquals or StringLike`,
	},
	{
		"everybody on GitHub",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:*"}}}]}`,
		`Statement[0].Condition: would trust every identity of token.actions.githubusercontent.com, as any of them can meet it; restrict "token.actions.githubusercontent.com:sub" to subjects of yours with StringEquals or StringLike`,
	},
	{
		"a repository of that name, of any owner",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:*/octo-repo:*"}}}]}`,
		`Statement[0].Condition: would trust every identity of token.actions.githubusercontent.com, as any of them can meet it; restrict "token.actions.githubusercontent.com:sub" to subjects of yours with StringEquals or StringLike`,
	},
	{
		"the main branch of everybody on GitHub",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"token.actions.githubusercontent.com:ref":"refs/heads/main"}}}]}`,
		`Statement[0].Condition: would trust every identity of token.actions.githubusercontent.com; add a condition on "token.actions.githubusercontent.com:sub"`,
	},
	{
		"all but one on GitHub",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringNotLike":{"token.actions.githubusercontent.com:sub":"repo:evil/*"}}}]}`,
		`Statement[0].Condition: would trust every identity of token.actions.githubusercontent.com, as any of them can meet it; restrict "token.actions.githubusercontent.com:sub" to subjects of yours with StringEquals or StringLike`,
	},
	{
		"tokens without a subject, too",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEqualsIfExists":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub":"system:serviceaccount:payments:app"}}}]}`,
		`Statement[0].Condition: would trust every identity of oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1, as any of them can meet it; restrict "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub" to subjects of yours with StringEquals or StringLike`,
	},
	{
		"all of no values",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"ForAllValues:StringEquals":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub":["system:serviceaccount:payments:app"]}}}]}`,
		`Statement[0].Condition: would trust every identity of oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1, as any of them can meet it; restrict "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub" to subjects of yours with StringEquals or StringLike`,
	},
	{
		"tokens with any subject",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"Null":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub":"false"}}}]}`,
		`Statement[0].Condition: would trust every identity of oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1, as any of them can meet it; restrict "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub" to subjects of yours with StringEquals or StringLike`,
	},
	{
		"the subject of another cluster",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE2:sub":"system:serviceaccount:payments:app"}}}]}`,
		`Statement[0].Condition: would trust every identity of oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1; add a condition on "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub"`,
	},
	{
		"how they were authenticated",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/idp.example.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"idp.example.com:aud":"app","idp.example.com:amr":"authenticated","idp.example.com:azp":"app"}}}]}`,
		`Statement[0].Condition: would trust every identity of idp.example.com; add a condition on "idp.example.com:sub"`,
	},
	{
		"everybody",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`,
		"Statement[0].Principal: would trust every principal; name principals or add a Condition",
	},
	{
		"everybody who has an ARN",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}}}]}`,
		`Statement[0].Principal: would trust every principal, as any caller can meet the Condition; name principals, or restrict a key such as "aws:PrincipalOrgID" to values of yours`,
	},
	{
		"a role of that name in any account",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/deployer"}}}]}`,
		`Statement[0].Principal: would trust every principal, as any caller can meet the Condition; name principals, or restrict a key such as "aws:PrincipalOrgID" to values of yours`,
	},
	{
		"everybody with a tag that anybody can have",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:PrincipalTag/team":"payments"},"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`,
		`Statement[0].Principal: would trust every principal, as any caller can meet the Condition; name principals, or restrict a key such as "aws:PrincipalOrgID" to values of yours`,
	},
	{
		"the whole internet",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}}]}`,
		`Statement[0].Principal: would trust every principal, as any caller can meet the Condition; name principals, or restrict a key such as "aws:PrincipalOrgID" to values of yours`,
	},
	{
		"everybody but one",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"sts:AssumeRole"}]}`,
		"Statement[0].NotPrincipal: with Allow would trust every other principal in the world; use Principal",
	},
	{
		"roles by pattern",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/ci-*"},"Action":"sts:AssumeRole"}]}`,
		`Statement[0].Principal.AWS[0]: "arn:aws:iam::111122223333:role/ci-*" has a wildcard; a principal is named in full`,
	},
	{
		"an account as a number",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":111122223333},"Action":"sts:AssumeRole"}]}`,
		"Statement[0].Principal.AWS: must be a string or a list of strings, is the number 111122223333; put it in quotes",
	},
	{
		"an account of YAML's",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":[1402433619]},"Action":"sts:AssumeRole"}]}`,
		"Statement[0].Principal.AWS[0]: must be a string, is the number 1402433619; put it in quotes (without them YAML reads 012345670123, for one, as an octal number)",
	},
	{
		"an account of 11 digits",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"11112222333"},"Action":"sts:AssumeRole"}]}`,
		`Statement[0].Principal.AWS[0]: "11112222333" is not a principal; use an account (12 digits), the ARN of a role, a user or a session, or a unique ID such as AROA...`,
	},
	{
		"a group",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:group/ops"},"Action":"sts:AssumeRole"}]}`,
		`Statement[0].Principal.AWS[0]: "arn:aws:iam::111122223333:group/ops" is a group, which is no principal; name its users or a role`,
	},
	{
		"a bucket",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:s3:::dev"},"Action":"sts:AssumeRole"}]}`,
		`Statement[0].Principal.AWS[0]: "arn:aws:s3:::dev" is not the ARN of a principal; name an account (arn:aws:iam::<account>:root), a role, a user or a session`,
	},
	{
		"a role by name",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"deployer"},"Action":"sts:AssumeRole"}]}`,
		`Statement[0].Principal.AWS[0]: "deployer" is not a principal; use an account (12 digits), the ARN of a role, a user or a session, or a unique ID such as AROA...`,
	},
	{
		"a service by its short name",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2"},"Action":"sts:AssumeRole"}]}`,
		`Statement[0].Principal.Service[0]: "ec2" is not a service principal; its form is service.amazonaws.com`,
	},
	{
		"an issuer for its provider",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"https://token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"a:b":"c"}}}]}`,
		`Statement[0].Principal.Federated[0]: "https://token.actions.githubusercontent.com" is a URL; use the ARN of the OIDC provider that IAM has for it`,
	},
	{
		"a canonical user by name",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"CanonicalUser":"jane"},"Action":"sts:AssumeRole"}]}`,
		`Statement[0].Principal.CanonicalUser[0]: "jane" is not a canonical user ID, which has 64 hexadecimal digits`,
	},
	{
		"a template for the account",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::${AWS::AccountId}:root"},"Action":"sts:AssumeRole"}]}`,
		`Statement[0].Principal.AWS[0]: "arn:aws:iam::${AWS::AccountId}:root" has ${AWS::AccountId}, which CloudFormation fills in and IAM does not; write the account: 12 digits`,
	},
	{
		"a policy variable for the account",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::${aws:PrincipalAccount}:root"},"Action":"sts:AssumeRole"}]}`,
		`Statement[0].Principal.AWS[0]: "arn:aws:iam::${aws:PrincipalAccount}:root" has a policy variable, which IAM reads in Resource and in the values of conditions only`,
	},
	{
		"a resource",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole","Resource":"*"}]}`,
		"Statement[0].Resource: does not belong in a trust policy: the role itself is the resource",
	},
	{
		"an action of another service",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"ec2:RunInstances"}]}`,
		`Statement[0].Action[0]: "ec2:RunInstances" is not an action of STS, and a trust policy has no others; use "sts:AssumeRole" or the like`,
	},
}
