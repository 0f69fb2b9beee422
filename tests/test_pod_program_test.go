package tests

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
)

const (
	podIdentity = "arn:aws:sts::111122223333:assumed-role/app"
	podRole     = "arn:aws:iam::111122223333:role/app"
	podSubject  = "system:serviceaccount:default:app"

	accessDenied = "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized to " +
		"perform sts:AssumeRoleWithWebIdentity"
	noProvider = "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: No OpenIDConnect " +
		"provider found in your account for https://" + hubIssuer
	noCredentials = "Unable to locate credentials. You can configure credentials by running \"aws configure\"."
)

// claimsOf is the payload of a token as the API server writes it.
func claimsOf(subject string) string {
	return `{"aud":["sts.amazonaws.com"],"exp":1,"iss":"https://` + hubIssuer + `","kubernetes.io":{"namespace":"default",` +
		`"serviceaccount":{"name":"app","uid":"1"}},"sub":"` + subject + `"}`
}

// podProgram is a run of the test pods' program with an AWS CLI that gives the answers it is told to give.
type podProgram struct {
	mode testpod.Mode
	// token and review are a login's: what get-token says (an error unless it begins with k8s-aws-v1), and what curl gets for
	// the review and then for the path to read, as "status body".
	token, review, read string
	// whoami and assume are what the CLI says to get-caller-identity and assume-role-with-web-identity. What is no ARN is an
	// error.
	whoami, assume string
	claims         string
	env            map[string]string
	// realCurl has the machine's curl ask in the place of the one that answers as it is told.
	realCurl bool
}

// fakeAWS uses a session in its cache as the CLI does. A "hang" gives no answer for a minute.
const fakeAWS = `#!/bin/sh
test "$AWS_MAX_ATTEMPTS" = 1 || exit 5
case "$*" in
"sts get-caller-identity --query Arn --output text")
	test -e "$HOME/.aws/cli/cache" && exit 9
	answer=$WHOAMI ;;
"sts assume-role-with-web-identity --role-arn $IRSA_ROLE_ARN --role-session-name irsa-denied --web-identity-token file://$IRSA_TOKEN_FILE")
	test "$AWS_REGION" = eu-west-1 || exit 8
	answer=$CONTROL ;;
"eks get-token --cluster-name workloads --output json")
	test -z "$IRSA_ASSUME" || exit 6
	answer=$TOKEN ;;
"eks get-token --cluster-name workloads --output json --role-arn $IRSA_ASSUME") answer=$TOKEN ;;
*) exit 7 ;;
esac
case $answer in
arn:*) echo "$answer" ;;
hang) exec /usr/bin/sleep 60 ;;
k8s-aws-v1*) printf '{"kind": "ExecCredential", "status": {"expirationTimestamp": "x", "token": "%s"}}\n' "$answer" ;;
*) echo "$answer" >&2; exit 1 ;;
esac
`

// fakeCurl wants the token in a file that nobody else reads, and not among its arguments.
const fakeCurl = `#!/bin/sh
case "$*" in
*k8s-aws-v1*) exit 90 ;;
*"--request POST "*/apis/authentication.k8s.io/v1/selfsubjectreviews*) answer=$REVIEW; grep -q '"kind":"SelfSubjectReview"' "$HOME/body" || exit 91 ;;
*--data*) exit 92 ;;
*"--request GET "*https://api.example.com/api/v1/namespaces) answer=$READ_ANSWER ;;
*) exit 92 ;;
esac
grep -qx "Authorization: Bearer $TOKEN" "$HOME/header" && test "$(stat -c %a "$HOME/header")" = 600 || exit 93
grep -qx CERTIFICATE "$HOME/ca.crt" || exit 94
printf %s "${answer%% *}"
test "${answer%% *}" = 000 && { echo "could not connect" >&2; exit 7; }
printf %s "${answer#* }" > "$HOME/answer"
`

// The exit codes of the program, to which the Job's pod failure policy refers.
const (
	provenExit = 0
	finalExit  = 1
	freshExit  = 75
)

