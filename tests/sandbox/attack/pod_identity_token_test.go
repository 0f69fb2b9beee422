//go:build unix

package attack_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// podWithRole is a pod of the hub whose service account is associated with a role that trusts it.
func podWithRole(t *testing.T) (as pod, role string) {
	t.Helper()
	as = newPod(t, sandbox.hub, payments(), "s3-backup")
	role = sandbox.home.newRole(t, trustPods(t, []*issuer{sandbox.hub}, exact(as.namespace, as.account)))
	sandbox.home.associated(t, as, role)
	return as, role
}

func TestPodIdentityTokens(t *testing.T) {
	t.Parallel()
	const podsAudience = iampolicy.PodIdentityAudience
	noPodAudience := invalidPodToken("The audience of the token is not pods.eks.amazonaws.com")
	noPod := invalidPodToken("The pod that the token is bound to does not exist")
	noAccount := invalidPodToken("The service account that the token names does not exist")
	otherCluster := invalidPodToken("The token is not one of the cluster hub")
	asPod := func(want refusal) refusal { return invalidPodToken(want.message) }
	forging := func(changes ...change) func(*testing.T, pod) string {
		return func(t *testing.T, as pod) string { t.Helper(); return as.forged(t, changes...) }
	}
	audiences := func(names ...string) func(*testing.T, pod) string {
		return func(t *testing.T, as pod) string { t.Helper(); return as.tokenFor(t, names) }
	}
	embedded := func(_ *testing.T, f *forgery) {
		f.header["jwk"] = jose.JSONWebKey{Key: attackersKey().Public(), KeyID: f.header["kid"].(string)}
	}
	said := func(source func(*testing.T, pod) string, old, with string) func(*testing.T, pod) string {
		return func(t *testing.T, as pod) string {
			t.Helper()
			return saying(text(source(t, as)), constant(old), constant(with))(t)
		}
	}
	genuine := func(t *testing.T, as pod) string { t.Helper(); return as.token(t) }
	parts := func(change func(parts []string)) func(*testing.T, pod) string {
		return func(t *testing.T, as pod) string { t.Helper(); return tampered(text(as.token(t)), change)(t) }
	}
	for _, test := range []struct {
		name  string
		token func(t *testing.T, as pod) string
		want  refusal
	}{
		{"the pod's token", genuine, refusal{}},
		{"a forgery with which nothing is wrong, made with the cluster's own key", forging(), refusal{}},
		{"a token of several audiences", audiences("vault", podsAudience), refusal{}},
		{"a second token of the pod", func(t *testing.T, as pod) string {
			t.Helper()
			require.NoError(t, as.ask(t.Context(), as.token(t)))
			return as.token(t)
		}, refusal{}},

		{"a token for STS, as IRSA has it", audiences(audience), noPodAudience},
		{"a token for the Kubernetes API, which every pod has", audiences(), noPodAudience},
		{"a token for somebody else", audiences("vault"), noPodAudience},
		{"the audience in upper case", audiences("PODS.EKS.AMAZONAWS.COM"), noPodAudience},
		{"an audience that begins like it", audiences("pods.eks.amazonaws.com.cn"), noPodAudience},
		{"* for an audience", forging(claim("aud", "*")), noPodAudience},
		{"no audience", forging(without("aud")), noPodAudience},

		{"an expired token", forging(at("iat", -2*time.Minute), at("exp", -time.Second)), refusal{"ExpiredTokenException", "Token expired"}},
		{"a token that is not valid yet", forging(at("nbf", time.Minute)), asPod(notValidated)},
		{"a token that is not issued yet", forging(at("iat", time.Minute)), asPod(notValidated)},
		{"a token that never expires", forging(without("exp")), asPod(missing("exp"))},

		{"a changed namespace with the old signature", func(t *testing.T, as pod) string {
			t.Helper()
			other := newPod(t, as.of, payments(), as.account)
			return said(func(t *testing.T, _ pod) string { t.Helper(); return other.token(t) }, other.namespace, as.namespace)(t, as)
		}, asPod(notValidated)},
		{"a changed service account with the old signature", func(t *testing.T, as pod) string {
			t.Helper()
			other := newPod(t, as.of, as.namespace, "frontend")
			return said(func(t *testing.T, _ pod) string { t.Helper(); return other.token(t) }, "frontend", as.account)(t, as)
		}, asPod(notValidated)},
		{"a changed audience with the old signature", said(audiences("vault"), `"vault"`, `"`+podsAudience+`"`), asPod(notValidated)},
		{"another pod's signature", func(t *testing.T, as pod) string {
			t.Helper()
			other := strings.Split(newPod(t, as.of, as.namespace, "frontend").token(t), ".")
			return parts(func(parts []string) { parts[2] = other[2] })(t, as)
		}, asPod(notValidated)},
		{"no signature", parts(func(parts []string) { parts[2] = "" }), asPod(notValidated)},
		{"the algorithm none", parts(func(parts []string) { parts[0], parts[2] = encode(`{"alg":"none"}`), "" }), asPod(notValidated)},
		{"HS256 with the public key in PEM as the secret", forging(withPublicKey), asPod(notValidated)},
		{"PS256 with the right key, which is published for RS256", forging(signed(jose.PS256)), asPod(notValidated)},
		{"an unknown key ID", forging(header("kid", "attacker")), asPod(noKey)},
		{"an empty key ID", forging(header("kid", "")), asPod(noKey)},
		{"a key in the header, under the right key ID", forging(signedByAttacker(embedded)), asPod(notValidated)},
		{"the other cluster's key under the right key ID", forging(signedBySpoke(hubKeyID)), asPod(notValidated)},
		{"the other cluster's key under its own ID", forging(signedBySpoke(spokeKeyID)), asPod(noKey)},
		{"claims that are a list", forging(rewritten(func(claims string) string { return "[" + claims + "]" })), asPod(noJWT)},
		{"two subjects, the trusted one last", forging(firstOf("system:serviceaccount:billing:evil")), asPod(noJWT)},
		{"a password", func(*testing.T, pod) string { return "correct horse battery staple" }, asPod(noJWT)},

		{"the other cluster's token for the same names", func(t *testing.T, as pod) string {
			t.Helper()
			return newPod(t, sandbox.spoke, as.namespace, as.account).token(t)
		}, otherCluster},
		{"the other cluster's issuer with this cluster's key", forging(func(_ *testing.T, f *forgery) {
			f.claims["iss"] = sandbox.spoke.Issuer
		}), otherCluster},
		{"an issuer that there is not", forging(claim("iss", "https://attacker.example")), otherCluster},
		{"no issuer", forging(without("iss")), asPod(missing("iss"))},

		{"a token without the claims of Kubernetes", forging(without("kubernetes.io")), invalidPodToken("The token has no claim kubernetes.io")},
		{"a token that is bound to no pod, as IRSA takes it", func(t *testing.T, as pod) string {
			t.Helper()
			return as.of.issue(t, as.namespace, as.account, []string{podsAudience})
		}, invalidPodToken("The token is not bound to a pod")},
		{"a token that names no service account", forging(boundTo("serviceaccount", nil)), invalidPodToken("The token names no service account")},
		{
			"a token whose subject is another than its service account", forging(subject("frontend")),
			invalidPodToken("The subject of the token is not its service account"),
		},
		{"the names of the trusted account around the pod of another", func(t *testing.T, as pod) string {
			t.Helper()
			other := newPod(t, as.of, as.namespace, "frontend")
			return as.forged(t, boundTo("pod", map[string]any{"name": other.name, "uid": other.uid}))
		}, noPod},
		{"a pod of another namespace", func(t *testing.T, as pod) string {
			t.Helper()
			other := newPod(t, as.of, payments(), as.account)
			return as.forged(t, boundTo("pod", map[string]any{"name": other.name, "uid": other.uid}))
		}, noPod},
		{"the trusted namespace in upper case", func(t *testing.T, as pod) string {
			t.Helper()
			as.namespace = strings.ToUpper(as.namespace)
			return as.forged(t)
		}, noPod},
		{"a pod that was deleted", func(t *testing.T, as pod) string {
			t.Helper()
			token := as.token(t)
			as.delete(t)
			return token
		}, noPod},
		{"a pod that was made again under its name", func(t *testing.T, as pod) string {
			t.Helper()
			token := as.token(t)
			as.delete(t)
			newPodNamed(t, as.of, as.namespace, as.account, as.name)
			return token
		}, noPod},
		{"a pod whose name was given to another service account", func(t *testing.T, as pod) string {
			t.Helper()
			token := as.token(t)
			as.delete(t)
			newPodNamed(t, as.of, as.namespace, "frontend", as.name)
			return token
		}, noPod},
		{"a pod whose service account was deleted", func(t *testing.T, as pod) string {
			t.Helper()
			token := as.token(t)
			as.deleteAccount(t)
			return token
		}, noAccount},
		{"a pod whose service account was made again", func(t *testing.T, as pod) string {
			t.Helper()
			token := as.token(t)
			as.deleteAccount(t)
			as.of.ensureAccount(t, as.namespace, as.account)
			return token
		}, noAccount},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			as, _ := podWithRole(t)
			judge(t, test.want, func() error { return as.ask(t.Context(), test.token(t, as)) })
		})
	}
}

