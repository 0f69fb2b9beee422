package sandbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// killPoints is how many points of an update the engine is killed at: before its second creation, when the AWS provider of a
// region is there and that of the account is not, and at others that are spread over all of it.
const killPoints = 12

// An update is killed between two resources: the engine's hook before a creation runs when everything before is recorded
// and nothing of the next is made, as the update makes one resource after the other. The next update completes it.
func TestAKilledUpIsCompletedByTheNext(t *testing.T) {
	t.Parallel()
	e := newKilledEnvironment(t)
	found := e.inventory(t)
	creations := e.countCreations(t)
	deployed := e.inventory(t)
	require.NoError(t, e.stack.Destroy(t.Context()))
	require.Equal(t, found, e.inventory(t))

	completed := 0
	points := []int{2}
	for point := range killPoints - 1 {
		points = append(points, 1+point*(creations-1)/(killPoints-2))
	}
	for _, before := range points {
		stack, err := e.NewStack(t.Context(), repository, e.settings)
		require.NoError(t, err)
		killed := killBefore(t, stack, before)
		_, err = stack.Up(t.Context(), optup.Parallel(1))
		require.Error(t, err, "killed before creation %d", before)
		require.True(t, killed.Load(), "the update ended before creation %d: %v", before, err)

		stack.SetProgram(stacks.Platform)
		require.NoError(t, stack.Unlock(t.Context()))
		_, err = stack.Up(t.Context())
		require.NoError(t, err, "after a kill before creation %d", before)
		assert.Equal(t, deployed, e.inventory(t), "as if it had not been killed")
		require.NoError(t, stack.Destroy(t.Context()))
		require.Equal(t, found, e.inventory(t), "nothing is left over after a kill before creation %d", before)
		completed++
	}
	fmt.Printf("killed updates: %d kill points among %d creations, %d completed by the next up\n", killPoints, creations, completed)
	assert.Equal(t, killPoints, completed)
}

// newKilledEnvironment has a resource of every kind that this project makes in it, and one test pod.
func newKilledEnvironment(t *testing.T) *environment {
	t.Helper()
	settings, err := sandbox.ReadSettings(repository)
	require.NoError(t, err)
	delete(settings.Section("clusters"), "workloads-us")
	delete(settings.Section("argocd"), "testPod")
	delete(settings.Section("argocd")["targets"].(map[string]any), "workloads-us")
	keepRoles(settings, "iam-role-test", "s3-backup", "cluster-self-describe", "pod-identity-test")
	roles := settings.Section("roles")
	for _, role := range []string{"s3-backup", "cluster-self-describe", "pod-identity-test"} {
		delete(roles[role].(map[string]any), "testPod")
	}
	roles["iam-role-test"].(map[string]any)["testPod"] = map[string]any{} // without a negative test, which would only take time
	roles["s3-backup"].(map[string]any)["managedPolicies"] = []any{"ReadOnlyAccess"}
	return bootWithNamespaces(t, settings)
}

// countCreations deploys the stack and counts what the engine creates.
func (e *environment) countCreations(t *testing.T) int {
	t.Helper()
	var count atomic.Int32
	e.stack.SetProgram(beforeCreate(func() { count.Add(1) }))
	e.up(t)
	return int(count.Load())
}

// killBefore makes the n-th creation of the stack's next update the end of its engine and of all plugins.
func killBefore(t *testing.T, stack *sandbox.Stack, n int) *atomic.Bool {
	t.Helper()
	var count atomic.Int32
	killed := &atomic.Bool{}
	stack.SetProgram(beforeCreate(func() {
		if int(count.Add(1)) == n {
			// The outputs of a component are recorded beside the creations: a kill in the middle of that cuts the state file off,
			// which is a matter of the local backend and of its backup.
			time.Sleep(300 * time.Millisecond)
			killed.Store(assert.NoError(t, killEngine(stack)))
		}
	}))
	return killed
}

// beforeCreate is the platform with something that happens before each creation.
func beforeCreate(happens func()) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		hook, err := ctx.RegisterResourceHook("before-create", func(*pulumi.ResourceHookArgs) error {
			happens()
			return nil
		}, nil)
		if err != nil {
			return err
		}
		binding := &pulumi.ResourceHookBinding{BeforeCreate: []*pulumi.ResourceHook{hook}}
		if err := ctx.RegisterStackTransformation(
			func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
				return &pulumi.ResourceTransformationResult{
					Props: args.Props, Opts: append(args.Opts, pulumi.ResourceHooks(binding)),
				}
			}); err != nil {
			return err
		}
		return stacks.Platform(ctx)
	}
}

// killEngine kills the Pulumi CLI that works for the stack and the plugins that it started. They are known by the home
// folder in their environment, and the CLI, the only child of this process among them, goes first.
func killEngine(stack *sandbox.Stack) error {
	home := []byte("PULUMI_HOME=" + filepath.Join(stack.Dir(), "home"))
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	var engine, plugins []int
	for _, process := range processes {
		environment, err := os.ReadFile(filepath.Join(process, "environ"))
		if err != nil || !bytes.Contains(environment, home) {
			continue // gone, or somebody else's
		}
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			return err
		}
		if executable, err := os.Readlink(filepath.Join(process, "exe")); err == nil && filepath.Base(executable) == "pulumi" {
			engine = append(engine, pid)
		} else {
			plugins = append(plugins, pid)
		}
	}
	if len(engine) != 1 {
		return fmt.Errorf("%d processes are the engine", len(engine))
	}
	var faults []error
	for _, pid := range append(engine, plugins...) {
		faults = append(faults, syscall.Kill(pid, syscall.SIGKILL))
	}
	return errors.Join(faults...)
}
