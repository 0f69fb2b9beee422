package components

import (
	"crypto/rand"
	"crypto/sha256"
	_ "embed" // the pods' program
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// ProofLabel is on the Jobs and pods of proofs, with what they prove: "identity", "denial" or "login"; "running" is on the
// pods that stay.
const ProofLabel = "eks-irsa/proof"

// proofMode is what a pod proves.
type proofMode string

const (
	proveIdentity proofMode = "identity"
	proveDenial   proofMode = "denial"
	proveLogin    proofMode = "login"
	keepRunning   proofMode = "running"
)

// suffixes are added to the name of the service account, of a negative test to the first one of its namespace, of a login before
// the target's name.
var suffixes = map[proofMode]string{
	proveIdentity: "-irsa-test", proveDenial: "-irsa-denied", proveLogin: "-login-", keepRunning: "-irsa-shell",
}

// objectName is the name of the Job or pod that proves something about a service account.
func (mode proofMode) objectName(account string) string { return jobName(account, suffixes[mode]) }

// maxJobName is the length of a label's value: the name of a Job is one on its pods.
//
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#writing-a-job-spec
const maxJobName = 63

// jobName is both parts, or, past 63 characters, as much of the account's name as fits and a hash of it all.
func jobName(account, suffix string) string {
	if len(account)+len(suffix) <= maxJobName {
		return account + suffix
	}
	hash := "-" + digest(account + suffix)[:8]
	if room := maxJobName - len(suffix) - len(hash); room > 0 {
		return strings.TrimRight(account[:min(room, len(account))], "-.") + hash + suffix
	}
	return strings.TrimRight((account + suffix)[:maxJobName-len(hash)], "-.") + hash
}

// digest tells contents apart in a few characters.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// proof is a pod that proves something, and what a Job needs to run it.
type proof struct {
	mode                            proofMode
	name, namespace, serviceAccount string
	settings                        PodSettings
	// env is what the program needs to know of what it proves.
	env env
}

// env are variables, in their order.
type env []variable

type variable struct {
	name  string
	value pulumi.StringInput
}

func (e env) args() corev1.EnvVarArray {
	variables := make(corev1.EnvVarArray, len(e))
	for i, v := range e {
		variables[i] = &corev1.EnvVarArgs{Name: pulumi.String(v.name), Value: v.value.ToStringOutput().ToStringPtrOutput()}
	}
	return variables
}

const (
	// freshExitCode is the program's for a failure that a fresh pod may not have, such as that the webhook missed the pod.
	freshExitCode = 75
	// graceSeconds are the Job controller's to end a Job whose deadline is over, and Pulumi's to see that.
	graceSeconds = 15
)

// job makes the Job that runs the pod to its end. Pulumi waits for the Job and shows the pods' last words when it fails.
func (p proof) job(ctx *pulumi.Context, name string, options ...pulumi.ResourceOption) (*batchv1.Job, error) {
	metadata := p.metadata()
	// A Job that failed stays in the state; the next update is to ask again and not to wait for it.
	metadata.Annotations = pulumi.ToStringMap(map[string]string{"pulumi.com/replaceUnready": "true"})
	spec := p.podSpec()
	spec.RestartPolicy = pulumi.String("Never")
	timeout := p.settings.TimeoutSeconds
	return batchv1.NewJob(ctx, name, &batchv1.JobArgs{
		Metadata: metadata,
		Spec: &batchv1.JobSpecArgs{
			BackoffLimit: pulumi.Int(0), ActiveDeadlineSeconds: pulumi.Int(timeout), PodFailurePolicy: podFailurePolicy(),
			Template: &corev1.PodTemplateSpecArgs{Metadata: p.podMetadata(), Spec: spec},
		},
	}, append(options, waitAtMost(timeout+graceSeconds))...)
}

// podFailurePolicy has a pod that was evicted, or whose program asks for a fresh one, followed by another until the deadline.
// The first other failure ends the Job, by its back-off limit: Pulumi's wait ends at once for that reason and for the
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

// pod makes the pod that stays.
func (p proof) pod(ctx *pulumi.Context, name string, options ...pulumi.ResourceOption) error {
	metadata := p.podMetadata()
	metadata.Name, metadata.Namespace = pulumi.String(p.name), pulumi.String(p.namespace)
	// Pulumi's own wait for a pod has no end: each event of the namespace begins it again. This one ends with the time-out.
	annotations := merged(p.settings.Annotations, map[string]string{"pulumi.com/waitFor": "condition=Ready"})
	metadata.Annotations = pulumi.ToStringMap(annotations)
	spec := p.podSpec()
	_, err := corev1.NewPod(ctx, name, &corev1.PodArgs{Metadata: metadata, Spec: spec},
		append(options, waitAtMost(p.settings.TimeoutSeconds))...)
	return err
}

// waitAtMost bounds Pulumi's wait, and makes every change of a Job or pod a new one, which takes the name of the old one.
func waitAtMost(seconds int) pulumi.ResourceOption {
	timeout := fmt.Sprintf("%ds", seconds)
	return pulumi.Composite(
		pulumi.DeleteBeforeReplace(true),
		pulumi.ReplaceOnChanges([]string{"spec"}),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: timeout, Update: timeout}),
	)
}

