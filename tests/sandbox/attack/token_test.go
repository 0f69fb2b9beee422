//go:build unix

package attack_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const trustedSubject = "system:serviceaccount:payments:s3-backup"

// tokenSource gives a token when its test runs.
type tokenSource func(t *testing.T) string

// text is a token that is just this text.
func text(token string) tokenSource { return func(*testing.T) string { return token } }

// issued is a token that a cluster's API server issues for a real service account. The audience is that of STS unless
// others are named.
func issued(by func() *issuer, namespace, name string, audiences ...string) tokenSource {
	if len(audiences) == 0 {
		audiences = []string{audience}
	}
	return func(t *testing.T) string { t.Helper(); return by().issue(t, namespace, name, audiences) }
}

// issue asks the API server for a token of a service account, which is made if there is none yet. Without audiences the
// token is for the API server itself.
func (i *issuer) issue(t *testing.T, namespace, name string, audiences []string) string {
	t.Helper()
	i.ensureAccount(t, namespace, name)
	return i.request(t, namespace, name, authenticationv1.TokenRequestSpec{Audiences: audiences})
}

func (i *issuer) request(t *testing.T, namespace, name string, spec authenticationv1.TokenRequestSpec) string {
	t.Helper()
	answer, err := i.kubernetes.CoreV1().ServiceAccounts(namespace).
		CreateToken(t.Context(), name, &authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
	require.NoError(t, err)
	return answer.Status.Token
}

// ensureAccount makes a service account, and its namespace, if it is not there.
func (i *issuer) ensureAccount(t *testing.T, namespace, name string) *corev1.ServiceAccount {
	t.Helper()
	client := i.kubernetes.CoreV1()
	_, err := client.Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		require.NoError(t, err)
	}
	_, err = client.ServiceAccounts(namespace).Create(t.Context(),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		require.NoError(t, err)
	}
	account, err := client.ServiceAccounts(namespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return account
}

// hub and spoke are known only once the tests run.
func hub() *issuer   { return sandbox.hub }
func spoke() *issuer { return sandbox.spoke }

// genuine is the token of the service account that is trusted.
var genuine = issued(hub, "payments", "s3-backup")

// forKubernetes is a token for the API server itself, as every pod has it.
func forKubernetes(t *testing.T) string {
	t.Helper()
	return hub().issue(t, "payments", "s3-backup", nil)
}

// ofASecret is a token of the old kind, which the cluster keeps in a Secret: it has no audience and never expires.
func ofASecret(t *testing.T) string {
	t.Helper()
	genuine(t) // so that the service account is there
	secrets := sandbox.hub.kubernetes.CoreV1().Secrets("payments")
	_, err := secrets.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "legacy", Annotations: map[string]string{corev1.ServiceAccountNameKey: "s3-backup"}},
		Type:       corev1.SecretTypeServiceAccountToken,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	var token []byte
	require.Eventually(t, func() bool {
		secret, err := secrets.Get(t.Context(), "legacy", metav1.GetOptions{})
		token = secret.Data[corev1.ServiceAccountTokenKey]
		return err == nil && len(token) > 0
	}, 20*time.Second, 20*time.Millisecond, "the controller fills the Secret")
	return string(token)
}

// ofADeletedAccount is a token that has outlived its service account.
func ofADeletedAccount(t *testing.T) string {
	t.Helper()
	token := issued(hub, "payments", "short-lived")(t)
	require.NoError(t, sandbox.hub.kubernetes.CoreV1().ServiceAccounts("payments").
		Delete(t.Context(), "short-lived", metav1.DeleteOptions{}))
	return token
}

// forgery is a token that no API server issued. As it begins, nothing but that is wrong with it: it says what the API
// server would say for the trusted account, and is signed with the hub's own key.
type forgery struct {
	algorithm jose.SignatureAlgorithm
	key       any
	header    map[jose.HeaderKey]any
	claims    map[string]any
	// rewrite changes the text of the claims.
	rewrite func(claims string) string
}

type change func(t *testing.T, f *forgery)

func forged(changes ...change) tokenSource {
	return func(t *testing.T) string {
		t.Helper()
		f := newForgery(t)
		for _, change := range changes {
			change(t, f)
		}
		options := &jose.SignerOptions{ExtraHeaders: f.header}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: f.algorithm, Key: f.key}, options)
		require.NoError(t, err)
		signed, err := signer.Sign([]byte(f.rewrite(f.payload(t))))
		require.NoError(t, err)
		token, err := signed.CompactSerialize()
		require.NoError(t, err)
		return token
	}
}

func newForgery(t *testing.T) *forgery {
	t.Helper()
	now := time.Now().Unix()
	return &forgery{
		algorithm: jose.RS256,
		key:       signingKey(t, sandbox.hub),
		header:    map[jose.HeaderKey]any{"kid": keyID(t, sandbox.hub)},
		claims: map[string]any{
			"iss": sandbox.hub.Issuer, "sub": trustedSubject, "aud": []string{audience}, "iat": now, "nbf": now, "exp": now + 600,
		},
		rewrite: func(claims string) string { return claims },
	}
}

func (f *forgery) payload(t *testing.T) string {
	t.Helper()
	payload, err := json.Marshal(f.claims)
	require.NoError(t, err)
	return string(payload)
}

func claim(name string, value any) change {
	return func(_ *testing.T, f *forgery) { f.claims[name] = value }
}

func without(name string) change { return func(_ *testing.T, f *forgery) { delete(f.claims, name) } }

// at gives a claim a time from now.
func at(name string, d time.Duration) change { return claim(name, time.Now().Add(d).Unix()) }

// subject is the claim of a service account in the trusted namespace.
func subject(name string) change { return claim("sub", "system:serviceaccount:payments:"+name) }

