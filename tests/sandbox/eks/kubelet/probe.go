package kubelet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/kubelet/events"
	"k8s.io/utils/ptr"
)

// maxProbeOutput is how much of a probe's output the kubelet reads.
const maxProbeOutput = 10 << 10

// probe probes the run as long as it lives: first whether it has started, then whether it lives and whether it is ready.
func (c *container) probe(terminating context.Context, r *run) {
	spec := r.view.spec
	if spec.StartupProbe != nil {
		if !c.waitForStartup(terminating, r) {
			return
		}
		c.pod.change(func() {
			c.status.Started = ptr.To(true)
			c.status.Ready = spec.ReadinessProbe == nil
		})
	}
	var probing sync.WaitGroup
	if spec.ReadinessProbe != nil {
		probing.Go(func() {
			c.keepProbing(r, "Readiness", spec.ReadinessProbe, func(ready bool) bool {
				c.pod.change(func() { c.status.Ready = ready && r.alive.Err() == nil })
				return true
			})
		})
	}
	if spec.LivenessProbe != nil {
		probing.Go(func() {
			c.keepProbing(r, "Liveness", spec.LivenessProbe, func(alive bool) bool {
				if !alive && terminating.Err() == nil {
					r.failed <- probeFailure{
						fmt.Sprintf("Container %s failed liveness probe", c.name), spec.LivenessProbe.TerminationGracePeriodSeconds,
					}
				}
				return alive
			})
		})
	}
	probing.Wait()
}

func (c *container) waitForStartup(terminating context.Context, r *run) (started bool) {
	probe := r.view.spec.StartupProbe
	c.keepProbing(r, "Startup", probe, func(success bool) bool {
		if started = success; !started && terminating.Err() == nil {
			r.failed <- probeFailure{
				fmt.Sprintf("Container %s failed startup probe", c.name), probe.TerminationGracePeriodSeconds,
			}
		}
		return false
	})
	return started
}

// keepProbing probes until the run ends or its outcome is one after which judge does not want to go on. An outcome is as
// many equal results in a row as the probe asks for.
func (c *container) keepProbing(r *run, name string, probe *corev1.Probe, judge func(success bool) bool) {
	first := time.NewTimer(time.Until(r.started.Add(time.Duration(probe.InitialDelaySeconds) * time.Second)))
	defer first.Stop()
	select {
	case <-r.alive.Done():
		return
	case <-first.C:
	}
	period := time.NewTicker(time.Duration(probe.PeriodSeconds) * time.Second)
	defer period.Stop()
	last, times := false, int32(0)
	for {
		if success, known := c.probeOnce(r, name, probe); known {
			if success != last {
				last, times = success, 0
			}
			times++
			if needed := threshold(probe, success); times >= needed && !judge(success) {
				return
			}
		}
		select {
		case <-r.alive.Done():
			return
		case <-period.C:
		}
	}
}

func threshold(probe *corev1.Probe, success bool) int32 {
	if success {
		return probe.SuccessThreshold
	}
	return probe.FailureThreshold
}

// probeOnce runs the probe's command. A command that could not be run tells nothing about the container, so the result is
// not known then.
func (c *container) probeOnce(r *run, name string, probe *corev1.Probe) (success, known bool) {
	timeout := time.Duration(probe.TimeoutSeconds) * time.Second
	ctx, cancel := context.WithTimeout(r.alive, timeout)
	defer cancel()
	output := &limitedBuffer{limit: maxProbeOutput}
	cmd, err := r.view.command(r.view.expand(probe.Exec.Command))
	if err == nil {
		cmd.Stdout, cmd.Stderr = output, output
		err = c.pod.node.runCommand(ctx, cmd)
	}
	if r.alive.Err() != nil {
		return false, false // it is the container that has ended
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return true, true
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		words := strings.Join(probe.Exec.Command, " ")
		c.tellUnhealthy("%s probe failed: command timed out: %q timed out after %s", name, words, timeout)
		return false, true
	case errors.As(err, &exit):
		c.tellUnhealthy("%s probe failed: %s", name, output.String())
		return false, true
	default:
		c.tellUnhealthy("%s probe errored and resulted in unknown state: %s", name, err)
		return false, false
	}
}

func (c *container) tellUnhealthy(format string, args ...any) {
	c.recordEvent(corev1.EventTypeWarning, events.ContainerUnhealthy, fmt.Sprintf(format, args...))
}

// runCommand runs a command to its end, or to that of ctx.
func (n *Node) runCommand(ctx context.Context, cmd *exec.Cmd) error {
	cmd.WaitDelay = drainTime
	if err := n.guard.start(cmd); err != nil {
		return err
	}
	unbind := context.AfterFunc(ctx, func() { killSession(cmd) })
	err := cmd.Wait()
	unbind()
	n.guard.end(cmd)
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it ended well, but left somebody behind who kept its streams
	}
	return err
}

// limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.limit-b.Len()))])
	return len(p), nil
}
