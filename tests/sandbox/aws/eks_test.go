package aws_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

const (
	clusterAdmin = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
	edit         = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"
	view         = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
)

func TestDescribeClusterShowsWhatWasAdded(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	c := validCluster(t)
	require.NoError(t, e.AddCluster(c))

	answer, err := e.eks().DescribeCluster(t.Context(), &awseks.DescribeClusterInput{Name: &c.Name})

	require.NoError(t, err)
	got := answer.Cluster
	assert.Equal(t, c.Name, *got.Name)
	assert.Equal(t, "arn:aws:eks:eu-west-1:123456789012:cluster/"+c.Name, *got.Arn)
	assert.Equal(t, types.ClusterStatusActive, got.Status)
	assert.Equal(t, "1.34", *got.Version)
	assert.Equal(t, c.Endpoint, *got.Endpoint)
	assert.Equal(t, base64.StdEncoding.EncodeToString(c.CertificateAuthority), *got.CertificateAuthority.Data)
	assert.Equal(t, c.Issuer, *got.Identity.Oidc.Issuer)
	assert.Equal(t, types.AuthenticationModeApiAndConfigMap, got.AccessConfig.AuthenticationMode)
	assert.WithinDuration(t, time.Now(), *got.CreatedAt, time.Minute)
}

func TestClustersBelongToOneAccountAndRegion(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	here := e.addCluster(t, nil)
	second := e.addCluster(t, nil)
	elsewhere := e.addCluster(t, func(c *sandboxaws.Cluster) {
		c.Region, c.Issuer = "us-east-2", newIssuer("us-east-2")
	})
	foreign := e.addCluster(t, func(c *sandboxaws.Cluster) { c.Account, c.CreatorArn = otherAccount, "" })
	outsider := e.administrator(t, "aws")

	for _, test := range []struct {
		name   string
		caller endpoint
		want   []string
	}{
		{"the operator", e, []string{here, second}},
		{"the operator in another region", e.in("us-east-2"), []string{elsewhere}},
		{"a role of another account", outsider, []string{foreign}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer, err := test.caller.eks().ListClusters(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, test.want, answer.Clusters)
		})
	}

	_, err := outsider.eks().DescribeCluster(t.Context(), &awseks.DescribeClusterInput{Name: &here})
	requireAPIError(t, err, "ResourceNotFoundException", "No cluster found for name: "+here+".")
}

func TestAddClusterReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)

	err := e.AddCluster(sandboxaws.Cluster{
		Name: "_", Account: "12", Region: "europe", Version: "2", Endpoint: "http://x", CertificateAuthority: []byte("x"),
		Issuer: "https://example.com", AuthenticationMode: "IAM",
	})

	require.Error(t, err)
	for _, fault := range []string{
		`adding cluster "_": Name "_" must be 1-100 letters, digits, - and _, a letter or digit first`,
		`Account "12" must be 12 digits`,
		`Region "europe" must be like eu-west-1`,
		`Version "2" must be like 1.34`,
		`Endpoint "http://x" must be an https URL`,
		`CertificateAuthority "x" must be a PEM certificate`,
		`Issuer "https://example.com" must be https://oidc.eks.<region>.amazonaws.com/id/<32 upper-case hex digits>`,
		`AuthenticationMode "IAM" must be API, API_AND_CONFIG_MAP or CONFIG_MAP`,
	} {
		assert.ErrorContains(t, err, fault)
	}
}

func TestAddClusterRefusesWhatAccessEntryCouldNotTellApart(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	c := validCluster(t)
	require.NoError(t, e.AddCluster(c))
	c.Account, c.CreatorArn = otherAccount, ""
	require.ErrorContains(t, e.AddCluster(c), "region eu-west-1 has a cluster of this name, in account 123456789012")

	unknown := validCluster(t)
	unknown.CreatorArn = "arn:aws:iam::123456789012:role/" + unique("nobody")
	assert.ErrorContains(t, e.AddCluster(unknown), "The specified principalArn is invalid: invalid principal.")
}

