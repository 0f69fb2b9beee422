package aws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// makeBucket makes a bucket with one object, k.
func (e endpoint) makeBucket(t *testing.T) string {
	t.Helper()
	bucket := unique("bucket")
	_, err := e.s3().CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	require.NoError(t, err)
	_, err = e.s3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("k"), Body: strings.NewReader("hi")})
	require.NoError(t, err)
	return bucket
}

func (e endpoint) list(ctx context.Context, bucket, prefix string) error {
	_, err := e.s3().ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	return err
}

// read reads the object of a bucket.
func (e endpoint) read(ctx context.Context, bucket string) error {
	object, err := e.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("k")})
	if err != nil {
		return err
	}
	return object.Body.Close()
}

// denied is how AWS refuses a session of a role.
func denied(role, action, resource, reason string) string {
	return fmt.Sprintf("User: arn:aws:sts::%s:assumed-role/%s/session is not authorized to perform: %s on resource: %s %s",
		account, role, action, resource, reason)
}

func noPolicy(action string) string {
	return "because no identity-based policy allows the " + action + " action"
}

func TestAPodGetsItsBucketWhenThePolicyIsAttached(t *testing.T) {
	t.Parallel()
	w := newWorkload(t)
	bucket, role := w.makeBucket(t), *w.role.RoleName
	pod := w.session(t)
	refusal := strings.Replace(denied(role, "s3:ListBucket", `"arn:aws:s3:::`+bucket+`"`, noPolicy("s3:ListBucket")),
		"/session", "/pod", 1)

	requireAPIError(t, pod.list(t.Context(), bucket, ""), "AccessDenied", refusal)

	policy, err := w.iam().CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName:     aws.String(unique("policy")),
		PolicyDocument: aws.String(document(statement("Allow", "s3:*", "arn:aws:s3:::"+bucket, "arn:aws:s3:::"+bucket+"/*"))),
	})
	require.NoError(t, err)
	attachment := &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: policy.Policy.Arn}
	_, err = w.iam().AttachRolePolicy(t.Context(), attachment)
	require.NoError(t, err)
	require.NoError(t, pod.list(t.Context(), bucket, ""))
	require.NoError(t, pod.read(t.Context(), bucket))

	_, err = w.iam().DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: policy.Policy.Arn})
	require.NoError(t, err)
	requireAPIError(t, pod.list(t.Context(), bucket, ""), "AccessDenied", refusal)
}

func TestWhatARoleMayDoInS3(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket, other := e.makeBucket(t), e.makeBucket(t)
	role := *e.createRole(t, "/", unique("role")).RoleName
	arn := "arn:aws:s3:::" + bucket
	e.putPolicy(t, role, "reads",
		`{"Effect":"Allow","Action":"S3:listbucket","Resource":"`+arn+`","Condition":{"StringLike":{"s3:prefix":"public*"}}}`,
		statement("Allow", "s3:GetObject*", arn+"/*"),
		statement("Allow", "s3:PutObject", arn+"/in/*"),
		statement("Allow", "s3:DeleteObject", arn+"/in/*"),
		statement("Deny", "s3:*", arn+"/in/secret"),
		statement("Allow", "dynamodb:*", "*"),
	)
	session := e.as(t, "arn:aws:iam::"+account+":role/"+role)
	put := func(key, source string) func(context.Context) error {
		return func(ctx context.Context) error {
			if source != "" {
				_, err := session.s3().CopyObject(ctx, &s3.CopyObjectInput{Bucket: &bucket, Key: &key, CopySource: &source})
				return err
			}
			_, err := session.s3().PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x")})
			return err
		}
	}
	remove := func(keys ...string) func(context.Context) error {
		var objects []s3types.ObjectIdentifier
		for _, key := range keys {
			objects = append(objects, s3types.ObjectIdentifier{Key: &key})
		}
		return func(ctx context.Context) error {
			_, err := session.s3().DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &s3types.Delete{Objects: objects}})
			return err
		}
	}
	for name, test := range map[string]struct {
		call                     func(context.Context) error
		action, resource, reason string // of the refusal; none if the action is empty
	}{
		"read": {func(ctx context.Context) error { return session.read(ctx, bucket) }, "", "", ""},
		"read from another bucket": {
			func(ctx context.Context) error { return session.read(ctx, other) }, "s3:GetObject", "arn:aws:s3:::" + other + "/k", "",
		},
		"list with the prefix": {func(ctx context.Context) error { return session.list(ctx, bucket, "public/") }, "", "", ""},
		"list with another":    {func(ctx context.Context) error { return session.list(ctx, bucket, "k") }, "s3:ListBucket", arn, ""},
		"list the buckets": {func(ctx context.Context) error {
			_, err := session.s3().ListBuckets(ctx, nil)
			return err
		}, "s3:ListAllMyBuckets", "*", ""},
		"write":                      {put("in/x", ""), "", "", ""},
		"write elsewhere":            {put("out/x", ""), "s3:PutObject", arn + "/out/x", ""},
		"write what is denied":       {put("in/secret", ""), "s3:PutObject", arn + "/in/secret", "with an explicit deny in an identity-based policy"},
		"copy":                       {put("in/y", bucket+"/k"), "", "", ""},
		"copy from elsewhere":        {put("in/y", other+"/k"), "s3:GetObject", "arn:aws:s3:::" + other + "/k", ""},
		"delete":                     {remove("in/a", "in/b"), "", "", ""},
		"delete one that is not its": {remove("in/a", "k"), "s3:DeleteObject", arn + "/k", ""},
		"change who may": {func(ctx context.Context) error {
			_, err := session.s3().PutObject(ctx, &s3.PutObjectInput{
				Bucket: &bucket, Key: aws.String("in/x"), Body: strings.NewReader("x"), ACL: s3types.ObjectCannedACLPublicRead,
			})
			return err
		}, "s3:PutObjectAcl", arn + "/in/x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.call(t.Context())
			if test.action == "" {
				require.NoError(t, err)
				return
			}
			if test.reason == "" {
				test.reason = noPolicy(test.action)
			}
			requireAPIError(t, err, "AccessDenied", denied(role, test.action, `"`+test.resource+`"`, test.reason))
		})
	}
}

