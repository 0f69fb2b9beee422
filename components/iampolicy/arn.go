package iampolicy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ARN is an Amazon Resource Name: arn:partition:service:region:account:resource.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
type ARN struct {
	// Partition is "aws", "aws-cn", "aws-us-gov" or another that begins so.
	Partition string
	// Service is the service's namespace: "iam", "eks".
	Service string
	// Region is empty for global services such as IAM.
	Region string
	// Account is 12 digits, "aws" for what AWS owns, or empty (S3 buckets).
	Account string
	// Resource is the rest; it may contain colons and slashes.
	Resource string
}

var (
	partitionPattern = regexp.MustCompile(`^aws(-[a-z]+)*$`)
	accountPattern   = regexp.MustCompile(`^[0-9]{12}$`)
	arnWordPattern   = regexp.MustCompile(`^[a-z0-9-]+$`)
	arnOwnerPattern  = regexp.MustCompile(`^([0-9]{12}|[a-z][a-z-]*)?$`)
	arnRestPattern   = regexp.MustCompile(`^[!-~]+$`)
)

// ParseARN reads an ARN. It checks the form of each part, not that the service or the resource exists.
func ParseARN(text string) (ARN, error) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return ARN{}, fmt.Errorf("%q is not an ARN; its form is arn:partition:service:region:account:resource", text)
	}
	arn := ARN{Partition: parts[1], Service: parts[2], Region: parts[3], Account: parts[4], Resource: parts[5]}
	wrong := func(part, value, want string) error {
		return fmt.Errorf("%q is not an ARN: the %s is %q; it should be %s", text, part, value, want)
	}
	switch {
	case !partitionPattern.MatchString(arn.Partition):
		return ARN{}, wrong("partition", arn.Partition, "aws, aws-cn, aws-us-gov or the like")
	case !arnWordPattern.MatchString(arn.Service):
		return ARN{}, wrong("service", arn.Service, "a service such as iam")
	case arn.Region != "" && !arnWordPattern.MatchString(arn.Region):
		return ARN{}, wrong("region", arn.Region, "a region such as eu-west-1, or empty")
	case !arnOwnerPattern.MatchString(arn.Account):
		return ARN{}, wrong("account", arn.Account, "12 digits, aws, or empty")
	case !arnRestPattern.MatchString(arn.Resource):
		return ARN{}, wrong("resource", arn.Resource, "printable, without white space, and not empty")
	}
	return arn, nil
}

// String is the ARN as AWS writes it.
func (a ARN) String() string {
	return strings.Join([]string{"arn", a.Partition, a.Service, a.Region, a.Account, a.Resource}, ":")
}

// IsRole reports whether this is the ARN of an IAM role: arn:aws:iam::<account>:role/<path and name>.
func (a ARN) IsRole() bool {
	return a.isIAM() && accountPattern.MatchString(a.Account) && a.hasKind("role")
}

// IsUser reports whether this is the ARN of an IAM user: arn:aws:iam::<account>:user/<path and name>.
func (a ARN) IsUser() bool {
	return a.isIAM() && accountPattern.MatchString(a.Account) && a.hasKind("user")
}

// IsServiceLinkedRole reports whether this is the ARN of a role that only the AWS service which made it may assume.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
func (a ARN) IsServiceLinkedRole() bool {
	return a.IsRole() && strings.HasPrefix(a.Resource, "role/aws-service-role/")
}

// ValidateRoleARN refuses what is not the ARN of an IAM role, and names and paths that no role has.
func ValidateRoleARN(text string) error {
	arn, err := ParseARN(text)
	if err != nil {
		return err
	}
	if !arn.IsRole() {
		return fmt.Errorf("%q is not the ARN of an IAM role", text)
	}
	return errors.Join(ValidateRoleName(arn.RoleName()), ValidateRolePath(arn.path("role")))
}

// ValidateUserARN refuses what is not the ARN of an IAM user, and names and paths that no user has: they are like those of roles.
func ValidateUserARN(text string) error {
	arn, err := ParseARN(text)
	if err != nil {
		return err
	}
	if !arn.IsUser() {
		return fmt.Errorf("%q is not the ARN of an IAM user", text)
	}
	return errors.Join(validateUserName(arn.RoleName()), ValidateRolePath(arn.path("user")))
}

// ValidatePolicyARN refuses what is not the ARN of a managed policy, and names and paths that no policy has.
func ValidatePolicyARN(text string) error {
	arn, err := ParseARN(text)
	if err != nil {
		return err
	}
	if !arn.IsPolicy() {
		return fmt.Errorf("%q is not the ARN of an IAM policy", text)
	}
	return errors.Join(ValidatePolicyName(arn.RoleName()), ValidateRolePath(arn.path("policy")))
}

// path is what stands before the name of a role or a policy, with its slashes.
func (a ARN) path(kind string) string {
	return a.Resource[len(kind) : strings.LastIndex(a.Resource, "/")+1]
}

// IsPolicy reports whether this is the ARN of a managed policy, the customer's own or (account "aws") one of AWS.
func (a ARN) IsPolicy() bool {
	return a.isIAM() && (accountPattern.MatchString(a.Account) || a.Account == "aws") && a.hasKind("policy")
}

// IsOIDCProvider reports whether this is the ARN of an IAM OIDC provider: arn:aws:iam::<account>:oidc-provider/<issuer>.
// An issuer may end with a slash, and its provider then does too.
func (a ARN) IsOIDCProvider() bool {
	a.Resource = strings.TrimSuffix(a.Resource, "/")
	return a.isIAM() && accountPattern.MatchString(a.Account) && a.hasKind("oidc-provider")
}

func (a ARN) isSAMLProvider() bool {
	return a.isIAM() && accountPattern.MatchString(a.Account) && a.hasKind("saml-provider")
}

func (a ARN) isIAM() bool { return a.Service == "iam" && a.Region == "" }

// hasKind reports whether the resource is kind/name, with a name and without wildcards.
func (a ARN) hasKind(kind string) bool {
	name, ok := strings.CutPrefix(a.Resource, kind+"/")
	return ok && name != "" && !strings.HasSuffix(name, "/") && !strings.ContainsAny(name, "*?")
}

// issuer is what an OIDC provider's ARN says the issuer is.
func (a ARN) issuer() string { return strings.TrimPrefix(a.Resource, "oidc-provider/") }

// RoleARN is the ARN that IAM gives a role. An empty path is the default one, "/".
func RoleARN(partition, account, path, name string) ARN {
	if path == "" {
		path = "/"
	}
	return ARN{Partition: partition, Service: "iam", Account: account, Resource: "role" + path + name}
}

// RoleName is the name, without the path, in the ARN of a role or a user.
func (a ARN) RoleName() string { return a.Resource[strings.LastIndex(a.Resource, "/")+1:] }