// A token of the one way in is of no use at the other.
func TestTokensAtTheOtherDoor(t *testing.T) {
	t.Parallel()
	podsToken := func(t *testing.T) string { t.Helper(); return newPod(t, sandbox.hub, "payments", "s3-backup").token(t) }
	runExchanges(t, []exchange{
		{name: "a pod's token for STS, at STS", token: func(t *testing.T) string {
			t.Helper()
			return newPod(t, sandbox.hub, "payments", "s3-backup").token(t, audience)
		}},
		{name: "a token of EKS Pod Identity at STS", token: podsToken, want: wrongAudience},
		{
			name:  "at STS, where the provider takes its audience and the trust policy does not",
			token: podsToken,
			role: func(t *testing.T) string {
				t.Helper()
				in := newAccount(t).registered(t, sandbox.hub, audience, iampolicy.PodIdentityAudience)
				return in.newRole(t, in.trust(t))
			},
			want: notAuthorized,
		},
		{
			name: "a token for STS, for a role that trusts EKS Pod Identity alone",
			role: func(t *testing.T) string {
				t.Helper()
				return sandbox.home.newRole(t, trustPods(t, []*issuer{sandbox.hub}, backup))
			},
			want: notAuthorized,
		},
	})
}

// EKS Auth is for the nodes of the cluster's account.
func TestWhoAsksEKSAuth(t *testing.T) {
	t.Parallel()
	const action = "eks-auth:AssumeRoleForPodIdentity"
	denied := refusal{"AccessDeniedException", byNone(action).message}
	may := func(t *testing.T, statements ...iampolicy.Statement) aws.CredentialsProvider {
		t.Helper()
		as := newWorkload(t)
		if len(statements) > 0 {
			as.put(t, statements...)
		}
		return as.credentials()
	}
	abroad := func(t *testing.T) aws.CredentialsProvider { t.Helper(); return newAccount(t).config.Credentials }
	for _, test := range []struct {
		name   string
		who    func(t *testing.T, as pod, role string) aws.CredentialsProvider
		region string // of the cluster unless there is one
		want   refusal
	}{
		{"a node of the cluster", func(_ *testing.T, as pod, _ string) aws.CredentialsProvider { return nodeOf(as.of) }, "", refusal{}},
		{"a role with the permission for the cluster", func(t *testing.T, as pod, _ string) aws.CredentialsProvider {
			t.Helper()
			return may(t, allow(action, as.of.clusterArn()))
		}, "", refusal{}},
		{"a role without a permission", func(t *testing.T, _ pod, _ string) aws.CredentialsProvider { t.Helper(); return may(t) }, "", denied},
		{"a role with the permission for another cluster", func(t *testing.T, _ pod, _ string) aws.CredentialsProvider {
			t.Helper()
			return may(t, allow(action, sandbox.spoke.clusterArn()))
		}, "", denied},
		{"a role with all permissions of EKS, which is another service", func(t *testing.T, _ pod, _ string) aws.CredentialsProvider {
			t.Helper()
			return may(t, allow("eks:*", "*"), allow("sts:*", "*"))
		}, "", denied},
		{"a role that is denied it", func(t *testing.T, _ pod, _ string) aws.CredentialsProvider {
			t.Helper()
			return may(t, allow("*", "*"), deny("eks-auth:*", "*"))
		}, "", refusal{"AccessDeniedException", byDeny.message}},
		{"the pod itself, with the role that it has", func(t *testing.T, as pod, role string) aws.CredentialsProvider {
			t.Helper()
			return as.session(t, role).credentials()
		}, "", denied},
		{"the administrator of another account", func(t *testing.T, _ pod, _ string) aws.CredentialsProvider { t.Helper(); return abroad(t) }, "", noCluster},
		{"a node in another region", func(_ *testing.T, as pod, _ string) aws.CredentialsProvider { return nodeOf(as.of) }, "ap-south-1", noCluster},
		{"a node with a secret that is not its own", func(t *testing.T, as pod, _ string) aws.CredentialsProvider {
			t.Helper()
			return altered(t, as, func(c *aws.Credentials) { c.SecretAccessKey += "x" })
		}, "", refusal{"InvalidSignatureException", "does not match the signature you provided"}},
		{"a node without its session token", func(t *testing.T, as pod, _ string) aws.CredentialsProvider {
			t.Helper()
			return altered(t, as, func(c *aws.Credentials) { c.SessionToken = "" })
		}, "", refusal{"UnrecognizedClientException", "The security token included in the request is invalid"}},
		{"an access key that there is not", func(t *testing.T, as pod, _ string) aws.CredentialsProvider {
			t.Helper()
			return altered(t, as, func(c *aws.Credentials) { c.AccessKeyID = "ASIAIOSFODNN7EXAMPLE" })
		}, "", refusal{"UnrecognizedClientException", "The security token included in the request is invalid"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			as, role := podWithRole(t)
			in := as.of.Region
			if test.region != "" {
				in = test.region
			}
			who, token := test.who(t, as, role), as.token(t)
			judge(t, test.want, func() error {
				_, err := askAs(t.Context(), who, in, as.of.Name, token)
				return err
			})
		})
	}
	t.Run("a node for a cluster that there is not", func(t *testing.T) {
		t.Parallel()
		as, _ := podWithRole(t)
		judge(t, noCluster, func() error {
			_, err := askAs(t.Context(), nodeOf(as.of), region, "hub-9", as.token(t))
			return err
		})
	})
	t.Run("a token of one cluster in the name of another", func(t *testing.T) {
		t.Parallel()
		as, _ := podWithRole(t)
		judge(t, invalidPodToken("The token is not one of the cluster spoke"), func() error {
			_, err := askAs(t.Context(), nodeOf(sandbox.spoke), region, "spoke", as.token(t))
			return err
		})
	})
}

