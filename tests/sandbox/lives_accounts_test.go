package sandbox_test

import (
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// livesAccount is the account that changes hands between the stack and a chart.
const livesAccount = "hub/apps/app"

// accountLives change what is done about a service account, from every mode to every other.
func accountLives() []laterLife {
	modes := func(mode string) map[string]string {
		return map[string]string{"roles/app/clusters": "[hub]", "roles/app/serviceAccounts": "[{namespace: apps, name: app, mode: " + mode + "}]"}
	}
	annotated := func(t *testing.T, before, after *world) {
		t.Helper()
		kept(livesAccount, "role app")(t, before, after)
		assert.Equal(t, livesRoles+"app", after.roleOf(livesAccount))
	}
	gone := func(t *testing.T, before, after *world) {
		t.Helper()
		kept("role app")(t, before, after)
		assert.Empty(t, after.account(livesAccount).Name)
	}
	return []laterLife{
		{name: "a created account is patched, as a chart is to own it: it stays", edits: modes("patch"), declared: annotated},
		{name: "a patched account is imported: it stays", edits: modes("import"), declared: annotated},
		{name: "an imported account is created: it stays", edits: modes("create"), declared: annotated},
		{name: "a created account is patched again: it stays", edits: modes("patch"), declared: annotated},
		{name: "a patched account is created: it stays, or the way is named", edits: modes("create"), up: createPatched, declared: annotated},
		{name: "a created account is left alone: it goes, as the stack made it", edits: modes("trustOnly"), declared: gone},
		{
			name: "an account is to be patched that is not there: an error, and none is made", edits: modes("patch"),
			fails: "resource 'apps/app' does not exist", declared: gone,
		},
		{
			name: "the chart that was missing is installed", happens: installChart("hub", "app"),
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.Equal(t, livesRoles+"app", after.roleOf(livesAccount))
				assert.Equal(t, "Helm", after.account(livesAccount).Labels["app.kubernetes.io/managed-by"])
			},
		},
		{
			name: "a patched account is left alone: it stays, without the annotation", edits: modes("trustOnly"),
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				kept(livesAccount, "role app")(t, before, after)
				assert.Empty(t, after.account(livesAccount).Annotations)
			},
		},
		{name: "an account that was left alone is patched", edits: modes("patch"), declared: annotated},
		{
			name: "a patched account is left alone again", edits: modes("trustOnly"),
			declared: kept(livesAccount, "role app"),
		},
		{
			name: "an account that was left alone and uninstalled is created", happens: uninstallChart("hub", "app"), edits: modes("create"),
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.Equal(t, livesRoles+"app", after.roleOf(livesAccount))
				assert.Equal(t, "pulumi", after.account(livesAccount).Labels["app.kubernetes.io/managed-by"])
			},
		},
		{
			name: "a created account is patched, and its role gets another name: the annotation follows where it is forced", edits: map[string]string{
				"roles/app/serviceAccounts": "[{namespace: apps, name: app, mode: patch, annotations: {pulumi.com/patchForce: 'true'}}]",
				"roles/app/name":            "app-2",
			},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				kept(livesAccount)(t, before, after)
				assert.Equal(t, livesRoles+"app-2", after.roleOf(livesAccount))
			},
		},
		{
			name:    "the chart is uninstalled, and the role taken out with --refresh: the account does not come back",
			happens: uninstallChart("hub", "app"), edits: map[string]string{"roles/app": ""}, up: upRefreshed,
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.Empty(t, after.account(livesAccount).Name)
				assert.NotContains(t, after.roles, "app-2")
			},
		},
	}
}

// createPatched lets the stack create an account that it has patched so far. The Kubernetes provider takes it over until
// 4.28, and refuses to from 4.29 on.
func createPatched(t *testing.T, l *lives) {
	t.Helper()
	_, err := l.stack.Up(t.Context())
	if err == nil {
		return
	}
	require.ErrorContains(t, err, "already exists")
	l.useMode(t, "import")
	l.up(t)
	l.useMode(t, "create")
	l.up(t)
}

func (l *lives) useMode(t *testing.T, mode string) {
	t.Helper()
	edit(t, l.settings, "roles/app/serviceAccounts", "[{namespace: apps, name: app, mode: "+mode+"}]")
	require.NoError(t, l.stack.Write(l.settings))
}

// upRefreshed is `pulumi up --refresh`.
func upRefreshed(t *testing.T, l *lives) {
	t.Helper()
	_, err := l.stack.Up(t.Context(), optup.Refresh())
	require.NoError(t, err)
}

// The accounts of a chart are patched, and the chart is uninstalled before the stack is destroyed, once with its namespace.
func TestAnUninstalledChartsAccountsDoNotComeBackWithTheDestruction(t *testing.T) {
	t.Parallel()
	l := newLives(t)
	edit(t, l.settings, "roles/app/serviceAccounts", "[{namespace: apps, name: app, mode: patch}]")
	require.NoError(t, l.stack.Write(l.settings))
	found := l.world(t)
	for _, cluster := range []string{"hub", "eu"} {
		installChart(cluster, "app")(t, l)
	}
	l.up(t)
	assert.Equal(t, livesRoles+"app", l.world(t).roleOf("eu/apps/app"))

	uninstallChart("hub", "app")(t, l)
	require.NoError(t, l.client(t, "eu").CoreV1().Namespaces().Delete(t.Context(), "apps", metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		_, err := l.client(t, "eu").CoreV1().Namespaces().Get(t.Context(), "apps", metav1.GetOptions{})
		return err != nil
	}, time.Minute, 200*time.Millisecond)

	require.NoError(t, l.stack.Destroy(t.Context(), optdestroy.Refresh()))
	after := l.world(t)
	assert.Empty(t, after.account("hub/apps/app").Name)
	assert.Empty(t, after.account("eu/apps/app").Name)
	assert.Equal(t, found.Roles, after.Roles)
	l.destroyWithNamespace(t)
}

// destroyWithNamespace destroys another stack, which made the namespace that the chart was in: that needs no refresh.
func (l *lives) destroyWithNamespace(t *testing.T) {
	t.Helper()
	settings := &sandbox.Settings{}
	require.NoError(t, yaml.Unmarshal([]byte("clusters: {us: {region: us-east-1, namespaces: [tools]}}"), &settings.Platform))
	found := l.world(t)
	stack, err := l.NewStack(t.Context(), repository, settings)
	require.NoError(t, err)
	up := func() {
		t.Helper()
		require.NoError(t, stack.Write(settings))
		_, err := stack.Up(t.Context())
		require.NoError(t, err)
	}
	up()
	accounts := l.client(t, "us").CoreV1().ServiceAccounts("tools")
	_, err = accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "tool"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	edit(t, settings, "roles", "{tool: {name: tool, clusters: [us], serviceAccounts: [{namespace: tools, name: tool, mode: patch}]}}")
	up()
	assert.Equal(t, livesRoles+"tool", l.world(t).roleOf("us/tools/tool"))
	require.NoError(t, accounts.Delete(t.Context(), "tool", metav1.DeleteOptions{}))
	require.NoError(t, stack.Destroy(t.Context()))
	l.world(t).assertLike(t, found, "nothing is left, and nothing came back")
}
