package components

import (
	"crypto/sha256"
	_ "embed" // the pods' program
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// DefaultTestPodImage is the AWS CLI image of the test pod, pinned; AWS publishes it.
const DefaultTestPodImage = "public.ecr.aws/aws-cli/aws-cli:2.36.49"

// DefaultTestPodTimeoutSeconds is how long `pulumi up` waits for a test pod: image pull, IAM's propagation and a few
// attempts. Where a node must be started for the pod first, give it more.
const DefaultTestPodTimeoutSeconds = 60

// TestPodArgs describe the pod that proves a role. It runs the AWS CLI under the service account, asks STS who it is and
// compares the answer with the role that it should have; it is ready only when they agree, and Pulumi waits for it to be
// ready. So `pulumi up` fails when the identity is wrong, and its error says which pod, who it is, who it should be and
// why. The pod is made anew whenever the role, its trust or its permissions change; while it lives, it repeats the proof
// every 5 minutes.
type TestPodArgs struct {
	// Image has the AWS CLI and a POSIX shell. Default: DefaultTestPodImage.
	Image string
	// Check is a shell command of your own, "aws s3 ls s3://my-bucket" for example, which must succeed as well. What it
	// prints is in the pod's log.
	Check string
	// Control makes, in every namespace with a test pod, a second pod under the namespace's default service account, which
	// must be refused the role; it is ready only when STS answers AccessDenied.
	Control bool
	// DependsOn is what the check needs, besides the role's policies, a bucket for example.
	DependsOn []pulumi.Resource
	// TimeoutSeconds is how long `pulumi up` waits for each pod, from 10. Default: DefaultTestPodTimeoutSeconds.
	TimeoutSeconds int
}

// TestPodProof is what a test pod or a control found out. It is the last line of the pod's log, as JSON.
type TestPodProof struct {
	// Pod is <cluster>/<namespace>/<name>, with the cluster's name in the program.
	Pod string `json:"pod"`
	// Identity is the caller's ARN as STS answered, of a control "nobody" or whatever the node is.
	Identity string `json:"identity"`
	// Check is "passed", or "none" for a pod without a check. A control has none.
	Check string `json:"check,omitempty"`
	// Login is the name of the cluster that the pod logged in to; Identity is then what that cluster says.
	Login string `json:"login,omitempty"`
	// Refusal is the error code with which STS refused the role to a control.
	Refusal string `json:"refusal,omitempty"`
}

// ReadTestPodLog finds the proof in the log of a test pod or a control.
func ReadTestPodLog(log string) (TestPodProof, error) {
	var proof TestPodProof
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &proof); err != nil || proof.Identity == "" {
		return TestPodProof{}, fmt.Errorf("the log holds no proof; it ends with %q", lines[len(lines)-1])
	}
	return proof, nil
}

// minTestPodTimeout is about two attempts and a container start, in seconds.
const minTestPodTimeout = 10

func (args *TestPodArgs) validate(accounts []ServiceAccountArgs) error {
	if args == nil {
		return nil
	}
	faults := []error{args.validateImageAndTimeout("testPod.")}
	if len(accounts) > 0 && !slices.ContainsFunc(accounts, ServiceAccountArgs.annotated) {
		faults = append(faults, errors.New("testPod: needs a service account that is created or patched, as a pod gets its "+
			"identity by the annotation"))
	}
	for i, account := range accounts {
		if args.Control && account.mayBeDefault() {
			faults = append(faults, fmt.Errorf("testPod.control: serviceAccounts[%d] lets %s/%s have the role, under which the control "+
				"runs to be refused", i, account.Namespace, defaultServiceAccount))
		}
	}
	return errors.Join(faults...)
}

