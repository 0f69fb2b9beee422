package iampolicy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

const clusterARN = "arn:aws:eks:eu-west-1:111122223333:cluster/hub"

func podIdentityTrust() iampolicy.ServiceAccountTrust {
	return iampolicy.ServiceAccountTrust{
		Clusters:        []string{clusterARN},
		ServiceAccounts: []iampolicy.ServiceAccountSubject{{Namespace: "default", Name: "iam-role-test"}},
	}
}

func TestTrustInPodIdentityEqualsItsGoldenFiles(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		mutate func(*iampolicy.ServiceAccountTrust)
	}{
		{"trust-pod-identity", func(*iampolicy.ServiceAccountTrust) {}},
		{"trust-both-ways", func(p *iampolicy.ServiceAccountTrust) { p.Providers = []string{providerARN} }},
		{"trust-pod-identity-several-clusters", func(p *iampolicy.ServiceAccountTrust) {
			p.Clusters = append(p.Clusters, "arn:aws:eks:us-east-1:111122223333:cluster/workloads")
			p.ServiceAccounts = argoCD()
		}},
		{"trust-pod-identity-several-namespaces", func(p *iampolicy.ServiceAccountTrust) {
			p.ServiceAccounts = []iampolicy.ServiceAccountSubject{
				{Namespace: "payments", Name: "reader"}, {Namespace: "orders", Name: "writer"}, {Namespace: "payments", Name: "auditor"},
			}
		}},
		{"trust-pod-identity-china", func(p *iampolicy.ServiceAccountTrust) {
			p.Clusters = []string{"arn:aws-cn:eks:cn-north-1:111122223333:cluster/hub"}
		}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			policy := podIdentityTrust()
			test.mutate(&policy)
			document, err := policy.Document()
			require.NoError(t, err)
			require.NoError(t, document.ValidateTrust())
			text, err := document.JSON()
			require.NoError(t, err)
			assertGolden(t, test.name, text)
		})
	}
}

// The values of one key are alternatives, so accounts of two namespaces in one statement would each be trusted in both.
func TestPodIdentityNeverMixesTheAccountsOfTwoNamespaces(t *testing.T) {
	t.Parallel()
	trust := podIdentityTrust()
	trust.ServiceAccounts = []iampolicy.ServiceAccountSubject{{Namespace: "a", Name: "one"}, {Namespace: "b", Name: "two"}, {Namespace: "a", Name: "three"}}
	document, err := trust.Document()
	require.NoError(t, err)
	pairs := map[string][]string{}
	for _, statement := range document.Statements {
		keys := statement.Condition[iampolicy.StringEquals]
		require.Len(t, keys["aws:RequestTag/kubernetes-namespace"], 1)
		namespace := keys["aws:RequestTag/kubernetes-namespace"][0]
		pairs[namespace] = append(pairs[namespace], keys["aws:RequestTag/kubernetes-service-account"]...)
	}
	assert.Equal(t, map[string][]string{"a": {"one", "three"}, "b": {"two"}}, pairs)
}

func TestTrustInPodIdentityRefuses(t *testing.T) {
	t.Parallel()
	const form = "its form is arn:<partition>:eks:<region>:<account>:cluster/<name>"
	cases := []struct {
		name   string
		mutate func(*iampolicy.ServiceAccountTrust)
		want   string
	}{
		{"no cluster of either kind", func(p *iampolicy.ServiceAccountTrust) { p.Clusters = nil }, "providers: is empty; at least one cluster is needed"},
		{
			"the name of a cluster", func(p *iampolicy.ServiceAccountTrust) { p.Clusters[0] = "hub" },
			`clusters[0]: "hub" is not the ARN of an EKS cluster; ` + form,
		},
		{
			"another resource of EKS", func(p *iampolicy.ServiceAccountTrust) {
				p.Clusters[0] = "arn:aws:eks:eu-west-1:111122223333:nodegroup/hub/nodes/1"
			},
			`clusters[0]: "arn:aws:eks:eu-west-1:111122223333:nodegroup/hub/nodes/1" is not the ARN of an EKS cluster; ` + form,
		},
		{
			"a pattern in the ARN", func(p *iampolicy.ServiceAccountTrust) { p.Clusters[0] = "arn:aws:eks:eu-west-1:111122223333:cluster/*" },
			`clusters[0]: "arn:aws:eks:eu-west-1:111122223333:cluster/*" is not the ARN of an EKS cluster; ` + form,
		},
		{
			"a cluster twice", func(p *iampolicy.ServiceAccountTrust) { p.Clusters = append(p.Clusters, clusterARN) },
			"clusters[1]: " + clusterARN + " is clusters[0] already",
		},
		{
			"clusters of two accounts", func(p *iampolicy.ServiceAccountTrust) {
				p.Clusters = append(p.Clusters, "arn:aws:eks:eu-west-1:444455556666:cluster/other")
			},
			"clusters[1]: arn:aws:eks:eu-west-1:444455556666:cluster/other is in another account than " + clusterARN +
				"; EKS Pod Identity knows roles of the cluster's own account only",
		},
		{
			"a pattern", func(p *iampolicy.ServiceAccountTrust) {
				p.ServiceAccounts = []iampolicy.ServiceAccountSubject{{Namespace: "ci", NamePattern: "runner-*"}}
			},
			"serviceAccounts[0].namePattern: EKS Pod Identity knows no patterns; name each service account, or leave the role with IRSA",
		},
		{
			"no service account", func(p *iampolicy.ServiceAccountTrust) { p.ServiceAccounts = nil },
			"serviceAccounts: is empty; at least one service account is needed",
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			policy := podIdentityTrust()
			test.mutate(&policy)
			_, err := policy.Document()
			require.EqualError(t, err, test.want)
			require.EqualError(t, policy.Validate(0, 0), test.want)
		})
	}
}

