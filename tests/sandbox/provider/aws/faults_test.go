package aws_test

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
)

const listBuckets = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`

// newFaultyAWS is an AWS of the test's own, on the moto of all tests. The providers find it in the environment, which
// is why most tests here cannot be parallel.
func newFaultyAWS(t *testing.T) *sandboxaws.Endpoint {
	t.Helper()
	server, err := newEndpoint()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return server
}

// statuses are those of the answers that an action got, in turn.
func statuses(server *sandboxaws.Endpoint, action string) (all []int) {
	for _, call := range server.Calls() {
		if call.Action == action {
			all = append(all, call.Status)
		}
	}
	return all
}

func lost(service, action string) sandboxaws.Fault {
	fault := sandboxaws.ServerError(service, action, 1)
	fault.Lost = true
	return fault
}

func TestEveryCreationOutlivesAFault(t *testing.T) {
	server := newFaultyAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	e := newEngine(t, nil)
	server.Inject(
		sandboxaws.ServerError("iam", "CreateRole", 1),
		sandboxaws.Throttle("iam", "GetRole", 1),
		sandboxaws.Throttle("iam", "CreatePolicy", 1),
		sandboxaws.Fault{Service: "iam", Action: "AttachRolePolicy", Times: 1}, // the connection breaks
		sandboxaws.ServerError("eks", "CreateAccessEntry", 1),
		sandboxaws.Throttle("eks", "AssociateAccessPolicy", 1),
		sandboxaws.Fault{
			Service: "s3", Action: "CreateBucket", Times: 1,
			Status: http.StatusConflict, Code: "OperationAborted", Message: "A conflicting conditional operation is in progress.",
		},
		sandboxaws.Throttle("s3", "HeadBucket", 1),
		sandboxaws.Fault{
			Service: "s3", Action: "PutPublicAccessBlock", Times: 1,
			Status: http.StatusNotFound, Code: "NoSuchBucket", Message: "The specified bucket does not exist",
		},
	)

	role := e.Create(t, roleToken, "faulty", map[string]any{"name": "faulty", "assumeRolePolicy": trust})
	policy := e.Create(t, "aws:iam/policy:Policy", "faulty", map[string]any{"name": "faulty", "policy": listBuckets})
	e.Create(t, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "faulty", map[string]any{
		"role": role.ID, "policyArn": policy.ID,
	})
	e.Create(t, entryToken, "faulty", map[string]any{"clusterName": clusterName, "principalArn": role.Output("arn")})
	e.Create(t, "aws:eks/accessPolicyAssociation:AccessPolicyAssociation", "faulty", map[string]any{
		"clusterName": clusterName, "principalArn": role.Output("arn"),
		"policyArn":   "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
		"accessScope": map[string]any{"type": "cluster"},
	})
	bucket := e.Create(t, bucketToken, "faulty", map[string]any{"bucket": "faulty-bucket"})
	e.Create(t, blockToken, "faulty", map[string]any{"bucket": bucket.ID})

	for action, want := range map[string][]int{
		"CreateRole": {503, 200}, "CreatePolicy": {400, 200}, "AttachRolePolicy": {0, 200},
		"CreateAccessEntry": {503, 200}, "AssociateAccessPolicy": {400, 200},
		"CreateBucket": {409, 200}, "HeadBucket": {503, 200}, "PutPublicAccessBlock": {404, 200},
	} {
		assert.Equal(t, want, statuses(server, action), action)
	}
}

func TestMoreFaultsThanTheSDKsThreeAttemptsAreOutlived(t *testing.T) {
	server := newFaultyAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	e := newEngine(t, nil)
	server.Inject(sandboxaws.ServerError("iam", "CreateRole", 3))
	e.Create(t, roleToken, "persistent", map[string]any{"name": "persistent", "assumeRolePolicy": trust})
	assert.Equal(t, []int{503, 503, 503, 200}, statuses(server, "CreateRole"))
}

func TestMaxRetriesIsHowOftenACallIsTried(t *testing.T) {
	server := newFaultyAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	t.Setenv("AWS_MAX_ATTEMPTS", "5") // which does not count
	e := newEngine(t, map[string]any{"region": region, "maxRetries": "2"})
	server.Inject(sandboxaws.Throttle("iam", "CreateRole", 0))
	_, err := e.TryCreate(t, roleToken, "twice", map[string]any{"name": "twice", "assumeRolePolicy": trust}, 0)
	require.ErrorContains(t, err, "creating IAM Role (twice): ")
	require.ErrorContains(t, err, "exceeded maximum number of attempts, 2")
	require.ErrorContains(t, err, "api error Throttling: Rate exceeded")
	assert.Len(t, statuses(server, "CreateRole"), 2)
}

func TestRetriesAreTheOfficialProvidersOwn(t *testing.T) {
	t.Parallel()
	retryer := aws.NewRetryer(25)
	assert.Equal(t, 25, retryer.MaxAttempts())
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for name, test := range map[string]struct {
		attempt int
		err     error
		gives   bool
	}{
		"an endpoint that refuses, for the eighth time": {8, refused, false},
		"an endpoint that refuses, for the ninth time":  {9, refused, true},
		"a host that is unknown, for the ninth time":    {9, &net.DNSError{Err: "no such host", IsNotFound: true}, true},
		"a resolver that fails, for the ninth time":     {9, &net.DNSError{Err: "server misbehaving", IsTemporary: true}, false},
		"a service that fails, for the ninth time":      {9, errors.New("internal failure"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			delay, err := retryer.RetryDelay(test.attempt, test.err)
			assert.Equal(t, test.gives, errors.As(err, new(*retry.MaxAttemptsError)))
			assert.LessOrEqual(t, delay, 300*time.Second)
		})
	}
	t.Run("there is no quota of retries", func(t *testing.T) {
		t.Parallel()
		for range 1000 {
			_, err := retryer.GetRetryToken(t.Context(), refused)
			require.NoError(t, err)
		}
	})
}

func TestCreationWaitsUntilIAMShowsWhatWasMade(t *testing.T) {
	server := newFaultyAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	e := newEngine(t, nil)
	server.SetPropagationDelay(600 * time.Millisecond)

	role := e.Create(t, roleToken, "late", map[string]any{"name": "late", "assumeRolePolicy": trust})
	assert.Equal(t, "arn:aws:iam::123456789012:role/late", role.Output("arn"))
	assert.Contains(t, statuses(server, "GetRole"), http.StatusNotFound)
	policy := e.Create(t, "aws:iam/policy:Policy", "late", map[string]any{"name": "late", "policy": listBuckets})
	assert.Contains(t, statuses(server, "GetPolicy"), http.StatusNotFound)
	e.Create(t, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "late", map[string]any{"role": role.ID, "policyArn": policy.ID})
	drift, _ := role.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
}

func TestWhatWasMadeElsewhereAMomentAgoIsWaitedFor(t *testing.T) {
	server := newFaultyAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	e, live := newEngine(t, nil), newCloud(t)
	server.SetPropagationDelay(600 * time.Millisecond)
	fresh := func(name string) (arn string) {
		made, err := live.iam.CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: &name, AssumeRolePolicyDocument: awssdk.String(trust),
		})
		require.NoError(t, err)
		return *made.Role.Arn
	}

	e.Create(t, entryToken, "fresh", map[string]any{"clusterName": clusterName, "principalArn": fresh("fresh-entry")})
	assert.Contains(t, statuses(server, "CreateAccessEntry"), http.StatusBadRequest)
	e.Create(t, roleToken, "trusting", map[string]any{"assumeRolePolicy": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"` + fresh("fresh-principal") + `"},"Action":"sts:AssumeRole"}]}`})
	assert.Contains(t, statuses(server, "CreateRole"), http.StatusBadRequest)
}

