package tests

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// proven is a role that its pods get on the way, with the proofs of it.
func proven(t *testing.T, identity components.IdentityType, pod components.TestPodArgs) *recorder {
	t.Helper()
	r := withAgents()
	irsaRole.on(t, r, func(args *components.IrsaRoleArgs) {
		args.Identity, args.TestPod = identity, &pod
		args.Clusters[0].Arn = pulumi.String(hubArn)
		if identity == components.IdentityPodIdentity {
			args.Clusters[0].OidcProviderArn = nil
		}
	})
	return r
}

func TestIrsaRoleTestPodByPodIdentityIsThisJob(t *testing.T) {
	t.Parallel()
	programs := readFile(t, "../components/testpod/pod_identity.sh") + readFile(t, "../components/testpod/test_pod.sh")
	program := strings.TrimSuffix(jsonOf(t, programs), "\n")
	for _, test := range []struct {
		name, typ, pod, file string
		identity             components.IdentityType
		args                 components.TestPodArgs
	}{
		{
			"by default", jobType, "app-irsa-test", "pod-identity-test-pod.json", components.IdentityPodIdentity,
			components.TestPodArgs{},
		},
		{
			"and its negative test", jobType, "app-irsa-denied", "pod-identity-denial-pod.json", components.IdentityPodIdentity,
			components.TestPodArgs{NegativeTest: true},
		},
		{
			"and its negative test beside IRSA", jobType, "app-irsa-denied", "both-ways-denial-pod.json", components.IdentityBoth,
			components.TestPodArgs{NegativeTest: true},
		},
		{
			"and the pod that stays", podType, "app-irsa-shell", "pod-identity-running-pod.json", components.IdentityPodIdentity,
			components.TestPodArgs{KeepRunning: true, PodSettings: everySetting},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := proven(t, test.identity, test.args).one(t, test.typ, "app/hub/default/"+test.pod).json(t)
			require.Equal(t, 1, strings.Count(got, program))
			got = strings.Replace(got, program, `"components/testpod/pod_identity.sh and test_pod.sh"`, 1)
			assert.JSONEq(t, golden(t, test.file, got), got)
		})
	}
}

// A proof takes the way that the pods of the role's accounts take, and where there is no association the pods are those of IRSA,
// to the letter: another pod would be another Job.
func TestIrsaRoleTestPodTakesTheWayThatPodsTake(t *testing.T) {
	t.Parallel()
	all := components.TestPodArgs{NegativeTest: true, KeepRunning: true}
	proofs := map[string]string{
		"app/hub/default/app-irsa-test": "identity", "app/hub/default/app-irsa-denied": "denial",
		"app/hub/default/app-irsa-shell": "identity",
	}
	podIdentityModes := map[string]string{"identity": "podIdentity", "denial": "podIdentityDenial"}
	irsa := proven(t, components.IdentityIRSA, all)
	for _, identity := range identityTypes {
		r := proven(t, identity, all)
		for _, added := range append(r.ofType(jobType), r.ofType(podType)...) {
			command := container(added)["command"].ArrayValue()
			mode, association := proofs[added.Name], "PodIdentityAssociation/app/hub/default/app"
			if identity == components.IdentityIRSA || identity == components.IdentityTrustBoth {
				want := container(irsa.one(t, added.TypeToken, added.Name))["command"].ArrayValue()
				assert.Equal(t, want, command, "%s of %s", added.Name, identity)
				assert.NotContains(t, added.dependencies(), association)
				assert.Equal(t, mode, command[len(command)-1].StringValue())
				continue
			}
			assert.Equal(t, podIdentityModes[mode], command[len(command)-1].StringValue(), "%s of %s", added.Name, identity)
			assert.Equal(t, strings.HasSuffix(added.Name, "-irsa-test"), slices.Contains(added.dependencies(), association),
				"the proof waits for the association, and the other pods for the proof: %s", added.Name)
		}
	}
}

// Without IRSA STS has nothing to refuse; with it the negative test asks both ways.
func TestIrsaRoleTestPodAsksSTSAsLongAsTheRoleTrustsAnOIDCProvider(t *testing.T) {
	t.Parallel()
	for identity, want := range map[components.IdentityType]string{
		components.IdentityTrustBoth: hubProviderArn, components.IdentityBoth: hubProviderArn, components.IdentityPodIdentity: "",
	} {
		r := proven(t, identity, components.TestPodArgs{NegativeTest: true})
		env := wholeEnvOf(r.one(t, jobType, "app/hub/default/app-irsa-denied"))
		assert.Contains(t, env, "IRSA_PROVIDER_ARN")
		assert.Equal(t, want, env["IRSA_PROVIDER_ARN"], identity)
		_, asksAgent := env["IRSA_AGENT_URIS"]
		assert.Equal(t, identity != components.IdentityTrustBoth, asksAgent, "no association, no agent")
	}
}

func TestIrsaRoleTestPodIsReplacedWhenTheRoleIsHadOnAnotherWay(t *testing.T) {
	t.Parallel()
	fingerprints := map[string]components.IdentityType{}
	for _, identity := range identityTypes {
		fingerprint := proven(t, identity, components.TestPodArgs{}).podEnv(t, "IRSA_ROLE_FINGERPRINT")
		if identity == components.IdentityBoth {
			assert.Equal(t, components.IdentityTrustBoth, fingerprints[fingerprint], "the trust is the same, and the program is another")
			continue
		}
		assert.NotContains(t, fingerprints, fingerprint)
		fingerprints[fingerprint] = identity
	}
}
