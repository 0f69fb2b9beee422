package aws_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

const (
	mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access " +
		"Key and signing method. Consult the service documentation for details."
	s3Mismatch = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)

// TestSignaturesAreThoseOfAWSsOwnExamples makes the signatures of the examples in
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html,
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and, for a service that is not S3,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func TestSignaturesAreThoseOfAWSsOwnExamples(t *testing.T) {
	t.Parallel()
	const (
		secret      = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" // #nosec G101 -- of AWS's documentation
		scope       = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
		emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	)
	fromS3 := func(start, headers, signed string) string {
		return start + " HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\n" + headers +
			"Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ",SignedHeaders=" + signed + ",Signature=0\r\n\r\n"
	}
	empty := "x-amz-content-sha256: " + emptySHA256 + "\r\nx-amz-date: 20130524T000000Z\r\n"
	for name, test := range map[string]struct{ request, secret, want string }{
		"a part of an object": {
			fromS3("GET /test.txt", "Range: bytes=0-9\r\n"+empty, "host;range;x-amz-content-sha256;x-amz-date"),
			secret, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		},
		"an object": {
			fromS3("PUT /test$file.text", "Date: Fri, 24 May 2013 00:00:00 GMT\r\nx-amz-date: 20130524T000000Z\r\n"+
				"x-amz-storage-class: REDUCED_REDUNDANCY\r\n"+
				"x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\r\n",
				"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class"),
			secret, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		},
		"a parameter without a value": {
			fromS3("GET /?lifecycle", empty, "host;x-amz-content-sha256;x-amz-date"),
			secret, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		},
		"parameters": {
			fromS3("GET /?prefix=J&max-keys=2", empty, "host;x-amz-content-sha256;x-amz-date"),
			secret, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
		},
		"presigned": {
			"GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(scope) +
				"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=0 HTTP/1.1\r\n" +
				"Host: examplebucket.s3.amazonaws.com\r\n\r\n",
			secret, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
		},
		"IAM": {
			"GET /?Action=ListUsers&Version=2010-05-08 HTTP/1.1\r\nHost: iam.amazonaws.com\r\n" +
				"Content-Type: application/x-www-form-urlencoded;   charset=utf-8\r\nX-Amz-Date: 20150830T123600Z\r\n" +
				"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, " +
				"SignedHeaders=content-type;host;x-amz-date, Signature=0\r\n\r\n",
			"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(test.request)))
			require.NoError(t, err)
			got, err := sandboxaws.SignatureOf(request, test.secret)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

// call is a request that the operator and the session of an administrator may both make.
type call struct {
	service, method, path, body string
	header                      http.Header
}

func TestARequestIsTakenOnlyAsItWasSigned(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket, cluster, role := e.makeBucket(t), e.addCluster(t, nil), e.createRole(t, "/", unique("role"))
	e.allow(t, *role.RoleName, "*", "*")
	var (
		whoAmI    = call{"sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", formHeader}
		whoAmIGet = call{"sts", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", nil}
		describe  = call{"eks", "GET", "/clusters/" + cluster, "", nil}
		escaped   = call{"eks", "GET", "/tags/arn%3Aaws%3Aeks%3Aeu-west-1%3A123456789012%3Acluster%2F" + cluster, "", nil}
		secrets   = call{"secretsmanager", "POST", "/", "{}", http.Header{"X-Amz-Target": {"secretsmanager.ListSecrets"}}}
		object    = call{"s3", "GET", "/" + bucket + "/k", "", nil}
		list      = call{"s3", "GET", "/" + bucket + "?list-type=2&prefix=a%20b%2B&start-after=&delimiter=%2F", "", nil}
		put       = call{"s3", "PUT", "/" + bucket + "/new%20key%2B%C3%BC%3D", "as signed", nil}
		blind     = call{"s3", "PUT", "/" + bucket + "/blind", "as signed", http.Header{"X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"}}}
		stream    = call{
			"s3", "PUT", "/" + bucket + "/stream", "2\r\nhi\r\n0\r\n\r\n", http.Header{
				"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "Content-Encoding": {"aws-chunked"},
				"X-Amz-Decoded-Content-Length": {"2"},
			},
		}
		garbled = call{"s3", "PUT", "/" + bucket + "/garbled", "as signed", http.Header{"X-Amz-Content-Sha256": {"nonsense"}}}
		blindly = call{"sts", "POST", "/", whoAmI.body, http.Header{
			"Content-Type": formHeader["Content-Type"], "X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"},
		}}
	)
	const (
		no       = "SignatureDoesNotMatch"
		jsonNo   = "InvalidSignatureException"
		unsigned = "AccessDenied" // of S3
	)
	for name, test := range map[string]struct {
		call
		change func(*http.Request)
		want   string
	}{
		"a form":                        {whoAmI, nil, ""},
		"a query":                       {whoAmIGet, nil, ""},
		"a path":                        {describe, nil, ""},
		"a path with escapes":           {escaped, nil, ""},
		"a header that names an action": {secrets, nil, ""},
		"an object to read":             {object, nil, ""},
		"a list with parameters":        {list, nil, ""},
		"an object to write":            {put, nil, ""},
		"a payload that is not signed":  {blind, nil, ""},
		"a stream":                      {stream, nil, ""},
		"headers that are not signed":   {whoAmI, set("X-Amzn-Trace-Id", "x", "Accept", "y"), ""},

		"another form":                         {whoAmI, body("Action=GetSessionToken&Version=2011-06-15"), no},
		"a longer form":                        {whoAmI, body(whoAmI.body + "&x=1"), no},
		"a form where there was none":          {whoAmIGet, body("x=1"), no},
		"another body":                         {secrets, body(`{"MaxResults":1}`), jsonNo},
		"a form beside the signature":          {blindly, nil, no},
		"another parameter":                    {whoAmIGet, query("Action=GetCallerIdentity&Version=2011-06-15&x=1"), no},
		"another value":                        {whoAmIGet, query("Action=GetSessionToken&Version=2011-06-15"), no},
		"a parameter fewer":                    {whoAmIGet, query("Action=GetCallerIdentity"), no},
		"a parameter that cannot be parsed":    {whoAmIGet, query("Action=GetCallerIdentity&Version=2011-06-15&x=%zz"), no},
		"a parameter that a parser might drop": {whoAmIGet, query("Action=GetCallerIdentity&Version=2011-06-15&x;y"), no},
		"a parameter in a form":                {whoAmI, query("x=1"), no},
		"another path":                         {describe, func(r *http.Request) { r.URL.Path += "/updates" }, jsonNo},
		"an escaped path":                      {escaped, func(r *http.Request) { r.URL.RawPath = "" }, jsonNo},
		"an escaped slash":                     {object, func(r *http.Request) { r.URL.RawPath = "/" + bucket + "%2Fk" }, no},
		"another object":                       {object, func(r *http.Request) { r.URL.Path += "2" }, no},
		"another method":                       {object, func(r *http.Request) { r.Method = "DELETE" }, no},
		"another host":                         {whoAmI, func(r *http.Request) { r.Host = "localhost" }, no},
		"another sub-resource":                 {object, query("acl"), no},
		"another action in the header":         {secrets, set("X-Amz-Target", "secretsmanager.DeleteSecret"), jsonNo},
		"a type fewer":                         {whoAmI, func(r *http.Request) { r.Header.Del("Content-Type") }, no},
		"an action in a header":                {whoAmI, set("X-Amz-Target", "x.GetSessionToken"), no},
		"a header with orders":                 {put, set("X-Amz-Acl", "public-read"), unsigned},
		"a source for a copy":                  {put, set("X-Amz-Copy-Source", "/"+bucket+"/k"), unsigned},
		"another date":                         {whoAmI, set("X-Amz-Date", time.Now().Add(-time.Minute).UTC().Format("20060102T150405Z")), no},
		"another region":                       {whoAmI, authorization("/eu-west-1/", "/eu-west-2/"), no},
		"another service":                      {whoAmI, authorization("/sts/", "/iam/"), no},
		"another day":                          {whoAmI, authorization("/20", "/19"), no},
		"a host that is not signed":            {whoAmI, authorization("host;", ""), no},
		"a date that is not signed":            {whoAmI, authorization(";x-amz-date", ""), no},
		"a date that is not signed, in S3":     {object, authorization(";x-amz-date", ""), unsigned},
		"a header more":                        {whoAmI, authorization("host;", "accept;host;"), no},
		"no date":                              {whoAmI, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "IncompleteSignature"},
		"no date, in EKS":                      {describe, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "IncompleteSignatureException"},
		"no date, in S3":                       {object, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "AccessDenied"},
		"no signature":                         {whoAmI, authorization("Signature=", "None="), "IncompleteSignature"},
		"two credentials":                      {whoAmI, authorization("SignedHeaders", "Credential=x, SignedHeaders"), "IncompleteSignature"},
		"another signature":                    {whoAmI, authorization("Signature=", "Signature=0"), no},

		"another body than that of its hash": {put, body("as forged"), "XAmzContentSHA256Mismatch"},
		"another body and its hash": {put, func(r *http.Request) {
			body("as forged")(r)
			r.Header.Set("X-Amz-Content-Sha256", hashOf("as forged"))
		}, no},
		"a hash that is taken back": {put, set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), no},
		"no hash":                   {put, func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, "InvalidRequest"},
		"a hash that is none":       {garbled, nil, "InvalidArgument"},
		"another body where none is signed, which S3 takes": {blind, body("as forged"), ""},
	} {
		for who, caller := range map[string]endpoint{"operator": e, "role": e.as(t, *role.Arn)} {
			t.Run(name+" by the "+who, func(t *testing.T) {
				t.Parallel()
				request := caller.request(t, test.call, time.Now())
				if test.change != nil {
					test.change(request)
				}
				status, code := answerOf(t, request)
				assert.Equal(t, test.want, code)
				assert.Equal(t, test.want == "", status == http.StatusOK, status)
			})
		}
	}
}

// TestWhatASignatureCoversIsUpToTheClient, but for the host and the day. The SDK would make none of these signatures.
func TestWhatASignatureCoversIsUpToTheClient(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	now := time.Now().UTC()
	today, yesterday := now.Format("20060102"), now.AddDate(0, 0, -1).Format("20060102")
	for name, test := range map[string]struct{ day, headers, message string }{
		"the least that there can be":     {today, "host;x-amz-date", ""},
		"who the client is":               {today, "host;user-agent;x-amz-date", ""},
		"that there is no body":           {today, "content-length;host;x-amz-date", ""},
		"a header that there is not":      {today, "host;none;x-amz-date", ""},
		"everything but the host":         {today, "x-amz-date", "'host' must be a 'SignedHeader' in the AWS Authorization."},
		"everything but host and date":    {today, "user-agent", "'host, x-amz-date' must be a 'SignedHeader' in the AWS Authorization."},
		"everything, with another day":    {yesterday, "host;x-amz-date", "Date in Credential scope does not match YYYYMMDD from ISO-8601"},
		"everything, with names in caps":  {today, "Host;X-Amz-Date", "'host, x-amz-date' must be"},
		"everything, with spaces between": {today, "host; x-amz-date", "the request is not signed with AWS4-HMAC-SHA256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := newRequest(t, "POST", e.URL()+"/?Action=GetCallerIdentity&Version=2011-06-15", "sts", "")
			request.Header = http.Header{
				"X-Amz-Date": {now.Format("20060102T150405Z")}, "User-Agent": {"  a   client "}, "Content-Length": {"0"},
			}
			request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+operatorKey+"/"+test.day+
				"/eu-west-1/sts/aws4_request,SignedHeaders="+test.headers+",Signature=0")
			if signature, err := sandboxaws.SignatureOf(request, operatorSecret); err == nil {
				authorization("Signature=0", "Signature="+signature)(request)
			}
			request.Body = http.NoBody // it was read

			code, message := refusalOf(t, request)

			assert.Equal(t, test.message == "", code == "", code)
			assert.Contains(t, message, test.message)
		})
	}
}

