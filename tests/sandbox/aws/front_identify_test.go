package aws_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// TestActionsAreNamed sends requests that no SDK call here makes, to an upstream that takes them all.
func TestActionsAreNamed(t *testing.T) {
	t.Parallel()
	server := newEndpointTo(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, test := range []struct {
		service, method, path, header, want string
	}{
		{"s3", "GET", "/", "", "ListBuckets"},
		{"s3", "PUT", "/b", "", "CreateBucket"},
		{"s3", "PUT", "/b/", "", "CreateBucket"},
		{"s3", "HEAD", "/b", "", "HeadBucket"},
		{"s3", "DELETE", "/b", "", "DeleteBucket"},
		{"s3", "GET", "/b?prefix=a&delimiter=%2F&encoding-type=url", "", "ListObjects"},
		{"s3", "GET", "/b?list-type=2&prefix=&continuation-token=x", "", "ListObjectsV2"},
		{"s3", "GET", "/b?versions", "", "ListObjectVersions"},
		{"s3", "GET", "/b?uploads=", "", "ListMultipartUploads"},
		{"s3", "GET", "/b?tagging", "", "GetBucketTagging"},
		{"s3", "PUT", "/b?tagging=", "", "PutBucketTagging"},
		{"s3", "DELETE", "/b?tagging", "", "DeleteBucketTagging"},
		{"s3", "GET", "/b?policyStatus", "", "GetBucketPolicyStatus"},
		{"s3", "GET", "/b?lifecycle", "", "GetBucketLifecycleConfiguration"},
		{"s3", "DELETE", "/b?lifecycle", "", "DeleteBucketLifecycle"},
		{"s3", "GET", "/b?object-lock", "", "GetObjectLockConfiguration"},
		{"s3", "GET", "/b?publicAccessBlock", "", "GetPublicAccessBlock"},
		{"s3", "POST", "/b?delete", "", "DeleteObjects"},
		{"s3", "GET", "/b?inventory&id=1", "", "GET id+inventory"},
		{"s3", "POST", "/b", "", "POST"},
		{"s3", "GET", "/b/k/with/slashes?versionId=1&response-content-type=x", "", "GetObject"},
		{"s3", "GET", "/b/k?x-id=PutObject", "", "GetObject"},
		{"s3", "GET", "/b/tagging", "", "GetObject"},
		{"s3", "HEAD", "/b/k", "", "HeadObject"},
		{"s3", "PUT", "/b/k?x-id=PutObject", "", "PutObject"},
		{"s3", "PUT", "/b/k", "X-Amz-Copy-Source: /a/k", "CopyObject"},
		{"s3", "PUT", "/b/k?partNumber=1&uploadId=u", "", "UploadPart"},
		{"s3", "PUT", "/b/k?partNumber=1&uploadId=u", "X-Amz-Copy-Source: /a/k", "UploadPartCopy"},
		{"s3", "PUT", "/b/k?partNumber=1", "", "PUT partNumber"},
		{"s3", "POST", "/b/k?uploads", "", "CreateMultipartUpload"},
		{"s3", "POST", "/b/k?uploadId=u", "", "CompleteMultipartUpload"},
		{"s3", "DELETE", "/b/k?uploadId=u", "", "AbortMultipartUpload"},
		{"s3", "GET", "/b/k?uploadId=u", "", "ListParts"},
		{"s3", "DELETE", "/b/k", "", "DeleteObject"},
		{"s3", "GET", "/b/k?acl", "", "GetObjectAcl"},
		{"s3", "GET", "/b/k?unheard-of=1", "", "GET unheard-of"},
		{"dynamodb", "POST", "/", "X-Amz-Target: DynamoDB_20120810.GetItem", "GetItem"},
		{"secretsmanager", "POST", "/", "X-Amz-Target: secretsmanager.GetSecretValue", "GetSecretValue"},
		{"sts", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", "GetCallerIdentity"},
		{"route53", "GET", "/2013-04-01/hostedzone", "", "GET /2013-04-01"},
		{"eks", "POST", "/clusters/c/node-groups", "", "CreateNodegroup"},
		{"eks", "DELETE", "/clusters/c", "", "DeleteCluster"},
		{"eks", "POST", "/clusters/c/access-entries/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%2Fb", "", "UpdateAccessEntry"},
		{"eks", "GET", "/clusters/c/access-entries/arn:aws:iam::1:role/a", "", "GET /clusters"},
		{"eks", "GET", "/nonsense/x", "", "GET /nonsense"},
	} {
		t.Run(fmt.Sprint(test.service, " ", test.method, " ", test.path, " ", test.header), func(t *testing.T) {
			t.Parallel()
			request := newRequest(t, test.method, server.URL()+test.path, test.service, "")
			if name, value, ok := strings.Cut(test.header, ": "); ok {
				request.Header.Set(name, value)
			}
			want := aws.Call{
				Service: test.service, Action: test.want, Region: "eu-west-1", Account: "123456789012", Status: http.StatusTeapot,
			}

			status := do(t, request)

			if test.service == "eks" {
				require.NotEqual(t, http.StatusTeapot, status, "EKS is never passed on")
				want.Status = status
			}
			var calls []aws.Call
			for _, call := range server.Calls() {
				call.Time = want.Time
				calls = append(calls, call)
			}
			assert.Contains(t, calls, want)
		})
	}
}

func TestARequestIsPassedOnAsItCame(t *testing.T) {
	t.Parallel()
	received := make(chan *http.Request, 1)
	body := "Action=CreateRole&RoleName=" + strings.Repeat("x", 100_000)
	server := newEndpointTo(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		if string(got) != body {
			w.WriteHeader(http.StatusBadRequest)
		}
		received <- r
	})
	request := newRequest(t, "POST", server.URL()+"/a%2Fb//c?x=1;y&z=%zz", "iam", body)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	request.Header.Set("X-Moto-Account-Id", "210987654321")

	status := do(t, request)

	require.Equal(t, http.StatusOK, status)
	got := <-received
	assert.Equal(t, "/a%2Fb//c?x=1;y&z=%zz", got.RequestURI)
	assert.Equal(t, strings.TrimPrefix(server.URL(), "http://"), got.Host)
	assert.Equal(t, int64(len(body)), got.ContentLength)
	assert.Equal(t, request.Header.Get("Authorization"), got.Header.Get("Authorization"))
	assert.Empty(t, got.Header.Get("X-Moto-Account-Id"), "callers do not choose their account")
	require.NotEmpty(t, server.Calls())
	assert.Equal(t, "CreateRole", server.Calls()[0].Action)
}

func TestAFormThatIsTooLongOrBrokenIsRefused(t *testing.T) {
	t.Parallel()
	server := newEndpointTo(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // an answer before the end of the body could break the connection
		w.WriteHeader(http.StatusTeapot)
	})
	long := "Action=CreateRole&x=" + strings.Repeat("x", 1<<20)
	for _, test := range []struct {
		service, body string
		want          int
	}{
		{"iam", long, http.StatusRequestEntityTooLarge},
		{"eks", long, http.StatusRequestEntityTooLarge},
		{"iam", "Action=%zz", http.StatusBadRequest},
		{"s3", long, http.StatusTeapot}, // what an object looks like is no business of the endpoint
		{"s3", "Action=%zz", http.StatusTeapot},
	} {
		request := newRequest(t, "POST", server.URL()+"/clusters/c/access-entries", test.service, test.body)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		assert.Equal(t, test.want, do(t, request), "%s %.20s", test.service, test.body)
	}
}