func TestTrustThatWillBeTooLongIsRefusedBeforeTheClustersAreKnown(t *testing.T) {
	t.Parallel()
	trust := podIdentityTrust()
	require.NoError(t, trust.Validate(0, 20))
	require.ErrorContains(t, trust.Validate(0, 60), "and IAM allows 2048")
	require.ErrorContains(t, trust.Validate(9, 0), "and IAM allows 2048")
}

func TestBreadthOfADocument(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, statement    string
		everything, writes bool
	}{
		{"everything", `"Action": "*", "Resource": "*"`, true, true},
		{"a service on everything", `"Action": "s3:*", "Resource": "*"`, true, true},
		{"all but one action", `"NotAction": "iam:CreateUser", "Resource": "*"`, true, true},
		{"everything but one resource", `"Action": "s3:*", "NotResource": "arn:aws:s3:::secret"`, true, true},
		{"a service on one bucket", `"Action": "s3:*", "Resource": "arn:aws:s3:::my-bucket/*"`, false, true},
		{"a service with a condition", `"Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}`, false, true},
		{"an action on everything", `"Action": "ec2:RunInstances", "Resource": "*"`, false, true},
		{"reading", `"Action": ["s3:GetObject", "s3:List*", "ec2:describeinstances"], "Resource": "*"`, false, false},
		{"a pattern that ends as one that reads", `"Action": "s3:*Get", "Resource": "*"`, false, true},
		{"a license that is checked in", `"Action": "license-manager:CheckInLicense", "Resource": "*"`, false, true},
		{"reading and one that writes", `"Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::b/*"`, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			document, err := iampolicy.Parse(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", ` + test.statement + `}]}`)
			require.NoError(t, err)
			assert.Equal(t, test.everything, document.AllowsEverything())
			assert.Equal(t, test.writes, document.Writes())
			denied, err := iampolicy.Parse(`{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", ` + test.statement + `}]}`)
			require.NoError(t, err)
			assert.False(t, denied.AllowsEverything() || denied.Writes(), "a Deny allows nothing")
		})
	}
}

func TestConditionsNarrowEveryStatementOfACluster(t *testing.T) {
	t.Parallel()
	trust := podIdentityTrust()
	trust.Providers = []string{providerARN}
	trust.ExtraStatements = []iampolicy.Statement{selfAssume()}
	plain, err := trust.Document()
	require.NoError(t, err)
	trust.Conditions = iampolicy.Condition{
		iampolicy.StringEquals: {"aws:ResourceOrgID": {"o-example"}}, iampolicy.StringLike: {"aws:RequestTag/kubernetes-namespace": {"def*"}},
	}
	narrowed, err := trust.Document()
	require.NoError(t, err)
	require.Len(t, narrowed.Statements, 3)
	for i, statement := range narrowed.Statements[:2] {
		before := plain.Statements[i]
		for operator, keys := range before.Condition {
			for key, values := range keys {
				assert.Equal(t, values, statement.Condition[operator][key], "what was there stays")
			}
		}
		assert.Equal(t, iampolicy.Strings{"o-example"}, statement.Condition[iampolicy.StringEquals]["aws:ResourceOrgID"])
		assert.Equal(t, iampolicy.Strings{"def*"}, statement.Condition[iampolicy.StringLike]["aws:RequestTag/kubernetes-namespace"])
		statement.Condition = before.Condition
		assert.Equal(t, before, statement, "and nothing else changes")
	}
	assert.Equal(t, plain.Statements[2], narrowed.Statements[2], "further statements have their own conditions")
}

