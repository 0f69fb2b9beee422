package components

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// DefaultTestPodImage is the AWS CLI image of the test pod, pinned; AWS publishes it.
const DefaultTestPodImage = "public.ecr.aws/aws-cli/aws-cli:2.36.49"

// DefaultTestPodTimeoutSeconds is how long `pulumi up` waits for a test pod: image pull, IAM's propagation and a few
// probes.
const DefaultTestPodTimeoutSeconds = 300

// TestPodArgs describe the pod that proves a role. It runs the AWS CLI under the service account. Its readiness probe
// asks STS who it is and compares the answer with the role that it should have; Pulumi waits for the pod to be ready, so
// `pulumi up` fails when the identity is wrong. It is made anew whenever the role, its trust or its permissions change.
type TestPodArgs struct {
	// Image has the AWS CLI and a POSIX shell. Default: DefaultTestPodImage.
	Image string
	// Check is a shell command of your own, "aws s3 ls s3://my-bucket" for example, which must succeed as well.
	Check string
	// TimeoutSeconds is how long `pulumi up` waits, from 10. Default: DefaultTestPodTimeoutSeconds.
	TimeoutSeconds int
}

// minTestPodTimeout is about two probes and a container start, in seconds.
const minTestPodTimeout = 10

func (args *TestPodArgs) validate(accounts []ServiceAccountArgs) error {
	if args == nil {
		return nil
	}
	var faults []error
	if args.TimeoutSeconds != 0 && args.TimeoutSeconds < minTestPodTimeout {
		faults = append(faults, fmt.Errorf("testPod.timeoutSeconds: %d is less than %d", args.TimeoutSeconds, minTestPodTimeout))
	}
	if strings.ContainsAny(args.Image, " \t\n") {
		faults = append(faults, fmt.Errorf("testPod.image: %q is not an image reference", args.Image))
	}
	if len(accounts) > 0 && !slices.ContainsFunc(accounts, ServiceAccountArgs.annotated) {
		faults = append(faults, errors.New("testPod: needs a service account that is created or patched, as a pod gets its "+
			"identity by the annotation"))
	}
	return errors.Join(faults...)
}

// annotated tells that this package puts the role on the account, so that a pod under it gets the role.
func (account ServiceAccountArgs) annotated() bool { return account.mode() != TrustOnly }