// validateImageAndTimeout names its faults with the given prefix.
func (args *TestPodArgs) validateImageAndTimeout(prefix string) error {
	var faults []error
	if args.TimeoutSeconds != 0 && args.TimeoutSeconds < minTestPodTimeout {
		faults = append(faults, fmt.Errorf("%stimeoutSeconds: %d is less than %d", prefix, args.TimeoutSeconds, minTestPodTimeout))
	}
	if strings.ContainsAny(args.Image, " \t\n") {
		faults = append(faults, fmt.Errorf("%simage: %q is not an image reference", prefix, args.Image))
	}
	return errors.Join(faults...)
}

// defaultServiceAccount is the account that every namespace has, and that pods run under when they name none.
const defaultServiceAccount = "default"

// mayBeDefault tells that the default account of the namespace is trusted, by its name or by a pattern.
func (account ServiceAccountArgs) mayBeDefault() bool {
	if account.NamePattern == "" {
		return account.Name == defaultServiceAccount
	}
	matches, err := path.Match(account.NamePattern, defaultServiceAccount) // its * and ? are IAM's, as names have no slash
	return matches && err == nil
}

// annotated tells that this package puts the role on the account, so that a pod under it gets the role.
func (account ServiceAccountArgs) annotated() bool { return account.mode() != TrustOnly }

// ProofLabel is on every test pod and control, with what it proves: "identity", "control" or "login".
const ProofLabel = "eks-irsa/proof"

// testPodMode is what the program of a test pod proves.
type testPodMode string

const (
	proveIdentity testPodMode = "identity"
	proveControl  testPodMode = "control"
	proveLogin    testPodMode = "login"
)

// suffix is added to the name of the service account, of a control to the first one of its namespace.
func (mode testPodMode) suffix() string {
	if mode == proveControl {
		return "-irsa-control"
	}
	return "-irsa-test"
}

// testPod is a pod that proves something about a role.
type testPod struct {
	mode testPodMode
	// account gives the pod its name, and runs it unless it is a control.
	account     ServiceAccountArgs
	cluster     IrsaCluster
	providerArn pulumi.StringInput
	// waitFor must be there before the pod.
	waitFor []pulumi.Resource
}

func (pod testPod) name() string { return pod.account.Name + pod.mode.suffix() }

// key is <cluster>/<namespace>/<name>.
func (pod testPod) key() string {
	return childName(pod.cluster.Name, pod.account.Namespace, pod.name())
}

func (pod testPod) serviceAccount() string {
	if pod.mode == proveControl {
		return defaultServiceAccount
	}
	return pod.account.Name
}

// createTestPods makes a pod for each service account that has the role's annotation, and a control for each namespace of
// these.
func (b *irsaRole) createTestPods() error {
	var pods, controls []string
	for i, cluster := range b.args.Clusters {
		if b.args.TestPod == nil {
			break
		}
		// A control waits for the test pods beside it: as long as not all of IAM knows the role, STS refuses it to everybody,
		// and that would prove nothing.
		proven := map[string]*testPod{}
		providerArn := b.component.OidcProviderArns.Index(pulumi.Int(i))
		for _, account := range b.args.ServiceAccounts {
			if !account.annotated() {
				continue
			}
			// The webhook changes a pod only when it is made, so the annotated account must be there first; the policies, because
			// the check needs them.
			waitFor := slices.Concat([]pulumi.Resource{b.serviceAccounts[accountKey(cluster, account)]}, b.policies, b.args.TestPod.DependsOn)
			pod := testPod{proveIdentity, account, cluster, providerArn, waitFor}
			resource, err := b.testPod(pod)
			if err != nil {
				return err
			}
			pods = append(pods, pod.key())
			if proven[account.Namespace] == nil {
				proven[account.Namespace] = &testPod{proveControl, account, cluster, providerArn, nil}
			}
			proven[account.Namespace].waitFor = append(proven[account.Namespace].waitFor, resource)
		}
		for _, namespace := range slices.Sorted(maps.Keys(proven)) {
			if !b.args.TestPod.Control {
				break
			}
			if _, err := b.testPod(*proven[namespace]); err != nil {
				return err
			}
			controls = append(controls, proven[namespace].key())
		}
	}
	slices.Sort(pods)
	slices.Sort(controls)
	b.component.TestPods = pulumi.ToStringArray(pods).ToStringArrayOutput()
	b.component.ControlPods = pulumi.ToStringArray(controls).ToStringArrayOutput()
	return nil
}

