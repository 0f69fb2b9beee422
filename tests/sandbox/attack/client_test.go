//go:build unix

package attack_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The SDK has a type for each error that STS documents, by which programs tell them apart, and takes their HTTP statuses
// to decide what to try again.
func TestTheSDKKnowsTheErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		token  tokenSource
		want   refusal
		typed  any
		status int
	}{
		{"a token of another audience", forKubernetes, wrongAudience, new(*ststypes.InvalidIdentityTokenException), 400},
		{"a token that is over", forged(at("iat", -2), at("exp", -1)), expired, new(*ststypes.ExpiredTokenException), 400},
		{"an empty subject", forged(claim("sub", "")), rejectedClaim, new(*ststypes.IDPRejectedClaimException), 403},
		{"another service account", issued(hub, "billing", "s3-backup"), notAuthorized, new(smithy.APIError), 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			judge(t, test.want, func() error {
				_, err := sts.NewFromConfig(operator()).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
					RoleArn: aws.String(trusting()(t)), WebIdentityToken: aws.String(test.token(t)), RoleSessionName: aws.String("sdk"),
				})
				require.ErrorAs(t, err, test.typed)
				var answer *smithyhttp.ResponseError
				require.ErrorAs(t, err, &answer)
				assert.Equal(t, test.status, answer.HTTPStatusCode())
				return err
			})
		})
	}
}

// What a pod runs is the AWS CLI, which gets its session by itself from the two variables of the webhook.
func TestTheAWSCLISaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	whoAmI := []string{"sts", "get-caller-identity"}
	for _, test := range []struct {
		name    string
		token   tokenSource
		command []string
		want    refusal
	}{
		{"the trusted account", genuine, whoAmI, refusal{}},
		{"another service account", issued(hub, "billing", "s3-backup"), whoAmI, notAuthorized},
		{"a token for the Kubernetes API", forKubernetes, whoAmI, wrongAudience},
		{"a token that is over", forged(at("iat", -2), at("exp", -1)), whoAmI, expired},
		{"the trusted account without a policy", genuine, []string{"s3", "ls", "s3://" + bucket}, byNone("s3:ListBucket")},
		{
			"the trusted account and a secret", genuine,
			[]string{"secretsmanager", "get-secret-value", "--secret-id", "ledger/password"},
			refusal{"AccessDeniedException", byNone("secretsmanager:GetSecretValue").message},
		},
		{
			"the trusted account and a service of which the sandbox knows no permissions", genuine,
			[]string{"dynamodb", "list-tables"},
			refusal{"AccessDeniedException", "dynamodb:ListTables"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			token := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(token, []byte(test.token(t)), 0o600))
			judge(t, test.want, func() error { return runCLI(t, trusting()(t), token, test.command) })
		})
	}
}

// cliError is how the AWS CLI prints an error.
var cliError = regexp.MustCompile(`An error occurred \((\w+)\) when calling the \w+ operation: (.*)`)

// runCLI runs the AWS CLI as a pod does, and gives the error that it prints.
func runCLI(t *testing.T, role, tokenFile string, args []string) error {
	t.Helper()
	command := exec.CommandContext(t.Context(), sandbox.awsCLI, args...)
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_ENDPOINT_URL=" + sandbox.aws.URL(),
		"AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ROLE_ARN=" + role, "AWS_WEB_IDENTITY_TOKEN_FILE=" + tokenFile,
	}
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	said := cliError.FindStringSubmatch(string(output))
	require.NotNil(t, said, string(output))
	return &smithy.GenericAPIError{Code: said[1], Message: said[2]}
}
