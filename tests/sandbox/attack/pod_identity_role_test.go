//go:build unix

package attack_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

const hubArn = "arn:aws:eks:" + region + ":" + homeAccount + ":cluster/hub"

// Who associates a role gives it away, so it takes the permission to pass the role.
func TestAssociating(t *testing.T) {
	t.Parallel()
	const pass = "iam:PassRole"
	denied := func(action string) refusal { return refusal{"AccessDeniedException", byNone(action).message} }
	passIf := func(key string, values ...string) iampolicy.Statement {
		return allowIf(iampolicy.Condition{iampolicy.StringEquals: {key: values}}, pass, "*")
	}
	all := allow("eks:*", "*")
	// done is one association, made or changed by a session that may do what it is told.
	type done func(t *testing.T, as workload, of pod, role string) error
	creating := func(t *testing.T, as workload, of pod, role string) error {
		t.Helper()
		_, err := account{config: as.config}.associate(t.Context(), of, role)
		return err
	}
	updating := func(t *testing.T, as workload, of pod, role string) error {
		t.Helper()
		id := sandbox.home.associated(t, of, podRole(t, of))
		_, err := as.eks().UpdatePodIdentityAssociation(t.Context(), &awseks.UpdatePodIdentityAssociationInput{
			ClusterName: &of.of.Name, AssociationId: &id, RoleArn: &role,
		})
		return err
	}
	for _, test := range []struct {
		name string
		may  statements
		do   done
		want refusal
	}{
		{"associating a role with the permission to pass it", statements{all, allow(pass, "*")}, creating, refusal{}},
		{"passing to EKS Pod Identity", statements{all, passIf("iam:PassedToService", "pods.eks.amazonaws.com")}, creating, refusal{}},
		{"passing for this cluster", statements{all, passIf("iam:AssociatedResourceArn", hubArn)}, creating, refusal{}},
		{"changing to a role with the permission to pass it", statements{all, allow(pass, "*")}, updating, refusal{}},
		{"associating a role without the permission to pass it", statements{all}, creating, denied(pass)},
		{"passing another role", statements{all, allow(pass, "arn:aws:iam::"+homeAccount+":role/harmless")}, creating, denied(pass)},
		{"passing to another service", statements{all, passIf("iam:PassedToService", "ec2.amazonaws.com")}, creating, denied(pass)},
		{"passing to EKS itself", statements{all, passIf("iam:PassedToService", "eks.amazonaws.com")}, creating, denied(pass)},
		{"passing for another cluster", statements{all, passIf("iam:AssociatedResourceArn", strings.Replace(hubArn, "/hub", "/spoke", 1))}, creating, denied(pass)},
		{"passing what is denied", statements{all, allow(pass, "*"), deny(pass, "*")}, creating, refusal{"AccessDeniedException", byDeny.message}},
		{"the permission to pass alone", statements{allow(pass, "*")}, creating, denied("eks:CreatePodIdentityAssociation")},
		{"the permission for another cluster", statements{
			allow("eks:*", strings.Replace(hubArn, "/hub", "/spoke", 1)), allow(pass, "*"),
		}, creating, denied("eks:CreatePodIdentityAssociation")},
		{"changing to a role without the permission to pass it", statements{all}, updating, denied(pass)},
		{"changing with the permission to pass another role", statements{all, allow(pass, "arn:aws:iam::"+homeAccount+":role/harmless")}, updating, denied(pass)},
		{"the permission to create, for a change", statements{
			allow("eks:CreatePodIdentityAssociation", "*"), allow(pass, "*"),
		}, updating, denied("eks:UpdatePodIdentityAssociation")},
		{"deleting with the permission to create", statements{allow("eks:CreatePodIdentityAssociation", "*")},
			func(t *testing.T, as workload, of pod, role string) error {
				t.Helper()
				id := sandbox.home.associated(t, of, role)
				_, err := as.eks().DeletePodIdentityAssociation(t.Context(), &awseks.DeletePodIdentityAssociationInput{
					ClusterName: &of.of.Name, AssociationId: &id,
				})
				return err
			}, denied("eks:DeletePodIdentityAssociation")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			of := newPod(t, sandbox.hub, payments(), "s3-backup")
			as := newWorkload(t)
			as.put(t, test.may...)
			role := podRole(t, of)
			judge(t, test.want, func() error { return test.do(t, as, of, role) })
		})
	}
}

