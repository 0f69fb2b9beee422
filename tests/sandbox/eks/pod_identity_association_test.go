//go:build unix

package eks_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

const agentTokenFile = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token"

// agentEnv leads to the agent of the hub.
func agentEnv() []string {
	return []string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + clusterOf(hub).AgentURL(),
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + agentTokenFile,
	}
}

func TestAPodIdentityAssociationWinsOverTheAnnotation(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	account := newAccount(t, client, namespace, map[string]string{
		roleAnnotation: appRole, "eks.amazonaws.com/audience": "example.com", "eks.amazonaws.com/token-expiration": "3600",
	})
	clusterOf(hub).AddPodIdentityAssociation(namespace, account)
	pod := podOf("main", "excepted")
	pod.Labels = map[string]string{"app": "own"}
	pod.Annotations = map[string]string{"eks.amazonaws.com/skip-containers": "excepted"}
	pod.Spec.ServiceAccountName = account

	admitted := admit(t, client, namespace, pod)

	want := tokenVolume("pods.eks.amazonaws.com", 3600)
	want.Name, want.Projected.Sources[0].ServiceAccountToken.Path = "eks-pod-identity-token", "eks-pod-identity-token"
	assert.Equal(t, want, admitted.Spec.Volumes[0], "the audience is not the account's to choose")
	env := envOf(admitted.Spec.Containers[0])
	assert.Equal(t, append(append(append([]string{}, stsEnv...), regionEnv...), agentEnv()...), env, "and no role by the annotation")
	assert.Contains(t, admitted.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{
		Name: "eks-pod-identity-token", ReadOnly: true, MountPath: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
	})
	assert.Equal(t, map[string]string{"app": "own", "eks.amazonaws.com/pod-identity": "enabled"}, admitted.Labels)
	assert.Empty(t, envOf(admitted.Spec.Containers[1]))

	clusterOf(hub).RemovePodIdentityAssociation(namespace, account)
	assert.Subset(t, envOf(admit(t, client, namespace, pod).Spec.Containers[0]), identityEnv, "then the annotation is heeded again")
}

func TestAPodIdentityAssociationIsForOneAccount(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	one, other := newNamespace(t, client), newNamespace(t, client)
	clusterOf(hub).AddPodIdentityAssociation(one, "default")

	associated := admit(t, client, one, podOf("main"))

	assert.Subset(t, envOf(associated.Spec.Containers[0]), agentEnv(), "it needs no annotation")
	assert.Equal(t, map[string]string{"eks.amazonaws.com/pod-identity": "enabled"}, associated.Labels)
	seconds := *associated.Spec.Volumes[0].Projected.Sources[0].ServiceAccountToken.ExpirationSeconds
	assert.True(t, seconds >= 79200 && seconds <= 86400, "%d: the default life has a jitter", seconds)
	assert.False(t, hasIdentity(admit(t, client, other, podOf("main"))))
	assert.False(t, hasIdentity(admit(t, admin(t, spoke), "default", podOf("main"))))
}

func TestWhatAContainerSettlesByItselfIsKeptBesideAnAssociation(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	clusterOf(hub).AddPodIdentityAssociation(namespace, "default")
	pod := podOf("main")
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "AWS_CONTAINER_CREDENTIALS_FULL_URI", Value: "http://localhost/own"}}

	admitted := admit(t, client, namespace, pod)

	assert.Equal(t, append(append([]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://localhost/own"}, stsEnv...), regionEnv...),
		envOf(admitted.Spec.Containers[0]))
}

// The legacy cluster, because the pods of other tests would be missed as well.
//
//nolint:paralleltest // see above
func TestTheWebhookMissesAsManyPodsAsItIsToldTo(t *testing.T) {
	client := admin(t, legacy)
	namespace := newNamespace(t, client)
	pod := podOf("main")
	pod.Spec.ServiceAccountName = newAccount(t, client, namespace, map[string]string{roleAnnotation: appRole})
	clusterOf(legacy).MissPods(1)

	require.False(t, hasIdentity(admit(t, client, namespace, podOf("main"))), "no role, and none missed")
	assert.False(t, hasIdentity(admit(t, client, namespace, pod)))
	assert.True(t, hasIdentity(admit(t, client, namespace, pod)))
}
