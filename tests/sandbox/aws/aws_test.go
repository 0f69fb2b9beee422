package aws_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

func TestAnOIDCProviderIsThereOnce(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	input := &iam.CreateOpenIDConnectProviderInput{
		Url:          aws.String("https://oidc.eks.eu-west-1.amazonaws.com/id/" + unique("PROVIDER")),
		ClientIDList: []string{"sts.amazonaws.com"},
		Tags:         []iamtypes.Tag{{Key: aws.String("stack"), Value: aws.String("dev")}},
	}
	created, err := e.iam().CreateOpenIDConnectProvider(t.Context(), input)
	require.NoError(t, err)

	got, err := e.iam().GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{
		OpenIDConnectProviderArn: created.OpenIDConnectProviderArn,
	})
	require.NoError(t, err)
	assert.Equal(t, input.Tags, got.Tags)
	assert.Equal(t, input.ClientIDList, got.ClientIDList)
	assert.Empty(t, got.ThumbprintList)
	_, err = e.iam().CreateOpenIDConnectProvider(t.Context(), input)
	assert.ErrorAs(t, err, new(*iamtypes.EntityAlreadyExistsException))
}

func TestAWSManagedPoliciesAreThere(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)

	policy, err := e.iam().GetPolicy(t.Context(), &iam.GetPolicyInput{
		PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"),
	})

	require.NoError(t, err)
	assert.Equal(t, "AmazonS3ReadOnlyAccess", *policy.Policy.PolicyName)
}

func TestARoleOfAnotherAccountWorksUnderThatAccount(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	foreign := e.administrator(t, "aws")
	name := unique("role")

	role := foreign.createRole(t, "/", name)
	identity, err := foreign.sts().GetCallerIdentity(t.Context(), nil)

	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::210987654321:role/"+name, *role.Arn)
	assert.Equal(t, "arn:aws:sts::210987654321:assumed-role/OrganizationAccountAccessRole/session", *identity.Arn)
	_, err = e.iam().GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name})
	require.ErrorAs(t, err, new(*iamtypes.NoSuchEntityException), "the operator's account does not have it")
	var accounts []string
	for _, call := range e.Calls() {
		accounts = append(accounts, call.Action+" "+call.Account)
	}
	assert.Equal(t, []string{
		"AssumeRole 123456789012", "CreateRole 210987654321", "GetCallerIdentity 210987654321", "GetRole 123456789012",
	}, accounts)
}

func TestABodyLargerThanAnyBufferSurvives(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket, body := unique("bucket"), make([]byte, 3<<20)
	_, err := rand.Read(body)
	require.NoError(t, err)
	_, err = e.s3().CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	require.NoError(t, err)

	_, err = e.s3().PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("a/b c+d"), Body: bytes.NewReader(body),
	})
	require.NoError(t, err)

	object, err := e.s3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("a/b c+d")})
	require.NoError(t, err)
	got, err := io.ReadAll(object.Body)
	require.NoError(t, err)
	require.NoError(t, object.Body.Close())
	assert.True(t, bytes.Equal(body, got))
}

func TestTheAWSCLIWorksOnS3(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket, dir := unique("bucket"), t.TempDir()
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "up"), body, 0o600))

	e.aws(t, "s3", "mb", "s3://"+bucket)
	e.aws(t, "s3", "cp", filepath.Join(dir, "up"), "s3://"+bucket+"/folder/object")
	listed := e.aws(t, "s3", "ls", bucket+"/folder/")
	e.aws(t, "s3", "cp", "s3://"+bucket+"/folder/object", filepath.Join(dir, "down"))

	assert.Contains(t, listed, "1048576 object")
	got, err := os.ReadFile(filepath.Join(dir, "down"))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(body, got))
	var actions []string
	for _, call := range e.Calls() {
		assert.Equal(t, "s3", call.Service)
		actions = append(actions, call.Action)
	}
	assert.Equal(t, []string{"CreateBucket", "PutObject", "ListObjectsV2", "HeadObject", "GetObject"}, actions)
}

func TestAPresignedObjectIsReadAsTheCaller(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	foreign := e.administrator(t, "aws")
	bucket := unique("bucket")
	_, err := foreign.s3().CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	require.NoError(t, err)
	_, err = foreign.s3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("k"), Body: strings.NewReader("hi")})
	require.NoError(t, err)
	presigned, err := s3.NewPresignClient(foreign.s3()).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("k")})
	require.NoError(t, err)

	status, body := get(t, presigned.URL, nil)

	require.Equal(t, http.StatusOK, status, body)
	assert.Equal(t, "hi", body)
	calls := e.Calls()
	assert.Equal(t, "s3 GetObject eu-west-1 210987654321", summary(calls[len(calls)-1]))
}