func TestABodyThatWasNotSignedIsNotWritten(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket := e.makeBucket(t)
	request := e.request(t, call{service: "s3", method: "PUT", path: "/" + bucket + "/new", body: "as signed"}, time.Now())
	body("as forged")(request)

	_, code := answerOf(t, request)

	require.Equal(t, "XAmzContentSHA256Mismatch", code)
	_, err := e.s3().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("new")})
	assert.ErrorContains(t, err, "NotFound")
}

func TestOnlyKnownCredentialsSign(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/", unique("role"))
	key, other := keysOf(t, e.as(t, *role.Arn)), keysOf(t, e.as(t, *role.Arn))
	const (
		invalid, s3Unknown = "The security token included in the request is invalid.", "The AWS Access Key Id you provided does not exist in our records."
		s3Token            = "The provided token is malformed or otherwise invalid."
	)
	type (
		refusal  struct{ code, message string }
		refusals struct{ sts, s3, eks refusal }
	)
	wrong := refusals{refusal{"SignatureDoesNotMatch", mismatch}, refusal{"SignatureDoesNotMatch", s3Mismatch}, refusal{"InvalidSignatureException", mismatch}}
	unknown := refusals{refusal{"InvalidClientTokenId", invalid}, refusal{"InvalidAccessKeyId", s3Unknown}, refusal{"UnrecognizedClientException", invalid}}
	token := refusals{refusal{"InvalidClientTokenId", invalid}, refusal{"InvalidToken", s3Token}, refusal{"UnrecognizedClientException", invalid}}
	for name, test := range map[string]struct {
		key, secret, token string
		want               refusals
	}{
		"the operator's key with another secret":   {operatorKey, "other", "", wrong},
		"the operator's key without a secret":      {operatorKey, " ", "", wrong},
		"the operator's key with a token":          {operatorKey, operatorSecret, key.SessionToken, token},
		"a key that nobody has":                    {"AKIANOBODY", operatorSecret, "", unknown},
		"a session that there is not":              {"ASIANOBODY", operatorSecret, "x", unknown},
		"a session's key with another secret":      {key.AccessKeyID, operatorSecret, key.SessionToken, wrong},
		"a session's key with another one's":       {key.AccessKeyID, other.SecretAccessKey, key.SessionToken, wrong},
		"a session without its token":              {key.AccessKeyID, key.SecretAccessKey, "", token},
		"a session with the token of another":      {key.AccessKeyID, key.SecretAccessKey, other.SessionToken, token},
		"another one's secret, and its token also": {key.AccessKeyID, other.SecretAccessKey, other.SessionToken, token},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller := e
			caller.credentials = credentials.NewStaticCredentialsProvider(test.key, test.secret, test.token)
			_, err := caller.sts().GetCallerIdentity(t.Context(), nil)
			requireAPIError(t, err, test.want.sts.code, test.want.sts.message)
			_, err = caller.s3().ListBuckets(t.Context(), nil)
			requireAPIError(t, err, test.want.s3.code, test.want.s3.message)
			_, err = caller.eks().ListClusters(t.Context(), &awseks.ListClustersInput{})
			requireAPIError(t, err, test.want.eks.code, test.want.eks.message)
		})
	}
}

