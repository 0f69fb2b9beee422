package awsauth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks/awsauth"
)

// configMap is the ConfigMap as kubectl prints it, with the texts of its keys.
func configMap(keys ...string) string {
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata:\n"
	for i := 0; i < len(keys); i += 2 {
		text += "  " + keys[i] + ": |\n    " + strings.ReplaceAll(strings.TrimSpace(keys[i+1]), "\n", "\n    ") + "\n"
	}
	return text
}

func read(t *testing.T, text string) []awsauth.Line {
	t.Helper()
	lines, err := awsauth.ReadConfigMap([]byte(text))
	require.NoError(t, err)
	return lines
}

const (
	role    = "arn:aws:iam::111122223333:role/"
	user    = "arn:aws:iam::111122223333:user/"
	nodes   = "username: 'system:node:{{EC2PrivateDNSName}}', groups: ['system:bootstrappers', 'system:nodes']"
	managed = "if this is the role of a managed node group or a Fargate profile, EKS makes the entry itself: " +
		"name it with --managed, or add `import: true` for one update"
	othersName = "; the entry has EKS's own, so RoleBindings that name this user do not match any more"
)

// lineTest is a kind of line, alone in its key of the ConfigMap unless it begins with the key of another.
type lineTest struct {
	key, line string
	facts     awsauth.Facts
	verdict   awsauth.Verdict
	// entry is the access entry: type, principal, and what it gives, or empty.
	entry       string
	lost, notes []string
}

