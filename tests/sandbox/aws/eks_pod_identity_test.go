package aws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// podsStatement is a statement of a trust policy for EKS Pod Identity, with more of its members, such as a condition.
func podsStatement(effect, more string) string {
	return `{"Effect":"` + effect + `","Principal":{"Service":"pods.eks.amazonaws.com"},` +
		`"Action":["sts:AssumeRole","sts:TagSession"]` + more + `}`
}

// createPodRole makes a role with such a trust policy, or with another one.
func (e endpoint) createPodRole(t *testing.T, statements ...string) (arn string) {
	t.Helper()
	if len(statements) == 0 {
		statements = []string{podsStatement("Allow", "")}
	}
	name := unique("pods")
	made, err := e.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: aws.String("/pods/"), AssumeRolePolicyDocument: aws.String(document(statements...)),
	})
	require.NoError(t, err)
	return *made.Role.Arn
}

func (e endpoint) associate(t *testing.T, cluster, namespace, serviceAccount, roleArn string) *ekstypes.PodIdentityAssociation {
	t.Helper()
	made, err := e.eks().CreatePodIdentityAssociation(t.Context(), &awseks.CreatePodIdentityAssociationInput{
		ClusterName: &cluster, Namespace: &namespace, ServiceAccount: &serviceAccount, RoleArn: &roleArn,
	})
	require.NoError(t, err)
	return made.Association
}

func TestPodIdentityAssociationsRoundTrip(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	cluster, first, second := e.addCluster(t, nil), e.createPodRole(t), e.createPodRole(t)

	made, err := e.eks().CreatePodIdentityAssociation(t.Context(), &awseks.CreatePodIdentityAssociationInput{
		ClusterName: &cluster, Namespace: aws.String("payments"), ServiceAccount: aws.String("s3-backup"), RoleArn: &first,
		Tags: map[string]string{"team": "a"},
	})
	require.NoError(t, err)
	association := made.Association
	assert.Regexp(t, `^a-[a-z0-9]{17}$`, *association.AssociationId)
	assert.Equal(t, "arn:aws:eks:"+region+":"+account+":podidentityassociation/"+cluster+"/"+*association.AssociationId,
		*association.AssociationArn)
	assert.Equal(t, []string{cluster, "payments", "s3-backup", first}, []string{
		*association.ClusterName, *association.Namespace, *association.ServiceAccount, *association.RoleArn,
	})
	assert.Equal(t, map[string]string{"team": "a"}, association.Tags)
	assert.True(t, e.HasPodIdentityAssociation(region, cluster, "payments", "s3-backup"))
	assert.False(t, e.HasPodIdentityAssociation(region, cluster, "payments", "other"))
	assert.False(t, e.HasPodIdentityAssociation(region, "none", "payments", "s3-backup"))

	which := &awseks.DescribePodIdentityAssociationInput{ClusterName: &cluster, AssociationId: association.AssociationId}
	described, err := e.eks().DescribePodIdentityAssociation(t.Context(), which)
	require.NoError(t, err)
	assert.Equal(t, association, described.Association)

	updated, err := e.eks().UpdatePodIdentityAssociation(t.Context(), &awseks.UpdatePodIdentityAssociationInput{
		ClusterName: &cluster, AssociationId: association.AssociationId, RoleArn: &second,
	})
	require.NoError(t, err)
	assert.Equal(t, second, *updated.Association.RoleArn)
	assert.False(t, updated.Association.ModifiedAt.Before(*association.ModifiedAt))
	_, err = e.eks().TagResource(t.Context(), &awseks.TagResourceInput{
		ResourceArn: association.AssociationArn, Tags: map[string]string{"stage": "dev"},
	})
	require.NoError(t, err)
	described, err = e.eks().DescribePodIdentityAssociation(t.Context(), which)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"team": "a", "stage": "dev"}, described.Association.Tags)

	_, err = e.eks().DeletePodIdentityAssociation(t.Context(), &awseks.DeletePodIdentityAssociationInput{
		ClusterName: &cluster, AssociationId: association.AssociationId,
	})
	require.NoError(t, err)
	assert.False(t, e.HasPodIdentityAssociation(region, cluster, "payments", "s3-backup"))
	_, err = e.eks().DescribePodIdentityAssociation(t.Context(), which)
	requireAPIError(t, err, "ResourceNotFoundException",
		"No association found for association ID: "+*association.AssociationId+".")
}