func TestASessionTokenHasToBeSigned(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	session := e.as(t, *e.createRole(t, "/", unique("role")).Arn)
	keys := keysOf(t, session)
	tokenless := session
	tokenless.credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, "")
	request := tokenless.request(t, call{"sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", formHeader}, time.Now())
	request.Header.Set("X-Amz-Security-Token", keys.SessionToken)

	status, code := answerOf(t, request)

	assert.Equal(t, http.StatusForbidden, status)
	assert.Equal(t, "SignatureDoesNotMatch", code)
}

func TestWithoutCredentialsAnyKeyIsTheOperators(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	server, err := sandboxaws.New(sandboxaws.Options{MotoURL: motoURL})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	e.Endpoint, e.credentials = server, credentials.NewStaticCredentialsProvider("AKIAANY", "any", "")

	_, err = e.sts().GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	keys := keysOf(t, e.as(t, *e.createRole(t, "/", unique("role")).Arn))
	e.credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, "any", keys.SessionToken)
	_, err = e.sts().GetCallerIdentity(t.Context(), nil)
	requireAPIError(t, err, "SignatureDoesNotMatch", mismatch)
}

func TestASignatureIsGoodForMinutes(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket := e.makeBucket(t)
	whoAmI := call{"sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", formHeader}
	roles := call{"iam", "POST", "/", "Action=ListRoles&Version=2010-05-08", formHeader}
	clusters := call{"eks", "GET", "/clusters", "", nil}
	object := call{"s3", "GET", "/" + bucket + "/k", "", nil}
	const expired, early = `^Signature expired: \w+ is now earlier than \w+ \(\w+ - `, `^Signature not yet current: \w+ is still later than \w+ \(\w+ \+ `
	for name, test := range map[string]struct {
		call
		age           time.Duration
		code, message string
	}{
		"STS, just in time":      {whoAmI, 14 * time.Minute, "", ""},
		"STS, too late":          {whoAmI, 16 * time.Minute, "SignatureDoesNotMatch", expired + `15 min\.\)$`},
		"STS, just not too soon": {whoAmI, -14 * time.Minute, "", ""},
		"STS, too soon":          {whoAmI, -16 * time.Minute, "SignatureDoesNotMatch", early + `15 min\.\)$`},
		"IAM, just in time":      {roles, 4 * time.Minute, "", ""},
		"IAM, too late":          {roles, 6 * time.Minute, "SignatureDoesNotMatch", expired + `5 min\.\)$`},
		"IAM, too soon":          {roles, -6 * time.Minute, "SignatureDoesNotMatch", early + `5 min\.\)$`},
		"EKS, just in time":      {clusters, 4 * time.Minute, "", ""},
		"EKS, too late":          {clusters, 6 * time.Minute, "InvalidSignatureException", expired + `5 min\.\)$`},
		"S3, just in time":       {object, 14 * time.Minute, "", ""},
		"S3, too late":           {object, 16 * time.Minute, "RequestTimeTooSkewed", "^The difference between the request time and the current time is too large"},
		"S3, too soon":           {object, -16 * time.Minute, "RequestTimeTooSkewed", "^The difference between"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, message := refusalOf(t, e.request(t, test.call, time.Now().Add(-test.age)))
			assert.Equal(t, test.code, code)
			assert.Regexp(t, test.message, message)
		})
	}
}

