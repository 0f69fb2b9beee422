package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// defaultTimeout is how long the official plugin waits when nobody says.
const defaultTimeout = 10 * time.Minute

// notReadyError says that an object exists and is not what it should be.
type notReadyError struct {
	message string
	reasons []string
}

func (e *notReadyError) Error() string { return e.message }

// timeout is the customTimeouts of the resource, else its annotation, else ten minutes.
func timeout(custom float64, inputs *unstructured.Unstructured) time.Duration {
	if custom > 0 {
		return time.Duration(custom * float64(time.Second))
	}
	if seconds, err := strconv.Atoi(annotation(inputs, annotationTimeout)); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	return defaultTimeout
}

// awaitReady waits until a pod is ready, and returns the last that was seen of
// it. The other kinds here are ready as soon as they exist.
func (o object) awaitReady(ctx context.Context, inputs, live *unstructured.Unstructured, custom float64) (*unstructured.Unstructured, error) {
	if o.patch || o.kind.name != "Pod" || annotation(inputs, annotationSkipAwait) == "true" {
		return live, nil
	}
	waiting, cancel := context.WithTimeout(ctx, timeout(custom, inputs))
	defer cancel()
	go o.reportEvents(waiting, live)
	var reasons []string
	err := o.watch(waiting, live, nil, func(event watch.Event) (bool, error) {
		seen, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			return false, nil
		}
		live = seen
		var ready bool
		reasons, ready = o.ready(seen)
		return ready, nil
	})
	switch {
	case err == nil:
		return live, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return live, &notReadyError{message: fmt.Sprintf("Resource operation was cancelled for %q", live.GetName()), reasons: reasons}
	case waiting.Err() != nil:
		return live, &notReadyError{message: fmt.Sprintf("'%s' timed out waiting to be Ready", live.GetName()), reasons: reasons}
	default:
		return live, err
	}
}

// awaitGone waits until the object is no longer there.
func (o object) awaitGone(ctx context.Context, inputs, live *unstructured.Unstructured, custom float64) error {
	mayLeave := o.kind.name == "Namespace" || o.kind.name == "Pod"
	if mayLeave && annotation(inputs, annotationSkipAwait) == "true" {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, timeout(custom, inputs))
	defer cancel()
	gone := func(store cache.Store) (bool, error) { return len(store.ListKeys()) == 0, nil }
	err := o.watch(waiting, live, gone, func(event watch.Event) (bool, error) {
		return event.Type == watch.Deleted, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %q to be deleted: %w", id(live), err)
	}
	return nil
}

// watch follows one object until the condition holds.
func (o object) watch(ctx context.Context, live *unstructured.Unstructured, first watchtools.PreconditionFunc, until watchtools.ConditionFunc) error {
	client := o.resourceClient(live.GetNamespace())
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, live.GetName()).String()
	_, err := watchtools.UntilWithSync(ctx, &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = only
			return client.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = only
			return client.Watch(ctx, options)
		},
	}, &unstructured.Unstructured{}, first, until)
	return err
}

// reportEvents shows the object's warnings while somebody waits for it, which
// is where the reasons of a failing probe or a missing image are.
func (o object) reportEvents(ctx context.Context, live *unstructured.Unstructured) {
	events := o.cluster.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace(live.GetNamespace())
	seen, err := events.Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(live.GetUID())).String(),
	})
	if err != nil {
		return // the events are a courtesy, and not everybody may see them
	}
	defer seen.Stop()
	for event := range seen.ResultChan() {
		shown, ok := event.Object.(*unstructured.Unstructured)
		if !ok || shown.Object["type"] != corev1.EventTypeWarning {
			continue
		}
		p.GetLogger(ctx).WarningStatusf("%v: %v", shown.Object["reason"], shown.Object["message"])
	}
}

// ready tells whether an object is ready and, of a pod that is not, why.
func (o object) ready(live *unstructured.Unstructured) (reasons []string, ready bool) {
	if o.patch || o.kind.name != "Pod" {
		return nil, true
	}
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &pod); err != nil {
		return []string{fmt.Sprintf("decoding pod %q: %v", id(live), err)}, false
	}
	// In the order in which a pod gets there; a later one says nothing before.
	for _, stage := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.PodReady} {
		reached, reason := reachedStage(&pod, stage)
		if !reached {
			return reason, false
		}
	}
	return nil, true
}

func reachedStage(pod *corev1.Pod, stage corev1.PodConditionType) (bool, []string) {
	for _, condition := range pod.Status.Conditions {
		if condition.Type != stage {
			continue
		}
		if condition.Status == corev1.ConditionTrue || stage == corev1.PodReady && pod.Status.Phase == corev1.PodSucceeded {
			return true, nil
		}
		// Why a pod is not scheduled is progress to the official plugin, not a fault.
		if reason := stageReason(pod, condition); reason != "" && stage != corev1.PodScheduled {
			return false, []string{reason}
		}
	}
	return false, nil
}

func stageReason(pod *corev1.Pod, condition corev1.PodCondition) string {
	faults := containerFaults(pod.Status.ContainerStatuses)
	if faults == nil && condition.Message == "" {
		return ""
	}
	name := pod.Name
	if pod.Namespace != "" && pod.Namespace != metav1.NamespaceDefault {
		name = pod.Namespace + "/" + pod.Name
	}
	reason := fmt.Sprintf("[Pod %s]: ", name)
	if condition.Reason != "" {
		reason += condition.Message
	}
	if faults != nil {
		reason += faults.Error()
	}
	return reason
}

// containerFaults says what holds each container up, in the official words.
func containerFaults(statuses []corev1.ContainerStatus) error {
	var faults []error
	for _, status := range statuses {
		if status.Ready {
			continue
		}
		if waiting := status.State.Waiting; waiting != nil && waiting.Reason != "ContainerCreating" {
			faults = append(faults, fmt.Errorf("[%s] %s", waiting.Reason, waiting.Message))
		}
		if ended := status.State.Terminated; ended != nil && ended.Reason != "" {
			if ended.Message != "" {
				faults = append(faults, fmt.Errorf("[%s] %s", ended.Reason, ended.Message))
			} else {
				faults = append(faults, fmt.Errorf("container %q completed with exit code %d", status.Name, ended.ExitCode))
			}
		}
		if last := status.LastTerminationState.Terminated; last != nil {
			faults = append(faults, fmt.Errorf("container %q terminated at %s (%s: exit code %d)",
				status.Name, last.FinishedAt.UTC().Format(time.RFC3339Nano), last.Reason, last.ExitCode))
			if last.Message != "" {
				faults = append(faults, errors.New(last.Message))
			}
		}
	}
	return errors.Join(faults...)
}
