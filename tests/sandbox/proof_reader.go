package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

// proofReader reads the proofs of one cluster.
type proofReader struct {
	client kubernetes.Interface
	jobs   []batchv1.Job
	pods   []corev1.Pod
}

func newProofReader(ctx context.Context, c *eks.Cluster) (*proofReader, error) {
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	if err != nil {
		return nil, err
	}
	proofs := metav1.ListOptions{LabelSelector: testpod.Label}
	jobs, err := client.BatchV1().Jobs("").List(ctx, proofs)
	if err != nil {
		return nil, err
	}
	pods, err := client.CoreV1().Pods("").List(ctx, proofs)
	if err != nil {
		return nil, err
	}
	return &proofReader{client, jobs.Items, pods.Items}, nil
}

// sessionPrefix is how STS names the sessions of a role: without its path.
func sessionPrefix(roleArn string) (string, error) {
	arn, err := iampolicy.ParseARN(roleArn)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/", arn.Partition, arn.Account, arn.RoleName()), nil
}

// modeOf is what a Job or pod proves.
func modeOf(object metav1.Object) testpod.Mode {
	return testpod.Mode(object.GetLabels()[testpod.Label])
}

// envOf is a variable of the program of a pod.
func envOf(pod *corev1.PodSpec, name string) string {
	for _, variable := range pod.Containers[0].Env {
		if variable.Name == name {
			return variable.Value
		}
	}
	return ""
}

// read reads the proof of a Job from the log of its newest pod, as `kubectl logs job/<name>` does.
func (r *proofReader) read(ctx context.Context, job *batchv1.Job) (testpod.Proof, error) {
	var newest *corev1.Pod
	for i := range r.pods {
		pod := &r.pods[i]
		if metav1.IsControlledBy(pod, job) && (newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp)) {
			newest = pod
		}
	}
	if newest == nil {
		return testpod.Proof{}, fmt.Errorf("job %s is %s and has no pod", job.Name, jobStatus(job))
	}
	if status := jobStatus(job); status != complete {
		return testpod.Proof{}, fmt.Errorf("job %s is %s%s", job.Name, status, terminationMessage(newest))
	}
	proof, err := r.readLog(ctx, newest)
	if err != nil {
		return proof, fmt.Errorf("pod %s: %w", newest.Name, err)
	}
	return proof, nil
}

func (r *proofReader) readLog(ctx context.Context, pod *corev1.Pod) (testpod.Proof, error) {
	log, err := r.client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return testpod.Proof{}, fmt.Errorf("reading its log: %w", err)
	}
	return testpod.ReadLog(string(log))
}

// terminationMessage is the first line of the message that a container of the pod ended with, after a colon; empty without
// one.
func terminationMessage(pod *corev1.Pod) string {
	for _, status := range pod.Status.ContainerStatuses {
		for _, state := range []corev1.ContainerState{status.State, status.LastTerminationState} {
			if ended := state.Terminated; ended != nil && ended.Message != "" {
				first, _, _ := strings.Cut(ended.Message, "\n")
				return ": " + first
			}
		}
	}
	return ""
}

// judge judges the proof of an identity.
func judge(found testpod.Proof, expected string) error {
	if !strings.HasPrefix(found.Identity, expected) || found.Check != "passed" && found.Check != "none" {
		return errors.New("STS says it is somebody else, or its check failed")
	}
	return nil
}
