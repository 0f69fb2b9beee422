package kubelet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/kubelet/events"
	"k8s.io/utils/ptr"
)

// kind tells what the end of a container means for its pod.
type kind int

const (
	mainContainer kind = iota
	initContainer
	sidecar
)

// container is a container of a pod, over all its restarts.
type container struct {
	pod  *pod
	kind kind
	name string
	// redefined tells that the spec has changed.
	redefined signal

	// What follows is guarded by the pod's mutex.
	spec   corev1.Container
	status corev1.ContainerStatus
	// run is the process that runs, or the last one; logs are those of this run and of the one before it, and runs is how
	// many there were.
	run  *run
	logs []*containerLog
	runs int
}

func newContainer(p *pod, kind kind, spec corev1.Container, waiting string) *container {
	return &container{pod: p, kind: kind, name: spec.Name, spec: spec, status: corev1.ContainerStatus{
		Name: spec.Name, Image: spec.Image, Started: ptr.To(false),
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: waiting}},
	}}
}

func (c *container) latest() corev1.Container {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	return c.spec
}

// runAside runs a sidecar in the background. It returns what ends it.
func (c *container) runAside() (stop func()) {
	terminating, terminate := context.WithCancel(c.pod.killing)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.keepRunning(terminating)
	}()
	return func() {
		terminate()
		<-done
	}
}

// keepRunning runs the container again and again, as the restart policy has it, until it ends for good.
func (c *container) keepRunning(terminating context.Context) {
	for terminating.Err() == nil {
		r, end, redefined := c.start(terminating)
		if r != nil {
			end = c.attend(terminating, r, redefined)
		}
		if end == nil || terminating.Err() != nil {
			return
		}
		select {
		case <-redefined: // restarted whatever the policy is, and without back-off, because it is another container now
			continue
		default:
		}
		if !c.restartsAfter(end) || !c.waitToRestart(terminating, redefined, end) {
			return
		}
	}
}

func (c *container) restartsAfter(end *corev1.ContainerStateTerminated) bool {
	policy := c.pod.latest().Spec.RestartPolicy
	switch {
	case c.kind == sidecar:
		return true
	case policy == corev1.RestartPolicyNever:
		return false
	default:
		return end.ExitCode != 0 || (policy == corev1.RestartPolicyAlways && c.kind == mainContainer)
	}
}

// waitToRestart holds a container that keeps ending back, as long as the kubelet would: the first restart is immediate. It
// returns false when the container is to end before.
func (c *container) waitToRestart(
	terminating context.Context, redefined <-chan struct{}, end *corev1.ContainerStateTerminated,
) bool {
	p, backOff := c.pod, c.pod.node.backOff
	key := string(p.uid) + "/" + c.name + "/" + c.latest().Image
	if backOff.IsInBackOffSince(key, end.FinishedAt.Time) {
		delay := backOff.Get(key)
		id := fmt.Sprintf("%s_%s(%s)", p.name, p.namespace, p.uid)
		c.wait("CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", delay, c.name, id))
		c.recordEvent(corev1.EventTypeWarning, events.BackOffStartContainer,
			fmt.Sprintf("Back-off restarting failed container %s in pod %s", c.name, id))
		select {
		case <-terminating.Done():
			return false
		case <-redefined:
		case <-time.After(time.Until(end.FinishedAt.Add(delay))):
		}
	}
	backOff.Next(key, end.FinishedAt.Time)
	return true
}

// wait says what the container is waiting for, and keeps how it ended before.
func (c *container) wait(reason, message string) {
	c.pod.change(func() {
		if ended := c.status.State.Terminated; ended != nil {
			c.status.LastTerminationState.Terminated = ended
		}
		c.status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	})
}

func (c *container) recordEvent(kind, reason, message string) {
	c.pod.recordEventOf(c, kind, reason, message)
}

// run is one run of a container.
type run struct {
	id      string
	view    *view
	process *containerProcess
	log     *containerLog
	started time.Time
	// alive ends with the process; probes and what was started with exec end with it.
	alive context.Context
	end   context.CancelFunc
	// failed receives the failure of the startup or the liveness probe.
	failed chan probeFailure
}