func TestTheCreatorGetsTheBootstrapEntry(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	creator := *e.createRole(t, "/", unique("creator")).Arn
	for mode, want := range map[string][]string{
		"API": {creator}, "API_AND_CONFIG_MAP": {creator}, "CONFIG_MAP": nil,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			name := e.addCluster(t, func(c *sandboxaws.Cluster) { c.AuthenticationMode, c.CreatorArn = mode, creator })

			entry, ok := e.AccessEntry(region, name, creator)

			require.Equal(t, want != nil, ok)
			if ok {
				assert.Equal(t, "STANDARD", entry.Type)
				assert.Equal(t, []sandboxaws.AccessPolicy{{Arn: clusterAdmin}}, entry.Policies)
				answer, err := e.eks().ListAccessEntries(t.Context(), &awseks.ListAccessEntriesInput{ClusterName: &name})
				require.NoError(t, err)
				assert.Equal(t, want, answer.AccessEntries)
			}
		})
	}
}

func TestTheOperatorIsACreator(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)

	entry, ok := e.AccessEntry(region, name, operatorArn)

	require.True(t, ok)
	assert.Equal(t, sandboxaws.AccessEntry{
		PrincipalArn: operatorArn, Username: operatorArn, Type: "STANDARD", Policies: []sandboxaws.AccessPolicy{{Arn: clusterAdmin}},
	}, entry)
}

func TestAccessEntriesRoundTrip(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/teams/", unique("deployer"))

	created, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{
		ClusterName: &name, PrincipalArn: role.Arn, KubernetesGroups: []string{"viewers"}, Tags: map[string]string{"team": "a"},
	})
	require.NoError(t, err)
	entry := created.AccessEntry
	assert.Equal(t, name, *entry.ClusterName)
	assert.Equal(t, "arn:aws:iam::123456789012:role/teams/"+*role.RoleName, *entry.PrincipalArn)
	assert.Equal(t, "arn:aws:sts::123456789012:assumed-role/"+*role.RoleName+"/{{SessionName}}", *entry.Username)
	assert.Equal(t, "STANDARD", *entry.Type)
	assert.Equal(t, []string{"viewers"}, entry.KubernetesGroups)
	assert.Equal(t, map[string]string{"team": "a"}, entry.Tags)
	assert.Equal(t, "arn:aws:eks:eu-west-1:123456789012:access-entry/"+name+"/role/123456789012/"+*role.RoleName+"/<uuid>",
		uuid.ReplaceAllString(*entry.AccessEntryArn, "<uuid>"))
	assert.WithinDuration(t, time.Now(), *entry.CreatedAt, time.Minute)

	described, err := e.eks().DescribeAccessEntry(t.Context(), &awseks.DescribeAccessEntryInput{
		ClusterName: &name, PrincipalArn: role.Arn,
	})
	require.NoError(t, err)
	assert.Equal(t, entry, described.AccessEntry)

	updated, err := e.eks().UpdateAccessEntry(t.Context(), &awseks.UpdateAccessEntryInput{
		ClusterName: &name, PrincipalArn: role.Arn, Username: aws.String("deploy:{{SessionName}}"),
	})
	require.NoError(t, err)
	assert.Equal(t, "deploy:{{SessionName}}", *updated.AccessEntry.Username)
	assert.Equal(t, []string{"viewers"}, updated.AccessEntry.KubernetesGroups, "what is not given stays")
	updated, err = e.eks().UpdateAccessEntry(t.Context(), &awseks.UpdateAccessEntryInput{
		ClusterName: &name, PrincipalArn: role.Arn, KubernetesGroups: []string{},
	})
	require.NoError(t, err)
	assert.Empty(t, updated.AccessEntry.KubernetesGroups)
	assert.Equal(t, "deploy:{{SessionName}}", *updated.AccessEntry.Username)

	_, err = e.eks().DeleteAccessEntry(t.Context(), &awseks.DeleteAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn})
	require.NoError(t, err)
	_, found := e.AccessEntry(region, name, *role.Arn)
	assert.False(t, found)
}

