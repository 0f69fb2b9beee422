package tests

import (
	"maps"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
)

const (
	byPodIdentity     testpod.Mode = "podIdentity"
	deniedPodIdentity testpod.Mode = "podIdentityDenial"

	agent     = "http://169.254.170.23/v1/credentials"
	agentIPv6 = "http://[fd00:ec2::23]/v1/credentials"

	podSession = podIdentity + "/eks-hub-app-0a1b2c3d"

	agentSays     = "Error when retrieving credentials from container-role: Error retrieving metadata: "
	noAssociation = agentSays + "Received non 200 response 404 from container metadata: [x]: (ResourceNotFoundException): no " +
		"association"
	trustRefuses = agentSays + "Received non 200 response 400 from container metadata: [x]: (AccessDeniedException): EKS does not " +
		"have permissions to assume the associated role"
	noAgent    = agentSays + "Connect timeout on endpoint URL: \"" + agent + "\""
	agentFails = agentSays + "Received non 200 response 500 from container metadata: internal error"
)

// fakePodIdentityAWS answers as fakeAWS does. The agent says who a pod is, by IPv4 or IPv6, where the CLI has the agent's URI and
// a token for it.
const fakePodIdentityAWS = `#!/bin/sh
test "$AWS_MAX_ATTEMPTS" = 1 || exit 5
test -z "$IRSA_TOKEN_FILE" || test "$AWS_REGION:$AWS_DEFAULT_REGION" = eu-west-1:eu-west-1 || exit 8
token=file://$IRSA_TOKEN_FILE
case "$*, $AWS_CONTAINER_CREDENTIALS_FULL_URI" in
"sts get-caller-identity --query Arn --output text, ")
	test -e "$HOME/.aws/cli/cache" && exit 9
	answer=$WHOAMI ;;
"sts get-caller-identity --query Arn --output text, ` + agent + `") answer=$AGENT ;;
"sts get-caller-identity --query Arn --output text, ` + agentIPv6 + `") answer=$AGENT_IPV6 ;;
"sts assume-role-with-web-identity --role-arn $IRSA_ROLE_ARN --role-session-name irsa-denied --web-identity-token $token, ")
	answer=$CONTROL ;;
*) exit 7 ;;
esac
test -z "$AWS_CONTAINER_CREDENTIALS_FULL_URI" || test -s "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" || exit 6
case $answer in
arn:*) echo "$answer" ;;
hang) exec /usr/bin/sleep 60 ;;
*) echo "$answer" >&2; exit 1 ;;
esac
`

// podIdentityProof is the program in a pod that EKS gives the role by an association, whose agent answers so.
func podIdentityProof(t *testing.T, answer string, env map[string]string) podProgram {
	t.Helper()
	all := map[string]string{
		"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AGENT": answer,
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "<token>",
	}
	maps.Copy(all, env)
	return podProgram{
		mode: byPodIdentity, claims: claimsOf(podSubject), env: all, aws: fakePodIdentityAWS,
		before: readFile(t, "../components/testpod/pod_identity.sh"),
	}
}

func TestTestPodProvesItsRoleByPodIdentity(t *testing.T) {
	t.Parallel()
	log, code := podIdentityProof(t, podSession, nil).run(t)
	require.Equal(t, provenExit, code, log)
	proof, err := testpod.ReadLog(log)
	require.NoError(t, err)
	assert.Equal(t, testpod.Proof{Pod: "hub/default/app-irsa-test", Identity: podSession, Check: "none", Via: "podIdentity"}, proof)

	log, code = podIdentityProof(t, podSession, map[string]string{"IRSA_CHECK": "echo it works"}).run(t)
	require.Equal(t, provenExit, code, log)
	assert.Equal(t, "+ echo it works\nit works\n"+
		`{"pod":"hub/default/app-irsa-test","identity":"`+podSession+`","check":"passed","via":"podIdentity"}`+"\n", log)
}

func TestTestPodByPodIdentityStaysWithItsProof(t *testing.T) {
	t.Parallel()
	log, code := podIdentityProof(t, podSession, map[string]string{"IRSA_STAY": "true"}).run(t)
	assert.Equal(t, -1, code, "it was waiting when it was killed")
	_, err := testpod.ReadLog(log)
	assert.NoError(t, err)
}

