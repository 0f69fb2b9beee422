package components

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// TestPodArgs describe the proof of a role. A Job runs a pod with the AWS CLI under the service account, which asks STS who
// it is and compares the answer with the role that it should have. Pulumi waits for the Job, so `pulumi up` fails when the
// identity is wrong, and its error says which pod, who it is, who it should be and why. The pod ends with its proof:
// nothing that holds the role runs on, unless KeepRunning asks for it. The json names are those of Pulumi.<env>.yaml.
//
// The proof is repeated when the role, its trust, its permissions or the pod change in the program, when it failed, and
// with ProveAlways on every `pulumi up`.
type TestPodArgs struct {
	// PodSettings say how the pods run.
	PodSettings
	// Check is a shell command of your own, "aws s3 ls s3://my-bucket" for example, which must succeed as well, within four
	// fifths of the time-out. What it prints is in the pod's log, the last 64 KiB of it. It can write to $HOME, 64 MiB of
	// memory, and nowhere else.
	Check string `json:"check"`
	// NegativeTest makes, in every namespace with a test pod, a second Job under the namespace's default service account, which
	// must be refused the role; it succeeds only when STS answers AccessDenied.
	NegativeTest bool `json:"negativeTest"`
	// KeepRunning leaves a pod beside each proof, <service account>-irsa-shell, that proves itself too and stays, to exec
	// into. Whoever may exec in its namespace has the role then.
	KeepRunning bool `json:"keepRunning"`
	// DependsOn is what the check needs, besides the role's policies, a bucket for example.
	DependsOn []pulumi.Resource `json:"-"`
}

// TestPodProof is what a test pod or a negative test found out. It is the last line of the pod's log, as JSON.
type TestPodProof struct {
	// Pod is <cluster>/<namespace>/<name of the Job>, with the cluster's name in the program, or its first alias.
	Pod string `json:"pod"`
	// Identity is the caller's ARN as STS answered; for a negative test the node's identity, or "nobody" if it has none.
	Identity string `json:"identity"`
	// Check is "passed", or "none" for a pod without a check. A negative test has none.
	Check string `json:"check,omitempty"`
	// Login is the name of the cluster that the pod logged in to; Identity is then what that cluster says.
	Login string `json:"login,omitempty"`
	// Refusal is the error code with which STS refused the role to a negative test.
	Refusal string `json:"refusal,omitempty"`
}

// ReadTestPodLog finds the proof in the log of a test pod or a negative test.
func ReadTestPodLog(log string) (TestPodProof, error) {
	var proof TestPodProof
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &proof); err != nil || proof.Identity == "" {
		return TestPodProof{}, fmt.Errorf("the log holds no proof; it ends with %q", lines[len(lines)-1])
	}
	return proof, nil
}

func (args *TestPodArgs) validate(accounts []ServiceAccountArgs) error {
	if args == nil {
		return nil
	}
	faults := []error{fault.Under("testPod", args.Validate()), fault.At("testPod.check", validateCheck(args.Check))}
	if len(accounts) > 0 && !slices.ContainsFunc(accounts, ServiceAccountArgs.annotated) {
		faults = append(faults, errors.New("testPod: needs a service account that is created or patched, as a pod gets its "+
			"identity by the annotation"))
	}
	for i, account := range accounts {
		if args.NegativeTest && account.mayBeDefault() {
			faults = append(faults, fmt.Errorf("testPod.negativeTest: serviceAccounts[%d] lets %s/%s have the role, under which the negative test "+
				"runs to be refused", i, account.Namespace, defaultServiceAccount))
		}
	}
	return errors.Join(faults...)
}

// maxCheck is what Linux passes on as one variable of a program, less IRSA_CHECK= and the byte that ends it (MAX_ARG_STRLEN):
// https://man7.org/linux/man-pages/man2/execve.2.html
const maxCheck = 128*1024 - len("IRSA_CHECK=") - 1

func validateCheck(check string) error {
	switch {
	case len(check) > maxCheck:
		return fmt.Errorf("has %d bytes; a pod passes on %d, so put a longer program into the image", len(check), maxCheck)
	case strings.ContainsRune(check, 0):
		return errors.New("has a byte 0, which no command can have")
	default:
		return nil
	}
}

// defaultServiceAccount is the account that every namespace has, and that pods run under when they name none.
const defaultServiceAccount = "default"

// mayBeDefault reports whether the default account of the namespace is trusted, by its name or by a pattern.
func (account ServiceAccountArgs) mayBeDefault() bool {
	if account.NamePattern == "" {
		return account.Name == defaultServiceAccount
	}
	matches, err := path.Match(account.NamePattern, defaultServiceAccount) // its * and ? are IAM's, as names have no slash
	return matches && err == nil
}

// annotated reports whether this package annotates the account with the role, so that a pod under it gets the role.
func (account ServiceAccountArgs) annotated() bool { return account.mode() != TrustOnly }

// testPod is a proof of something about a role, in one cluster.
type testPod struct {
	mode proofMode
	// account gives the Job its name, and runs its pod unless it is a negative test.
	account     ServiceAccountArgs
	cluster     IrsaCluster
	providerArn pulumi.StringInput
	// waitFor must be there before the Job.
	waitFor []pulumi.Resource
}

func (pod testPod) name() string { return pod.mode.objectName(pod.account.Name) }

