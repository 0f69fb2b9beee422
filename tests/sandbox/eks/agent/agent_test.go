package agent_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks/agent"
)

// Making a key takes long, and two are enough.
var (
	clusterKey = sync.OnceValue(newKey)
	otherKey   = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// node is an agent, with the EKS Auth that it asks.
type node struct {
	*agent.Agent
	installed atomic.Bool
	// asked are the calls of EKS Auth so far.
	asked atomic.Int32
	// answer is what EKS Auth says next; nil is a session.
	answer atomic.Pointer[agent.Error]
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{}
	n.installed.Store(true)
	auth := httptest.NewServer(http.HandlerFunc(n.eksAuth))
	t.Cleanup(auth.Close)
	var err error
	n.Agent, err = agent.Start(t.Context(), agent.Options{
		Cluster: "hub", Endpoint: auth.URL, Region: "eu-west-1", Installed: n.installed.Load,
		Credentials: func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ASIANODE", SecretAccessKey: "s", SessionToken: "t"}, nil
		},
		Keys: func(context.Context) ([]byte, error) {
			return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: clusterKey().Public(), KeyID: "k1", Algorithm: "RS256"}}})
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, n.Stop()) })
	return n
}

// eksAuth gives each call another session.
func (n *node) eksAuth(w http.ResponseWriter, r *http.Request) {
	calls := n.asked.Add(1)
	w.Header().Set("X-Amzn-Requestid", "id-1")
	if refusal := n.answer.Load(); refusal != nil {
		w.Header().Set("X-Amzn-Errortype", refusal.Code)
		w.WriteHeader(refusal.Status)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": refusal.Message})
		return
	}
	var given struct{ Token string }
	signed := r.Header.Get("Authorization")
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil || r.URL.Path != "/clusters/hub/assume-role-for-pod-identity" ||
		!strings.Contains(signed, "Credential=ASIANODE/") || !strings.Contains(signed, "/eu-west-1/eks-auth/aws4_request") {
		http.Error(w, "not a call of the agent", http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"podIdentityAssociation": map[string]string{"associationId": "a-1"},
		"assumedRoleUser":        map[string]string{"arn": "arn:aws:sts::123456789012:assumed-role/x/y"},
		"credentials": map[string]any{
			"accessKeyId": "ASIA" + strings.Repeat("I", int(calls)), "secretAccessKey": "secret", "sessionToken": "session",
			"expiration": time.Now().Add(6 * time.Hour).Unix(),
		},
	})
}

// get asks the agent as an SDK does.
func (n *node) get(t *testing.T, token, host string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL(), nil)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	if host != "" {
		request.Host = host
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	content, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode, strings.TrimSpace(string(content))
}

// key asks for credentials and returns the ID of their key.
func (n *node) key(t *testing.T, token string) string {
	t.Helper()
	status, body := n.get(t, token, "")
	require.Equal(t, http.StatusOK, status, body)
	var given map[string]string
	require.NoError(t, json.Unmarshal([]byte(body), &given))
	return given["AccessKeyId"]
}

func claims(change func(map[string]any)) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": "https://issuer", "sub": "system:serviceaccount:default:app", "aud": []string{"pods.eks.amazonaws.com"},
		"iat": now, "nbf": now, "exp": now + 600, "kubernetes.io": map[string]any{
			"namespace": "default", "pod": map[string]string{"name": "app-1", "uid": "uid-1"},
			"serviceaccount": map[string]string{"name": "app", "uid": "uid-2"},
		},
	}
	if change != nil {
		change(claims)
	}
	return claims
}