// run gives the program's log and its exit code.
func (p podProgram) run(t *testing.T) (log string, exitCode int) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o700)) // #nosec G306 -- programs
		return path
	}
	write("aws", fakeAWS)
	if !p.realCurl {
		write("curl", fakeCurl)
	}
	write("sleep", "#!/bin/sh\nkill $PPID\n")                                          // a pod that stays ends here
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".aws", "cli", "cache"), 0o700)) // an old session
	token := write("token", "e30."+base64.RawURLEncoding.EncodeToString([]byte(p.claims))+".c2ln")
	env := map[string]string{
		"PATH": dir + ":/usr/bin:/bin", "HOME": dir, "IRSA_POD": "hub/default/app-irsa-test", "IRSA_EXPECTED_ARN": podIdentity,
		"IRSA_ROLE_ARN": podRole, "IRSA_PROVIDER_ARN": hubProviderArn, "IRSA_SUBJECT": podSubject, "IRSA_WINDOW": "0", "IRSA_CALL_LIMIT": "5", "IRSA_LIMIT": "5", "IRSA_CHECK": "",
		"WHOAMI": p.whoami, "CONTROL": p.assume, "TOKEN": p.token, "REVIEW": p.review, "READ_ANSWER": p.read,
		"IRSA_LOGIN": "workloads", "IRSA_CLUSTER_NAME": "workloads", "IRSA_SERVER": "https://api.example.com", "IRSA_CA_DATA": "Q0VSVElGSUNBVEUK", "IRSA_READ": "",
	}
	if p.mode == testpod.Denial {
		env["IRSA_TOKEN_FILE"] = token
	} else {
		env["AWS_ROLE_ARN"], env["AWS_WEB_IDENTITY_TOKEN_FILE"] = podRole, token
	}
	for name, value := range p.env {
		env[name] = value
	}
	command := exec.CommandContext(t.Context(), "/bin/sh", "-c", readFile(t, "../components/testpod/test_pod.sh"), "test_pod.sh", string(p.mode))
	for name, value := range env {
		command.Env = append(command.Env, name+"="+value)
	}
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
	}
	_, err = os.Stat(filepath.Join(dir, "proven"))
	assert.Equal(t, env["IRSA_STAY"] != "", err == nil, "the probe's file is for a pod that stays")
	return string(output), command.ProcessState.ExitCode()
}

func TestATestPodThatHasItsRoleSaysSo(t *testing.T) {
	t.Parallel()
	const session = podIdentity + "/botocore-session-1"
	log, code := podProgram{mode: testpod.Identity, whoami: session, claims: claimsOf(podSubject)}.run(t)
	require.Equal(t, provenExit, code, log)
	proof, err := testpod.ReadLog(log)
	require.NoError(t, err)
	assert.Equal(t, testpod.Proof{Pod: "hub/default/app-irsa-test", Identity: session, Check: "none"}, proof)

	log, code = podProgram{
		mode: testpod.Identity, whoami: session, claims: claimsOf(podSubject), env: map[string]string{"IRSA_CHECK": "echo 'a \"b\"' | grep b && cd /tmp"},
	}.run(t)
	require.Equal(t, provenExit, code, log)
	assert.True(t, strings.HasPrefix(log, "+ echo 'a \"b\"' | grep b && cd /tmp\na \"b\"\n"), log)
	proof, err = testpod.ReadLog(log)
	require.NoError(t, err)
	assert.Equal(t, "passed", proof.Check)
}

// The home folder of a pod is small.
func TestATestPodKeepsTheEndOfWhatACheckPrints(t *testing.T) {
	t.Parallel()
	log, code := podProgram{
		mode: testpod.Identity, whoami: podIdentity + "/1", claims: claimsOf(podSubject),
		env: map[string]string{"IRSA_CHECK": "yes | head -c 1000000; echo the end"},
	}.run(t)
	require.Equal(t, provenExit, code)
	assert.Less(t, len(log), 1<<16+500)
	assert.Contains(t, log, "y\nthe end\n{\"pod\":")
}

