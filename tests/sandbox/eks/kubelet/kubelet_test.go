//go:build unix

package kubelet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestOnlyTheAWSCLIsImagesAreRun(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	namespace := newNamespace(t)
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
			pod := newPod(sleeping)
			pod.Namespace, pod.Spec.Containers[0].Image = namespace, image
			if taken {
				waitFor(t, create(t, pod), isReady)
				return
			}
			pod = waitFor(t, create(t, pod), isWaitingFor("SandboxImageRefused"))
			assert.Equal(t, corev1.PodPending, pod.Status.Phase)
			assert.Contains(t, state(pod).Waiting.Message, "it has no "+image)
			assert.Equal(t, "SandboxImageRefused", condition(pod, corev1.PodReady).Reason)
			assert.Equal(t, state(pod).Waiting.Message, waitForEvent(t, pod, "SandboxImageRefused").Message)
		})
	}
}

func TestWhatTheNodeCannotDoIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	for name, test := range map[string]struct {
		change func(*corev1.PodSpec)
		want   string
	}{
		"an image of an init container": {
			func(s *corev1.PodSpec) {
				s.InitContainers = []corev1.Container{{Name: "init", Image: "busybox"}}
			},
			"it has no busybox",
		},
		"an HTTP probe": {
			func(s *corev1.PodSpec) {
				s.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr80},
				}}
			},
			"containers[0].livenessProbe: only exec probes are run",
		},
		"a hook": {
			func(s *corev1.PodSpec) {
				s.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{
					Exec: &corev1.ExecAction{Command: []string{"true"}},
				}}
			},
			"containers[0].lifecycle: hooks are not run",
		},
		"a resource in an environment variable": {
			func(s *corev1.PodSpec) {
				s.Containers[0].Env = []corev1.EnvVar{{Name: "CPU", ValueFrom: &corev1.EnvVarSource{
					ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"},
				}}}
			},
			"containers[0].env[0].valueFrom: only fields, ConfigMaps and Secrets are read",
		},
		"a folder of the machine": {
			func(s *corev1.PodSpec) {
				s.Volumes = []corev1.Volume{{Name: "machine", VolumeSource: corev1.VolumeSource{
					HostPath: &corev1.HostPathVolumeSource{Path: "/"},
				}}}
			},
			"volumes[0]: only emptyDir, configMap, secret, downwardAPI and projected volumes are made",
		},
		"a resource in the downward API": {
			func(s *corev1.PodSpec) {
				s.Volumes = []corev1.Volume{{Name: "limits", VolumeSource: corev1.VolumeSource{
					Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
						DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{
							Path:             "cpu",
							ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu", ContainerName: "main"},
						}}},
					}}},
				}}}
			},
			"volumes[0].projected.sources[0].downwardAPI.items[0]: only fields are read",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(sleeping)
			pod.Namespace = namespace
			test.change(&pod.Spec)

			pod = waitFor(t, create(t, pod), func(p *corev1.Pod) bool { return condition(p, corev1.PodReady).Reason != "" })

			assert.Equal(t, corev1.PodPending, pod.Status.Phase)
			assert.Contains(t, condition(pod, corev1.PodReady).Message, test.want)
			assert.Contains(t, state(pod).Waiting.Message, test.want)
			assert.Contains(t, waitForEvent(t, pod, state(pod).Waiting.Reason).Message, test.want)
		})
	}
}

func TestAPodRunsWhenItsImageIsCorrected(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.Containers[0].Image = "nginx"
	pod = waitFor(t, create(t, pod), isWaitingFor("SandboxImageRefused"))

	setImage(t, pod, awsCLI)

	pod = waitFor(t, pod, isReady)
	assert.Zero(t, pod.Status.ContainerStatuses[0].RestartCount)
}

func TestAContainerIsRestartedWhenItsImageChanges(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	pod.Spec.Containers[0].Command[2] = `trap 'exit 0' TERM; touch "$HOME/trapped"; sleep 600 & wait`
	pod.Spec.Containers[0].ReadinessProbe = execProbe(`test -e "$HOME/trapped"`)
	pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](20)
	pod = waitFor(t, create(t, pod), isReady)

	setImage(t, pod, "amazon/aws-cli:2.32.0")

	pod = waitFor(t, pod, func(p *corev1.Pod) bool { return isReady(p) && p.Status.ContainerStatuses[0].RestartCount == 1 })
	assert.Equal(t, "amazon/aws-cli:2.32.0", pod.Status.ContainerStatuses[0].Image)
	assert.Equal(t, "Container main definition changed, will be restarted", waitForEvent(t, pod, "Killing").Message)
	setImage(t, pod, "nginx")
	waitFor(t, pod, isWaitingFor("SandboxImageRefused"))
}

func setImage(t *testing.T, pod *corev1.Pod, image string) {
	t.Helper()
	eventually(t, func() error {
		pod, err := get(t, pod)
		if err != nil {
			return err
		}
		pod.Spec.Containers[0].Image = image
		_, err = sandbox.client.CoreV1().Pods(pod.Namespace).Update(t.Context(), pod, metav1.UpdateOptions{})
		return err
	})
}

