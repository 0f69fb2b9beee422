package trust_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, name)
}

func read(t *testing.T, outputs string) *trust.Map {
	t.Helper()
	m, err := trust.Read([]byte(outputs))
	require.NoError(t, err)
	return m
}

// small is a platform with one of each: both ways and either, a pattern, what is not proven, a second account, and all that Argo CD
// reaches.
const small = `{
	"buckets": {},
	"clusters": {
		"hub": {"name": "prod-hub", "region": "eu-west-1", "account": "111122223333", "issuer": "oidc.eks.eu-west-1.amazonaws.com/id/1"},
		"edge": {"name": "prod", "region": "us-east-1", "account": "222233334444", "issuer": "oidc.eks.us-east-1.amazonaws.com/id/2"},
		"spare": {"name": "prod", "region": "eu-north-1", "account": "111122223333", "issuer": "oidc.eks.eu-north-1.amazonaws.com/id/3"}
	},
	"roles": {
		"argocd": {"arn": "arn:aws:iam::111122223333:role/argocd"},
		"backup": {"arn": "arn:aws:iam::111122223333:role/teams/backup"},
		"report": {"arn": "arn:aws:iam::111122223333:role/report"},
		"moving": {"arn": "arn:aws:iam::111122223333:role/moving"},
		"runners": {"arn": "arn:aws:iam::222233334444:role/runners"}
	},
	"argocdTargets": {
		"edge": {"cluster": "prod", "model": "role", "principalArn": "arn:aws:iam::222233334444:role/argocd-edge", "via": "accessEntry", "server": "https://x"},
		"hub": {"cluster": "prod-hub", "model": "inCluster", "server": "https://kubernetes.default.svc"},
		"spare": {"cluster": "prod", "model": "direct", "principalArn": "arn:aws:iam::111122223333:role/argocd", "via": "aws-auth", "server": "https://y"}
	},
	"trust": {
		"roles": {
			"argocd": {"identity": "podIdentity", "serviceAccounts": {"hub/argocd/argocd-server": "2026-01-31T12:00:00Z"}, "policies": ["assume-target-roles"], "refused": {"hub/argocd": "2026-01-31T12:00:05Z"}},
			"backup": {"serviceAccounts": {"edge/payments/backup": "", "hub/payments/backup": "2026-01-31T12:00:00Z"}, "policies": ["read-<bucket>", "AmazonS3ReadOnlyAccess"]},
			"moving": {"identity": "both", "serviceAccounts": {"hub/payments/moving": "2026-01-31T12:00:00Z"}},
			"report": {"identity": "trustBoth", "serviceAccounts": {"hub/payments/report": ""}, "conditions": ["aws:PrincipalOrgID"]},
			"runners": {"serviceAccounts": {"edge/ci/*": ""}, "policies": ["ReadOnlyAccess"]}
		},
		"targets": {
			"edge": {"access": ["AmazonEKSAdminPolicy in default, apps"], "proven": "2026-01-31T12:00:09Z"},
			"spare": {"access": ["group deployers"]}
		}
	}
}`

// managed is a platform with managed Argo CD, which has its role without a service account.
const managed = `{
	"clusters": {
		"hub": {"name": "prod-hub", "region": "eu-west-1", "account": "111122223333", "issuer": "oidc.eks.eu-west-1.amazonaws.com/id/1"},
		"edge": {"name": "prod", "region": "us-east-1", "account": "222233334444", "issuer": "oidc.eks.us-east-1.amazonaws.com/id/2"}
	},
	"argocdCapability": {"hub": {"roleArn": "arn:aws:iam::111122223333:role/capability", "createCommand": "aws eks create-capability"}},
	"argocdTargets": {
		"edge": {"cluster": "prod", "model": "managed", "principalArn": "arn:aws:iam::111122223333:role/capability", "via": "accessEntry", "server": "arn"}
	},
	"trust": {"targets": {"edge": {"access": ["AmazonEKSEditPolicy in apps", "group argocd-read-all"]}}}
}`