func TestWhatTheSandboxCannotMapIsDenied(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/", unique("role"))
	e.allow(t, *role.RoleName, "*", "*")
	session := e.as(t, *role.Arn)
	bucket := e.makeBucket(t)
	const form = "application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		service, method, path, host, header, body string
		status                                    int
	}{
		"a service that it does not know":    {"dynamodb", "POST", "/", "", "X-Amz-Target: DynamoDB_20120810.ListTables", "{}", 400},
		"an action of S3":                    {"s3", "GET", "/" + bucket + "?inventory", "", "", "", 403},
		"a bucket in the host name":          {"s3", "GET", "/" + bucket, "other.s3.amazonaws.com:80", "", "", 403},
		"an escaped slash":                   {"s3", "GET", "/" + bucket + "%2Fk", "", "", "", 403},
		"a path of moto's own":               {"s3", "GET", "/latest/meta-data/iam/security-credentials/", "", "", "", 403},
		"an object without a bucket":         {"s3", "GET", "//" + bucket, "", "", "", 403},
		"an action of IAM":                   {"iam", "POST", "/", "", "", "Action=CreateUser&UserName=x", 403},
		"a token of another kind of session": {"sts", "POST", "/", "", "", "Action=GetFederationToken&Name=x", 403},
		"two actions at once":                {"sts", "POST", "/?Action=GetCallerIdentity", "", "", "Action=AssumeRole&RoleArn=x", 400},
		"an action that the path contradicts": {
			"sts", "POST", "/elsewhere", "", "", "Action=GetCallerIdentity", 403,
		},
		"an action that a header contradicts": {
			"sts", "POST", "/", "", "X-Amz-Target: x.GetCallerIdentity", "Action=GetSessionToken", 403,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := newRequest(t, test.method, e.URL()+test.path, test.service, test.body)
			request.Header.Set("Content-Type", form)
			if key, value, ok := strings.Cut(test.header, ": "); ok {
				request.Header.Set(key, value)
			}
			request.Host = test.host
			session.sign(t, request, test.service, time.Now())
			status, code := answerOf(t, request)
			assert.Equal(t, test.status, status)
			assert.NotContains(t, code, "Signature")
		})
	}
}

