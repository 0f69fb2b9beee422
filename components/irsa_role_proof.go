package components

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
)

type (
	// PodSettings say how the pods of [TestPodArgs] and [ClusterLoginTestArgs] run.
	PodSettings = testpod.Settings
	// Toleration lets a pod onto nodes with a matching taint.
	Toleration = testpod.Toleration
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
	// into. Every user who may exec in its namespace then has the role.
	KeepRunning bool `json:"keepRunning"`
	// DependsOn is what the check needs, besides the role's policies, a bucket for example.
	DependsOn []pulumi.Resource `json:"-"`
}

// fargateLabel is on the nodes of AWS Fargate.
const fargateLabel = "eks.amazonaws.com/compute-type"

func (args *TestPodArgs) validate(accounts []ServiceAccountArgs, identity IdentityType) error {
	if args == nil {
		return nil
	}
	var found fielderr.List
	found.Add("", args.Validate())
	found.Add("check", validateCheck(args.Check))
	found.Refuse(identity.Associates() && args.NodeSelector[fargateLabel] == "fargate", "nodeSelector",
		"EKS Pod Identity has no agent on Fargate; pods there need the identity %s", IdentityIRSA)
	found.Refuse(len(accounts) > 0 && !slices.ContainsFunc(accounts, ServiceAccountArgs.annotated), "",
		"needs a service account that is created or patched, as a pod gets its identity by the annotation")
	for i, account := range accounts {
		found.Refuse(args.NegativeTest && account.mayBeDefault(), "negativeTest", "serviceAccounts[%d] lets %s/%s have the role, under which "+
			"the negative test runs to be refused", i, account.Namespace, defaultServiceAccount)
	}
	return found.Err()
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

// roleProof is what one pod proves about a role, in one cluster.
type roleProof struct {
	mode testpod.Mode
	// account gives the Job its name, and runs its pod unless it is a negative test.
	account     ServiceAccountArgs
	cluster     IrsaCluster
	providerArn pulumi.StringInput
	// waitFor are the resources that the Job depends on.
	waitFor []pulumi.Resource
}

func (proof roleProof) name() string { return proof.mode.NameOf(proof.account.Name, "") }

// key is <cluster>/<namespace>/<name>.
func (proof roleProof) key() string {
	return childName(proof.cluster.Name, proof.account.Namespace, proof.name())
}

func (proof roleProof) serviceAccount() string {
	if proof.mode == testpod.Denial {
		return defaultServiceAccount
	}
	return proof.account.Name
}

// createTestPods makes a proof for each service account that has the role's annotation, and a negative test for each namespace of
// these.
func (b *irsaRoleBuilder) createTestPods() error {
	var pods, negativeTests []string
	provenAt, refusedAt := pulumi.StringMap{}, pulumi.StringMap{}
	for i, cluster := range b.args.Clusters {
		if b.args.TestPod == nil {
			break
		}
		if cluster.Leaving {
			continue
		}
		// A negative test waits for the proofs beside it: as long as not all of IAM knows the role, STS denies every caller, and
		// that would prove nothing.
		proven := map[string]*roleProof{}
		var providerArn pulumi.StringInput = pulumi.String("")
		if b.args.Identity.trustsOIDC() {
			providerArn = b.component.OidcProviderArns.Index(pulumi.Int(i))
		}
		for _, account := range b.args.accountsIn(cluster) {
			if !account.annotated() {
				continue
			}
			// The webhook changes a pod only when it is made, so the annotated account, or its association, must be there first;
			// the policies, because the check needs them.
			proof := roleProof{mode: testpod.Identity, account: account, cluster: cluster, providerArn: providerArn}
			proof.waitFor = slices.Concat(
				[]pulumi.Resource{b.serviceAccounts[accountKey(cluster, account)]}, b.policies, b.args.TestPod.DependsOn)
			if association := b.associations[accountKey(cluster, account)]; association != nil {
				proof.waitFor = append(proof.waitFor, association)
			}
			resource, err := b.prove(proof)
			if err != nil {
				return err
			}
			pods = append(pods, proof.key())
			provenAt[accountKey(cluster, account)] = testpod.CompletedAt(resource)
			if proven[account.Namespace] == nil {
				proven[account.Namespace] = &roleProof{
					mode: testpod.Denial, account: account, cluster: cluster, providerArn: providerArn,
				}
			}
			proven[account.Namespace].waitFor = append(proven[account.Namespace].waitFor, resource)
		}
		for _, namespace := range slices.Sorted(maps.Keys(proven)) {
			if !b.args.TestPod.NegativeTest {
				break
			}
			job, err := b.prove(*proven[namespace])
			if err != nil {
				return err
			}
			refusedAt[childName(cluster.Name, namespace)] = testpod.CompletedAt(job)
			negativeTests = append(negativeTests, proven[namespace].key())
		}
	}
	slices.Sort(pods)
	slices.Sort(negativeTests)
	b.component.TestPods = pulumi.ToStringArray(pods).ToStringArrayOutput()
	b.component.NegativeTestPods = pulumi.ToStringArray(negativeTests).ToStringArrayOutput()
	b.component.ProvenAt, b.component.RefusedAt = provenAt.ToStringMapOutput(), refusedAt.ToStringMapOutput()
	return nil
}

// prove makes the Job of a proof, and the pod that stays beside it where one is asked for.
func (b *irsaRoleBuilder) prove(proof roleProof) (*batchv1.Job, error) {
	name, options := b.nameAndOptions(proof)
	job, err := b.pod(proof).NewJob(b.ctx, name, options...)
	if err != nil {
		return nil, fmt.Errorf("creating the test pod %s: %w", proof.key(), err)
	}
	if proof.mode != testpod.Identity || !b.args.TestPod.KeepRunning {
		return job, nil
	}
	proof.mode, proof.waitFor = testpod.Running, []pulumi.Resource{job}
	name, options = b.nameAndOptions(proof)
	if err := b.pod(proof).NewPod(b.ctx, name, options...); err != nil {
		return nil, fmt.Errorf("creating the pod %s, which stays: %w", proof.key(), err)
	}
	return job, nil
}

func (b *irsaRoleBuilder) nameAndOptions(proof roleProof) (string, []pulumi.ResourceOption) {
	name := childName(b.name, proof.key())
	return name, b.childrenOf(proof.account).named(
		name, pulumi.Provider(proof.cluster.Kubernetes), pulumi.DependsOn(proof.waitFor))
}

func (b *irsaRoleBuilder) pod(proof roleProof) testpod.Pod {
	subject := iampolicy.ServiceAccountSubject{Namespace: proof.account.Namespace, Name: proof.serviceAccount()}
	return testpod.Pod{
		Mode: proof.mode, Name: proof.name(), Namespace: proof.account.Namespace, ServiceAccount: proof.serviceAccount(),
		PodIdentity: b.args.Identity.Associates(), Settings: b.args.TestPod.PodSettings,
		Env: testpod.Env{}.
			With("IRSA_CHECK", pulumi.String(b.args.TestPod.Check)).
			With("IRSA_POD", pulumi.String(childName(proof.cluster.firstName(), proof.account.Namespace, proof.name()))).
			With("IRSA_EXPECTED_ARN", sessionArn(b.role.Arn)).
			With("IRSA_ROLE_ARN", b.role.Arn).
			With("IRSA_PROVIDER_ARN", proof.providerArn).
			With("IRSA_SUBJECT", pulumi.String(subject.Claim())).
			With("IRSA_ROLE_FINGERPRINT", b.fingerprint()),
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
	return fingerprintOf(parts)
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