func TestPodIdentityAssociationsAreListed(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	cluster, role := e.addCluster(t, nil), e.createPodRole(t)
	for _, account := range []string{"one/a", "one/b", "two/a"} {
		namespace, name, _ := strings.Cut(account, "/")
		e.associate(t, cluster, namespace, name, role)
	}
	for name, test := range map[string]struct {
		namespace, serviceAccount string
		want                      []string
	}{
		"all":                 {"", "", []string{"one/a", "one/b", "two/a"}},
		"of a namespace":      {"one", "", []string{"one/a", "one/b"}},
		"of one name":         {"", "a", []string{"one/a", "two/a"}},
		"of one account":      {"two", "a", []string{"two/a"}},
		"where there is none": {"two", "b", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			input := &awseks.ListPodIdentityAssociationsInput{ClusterName: &cluster, MaxResults: aws.Int32(2)}
			if test.namespace != "" {
				input.Namespace = &test.namespace
			}
			if test.serviceAccount != "" {
				input.ServiceAccount = &test.serviceAccount
			}
			var found []string
			pages := awseks.NewListPodIdentityAssociationsPaginator(e.eks(), input)
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				require.NoError(t, err)
				for _, a := range page.Associations {
					found = append(found, *a.Namespace+"/"+*a.ServiceAccount)
				}
			}
			assert.ElementsMatch(t, test.want, found)
		})
	}
}

const badTrust = "Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue."