func TestATestPodThatIsToStayDoesSoWithItsProof(t *testing.T) {
	t.Parallel()
	log, code := podProgram{
		mode: testpod.Identity, whoami: podIdentity + "/1", claims: claimsOf(podSubject), env: map[string]string{"IRSA_STAY": "true"},
	}.run(t)
	assert.Equal(t, -1, code, "it was waiting when it was killed")
	_, err := testpod.ReadLog(log)
	assert.NoError(t, err)
}

// A subnet without a way to STS, and a check that waits for something: neither holds an update up, and both are named.
func TestATestPodThatWaitsInVainSaysForWhat(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, whoami, check, want string }{
		{
			"for STS", "hang", "", "no answer within 1 s\n" + inOrder + isMutated + isAnnotated +
				"3. and 4. not known: STS did not judge the token\n5. THIS: STS cannot be reached. Without a way to the internet the " +
				"pod's subnet needs a VPC endpoint of STS (com.amazonaws.eu-west-1.sts), and security groups and network policies must " +
				"let the pod reach it.\n",
		},
		{
			"for its check", podIdentity + "/1", "/usr/bin/sleep 60 & /usr/bin/sleep 60",
			"as it should be, but its own check did not end in time: /usr/bin/sleep 60 & /usr/bin/sleep 60\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			log, code := podProgram{mode: testpod.Identity, whoami: test.whoami, claims: claimsOf(podSubject), env: map[string]string{
				"IRSA_CALL_LIMIT": "1", "IRSA_LIMIT": "2", "IRSA_CHECK": test.check, "AWS_REGION": "eu-west-1",
			}}.run(t)
			assert.Equal(t, finalExit, code)
			assert.True(t, strings.HasSuffix(log, test.want), log)
			assert.Less(t, time.Since(started), 10*time.Second)
		})
	}
}

// The parts of a test pod's explanation that come before the cause.
const (
	isMutated   = "1. not: the pod was mutated\n"
	isAnnotated = "2. not: account name and annotation are right\n"
	inOrder     = "Likely causes, in order:\n"
)

