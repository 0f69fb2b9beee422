//go:build unix

package kubernetes_test

import (
	"testing"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
)

const awsCLI = "public.ecr.aws/aws-cli/aws-cli:2.31.0"

// pod is one that the sandbox's node reports ready.
func pod(name string, spec, container map[string]any) map[string]any {
	c := map[string]any{"name": "main", "image": awsCLI, "command": []any{"sleep", "infinity"}}
	for key, value := range container {
		c[key] = value
	}
	s := map[string]any{"containers": []any{c}}
	for key, value := range spec {
		s[key] = value
	}
	return map[string]any{"metadata": metadata(name), "spec": s}
}

func TestPodIsAwaited(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newClient(t)
	inputs := pod("ready", map[string]any{"terminationGracePeriodSeconds": 1}, nil)
	made := e.Create(t, podToken, "pod", inputs)
	assert.Equal(t, "Running", at(provider.Plain(made.Outputs), "status", "phase"), "the outputs are those of the ready pod")
	assert.Empty(t, providertest.Changes(made.Diff(t, inputs)))
	drift, _ := made.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
	made.Delete(t)
	_, err := live.CoreV1().Pods("default").Get(t.Context(), "ready", get)
	assert.ErrorContains(t, err, "not found", "the wait ends when the pod is gone")
}

func TestPodThatDoesNotGetReadyIsKeptWithItsReasons(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	inputs := pod("refused", nil, map[string]any{"image": "nginx"})
	checked := e.Checked(t, podToken, "pod", inputs)
	start := time.Now()
	made, err := e.Provider.Create(t.Context(), p.CreateRequest{Urn: providertest.URN(podToken, "pod"), Properties: checked, Timeout: 2})
	require.ErrorContains(t, err, "was successfully created, but the Kubernetes API server reported that it failed to fully initialize or become live: "+
		"'refused' timed out waiting to be Ready")
	assert.InDelta(t, 2, time.Since(start).Seconds(), 1.5)
	assert.Equal(t, "default/refused", made.ID, "so that the next update finds it")
	require.Len(t, made.PartialState.Reasons, 2)
	assert.Contains(t, made.PartialState.Reasons[1], "[Pod refused]: ")
	assert.Contains(t, made.PartialState.Reasons[1], "nginx")

	read, err := e.Provider.Read(t.Context(), p.ReadRequest{ID: made.ID, Urn: providertest.URN(podToken, "pod"), Properties: made.Properties, Inputs: checked})
	require.ErrorContains(t, err, "Resource 'refused' was created but failed to initialize")
	assert.Len(t, read.PartialState.Reasons, 2)
}

func TestTheAnnotationsOfThePodBoundTheWait(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	annotated := func(name string, annotations map[string]any) map[string]any {
		inputs := pod(name, nil, map[string]any{"image": "nginx"})
		inputs["metadata"] = metadata(name, map[string]any{"annotations": annotations})
		return inputs
	}
	start := time.Now()
	_, err := e.TryCreate(t, podToken, "pod", annotated("bounded", map[string]any{"pulumi.com/timeoutSeconds": "1"}), 0)
	require.ErrorContains(t, err, "'bounded' timed out waiting to be Ready")
	assert.Less(t, time.Since(start), 5*time.Second)
	skipped := e.Create(t, podToken, "pod", annotated("skipped", map[string]any{"pulumi.com/skipAwait": "true"}))
	drift, gone := skipped.Refresh(t)
	assert.False(t, gone)
	assert.Empty(t, providertest.Changes(drift))
}

func TestPodSpecIsReplacedNotChanged(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	made := e.Create(t, podToken, "pod", pod("spec", nil, map[string]any{"env": []any{map[string]any{"name": "A", "value": "1"}}}))
	tests := []struct {
		name            string
		spec, container map[string]any
		want            map[string]string
	}{
		{"image", nil, map[string]any{"image": "amazon/aws-cli"}, map[string]string{"spec.containers[0].image": "update&replace"}},
		{"value of a variable", nil, map[string]any{"env": []any{map[string]any{"name": "A", "value": "2"}}}, map[string]string{"spec.containers[0].env[0].value": "update&replace"}},
		{
			"another variable", nil,
			map[string]any{"env": []any{map[string]any{"name": "A", "value": "1"}, map[string]any{"name": "B", "value": "2"}}},
			map[string]string{"spec.containers[0].env[1]": "add&replace"},
		},
		{"no variables", nil, map[string]any{"env": nil}, map[string]string{"spec.containers[0].env": "delete&replace"}},
		{"a probe", nil, map[string]any{"readinessProbe": map[string]any{"periodSeconds": 5}}, map[string]string{"spec.containers[0].readinessProbe": "add&replace"}},
		{"service account", map[string]any{"serviceAccountName": "other"}, nil, map[string]string{"spec.serviceAccountName": "add&replace"}},
		{"restart policy", map[string]any{"restartPolicy": "Never"}, nil, map[string]string{"spec.restartPolicy": "add&replace"}},
		{"deadline, which Kubernetes lets change", map[string]any{"activeDeadlineSeconds": 600}, nil, map[string]string{"spec.activeDeadlineSeconds": "add"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			container := map[string]any{"env": []any{map[string]any{"name": "A", "value": "1"}}}
			for key, value := range test.container {
				container[key] = value
			}
			diff := made.Diff(t, pod("spec", test.spec, container))
			assert.Equal(t, test.want, providertest.Changes(diff))
			assert.Equal(t, provider.Replaces(diff.DetailedDiff), diff.DeleteBeforeReplace)
		})
	}
}