func (p proof) labels() map[string]string { return map[string]string{ProofLabel: string(p.mode)} }

func (p proof) metadata() *metav1.ObjectMetaArgs {
	return namedObject(p.name, p.namespace, p.labels(), nil)
}

// podMetadata is that of a pod without its name, which a Job gives.
func (p proof) podMetadata() *metav1.ObjectMetaArgs {
	labels := merged(p.settings.Labels, p.labels())
	labels[managedByLabel] = "pulumi"
	metadata := &metav1.ObjectMetaArgs{Labels: pulumi.ToStringMap(labels)}
	if len(p.settings.Annotations) > 0 {
		metadata.Annotations = pulumi.ToStringMap(p.settings.Annotations)
	}
	return metadata
}

// unprivileged is a user and group that own nothing. The group is the pod's fsGroup too: without it, a container that is not
// root cannot read the projected token.
const unprivileged = 65534

func (p proof) podSpec() *corev1.PodSpecArgs {
	container := p.container()
	spec := &corev1.PodSpecArgs{
		ServiceAccountName: pulumi.String(p.serviceAccount),
		// The pod needs AWS's token only, not one for the Kubernetes API.
		AutomountServiceAccountToken: pulumi.Bool(false),
		// The shell ignores the TERM signal, so there is nothing to wait for, and a Job is over only when its pods are.
		TerminationGracePeriodSeconds: pulumi.Int(0),
		NodeSelector:                  pulumi.ToStringMap(merged(p.settings.NodeSelector, map[string]string{osLabel: "linux"})),
		Tolerations:                   p.settings.tolerations(),
		ImagePullSecrets:              p.settings.pullSecrets(),
		SecurityContext: &corev1.PodSecurityContextArgs{
			RunAsNonRoot: pulumi.Bool(true), RunAsUser: pulumi.Int(unprivileged), RunAsGroup: pulumi.Int(unprivileged),
			FsGroup:        pulumi.Int(unprivileged),
			SeccompProfile: &corev1.SeccompProfileArgs{Type: pulumi.String("RuntimeDefault")},
		},
		Containers: corev1.ContainerArray{container},
	}
	if p.mode == proveDenial {
		spec.Volumes = corev1.VolumeArray{denialToken()}
		container.VolumeMounts = corev1.VolumeMountArray{&corev1.VolumeMountArgs{
			Name: pulumi.String("token"), MountPath: pulumi.String(denialTokenDir), ReadOnly: pulumi.Bool(true),
		}}
	}
	return spec
}

const (
	containerName = "aws-cli"
	// homeDir is where the program and the AWS CLI write: memory that every pod has, though its file system is read-only.
	// It is no volume, because the webhook puts its own volume first, and to Pulumi, which compares volumes by position, the
	// pod that stays would differ from then on and be replaced by every update.
	homeDir        = "/dev/shm"
	denialTokenDir = "/var/run/secrets/irsa-denied" //nolint:gosec // a folder
)

