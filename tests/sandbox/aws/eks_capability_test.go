package aws_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

const capabilitiesService = "capabilities.eks.amazonaws.com"

// hub is a cluster that gets managed Argo CD, with the role of that.
type hub struct {
	endpoint

	cluster, roleName, roleArn string
}

func newHub(t *testing.T, trust ...string) hub {
	t.Helper()
	h := hub{endpoint: newEndpoint(t), roleName: unique("capability")}
	h.cluster = h.addCluster(t, nil)
	if len(trust) == 0 {
		trust = []string{trustsCapabilities("")}
	}
	made, err := h.iam().CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &h.roleName, AssumeRolePolicyDocument: aws.String(document(trust...))})
	require.NoError(t, err)
	h.roleArn = *made.Role.Arn
	return h
}

func trustsCapabilities(condition string) string {
	return `{"Effect":"Allow","Principal":{"Service":"` + capabilitiesService + `"},"Action":["sts:AssumeRole","sts:TagSession"]` + condition + `}`
}

func (h hub) createCapability(t *testing.T, change func(*awseks.CreateCapabilityInput)) error {
	t.Helper()
	in := &awseks.CreateCapabilityInput{
		ClusterName: &h.cluster, CapabilityName: aws.String("argocd"), RoleArn: &h.roleArn, Type: ekstypes.CapabilityTypeArgocd,
		DeletePropagationPolicy: ekstypes.CapabilityDeletePropagationPolicyRetain,
		Configuration: &ekstypes.CapabilityConfigurationRequest{ArgoCd: &ekstypes.ArgoCdConfigRequest{
			AwsIdc: &ekstypes.ArgoCdAwsIdcConfigRequest{IdcInstanceArn: aws.String("arn:aws:sso:::instance/ssoins-1234567890abcdef")},
		}},
	}
	if change != nil {
		change(in)
	}
	_, err := h.eks().CreateCapability(t.Context(), in)
	return err
}

// entry is what the capability role may do in a cluster: the namespaces by the policies, nil for the whole cluster.
func (h hub) entry(cluster string) (map[string][]string, bool) {
	found, ok := h.AccessEntry(region, cluster, h.roleArn)
	policies := map[string][]string{}
	for _, policy := range found.Policies {
		policies[policy.Arn[len("arn:aws:eks::aws:cluster-access-policy/"):]] = policy.Namespaces
	}
	return policies, ok
}

var ownPolicies = map[string][]string{"AmazonEKSArgoCDClusterPolicy": nil, "AmazonEKSArgoCDPolicy": {"argocd"}}

func TestACapabilityComesWithTheAccessEntryOfItsRole(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	_, ok := h.entry(h.cluster)
	require.False(t, ok)
	require.NoError(t, h.createCapability(t, nil))
	policies, ok := h.entry(h.cluster)
	require.True(t, ok)
	assert.Equal(t, ownPolicies, policies, "and nothing to deploy with")
	described, err := h.eks().DescribeCapability(t.Context(), &awseks.DescribeCapabilityInput{ClusterName: &h.cluster, CapabilityName: aws.String("argocd")})
	require.NoError(t, err)
	assert.Equal(t, ekstypes.CapabilityStatusActive, described.Capability.Status)
	assert.Equal(t, "argocd", *described.Capability.Configuration.ArgoCd.Namespace)

	_, err = h.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &h.cluster, PrincipalArn: &h.roleArn})
	requireAPIError(t, err, "ResourceInUseException", "The specified access entry resource is already in use on this cluster.")
	requireAPIError(t, h.createCapability(t, nil), "ResourceInUseException", "The cluster has a capability of type ARGOCD.")

	_, err = h.eks().DeleteCapability(t.Context(), &awseks.DeleteCapabilityInput{ClusterName: &h.cluster, CapabilityName: aws.String("argocd")})
	require.NoError(t, err)
	_, ok = h.entry(h.cluster)
	assert.False(t, ok, "EKS takes its entry away with the capability")
}

func TestACapabilityKeepsTheAccessEntryThatItsRoleHas(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	_, err := h.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{
		ClusterName: &h.cluster, PrincipalArn: &h.roleArn, KubernetesGroups: []string{"readers"},
	})
	require.NoError(t, err)
	require.NoError(t, h.createCapability(t, nil))
	found, ok := h.AccessEntry(region, h.cluster, h.roleArn)
	require.True(t, ok)
	assert.Equal(t, []string{"readers"}, found.Groups)
	assert.Len(t, found.Policies, 2)
	_, err = h.eks().DeleteCapability(t.Context(), &awseks.DeleteCapabilityInput{ClusterName: &h.cluster, CapabilityName: aws.String("argocd")})
	require.NoError(t, err)
	_, ok = h.entry(h.cluster)
	assert.True(t, ok)
}

