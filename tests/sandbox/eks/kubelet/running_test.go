//go:build unix

package kubelet_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks/kubelet"
)

func TestTheNodeTellsWhatRunsAndWhetherItHoldsARole(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	_, err := sandbox.client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "app", Annotations: map[string]string{
			"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/app",
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	over, associated, holder, other := newPod("true"), newPod(sleeping), newPod(sleeping), newPod(sleeping)
	other.Spec.Containers = append(other.Spec.Containers, newContainer("ended", "true"))
	sandbox.clusters.All[0].AddPodIdentityAssociation(namespace, "default")
	associated.Namespace = namespace
	associated = waitFor(t, create(t, associated), isReady)
	sandbox.clusters.All[0].RemovePodIdentityAssociation(namespace, "default")
	over.Namespace, holder.Namespace, other.Namespace = namespace, namespace, namespace
	over.Spec.ServiceAccountName, holder.Spec.ServiceAccountName = "app", "app"
	runToEnd(t, over)
	holder = waitFor(t, create(t, holder), isReady)
	other = waitFor(t, create(t, other), func(p *corev1.Pod) bool {
		return slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.State.Terminated != nil })
	})

	running := map[string]bool{}
	for _, container := range runningIn(namespace) {
		running[container.String()] = container.HoldsRole()
	}

	assert.Equal(t, map[string]bool{
		namespace + "/" + holder.Name + "/main":     true,
		namespace + "/" + associated.Name + "/main": true,
		namespace + "/" + other.Name + "/main":      false,
	}, running)
	require.NoError(t, sandbox.client.CoreV1().Pods(namespace).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	eventually(t, func() error {
		if len(runningIn(namespace)) > 0 {
			return errors.New("deleted pods run still")
		}
		return nil
	})
}

func runningIn(namespace string) []kubelet.Running {
	return slices.DeleteFunc(sandbox.clusters.All[0].Running(), func(r kubelet.Running) bool { return r.Namespace != namespace })
}
