package kubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// object is what the node says about itself.
func (n *Node) object() *corev1.Node {
	resources := corev1.ResourceList{
		corev1.ResourceCPU:  resource.MustParse(strconv.Itoa(runtime.NumCPU())),
		corev1.ResourcePods: resource.MustParse("110"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: map[string]string{
			// Linux wherever the sandbox runs, because that is what the images are made for that it stands in for.
			corev1.LabelHostname: nodeName, corev1.LabelOSStable: string(corev1.Linux), corev1.LabelArchStable: runtime.GOARCH,
		}},
		Status: corev1.NodeStatus{
			Capacity: resources, Allocatable: resources,
			// No host name: the API server would prefer it to reach the node, and nobody resolves it.
			Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: hostIP}},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: n.server.port}},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "SandboxNode",
				Message:            "the sandbox process looks after this node's pods",
				LastHeartbeatTime:  metav1.Now(),
				LastTransitionTime: metav1.Now(),
			}},
			NodeInfo: corev1.NodeSystemInfo{OperatingSystem: string(corev1.Linux), Architecture: runtime.GOARCH},
		},
	}
}

// status is what there is to say about the pod now, on top of what the API server knows already.
func (p *pod) status() corev1.PodStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := *p.reported.DeepCopy()
	status.ObservedGeneration = p.object.Generation
	status.HostIP, status.HostIPs = hostIP, []corev1.HostIP{{IP: hostIP}}
	status.PodIP, status.PodIPs = hostIP, []corev1.PodIP{{IP: hostIP}}
	status.StartTime = &p.started
	status.InitContainerStatuses = statuses(p.init)
	status.ContainerStatuses = statuses(p.containers)
	status.Reason, status.Message = p.failure.reason, p.failure.message
	status.Phase = p.phase()
	for _, condition := range p.conditions(status.Phase) {
		setCondition(&status, condition)
	}
	return status
}

func statuses(containers []*container) []corev1.ContainerStatus {
	var all []corev1.ContainerStatus
	for _, c := range containers {
		all = append(all, *c.status.DeepCopy())
	}
	return all
}

// phase is the sum of the containers, https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase.
func (p *pod) phase() corev1.PodPhase {
	switch {
	case p.over && (p.failure.reason != "" || slices.ContainsFunc(p.all(), (*container).hasFailed)):
		return corev1.PodFailed
	case p.over && slices.ContainsFunc(p.containers, (*container).notStarted):
		return corev1.PodFailed // it was ended before it got so far
	case p.over:
		return corev1.PodSucceeded
	case slices.ContainsFunc(p.containers, (*container).notStarted):
		return corev1.PodPending
	default:
		return corev1.PodRunning
	}
}

// notStarted reports whether the container never ran.
func (c *container) notStarted() bool {
	return c.status.State.Waiting != nil && c.status.LastTerminationState.Terminated == nil
}

// hasFailed tells whether the container's end was a failure. That of a sidecar is none.
func (c *container) hasFailed() bool {
	end := c.status.State.Terminated
	if c.status.State.Waiting != nil {
		end = c.status.LastTerminationState.Terminated
	}
	return c.kind != sidecar && end != nil && end.ExitCode != 0
}

func (p *pod) conditions(phase corev1.PodPhase) []corev1.PodCondition {
	ready := p.containersReady(phase)
	podReady := ready
	if gates := p.closedGates(); ready.Status == corev1.ConditionTrue && gates != "" {
		podReady = corev1.PodCondition{Status: corev1.ConditionFalse, Reason: "ReadinessGatesNotReady", Message: gates}
	}
	initialized := p.initialized(phase)
	scheduled := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}
	toStart := corev1.PodCondition{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionFalse}
	if p.mounted {
		toStart.Status = corev1.ConditionTrue
	}
	ready.Type, podReady.Type, initialized.Type = corev1.ContainersReady, corev1.PodReady, corev1.PodInitialized
	return []corev1.PodCondition{toStart, initialized, podReady, ready, scheduled}
}