func TestAnIAMUserIsCalledByItsArn(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	user, err := e.iam().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(unique("user"))})
	require.NoError(t, err)

	created, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{
		ClusterName: &name, PrincipalArn: user.User.Arn,
	})

	require.NoError(t, err)
	assert.Equal(t, *user.User.Arn, *created.AccessEntry.Username)
	_, found := e.AccessEntry(region, name, *user.User.Arn)
	assert.True(t, found)
}

func TestANodeEntryHasItsNameAndGroupsFromEKS(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/", unique("nodes"))

	created, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{
		ClusterName: &name, PrincipalArn: role.Arn, Type: aws.String("EC2_LINUX"),
	})

	require.NoError(t, err)
	assert.Equal(t, "EC2_LINUX", *created.AccessEntry.Type)
	assert.Equal(t, "system:node:{{EC2PrivateDNSName}}", *created.AccessEntry.Username)
	assert.Equal(t, []string{"system:nodes"}, created.AccessEntry.KubernetesGroups)
	const onlyStandard = `This operation can only be performed on Access Entries with a type of "STANDARD".`
	_, err = e.eks().UpdateAccessEntry(t.Context(), &awseks.UpdateAccessEntryInput{
		ClusterName: &name, PrincipalArn: role.Arn, Username: aws.String("other"),
	})
	requireAPIError(t, err, "InvalidParameterException", onlyStandard)
	_, err = e.eks().AssociateAccessPolicy(t.Context(), &awseks.AssociateAccessPolicyInput{
		ClusterName: &name, PrincipalArn: role.Arn, PolicyArn: aws.String(view),
		AccessScope: &types.AccessScope{Type: types.AccessScopeTypeCluster},
	})
	requireAPIError(t, err, "InvalidParameterException", onlyStandard)
}

func TestCreateAccessEntryRefuses(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/path/", unique("role"))
	missing := "arn:aws:iam::123456789012:role/" + unique("missing")
	const noPrincipal = "The specified principalArn is invalid: invalid principal."
	for _, test := range []struct {
		name    string
		change  func(*awseks.CreateAccessEntryInput)
		message string
	}{
		{"a group of Kubernetes' own", func(in *awseks.CreateAccessEntryInput) {
			in.KubernetesGroups = []string{"fine", "system:masters"}
		}, "The kubernetes group name system:masters is invalid, it cannot start with system:"},
		{"a role that does not exist", func(in *awseks.CreateAccessEntryInput) { in.PrincipalArn = &missing }, noPrincipal},
		{"a role without its path", func(in *awseks.CreateAccessEntryInput) {
			in.PrincipalArn = aws.String("arn:aws:iam::123456789012:role/" + *role.RoleName)
		}, noPrincipal},
		{"a user that does not exist", func(in *awseks.CreateAccessEntryInput) {
			in.PrincipalArn = aws.String("arn:aws:iam::123456789012:user/" + *role.RoleName)
		}, noPrincipal},
		{"a session", func(in *awseks.CreateAccessEntryInput) {
			in.PrincipalArn = aws.String("arn:aws:sts::123456789012:assumed-role/" + *role.RoleName + "/session")
		}, noPrincipal},
		{"an account", func(in *awseks.CreateAccessEntryInput) {
			in.PrincipalArn = aws.String("arn:aws:iam::123456789012:root")
		}, noPrincipal},
		{"no ARN", func(in *awseks.CreateAccessEntryInput) { in.PrincipalArn = role.RoleName }, noPrincipal},
		{"another partition", func(in *awseks.CreateAccessEntryInput) {
			in.PrincipalArn = aws.String("arn:aws-cn:iam::123456789012:role/path/" + *role.RoleName)
		}, "The specified principalArn is invalid: invalid partition."},
		{"a user name of Kubernetes' own", func(in *awseks.CreateAccessEntryInput) {
			in.Username = aws.String("system:admin")
		}, "The username system:admin is invalid, it cannot start with system:"},
		{"a user name of AWS's own", func(in *awseks.CreateAccessEntryInput) {
			in.Username = aws.String("iam:admin")
		}, "The username iam:admin is invalid, it cannot start with iam:"},
		{"a session name that could pretend", func(in *awseks.CreateAccessEntryInput) {
			in.Username = aws.String("{{SessionNameRaw}}:x")
		}, "The username {{SessionNameRaw}}:x is invalid, it must have a colon before {{SessionName}}"},
		{"groups of a node", func(in *awseks.CreateAccessEntryInput) {
			in.Type, in.KubernetesGroups = aws.String("EC2_LINUX"), []string{"nodes"}
		}, `The kubernetesGroups and username cannot be specified for an access entry with a type of "EC2_LINUX".`},
		{"a node of another account", func(in *awseks.CreateAccessEntryInput) {
			in.Type, in.PrincipalArn = aws.String("EC2_LINUX"), aws.String("arn:aws:iam::210987654321:role/nodes")
		}, `The principalArn of an access entry with a type of "EC2_LINUX" must be a role in the cluster's account.`},
		{"a type that is none", func(in *awseks.CreateAccessEntryInput) {
			in.Type = aws.String("standard")
		}, "The type standard is invalid; the sandbox has STANDARD, EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX and HYBRID_LINUX."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			input := awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn}
			test.change(&input)

			_, err := e.eks().CreateAccessEntry(t.Context(), &input)

			requireAPIError(t, err, "InvalidParameterException", test.message)
			_, err = e.eks().DescribeAccessEntry(t.Context(), &awseks.DescribeAccessEntryInput{
				ClusterName: &name, PrincipalArn: input.PrincipalArn,
			})
			assert.ErrorAs(t, err, new(*types.ResourceNotFoundException), "nothing may be left of it")
		})
	}
}