// altered are the credentials of a node with a change.
func altered(t *testing.T, as pod, change func(*aws.Credentials)) aws.CredentialsProvider {
	t.Helper()
	keys, err := nodeOf(as.of)(t.Context())
	require.NoError(t, err)
	change(&keys)
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil })
}

// The agent keeps what it has given out, for the pod that it was given to and for no one else.
func TestTheAgentOfANode(t *testing.T) {
	t.Parallel()
	bad := func(says string) refusal { return refusal{"400 Bad Request", "Service account token " + says} }
	forging := func(changes ...change) func(*testing.T, pod) string {
		return func(t *testing.T, as pod) string { t.Helper(); return as.forged(t, changes...) }
	}
	disassociated := func(t *testing.T, as pod, id string) {
		t.Helper()
		sandbox.home.disassociate(t, as, id)
	}
	genuine := func(t *testing.T, as pod) string { t.Helper(); return as.token(t) }
	for _, test := range []struct {
		name string
		// known: the pod has its credentials from the agent before.
		known   bool
		token   func(t *testing.T, as pod) string
		meddle  func(t *testing.T, as pod, id string)
		restart bool
		request func(*http.Request)
		want    refusal
	}{
		{name: "a pod's token", token: genuine},
		{name: "another token of a pod that it knows", known: true, token: genuine},
		{name: "a pod that outlives its association, while the agent remembers", known: true, token: genuine, meddle: disassociated},
		{name: "a pod that outlives its association, once the agent is restarted", known: true, token: genuine, meddle: disassociated, restart: true, want: noAssociation},
		{name: "a pod that the agent does not know, without an association", token: genuine, meddle: disassociated, want: noAssociation},
		{name: "a new pod of an account whose association is gone", known: true, token: func(t *testing.T, as pod) string {
			t.Helper()
			return newPod(t, as.of, as.namespace, as.account).token(t)
		}, meddle: disassociated, want: noAssociation},
		{
			name: "a known pod in a token that an attacker signed", known: true,
			token: forging(signedByAttacker(func(*testing.T, *forgery) {})), want: invalidPodToken(notValidated.message),
		},
		{
			name: "a known pod in a token of the other cluster's key", known: true, token: forging(signedBySpoke(spokeKeyID)),
			want: invalidPodToken(noKey.message),
		},
		{
			name: "a known pod in its token for STS", known: true,
			token: func(t *testing.T, as pod) string { t.Helper(); return as.token(t, audience) },
			want:  invalidPodToken("The audience of the token is not"),
		},
		{
			name: "a known pod in its token for the Kubernetes API", known: true,
			token: func(t *testing.T, as pod) string { t.Helper(); return as.tokenFor(t, nil) },
			want:  invalidPodToken("The audience of the token is not"),
		},
		{
			name: "a token of IRSA, which names no pod",
			token: func(t *testing.T, as pod) string {
				t.Helper()
				return as.of.issue(t, as.namespace, as.account, []string{audience})
			},
			want: refusal{"500 Internal Server Error", "failed to get pod uid from service account token"},
		},
		{name: "another pod's token after a known pod", known: true, token: func(t *testing.T, as pod) string {
			t.Helper()
			return newPod(t, as.of, as.namespace, "frontend").token(t)
		}, want: noAssociation},
		{name: "the other cluster's pod of the same names", known: true, token: func(t *testing.T, as pod) string {
			t.Helper()
			return newPod(t, sandbox.spoke, as.namespace, as.account).token(t)
		}, want: invalidPodToken("The token is not one of the cluster hub")},
		{name: "a known pod in an expired token", known: true, token: forging(at("exp", -time.Second)), want: bad("failed basic claim validations")},
		{name: "a known pod in a token of tomorrow", known: true, token: forging(at("nbf", time.Hour)), want: bad("failed basic claim validations")},
		{name: "no token", known: true, token: func(*testing.T, pod) string { return "" }, want: bad("cannot be empty")},
		{
			name: "the UID of a known pod for a token", known: true, token: func(_ *testing.T, as pod) string { return as.uid },
			want: bad("cannot be parsed"),
		},
		{
			name: "a site in a browser that calls the agent by a name of its own", known: true, token: genuine,
			request: func(r *http.Request) { r.Host = "rebound.attacker.example" },
			want:    refusal{"403 Forbidden", "Called agent through invalid address"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			as := newPod(t, sandbox.hub, payments(), "s3-backup")
			id := sandbox.home.associated(t, as, sandbox.home.newRole(t, trustPods(t, []*issuer{sandbox.hub}, exact(as.namespace, as.account))))
			of := newAgent(t)
			var before string
			if test.known {
				var err error
				before, err = getFrom(t, of, as.token(t))
				require.NoError(t, err)
			}
			if test.meddle != nil {
				test.meddle(t, as, id)
			}
			if test.restart {
				of.Restart()
			}
			judge(t, test.want, func() error {
				var changes []func(*http.Request)
				if test.request != nil {
					changes = append(changes, test.request)
				}
				key, err := getFrom(t, of, test.token(t, as), changes...)
				if err == nil && test.known {
					assert.Equal(t, before, key, "it keeps them")
				}
				return err
			})
		})
	}
	t.Run("a pod that outlives its association, at EKS Auth itself", func(t *testing.T) {
		t.Parallel()
		as := newPod(t, sandbox.hub, payments(), "s3-backup")
		id := sandbox.home.associated(t, as, sandbox.home.newRole(t, trustPods(t, []*issuer{sandbox.hub}, exact(as.namespace, as.account))))
		require.NoError(t, as.ask(t.Context(), as.token(t)), "before")
		disassociated(t, as, id)
		judge(t, noAssociation, func() error { return as.ask(t.Context(), as.token(t)) })
	})
}