func (p *pod) containersReady(phase corev1.PodPhase) corev1.PodCondition {
	var unready []string
	for _, c := range p.all() {
		if c.kind != initContainer && !c.status.Ready {
			unready = append(unready, c.status.Name)
		}
	}
	switch {
	case p.refusal.reason != "":
		return corev1.PodCondition{Status: corev1.ConditionFalse, Reason: p.refusal.reason, Message: p.refusal.message}
	case phase == corev1.PodSucceeded:
		return corev1.PodCondition{Status: corev1.ConditionFalse, Reason: "PodCompleted"}
	case phase == corev1.PodFailed:
		return corev1.PodCondition{Status: corev1.ConditionFalse, Reason: "PodFailed"}
	case len(unready) > 0:
		return corev1.PodCondition{
			Status: corev1.ConditionFalse, Reason: "ContainersNotReady",
			Message: fmt.Sprintf("containers with unready status: %s", unready),
		}
	default:
		return corev1.PodCondition{Status: corev1.ConditionTrue}
	}
}

func (p *pod) initialized(phase corev1.PodPhase) corev1.PodCondition {
	var incomplete []string
	for _, c := range p.init {
		if !c.isInitialized() {
			incomplete = append(incomplete, c.status.Name)
		}
	}
	switch {
	case p.refusal.reason != "":
		return corev1.PodCondition{Status: corev1.ConditionFalse, Reason: p.refusal.reason, Message: p.refusal.message}
	case phase == corev1.PodSucceeded:
		return corev1.PodCondition{Status: corev1.ConditionTrue, Reason: "PodCompleted"}
	case p.hasInitialized || len(incomplete) == 0:
		return corev1.PodCondition{Status: corev1.ConditionTrue}
	default:
		return corev1.PodCondition{
			Status: corev1.ConditionFalse, Reason: "ContainersNotInitialized",
			Message: fmt.Sprintf("containers with incomplete status: %s", incomplete),
		}
	}
}

// isInitialized tells whether the next container may start: an init container has to end well, a sidecar to be there.
func (c *container) isInitialized() bool {
	if c.kind == sidecar {
		return c.status.Started != nil && *c.status.Started
	}
	return c.status.Ready
}

// closedGates says which of the pod's readiness gates, that others set conditions for, keep it from being ready.
func (p *pod) closedGates() string {
	var closed []string
	for _, gate := range p.object.Spec.ReadinessGates {
		kind := gate.ConditionType
		i := slices.IndexFunc(p.object.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind })
		if i < 0 {
			closed = append(closed, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", kind))
		} else if value := p.object.Status.Conditions[i].Status; value != corev1.ConditionTrue {
			closed = append(closed, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %s", kind, value))
		}
	}
	return strings.Join(closed, ", ")
}

// setCondition sets a condition and keeps the time of its last transition when its status stays the same.
func setCondition(status *corev1.PodStatus, condition corev1.PodCondition) {
	condition.LastTransitionTime = metav1.Now()
	condition.ObservedGeneration = status.ObservedGeneration
	i := slices.IndexFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == condition.Type })
	if i < 0 {
		status.Conditions = append(status.Conditions, condition)
		return
	}
	if old := status.Conditions[i]; old.Status == condition.Status {
		condition.LastTransitionTime = old.LastTransitionTime
	}
	status.Conditions[i] = condition
}

// report tells the API server what has changed since the last report. It is a patch that holds no more than that, and the
// pod's UID as a precondition: so it meets no conflict, and undoes nothing of other writers. Only one report may be under
// way.
func (p *pod) report(ctx context.Context) error {
	status := p.status()
	before, err := json.Marshal(corev1.Pod{Status: p.reported})
	if err != nil {
		return fmt.Errorf("encoding the status of pod %s: %w", p.name, err)
	}
	after, err := json.Marshal(corev1.Pod{Status: status})
	if err != nil {
		return fmt.Errorf("encoding the status of pod %s: %w", p.name, err)
	}
	if string(before) == string(after) {
		return nil
	}
	withUID, err := json.Marshal(corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: p.uid}, Status: status})
	if err != nil {
		return fmt.Errorf("encoding the status of pod %s: %w", p.name, err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, withUID, corev1.Pod{})
	if err != nil {
		return fmt.Errorf("comparing the status of pod %s: %w", p.name, err)
	}
	if _, err := p.node.client.CoreV1().Pods(p.namespace).Patch(
		ctx, p.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		return fmt.Errorf("writing the status of pod %s: %w", p.name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reported = status
	return nil
}
