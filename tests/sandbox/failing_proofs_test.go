package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

const (
	// proofTimeout is the time-out of the proofs that fail, in seconds, and proofGrace what Pulumi, Kubernetes and a busy
	// machine may take besides.
	proofTimeout = 15
	proofGrace   = 15

	testRole = "arn:aws:iam::" + sandbox.Account + ":role/iam-role-test"
	// wrongIdentity begins the reason of a pod that is not who it should be.
	wrongIdentity = "Pod hub/default/iam-role-test-irsa-test is nobody, it should be arn:aws:sts::" + sandbox.Account +
		":assumed-role/iam-role-test\n"
)

// failingProof is a cause of a proof's failure.
type failingProof struct {
	name string
	// cause brings it about, and cure takes it away.
	cause, cure func(*testing.T, *environment)
	// reasons are in the error of the update.
	reasons []string
}

// The checklist of everybody who sets this up by hand, done by the machine: the update fails within the time-out, says which
// pod is who, who it should be and why, and is completed by the next one once the cause is gone, with nothing deleted by
// hand.
//
//nolint:paralleltest // it measures time, with little of it for a call, so nothing may run beside it
func TestAFailingProofEndsInTimeSaysWhyAndIsAskedAgain(t *testing.T) {
	e := newProofEnvironment(t)
	found := e.inventory(t)
	var slowest time.Duration
	failing := failingProofs()
	for _, proof := range failing { //nolint:paralleltest // the causes share one stack
		t.Run(proof.name, func(t *testing.T) {
			slowest = max(slowest, e.failAndRecover(t, proof))
		})
	}
	require.NoError(t, e.stack.Destroy(t.Context()))
	assert.Equal(t, found, e.inventory(t))
	fmt.Printf("failing proofs: %d kinds, slowest %.0f s at a time-out of %d s\n", len(failing), slowest.Seconds(), proofTimeout)
}

// failAndRecover has an update fail for the cause, and the next one succeed without it. It returns how long the first took.
func (e *environment) failAndRecover(t *testing.T, proof failingProof) time.Duration {
	t.Helper()
	proof.cause(t, e)
	started := time.Now()
	_, err := e.stack.Up(t.Context())
	took := time.Since(started)
	t.Logf("the update failed after %s:\n%v", took.Round(time.Second), err)
	for _, reason := range proof.reasons {
		require.ErrorContains(t, err, reason)
	}
	assert.LessOrEqual(t, took, (proofTimeout+proofGrace)*time.Second)

	proof.cure(t, e)
	_, err = e.stack.Up(t.Context())
	require.NoError(t, err, "the next update")
	e.assertProven(t, 1)
	return took
}

// newProofEnvironment proves one role anew on each update, because most causes are none of the program's.
func newProofEnvironment(t *testing.T) *environment {
	t.Helper()
	e := newSmallEnvironment(t)
	e.setTestPod(t, nil)
	return e
}

// setTestPod sets what the test pod of the role has besides a short time-out and a negative test.
func (e *environment) setTestPod(t *testing.T, more map[string]any) {
	t.Helper()
	testPod := map[string]any{"timeoutSeconds": proofTimeout, "negativeTest": true, "proveAlways": true}
	for name, value := range more {
		testPod[name] = value
	}
	e.settings.Section("roles")["iam-role-test"].(map[string]any)["testPod"] = testPod
	require.NoError(t, e.stack.Write(e.settings))
}

func failingProofs() []failingProof {
	return append(identityFailures(), checkAndControlFailures()...)
}

