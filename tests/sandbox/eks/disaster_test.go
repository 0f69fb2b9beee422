//go:build unix

package eks_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

// A cluster moves, and is lost and made anew. What is left of it, and what is not, is what Pulumi has to bring right.
func TestAClusterMovesAndIsReplaced(t *testing.T) {
	t.Parallel()
	clusters, err := eks.Start(t.Context(), options(t.TempDir()), []eks.Spec{hub})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, clusters.Stop()) })
	first := clusters.All[0]
	reached := func(c *eks.Cluster) kubernetes.Interface {
		client, err := kubernetes.NewForConfig(c.AdminConfig())
		require.NoError(t, err)
		return client
	}
	find := func(c *eks.Cluster) error {
		_, err := reached(c).CoreV1().ConfigMaps("default").Get(t.Context(), "mine", metav1.GetOptions{})
		return err
	}
	_, err = reached(first).CoreV1().ConfigMaps("default").Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	keys, err := first.JWKS(t.Context())
	require.NoError(t, err)

	moved, err := clusters.Move(t.Context(), hub.Region, hub.Name)
	require.NoError(t, err)
	assert.Same(t, moved, clusters.Get(hub.Region, hub.Name))
	require.NoError(t, find(moved), "what is in it stays")
	require.ErrorContains(t, find(first), "connection refused", "the old address answers no more")
	assert.NotEqual(t, first.CertificateAuthority, moved.CertificateAuthority)
	assert.Equal(t, first.Issuer, moved.Issuer)
	kept, err := moved.JWKS(t.Context())
	require.NoError(t, err)
	assert.JSONEq(t, string(keys), string(kept), "tokens of its pods stay good")

	replaced, err := clusters.Replace(t.Context(), hub.Region, hub.Name)
	require.NoError(t, err)
	assert.True(t, apierrors.IsNotFound(find(replaced)), "it is empty")
	require.ErrorContains(t, find(moved), "connection refused")
	assert.NotEqual(t, moved.Issuer, replaced.Issuer)
	assert.NotEqual(t, moved.CertificateAuthority, replaced.CertificateAuthority)
	others, err := replaced.JWKS(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, string(keys), string(others))

	_, err = clusters.Replace(t.Context(), hub.Region, "none")
	require.EqualError(t, err, `there is no cluster "none" in eu-west-1`)
}