func TestConditionsNeverWiden(t *testing.T) {
	t.Parallel()
	const tag = "aws:RequestTag/kubernetes-namespace"
	for name, test := range map[string]struct {
		conditions iampolicy.Condition
		want       string
	}{
		"another namespace": {
			iampolicy.Condition{iampolicy.StringEquals: {tag: {"kube-system"}}},
			`conditions: statement 1: StringEquals["` + tag + `"]: is set by the policy itself; another value would widen it`,
		},
		"another namespace, in capitals": {
			iampolicy.Condition{iampolicy.StringEquals: {"AWS:REQUESTTAG/KUBERNETES-NAMESPACE": {"kube-system"}}},
			`conditions: statement 1: StringEquals["AWS:REQUESTTAG/KUBERNETES-NAMESPACE"]: is set by the policy itself; another value would widen it`,
		},
		"another subject": {
			iampolicy.Condition{iampolicy.StringEquals: {issuer + ":sub": {"system:serviceaccount:default:other"}}},
			`conditions: statement 0: StringEquals["` + issuer + `:sub"]: is set by the policy itself; another value would widen it`,
		},
		"no values": {
			iampolicy.Condition{iampolicy.StringEquals: {"aws:PrincipalOrgID": {}}},
			`conditions.StringEquals["aws:PrincipalOrgID"]: has no values; a condition needs at least one`,
		},
		"no operator": {iampolicy.Condition{"Equals": {"aws:PrincipalOrgID": {"o-example"}}}, "conditions.Equals: is not a condition operator"},
		"a VPC, which EKS Pod Identity does not know": {
			iampolicy.Condition{iampolicy.StringEquals: {"aws:SourceVpc": {"vpc-1"}}},
			`conditions.StringEquals["aws:SourceVpc"]: is in no request of EKS Pod Identity, which would let no pod have the role`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trust := podIdentityTrust()
			trust.Providers, trust.Conditions = []string{providerARN}, test.conditions
			_, err := trust.Document()
			require.EqualError(t, err, test.want)
		})
	}
	trust := trustPolicy()
	trust.Conditions = iampolicy.Condition{iampolicy.StringEquals: {"aws:SourceVpc": {"vpc-1"}}}
	_, err := trust.Document()
	require.NoError(t, err, "pods with IRSA call STS themselves")
}

func TestServiceAccountsAreTrustedInSomeClusters(t *testing.T) {
	t.Parallel()
	trust := podIdentityTrust()
	trust.Providers = []string{providerARN, provider("aws", "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE2")}
	trust.Clusters = append(trust.Clusters, "arn:aws:eks:us-east-1:111122223333:cluster/workloads")
	trust.ServiceAccounts = []iampolicy.ServiceAccountSubject{
		{Namespace: "apps", Name: "everywhere"}, {Namespace: "apps", Name: "hub-only", In: []int{0}}, {Namespace: "apps", Name: "workloads-only", In: []int{1}},
	}
	text, err := trust.JSON()
	require.NoError(t, err)
	assertGolden(t, "trust-some-clusters", text)

	trust.ServiceAccounts = trust.ServiceAccounts[1:2]
	_, err = trust.Document()
	require.EqualError(t, err, "serviceAccounts: has none in cluster 1")
	trust.ServiceAccounts[0].In = []int{2}
	_, err = trust.Document()
	require.EqualError(t, err, "serviceAccounts[0].in[0]: 2 is the index of no cluster\nserviceAccounts: has none in cluster 0")
}

func TestClusterARNHasTheNameOfItsCluster(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 100)
	for text, want := range map[string]string{
		clusterARN: "hub", "arn:aws-cn:eks:cn-north-1:111122223333:cluster/A_b-1": "A_b-1",
		"arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/" + long: long,
	} {
		arn, err := iampolicy.ParseClusterARN(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, arn.ClusterName())
	}
	for _, text := range []string{
		"", "hub", clusterARN + "/", "arn:aws:eks:eu-west-1:111122223333:cluster/", "arn:aws:eks:eu-west-1:111122223333:cluster/" + long + "a",
		"arn:aws:eks::111122223333:cluster/hub", "arn:aws:eks:eu-west-1::cluster/hub", "arn:aws:ecs:eu-west-1:111122223333:cluster/hub",
	} {
		_, err := iampolicy.ParseClusterARN(text)
		require.ErrorContains(t, err, "is not the ARN of an EKS cluster", text)
	}
}
