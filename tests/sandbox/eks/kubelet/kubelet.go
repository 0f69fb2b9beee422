// Package kubelet is the only node of a sandbox's cluster. It takes the parts of the scheduler, the kubelet and the container
// runtime: it binds every pod to itself and runs containers of the AWS CLI's images as processes of this machine. It says
// what it does in the kubelet's words, and what it cannot do it refuses in the pod's status and in an event.
//
// A process is no container. What it has of one:
//   - its command, its arguments and its environment, and nothing of the environment of the sandbox;
//   - a scratch folder, in which it starts, with a home in it, and the pod's volumes. There is no file system of its own:
//     a mount path is replaced by the volume's folder where it appears in the command, in arguments and in env values,
//     and /tmp is one of its own. A path that a program makes up at run time is the machine's;
//   - service account tokens, probes, restarts, termination messages, logs and exec;
//   - that it is process 1: no signal but KILL ends a program that does not handle it, and nothing outlives it.
//
// It runs as the sandbox's user on the network of the machine. Nothing of a securityContext, of resources, of ports or of
// host namespaces applies to it.
package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const (
	nodeName = "sandbox"
	// hostIP is the address of the node and of its pods, which have no network of their own.
	hostIP = "127.0.0.1"
	// workers is how many pods are looked after at once. None of them waits for a container.
	workers = 4
	// defaultPath is the PATH of an image that says nothing else.
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// restartDelay and maxRestartDelay are the kubelet's: the back-off doubles from one to the other.
	restartDelay    = 10 * time.Second
	maxRestartDelay = 5 * time.Minute
)

// Options say what the containers of a node have.
type Options struct {
	// Dir takes the scratch folders of pods; made with mode 0700.
	Dir string
	// Path is the PATH of containers: where the AWS CLI is, then the machine's shell and tools. Empty means the usual
	// folders of an image.
	Path string
	// Env is what a container gets before its own env: what stands in for the network of an EKS node (AWS_ENDPOINT_URL
	// and the like). Its own env wins.
	Env map[string]string
	// Addresses are URLs of the node itself, such as http://169.254.170.23 of the EKS Pod Identity Agent, with the addresses that
	// stand in for them. A pod has no network of its own, so they are replaced in the values of its variables.
	Addresses map[string]string
	// CertFile and KeyFile are PEM files with which the node serves its kubelet API (logs, exec), and ClientCAFile is the
	// authority that signs its clients, of which the API server is one.
	CertFile, KeyFile, ClientCAFile string
	// TokenAging makes projected tokens age that many times faster than they do, for tests of their renewal. 1, the
	// default, is the truth.
	TokenAging int
}

// Node is a running node.
type Node struct {
	opts   Options
	client kubernetes.Interface
	// apiServer is the host and port that pods are told to find the Kubernetes API at.
	apiServer *url.URL
	server    *server
	guard     *guard
	lister    corev1listers.PodLister
	nodes     corev1listers.NodeLister
	queue     workqueue.TypedRateLimitingInterface[cache.ObjectName]
	events    record.EventBroadcaster
	// kubelet and scheduler record events as those do.
	kubelet, scheduler record.EventRecorder
	backOff            *flowcontrol.Backoff
	factory            informers.SharedInformerFactory
	cancel             context.CancelFunc
	// running are the workers and the pods.
	running sync.WaitGroup

	mu   sync.Mutex
	pods map[cache.ObjectName]*pod
}

// Start registers the node "sandbox" and takes pods from then on. ctx limits the start only.
func Start(ctx context.Context, config *rest.Config, opts Options) (*Node, error) {
	n, err := newNode(ctx, config, opts)
	if err != nil {
		return nil, fmt.Errorf("starting the node %q: %w", nodeName, err)
	}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the node %q: %w", nodeName, err), n.Stop())
	}
	return n, nil
}

func newNode(ctx context.Context, config *rest.Config, opts Options) (*Node, error) {
	if opts.Path == "" {
		opts.Path = defaultPath
	}
	if opts.TokenAging < 1 {
		opts.TokenAging = 1
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating its folder: %w", err)
	}
	apiServer, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading the API server's address: %w", err)
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // a status that waits for its turn keeps somebody waiting
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("creating its client: %w", err)
	}
	// The recorder is silent: an event that a namespace on its way out refuses is not worth a line on a terminal.
	events := record.NewBroadcaster(record.WithContext(silent(context.WithoutCancel(ctx))))
	return &Node{
		opts:      opts,
		client:    client,
		apiServer: apiServer,
		queue:     workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]()),
		events:    events,
		kubelet:   events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: nodeName}),
		scheduler: events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: corev1.DefaultSchedulerName}),
		backOff:   flowcontrol.NewBackOff(restartDelay, maxRestartDelay),
		factory:   informers.NewSharedInformerFactory(client, 0),
		cancel:    func() {},
		pods:      map[cache.ObjectName]*pod{},
	}, nil
}

func silent(ctx context.Context) context.Context { return klog.NewContext(ctx, klog.Logger{}) }