func TestAPrincipalHasOneEntry(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/", unique("role"))
	input := awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn, ClientRequestToken: aws.String("first")}
	first, err := e.eks().CreateAccessEntry(t.Context(), &input)
	require.NoError(t, err)

	again, err := e.eks().CreateAccessEntry(t.Context(), &input)
	require.NoError(t, err, "a retry with the same token is no second entry")
	assert.Equal(t, first.AccessEntry, again.AccessEntry)

	input.ClientRequestToken = aws.String("second")
	_, err = e.eks().CreateAccessEntry(t.Context(), &input)
	requireAPIError(t, err, "ResourceInUseException", "The specified access entry resource is already in use on this cluster.")
	var response *smithyhttp.ResponseError
	require.ErrorAs(t, err, &response)
	assert.Equal(t, http.StatusConflict, response.HTTPStatusCode())
	assert.NotEmpty(t, response.Response.Header.Get("X-Amzn-Requestid"))
}

func TestAPrincipalOfAnotherAccountIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	roleName := unique("spoke")
	principal := "arn:aws:iam::210987654321:role/" + roleName

	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: &principal})
	require.NoError(t, err)

	_, found := e.AccessEntry(region, name, principal)
	assert.False(t, found, "nobody can be a role that is not there")
	e.administrator(t, "aws").createRole(t, "/", roleName)
	_, found = e.AccessEntry(region, name, principal)
	assert.True(t, found)
}

func TestAccessEntryFindsTheRoleOfASession(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/teams/a/", unique("role"))
	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn})
	require.NoError(t, err)

	for caller, want := range map[string]bool{
		"arn:aws:sts::123456789012:assumed-role/" + *role.RoleName + "/session": true,
		"arn:aws:iam::123456789012:role/" + *role.RoleName:                      true,
		*role.Arn: true,
		"arn:aws:sts::210987654321:assumed-role/" + *role.RoleName + "/session":      false,
		"arn:aws:sts::123456789012:assumed-role/" + *role.RoleName + "x/session":     false,
		"arn:aws:sts::123456789012:federated-user/" + *role.RoleName:                 false,
		"arn:aws:iam::123456789012:user/" + *role.RoleName:                           false,
		"arn:aws-us-gov:sts::123456789012:assumed-role/" + *role.RoleName + "/other": false,
		"": false,
	} {
		entry, found := e.AccessEntry(region, name, caller)
		assert.Equal(t, want, found, caller)
		if found {
			assert.Equal(t, *role.Arn, entry.PrincipalArn)
		}
	}
	_, found := e.AccessEntry("us-east-1", name, *role.Arn)
	assert.False(t, found, "another region")
	_, found = e.AccessEntry(region, name+"x", *role.Arn)
	assert.False(t, found, "another cluster")
}

