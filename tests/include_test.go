package tests

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// files are written into a folder, which they are given for.
func files(t *testing.T, texts map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range texts {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

const appRole = "{clusters: [hub], serviceAccounts: [{namespace: apps, name: app}]}"

func TestAConfigurationIncludesFiles(t *testing.T) {
	t.Parallel()
	dir := files(t, map[string]string{
		"roles/payments.yaml": "roles:\n  audit:\n    clusters: [hub]\n    serviceAccounts:\n      - {namespace: payments, name: audit}\n",
		"search.json":         `{"roles": {"search": {"clusters": ["hub"], "serviceAccounts": [{"namespace": "search", "name": "search"}]}}}`,
		"clusters.yaml":       "clusters: {hub: {region: eu-west-1}}\nbuckets: {data: {name: data, cluster: hub}}\n",
		"empty.yaml":          "roles:\n",
	})
	text := platformConfig(t, "include: [clusters.yaml, roles/payments.yaml, search.json, empty.yaml]\nroles: {app: "+appRole+"}")
	cfg, err := stacks.ParseConfig(text["eks-irsa:platform"], dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"app", "audit", "search"}, slices.Sorted(maps.Keys(cfg.Roles)))
	assert.Equal(t, []string{"hub"}, slices.Sorted(maps.Keys(cfg.Clusters)))
	assert.Equal(t, []string{"data"}, slices.Sorted(maps.Keys(cfg.Buckets)))
	assert.Equal(t, "payments", cfg.Roles["audit"].ServiceAccounts[0].Namespace)

	// The program finds them where Pulumi.yaml is.
	r := clusters("hub")
	inDir := func(info *pulumi.RunInfo) { info.RootDirectory = dir }
	require.NoError(t, r.run(stacks.Platform, withConfig(text), inDir))
	assert.Equal(t, "eks-payments-audit", plain(r.one(t, roleType, "audit").Inputs["name"], ""))
}

func TestAConfigurationRefusesFilesThatItCannotInclude(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ platform, file, want string }{
		"which are missing": {"include: [other.yaml]", "", "include[0]: other.yaml: no such file or directory"},
		"which are elsewhere": {
			"include: [../team.yaml, /etc/team.yaml, '']", "", `include[0]: "../team.yaml" is not the path of a file below the folder of Pulumi.yaml
platform.include[1]: "/etc/team.yaml" is not the path of a file below the folder of Pulumi.yaml
platform.include[2]: "" is not the path of a file below the folder of Pulumi.yaml`,
		},
		"which are no YAML":     {"include: [team.yaml]", "roles: [", "include[0]: team.yaml: invalid YAML file: yaml: line 1: did not find expected node content"},
		"which have no maps":    {"include: [team.yaml]", "- roles", "include[0]: team.yaml: must have sections (buckets, clusters, roles), each with what it declares by keys"},
		"with a list of roles":  {"include: [team.yaml]", "roles: [app]", "include[0]: team.yaml: must have sections (buckets, clusters, roles), each with what it declares by keys"},
		"with another section":  {"include: [team.yaml]", "argocd: {hub: hub}", "include[0]: team.yaml: argocd cannot be in a file of its own; only buckets, clusters, roles can"},
		"with a key of its own": {"include: [team.yaml]\nroles: {app: " + appRole + "}", "roles: {app: " + appRole + "}", "roles.app: is declared twice, the second time in team.yaml; leave one of the two"},
		"twice":                 {"include: [team.yaml, team.yaml]", "roles: {app: " + appRole + "}", "roles.app: is declared twice, the second time in team.yaml; leave one of the two"},
		"with secrets": {
			"include: [team.yaml]", "roles: {app: {name: {secure: AAAB}}}",
			"include[0]: team.yaml: has an encrypted value (secure:), which only the configuration of a stack can have",
		},
		// All else is found as in the configuration itself.
		"with mistakes":                   {"include: [team.yaml]", "roles: {app: {cluster: [hub]}}", "roles.app.cluster: unknown key"},
		"with an account without quotes":  {"include: [team.yaml]", "clusters: {eu: {region: eu-west-1, assumeRole: {roleArn: 012345678901}}}", "clusters.eu.assumeRole.roleArn: must be a string, not the number"},
		"where the rest is not right":     {"include: [team.yaml]\nroles: [app]", "", "roles: must be a map"},
		"where the list is not right":     {"include: team.yaml", "", "include: must be a list"},
		"where the list has no texts":     {"include: [1]", "", "include[0]: must be a string"},
		"where a key of the list is null": {"include: [team.yaml, null]", "roles:", `include[1]: "" is not the path`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := files(t, map[string]string{"team.yaml": test.file})
			_, err := stacks.ParseConfig(platformConfig(t, test.platform)["eks-irsa:platform"], dir)
			require.ErrorContains(t, err, "invalid configuration:\nplatform."+test.want)
			assert.NotContains(t, err.Error(), dir)
		})
	}

	_, err := stacks.ParseConfig(`{"include": ["team.yaml"], "roles": {}, "roles": {}}`, files(t, map[string]string{"team.yaml": "roles:"}))
	require.ErrorContains(t, err, "platform.roles: occurs twice; leave one of the two")
}
