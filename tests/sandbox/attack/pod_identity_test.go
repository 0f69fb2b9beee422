//go:build unix

package attack_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// What EKS Auth answers, https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html#API_auth_AssumeRoleForPodIdentity_Errors.
// It does not say why a role is not to be had.
var (
	mayNotAssume  = refusal{"AccessDeniedException", "EKS does not have permissions to assume the associated role"}
	noAssociation = refusal{"ResourceNotFoundException", "No EKS Pod Identity association found for "}
	noCluster     = refusal{"ResourceNotFoundException", "No cluster found for name: "}
)

func invalidPodToken(what string) refusal { return refusal{"InvalidTokenException", what} }

// payments is a namespace that no other test has.
func payments() string { return fmt.Sprintf("payments-%d", numbers.Add(1)) }

// claimant is a pod that asks EKS Auth for a role, which its service account is associated with: so far does one get who may
// associate roles in a cluster. By default it is the pod of the service account s3-backup of the namespace, NAMESPACE, that
// the product's trust policy names, in the hub. One that wants no refusal is a control.
type claimant struct {
	name               string
	namespace, account string
	in                 func(t *testing.T) *issuer // where the pod is
	of                 func(t *testing.T) []*issuer
	trusts             []iampolicy.ServiceAccountSubject
	want               refusal
}

func (c claimant) run(t *testing.T) {
	t.Helper()
	trusted := payments()
	fill := func(text string) string { return strings.ReplaceAll(text, "NAMESPACE", trusted) }
	namespace, account, in, of, trusts := "NAMESPACE", "s3-backup", sandbox.hub, []*issuer{sandbox.hub}, []iampolicy.ServiceAccountSubject{
		exact("NAMESPACE", "s3-backup"),
	}
	if c.namespace != "" {
		namespace = c.namespace
	}
	if c.account != "" {
		account = c.account
	}
	if c.in != nil {
		in = c.in(t)
	}
	if c.of != nil {
		of = c.of(t)
	}
	if c.trusts != nil {
		trusts = c.trusts
	}
	var subjects []iampolicy.ServiceAccountSubject
	for _, subject := range trusts {
		subjects = append(subjects, exact(fill(subject.Namespace), fill(subject.Name)))
	}
	var as pod
	if in == sandbox.hub || in == sandbox.spoke {
		as = newPod(t, in, fill(namespace), fill(account))
	} else {
		as = playedPod(in, fill(namespace), fill(account))
	}
	owner := accountOf(t, in)
	owner.associated(t, as, owner.newRole(t, trustPods(t, of, subjects...)))
	judge(t, c.want, func() error { return as.ask(t.Context(), as.anyToken(t)) })
}

// anyToken is the API server's token for a pod, or a forged one where there is no API server.
func (p pod) anyToken(t *testing.T) string {
	t.Helper()
	if p.of.kubernetes == nil {
		return p.forged(t)
	}
	return p.token(t)
}

// accountOf is the account of a cluster.
func accountOf(t *testing.T, of *issuer) account {
	t.Helper()
	if of.Account == homeAccount {
		return sandbox.home
	}
	opened, err := openAccount(t.Context(), "aws", of.Account)
	require.NoError(t, err)
	return opened
}