func TestATestPodWithoutItsRoleSaysWhy(t *testing.T) {
	t.Parallel()
	const (
		mutated  = isMutated
		account  = isAnnotated
		nobody   = "Pod hub/default/app-irsa-test is nobody, it should be " + podIdentity + "\n"
		nodeRole = "arn:aws:sts::111122223333:assumed-role/nodes/i-1"
	)
	cases := []struct {
		name, whoami, claims string
		env                  map[string]string
		want                 string
		exitCode             int
	}{
		{
			"not mutated", noCredentials, "",
			map[string]string{"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": ""},
			nobody + noCredentials + "\n" + inOrder + "1. THIS: the pod was not mutated. The EKS webhook found no role on its service " +
				"account when the pod was made, or did not run.\n",
			freshExit,
		},
		{
			"not mutated, on a node with a role", nodeRole, "",
			map[string]string{"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": ""},
			"Pod hub/default/app-irsa-test is " + nodeRole + ", it should be " + podIdentity + "\n" + inOrder + "1. THIS: the pod was " +
				"not mutated. The EKS webhook found no role on its service account when the pod was made, or did not run.\n",
			freshExit,
		},
		{
			"an association of EKS Pod Identity", "arn:aws:sts::111122223333:assumed-role/other/eks-hub-app", "",
			map[string]string{
				"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
			},
			"Pod hub/default/app-irsa-test is arn:aws:sts::111122223333:assumed-role/other/eks-hub-app, it should be " + podIdentity + "\n" +
				inOrder + "1. THIS: an EKS Pod Identity association of its service account wins over the annotation. Delete one of the two; " +
				"if this role made the association, set its identity to trustBoth first.\n",
			finalExit,
		},
		{
			"another role in the annotation", "arn:aws:sts::111122223333:assumed-role/apps/1", claimsOf(podSubject),
			map[string]string{"AWS_ROLE_ARN": podRole + "s"},
			"Pod hub/default/app-irsa-test is arn:aws:sts::111122223333:assumed-role/apps/1, it should be " + podIdentity + "\n" + inOrder +
				mutated + "2. THIS: the service account's annotation names another role, " + podRole + "s instead of " + podRole + "\n",
			freshExit,
		},
		{
			"another service account", accessDenied, claimsOf(podSubject + "s"), nil,
			nobody + accessDenied + "\n" + inOrder + mutated + "2. THIS: wrong account name, the pod runs as " + podSubject +
				"s and the role is for " + podSubject + "\n",
			finalExit,
		},
		{
			"a trust policy that does not name it", accessDenied, claimsOf(podSubject), nil,
			nobody + accessDenied + "\n" + inOrder + mutated + account + "3. THIS: the trust policy of " + podRole + " does not let it in, " +
				"or the role is gone. It must have the sub " + podSubject + ", the aud sts.amazonaws.com and the provider " + hubProviderArn +
				"\n4. not: the OIDC provider is there\n",
			finalExit,
		},
		{
			"no OIDC provider", noProvider, claimsOf(podSubject), nil,
			nobody + noProvider + "\n" + inOrder + mutated + account + "3. not known: without a provider STS does not look at the trust " +
				"policy\n4. THIS: the OIDC provider " + hubProviderArn + " is missing, lacks the client ID sts.amazonaws.com, or is not that " +
				"of the issuer https://" + hubIssuer + "\n",
			finalExit,
		},
		{
			"no way to STS", "Could not connect to the endpoint URL", claimsOf(podSubject), nil,
			nobody + "Could not connect to the endpoint URL\n" + inOrder + mutated + account +
				"3. and 4. not known: STS did not judge the token\n5. THIS: STS cannot be reached. Without a way to the internet the " +
				"pod's subnet needs a VPC endpoint of STS (com.amazonaws.<region>.sts), and security groups and network policies must " +
				"let the pod reach it.\n",
			finalExit,
		},
		{
			"an STS that fails", "An error occurred (InternalFailure) when calling", claimsOf(podSubject), nil,
			nobody + "An error occurred (InternalFailure) when calling\n" + inOrder + mutated + account +
				"3. and 4. not known: STS did not judge the token\n",
			finalExit,
		},
		{
			"a check that fails", podIdentity + "/1", claimsOf(podSubject),
			map[string]string{"IRSA_CHECK": "echo no such bucket >&2; false"},
			"Pod hub/default/app-irsa-test is " + podIdentity + "/1, as it should be, but its own check failed: echo no such bucket >&2; " +
				"false\nno such bucket\n",
			finalExit,
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log, code := podProgram{mode: testpod.Identity, whoami: test.whoami, claims: test.claims, env: test.env}.run(t)
			assert.Equal(t, test.exitCode, code)
			assert.Equal(t, test.want, log)
			assert.Less(t, len(log), 2048, "the kubelet takes that much of a log for the termination message")
			_, err := testpod.ReadLog(log)
			assert.ErrorContains(t, err, "the log holds no proof")
		})
	}
}

func TestAControlThatIsRefusedSaysSo(t *testing.T) {
	t.Parallel()
	const control = "system:serviceaccount:default:default"
	for whoami, identity := range map[string]string{
		noCredentials: "nobody", "arn:aws:sts::111122223333:assumed-role/nodes/i-1": "arn:aws:sts::111122223333:assumed-role/nodes/i-1",
		podIdentity + "s/1": podIdentity + "s/1",
	} {
		log, code := podProgram{mode: testpod.Denial, whoami: whoami, assume: accessDenied, claims: claimsOf(control)}.run(t)
		require.Equal(t, provenExit, code, log)
		proof, err := testpod.ReadLog(log)
		require.NoError(t, err)
		assert.Equal(t, testpod.Proof{Pod: "hub/default/app-irsa-test", Identity: identity, Refusal: "AccessDenied"}, proof)
	}
}