// identityFailures are those of a pod that is nobody.
func identityFailures() []failingProof {
	provider := &oidcProvider{}
	webhook := &webhook{}
	audience := &annotation{name: "eks.amazonaws.com/audience", value: "another.example.com"}
	role := &annotation{name: "eks.amazonaws.com/role-arn", value: testRole + "-of-old"}
	const theAccountIsRight = "\n1. not: the pod was mutated\n2. not: account name and annotation are right\n"
	return []failingProof{
		{
			"a typo in the trust policy",
			func(_ *testing.T, e *environment) {
				e.stack.SetProgram(rewriteTrust(`:iam-role-test"`, `:iam-role-tset"`))
			},
			useThePlatform,
			[]string{
				wrongIdentity, "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation",
				theAccountIsRight + "3. THIS: the trust policy of " + testRole + " does not let it in",
			},
		},
		{
			"another audience in the trust policy",
			func(_ *testing.T, e *environment) {
				e.stack.SetProgram(rewriteTrust(`"sts.amazonaws.com"`, `"sts.example.com"`))
			},
			useThePlatform,
			[]string{wrongIdentity, "3. THIS: the trust policy of " + testRole + " does not let it in", "the aud sts.amazonaws.com"},
		},
		{
			"another audience on the account", audience.set, audience.reset,
			[]string{wrongIdentity, theAccountIsRight, "\n4. THIS: the OIDC provider ", "lacks the client ID another.example.com"},
		},
		{
			"a provider without the client ID", provider.replace, provider.restore,
			[]string{wrongIdentity, theAccountIsRight, "\n4. THIS: the OIDC provider ", "lacks the client ID sts.amazonaws.com"},
		},
		{
			"the provider is gone", provider.remove, provider.restore,
			[]string{wrongIdentity, theAccountIsRight, "\n4. THIS: the OIDC provider ", " is missing"},
		},
		{
			"the pod was not mutated", webhook.remove, webhook.restore,
			[]string{wrongIdentity, "\n1. THIS: the pod was not mutated."},
		},
		{
			"the annotation names another role", role.set, role.reset,
			[]string{
				wrongIdentity, "\n1. not: the pod was mutated\n2. THIS: the service account's annotation names another role, " + testRole +
					"-of-old instead of " + testRole,
			},
		},
		{
			"STS swallows packets",
			func(_ *testing.T, e *environment) {
				e.Endpoint.Inject(aws.Swallow("sts", "AssumeRoleWithWebIdentity", 0))
			},
			func(_ *testing.T, e *environment) { e.Endpoint.ClearFaults() },
			[]string{wrongIdentity, "\n5. THIS: STS cannot be reached."},
		},
		{
			"an EKS Pod Identity association",
			func(t *testing.T, e *environment) {
				t.Helper()
				e.cluster(t, "dev-hub").AddPodIdentityAssociation("default", "iam-role-test")
			},
			func(t *testing.T, e *environment) {
				t.Helper()
				e.cluster(t, "dev-hub").RemovePodIdentityAssociation("default", "iam-role-test")
			},
			[]string{wrongIdentity, "\n1. THIS: an EKS Pod Identity association of its service account wins over the annotation."},
		},
	}
}

// checkAndControlFailures are those of a pod that has its role, or that has it and must not.
func checkAndControlFailures() []failingProof {
	const isRight = "Pod hub/default/iam-role-test-irsa-test is arn:aws:sts::" + sandbox.Account + ":assumed-role/iam-role-test/"
	check := func(command string) func(*testing.T, *environment) {
		return func(t *testing.T, e *environment) {
			t.Helper()
			e.setTestPod(t, map[string]any{"check": command})
		}
	}
	noCheck := func(t *testing.T, e *environment) {
		t.Helper()
		e.setTestPod(t, nil)
	}
	return []failingProof{
		{
			"a check that hangs", check("echo asking; sleep 600"), noCheck,
			[]string{isRight, ", as it should be, but its own check did not end in time: echo asking; sleep 600"},
		},
		{
			"a check that fails", check("aws s3 ls s3://another-bucket"), noCheck,
			[]string{isRight, ", as it should be, but its own check failed: aws s3 ls s3://another-bucket\n", "(AccessDenied)"},
		},
		{
			"a negative test that gets the role",
			func(_ *testing.T, e *environment) {
				e.stack.SetProgram(rewriteTrust(`"system:serviceaccount:default:iam-role-test"`,
					`["system:serviceaccount:default:iam-role-test","system:serviceaccount:default:default"]`))
			},
			useThePlatform,
			[]string{
				"Pod hub/default/iam-role-test-irsa-denied must not be arn:aws:sts::" + sandbox.Account +
					":assumed-role/iam-role-test, and STS made it that",
			},
		},
	}
}

func useThePlatform(_ *testing.T, e *environment) { e.stack.SetProgram(stacks.Platform) }

// annotation is one of the role's service account, which is changed behind Pulumi's back, and how it was before.
type annotation struct {
	name, value string
	before      *string
}

func (a *annotation) set(t *testing.T, e *environment) {
	t.Helper()
	account, err := e.client(t, "dev-hub").CoreV1().ServiceAccounts("default").Get(t.Context(), "iam-role-test", metav1.GetOptions{})
	require.NoError(t, err)
	a.before = nil
	if value, found := account.Annotations[a.name]; found {
		a.before = &value
	}
	a.patch(t, e, &a.value)
}

func (a *annotation) reset(t *testing.T, e *environment) {
	t.Helper()
	a.patch(t, e, a.before)
}

