package aws

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// What the official provider takes for the SDK's own defaults of 3 attempts, 20 seconds and a quota of retries.
// https://github.com/hashicorp/aws-sdk-go-base, aws_config.go, and internal/provider/provider.go of the Terraform provider.
const (
	maxAttempts = 25
	maxBackoff  = 300 * time.Second
	// maxUnreachable is how often it tries an endpoint that nobody answers at.
	maxUnreachable = 9
)

// propagation is how long the official provider waits for IAM to agree with itself, between regions and between
// services.
const propagation = 2 * time.Minute

// retryer repeats calls that were throttled, met a fault of the service's own or lost their connection.
type retryer struct{ awssdk.RetryerV2 }

func newRetryer(attempts int) awssdk.Retryer {
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.MaxBackoff = maxBackoff
		o.RateLimiter = ratelimit.None
	})}
}

// RetryDelay ends the retries early where there is nobody to talk to: it is the one method that learns the attempt.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if missing := (*net.DNSError)(nil); attempt >= maxUnreachable &&
		(errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &missing) && missing.IsNotFound) {
		return 0, &retry.MaxAttemptsError{Attempt: attempt, Err: err}
	}
	return r.RetryerV2.RetryDelay(attempt, err)
}

// retry repeats a call while the error is one that passes by itself.
func (c *cloud) retry(ctx context.Context, passing func(error) bool, call func() error) error {
	deadline, cancel := context.WithTimeout(ctx, c.propagation)
	defer cancel()
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := call()
		if err == nil || !passing(err) {
			return err
		}
		select {
		case <-deadline.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// patient reads what was made a moment ago, which AWS may not show everywhere yet.
func (c *cloud) patient(read provider.Reader) provider.Reader {
	return func(ctx context.Context, id string, state provider.Values) (provider.Values, error) {
		var found provider.Values
		missing := errors.New("not shown yet")
		err := c.retry(ctx, func(err error) bool { return errors.Is(err, missing) }, func() error {
			var err error
			if found, err = read(ctx, id, state); err == nil && found == nil {
				err = missing
			}
			return err
		})
		if errors.Is(err, missing) {
			err = nil // the caller knows what to say of nothing
		}
		return found, err
	}
}

// isA tells whether the error is of an SDK's error type and says something.
func isA[T error](err error, says string) bool {
	var target T
	return errors.As(err, &target) && strings.Contains(target.Error(), says)
}