func TestTestPodWithoutItsRoleByPodIdentitySaysWhy(t *testing.T) {
	t.Parallel()
	const (
		is       = "Pod hub/default/app-irsa-test is "
		nobody   = is + "nobody, it should be " + podIdentity + "\n"
		another  = "arn:aws:sts::111122223333:assumed-role/other/eks-hub-app"
		hasToken = "1. not: the pod has a token for EKS Pod Identity\n"
		noToken  = inOrder + "1. THIS: the pod has no token for EKS Pod Identity. Its service account had no association when " +
			"the pod was made, or it runs where there is none: on Fargate or Windows.\n"
		unreachable = inOrder + hasToken + "2. and 3. not known: the agent did not ask EKS\n4. THIS: the agent cannot be reached at " +
			agent + ". The add-on eks-pod-identity-agent must run on the pod's node; where there is a proxy, NO_PROXY must have " +
			"169.254.170.23 and [fd00:ec2::23].\n"
	)
	for _, test := range []struct {
		name, agent string
		env         map[string]string
		want        string
		exitCode    int
	}{
		{
			"no association when the pod was made", "",
			map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": ""},
			nobody + noToken, freshExit,
		},
		{
			"a token that is not there", "",
			map[string]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nonexistent"},
			nobody + noToken, freshExit,
		},
		{
			// The proof is one of Pod Identity: an annotation that gives the same role does not count.
			"the role by IRSA", "",
			map[string]string{
				"AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "WHOAMI": podSession,
				"AWS_ROLE_ARN": podRole, "AWS_WEB_IDENTITY_TOKEN_FILE": "<token>",
			},
			nobody + noToken, freshExit,
		},
		{
			"another role", another, nil,
			is + another + ", it should be " + podIdentity + "\n" + inOrder + hasToken + "2. THIS: the association of " + podSubject +
				" names another role than " + podRole + "\n", finalExit,
		},
		{
			"an association that is gone", noAssociation, nil,
			nobody + noAssociation + "\n" + inOrder + hasToken + "2. THIS: the association of " + podSubject +
				" is gone, or EKS does not know it yet\n", finalExit,
		},
		{
			"a trust policy that does not name it", trustRefuses, nil,
			nobody + trustRefuses + "\n" + inOrder + hasToken + "2. not: the association is there\n3. THIS: the trust policy of " +
				podRole + " does not let EKS Pod Identity in with sts:AssumeRole and sts:TagSession for this cluster, namespace and " +
				"service account, or the role is gone\n", finalExit,
		},
		{"no agent", noAgent, nil, nobody + noAgent + "\n" + unreachable, finalExit},
		{
			"an agent that does not answer", "hang",
			map[string]string{"IRSA_CALL_LIMIT": "1"},
			nobody + "no answer within 1 s\n" + unreachable, finalExit,
		},
		{
			"an agent that fails", agentFails, nil,
			nobody + agentFails + "\n" + inOrder + hasToken + "2. and 3. not known: the agent gave no credentials\n", finalExit,
		},
		{
			"a check that fails", podSession,
			map[string]string{"IRSA_CHECK": "echo no such bucket >&2; false"},
			is + podSession + ", as it should be, but its own check failed: echo no such bucket >&2; false\nno such bucket\n", finalExit,
		},
		{
			"a check that does not end", podSession,
			map[string]string{"IRSA_CHECK": "/usr/bin/sleep 60", "IRSA_LIMIT": "2"},
			is + podSession + ", as it should be, but its own check did not end in time: /usr/bin/sleep 60\n", finalExit,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			log, code := podIdentityProof(t, test.agent, test.env).run(t)
			assert.Equal(t, test.exitCode, code)
			assert.Equal(t, test.want, log)
			assert.Less(t, len(log), 2048, "the kubelet takes that much of a log for the termination message")
			assert.Less(t, time.Since(started), 20*time.Second)
			_, err := testpod.ReadLog(log)
			assert.ErrorContains(t, err, "the log holds no proof")
		})
	}
}

// podIdentityDenied is the negative test of a role that pods get by EKS Pod Identity, and by IRSA as well where both is set. The
// agent gives the answers by IPv4 and IPv6, and STS its own to the pod's token.
func podIdentityDenied(t *testing.T, whoami, answer, answerIPv6, sts string, both bool) podProgram {
	t.Helper()
	program := podProgram{
		mode: deniedPodIdentity, whoami: whoami, assume: sts, claims: claimsOf("system:serviceaccount:default:default"),
		aws: fakePodIdentityAWS, before: readFile(t, "../components/testpod/pod_identity.sh"),
		env: map[string]string{
			"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "IRSA_TOKEN_FILE": "<token>", "IRSA_AGENT_TOKEN_FILE": "<token>",
			"IRSA_AGENT_URIS": agent + " " + agentIPv6, "AGENT": answer, "AGENT_IPV6": answerIPv6,
		},
	}
	if !both {
		program.env["IRSA_PROVIDER_ARN"] = ""
	}
	return program
}

const (
	nodeRole   = "arn:aws:sts::111122223333:assumed-role/nodes/i-1"
	notToAsk   = "not to be asked"
	otherByEKS = "arn:aws:sts::111122223333:assumed-role/other/eks-hub-default"
)

