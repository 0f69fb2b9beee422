package tests

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

const (
	createdEndpoint = "https://CREATED.gr7.eu-west-1.eks.amazonaws.com"
	nodeRoleArn     = "arn:aws:iam::" + account + ":role/new-nodes"
	nodeGroupType   = "aws:eks/nodeGroup:NodeGroup"

	getVpc               = "aws:ec2/getVpc:getVpc"
	getSubnets           = "aws:ec2/getSubnets:getSubnets"
	getInstanceType      = "aws:ec2/getInstanceType:getInstanceType"
	getAvailabilityZones = "aws:index/getAvailabilityZones:getAvailabilityZones"
)

// emptyAccount is an account without clusters, whose default VPC has subnets in three zones and whose instance types are
// built for x86_64.
func emptyAccount() *recorder {
	r := newRecorder()
	r.answers = map[string]resource.PropertyMap{
		getVpc:               resource.NewPropertyMapFromMap(map[string]any{"id": "vpc-default"}),
		getAvailabilityZones: resource.NewPropertyMapFromMap(map[string]any{"zoneIds": []any{"euw1-az1", "euw1-az2", "euw1-az3"}}),
		getSubnets:           resource.NewPropertyMapFromMap(map[string]any{"ids": []any{"subnet-c", "subnet-a", "subnet-b"}}),
		getInstanceType:      resource.NewPropertyMapFromMap(map[string]any{"supportedArchitectures": []any{"x86_64"}}),
	}
	return r
}

// componentState is what pulumi-eks's component gives back, whose resources registerCreatedCluster registers. Other
// components have no state of their own.
func (r *recorder) componentState(added registration) resource.PropertyMap {
	if added.TypeToken != createdClusterType {
		return resource.PropertyMap{}
	}
	child := func(typ, name string) resource.PropertyValue {
		return resource.MakeCustomResourceReference(resource.NewURN(stack, project, "", tokens.Type(typ), added.Name+name), "id", "")
	}
	return resource.PropertyMap{
		"kubeconfigJson": resource.NewStringProperty("the kubeconfig of pulumi-eks"),
		"eksCluster":     child(eksClusterType, "-eksCluster"),
		"instanceRoles":  resource.NewArrayProperty([]resource.PropertyValue{child(roleType, "-instanceRole-role")}),
	}
}

// registerCreatedCluster registers what pulumi-eks's component of the name "new" makes: the component runs in a provider,
// which the recorder has not.
func registerCreatedCluster(cluster string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		made, clusterErr := eks.NewCluster(ctx, "new-eksCluster", &eks.ClusterArgs{
			Name: pulumi.String(cluster), RoleArn: pulumi.String("arn:aws:iam::" + account + ":role/eks"), Version: pulumi.String("1.34"),
			VpcConfig: &eks.ClusterVpcConfigArgs{SubnetIds: pulumi.ToStringArray([]string{"subnet-00000001"})},
		})
		role, roleErr := iam.NewRole(ctx, "new-instanceRole-role", &iam.RoleArgs{
			Name: pulumi.String("new-nodes"), AssumeRolePolicy: pulumi.String("{}"),
		})
		if err := errors.Join(clusterErr, roleErr); err != nil {
			return err
		}
		// The SDK registers in the background, and the component's answer refers to both.
		_, err := internals.UnsafeAwaitOutput(ctx.Context(), pulumi.All(made.URN(), role.URN()))
		return err
	}
}

// createdCluster is the configuration of a cluster "new" in Ireland, and of a namespace and a role in it.
func createdCluster(t *testing.T, declared string) map[string]string {
	t.Helper()
	return platformConfig(t, `
tags: {environment: dev}
clusters:
  new:
    name: new-one
    region: eu-west-1
    namespaces: [apps]
    `+strings.ReplaceAll(strings.TrimSpace(declared), "\n", "\n    ")+`
roles:
  app:
    clusters: [new]
    serviceAccounts: [{namespace: apps, name: app}]
    testPod: {}
`)
}

// created creates the cluster that is declared so.
func created(t *testing.T, declared string) (*recorder, map[string]any) {
	t.Helper()
	r := emptyAccount()
	return r, deployed(t, r, createdCluster(t, declared), registerCreatedCluster("new-one"))
}

