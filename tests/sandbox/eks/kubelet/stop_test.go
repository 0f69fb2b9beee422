//go:build unix

package kubelet_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

// family is a container of three generations, none of which heeds a friendly word, and of which, on Linux, the youngest has
// left the others' process group. It prints their process IDs.
func family() string {
	leave := ""
	if runtime.GOOS == "linux" {
		leave = "timeout 600 " // it makes a group of its own
	}
	return `trap '' TERM HUP INT
sh -c '` + leave + `sh -c "echo \$\$; while :; do sleep 600; done" & echo $$; wait' & echo $$; wait`
}

func TestNothingOutlivesANodeThatIsStopped(t *testing.T) {
	t.Parallel()
	clusters, err := startCluster(t.Context(), t.TempDir())
	require.NoError(t, err)
	processes, err := runFamily(t.Context(), clusters)
	require.NoError(t, err)

	require.NoError(t, clusters.Stop())

	require.Len(t, processes, 3)
	for _, process := range processes {
		waitUntilEnded(t, process)
	}
}

// sandboxDir is the variable that makes this program a sandbox in that folder, which runs until it is killed.
const sandboxDir = "KUBELET_TEST_SANDBOX_DIR"

func TestNothingOutlivesASandboxThatIsKilled(t *testing.T) {
	t.Parallel()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), sandboxDir+"="+t.TempDir())
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill() })
	var processes []int
	for lines := bufio.NewScanner(output); len(processes) < 3 && lines.Scan(); {
		var process int
		_, err := fmt.Sscan(lines.Text(), &process)
		require.NoError(t, err)
		processes = append(processes, process)
	}
	require.Len(t, processes, 3)

	require.NoError(t, child.Process.Kill())

	require.Error(t, child.Wait())
	for _, process := range processes {
		waitUntilEnded(t, process)
	}
}

func runUntilKilled(dir string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if sandbox.binary, err = tools.ControlPlane(ctx, tools.Options{Log: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	sandbox.dir = dir
	clusters, err := startCluster(ctx, dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	processes, err := runFamily(ctx, clusters)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, process := range processes {
		fmt.Println(process)
	}
	<-ctx.Done()
	return 1
}

// runFamily runs the family in a pod and returns its process IDs.
func runFamily(ctx context.Context, clusters *eks.Clusters) (processes []int, err error) {
	client, err := kubernetes.NewForConfig(clusters.All[0].AdminConfig())
	if err != nil {
		return nil, err
	}
	pods := client.CoreV1().Pods("default")
	created, err := pods.Create(ctx, newPod(family()), metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		log, err := pods.GetLogs(created.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		if err != nil {
			return false, nil // there is no log yet
		}
		processes = nil
		for field := range strings.FieldsSeq(string(log)) {
			var process int
			if _, err := fmt.Sscan(field, &process); err != nil {
				return false, err
			}
			processes = append(processes, process)
		}
		return len(processes) == 3, nil
	})
	return processes, err
}