func TestWhatARoleMayDoInEKS(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	own, other := e.addCluster(t, nil), e.addCluster(t, nil)
	role := e.createRole(t, "/", unique("role"))
	arn := "arn:aws:eks:eu-west-1:123456789012:cluster/"
	e.putPolicy(t, *role.RoleName, "self", statement("Allow", "eks:DescribeCluster", arn+own),
		statement("Allow", "eks:*AccessEntry", "arn:aws:eks:*:*:access-entry/"+own+"/role/*"))
	session := e.as(t, *role.Arn)
	describe := func(name string) error {
		_, err := session.eks().DescribeCluster(t.Context(), &awseks.DescribeClusterInput{Name: &name})
		return err
	}

	require.NoError(t, describe(own))
	requireAPIError(t, describe(other), "AccessDeniedException",
		denied(*role.RoleName, "eks:DescribeCluster", arn+other, noPolicy("eks:DescribeCluster")))
	_, err := session.eks().DescribeAccessEntry(t.Context(), &awseks.DescribeAccessEntryInput{ClusterName: &own, PrincipalArn: role.Arn})
	require.ErrorContains(t, err, "ResourceNotFoundException", "it may ask, and there is none")
	operator := operatorArn
	_, err = session.eks().DescribeAccessEntry(t.Context(), &awseks.DescribeAccessEntryInput{ClusterName: &own, PrincipalArn: &operator})
	require.ErrorContains(t, err, "AccessDeniedException", "that one is of a user")
	_, err = session.eks().ListClusters(t.Context(), nil)
	requireAPIError(t, err, "AccessDeniedException",
		denied(*role.RoleName, "eks:ListClusters", arn+"*", noPolicy("eks:ListClusters")))
}

func TestWhatARoleMayDoInSecretsManager(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/", unique("role"))
	session := e.as(t, *role.Arn)
	name := unique("db")
	var created struct{ ARN string }
	require.NoError(t, json.Unmarshal([]byte(e.aws(t, "secretsmanager", "create-secret", "--name", name, "--secret-string", "s")), &created))
	e.allow(t, *role.RoleName, "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:"+name+"-??????")

	assert.Contains(t, session.aws(t, "secretsmanager", "get-secret-value", "--secret-id", name), `"s"`)
	assert.Contains(t, session.aws(t, "secretsmanager", "get-secret-value", "--secret-id", created.ARN), `"s"`)
	status, body := session.json(t, "secretsmanager", "DescribeSecret", `{"SecretId":"`+name+`"}`)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.JSONEq(t, fmt.Sprintf(`{"__type":"AccessDeniedException","message":%q}`, denied(*role.RoleName,
		"secretsmanager:DescribeSecret", created.ARN, noPolicy("secretsmanager:DescribeSecret"))), body)
	status, _ = session.json(t, "secretsmanager", "GetSecretValue", `{"SecretId":"other","secretid":"`+name+`"}`)
	assert.Equal(t, http.StatusBadRequest, status)
}

// json sends a call of a JSON service.
func (e endpoint) json(t *testing.T, service, action, body string) (status int, answer string) {
	t.Helper()
	request := newRequest(t, "POST", e.URL()+"/", service, body)
	request.Header.Set("X-Amz-Target", service+"."+action)
	e.sign(t, request, service, time.Now())
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(text)
}

func TestABoundaryHasToAllowAsWell(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket := e.makeBucket(t)
	boundary, err := e.iam().CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName:     aws.String(unique("boundary")),
		PolicyDocument: aws.String(document(statement("Allow", "s3:GetObject", "*"), statement("Deny", "s3:PutObject", "*"))),
	})
	require.NoError(t, err)
	name := unique("role")
	role, err := e.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(trustNobody), PermissionsBoundary: boundary.Policy.Arn,
	})
	require.NoError(t, err)
	session := e.as(t, *role.Role.Arn)

	requireAPIError(t, session.read(t.Context(), bucket), "AccessDenied",
		denied(name, "s3:GetObject", `"arn:aws:s3:::`+bucket+`/k"`, noPolicy("s3:GetObject")))
	_, err = e.iam().AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
		RoleName: &name, PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess"),
	})
	require.NoError(t, err)
	require.NoError(t, session.read(t.Context(), bucket))
	requireAPIError(t, session.list(t.Context(), bucket, ""), "AccessDenied",
		denied(name, "s3:ListBucket", `"arn:aws:s3:::`+bucket+`"`, "because no permissions boundary allows the s3:ListBucket action"))
	_, err = session.s3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("k"), Body: strings.NewReader("")})
	requireAPIError(t, err, "AccessDenied",
		denied(name, "s3:PutObject", `"arn:aws:s3:::`+bucket+`/k"`, "with an explicit deny in a permissions boundary"))
	_, err = e.iam().DeleteRolePermissionsBoundary(t.Context(), &iam.DeleteRolePermissionsBoundaryInput{RoleName: &name})
	require.NoError(t, err)
	assert.NoError(t, session.list(t.Context(), bucket, ""), "it counts what the role has now")
}

