package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

func TestPluginOfAwsAuthSaysWhereItComesFrom(t *testing.T) {
	t.Parallel()
	r, _ := clusterAccess.made(t, func(args *components.ClusterAccessArgs) {
		args.AccessEntry, args.AwsAuth = nil, &components.AwsAuthArgs{Kubeconfig: pulumi.String("apiVersion: v1"), Groups: []string{"deployers"}}
	})
	request := r.one(t, awsAuthRoleType, "edge").RegisterRPC
	assert.Equal(t, components.PluginVersion, request.GetVersion())
	assert.Equal(t, components.PluginDownloadURL, request.GetPluginDownloadURL())
}

// The engine's own code says what it makes of the two.
func TestPluginOfAwsAuthIsClonedByTheEngine(t *testing.T) {
	t.Parallel()
	assert.Regexp(t, `^\d+\.\d+\.\d+$`, components.PluginVersion, "a pre-release would name a commit, not a tag")
	plugin := workspace.PluginDescriptor{
		Name: "eks-irsa", Kind: apitype.ResourcePlugin, PluginDownloadURL: components.PluginDownloadURL,
	}
	source, err := plugin.GetSource()
	require.NoError(t, err)
	assert.Equal(t, "https://github.com/eks-irsa/pulumi-eks-irsa.git", source.URL())

	folder := filepath.Join("..", filepath.FromSlash(plugin.SubDir()))
	project, path, err := workspace.LoadBaseProjectFrom(folder)
	require.NoError(t, err)
	assert.Equal(t, "PulumiPlugin.yaml", filepath.Base(path), "and not the Pulumi.yaml of the program above it")
	assert.Equal(t, "go", project.RuntimeInfo().Name())
	module, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(module), "module github.com/eks-irsa/pulumi-eks-irsa/components/plugin\n"))
}

// The tag is the changelog's heading, and where this commit has one, its own.
func TestPluginHasOneVersion(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile(filepath.Join("..", "components", "plugin", "main.go"))
	require.NoError(t, err)
	reported := regexp.MustCompile(`(?m)^var version = "(.+)"$`).FindSubmatch(program)
	require.NotNil(t, reported, "the plugin's main.go says its version")
	assert.Equal(t, components.PluginVersion, string(reported[1]), "what the plugin says of itself")

	changes, err := os.ReadFile(filepath.Join("..", "CHANGELOG.md"))
	require.NoError(t, err)
	release := regexp.MustCompile(`(?m)^## v(\S+)`).FindSubmatch(changes)
	require.NotNil(t, release, "the changelog's newest heading names the release")
	assert.Equal(t, components.PluginVersion, string(release[1]), "the newest release of the changelog")

	tags, err := exec.CommandContext(t.Context(), "git", "tag", "--points-at", "HEAD", "--list", "v*").Output()
	if err == nil && len(tags) > 0 { // a copy of the sources may have no history
		assert.Contains(t, strings.Fields(string(tags)), "v"+components.PluginVersion, "the tag of this commit")
	}
}
