package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/process"
)

// Moto says how to run moto_server.
type Moto struct {
	// Path is the moto_server program.
	Path string
	// LogFile receives its output.
	LogFile string
}

// motoAddress is what moto_server logs once it listens.
var motoAddress = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// StartMoto runs moto_server, with AWS's managed policies, on a free port that it picks itself, and returns its base URL
// once IAM and STS answer. The process ends with ctx.
func StartMoto(ctx context.Context, m Moto) (string, *process.Process, error) {
	p, err := process.Start(ctx, process.Command{
		Path:    m.Path,
		Args:    []string{"-H", "127.0.0.1", "-p", "0"},
		Env:     append(withoutMotoSettings(os.Environ()), "MOTO_IAM_LOAD_MANAGED_POLICIES=true"),
		LogFile: m.LogFile,
	})
	if err != nil {
		return "", nil, err
	}
	var url string
	ready := func(ctx context.Context) error {
		log, err := os.ReadFile(m.LogFile)
		if err != nil {
			return err
		}
		address := motoAddress.FindSubmatch(log)
		if address == nil {
			return errors.New("it has not logged its address yet")
		}
		url = string(address[1])
		return newMoto(url).warmUp(ctx)
	}
	starting, cancel := context.WithTimeout(ctx, 2*time.Minute) // a second or two on an idle machine
	defer cancel()
	if err := process.WaitReady(starting, p, ready, 50*time.Millisecond); err != nil {
		return "", nil, errors.Join(err, p.Stop(time.Second))
	}
	return url, p, nil
}

// withoutMotoSettings drops what a user may have set for a moto of their own, such as MOTO_ACCOUNT_ID, which would put
// every caller into one account, and werkzeug's mark of a reloaded server, which logs no address.
func withoutMotoSettings(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool {
		return strings.HasPrefix(variable, "MOTO_") || strings.HasPrefix(variable, "WERKZEUG_")
	})
}

// moto asks moto_server on the endpoint's own behalf.
type moto struct {
	url         string
	transport   *http.Transport
	propagation *propagation

	mu       sync.Mutex
	accounts map[string]string // by access key
}

func newMoto(url string) *moto {
	return &moto{
		url: url,
		// moto's server gives each connection a thread and closes idle ones when it likes; a POST on a connection that
		// was just closed could not be sent again. A new loopback connection per request costs nothing beside it.
		transport:   &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		propagation: newPropagation(),
		accounts:    map[string]string{},
	}
}

// warmUp asks IAM and STS for something. The first answer of a service takes moto most of a second, IAM with all the
// managed policies longest.
func (m *moto) warmUp(ctx context.Context) error {
	_, roleErr := m.principal(ctx, principal{partition: "aws", account: "000000000000", kind: "role", name: "none"})
	if errors.Is(roleErr, errNoPrincipal) {
		roleErr = nil
	}
	_, accountErr := m.account(ctx, "none", "us-east-1")
	return errors.Join(roleErr, accountErr)
}

// account returns the account of an access key. moto gives the credentials of an assumed role the account of the role,
// those of a user that of the user, and every other key its default account.
func (m *moto) account(ctx context.Context, accessKey, region string) (string, error) {
	m.mu.Lock()
	account, known := m.accounts[accessKey]
	m.mu.Unlock()
	if known {
		return account, nil
	}
	identity, err := sts.New(sts.Options{
		BaseEndpoint: &m.url,
		Region:       region,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, "unchecked", ""),
		HTTPClient:   &http.Client{Transport: m.transport},
		Retryer:      ownRetryer(),
	}).GetCallerIdentity(ctx, nil)
	if err != nil {
		return "", fmt.Errorf("finding the account of the caller: %w", err)
	}
	account = aws.ToString(identity.Account)
	m.mu.Lock()
	m.accounts[accessKey] = account
	m.mu.Unlock()
	return account, nil
}

// iam is a client for the IAM of a principal's account and partition.
func (m *moto) iam(p principal) *iam.Client {
	return iam.New(iam.Options{
		BaseEndpoint: &m.url,
		Region:       globalRegion(p.partition),
		Credentials:  ownCredentials,
		HTTPClient:   &http.Client{Transport: m.transport},
		Retryer:      ownRetryer(),
		APIOptions:   []func(*middleware.Stack) error{inAccount(p.account)},
	})
}

// ownCredentials are those of the endpoint itself; moto checks none.
var ownCredentials = credentials.NewStaticCredentialsProvider("sandbox", "unchecked", "")

// ownRetryer asks once more, and soon, when moto has broken a connection; under load its server does that at times.
func ownRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 100 * time.Millisecond })
}

// inAccount makes moto answer for an account, whoever asks.
func inAccount(account string) func(*middleware.Stack) error {
	return smithyhttp.AddHeaderValue(motoAccount, account)
}

// motoAccount is the header by which moto lets its callers choose their account.
const motoAccount = "X-Moto-Account-Id"

// identity is what IAM knows of a principal that exists.
type identity struct {
	arn string // with its path
	id  string // the unique ID, AROA... or AIDA..., which a principal made anew under the same name does not share
}

var errNoPrincipal = errors.New("no such IAM principal")

// principal looks a role or user up by its name in its own account; the path is not needed for that. The error is
// errNoPrincipal if there is none, or none that is shown yet.
func (m *moto) principal(ctx context.Context, p principal) (identity, error) {
	if !m.propagation.visible(p.kind, p.account, p.name) {
		return identity{}, errNoPrincipal
	}
	client := m.iam(p)
	var found identity
	var err error
	if p.kind == "user" {
		var user *iam.GetUserOutput
		if user, err = client.GetUser(ctx, &iam.GetUserInput{UserName: &p.name}); err == nil {
			found = identity{arn: aws.ToString(user.User.Arn), id: aws.ToString(user.User.UserId)}
		}
	} else {
		var role *iam.GetRoleOutput
		if role, err = client.GetRole(ctx, &iam.GetRoleInput{RoleName: &p.name}); err == nil {
			found = identity{arn: aws.ToString(role.Role.Arn), id: aws.ToString(role.Role.RoleId)}
		}
	}
	if missing(err) {
		return identity{}, errNoPrincipal
	}
	if err != nil {
		return identity{}, fmt.Errorf("looking up the IAM %s %q of account %s: %w", p.kind, p.name, p.account, err)
	}
	return found, nil
}

// assumeRole makes credentials for a role, without a question.
func (m *moto) assumeRole(
	ctx context.Context, p principal, arn, session string, length time.Duration,
) (*ststypes.Credentials, error) {
	answer, err := sts.New(sts.Options{
		BaseEndpoint: &m.url,
		Region:       globalRegion(p.partition),
		Credentials:  ownCredentials,
		HTTPClient:   &http.Client{Transport: m.transport},
		Retryer:      ownRetryer(),
	}).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &arn, RoleSessionName: &session, DurationSeconds: aws.Int32(int32(length.Seconds())),
	})
	if err != nil {
		return nil, fmt.Errorf("making credentials for %s: %w", arn, err)
	}
	return answer.Credentials, nil
}

// globalRegion is the region in which IAM, a global service, is signed.
// https://docs.aws.amazon.com/general/latest/gr/iam-service.html
func globalRegion(partition string) string {
	switch partition {
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	}
	return "us-east-1"
}
