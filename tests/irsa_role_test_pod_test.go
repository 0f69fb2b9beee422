package tests

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

func TestIrsaRoleTestPodIsThisJob(t *testing.T) {
	t.Parallel()
	program := strings.TrimSuffix(jsonOf(t, readFile(t, "../components/testpod/test_pod.sh")), "\n")
	for _, test := range []struct {
		name, typ, pod, file, timeout string
		args                          components.TestPodArgs
	}{
		{"by default", jobType, "app/hub/default/app-irsa-test", "test-pod.json", "75s", components.TestPodArgs{}},
		{"with every option", jobType, "app/hub/default/app-irsa-test", "test-pod-options.json", "105s", components.TestPodArgs{
			Check: "aws s3 ls s3://my-bucket", NegativeTest: true, PodSettings: everySetting,
		}},
		{"and its negative test", jobType, "app/hub/default/app-irsa-denied", "denial-pod.json", "75s", components.TestPodArgs{NegativeTest: true}},
		{"and the pod that stays", podType, "app/hub/default/app-irsa-shell", "running-pod.json", "90s", components.TestPodArgs{
			KeepRunning: true, PodSettings: everySetting,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) { args.TestPod = &test.args })
			pod := r.one(t, test.typ, test.pod)
			got := pod.json(t)
			require.Equal(t, 1, strings.Count(got, program))
			got = strings.Replace(got, program, `"components/testpod/test_pod.sh"`, 1)
			assert.JSONEq(t, golden(t, test.file, got), got)
			assert.Equal(t, test.timeout, pod.RegisterRPC.GetCustomTimeouts().GetCreate())
			assert.Equal(t, test.timeout, pod.RegisterRPC.GetCustomTimeouts().GetUpdate())
			assert.Empty(t, pod.RegisterRPC.GetCustomTimeouts().GetDelete())
			assert.True(t, pod.RegisterRPC.GetDeleteBeforeReplace(), "a name is free only when the old Job or pod is gone")
			assert.Equal(t, []string{"spec"}, pod.RegisterRPC.GetReplaceOnChanges(), "most of a pod cannot be changed in place")
		})
	}
}

func TestIrsaRoleTestPodThatAlwaysProvesIsAnotherOneOnEachRun(t *testing.T) {
	t.Parallel()
	runs := map[string]bool{}
	for range 2 {
		r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
			args.TestPod = &components.TestPodArgs{PodSettings: components.PodSettings{ProveAlways: true}}
		})
		runs[r.podEnv(t, "IRSA_RUN")] = true
	}
	assert.Len(t, runs, 2)
}

// The AWS CLI takes its time to start on a node with too little processor time, and with a longer time-out it has more.
func TestIrsaRoleTestPodGivesEachCallMoreWithALongerTimeout(t *testing.T) {
	t.Parallel()
	for timeout, limit := range map[int]string{15: "5", 0: "10", 120: "20", 180: "30", 3600: "30"} {
		r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
			args.TestPod = &components.TestPodArgs{PodSettings: components.PodSettings{TimeoutSeconds: timeout}}
		})
		assert.Equal(t, limit, r.podEnv(t, "IRSA_CALL_LIMIT"), "at a time-out of %d s", timeout)
	}
}

// A Job's name is a label of its pods, which has 63 characters at most.
func TestIrsaRoleTestPodOfALongServiceAccountHasAShortName(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, account := range []string{strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a.", 100) + "a"} {
		r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
			args.Name, args.ServiceAccounts[0].Name = "app", account
			args.TestPod = &components.TestPodArgs{NegativeTest: true, KeepRunning: true}
		})
		for _, added := range append(r.ofType(jobType), r.ofType(podType)...) {
			name := added.Inputs["metadata"].ObjectValue()["name"].StringValue()
			assert.LessOrEqual(t, len(name), 63)
			assert.Regexp(t, `^a[a.-].*[0-9a-f]{8}-irsa-(test|denied|shell)$`, name)
			names[name] = true
		}
	}
	assert.Len(t, names, 9, "they differ")
}

// podSpec is the spec of a Job's pod, or of a pod.
func podSpec(added registration) resource.PropertyMap {
	spec := added.Inputs["spec"].ObjectValue()
	if template, ok := spec["template"]; ok {
		return template.ObjectValue()["spec"].ObjectValue()
	}
	return spec
}