// podRole is a role with the product's trust policy for a pod.
func podRole(t *testing.T, of pod) string {
	t.Helper()
	return sandbox.home.newRole(t, trustPods(t, []*issuer{of.of}, exact(of.namespace, of.account)))
}

// What EKS refuses to anyone, also to the operator.
func TestAssociations(t *testing.T) {
	t.Parallel()
	parameter := func(what string) refusal { return refusal{"InvalidParameterException", what} }
	badTrust := parameter("Trust policy of the role provided is invalid")
	crossAccount := parameter("Cross-account pass role is not allowed")
	badNamespace := parameter("is not the name of a Kubernetes namespace")
	badAccount := parameter("is not the name of a Kubernetes service account")
	own := func(t *testing.T, of pod) string { t.Helper(); return podRole(t, of) }
	trusting := func(statement func() iampolicy.Statement) func(*testing.T, pod) string {
		return func(t *testing.T, _ pod) string { t.Helper(); return sandbox.home.newRole(t, document(t, statement())) }
	}
	for _, test := range []struct {
		name   string
		change func(t *testing.T, of *pod)
		role   func(t *testing.T, of pod) string
		want   refusal
	}{
		{name: "a role that trusts EKS Pod Identity", role: own},
		{name: "a role of the same account that trusts other pods, which EKS Auth refuses later", role: func(t *testing.T, _ pod) string {
			t.Helper()
			return sandbox.home.newRole(t, trustPods(t, []*issuer{sandbox.spoke}, exact("billing", "reports")))
		}},
		{name: "a second association", role: func(t *testing.T, of pod) string {
			t.Helper()
			sandbox.home.associated(t, of, podRole(t, of))
			return podRole(t, of)
		}, want: refusal{"ResourceInUseException", "Association already exists: a-"}},
		{name: "the same association again", role: func(t *testing.T, of pod) string {
			t.Helper()
			role := podRole(t, of)
			sandbox.home.associated(t, of, role)
			return role
		}, want: refusal{"ResourceInUseException", "Association already exists: a-"}},
		{name: "* for a namespace", change: func(_ *testing.T, of *pod) { of.namespace = "*" }, role: own, want: badNamespace},
		{name: "a pattern of namespaces", change: func(_ *testing.T, of *pod) { of.namespace = "payments-*" }, role: own, want: badNamespace},
		{name: "a namespace in upper case", change: func(_ *testing.T, of *pod) { of.namespace = "PAYMENTS" }, role: own, want: badNamespace},
		{name: "* for a service account", change: func(_ *testing.T, of *pod) { of.account = "*" }, role: own, want: badAccount},
		{name: "a pattern of service accounts", change: func(_ *testing.T, of *pod) { of.account = "s3-?" }, role: own, want: badAccount},
		{name: "a service account with its namespace", change: func(_ *testing.T, of *pod) { of.account = "billing:reports" }, role: own, want: badAccount},
		{name: "a role of another account that trusts the pod", role: func(t *testing.T, of pod) string {
			t.Helper()
			return newAccount(t).newRole(t, trustPods(t, []*issuer{of.of}, exact(of.namespace, of.account)))
		}, want: crossAccount},
		{name: "a role of the same name in another account", role: func(t *testing.T, of pod) string {
			t.Helper()
			return strings.Replace(podRole(t, of), homeAccount, foreigner, 1)
		}, want: crossAccount},
		{name: "a role of another partition", role: func(t *testing.T, of pod) string {
			t.Helper()
			return strings.Replace(podRole(t, of), "arn:aws:", "arn:aws-cn:", 1)
		}, want: crossAccount},
		{name: "a role that trusts the service account by IRSA alone", role: func(t *testing.T, of pod) string {
			t.Helper()
			return sandbox.home.newRole(t, sandbox.home.trust(t, exact(of.namespace, of.account)))
		}, want: badTrust},
		{name: "a role that trusts EKS Pod Identity without its tags", role: trusting(func() iampolicy.Statement {
			return pods(iampolicy.Allow, nil, "sts:AssumeRole")
		}), want: badTrust},
		{name: "a role of another service", role: trusting(func() iampolicy.Statement {
			statement := pods(iampolicy.Allow, nil)
			statement.Principal = &iampolicy.Principal{Service: iampolicy.Strings{"ec2.amazonaws.com"}}
			return statement
		}), want: badTrust},
		{name: "a role that trusts its account", role: trusting(func() iampolicy.Statement {
			statement := pods(iampolicy.Allow, nil)
			statement.Principal = &iampolicy.Principal{AWS: iampolicy.Strings{homeAccount}}
			return statement
		}), want: badTrust},
		{name: "the administrator's role", role: func(t *testing.T, _ pod) string {
			t.Helper()
			role := newWorkload(t)
			role.put(t, allow("*", "*"))
			return role.role
		}, want: badTrust},
		{name: "a role that does not exist", role: func(t *testing.T, of pod) string { t.Helper(); return podRole(t, of) + "-2" }, want: parameter("Role provided in the request does not exist")},
		{name: "a role by its name in upper case", role: func(t *testing.T, of pod) string {
			t.Helper()
			return strings.Replace(podRole(t, of), "/role-", "/ROLE-", 1)
		}, want: parameter("Role provided in the request does not exist")},
		{name: "the session of a role for a role", role: func(t *testing.T, of pod) string {
			t.Helper()
			return strings.NewReplacer(":iam:", ":sts:", ":role/", ":assumed-role/").Replace(podRole(t, of)) + "/x"
		}, want: parameter("is not the ARN of an IAM role")},
		{name: "a cluster of another account", change: func(t *testing.T, of *pod) {
			t.Helper()
			*of = playedPod(played(t, newAccount(t).id, "ca-central-1", "theirs"), of.namespace, of.account)
		}, role: own, want: noCluster},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			of := newPod(t, sandbox.hub, payments(), "s3-backup")
			role := test.role(t, of)
			if test.change != nil {
				test.change(t, &of)
			}
			judge(t, test.want, func() error {
				_, err := sandbox.home.associate(t.Context(), of, role)
				return err
			})
		})
	}
}

