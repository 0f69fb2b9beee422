package awsauth

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"k8s.io/client-go/tools/clientcmd"
)

// Check validates all known inputs and fills in the default username. Inputs that are not known yet, as in a preview, pass.
func (*Role) Check(
	ctx context.Context, req infer.CheckRequest,
) (infer.CheckResponse[RoleArgs], error) {
	args, failures, err := infer.DefaultCheck[RoleArgs](ctx, req.NewInputs)
	if err != nil || len(failures) > 0 {
		return infer.CheckResponse[RoleArgs]{Inputs: args, Failures: failures}, err
	}
	check := func(property string, valid func() error) {
		if req.NewInputs.Get(property).HasComputed() {
			return
		}
		if err := valid(); err != nil {
			failures = append(failures, p.CheckFailure{Property: property, Reason: err.Error()})
		}
	}
	check("kubeconfig", func() error { return validKubeconfig(args.Kubeconfig) })
	check("roleArn", func() error {
		mapped, err := mappedARN(args.RoleARN)
		if args.Username == nil && err == nil {
			args.Username = &mapped
		}
		return err
	})
	check("username", func() error {
		if args.Username == nil { // for want of a role ARN
			return nil
		}
		return validName(*args.Username)
	})
	check("groups", func() error { return validGroups(args.Groups) })
	args.Groups = asList(args.Groups)
	return infer.CheckResponse[RoleArgs]{Inputs: args, Failures: failures}, nil
}

// rolePattern follows the IAM reference: a path is printable ASCII between slashes, a name 1-64 of these characters
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html).
var rolePattern = regexp.MustCompile(`^(arn:aws[a-z-]*:iam::\d{12}:role/)(?:[!-~]+/)?([\w+=,.@-]{1,64})$`)

// mappedARN is the role's ARN as aws-iam-authenticator sees it. STS does not tell it the role's path, so an entry with a path
// never matches (https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/268).
func mappedARN(roleARN string) (string, error) {
	parts := rolePattern.FindStringSubmatch(roleARN)
	if parts == nil {
		return "", fmt.Errorf("%q is not the ARN of an IAM role, arn:<partition>:iam::<12 digits>:role/<path and name>", roleARN)
	}
	return parts[1] + parts[2], nil
}

func validKubeconfig(kubeconfig string) error {
	if strings.TrimSpace(kubeconfig) == "" {
		return errors.New("it must be the content of a kubeconfig, but is empty")
	}
	if _, err := clusterServer(kubeconfig); err != nil {
		return err
	}
	_, err := clientcmd.RESTConfigFromKubeConfig([]byte(kubeconfig))
	return err
}

func validGroups(groups []string) error {
	var errs []error
	for i, group := range groups {
		if err := validName(group); err != nil {
			errs = append(errs, fmt.Errorf("element %d: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// validName admits what Kubernetes shows in its audit log as it is.
func validName(name string) error {
	if strings.TrimSpace(name) == "" {
		return errors.New("it must not be empty")
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%q has characters that cannot be printed, such as line breaks", name)
	}
	return nil
}