// denialToken is a token for STS of the account that the pod runs under. Its folder is not the one of the webhook, so
// that the CLI does not use it by itself.
func denialToken() *corev1.VolumeArgs {
	const lifeSeconds = 3600
	return &corev1.VolumeArgs{
		Name: pulumi.String("token"),
		Projected: &corev1.ProjectedVolumeSourceArgs{Sources: corev1.VolumeProjectionArray{&corev1.VolumeProjectionArgs{
			ServiceAccountToken: &corev1.ServiceAccountTokenProjectionArgs{
				Audience: pulumi.String(iampolicy.Audience), ExpirationSeconds: pulumi.Int(lifeSeconds), Path: pulumi.String("token"),
			},
		}}},
	}
}

// testPodProgram is what the pods run.
//
//go:embed test_pod.sh
var testPodProgram string

// programMode is the program's word for what it is to prove: the pod that stays proves an identity.
func (p proof) programMode() string {
	if p.mode == keepRunning {
		return string(proveIdentity)
	}
	return string(p.mode)
}

func (p proof) container() *corev1.ContainerArgs {
	container := &corev1.ContainerArgs{
		Name:    pulumi.String(containerName),
		Image:   pulumi.String(p.settings.Image),
		Command: pulumi.ToStringArray([]string{"/bin/sh", "-c", testPodProgram, "test_pod.sh", p.programMode()}),
		Env:     append(p.programEnv(), p.env...).args(),
		// The program ends with the reason when there is no proof, and that becomes the container's termination message.
		TerminationMessagePolicy: pulumi.String("FallbackToLogsOnError"),
		Resources: &corev1.ResourceRequirementsArgs{
			Requests: pulumi.ToStringMap(map[string]string{"cpu": "50m", "memory": "128Mi"}),
			Limits:   pulumi.ToStringMap(map[string]string{"cpu": "1", "memory": "256Mi"}),
		},
		SecurityContext: &corev1.SecurityContextArgs{
			AllowPrivilegeEscalation: pulumi.Bool(false),
			ReadOnlyRootFilesystem:   pulumi.Bool(true),
			Capabilities:             &corev1.CapabilitiesArgs{Drop: pulumi.ToStringArray([]string{"ALL"})},
		},
	}
	if p.mode == keepRunning {
		// Without a readiness probe the container is ready once it has started, and it has when it has its proof.
		container.StartupProbe = &corev1.ProbeArgs{
			Exec:             &corev1.ExecActionArgs{Command: pulumi.ToStringArray([]string{"/bin/sh", "-c", `test -e "$HOME/proven"`})},
			PeriodSeconds:    pulumi.Int(1),
			TimeoutSeconds:   pulumi.Int(5),
			FailureThreshold: pulumi.Int(p.settings.TimeoutSeconds), // never: the program gives up much earlier
		}
	}
	return container
}

// programEnv is what the settings tell the program. It gives up after half of the time-out, so that one pod after another
// fits into it, a call takes a sixth at most, within the bounds below, and all is over after four fifths: what is left is the
// start of the pod and the pull of its image.
func (p proof) programEnv() env {
	seconds := func(n int) pulumi.String { return pulumi.String(strconv.Itoa(n)) }
	timeout := p.settings.TimeoutSeconds
	variables := env{
		{"IRSA_WINDOW", seconds(timeout / 2)},
		{"IRSA_CALL_LIMIT", seconds(min(max(timeout/6, minCallSeconds), maxCallSeconds))},
		{"IRSA_LIMIT", seconds(timeout * 4 / 5)},
		{"HOME", pulumi.String(homeDir)},
		{"TMPDIR", pulumi.String(homeDir)},
	}
	switch p.mode {
	case proveDenial:
		variables = append(variables, variable{"IRSA_TOKEN_FILE", pulumi.String(denialTokenDir + "/token")})
	case keepRunning:
		variables = append(variables, variable{"IRSA_STAY", pulumi.String("true")})
	default:
	}
	if p.settings.ProveAlways {
		variables = append(variables, variable{"IRSA_RUN", pulumi.String(rand.Text())})
	}
	return variables
}

// One call includes the start of the AWS CLI, a second or two on a busy node and many more on one that has too little
// processor time: who raises the time-out for it gets more for each call, too.
const (
	minCallSeconds = 5
	maxCallSeconds = 30
)

// with adds a variable that is only sometimes there.
func (e env) with(name string, value pulumi.StringInput) env {
	if value == nil {
		return e
	}
	return append(e, variable{name, value})
}
