package aws_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheSimulatorDecidesAsTheServicesDo(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/app/", unique("role"))
	e.putPolicy(t, *role.RoleName, "allow",
		statement("Allow", "s3:*", "arn:aws:s3:::ledger/*"), statement("Deny", "s3:DeleteObject", "*"),
		`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringLike":{"s3:prefix":["a*","b*"]}}}`,
		statement("Allow", "s3:PutObject", "arn:aws:s3:::own/${aws:PrincipalTag/team}"),
	)
	simulate := func(t *testing.T, change func(*iam.SimulatePrincipalPolicyInput)) map[string]string {
		t.Helper()
		input := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: role.Arn}
		change(input)
		answer, err := e.iam().SimulatePrincipalPolicy(t.Context(), input)
		require.NoError(t, err)
		assert.False(t, answer.IsTruncated)
		decisions := map[string]string{}
		for _, result := range answer.EvaluationResults {
			decisions[*result.EvalActionName+" "+*result.EvalResourceName] = string(result.EvalDecision)
		}
		return decisions
	}

	assert.Equal(t, map[string]string{
		"s3:GetObject arn:aws:s3:::ledger/x": "allowed", "s3:GetObject arn:aws:s3:::other/x": "implicitDeny",
		"s3:DeleteObject arn:aws:s3:::ledger/x": "explicitDeny", "s3:DeleteObject arn:aws:s3:::other/x": "explicitDeny",
	}, simulate(t, func(in *iam.SimulatePrincipalPolicyInput) {
		in.ActionNames = []string{"s3:GetObject", "s3:DeleteObject"}
		in.ResourceArns = []string{"arn:aws:s3:::ledger/x", "arn:aws:s3:::other/x"}
	}))
	list := func(values ...string) func(*iam.SimulatePrincipalPolicyInput) {
		return func(in *iam.SimulatePrincipalPolicyInput) {
			in.ActionNames = []string{"s3:ListBucket"}
			if len(values) > 0 {
				in.ContextEntries = []types.ContextEntry{{
					ContextKeyName: aws.String("S3:Prefix"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: values,
				}}
			}
		}
	}
	assert.Equal(t, map[string]string{"s3:ListBucket *": "implicitDeny"}, simulate(t, list()), "without the key")
	assert.Equal(t, map[string]string{"s3:ListBucket *": "allowed"}, simulate(t, list("b/1")))
	assert.Equal(t, map[string]string{"s3:ListBucket *": "implicitDeny"}, simulate(t, list("c/1")))
	assert.Equal(t, map[string]string{"s3:PutObject arn:aws:s3:::own/a": "allowed", "s3:PutObject arn:aws:s3:::own/b": "implicitDeny"},
		simulate(t, func(in *iam.SimulatePrincipalPolicyInput) {
			in.ActionNames, in.ResourceArns = []string{"s3:PutObject"}, []string{"arn:aws:s3:::own/a", "arn:aws:s3:::own/b"}
			in.ContextEntries = []types.ContextEntry{{
				ContextKeyName: aws.String("aws:PrincipalTag/team"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{"a"},
			}}
		}))
	assert.Equal(t, map[string]string{"iam:GetRole *": "allowed"}, simulate(t, func(in *iam.SimulatePrincipalPolicyInput) {
		in.ActionNames, in.PolicyInputList = []string{"iam:GetRole"}, []string{document(statement("Allow", "iam:Get*", "*"))}
	}), "a document beside the role's own")
}

func TestTheSimulatorKnowsTheBoundary(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/", unique("role"))
	e.allow(t, *role.RoleName, "s3:*", "*")
	boundary, err := e.iam().CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName: aws.String(unique("boundary")), PolicyDocument: aws.String(document(statement("Allow", "s3:Get*", "*"))),
	})
	require.NoError(t, err)
	_, err = e.iam().PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{
		RoleName: role.RoleName, PermissionsBoundary: boundary.Policy.Arn,
	})
	require.NoError(t, err)

	answer, err := e.iam().SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: role.Arn, ActionNames: []string{"s3:GetObject", "s3:PutObject"},
	})

	require.NoError(t, err)
	require.Len(t, answer.EvaluationResults, 2)
	assert.Equal(t, types.PolicyEvaluationDecisionTypeAllowed, answer.EvaluationResults[0].EvalDecision)
	assert.True(t, answer.EvaluationResults[0].PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary)
	assert.Equal(t, types.PolicyEvaluationDecisionTypeImplicitDeny, answer.EvaluationResults[1].EvalDecision)
	assert.False(t, answer.EvaluationResults[1].PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary)
}

func TestTheSimulatorRefuses(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/app/", unique("role"))
	for name, test := range map[string]struct {
		change func(*iam.SimulatePrincipalPolicyInput)
		says   string
	}{
		"a user": {
			func(in *iam.SimulatePrincipalPolicyInput) {
				in.PolicySourceArn = aws.String("arn:aws:iam::" + account + ":user/x")
			},
			"InvalidInput: Invalid Entity Arn: arn:aws:iam::" + account + ":user/x",
		},
		"a role that does not exist": {
			func(in *iam.SimulatePrincipalPolicyInput) {
				in.PolicySourceArn = aws.String("arn:aws:iam::" + account + ":role/none")
			},
			"NoSuchEntity: The role with name none cannot be found.",
		},
		"a role of another account": {
			func(in *iam.SimulatePrincipalPolicyInput) {
				in.PolicySourceArn = aws.String("arn:aws:iam::" + otherAccount + ":role/x")
			},
			"InvalidInput: Invalid Entity Arn: arn:aws:iam::" + otherAccount + ":role/x",
		},
		"a role without its path": {
			func(in *iam.SimulatePrincipalPolicyInput) {
				in.PolicySourceArn = aws.String("arn:aws:iam::" + account + ":role/" + *role.RoleName)
			},
			"NoSuchEntity: ",
		},
		"no action":   {func(in *iam.SimulatePrincipalPolicyInput) { in.ActionNames = []string{} }, "ValidationError: "},
		"a bare name": {func(in *iam.SimulatePrincipalPolicyInput) { in.ActionNames = []string{"GetObject"} }, "InvalidInput: "},
		"a resource that is no ARN": {
			func(in *iam.SimulatePrincipalPolicyInput) { in.ResourceArns = []string{"bucket"} }, "InvalidInput: ",
		},
		"a document that is none": {
			func(in *iam.SimulatePrincipalPolicyInput) { in.PolicyInputList = []string{"{}"} }, "InvalidInput: ",
		},
		"what the sandbox does not have": {
			func(in *iam.SimulatePrincipalPolicyInput) { in.ResourcePolicy = aws.String("{}") },
			"NotImplemented: the sandbox does not have the parameter ResourcePolicy of SimulatePrincipalPolicy",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			input := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: role.Arn, ActionNames: []string{"s3:GetObject"}}
			test.change(input)
			_, err := e.iam().SimulatePrincipalPolicy(t.Context(), input)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestTheSimulatorTakesAPermission(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/app/", unique("role"))
	asker := e.createRole(t, "/", unique("asker"))
	ask := func() error {
		_, err := e.as(t, *asker.Arn).iam().SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: role.Arn, ActionNames: []string{"s3:GetObject"},
		})
		return err
	}
	requireAPIError(t, ask(), "AccessDenied",
		denied(*asker.RoleName, "iam:SimulatePrincipalPolicy", *role.Arn, noPolicy("iam:SimulatePrincipalPolicy")))
	e.allow(t, *asker.RoleName, "iam:SimulatePrincipalPolicy", *role.Arn)
	require.NoError(t, ask())
}