func TestManagedArgoCDIsOnTheMap(t *testing.T) {
	t.Parallel()
	m := read(t, managed)
	assert.Equal(t, `account 111122223333
  capability
    <- EKS Capability of prod-hub  capability
    -> prod                        accessEntry  not proven: AmazonEKSEditPolicy in apps; group argocd-read-all
`, m.Text())
	for _, drawn := range []string{m.DOT(), m.Mermaid()} {
		assert.Contains(t, drawn, "EKS Capability of prod-hub")
		assert.Contains(t, drawn, "AmazonEKSEditPolicy in apps")
	}
	_, err := trust.Read([]byte(strings.Replace(managed, "arn:aws:iam::111122223333:role/capability", "capability", 1)))
	require.ErrorContains(t, err, `argocdCapability "hub": `)
}

func TestTheMapIsThisInEachFormat(t *testing.T) {
	t.Parallel()
	m := read(t, small)
	text, err := json.MarshalIndent(m, "", "  ")
	require.NoError(t, err)
	golden(t, "small.json", string(text)+"\n")
	golden(t, "small.txt", m.Text())
	golden(t, "small.mermaid", m.Mermaid())
	golden(t, "small.dot", m.DOT())
}

// large are 20 roles over 3 clusters: the size at which the picture has to be readable still.
func large() string {
	clusters, roles, trusted := map[string]any{}, map[string]any{}, map[string]any{}
	for i, key := range []string{"hub", "workloads-eu", "workloads-us"} {
		clusters[key] = map[string]any{
			"name": "prod-" + key, "region": []string{"eu-west-1", "eu-west-1", "us-east-1"}[i], "account": []string{"111122223333", "111122223333", "222233334444"}[i],
		}
	}
	names := []string{
		"external-dns", "cert-manager", "cluster-autoscaler", "ebs-csi", "load-balancer", "external-secrets", "velero", "s3-backup", "audit", "orders",
		"invoices", "reports", "search", "mailer", "thumbnails", "ingest", "features", "exports", "ci-runners", "argocd",
	}
	namespaces := []string{"kube-system", "payments", "apps", "data"}
	for i, name := range names {
		key := []string{"hub", "workloads-eu", "workloads-us"}[i%3]
		account := []string{"111122223333", "111122223333", "222233334444"}[i%3]
		namespace := namespaces[i%4]
		accounts := map[string]any{key + "/" + namespace + "/" + name: []string{"2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", ""}[i/2%3]}
		switch {
		case name == "argocd":
			account = "111122223333"
			accounts = map[string]any{
				"hub/argocd/argocd-application-controller": "2026-01-31T12:00:00Z", "hub/argocd/argocd-server": "2026-01-31T12:00:00Z",
				"hub/argocd/argocd-applicationset-controller": "2026-01-31T12:00:00Z",
			}
		case name == "ci-runners":
			accounts = map[string]any{key + "/ci/*": ""}
		case i < 3: // in both clusters of the account
			account = "111122223333"
			accounts = map[string]any{"hub/kube-system/" + name: "2026-01-31T12:00:00Z", "workloads-eu/kube-system/" + name: "2026-01-31T12:00:00Z"}
		}
		roles[name] = map[string]any{"arn": "arn:aws:iam::" + account + ":role/prod-" + name}
		trusted[name] = map[string]any{
			"identity": []string{"irsa", "podIdentity", "irsa", "both"}[i%4], "serviceAccounts": accounts, "policies": [][]string{{name}, {"AmazonS3ReadOnlyAccess", name}}[i%2],
		}
	}
	text, _ := json.Marshal(map[string]any{
		"clusters": clusters, "roles": roles,
		"argocdTargets": map[string]any{
			"eu": map[string]any{"cluster": "prod-workloads-eu", "model": "direct", "via": "accessEntry", "principalArn": "arn:aws:iam::111122223333:role/prod-argocd"},
			"us": map[string]any{"cluster": "prod-workloads-us", "model": "role", "via": "accessEntry", "principalArn": "arn:aws:iam::222233334444:role/prod-argocd-us"},
		},
		"trust": map[string]any{"roles": trusted, "targets": map[string]any{
			"eu": map[string]any{"access": []string{"AmazonEKSClusterAdminPolicy"}, "proven": "2026-01-31T12:00:00Z"},
			"us": map[string]any{"access": []string{"AmazonEKSAdminPolicy in default"}, "proven": "2026-01-31T12:00:00Z"},
		}},
	})
	return string(text)
}