// claiming adds tags to a request; keys and values in turn.
func claiming(keysAndValues ...string) func(*sts.AssumeRoleInput) {
	return func(input *sts.AssumeRoleInput) {
		for i := 0; i < len(keysAndValues); i += 2 {
			input.Tags = append(input.Tags, ststypes.Tag{Key: &keysAndValues[i], Value: &keysAndValues[i+1]})
		}
	}
}

// tagsOf are all that EKS says of a pod.
func tagsOf(p pod) []string {
	return []string{
		"eks-cluster-arn", p.of.clusterArn(), "eks-cluster-name", p.of.Name, "kubernetes-namespace", p.namespace,
		"kubernetes-service-account", p.account, "kubernetes-pod-name", p.name, "kubernetes-pod-uid", p.uid,
	}
}

func noTrust(action string) refusal {
	return refusal{"AccessDenied", "because no role trust policy allows the " + action + " action"}
}

// The tags by which a trust policy tells pods apart are in every caller's hands: it is the principal, EKS Pod Identity alone,
// that nobody can claim to be.
func TestForgedTags(t *testing.T) {
	t.Parallel()
	everything := statements{allow("*", "*")}
	// The role that is wanted trusts this pod, which is another one's.
	victims := func(t *testing.T) (victim pod, role string) {
		t.Helper()
		victim = newPod(t, sandbox.hub, payments(), "s3-backup")
		return victim, podRole(t, victim)
	}
	forging := func(t *testing.T, as workload) error {
		t.Helper()
		victim, role := victims(t)
		return as.assume(t.Context(), role, claiming(tagsOf(victim)...))
	}
	// As one could write it by hand: the tags without the principal.
	byAccount := func(t *testing.T, victim pod) string {
		t.Helper()
		return sandbox.home.newRole(t, document(t, iampolicy.Statement{
			Effect: iampolicy.Allow, Principal: &iampolicy.Principal{AWS: iampolicy.Strings{homeAccount}},
			Actions: iampolicy.Strings{"sts:AssumeRole", "sts:TagSession"},
			Condition: iampolicy.Condition{iampolicy.StringEquals: {
				"aws:RequestTag/kubernetes-namespace": {victim.namespace}, "aws:RequestTag/kubernetes-service-account": {victim.account},
			}},
		}))
	}
	runDeeds(t, []deed{
		{name: "forged tags get a role whose trust policy has the account for its principal", may: everything, do: func(t *testing.T, as workload) error {
			t.Helper()
			victim, _ := victims(t)
			return as.assume(t.Context(), byAccount(t, victim), claiming(tagsOf(victim)...))
		}},
		{name: "a role with all permissions that forges the tags of a pod", may: everything, do: forging, want: noTrust("sts:AssumeRole")},
		{name: "a role with the permission to tag sessions", may: statements{allow("sts:TagSession", "*"), allow("sts:AssumeRole", "*")}, do: forging, want: noTrust("sts:AssumeRole")},
		{name: "a role without tags at all", may: everything, do: func(t *testing.T, as workload) error {
			t.Helper()
			_, role := victims(t)
			return as.assume(t.Context(), role)
		}, want: noTrust("sts:AssumeRole")},
		{name: "tags that are forged and handed on", may: everything, do: func(t *testing.T, as workload) error {
			t.Helper()
			victim, role := victims(t)
			return as.assume(t.Context(), role, claiming(tagsOf(victim)...), func(input *sts.AssumeRoleInput) {
				input.TransitiveTagKeys = []string{"kubernetes-namespace", "kubernetes-service-account", "eks-cluster-arn"}
			})
		}, want: noTrust("sts:AssumeRole")},
		{name: "a role that its account tagged as a pod", may: everything, do: func(t *testing.T, as workload) error {
			t.Helper()
			victim, role := victims(t)
			as.tagRole(t, tagsOf(victim)...)
			return as.assume(t.Context(), role)
		}, want: noTrust("sts:AssumeRole")},
		{name: "the administrator of another account", do: func(t *testing.T, _ workload) error {
			t.Helper()
			victim, role := victims(t)
			return workload{config: newAccount(t).config}.assume(t.Context(), role, claiming(tagsOf(victim)...))
		}, want: noTrust("sts:AssumeRole")},
		{name: "a session that has forged tags handed on to it", may: everything, do: func(t *testing.T, as workload) error {
			t.Helper()
			victim, role := victims(t)
			answer, err := as.sts().AssumeRole(t.Context(), &sts.AssumeRoleInput{
				RoleArn: aws.String(byAccount(t, victim)), RoleSessionName: aws.String("pod"),
				Tags: tags(tagsOf(victim)...), TransitiveTagKeys: []string{"kubernetes-namespace", "kubernetes-service-account"},
			})
			require.NoError(t, err)
			return workload{config: withSession(answer.Credentials, region)}.assume(t.Context(), role)
		}, want: noTrust("sts:AssumeRole")},
		{name: "a pod that forges the tags of another", do: func(t *testing.T, _ workload) error {
			t.Helper()
			victim, role := victims(t)
			as, mine := podWithRole(t)
			session := as.session(t, mine)
			session.put(t, everything...)
			return session.assume(t.Context(), role, claiming(tagsOf(victim)...))
		}, want: conflicting},
		{name: "a pod that asks STS for another's role with its own tags", do: func(t *testing.T, _ workload) error {
			t.Helper()
			_, role := victims(t)
			as, mine := podWithRole(t)
			session := as.session(t, mine)
			session.put(t, everything...)
			return session.assume(t.Context(), role)
		}, want: noTrust("sts:AssumeRole")},
		{name: "a pod that asks STS for its own role, which trusts EKS Pod Identity alone", do: func(t *testing.T, _ workload) error {
			t.Helper()
			as, mine := podWithRole(t)
			session := as.session(t, mine)
			session.put(t, everything...)
			return session.assume(t.Context(), mine)
		}, want: noTrust("sts:AssumeRole")},
		{name: "a node, which carries the tokens of all its pods", do: func(t *testing.T, _ workload) error {
			t.Helper()
			victim, role := victims(t)
			return workload{config: withCredentials(nodeOf(sandbox.hub), region)}.assume(t.Context(), role, claiming(tagsOf(victim)...))
		}, want: noTrust("sts:AssumeRole")},
		{name: "a forged tag twice, in two cases", may: everything, do: func(t *testing.T, as workload) error {
			t.Helper()
			victim, _ := victims(t)
			return as.assume(t.Context(), byAccount(t, victim), claiming(
				"kubernetes-namespace", "billing", "Kubernetes-Namespace", victim.namespace, "kubernetes-service-account", victim.account))
		}, want: refusal{"InvalidParameterValue", "Duplicate tag keys found"}},
		{name: "other tags than the trust policy wants", may: everything, do: func(t *testing.T, as workload) error {
			t.Helper()
			victim, _ := victims(t)
			return as.assume(t.Context(), byAccount(t, victim), claiming(
				"kubernetes-namespace", "billing", "kubernetes-service-account", victim.account))
		}, want: noTrust("sts:AssumeRole")},
	})
}

