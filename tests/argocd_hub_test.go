package tests

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlatformGivesTheHubRoleWhatEveryRoleTakes(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	deployed(t, r, platformConfig(t, `
tags: {environment: dev}
clusters:
  hub: {region: eu-west-1}
  near: {region: us-east-1}
argocd:
  hub: hub
  namespace: openshift-gitops
  roleNamePrefix: dev-argocd-
  serviceAccounts: [openshift-gitops-argocd-application-controller, openshift-gitops-argocd-server]
  serviceAccountMode: patch
  permissionsBoundary: arn:aws:iam::111122223333:policy/boundary
  path: /platform/
  description: What it is for
  maxSessionDuration: 7200
  tags: {team: platform}
  forceDetachPolicies: false
  maxTrustPolicySize: 4096
  managedPolicies: [ReadOnlyAccess]
  inlinePolicies:
    sops: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "kms:Decrypt", Resource: "*"}}
  customerManagedPolicies:
    buckets: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListAllMyBuckets", Resource: "*"}]}
  testPod: {}
  targets:
    near: {cluster: near, role: {}, access: {kubernetesGroups: [x]}}
`))
	hub := r.one(t, roleType, "argocd")
	for _, account := range []string{"openshift-gitops-argocd-application-controller", "openshift-gitops-argocd-server"} {
		assert.Contains(t, hub.Inputs["assumeRolePolicy"].StringValue(), "system:serviceaccount:openshift-gitops:"+account)
		r.one(t, accountPatchType, "argocd/hub/openshift-gitops/"+account)
	}
	assert.NotContains(t, hub.Inputs["assumeRolePolicy"].StringValue(), "applicationset")
	delete(hub.Inputs, "assumeRolePolicy")
	assert.JSONEq(t, `{
		"namePrefix": "dev-argocd-", "path": "/platform/", "description": "What it is for", "maxSessionDuration": 7200,
		"permissionsBoundary": "arn:aws:iam::111122223333:policy/boundary", "forceDetachPolicies": false,
		"tags": {"environment": "dev", "team": "platform"}
	}`, hub.json(t))
	assert.Equal(t, "dev-argocd-near", r.one(t, roleType, "argocd/near").Inputs["name"].StringValue())
	for _, policy := range []string{"argocd/sops", "argocd/assume-target-roles"} {
		r.one(t, inlinePolicyType, policy)
	}
	for _, policy := range []string{"argocd/ReadOnlyAccess", "argocd/buckets"} {
		r.one(t, attachmentType, policy)
	}
	var logins []string
	for _, job := range r.ofType(jobType) {
		logins = append(logins, job.Name)
	}
	assert.Equal(t, []string{
		"argocd/hub/openshift-gitops/openshift-gitops-argocd-application-controller-irsa-test",
		"argocd/hub/openshift-gitops/openshift-gitops-argocd-server-irsa-test",
		"argocd/near/openshift-gitops/openshift-gitops-argocd-application-controller-login-near",
		"argocd/near/openshift-gitops/openshift-gitops-argocd-server-login-near",
	}, logins)
}

func TestPlatformProvesATargetUnderTheKeyThatAPodCanHave(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	deployed(t, r, platformConfig(t, `
clusters:
  hub: {region: eu-west-1}
  near: {region: us-east-1}
argocd:
  hub: hub
  testPod: {}
  targets:
    prod-eu: {aliases: [Prod_EU], cluster: near, access: {kubernetesGroups: [x]}}
`))
	r.one(t, jobType, "argocd/prod-eu/argocd/argocd-server-login-prod-eu")
}

// argoCDConfig is a hub with one target, edge.
func argoCDConfig(t *testing.T, target string) map[string]string {
	t.Helper()
	return platformConfig(t, `
clusters:
  hub: {region: eu-west-1, namespaces: [argocd]}
  edge: {region: eu-west-1}
argocd:
  hub: hub
  targets:
    edge:
      cluster: edge
      `+strings.ReplaceAll(target, "\n", "\n      "))
}

func hubAndEdge(edgeMode string) *recorder {
	r := clusters("hub")
	r.hasCluster("edge", "https://"+euIssuer, edgeMode)
	return r
}

func TestPlatformLetsArgoCDInTheWayThatTheClusterReads(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ mode, access, want string }{
		{"API", "kubernetesGroups: [deployers]", "accessEntry"},
		{"API_AND_CONFIG_MAP", "kubernetesGroups: [deployers]", "accessEntry"},
		{"API_AND_CONFIG_MAP", "{via: aws-auth, kubernetesGroups: ['system:masters']}", "aws-auth"},
		{"CONFIG_MAP", "kubernetesGroups: [deployers]", "aws-auth"},
		{"CONFIG_MAP", "{via: aws-auth, kubernetesGroups: ['system:masters'], username: argocd}", "aws-auth"},
	} {
		t.Run(test.mode+" "+test.access, func(t *testing.T) {
			t.Parallel()
			r := hubAndEdge(test.mode)
			access := test.access
			if !strings.HasPrefix(access, "{") {
				access = "{" + access + "}"
			}
			outputs := deployed(t, r, argoCDConfig(t, "access: "+access))
			target := outputs["argocdTargets"].(map[string]any)["edge"].(map[string]any)
			assert.Equal(t, test.want, target["via"])
			entries, mappings := r.ofType(accessEntryType), r.ofType(awsAuthRoleType)
			assert.Len(t, append(entries, mappings...), 1)
			for _, mapping := range mappings {
				kubeconfig := r.one(t, "pulumi:providers:kubernetes", "kubernetes-edge").Inputs["kubeconfig"].StringValue()
				require.True(t, mapping.Inputs["kubeconfig"].IsSecret())
				assert.Equal(t, kubeconfig, plain(mapping.Inputs["kubeconfig"], ""))
				assert.Equal(t, "arn:aws:iam::111122223333:role/eks-argocd-argocd-application-controller", mapping.Inputs["roleArn"].StringValue())
			}
			// Argo CD connects as soon as it sees the secret.
			waitsFor := r.one(t, secretType, "argocd/edge").dependencies()
			assert.Contains(t, waitsFor, "Namespace/hub/argocd")
			assert.Contains(t, waitsFor, map[string]string{"accessEntry": "AccessEntry/argocd/edge", "aws-auth": "AwsAuthRole/argocd/edge"}[test.want])
		})
	}
}

func TestPlatformLetsArgoCDInByAwsAuthWhereTheClusterIsOlderThanAccessEntries(t *testing.T) {
	t.Parallel()
	r := hubAndEdge("")
	delete(r.clusters["edge"], "accessConfigs")
	deployed(t, r, argoCDConfig(t, "access: {kubernetesGroups: [deployers]}"))
	assert.Len(t, r.ofType(awsAuthRoleType), 1)
}

func TestPlatformRefusesAWayInThatTheClusterIgnores(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ mode, access, want string }{
		{
			"API", "{via: aws-auth, kubernetesGroups: [deployers]}",
			"access.via: authentication mode API does not support aws-auth",
		},
		{
			"CONFIG_MAP", "{via: accessEntry, kubernetesGroups: [deployers]}",
			"access.via: authentication mode CONFIG_MAP does not support accessEntry",
		},
	} {
		t.Run(test.mode, func(t *testing.T) {
			t.Parallel()
			_, err := runPlatform(t, hubAndEdge(test.mode), argoCDConfig(t, "access: "+test.access))
			require.ErrorContains(t, err, `invalid arguments of ArgoCDTarget "argocd/edge":`+"\n"+test.want)
		})
	}
}
