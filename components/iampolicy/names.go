package iampolicy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The limits of IAM: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxRoleName        = 64
	maxRolePath        = 512
	maxPolicyName      = 128
	maxDescription     = 1000
	minSessionName     = 2
	maxSessionName     = 64
	minSessionDuration = 3600
	maxSessionDuration = 43200
	// maxNamePrefix leaves room for the 26 characters that the AWS provider appends to a prefix.
	maxNamePrefix = maxRoleName - 26
)

var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]*$`)
	// descriptionPattern is that of the API: tab, line breaks and what is printed of Latin-1.
	// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
	descriptionPattern = regexp.MustCompile(`^[\t\n\r\x{20}-\x{7E}\x{A1}-\x{FF}]*$`)
	pathPattern        = regexp.MustCompile(`^/([!-.0-~]+/)*$`) // ASCII 0x21 to 0x7E, without an empty part
)

// ValidateRoleName checks the name of a role: 1 to 64 letters, digits and _+=,.@-.
func ValidateRoleName(name string) error { return checkName("role name", name, maxRoleName) }

// validateUserName checks the name of a user, whose form is that of a role's.
func validateUserName(name string) error { return checkName("user name", name, maxRoleName) }

// ValidateNamePrefix checks the prefix of a role's name, to which the AWS provider adds 26 characters: 1 to 38 letters,
// digits and _+=,.@-.
func ValidateNamePrefix(prefix string) error {
	return checkName("role name prefix", prefix, maxNamePrefix)
}

// ValidatePolicyName checks the name of an inline or managed policy: 1 to 128 letters, digits and _+=,.@-.
func ValidatePolicyName(name string) error { return checkName("policy name", name, maxPolicyName) }

func checkName(what, name string, limit int) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is empty; use 1 to %d letters, digits or _+=,.@-", what, limit)
	case !namePattern.MatchString(name):
		return fmt.Errorf("%s %q has a character that IAM does not allow; use letters, digits or _+=,.@-", what, name)
	case len(name) > limit:
		return fmt.Errorf("%s %q has %d characters; at most %d are allowed", what, name, len(name), limit)
	}
	return nil
}

// ValidateRolePath checks the path of a role: "/", or parts between slashes such as "/teams/payments/", up to 512
// characters.
func ValidateRolePath(path string) error {
	switch {
	case path == "":
		return errors.New(`role path is empty; use "/" or a path such as "/teams/payments/"`)
	case !pathPattern.MatchString(path):
		return fmt.Errorf(`role path %q must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`, path)
	case len(path) > maxRolePath:
		return fmt.Errorf("role path has %d characters; at most %d are allowed", len(path), maxRolePath)
	}
	return nil
}

// ValidateDescription checks the description of a role: up to 1,000 characters of Latin-1, line breaks and tabs.
func ValidateDescription(description string) error {
	if length := len([]rune(description)); length > maxDescription {
		return fmt.Errorf("has %d characters, IAM allows %d", length, maxDescription)
	}
	for _, character := range description {
		if !descriptionPattern.MatchString(string(character)) {
			return fmt.Errorf("has the character %q, which IAM does not allow there; use letters, digits, marks and accents of Western "+
				"European languages (Latin-1)", character)
		}
	}
	return nil
}

// ValidateSessionName checks the name of a role's session: 2 to 64 letters, digits and _+=,.@-.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func ValidateSessionName(name string) error {
	if len(name) < minSessionName {
		return fmt.Errorf("session name %q is too short; use %d to %d letters, digits or _+=,.@-", name, minSessionName, maxSessionName)
	}
	return checkName("session name", name, maxSessionName)
}

// ValidateSessionDuration checks the longest session of a role, in seconds: 3600 to 43200.
func ValidateSessionDuration(seconds int) error {
	if seconds < minSessionDuration || seconds > maxSessionDuration {
		return fmt.Errorf("session duration of %d s is out of range; use %d to %d s (1 to 12 hours)",
			seconds, minSessionDuration, maxSessionDuration)
	}
	return nil
}

// DefaultRoleName is the name of a role whose caller gave none: "eks-<namespace>-<service account>", and past 64
// characters its beginning and a hash of both names, so that it stays valid, stable and distinct. Both names are taken to
// be valid ([ValidateServiceAccounts]).
//
// Since both may contain hyphens, a-b/c and a/b-c share the name eks-a-b-c. That is never silent: IAM refuses a second
// role of one name. One of the two then needs a name of its own.
func DefaultRoleName(namespace, serviceAccount string) string {
	return shortened("eks-"+namespace+"-"+serviceAccount, namespace+"/"+serviceAccount)
}

// DerivedRoleName is the name of a role that belongs to another one: "<role>-<suffix>", past 64 characters shortened as
// [DefaultRoleName] is.
func DerivedRoleName(role, suffix string) string {
	return shortened(role+"-"+suffix, role+"/"+suffix)
}

// shortened is the name if a role can have it, or else its beginning and a hash of what it stands for.
func shortened(name, subject string) string {
	if len(name) <= maxRoleName {
		return name
	}
	hash := fmt.Sprintf("-%x", sha256.Sum256([]byte(subject)))[:1+8]
	return strings.TrimRight(name[:maxRoleName-len(hash)], "-.") + hash
}