func header(name jose.HeaderKey, value any) change {
	return func(_ *testing.T, f *forgery) { f.header[name] = value }
}

func signed(algorithm jose.SignatureAlgorithm) change {
	return func(_ *testing.T, f *forgery) { f.algorithm = algorithm }
}

// signedBySpoke has the other cluster's key, under a key ID.
func signedBySpoke(kid func(t *testing.T) string) change {
	return func(t *testing.T, f *forgery) {
		t.Helper()
		f.key, f.header["kid"] = signingKey(t, sandbox.spoke), kid(t)
	}
}

func hubKeyID(t *testing.T) string   { t.Helper(); return keyID(t, sandbox.hub) }
func spokeKeyID(t *testing.T) string { t.Helper(); return keyID(t, sandbox.spoke) }

// signedByAttacker has a key of the attacker's own, and tells in its header where that is to be had.
func signedByAttacker(tell func(t *testing.T, f *forgery)) change {
	return func(t *testing.T, f *forgery) {
		t.Helper()
		f.key = attackersKey()
		tell(t, f)
	}
}

// withPublicKey is signed with HS256 and the hub's public key as the secret.
func withPublicKey(t *testing.T, f *forgery) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(signingKey(t, sandbox.hub).Public())
	require.NoError(t, err)
	f.algorithm, f.key = jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// onACurve is signed with ES256, under the hub's key ID.
func onACurve(t *testing.T, f *forgery) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	f.algorithm, f.key = jose.ES256, key
}

// rewritten changes the text of the claims.
func rewritten(rewrite func(claims string) string) change {
	return func(_ *testing.T, f *forgery) { f.rewrite = rewrite }
}

// firstOf puts a subject before the one that is there.
func firstOf(subject string) change {
	return rewritten(func(claims string) string { return strings.Replace(claims, "{", `{"sub":"`+subject+`",`, 1) })
}

// attackersKey is made once: making one takes long.
var attackersKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // rand.Reader does not fail
	}
	return key
})

// attackersCertificate is self-signed, for the header x5c.
func attackersCertificate(t *testing.T) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, attackersKey().Public(), attackersKey())
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(der)
}

// signingKey is the key with which a cluster signs its tokens.
func signingKey(t *testing.T, of *issuer) *rsa.PrivateKey {
	t.Helper()
	content, err := os.ReadFile(of.SigningKeyFile())
	require.NoError(t, err)
	block, _ := pem.Decode(content)
	require.NotNil(t, block)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	return key.(*rsa.PrivateKey)
}

// keyID is the ID under which a cluster publishes its key.
func keyID(t *testing.T, of *issuer) string {
	t.Helper()
	published, err := of.JWKS(t.Context())
	require.NoError(t, err)
	var keys jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(published, &keys))
	require.Len(t, keys.Keys, 1)
	return keys.Keys[0].KeyID
}

// handmade is a token whose header is this text; KID stands for the hub's key ID. It is signed with the hub's key, RS256,
// where go-jose would not write such a header.
func handmade(header string) tokenSource {
	return func(t *testing.T) string {
		t.Helper()
		unsigned := encode(strings.ReplaceAll(header, "KID", keyID(t, sandbox.hub))) + "." + encode(newForgery(t).payload(t))
		digest := sha256.Sum256([]byte(unsigned))
		signature, err := rsa.SignPKCS1v15(rand.Reader, signingKey(t, sandbox.hub), crypto.SHA256, digest[:])
		require.NoError(t, err)
		return unsigned + "." + encode(string(signature))
	}
}

// tampered changes the three parts of a token.
func tampered(source tokenSource, change func(parts []string)) tokenSource {
	return func(t *testing.T) string {
		t.Helper()
		parts := strings.Split(source(t), ".")
		require.Len(t, parts, 3)
		change(parts)
		return strings.Join(parts, ".")
	}
}

// saying changes what a token says and leaves its signature as it is.
func saying(source tokenSource, old, with func() string) tokenSource {
	return func(t *testing.T) string {
		t.Helper()
		return tampered(source, func(parts []string) {
			claims, err := base64.RawURLEncoding.DecodeString(parts[1])
			require.NoError(t, err)
			require.Contains(t, string(claims), old())
			parts[1] = encode(strings.ReplaceAll(string(claims), old(), with()))
		})(t)
	}
}

func constant(text string) func() string { return func() string { return text } }

// unsigned has another header and no signature.
func unsigned(header string) tokenSource {
	return tampered(genuine, func(parts []string) { parts[0], parts[2] = encode(header), "" })
}

// inJSON is the genuine token in JWS's JSON serialization, which is for no JWT.
func inJSON(t *testing.T) string {
	t.Helper()
	parts := strings.Split(genuine(t), ".")
	text, err := json.Marshal(map[string]string{"protected": parts[0], "payload": parts[1], "signature": parts[2]})
	require.NoError(t, err)
	return string(text)
}

// encrypted is the genuine token in a JWE for the hub's public key.
func encrypted(t *testing.T) string {
	t.Helper()
	encrypter, err := jose.NewEncrypter(jose.A128GCM,
		jose.Recipient{Algorithm: jose.RSA_OAEP, Key: signingKey(t, sandbox.hub).Public()},
		(&jose.EncrypterOptions{}).WithContentType("JWT"))
	require.NoError(t, err)
	sealed, err := encrypter.Encrypt([]byte(genuine(t)))
	require.NoError(t, err)
	token, err := sealed.CompactSerialize()
	require.NoError(t, err)
	return token
}

// nested is the genuine token as the payload of another.
func nested(t *testing.T) string {
	t.Helper()
	inner := genuine(t)
	return forged(header("cty", "JWT"), rewritten(func(string) string { return inner }))(t)
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