func TestPlatformCreatesAClusterWithPulumiEKSAndNodesOfAmazonLinux2023(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, declared, cluster, nodes, kubeconfig string }{
		{
			"with its defaults", "create: {}", `{
				"name": "new-one", "authenticationMode": "API", "createOidcProvider": false, "tags": {"environment": "dev"},
				"skipDefaultNodeGroup": true, "useDefaultVpcCni": true, "endpointPublicAccess": true, "endpointPrivateAccess": true,
				"vpcId": "vpc-default", "subnetIds": ["subnet-a", "subnet-b", "subnet-c"]
			}`, `{
				"clusterName": "new-one", "nodeGroupNamePrefix": "nodes-", "nodeRoleArn": "` + nodeRoleArn + `", "version": "1.34",
				"amiType": "AL2023_x86_64_STANDARD", "instanceTypes": ["t3.medium"], "tags": {"environment": "dev"},
				"subnetIds": ["subnet-a", "subnet-b", "subnet-c"], "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 2}
			}`, `{"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "interactiveMode": "Never", "args": [
				"--region", "eu-west-1", "eks", "get-token", "--cluster-name", "new-one", "--output", "json"
			]}`,
		},
		{
			"with every option", `
profile: other
assumeRole: {roleArn: 'arn:aws:iam::222233334444:role/deployer'}
create:
  version: "1.34"
  instanceType: m6i.large
  minSize: 0
  maxSize: 4
  desiredCapacity: 3
  vpcId: vpc-00000001
  publicSubnetIds: [subnet-00000001]
  privateSubnetIds: [subnet-00000002, subnet-00000003]
  authenticationMode: API_AND_CONFIG_MAP`, `{
				"name": "new-one", "authenticationMode": "API_AND_CONFIG_MAP", "createOidcProvider": false, "tags": {"environment": "dev"},
				"skipDefaultNodeGroup": true, "useDefaultVpcCni": true, "endpointPublicAccess": true, "endpointPrivateAccess": true,
				"version": "1.34", "vpcId": "vpc-00000001", "publicSubnetIds": ["subnet-00000001"], "privateSubnetIds": ["subnet-00000002", "subnet-00000003"],
				"providerCredentialOpts": {"profileName": "other", "roleArn": "arn:aws:iam::222233334444:role/deployer"}
			}`, `{
				"clusterName": "new-one", "nodeGroupNamePrefix": "nodes-", "nodeRoleArn": "` + nodeRoleArn + `", "version": "1.34",
				"amiType": "AL2023_x86_64_STANDARD", "instanceTypes": ["m6i.large"], "tags": {"environment": "dev"},
				"subnetIds": ["subnet-00000002", "subnet-00000003"], "scalingConfig": {"minSize": 0, "maxSize": 4, "desiredSize": 3}
			}`, `{"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "interactiveMode": "Never", "args": [
				"--profile", "other", "--region", "eu-west-1", "eks", "get-token", "--cluster-name", "new-one", "--output", "json",
				"--role-arn", "arn:aws:iam::222233334444:role/deployer"
			]}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, outputs := created(t, test.declared)

			created, nodes := r.one(t, createdClusterType, "new"), r.one(t, nodeGroupType, "new/nodes")
			assert.JSONEq(t, test.cluster, created.json(t))
			assert.JSONEq(t, test.nodes, nodes.json(t))
			assert.Contains(t, nodes.dependencies(), "Cluster/new", "with all that lets its nodes in")
			assert.Equal(t, providerName(created.RegisterRPC.GetProviders()["aws"]), providerName(nodes.Provider))
			assert.Equal(t, "eu-west-1", r.one(t, awsProviderType, providerName(nodes.Provider)).Inputs["region"].StringValue())
			assert.Empty(t, r.called(getCluster))
			assert.Empty(t, r.called(getOpenIDConnectProvider), "no other can know a new issuer")

			kubernetes := r.one(t, "pulumi:providers:kubernetes", "kubernetes-new")
			assert.JSONEq(t, test.kubeconfig, jsonOf(t, execOf(t, kubernetes.Inputs["kubeconfig"].StringValue())))
			assert.Contains(t, kubernetes.dependencies(), "NodeGroup/new/nodes", "so pods find nodes")

			assert.Equal(t, "https://"+createdIssuer, r.one(t, iamProviderType, "new").Inputs["url"].StringValue())
			assert.Contains(t, r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue(), createdIssuer+":sub")
			assert.JSONEq(t, `{"new": {
				"name": "new-one", "arn": "arn:aws:eks:eu-west-1:111122223333:cluster/new-one", "region": "eu-west-1",
				"account": "111122223333", "endpoint": "`+createdEndpoint+`",
				"authenticationMode": "`+created.Inputs["authenticationMode"].StringValue()+`", "nodeRoleArn": "`+nodeRoleArn+`",
				"issuer": "https://`+createdIssuer+`", "oidcProviderAdopted": false,
				"oidcProviderArn": "arn:aws:iam::111122223333:oidc-provider/`+createdIssuer+`"
			}}`, jsonOf(t, outputs["clusters"]))
		})
	}
}

// execOf is how a kubeconfig logs in, after checking that it leads to the created cluster.
func execOf(t *testing.T, kubeconfig string) any {
	t.Helper()
	config := fromJSON(t, kubeconfig)
	assert.Equal(t, []any{map[string]any{"name": "new-one", "cluster": map[string]any{
		"server": createdEndpoint, "certificate-authority-data": caData,
	}}}, config["clusters"])
	user, ok := config["users"].([]any)[0].(map[string]any)["user"].(map[string]any)
	require.True(t, ok)
	return user["exec"]
}

func TestPlatformPutsTheNodesOfACreatedClusterWhereTheConfigurationSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, create string
		subnets      []any
		ignored      []string
	}{
		{"in private subnets alone", "{vpcId: vpc-00000001, privateSubnetIds: [subnet-00000002, subnet-00000003]}", []any{"subnet-00000002", "subnet-00000003"}, nil},
		{"in public subnets alone", "{vpcId: vpc-00000001, publicSubnetIds: [subnet-00000005, subnet-00000004]}", []any{"subnet-00000005", "subnet-00000004"}, nil},
		{"in the default VPC, whatever zones are added", "{}", []any{"subnet-a", "subnet-b", "subnet-c"}, []string{"subnetIds"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, _ := created(t, "create: "+test.create)
			nodes := r.one(t, nodeGroupType, "new/nodes")
			assert.Equal(t, test.subnets, nodes.Inputs["subnetIds"].Mappable())
			assert.Equal(t, test.ignored, nodes.RegisterRPC.GetIgnoreChanges())
			assert.Len(t, r.called(getVpc), len(test.ignored), "the default VPC is asked for where it is needed")
		})
	}
}

func TestPlatformSearchesTheDefaultVPCForSubnetsThatEKSTakes(t *testing.T) {
	t.Parallel()
	r, _ := created(t, "create: {}")
	asked := func(token string) string { return jsonOf(t, r.called(token)[0].Args.Mappable()) }
	assert.JSONEq(t, `{"default": true}`, asked(getVpc))
	assert.JSONEq(t, `{
		"state": "available", "excludeZoneIds": ["use1-az3", "usw1-az2", "cac1-az3"],
		"filters": [{"name": "zone-type", "values": ["availability-zone"]}]
	}`, asked(getAvailabilityZones))
	assert.JSONEq(t, `{"filters": [
		{"name": "vpc-id", "values": ["vpc-default"]},
		{"name": "default-for-az", "values": ["true"]},
		{"name": "availability-zone-id", "values": ["euw1-az1", "euw1-az2", "euw1-az3"]}
	]}`, asked(getSubnets))
	assert.JSONEq(t, `{"instanceType": "t3.medium"}`, asked(getInstanceType))
}

func TestPlatformChoosesTheImageOfNodesForTheirInstanceType(t *testing.T) {
	t.Parallel()
	gpu := func(manufacturer string) []any { return []any{map[string]any{"manufacturer": manufacturer}} }
	for _, test := range []struct {
		instanceType, want string
		answer             map[string]any
	}{
		{"m7g.large", "AL2023_ARM_64_STANDARD", map[string]any{"supportedArchitectures": []any{"arm64"}}},
		{"m7i.large", "AL2023_x86_64_STANDARD", map[string]any{"supportedArchitectures": []any{"x86_64"}}},
		{"t2.medium", "AL2023_x86_64_STANDARD", map[string]any{"supportedArchitectures": []any{"i386", "x86_64"}}},
		{"g5.xlarge", "AL2023_x86_64_NVIDIA", map[string]any{"supportedArchitectures": []any{"x86_64"}, "gpuses": gpu("NVIDIA")}},
		{"g4ad.xlarge", "AL2023_x86_64_STANDARD", map[string]any{"supportedArchitectures": []any{"x86_64"}, "gpuses": gpu("AMD")}},
		{"g5g.xlarge", "AL2023_ARM_64_NVIDIA", map[string]any{"supportedArchitectures": []any{"arm64"}, "gpuses": gpu("NVIDIA")}},
		{"inf2.xlarge", "AL2023_x86_64_NEURON", map[string]any{
			"supportedArchitectures": []any{"x86_64"}, "neuronDevices": []any{map[string]any{"count": 1}},
		}},
	} {
		t.Run(test.instanceType, func(t *testing.T) {
			t.Parallel()
			r := emptyAccount()
			r.answers[getInstanceType] = resource.NewPropertyMapFromMap(test.answer)
			deployed(t, r, createdCluster(t, "create: {instanceType: "+test.instanceType+"}"), registerCreatedCluster("new-one"))
			nodes := r.one(t, nodeGroupType, "new/nodes")
			assert.Equal(t, test.want, nodes.Inputs["amiType"].StringValue())
			assert.Equal(t, []any{test.instanceType}, nodes.Inputs["instanceTypes"].Mappable())
		})
	}
}

func TestPlatformMakesTheSizesOfANodeGroupFitTogether(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		create               string
		least, most, desired float64
	}{
		{"{}", 1, 2, 2},
		{"{minSize: 0}", 0, 2, 2},
		{"{minSize: 3}", 3, 3, 3},
		{"{maxSize: 1}", 1, 1, 1},
		{"{maxSize: 9}", 1, 9, 2},
		{"{desiredCapacity: 5}", 1, 5, 5},
		{"{desiredCapacity: 0}", 0, 2, 0},
		{"{desiredCapacity: 3, maxSize: 5}", 1, 5, 3},
		{"{minSize: 2, desiredCapacity: 4}", 2, 4, 4},
	} {
		t.Run(test.create, func(t *testing.T) {
			t.Parallel()
			r, _ := created(t, "create: "+test.create)
			assert.Equal(t, map[string]any{"minSize": test.least, "maxSize": test.most, "desiredSize": test.desired},
				r.one(t, nodeGroupType, "new/nodes").Inputs["scalingConfig"].Mappable())
		})
	}
}

func TestPlatformCreatesNoClusterWhereAWSRefuses(t *testing.T) {
	t.Parallel()
	refusal := errors.New("no")
	for _, test := range []struct {
		name, want string
		prepare    func(r *recorder)
	}{
		{
			"there is no default VPC", "looking up the default VPC, as create.vpcId names none: ",
			func(r *recorder) { r.invokeErrors[getVpc] = refusal },
		},
		{
			"its zones are not told", "looking up the availability zones: ",
			func(r *recorder) { r.invokeErrors[getAvailabilityZones] = refusal },
		},
		{
			"its subnets are not told", "looking up the subnets of the default VPC vpc-default: ",
			func(r *recorder) { r.invokeErrors[getSubnets] = refusal },
		},
		{
			"it has too few subnets", `EKS wants subnets in two availability zones, and the default VPC vpc-default has ["subnet-a"]; ` +
				"name others in create.vpcId and its subnets",
			func(r *recorder) {
				r.answers[getSubnets] = resource.NewPropertyMapFromMap(map[string]any{"ids": []any{"subnet-a"}})
			},
		},
		{
			"the region has no such instances", "looking up the instance type t3.medium in eu-west-1: ",
			func(r *recorder) { r.invokeErrors[getInstanceType] = refusal },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := emptyAccount()
			test.prepare(r)
			_, err := runPlatform(t, r, platformConfig(t, "clusters: {new: {region: eu-west-1, create: {}}}"))
			require.ErrorContains(t, err, `cluster "new": `+test.want)
			assert.Empty(t, r.ofType(createdClusterType))
		})
	}
}

func TestPlatformSaysWhichPartOfACreatedClusterWasRefused(t *testing.T) {
	t.Parallel()
	refusedParts(t, emptyAccount, platformConfig(t, "clusters: {new: {region: eu-west-1, create: {}}}"), []struct{ typ, name, want string }{
		{createdClusterType, "new", `cluster "new": creating EKS cluster "new": `},
		{nodeGroupType, "new/nodes", `cluster "new": creating the nodes of EKS cluster "new": `},
	}, registerCreatedCluster("new"))
}

func TestPlatformRefusesAMachineWithoutTheProgramsOfPulumiEKS(t *testing.T) {
	const (
		missingAWS = "platform.clusters.new.create: pulumi-eks runs aws, which is not on PATH; install it: " +
			"https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
		missingKubectl = "platform.clusters.new.create: pulumi-eks runs kubectl, which is not on PATH; install it: " +
			"https://kubernetes.io/docs/tasks/tools/"
	)
	for _, test := range []struct {
		there []string
		want  string
	}{
		{nil, lines(missingAWS, missingKubectl)},
		{[]string{"kubectl"}, missingAWS},
		{[]string{"aws"}, missingKubectl},
	} {
		dir := t.TempDir()
		for _, program := range test.there {
			require.NoError(t, os.WriteFile(filepath.Join(dir, program), nil, 0o700))
		}
		t.Setenv("PATH", dir)
		refusedInput(t, "this machine cannot create clusters:\n"+test.want, stacks.Platform,
			withConfig(platformConfig(t, "clusters:\n  hub: {region: eu-west-1}\n  new: {region: eu-west-1, create: {}}")))
	}
	t.Run("which other clusters do not need", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		deployed(t, devAccount(), devConfig(t))
	})
}