func TestAMemberThatEKSDoesNotKnowIsAnError(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	path := "/clusters/" + e.addCluster(t, nil) + "/access-entries"

	request := newRequest(t, "POST", e.URL()+path, "eks", `{"principalArn":"x","kubernetesGroup":["viewers"]}`)
	e.sign(t, request, "eks", time.Now())
	response, err := http.DefaultClient.Do(request)

	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusBadRequest, response.StatusCode)
	assert.Equal(t, "InvalidParameterException", response.Header.Get("X-Amzn-Errortype"))
	assert.JSONEq(t, `{"__type":"InvalidParameterException","message":"the request body: json: unknown field \"kubernetesGroup\""}`,
		string(body))
}

// newEndpointTo starts an endpoint to an upstream that knows who calls and leaves the rest to the handler.
func newEndpointTo(t *testing.T, handler http.HandlerFunc) *aws.Endpoint {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("User-Agent"), "api/sts") {
			_, _ = io.WriteString(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"+
				"</GetCallerIdentityResult></GetCallerIdentityResponse>")
			return
		}
		handler(w, r)
	}))
	t.Cleanup(upstream.Close)
	server, err := aws.New(aws.Options{MotoURL: upstream.URL})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return server
}

func newRequest(t *testing.T, method, url, service, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header = signed(service)
	return request
}

func do(t *testing.T, request *http.Request) (status int) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}
