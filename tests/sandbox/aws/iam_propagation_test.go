package aws_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// late is a delay that no test outlasts.
const late = time.Hour

// createEntry makes an access entry for a principal.
func (e endpoint) createEntry(t *testing.T, cluster, principalArn string) error {
	t.Helper()
	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{
		ClusterName: &cluster, PrincipalArn: &principalArn,
	})
	return err
}

func (e endpoint) createPolicy(t *testing.T, name string) *iamtypes.Policy {
	t.Helper()
	answer, err := e.iam().CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName: &name, Path: aws.String("/path/"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`),
	})
	require.NoError(t, err)
	return answer.Policy
}

func (e endpoint) createProvider(t *testing.T, issuer string) (arn string) {
	t.Helper()
	answer, err := e.iam().CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://" + issuer), ClientIDList: []string{"sts.amazonaws.com"},
	})
	require.NoError(t, err)
	return *answer.OpenIDConnectProviderArn
}

func TestIAMDoesNotKnowYetWhatWasJustMade(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	known := e.createRole(t, "/", unique("known"))
	e.SetPropagationDelay(late)
	role := e.createRole(t, "/path/", unique("role"))
	policy := e.createPolicy(t, unique("policy"))
	provider := e.createProvider(t, "oidc.eks.eu-west-1.amazonaws.com/id/"+unique("PROVIDER"))
	var (
		noRole     = "The role with name " + *role.RoleName + " cannot be found."
		noPolicy   = "Policy " + *policy.Arn + " was not found."
		noProvider = "OpenIDConnect Provider not found for arn " + provider
		managed    = aws.String("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
		document   = aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	)
	for name, test := range map[string]struct {
		call    func(ctx context.Context) (any, error)
		message string
	}{
		"a role is read": {func(ctx context.Context) (any, error) {
			return e.iam().GetRole(ctx, &iam.GetRoleInput{RoleName: role.RoleName})
		}, noRole},
		"a role is tagged": {func(ctx context.Context) (any, error) {
			return e.iam().TagRole(ctx, &iam.TagRoleInput{RoleName: role.RoleName, Tags: []iamtypes.Tag{}})
		}, noRole},
		"a role gets a policy": {func(ctx context.Context) (any, error) {
			return e.iam().AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role.RoleName, PolicyArn: managed})
		}, noRole},
		"a role gets an inline policy": {func(ctx context.Context) (any, error) {
			return e.iam().PutRolePolicy(ctx, &iam.PutRolePolicyInput{
				RoleName: role.RoleName, PolicyName: aws.String("inline"), PolicyDocument: document,
			})
		}, noRole},
		"the policies of a role are listed": {func(ctx context.Context) (any, error) {
			return e.iam().ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: role.RoleName})
		}, noRole},
		"a policy is read": {func(ctx context.Context) (any, error) {
			return e.iam().GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: policy.Arn})
		}, noPolicy},
		"the versions of a policy are listed": {func(ctx context.Context) (any, error) {
			return e.iam().ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: policy.Arn})
		}, noPolicy},
		"a policy is attached": {func(ctx context.Context) (any, error) {
			return e.iam().AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: known.RoleName, PolicyArn: policy.Arn})
		}, "Policy " + *policy.Arn + " does not exist or is not attachable."},
		"a policy bounds a role": {func(ctx context.Context) (any, error) {
			return e.iam().PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{
				RoleName: known.RoleName, PermissionsBoundary: policy.Arn,
			})
		}, "Scope ARN: " + *policy.Arn + " does not exist or is not attachable."},
		"a policy bounds a new role": {func(ctx context.Context) (any, error) {
			return e.iam().CreateRole(ctx, &iam.CreateRoleInput{
				RoleName: aws.String(unique("role")), AssumeRolePolicyDocument: aws.String(trustNobody), PermissionsBoundary: policy.Arn,
			})
		}, "Scope ARN: " + *policy.Arn + " does not exist or is not attachable."},
		"a provider is read": {func(ctx context.Context) (any, error) {
			return e.iam().GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &provider})
		}, noProvider},
		"a provider is tagged": {func(ctx context.Context) (any, error) {
			return e.iam().TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{
				OpenIDConnectProviderArn: &provider, Tags: []iamtypes.Tag{},
			})
		}, noProvider},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := test.call(t.Context())
			requireAPIError(t, err, "NoSuchEntity", test.message)
		})
	}
	t.Run("what was there before is known", func(t *testing.T) {
		t.Parallel()
		_, err := e.iam().GetRole(t.Context(), &iam.GetRoleInput{RoleName: known.RoleName})
		assert.NoError(t, err)
	})
	t.Run("a role of the same name in another account is another role", func(t *testing.T) {
		t.Parallel()
		newEndpoint(t).administrator(t, "aws").createRole(t, "/", *role.RoleName)
		_, err := e.administrator(t, "aws").iam().GetRole(t.Context(), &iam.GetRoleInput{RoleName: role.RoleName})
		assert.NoError(t, err)
	})
}

func TestListsLackWhatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	truth := newEndpoint(t) // the same IAM through another endpoint, which hides nothing
	path := "/" + unique("lists") + "/"
	known := e.createRole(t, path, unique("known"))
	e.SetPropagationDelay(late)
	role := e.createRole(t, path, unique("role"))
	policy := e.createPolicy(t, unique("policy"))
	provider := e.createProvider(t, "oidc.eks.eu-west-1.amazonaws.com/id/"+unique("PROVIDER"))

	roles := func(e endpoint) (arns []string) {
		answer, err := e.iam().ListRoles(t.Context(), &iam.ListRolesInput{PathPrefix: &path})
		require.NoError(t, err)
		for _, role := range answer.Roles {
			arns = append(arns, *role.Arn)
		}
		return arns
	}
	policies := func(e endpoint) (arns []string) {
		answer, err := e.iam().ListPolicies(t.Context(), &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal, MaxItems: aws.Int32(1000)})
		require.NoError(t, err)
		for _, policy := range answer.Policies {
			arns = append(arns, *policy.Arn)
		}
		return arns
	}
	providers := func(e endpoint) (arns []string) {
		answer, err := e.iam().ListOpenIDConnectProviders(t.Context(), nil)
		require.NoError(t, err)
		for _, provider := range answer.OpenIDConnectProviderList {
			arns = append(arns, *provider.Arn)
		}
		return arns
	}
	assert.Equal(t, []string{*known.Arn}, roles(e))
	assert.ElementsMatch(t, []string{*known.Arn, *role.Arn}, roles(truth))
	assert.NotContains(t, policies(e), *policy.Arn)
	assert.Contains(t, policies(truth), *policy.Arn)
	assert.NotContains(t, providers(e), provider)
	assert.Contains(t, providers(truth), provider)
}

func TestWhatIsNotKnownYetIsThereAllTheSame(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.SetPropagationDelay(late)
	issuer := "oidc.eks.eu-west-1.amazonaws.com/id/" + unique("PROVIDER")
	role, policy := e.createRole(t, "/", unique("role")), e.createPolicy(t, unique("policy"))
	provider := e.createProvider(t, issuer)

	_, err := e.iam().CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: role.RoleName, AssumeRolePolicyDocument: aws.String(trustNobody)})
	require.ErrorAs(t, err, new(*iamtypes.EntityAlreadyExistsException))
	_, err = e.iam().CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://" + issuer), ClientIDList: []string{"sts.amazonaws.com"},
	})
	require.ErrorAs(t, err, new(*iamtypes.EntityAlreadyExistsException))

	e.deleteRole(t, *role.RoleName)
	_, err = e.iam().DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: policy.Arn})
	require.NoError(t, err)
	_, err = e.iam().DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &provider})
	require.NoError(t, err)

	e.SetPropagationDelay(0)
	e.createRole(t, "/", *role.RoleName)
	e.createPolicy(t, *policy.PolicyName)
	e.createProvider(t, issuer)
	_, err = e.iam().GetRole(t.Context(), &iam.GetRoleInput{RoleName: role.RoleName})
	require.NoError(t, err, "what was deleted takes its delay along")
	_, err = e.iam().GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: policy.Arn})
	require.NoError(t, err)
	_, err = e.iam().GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &provider})
	assert.NoError(t, err)
}

func TestATrustPolicyCannotNameARoleThatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	other := e.createRole(t, "/", unique("other"))
	e.SetPropagationDelay(late)
	role := e.createRole(t, "/path/", unique("role"))
	trust := aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"},
		{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:root","` + *role.Arn + `"]},"Action":"sts:AssumeRole"}]}`)
	message := `Invalid principal in policy: "AWS":"` + *role.Arn + `"`

	_, err := e.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String(unique("role")), AssumeRolePolicyDocument: trust,
	})
	requireAPIError(t, err, "MalformedPolicyDocument", message)
	_, err = e.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: other.RoleName, PolicyDocument: trust,
	})
	requireAPIError(t, err, "MalformedPolicyDocument", message)
}

func TestEKSDoesNotKnowARoleYetThatWasJustMade(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	cluster := e.addCluster(t, nil)
	e.SetPropagationDelay(late)
	role := e.createRole(t, "/", unique("role"))

	requireAPIError(t, e.createEntry(t, cluster, *role.Arn), "InvalidParameterException",
		"The specified principalArn is invalid: invalid principal.")
}

func TestEverythingIsKnownAfterTheDelay(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	cluster := e.addCluster(t, nil)
	const delay = 500 * time.Millisecond
	started := time.Now()
	e.SetPropagationDelay(delay)
	role := e.createRole(t, "/", unique("role"))

	require.Eventually(t, func() bool {
		_, err := e.iam().GetRole(t.Context(), &iam.GetRoleInput{RoleName: role.RoleName})
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	assert.GreaterOrEqual(t, time.Since(started), delay)
	require.NoError(t, e.createEntry(t, cluster, *role.Arn))
	roles, err := e.iam().ListRoles(t.Context(), &iam.ListRolesInput{MaxItems: aws.Int32(1000)})
	require.NoError(t, err)
	var listed []string
	for _, found := range roles.Roles {
		listed = append(listed, *found.Arn)
	}
	assert.Contains(t, listed, *role.Arn)
}