func TestARoleThatIsNotShownInTimeIsKeptAndCompletedLater(t *testing.T) {
	server := newFaultyAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	e := newEngine(t, nil)
	inputs := map[string]any{"name": "never", "assumeRolePolicy": trust}
	server.SetPropagationDelay(2 * time.Second)

	role, err := e.TryCreate(t, roleToken, "never", inputs, 1)

	require.ErrorContains(t, err, "reading never: couldn't find resource")
	require.NotNil(t, role, "the engine has to know of it")
	assert.Equal(t, "never", role.ID)
	requireShown(t, "never")
	role.Update(t, inputs)
	assert.Equal(t, "arn:aws:iam::123456789012:role/never", role.Output("arn"))
}

// requireShown waits until IAM shows a role.
func requireShown(t *testing.T, role string) {
	t.Helper()
	live := newCloud(t)
	require.Eventually(t, func() bool {
		_, err := live.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role})
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)
}

// The official provider does not wait for this one either.
func TestAProviderThatIsNotShownAtOnceIsKeptAndCompletedLater(t *testing.T) {
	server := newFaultyAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	e := newEngine(t, nil)
	inputs := map[string]any{"url": "https://late.example.com", "clientIdLists": []any{"sts.amazonaws.com"}}
	const arn = "arn:aws:iam::123456789012:oidc-provider/late.example.com"
	server.SetPropagationDelay(time.Second)

	oidc, err := e.TryCreate(t, oidcToken, "late", inputs, 0)

	require.ErrorContains(t, err, "reading "+arn+": couldn't find resource")
	require.NotNil(t, oidc)
	assert.Equal(t, arn, oidc.ID)
	live := newCloud(t)
	require.Eventually(t, func() bool {
		_, err := live.iam.GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: awssdk.String(arn)})
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)
	oidc.Update(t, inputs)
	assert.Equal(t, arn, oidc.Output("arn"))
}

func TestALostAnswerEndsAsItDoesInReality(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  sandboxaws.Fault
		token  string
		inputs map[string]any
		says   []string // nothing: it works
	}{
		{
			"a role", lost("iam", "CreateRole"), roleToken,
			map[string]any{"name": "lost", "assumeRolePolicy": trust},
			[]string{"creating IAM Role (lost): ", "EntityAlreadyExists"},
		},
		{
			"an OIDC provider", lost("iam", "CreateOpenIDConnectProvider"), oidcToken,
			map[string]any{"url": "https://lost.example.com", "clientIdLists": []any{"sts.amazonaws.com"}},
			[]string{"creating IAM OIDC Provider: ", "EntityAlreadyExists"},
		},
		{
			"a bucket", lost("s3", "CreateBucket"), bucketToken,
			map[string]any{"bucket": "lost-bucket"},
			[]string{"creating S3 Bucket (lost-bucket): ", "BucketAlreadyOwnedByYou"},
		},
		{
			// For the role of the first case, which is there.
			"an access entry, whose token says that it is the same request", lost("eks", "CreateAccessEntry"), entryToken,
			map[string]any{"clusterName": clusterName, "principalArn": "arn:aws:iam::123456789012:role/lost"},
			nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newFaultyAWS(t)
			t.Setenv("AWS_ENDPOINT_URL", server.URL())
			e := newEngine(t, nil)
			server.Inject(test.fault)
			_, err := e.TryCreate(t, test.token, "lost", test.inputs, 0)
			if test.says == nil {
				require.NoError(t, err)
			}
			for _, says := range test.says {
				require.ErrorContains(t, err, says)
			}
		})
	}
}
