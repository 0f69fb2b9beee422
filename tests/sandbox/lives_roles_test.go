package sandbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// roleLives change a role, its clusters and its permissions. What can stay stays: whoever makes a role anew ends all of its
// sessions, and takes it out of every policy that names it.
func roleLives() []laterLife {
	const (
		app   = "roles/app/"
		write = "{Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:PutObject', Resource: '*'}]}"
	)
	trusts := func(clusters ...string) func(*testing.T, *world, *world) {
		return func(t *testing.T, before, after *world) {
			t.Helper()
			kept("role app", "policy "+livesPolicies+"list")(t, before, after)
			role := after.role(t, "app")
			assert.Equal(t, []string{livesPolicies + "list"}, role.Attached)
			for _, cluster := range []string{"hub", "eu", "us"} {
				trusted := len(clusters) > 0 && clusters[0] == cluster
				if trusted {
					clusters = clusters[1:]
				}
				want := ""
				if trusted {
					want = livesRoles + "app"
				}
				assert.Equal(t, want, after.roleOf(cluster+"/apps/app"), "the account in %s", cluster)
			}
		}
	}
	return []laterLife{
		{
			name:     "a role's two clusters are swapped",
			edits:    map[string]string{app + "clusters": "[eu, hub]"},
			declared: trusts("hub", "eu"),
		},
		{
			name:  "a role's first cluster is taken out",
			edits: map[string]string{app + "clusters": "[hub]"},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				trusts("hub")(t, before, after)
				assert.NotContains(t, after.role(t, "app").TrustPolicy, "eu-central-1")
			},
		},
		{
			name:  "a role gets another cluster",
			edits: map[string]string{app + "clusters": "[us, hub]"},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				trusts("hub", "us")(t, before, after)
				assert.Contains(t, after.role(t, "app").TrustPolicy, "us-east-1")
			},
		},
		{
			name:  "a policy's document changes",
			edits: map[string]string{app + "customerManagedPolicies/list": write},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				kept("role app", "policy "+livesPolicies+"list")(t, before, after)
			},
		},
		{
			name:  "a customer-managed policy is renamed and changed",
			edits: map[string]string{app + "customerManagedPolicies/list": "", app + "customerManagedPolicies/write": write},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				kept("role app")(t, before, after)
				assert.Equal(t, []string{livesPolicies + "write"}, after.role(t, "app").Attached)
				assert.Equal(t, []string{livesPolicies + "write"}, after.Policies)
			},
		},
		{
			name:  "an inline policy is taken out",
			edits: map[string]string{app + "inlinePolicies": ""},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				kept("role app")(t, before, after)
				assert.Empty(t, after.role(t, "app").Inline)
			},
		},
		{
			name: "a role gets a boundary, a longer session, tags, a description and one of AWS's policies",
			edits: map[string]string{
				app + "permissionsBoundary": "PowerUserAccess", app + "maxSessionDuration": "7200", app + "tags": "{team: apps}",
				app + "description": "changed", app + "managedPolicies": "[ReadOnlyAccess]",
			},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				kept("role app")(t, before, after)
				role := after.roles["app"]
				assert.Equal(t, "arn:aws:iam::aws:policy/PowerUserAccess", aws.ToString(role.PermissionsBoundary.PermissionsBoundaryArn))
				assert.EqualValues(t, 7200, *role.MaxSessionDuration)
				assert.Equal(t, "changed", aws.ToString(role.Description))
				assert.Len(t, role.Tags, 1)
				assert.Contains(t, after.role(t, "app").Attached, "arn:aws:iam::aws:policy/ReadOnlyAccess")
			},
		},
		{
			name: "a role loses its boundary, its tags, its longer session and AWS's policy",
			edits: map[string]string{
				app + "permissionsBoundary": "", app + "maxSessionDuration": "", app + "tags": "", app + "description": "",
				app + "managedPolicies": "",
			},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				kept("role app")(t, before, after)
				role := after.roles["app"]
				assert.Nil(t, role.PermissionsBoundary)
				assert.EqualValues(t, 3600, *role.MaxSessionDuration)
				assert.Empty(t, role.Tags)
				assert.Equal(t, []string{livesPolicies + "write"}, after.role(t, "app").Attached)
			},
		},
		{
			name:  "a role trusts another service account",
			edits: map[string]string{app + "serviceAccounts": "[{namespace: apps, name: app}, {namespace: apps, name: two}]"},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				kept("role app", "hub/apps/app")(t, before, after)
				assert.Equal(t, livesRoles+"app", after.roleOf("us/apps/two"))
				assert.Contains(t, after.role(t, "app").TrustPolicy, "system:serviceaccount:apps:two")
			},
		},
		{
			name: "a role is split in two",
			edits: map[string]string{
				app + "serviceAccounts": "[{namespace: apps, name: app}]",
				"roles/two":             "{name: two, clusters: [hub], serviceAccounts: [{namespace: apps, name: two}]}",
			},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				kept("role app", "hub/apps/app")(t, before, after)
				assert.Equal(t, livesRoles+"two", after.roleOf("hub/apps/two"), "it goes from one role to the other in one update")
				assert.Empty(t, after.roleOf("us/apps/two"))
				assert.NotContains(t, after.role(t, "app").TrustPolicy, "system:serviceaccount:apps:two")
			},
		},
		{
			name:  "a role gets another name",
			edits: map[string]string{app + "name": "renamed"},
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.NotContains(t, after.roles, "app")
				assert.Equal(t, []string{livesPolicies + "write"}, after.role(t, "renamed").Attached)
				assert.Equal(t, livesRoles+"renamed", after.roleOf("hub/apps/app"))
			},
		},
		{
			name:  "a role gets another path",
			edits: map[string]string{app + "path": "/apps/"},
			happens: func(_ *testing.T, l *lives) {
				// IAM deletes no policy that a role has, and the engine deletes at once what it does not know to wait.
				l.Endpoint.Inject(sandboxaws.Late("iam", "DetachRolePolicy", 1, 3*time.Second))
			},
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.Equal(t, livesRoles+"apps/renamed", after.role(t, "renamed").Arn)
				assert.Equal(t, []string{livesPolicies + "apps/write"}, after.role(t, "renamed").Attached)
				assert.Equal(t, []string{livesPolicies + "apps/write"}, after.Policies)
				assert.Equal(t, livesRoles+"apps/renamed", after.roleOf("hub/apps/app"))
			},
		},
		{
			name:  "a role gets a prefix for its name",
			edits: map[string]string{app + "name": "", app + "namePrefix": "app-", app + "path": ""},
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.NotContains(t, after.roles, "renamed")
				assert.Contains(t, after.roleOf("hub/apps/app"), livesRoles+"app-")
			},
		},
		{
			name:  "a role gets a name for its prefix",
			edits: map[string]string{app + "name": "app", app + "namePrefix": ""},
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.Equal(t, livesRoles+"app", after.roleOf("hub/apps/app"))
				assert.Len(t, after.Roles, 4, "app, two, argocd and the one from elsewhere")
			},
		},
	}
}
