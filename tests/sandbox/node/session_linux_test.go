package node_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
