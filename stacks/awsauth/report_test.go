package awsauth_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks/awsauth"
)

var update = flag.Bool("update", false, "write testdata/plan.txt")

// grown is a map as it grows over the years.
var grown = configMap(
	awsauth.MapRoles, `
# nodes, do not touch
- groups:
    - system:bootstrappers
    - system:nodes
  rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
- {rolearn: "arn:aws:iam::111122223333:role/AWSReservedSSO_Admins_0123456789abcdef", username: "admin:{{SessionName}}", groups: [system:masters]}
- {rolearn: arn:aws:iam::111122223333:role/teams/old, username: old, groups: [old]}
- rolearn: arn:aws:iam::111122223333:role/ci
  username: ci
  groups: [deployers, "system:serviceaccounts"]`,
	awsauth.MapUsers, `
- {userarn: arn:aws:iam::111122223333:user/alice, username: alice, groups: ["on call", viewers]}`,
	awsauth.MapAccounts, `
- "444455556666"`,
)

func planOf(t *testing.T, mode components.AuthenticationMode, facts awsauth.Facts) awsauth.Plan {
	t.Helper()
	return awsauth.NewPlan("prod-main", "main", mode, read(t, grown), facts)
}

const lostGroup = `the group "system:serviceaccounts": EKS refuses all groups of system: but for system:masters, which becomes an access policy; ` +
	"bind what the group may do to one of another name"

func TestAPlanIsATableForPeopleWithWhatIsLostAtItsEnd(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, planOf(t, components.AuthenticationModeConfigMap, awsauth.Facts{Account: "111122223333"}).WriteTable(&out))
	if *update {
		require.NoError(t, os.WriteFile("testdata/plan.txt", []byte(out.String()), 0o600))
	}
	want, err := os.ReadFile("testdata/plan.txt")
	require.NoError(t, err)
	assert.Equal(t, string(want), out.String())
}

func TestAPlanIsAPlanForPrograms(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, planOf(t, components.AuthenticationModeAPIAndConfigMap, awsauth.Facts{}).WriteJSON(&out))
	var plan awsauth.Plan
	require.NoError(t, json.Unmarshal([]byte(out.String()), &plan))
	assert.Equal(t, "prod-main", plan.Cluster)
	assert.Equal(t, "main", plan.Key)
	assert.Len(t, plan.Steps, 6)
	assert.JSONEq(t, `{
		"line": "mapRoles[3]", "principal": "arn:aws:iam::111122223333:role/ci", "username": "ci", "groups": ["deployers", "system:serviceaccounts"],
		"verdict": "less", "lost": [`+quoted(t, lostGroup)+`],
		"accessEntry": {
			"key": "ci", "principalArn": "arn:aws:iam::111122223333:role/ci", "type": "STANDARD", "username": "ci", "kubernetesGroups": ["deployers"]
		}
	}`, quoted(t, plan.Steps[3]))
	assert.Contains(t, out.String(), `"admin:{{SessionName}}"`, "as it is written, without escapes for HTML")
}