// Each kind of line is a case: what replaces it, what is lost with it and what is to be known.
func TestALineOfAwsAuthThatIs(t *testing.T) {
	t.Parallel()
	inAccount := awsauth.Facts{Account: "111122223333"}
	listed := awsauth.Facts{RoleARNs: []string{
		role + "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admins_0123456789abcdef", role + "teams/Deployer",
	}}
	for name, test := range map[string]lineTest{
		"the role of Linux nodes on EC2": {
			line: "{rolearn: '" + role + "nodes', " + nodes + "}", facts: inAccount,
			verdict: awsauth.Same, entry: "EC2_LINUX " + role + "nodes", notes: []string{managed},
		},
		"the role of Windows nodes on EC2": {
			line:    "{rolearn: '" + role + "win', username: 'system:node:{{EC2PrivateDNSName}}', groups: ['eks:kube-proxy-windows', 'system:bootstrappers', 'system:nodes']}",
			verdict: awsauth.Same, entry: "EC2_WINDOWS " + role + "win",
			notes: []string{"a role has one entry: Linux nodes with this role too keep working only with a role of their own", managed},
		},
		"the role of a Fargate profile": {
			line:    "{rolearn: '" + role + "fargate', username: 'system:node:{{SessionName}}', groups: ['system:bootstrappers', 'system:nodes', 'system:node-proxier']}",
			verdict: awsauth.Same, entry: "FARGATE_LINUX " + role + "fargate", notes: []string{managed},
		},
		"the role of hybrid nodes": {
			line:    "{rolearn: '" + role + "hybrid', username: 'system:node:{{SessionName}}', groups: ['system:bootstrappers', 'system:nodes']}",
			verdict: awsauth.Same, entry: "HYBRID_LINUX " + role + "hybrid",
		},
		"the role of a managed node group": {
			line: "{rolearn: '" + role + "nodes', " + nodes + "}", facts: awsauth.Facts{Managed: []string{"nodes"}}, verdict: awsauth.ByEKS,
			notes: []string{"EKS makes the entry as the mode changes to API_AND_CONFIG_MAP; see that it is there before the mode is API"},
		},
		"the role of nodes in another account": {
			line: "{rolearn: 'arn:aws:iam::444455556666:role/nodes', " + nodes + "}", facts: inAccount, verdict: awsauth.None,
			lost: []string{"the role of nodes must be in the cluster's account 111122223333, and this one is in 444455556666"},
		},
		"a user for nodes": {
			key: awsauth.MapUsers, line: "{userarn: '" + user + "node', " + nodes + "}", verdict: awsauth.None,
			lost: []string{"access entries of nodes are for roles, and not for users"},
		},
		"the role of nodes with groups of its own": {
			line:    "{rolearn: '" + role + "nodes', username: 'system:node:{{EC2PrivateDNSName}}', groups: ['system:nodes', 'system:masters', dashboard]}",
			verdict: awsauth.Less, entry: "EC2_LINUX " + role + "nodes", notes: []string{managed},
			lost: []string{
				`the group "system:masters": an entry of type EC2_LINUX has EKS's own groups; nodes need no other`,
				`the group "dashboard": an entry of type EC2_LINUX has EKS's own groups; nodes need no other`,
			},
		},
		"the role of nodes under another name": {
			line: "{rolearn: '" + role + "nodes', username: 'ip-{{EC2PrivateDNSName}}', groups: ['system:nodes']}", verdict: awsauth.Less,
			entry: "EC2_LINUX " + role + "nodes", notes: []string{managed},
			lost: []string{`the user name "ip-{{EC2PrivateDNSName}}": an entry of type EC2_LINUX has EKS's, system:node:{{EC2PrivateDNSName}}`},
		},
		"called a node, and not in the nodes' group": {
			line: "{rolearn: '" + role + "x', username: 'system:node:{{EC2PrivateDNSName}}', groups: ['system:bootstrappers']}", verdict: awsauth.None,
			lost: []string{
				`the group "system:bootstrappers": EKS refuses all groups of system: but for system:masters, which becomes an access policy; bind what the group may do to one of another name`,
				`the user name "system:node:{{EC2PrivateDNSName}}": access entries have no other templates than {{SessionName}} and {{SessionNameRaw}}` + othersName,
			},
		},

		"an administrator": {
			line: "{rolearn: '" + role + "Admin', username: 'admin:{{SessionName}}', groups: ['system:masters']}", verdict: awsauth.Same,
			entry: "STANDARD " + role + "Admin as admin:{{SessionName}} with AmazonEKSClusterAdminPolicy",
		},
		"an administrator with groups besides": {
			line: "{rolearn: '" + role + "Admin', username: admin, groups: [b, 'system:masters', a, b, 'system:authenticated']}", verdict: awsauth.Same,
			entry: "STANDARD " + role + "Admin as admin in a, b with AmazonEKSClusterAdminPolicy",
		},
		"a role with a group": {
			line: "{rolearn: '" + role + "Dev', username: dev, groups: [developers]}", verdict: awsauth.Same,
			entry: "STANDARD " + role + "Dev as dev in developers",
		},
		"a role of another account": {
			line: "{rolearn: 'arn:aws:iam::444455556666:role/Dev', username: dev, groups: [developers]}", facts: inAccount, verdict: awsauth.Same,
			entry: "STANDARD arn:aws:iam::444455556666:role/Dev as dev in developers",
		},
		"a role that RoleBindings name by its user name": {
			line: "{rolearn: '" + role + "Dev', username: dev}", verdict: awsauth.Same, entry: "STANDARD " + role + "Dev as dev",
		},
		"a role without a user name": {
			line: "{rolearn: '" + role + "Dev', groups: [developers]}", verdict: awsauth.Same, entry: "STANDARD " + role + "Dev in developers",
		},
		"a role without a user name and groups": {
			line: "{rolearn: '" + role + "Dev'}", verdict: awsauth.None,
			lost: []string{"the line gives no group and no user name, so an entry for it allows nothing; give it an access policy"},
		},
		"a user": {
			key: awsauth.MapUsers, line: "{userarn: '" + user + "team/alice', username: alice, groups: ['system:masters']}", verdict: awsauth.Same,
			entry: "STANDARD " + user + "team/alice as alice with AmazonEKSClusterAdminPolicy",
		},
		"a role among the users": {
			key: awsauth.MapUsers, line: "{userarn: '" + role + "Dev', username: dev, groups: [developers]}", verdict: awsauth.Same,
			entry: "STANDARD " + role + "Dev as dev in developers",
		},
		"a role with its ARN in capitals": {
			line: "{rolearn: 'ARN:AWS:IAM::111122223333:ROLE/Dev', username: dev, groups: [a]}", verdict: awsauth.Same,
			entry: "STANDARD " + role + "Dev as dev in a",
		},
		"with its keys in another case": {
			line: "{RoleArn: '" + role + "Dev', userName: dev, GROUPS: [a]}", verdict: awsauth.Same, entry: "STANDARD " + role + "Dev as dev in a",
		},
		"a role of China": {
			line: "{rolearn: 'arn:aws-cn:iam::111122223333:role/Dev', username: dev, groups: [a]}", verdict: awsauth.Same,
			entry: "STANDARD arn:aws-cn:iam::111122223333:role/Dev as dev in a",
		},

		"in a group of Kubernetes's own": {
			line: "{rolearn: '" + role + "Dev', username: dev, groups: ['system:serviceaccounts', developers]}", verdict: awsauth.Less,
			entry: "STANDARD " + role + "Dev as dev in developers",
			lost:  []string{`the group "system:serviceaccounts": EKS refuses all groups of system: but for system:masters, which becomes an access policy; bind what the group may do to one of another name`},
		},
		"in a group named by a template": {
			line: "{rolearn: '" + role + "Dev', username: dev, groups: ['team:{{SessionName}}']}", verdict: awsauth.Less, entry: "STANDARD " + role + "Dev as dev",
			lost: []string{`the group "team:{{SessionName}}": access entries have no templates in groups; name the groups, or bind users`},
		},
		"in a group without a name": {
			line: "{rolearn: '" + role + "Dev', username: dev, groups: ['', a]}", verdict: awsauth.Less, entry: "STANDARD " + role + "Dev as dev in a",
			lost: []string{`the group "": it has no name, and no RoleBinding names it`},
		},
		"named by its account, which is known": {
			line: "{rolearn: '" + role + "Dev', username: 'dev:{{AccountID}}:{{SessionNameRaw}}', groups: ['in:{{AccountID}}']}", verdict: awsauth.Same,
			entry: "STANDARD " + role + "Dev as dev:111122223333:{{SessionNameRaw}} in in:111122223333",
		},
		"named by its access key": {
			line: "{rolearn: '" + role + "Dev', username: 'key:{{AccessKeyID}}', groups: [a]}", verdict: awsauth.Less, entry: "STANDARD " + role + "Dev in a",
			lost: []string{`the user name "key:{{AccessKeyID}}": access entries have no other templates than {{SessionName}} and {{SessionNameRaw}}` + othersName},
		},
		"named by its session without a colon": {
			line: "{rolearn: '" + role + "Dev', username: 'dev-{{SessionName}}', groups: [a]}", verdict: awsauth.Less, entry: "STANDARD " + role + "Dev in a",
			lost: []string{`the user name: EKS refuses "dev-{{SessionName}}", as there must be a colon before {{SessionName}}, as in "dev-:{{SessionName}}"` + othersName},
		},
		"a user named by a session, which users do not have": {
			key: awsauth.MapUsers, line: "{userarn: '" + user + "alice', username: 'a:{{SessionName}}', groups: [a]}", verdict: awsauth.Less,
			entry: "STANDARD " + user + "alice in a", lost: []string{`the user name "a:{{SessionName}}": a user has no session` + othersName},
		},
		"named with a prefix that EKS reserves": {
			line: "{rolearn: '" + role + "Dev', username: 'system:admin', groups: [a]}", verdict: awsauth.Less, entry: "STANDARD " + role + "Dev in a",
			lost: []string{`the user name: EKS refuses "system:admin", as all user names that begin with one of system: eks: aws: amazon: iam:` + othersName},
		},

		"a role of IAM Identity Center": {
			line: "{rolearn: '" + role + "AWSReservedSSO_Admins_0123456789abcdef', username: admin, groups: ['system:masters']}", verdict: awsauth.Incomplete,
			entry: "STANDARD " + role + "AWSReservedSSO_Admins_0123456789abcdef as admin with AmazonEKSClusterAdminPolicy",
			notes: []string{"a role of IAM Identity Center has a path, which its access entry must have; give --roles, or: " +
				"aws iam get-role --role-name AWSReservedSSO_Admins_0123456789abcdef --query Role.Arn"},
		},
		"a role of IAM Identity Center that is listed": {
			line: "{rolearn: '" + role + "AWSReservedSSO_Admins_0123456789abcdef', username: admin, groups: ['system:masters']}", facts: listed, verdict: awsauth.Same,
			entry: "STANDARD " + role + "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admins_0123456789abcdef as admin with AmazonEKSClusterAdminPolicy",
		},
		"a listed role with a path, in another case": {
			line: "{rolearn: '" + role + "deployer', username: d, groups: [a]}", facts: listed, verdict: awsauth.Same, entry: "STANDARD " + role + "teams/Deployer as d in a",
		},
		"a role that is not listed any more": {
			line: "{rolearn: '" + role + "gone', username: d, groups: [a]}", facts: listed, verdict: awsauth.Ignored,
			notes: []string{"account 111122223333 has no role gone (--roles)"},
		},
		"a role of an account that is not listed": {
			line: "{rolearn: 'arn:aws:iam::444455556666:role/d', username: d, groups: [a]}", facts: listed, verdict: awsauth.Same,
			entry: "STANDARD arn:aws:iam::444455556666:role/d as d in a",
		},

		"a role with its path": {
			line: "{rolearn: '" + role + "teams/Dev', username: dev, groups: [a]}", verdict: awsauth.Ignored,
			notes: []string{"a role is looked up without its path, so no login matches this line; an access entry for this ARN would give the role access"},
		},
		"a session": {
			line: "{rolearn: 'arn:aws:sts::111122223333:assumed-role/Dev/alice', username: dev, groups: [a]}", verdict: awsauth.Ignored,
			notes: []string{"a session is looked up by the ARN of its role, arn:aws:iam::111122223333:role/Dev"},
		},
		"a service-linked role": {
			line: "{rolearn: '" + role + "AWSServiceRoleForAmazonEMRContainers', username: emr-containers}", verdict: awsauth.None,
			lost: []string{"EKS takes no access entry for a service-linked role; the service makes its own, for Amazon EMR with AmazonEMRJobPolicy"},
		},
		"a federated user": {
			key: awsauth.MapUsers, line: "{userarn: 'arn:aws:sts::111122223333:federated-user/bob', username: bob, groups: [a]}", verdict: awsauth.None,
			lost: []string{"access entries are for roles and users, and not for federated users; give the people a role"},
		},
		"the root user": {
			key: awsauth.MapUsers, line: "{userarn: 'arn:aws:iam::111122223333:root', groups: ['system:masters']}", verdict: awsauth.None,
			lost: []string{"EKS takes an access entry for the root user and ignores it; give the people a role (https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/797)"},
		},
		"an instance profile": {
			line: "{rolearn: 'arn:aws:iam::111122223333:instance-profile/nodes', " + nodes + "}", verdict: awsauth.Ignored,
			notes: []string{"no login has this ARN: it is neither that of a role nor that of a user"},
		},
		"a pattern of roles": {
			line: "{rolearn: '" + role + "Dev*', username: dev, groups: [a]}", verdict: awsauth.Ignored,
			notes: []string{"no login has this ARN: it is neither that of a role nor that of a user"},
		},
		"a placeholder in the place of an ARN": {
			line: "{rolearn: '<ARN of instance role (not instance profile)>', " + nodes + "}", verdict: awsauth.Ignored,
			notes: []string{`no login has this ARN: "<arn of instance role (not instance profile)>" is not an ARN; its form is arn:partition:service:region:account:resource`},
		},
		"a role in spaces": {
			line: "{rolearn: ' " + role + "Dev', username: dev, groups: [a]}", verdict: awsauth.Ignored,
			notes: []string{`no login has this ARN: " arn:aws:iam::111122223333:role/Dev" is not an ARN; its form is arn:partition:service:region:account:resource`},
		},

		"without a role":          {line: "{username: dev, groups: [a]}", verdict: awsauth.Ignored, notes: []string{"it names neither rolearn nor userarn"}},
		"null":                    {line: "~", verdict: awsauth.Ignored, notes: []string{"it names neither rolearn nor userarn"}},
		"a text":                  {line: "'" + role + "Dev'", verdict: awsauth.Ignored, notes: []string{"it names neither rolearn nor userarn"}},
		"a role that is a number": {line: "{rolearn: 111122223333}", verdict: awsauth.Ignored, notes: []string{"it names neither rolearn nor userarn"}},
		"a permission set": {
			line: "{sso: {permissionSetName: Admins, accountID: '111122223333'}, username: admin, groups: ['system:masters']}", verdict: awsauth.Ignored,
			notes: []string{"it names a permission set (sso) in the place of a role, which EKS does not look up"},
		},
		"a role beside a permission set": {
			line: "{rolearn: '" + role + "Dev', sso: {permissionSetName: Admins}, username: dev, groups: [a]}", verdict: awsauth.Ignored,
			notes: []string{"it names sso beside the role, which makes it invalid"},
		},
		"with groups that are a text": {
			line: "{rolearn: '" + role + "Dev', username: dev, groups: 'system:masters'}", verdict: awsauth.Same, entry: "STANDARD " + role + "Dev as dev",
			notes: []string{"the authenticator drops the string in groups, and so does the plan"},
		},
		"with a user name that is a number": {
			line: "{rolearn: '" + role + "Dev', username: 42, groups: [a]}", verdict: awsauth.Same, entry: "STANDARD " + role + "Dev in a",
			notes: []string{"the authenticator drops the number in username, and so does the plan"},
		},
		"with a key that is a number": {
			line: "{rolearn: '" + role + "Dev', username: dev, groups: [a], 7: {8: [9]}}", verdict: awsauth.Same, entry: "STANDARD " + role + "Dev as dev in a",
		},
		"an account": {
			key: awsauth.MapAccounts, line: "'111122223333'", verdict: awsauth.None,
			lost: []string{"an access entry is for one principal: make one for each principal of account 111122223333 that uses the cluster; today each of them may log in, under its ARN and in no group"},
		},
		"an account without quotes": {
			key: awsauth.MapAccounts, line: "012345670123", verdict: awsauth.None,
			lost: []string{"an access entry is for one principal: make one for each principal of account 012345670123 that uses the cluster; today each of them may log in, under its ARN and in no group"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := test.key
			if key == "" {
				key = awsauth.MapRoles
			}
			steps := awsauth.Replace(read(t, configMap(key, "- "+test.line)), test.facts)
			require.Len(t, steps, 1)
			step := steps[0]
			assert.Equal(t, key+"[0]", step.Place)
			assert.Equal(t, test.verdict, step.Verdict)
			assert.Equal(t, test.entry, describe(step.Entry))
			assert.Equal(t, test.lost, step.Lost)
			assert.Equal(t, test.notes, step.Notes)
			assertTaken(t, step)
		})
	}
}