func runClaimants(t *testing.T, claimants []claimant) {
	t.Helper()
	for _, c := range claimants {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func TestPodIdentityServiceAccounts(t *testing.T) {
	t.Parallel()
	// Of each of two namespaces, one service account.
	crossed := []iampolicy.ServiceAccountSubject{exact("NAMESPACE", "s3-backup"), exact("NAMESPACE-b", "reports")}
	runClaimants(t, []claimant{
		{name: "the service account that the trust policy names gets the role"},
		{name: "so does the second of two in one namespace", account: "reports", trusts: []iampolicy.ServiceAccountSubject{
			exact("NAMESPACE", "s3-backup"), exact("NAMESPACE", "reports"),
		}},
		{name: "of two namespaces, the account of the first", trusts: crossed},
		{name: "of two namespaces, the account of the second", namespace: "NAMESPACE-b", account: "reports", trusts: crossed},
		{name: "of two namespaces, the first with the account of the second", account: "reports", trusts: crossed, want: mayNotAssume},
		{name: "of two namespaces, the second with the account of the first", namespace: "NAMESPACE-b", trusts: crossed, want: mayNotAssume},
		{
			name: "of two namespaces with two accounts each, the first with one of the second's", account: "audit",
			trusts: append([]iampolicy.ServiceAccountSubject{exact("NAMESPACE", "reports"), exact("NAMESPACE-b", "audit")}, crossed...),
			want:   mayNotAssume,
		},
		{name: "the trusted name in another namespace", namespace: "billing", want: mayNotAssume},
		{name: "in a namespace whose name begins with the trusted one's", namespace: "NAMESPACE-dev", want: mayNotAssume},
		{name: "in a namespace whose name ends with the trusted one's", namespace: "eu-NAMESPACE", want: mayNotAssume},
		{
			name: "in a namespace whose name the trusted one's begins with", namespace: "NAMESPACE",
			trusts: []iampolicy.ServiceAccountSubject{exact("NAMESPACE-dev", "s3-backup")}, want: mayNotAssume,
		},
		{name: "in the default namespace", namespace: "default", account: "NAMESPACE", want: mayNotAssume},
		{name: "in the namespace of the system", namespace: "kube-system", account: "NAMESPACE", want: mayNotAssume},
		{name: "another account of the trusted namespace", account: "frontend", want: mayNotAssume},
		{name: "the namespace's default account, which every pod has", account: "default", want: mayNotAssume},
		{name: "an account whose name begins with the trusted one's", account: "s3-backup-2", want: mayNotAssume},
		{name: "an account whose name the trusted one's begins with", account: "s3-back", want: mayNotAssume},
		{name: "an account whose name ends with the trusted one's", account: "my-s3-backup", want: mayNotAssume},
		{name: "a hyphen where the trusted name has a dot", account: "s3-restore", trusts: []iampolicy.ServiceAccountSubject{
			exact("NAMESPACE", "s3.restore"),
		}, want: mayNotAssume},
		{name: "namespace and account the other way round", namespace: "s3-backup", account: "NAMESPACE", want: mayNotAssume},
	})
}

func TestPodIdentityClusters(t *testing.T) {
	t.Parallel()
	spokeOf := func(*testing.T) *issuer { return sandbox.spoke }
	both := func(*testing.T) []*issuer { return []*issuer{sandbox.hub, sandbox.spoke} }
	onlySpoke := func(*testing.T) []*issuer { return []*issuer{sandbox.spoke} }
	at := func(region, name string) func(*testing.T) *issuer {
		return func(t *testing.T) *issuer { t.Helper(); return played(t, homeAccount, region, name) }
	}
	abroad := func(t *testing.T) *issuer { t.Helper(); return played(t, newAccount(t).id, "us-west-1", "hub") }
	runClaimants(t, []claimant{
		{name: "the same names in another cluster get the role that trusts both clusters", in: spokeOf, of: both},
		{name: "the same names in another cluster", in: spokeOf, want: mayNotAssume},
		{name: "the names of this cluster for a role of the other", of: onlySpoke, want: mayNotAssume},
		{name: "the same names in a cluster of the same name in another region", in: at("us-east-1", "hub"), want: mayNotAssume},
		{name: "in a cluster of the same name in upper case", in: at(region, "HUB"), want: mayNotAssume},
		{name: "in a cluster whose name begins with the trusted one's", in: at(region, "hub-2"), want: mayNotAssume},
		{name: "in a cluster whose name ends with the trusted one's", in: at(region, "my-hub"), want: mayNotAssume},
		{name: "in a cluster whose name the trusted one's begins with", in: at(region, "hu"), want: mayNotAssume},
		{name: "in a cluster of the same name in another account, with a role there", in: abroad, want: mayNotAssume},
		{name: "in a third cluster, where two are trusted", in: at("us-east-2", "hub"), of: both, want: mayNotAssume},
	})
	t.Run("a cluster that is played gets the role that trusts it", func(t *testing.T) {
		t.Parallel()
		in := played(t, homeAccount, "eu-central-1", "hub")
		claimant{in: func(*testing.T) *issuer { return in }, of: func(*testing.T) []*issuer { return []*issuer{in} }}.run(t)
	})
	t.Run("a cluster of another account gets the role there that trusts it", func(t *testing.T) {
		t.Parallel()
		in := played(t, newAccount(t).id, "us-west-2", "hub")
		claimant{in: func(*testing.T) *issuer { return in }, of: func(*testing.T) []*issuer { return []*issuer{in} }}.run(t)
	})
}

// trustPolicy is a trust policy that a role gets once its service account is associated with it, when EKS looks at it no more.
type trustPolicy struct {
	name      string
	statement func() iampolicy.Statement
	also      func() iampolicy.Statement
	want      refusal
}

// pods is a statement about EKS Pod Identity.
func pods(effect iampolicy.Effect, condition iampolicy.Condition, actions ...string) iampolicy.Statement {
	if len(actions) == 0 {
		actions = []string{"sts:AssumeRole", "sts:TagSession"}
	}
	return iampolicy.Statement{
		Effect: effect, Principal: &iampolicy.Principal{Service: iampolicy.Strings{"pods.eks.amazonaws.com"}},
		Actions: actions, Condition: condition,
	}
}

func TestPodIdentityTrustPolicies(t *testing.T) {
	t.Parallel()
	on := func(operator iampolicy.Operator, key string, values ...string) iampolicy.Condition {
		return iampolicy.Condition{operator: {key: values}}
	}
	allowing := func(condition iampolicy.Condition, actions ...string) func() iampolicy.Statement {
		return func() iampolicy.Statement { return pods(iampolicy.Allow, condition, actions...) }
	}
	denying := func(condition iampolicy.Condition) func() iampolicy.Statement {
		return func() iampolicy.Statement { return pods(iampolicy.Deny, condition) }
	}
	const (
		namespace  = "aws:RequestTag/kubernetes-namespace"
		spokeArn   = "arn:aws:eks:" + region + ":" + homeAccount + ":cluster/spoke"
		foreignHub = "arn:aws:eks:" + region + ":" + foreigner + ":cluster/hub"
	)
	for _, policy := range []trustPolicy{
		{name: "the cluster as the source", statement: allowing(on(iampolicy.ARNEquals, "aws:SourceArn", hubArn))},
		{name: "the cluster's account as the source", statement: allowing(on(iampolicy.StringEquals, "aws:SourceAccount", homeAccount))},
		{name: "a pattern of namespaces", statement: allowing(on(iampolicy.StringLike, namespace, "payments-*"))},
		{
			name: "a Deny that is about somebody else", statement: allowing(nil),
			also: denying(on(iampolicy.StringEquals, namespace, "billing")),
		},
		{name: "another cluster as the source", statement: allowing(on(iampolicy.ARNEquals, "aws:SourceArn", spokeArn)), want: mayNotAssume},
		{
			name: "a cluster of another account as the source", statement: allowing(on(iampolicy.ARNEquals, "aws:SourceArn", foreignHub)),
			want: mayNotAssume,
		},
		{
			name: "another account as the source", statement: allowing(on(iampolicy.StringEquals, "aws:SourceAccount", foreigner)),
			want: mayNotAssume,
		},
		{
			name: "an organization as the source, where there is none", statement: allowing(on(iampolicy.StringEquals, "aws:SourceOrgID", "o-1234567890")),
			want: mayNotAssume,
		},
		{name: "* for a namespace under StringEquals, which knows no wildcards", statement: allowing(on(iampolicy.StringEquals, namespace, "payments-*")), want: mayNotAssume},
		{name: "? for a letter under StringEquals", statement: allowing(on(iampolicy.StringEquals, namespace, "payments-?")), want: mayNotAssume},
		{name: "a pattern of other namespaces", statement: allowing(on(iampolicy.StringLike, namespace, "payments")), want: mayNotAssume},
		{name: "a pattern in another case", statement: allowing(on(iampolicy.StringLike, namespace, "PAYMENTS-*")), want: mayNotAssume},
		{
			name: "a tag of the pod's session for a tag of the request", statement: allowing(on(iampolicy.StringLike, "aws:PrincipalTag/kubernetes-namespace", "*")),
			want: mayNotAssume,
		},
		{name: "a tag that EKS does not set", statement: allowing(on(iampolicy.StringLike, "aws:RequestTag/kubernetes-node", "*")), want: mayNotAssume},
		{
			name: "a role that leaves out the tags", statement: allowing(nil, "sts:AssumeRole"), want: mayNotAssume,
		},
		{name: "a role that takes tags and no one who assumes it", statement: allowing(nil, "sts:TagSession"), want: mayNotAssume},
		{
			name: "a Deny of the namespace", statement: allowing(nil), also: denying(on(iampolicy.StringLike, namespace, "payments-*")), want: mayNotAssume,
		},
		{
			name: "a Deny of all but another cluster", statement: allowing(nil),
			also: denying(on(iampolicy.StringNotEquals, "aws:RequestTag/eks-cluster-arn", spokeArn)), want: mayNotAssume,
		},
		{
			name: "a Deny for services", statement: allowing(nil), also: denying(on(iampolicy.Bool, "aws:PrincipalIsAWSService", "true")), want: mayNotAssume,
		},
		{name: "a role for another service", statement: func() iampolicy.Statement {
			statement := pods(iampolicy.Allow, nil)
			statement.Principal = &iampolicy.Principal{Service: iampolicy.Strings{"eks.amazonaws.com"}}
			return statement
		}, want: mayNotAssume},
		{name: "a role for the cluster's account", statement: func() iampolicy.Statement {
			statement := pods(iampolicy.Allow, nil)
			statement.Principal = &iampolicy.Principal{AWS: iampolicy.Strings{homeAccount}}
			return statement
		}, want: mayNotAssume},
		{name: "a role for the tokens of the cluster", statement: func() iampolicy.Statement {
			return federated(iampolicy.Allow, sandbox.home.provider(sandbox.hub), when(iampolicy.StringLike, "ISSUER:sub", "system:serviceaccount:payments:*"))
		}, want: mayNotAssume},
	} {
		t.Run(policy.name, func(t *testing.T) {
			t.Parallel()
			home := sandbox.home
			as := newPod(t, sandbox.hub, payments(), "s3-backup")
			role := home.newRole(t, trustPods(t, []*issuer{sandbox.hub}, exact(as.namespace, as.account)))
			home.associated(t, as, role)
			statements := []iampolicy.Statement{policy.statement()}
			if policy.also != nil {
				statements = append(statements, policy.also())
			}
			home.retrust(t, role, document(t, statements...))
			judge(t, policy.want, func() error { return as.ask(t.Context(), as.token(t)) })
		})
	}
}

// retrust gives a role another trust policy.
func (a account) retrust(t *testing.T, role, trust string) {
	t.Helper()
	_, err := a.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: aws.String(nameOf(role)), PolicyDocument: &trust,
	})
	require.NoError(t, err)
}