func TestAnEntryDiesWithItsRole(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/", unique("role"))
	input := &awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn}
	_, err := e.eks().CreateAccessEntry(t.Context(), input)
	require.NoError(t, err)
	_, found := e.AccessEntry(region, name, *role.Arn)
	require.True(t, found)

	e.deleteRole(t, *role.RoleName)
	_, found = e.AccessEntry(region, name, *role.Arn)
	assert.False(t, found, "the role is deleted")
	again := e.createRole(t, "/", *role.RoleName)
	require.Equal(t, *role.Arn, *again.Arn)
	require.NotEqual(t, *role.RoleId, *again.RoleId)
	_, found = e.AccessEntry(region, name, *role.Arn)
	assert.False(t, found, "a role of the same name is another role")

	_, err = e.eks().DescribeAccessEntry(t.Context(), &awseks.DescribeAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn})
	require.NoError(t, err, "EKS does not delete the entry by itself")
	_, err = e.eks().DeleteAccessEntry(t.Context(), &awseks.DeleteAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn})
	require.NoError(t, err)
	input.ClientRequestToken = nil
	_, err = e.eks().CreateAccessEntry(t.Context(), input)
	require.NoError(t, err)
	_, found = e.AccessEntry(region, name, *role.Arn)
	assert.True(t, found, "an entry made anew is for the new role")
}

func TestAccessEntryIsASnapshot(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/", unique("role"))
	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{
		ClusterName: &name, PrincipalArn: role.Arn, KubernetesGroups: []string{"viewers"},
	})
	require.NoError(t, err)

	entry, _ := e.AccessEntry(region, name, *role.Arn)
	entry.Groups[0] = "system:masters"

	entry, _ = e.AccessEntry(region, name, *role.Arn)
	assert.Equal(t, []string{"viewers"}, entry.Groups)
}

func TestAccessPoliciesRoundTrip(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/", unique("role"))
	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn})
	require.NoError(t, err)
	associate := func(policy string, scope types.AccessScope) *types.AssociatedAccessPolicy {
		answer, err := e.eks().AssociateAccessPolicy(t.Context(), &awseks.AssociateAccessPolicyInput{
			ClusterName: &name, PrincipalArn: role.Arn, PolicyArn: &policy, AccessScope: &scope,
		})
		require.NoError(t, err)
		assert.Equal(t, name, *answer.ClusterName)
		assert.Equal(t, *role.Arn, *answer.PrincipalArn)
		return answer.AssociatedAccessPolicy
	}

	associate(view, types.AccessScope{Type: types.AccessScopeTypeCluster})
	first := associate(edit, types.AccessScope{Type: types.AccessScopeTypeNamespace, Namespaces: []string{"a"}})
	second := associate(edit, types.AccessScope{Type: types.AccessScopeTypeNamespace, Namespaces: []string{"a", "b"}})
	assert.Equal(t, *first.AssociatedAt, *second.AssociatedAt, "the same association, changed")
	assert.False(t, second.ModifiedAt.Before(*first.ModifiedAt))

	entry, found := e.AccessEntry(region, name, *role.Arn)
	require.True(t, found)
	assert.Equal(t, []sandboxaws.AccessPolicy{{Arn: edit, Namespaces: []string{"a", "b"}}, {Arn: view}}, entry.Policies)
	listed, err := e.eks().ListAssociatedAccessPolicies(t.Context(), &awseks.ListAssociatedAccessPoliciesInput{
		ClusterName: &name, PrincipalArn: role.Arn,
	})
	require.NoError(t, err)
	require.Len(t, listed.AssociatedAccessPolicies, 2)
	assert.Equal(t, *second, listed.AssociatedAccessPolicies[0])
	withView, err := e.eks().ListAccessEntries(t.Context(), &awseks.ListAccessEntriesInput{
		ClusterName: &name, AssociatedPolicyArn: aws.String(view),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{*role.Arn}, withView.AccessEntries)

	disassociate := &awseks.DisassociateAccessPolicyInput{ClusterName: &name, PrincipalArn: role.Arn, PolicyArn: aws.String(edit)}
	_, err = e.eks().DisassociateAccessPolicy(t.Context(), disassociate)
	require.NoError(t, err)
	_, err = e.eks().DisassociateAccessPolicy(t.Context(), disassociate)
	requireAPIError(t, err, "ResourceNotFoundException", "The specified policyArn "+edit+" is not associated with the access entry.")
	entry, _ = e.AccessEntry(region, name, *role.Arn)
	assert.Equal(t, []sandboxaws.AccessPolicy{{Arn: view}}, entry.Policies)
}