// TestALoginTokenIsForOneCluster sends login tokens to STS as clusters do, with the cluster's own name in the header.
func TestALoginTokenIsForOneCluster(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/", unique("role"))
	for who, caller := range map[string]endpoint{"the operator": e, "a role": e.as(t, *role.Arn)} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			token := eksToken(t, caller, "a")
			for name, test := range map[string]struct {
				url    string
				header http.Header
				want   int
			}{
				"its own":               {token, http.Header{"X-K8s-Aws-Id": {"a"}}, http.StatusOK},
				"another":               {token, http.Header{"X-K8s-Aws-Id": {"b"}}, http.StatusForbidden},
				"one that has no name":  {token, nil, http.StatusForbidden},
				"its own and another":   {token, http.Header{"X-K8s-Aws-Id": {"a", "b"}}, http.StatusForbidden},
				"a cluster beside STS":  {strings.Replace(token, "GetCallerIdentity", "GetSessionToken", 1), http.Header{"X-K8s-Aws-Id": {"a"}}, http.StatusForbidden},
				"a name in the query":   {token + "&x-k8s-aws-id=a", nil, http.StatusForbidden},
				"a token without a key": {strings.Replace(token, "X-Amz-Signature", "x-amz-signature", 1), http.Header{"X-K8s-Aws-Id": {"a"}}, http.StatusForbidden},
			} {
				status, body := get(t, test.url, test.header)
				assert.Equal(t, test.want, status, "%s: %s", name, body)
			}
		})
	}
}