// TestAnEKSTokenIsAnIdentity does what EKS does with a token: the token is a presigned GetCallerIdentity, for which the
// header x-k8s-aws-id names the cluster.
func TestAnEKSTokenIsAnIdentity(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/path/", unique("role"))
	for _, test := range []struct {
		name    string
		caller  endpoint
		arn     string
		account string
	}{
		{"the operator", e, operatorArn, account},
		{
			"a role", e.as(t, *role.Arn),
			"arn:aws:sts::123456789012:assumed-role/" + *role.RoleName + "/session", account,
		},
		{
			"a role of another account", e.administrator(t, "aws"),
			"arn:aws:sts::210987654321:assumed-role/OrganizationAccountAccessRole/session", otherAccount,
		},
		{
			"a role in China", e.in("cn-north-1").administrator(t, "aws-cn"),
			"arn:aws-cn:sts::210987654321:assumed-role/OrganizationAccountAccessRole/session", otherAccount,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			presigned := eksToken(t, test.caller, "my-cluster")

			status, body := get(t, presigned, http.Header{"X-K8s-Aws-Id": {"my-cluster"}})

			require.Equal(t, http.StatusOK, status, body)
			var answer struct {
				Arn     string `xml:"GetCallerIdentityResult>Arn"`
				Account string `xml:"GetCallerIdentityResult>Account"`
			}
			require.NoError(t, xml.Unmarshal([]byte(body), &answer))
			assert.Equal(t, test.arn, answer.Arn)
			assert.Equal(t, test.account, answer.Account)
			calls := e.Calls()
			assert.Contains(t, summaries(calls), "sts GetCallerIdentity "+test.caller.region+" "+test.account)
		})
	}
}

// eksToken asks the AWS CLI for a token and returns the URL in it.
func eksToken(t *testing.T, caller endpoint, cluster string) string {
	t.Helper()
	var credential struct{ Status struct{ Token string } }
	require.NoError(t, json.Unmarshal([]byte(caller.aws(t, "eks", "get-token", "--cluster-name", cluster)), &credential))
	encoded, ok := strings.CutPrefix(credential.Status.Token, "k8s-aws-v1.")
	require.True(t, ok, credential.Status.Token)
	presigned, err := base64.RawURLEncoding.DecodeString(encoded)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(presigned), caller.URL()), "%s", presigned)
	return string(presigned)
}

func TestUnsignedCallsAreRefused(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	for name, test := range map[string]struct {
		path          string
		authorization string
		code          string
	}{
		"an action":                 {"/?Action=ListRoles&Version=2010-05-08", "", "MissingAuthenticationToken"},
		"a bucket":                  {"/bucket", "", "MissingAuthenticationToken"},
		"moto's own control":        {"/moto-api/data.json", "", "MissingAuthenticationToken"},
		"a scheme that is no SigV4": {"/", "Bearer abc", "IncompleteSignature"},
		"a scope that is none":      {"/", "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1, SignedHeaders=host", "IncompleteSignature"},
		"a presigned scope":         {"/?X-Amz-Credential=AKIA", "", "IncompleteSignature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := get(t, e.URL()+test.path, http.Header{"Authorization": {test.authorization}})
			assert.Equal(t, http.StatusForbidden, status)
			assert.Contains(t, body, "<Code>"+test.code+"</Code>")
		})
	}
}

func TestTheCallLogHasALinePerCallAndNoSecret(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	server, err := sandboxaws.New(sandboxaws.Options{MotoURL: motoURL, CallLog: &log})
	require.NoError(t, err)
	e := newEndpoint(t)
	e.Endpoint = server
	name := unique("role")
	role := e.createRole(t, "/", name)
	e.allow(t, name, "eks:ListClusters", "*")
	session := e.as(t, *role.Arn)
	_, err = session.sts().GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	presigned := eksToken(t, session, "c")
	status, _ := get(t, presigned, http.Header{"X-K8s-Aws-Id": {"c"}})
	require.Equal(t, http.StatusOK, status)
	_, err = session.eks().ListClusters(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, server.Close())

	written := log.String()
	var calls []sandboxaws.Call
	decoder := json.NewDecoder(strings.NewReader(written))
	for decoder.More() {
		var call sandboxaws.Call
		require.NoError(t, decoder.Decode(&call))
		calls = append(calls, call)
	}
	assert.Equal(t, []string{
		"iam CreateRole eu-west-1 123456789012", "iam PutRolePolicy eu-west-1 123456789012",
		"sts AssumeRole eu-west-1 123456789012",
		"sts GetCallerIdentity eu-west-1 123456789012", "sts GetCallerIdentity eu-west-1 123456789012",
		"eks ListClusters eu-west-1 123456789012",
	}, summaries(calls))
	assert.Len(t, server.Calls(), len(calls))
	keys, err := session.credentials.Retrieve(t.Context())
	require.NoError(t, err)
	for what, secret := range map[string]string{
		"body": name, "access key": keys.AccessKeyID, "secret": keys.SecretAccessKey, "token": keys.SessionToken,
		"operator's key": "AKIASANDBOXOPERATOR", "signature": "Signature",
	} {
		assert.NotContains(t, written, secret, what)
	}
	server.ResetCalls()
	assert.Empty(t, server.Calls())
}

