//go:build unix

package kubelet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestAPodIsReadyAsSoonAsItsProbeSucceeds(t *testing.T) {
	t.Parallel()
	pod := newPod("touch /tmp/ready; " + sleeping)
	pod.Spec.Containers[0].ReadinessProbe = execProbe(`while ! test -e /tmp/ready; do sleep 0.01; done`)
	pod.Spec.Containers[0].ReadinessProbe.PeriodSeconds = 60 // so that it is the first probe that counts

	pod = waitFor(t, create(t, pod), isReady)

	ready, started := condition(pod, corev1.PodReady).LastTransitionTime, state(pod).Running.StartedAt
	assert.LessOrEqual(t, ready.Sub(started.Time), 5*time.Second)
}

func TestReadinessComesAndGoes(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	mountEmptyDir(pod, "switch", "/switch")
	pod.Spec.Containers[0].ReadinessProbe = execProbe("cat /switch/on")
	pod.Spec.Containers[0].ReadinessProbe.FailureThreshold = 2
	pod = waitFor(t, create(t, pod), isRunning)
	event := waitForEvent(t, pod, "Unhealthy")
	assert.Regexp(t, "^Readiness probe failed: cat: .*/switch/on: No such file or directory\n$", event.Message)
	assert.Equal(t, "containers with unready status: [main]", condition(pod, corev1.PodReady).Message)
	assert.True(t, *pod.Status.ContainerStatuses[0].Started)

	execIn(t, pod, "touch", "/switch/on")
	waitFor(t, pod, isReady)
	execIn(t, pod, "rm", "/switch/on")

	pod = waitFor(t, pod, func(p *corev1.Pod) bool { return !isReady(p) })
	assert.Zero(t, pod.Status.ContainerStatuses[0].RestartCount)
}

func TestAProbeSucceedsAsOftenAsItMust(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.Containers[0].ReadinessProbe = execProbe("true")
	pod.Spec.Containers[0].ReadinessProbe.SuccessThreshold = 3
	start := time.Now()

	waitFor(t, create(t, pod), isReady)

	assert.GreaterOrEqual(t, time.Since(start), 2*time.Second)
}

func TestAProbeWaitsForItsInitialDelay(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.Containers[0].ReadinessProbe = execProbe("true")
	pod.Spec.Containers[0].ReadinessProbe.InitialDelaySeconds = 2
	start := time.Now()

	waitFor(t, create(t, pod), isReady)

	assert.GreaterOrEqual(t, time.Since(start), 2*time.Second)
}

func TestAProbeIsCutOffAfterItsTimeout(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.Containers[0].ReadinessProbe = execProbe("sleep 600 & wait")
	pod.Spec.Containers[0].ReadinessProbe.TimeoutSeconds = 1

	pod = create(t, pod)

	assert.Equal(t, `Readiness probe failed: command timed out: "/bin/sh -c sleep 600 & wait" timed out after 1s`,
		waitForEvent(t, pod, "Unhealthy").Message)
}

func TestAProbeThatCannotRunTellsNothing(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.Containers[0].LivenessProbe = execProbe("")
	pod.Spec.Containers[0].LivenessProbe.Exec.Command = []string{"no-such-program"}
	pod.Spec.Containers[0].LivenessProbe.FailureThreshold = 1

	pod = create(t, pod)

	assert.Equal(t, `Liveness probe errored and resulted in unknown state: exec: "no-such-program": executable file not found in $PATH`,
		waitForEvent(t, pod, "Unhealthy").Message)
	pod = waitFor(t, pod, isReady)
	assert.Zero(t, pod.Status.ContainerStatuses[0].RestartCount)
}

func TestAContainerThatIsNotAliveIsRestarted(t *testing.T) {
	t.Parallel()
	pod := newPod("trap 'exit 143' TERM; sleep 600 & wait")
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](20)
	pod.Spec.Containers[0].LivenessProbe = execProbe("echo dead; exit 1")
	pod.Spec.Containers[0].LivenessProbe.FailureThreshold = 2

	pod = waitFor(t, create(t, pod), func(p *corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].RestartCount == 1
	})

	assert.Equal(t, "Liveness probe failed: dead\n", waitForEvent(t, pod, "Unhealthy").Message)
	assert.Equal(t, "Container main failed liveness probe, will be restarted", waitForEvent(t, pod, "Killing").Message)
	last := pod.Status.ContainerStatuses[0].LastTerminationState.Terminated
	assert.EqualValues(t, 143, last.ExitCode)
	assert.GreaterOrEqual(t, last.FinishedAt.Sub(last.StartedAt.Time), time.Second)
}

func TestAProbeMayHaveAGracePeriodOfItsOwn(t *testing.T) {
	t.Parallel()
	pod := newPod(`trap '' TERM; touch "$HOME/trapped"; while :; do sleep 600; done`)
	pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](600)
	pod.Spec.Containers[0].LivenessProbe = execProbe(`test ! -e "$HOME/trapped"`) // not before it ignores the signal
	pod.Spec.Containers[0].LivenessProbe.FailureThreshold = 1
	pod.Spec.Containers[0].LivenessProbe.TerminationGracePeriodSeconds = ptr.To[int64](1)

	pod, _ = runToEnd(t, pod)

	assert.EqualValues(t, 137, state(pod).Terminated.ExitCode)
	assert.Equal(t, "Container main failed liveness probe", waitForEvent(t, pod, "Killing").Message)
}

func TestNothingElseIsProbedUntilAContainerHasStarted(t *testing.T) {
	t.Parallel()
	pod := newPod("sleep 1.5; touch /tmp/started; " + sleeping)
	pod.Spec.Containers[0].StartupProbe = execProbe("test -e /tmp/started")
	pod.Spec.Containers[0].StartupProbe.FailureThreshold = 600
	pod.Spec.Containers[0].LivenessProbe = execProbe("test -e /tmp/started")
	pod.Spec.Containers[0].LivenessProbe.FailureThreshold = 1
	pod = waitFor(t, create(t, pod), isRunning)
	assert.False(t, *pod.Status.ContainerStatuses[0].Started)
	assert.False(t, isReady(pod))

	pod = waitFor(t, pod, isReady)

	assert.True(t, *pod.Status.ContainerStatuses[0].Started)
	assert.Zero(t, pod.Status.ContainerStatuses[0].RestartCount)
}

func TestAContainerThatDoesNotStartIsEnded(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.Containers[0].StartupProbe = execProbe("false")
	pod.Spec.Containers[0].StartupProbe.FailureThreshold = 2

	pod, _ = runToEnd(t, pod)

	assert.Equal(t, corev1.PodFailed, pod.Status.Phase)
	assert.Equal(t, "Container main failed startup probe", waitForEvent(t, pod, "Killing").Message)
}

func TestAProbeSeesWhatItsContainerSees(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	mountEmptyDir(pod, "data", "/data")
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "DATA", Value: "/data"}, {Name: "WORD", Value: "x"}}
	pod.Spec.Containers[0].ReadinessProbe = execProbe(`cd /data && test "$PWD" = "$DATA" && test $(WORD) = "$WORD" && test -z "$SANDBOX_SECRET"`)

	pod = waitFor(t, create(t, pod), isReady)

	require.NotNil(t, state(pod).Running)
}