func TestIrsaRoleTestPodExpectsTheRoleAsSTSNamesIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, partition, path, want string }{
		{"without its path", "aws", "/teams/apps/", "arn:aws:sts::111122223333:assumed-role/eks-default-app"},
		{"in China", "aws-cn", "", "arn:aws-cn:sts::111122223333:assumed-role/eks-default-app"},
		{"in GovCloud", "aws-us-gov", "/teams/", "arn:aws-us-gov:sts::111122223333:assumed-role/eks-default-app"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			r.partition = test.partition
			irsaRole.on(t, r, func(args *components.IrsaRoleArgs) {
				args.Path, args.TestPod = test.path, &components.TestPodArgs{}
			})
			assert.Equal(t, test.want, r.podEnv(t, "IRSA_EXPECTED_ARN"))
		})
	}
}

func TestIrsaRoleTestPodIsReplacedWhenWhatItProvesChanges(t *testing.T) {
	t.Parallel()
	fingerprint := func(change func(*components.IrsaRoleArgs)) string {
		r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
			args.TestPod = &components.TestPodArgs{}
			args.PolicyAttachments = map[string]pulumi.StringInput{"read": pulumi.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}
			args.InlinePolicies = map[string]components.PolicyDocument{"describe": pulumi.String(describeCluster)}
			args.CustomerManagedPolicies = map[string]components.PolicyDocument{"buckets": pulumi.String(listBuckets)}
			change(args)
		})
		return r.podEnv(t, "IRSA_ROLE_FINGERPRINT")
	}
	same := fingerprint(func(*components.IrsaRoleArgs) {})
	assert.Len(t, same, 16)
	assert.Equal(t, same, fingerprint(func(args *components.IrsaRoleArgs) {
		args.Tags = pulumi.StringMap{"team": pulumi.String("apps")}
		args.Description = "a description proves nothing"
	}))
	for name, change := range map[string]func(*components.IrsaRoleArgs){
		"another role": func(args *components.IrsaRoleArgs) { args.Name = "another" },
		"another trust policy": func(args *components.IrsaRoleArgs) {
			args.ServiceAccounts = append(args.ServiceAccounts, components.ServiceAccountArgs{
				Namespace: "ci", Name: "b", Mode: components.TrustOnly,
			})
		},
		"another managed policy": func(args *components.IrsaRoleArgs) {
			args.PolicyAttachments["read"] = pulumi.String("arn:aws:iam::aws:policy/SecurityAudit")
		},
		"another inline policy": func(args *components.IrsaRoleArgs) { args.InlinePolicies["describe"] = pulumi.String(listBuckets) },
		"another customer managed policy": func(args *components.IrsaRoleArgs) {
			args.CustomerManagedPolicies["buckets"] = pulumi.String(describeCluster)
		},
		"a boundary": func(args *components.IrsaRoleArgs) {
			args.PermissionsBoundary = pulumi.String("arn:aws:iam::aws:policy/PowerUserAccess")
		},
	} {
		assert.NotEqual(t, same, fingerprint(change), name)
	}
}

// everySetting has a value for each setting that does not differ from run to run.
var everySetting = components.PodSettings{
	Image: "images.example.com/aws-cli:2", ImagePullSecrets: []string{"registry"}, TimeoutSeconds: 90,
	NodeSelector: map[string]string{"team": "apps"},
	Tolerations:  []components.Toleration{{Key: "team", Value: "apps", Effect: "NoSchedule"}, {Operator: "Exists"}},
	Labels:       map[string]string{"fargate": "yes"},
	Annotations:  map[string]string{"sidecar.istio.io/inject": "false"},
}

// container is that of a Job's pod, or of a pod.
func container(added registration) resource.PropertyMap {
	return podSpec(added)["containers"].ArrayValue()[0].ObjectValue()
}

// wholeEnvOf are the variables of a pod's program.
func wholeEnvOf(added registration) map[string]string {
	env := map[string]string{}
	for _, variable := range container(added)["env"].ArrayValue() {
		env[variable.ObjectValue()["name"].StringValue()] = variable.ObjectValue()["value"].StringValue()
	}
	return env
}

// podEnv is the value of a variable of the only test pod.
func (r *recorder) podEnv(t *testing.T, name string) string {
	t.Helper()
	pods := r.ofType(jobType)
	require.Len(t, pods, 1)
	require.Contains(t, wholeEnvOf(pods[0]), name)
	return wholeEnvOf(pods[0])[name]
}
