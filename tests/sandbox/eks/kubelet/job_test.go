//go:build unix

package kubelet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// newJob is a Job of the kind that proves something: a failure ends it, but where the program asks for another pod.
func newJob(script string) *batchv1.Job {
	pod := newPod(script)
	pod.Spec.Containers[0].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "job-"},
		Spec: batchv1.JobSpec{
			BackoffLimit: ptr.To[int32](0), ActiveDeadlineSeconds: ptr.To[int64](60),
			PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
				Action: batchv1.PodFailurePolicyActionIgnore,
				OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
					ContainerName: ptr.To("main"), Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{75},
				},
			}}},
			Template: corev1.PodTemplateSpec{Spec: pod.Spec},
		},
	}
}

// runJob makes the Job in a namespace of its own and waits until it is over; how is the condition that says how.
func runJob(t *testing.T, job *batchv1.Job) (ended *batchv1.Job, how batchv1.JobCondition) {
	t.Helper()
	return waitForJob(t, createJob(t, job))
}

func createJob(t *testing.T, job *batchv1.Job) *batchv1.Job {
	t.Helper()
	created, err := sandbox.client.BatchV1().Jobs(newNamespace(t)).Create(t.Context(), job, metav1.CreateOptions{})
	require.NoError(t, err)
	return created
}

func waitForJob(t *testing.T, job *batchv1.Job) (ended *batchv1.Job, how batchv1.JobCondition) {
	t.Helper()
	eventually(t, func() (err error) {
		if ended, err = sandbox.client.BatchV1().Jobs(job.Namespace).Get(t.Context(), job.Name, metav1.GetOptions{}); err != nil {
			return err
		}
		for _, condition := range ended.Status.Conditions {
			if condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed {
				how = condition
				return nil
			}
		}
		return fmt.Errorf("job %s is %+v", job.Name, ended.Status)
	})
	return ended, how
}

// firstPod waits for the first pod of a Job.
func firstPod(t *testing.T, job *batchv1.Job) *corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	eventually(t, func() error {
		if pods = podsOf(t, job); len(pods) == 0 {
			return fmt.Errorf("job %s has no pod", job.Name)
		}
		return nil
	})
	return &pods[0]
}

// podsOf are the pods of a Job.
func podsOf(t *testing.T, job *batchv1.Job) []corev1.Pod {
	t.Helper()
	pods, err := sandbox.client.CoreV1().Pods(job.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=" + job.Name})
	require.NoError(t, err)
	return pods.Items
}

func TestAJobsPodIsThereWhenItIsDoneAndGoesWithIt(t *testing.T) {
	t.Parallel()
	job, how := runJob(t, newJob("echo working; echo done"))

	assert.Equal(t, batchv1.JobComplete, how.Type)
	pods := podsOf(t, job)
	require.Len(t, pods, 1)
	assert.Equal(t, corev1.PodSucceeded, pods[0].Status.Phase)
	require.NotNil(t, state(&pods[0]).Terminated)
	assert.Equal(t, "Completed", state(&pods[0]).Terminated.Reason)
	assert.Empty(t, state(&pods[0]).Terminated.Message, "the log is no message of a program that did well")
	assert.Equal(t, "working\ndone\n", logs(t, &pods[0], corev1.PodLogOptions{}))

	require.NoError(t, sandbox.client.BatchV1().Jobs(job.Namespace).Delete(t.Context(), job.Name,
		metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationForeground)}))

	waitUntilGone(t, func() error {
		_, err := sandbox.client.BatchV1().Jobs(job.Namespace).Get(t.Context(), job.Name, metav1.GetOptions{})
		return err
	})
	assert.Empty(t, podsOf(t, job), "they went before it")
}

