package kubelet_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// timeout(1) makes a process group for what it runs, as a shell with job control does.
func TestWhatLeftItsProcessGroupEndsWithItsPod(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"when the pod is deleted": `timeout 600 sh -c 'echo $$; exec sleep 600'; echo over`,
		"when the program ends":   `timeout 600 sh -c 'echo $$; exec sleep 600' & sleep 1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := create(t, newPod(script))
			pod = waitFor(t, pod, func(p *corev1.Pod) bool { return p.Status.Phase != corev1.PodPending })
			process := pid(t, pod)

			if strings.HasSuffix(script, "over") {
				require.NoError(t, syscall.Kill(process, 0))
				require.NoError(t, sandbox.client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}))
			}

			waitUntilEnded(t, process)
		})
	}
}

// Process 1 of a container is not ended by a signal that it does not handle, and a shell is process 1 of many.
func TestAProgramThatDoesNotHandleTheSignalUsesItsGracePeriodUp(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](2)
	pod.Finalizers = []string{"example.com/keep"}
	pod = waitFor(t, create(t, pod), isReady)
	start := time.Now()

	require.NoError(t, sandbox.client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}))

	ended := waitFor(t, pod, func(p *corev1.Pod) bool { return state(p).Terminated != nil })
	assert.GreaterOrEqual(t, time.Since(start), 2*time.Second)
	assert.EqualValues(t, 137, state(ended).Terminated.ExitCode)
	eventually(t, func() error {
		latest, err := get(t, ended)
		if err == nil {
			latest.Finalizers = nil
			_, err = sandbox.client.CoreV1().Pods(pod.Namespace).Update(t.Context(), latest, metav1.UpdateOptions{})
		}
		return err
	})
}