// nobody is a user and group that own nothing. The group is the pod's fsGroup too: without it, a container that is not
// root cannot read the projected token.
const nobody = 65534

func (b *irsaRole) testPod(pod testPod) (pulumi.Resource, error) {
	args := b.args.TestPod.withDefaults()
	container := args.container(pod.mode, b.testPodEnv(pod))
	var volumes corev1.VolumeArray
	if pod.mode == proveControl {
		volumes = corev1.VolumeArray{controlToken()}
		container.VolumeMounts = corev1.VolumeMountArray{&corev1.VolumeMountArgs{
			Name: pulumi.String("token"), MountPath: pulumi.String(controlTokenDir), ReadOnly: pulumi.Bool(true),
		}}
	}
	resource, err := corev1.NewPod(b.ctx, childName(b.name, pod.key()), &corev1.PodArgs{
		Metadata: namedObject(pod.name(), pod.account.Namespace, map[string]string{ProofLabel: string(pod.mode)}, nil),
		Spec:     testPodSpec(pod.serviceAccount(), container, volumes),
	}, b.children.with(pulumi.Provider(pod.cluster.Kubernetes), pulumi.DependsOn(pod.waitFor), args.options())...)
	if err != nil {
		return nil, fmt.Errorf("creating the test pod %s: %w", pod.key(), err)
	}
	return resource, nil
}

// testPodSpec is what all test pods have in common.
func testPodSpec(serviceAccount string, container *corev1.ContainerArgs, volumes corev1.VolumeArray) *corev1.PodSpecArgs {
	return &corev1.PodSpecArgs{
		ServiceAccountName: pulumi.String(serviceAccount),
		// The pod needs AWS's token only, not one for the Kubernetes API.
		AutomountServiceAccountToken: pulumi.Bool(false),
		// The shell would not heed the TERM signal, so there is nothing to wait for.
		TerminationGracePeriodSeconds: pulumi.Int(0),
		SecurityContext: &corev1.PodSecurityContextArgs{
			RunAsNonRoot: pulumi.Bool(true), RunAsUser: pulumi.Int(nobody), RunAsGroup: pulumi.Int(nobody),
			FsGroup:        pulumi.Int(nobody),
			SeccompProfile: &corev1.SeccompProfileArgs{Type: pulumi.String("RuntimeDefault")},
		},
		Containers: corev1.ContainerArray{container},
		Volumes:    volumes,
	}
}

// options make Pulumi wait for the pod, and give its name free before a new one takes it.
func (args TestPodArgs) options() pulumi.ResourceOption {
	timeout := fmt.Sprintf("%ds", args.TimeoutSeconds)
	return pulumi.Composite(
		pulumi.DeleteBeforeReplace(true),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: timeout, Update: timeout}),
	)
}

const (
	// homeDir is where the program and the AWS CLI write: memory that every pod has, though its file system is read-only.
	// It is no volume, because the webhook puts its own volume first, and to Pulumi, which compares volumes by position, a
	// pod with volumes of its own would differ from then on and be replaced by every update.
	homeDir         = "/dev/shm"
	controlTokenDir = "/var/run/secrets/irsa-control" //nolint:gosec // a folder
)

// controlToken is a token for STS of the account that the pod runs under. Its folder is not the one of the webhook, so
// that the CLI does not use it by itself.
func controlToken() *corev1.VolumeArgs {
	const lifeSeconds = 3600 // the kubelet renews it
	return &corev1.VolumeArgs{
		Name: pulumi.String("token"),
		Projected: &corev1.ProjectedVolumeSourceArgs{Sources: corev1.VolumeProjectionArray{&corev1.VolumeProjectionArgs{
			ServiceAccountToken: &corev1.ServiceAccountTokenProjectionArgs{
				Audience: pulumi.String(iampolicy.Audience), ExpirationSeconds: pulumi.Int(lifeSeconds), Path: pulumi.String("token"),
			},
		}}},
	}
}