func TestStaleAssociations(t *testing.T) {
	t.Parallel()
	others := func(t *testing.T) string {
		t.Helper()
		return trustPods(t, []*issuer{sandbox.hub}, exact("billing", "reports"))
	}
	for _, test := range []struct {
		name   string
		change func(t *testing.T, as pod, id, role string)
		want   refusal
	}{
		{"an association that stays", func(*testing.T, pod, string, string) {}, refusal{}},
		{"one that is made again for the same role", func(t *testing.T, as pod, id, role string) {
			t.Helper()
			sandbox.home.disassociate(t, as, id)
			sandbox.home.associated(t, as, role)
		}, refusal{}},
		{"a role that is made again, with the same trust policy", func(t *testing.T, as pod, _, role string) {
			t.Helper()
			sandbox.home.remade(t, role, trustPods(t, []*issuer{sandbox.hub}, exact(as.namespace, as.account)))
		}, refusal{}},
		{"an association that was deleted", func(t *testing.T, as pod, id, _ string) {
			t.Helper()
			sandbox.home.disassociate(t, as, id)
		}, noAssociation},
		{"one that is made again for a role of somebody else", func(t *testing.T, as pod, id, _ string) {
			t.Helper()
			sandbox.home.disassociate(t, as, id)
			sandbox.home.associated(t, as, sandbox.home.newRole(t, others(t)))
		}, mayNotAssume},
		{"one that is changed to a role of somebody else", func(t *testing.T, as pod, id, _ string) {
			t.Helper()
			_, err := sandbox.home.eks(region).UpdatePodIdentityAssociation(t.Context(), &awseks.UpdatePodIdentityAssociationInput{
				ClusterName: &as.of.Name, AssociationId: &id, RoleArn: aws.String(sandbox.home.newRole(t, others(t))),
			})
			require.NoError(t, err)
		}, mayNotAssume},
		{"one that is made again for another service account", func(t *testing.T, as pod, id, role string) {
			t.Helper()
			sandbox.home.disassociate(t, as, id)
			sandbox.home.associated(t, newPod(t, as.of, as.namespace, "reports"), role)
		}, noAssociation},
		{"one of the same names in the other cluster", func(t *testing.T, as pod, id, role string) {
			t.Helper()
			sandbox.home.disassociate(t, as, id)
			sandbox.home.associated(t, newPod(t, sandbox.spoke, as.namespace, as.account), role)
		}, noAssociation},
		{"a role that was deleted", func(t *testing.T, _ pod, _, role string) {
			t.Helper()
			sandbox.home.deleteRole(t, role)
		}, mayNotAssume},
		{"a role that was made again for somebody else", func(t *testing.T, _ pod, _, role string) {
			t.Helper()
			sandbox.home.remade(t, role, others(t))
		}, mayNotAssume},
		{"a role that was made again under another path", func(t *testing.T, as pod, _, role string) {
			t.Helper()
			sandbox.home.deleteRole(t, role)
			sandbox.home.newRole(t, trustPods(t, []*issuer{sandbox.hub}, exact(as.namespace, as.account)),
				named(nameOf(role)), underPath("/teams/"))
		}, mayNotAssume},
		{"a role that has ceased to trust", func(t *testing.T, _ pod, _, role string) {
			t.Helper()
			sandbox.home.retrust(t, role, others(t))
		}, mayNotAssume},
		{"a role that trusts the service account by IRSA alone", func(t *testing.T, as pod, _, role string) {
			t.Helper()
			sandbox.home.retrust(t, role, sandbox.home.trust(t, exact(as.namespace, as.account)))
		}, mayNotAssume},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			as := newPod(t, sandbox.hub, payments(), "s3-backup")
			role := sandbox.home.newRole(t, trustPods(t, []*issuer{sandbox.hub}, exact(as.namespace, as.account)))
			id := sandbox.home.associated(t, as, role)
			require.NoError(t, as.ask(t.Context(), as.token(t)), "before")
			test.change(t, as, id, role)
			judge(t, test.want, func() error { return as.ask(t.Context(), as.token(t)) })
		})
	}
}
