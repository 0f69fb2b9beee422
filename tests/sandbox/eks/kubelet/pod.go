package kubelet

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/reference"
	"k8s.io/kubernetes/pkg/kubelet/events"
)

// retryInterval is the time between two attempts at something that waits for somebody else: a status that the API server
// does not take, a ConfigMap that is not there yet. It is shorter than the kubelet's, because a person waits.
const retryInterval = 500 * time.Millisecond

// pod is a pod that is bound to the node.
type pod struct {
	node            *Node
	namespace, name string
	uid             types.UID
	dir             string

	// terminating ends when the containers are to end, and killing when they may not take any longer.
	terminating, killing context.Context
	terminate, kill      context.CancelFunc
	// deleted is closed when the pod is to go, and done when nothing of it is left.
	deleted, done chan struct{}
	// changed tells of news for the pod's status, updated of news from the API server.
	changed, updated signal
	volumes          *volumes

	mu       sync.Mutex
	object   *corev1.Pod
	reported corev1.PodStatus
	started  metav1.Time
	killAt   time.Time
	// init and containers are in the order of the spec.
	init, containers []*container
	// refusal says why the pod is not run, and failure why it was ended.
	refusal, failure cause
	mounted          bool
	hasInitialized   bool
	over             bool
}

// cause is a reason with its explanation, as conditions and states have them.
type cause struct{ reason, message string }

func newPod(ctx context.Context, n *Node, object *corev1.Pod) *pod {
	p := &pod{
		node: n, namespace: object.Namespace, name: object.Name, uid: object.UID,
		dir:     filepath.Join(n.opts.Dir, object.Namespace+"_"+object.Name+"_"+string(object.UID)),
		deleted: make(chan struct{}), done: make(chan struct{}),
		object: object, reported: object.Status, started: metav1.Now(),
	}
	p.killing, p.kill = context.WithCancel(ctx)
	p.terminating, p.terminate = context.WithCancel(p.killing)
	p.volumes = newVolumes(p)
	waiting := "ContainerCreating"
	if len(object.Spec.InitContainers) > 0 {
		waiting = "PodInitializing"
	}
	for _, spec := range object.Spec.InitContainers {
		kind := initContainer
		if spec.RestartPolicy != nil && *spec.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			kind = sidecar
		}
		p.init = append(p.init, newContainer(p, kind, spec, waiting))
	}
	for _, spec := range object.Spec.Containers {
		p.containers = append(p.containers, newContainer(p, mainContainer, spec, waiting))
	}
	return p
}

func (p *pod) all() []*container { return slices.Concat(p.init, p.containers) }

// run looks after the pod until it is deleted, or the node stops.
func (p *pod) run(ctx context.Context) {
	defer close(p.done)
	defer p.kill()
	reporting, stopReporting := context.WithCancel(ctx)
	var reporter sync.WaitGroup
	reporter.Go(func() { p.keepReporting(reporting) })
	p.live()
	p.change(func() { p.over = true })
	select {
	case <-p.deleted:
	case <-ctx.Done():
	}
	stopReporting()
	reporter.Wait()
	if ctx.Err() == nil {
		p.leave(ctx)
	}
}

// leave tells how the containers ended, removes the scratch folder, and lets the pod's object go.
func (p *pod) leave(ctx context.Context) {
	_ = p.report(ctx) // what nobody may be there to hear any more
	_ = os.RemoveAll(p.dir)
	_ = wait.PollUntilContextCancel(ctx, retryInterval, true, func(ctx context.Context) (bool, error) {
		return p.node.release(ctx, p.latest()) == nil, nil
	})
}

// change changes what the status is made of.
func (p *pod) change(change func()) {
	p.mu.Lock()
	change()
	p.mu.Unlock()
	p.changed.send()
}

// latest is the newest object of the pod. It must not be changed.
func (p *pod) latest() *corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.object
}

