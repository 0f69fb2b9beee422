package iampolicy

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// What may stand in the parts of an ARN in a policy, where * and ? are wildcards:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html#arns-paths-wildcards
var (
	partitionOrPattern = regexp.MustCompile(`^(aws(-[a-z]+)*|[a-z?-]*[*?][a-z*?-]*)$`)
	serviceOrPattern   = regexp.MustCompile(`^[a-z0-9*?-]+$`)
	regionOrPattern    = regexp.MustCompile(`^[a-z0-9*?-]*$`)
	accountOrPattern   = regexp.MustCompile(`^([0-9]{12}|[0-9]*[*?][0-9*?]*|[a-z][a-z-]*)?$`)
	iamResourcePattern = regexp.MustCompile(`^(root|.*[*?].*|[A-Za-z-]+/.*)$`)
)

// arnParts splits an ARN at its colons, of which those in a policy variable are none.
func arnParts(arn string) []string {
	var parts []string
	start, inVariable := 0, false
	for i := range len(arn) {
		switch {
		case arn[i] == '$' && strings.HasPrefix(arn[i:], "${"):
			inVariable = true
		case arn[i] == '}':
			inVariable = false
		case arn[i] == ':' && !inVariable && len(parts) < 5:
			parts = append(parts, arn[start:i])
			start = i + 1
		}
	}
	return append(parts, arn[start:])
}

// wrongParts says which part of an ARN cannot be, or nothing. A policy variable may stand for a region or an account.
func wrongParts(parts []string) string {
	wrong := func(part, value, want string) string {
		return fmt.Sprintf("is not an ARN: the %s is %q; it should be %s", part, value, want)
	}
	partition, service, region, account := parts[1], parts[2], parts[3], parts[4]
	switch {
	case !partitionOrPattern.MatchString(partition):
		return wrong("partition", partition, "aws, aws-cn, aws-us-gov or the like")
	case !serviceOrPattern.MatchString(service):
		return wrong("service", service, "a service such as s3")
	case !regionOrPattern.MatchString(region) && !hasVariable(region):
		return wrong("region", region, "a region such as eu-west-1, *, or empty")
	case !accountOrPattern.MatchString(account) && !hasVariable(account):
		return wrong("account", account, "12 digits, *, or empty")
	}
	return ""
}

func checkResourceSense(resource string) error {
	return cmp.Or(checkLeftovers(resource), checkVariables(resource))
}

// checkResource judges a resource as IAM does where a policy is stored.
func checkResource(resource string) error {
	if reason := wrongResource(resource); reason != "" {
		return fmt.Errorf("%q %s", resource, reason)
	}
	return nil
}

func wrongResource(resource string) string {
	if resource == "*" {
		return ""
	}
	parts := arnParts(resource)
	// AWS itself writes arn:aws:organizations::*: without a resource.
	if len(parts) != 6 || parts[0] != "arn" || parts[5] == "" && parts[4] == "" {
		return `is not a resource; use an ARN or "*"`
	}
	if reason := wrongParts(parts); reason != "" {
		return reason
	}
	service, region, account, rest := parts[2], parts[3], parts[4], parts[5]
	switch {
	// MalformedPolicyDocument: "Resource vendor must be fully qualified and cannot contain regexes".
	case strings.ContainsAny(service, "*?"):
		return fmt.Sprintf("has the service %q; IAM takes no wildcard there, so name one service", service)
	// "IAM resource ... cannot contain region information".
	case service == "iam" && region != "":
		return fmt.Sprintf("has the region %q, and IAM has none; leave it empty", region)
	// "IAM resource path must either be "*" or start with user/, ...".
	case service == "iam" && !iamResourcePattern.MatchString(rest):
		return "has no kind of resource; IAM's are such as role/x and policy/x"
	// "Resource ... can not contain region information": a bucket has neither region nor account.
	case service == "s3" && region != "" && account == "":
		return fmt.Sprintf("has the region %q, and the ARN of a bucket has none: arn:%s:s3:::%s", region, parts[1], rest)
	case strings.TrimRight(rest, " \t\r\n") != rest:
		return "ends with white space"
	}
	return ""
}