// TestALoginTokenIsGoodForAQuarterOfAnHour: its X-Amz-Expires is 60 and means nothing to STS.
func TestALoginTokenIsGoodForAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	for age, want := range map[time.Duration]string{14 * time.Minute: "", 16 * time.Minute: "SignatureDoesNotMatch"} {
		request := newRequest(t, "GET", e.URL()+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", "sts", "")
		request.Header = http.Header{"X-K8s-Aws-Id": {"a"}}
		presigned, signed, err := v4.NewSigner().PresignHTTP(t.Context(), keysOf(t, e), request, hashOf(""), "sts", region, time.Now().Add(-age))
		require.NoError(t, err)
		require.Contains(t, presigned, "X-Amz-Expires=60&")
		request.URL, err = url.Parse(presigned)
		require.NoError(t, err)
		request.Header = signed

		_, code := answerOf(t, request)

		assert.Equal(t, want, code, age)
	}
}

func TestAPresignedObjectIsForOneRequest(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket := e.makeBucket(t)
	role := e.createRole(t, "/", unique("role"))
	e.allow(t, *role.RoleName, "s3:*", "*")
	session := e.as(t, *role.Arn)
	presign := func(signed time.Time, expires string) string {
		request := newRequest(t, "GET", e.URL()+"/"+bucket+"/k?X-Amz-Expires="+expires, "s3", "")
		request.Header = http.Header{}
		presigned, _, err := v4.NewSigner(once).PresignHTTP(t.Context(), keysOf(t, session), request, "UNSIGNED-PAYLOAD", "s3", region, signed)
		require.NoError(t, err)
		return presigned
	}
	sdk, err := s3.NewPresignClient(session.s3()).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("k")})
	require.NoError(t, err)
	now := time.Now()
	for name, test := range map[string]struct {
		method, url string
		header      http.Header
		want        string
	}{
		"the SDK's":                        {"GET", sdk.URL, nil, ""},
		"one of an hour ago, for a day":    {"GET", presign(now.Add(-time.Hour), "86400"), nil, ""},
		"one that is over":                 {"GET", presign(now.Add(-time.Minute), "30"), nil, "AccessDenied"},
		"one of tomorrow":                  {"GET", presign(now.Add(24*time.Hour), "30"), nil, "AccessDenied"},
		"one for more than a week":         {"GET", presign(now, "604801"), nil, "AuthorizationQueryParametersError"},
		"one that was made to last longer": {"GET", strings.Replace(presign(now.Add(-time.Minute), "30"), "Expires=30", "Expires=86400", 1), nil, "SignatureDoesNotMatch"},
		"another object":                   {"GET", strings.Replace(sdk.URL, "/k?", "/k2?", 1), nil, "SignatureDoesNotMatch"},
		"another method":                   {"PUT", sdk.URL, nil, "SignatureDoesNotMatch"},
		"another answer":                   {"GET", sdk.URL + "&response-content-type=text%2Fhtml", nil, "SignatureDoesNotMatch"},
		"a header with orders":             {"GET", sdk.URL, http.Header{"X-Amz-Request-Payer": {"requester"}}, "AccessDenied"},
		"another session": {
			"GET", strings.Replace(sdk.URL, url.QueryEscape(keysOf(t, session).SessionToken), url.QueryEscape(keysOf(t, e.as(t, *role.Arn)).SessionToken), 1),
			nil, "InvalidToken",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, err := http.NewRequestWithContext(t.Context(), test.method, test.url, nil)
			require.NoError(t, err)
			request.Header = test.header
			_, code := answerOf(t, request)
			assert.Equal(t, test.want, code)
		})
	}
}