func quoted(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// What --yaml prints is configuration that the stack takes, and means the plan's entries.
func TestAPlanIsConfigurationThatTheStackTakes(t *testing.T) {
	t.Parallel()
	sso := role + "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admins_0123456789abcdef"
	for name, test := range map[string]struct {
		facts   awsauth.Facts
		entries map[string]string
	}{
		"with roles that are not known": {awsauth.Facts{}, map[string]string{
			"nodes": `{"principalArn": "` + role + `nodes", "type": "EC2_LINUX"}`,
			"ci":    `{"principalArn": "` + role + `ci", "username": "ci", "kubernetesGroups": ["deployers"]}`,
			"alice": `{"principalArn": "` + user + `alice", "username": "alice", "kubernetesGroups": ["on call", "viewers"]}`,
		}},
		"with roles that are listed": {awsauth.Facts{Managed: []string{"nodes"}, RoleARNs: []string{sso, role + "nodes", role + "ci"}}, map[string]string{
			"AWSReservedSSO_Admins_0123456789abcdef": `{"principalArn": "` + sso + `", "username": "admin:{{SessionName}}", "policies": [{"policy": "AmazonEKSClusterAdminPolicy"}]}`,
			"ci":                                     `{"principalArn": "` + role + `ci", "username": "ci", "kubernetesGroups": ["deployers"]}`,
			"alice":                                  `{"principalArn": "` + user + `alice", "username": "alice", "kubernetesGroups": ["on call", "viewers"]}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			require.NoError(t, planOf(t, components.AuthenticationModeAPIAndConfigMap, test.facts).WriteYAML(&out))
			assert.Contains(t, out.String(), "# mapRoles[3] "+role+"ci: "+lostGroup+"\n")

			var config map[string]map[string]map[string]any
			require.NoError(t, encoding.YAML.Unmarshal([]byte(out.String()), &config))
			main := config["clusters"]["main"]
			entries, _ := main["access"].(map[string]any)
			assert.Len(t, entries, len(test.entries))
			for key, want := range test.entries {
				assert.JSONEq(t, want, quoted(t, entries[key]), key)
			}
			main["name"], main["region"] = "prod-main", "eu-west-1"
			_, err := stacks.ParseConfig(quoted(t, config), "")
			require.NoError(t, err)
		})
	}
}

// The modes go one way, and nothing that counts is taken away before what replaces it is there.
func TestAPlanBeginsWithTheModeOfTheCluster(t *testing.T) {
	t.Parallel()
	const api = "aws eks update-cluster-config --name prod-main --access-config authenticationMode=API"
	beginnings := func(order []string) []string {
		var words []string
		for _, step := range order {
			words = append(words, strings.Join(strings.Fields(step)[:3], " "))
		}
		return words
	}
	configMap := planOf(t, components.AuthenticationModeConfigMap, awsauth.Facts{}).Order
	assert.Equal(t, []string{"change the mode,", "wait until the", "add the entries", "see that the", "see that every", "remove what aws-auth"}, beginnings(configMap))
	assert.Contains(t, configMap[0], api+"_AND_CONFIG_MAP")
	assert.True(t, strings.HasSuffix(configMap[4], api), configMap[4])
	assert.Equal(t, configMap[2:], planOf(t, components.AuthenticationModeAPIAndConfigMap, awsauth.Facts{}).Order)
	assert.Equal(t, configMap[5:], planOf(t, components.AuthenticationModeAPI, awsauth.Facts{}).Order)
}

func TestAPlanIsCompleteWhereNothingIsLost(t *testing.T) {
	t.Parallel()
	for line, complete := range map[string]bool{
		"{rolearn: '" + role + "nodes', " + nodes + "}":                                        true,
		"{rolearn: '" + role + "teams/gone', username: x, groups: [a]}":                        true,
		"{rolearn: '" + role + "x', username: x, groups: ['system:nodes-x', a]}":               false,
		"{rolearn: '" + role + "AWSReservedSSO_A_0123456789abcdef', username: x}":              false,
		"{rolearn: '" + role + "AWSServiceRoleForAmazonEMRContainers', username: x}":           false,
		"{rolearn: '" + role + "x', username: x, groups: [a]}":                                 true,
		"{rolearn: '" + role + "x', username: 'system:x', groups: [a]}":                        false,
		"{userarn: 'arn:aws:iam::111122223333:root', username: x, groups: ['system:masters']}": false,
	} {
		plan := awsauth.NewPlan("c", "c", components.AuthenticationModeConfigMap, read(t, configMap(awsauth.MapRoles, "- "+line)), awsauth.Facts{})
		assert.Equal(t, complete, plan.Complete(), line)
	}
	byEKS := awsauth.NewPlan("c", "c", components.AuthenticationModeConfigMap,
		read(t, configMap(awsauth.MapRoles, "- {rolearn: '"+role+"nodes', "+nodes+"}")), awsauth.Facts{Managed: []string{"nodes"}})
	assert.True(t, byEKS.Complete())
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestAPlanThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	plan := planOf(t, components.AuthenticationModeConfigMap, awsauth.Facts{})
	require.EqualError(t, plan.WriteTable(full{}), "the disk is full")
	require.EqualError(t, plan.WriteJSON(full{}), "the disk is full")
	require.EqualError(t, plan.WriteYAML(full{}), "the disk is full")
}

// Maps as tools and people write them, each with what becomes of its lines.
func TestAMapOfTheFieldWrittenBy(t *testing.T) {
	t.Parallel()
	const nodesOf = "EC2_LINUX arn:aws:iam::111122223333:role/"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"Terraform's yamlencode": {
			configMap(awsauth.MapRoles, `
- "groups":
  - "system:bootstrappers"
  - "system:nodes"
  "rolearn": "arn:aws:iam::111122223333:role/dev-nodes"
  "username": "system:node:{{EC2PrivateDNSName}}"


- "groups":
  - "system:masters"
  "rolearn": "arn:aws:iam::111122223333:role/break-glass"
  "username": "break-glass"`, awsauth.MapUsers, "[]", awsauth.MapAccounts, "[]"),
			[]string{"same " + nodesOf + "dev-nodes", "same STANDARD " + role + "break-glass as break-glass with AmazonEKSClusterAdminPolicy"},
		},
		"a template that was never filled in": {
			configMap(awsauth.MapRoles, `
- rolearn: <ARN of instance role (not instance profile)>
  username: system:node:{{EC2PrivateDNSName}}
  groups:
    - system:bootstrappers
    - system:nodes`),
			[]string{"ignored "},
		},
		"a person in a hurry, with groups that are no list": {
			configMap(awsauth.MapRoles, `
- rolearn: arn:aws:iam::111122223333:role/dev-nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups:
    - system:bootstrappers
    - system:nodes
- rolearn: arn:aws:iam::111122223333:role/dev-argocd
  username: argocd
  groups: argocd:managers`),
			[]string{"same " + nodesOf + "dev-nodes", "same STANDARD " + role + "dev-argocd as argocd"},
		},
		"eksctl, for nodes, Windows, Fargate, EMR and people": {
			configMap(awsauth.MapRoles, `
- groups: [system:bootstrappers, system:nodes]
  rolearn: arn:aws:iam::111122223333:role/eksctl-prod-nodegroup-linux-NodeInstanceRole-1A
  username: system:node:{{EC2PrivateDNSName}}
- groups: [system:bootstrappers, system:nodes, eks:kube-proxy-windows]
  rolearn: arn:aws:iam::111122223333:role/eksctl-prod-nodegroup-win-NodeInstanceRole-1B
  username: system:node:{{EC2PrivateDNSName}}
- groups: [system:bootstrappers, system:nodes, system:node-proxier]
  rolearn: arn:aws:iam::111122223333:role/eksctl-prod-FargatePodExecutionRole-1C
  username: system:node:{{SessionName}}
- rolearn: arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonEMRContainers
  username: emr-containers
- groups: [system:masters]
  rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_AdministratorAccess_fb8ce9637ede3a97
  username: ssoadmin:{{SessionName}}`, awsauth.MapUsers, `
- userarn: arn:aws:iam::111122223333:user/ops
  username: ops
  groups: [eks-console-dashboard-full-access-group]`),
			[]string{
				"same " + nodesOf + "eksctl-prod-nodegroup-linux-NodeInstanceRole-1A",
				"same EC2_WINDOWS " + role + "eksctl-prod-nodegroup-win-NodeInstanceRole-1B",
				"same FARGATE_LINUX " + role + "eksctl-prod-FargatePodExecutionRole-1C",
				"none ",
				"incomplete STANDARD " + role + "AWSReservedSSO_AdministratorAccess_fb8ce9637ede3a97 as ssoadmin:{{SessionName}} with AmazonEKSClusterAdminPolicy",
				"same STANDARD " + user + "ops as ops in eks-console-dashboard-full-access-group",
			},
		},
		"Windows, with its line ends": {
			strings.ReplaceAll(configMap(awsauth.MapRoles, "- rolearn: "+role+"nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n    - system:nodes"), "\n", "\r\n"),
			[]string{"same " + nodesOf + "nodes"},
		},
		"a program, in JSON": {
			`{"kind": "ConfigMap", "metadata": {"name": "aws-auth"}, "data": {"mapRoles": "[{\"rolearn\": \"` + role + `ci\", \"username\": \"ci\", \"groups\": [\"a\"]}]\n"}}`,
			[]string{"same STANDARD " + role + "ci as ci in a"},
		},
		"people with anchors and merges": {
			configMap(awsauth.MapRoles, "- &dev {rolearn: '"+role+"a', username: a, groups: [dev]}\n- {<<: *dev, rolearn: '"+role+"b'}"),
			[]string{"same STANDARD " + role + "a as a in dev", "same STANDARD " + role + "b as a in dev"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, step := range awsauth.Replace(read(t, test.text), awsauth.Facts{}) {
				got = append(got, string(step.Verdict)+" "+describe(step.Entry))
			}
			assert.Equal(t, test.want, got)
		})
	}
}
