//go:build unix

package cluster_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

const notRun = "the sandbox reports this pod ready without running it: not a proof"

func TestAPodIsReportedReadyAndSaysThatItWasNotRun(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	pod := newPod("amazon/aws-cli:2.31.0")
	pod.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "amazon/aws-cli:2.31.0"}}

	created := createPod(t, client, namespace, pod)
	ready := waitForPod(t, client, created, isJudged)

	assert.Equal(t, "sandbox", ready.Spec.NodeName)
	assert.Equal(t, corev1.PodRunning, ready.Status.Phase)
	assert.Equal(t, corev1.ConditionTrue, readiness(ready).Status)
	assert.Equal(t, "SandboxNotRun", readiness(ready).Reason)
	assert.Equal(t, notRun, readiness(ready).Message)
	require.Len(t, ready.Status.ContainerStatuses, 1)
	assert.True(t, ready.Status.ContainerStatuses[0].Ready)
	assert.NotNil(t, ready.Status.ContainerStatuses[0].State.Running)
	require.Len(t, ready.Status.InitContainerStatuses, 1)
	assert.Equal(t, "SandboxNotRun", ready.Status.InitContainerStatuses[0].State.Terminated.Reason)
	event := waitForEvent(t, client, ready, "SandboxNotRun")
	assert.Equal(t, notRun, event.Message)
	assert.Equal(t, "Warning", event.Type)
}

func TestAPodThatIsReadyIsLeftAlone(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	pod := waitForPod(t, client, createPod(t, client, namespace, newPod("amazon/aws-cli")), isReady)

	pod.Labels = map[string]string{"touched": "yes"}
	touched, err := client.CoreV1().Pods(namespace).Update(t.Context(), pod, metav1.UpdateOptions{})
	require.NoError(t, err)
	// A pod that is made later passes through the same queue.
	waitForPod(t, client, createPod(t, client, namespace, newPod("amazon/aws-cli")), isReady)

	again, err := client.CoreV1().Pods(namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, touched.ResourceVersion, again.ResourceVersion)
	assert.EqualValues(t, 1, waitForEvent(t, client, pod, "SandboxNotRun").Count, "it is told once")
}

func TestOnlyTheAWSCLIsImagesAreStoodInFor(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for image, taken := range map[string]bool{
		"amazon/aws-cli":                                true,
		"amazon/aws-cli:latest":                         true,
		"amazon/aws-cli" + digest:                       true,
		"docker.io/amazon/aws-cli:2.31.0" + digest:      true,
		"public.ecr.aws/aws-cli/aws-cli:2.31.0":         true,
		"nginx":                                         false,
		"amazon/aws-cli-v2":                             false,
		"example.com/amazon/aws-cli":                    false,
		"example.com:5000/amazon/aws-cli:2.31.0":        false,
		"amazon:5000/aws-cli":                           false,
		"public.ecr.aws/aws-cli/aws-cli/other":          false,
		"public.ecr.aws.example.com/aws-cli/aws-cli:v2": false,
	} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			client := admin(t, hub)
			created := createPod(t, client, newNamespace(t, client), newPod(image))
			pod := waitForPod(t, client, created, isJudged)
			if taken {
				assert.True(t, isReady(pod))
				return
			}
			assert.Equal(t, corev1.PodPending, pod.Status.Phase)
			assert.Equal(t, corev1.ConditionFalse, readiness(pod).Status)
			waiting := pod.Status.ContainerStatuses[0].State.Waiting
			require.NotNil(t, waiting)
			assert.Equal(t, "SandboxImageRefused", waiting.Reason)
			assert.Contains(t, waiting.Message, "it has no "+image)
			assert.Equal(t, waiting.Message, waitForEvent(t, client, pod, "SandboxImageRefused").Message)
		})
	}
}

func TestAPodWithOneForeignContainerIsRefused(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	pod := newPod("amazon/aws-cli")
	pod.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "busybox"}}

	created := createPod(t, client, newNamespace(t, client), pod)

	refused := waitForPod(t, client, created, isJudged)
	assert.False(t, isReady(refused))
	assert.Contains(t, readiness(refused).Message, "it has no busybox")
}

func TestAPodBecomesReadyWhenItsImageIsCorrected(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	pod := waitForPod(t, client, createPod(t, client, namespace, newPod("nginx")),
		isJudged)

	pod.Spec.Containers[0].Image = "amazon/aws-cli"
	_, err := client.CoreV1().Pods(namespace).Update(t.Context(), pod, metav1.UpdateOptions{})
	require.NoError(t, err)

	waitForPod(t, client, pod, isReady)
}

func TestADeletedPodIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	for name, propagation := range map[string]metav1.DeletionPropagation{
		"in the background": metav1.DeletePropagationBackground,
		"in the foreground": metav1.DeletePropagationForeground,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := admin(t, hub)
			namespace := newNamespace(t, client)
			pod := waitForPod(t, client, createPod(t, client, namespace, newPod("amazon/aws-cli")), isReady)
			start := time.Now()

			require.NoError(t, client.CoreV1().Pods(namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{
				PropagationPolicy: &propagation, GracePeriodSeconds: ptr.To[int64](300),
			}))

			waitUntilGone(t, func() error {
				_, err := client.CoreV1().Pods(namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
				return err
			})
			assert.Less(t, time.Since(start), 15*time.Second, "the grace period is not waited for")
		})
	}
}

func TestAPodWithAFinalizerWaitsForItsOwner(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	unready := newPod("amazon/aws-cli")
	unready.Finalizers = []string{"example.com/keep"}
	pod := waitForPod(t, client, createPod(t, client, namespace, unready), isReady)
	require.NoError(t, client.CoreV1().Pods(namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}))
	waiting := waitForPod(t, client, pod, func(p *corev1.Pod) bool {
		return p.DeletionTimestamp != nil && *p.DeletionGracePeriodSeconds == 0
	})

	waiting.Finalizers = nil
	_, err := client.CoreV1().Pods(namespace).Update(t.Context(), waiting, metav1.UpdateOptions{})
	require.NoError(t, err)

	waitUntilGone(t, func() error {
		_, err := client.CoreV1().Pods(namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
		return err
	})
}

func TestANamespaceWithPodsCanBeDeleted(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	waitForPod(t, client, createPod(t, client, namespace, newPod("amazon/aws-cli")), isReady)

	require.NoError(t, client.CoreV1().Namespaces().Delete(t.Context(), namespace, metav1.DeleteOptions{}))

	waitUntilGone(t, func() error {
		_, err := client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
		return err
	})
}

func TestPodsOfOtherSchedulersAndBehindGatesAreNotBound(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	foreign, gated := newPod("amazon/aws-cli"), newPod("amazon/aws-cli")
	foreign.Spec.SchedulerName = "somebody-else"
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/gate"}}
	foreign, gated = createPod(t, client, namespace, foreign), createPod(t, client, namespace, gated)

	// A pod that is made later passes through the same queue.
	waitForPod(t, client, createPod(t, client, namespace, newPod("amazon/aws-cli")), isReady)

	for _, pod := range []*corev1.Pod{foreign, gated} {
		pod, err := client.CoreV1().Pods(namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
		require.NoError(t, err)
		assert.Empty(t, pod.Spec.NodeName)
	}
}

func newPod(image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: image}}},
	}
}

func createPod(t *testing.T, client kubernetes.Interface, namespace string, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	created, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	return created
}

func waitForPod(t *testing.T, client kubernetes.Interface, pod *corev1.Pod, until func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var found *corev1.Pod
	eventually(t, func() (err error) {
		found, err = client.CoreV1().Pods(pod.Namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
		if err == nil && !until(found) {
			err = fmt.Errorf("pod %s is %+v", pod.Name, found.Status)
		}
		return err
	})
	return found
}

func waitForEvent(t *testing.T, client kubernetes.Interface, pod *corev1.Pod, reason string) corev1.Event {
	t.Helper()
	var found corev1.Event
	eventually(t, func() error {
		events, err := client.CoreV1().Events(pod.Namespace).List(t.Context(), metav1.ListOptions{
			FieldSelector: "reason=" + reason + ",involvedObject.uid=" + string(pod.UID),
		})
		if err == nil && len(events.Items) == 0 {
			err = errors.New("there is no event " + reason)
		}
		if err == nil {
			found = events.Items[0]
		}
		return err
	})
	return found
}

func waitUntilGone(t *testing.T, get func() error) {
	t.Helper()
	eventually(t, func() error {
		err := get()
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is still there (%w)", err)
	})
}

// readiness is the pod's Ready condition, or an empty one.
func readiness(pod *corev1.Pod) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c
		}
	}
	return corev1.PodCondition{}
}

func isReady(pod *corev1.Pod) bool { return readiness(pod).Status == corev1.ConditionTrue }

// isJudged tells whether the node has said what becomes of the pod.
func isJudged(pod *corev1.Pod) bool { return readiness(pod).Reason != "" }