func TestAPresignedObjectIsWritten(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket := e.makeBucket(t)
	presigned, err := s3.NewPresignClient(e.s3()).PresignPutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("written by whoever has the URL"),
	})
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), "PUT", presigned.URL, strings.NewReader("hi"))
	require.NoError(t, err)

	status, code := answerOf(t, request)

	assert.Equal(t, http.StatusOK, status, code)
}

// TestTheSDKAndTheCLISignNamesAlike has keys with all that is escaped, and a body of several parts.
func TestTheSDKAndTheCLISignNamesAlike(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket, dir := e.makeBucket(t), t.TempDir()
	key := "a b/+c=%20&d;ü~'(1)*!$@,:.txt"
	content := bytes.Repeat([]byte("0123456789abcdef"), 9<<16) // 9 MiB: the CLI uploads parts of 8
	require.NoError(t, os.WriteFile(filepath.Join(dir, "up"), content, 0o600))

	e.aws(t, "s3", "cp", filepath.Join(dir, "up"), "s3://"+bucket+"/"+key)
	object, err := e.s3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})

	require.NoError(t, err)
	got, err := io.ReadAll(object.Body)
	require.NoError(t, err)
	require.NoError(t, object.Body.Close())
	assert.True(t, bytes.Equal(content, got))
	_, err = e.s3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("sdk/" + key), Body: strings.NewReader("hi")})
	require.NoError(t, err)
	assert.Contains(t, e.aws(t, "s3", "ls", "--recursive", "s3://"+bucket+"/sdk/"), "sdk/"+key)
	listed, err := e.s3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("sdk/" + key)})
	require.NoError(t, err)
	assert.Len(t, listed.Contents, 1)
}