func (a *annotation) patch(t *testing.T, e *environment, value *string) {
	t.Helper()
	text := "null"
	if value != nil {
		text = fmt.Sprintf("%q", *value)
	}
	_, err := e.client(t, "dev-hub").CoreV1().ServiceAccounts("default").Patch(t.Context(), "iam-role-test", types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%s}}}`, a.name, text), metav1.PatchOptions{})
	require.NoError(t, err)
}

// oidcProvider is that of the hub, in the hands of somebody who does not use Pulumi.
type oidcProvider struct{ found sandbox.OidcProvider }

func (p *oidcProvider) remove(t *testing.T, e *environment) {
	t.Helper()
	providers := e.inventory(t).OidcProviders
	require.Len(t, providers, 1)
	p.found = providers[0]
	p.delete(t, e)
}

func (p *oidcProvider) delete(t *testing.T, e *environment) {
	t.Helper()
	_, err := e.AWS().IAM.DeleteOpenIDConnectProvider(t.Context(),
		&iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &p.found.Arn})
	require.NoError(t, err)
}

// replace has the provider know another client ID.
func (p *oidcProvider) replace(t *testing.T, e *environment) {
	t.Helper()
	p.remove(t, e)
	p.create(t, e, "another.example.com")
}

func (p *oidcProvider) restore(t *testing.T, e *environment) {
	t.Helper()
	if len(e.inventory(t).OidcProviders) > 0 {
		p.delete(t, e)
	}
	p.create(t, e, p.found.ClientIDs...)
}

func (p *oidcProvider) create(t *testing.T, e *environment, clientIDs ...string) {
	t.Helper()
	input := &iam.CreateOpenIDConnectProviderInput{Url: &e.cluster(t, "dev-hub").Issuer, ClientIDList: clientIDs}
	for key, value := range p.found.Tags {
		input.Tags = append(input.Tags, iamtypes.Tag{Key: &key, Value: &value})
	}
	created, err := e.AWS().IAM.CreateOpenIDConnectProvider(t.Context(), input)
	require.NoError(t, err)
	require.Equal(t, p.found.Arn, *created.OpenIDConnectProviderArn)
}

// webhook is EKS's pod identity webhook, as the API server knows it.
type webhook struct {
	found *admissionregistrationv1.MutatingWebhookConfiguration
}

const webhookName = "pod-identity-webhook"

func (w *webhook) remove(t *testing.T, e *environment) {
	t.Helper()
	webhooks := e.client(t, "dev-hub").AdmissionregistrationV1().MutatingWebhookConfigurations()
	var err error
	w.found, err = webhooks.Get(t.Context(), webhookName, metav1.GetOptions{})
	require.NoError(t, err)
	require.NoError(t, webhooks.Delete(t.Context(), webhookName, metav1.DeleteOptions{}))
}

func (w *webhook) restore(t *testing.T, e *environment) {
	t.Helper()
	w.found.ResourceVersion = ""
	_, err := e.client(t, "dev-hub").AdmissionregistrationV1().MutatingWebhookConfigurations().
		Create(t.Context(), w.found, metav1.CreateOptions{})
	require.NoError(t, err)
}

// A pod that is made right after its account may come before the webhook has heard of that. It would never have its role, so
// it is followed by a fresh one.
func TestAPodThatTheWebhookMissedIsFollowedByAFreshOne(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	e.settings.Section("roles")["iam-role-test"].(map[string]any)["testPod"] = map[string]any{}
	require.NoError(t, e.stack.Write(e.settings))
	e.cluster(t, "dev-hub").MissPods(1)

	e.up(t)

	e.assertProven(t, 1)
	var statuses []string
	for _, pod := range e.inventory(t).Pods {
		assert.Equal(t, "dev-hub/default/iam-role-test-irsa-test-*", pod.String())
		statuses = append(statuses, pod.Status)
	}
	assert.Equal(t, []string{"failed", "succeeded"}, statuses)
	assert.Empty(t, changed(e.up(t)))
}

// The cause was outside the program, and nothing tells Pulumi that it is gone.
func TestAFailedProofIsAskedAgainThoughNothingChanged(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	e.settings.Section("roles")["iam-role-test"].(map[string]any)["testPod"] = map[string]any{"timeoutSeconds": proofTimeout}
	require.NoError(t, e.stack.Write(e.settings))
	e.Endpoint.Inject(aws.Swallow("sts", "AssumeRoleWithWebIdentity", 0))
	_, err := e.stack.Up(t.Context())
	require.ErrorContains(t, err, "\n5. THIS: STS cannot be reached.")
	e.Endpoint.ClearFaults()

	e.up(t)

	e.assertProven(t, 1)
	assert.Empty(t, changed(e.up(t)), "what is proven is not asked again")
}
