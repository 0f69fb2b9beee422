package iampolicy

import (
	"fmt"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// ValidatePartition refuses ARNs of another partition than the given one ("aws", "aws-cn"), which no role of that partition
// reaches: IAM refuses them as resources (MalformedPolicyDocument: "Partition ... is not valid for resource ..."), and in a
// condition they match nothing. A pattern such as arn:*:s3:::x lies in every partition that it matches. All errors are
// reported together, each with its path.
func (d Document) ValidatePartition(partition string) error {
	return ValidateStatementsPartition("Statement", d.Statements, partition)
}

// ValidateStatementsPartition does for statements what [Document.ValidatePartition] does for a document; the path is that of
// their list.
func ValidateStatementsPartition(path fielderr.Path, statements []Statement, partition string) error {
	return fielderr.At(path, fielderr.Each(statements, func(s Statement) error {
		var found fielderr.List
		check := func(arn string) error { return ValidatePartition(arn, partition) }
		checkPrincipal := func(_ principalKind, name string) error { return check(name) }
		found.Add("Principal", s.Principal.each(checkPrincipal))
		found.Add("NotPrincipal", s.NotPrincipal.each(checkPrincipal))
		found.Add("", s.eachResourceAndValue(check))
		return found.Err()
	}))
}

// eachResourceAndValue checks the resources of both kinds and the values of the condition.
func (s Statement) eachResourceAndValue(check func(text string) error) error {
	var found fielderr.List
	found.Add("Resource", fielderr.Each(s.Resources, check))
	found.Add("NotResource", fielderr.Each(s.NotResources, check))
	s.Condition.each(func(path fielderr.Path, _ Operator, _ string, values Strings) {
		found.Add("Condition", fielderr.At(path, fielderr.Each(values, check)))
	})
	return found.Err()
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
