package aws_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// TestFaultsComeInTheFormOfTheirService also holds them against the SDK: its own retryer takes them for what they are.
func TestFaultsComeInTheFormOfTheirService(t *testing.T) {
	t.Parallel()
	ask := map[string]func(*testing.T, endpoint) error{
		"iam": func(t *testing.T, e endpoint) error {
			t.Helper()
			_, err := e.iam().ListRoles(t.Context(), nil)
			return err
		},
		"sts": func(t *testing.T, e endpoint) error {
			t.Helper()
			_, err := e.sts().GetCallerIdentity(t.Context(), nil)
			return err
		},
		"s3": func(t *testing.T, e endpoint) error {
			t.Helper()
			_, err := e.s3().ListBuckets(t.Context(), nil)
			return err
		},
		"eks": func(t *testing.T, e endpoint) error {
			t.Helper()
			_, err := e.eks().ListClusters(t.Context(), nil)
			return err
		},
	}
	for _, test := range []struct {
		service  string
		fault    func(service, action string, times int) sandboxaws.Fault
		status   int
		code     string
		message  string
		throttle bool
	}{
		{"iam", sandboxaws.ServerError, 503, "ServiceUnavailable", "Service is unable to handle request.", false},
		{"sts", sandboxaws.ServerError, 503, "ServiceUnavailable", "Service is unable to handle request.", false},
		{"s3", sandboxaws.ServerError, 503, "ServiceUnavailable", "Service is unable to handle request.", false},
		{"eks", sandboxaws.ServerError, 503, "ServiceUnavailableException", "Service is unable to handle request.", false},
		{"iam", sandboxaws.Throttle, 400, "Throttling", "Rate exceeded", true},
		{"sts", sandboxaws.Throttle, 400, "Throttling", "Rate exceeded", true},
		{"s3", sandboxaws.Throttle, 503, "SlowDown", "Please reduce your request rate.", true},
		{"eks", sandboxaws.Throttle, 400, "ThrottlingException", "Rate exceeded", true},
	} {
		t.Run(test.service+" "+test.code, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t)
			e.Inject(test.fault(test.service, "", 1))

			err := ask[test.service](t, e)

			requireAPIError(t, err, test.code, test.message)
			var response *awshttp.ResponseError
			require.ErrorAs(t, err, &response)
			assert.Equal(t, test.status, response.HTTPStatusCode())
			assert.Equal(t, test.status, e.Calls()[0].Status, "it is in the call log")
			assert.True(t, retry.NewStandard().IsErrorRetryable(err))
			_, throttled := retry.DefaultThrottleErrorCodes[test.code]
			assert.Equal(t, test.throttle, throttled)
			require.NoError(t, ask[test.service](t, e), "it was for one call")
		})
	}
}

