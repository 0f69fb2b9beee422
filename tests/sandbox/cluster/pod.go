package cluster

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	reasonNotRun       = "SandboxNotRun"
	reasonImageRefused = "SandboxImageRefused"
	messageNotRun      = "the sandbox reports this pod ready without running it: not a proof"
)

// awsCLIImages are the repositories of the images that the sandbox knows how to stand in for, whatever tag or digest.
var awsCLIImages = []string{"public.ecr.aws/aws-cli/aws-cli", "amazon/aws-cli", "docker.io/amazon/aws-cli"}

// podEvent is what the node tells about a pod when its status changes.
type podEvent struct{ kind, reason, message string }

// podStatus is the status that the node gives a pod which is bound to it. Times of what did not change stay as they are,
// so that the status of a pod that is as it should be comes back unchanged.
//
// No pod is run: one that could be is reported running and ready, and says so, and one that could not is refused.
func podStatus(pod *corev1.Pod, now metav1.Time) (corev1.PodStatus, podEvent) {
	status := *pod.Status.DeepCopy()
	status.HostIP = "127.0.0.1"
	status.HostIPs = []corev1.HostIP{{IP: status.HostIP}}
	if status.StartTime == nil {
		status.StartTime = &now
	}
	setCondition(&status, now, corev1.PodScheduled, corev1.ConditionTrue, "", "")
	if refused := refusedImages(pod); len(refused) > 0 {
		return refusedStatus(pod, status, refused, now)
	}
	status.Phase = corev1.PodRunning
	for _, condition := range []corev1.PodConditionType{corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		setCondition(&status, now, condition, corev1.ConditionTrue, reasonNotRun, messageNotRun)
	}
	status.InitContainerStatuses = containerStatuses(pod.Spec.InitContainers, corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{
			Reason: reasonNotRun, Message: messageNotRun, StartedAt: *status.StartTime, FinishedAt: *status.StartTime,
		},
	})
	status.ContainerStatuses = containerStatuses(pod.Spec.Containers, corev1.ContainerState{
		Running: &corev1.ContainerStateRunning{StartedAt: *status.StartTime},
	})
	return status, podEvent{corev1.EventTypeWarning, reasonNotRun, messageNotRun}
}

func refusedStatus(
	pod *corev1.Pod, status corev1.PodStatus, refused []string, now metav1.Time,
) (corev1.PodStatus, podEvent) {
	message := fmt.Sprintf("the sandbox stands in for the AWS CLI only (%s): it has no %s",
		strings.Join(awsCLIImages, ", "), strings.Join(refused, ", "))
	waiting := corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: reasonImageRefused, Message: message},
	}
	status.Phase = corev1.PodPending
	setCondition(&status, now, corev1.PodInitialized, corev1.ConditionFalse, reasonImageRefused, message)
	setCondition(&status, now, corev1.ContainersReady, corev1.ConditionFalse, reasonImageRefused, message)
	setCondition(&status, now, corev1.PodReady, corev1.ConditionFalse, reasonImageRefused, message)
	status.InitContainerStatuses = containerStatuses(pod.Spec.InitContainers, waiting)
	status.ContainerStatuses = containerStatuses(pod.Spec.Containers, waiting)
	return status, podEvent{corev1.EventTypeWarning, reasonImageRefused, message}
}

// setCondition sets a condition and keeps the time of its last transition when its status stays the same.
func setCondition(
	status *corev1.PodStatus, now metav1.Time, kind corev1.PodConditionType, value corev1.ConditionStatus,
	reason, message string,
) {
	condition := corev1.PodCondition{
		Type: kind, Status: value, Reason: reason, Message: message, LastTransitionTime: now,
	}
	i := slices.IndexFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind })
	if i < 0 {
		status.Conditions = append(status.Conditions, condition)
		return
	}
	old := status.Conditions[i]
	condition.ObservedGeneration = old.ObservedGeneration
	if old.Status == value {
		condition.LastTransitionTime = old.LastTransitionTime
	}
	status.Conditions[i] = condition
}

func containerStatuses(containers []corev1.Container, state corev1.ContainerState) []corev1.ContainerStatus {
	var statuses []corev1.ContainerStatus
	for _, c := range containers {
		running := state.Running != nil
		statuses = append(statuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, State: state, Started: &running,
			// An init container is ready when it has ended well.
			Ready: running || state.Terminated != nil,
		})
	}
	return statuses
}

// refusedImages lists the images of the pod that are not the AWS CLI's.
func refusedImages(pod *corev1.Pod) []string {
	var refused []string
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if !slices.Contains(awsCLIImages, repository(c.Image)) && !slices.Contains(refused, c.Image) {
			refused = append(refused, c.Image)
		}
	}
	return refused
}

// repository is an image's name without tag and digest. A colon before the last slash is a registry's port.
func repository(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name = name[:colon]
	}
	return name
}