func TestAssociateAccessPolicyRefuses(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/", unique("role"))
	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn})
	require.NoError(t, err)
	const see = " is invalid. You can view the available access policies with 'list-access-policies'."
	cluster, namespace := types.AccessScopeTypeCluster, types.AccessScopeTypeNamespace
	for _, test := range []struct {
		name    string
		policy  string
		scope   types.AccessScope
		message string
	}{
		{"an unknown policy", clusterAdmin + "x", types.AccessScope{Type: cluster}, "The policyArn " + clusterAdmin + "x" + see},
		{
			"an IAM policy", "arn:aws:iam::aws:policy/ReadOnlyAccess",
			types.AccessScope{Type: cluster},
			"The policyArn arn:aws:iam::aws:policy/ReadOnlyAccess" + see,
		},
		{
			"a policy of another partition", "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
			types.AccessScope{Type: cluster},
			"The policyArn arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy" + see,
		},
		{
			"namespaces of the whole cluster", view,
			types.AccessScope{Type: cluster, Namespaces: []string{"a"}},
			"The accessScope of type cluster cannot have namespaces.",
		},
		{"no namespace", view, types.AccessScope{Type: namespace}, "The accessScope of type namespace must have at least one namespace."},
		{
			"an empty namespace", view,
			types.AccessScope{Type: namespace, Namespaces: []string{""}},
			"The accessScope has an empty namespace.",
		},
		{"no type", view, types.AccessScope{}, `The accessScope type "" is invalid, it must be cluster or namespace.`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := e.eks().AssociateAccessPolicy(t.Context(), &awseks.AssociateAccessPolicyInput{
				ClusterName: &name, PrincipalArn: role.Arn, PolicyArn: &test.policy, AccessScope: &test.scope,
			})
			requireAPIError(t, err, "InvalidParameterException", test.message)
			entry, _ := e.AccessEntry(region, name, *role.Arn)
			assert.Empty(t, entry.Policies)
		})
	}
}

func TestEveryOperationNeedsItsEntry(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	principal := "arn:aws:iam::123456789012:role/none"
	scope := &types.AccessScope{Type: types.AccessScopeTypeCluster}
	for operation, call := range map[string]func(*testing.T) error{
		"DescribeAccessEntry": func(t *testing.T) error {
			t.Helper()
			_, err := e.eks().DescribeAccessEntry(t.Context(), &awseks.DescribeAccessEntryInput{ClusterName: &name, PrincipalArn: &principal})
			return err
		},
		"UpdateAccessEntry": func(t *testing.T) error {
			t.Helper()
			_, err := e.eks().UpdateAccessEntry(t.Context(), &awseks.UpdateAccessEntryInput{ClusterName: &name, PrincipalArn: &principal})
			return err
		},
		"DeleteAccessEntry": func(t *testing.T) error {
			t.Helper()
			_, err := e.eks().DeleteAccessEntry(t.Context(), &awseks.DeleteAccessEntryInput{ClusterName: &name, PrincipalArn: &principal})
			return err
		},
		"AssociateAccessPolicy": func(t *testing.T) error {
			t.Helper()
			_, err := e.eks().AssociateAccessPolicy(t.Context(), &awseks.AssociateAccessPolicyInput{
				ClusterName: &name, PrincipalArn: &principal, PolicyArn: aws.String(view), AccessScope: scope,
			})
			return err
		},
		"DisassociateAccessPolicy": func(t *testing.T) error {
			t.Helper()
			_, err := e.eks().DisassociateAccessPolicy(t.Context(), &awseks.DisassociateAccessPolicyInput{
				ClusterName: &name, PrincipalArn: &principal, PolicyArn: aws.String(view),
			})
			return err
		},
		"ListAssociatedAccessPolicies": func(t *testing.T) error {
			t.Helper()
			_, err := e.eks().ListAssociatedAccessPolicies(t.Context(), &awseks.ListAssociatedAccessPoliciesInput{
				ClusterName: &name, PrincipalArn: &principal,
			})
			return err
		},
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			requireAPIError(t, call(t), "ResourceNotFoundException",
				"The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.")
		})
	}
}

