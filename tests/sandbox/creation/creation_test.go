//go:build unix

// Package creation_test makes clusters with the real engine and pulumi-eks's real provider, and looks at what reaches AWS
// and Kubernetes.
package creation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

// programs are where pulumi-eks's plugin and the programs that it runs are.
type programs struct {
	pulumi, path string
	// calls is the file to which kubectl and aws write what they were asked for.
	calls string
}

// newPrograms puts a kubectl and an aws on PATH, this process's too, that know nothing but their versions.
func newPrograms(t *testing.T) programs {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute) // the first time, the CLI is compiled
	defer cancel()
	pulumi, err := tools.Pulumi(ctx, tools.Options{Log: os.Stderr})
	require.NoError(t, err)
	plugin, err := tools.PulumiEKS(ctx, tools.Options{Log: os.Stderr})
	require.NoError(t, err)
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	for program, version := range map[string]string{
		"kubectl": `{"clientVersion": {"gitVersion": "v1.34.2"}}`, "aws": "aws-cli/2.31.0 Python/3.13.7 Linux/6 exe/x86_64",
	} {
		script := fmt.Sprintf("#!/bin/sh\necho \"%s $*\" >> '%s'\necho '%s'\n", program, calls, version)
		require.NoError(t, os.WriteFile(filepath.Join(dir, program), []byte(script), 0o700))
	}
	path := strings.Join([]string{dir, plugin, os.Getenv("PATH")}, string(os.PathListSeparator))
	t.Setenv("PATH", path)
	return programs{pulumi: pulumi, path: path, calls: calls}
}

// newCloud is an AWS whose EKS clusters all have one API server, which answers that it is well.
func newCloud(t *testing.T, partition string) *cloud {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	return &cloud{partition: partition, apiServer: server.URL}
}

func (c *cloud) stack(t *testing.T, programs programs, platform map[string]any) auto.Stack {
	t.Helper()
	dir := t.TempDir()
	cli, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: filepath.Dir(filepath.Dir(programs.pulumi))})
	require.NoError(t, err)
	stack, err := auto.UpsertStackInlineSource(t.Context(), "dev", "eks-irsa", stacks.Platform,
		auto.Pulumi(cli),
		auto.Project(workspace.Project{
			Name: tokens.PackageName("eks-irsa"), Runtime: workspace.NewProjectRuntimeInfo("go", nil),
			Backend: &workspace.ProjectBackend{URL: "file://" + dir},
		}),
		auto.EnvVars(map[string]string{
			"PATH": programs.path, "PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_HOME": dir,
			"PULUMI_DEBUG_PROVIDERS": c.serve(t),
			// pulumi-eks would ask a proxy for the API server, which is on this machine.
			"HTTPS_PROXY": "", "https_proxy": "", "HTTP_PROXY": "", "http_proxy": "",
		}))
	require.NoError(t, err)
	configure(t, stack, platform)
	return stack
}

func configure(t *testing.T, stack auto.Stack, platform map[string]any) {
	t.Helper()
	value, err := json.Marshal(platform)
	require.NoError(t, err)
	require.NoError(t, stack.SetConfig(t.Context(), "eks-irsa:"+stacks.ConfigKey, auto.ConfigValue{Value: string(value)}))
}

// ofEveryCluster is what pulumi-eks and the platform register for a cluster "fresh", in any mode.
var ofEveryCluster = []string{
	"aws:ec2/securityGroup:SecurityGroup fresh-eksClusterSecurityGroup",
	"aws:ec2/securityGroup:SecurityGroup fresh-nodeSecurityGroup",
	"aws:ec2/securityGroupRule:SecurityGroupRule fresh-eksClusterIngressRule",
	"aws:ec2/securityGroupRule:SecurityGroupRule fresh-eksClusterInternetEgressRule",
	"aws:ec2/securityGroupRule:SecurityGroupRule fresh-eksExtApiServerClusterIngressRule",
	"aws:ec2/securityGroupRule:SecurityGroupRule fresh-eksNodeClusterIngressRule",
	"aws:ec2/securityGroupRule:SecurityGroupRule fresh-eksNodeIngressRule",
	"aws:ec2/securityGroupRule:SecurityGroupRule fresh-eksNodeInternetEgressRule",
	"aws:eks/cluster:Cluster fresh-eksCluster",
	"aws:eks/nodeGroup:NodeGroup fresh/nodes",
	"aws:iam/openIdConnectProvider:OpenIdConnectProvider fresh",
	"aws:iam/role:Role fresh-eksRole-role",
	"aws:iam/role:Role fresh-instanceRole-role",
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment fresh-eksRole-4b490823",
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment fresh-instanceRole-03516f97",
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment fresh-instanceRole-3eb088f2",
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment fresh-instanceRole-e1b295bd",
	"kubernetes:core/v1:Namespace fresh/apps",
}