// describe is an entry in one line.
func describe(entry *awsauth.Entry) string {
	if entry == nil {
		return ""
	}
	text := string(entry.Type) + " " + entry.PrincipalArn
	for _, part := range []struct{ word, value string }{
		{"as", entry.Username}, {"in", strings.Join(entry.KubernetesGroups, ", ")}, {"with", strings.Join(entry.Policies, ", ")},
	} {
		if part.value != "" {
			text += " " + part.word + " " + part.value
		}
	}
	return text
}

// assertTaken wants the entry to be one that the component takes, but for a path that is not known yet.
func assertTaken(t *testing.T, step awsauth.Step) {
	t.Helper()
	if step.Entry == nil {
		return
	}
	args := components.AccessEntryArgs{
		Type: step.Entry.Type, Username: step.Entry.Username, KubernetesGroups: step.Entry.KubernetesGroups,
	}
	for _, policy := range step.Entry.Policies {
		args.Policies = append(args.Policies, components.AccessPolicyArgs{Policy: policy})
	}
	require.NoError(t, args.Validate())
	if step.Verdict != awsauth.Incomplete {
		require.NoError(t, args.ValidatePrincipal(step.Entry.PrincipalArn))
	}
}

// Of several lines of a principal the authenticator takes one, and the plan no other.
func TestALineOfAwsAuthThatIsHiddenByAnother(t *testing.T) {
	t.Parallel()
	steps := awsauth.Replace(read(t, configMap(
		awsauth.MapRoles, `
- {rolearn: '`+role+`Dev', username: first, groups: ['system:masters']}
- {rolearn: '`+role+`other', username: other, groups: [a]}
- {rolearn: 'arn:aws:iam::111122223333:role/dev', username: last, groups: [a]}
- {username: broken}
- {username: broken}`,
		awsauth.MapUsers, `
- {userarn: '`+role+`DEV', username: hidden, groups: [a]}
- {userarn: '`+user+`alice', username: first, groups: [a]}
- {userarn: '`+user+`alice', username: last, groups: [a]}`,
		awsauth.MapAccounts, "['111122223333', '111122223333']",
	)), awsauth.Facts{})
	got := map[string]string{}
	for _, step := range steps {
		got[step.Place] = fmt.Sprint(step.Verdict, ": ", strings.Join(step.Notes, "; "))
	}
	assert.Equal(t, map[string]string{
		"mapRoles[0]": "ignored: mapRoles[2] maps the same principal, and that line counts",
		"mapRoles[1]": "same: ",
		"mapRoles[2]": "same: ",
		"mapRoles[3]": "ignored: it names neither rolearn nor userarn",
		"mapRoles[4]": "ignored: it names neither rolearn nor userarn",
		"mapUsers[0]": "ignored: mapRoles[2] maps the same principal, and that line counts",
		"mapUsers[1]": "ignored: mapUsers[2] maps the same principal, and that line counts",
		"mapUsers[2]": "same: ", "mapAccounts[0]": "none: ", "mapAccounts[1]": "none: ",
	}, got)
}