func (args TestPodArgs) withDefaults() TestPodArgs {
	if args.Image == "" {
		args.Image = DefaultTestPodImage
	}
	if args.TimeoutSeconds == 0 {
		args.TimeoutSeconds = DefaultTestPodTimeoutSeconds
	}
	return args
}

// testPodProgram is what the pods run.
//
//go:embed test_pod.sh
var testPodProgram string

func (args TestPodArgs) container(mode testPodMode, env corev1.EnvVarArray) *corev1.ContainerArgs {
	return &corev1.ContainerArgs{
		Name:    pulumi.String("aws-cli"),
		Image:   pulumi.String(args.Image),
		Command: pulumi.ToStringArray([]string{"/bin/sh", "-c", testPodProgram, "test_pod.sh", string(mode)}),
		Env:     append(args.env(), env...),
		// The program ends with the reason when there is no proof, and that becomes the container's termination message.
		TerminationMessagePolicy: pulumi.String("FallbackToLogsOnError"),
		// Without a readiness probe the container is ready once it has started. Nothing is left to probe then: it ends when
		// it loses the proof.
		StartupProbe: &corev1.ProbeArgs{
			Exec:             &corev1.ExecActionArgs{Command: pulumi.ToStringArray([]string{"/bin/sh", "-c", `test -e "$HOME/proven"`})},
			PeriodSeconds:    pulumi.Int(1),
			TimeoutSeconds:   pulumi.Int(5),
			FailureThreshold: pulumi.Int(args.TimeoutSeconds), // never: the program gives up much earlier
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
	}
}

// env is what the arguments tell the program.
func (args TestPodArgs) env() corev1.EnvVarArray {
	// The program gives up after a third of the time-out, so that its reason is there when Pulumi asks for it.
	window := args.TimeoutSeconds / 3
	const repeat = 300 // each repetition is a new session in CloudTrail
	return corev1.EnvVarArray{
		envVar("WINDOW", pulumi.String(strconv.Itoa(window))),
		envVar("REPEAT", pulumi.String(strconv.Itoa(repeat))),
		envVar("HOME", pulumi.String(homeDir)),
		envVar("TMPDIR", pulumi.String(homeDir)),
	}
}

// testPodEnv is what the role tells the program.
func (b *irsaRole) testPodEnv(pod testPod) corev1.EnvVarArray {
	subject := iampolicy.ServiceAccountSubject{Namespace: pod.account.Namespace, Name: pod.serviceAccount()}
	env := corev1.EnvVarArray{
		envVar("CHECK", pulumi.String(b.args.TestPod.Check)),
		envVar("POD", pulumi.String(pod.key())),
		envVar("EXPECTED_ARN", sessionArn(b.role.Arn)),
		envVar("ROLE_ARN", b.role.Arn),
		envVar("PROVIDER_ARN", pod.providerArn),
		envVar("SUBJECT", pulumi.String(subject.Claim())),
		envVar("ROLE_FINGERPRINT", b.fingerprint()),
	}
	if pod.mode == proveControl {
		env = append(env, envVar("TOKEN_FILE", pulumi.String(controlTokenDir+"/token")))
	}
	return env
}

func envVar(name string, value pulumi.StringInput) *corev1.EnvVarArgs {
	return &corev1.EnvVarArgs{Name: pulumi.String(name), Value: value.ToStringOutput().ToStringPtrOutput()}
}

// sessionArn is what GetCallerIdentity answers for a role, up to the session's name: the service is sts, and the role's
// path is gone.
func sessionArn(roleArn pulumi.StringInput) pulumi.StringOutput {
	return roleArn.ToStringOutput().ApplyT(func(roleArn string) (string, error) {
		arn, err := iampolicy.ParseArn(roleArn)
		if err != nil {
			return "", err
		}
		arn.Service, arn.Resource = "sts", "assumed-role/"+arn.RoleName()
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