func TestAccessEntriesNeedTheAuthenticationMode(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, func(c *sandboxaws.Cluster) { c.AuthenticationMode = "CONFIG_MAP" })
	role := e.createRole(t, "/", unique("role"))
	const refusal = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."

	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn})
	requireAPIError(t, err, "InvalidRequestException", refusal)
	_, err = e.eks().ListAccessEntries(t.Context(), &awseks.ListAccessEntriesInput{ClusterName: &name})
	requireAPIError(t, err, "InvalidRequestException", refusal)
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	var want []string
	for range 5 {
		want = append(want, e.addCluster(t, nil))
	}

	var got []string
	pages := awseks.NewListClustersPaginator(e.eks(), &awseks.ListClustersInput{MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Clusters), 2)
		got = append(got, page.Clusters...)
	}

	assert.ElementsMatch(t, want, got)
	_, err := e.eks().ListClusters(t.Context(), &awseks.ListClustersInput{MaxResults: aws.Int32(101)})
	requireAPIError(t, err, "InvalidParameterException", "maxResults must be between 1 and 100.")
	_, err = e.eks().ListClusters(t.Context(), &awseks.ListClustersInput{NextToken: aws.String("?")})
	requireAPIError(t, err, "InvalidParameterException", "The nextToken is invalid.")
}

func TestAccessPoliciesAreThoseOfThePartition(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	for region, prefix := range map[string]string{
		"eu-west-1":     "arn:aws:eks::aws:cluster-access-policy/",
		"cn-north-1":    "arn:aws-cn:eks::aws:cluster-access-policy/",
		"us-gov-east-1": "arn:aws-us-gov:eks::aws:cluster-access-policy/",
	} {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			answer, err := e.in(region).eks().ListAccessPolicies(t.Context(), nil)
			require.NoError(t, err)
			var names []string
			for _, policy := range answer.AccessPolicies {
				assert.Equal(t, prefix+*policy.Name, *policy.Arn)
				names = append(names, *policy.Name)
			}
			assert.Equal(t, []string{
				"AmazonEKSAdminPolicy", "AmazonEKSAdminViewPolicy", "AmazonEKSArgoCDClusterPolicy", "AmazonEKSArgoCDPolicy",
				"AmazonEKSClusterAdminPolicy", "AmazonEKSEditPolicy", "AmazonEKSSecretReaderPolicy", "AmazonEKSViewPolicy",
			}, names)
		})
	}
}

func TestAClusterInChina(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t).in("cn-north-1")
	name := e.addCluster(t, func(c *sandboxaws.Cluster) {
		c.Region, c.CreatorArn = "cn-north-1", "arn:aws-cn:sts::123456789012:user/moto"
		c.Issuer = "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/0123456789ABCDEF0123456789ABCDEF"
	})
	role := e.createRole(t, "/", unique("role"))
	require.Contains(t, *role.Arn, "arn:aws-cn:iam::")

	created, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: role.Arn})

	require.NoError(t, err)
	assert.Equal(t, "arn:aws-cn:sts::123456789012:assumed-role/"+*role.RoleName+"/{{SessionName}}", *created.AccessEntry.Username)
	_, found := e.AccessEntry("cn-north-1", name, "arn:aws-cn:sts::123456789012:assumed-role/"+*role.RoleName+"/x")
	assert.True(t, found)
	creator, found := e.AccessEntry("cn-north-1", name, "arn:aws-cn:sts::123456789012:user/moto")
	require.True(t, found)
	assert.Equal(t, "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", creator.Policies[0].Arn)
}