func (n *Node) start(ctx context.Context) (err error) {
	if n.guard, err = startGuard(); err != nil {
		return err
	}
	if n.server, err = startServer(ctx, n); err != nil {
		return err
	}
	if err := n.register(ctx); err != nil {
		return fmt.Errorf("registering it: %w", err)
	}
	n.events.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: n.client.CoreV1().Events("")})
	if err := n.watch(); err != nil {
		return err
	}
	running, cancel := context.WithCancel(silent(context.WithoutCancel(ctx)))
	n.cancel = cancel
	n.factory.Start(running.Done())
	for range workers {
		n.running.Go(func() {
			for n.next(running) {
			}
		})
	}
	return nil
}

// watch has pods looked after when they change, and those that do not fit the node when the node changes.
func (n *Node) watch() error {
	pods, nodes := n.factory.Core().V1().Pods(), n.factory.Core().V1().Nodes()
	n.lister, n.nodes = pods.Lister(), nodes.Lister()
	if _, err := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    n.enqueue,
		UpdateFunc: func(_, pod any) { n.enqueue(pod) },
		DeleteFunc: n.enqueue,
	}); err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	if _, err := nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { n.reconsider() },
		UpdateFunc: func(_, _ any) { n.reconsider() },
	}); err != nil {
		return fmt.Errorf("watching nodes: %w", err)
	}
	return nil
}

// Stop ends every container process, and leaves the API server's objects and the scratch folders as they are.
func (n *Node) Stop() error {
	n.cancel()
	n.queue.ShutDown()
	n.running.Wait()
	n.factory.Shutdown()
	n.events.Shutdown()
	return errors.Join(n.server.stop(), n.guard.stop())
}

func (n *Node) enqueue(pod any) {
	if name, err := cache.DeletionHandlingObjectToName(pod); err == nil {
		n.queue.Add(name)
	}
}

// next looks after one pod; a failure, such as a conflict with another writer, is tried again later. It returns false when
// the node is to stop.
func (n *Node) next(ctx context.Context) bool {
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

func (n *Node) sync(ctx context.Context, name cache.ObjectName) error {
	object, err := n.lister.Pods(name.Namespace).Get(name.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading pod %s: %w", name, err)
	}
	known := n.known(name)
	if known != nil && (err != nil || object.UID != known.uid) {
		// The API server has forgotten the pod, so nobody waits for its grace period any more.
		known.delete(0)
		<-known.done
		n.forget(known)
		known = nil
	}
	switch {
	case err != nil:
		return nil
	case object.Spec.NodeName == "":
		return n.bind(ctx, object)
	case object.Spec.NodeName != nodeName:
		return nil
	case known != nil:
		known.update(object)
	case object.DeletionTimestamp != nil:
		return n.release(ctx, object)
	case !isOver(object.Status.Phase):
		n.run(ctx, name, object)
	}
	return nil
}

func isOver(phase corev1.PodPhase) bool {
	return phase == corev1.PodSucceeded || phase == corev1.PodFailed
}

// known returns the pod of that name that this node runs, or nil.
func (n *Node) known(name cache.ObjectName) *pod {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pods[name]
}

func (n *Node) run(ctx context.Context, name cache.ObjectName, object *corev1.Pod) {
	p := newPod(ctx, n, object)
	n.mu.Lock()
	n.pods[name] = p
	n.mu.Unlock()
	n.running.Go(func() { p.run(ctx) })
}

func (n *Node) forget(p *pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pods, cache.ObjectName{Namespace: p.namespace, Name: p.name})
}

// release tells the API server that nothing of the pod runs any more. A grace period of zero was ended before, and the pod
// waits for somebody's finalizer.
func (n *Node) release(ctx context.Context, pod *corev1.Pod) error {
	if pod.DeletionGracePeriodSeconds == nil || *pod.DeletionGracePeriodSeconds == 0 {
		return nil
	}
	options := metav1.NewDeleteOptions(0)
	options.Preconditions = metav1.NewUIDPreconditions(string(pod.UID))
	err := n.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, *options)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// register makes the node's object known, or that of a node that was here before its own.
func (n *Node) register(ctx context.Context) error {
	wanted := n.object()
	nodes := n.client.CoreV1().Nodes()
	created, err := nodes.Create(ctx, wanted, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		if created, err = nodes.Get(ctx, nodeName, metav1.GetOptions{}); err != nil {
			return err
		}
		created.Status = wanted.Status
		_, err = nodes.UpdateStatus(ctx, created, metav1.UpdateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	// Admission taints every new node as not ready. The controller that would take the taint away does not run here.
	created.Spec.Taints = nil
	_, err = nodes.Update(ctx, created, metav1.UpdateOptions{})
	return err
}

// endpoint is what the environment of a container says about the Kubernetes API.
func (n *Node) endpoint() (host, port string) {
	host, port, err := net.SplitHostPort(n.apiServer.Host)
	if err != nil {
		return n.apiServer.Host, "443"
	}
	return host, port
}
