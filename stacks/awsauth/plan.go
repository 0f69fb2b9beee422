package awsauth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Verdict is what becomes of a line.
type Verdict string

// The verdicts.
const (
	// Same is a line whose access entry gives what the line gives.
	Same Verdict = "same"
	// ByEKS is the line of a managed node group or a Fargate profile, for which EKS makes the entry itself.
	ByEKS Verdict = "by EKS"
	// Incomplete is a line whose access entry cannot be written before more is known.
	Incomplete Verdict = "incomplete"
	// Less is a line of which something has no equivalent.
	Less Verdict = "less"
	// None is a line that no access entry replaces.
	None Verdict = "none"
	// Ignored is a line that gives nothing today, so nothing is lost with it.
	Ignored Verdict = "ignored"
)

// Step is a line and what replaces it.
type Step struct {
	Line
	Verdict Verdict `json:"verdict"`
	// Entry is the access entry that replaces the line, if there is one.
	Entry *Entry `json:"accessEntry,omitempty"`
	// Lost is what has no equivalent, and Notes is what else is to be known or done first.
	Lost  []string `json:"lost,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// Entry is an access entry, by its key in the configuration.
type Entry struct {
	Key              string                     `json:"key"`
	PrincipalArn     string                     `json:"principalArn"`
	Type             components.AccessEntryType `json:"type"`
	Username         string                     `json:"username,omitempty"`
	KubernetesGroups []string                   `json:"kubernetesGroups,omitempty"`
	Policies         []string                   `json:"policies,omitempty"`
}

// Facts are what the ConfigMap does not tell. All may be left out.
type Facts struct {
	// Account is the cluster's, 12 digits: the roles of nodes must be in it.
	Account string
	// Managed are the names of roles of managed node groups and Fargate profiles.
	Managed []string
	// RoleARNs are the ARNs of the account's roles, with their paths, which aws-auth leaves out.
	RoleARNs []string
}

// clusterAdmin is the access policy that gives what the group system:masters gives.
//
// https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
const clusterAdmin = "AmazonEKSClusterAdminPolicy"

// Replace says for each line what replaces it.
func Replace(lines []Line, facts Facts) []Step {
	steps, keys := make([]Step, len(lines)), map[string]bool{}
	for i, line := range lines {
		steps[i] = facts.replace(line)
		if entry := steps[i].Entry; entry != nil {
			entry.Key = freeKey(keys, entry.PrincipalArn)
		}
		steps[i].Verdict = steps[i].verdict()
	}
	return steps
}

func (facts Facts) replace(line Line) Step {
	step := Step{Line: line}
	if line.ignored != "" {
		return step.ignore("%s", line.ignored)
	}
	if line.key == MapAccounts {
		return step.lose("an access entry is for one principal: make one for each principal of account %s that uses the cluster; "+
			"today each of them may log in, under its ARN and in no group", line.Principal)
	}
	if line.dropped != "" {
		step.Notes = append(step.Notes, "the authenticator drops "+line.dropped+", and so does the plan")
	}
	arn, step := facts.principal(step)
	switch {
	case step.Verdict == Ignored || len(step.Lost) > 0:
		return step
	case slices.Contains(line.Groups, nodesGroup):
		return facts.replaceNode(step, arn)
	default:
		return replaceStandard(step, arn)
	}
}

// verdict is what the step says of the line, unless that is settled.
func (step Step) verdict() Verdict {
	switch {
	case step.Verdict != "":
		return step.Verdict
	case step.Entry == nil:
		return None
	case len(step.Lost) > 0:
		return Less
	default:
		return Same
	}
}

func (step Step) ignore(format string, args ...any) Step {
	step.Verdict = Ignored
	step.Notes = append(step.Notes, fmt.Sprintf(format, args...))
	return step
}

func (step Step) lose(format string, args ...any) Step {
	step.Lost = append(step.Lost, fmt.Sprintf(format, args...))
	return step
}

// principal is the IAM principal of an entry for the line. Before anything is looked up, the authenticator turns the ARN of a session
// into that of its role, without the role's path; so lines with other ARNs match no login.
//
// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
func (facts Facts) principal(step Step) (iampolicy.ARN, Step) {
	arn, err := iampolicy.ParseARN(lowered(step.Principal))
	kind, rest, _ := strings.Cut(arn.Resource, "/")
	role, _, inPath := strings.Cut(rest, "/")
	switch {
	case err != nil:
		return arn, step.ignore("no login has this ARN: %v", err)
	case arn.Service == "sts" && kind == "assumed-role":
		return arn, step.ignore("a session is looked up by the ARN of its role, arn:%s:iam::%s:role/%s", arn.Partition, arn.Account, role)
	case arn.Service == "sts" && kind == "federated-user":
		return arn, step.lose("access entries are for roles and users, and not for federated users; give the people a role")
	case arn.Service == "iam" && arn.Resource == "root":
		return arn, step.lose("EKS takes an access entry for the root user and ignores it; give the people a role " +
			"(https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/797)")
	case !arn.IsRole() && !arn.IsUser():
		return arn, step.ignore("no login has this ARN: it is neither that of a role nor that of a user")
	case arn.IsRole() && inPath:
		return arn, step.ignore("a role is looked up without its path, so no login matches this line; an access entry for this ARN would give the role access")
	case arn.IsRole() && strings.HasPrefix(rest, "AWSServiceRoleFor"):
		return arn, step.lose("EKS takes no access entry for a service-linked role; the service makes its own, " +
			"for Amazon EMR with AmazonEMRJobPolicy")
	case arn.IsRole():
		return facts.withPath(step, arn)
	}
	return arn, step
}

// withPath finds the path of a role, which its access entry must have and aws-auth does not.
func (facts Facts) withPath(step Step, arn iampolicy.ARN) (iampolicy.ARN, Step) {
	known := false
	for _, text := range facts.RoleARNs {
		role, err := iampolicy.ParseARN(text)
		if err != nil || role.Account != arn.Account {
			continue
		}
		known = true
		if strings.EqualFold(role.RoleName(), arn.RoleName()) {
			return role, step
		}
	}
	if known {
		return arn, step.ignore("account %s has no role %s (--roles)", arn.Account, arn.RoleName())
	}
	if strings.HasPrefix(arn.RoleName(), components.SSORolePrefix) {
		step.Verdict = Incomplete
		step.Notes = append(step.Notes, fmt.Sprintf("a role of IAM Identity Center has a path, which its access entry must have; give --roles, or: "+
			"aws iam get-role --role-name %s --query Role.Arn", arn.RoleName()))
	}
	return arn, step
}

// lowered is the ARN with the case that AWS writes: the authenticator compares without.
func lowered(text string) string {
	parts := strings.SplitN(text, "/", 2)
	parts[0] = strings.ToLower(parts[0])
	return strings.Join(parts, "/")
}

// freeKey is a key for an entry, made of the name of its principal, that no other entry has.
func freeKey(taken map[string]bool, arn string) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune("+=,@", r) {
			return '-'
		}
		return r
	}, strings.TrimLeft(arn[strings.LastIndex(arn, "/")+1:], "+=,.@-"))
	if name == "" {
		name = "principal"
	}
	key := name
	for i := 2; taken[key]; i++ {
		key = fmt.Sprintf("%s-%d", name, i)
	}
	taken[key] = true
	return key
}
