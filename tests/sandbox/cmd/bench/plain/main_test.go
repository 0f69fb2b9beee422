package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// account answers as AWS does, and keeps what a program registers of each type.
type account struct {
	mutex sync.Mutex
	made  map[string][]any
	// components are those of the program, and outputs those resources that outputs were registered of.
	components, outputs int
}

func (a *account) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	state := args.Inputs.Copy()
	state["arn"] = resource.NewProperty("arn:aws:iam::111122223333:" + args.Name)
	if url, ok := args.Inputs["url"]; ok {
		state["arn"] = resource.NewProperty("arn:aws:iam::111122223333:oidc-provider/" + strings.TrimPrefix(url.StringValue(), "https://"))
	}
	if args.Custom {
		a.made[args.TypeToken] = append(a.made[args.TypeToken], documents(args.Inputs.Mappable()))
	} else {
		a.components++
	}
	return args.Name, state, nil
}

func (a *account) RegisterResourceOutputs() (*emptypb.Empty, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.outputs++
	return &emptypb.Empty{}, nil
}

// documents are inputs with the policies in them as values, since their texts may differ, and without tags where there are none.
func documents(inputs map[string]any) map[string]any {
	for name, value := range inputs {
		if tags, is := value.(map[string]any); is && len(tags) == 0 {
			delete(inputs, name)
		}
		var document map[string]any
		if text, is := value.(string); is && json.Unmarshal([]byte(text), &document) == nil {
			inputs[name] = document
		}
	}
	return inputs
}

func (a *account) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	switch args.Token {
	case "aws:eks/getCluster:getCluster":
		issuer := "https://oidc.eks.eu-west-1.amazonaws.com/id/" + args.Args["name"].StringValue()
		return resource.NewPropertyMapFromMap(map[string]any{
			"name": args.Args["name"].StringValue(), "endpoint": "https://cluster", "arn": "arn:aws:eks:eu-west-1:111122223333:cluster/c",
			"identities":             []any{map[string]any{"oidcs": []any{map[string]any{"issuer": issuer}}}},
			"certificateAuthorities": []any{map[string]any{"data": "Y2E="}},
		}), nil
	case "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider":
		return nil, &missingProvider{args.Args["url"].StringValue()}
	case "aws:index/getCallerIdentity:getCallerIdentity":
		return resource.NewPropertyMapFromMap(map[string]any{
			"accountId": "111122223333", "arn": "arn:aws:iam::111122223333:user/deployer",
		}), nil
	default:
		return resource.PropertyMap{}, nil
	}
}

type missingProvider struct{ url string }

func (m *missingProvider) Error() string {
	return "finding IAM OIDC Provider by url (" + m.url + "): not found"
}

// run runs a program for a platform of two clusters and three roles.
func run(t *testing.T, program pulumi.RunFunc) *account {
	t.Helper()
	const platform = `{"clusters": {"eu": {"region": "eu-west-1"}, "hub": {"region": "eu-west-1"}}, "roles": {
		"a": {"clusters": ["eu"], "serviceAccounts": [{"namespace": "default", "name": "a"}], "inlinePolicies": {"read": {
			"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}}},
		"b": {"clusters": ["hub"], "serviceAccounts": [{"namespace": "default", "name": "b"}]},
		"c": {"clusters": ["hub"], "serviceAccounts": [{"namespace": "default", "name": "c"}]}}}`
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "platform.json"), []byte(platform), 0o600))
	a := &account{made: map[string][]any{}}
	err := pulumi.RunErr(program, pulumi.WithMocks("eks-irsa", "dev", a), func(info *pulumi.RunInfo) {
		info.Config, info.RootDirectory = map[string]string{"eks-irsa:platform": `{"include": ["platform.json"]}`}, dir
	})
	require.NoError(t, err)
	return a
}

// The comparison would be none if the two programs did not make the same. What there is once in a cluster differs: the AWS
// providers, and the tag of the OIDC providers.
func TestThePlainProgramMakesWhatThePlatformMakes(t *testing.T) {
	t.Parallel()
	a, b := run(t, stacks.Platform), run(t, deploy)
	for typ, roles := range map[string]int{
		"aws:iam/role:Role": 3, "aws:iam/rolePolicy:RolePolicy": 1, "kubernetes:core/v1:ServiceAccount": 3,
	} {
		assert.Len(t, b.made[typ], roles)
		assert.ElementsMatch(t, a.made[typ], b.made[typ])
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(a.made)), slices.Collect(maps.Keys(b.made)))
	for typ := range a.made {
		assert.True(t, typ == "pulumi:providers:aws" || len(a.made[typ]) == len(b.made[typ]), typ)
	}
}

// What the components add is a component for each role and each cluster, each of which has its outputs registered once.
func TestTheComponentsAddOneRegistrationToARole(t *testing.T) {
	t.Parallel()
	a, b := run(t, stacks.Platform), run(t, deploy)
	const roles, clusters, stack = 3, 2, 1
	assert.Zero(t, b.components)
	assert.Equal(t, stack, b.outputs)
	assert.Equal(t, roles+clusters, a.components)
	assert.Equal(t, stack+roles+clusters, a.outputs)
}
