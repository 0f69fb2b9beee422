package awsauth

import (
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// The groups of nodes.
//
// https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html
// https://docs.aws.amazon.com/eks/latest/userguide/windows-support.html
const (
	nodesGroup         = "system:nodes"
	bootstrappersGroup = "system:bootstrappers"
	nodeProxierGroup   = "system:node-proxier"
	kubeProxyWindows   = "eks:kube-proxy-windows"
	mastersGroup       = "system:masters"
	// everyone is the group that Kubernetes gives everybody who logs in.
	everyone = "system:authenticated"
)

// nodeKind is a type of access entry for nodes.
type nodeKind struct {
	kind       components.AccessEntryType
	group      string // that tells the kind, or "" for every other line
	bySession  bool   // the name is that of the session
	username   string
	mayBeOfEKS bool // EKS itself makes such nodes, in managed node groups or Fargate profiles
}

// nodeKinds are the types of access entries for nodes that aws-auth knows, the most particular first, with what a line for such nodes
// has and the user name that EKS gives. Of Auto Mode's nodes (EC2) and HyperPod's there are no lines.
//
// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
var nodeKinds = []nodeKind{
	{components.EntryEC2Windows, kubeProxyWindows, false, "system:node:{{EC2PrivateDNSName}}", true},
	{components.EntryFargateLinux, nodeProxierGroup, true, "system:node:{{SessionName}}", true},
	{components.EntryHybridLinux, "", true, "system:node:{{SessionName}}", false},
	{components.EntryEC2Linux, "", false, "system:node:{{EC2PrivateDNSName}}", true},
}

// replaceNode plans the entry of a role of nodes. Its user name and groups are EKS's.
func (facts Facts) replaceNode(step Step, arn iampolicy.ARN) Step {
	bySession := strings.Contains(step.Username, "{{SessionName")
	i := slices.IndexFunc(nodeKinds, func(kind nodeKind) bool {
		return kind.bySession == bySession && (kind.group == "" || slices.Contains(step.Groups, kind.group))
	})
	kind := nodeKinds[i]
	switch {
	case !arn.IsRole():
		return step.lose("access entries of nodes are for roles, and not for users")
	case facts.Account != "" && arn.Account != facts.Account:
		return step.lose("the role of nodes must be in the cluster's account %s, and this one is in %s", facts.Account, arn.Account)
	case slices.Contains(facts.Managed, arn.RoleName()):
		step.Verdict = ByEKS
		step.Notes = append(step.Notes, "EKS makes the entry as the mode changes to API_AND_CONFIG_MAP; see that it is there before the mode is API")
		return step
	}
	step.Entry = &Entry{PrincipalArn: arn.String(), Type: kind.kind}
	for _, group := range step.Groups {
		if !slices.Contains([]string{nodesGroup, bootstrappersGroup, everyone, kind.group}, group) {
			step = step.lose("the group %q: an entry of type %s has EKS's own groups; nodes need no other", group, kind.kind)
		}
	}
	if step.Username != kind.username {
		step = step.lose("the user name %q: an entry of type %s has EKS's, %s", step.Username, kind.kind, kind.username)
	}
	if kind.kind == components.EntryEC2Windows {
		step.Notes = append(step.Notes, "a role has one entry: Linux nodes with this role too keep working only with a role of their own")
	}
	if kind.mayBeOfEKS {
		step.Notes = append(step.Notes, "if this is the role of a managed node group or a Fargate profile, EKS makes the entry itself: "+
			"name it with --managed, or add `import: true` for one update")
	}
	return step
}

// replaceStandard plans the entry of a role or user of people or programs.
func replaceStandard(step Step, arn iampolicy.ARN) Step {
	entry := &Entry{PrincipalArn: arn.String(), Type: components.EntryStandard}
	for _, group := range slices.Compact(slices.Sorted(slices.Values(step.Groups))) {
		group = strings.ReplaceAll(group, accountTemplate, arn.Account)
		switch {
		case group == mastersGroup:
			entry.Policies = append(entry.Policies, clusterAdmin)
		case group == everyone:
		case group == "":
			step = step.lose("the group \"\": it has no name, and no RoleBinding names it")
		case strings.Contains(group, "{{"):
			step = step.lose("the group %q: access entries have no templates in groups; name the groups, or bind users", group)
		case strings.HasPrefix(group, "system:"):
			step = step.lose("the group %q: EKS refuses all groups of system: but for %s; bind what the group may do to one of another name",
				group, "system:masters, which becomes an access policy")
		default:
			entry.KubernetesGroups = append(entry.KubernetesGroups, group)
		}
	}
	step = entry.name(step, arn)
	if entry.Username == "" && len(entry.KubernetesGroups)+len(entry.Policies) == 0 {
		if len(step.Lost) == 0 {
			return step.lose("the line gives no group and no user name, so an entry for it allows nothing; give it an access policy")
		}
		return step
	}
	step.Entry = entry
	return step
}

// accountTemplate stands for the principal's account, which is known.
const accountTemplate = "{{AccountID}}"

// name takes over the user name as far as EKS takes it; without one it gives its own.
func (entry *Entry) name(step Step, arn iampolicy.ARN) Step {
	username := strings.ReplaceAll(step.Username, accountTemplate, arn.Account)
	if username == "" {
		return step
	}
	const instead = "; the entry has EKS's own, so RoleBindings that name this user do not match any more"
	rest := strings.NewReplacer("{{SessionName}}", "", "{{SessionNameRaw}}", "").Replace(username)
	switch err := components.ValidateEntryUsername(username); {
	case strings.Contains(rest, "{{"):
		return step.lose("the user name %q: access entries have no other templates than {{SessionName}} and {{SessionNameRaw}}%s", step.Username, instead)
	case arn.IsUser() && rest != username:
		return step.lose("the user name %q: a user has no session%s", step.Username, instead)
	case err != nil:
		return step.lose("the user name: %v%s", err, instead)
	}
	entry.Username = username
	return step
}
