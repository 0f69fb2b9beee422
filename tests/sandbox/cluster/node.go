package cluster

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

const (
	nodeName = "sandbox"
	// nodeWorkers is how many pods are looked after at once.
	nodeWorkers = 4
)

// node is the cluster's only node: it takes the scheduler's and the kubelet's part. It binds every pod to itself, keeps
// its status, and lets it go when it is deleted. What the status says is not decided here, but in podStatus.
type node struct {
	client kubernetes.Interface
	pods   corev1listers.PodLister
	queue  workqueue.TypedRateLimitingInterface[cache.ObjectName]
	events record.EventBroadcaster
	record record.EventRecorder
	cancel context.CancelFunc
	// informers and workers, which stop waits for.
	factory informers.SharedInformerFactory
	workers sync.WaitGroup
}

// startNode registers the node and starts to look after pods. Its life is not bound to ctx.
func startNode(ctx context.Context, config *rest.Config) (*node, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("creating the node's client: %w", err)
	}
	if err := registerNode(ctx, client); err != nil {
		return nil, fmt.Errorf("registering the node %q: %w", nodeName, err)
	}
	// The recorder is silent: an event that a namespace on its way out refuses is not worth a line on a terminal.
	running, cancel := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), klog.Logger{}))
	events := record.NewBroadcaster(record.WithContext(running))
	n := &node{
		client:  client,
		queue:   workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]()),
		events:  events,
		record:  events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "sandbox", Host: nodeName}),
		cancel:  cancel,
		factory: informers.NewSharedInformerFactory(client, 0),
	}
	events.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: client.CoreV1().Events("")})
	pods := n.factory.Core().V1().Pods()
	n.pods = pods.Lister()
	if _, err := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    n.enqueue,
		UpdateFunc: func(_, pod any) { n.enqueue(pod) },
	}); err != nil {
		return nil, errors.Join(fmt.Errorf("watching pods: %w", err), n.stop())
	}
	n.factory.Start(running.Done())
	for range nodeWorkers {
		n.workers.Go(func() {
			for n.next(running) {
			}
		})
	}
	return n, nil
}

func (n *node) stop() error {
	n.cancel()
	n.queue.ShutDown()
	n.workers.Wait()
	n.factory.Shutdown()
	n.events.Shutdown()
	return nil
}

func registerNode(ctx context.Context, client kubernetes.Interface) error {
	labels := map[string]string{
		corev1.LabelHostname: nodeName, corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH,
	}
	resources := corev1.ResourceList{
		corev1.ResourceCPU:  resource.MustParse(strconv.Itoa(runtime.NumCPU())),
		corev1.ResourcePods: resource.MustParse("110"),
	}
	created, err := client.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: labels},
		Status: corev1.NodeStatus{
			Capacity: resources, Allocatable: resources,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}, {Type: corev1.NodeHostName, Address: nodeName},
			},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "SandboxNode",
				Message:            "the sandbox process looks after this node's pods",
				LastHeartbeatTime:  metav1.Now(),
				LastTransitionTime: metav1.Now(),
			}},
			NodeInfo: corev1.NodeSystemInfo{OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	// Admission taints every new node as not ready. The controller that would take the taint away does not run here.
	created.Spec.Taints = nil
	_, err = client.CoreV1().Nodes().Update(ctx, created, metav1.UpdateOptions{})
	return err
}

func (n *node) enqueue(pod any) {
	if name, err := cache.ObjectToName(pod); err == nil {
		n.queue.Add(name)
	}
}

// next looks after one pod; a failure, such as a conflict with another writer, is tried again later. It returns false when
// the node is to stop.
func (n *node) next(ctx context.Context) bool {
	name, shutdown := n.queue.Get()
	if shutdown {
		return false
	}
	defer n.queue.Done(name)
	if err := n.sync(ctx, name); err != nil && ctx.Err() == nil {
		n.queue.AddRateLimited(name)
		return true
	}
	n.queue.Forget(name)
	return true
}

func (n *node) sync(ctx context.Context, name cache.ObjectName) error {
	pod, err := n.pods.Pods(name.Namespace).Get(name.Name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading pod %s: %w", name, err)
	}
	switch {
	case pod.DeletionTimestamp != nil:
		return n.release(ctx, pod)
	case pod.Spec.NodeName == "":
		return n.bind(ctx, pod)
	case pod.Spec.NodeName == nodeName:
		return n.update(ctx, pod)
	default:
		return nil
	}
}

// release ends the pod's grace period, because there is nothing left to stop. A period of zero was ended before, and the
// pod waits for somebody's finalizer.
func (n *node) release(ctx context.Context, pod *corev1.Pod) error {
	if ptr.Deref(pod.DeletionGracePeriodSeconds, 0) == 0 {
		return nil
	}
	err := n.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: ptr.To[int64](0), Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// bind gives the pod to this node, unless another scheduler or a scheduling gate is to decide.
func (n *node) bind(ctx context.Context, pod *corev1.Pod) error {
	if pod.Spec.SchedulerName != corev1.DefaultSchedulerName || len(pod.Spec.SchedulingGates) > 0 {
		return nil
	}
	return n.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: nodeName},
	}, metav1.CreateOptions{})
}

// update writes the pod's status where it is not what it should be, and tells about it in an event.
func (n *node) update(ctx context.Context, pod *corev1.Pod) error {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	status, event := podStatus(pod, metav1.Now())
	if equality.Semantic.DeepEqual(status, pod.Status) {
		return nil
	}
	updated := pod.DeepCopy()
	updated.Status = status
	if _, err := n.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{}); err != nil {
		return err
	}
	n.record.Event(pod, event.kind, event.reason, event.message)
	return nil
}