func sign(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k1"))
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	token, err := signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

func with(name string, value any) func(map[string]any) {
	return func(claims map[string]any) { claims[name] = value }
}

func TestTheAgentGivesCredentialsForAToken(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/v1/credentials$`, n.URL())

	status, body := n.get(t, sign(t, clusterKey(), claims(nil)), "")

	require.Equal(t, http.StatusOK, status, body)
	var given map[string]string
	require.NoError(t, json.Unmarshal([]byte(body), &given))
	expires, err := time.Parse(time.RFC3339, given["Expiration"])
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(6*time.Hour), expires, 5*time.Second)
	delete(given, "Expiration")
	assert.Equal(t, map[string]string{
		"AccessKeyId": "ASIAI", "SecretAccessKey": "secret", "Token": "session", "AccountId": "123456789012",
	}, given)
}

func TestTheAgentRefusesByItself(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	good, now := sign(t, clusterKey(), claims(nil)), time.Now().Unix()
	const failed = "Service account token failed basic claim validations: token has invalid claims: "
	for name, test := range map[string]struct {
		token, host string
		status      int
		says        string
	}{
		"no token":        {"", "", 400, "Service account token cannot be empty"},
		"no JWT":          {"token", "", 400, "Service account token cannot be parsed: token is malformed: "},
		"a bearer":        {"Bearer " + good, "", 400, "Service account token cannot be parsed: token is malformed: could not decode header"},
		"an expired one":  {sign(t, clusterKey(), claims(with("exp", now-1))), "", 400, failed + "token is expired"},
		"one of tomorrow": {sign(t, clusterKey(), claims(with("nbf", now+60))), "", 400, failed + "token is not valid yet"},
		"of no pod":       {sign(t, clusterKey(), claims(with("kubernetes.io", nil))), "", 500, "failed to get pod uid from service account token: "},
		"another host":    {good, "evil.example.com", 403, "Access Denied. Called agent through invalid address, please use either [127.0.0.1] address not evil.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := n.get(t, test.token, test.host)
			assert.Equal(t, test.status, status)
			assert.Contains(t, body, test.says)
		})
	}
	t.Cleanup(func() { assert.Zero(t, n.asked.Load(), "EKS Auth is not asked") })
}

func TestTheAgentPassesOnWhatEKSAuthSays(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	for _, test := range []struct {
		refusal agent.Error
		body    string
	}{
		{agent.Error{Status: 400, Code: "AccessDeniedException", Message: "No."}, "[id-1]: (AccessDeniedException): No., fault: client"},
		{agent.Error{Status: 404, Code: "ResourceNotFoundException", Message: "None."}, "[id-1]: (ResourceNotFoundException): None., fault: client"},
		{agent.Error{Status: 500, Code: "InternalServerException", Message: "Oh."}, "[id-1]: (InternalServerException): Oh., fault: server"},
	} {
		n.answer.Store(&test.refusal)
		status, body := n.get(t, sign(t, clusterKey(), claims(nil)), "")
		assert.Equal(t, test.refusal.Status, status)
		assert.Equal(t, test.body, body)
	}
}

func TestTheAgentKeepsThePodsCredentials(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	token := sign(t, clusterKey(), claims(nil))
	renewed := sign(t, clusterKey(), claims(with("jti", "renewed")))
	assert.Equal(t, "ASIAI", n.key(t, token))
	n.answer.Store(&agent.Error{Status: 404, Code: "ResourceNotFoundException"})

	assert.Equal(t, "ASIAI", n.key(t, token), "also when the association is gone")
	assert.Equal(t, "ASIAI", n.key(t, renewed), "for another token of the pod")
	for name, forged := range map[string]string{
		"of another key":      sign(t, otherKey(), claims(nil)),
		"of another audience": sign(t, clusterKey(), claims(with("aud", "sts.amazonaws.com"))),
		"of no account": sign(t, clusterKey(), claims(func(claims map[string]any) {
			delete(claims["kubernetes.io"].(map[string]any), "serviceaccount")
		})),
	} {
		status, _ := n.get(t, forged, "")
		assert.Equal(t, http.StatusNotFound, status, "for a token %s, only EKS Auth can tell", name)
	}
	other := sign(t, clusterKey(), claims(func(claims map[string]any) {
		claims["kubernetes.io"].(map[string]any)["pod"] = map[string]string{"name": "app-1", "uid": "uid-3"}
	}))
	status, _ := n.get(t, other, "")
	assert.Equal(t, http.StatusNotFound, status, "another pod of the same name has none")

	n.Restart()
	status, _ = n.get(t, token, "")
	assert.Equal(t, http.StatusNotFound, status, "nor has any after a restart")
	n.answer.Store(nil)
	assert.NotEqual(t, "ASIAI", n.key(t, token))
}

func TestAClusterWithoutTheAddonHasNoAgent(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.installed.Store(false)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL(), nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", sign(t, clusterKey(), claims(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err == nil {
		require.NoError(t, answer.Body.Close())
	}
	require.ErrorContains(t, err, "EOF")
	assert.Zero(t, n.asked.Load())
	n.installed.Store(true)
	assert.Equal(t, "ASIAI", n.key(t, sign(t, clusterKey(), claims(nil))))
}
