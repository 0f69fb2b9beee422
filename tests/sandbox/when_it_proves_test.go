package sandbox_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// What changes outside Pulumi is seen by an update that proves always, and by no other; a refresh makes it good.
func TestAnUpdateNoticesWhatChangedOutsidePulumiWhenItProvesAlways(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	e.setTestPod(t, map[string]any{"proveAlways": false, "timeoutSeconds": patience})
	e.up(t)
	provider := &oidcProvider{}
	provider.remove(t, e)
	assert.Empty(t, changed(e.up(t)), "nothing of the program has changed, so nothing is asked")

	e.settings.Platform["testPodDefaults"] = map[string]any{"proveAlways": true}
	require.NoError(t, e.stack.Write(e.settings))
	_, err := e.stack.Up(t.Context())
	require.ErrorContains(t, err, "4. THIS: the OIDC provider ")

	_, err = e.stack.Up(t.Context(), optup.Refresh())
	require.NoError(t, err)
	e.assertProven(t, 1)
	assert.Equal(t, map[string]int{"replace": 2}, changed(e.up(t)), "the proof and its negative test are made again on every update")
	e.assertProven(t, 1)
}

// EKS's webhook changes the pod of a negative test too where the default account of its namespace has a role of its own, and the pod
// that stays. Neither is another one on every update; with another time-out both are.
func TestProofsBesideADefaultAccountWithARoleAreNotMadeAgainByEveryUpdate(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	_, err := e.client(t, "dev-hub").CoreV1().ServiceAccounts("default").Patch(t.Context(), "default", types.MergePatchType,
		[]byte(`{"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "`+testRole+`-of-others"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	e.setTestPod(t, map[string]any{"proveAlways": false, "keepRunning": true, "timeoutSeconds": patience})
	e.up(t)
	assert.Empty(t, changed(e.up(t)))

	e.setTestPod(t, map[string]any{"proveAlways": false, "keepRunning": true, "timeoutSeconds": patience + 1})
	assert.Equal(t, map[string]int{"replace": 3}, changed(e.up(t)), "the proof, its negative test and the pod that stays")
	assert.Empty(t, changed(e.up(t)))
}
