package testpod

import (
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// unprivileged is a user and group that own nothing. The group is the pod's fsGroup too: without it, a container that is not
// root cannot read the projected token.
const unprivileged = 65534

func (p Pod) spec() *corev1.PodSpecArgs {
	container := p.container()
	spec := &corev1.PodSpecArgs{
		ServiceAccountName: pulumi.String(p.ServiceAccount),
		// The pod needs AWS's token only, not one for the Kubernetes API.
		AutomountServiceAccountToken: pulumi.Bool(false),
		// The shell ignores the TERM signal, so there is nothing to wait for, and a Job is over only when its pods are.
		TerminationGracePeriodSeconds: pulumi.Int(0),
		NodeSelector:                  pulumi.ToStringMap(merged(p.Settings.NodeSelector, map[string]string{osLabel: "linux"})),
		Tolerations:                   p.Settings.tolerations(),
		ImagePullSecrets:              p.Settings.pullSecrets(),
		SecurityContext: &corev1.PodSecurityContextArgs{
			RunAsNonRoot: pulumi.Bool(true), RunAsUser: pulumi.Int(unprivileged), RunAsGroup: pulumi.Int(unprivileged),
			FsGroup:        pulumi.Int(unprivileged),
			SeccompProfile: &corev1.SeccompProfileArgs{Type: pulumi.String("RuntimeDefault")},
		},
		Containers: corev1.ContainerArray{container},
	}
	if p.Mode == Denial {
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

func (p Pod) container() *corev1.ContainerArgs {
	container := &corev1.ContainerArgs{
		Name:    pulumi.String(containerName),
		Image:   pulumi.String(p.Settings.Image),
		Command: p.command(),
		Env:     corev1.EnvVarArray(append(p.settingsEnv(), p.Env...)),
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
	if p.Mode == Running {
		// Without a readiness probe the container is ready once it has started, and it has when it has its proof.
		container.StartupProbe = &corev1.ProbeArgs{
			Exec:             &corev1.ExecActionArgs{Command: pulumi.ToStringArray([]string{"/bin/sh", "-c", `test -e "$HOME/proven"`})},
			PeriodSeconds:    pulumi.Int(1),
			TimeoutSeconds:   pulumi.Int(5),
			FailureThreshold: pulumi.Int(p.Settings.TimeoutSeconds), // never: the program gives up much earlier
		}
	}
	return container
}
