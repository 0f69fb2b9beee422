package aws_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

const (
	account      = "123456789012" // moto's own, where its anonymous callers are
	otherAccount = "210987654321"
	region       = "eu-west-1"
	operatorArn  = "arn:aws:sts::" + account + ":user/moto"

	operatorKey, operatorSecret = "AKIASANDBOXOPERATOR", "sandbox" // #nosec G101 -- open nothing but these tests
)

// operatorsOnly are the credentials that an endpoint takes beside those that it gives out.
var operatorsOnly = map[string]string{operatorKey: operatorSecret}

// motoURL is the moto_server that all tests share, each with names of its own.
var motoURL string

// motoServer and awsCLI are the programs, found or installed.
var motoServer, awsCLI string

func TestMain(m *testing.M) {
	status, err := runWithMoto(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func runWithMoto(m *testing.M) (status int, err error) {
	dir, err := os.MkdirTemp("", "aws-test-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if motoServer, awsCLI, err = tools.Python(context.Background(), tools.Options{Log: os.Stderr}); err != nil {
		return 1, err
	}
	url, moto, err := sandboxaws.StartMoto(context.Background(),
		sandboxaws.Moto{Path: motoServer, LogFile: filepath.Join(dir, "moto.log")})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, moto.Stop(5*time.Second)) }()
	motoURL = url
	return m.Run(), nil
}

// endpoint is the AWS endpoint, with clients for it.
type endpoint struct {
	*sandboxaws.Endpoint
	credentials aws.CredentialsProvider
	region      string
}

// newEndpoint starts an endpoint to the shared moto, used by the operator.
func newEndpoint(t *testing.T) endpoint {
	t.Helper()
	server, err := sandboxaws.New(sandboxaws.Options{MotoURL: motoURL, Credentials: operatorsOnly})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return endpoint{
		Endpoint:    server,
		credentials: credentials.NewStaticCredentialsProvider(operatorKey, operatorSecret, ""),
		region:      region,
	}
}

func (e endpoint) in(region string) endpoint {
	e.region = region
	return e
}

// as assumes a role.
func (e endpoint) as(t *testing.T, roleArn string) endpoint {
	t.Helper()
	answer, err := e.sts().AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &roleArn, RoleSessionName: aws.String("session"),
	})
	require.NoError(t, err)
	return e.with(answer.Credentials)
}

// with uses the credentials of a session.
func (e endpoint) with(session *ststypes.Credentials) endpoint {
	e.credentials = credentials.NewStaticCredentialsProvider(*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken)
	return e
}

// administrator works in the other account.
func (e endpoint) administrator(t *testing.T, partition string) endpoint {
	t.Helper()
	roleArn, err := e.AddAccount(t.Context(), partition, otherAccount)
	require.NoError(t, err)
	return e.as(t, roleArn)
}

func (e endpoint) config() aws.Config {
	return aws.Config{
		BaseEndpoint: aws.String(e.URL()),
		Region:       e.region,
		Credentials:  e.credentials,
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func (e endpoint) sts() *sts.Client    { return sts.NewFromConfig(e.config()) }
func (e endpoint) iam() *iam.Client    { return iam.NewFromConfig(e.config()) }
func (e endpoint) s3() *s3.Client      { return s3.NewFromConfig(e.config()) }
func (e endpoint) eks() *awseks.Client { return awseks.NewFromConfig(e.config()) }

// aws runs the AWS CLI and returns its output.
func (e endpoint) aws(t *testing.T, args ...string) string {
	t.Helper()
	output, err := e.tryAWS(t, args...)
	require.NoError(t, err)
	return output
}

func (e endpoint) tryAWS(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	keys, err := e.credentials.Retrieve(t.Context())
	require.NoError(t, err)
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), awsCLI, args...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env,
		"AWS_ENDPOINT_URL="+e.URL(), "AWS_REGION="+e.region, "AWS_DEFAULT_REGION="+e.region, // CLI v1 knows the latter only
		"AWS_ACCESS_KEY_ID="+keys.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey, "AWS_CONFIG_FILE="+filepath.Join(home, "config"),
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(home, "credentials"), "AWS_EC2_METADATA_DISABLED=true",
	)
	if keys.SessionToken != "" {
		cmd.Env = append(cmd.Env, "AWS_SESSION_TOKEN="+keys.SessionToken)
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("aws %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), err
}

const trustNobody = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`

// createRole makes a role and returns what IAM says of it.
func (e endpoint) createRole(t *testing.T, path, name string) *iamtypes.Role {
	t.Helper()
	answer, err := e.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(trustNobody),
	})
	require.NoError(t, err)
	return answer.Role
}

// allow gives a role an inline policy.
func (e endpoint) allow(t *testing.T, role, action string, resources ...string) {
	t.Helper()
	e.putPolicy(t, role, "allow", statement("Allow", action, resources...))
}

func (e endpoint) putPolicy(t *testing.T, role, name string, statements ...string) {
	t.Helper()
	_, err := e.iam().PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: &role, PolicyName: &name, PolicyDocument: aws.String(document(statements...)),
	})
	require.NoError(t, err)
}

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func statement(effect, action string, resources ...string) string {
	return fmt.Sprintf(`{"Effect":%q,"Action":%q,"Resource":["%s"]}`, effect, action, strings.Join(resources, `","`))
}

func (e endpoint) deleteRole(t *testing.T, name string) {
	t.Helper()
	_, err := e.iam().DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &name})
	require.NoError(t, err)
}

// addCluster adds a cluster that is fine but for what change does to it, and returns its name.
func (e endpoint) addCluster(t *testing.T, change func(*sandboxaws.Cluster)) string {
	t.Helper()
	c := validCluster(t)
	if change != nil {
		change(&c)
	}
	require.NoError(t, e.AddCluster(c))
	return c.Name
}

func validCluster(t *testing.T) sandboxaws.Cluster {
	t.Helper()
	return sandboxaws.Cluster{
		Name:                 unique("cluster"),
		Account:              account,
		Region:               region,
		Version:              "1.34",
		Endpoint:             "https://127.0.0.1:6443",
		CertificateAuthority: newCertificate(t),
		Issuer:               newIssuer(region),
		AuthenticationMode:   "API_AND_CONFIG_MAP",
		CreatorArn:           operatorArn,
	}
}

// newIssuer makes an issuer that no other test has.
func newIssuer(region string) string {
	return fmt.Sprintf("https://oidc.eks.%s.amazonaws.com/id/%032X", region, names.Add(1))
}

func newCertificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

var names atomic.Int64

// unique makes a name that no other test has. Such names sort in the order in which they are made, as lists of EKS do.
func unique(name string) string { return fmt.Sprintf("%s-%04d", name, names.Add(1)) }

// requireAPIError wants an error that the SDK read as the given code and message.
func requireAPIError(t *testing.T, err error, code, message string) {
	t.Helper()
	var refusal smithy.APIError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, code+": "+message, refusal.ErrorCode()+": "+refusal.ErrorMessage())
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