func TestABucketOfAnotherAccountIsOutOfReach(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket := e.makeBucket(t)
	foreign := e.administrator(t, "aws")

	require.ErrorContains(t, foreign.read(t.Context(), bucket), "AccessDenied")
	own := foreign.makeBucket(t)
	require.NoError(t, foreign.read(t.Context(), own))
	_, err := foreign.s3().CopyObject(t.Context(), &s3.CopyObjectInput{
		Bucket: &own, Key: aws.String("copy"), CopySource: aws.String(bucket + "/k"),
	})
	require.ErrorContains(t, err, "AccessDenied")
	assert.ErrorContains(t, foreign.list(t.Context(), unique("none"), ""), "NoSuchBucket")
}

func TestARoleAssumesAnotherWhenBothSidesLet(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	foreign := e.administrator(t, "aws")
	for name, test := range map[string]struct {
		target  endpoint
		trusts  string // what the target's trust policy names; %s is the hub's name
		may     bool   // whether the hub has sts:AssumeRole
		allowed bool
	}{
		"another account, both":                         {foreign, "arn:aws:iam::123456789012:role/hub/%s", true, true},
		"another account, the account is trusted":       {foreign, "123456789012", true, true},
		"another account, the session is trusted":       {foreign, "arn:aws:sts::123456789012:assumed-role/%s/session", true, true},
		"another account, trust alone":                  {foreign, "arn:aws:iam::123456789012:role/hub/%s", false, false},
		"another account, permission alone":             {foreign, "arn:aws:iam::123456789012:role/hub/other", true, false},
		"another account, the role without its path":    {foreign, "arn:aws:iam::123456789012:role/%s", true, false},
		"one account, trust that names the role":        {e, "arn:aws:iam::123456789012:role/hub/%s", false, true},
		"one account, trust that names the account":     {e, "123456789012", false, false},
		"one account, trust in the account, permission": {e, "arn:aws:iam::123456789012:root", true, true},
		"one account, permission alone":                 {e, "210987654321", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := e.createRole(t, "/hub/", unique("hub"))
			target := test.target.createRole(t, "/", unique("target"))
			trusted := strings.Replace(test.trusts, "%s", *hub.RoleName, 1)
			_, err := test.target.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
				RoleName:       target.RoleName,
				PolicyDocument: aws.String(document(`{"Effect":"Allow","Principal":{"AWS":"` + trusted + `"},"Action":"sts:AssumeRole"}`)),
			})
			require.NoError(t, err)
			if test.may {
				e.allow(t, *hub.RoleName, "sts:AssumeRole", *target.Arn)
			}

			answer, err := e.as(t, *hub.Arn).sts().AssumeRole(t.Context(), &sts.AssumeRoleInput{
				RoleArn: target.Arn, RoleSessionName: aws.String("chained"),
			})

			if !test.allowed {
				require.ErrorContains(t, err, "AccessDenied: User: arn:aws:sts::123456789012:assumed-role/"+*hub.RoleName+
					"/session is not authorized to perform: sts:AssumeRole on resource: "+*target.Arn+" because no ")
				return
			}
			require.NoError(t, err)
			caller, err := e.with(answer.Credentials).sts().GetCallerIdentity(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, *target.RoleId+":chained", *caller.UserId)
		})
	}
}