func TestAMapOfTwentyRolesOverThreeClustersHasThemAllOnce(t *testing.T) {
	t.Parallel()
	m := read(t, large())
	require.Len(t, m.Roles, 20)
	golden(t, "large.dot", m.DOT())
	golden(t, "large.txt", m.Text())
	for _, role := range m.Roles {
		assert.Equal(t, 1, strings.Count(m.DOT(), "[label=<"+role.Name+"<BR"), role.Name)
		assert.Equal(t, 1, strings.Count(m.Text(), "\n  "+role.Name+":"), role.Name)
	}
}

func TestOutputsWithoutAMapAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ outputs, want string }{
		{`{"trust": {"roles": {"app": {}}}}`, `role "app": "" is not an ARN; its form is arn:partition:service:region:account:resource`},
		{
			`{"roles": {"app": {"arn": "arn:aws:iam::111122223333:role/app"}}, "trust": {"roles": {"app": {"serviceAccounts": {"hub/app": ""}}}}}`,
			`role "app": "hub/app" is not <cluster>/<namespace>/<service account>`,
		},
		{
			`{"argocdTargets": {"edge": {"principalArn": "argocd"}}, "trust": {}}`,
			`argocdTargets "edge": "argocd" is not an ARN; its form is arn:partition:service:region:account:resource`,
		},
	} {
		_, err := trust.Read([]byte(test.outputs))
		require.EqualError(t, err, test.want)
	}
}

// role is what aws iam get-role prints of a role with a trust policy.
func role(name, policy string) string {
	return fmt.Sprintf(`{"RoleName": %q, "Arn": "arn:aws:iam::111122223333:role/%s", "AssumeRolePolicyDocument": %s}`, name, name, policy)
}

func statement(text string) string { return `{"Version": "2012-10-17", "Statement": [` + text + `]}` }

const (
	issuer     = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"
	ofPayments = `{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/` + issuer + `"}, "Action": "sts:AssumeRoleWithWebIdentity",
		"Condition": {"StringLike": {"` + issuer + `:sub": "system:serviceaccount:payments:*"}, "StringEquals": {"` + issuer + `:aud": "sts.amazonaws.com"}}}`
	ofRoot = `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "sts:AssumeRole"}`
	ofPods = `{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": {"StringEquals": {
		"aws:RequestTag/kubernetes-namespace": "payments", "aws:RequestTag/kubernetes-service-account": "app", "aws:SourceAccount": "111122223333"},
		"StringEqualsIgnoreCase": {"aws:RequestTag/eks-cluster-name": "prod"}}}`
)

func TestWhoMayAssumeRolesIsThisTable(t *testing.T) {
	t.Parallel()
	escaped := `"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22ec2.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D"`
	answers := `{"Roles": [` + role("backup", statement(ofPayments)) + `, ` + role("vendor", statement(ofRoot)) + `]}
		{"RoleDetailList": [` + role("app", statement(ofPods)) + `, ` + role("broken", `{"Statement": []}`) + `]}
		{"Role": ` + role("node", escaped) + `}
		{"Roles": [{"RoleName": "AWSServiceRoleForX", "Arn": "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
			"AssumeRolePolicyDocument": ` + statement(`{"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}, "Action": "sts:AssumeRole"}`) + `}]}`
	roles, err := trust.Review(strings.NewReader(answers))
	require.NoError(t, err)
	golden(t, "who.txt", trust.WhoText(roles))
	text, err := json.MarshalIndent(roles, "", "  ")
	require.NoError(t, err)
	golden(t, "who.json", string(text)+"\n")

	none, err := trust.Review(strings.NewReader(`{"Role": ` + role("node", escaped) + `}`))
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(trust.WhoText(none), "\nFINDINGS: none\n"))
}

// What cannot be read is the worst finding: nothing is known of who gets in.
func TestATrustPolicyThatCannotBeReadIsAFinding(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		`{"Role": ` + role("a", `"%zz"`) + `}`, `{"Role": ` + role("a", `{"Statement": 1}`) + `}`, `{"Role": {"RoleName": "a", "Arn": "a"}}`, `{"Role": {"RoleName": "a", "Arn": "arn:aws:iam::111122223333:role/a"}}`,
	} {
		roles, err := trust.Review(strings.NewReader(answer))
		require.NoError(t, err)
		require.Len(t, roles[0].Findings, 1, answer)
		assert.Equal(t, trust.Unreadable, roles[0].Findings[0].Kind)
		assert.Equal(t, iampolicy.Open, roles[0].Findings[0].Level)
		assert.Empty(t, roles[0].Trusted)
	}
}
