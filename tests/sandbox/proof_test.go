package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// rewriteTrust is the platform with another text in every trust policy, and all else as it should be.
func rewriteTrust(before, after string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		if err := ctx.RegisterStackTransformation(
			func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
				role, ok := args.Props.(*iam.RoleArgs)
				if !ok {
					return nil
				}
				document, ok := role.AssumeRolePolicy.(pulumi.StringOutput)
				if !ok {
					return nil
				}
				role.AssumeRolePolicy = document.ApplyT(func(document string) string {
					return strings.ReplaceAll(document, before, after)
				}).(pulumi.StringOutput)
				return &pulumi.ResourceTransformationResult{Props: role, Opts: args.Opts}
			}); err != nil {
			return err
		}
		return stacks.Platform(ctx)
	}
}

// assertProven wants that many service accounts with a role, each of them proven.
func (e *environment) assertProven(t *testing.T, count int) []sandbox.Proof {
	t.Helper()
	proofs, err := e.Prove(t.Context())
	require.NoError(t, err)
	require.NoError(t, proofs.Err())
	assert.Len(t, proofs.Identities, count)
	return proofs.Identities
}

// shellPod is the pod of iam-role-test that goes on running.
const shellPod = "iam-role-test-irsa-shell"

func (e *environment) client(t *testing.T, name string) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(e.cluster(t, name).AdminConfig())
	require.NoError(t, err)
	return client
}

// exec runs a shell command in the pod of iam-role-test that goes on running.
func (e *environment) exec(t *testing.T, command string) (output string, err error) {
	t.Helper()
	return e.execIn(t, "dev-hub", shellPod, command)
}

// execIn runs a shell command in a pod of the namespace default, as `kubectl exec` does.
func (e *environment) execIn(t *testing.T, cluster, pod, command string) (output string, err error) {
	t.Helper()
	config := e.cluster(t, cluster).AdminConfig()
	request := e.client(t, cluster).CoreV1().RESTClient().Post().Namespace("default").Resource("pods").Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: []string{"/bin/sh", "-c", command}, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(config, "GET", request.URL().String())
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	return stdout.String() + stderr.String(), err
}

// The setup of the second seed: a role without permissions cannot list the bucket, and with its policy it can.
func TestAPodListsTheBucketWhenItsRoleHasThePolicy(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	_, err := e.AWS().S3.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket:                    aws.String("seed-bucket"),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraintEuWest1},
	})
	require.NoError(t, err)
	_, err = e.AWS().S3.PutObject(t.Context(),
		&s3.PutObjectInput{Bucket: aws.String("seed-bucket"), Key: aws.String("file.txt"), Body: strings.NewReader("x")})
	require.NoError(t, err)
	e.up(t)

	identity, err := e.exec(t, "aws sts get-caller-identity --query Arn --output text")
	require.NoError(t, err, identity)
	assert.Contains(t, identity, "arn:aws:sts::"+sandbox.Account+":assumed-role/iam-role-test/")
	output, err := e.exec(t, "aws s3 ls s3://seed-bucket")
	require.Error(t, err)
	assert.Contains(t, output, "(AccessDenied) when calling the ListObjectsV2 operation")

	role := e.settings.Section("roles")["iam-role-test"].(map[string]any)
	role["managedPolicies"] = []any{"AmazonS3ReadOnlyAccess"}
	role["testPod"] = map[string]any{"check": "aws s3 ls s3://seed-bucket", "keepRunning": true}
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	proofs := e.assertProven(t, 1)
	assert.Equal(t, "passed", proofs[0].Check)
	output, err = e.exec(t, "aws s3 ls s3://seed-bucket")
	require.NoError(t, err, output)
	assert.Contains(t, output, "file.txt")
	log, err := e.client(t, "dev-hub").CoreV1().Pods("default").GetLogs(shellPod, &corev1.PodLogOptions{}).DoRaw(t.Context())
	require.NoError(t, err)
	assert.Regexp(t, `^\+ aws s3 ls s3://seed-bucket\n\S+ \S+ +1 file.txt\n\{"pod":`, string(log))
	output, err = e.exec(t, "aws s3 rm s3://seed-bucket/file.txt")
	require.Error(t, err, "the policy is read-only")
	assert.Contains(t, output, "(AccessDenied) when calling the DeleteObject operation")
}

// A token lives 600 s at least; here tokens age 100 times faster, and a pod that works for a while sees several.
func TestAPodGoesOnWorkingWhenItsTokenIsRenewed(t *testing.T) {
	t.Parallel()
	settings := smallSettings(t)
	settings.Section("roles")["iam-role-test"].(map[string]any)["serviceAccounts"].([]any)[0].(map[string]any)["tokenExpirationSeconds"] = 600
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	e := bootSandbox(t, settings, sandbox.Options{Clusters: clusters, TokenAging: 100})
	e.up(t)

	first, err := e.exec(t, `cat "$AWS_WEB_IDENTITY_TOKEN_FILE"`)
	require.NoError(t, err)
	tokens := map[string]bool{first: true}
	for started := time.Now(); len(tokens) < 5; {
		require.Less(t, time.Since(started), 90*time.Second, "%d tokens so far", len(tokens))
		// The CLI's cache goes, so that each round is a new session by the token of the moment.
		output, err := e.exec(t, `cat "$AWS_WEB_IDENTITY_TOKEN_FILE" && rm -rf "$HOME/.aws/cli/cache" && aws sts get-caller-identity >&2`)
		require.NoError(t, err, output)
		token, _, _ := strings.Cut(output, "{")
		tokens[token] = true
	}
	fmt.Printf("token renewal: the pod went on working across %d renewals\n", len(tokens)-1)

	output, err := e.exec(t, `aws sts assume-role-with-web-identity --role-arn "$IRSA_ROLE_ARN" --role-session-name old --web-identity-token '`+first+"'")
	require.Error(t, err, "the first token is over")
	assert.Contains(t, output, "(ExpiredTokenException)")
}