func TestWhatARoleMayNotAskOfAssumeRole(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	hub := e.createRole(t, "/", unique("hub"))
	e.allow(t, *hub.RoleName, "*", "*")
	target := e.createRole(t, "/", unique("target"))
	_, err := e.iam().UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: target.RoleName, MaxSessionDuration: aws.Int32(7200)})
	require.NoError(t, err)
	_, err = e.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: target.RoleName,
		PolicyDocument: aws.String(document(`{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole",` +
			`"Condition":{"StringEquals":{"sts:ExternalId":"e"}}}`)),
	})
	require.NoError(t, err)
	session := e.as(t, *hub.Arn)
	assume := func(change func(*sts.AssumeRoleInput)) error {
		input := &sts.AssumeRoleInput{RoleArn: target.Arn, RoleSessionName: aws.String("chained"), ExternalId: aws.String("e")}
		change(input)
		_, err := session.sts().AssumeRole(t.Context(), input)
		return err
	}

	require.NoError(t, assume(func(*sts.AssumeRoleInput) {}))
	require.ErrorContains(t, assume(func(in *sts.AssumeRoleInput) { in.ExternalId = nil }), "because no role trust policy allows")
	require.ErrorContains(t, assume(func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) }), "by role chaining")
	require.ErrorContains(t, assume(func(in *sts.AssumeRoleInput) {
		in.Tags = []ststypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
	}), "is not authorized to perform: sts:TagSession on resource: "+*target.Arn)
	require.ErrorContains(t, assume(func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("me") }), "sts:SetSourceIdentity")
	require.ErrorContains(t, assume(func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{}") }), "does not have the parameter Policy")
	assert.ErrorContains(t, assume(func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(*target.Arn + "x") }), "AccessDenied")
}

func TestTheOperatorCannotHaveARoleThatDoesNotExist(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	_, err := e.sts().AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::210987654321:role/nobody"), RoleSessionName: aws.String("session"),
	})
	requireAPIError(t, err, "AccessDenied", "User: arn:aws:sts::123456789012:user/moto is not authorized to perform: "+
		"sts:AssumeRole on resource: arn:aws:iam::210987654321:role/nobody")
}

func TestASessionEndsWithItsRole(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/", unique("role"))
	session := e.as(t, *role.Arn)
	_, err := session.sts().GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	e.deleteRole(t, *role.RoleName)
	requireDead := func() {
		_, err := session.sts().GetCallerIdentity(t.Context(), nil)
		requireAPIError(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
		_, err = session.s3().ListBuckets(t.Context(), nil)
		requireAPIError(t, err, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
		_, err = session.eks().ListClusters(t.Context(), nil)
		requireAPIError(t, err, "UnrecognizedClientException", "The security token included in the request is invalid.")
	}

	requireDead()
	e.createRole(t, "/", *role.RoleName)
	requireDead() // the new role is another one
}

func TestASessionNeedsItsToken(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	session := e.as(t, *e.createRole(t, "/", unique("role")).Arn)
	keys, err := session.credentials.Retrieve(t.Context())
	require.NoError(t, err)
	forged := e.with(&ststypes.Credentials{AccessKeyId: &keys.AccessKeyID, SecretAccessKey: aws.String("x"), SessionToken: aws.String("x")})

	_, err = forged.sts().GetCallerIdentity(t.Context(), nil)
	requireAPIError(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
	_, err = forged.s3().ListBuckets(t.Context(), nil)
	requireAPIError(t, err, "InvalidToken", "The provided token is malformed or otherwise invalid.")
}

// TestASessionEndsWithItsTime puts a moto before the endpoint's that gives out credentials of yesterday.
func TestASessionEndsWithItsTime(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.Endpoint = newEndpointWithOldCredentials(t)
	session := e.as(t, *e.createRole(t, "/", unique("role")).Arn)

	_, err := session.sts().GetCallerIdentity(t.Context(), nil)
	requireAPIError(t, err, "ExpiredToken", "The security token included in the request is expired")
	_, err = session.s3().ListBuckets(t.Context(), nil)
	requireAPIError(t, err, "ExpiredToken", "The provided token has expired.")
	_, err = session.eks().ListClusters(t.Context(), nil)
	requireAPIError(t, err, "ExpiredTokenException", "The security token included in the request is expired")
}

func newEndpointWithOldCredentials(t *testing.T) *sandboxaws.Endpoint {
	t.Helper()
	target, err := url.Parse(motoURL)
	require.NoError(t, err)
	expiration := regexp.MustCompile(`<Expiration>[^<]*`)
	upstream := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) },
		ModifyResponse: func(response *http.Response) error {
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return err
			}
			body = expiration.ReplaceAll(body, []byte("<Expiration>"+time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339)))
			response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			response.Header.Del("Content-Length")
			return nil
		},
	})
	t.Cleanup(upstream.Close)
	server, err := sandboxaws.New(sandboxaws.Options{MotoURL: upstream.URL})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return server
}