func TestTagsOfEntriesAndClusters(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	entry, err := e.eks().DescribeAccessEntry(t.Context(), &awseks.DescribeAccessEntryInput{
		ClusterName: &name, PrincipalArn: aws.String(operatorArn),
	})
	require.NoError(t, err)
	cluster, err := e.eks().DescribeCluster(t.Context(), &awseks.DescribeClusterInput{Name: &name})
	require.NoError(t, err)

	for kind, arn := range map[string]*string{"access entry": entry.AccessEntry.AccessEntryArn, "cluster": cluster.Cluster.Arn} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			_, err := e.eks().TagResource(t.Context(), &awseks.TagResourceInput{
				ResourceArn: arn, Tags: map[string]string{"team": "a", "stage": "dev", "owner": "b"},
			})
			require.NoError(t, err)
			_, err = e.eks().UntagResource(t.Context(), &awseks.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team", "owner"}})
			require.NoError(t, err)

			answer, err := e.eks().ListTagsForResource(t.Context(), &awseks.ListTagsForResourceInput{ResourceArn: arn})

			require.NoError(t, err)
			assert.Equal(t, map[string]string{"stage": "dev"}, answer.Tags)
		})
	}

	_, err = e.eks().ListTagsForResource(t.Context(), &awseks.ListTagsForResourceInput{ResourceArn: aws.String(*cluster.Cluster.Arn + "x")})
	requireAPIError(t, err, "NotFoundException", "No resource found for ARN: "+*cluster.Cluster.Arn+"x")
	outsider := e.administrator(t, "aws")
	_, err = outsider.eks().ListTagsForResource(t.Context(), &awseks.ListTagsForResourceInput{ResourceArn: cluster.Cluster.Arn})
	assert.ErrorAs(t, err, new(*types.NotFoundException), "another account")
}

func TestOtherEKSCallsAreRefusedByName(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)

	_, err := e.eks().CreateCluster(t.Context(), &awseks.CreateClusterInput{
		Name: aws.String("more"), RoleArn: aws.String("arn:aws:iam::123456789012:role/x"), ResourcesVpcConfig: &types.VpcConfigRequest{},
	})
	requireAPIError(t, err, "NotImplementedException",
		"the sandbox does not have eks:CreateCluster; its clusters are there from the start, and only their authentication mode, their "+
			"access entries, their EKS Pod Identity associations, their capability of Argo CD and the agent's add-on change")
	_, err = e.eks().ListNodegroups(t.Context(), &awseks.ListNodegroupsInput{ClusterName: aws.String("x")})
	require.ErrorContains(t, err, "the sandbox does not have eks:ListNodegroups")

	require.Len(t, e.Calls(), 2)
	assert.Equal(t, "CreateCluster", e.Calls()[0].Action)
	assert.Equal(t, http.StatusNotImplemented, e.Calls()[0].Status)
}

func TestTheAWSCLIWorksOnAccessEntries(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	role := e.createRole(t, "/teams/", unique("role"))

	e.aws(t, "eks", "create-access-entry", "--cluster-name", name, "--principal-arn", *role.Arn)
	e.aws(t, "eks", "associate-access-policy", "--cluster-name", name, "--principal-arn", *role.Arn,
		"--policy-arn", view, "--access-scope", "type=namespace,namespaces=a,b")
	e.aws(t, "eks", "update-kubeconfig", "--name", name, "--kubeconfig", filepath.Join(t.TempDir(), "kubeconfig"))
	out := e.aws(t, "eks", "list-associated-access-policies", "--cluster-name", name, "--principal-arn", *role.Arn)

	var listed struct {
		AssociatedAccessPolicies []struct {
			PolicyArn   string
			AccessScope struct{ Namespaces []string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &listed))
	require.Len(t, listed.AssociatedAccessPolicies, 1)
	assert.Equal(t, view, listed.AssociatedAccessPolicies[0].PolicyArn)
	assert.Equal(t, []string{"a", "b"}, listed.AssociatedAccessPolicies[0].AccessScope.Namespaces)
}
