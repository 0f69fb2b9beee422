package kubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	scheduling "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// bind gives the pod to this node if it fits, unless another scheduler or a scheduling gate is to decide.
func (n *Node) bind(ctx context.Context, pod *corev1.Pod) error {
	if pod.Spec.SchedulerName != corev1.DefaultSchedulerName || len(pod.Spec.SchedulingGates) > 0 ||
		pod.DeletionTimestamp != nil {
		return nil
	}
	node, err := n.nodes.Get(nodeName)
	if err != nil {
		return fmt.Errorf("reading the node: %w", err)
	}
	if reason := misfit(pod, node); reason != "" {
		return n.tellUnschedulable(ctx, pod, reason)
	}
	if err := n.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: nodeName},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	n.scheduler.Eventf(pod, corev1.EventTypeNormal, "Scheduled", "Successfully assigned %s/%s to %s",
		pod.Namespace, pod.Name, nodeName)
	return nil
}

// misfit says in the scheduler's words why the pod may not run on the node, in the order in which the scheduler asks; it is
// empty when the pod may.
func misfit(pod *corev1.Pod, node *corev1.Node) string {
	if node.Spec.Unschedulable {
		return "node(s) were unschedulable"
	}
	_, repelled := scheduling.FindMatchingUntoleratedTaint(node.Spec.Taints, pod.Spec.Tolerations, func(taint *corev1.Taint) bool {
		return taint.Effect != corev1.TaintEffectPreferNoSchedule
	})
	if repelled {
		return "node(s) had untolerated taint(s)"
	}
	if selected, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node); err != nil || !selected {
		return "node(s) didn't match Pod's node affinity/selector"
	}
	return ""
}

// tellUnschedulable says why the pod stays Pending, in its status and in an event, once for each reason. The pod is looked
// at again when it or the node changes.
func (n *Node) tellUnschedulable(ctx context.Context, pod *corev1.Pod, reason string) error {
	// What the scheduler adds about preemption and claims, which do not help here.
	message := fmt.Sprintf("0/1 nodes are available: 1 %s. no new claims to deallocate, "+
		"preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.", reason)
	if slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled && c.Message == message
	}) {
		return nil
	}
	condition := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message,
		LastTransitionTime: metav1.Now(), ObservedGeneration: pod.Generation,
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status":   map[string]any{"conditions": []corev1.PodCondition{condition}},
	})
	if err != nil {
		return fmt.Errorf("encoding the status of pod %s: %w", pod.Name, err)
	}
	if _, err := n.client.CoreV1().Pods(pod.Namespace).Patch(
		ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		return fmt.Errorf("writing the status of pod %s: %w", pod.Name, err)
	}
	n.scheduler.Event(pod, corev1.EventTypeWarning, "FailedScheduling", message)
	return nil
}

// reconsider looks again at the pods that wait for a node, because the node has changed.
func (n *Node) reconsider() {
	pods, err := n.lister.List(labels.Everything())
	if err != nil {
		return // a list of what is in memory does not fail
	}
	for _, pod := range pods {
		if pod.Spec.NodeName == "" {
			n.enqueue(pod)
		}
	}
}
