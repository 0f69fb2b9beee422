//go:build unix

package kubelet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

const (
	awsCLI = "amazon/aws-cli:2.31.0"
	// aging has tokens of the shortest life, 600 s, be renewed after less than 5 s.
	aging = 100
)

// sandbox is what TestMain boots and all tests share. Tests use namespaces of their own.
var sandbox struct {
	dir      string
	binary   string
	clusters *eks.Clusters
	client   kubernetes.Interface
}

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) (code int) {
	// The sandbox holds a secret that no container may see.
	if err := os.Setenv("SANDBOX_SECRET", "hidden"); err != nil {
		panic(err)
	}
	if dir := os.Getenv(sandboxDir); dir != "" {
		return runUntilKilled(dir)
	}
	if err := boot(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := errors.Join(sandbox.clusters.Stop(), os.RemoveAll(sandbox.dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

func boot() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // the first time, Kubernetes is compiled
	defer cancel()
	if sandbox.binary, err = tools.ControlPlane(ctx, tools.Options{Log: os.Stderr}); err != nil {
		return err
	}
	if sandbox.dir, err = os.MkdirTemp("", "eks-irsa-node-test-"); err != nil {
		return err
	}
	// An AWS CLI that says what it is asked.
	aws := filepath.Join(sandbox.dir, "bin", "aws")
	if err := errors.Join(os.Mkdir(filepath.Dir(aws), 0o700), os.WriteFile(aws, []byte("#!/bin/sh\necho \"$@\"\n"), 0o700)); err != nil {
		return err
	}
	if sandbox.clusters, err = startCluster(ctx, sandbox.dir); err != nil {
		return errors.Join(err, os.RemoveAll(sandbox.dir))
	}
	sandbox.client, err = kubernetes.NewForConfig(sandbox.clusters.All[0].AdminConfig())
	return err
}

func startCluster(ctx context.Context, dir string) (*eks.Clusters, error) {
	nobody := httptest.NewServer(http.NotFoundHandler()) // who logs in with IAM asks there, and here nobody does
	return eks.Start(ctx, eks.Options{
		ControlPlane: sandbox.binary, Dir: dir, AWSEndpoint: nobody.URL,
		Access:        func(_, _, _ string) (aws.AccessEntry, bool) { return aws.AccessEntry{}, false },
		ContainerPath: containerPath(), TokenAging: aging,
		ContainerEnv: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "of-the-node"},
	}, []eks.Spec{{Name: "hub", Account: "123456789012", Region: "eu-west-1", AuthenticationMode: "API"}})
}

func containerPath() string { return filepath.Join(sandbox.dir, "bin") + ":/usr/bin:/bin" }

// newNamespace makes a namespace for a test and waits for its default service account, without which admission refuses
// pods.
func newNamespace(t *testing.T) string {
	t.Helper()
	namespace, err := sandbox.client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, func() error {
		_, err := sandbox.client.CoreV1().ServiceAccounts(namespace.Name).Get(t.Context(), "default", metav1.GetOptions{})
		return err
	})
	return namespace.Name
}

// eventually waits until the check has nothing to complain about.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		require.True(t, time.Now().Before(deadline), "still: %v", err)
		time.Sleep(10 * time.Millisecond)
	}
}

// newPod is a pod that runs a script for the shell, once.
func newPod(script string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-"},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: ptr.To[int64](0),
			Containers: []corev1.Container{newContainer("main", script)},
		},
	}
}

func newContainer(name, script string) corev1.Container {
	script = strings.ReplaceAll(script, "$$", "$$$$") // in a command, $$ is an escaped $
	return corev1.Container{Name: name, Image: awsCLI, Command: []string{"/bin/sh", "-c", script}}
}

// sleeping is the program of a container that does nothing until it is stopped.
const sleeping = "exec sleep 600"

func execProbe(script string) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/bin/sh", "-c", script}}},
		PeriodSeconds: 1, TimeoutSeconds: 5,
	}
}

// create makes the pod in a namespace of its own, unless it has one.
func create(t *testing.T, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	if pod.Namespace == "" {
		pod.Namespace = newNamespace(t)
	}
	created, err := sandbox.client.CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	return created
}

// runToEnd makes the pod, waits until it is over, and returns it with the log of its first container.
func runToEnd(t *testing.T, pod *corev1.Pod) (*corev1.Pod, string) {
	t.Helper()
	ended := waitFor(t, create(t, pod), func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	return ended, logs(t, ended, corev1.PodLogOptions{Container: ended.Spec.Containers[0].Name})
}

func logs(t *testing.T, pod *corev1.Pod, opts corev1.PodLogOptions) string {
	t.Helper()
	content, err := readLogs(t.Context(), pod, opts)
	require.NoError(t, err)
	return content
}

// readLogs streams, because a client that does not loses the words of an error.
func readLogs(ctx context.Context, pod *corev1.Pod, opts corev1.PodLogOptions) (string, error) {
	stream, err := sandbox.client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &opts).Stream(ctx)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(stream)
	return string(content), errors.Join(err, stream.Close())
}

func get(t *testing.T, pod *corev1.Pod) (*corev1.Pod, error) {
	t.Helper()
	return sandbox.client.CoreV1().Pods(pod.Namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
}

func waitFor(t *testing.T, pod *corev1.Pod, until func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	return waitForPod(t, sandbox.client, pod, until)
}

// waitForPod waits for a pod of any cluster.
func waitForPod(t *testing.T, client kubernetes.Interface, pod *corev1.Pod, until func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var found *corev1.Pod
	eventually(t, func() (err error) {
		if found, err = client.CoreV1().Pods(pod.Namespace).Get(t.Context(), pod.Name, metav1.GetOptions{}); err == nil && !until(found) {
			err = fmt.Errorf("pod %s is %+v", pod.Name, found.Status)
		}
		return err
	})
	return found
}

func waitUntilGone(t *testing.T, object func() error) {
	t.Helper()
	eventually(t, func() error {
		err := object()
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is still there (%w)", err)
	})
}

func waitForEvent(t *testing.T, pod *corev1.Pod, reason string) corev1.Event {
	t.Helper()
	return waitForEventOf(t, sandbox.client, pod, reason)
}

func waitForEventOf(t *testing.T, client kubernetes.Interface, pod *corev1.Pod, reason string) corev1.Event {
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

// condition is the pod's condition of that type, or an empty one.
func condition(pod *corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return corev1.PodCondition{}
}

func isReady(pod *corev1.Pod) bool {
	return condition(pod, corev1.PodReady).Status == corev1.ConditionTrue
}

func isRunning(pod *corev1.Pod) bool {
	return len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].State.Running != nil
}

// state is the state of the pod's only container.
func state(pod *corev1.Pod) corev1.ContainerState {
	if len(pod.Status.ContainerStatuses) == 0 {
		return corev1.ContainerState{}
	}
	return pod.Status.ContainerStatuses[0].State
}

func isWaitingFor(reason string) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool { return state(p).Waiting != nil && state(p).Waiting.Reason == reason }
}