// lettingNodesIn are the ways into a cluster for its nodes' role.
var (
	accessEntry = entryType + " fresh-defaultNodeGroupInstanceRole"
	awsAuth     = configMapType + " fresh-nodeAccess"
)

//nolint:paralleltest // it sets PATH
func TestACreatedClusterIsOneThatComesUp(t *testing.T) {
	programs := newPrograms(t)
	for _, test := range []struct {
		name, partition string
		cluster         map[string]any
		lettingNodesIn  []string
		subnets         []any
		version         string
	}{
		{
			"by its defaults, in the default VPC", "aws",
			map[string]any{"region": "eu-west-1", "create": map[string]any{}},
			[]string{accessEntry},
			[]any{"subnet-a", "subnet-b"},
			"1.33",
		},
		{
			"in China, in private subnets, with aws-auth alone", "aws-cn",
			map[string]any{"region": "cn-north-1", "create": map[string]any{
				"version": "1.34", "vpcId": "vpc-00000001", "publicSubnetIds": []any{"subnet-00000001"}, "privateSubnetIds": []any{"subnet-00000002", "subnet-00000003"},
				"authenticationMode": "CONFIG_MAP",
			}},
			[]string{awsAuth},
			[]any{"subnet-00000002", "subnet-00000003"},
			"1.34",
		},
		{
			"by a profile, with both ways in", "aws",
			map[string]any{"region": "eu-west-1", "profile": "edge", "create": map[string]any{
				"authenticationMode": "API_AND_CONFIG_MAP", "version": "1.34",
			}},
			[]string{accessEntry, awsAuth},
			[]any{"subnet-a", "subnet-b"},
			"1.34",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(t, test.partition)
			test.cluster["name"], test.cluster["namespaces"] = "prod-fresh", []any{"apps"}
			stack := c.stack(t, programs, map[string]any{"clusters": map[string]any{"fresh": test.cluster}})

			_, err := stack.Up(t.Context())
			require.NoError(t, err)

			want := slices.Sorted(slices.Values(slices.Concat(ofEveryCluster, test.lettingNodesIn)))
			assert.Equal(t, want, c.list(), "no launch configuration, no group of its own, no VPC CNI")
			c.checkCluster(t, test.cluster, test.version)
			c.checkNodes(t, test.subnets, test.version)
			c.checkLogin(t, test.cluster)
			c.checkOrder(t, test.lettingNodesIn)

			_, err = stack.Destroy(t.Context())
			require.NoError(t, err)
			c.checkEnd(t, test.lettingNodesIn)
			programs.checkCalls(t)
		})
	}
}

func (c *cloud) checkCluster(t *testing.T, declared map[string]any, version string) {
	t.Helper()
	cluster := c.one(t, clusterType, "fresh-eksCluster")
	create, _ := declared["create"].(map[string]any)
	mode, given := create["authenticationMode"]
	if !given {
		mode = "API"
	}
	assert.Equal(t, "prod-fresh", cluster["name"])
	assert.Equal(t, map[string]any{"authenticationMode": mode, "bootstrapClusterCreatorAdminPermissions": true}, cluster["accessConfig"],
		"who makes it may log in")
	if _, given := create["version"]; given {
		assert.Equal(t, version, cluster["version"])
	} else {
		assert.NotContains(t, cluster, "version")
	}
	network, _ := cluster["vpcConfig"].(map[string]any)
	assert.Equal(t, []any{true, true}, []any{network["endpointPublicAccess"], network["endpointPrivateAccess"]})
	subnets := []any{"subnet-a", "subnet-b"}
	if _, given := create["vpcId"]; given {
		subnets = []any{"subnet-00000001", "subnet-00000002", "subnet-00000003"}
	}
	assert.Equal(t, subnets, network["subnetIds"])
}