func TestTheAWSCLISaysThatItsSecretIsWrong(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.credentials = credentials.NewStaticCredentialsProvider(operatorKey, "other", "")

	_, err := e.tryAWS(t, "sts", "get-caller-identity")

	assert.ErrorContains(t, err, "An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: "+mismatch)
}

var formHeader = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

// request makes a call's request and signs it.
func (e endpoint) request(t *testing.T, c call, at time.Time) *http.Request {
	t.Helper()
	request := newRequest(t, c.method, e.URL()+c.path, c.service, c.body)
	for name, values := range c.header {
		request.Header[name] = values
	}
	e.sign(t, request, c.service, at)
	return request
}

// sign signs a request as it is now with the SDK's signer.
func (e endpoint) sign(t *testing.T, request *http.Request, service string, at time.Time) {
	t.Helper()
	content, err := request.GetBody()
	require.NoError(t, err)
	text, err := io.ReadAll(content)
	require.NoError(t, err)
	payload := request.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		payload = hashOf(string(text))
	}
	signer := v4.NewSigner()
	if service == "s3" {
		signer = v4.NewSigner(once)
		request.Header.Set("X-Amz-Content-Sha256", payload)
	}
	require.NoError(t, signer.SignHTTP(t.Context(), keysOf(t, e), request, payload, service, e.region, at))
}

// once is how S3 escapes paths.
func once(options *v4.SignerOptions) { options.DisableURIPathEscaping = true }

func keysOf(t *testing.T, e endpoint) aws.Credentials {
	t.Helper()
	keys, err := e.credentials.Retrieve(t.Context())
	require.NoError(t, err)
	return keys
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// body, query, set and authorization change a request that is signed already.
func body(text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
}

func query(raw string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = raw }
}

func set(headers ...string) func(*http.Request) {
	return func(r *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
}

func authorization(from, to string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
	}
}

// answerOf sends a request and returns the status and, of a refusal, the code of the answer.
func answerOf(t *testing.T, request *http.Request) (status int, code string) {
	t.Helper()
	status, code, _ = exchange(t, request)
	return status, code
}

func refusalOf(t *testing.T, request *http.Request) (code, message string) {
	t.Helper()
	_, code, message = exchange(t, request)
	return code, message
}

func exchange(t *testing.T, request *http.Request) (status int, code, message string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	if response.StatusCode == http.StatusOK {
		return response.StatusCode, "", ""
	}
	if response.Header.Get("Content-Type") == "application/json" {
		var refusal struct {
			Type    string `json:"__type"`
			Message string
		}
		require.NoError(t, json.Unmarshal(text, &refusal), "%s", text)
		return response.StatusCode, refusal.Type, refusal.Message
	}
	var refusal struct { // in an ErrorResponse, or at the root as S3 has it
		Code, Message string
		Error         struct{ Code, Message string }
	}
	require.NoError(t, xml.Unmarshal(text, &refusal), "%s", text)
	return response.StatusCode, refusal.Code + refusal.Error.Code, refusal.Message + refusal.Error.Message
}