func TestAFaultIsForTheCallsThatItNames(t *testing.T) {
	t.Parallel()
	const fails, works = "fails", "works"
	outage := sandboxaws.Fault{Status: 500, Code: "InternalFailure", Message: "outage"}
	of := func(service, action string, after, times int) sandboxaws.Fault {
		f := outage
		f.Service, f.Action, f.After, f.Times = service, action, after, times
		return f
	}
	for name, test := range map[string]struct {
		faults []sandboxaws.Fault
		want   []string // of GetCallerIdentity, again and again
	}{
		"no fault":                       {nil, []string{works, works}},
		"any call, for good":             {[]sandboxaws.Fault{outage}, []string{fails, fails, fails}},
		"this service":                   {[]sandboxaws.Fault{of("sts", "", 0, 1)}, []string{fails, works}},
		"this action":                    {[]sandboxaws.Fault{of("", "GetCallerIdentity", 0, 1)}, []string{fails, works}},
		"another service":                {[]sandboxaws.Fault{of("iam", "", 0, 0)}, []string{works, works}},
		"another action":                 {[]sandboxaws.Fault{of("sts", "AssumeRole", 0, 0)}, []string{works, works}},
		"this action of another service": {[]sandboxaws.Fault{of("iam", "GetCallerIdentity", 0, 0)}, []string{works, works}},
		"after two, twice":               {[]sandboxaws.Fault{of("sts", "", 2, 2)}, []string{works, works, fails, fails, works}},
		"after one, for good":            {[]sandboxaws.Fault{of("sts", "", 1, 0)}, []string{works, fails, fails, fails}},
		"two, which do not share calls": {
			[]sandboxaws.Fault{of("sts", "", 0, 1), of("sts", "", 0, 1)}, []string{fails, fails, works},
		},
		"two, of which the first is later": {
			[]sandboxaws.Fault{of("sts", "", 2, 1), of("sts", "", 0, 1)}, []string{fails, works, fails, works},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t)
			e.Inject(test.faults...)
			var got []string
			for range test.want {
				result := works
				if _, err := e.sts().GetCallerIdentity(t.Context(), nil); err != nil {
					requireAPIError(t, err, "InternalFailure", "outage")
					result = fails
				}
				got = append(got, result)
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestClearedFaultsAreGone(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.Inject(sandboxaws.ServerError("sts", "", 0), sandboxaws.Throttle("", "", 0))
	_, err := e.sts().GetCallerIdentity(t.Context(), nil)
	require.Error(t, err)

	e.ClearFaults()

	_, err = e.sts().GetCallerIdentity(t.Context(), nil)
	assert.NoError(t, err)
}

func TestACallThatFailsDoesNotReachItsService(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := unique("role")
	e.Inject(sandboxaws.ServerError("iam", "CreateRole", 1))

	_, err := e.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(trustNobody),
	})

	require.Error(t, err)
	e.createRole(t, "/", name)
}

func TestALostAnswerLeavesWhatTheCallHasMade(t *testing.T) {
	t.Parallel()
	lost := sandboxaws.ServerError("", "", 1)
	lost.Lost = true

	t.Run("a role, which is there already at the second try", func(t *testing.T) {
		t.Parallel()
		e := newEndpoint(t)
		create := &iam.CreateRoleInput{RoleName: aws.String(unique("role")), AssumeRolePolicyDocument: aws.String(trustNobody)}
		e.Inject(lost)

		_, err := e.iam().CreateRole(t.Context(), create)

		requireAPIError(t, err, "ServiceUnavailable", "Service is unable to handle request.")
		_, err = e.iam().GetRole(t.Context(), &iam.GetRoleInput{RoleName: create.RoleName})
		require.NoError(t, err)
		_, err = e.iam().CreateRole(t.Context(), create)
		require.ErrorAs(t, err, new(*iamtypes.EntityAlreadyExistsException))
		assert.Equal(t, http.StatusServiceUnavailable, e.Calls()[0].Status, "the caller's view of it")
	})
	t.Run("a bucket, which is the caller's own at the second try", func(t *testing.T) {
		t.Parallel()
		e := newEndpoint(t)
		create := &s3.CreateBucketInput{
			Bucket:                    aws.String(unique("bucket")),
			CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
		}
		e.Inject(lost)

		_, err := e.s3().CreateBucket(t.Context(), create)

		requireAPIError(t, err, "ServiceUnavailable", "Service is unable to handle request.")
		_, err = e.s3().CreateBucket(t.Context(), create)
		assert.ErrorAs(t, err, new(*s3types.BucketAlreadyOwnedByYou))
	})
	t.Run("an access entry, whose request the SDK sends again under the same token", func(t *testing.T) {
		t.Parallel()
		e := newEndpoint(t)
		cluster, role := e.addCluster(t, nil), e.createRole(t, "/", unique("role"))
		e.Inject(lost)

		err := e.createEntry(t, cluster, *role.Arn)

		requireAPIError(t, err, "ServiceUnavailable", "Service is unable to handle request.")
		entry, ok := e.AccessEntry(region, cluster, *role.Arn)
		require.True(t, ok)
		assert.Equal(t, *role.Arn, entry.PrincipalArn)
	})
}

func TestAFaultWithoutStatusBreaksTheConnection(t *testing.T) {
	t.Parallel()
	for name, isLost := range map[string]bool{"before the call": false, "before its answer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t)
			role := unique("role")
			e.Inject(sandboxaws.Fault{Service: "iam", Action: "CreateRole", Times: 1, Lost: isLost})

			_, err := e.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
				RoleName: &role, AssumeRolePolicyDocument: aws.String(trustNobody),
			})

			require.Error(t, err)
			require.NotErrorAs(t, err, new(smithy.APIError))
			assert.True(t, retry.NewStandard().IsErrorRetryable(err))
			require.Len(t, e.Calls(), 1)
			assert.Zero(t, e.Calls()[0].Status)
			_, err = e.iam().GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role})
			assert.Equal(t, isLost, err == nil, "%v", err)
		})
	}
}

func TestACallThatIsNotSignedCanFailToo(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.credentials = aws.AnonymousCredentials{}
	e.Inject(sandboxaws.Throttle("sts", "AssumeRoleWithWebIdentity", 0))

	_, err := e.sts().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::123456789012:role/any"), RoleSessionName: aws.String("pod"),
		WebIdentityToken: aws.String("a.b.c"),
	})

	requireAPIError(t, err, "Throttling", "Rate exceeded")
}

func TestASwallowedCallIsHeldUntilItsCallerGivesUp(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.Inject(sandboxaws.Swallow("sts", "GetCallerIdentity", 1))
	const patience = 500 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	started := time.Now()

	_, err := e.sts().GetCallerIdentity(ctx, nil)

	require.ErrorIs(t, err, context.DeadlineExceeded, "there was neither an answer nor an end of the connection")
	assert.GreaterOrEqual(t, time.Since(started), patience)
	require.Eventually(t, func() bool { return len(e.Calls()) == 1 }, 5*time.Second, 10*time.Millisecond, "then it is let go")
	assert.Zero(t, e.Calls()[0].Status)
	_, err = e.sts().GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err, "it was for one call")
}

func TestASwallowedAnswerIsOfACallThatWasCarriedOut(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := unique("role")
	swallowed := sandboxaws.Swallow("iam", "CreateRole", 1)
	swallowed.Lost = true
	e.Inject(swallowed)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()

	_, err := e.iam().CreateRole(ctx, &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: aws.String(trustNobody)})

	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = e.iam().GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role})
	assert.NoError(t, err)
}

func TestAnEndpointThatClosesDoesNotWaitForSwallowedCalls(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.Inject(sandboxaws.Swallow("", "", 0))
	client := e.sts()
	ended := make(chan error, 1)
	go func() {
		_, err := client.GetCallerIdentity(t.Context(), nil, func(o *sts.Options) { o.RetryMaxAttempts = 1 })
		ended <- err
	}()
	select {
	case err := <-ended:
		require.Fail(t, "the call is not held", "%v", err)
	case <-time.After(200 * time.Millisecond):
	}
	started := time.Now()

	require.NoError(t, e.Close())

	assert.Less(t, time.Since(started), time.Second)
	require.Error(t, <-ended)
	require.Eventually(t, func() bool { return len(e.Calls()) == 1 }, 5*time.Second, 10*time.Millisecond, "the endpoint lets it go too")
}