// probeFailure makes the node end a run.
type probeFailure struct {
	message string
	// graceSeconds is the probe's own grace period; nil means that of the pod.
	graceSeconds *int64
}

// start starts the container, once it has what it needs. When the program cannot be started, it returns how the container
// ended instead of a run, and neither when the container is to end before. The channel is closed when the container is
// redefined after that.
func (c *container) start(terminating context.Context) (*run, *corev1.ContainerStateTerminated, <-chan struct{}) {
	for {
		redefined := c.redefined.wait()
		view, err := c.prepare(terminating)
		if err == nil {
			r, end := c.launch(view)
			return r, end, redefined
		}
		if terminating.Err() != nil {
			return nil, nil, redefined
		}
		var refused refusedError
		if errors.As(err, &refused) {
			c.wait(refused.reason, refused.message)
			c.recordEvent(corev1.EventTypeWarning, refused.reason, refused.message)
		} else {
			c.wait("CreateContainerConfigError", err.Error())
			c.recordEvent(corev1.EventTypeWarning, events.FailedToCreateContainer, "Error: "+err.Error())
		}
		select {
		case <-terminating.Done():
			return nil, nil, redefined
		case <-redefined:
		case <-time.After(retryInterval):
		}
	}
}

// refusedError is a cause for not running a container.
type refusedError cause

func (e refusedError) Error() string { return e.message }

// prepare makes what the process will see.
func (c *container) prepare(ctx context.Context) (*view, error) {
	spec := c.latest()
	if refused := refuseImages([]corev1.Container{spec}); refused.reason != "" {
		return nil, refusedError(refused)
	}
	return c.newView(ctx, spec)
}

func (c *container) launch(v *view) (*run, *corev1.ContainerStateTerminated) {
	c.recordEvent(corev1.EventTypeNormal, events.PulledImage,
		fmt.Sprintf("Container image %q already present on machine", v.spec.Image))
	c.recordEvent(corev1.EventTypeNormal, events.CreatedContainer, "Created container: "+v.spec.Name)
	r, err := c.newRun(v)
	if err != nil {
		c.recordEvent(corev1.EventTypeWarning, events.FailedToStartContainer, "Error: "+err.Error())
		end := &corev1.ContainerStateTerminated{
			ExitCode: 128, Reason: "StartError", Message: err.Error(), FinishedAt: metav1.Now(), // as containerd has it
		}
		c.pod.change(func() {
			c.countRestart()
			c.status.State = corev1.ContainerState{Terminated: end}
		})
		return nil, end
	}
	c.pod.change(func() {
		c.countRestart()
		c.run = r
		c.status.ContainerID, c.status.ImageID = "sandbox://"+r.id, v.spec.Image
		c.status.State = corev1.ContainerState{
			Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(r.started)},
		}
		// Without a probe that says otherwise, what runs has started and is ready.
		c.status.Started = ptr.To(v.spec.StartupProbe == nil)
		c.status.Ready = v.spec.StartupProbe == nil && v.spec.ReadinessProbe == nil && c.kind != initContainer
	})
	c.recordEvent(corev1.EventTypeNormal, events.StartedContainer, "Started container "+v.spec.Name)
	return r, nil
}

// countRestart takes note that the container has ended before.
func (c *container) countRestart() {
	if ended := c.status.State.Terminated; ended != nil {
		c.status.LastTerminationState.Terminated = ended
	}
	if c.status.LastTerminationState.Terminated != nil {
		c.status.RestartCount++
	}
}

func (c *container) newRun(v *view) (*run, error) {
	cmd, err := v.entryPoint()
	if err != nil {
		return nil, err
	}
	log, err := c.newLog(v.dir)
	if err != nil {
		return nil, err
	}
	process, err := c.pod.node.startLogged(cmd, log)
	if err != nil {
		return nil, errors.Join(err, log.close())
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id) // it never fails
	r := &run{
		id: hex.EncodeToString(id), view: v, process: process, log: log, started: time.Now(), failed: make(chan probeFailure, 1),
	}
	r.alive, r.end = context.WithCancel(context.Background())
	return r, nil
}