// What a kubelet reports, in a pod on a node that does not exist: nobody but the test writes its status.
func TestReasonsOfAPodThatIsNotReady(t *testing.T) {
	t.Parallel()
	condition := func(kind corev1.PodConditionType, status corev1.ConditionStatus, reason, message string) corev1.PodCondition {
		return corev1.PodCondition{Type: kind, Status: status, Reason: reason, Message: message}
	}
	scheduled := condition(corev1.PodScheduled, corev1.ConditionTrue, "", "")
	initialized := condition(corev1.PodInitialized, corev1.ConditionTrue, "", "")
	unready := condition(corev1.PodReady, corev1.ConditionFalse, "ContainersNotReady", "containers with unready status: [main]")
	ended := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	tests := []struct {
		name   string
		status corev1.PodStatus
		want   []string
		ready  bool
	}{
		{name: "nothing-yet"},
		{
			name: "unschedulable", status: corev1.PodStatus{Conditions: []corev1.PodCondition{
				condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "0/1 nodes are available"),
			}},
		},
		{
			name: "initializing",
			status: corev1.PodStatus{Conditions: []corev1.PodCondition{
				scheduled, condition(corev1.PodInitialized, corev1.ConditionFalse, "ContainersNotInitialized", "incomplete: [init]"),
			}},
			want: []string{"[Pod initializing]: incomplete: [init]"},
		},
		{
			name: "image", status: corev1.PodStatus{
				Conditions: []corev1.PodCondition{scheduled, initialized, unready},
				ContainerStatuses: []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{
					Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"},
				}}},
			},
			want: []string{"[Pod image]: containers with unready status: [main][ErrImagePull] not found"},
		},
		{
			name: "creating", status: corev1.PodStatus{
				Conditions: []corev1.PodCondition{scheduled, initialized, unready},
				ContainerStatuses: []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{
					Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"},
				}}},
			},
			want: []string{"[Pod creating]: containers with unready status: [main]"},
		},
		{
			name: "crashing", status: corev1.PodStatus{
				Conditions: []corev1.PodCondition{scheduled, initialized, unready},
				ContainerStatuses: []corev1.ContainerStatus{{
					Name:                 "main",
					State:                corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 3}},
					LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 2, FinishedAt: ended, Message: "who am I?"}},
				}},
			},
			want: []string{"[Pod crashing]: containers with unready status: [main]container \"main\" completed with exit code 3\n" +
				"container \"main\" terminated at 2026-01-02T03:04:05Z (Error: exit code 2)\nwho am I?"},
		},
		{
			name: "succeeded", ready: true,
			status: corev1.PodStatus{Phase: corev1.PodSucceeded, Conditions: []corev1.PodCondition{scheduled, initialized, unready}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e, pods := newEngine(t, nil), newClient(t).CoreV1().Pods("default")
			made, err := e.TryCreate(t, podToken, "pod", pod(test.name, map[string]any{"nodeName": "elsewhere"}, nil), 1)
			require.Error(t, err)
			found, err := pods.Get(t.Context(), test.name, get)
			require.NoError(t, err)
			found.Status = test.status
			_, err = pods.UpdateStatus(t.Context(), found, metav1.UpdateOptions{})
			require.NoError(t, err)
			read, err := e.Provider.Read(t.Context(), p.ReadRequest{ID: made.ID, Urn: made.URN, Properties: made.Outputs, Inputs: made.Inputs})
			if test.ready {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "Resource '"+test.name+"' was created but failed to initialize")
			assert.Equal(t, test.want, append([]string(nil), read.PartialState.Reasons[1:]...))
		})
	}
}
