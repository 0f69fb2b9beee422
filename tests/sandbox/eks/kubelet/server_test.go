//go:build unix

package kubelet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/utils/ptr"
)

func TestLogsAreWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	pod, _ := runToEnd(t, newPod("seq 1 5; printf 'no end'"))
	for name, test := range map[string]struct {
		opts corev1.PodLogOptions
		want string
	}{
		"all":              {corev1.PodLogOptions{}, "1\n2\n3\n4\n5\nno end"},
		"the last lines":   {corev1.PodLogOptions{TailLines: ptr.To[int64](2)}, "5\nno end"},
		"no lines":         {corev1.PodLogOptions{TailLines: ptr.To[int64](0)}, ""},
		"more than all":    {corev1.PodLogOptions{TailLines: ptr.To[int64](100)}, "1\n2\n3\n4\n5\nno end"},
		"the first bytes":  {corev1.PodLogOptions{LimitBytes: ptr.To[int64](3)}, "1\n2"},
		"of a while ago":   {corev1.PodLogOptions{SinceSeconds: ptr.To[int64](600)}, "1\n2\n3\n4\n5\nno end"},
		"followed":         {corev1.PodLogOptions{Follow: true}, "1\n2\n3\n4\n5\nno end"},
		"from then on":     {corev1.PodLogOptions{SinceTime: &metav1.Time{Time: time.Now().Add(time.Hour)}}, ""},
		"of one container": {corev1.PodLogOptions{Container: "main", TailLines: ptr.To[int64](1)}, "no end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, logs(t, pod, test.opts))
		})
	}
	t.Run("with the time", func(t *testing.T) {
		t.Parallel()
		line := logs(t, pod, corev1.PodLogOptions{Timestamps: true, LimitBytes: ptr.To[int64](200), TailLines: ptr.To[int64](2)})
		stamp, text, _ := strings.Cut(line, " ")
		written, err := time.Parse(time.RFC3339Nano, stamp)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), written, time.Hour)
		assert.True(t, strings.HasPrefix(text, "5\n"), text)
	})
}

func TestALogIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	pod := newPod("echo first; while ! test -e /tmp/go; do sleep 0.05; done; echo last >&2")
	pod = waitFor(t, create(t, pod), isRunning)
	stream, err := sandbox.client.CoreV1().Pods(pod.Namespace).
		GetLogs(pod.Name, &corev1.PodLogOptions{Follow: true}).Stream(t.Context())
	require.NoError(t, err)
	first := make([]byte, len("first\n"))
	_, err = io.ReadFull(stream, first)
	require.NoError(t, err)
	assert.Equal(t, "first\n", string(first))

	execIn(t, pod, "touch", "/tmp/go")

	rest, err := io.ReadAll(stream)
	require.NoError(t, err)
	require.NoError(t, stream.Close())
	assert.Equal(t, "last\n", string(rest))
}

func TestTheLogOfTheRunBeforeIsKept(t *testing.T) {
	t.Parallel()
	pod := newPod(`if test -e /runs/first; then echo second; exec sleep 600; fi; touch /runs/first; echo first; exit 1`)
	mountEmptyDir(pod, "runs", "/runs")
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways

	pod = waitFor(t, create(t, pod), func(p *corev1.Pod) bool {
		return isRunning(p) && p.Status.ContainerStatuses[0].RestartCount == 1
	})

	eventually(t, func() error {
		if log := logs(t, pod, corev1.PodLogOptions{}); log != "second\n" {
			return fmt.Errorf("the log is %q", log)
		}
		return nil
	})
	assert.Equal(t, "first\n", logs(t, pod, corev1.PodLogOptions{Previous: true}))
}

func TestALongLineIsOneLine(t *testing.T) {
	t.Parallel()
	_, log := runToEnd(t, newPod(`head -c 100000 /dev/zero | tr '\0' x; echo; echo end`))

	assert.Equal(t, strings.Repeat("x", 100000)+"\nend\n", log)
}

func TestLogsThatDoNotExistAreRefusedInTheKubeletsWords(t *testing.T) {
	t.Parallel()
	waiting := newPod("true")
	waiting.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: missing}}}
	waiting = waitFor(t, create(t, waiting), isWaitingFor("CreateContainerConfigError"))
	running := waitFor(t, create(t, newPod(sleeping)), isRunning)

	_, err := readLogs(t.Context(), waiting, corev1.PodLogOptions{})
	require.ErrorContains(t, err, fmt.Sprintf("container %q in pod %q is waiting to start: CreateContainerConfigError", "main", waiting.Name))
	_, err = readLogs(t.Context(), running, corev1.PodLogOptions{Previous: true})
	require.ErrorContains(t, err, fmt.Sprintf("previous terminated container %q in pod %q not found", "main", running.Name))
}

// execIn runs a command in the pod's first container and returns its output.
func execIn(t *testing.T, pod *corev1.Pod, command ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	err := execWith(t.Context(), pod, remotecommand.StreamOptions{Stdout: &out, Stderr: &errOut}, command...)
	require.NoError(t, err, errOut.String())
	return out.String()
}