func TestADeletedPodIsGoneAtOnceWhenItHasNoGracePeriod(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"and heeds the signal": sleeping,
		"and does not":         `trap '' TERM; while :; do sleep 600; done`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod("echo $$; " + script)
			pod = waitFor(t, create(t, pod), isReady)
			process := pid(t, pod)
			start := time.Now()

			require.NoError(t, sandbox.client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}))

			waitUntilGone(t, func() error { _, err := get(t, pod); return err })
			waitUntilEnded(t, process)
			assert.Less(t, time.Since(start), 5*time.Second) // a fraction of a second on a machine that has nothing else to do
		})
	}
}

func TestADeletedPodHasItsGracePeriodToEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script  string
		grace   int64
		atLeast time.Duration
		want    int32
	}{
		"and ends in time":   {`trap 'sleep 1; exit 3' TERM; touch "$HOME/trapped"; sleep 600 & wait`, 60, time.Second, 3},
		"and is then killed": {`trap '' TERM; touch "$HOME/trapped"; while :; do sleep 600; done`, 2, 2 * time.Second, 137},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(test.script)
			pod.Spec.TerminationGracePeriodSeconds = &test.grace
			pod.Finalizers = []string{"example.com/keep"}
			pod.Spec.Containers[0].ReadinessProbe = execProbe(`test -e "$HOME/trapped"`)
			pod = waitFor(t, create(t, pod), isReady)
			start := time.Now()

			require.NoError(t, sandbox.client.CoreV1().Pods(pod.Namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}))

			ended := waitFor(t, pod, func(p *corev1.Pod) bool {
				return p.DeletionTimestamp != nil && *p.DeletionGracePeriodSeconds == 0
			})
			assert.GreaterOrEqual(t, time.Since(start), test.atLeast)
			assert.Less(t, time.Since(start), 20*time.Second)
			assert.Equal(t, corev1.PodFailed, ended.Status.Phase)
			require.NotNil(t, state(ended).Terminated)
			assert.Equal(t, test.want, state(ended).Terminated.ExitCode)
			assert.Equal(t, "Stopping container main", waitForEvent(t, pod, "Killing").Message)

			ended.Finalizers = nil
			_, err := sandbox.client.CoreV1().Pods(pod.Namespace).Update(t.Context(), ended, metav1.UpdateOptions{})
			require.NoError(t, err)
			waitUntilGone(t, func() error { _, err := get(t, pod); return err })
		})
	}
}

func TestAGracePeriodCanBeCutShort(t *testing.T) {
	t.Parallel()
	pod := newPod(`trap '' TERM; while :; do sleep 600; done`)
	pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](600)
	pod = waitFor(t, create(t, pod), isReady)
	pods := sandbox.client.CoreV1().Pods(pod.Namespace)
	require.NoError(t, pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{}))
	waitForEvent(t, pod, "Killing")

	require.NoError(t, pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)}))

	waitUntilGone(t, func() error { _, err := get(t, pod); return err })
}

func TestAPodOfTheSameNameIsAnotherPod(t *testing.T) {
	t.Parallel()
	first := newPod("echo $$; echo first; " + sleeping)
	first.GenerateName, first.Name = "", "pod"
	first = waitFor(t, create(t, first), isReady)
	process := pid(t, first)
	require.NoError(t, sandbox.client.CoreV1().Pods(first.Namespace).Delete(t.Context(), "pod", metav1.DeleteOptions{}))
	second := newPod("echo second")
	second.GenerateName, second.Name, second.Namespace = "", "pod", first.Namespace

	_, log := runToEnd(t, second)

	assert.Equal(t, "second\n", log)
	waitUntilEnded(t, process)
}

func TestANamespaceWithPodsCanBeDeleted(t *testing.T) {
	t.Parallel()
	pod := waitFor(t, create(t, newPod(sleeping)), isReady)

	require.NoError(t, sandbox.client.CoreV1().Namespaces().Delete(t.Context(), pod.Namespace, metav1.DeleteOptions{}))

	waitUntilGone(t, func() error {
		_, err := sandbox.client.CoreV1().Namespaces().Get(t.Context(), pod.Namespace, metav1.GetOptions{})
		return err
	})
}

func TestPodsOfOtherSchedulersAndBehindGatesAreNotBound(t *testing.T) {
	t.Parallel()
	foreign, gated, later := newPod(sleeping), newPod(sleeping), newPod(sleeping)
	foreign.Spec.SchedulerName = "somebody-else"
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/gate"}}
	foreign = create(t, foreign)
	gated.Namespace, later.Namespace = foreign.Namespace, foreign.Namespace
	gated = create(t, gated)

	// A pod that is made later passes through the same queue.
	later = waitFor(t, create(t, later), isReady)

	assert.Equal(t, "sandbox", later.Spec.NodeName)
	assert.Equal(t, "Successfully assigned "+later.Namespace+"/"+later.Name+" to sandbox",
		waitForEvent(t, later, "Scheduled").Message)
	for _, pod := range []*corev1.Pod{foreign, gated} {
		pod, err := get(t, pod)
		require.NoError(t, err)
		assert.Empty(t, pod.Spec.NodeName)
	}
}