func TestACallLogThatCannotBeWrittenIsReportedAtTheEnd(t *testing.T) {
	t.Parallel()
	server, err := sandboxaws.New(sandboxaws.Options{MotoURL: motoURL, CallLog: brokenWriter{}})
	require.NoError(t, err)
	status, _ := get(t, server.URL(), nil)
	require.Equal(t, http.StatusForbidden, status, "the call itself goes on")

	assert.ErrorContains(t, server.Close(), "writing the AWS call log: disk full")
}

func TestNewRefusesAMotoURLThatIsNone(t *testing.T) {
	t.Parallel()
	for _, motoURL := range []string{"", "127.0.0.1:5000", "https://127.0.0.1:5000", "http://"} {
		_, err := sandboxaws.New(sandboxaws.Options{MotoURL: motoURL})
		assert.ErrorContains(t, err, "MotoURL")
	}
}

func TestAMotoThatIsGoneIsAnError(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	server, err := sandboxaws.New(sandboxaws.Options{MotoURL: gone.URL})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })

	status, body := get(t, server.URL()+"/", signed("iam"))
	assert.Equal(t, http.StatusInternalServerError, status)
	assert.Contains(t, body, "finding the account of the caller")
}

func TestAMotoThatGoesAwayIsAnError(t *testing.T) {
	t.Parallel()
	server := newEndpointTo(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })

	status, body := get(t, server.URL()+"/", signed("iam"))

	assert.Equal(t, http.StatusBadGateway, status)
	assert.Contains(t, body, "<Code>ServiceUnavailable</Code><Message>moto_server: ")
}

func TestStartMotoSaysWhyItFails(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")

	_, _, err := sandboxaws.StartMoto(t.Context(), sandboxaws.Moto{Path: "false", LogFile: log})
	require.ErrorContains(t, err, "false (process")
	_, _, err = sandboxaws.StartMoto(t.Context(), sandboxaws.Moto{Path: "no-moto", LogFile: log})
	assert.ErrorContains(t, err, "starting no-moto")
}

// TestMotoIgnoresTheUsersSettings cannot run beside others: the environment is the program's.
func TestMotoIgnoresTheUsersSettings(t *testing.T) {
	t.Setenv("MOTO_ACCOUNT_ID", "999999999999")
	t.Setenv("WERKZEUG_RUN_MAIN", "true")
	url, moto, err := sandboxaws.StartMoto(t.Context(),
		sandboxaws.Moto{Path: motoServer, LogFile: filepath.Join(t.TempDir(), "log")})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, moto.Stop(5*time.Second)) })
	e := newEndpoint(t)
	e.Endpoint, err = sandboxaws.New(sandboxaws.Options{MotoURL: url})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })

	identity, err := e.sts().GetCallerIdentity(t.Context(), nil)

	require.NoError(t, err)
	assert.Equal(t, account, *identity.Account)
}

// signed are the headers of a call to a service by the operator.
func signed(service string) http.Header {
	return http.Header{"Authorization": {
		"AWS4-HMAC-SHA256 Credential=AKIASANDBOXOPERATOR/20260101/eu-west-1/" + service + "/aws4_request, SignedHeaders=host, Signature=0",
	}}
}

func get(t *testing.T, url string, header http.Header) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for name, values := range header {
		if values[0] != "" {
			request.Header[name] = values
		}
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(text)
}

func summary(call sandboxaws.Call) string {
	return strings.Join([]string{call.Service, call.Action, call.Region, call.Account}, " ")
}

func summaries(calls []sandboxaws.Call) []string {
	var all []string
	for _, call := range calls {
		all = append(all, summary(call))
	}
	return all
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