func (p *pod) keepReporting(ctx context.Context) {
	for {
		changed := p.changed.wait()
		if p.report(ctx) != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(retryInterval):
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// update takes a newer object of the pod. Of its spec, the images and the deadlines are all that the API lets change.
func (p *pod) update(object *corev1.Pod) {
	p.mu.Lock()
	p.object = object
	for _, spec := range slices.Concat(object.Spec.InitContainers, object.Spec.Containers) {
		for _, c := range p.all() {
			if c.name == spec.Name && c.spec.Image != spec.Image {
				c.spec = spec
				c.status.Image = spec.Image
				c.redefined.send()
			}
		}
	}
	p.mu.Unlock()
	p.updated.send()
	p.changed.send()
	if object.DeletionTimestamp != nil && object.DeletionGracePeriodSeconds != nil {
		p.delete(time.Duration(*object.DeletionGracePeriodSeconds) * time.Second)
	}
}

// delete ends the containers within the grace period and then lets the pod go. A later call can shorten the period only.
func (p *pod) delete(grace time.Duration) {
	p.mu.Lock()
	select {
	case <-p.deleted:
	default:
		close(p.deleted)
	}
	p.mu.Unlock()
	p.end(grace)
}

func (p *pod) end(grace time.Duration) {
	if grace <= 0 {
		p.kill()
		return
	}
	p.mu.Lock()
	if at := time.Now().Add(grace); p.killAt.IsZero() || at.Before(p.killAt) {
		p.killAt = at
		timer := time.AfterFunc(grace, p.kill)
		context.AfterFunc(p.killing, func() { timer.Stop() })
	}
	p.mu.Unlock()
	p.terminate()
}

// grace is how long the pod's containers may take to end.
func (p *pod) grace() time.Duration {
	if seconds := p.latest().Spec.TerminationGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return corev1.DefaultTerminationGracePeriodSeconds * time.Second
}

// live runs the containers, from the first to the end of the last.
func (p *pod) live() {
	if !p.admit() || !p.mount() {
		return
	}
	if seconds := p.latest().Spec.ActiveDeadlineSeconds; seconds != nil {
		deadline := time.AfterFunc(time.Until(p.started.Add(time.Duration(*seconds)*time.Second)), p.exceedDeadline)
		defer deadline.Stop()
	}
	refreshing, stop := context.WithCancel(p.killing)
	var refresher sync.WaitGroup
	refresher.Go(func() { p.volumes.keepFresh(refreshing) })
	p.runContainers()
	stop()
	refresher.Wait()
}

// admit waits until there is nothing in the pod that the node refuses, and returns false when the pod is to end before.
func (p *pod) admit() bool {
	for {
		updated := p.updated.wait()
		refusal := refuse(p.latest())
		var known cause
		p.change(func() {
			known, p.refusal = p.refusal, refusal
			for _, c := range p.all() {
				if refusal.reason != "" {
					c.status.State.Waiting = &corev1.ContainerStateWaiting{Reason: refusal.reason, Message: refusal.message}
				}
			}
		})
		if refusal.reason == "" {
			return true
		}
		if refusal != known {
			p.recordEvent(corev1.EventTypeWarning, refusal.reason, refusal.message)
		}
		select {
		case <-p.terminating.Done():
			return false
		case <-updated:
		}
	}
}

// mount waits until all volumes are there, and returns false when the pod is to end before.
func (p *pod) mount() bool {
	for {
		updated := p.updated.wait()
		if p.volumes.setUp(p.terminating) {
			p.change(func() { p.mounted = true })
			return true
		}
		select {
		case <-p.terminating.Done():
			return false
		case <-updated:
		case <-time.After(retryInterval):
		}
	}
}

func (p *pod) exceedDeadline() {
	failure := cause{"DeadlineExceeded", "Pod was active on the node longer than the specified deadline"}
	p.change(func() { p.failure = failure })
	p.recordEvent(corev1.EventTypeNormal, failure.reason, failure.message)
	p.end(p.grace())
}

// runContainers runs the init containers one after the other and then all others at once. Sidecars, which are init
// containers that go on, end last and in reverse.
func (p *pod) runContainers() {
	var stopSidecars []func()
	for _, c := range p.init {
		if c.kind == sidecar {
			stopSidecars = append(stopSidecars, c.runAside())
			p.waitUntilStarted(c)
		} else {
			c.keepRunning(p.terminating)
		}
		if p.terminating.Err() != nil || !p.isInitialized(c) {
			break
		}
	}
	if !slices.ContainsFunc(p.init, func(c *container) bool { return !p.isInitialized(c) }) && p.terminating.Err() == nil {
		p.change(func() { p.hasInitialized = true })
		var running sync.WaitGroup
		for _, c := range p.containers {
			running.Go(func() { c.keepRunning(p.terminating) })
		}
		running.Wait()
	}
	if len(stopSidecars) > 0 && p.terminating.Err() == nil {
		p.end(p.grace())
	}
	for _, stop := range slices.Backward(stopSidecars) {
		stop()
	}
}

func (p *pod) isInitialized(c *container) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.isInitialized()
}

func (p *pod) waitUntilStarted(c *container) {
	for {
		changed := p.changed.wait()
		if p.isInitialized(c) {
			return
		}
		select {
		case <-changed:
		case <-p.terminating.Done():
			return
		}
	}
}

// recordEvent records an event of the pod.
func (p *pod) recordEvent(kind, reason, message string) {
	p.node.kubelet.Event(p.latest(), kind, reason, message)
}

// recordEventOf records an event of one container.
func (p *pod) recordEventOf(c *container, kind, reason, message string) {
	field := "spec.containers{" + c.name + "}"
	if c.kind != mainContainer {
		field = "spec.initContainers{" + c.name + "}"
	}
	object, err := reference.GetPartialReference(scheme.Scheme, p.latest(), field)
	if err != nil {
		return // a pod is in the scheme
	}
	p.node.kubelet.Event(object, kind, reason, message)
}

// recordMountFailure says in the kubelet's words why a volume is not there.
func (p *pod) recordMountFailure(volume string, err error) {
	p.recordEvent(corev1.EventTypeWarning, events.FailedMountVolume,
		"MountVolume.SetUp failed for volume \""+volume+"\" : "+err.Error())
}

// signal wakes everybody who waits for it. Who must not miss a change asks for the channel before looking at what may
// change.
type signal struct {
	mu   sync.Mutex
	next chan struct{}
}

func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

func (s *signal) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}