func TestAPresignedURLIsThatOfItsSession(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	bucket := e.makeBucket(t)
	session := e.as(t, *e.createRole(t, "/", unique("role")).Arn)
	presigned, err := s3.NewPresignClient(session.s3()).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("k")})
	require.NoError(t, err)

	status, body := get(t, presigned.URL, nil)

	assert.Equal(t, http.StatusForbidden, status)
	assert.Contains(t, body, "<Code>AccessDenied</Code>")
}

func TestMalformedDocumentsAreRefusedWhenTheyAreWritten(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/", unique("role"))
	trust := func(text string) error {
		_, err := e.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
			RoleName: role.RoleName, PolicyDocument: &text,
		})
		return err
	}
	inline := func(text string) error {
		_, err := e.iam().PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: role.RoleName, PolicyName: aws.String("p"), PolicyDocument: &text,
		})
		return err
	}
	const principal = `"Principal":{"AWS":"123456789012"}`
	for name, test := range map[string]struct {
		err     error
		message string
	}{
		"no JSON": {inline("{"), "not JSON"},
		"an element that there is not": {
			inline(document(`{"Effect":"Allow","Actions":"s3:*","Action":"s3:*","Resource":"*"}`)), "unknown element",
		},
		"an operator that there is not": {
			trust(document(`{"Effect":"Deny",` + principal + `,"Action":"sts:AssumeRole","Condition":{"StringSame":{"aws:userid":"x"}}}`)),
			"is not a condition operator",
		},
		"a variable that there is not": {
			inline(document(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${"}`)), "",
		},
		"a variable that there is not, in a trust policy": {
			trust(document(`{"Effect":"Allow",` + principal + `,"Action":"sts:AssumeRole","Condition":{"StringLike":{"aws:userid":"${"}}}`)), "",
		},
		"permissions without a resource": {inline(document(`{"Effect":"Allow","Action":"s3:*"}`)), "Resource"},
		"permissions with a principal": {
			inline(document(`{"Effect":"Allow",` + principal + `,"Action":"s3:*","Resource":"*"}`)), "Principal",
		},
		"trust without a principal": {trust(document(`{"Effect":"Allow","Action":"sts:AssumeRole"}`)), "no principals"},
		"trust with a resource": {
			trust(document(`{"Effect":"Allow",` + principal + `,"Action":"sts:AssumeRole","Resource":"*"}`)), "Has prohibited field Resource",
		},
		"trust for another service": {
			trust(document(`{"Effect":"Allow",` + principal + `,"Action":"s3:*"}`)), "AssumeRole policy may only specify STS AssumeRole actions.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, test.err, "MalformedPolicyDocument: ")
			assert.ErrorContains(t, test.err, test.message)
		})
	}
}

// TestATrustPolicyThatCannotBeEvaluatedLetsNobodyIn writes one past the endpoint, which would not take it.
func TestATrustPolicyThatCannotBeEvaluatedLetsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorkload(t)
	config := w.config()
	config.BaseEndpoint = &motoURL
	bad := document(w.statement("Allow", "StringEquals", subject),
		`{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"NumericEquals":{"aws:EpochTime":"noon"}}}`)
	_, err := iam.NewFromConfig(config).UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: w.role.RoleName, PolicyDocument: &bad,
	})
	require.NoError(t, err)

	_, err = w.assume(t.Context(), w.token(t), nil)

	require.ErrorContains(t, err, "MalformedPolicyDocument: the trust policy of "+*w.role.Arn+" cannot be evaluated: ")
}

func TestARoleOfOneAccountIsAnAdministratorThere(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	foreign := e.administrator(t, "aws")
	name := unique("role")

	role := foreign.createRole(t, "/team/", name)
	_, err := foreign.iam().ListRoles(t.Context(), nil)
	require.NoError(t, err)
	_, err = foreign.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: &name, PolicyDocument: aws.String(document(`{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"sts:AssumeRole"}`)),
	})
	require.NoError(t, err)
	session := foreign.as(t, *role.Arn)
	_, err = session.iam().GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name})
	require.ErrorContains(t, err, "iam:GetRole on resource: "+*role.Arn+" because no identity-based policy allows")
	_, err = session.iam().DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("none")})
	require.ErrorContains(t, err, "AccessDenied: ", "and not NoSuchEntity")
	_, err = e.AddAccount(t.Context(), "aws", "12")
	assert.ErrorContains(t, err, `adding account "12": it must be 12 digits`)
}