func TestAJobIsOverAtOnceWhenItsProgramKnowsThatItFails(t *testing.T) {
	t.Parallel()
	start := time.Now()

	job, how := runJob(t, newJob("echo asking; echo 'THIS: no' >&2; exit 1"))

	assert.Less(t, time.Since(start), 10*time.Second, "no other pod is tried, which would take that long")
	assert.Equal(t, batchv1.JobFailed, how.Type)
	assert.Equal(t, batchv1.JobReasonBackoffLimitExceeded, how.Reason)
	pods := podsOf(t, job)
	require.Len(t, pods, 1)
	assert.Equal(t, corev1.PodFailed, pods[0].Status.Phase)
	require.NotNil(t, state(&pods[0]).Terminated)
	assert.EqualValues(t, 1, state(&pods[0]).Terminated.ExitCode)
	assert.Equal(t, "Error", state(&pods[0]).Terminated.Reason)
	assert.Contains(t, state(&pods[0]).Terminated.Message, "THIS: no\n")
}

func TestAJobTriesAnotherPodWhenItsProgramAsksForOne(t *testing.T) {
	t.Parallel()
	job := newJob(`test "$ROLE" = there || exit 75`)
	job.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "ROLE", ValueFrom: &corev1.EnvVarSource{
		ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "late"}, Key: "role", Optional: ptr.To(true),
		},
	}}}
	job = createJob(t, job)
	waitFor(t, firstPod(t, job), func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed })
	_, err := sandbox.client.CoreV1().ConfigMaps(job.Namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "late"}, Data: map[string]string{"role": "there"},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	job, how := waitForJob(t, job)

	assert.Equal(t, batchv1.JobComplete, how.Type)
	assert.Zero(t, job.Status.Failed, "it does not count")
	var phases []corev1.PodPhase
	for _, pod := range podsOf(t, job) {
		phases = append(phases, pod.Status.Phase)
	}
	assert.ElementsMatch(t, []corev1.PodPhase{corev1.PodFailed, corev1.PodSucceeded}, phases)
}

func TestAJobThatHangsEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	job := newJob("echo $$; while :; do sleep 600; done")
	job.Spec.ActiveDeadlineSeconds = ptr.To[int64](3)
	job = createJob(t, job)
	process := pid(t, waitFor(t, firstPod(t, job), isRunning))

	job, how := waitForJob(t, job)

	assert.Equal(t, batchv1.JobFailed, how.Type)
	assert.Equal(t, batchv1.JobReasonDeadlineExceeded, how.Reason)
	waitUntilEnded(t, process)
	eventually(t, func() error {
		if pods := podsOf(t, job); len(pods) > 0 {
			return fmt.Errorf("%d pods are left, and the controller deletes what ran still", len(pods))
		}
		return nil
	})
}

func TestAJobThatIsDoneGoesByItselfWhenItIsToldTo(t *testing.T) {
	t.Parallel()
	job := newJob("true")
	job.Spec.TTLSecondsAfterFinished = ptr.To[int32](0)
	job = createJob(t, job)

	waitUntilGone(t, func() error {
		_, err := sandbox.client.BatchV1().Jobs(job.Namespace).Get(t.Context(), job.Name, metav1.GetOptions{})
		return err
	})
	eventually(t, func() error {
		if pods := podsOf(t, job); len(pods) > 0 {
			return fmt.Errorf("%d pods are left", len(pods))
		}
		return nil
	})
}

// What a test pod may be given besides is for a scheduler, a registry and other people's controllers.
func TestAPodWithEverythingThatAClusterMayAskForRuns(t *testing.T) {
	t.Parallel()
	pod := newPod("echo ran")
	pod.Labels = map[string]string{"eks.amazonaws.com/fargate-profile": "proofs"}
	pod.Annotations = map[string]string{"sidecar.istio.io/inject": "false"}
	pod.Spec.NodeSelector = map[string]string{"kubernetes.io/os": "linux"}
	pod.Spec.Tolerations = []corev1.Toleration{{Key: "team", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}}
	pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}

	pod, log := runToEnd(t, pod)

	assert.Equal(t, corev1.PodSucceeded, pod.Status.Phase)
	assert.Equal(t, "ran\n", log)
}
