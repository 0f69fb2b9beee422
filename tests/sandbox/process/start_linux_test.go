package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/process"
)

// parentDir, when set, makes the test program play a sandbox that starts a child and is then killed.
const parentDir = "PROCESS_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentDir); dir != "" {
		playParent(dir)
	}
	os.Exit(m.Run())
}

func playParent(dir string) {
	_, err := process.Start(context.Background(), process.Command{
		Path: "sh", Args: []string{"-c", "echo child $$; exec sleep 300"}, LogFile: filepath.Join(dir, "log"),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func TestAChildDiesWithAKilledParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	parent := exec.CommandContext(t.Context(), self)
	parent.Env = append(os.Environ(), parentDir+"="+dir)
	require.NoError(t, parent.Start())
	t.Cleanup(func() { _ = parent.Wait() })

	var child int
	require.Eventually(t, func() bool {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		found, _ := fmt.Sscanf(string(log), "child %d\n", &child)
		return found == 1
	}, soon, often)
	require.NoError(t, parent.Process.Kill())

	assertGone(t, child)
}

func TestAChildOutlivesTheThreadThatAskedForIt(t *testing.T) {
	t.Parallel()
	command := shell(t, "exec sleep 300")
	var p *process.Process
	var err error
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		runtime.LockOSThread() // and never unlocked: the thread dies with this goroutine
		p, err = process.Start(t.Context(), command)
	}()
	<-asked
	require.NoError(t, err)

	select {
	case <-p.Done():
		require.NoError(t, p.Err())
	case <-time.After(200 * time.Millisecond): // there is no event for "did not die"
	}
}
