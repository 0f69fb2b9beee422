package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// keyLives rename the keys of the configuration. Nothing changes in AWS or Kubernetes.
func keyLives() []laterLife {
	const reports = "clusters: [hub, eu], serviceAccounts: [{namespace: apps, name: reports}], " +
		"inlinePolicies: {describe: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'eks:DescribeCluster', Resource: '*'}]}}"
	const renamed = "clusters: [hub, europe], serviceAccounts: [{namespace: apps, name: reports}], " +
		"inlinePolicies: {describe: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'eks:DescribeCluster', Resource: '*'}]}}"
	const target = "access: {policies: [{policy: AmazonEKSViewPolicy}]}, role: {}"
	return []laterLife{
		{
			name: "a role is added, and the target gets a role of its own",
			edits: map[string]string{
				"roles": "{reports: {" + reports + "}}", "argocd/targets/eu": "{cluster: eu, " + target + "}",
			},
			declared: func(t *testing.T, _, after *world) {
				t.Helper()
				assert.Equal(t, livesRoles+"eks-apps-reports", after.roleOf("eu/apps/reports"))
			},
		},
		{
			name:  "the key of a role is renamed without a word: an error, before anything is touched",
			edits: map[string]string{"roles/reports": "", "roles/statements": "{" + reports + "}"},
			fails: "platform.roles.statements: this stack made role eks-apps-reports of account", declared: unchanged,
		},
		{
			name:     "the key of a role is renamed",
			edits:    map[string]string{"roles/statements": "{aliases: [reports], " + reports + "}"},
			declared: unchanged,
		},
		{
			name: "the key of a bucket is renamed, to which its name goes back by default",
			edits: map[string]string{
				"buckets/data": "", "buckets/files": "{aliases: [data], cluster: hub, name: lives-data, objects: {a.txt: text}}",
			},
			declared: unchanged,
		},
		{
			name: "the key of a target is renamed, to which the name of its role goes back",
			edits: map[string]string{
				"argocd/targets/eu": "", "argocd/targets/workloads": "{aliases: [eu], cluster: eu, " + target + "}",
			},
			declared: unchanged,
		},
		{
			name: "the key of a cluster is renamed",
			edits: map[string]string{
				"clusters/eu": "", "clusters/europe": "{aliases: [eu], region: eu-central-1}",
				"roles/statements":         "{aliases: [reports], " + renamed + "}",
				"argocd/targets/workloads": "{aliases: [eu], cluster: europe, " + target + "}",
			},
			declared: unchanged,
		},
		{
			name: "all keys are renamed once more, in an update that fails half-way and the next",
			edits: map[string]string{
				"clusters/europe": "", "clusters/east": "{aliases: [eu, europe], region: eu-central-1}",
				"roles/statements": "", "roles/accounts": "{aliases: [reports, statements], " + reportsIn("east") + "}",
				"argocd/targets/workloads": "", "argocd/targets/far": "{aliases: [eu, workloads], cluster: east, " + target + "}",
				"buckets/files": "", "buckets/papers": "{aliases: [data, files], cluster: hub, name: lives-data, objects: {a.txt: text}}",
				// Its creation is what fails.
				"roles/aaa": "{name: aaa, clusters: [hub], serviceAccounts: [{namespace: apps, name: aaa}]}",
			},
			up: failHalfWay,
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				for id := range before.ids {
					kept(id)(t, before, after)
				}
				assert.Equal(t, before.AccessEntries, after.AccessEntries)
				assert.Equal(t, before.Secrets, after.Secrets)
				assert.Equal(t, before.OidcProviders, after.OidcProviders)
			},
		},
		{
			name: "the aliases are taken out again, where names do not go back to keys",
			edits: map[string]string{
				"clusters/east":  "{name: eu, region: eu-central-1}",
				"roles/accounts": "{" + reportsIn("east") + "}",
				"buckets/papers": "{cluster: hub, name: lives-data, objects: {a.txt: text}}",
				"argocd/targets/far": "{displayName: eu, cluster: east, access: {policies: [{policy: AmazonEKSViewPolicy}]}, " +
					"role: {name: argocd-eu, description: Argo CD's identity in the cluster eu}}",
			},
			declared: unchanged,
		},
	}
}

func reportsIn(cluster string) string {
	return "clusters: [hub, " + cluster + "], serviceAccounts: [{namespace: apps, name: reports}], " +
		"inlinePolicies: {describe: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'eks:DescribeCluster', Resource: '*'}]}}"
}

// failHalfWay makes two updates: the first fails when it creates a role, when some things have been renamed and others not.
func failHalfWay(t *testing.T, l *lives) {
	t.Helper()
	l.Endpoint.Inject(aws.Fault{
		Service: "iam", Action: "CreateRole", Status: http.StatusConflict, Code: "LimitExceeded", Message: "no more",
	})
	_, err := l.stack.Up(t.Context(), optup.Parallel(1))
	l.Endpoint.ClearFaults()
	require.ErrorContains(t, err, "LimitExceeded")
	l.up(t)
}