func TestAKeyOfAwsAuthThatTheAuthenticatorDoesNotRead(t *testing.T) {
	t.Parallel()
	steps := awsauth.Replace(read(t, configMap("mapRole", "- {rolearn: '"+role+"Dev'}")), awsauth.Facts{})
	require.Len(t, steps, 1)
	assert.Equal(t, awsauth.Ignored, steps[0].Verdict)
	assert.Equal(t, []string{"the authenticator reads mapRoles, mapUsers and mapAccounts alone"}, steps[0].Notes)
}

func TestAConfigMapThatSaysNothingHasNoLines(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`""`, "``", "[]", "null", "~", "# nothing"} {
		for _, key := range []string{awsauth.MapRoles, awsauth.MapUsers, awsauth.MapAccounts} {
			assert.Empty(t, read(t, configMap(key, text)), "%s: %s", key, text)
		}
	}
	assert.Empty(t, read(t, configMap()))
	assert.Empty(t, read(t, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth"}}`))
}

func TestAConfigMapIsRefusedThatIs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"no YAML":               {"a: b: c", "reading the ConfigMap: invalid YAML file: "},
		"another object":        {"kind: Secret\nmetadata: {name: aws-auth}", `expected the ConfigMap aws-auth, got "Secret" aws-auth; print it with: kubectl get`},
		"another ConfigMap":     {"kind: ConfigMap\nmetadata: {name: x}", `expected the ConfigMap aws-auth, got "ConfigMap" x`},
		"nothing":               {"", `expected the ConfigMap aws-auth, got "" <nil>`},
		"roles that are a map":  {configMap(awsauth.MapRoles, "rolearn: x"), "mapRoles: is not a list, so the authenticator takes nothing of it"},
		"roles that are a text": {configMap(awsauth.MapRoles, "not a list"), "mapRoles: is not a list, so the authenticator takes nothing of it"},
		"users that are no YAML": {
			configMap(awsauth.MapUsers, "- {userarn: [}"), "mapUsers: cannot be read: invalid YAML file: ",
		},
		"a key given twice": {
			configMap(awsauth.MapRoles, "- rolearn: a\n  rolearn: b"), `mapRoles: cannot be read: yaml: unmarshal errors:` + "\n  line 2: mapping key \"rolearn\" already defined at line 1",
		},
		"accounts that are no list": {configMap(awsauth.MapAccounts, "a: b"), "mapAccounts: cannot be read: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := awsauth.ReadConfigMap([]byte(test.text))
			require.ErrorContains(t, err, test.want)
		})
	}
	_, err := awsauth.ReadConfigMap([]byte(configMap(awsauth.MapRoles, "a: b", awsauth.MapUsers, "c: d")))
	var errs interface{ Unwrap() []error }
	require.ErrorAs(t, err, &errs)
	assert.Len(t, errs.Unwrap(), 2, "all at once")
}

// Entries get keys that the configuration takes, each another one.
func TestAnEntryHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	steps := awsauth.Replace(read(t, configMap(awsauth.MapRoles, `
- {rolearn: '`+role+`Dev', username: a, groups: [a]}
- {rolearn: 'arn:aws:iam::444455556666:role/Dev', username: b, groups: [a]}
- {rolearn: '`+role+`+=@x,y@z', username: c, groups: [a]}
- {rolearn: '`+role+`@', username: d, groups: [a]}`)), awsauth.Facts{})
	var keys []string
	for _, step := range steps {
		keys = append(keys, step.Entry.Key)
	}
	assert.Equal(t, []string{"Dev", "Dev-2", "x-y-z", "principal"}, keys)
}
