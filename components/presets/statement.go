package presets

import (
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// The names that policies are written with here.
type (
	// when is the condition of a statement.
	when = iampolicy.Condition
	// keys are an operator's condition keys and their values.
	keys = map[string]iampolicy.Strings
)

// everything is the resource of actions that have no other, or that upstream allows on all of them.
var everything = []string{"*"}

func allow(resources []string, actions ...string) iampolicy.Statement {
	return iampolicy.Statement{Effect: iampolicy.Allow, Actions: actions, Resources: resources}
}

func allowWhen(condition when, resources []string, actions ...string) iampolicy.Statement {
	statement := allow(resources, actions...)
	statement.Condition = condition
	return statement
}

func named(sid string, statement iampolicy.Statement) iampolicy.Statement {
	statement.Sid = sid
	return statement
}

// isEmpty is of statements about an argument that is not given.
func isEmpty(statement iampolicy.Statement) bool { return len(statement.Resources) == 0 }

// only keeps the statement if the condition holds.
func only(condition bool, statement iampolicy.Statement) iampolicy.Statement {
	if !condition {
		return iampolicy.Statement{}
	}
	return statement
}

// isIsolated is of the partitions that are cut off from the internet: aws-iso, aws-iso-b, -e, -f.
func (in Scope) isIsolated() bool { return strings.HasPrefix(in.Partition, "aws-iso") }

// arn is the ARN of what has no region; the account may be empty.
func (in Scope) arn(service, account, resource string) string {
	return iampolicy.ARN{Partition: in.Partition, Service: service, Account: account, Resource: resource}.String()
}

// everywhere is the ARN, or pattern, in all accounts and regions of the partition, as upstream writes it.
func (in Scope) everywhere(service, resource string) string {
	arn := iampolicy.ARN{Partition: in.Partition, Service: service, Region: "*", Account: "*", Resource: resource}
	return arn.String()
}

// regional are ARNs in the role's account and the clusters' regions.
func (in Scope) regional(service string, resources ...string) []string {
	return in.inRegions(service, in.account(), resources...)
}

func (in Scope) inRegions(service, account string, resources ...string) []string {
	var arns []string
	for _, region := range in.regions() {
		for _, resource := range resources {
			arn := iampolicy.ARN{Partition: in.Partition, Service: service, Region: region, Account: account, Resource: resource}
			arns = append(arns, arn.String())
		}
	}
	return arns
}

func (in Scope) regions() []string {
	if len(in.Regions) == 0 {
		return []string{"*"}
	}
	return in.Regions
}

func (in Scope) account() string {
	if in.AccountID == "" {
		return "*"
	}
	return in.AccountID
}

// below are the ARNs with a suffix: "/*" for what is in a bucket.
func below(arns []string, suffix string) []string {
	all := make([]string, len(arns))
	for i, arn := range arns {
		all[i] = arn + suffix
	}
	return all
}
