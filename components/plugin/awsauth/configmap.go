package awsauth

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

const (
	configMapNamespace = "kube-system"
	configMapName      = "aws-auth"
	mapRolesKey        = "mapRoles"
	fieldManager       = "pulumi-resource-eks-irsa"
)

// createdLabels mark a ConfigMap that this plugin created, so that the last of its resources to go can remove it again. The
// mark is on the object and not in one resource's state, because any of several may be the last.
var createdLabels = map[string]string{"app.kubernetes.io/managed-by": fieldManager}

// contention outlasts a stack whose resources all edit the one ConfigMap at once: about eight seconds in total. It has no
// cap, since wait.Backoff stops retrying when it reaches one.
var contention = wait.Backoff{Steps: 15, Duration: 20 * time.Millisecond, Factor: 1.4, Jitter: 0.5}

// readMapRoles gives the text of mapRoles, empty if there is none.
func readMapRoles(ctx context.Context, client kubernetes.Interface) (string, error) {
	found, err := client.CoreV1().ConfigMaps(configMapNamespace).Get(ctx, configMapName, metav1.GetOptions{})
	if isAbsent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading ConfigMap %s/%s: %w", configMapNamespace, configMapName, err)
	}
	return found.Data[mapRolesKey], nil
}

// isAbsent holds if a Kubernetes API server said that there is no such ConfigMap. A 404 of anything else that listens at the
// cluster's address, such as a load balancer, must not pass for an entry that is gone.
func isAbsent(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// editMapRoles applies edit to the text of mapRoles. Every write names the resourceVersion that it was made from, so one that
// another writer overtook is refused by the API server, and edit is applied again to what that writer left.
func editMapRoles(ctx context.Context, client kubernetes.Interface, edit func(string) (string, error)) error {
	err := retry.OnError(contention, overtaken, func() error { return tryEdit(ctx, client, edit) })
	if err != nil {
		return fmt.Errorf("editing ConfigMap %s/%s: %w", configMapNamespace, configMapName, err)
	}
	return nil
}

// overtaken also covers a ConfigMap that appeared or vanished since it was read.
func overtaken(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || isAbsent(err)
}

func tryEdit(ctx context.Context, client kubernetes.Interface, edit func(string) (string, error)) error {
	configMaps := client.CoreV1().ConfigMaps(configMapNamespace)
	found, err := configMaps.Get(ctx, configMapName, metav1.GetOptions{})
	absent := isAbsent(err)
	if err != nil && !absent {
		return err
	}
	if absent {
		found = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: configMapNamespace, Name: configMapName, Labels: createdLabels,
		}}
	}
	before := found.Data[mapRolesKey]
	after, err := edit(before)
	if err != nil || after == before {
		return err
	}
	changed := withMapRoles(found, after)
	switch {
	case absent:
		_, err = configMaps.Create(ctx, changed, metav1.CreateOptions{FieldManager: fieldManager})
	case isEmptyAndOurs(changed):
		err = configMaps.Delete(ctx, configMapName, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{
			UID: &found.UID, ResourceVersion: &found.ResourceVersion,
		}})
	default:
		_, err = configMaps.Update(ctx, changed, metav1.UpdateOptions{FieldManager: fieldManager})
	}
	return err
}

// withMapRoles is a copy with that text. No text means no key: the authenticator takes both alike.
func withMapRoles(configMap *corev1.ConfigMap, text string) *corev1.ConfigMap {
	changed := configMap.DeepCopy()
	if text == "" {
		delete(changed.Data, mapRolesKey)
		return changed
	}
	if changed.Data == nil {
		changed.Data = map[string]string{}
	}
	changed.Data[mapRolesKey] = text
	return changed
}

// isEmptyAndOurs holds for a ConfigMap without data that looks as this plugin created it: a user who labelled or annotated it
// since wants it.
func isEmptyAndOurs(configMap *corev1.ConfigMap) bool {
	return len(configMap.Data) == 0 && len(configMap.BinaryData) == 0 &&
		maps.Equal(configMap.Labels, createdLabels) && len(configMap.Annotations) == 0 &&
		len(configMap.OwnerReferences) == 0 && len(configMap.Finalizers) == 0
}
