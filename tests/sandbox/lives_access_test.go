package sandbox_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// accessLives change what Argo CD may do in a target, how it gets in, and as whom.
func accessLives() []laterLife {
	const target = "argocd/targets/eu/"
	return []laterLife{
		{
			name:     "the namespaces of an access policy are extended",
			edits:    map[string]string{target + "access/policies": "[{policy: AmazonEKSAdminPolicy, namespaces: [apps, default]}]"},
			declared: entry("argo", []string{"deployers"}, "AmazonEKSAdminPolicy in apps, default"),
		},
		{
			name:     "an access policy is for the whole cluster",
			edits:    map[string]string{target + "access/policies": "[{policy: AmazonEKSAdminPolicy}]"},
			declared: entry("argo", []string{"deployers"}, "AmazonEKSAdminPolicy"),
		},
		{
			name:     "an access policy is swapped for another",
			edits:    map[string]string{target + "access/policies": "[{policy: AmazonEKSViewPolicy, namespaces: [apps]}]"},
			declared: entry("argo", []string{"deployers"}, "AmazonEKSViewPolicy in apps"),
		},
		{
			name:     "groups are taken out of an access entry",
			edits:    map[string]string{target + "access/kubernetesGroups": ""},
			declared: entry("argo", nil, "AmazonEKSViewPolicy in apps"),
		},
		{
			name:     "a user name is taken out of an access entry",
			edits:    map[string]string{target + "access/username": ""},
			declared: entry(sessionName("elsewhere"), nil, "AmazonEKSViewPolicy in apps"),
		},
		{
			name:  "an access entry becomes a line of aws-auth",
			edits: map[string]string{target + "access": "{via: aws-auth, kubernetesGroups: [deployers]}"},
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.Empty(t, after.AccessEntries)
				assert.Contains(t, mapRolesOf(after), elsewhereRole)
			},
		},
		{
			name:  "a line of aws-auth becomes an access entry",
			edits: map[string]string{target + "access": "{policies: [{policy: AmazonEKSViewPolicy}], kubernetesGroups: [deployers]}"},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				entry(sessionName("elsewhere"), []string{"deployers"}, "AmazonEKSViewPolicy")(t, before, after)
				assert.Equal(t, foreignRoles, mapRolesOf(after), "everybody else's lines stay")
			},
		},
		{
			name:     "a target that had a role from elsewhere gets one of its own",
			edits:    map[string]string{target + "roleArn": "", target + "role": "{maxSessionDuration: 7200}"},
			declared: reachedBy("argocd-eu", true),
		},
		{
			name:  "the session length of a target's role changes",
			edits: map[string]string{target + "role": "{maxSessionDuration: 3600}"},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				assert.EqualValues(t, 3600, *after.roles["argocd-eu"].MaxSessionDuration)
				kept("role argocd-eu", "role argocd")(t, before, after)
			},
		},
		{
			name:  "a target that had a role of its own is reached directly",
			edits: map[string]string{target + "role": ""},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				reachedBy("argocd", false)(t, before, after)
				assert.NotContains(t, after.roles, "argocd-eu")
				assert.Empty(t, after.role(t, "argocd").Inline, "Argo CD may assume nothing more")
			},
		},
		{
			name:     "a target that was reached directly gets a role from elsewhere",
			edits:    map[string]string{target + "roleArn": elsewhereRole},
			declared: reachedBy("elsewhere", true),
		},
		{
			name: "a target gets another name and other labels in Argo CD",
			edits: map[string]string{
				target + "displayName": "workloads", target + "labels": "{environment: prod}", target + "annotations": "{owner: us}",
			},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				secret := after.secret(t, "workloads")
				assert.Equal(t, "prod", secret.Labels["environment"])
				assert.Equal(t, "us", secret.Annotations["owner"])
				kept("secret "+secret.String())(t, before, after)
			},
		},
		{
			name: "a target moves to another cluster",
			edits: map[string]string{
				target + "cluster": "us", target + "displayName": "", target + "labels": "", target + "annotations": "",
			},
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.Len(t, after.AccessEntries, 1)
				assert.Equal(t, elsewhereRole, after.entryOf(t, "us").PrincipalArn)
				assert.Len(t, after.ArgoCDSecrets(), 1)
				assert.Contains(t, after.secret(t, "eu").Data["config"], `"clusterName":"us"`)
			},
		},
		{
			name:     "a target moves back",
			edits:    map[string]string{target + "cluster": "eu"},
			declared: reachedBy("elsewhere", true),
		},
		{
			name:  "the hub becomes a target",
			edits: map[string]string{"argocd/targets/hub": "{cluster: hub, labels: {environment: prod}}"},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				assert.Equal(t, "https://kubernetes.default.svc", after.secret(t, "hub").Data["server"])
				assert.Equal(t, before.AccessEntries, after.AccessEntries)
			},
		},
		{
			name:  "a target is taken out",
			edits: map[string]string{"argocd/targets/hub": ""},
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.Len(t, after.ArgoCDSecrets(), 1)
			},
		},
	}
}

// entry wants the access entry of the target to be just that.
func entry(username string, groups []string, policies ...string) func(*testing.T, *world, *world) {
	return func(t *testing.T, _, after *world) {
		t.Helper()
		found := after.entryOf(t, "eu")
		assert.Equal(t, username, found.Username)
		assert.ElementsMatch(t, groups, found.Groups)
		assert.Equal(t, policies, found.Policies)
		assert.Equal(t, elsewhereRole, found.PrincipalArn)
	}
}

// sessionName is the user name that EKS gives a role by default.
func sessionName(role string) string {
	return "arn:aws:sts::" + sandbox.Account + ":assumed-role/" + role + "/{{SessionName}}"
}

func mapRolesOf(w *world) string {
	for _, configMap := range w.ConfigMaps {
		if configMap.String() == "eu/kube-system/aws-auth" {
			return configMap.Data["mapRoles"]
		}
	}
	return ""
}

// reachedBy wants the target to let one role in, and Argo CD to assume it on its way or not.
func reachedBy(role string, assumed bool) func(*testing.T, *world, *world) {
	return func(t *testing.T, before, after *world) {
		t.Helper()
		assert.Equal(t, livesRoles+role, after.entryOf(t, "eu").PrincipalArn)
		assert.Equal(t, []string{"AmazonEKSViewPolicy"}, after.entryOf(t, "eu").Policies)
		config := after.secret(t, "eu").Data["config"]
		assert.Equal(t, assumed, strings.Contains(config, `"roleARN":"`+livesRoles+role+`"`), config)
		assert.Equal(t, assumed, strings.Contains(config, "roleARN"), config)
		kept("role argocd")(t, before, after)
		if assumed {
			assert.Contains(t, after.role(t, "argocd").Inline["assume-target-roles"], livesRoles+role)
		}
	}
}