func TestACapabilityIsRefused(t *testing.T) {
	t.Parallel()
	const untrusted = "The trust policy for the provided role is invalid. The policy must include sts:AssumeRole and sts:TagSession actions " +
		"granting access to the AWS service " + capabilitiesService
	for name, test := range map[string]struct {
		trust   []string
		change  func(*awseks.CreateCapabilityInput)
		message string
	}{
		"a role that trusts somebody else": {[]string{`{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}`}, nil, untrusted},
		"a role without session tags":      {[]string{`{"Effect":"Allow","Principal":{"Service":"` + capabilitiesService + `"},"Action":"sts:AssumeRole"}`}, nil, untrusted},
		"a role that is denied":            {[]string{trustsCapabilities(""), `{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}`}, nil, untrusted},
		"a role of another cluster's":      {[]string{trustsCapabilities(`,"Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:eks:eu-west-1:123456789012:cluster/none"}}`)}, nil, untrusted},
		"a role that there is not": {nil, func(in *awseks.CreateCapabilityInput) {
			in.RoleArn = aws.String("arn:aws:iam::" + account + ":role/none")
		}, untrusted},
		"a role of another account": {nil, func(in *awseks.CreateCapabilityInput) {
			in.RoleArn = aws.String("arn:aws:iam::" + otherAccount + ":role/x")
		}, "The role arn:aws:iam::" + otherAccount + ":role/x is not a role in the account of the cluster."},
		"another type":                       {nil, func(in *awseks.CreateCapabilityInput) { in.Type = ekstypes.CapabilityTypeAck }, "The type ACK is invalid; the sandbox has ARGOCD."},
		"no instance of IAM Identity Center": {nil, func(in *awseks.CreateCapabilityInput) { in.Configuration = nil }, "A capability of type ARGOCD needs argoCd.awsIdc.idcInstanceArn."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, test.trust...)
			requireAPIError(t, h.createCapability(t, test.change), "InvalidParameterException", test.message)
			_, ok := h.entry(h.cluster)
			assert.False(t, ok)
		})
	}
	t.Run("a cluster without access entries", func(t *testing.T) {
		t.Parallel()
		h := newHub(t)
		h.cluster = h.addCluster(t, func(c *sandboxaws.Cluster) { c.AuthenticationMode = "CONFIG_MAP" })
		requireAPIError(t, h.createCapability(t, nil), "InvalidRequestException",
			"The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.")
	})
}

func TestACapabilityNeedsTheRightToPassItsRole(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	deployer := h.createRole(t, "/", unique("deployer"))
	capabilityArn := "arn:aws:eks:" + region + ":" + account + ":cluster/" + h.cluster
	h.allow(t, *deployer.RoleName, "eks:CreateCapability", capabilityArn)
	as := hub{h.as(t, *deployer.Arn), h.cluster, h.roleName, h.roleArn}
	requireAPIError(t, as.createCapability(t, nil), "AccessDeniedException",
		denied(*deployer.RoleName, "iam:PassRole", h.roleArn, noPolicy("iam:PassRole")))
	h.putPolicy(t, *deployer.RoleName, "pass", `{"Effect":"Allow","Action":"iam:PassRole","Resource":"`+h.roleArn+`",`+
		`"Condition":{"StringEquals":{"iam:PassedToService":"`+capabilitiesService+`"}}}`)
	require.NoError(t, as.createCapability(t, nil))
}

func TestWhomACapabilityReaches(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	arn := func(cluster string) string { return "arn:aws:eks:" + region + ":" + account + ":cluster/" + cluster }
	target := h.addCluster(t, nil)
	reach := func(targetArn string) (sandboxaws.Reached, error) {
		return h.ReachFromCapability(t.Context(), region, h.cluster, targetArn)
	}
	_, err := reach(arn(target))
	require.ErrorContains(t, err, "has no capability of type ARGOCD")
	require.NoError(t, h.createCapability(t, nil))

	_, err = reach(arn(target))
	require.ErrorIs(t, err, sandboxaws.ErrNoAccessEntry)
	_, err = reach("https://kubernetes.default.svc")
	require.EqualError(t, err, `"https://kubernetes.default.svc" is the ARN of no EKS cluster`)

	_, err = h.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &target, PrincipalArn: &h.roleArn})
	require.NoError(t, err)
	reached, err := reach(arn(target))
	require.NoError(t, err)
	assert.Equal(t, target, reached.Name)
	session := h.endpoint
	session.credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return reached.Credentials, nil })
	who, err := session.sts().GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	assert.Contains(t, *who.Arn, ":assumed-role/"+h.roleName+"/aws-go-sdk-", "it is the capability role itself")
	assert.NotEmpty(t, reached.CertificateAuthority)

	for trust, want := range map[string]string{
		trustsCapabilities(`,"Condition":{"StringEquals":{"aws:SourceAccount":"` + account + `"}}`):      "",
		trustsCapabilities(`,"Condition":{"StringEquals":{"aws:SourceAccount":"` + otherAccount + `"}}`): capabilitiesService + " is not authorized",
	} {
		_, err = h.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &h.roleName, PolicyDocument: aws.String(document(trust))})
		require.NoError(t, err)
		if _, err = reach(arn(target)); want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
}
