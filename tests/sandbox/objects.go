package sandbox

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

// Object is a Kubernetes object, as far as users care. What is another one each time, though all is as before, is not in it:
// a name that Kubernetes made up ends in -* instead.
type Object struct {
	Cluster, Namespace, Name string
	Labels, Annotations      map[string]string
	// Data are the values of a secret or ConfigMap.
	Data map[string]string
	// Status is that of a Job ("complete", "failed: <reason>" or "running"), or of a pod: its end ("succeeded" or "failed") or
	// its readiness, with the reason that the node gives.
	Status string
}

// String is <cluster>/<namespace>/<name>.
func (o Object) String() string { return o.Cluster + "/" + o.Namespace + "/" + o.Name }

func listObjects(ctx context.Context, c *eks.Cluster, inventory *Inventory) error {
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	if err != nil {
		return err
	}
	all := metav1.ListOptions{}
	namespaces, err := client.CoreV1().Namespaces().List(ctx, all)
	if err != nil {
		return err
	}
	for i := range namespaces.Items {
		inventory.Namespaces = append(inventory.Namespaces, object(c, &namespaces.Items[i].ObjectMeta))
	}
	accounts, err := client.CoreV1().ServiceAccounts("").List(ctx, all)
	if err != nil {
		return err
	}
	for i := range accounts.Items {
		inventory.ServiceAccounts = append(inventory.ServiceAccounts, object(c, &accounts.Items[i].ObjectMeta))
	}
	secrets, err := client.CoreV1().Secrets("").List(ctx, all)
	if err != nil {
		return err
	}
	for i := range secrets.Items {
		secret := object(c, &secrets.Items[i].ObjectMeta)
		secret.Data = map[string]string{}
		for key, value := range secrets.Items[i].Data {
			secret.Data[key] = string(value)
		}
		inventory.Secrets = append(inventory.Secrets, secret)
	}
	configMaps, err := client.CoreV1().ConfigMaps("").List(ctx, all)
	if err != nil {
		return err
	}
	for i := range configMaps.Items {
		configMap := object(c, &configMaps.Items[i].ObjectMeta)
		configMap.Data = configMaps.Items[i].Data
		inventory.ConfigMaps = append(inventory.ConfigMaps, configMap)
	}
	return listPrograms(ctx, client, c, inventory)
}

// listPrograms lists the Jobs and all pods, those of Jobs among them.
func listPrograms(ctx context.Context, client kubernetes.Interface, c *eks.Cluster, inventory *Inventory) error {
	jobs, err := client.BatchV1().Jobs("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range jobs.Items {
		job := object(c, &jobs.Items[i].ObjectMeta)
		job.Status = jobStatus(&jobs.Items[i])
		inventory.Jobs = append(inventory.Jobs, job)
	}
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	first := len(inventory.Pods)
	for i := range pods.Items {
		pod := object(c, &pods.Items[i].ObjectMeta)
		pod.Status = podStatus(&pods.Items[i])
		inventory.Pods = append(inventory.Pods, pod)
	}
	slices.SortFunc(inventory.Pods[first:], func(a, b Object) int {
		return cmp.Or(strings.Compare(a.String(), b.String()), strings.Compare(a.Status, b.Status))
	})
	return nil
}

func object(c *eks.Cluster, metadata *metav1.ObjectMeta) Object {
	name := metadata.Name
	if metadata.GenerateName != "" {
		name = metadata.GenerateName + "*"
	}
	labels := maps.Clone(metadata.Labels)
	delete(labels, batchv1.ControllerUidLabel)
	delete(labels, "controller-uid") // its older name
	return Object{
		Cluster: c.Name, Namespace: metadata.Namespace, Name: name, Labels: labels, Annotations: metadata.Annotations,
	}
}

const (
	// ready is the status of a pod that is, and complete that of a Job.
	ready    = "ready"
	complete = "complete"
)

func jobStatus(job *batchv1.Job) string {
	for _, condition := range job.Status.Conditions {
		switch {
		case condition.Status != corev1.ConditionTrue:
		case condition.Type == batchv1.JobComplete:
			return complete
		case condition.Type == batchv1.JobFailed:
			return "failed: " + condition.Reason
		}
	}
	return "running"
}

func podStatus(pod *corev1.Pod) string {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return strings.ToLower(string(pod.Status.Phase))
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type != corev1.PodReady {
			continue
		}
		status := "not ready"
		if condition.Status == corev1.ConditionTrue {
			status = ready
		}
		if condition.Reason != "" {
			status += " (" + condition.Reason + ")"
		}
		return status
	}
	return string(pod.Status.Phase)
}