func TestAControlThatGetsTheRoleOrNoAnswerIsNoProof(t *testing.T) {
	t.Parallel()
	const must = "Pod hub/default/app-irsa-test must not be " + podIdentity + ", and "
	for _, test := range []struct{ name, whoami, assume, want string }{
		{
			"STS gives the role", noCredentials, podIdentity + "/irsa-denied",
			must + "STS made it that: the trust policy of " + podRole + " lets " + podSubject + " in\n",
		},
		{
			"the node has the role", podIdentity + "/i-1", accessDenied,
			must + "it is without asking for it: its node has that role\n",
		},
		{
			"STS refuses for another reason", noCredentials, noProvider,
			"Pod hub/default/app-irsa-test must be refused the role " + podRole + " with AccessDenied, and was not:\n" + noProvider + "\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log, code := podProgram{mode: testpod.Denial, whoami: test.whoami, assume: test.assume, claims: claimsOf(podSubject)}.run(t)
			assert.Equal(t, finalExit, code)
			assert.Equal(t, test.want, log)
		})
	}
}

// reviewOf is what an EKS cluster answers to a SelfSubjectReview.
func reviewOf(arn string) string {
	return `201 {"kind":"SelfSubjectReview","status":{"userInfo":{"username":"argocd","groups":["system:authenticated"],"extra":` +
		`{"accessKeyId":["AKIA"],"arn":["` + arn + `"],"canonicalArn":["x"]}}}}`
}

const loginToken = "k8s-aws-v1.aHR0cHM6Ly9zdHM"

func TestALoginThatTheClusterKnowsSaysSo(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]map[string]string{
		"with the own role":            {},
		"with a role that it assumes":  {"IRSA_ASSUME": "arn:aws:iam::111122223333:role/target"},
		"and reads what it is to read": {"IRSA_READ": "/api/v1/namespaces"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, code := podProgram{
				mode: testpod.Login, token: loginToken, review: reviewOf(podIdentity + "/1"), read: `200 {"items":[]}`, env: env,
			}.run(t)
			require.Equal(t, provenExit, code, log)
			assert.NotContains(t, log, loginToken)
			proof, err := testpod.ReadLog(log)
			require.NoError(t, err)
			assert.Equal(t, testpod.Proof{Pod: "hub/default/app-irsa-test", Identity: podIdentity + "/1", Login: "workloads"}, proof)
		})
	}
}

func TestALoginThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	const (
		cannot = "Pod hub/default/app-irsa-test cannot log in to cluster workloads at https://api.example.com as " + podIdentity + "\n"
		target = "arn:aws:iam::111122223333:role/target"
	)
	for _, test := range []struct {
		name, token, review, read string
		env                       map[string]string
		want                      string
	}{
		{
			"no token", accessDenied, "", "", nil, cannot + "It could not get a token, or not reach the cluster:\n" + accessDenied + "\n",
		},
		{
			"a role that does not let itself be assumed", accessDenied, "", "",
			map[string]string{"IRSA_ASSUME": target},
			cannot + "It could not get a token as " + target + ": that role must trust the pod's role, and the pod's role must be " +
				"allowed to assume it, or not reach the cluster:\n" + accessDenied + "\n",
		},
		{
			"no way to the cluster", loginToken, "000 ", "", nil,
			cannot + "It could not get a token, or not reach the cluster:\ncould not connect\n",
		},
		{
			"a cluster that does not know the role", loginToken, `401 {"kind":"Status"}`, "", nil,
			cannot + "The cluster answered 401: it does not know the role. Its access entry is missing or belongs to an older role of " +
				"this name, or aws-auth has no line for it; a line with the role's path does not match.\n",
		},
		{
			"a cluster that takes it for somebody else", loginToken, reviewOf("arn:aws:sts::111122223333:assumed-role/other/1"), "", nil,
			cannot + "The cluster says that it is arn:aws:sts::111122223333:assumed-role/other/1.\n",
		},
		{
			"access that does not reach far enough", loginToken, reviewOf(podIdentity + "/1"), `403 {"message":"namespaces is forbidden"}`,
			map[string]string{"IRSA_READ": "/api/v1/namespaces"},
			cannot + "The cluster let it in, but answered 403 to /api/v1/namespaces: the access policies or groups do not allow that.\n" +
				`{"message":"namespaces is forbidden"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log, code := podProgram{mode: testpod.Login, token: test.token, review: test.review, read: test.read, env: test.env}.run(t)
			assert.Equal(t, finalExit, code)
			assert.Equal(t, test.want, log)
		})
	}
}