func (c *cloud) checkNodes(t *testing.T, subnets []any, version string) {
	t.Helper()
	nodes := c.one(t, nodeGroupType, "fresh/nodes")
	assert.Equal(t, "AL2023_ARM_64_STANDARD", nodes["amiType"])
	assert.Equal(t, "prod-fresh", nodes["clusterName"])
	assert.Equal(t, version, nodes["version"], "the nodes' version is the control plane's")
	assert.Equal(t, subnets, nodes["subnetIds"])
	assert.Equal(t, "arn:"+c.partition+":iam::"+account+":role/fresh-instanceRole-role", nodes["nodeRoleArn"])

	var policies []any
	for _, made := range c.made {
		if made.urn.Type() == attachmentType && strings.HasPrefix(made.urn.Name(), "fresh-instanceRole-") {
			policies = append(policies, made.inputs["policyArn"])
		}
	}
	aws := "arn:" + c.partition + ":iam::aws:policy/"
	assert.ElementsMatch(t, []any{
		aws + "AmazonEKSWorkerNodePolicy", aws + "AmazonEKS_CNI_Policy", aws + "AmazonEC2ContainerRegistryReadOnly",
	}, policies)
	trust, _ := c.one(t, roleType, "fresh-instanceRole-role")["assumeRolePolicy"].(string)
	assert.Contains(t, trust, map[string]string{"aws": `"ec2.amazonaws.com"`, "aws-cn": `"ec2.amazonaws.com.cn"`}[c.partition])
}

// checkLogin wants the namespace's kubeconfig to name the profile and the region that made the cluster.
func (c *cloud) checkLogin(t *testing.T, declared map[string]any) {
	t.Helper()
	last := made{}
	for _, made := range c.made {
		if made.String() == kubernetesType+" kubernetes-fresh" {
			last = made
		}
	}
	kubeconfig, _ := last.inputs["kubeconfig"].(string)
	assert.Contains(t, kubeconfig, c.apiServer)
	assert.Contains(t, kubeconfig, `"--region","`+declared["region"].(string)+`"`)
	if profile, given := declared["profile"].(string); given {
		assert.Contains(t, kubeconfig, `"`+profile+`"`)
	}
}

// checkOrder wants nodes after what lets them in, and everything in the cluster after the nodes.
func (c *cloud) checkOrder(t *testing.T, lettingNodesIn []string) {
	t.Helper()
	nodes := c.index(t, nodeGroupType+" fresh/nodes")
	for _, before := range lettingNodesIn {
		assert.Less(t, c.index(t, before), nodes, before)
	}
	for i, made := range c.made {
		if made.urn.Type() == attachmentType {
			assert.Less(t, i, nodes, made.String())
		}
	}
	assert.Less(t, nodes, c.index(t, namespaceType+" fresh/apps"))
}

// checkEnd wants the reverse when all goes: pods end while there are nodes, and nodes while they are let in.
func (c *cloud) checkEnd(t *testing.T, lettingNodesIn []string) {
	t.Helper()
	assert.Len(t, c.gone, len(c.list()), "nothing stays")
	nodes := slices.Index(c.gone, nodeGroupType+" fresh/nodes")
	assert.Less(t, slices.Index(c.gone, namespaceType+" fresh/apps"), nodes)
	for _, after := range append([]string{clusterType + " fresh-eksCluster"}, lettingNodesIn...) {
		assert.Greater(t, slices.Index(c.gone, after), nodes, after)
	}
	for i, gone := range c.gone {
		if strings.HasPrefix(gone, attachmentType) {
			assert.Greater(t, i, nodes, gone)
		}
	}
}

// checkCalls wants pulumi-eks to ask kubectl and aws for their versions and for nothing else.
func (programs programs) checkCalls(t *testing.T) {
	t.Helper()
	calls, err := os.ReadFile(programs.calls)
	require.NoError(t, err)
	for line := range strings.Lines(string(calls)) {
		assert.Contains(t, []string{"aws --version", "kubectl version --client=true --output=json"}, strings.TrimSpace(line))
	}
}

// The longest key that the configuration takes is one whose roles' names IAM takes.
//
//nolint:paralleltest // it sets PATH
func TestACreatedClusterIsPreviewedAndStaysAsItIsUnderAnotherKeyToo(t *testing.T) {
	programs := newPrograms(t)
	longest, cluster := strings.Repeat("k", 38), map[string]any{"region": "eu-west-1", "create": map[string]any{}}
	stack := newCloud(t, "aws").stack(t, programs, map[string]any{"clusters": map[string]any{longest: cluster}})

	assert.Equal(t, []apitype.OpType{apitype.OpCreate}, preview(t, stack))
	_, err := stack.Up(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []apitype.OpType{apitype.OpSame}, preview(t, stack), "a second run changes nothing")

	cluster["aliases"] = []any{longest}
	configure(t, stack, map[string]any{"clusters": map[string]any{"fresh": cluster}})
	assert.Equal(t, []apitype.OpType{apitype.OpSame, apitype.OpUpdate}, preview(t, stack), "but the tags that pulumi-eks makes of the key")
}

// preview are the kinds of operations that an update would do, sorted.
func preview(t *testing.T, stack auto.Stack) []apitype.OpType {
	t.Helper()
	result, err := stack.Preview(t.Context())
	require.NoError(t, err)
	return slices.Sorted(maps.Keys(result.ChangeSummary))
}
