//go:build unix

package kubelet_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func TestAPodWaitsForANodeThatItFits(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	requires := func(operator corev1.NodeSelectorOperator) *corev1.Affinity {
		return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: "kubernetes.io/os", Operator: operator, Values: []string{"linux"}},
				},
			}}},
		}}
	}
	for name, test := range map[string]struct {
		change func(*corev1.PodSpec)
		fits   bool
	}{
		"Linux":            {func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"kubernetes.io/os": "linux"} }, true},
		"Windows":          {func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"kubernetes.io/os": "windows"} }, false},
		"nodes of a team":  {func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"team": "payments"} }, false},
		"Linux, required":  {func(s *corev1.PodSpec) { s.Affinity = requires(corev1.NodeSelectorOpIn) }, true},
		"all but Linux":    {func(s *corev1.PodSpec) { s.Affinity = requires(corev1.NodeSelectorOpNotIn) }, false},
		"any, as it seems": {func(s *corev1.PodSpec) { s.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(sleeping)
			pod.Namespace = namespace
			test.change(&pod.Spec)
			pod = create(t, pod)
			if test.fits {
				waitFor(t, pod, isReady)
				return
			}
			assertUnschedulable(t, sandbox.client, pod, "node(s) didn't match Pod's node affinity/selector")
		})
	}
}

// assertUnschedulable waits until the pod says in the scheduler's words why it stays Pending.
func assertUnschedulable(t *testing.T, client kubernetes.Interface, pod *corev1.Pod, reason string) {
	t.Helper()
	pod = waitForPod(t, client, pod, func(p *corev1.Pod) bool { return condition(p, corev1.PodScheduled).Reason != "" })
	assert.Equal(t, corev1.PodPending, pod.Status.Phase)
	assert.Empty(t, pod.Spec.NodeName)
	scheduled := condition(pod, corev1.PodScheduled)
	assert.Equal(t, corev1.ConditionFalse, scheduled.Status)
	assert.Equal(t, "Unschedulable", scheduled.Reason)
	assert.Equal(t, "0/1 nodes are available: 1 "+reason+". no new claims to deallocate, "+
		"preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.", scheduled.Message)
	event := waitForEventOf(t, client, pod, "FailedScheduling")
	assert.Equal(t, scheduled.Message, event.Message)
	assert.Equal(t, "default-scheduler", event.Source.Component)
}

// The cluster is this test's own, because a taint is everybody's.
func TestATaintedNodeTakesThePodsThatTolerateIt(t *testing.T) {
	t.Parallel()
	clusters, err := startCluster(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, clusters.Stop()) })
	client, err := kubernetes.NewForConfig(clusters.All[0].AdminConfig())
	require.NoError(t, err)
	newPodOf := func(tolerations ...corev1.Toleration) *corev1.Pod {
		pod := newPod(sleeping)
		pod.Spec.Tolerations = tolerations
		pod, err := client.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{})
		require.NoError(t, err)
		return pod
	}
	change := func(change func(*corev1.NodeSpec)) {
		eventually(t, func() error {
			node, err := client.CoreV1().Nodes().Get(t.Context(), "sandbox", metav1.GetOptions{})
			require.NoError(t, err)
			change(&node.Spec)
			_, err = client.CoreV1().Nodes().Update(t.Context(), node, metav1.UpdateOptions{})
			return err
		})
	}
	change(func(s *corev1.NodeSpec) {
		s.Taints = []corev1.Taint{{Key: "team", Value: "payments", Effect: corev1.TaintEffectNoSchedule}}
	})

	outsider := newPodOf(corev1.Toleration{Key: "team", Value: "reports", Effect: corev1.TaintEffectNoSchedule})
	member := newPodOf(corev1.Toleration{Key: "team", Value: "payments", Effect: corev1.TaintEffectNoSchedule})

	waitForPod(t, client, member, isReady)
	assertUnschedulable(t, client, outsider, "node(s) had untolerated taint(s)")
	change(func(s *corev1.NodeSpec) { s.Taints = nil })
	waitForPod(t, client, outsider, isReady)

	change(func(s *corev1.NodeSpec) { s.Unschedulable = true }) // kubectl cordon
	late := newPodOf()
	assertUnschedulable(t, client, late, "node(s) were unschedulable")
	change(func(s *corev1.NodeSpec) { s.Unschedulable, s.Taints = false, nil })
	waitForPod(t, client, late, isReady)
}