func (b *irsaRole) createTestPods() error {
	var keys []string
	if b.args.TestPod != nil {
		err := b.eachServiceAccount(func(cluster IrsaCluster, account ServiceAccountArgs) error {
			if !account.annotated() {
				return nil
			}
			if err := b.testPod(cluster, account); err != nil {
				return fmt.Errorf("creating the test pod of %s: %w", accountKey(cluster, account), err)
			}
			keys = append(keys, accountKey(cluster, account)+testPodSuffix)
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(keys)
	b.component.TestPods = pulumi.ToStringArray(keys).ToStringArrayOutput()
	return nil
}

// testPodSuffix is added to the service account's name to name its test pod.
const testPodSuffix = "-irsa-test"

// nobody is a user and group that own nothing. The group is the pod's fsGroup too: without it, a container that is not
// root cannot read the projected token.
const nobody = 65534

// The probe's script. EXPECTED_ARN is the role as STS names it, without the session's name. Errors go to the probe's
// output, which the kubelet puts into the pod's events.
const identityScript = `arn=$(aws sts get-caller-identity --query Arn --output text) || exit 1
case "$arn" in
"$EXPECTED_ARN"/*) ;;
*) echo "STS says this pod is $arn, it should be $EXPECTED_ARN" >&2; exit 1 ;;
esac
`

func (b *irsaRole) testPod(cluster IrsaCluster, account ServiceAccountArgs) error {
	args := *b.args.TestPod
	if args.Image == "" {
		args.Image = DefaultTestPodImage
	}
	if args.TimeoutSeconds == 0 {
		args.TimeoutSeconds = DefaultTestPodTimeoutSeconds
	}
	timeout := fmt.Sprintf("%ds", args.TimeoutSeconds)
	// The webhook changes a pod only when it is made, so the annotated account must be there first; the policies,
	// because the check needs them.
	waitFor := append([]pulumi.Resource{b.serviceAccounts[accountKey(cluster, account)]}, b.policies...)
	_, err := corev1.NewPod(b.ctx, childName(b.name, accountKey(cluster, account)+testPodSuffix), &corev1.PodArgs{
		Metadata: namedObject(account.Name+testPodSuffix, account.Namespace, nil, nil),
		Spec: &corev1.PodSpecArgs{
			ServiceAccountName: pulumi.String(account.Name),
			// The pod needs AWS's token only, not one for the Kubernetes API.
			AutomountServiceAccountToken: pulumi.Bool(false),
			// The shell would not heed the TERM signal, so there is nothing to wait for.
			TerminationGracePeriodSeconds: pulumi.Int(0),
			SecurityContext: &corev1.PodSecurityContextArgs{
				RunAsNonRoot: pulumi.Bool(true), RunAsUser: pulumi.Int(nobody), RunAsGroup: pulumi.Int(nobody),
				FsGroup:        pulumi.Int(nobody),
				SeccompProfile: &corev1.SeccompProfileArgs{Type: pulumi.String("RuntimeDefault")},
			},
			Containers: corev1.ContainerArray{args.container(b.expectedArn(), b.fingerprint())},
			// The AWS CLI caches credentials below its home.
			Volumes: corev1.VolumeArray{&corev1.VolumeArgs{Name: pulumi.String("home"), EmptyDir: &corev1.EmptyDirVolumeSourceArgs{}}},
		},
	}, b.children.with(
		pulumi.Provider(cluster.Kubernetes), pulumi.DependsOn(waitFor), pulumi.DeleteBeforeReplace(true),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: timeout, Update: timeout}))...)
	return err
}

func (args TestPodArgs) container(expectedArn, fingerprint pulumi.StringInput) *corev1.ContainerArgs {
	return &corev1.ContainerArgs{
		Name:    pulumi.String("aws-cli"),
		Image:   pulumi.String(args.Image),
		Command: pulumi.ToStringArray([]string{"/bin/sh", "-c", "while true; do sleep 5; done"}),
		Env: corev1.EnvVarArray{
			&corev1.EnvVarArgs{Name: pulumi.String("EXPECTED_ARN"), Value: expectedArn},
			&corev1.EnvVarArgs{Name: pulumi.String("ROLE_FINGERPRINT"), Value: fingerprint},
			&corev1.EnvVarArgs{Name: pulumi.String("HOME"), Value: pulumi.String("/home/irsa")},
		},
		ReadinessProbe: &corev1.ProbeArgs{
			Exec:             &corev1.ExecActionArgs{Command: pulumi.ToStringArray([]string{"/bin/sh", "-c", identityScript + args.Check})},
			PeriodSeconds:    pulumi.Int(5),
			TimeoutSeconds:   pulumi.Int(30),
			FailureThreshold: pulumi.Int(1),
		},
		Resources: &corev1.ResourceRequirementsArgs{
			Requests: pulumi.ToStringMap(map[string]string{"cpu": "50m", "memory": "128Mi"}),
			Limits:   pulumi.ToStringMap(map[string]string{"cpu": "1", "memory": "256Mi"}),
		},
		SecurityContext: &corev1.SecurityContextArgs{
			AllowPrivilegeEscalation: pulumi.Bool(false),
			ReadOnlyRootFilesystem:   pulumi.Bool(true),
			Capabilities:             &corev1.CapabilitiesArgs{Drop: pulumi.ToStringArray([]string{"ALL"})},
		},
		VolumeMounts: corev1.VolumeMountArray{
			&corev1.VolumeMountArgs{Name: pulumi.String("home"), MountPath: pulumi.String("/home/irsa")},
		},
	}
}

// expectedArn is what GetCallerIdentity answers for the role, up to the session's name: the service is sts, and the
// role's path is gone.
func (b *irsaRole) expectedArn() pulumi.StringOutput {
	return b.role.Arn.ApplyT(func(roleArn string) (string, error) {
		arn, err := iampolicy.ParseArn(roleArn)
		if err != nil {
			return "", err
		}
		name := arn.Resource[strings.LastIndex(arn.Resource, "/")+1:]
		arn.Service, arn.Resource = "sts", "assumed-role/"+name
		return arn.String(), nil
	}).(pulumi.StringOutput)
}

// fingerprint changes with everything that the pod's proof rests on. A pod cannot be changed, so another fingerprint
// makes another pod, and the proof is repeated.
func (b *irsaRole) fingerprint() pulumi.StringOutput {
	parts := pulumi.StringArray{b.role.UniqueId, b.component.TrustPolicy}
	for _, policies := range []map[string]pulumi.StringInput{
		b.args.ManagedPolicies, b.args.InlinePolicies, b.args.CustomerManagedPolicies,
	} {
		for _, key := range slices.Sorted(maps.Keys(policies)) {
			parts = append(parts, policies[key])
		}
	}
	if b.args.PermissionsBoundary != nil {
		parts = append(parts, b.args.PermissionsBoundary)
	}
	return parts.ToStringArrayOutput().ApplyT(func(parts []string) string {
		sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
		return hex.EncodeToString(sum[:8])
	}).(pulumi.StringOutput)
}
