package iampolicy

import (
	"fmt"
	"strings"
)

// ValidatePartition refuses ARNs of another partition than the given one ("aws", "aws-cn"), which no role of that partition
// reaches: IAM refuses them as resources (MalformedPolicyDocument: "Partition ... is not valid for resource ..."), and in a
// condition they match nothing. A pattern such as arn:*:s3:::x lies in every partition that it matches. All faults are
// reported together, each with its path.
func (d Document) ValidatePartition(partition string) error {
	return ValidateStatementsPartition("Statement", d.Statements, partition)
}

// ValidateStatementsPartition does for statements what [Document.ValidatePartition] does for a document; the path is that of
// their list.
func ValidateStatementsPartition(path string, statements []Statement, partition string) error {
	var found faults
	check := func(path string, list Strings) {
		for i, text := range list {
			if err := ValidatePartition(text, partition); err != nil {
				found.addf(item(path, i), "%v", err)
			}
		}
	}
	for i, s := range statements {
		at := item(path, i)
		for _, kind := range s.Principal.kinds() {
			check(child(child(at, "Principal"), kind.name), kind.list)
		}
		for _, kind := range s.NotPrincipal.kinds() {
			check(child(child(at, "NotPrincipal"), kind.name), kind.list)
		}
		check(child(at, "Resource"), s.Resources)
		check(child(at, "NotResource"), s.NotResources)
		s.Condition.each(child(at, "Condition"), func(path string, _ Operator, _ string, values Strings) { check(path, values) })
	}
	return found.err()
}

// ValidatePartition refuses an ARN of another partition than the given one. What is no ARN is for others to judge.
func ValidatePartition(arn, partition string) error {
	parts := arnParts(arn)
	if len(parts) != 6 || parts[0] != "arn" || !partitionOrPattern.MatchString(parts[1]) || matches(parts[1], partition) {
		return nil
	}
	theirs := parts[1]
	parts[1] = partition
	return fmt.Errorf("%q is in the partition %s, and the role is in %s: write %s", arn, theirs, partition, strings.Join(parts, ":"))
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
