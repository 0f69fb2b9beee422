// Package testpod has the pods that prove something about a service account, and the Jobs that run them: their program, which a
// shell runs with the AWS CLI, its variables, their spec, and the proof in their log.
package testpod

import (
	"crypto/sha256"
	"fmt"
	"strings"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Label is on the Jobs and pods of this package; its value is their mode.
const Label = "eks-irsa/proof"

// Mode is what a pod proves.
type Mode string

const (
	// Identity proves that a service account has its role.
	Identity Mode = "identity"
	// Denial proves that a service account is refused a role.
	Denial Mode = "denial"
	// Login proves that a service account can log in to a cluster.
	Login Mode = "login"
	// Running proves an identity in a pod that stays.
	Running Mode = "running"
)

// suffixes follow the service account in the names of Jobs and pods.
var suffixes = map[Mode]string{Identity: "-irsa-test", Denial: "-irsa-denied", Login: "-login-", Running: "-irsa-shell"}

// maxJobName is the length of a label's value: the name of a Job is one on its pods.
//
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#writing-a-job-spec
const maxJobName = 63

// NameOf is the name of the Job or pod of a service account: <account>-irsa-test, <account>-irsa-denied, <account>-irsa-shell or
// <account>-login-<target>; target is empty in the other modes. Past 63 characters it has as much of the account as fits, and a
// hash.
func (mode Mode) NameOf(account, target string) string {
	suffix := suffixes[mode] + target
	if len(account)+len(suffix) <= maxJobName {
		return account + suffix
	}
	sum := sha256.Sum256([]byte(account + suffix))
	hash := fmt.Sprintf("-%x", sum[:4])
	if room := maxJobName - len(suffix) - len(hash); room > 0 {
		return strings.TrimRight(account[:min(room, len(account))], "-.") + hash + suffix
	}
	return strings.TrimRight((account + suffix)[:maxJobName-len(hash)], "-.") + hash
}

// Pod is a pod that proves something.
type Pod struct {
	Mode Mode
	// Name is that of the Job, or of the pod that stays.
	Name, Namespace string
	// ServiceAccount is the account under which the pod runs.
	ServiceAccount string
	// PodIdentity proves that the role is had, or refused, by EKS Pod Identity.
	PodIdentity bool
	// Settings say how the pod runs; each that is not given has its default.
	Settings Settings
	// Env are the program's variables for what the pod proves.
	Env Env
}

const (
	// freshExitCode is the program's for a failure that a fresh pod may not have, such as that the webhook missed the pod.
	freshExitCode = 75
	// graceSeconds are the Job controller's to end a Job whose deadline is over, and Pulumi's to see that.
	graceSeconds = 15
)

// NewJob registers the Job that runs the pod to its end. Pulumi waits for the Job and, when it fails, shows the pods' termination
// messages.
func (p Pod) NewJob(ctx *pulumi.Context, name string, options ...pulumi.ResourceOption) (*batchv1.Job, error) {
	p.Settings = p.Settings.WithDefaults(builtIn)
	spec := p.spec()
	spec.RestartPolicy = pulumi.String("Never")
	timeout := p.Settings.TimeoutSeconds
	return batchv1.NewJob(ctx, name, &batchv1.JobArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(p.Name), Namespace: pulumi.String(p.Namespace), Labels: pulumi.ToStringMap(p.labels()),
			// A Job that failed stays in the state; the next update is to ask again and not to wait for it.
			Annotations: pulumi.ToStringMap(map[string]string{"pulumi.com/replaceUnready": "true"}),
		},
		Spec: &batchv1.JobSpecArgs{
			BackoffLimit: pulumi.Int(0), ActiveDeadlineSeconds: pulumi.Int(timeout), PodFailurePolicy: podFailurePolicy(),
			Template: &corev1.PodTemplateSpecArgs{Metadata: p.metadata(), Spec: spec},
		},
	}, append(options, waitAtMost(timeout+graceSeconds))...)
}

// CompletedAt is when the Job completed, as its cluster says, which is when its proof was made. It is empty for a Job that has not:
// Kubernetes sets the time with success only.
//
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/#JobStatus
func CompletedAt(job *batchv1.Job) pulumi.StringOutput {
	return job.Status.CompletionTime().ApplyT(func(at *string) string {
		if at == nil {
			return ""
		}
		return *at
	}).(pulumi.StringOutput)
}

// podFailurePolicy has the Job controller replace a pod that was evicted, or whose program asks for a fresh one, until the
// deadline. The first other failure ends the Job, by its back-off limit: Pulumi's wait ends at once for that reason and for the
// deadline, and not for the policy's own action FailJob.
//
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
func podFailurePolicy() *batchv1.PodFailurePolicyArgs {
	return &batchv1.PodFailurePolicyArgs{Rules: batchv1.PodFailurePolicyRuleArray{
		&batchv1.PodFailurePolicyRuleArgs{
			Action: pulumi.String("Ignore"),
			OnPodConditions: batchv1.PodFailurePolicyOnPodConditionsPatternArray{&batchv1.PodFailurePolicyOnPodConditionsPatternArgs{
				Type: pulumi.String("DisruptionTarget"), Status: pulumi.String("True"),
			}},
		},
		&batchv1.PodFailurePolicyRuleArgs{
			Action: pulumi.String("Ignore"),
			OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirementArgs{
				ContainerName: pulumi.String(containerName), Operator: pulumi.String("In"), Values: pulumi.IntArray{pulumi.Int(freshExitCode)},
			},
		},
	}}
}

// NewPod registers the pod itself, which stays.
func (p Pod) NewPod(ctx *pulumi.Context, name string, options ...pulumi.ResourceOption) error {
	p.Settings = p.Settings.WithDefaults(builtIn)
	// Pulumi's own wait for a pod has no end: each event of the namespace begins it again. This one ends with the time-out.
	p.Settings.Annotations = merged(p.Settings.Annotations, map[string]string{"pulumi.com/waitFor": "condition=Ready"})
	metadata := p.metadata()
	metadata.Name, metadata.Namespace = pulumi.String(p.Name), pulumi.String(p.Namespace)
	_, err := corev1.NewPod(ctx, name, &corev1.PodArgs{Metadata: metadata, Spec: p.spec()},
		append(options, waitAtMost(p.Settings.TimeoutSeconds))...)
	return err
}

// waitAtMost bounds Pulumi's wait, and has Pulumi replace a Job or pod whose spec changes. Pulumi deletes the old one first,
// because the new one has its name.
func waitAtMost(seconds int) pulumi.ResourceOption {
	timeout := fmt.Sprintf("%ds", seconds)
	return pulumi.Composite(
		pulumi.DeleteBeforeReplace(true),
		pulumi.ReplaceOnChanges([]string{"spec"}),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: timeout, Update: timeout}),
	)
}

func (p Pod) labels() map[string]string {
	return map[string]string{"app.kubernetes.io/managed-by": "pulumi", Label: string(p.Mode)}
}

// metadata is that of a pod without its name, which a Job gives.
func (p Pod) metadata() *metav1.ObjectMetaArgs {
	metadata := &metav1.ObjectMetaArgs{Labels: pulumi.ToStringMap(merged(p.Settings.Labels, p.labels()))}
	if len(p.Settings.Annotations) > 0 {
		metadata.Annotations = pulumi.ToStringMap(p.Settings.Annotations)
	}
	return metadata
}