func TestAnAssociationNeedsARoleThatTrustsPods(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	cluster := e.addCluster(t, nil)
	e.administrator(t, "aws")
	mismatch := `,"Condition":{"StringEquals":{"aws:RequestTag/kubernetes-namespace":"elsewhere"}}`
	existing := e.createPodRole(t)
	for name, test := range map[string]struct {
		role    string
		message string // nothing: it is taken
	}{
		"one that trusts them": {existing, ""},
		"under a condition":    {e.createPodRole(t, podsStatement("Allow", mismatch)), ""},
		"denied under another": {e.createPodRole(t, podsStatement("Allow", ""), podsStatement("Deny", mismatch)), ""},
		"in two statements":    {e.createPodRole(t, action("sts:AssumeRole"), action("sts:TagSession")), ""},
		"without tags":         {e.createPodRole(t, action("sts:AssumeRole")), badTrust},
		"with tags alone":      {e.createPodRole(t, action("sts:TagSession")), badTrust},
		"of another service":   {e.createPodRole(t, strings.ReplaceAll(podsStatement("Allow", ""), "pods.eks", "eks")), badTrust},
		"that denies them":     {e.createPodRole(t, podsStatement("Allow", ""), podsStatement("Deny", "")), badTrust},
		"that does not exist":  {"arn:aws:iam::" + account + ":role/none", "Role provided in the request does not exist."},
		"with another path":    {strings.Replace(existing, "/pods/", "/", 1), "Role provided in the request does not exist."},
		"of another account":   {"arn:aws:iam::" + otherAccount + ":role/" + sandboxaws.AccountAccessRole, "Cross-account pass role is not allowed."},
		"of another partition": {strings.Replace(existing, "arn:aws:", "arn:aws-cn:", 1), "Cross-account pass role is not allowed."},
		"that is a user":       {"arn:aws:iam::" + account + ":user/x", `The roleArn "arn:aws:iam::` + account + `:user/x" is not the ARN of an IAM role.`},
		"that is no ARN":       {"x", `The roleArn "x" is not the ARN of an IAM role.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := e.eks().CreatePodIdentityAssociation(t.Context(), &awseks.CreatePodIdentityAssociationInput{
				ClusterName: &cluster, Namespace: aws.String("default"), ServiceAccount: aws.String(unique("account")), RoleArn: &test.role,
			})
			if test.message == "" {
				require.NoError(t, err)
				return
			}
			requireAPIError(t, err, "InvalidParameterException", test.message)
		})
	}
	t.Run("an update does, too", func(t *testing.T) {
		t.Parallel()
		association := e.associate(t, cluster, "default", unique("account"), existing)
		_, err := e.eks().UpdatePodIdentityAssociation(t.Context(), &awseks.UpdatePodIdentityAssociationInput{
			ClusterName: &cluster, AssociationId: association.AssociationId, RoleArn: aws.String(e.createPodRole(t, action("sts:AssumeRole"))),
		})
		requireAPIError(t, err, "InvalidParameterException", badTrust)
	})
}

// action is a statement that allows EKS Pod Identity one action.
func action(name string) string {
	return `{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":"` + name + `"}`
}

func TestAnAssociationIsOfOneAccountOfOneCluster(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	cluster, other, role := e.addCluster(t, nil), e.addCluster(t, nil), e.createPodRole(t)
	input := func(cluster, namespace, name string) *awseks.CreatePodIdentityAssociationInput {
		return &awseks.CreatePodIdentityAssociationInput{
			ClusterName: &cluster, Namespace: &namespace, ServiceAccount: &name, RoleArn: &role,
		}
	}
	retried := input(cluster, "payments", "s3-backup")
	retried.ClientRequestToken = aws.String("once")
	first, err := e.eks().CreatePodIdentityAssociation(t.Context(), retried)
	require.NoError(t, err)

	again, err := e.eks().CreatePodIdentityAssociation(t.Context(), retried)
	require.NoError(t, err, "the same request again")
	assert.Equal(t, first.Association.AssociationId, again.Association.AssociationId)
	_, err = e.eks().CreatePodIdentityAssociation(t.Context(), input(cluster, "payments", "s3-backup"))
	requireAPIError(t, err, "ResourceInUseException", "Association already exists: "+*first.Association.AssociationId)

	for _, namespace := range []string{"*", "pay*", "Payments", ""} {
		_, err = e.eks().CreatePodIdentityAssociation(t.Context(), input(cluster, namespace, "x"))
		requireAPIError(t, err, "InvalidParameterException", `The namespace "`+namespace+`" is not the name of a Kubernetes namespace.`)
	}
	_, err = e.eks().CreatePodIdentityAssociation(t.Context(), input(cluster, "payments", "s3-*"))
	requireAPIError(t, err, "InvalidParameterException", `The serviceAccount "s3-*" is not the name of a Kubernetes service account.`)
	_, err = e.eks().CreatePodIdentityAssociation(t.Context(), input("none", "payments", "s3-backup"))
	requireAPIError(t, err, "ResourceNotFoundException", "No cluster found for name: none.")

	e.associate(t, other, "payments", "s3-backup", role)
	_, err = e.eks().DescribePodIdentityAssociation(t.Context(), &awseks.DescribePodIdentityAssociationInput{
		ClusterName: &other, AssociationId: first.Association.AssociationId,
	})
	requireAPIError(t, err, "ResourceNotFoundException",
		"No association found for association ID: "+*first.Association.AssociationId+".")
}

func TestAnAssociationTakesThePermissionToPassItsRole(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	cluster, passed := e.addCluster(t, nil), e.createPodRole(t)
	clusterArn := "arn:aws:eks:" + region + ":" + account + ":cluster/" + cluster
	create := statement("Allow", "eks:CreatePodIdentityAssociation", clusterArn)
	pass := func(service, cluster string) string {
		return `{"Effect":"Allow","Action":"iam:PassRole","Resource":"` + passed + `","Condition":{` +
			`"StringEquals":{"iam:PassedToService":"` + service + `"},"ArnEquals":{"iam:AssociatedResourceArn":"` + cluster + `"}}}`
	}
	for name, test := range map[string]struct {
		statements       []string
		denied, resource string // nothing: it is allowed
	}{
		"both":                {[]string{create, pass("pods.eks.amazonaws.com", clusterArn)}, "", ""},
		"no passing":          {[]string{create}, "iam:PassRole", passed},
		"passing to EC2":      {[]string{create, pass("ec2.amazonaws.com", clusterArn)}, "iam:PassRole", passed},
		"passing for another": {[]string{create, pass("pods.eks.amazonaws.com", clusterArn+"2")}, "iam:PassRole", passed},
		"passing alone":       {[]string{pass("pods.eks.amazonaws.com", clusterArn)}, "eks:CreatePodIdentityAssociation", clusterArn},
		"another cluster":     {[]string{statement("Allow", "eks:Create*", clusterArn+"2")}, "eks:CreatePodIdentityAssociation", clusterArn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			role := e.createRole(t, "/", unique("deployer"))
			e.putPolicy(t, *role.RoleName, "allow", test.statements...)
			_, err := e.as(t, *role.Arn).eks().CreatePodIdentityAssociation(t.Context(), &awseks.CreatePodIdentityAssociationInput{
				ClusterName: &cluster, Namespace: aws.String("default"), ServiceAccount: aws.String(unique("account")), RoleArn: &passed,
			})
			if test.denied == "" {
				require.NoError(t, err)
				return
			}
			requireAPIError(t, err, "AccessDeniedException",
				denied(*role.RoleName, test.denied, test.resource, noPolicy(test.denied)))
		})
	}
}

func TestWhatTheOtherCallsOfAssociationsAndAddonsTake(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	cluster, role := e.addCluster(t, nil), e.createPodRole(t)
	association := e.associate(t, cluster, "default", "x", role)
	addon, err := e.eks().DescribeAddon(t.Context(), &awseks.DescribeAddonInput{
		ClusterName: &cluster, AddonName: aws.String(sandboxaws.PodIdentityAgent),
	})
	require.NoError(t, err)
	clusterArn := "arn:aws:eks:" + region + ":" + account + ":cluster/" + cluster
	for name, test := range map[string]struct {
		resource string
		call     func(endpoint) error
	}{
		"eks:DescribePodIdentityAssociation": {*association.AssociationArn, func(e endpoint) error {
			_, err := e.eks().DescribePodIdentityAssociation(t.Context(), &awseks.DescribePodIdentityAssociationInput{
				ClusterName: &cluster, AssociationId: association.AssociationId,
			})
			return err
		}},
		"eks:ListPodIdentityAssociations": {clusterArn, func(e endpoint) error {
			_, err := e.eks().ListPodIdentityAssociations(t.Context(), &awseks.ListPodIdentityAssociationsInput{ClusterName: &cluster})
			return err
		}},
		"eks:DescribeAddon": {*addon.Addon.AddonArn, func(e endpoint) error {
			_, err := e.eks().DescribeAddon(t.Context(), &awseks.DescribeAddonInput{
				ClusterName: &cluster, AddonName: aws.String(sandboxaws.PodIdentityAgent),
			})
			return err
		}},
		"eks:ListAddons": {clusterArn, func(e endpoint) error {
			_, err := e.eks().ListAddons(t.Context(), &awseks.ListAddonsInput{ClusterName: &cluster})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			able := e.createRole(t, "/", unique("able"))
			e.allow(t, *able.RoleName, name, test.resource)
			require.NoError(t, test.call(e.as(t, *able.Arn)))
			unable := e.createRole(t, "/", unique("unable"))
			e.allow(t, *unable.RoleName, name, test.resource+"2")
			requireAPIError(t, test.call(e.as(t, *unable.Arn)), "AccessDeniedException",
				denied(*unable.RoleName, name, test.resource, noPolicy(name)))
		})
	}
}

func TestTheAgentIsAnAddonThatCanBeTakenAway(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	cluster := e.addCluster(t, nil)
	which := &awseks.DescribeAddonInput{ClusterName: &cluster, AddonName: aws.String(sandboxaws.PodIdentityAgent)}
	found, err := e.eks().DescribeAddon(t.Context(), which)
	require.NoError(t, err)
	assert.Equal(t, ekstypes.AddonStatusActive, found.Addon.Status)
	assert.Regexp(t, `^arn:aws:eks:eu-west-1:123456789012:addon/`+cluster+`/eks-pod-identity-agent/`+uuid.String()+`$`, *found.Addon.AddonArn)
	assert.True(t, e.HasAddon(region, cluster, sandboxaws.PodIdentityAgent))
	names, err := e.eks().ListAddons(t.Context(), &awseks.ListAddonsInput{ClusterName: &cluster})
	require.NoError(t, err)
	assert.Equal(t, []string{sandboxaws.PodIdentityAgent}, names.Addons)

	_, err = e.eks().DeleteAddon(t.Context(), &awseks.DeleteAddonInput{ClusterName: &cluster, AddonName: which.AddonName})
	require.NoError(t, err)
	_, err = e.eks().DescribeAddon(t.Context(), which)
	requireAPIError(t, err, "ResourceNotFoundException", "No addon: eks-pod-identity-agent found in cluster: "+cluster)
	assert.False(t, e.HasAddon(region, cluster, sandboxaws.PodIdentityAgent))

	create := &awseks.CreateAddonInput{ClusterName: &cluster, AddonName: which.AddonName, Tags: map[string]string{"a": "b"}}
	_, err = e.eks().CreateAddon(t.Context(), create)
	require.NoError(t, err)
	found, err = e.eks().DescribeAddon(t.Context(), which)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "b"}, found.Addon.Tags)
	create.ClientRequestToken = nil
	_, err = e.eks().CreateAddon(t.Context(), create)
	requireAPIError(t, err, "ResourceInUseException", "Addon already exists.")
	_, err = e.eks().CreateAddon(t.Context(), &awseks.CreateAddonInput{ClusterName: &cluster, AddonName: aws.String("vpc-cni")})
	requireAPIError(t, err, "InvalidParameterException", "The sandbox has no add-on but eks-pod-identity-agent.")
}