// newLog makes the log of the next run. Of those before it the kubelet keeps one.
func (c *container) newLog(dir string) (*containerLog, error) {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	log, err := newContainerLog(filepath.Join(dir, strconv.Itoa(c.runs)+".log"))
	if err != nil {
		return nil, err
	}
	c.runs++
	c.logs = append(c.logs, log)
	if len(c.logs) > 2 {
		err = os.Remove(c.logs[0].path)
		c.logs = c.logs[1:]
	}
	return log, err
}

// attend looks after the run until its process has ended.
func (c *container) attend(
	terminating context.Context, r *run, redefined <-chan struct{},
) *corev1.ContainerStateTerminated {
	var probing sync.WaitGroup
	probing.Go(func() { c.probe(terminating, r) })
	var message string
	grace := c.pod.grace()
	select {
	case <-r.process.done:
	case <-terminating.Done():
		message = "Stopping container " + c.name
	case <-redefined:
		message = fmt.Sprintf("Container %s definition changed, will be restarted", c.name)
	case failure := <-r.failed:
		message = failure.message
		if c.kind == sidecar || c.pod.latest().Spec.RestartPolicy != corev1.RestartPolicyNever {
			message += ", will be restarted"
		}
		if failure.graceSeconds != nil {
			grace = time.Duration(*failure.graceSeconds) * time.Second
		}
	}
	if message != "" {
		c.recordEvent(corev1.EventTypeNormal, events.KillingContainer, message)
		c.stop(r, grace)
	}
	r.end()
	probing.Wait()
	end := r.terminated()
	c.pod.change(func() {
		c.status.State = corev1.ContainerState{Terminated: end}
		c.status.Started = ptr.To(false)
		c.status.Ready = c.kind == initContainer && end.ExitCode == 0
	})
	return end
}

// stop asks the process to end, and makes it end when the grace period is over, the container's or the pod's.
func (c *container) stop(r *run, grace time.Duration) {
	r.process.terminate()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for expired := timer.C; ; expired = nil {
		select {
		case <-r.process.done:
			return
		case <-c.pod.killing.Done():
			r.process.kill()
			<-r.process.done
			return
		case <-expired:
			// The pod's own grace period is kept by the pod, which may have been given less or more than it asked for.
			if c.pod.terminating.Err() == nil {
				r.process.kill()
			}
		}
	}
}

func (r *run) terminated() *corev1.ContainerStateTerminated {
	end := &corev1.ContainerStateTerminated{
		ExitCode: r.process.exitCode(), Reason: "Completed", ContainerID: "sandbox://" + r.id,
		StartedAt: metav1.NewTime(r.started), FinishedAt: metav1.Now(),
	}
	if end.ExitCode != 0 {
		end.Reason = "Error"
	}
	end.Message = r.message(end.ExitCode)
	return end
}

// The kubelet's limits of a termination message.
const (
	maxMessageBytes    = 4096
	maxMessageLogBytes = 2048
	maxMessageLogLines = 80
)

// message is the termination message: what the program wrote to its file or, where the container asks for that, the end of
// the log of one that failed.
func (r *run) message(exitCode int32) string {
	message, err := readAtMost(r.view.terminationLog, maxMessageBytes)
	if err != nil {
		return fmt.Sprintf("Error on reading termination log %s: %v", r.view.terminationLog, err)
	}
	if message == "" && exitCode != 0 &&
		r.view.spec.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError {
		if message, err = r.log.end(maxMessageLogLines, maxMessageLogBytes); err != nil {
			return fmt.Sprintf("Error on reading termination message from logs: %v", err)
		}
	}
	return message
}

// readAtMost reads the end of a file, or nothing where there is none.
func readAtMost(path string, limit int64) (string, error) {
	file, err := os.Open(path) // #nosec G304 -- a file in the scratch folder
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // read only
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	content := make([]byte, min(size, limit))
	if _, err := file.ReadAt(content, size-int64(len(content))); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return string(content), nil
}