// key is <cluster>/<namespace>/<name>.
func (pod testPod) key() string {
	return childName(pod.cluster.Name, pod.account.Namespace, pod.name())
}

func (pod testPod) serviceAccount() string {
	if pod.mode == proveDenial {
		return defaultServiceAccount
	}
	return pod.account.Name
}

// createTestPods makes a proof for each service account that has the role's annotation, and a negative test for each namespace of
// these.
func (b *irsaRoleBuilder) createTestPods() error {
	var pods, negativeTests []string
	for i, cluster := range b.args.Clusters {
		if b.args.TestPod == nil {
			break
		}
		// A negative test waits for the proofs beside it: as long as not all of IAM knows the role, STS denies every caller, and
		// that would prove nothing.
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
			resource, err := b.prove(pod)
			if err != nil {
				return err
			}
			pods = append(pods, pod.key())
			if proven[account.Namespace] == nil {
				proven[account.Namespace] = &testPod{proveDenial, account, cluster, providerArn, nil}
			}
			proven[account.Namespace].waitFor = append(proven[account.Namespace].waitFor, resource)
		}
		for _, namespace := range slices.Sorted(maps.Keys(proven)) {
			if !b.args.TestPod.NegativeTest {
				break
			}
			if _, err := b.prove(*proven[namespace]); err != nil {
				return err
			}
			negativeTests = append(negativeTests, proven[namespace].key())
		}
	}
	slices.Sort(pods)
	slices.Sort(negativeTests)
	b.component.TestPods = pulumi.ToStringArray(pods).ToStringArrayOutput()
	b.component.NegativeTestPods = pulumi.ToStringArray(negativeTests).ToStringArrayOutput()
	return nil
}

// prove makes the Job of a proof, and the pod that stays beside it where one is asked for.
func (b *irsaRoleBuilder) prove(pod testPod) (pulumi.Resource, error) {
	proof := proof{
		mode: pod.mode, name: pod.name(), namespace: pod.account.Namespace, serviceAccount: pod.serviceAccount(),
		settings: b.args.TestPod.WithDefaults(builtIn), env: b.testPodEnv(pod),
	}
	name := childName(b.name, pod.key())
	options := b.childrenOf(pod.account).named(name, pulumi.Provider(pod.cluster.Kubernetes), pulumi.DependsOn(pod.waitFor))
	job, err := proof.job(b.ctx, name, options...)
	if err != nil {
		return nil, fmt.Errorf("creating the test pod %s: %w", pod.key(), err)
	}
	if pod.mode != proveIdentity || !b.args.TestPod.KeepRunning {
		return job, nil
	}
	pod.mode, pod.waitFor = keepRunning, []pulumi.Resource{job}
	proof.mode, proof.name, proof.env = keepRunning, pod.name(), b.testPodEnv(pod)
	name = childName(b.name, pod.key())
	options = b.childrenOf(pod.account).named(name, pulumi.Provider(pod.cluster.Kubernetes), pulumi.DependsOn(pod.waitFor))
	if err := proof.pod(b.ctx, name, options...); err != nil {
		return nil, fmt.Errorf("creating the pod %s, which stays: %w", pod.key(), err)
	}
	return job, nil
}

// testPodEnv is what the role tells the program.
func (b *irsaRoleBuilder) testPodEnv(pod testPod) env {
	subject := iampolicy.ServiceAccountSubject{Namespace: pod.account.Namespace, Name: pod.serviceAccount()}
	return env{
		{"IRSA_CHECK", pulumi.String(b.args.TestPod.Check)},
		{"IRSA_POD", pulumi.String(childName(pod.cluster.firstName(), pod.account.Namespace, pod.name()))},
		{"IRSA_EXPECTED_ARN", sessionArn(b.role.Arn)},
		{"IRSA_ROLE_ARN", b.role.Arn},
		{"IRSA_PROVIDER_ARN", pod.providerArn},
		{"IRSA_SUBJECT", pulumi.String(subject.Claim())},
		{"IRSA_ROLE_FINGERPRINT", b.fingerprint()},
	}
}

// fingerprint changes with everything that the proof rests on. The pod of a Job cannot be changed, so another fingerprint
// makes another Job, and the proof is repeated.
func (b *irsaRoleBuilder) fingerprint() pulumi.StringOutput {
	parts := pulumi.StringArray{b.role.UniqueId, b.component.TrustPolicy}
	for _, key := range slices.Sorted(maps.Keys(b.attached)) {
		parts = append(parts, b.attached[key])
	}
	for _, group := range b.args.policyDocuments() {
		for _, key := range slices.Sorted(maps.Keys(group.documents)) {
			parts = append(parts, group.documents[key])
		}
	}
	if b.boundary != nil {
		parts = append(parts, b.boundary)
	}
	return parts.ToStringArrayOutput().ApplyT(func(parts []string) string { return digest(parts...) }).(pulumi.StringOutput)
}

// sessionArn is what GetCallerIdentity answers for a role, up to the session's name: the service is sts, and the role's
// path is gone.
func sessionArn(roleArn pulumi.StringInput) pulumi.StringOutput {
	return roleArn.ToStringOutput().ApplyT(func(roleArn string) (string, error) {
		arn, err := iampolicy.ParseARN(roleArn)
		if err != nil {
			return "", err
		}
		arn.Service, arn.Resource = "sts", "assumed-role/"+arn.RoleName()
		return arn.String(), nil
	}).(pulumi.StringOutput)
}