func execWith(ctx context.Context, pod *corev1.Pod, streams remotecommand.StreamOptions, command ...string) error {
	config := sandbox.clusters.All[0].AdminConfig()
	target := sandbox.client.CoreV1().RESTClient().Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).
		SubResource("exec").VersionedParams(&corev1.PodExecOptions{
		Container: pod.Spec.Containers[0].Name, Command: command, TTY: streams.Tty,
		Stdin: streams.Stdin != nil, Stdout: streams.Stdout != nil, Stderr: streams.Stderr != nil,
	}, scheme.ParameterCodec).URL()
	executor, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, target.String()) // as kubectl does
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, streams)
}

func TestACommandRunsInAContainer(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	mountEmptyDir(pod, "data", "/data")
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "DATA", Value: "/data"}}
	pod = waitFor(t, create(t, pod), isRunning)

	var out, errOut bytes.Buffer
	err := execWith(t.Context(), pod, remotecommand.StreamOptions{
		Stdin: strings.NewReader("from outside"), Stdout: &out, Stderr: &errOut,
	}, "/bin/sh", "-c", `cat >/data/in; cat "$DATA/in"; echo wrong >&2; exit 3`)

	assert.Equal(t, "from outside", out.String())
	assert.Equal(t, "wrong\n", errOut.String())
	var exit utilexec.CodeExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 3, exit.Code)
}

func TestACommandThatDoesNotReadItsInputEnds(t *testing.T) {
	t.Parallel()
	pod := waitFor(t, create(t, newPod(sleeping)), isRunning)
	silence, writer := io.Pipe()
	t.Cleanup(func() { assert.NoError(t, writer.Close()) })
	var out bytes.Buffer

	err := execWith(t.Context(), pod, remotecommand.StreamOptions{Stdin: silence, Stdout: &out}, "echo", "done")

	require.NoError(t, err)
	assert.Equal(t, "done\n", out.String())
}

func TestACommandMayHaveATerminal(t *testing.T) {
	t.Parallel()
	pod := waitFor(t, create(t, newPod(sleeping)), isRunning)
	input, writer := io.Pipe()
	var out bytes.Buffer
	sizes := &oneSize{remotecommand.TerminalSize{Width: 101, Height: 51}}
	typing := make(chan error, 1)
	go func() {
		_, err := io.WriteString(writer, "sleep 600 &\necho job=$!.; test -t 0 && echo interactive; stty size; exit 4\n")
		typing <- err
	}()

	err := execWith(t.Context(), pod, remotecommand.StreamOptions{
		Stdin: input, Stdout: &out, Tty: true, TerminalSizeQueue: sizes,
	}, "/bin/sh")

	var exit utilexec.CodeExitError
	require.ErrorAs(t, err, &exit, out.String())
	assert.Equal(t, 4, exit.Code)
	require.NoError(t, <-typing)
	assert.Contains(t, out.String(), "interactive\r\n")
	assert.Contains(t, out.String(), "51 101\r\n")
	job := regexp.MustCompile(`job=(\d+)`).FindStringSubmatch(out.String())
	require.NotNil(t, job, out.String())
	process, err := strconv.Atoi(job[1])
	require.NoError(t, err)
	if runtime.GOOS == "linux" {
		waitUntilEnded(t, process)
	}
}

// oneSize tells the size of a terminal that does not change.
type oneSize struct{ size remotecommand.TerminalSize }

func (s *oneSize) Next() *remotecommand.TerminalSize {
	if s.size.Width == 0 {
		return nil
	}
	size := s.size
	s.size = remotecommand.TerminalSize{}
	return &size
}

func TestACommandEndsWithItsContainer(t *testing.T) {
	t.Parallel()
	pod := waitFor(t, create(t, newPod(sleeping)), isRunning)
	output, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- execWith(t.Context(), pod, remotecommand.StreamOptions{Stdout: writer}, "/bin/sh", "-c", "echo started; sleep 600")
	}()
	_, err := io.ReadFull(output, make([]byte, len("started\n")))
	require.NoError(t, err)

	require.NoError(t, sandbox.client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}))

	select {
	case err := <-ended:
		require.Error(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the command goes on")
	}
}

func TestACommandThatCannotRunSaysWhy(t *testing.T) {
	t.Parallel()
	running := waitFor(t, create(t, newPod(sleeping)), isRunning)
	over, _ := runToEnd(t, newPod("true"))
	streams := remotecommand.StreamOptions{Stdout: io.Discard}

	require.ErrorContains(t, execWith(t.Context(), running, streams, "no-such-program"),
		`exec: "no-such-program": executable file not found in $PATH`)
	require.Error(t, execWith(t.Context(), over, streams, "true"))
}

func TestTheNodeServesOnlyWhoHasACertificate(t *testing.T) {
	t.Parallel()
	node, err := sandbox.client.CoreV1().Nodes().Get(t.Context(), "sandbox", metav1.GetOptions{})
	require.NoError(t, err)
	outsider := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	address := fmt.Sprintf("https://127.0.0.1:%d/containerLogs/a/b/c", node.Status.DaemonEndpoints.KubeletEndpoint.Port)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)

	response, err := outsider.Do(request)

	if err == nil {
		require.NoError(t, response.Body.Close())
	}
	require.ErrorContains(t, err, "certificate required")
}