// conflicting is what STS says to a session that would give a tag that it hands on another value.
var conflicting = refusal{"InvalidParameterValue", "conflicts with a transitive tag key from the calling session"}

func tags(keysAndValues ...string) []ststypes.Tag {
	var input sts.AssumeRoleInput
	claiming(keysAndValues...)(&input)
	return input.Tags
}

// tagRole gives the role of a session tags of its own; keys and values in turn.
func (w workload) tagRole(t *testing.T, keysAndValues ...string) {
	t.Helper()
	var given []iamtypes.Tag
	for i := 0; i < len(keysAndValues); i += 2 {
		given = append(given, iamtypes.Tag{Key: &keysAndValues[i], Value: &keysAndValues[i+1]})
	}
	_, err := sandbox.home.iam().TagRole(t.Context(), &iam.TagRoleInput{RoleName: aws.String(nameOf(w.role)), Tags: given})
	require.NoError(t, err)
}

// hop is a pod's session that assumes another role, which trusts the account, or the pod's role, under a condition.
type hop struct {
	name  string
	may   statements // the pod's role; everything by default
	trust func(as pod, role string) iampolicy.Statement
	ask   func(as pod) func(*sts.AssumeRoleInput)
	want  refusal
}

func TestTagsOnTheWayToAnotherRole(t *testing.T) {
	t.Parallel()
	both := []string{"sts:AssumeRole", "sts:TagSession"}
	trusting := func(condition func(as pod) iampolicy.Condition, actions ...string) func(pod, string) iampolicy.Statement {
		return func(as pod, _ string) iampolicy.Statement {
			return iampolicy.Statement{
				Effect: iampolicy.Allow, Principal: &iampolicy.Principal{AWS: iampolicy.Strings{homeAccount}},
				Actions: actions, Condition: condition(as),
			}
		}
	}
	none := func(pod) iampolicy.Condition { return nil }
	with := func(tag string, value func(as pod) string) func(pod) iampolicy.Condition {
		return func(as pod) iampolicy.Condition {
			return iampolicy.Condition{iampolicy.StringEquals: {"aws:PrincipalTag/" + tag: {value(as)}}}
		}
	}
	is := func(text string) func(pod) string { return func(pod) string { return text } }
	namespaceOf := func(as pod) string { return as.namespace }
	saying := func(keysAndValues ...string) func(pod) func(*sts.AssumeRoleInput) {
		return func(pod) func(*sts.AssumeRoleInput) { return claiming(keysAndValues...) }
	}
	onlyItsOwn := func(pod) iampolicy.Condition {
		return iampolicy.Condition{"ForAllValues:StringEquals": {"aws:TagKeys": {
			"eks-cluster-arn", "eks-cluster-name", "kubernetes-namespace", "kubernetes-service-account", "kubernetes-pod-name", "kubernetes-pod-uid",
		}}}
	}
	for _, h := range []hop{
		{name: "a role that trusts the account and its tags", trust: trusting(none, both...)},
		{name: "a role for pods of the namespace", trust: trusting(with("kubernetes-namespace", namespaceOf), both...)},
		{name: "a role for pods of the cluster", trust: trusting(with("eks-cluster-arn", is(hubArn)), both...)},
		{name: "another tag beside its own", trust: trusting(none, both...), ask: saying("team", "a")},
		{name: "no tag beside its own, where none is wanted", trust: trusting(onlyItsOwn, both...)},
		{name: "a role for pods of another namespace", trust: trusting(with("kubernetes-namespace", is("billing")), both...), want: noTrust("sts:AssumeRole")},
		{name: "a role for pods of a namespace that begins like it", trust: trusting(with("kubernetes-namespace", func(as pod) string {
			return as.namespace + "-dev"
		}), both...), want: noTrust("sts:AssumeRole")},
		{name: "a role for another service account", trust: trusting(with("kubernetes-service-account", is("reports")), both...), want: noTrust("sts:AssumeRole")},
		{name: "a role for pods of another cluster", trust: trusting(with("eks-cluster-arn", is(strings.Replace(hubArn, "/hub", "/spoke", 1))), both...), want: noTrust("sts:AssumeRole")},
		{name: "a role for pods of a cluster of that name in another region", trust: trusting(with("eks-cluster-arn", is(strings.Replace(hubArn, region, "us-east-1", 1))), both...), want: noTrust("sts:AssumeRole")},
		{name: "a role for another pod", trust: trusting(with("kubernetes-pod-uid", is("0cda7f85-c1f9-4dee-b6e9-a0b50c8f3012")), both...), want: noTrust("sts:AssumeRole")},
		{name: "a role that takes no tags", trust: trusting(none, "sts:AssumeRole"), want: noTrust("sts:TagSession")},
		{name: "a permission to assume without one to tag", may: statements{allow("sts:AssumeRole", "*")}, trust: trusting(none, both...), want: byNone("sts:TagSession")},
		{name: "a permission to tag without one to assume", may: statements{allow("sts:TagSession", "*")}, trust: trusting(none, both...), want: byNone("sts:AssumeRole")},
		{name: "another namespace for its own", trust: trusting(none, both...), ask: saying("kubernetes-namespace", "billing"), want: conflicting},
		{name: "another namespace for its own, the tag in another case", trust: trusting(none, both...), ask: saying("Kubernetes-Namespace", "billing"), want: conflicting},
		{name: "its own namespace once more", trust: trusting(none, both...), ask: func(as pod) func(*sts.AssumeRoleInput) {
			return claiming("kubernetes-namespace", as.namespace)
		}, want: conflicting},
		{name: "another cluster for its own", trust: trusting(none, both...), ask: saying("eks-cluster-arn", strings.Replace(hubArn, "/hub", "/spoke", 1)), want: conflicting},
		{name: "another service account for its own, beside a new tag", trust: trusting(none, both...), ask: saying("team", "a", "kubernetes-service-account", "reports"), want: conflicting},
		{name: "a tag to hand on that it does not claim", trust: trusting(none, both...), ask: func(pod) func(*sts.AssumeRoleInput) {
			return func(input *sts.AssumeRoleInput) { input.TransitiveTagKeys = []string{"team"} }
		}, want: refusal{"InvalidParameterValue", "must be included in the requested tags"}},
		{name: "a tag beside its own, where none is wanted", trust: trusting(onlyItsOwn, both...), ask: saying("team", "a"), want: noTrust("sts:AssumeRole")},
		{name: "a tag that it lacks, claimed on the way", trust: trusting(with("team", is("a")), both...), ask: saying("team", "a"), want: noTrust("sts:AssumeRole")},
		{name: "a role that trusts pods of another role", trust: func(_ pod, role string) iampolicy.Statement {
			return iampolicy.Statement{
				Effect: iampolicy.Allow, Principal: &iampolicy.Principal{AWS: iampolicy.Strings{homeAccount}}, Actions: both,
				Condition: iampolicy.Condition{iampolicy.ARNNotEquals: {"aws:PrincipalArn": {role}}},
			}
		}, want: noTrust("sts:AssumeRole")},
	} {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			as, role := podWithRole(t)
			session := as.session(t, role)
			may := h.may
			if may == nil {
				may = statements{allow("*", "*")}
			}
			session.put(t, may...)
			target := sandbox.home.newRole(t, document(t, h.trust(as, role)))
			var changes []func(*sts.AssumeRoleInput)
			if h.ask != nil {
				changes = append(changes, h.ask(as))
			}
			judge(t, h.want, func() error { return session.assume(t.Context(), target, changes...) })
		})
	}
}