func TestTestPodThatPodIdentityRefusesSaysSo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, whoami, agent, ipv6, sts string
		both                           bool
		identity, refusal              string
	}{
		{"an account without an association", noCredentials, noAssociation, notToAsk, notToAsk, false, "nobody", "ResourceNotFound"},
		{"an account that the role does not trust", noCredentials, trustRefuses, notToAsk, notToAsk, false, "nobody", "AccessDenied"},
		{"an account that has another role", noCredentials, otherByEKS, notToAsk, notToAsk, false, "nobody", "AnotherRole"},
		{"on a node with a role", nodeRole, noAssociation, notToAsk, notToAsk, false, nodeRole, "ResourceNotFound"},
		{
			"on a node with a role of a longer name", podIdentity + "s/1", noAssociation, notToAsk, notToAsk, false,
			podIdentity + "s/1", "ResourceNotFound",
		},
		{"by an agent that has IPv6 only", noCredentials, noAgent, noAssociation, notToAsk, false, "nobody", "ResourceNotFound"},
		{"by an agent that has IPv6 only, another role", noCredentials, noAgent, otherByEKS, notToAsk, false, "nobody", "AnotherRole"},
		{"by STS as well", noCredentials, noAssociation, notToAsk, accessDenied, true, "nobody", "ResourceNotFound"},
		{"by STS as well, another role by the agent", noCredentials, otherByEKS, notToAsk, accessDenied, true, "nobody", "AnotherRole"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log, code := podIdentityDenied(t, test.whoami, test.agent, test.ipv6, test.sts, test.both).run(t)
			require.Equal(t, provenExit, code, log)
			proof, err := testpod.ReadLog(log)
			require.NoError(t, err)
			assert.Equal(t, testpod.Proof{
				Pod: "hub/default/app-irsa-test", Identity: test.identity, Refusal: test.refusal, Via: "podIdentity",
			}, proof)
		})
	}
}

func TestTestPodThatGetsTheRoleByPodIdentityOrNoAnswerIsNoProof(t *testing.T) {
	t.Parallel()
	const (
		mustNot = "Pod hub/default/app-irsa-test must not be " + podIdentity + ", and "
		byEKS   = mustNot + "EKS Pod Identity made it that: " + podSubject + " has an association with " + podRole + "\n"
		refused = "Pod hub/default/app-irsa-test must be refused the role " + podRole + " by EKS Pod Identity, and was not:\n"
	)
	for _, test := range []struct {
		name, whoami, agent, ipv6, sts string
		both                           bool
		want                           string
	}{
		{"the agent gives the role", noCredentials, podSession, notToAsk, notToAsk, false, byEKS},
		{"the agent gives the role, beside IRSA", noCredentials, podSession, notToAsk, accessDenied, true, byEKS},
		{"the agent gives the role by IPv6", noCredentials, noAgent, podSession, notToAsk, false, byEKS},
		{
			"the node has the role", podIdentity + "/i-1", noAssociation, notToAsk, notToAsk, false,
			mustNot + "it is without asking for it: its node has that role\n",
		},
		{"there is no agent", noCredentials, noAgent, noAgent, accessDenied, true, refused + noAgent + "\n"},
		{"the agent fails", noCredentials, agentFails, agentFails, notToAsk, false, refused + agentFails + "\n"},
		{
			"STS gives the role", noCredentials, noAssociation, notToAsk, podIdentity + "/irsa-denied", true,
			mustNot + "STS made it that: the trust policy of " + podRole + " lets " + podSubject + " in\n",
		},
		{
			"STS refuses for another reason", noCredentials, noAssociation, notToAsk, noProvider, true,
			"Pod hub/default/app-irsa-test must be refused the role " + podRole + " with AccessDenied, and was not:\n" + noProvider + "\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log, code := podIdentityDenied(t, test.whoami, test.agent, test.ipv6, test.sts, test.both).run(t)
			assert.Equal(t, finalExit, code)
			assert.Equal(t, test.want, log)
		})
	}
}

// The images that test pods run in have shells such as dash, which knows no more than POSIX.
func TestTestPodProgramsAreOfThePOSIXShell(t *testing.T) {
	t.Parallel()
	program := readFile(t, "../components/testpod/pod_identity.sh") + readFile(t, "../components/testpod/test_pod.sh")
	for _, shell := range []string{"dash", "sh"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		output, err := exec.CommandContext(t.Context(), path, "-n", "-c", program).CombinedOutput() // #nosec G204 -- a shell
		require.NoError(t, err, "%s: %s", shell, output)
		assert.Empty(t, string(output), shell)
	}
}