// A session of a pod lives on when its association goes, and ends with its role, as any session.
func TestSessionsOfPods(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		meddle func(t *testing.T, as pod, id, role string)
		want   refusal
	}{
		{"a session whose association is gone", func(t *testing.T, as pod, id, _ string) {
			t.Helper()
			sandbox.home.disassociate(t, as, id)
		}, refusal{}},
		{"a session whose pod is gone", func(t *testing.T, as pod, _, _ string) { t.Helper(); as.delete(t) }, refusal{}},
		{"a session whose role is gone", func(t *testing.T, _ pod, _, role string) {
			t.Helper()
			sandbox.home.deleteRole(t, role)
		}, refusal{"InvalidClientTokenId", "The security token included in the request is invalid"}},
		{"a session whose role was made again", func(t *testing.T, as pod, _, role string) {
			t.Helper()
			sandbox.home.remade(t, role, trustPods(t, []*issuer{sandbox.hub}, exact(as.namespace, as.account)))
		}, refusal{"InvalidClientTokenId", "The security token included in the request is invalid"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			as := newPod(t, sandbox.hub, payments(), "s3-backup")
			role := sandbox.home.newRole(t, trustPods(t, []*issuer{sandbox.hub}, exact(as.namespace, as.account)))
			id := sandbox.home.associated(t, as, role)
			session := as.session(t, role)
			test.meddle(t, as, id, role)
			judge(t, test.want, func() error {
				_, err := session.sts().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
				return err
			})
		})
	}
}