// A pod's tags in the permissions of its role: each pod may read the folder of its own namespace, and so on.
func TestPermissionsByTags(t *testing.T) {
	t.Parallel()
	own := statements{allow("s3:PutObject", bucketArn+"/${aws:PrincipalTag/kubernetes-namespace}/*")}
	when := func(tag string, value func(as pod) string) func(pod) statements {
		return func(as pod) statements {
			return statements{allowIf(iampolicy.Condition{iampolicy.StringEquals: {tag: {value(as)}}}, "s3:ListBucket", bucketArn)}
		}
	}
	is := func(text string) func(pod) string { return func(pod) string { return text } }
	fixed := func(may statements) func(pod) statements { return func(pod) statements { return may } }
	const tag = "aws:PrincipalTag/"
	writes := func(folder func(as pod) string) func(*testing.T, pod, workload) error {
		return func(t *testing.T, as pod, session workload) error {
			t.Helper()
			return write(t.Context(), session.s3(), bucket, folder(as)+"/1.csv")
		}
	}
	lists := func(t *testing.T, _ pod, session workload) error {
		t.Helper()
		return list(t.Context(), session.s3(), bucket, "")
	}
	for _, test := range []struct {
		name string
		may  func(as pod) statements
		do   func(t *testing.T, as pod, session workload) error
		want refusal
	}{
		{"the folder of its namespace", fixed(own), writes(func(as pod) string { return as.namespace }), refusal{}},
		{"what is for its namespace", when(tag+"kubernetes-namespace", func(as pod) string { return as.namespace }), lists, refusal{}},
		{"what is for its UID", when(tag+"kubernetes-pod-uid", func(as pod) string { return as.uid }), lists, refusal{}},
		{"what is for its cluster", when(tag+"eks-cluster-arn", is(hubArn)), lists, refusal{}},
		{"the folder of another namespace", fixed(own), writes(is("billing")), byNone("s3:PutObject")},
		{"a folder whose name begins with its namespace", fixed(own), writes(func(as pod) string { return as.namespace + "-dev" }), byNone("s3:PutObject")},
		{"the folder of its namespace in upper case", fixed(own), writes(func(as pod) string { return strings.ToUpper(as.namespace) }), byNone("s3:PutObject")},
		{"a folder that is called as the variable is", fixed(own), writes(is("${aws:PrincipalTag/kubernetes-namespace}")), byNone("s3:PutObject")},
		{"what is for another namespace", when(tag+"kubernetes-namespace", is("billing")), lists, byNone("s3:ListBucket")},
		{"what is for another service account", when(tag+"kubernetes-service-account", is("reports")), lists, byNone("s3:ListBucket")},
		{"what is for another cluster", when(tag+"eks-cluster-name", is("spoke")), lists, byNone("s3:ListBucket")},
		{"what is for another pod of its service account", when(tag+"kubernetes-pod-name", is("pod-0")), lists, byNone("s3:ListBucket")},
		{"what is for the pod of its name before", when(tag+"kubernetes-pod-uid", is("0cda7f85-c1f9-4dee-b6e9-a0b50c8f3012")), lists, byNone("s3:ListBucket")},
		{"what is for a tag of a request, as in a trust policy", when("aws:RequestTag/kubernetes-namespace", func(as pod) string { return as.namespace }), lists, byNone("s3:ListBucket")},
		{"what is denied to other namespaces than one", fixed(statements{allow("s3:*", "*"), {
			Effect: iampolicy.Deny, Actions: iampolicy.Strings{"s3:*"}, Resources: iampolicy.Strings{"*"},
			Condition: iampolicy.Condition{iampolicy.StringNotEquals: {tag + "kubernetes-namespace": {"billing"}}},
		}}), lists, byDeny},
		{"what is for a tag of its role, which its own tag hides", when(tag+"kubernetes-namespace", is("billing")), func(t *testing.T, as pod, session workload) error {
			t.Helper()
			session.tagRole(t, "Kubernetes-Namespace", "billing")
			return lists(t, as, session)
		}, byNone("s3:ListBucket")},
		{"what is for its namespace, with its token for STS", when(tag+"kubernetes-namespace", func(as pod) string { return as.namespace }), func(t *testing.T, as pod, session workload) error {
			t.Helper()
			sandbox.home.retrust(t, session.role, sandbox.home.trust(t, exact(as.namespace, as.account)))
			answer, err := sts.NewFromConfig(operator()).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: &session.role, WebIdentityToken: aws.String(as.token(t, audience)), RoleSessionName: aws.String("irsa"),
			})
			require.NoError(t, err)
			return list(t.Context(), workload{config: withSession(answer.Credentials, region)}.s3(), bucket, "")
		}, byNone("s3:ListBucket")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			as, role := podWithRole(t)
			session := as.session(t, role)
			session.put(t, test.may(as)...)
			judge(t, test.want, func() error { return test.do(t, as, session) })
		})
	}
}
