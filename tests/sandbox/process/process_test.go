//go:build unix

package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/process"
)

const (
	soon  = 10 * time.Second      // far longer than anything here takes
	often = 10 * time.Millisecond // how often to look
)

func TestAProcessThatEndsByItselfIsAnErrorWithItsLastWords(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"0", "3"} {
		t.Run("status "+status, func(t *testing.T) {
			t.Parallel()
			p := start(t, "for i in $(seq 100); do echo line $i; done; echo last words >&2; exit "+status)

			err := p.Wait()

			require.ErrorContains(t, err, "sh (process "+strconv.Itoa(p.Pid())+") ended unasked: exit status "+status)
			require.ErrorContains(t, err, "line 82\n")
			assert.NotContains(t, err.Error(), "line 81\n", "only the last lines belong into an error")
			assert.True(t, strings.HasSuffix(err.Error(), "last words"))
			assert.Equal(t, err, p.Err())
		})
	}
}

func TestAStoppedProcessIsNoError(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep 300")
	require.NoError(t, p.Err())

	require.NoError(t, p.Stop(soon))

	require.NoError(t, p.Wait())
	assert.NoError(t, p.Stop(soon), "stopping twice does nothing")
}

func TestStopKillsWhatIgnoresTerm(t *testing.T) {
	t.Parallel()
	p := start(t, "trap '' TERM; echo deaf; while :; do sleep 1; done")
	waitForLog(t, p, "deaf")

	require.NoError(t, p.Stop(50*time.Millisecond))

	assertGone(t, p.Pid())
}

func TestStopTakesTheWholeGroupDown(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep 300 & echo child $!; wait")
	child := childPid(t, p)

	require.NoError(t, p.Stop(soon))

	assertGone(t, child)
}

func TestNothingIsLeftOfAGroupWhoseLeaderDied(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep 300 & echo child $!; exit 1")

	require.Error(t, p.Wait())

	assertGone(t, childPid(t, p))
}

func TestTheProcessEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := process.Start(ctx, shell(t, "sleep 300"))
	require.NoError(t, err)

	cancel()

	require.NoError(t, p.Wait())
	_, err = process.Start(ctx, shell(t, "sleep 300"))
	assert.ErrorIs(t, err, context.Canceled)
}

func TestTheCommandIsRunAsAsked(t *testing.T) {
	t.Parallel()
	command := shell(t, `echo "$GREETING from $PWD, home is '$HOME'"; exec sleep 300`)
	command.Env, command.Dir = []string{"GREETING=hello", "PATH=" + os.Getenv("PATH")}, t.TempDir()
	p, err := process.Start(t.Context(), command)
	require.NoError(t, err)

	waitForLog(t, p, "hello from "+command.Dir+", home is ''")
}

func TestStartSaysWhatCannotBeStarted(t *testing.T) {
	t.Parallel()
	_, err := process.Start(t.Context(), process.Command{Path: "no-such-program", LogFile: filepath.Join(t.TempDir(), "log")})
	require.ErrorContains(t, err, `starting no-such-program: exec: "no-such-program": executable file not found`)

	_, err = process.Start(t.Context(), process.Command{Path: "sh", LogFile: filepath.Join(t.TempDir(), "no", "log")})
	assert.ErrorContains(t, err, "starting sh: opening its log")
}

func TestWaitReadyProbesUntilItSucceeds(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep 300")
	probes := 0

	err := process.WaitReady(t.Context(), p, func(context.Context) error {
		if probes++; probes < 3 {
			return errors.New("not yet")
		}
		return nil
	}, often)

	require.NoError(t, err)
	assert.Equal(t, 3, probes)
}

func TestWaitReadyEndsAtOnceWhenTheProcessDies(t *testing.T) {
	t.Parallel()
	p := start(t, "echo address already in use; exit 1")
	hanging := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}

	err := process.WaitReady(t.Context(), p, hanging, time.Hour)

	assert.ErrorContains(t, err, "address already in use")
}

func TestWaitReadyDoesNotTakeAnotherProgramsAnswer(t *testing.T) {
	t.Parallel()
	p := start(t, "exit 1")
	answeredByAnother := func(context.Context) error {
		<-p.Done()
		return nil
	}

	assert.Error(t, process.WaitReady(t.Context(), p, answeredByAnother, often))
}

func TestWaitReadySaysWhatIsMissingWhenTimeIsUp(t *testing.T) {
	t.Parallel()
	p := start(t, "echo warming up; exec sleep 300")
	waitForLog(t, p, "warming up")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	err := process.WaitReady(ctx, p, func(context.Context) error { return errors.New("connection refused") }, often)

	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "is not ready: context deadline exceeded (the last probe: connection refused)")
	require.ErrorContains(t, err, "warming up")
	assert.NoError(t, p.Err(), "a process that is late is not ended")
}

func TestWaitReadyOfAStoppedProcess(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep 300")
	require.NoError(t, p.Stop(soon))

	err := process.WaitReady(t.Context(), p, func(context.Context) error { return nil }, often)

	assert.ErrorContains(t, err, "was stopped before it was ready")
}

func shell(t *testing.T, script string) process.Command {
	t.Helper()
	return process.Command{Path: "sh", Args: []string{"-c", script}, LogFile: filepath.Join(t.TempDir(), "log")}
}

func start(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Start(t.Context(), shell(t, script))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Stop(soon)) })
	return p
}

func waitForLog(t *testing.T, p *process.Process, text string) []byte {
	t.Helper()
	var log []byte
	require.Eventually(t, func() bool {
		var err error
		log, err = os.ReadFile(p.LogFile())
		return err == nil && bytes.Contains(log, []byte(text))
	}, soon, often, "the log never said %q", text)
	return log
}

// childPid reads the ID that a script printed as "child <pid>".
func childPid(t *testing.T, p *process.Process) int {
	t.Helper()
	var pid int
	_, err := fmt.Sscanf(string(waitForLog(t, p, "\n")), "child %d\n", &pid)
	require.NoError(t, err)
	return pid
}

// assertGone waits until the process does not exist: an orphan is reaped by init, and that takes a moment.
func assertGone(t *testing.T, pid int) {
	t.Helper()
	assert.Eventually(t, func() bool {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}, soon, often, "process %d is still there", pid)
}
