package iampolicy

import (
	"errors"
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

// checkResources judges resources as IAM does where a policy is stored.
func checkResources(found *faults, path string, resources Strings) {
	for i, resource := range resources {
		if reason := wrongResource(resource); reason != "" {
			found.addf(item(path, i), "%q %s", resource, reason)
		}
	}
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

// ValidatePartition refuses ARNs of another partition than the given one ("aws", "aws-cn"), which no role of that partition
// reaches: IAM refuses them as resources, and in a condition they match nothing. A pattern such as arn:*:s3:::x lies in
// every partition that it matches. All faults are reported together, each with its path.
func (d Document) ValidatePartition(partition string) error {
	var found faults
	check := func(path string, list Strings) {
		for i, text := range list {
			if reason := foreign(text, partition); reason != "" {
				found.addf(item(path, i), "%s", reason)
			}
		}
	}
	for i, s := range d.Statements {
		at := item("Statement", i)
		for _, p := range []struct {
			name      string
			principal *Principal
		}{{"Principal", s.Principal}, {"NotPrincipal", s.NotPrincipal}} {
			if p.principal != nil {
				check(child(child(at, p.name), "AWS"), p.principal.AWS)
				check(child(child(at, p.name), "Federated"), p.principal.Federated)
			}
		}
		check(child(at, "Resource"), s.Resources)
		check(child(at, "NotResource"), s.NotResources)
		s.Condition.each(child(at, "Condition"), func(path string, _ Operator, _ string, values Strings) { check(path, values) })
	}
	return found.err()
}

// ValidatePartition refuses an ARN of another partition than the given one. What is no ARN is not its business.
func ValidatePartition(arn, partition string) error {
	if reason := foreign(arn, partition); reason != "" {
		return errors.New(reason)
	}
	return nil
}

// foreign says that a text is the ARN of another partition, and how it would be right.
func foreign(text, partition string) string {
	parts := arnParts(text)
	if len(parts) != 6 || parts[0] != "arn" || matches(parts[1], partition) {
		return ""
	}
	theirs := parts[1]
	parts[1] = partition
	return fmt.Sprintf("%q is in the partition %s, and the role is in %s: write %s", text, theirs, partition, strings.Join(parts, ":"))
}

// matches reports whether a pattern, in which * stands for any characters and ? for one, matches the text. It goes back to
// the last * only, so no pattern makes it slow.
func matches(pattern, text string) bool {
	at, star, retry := 0, -1, 0
	for i := 0; i < len(text); {
		switch {
		case at < len(pattern) && pattern[at] == '*':
			star, retry = at, i
			at++
		case at < len(pattern) && (pattern[at] == '?' || pattern[at] == text[i]):
			at++
			i++
		case star >= 0:
			retry++
			at, i = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[at:], "*") == ""
}
