package aws_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

const (
	subject       = "system:serviceaccount:payments:s3-backup"
	audience      = "sts.amazonaws.com"
	notAuthorized = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
	notValidated  = "The web identity token that was passed could not be validated by AWS. " +
		"Get a new identity token from the identity provider and then retry the request."
	noJWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
	noKey = "Couldn't retrieve verification key from your identity provider,  " +
		"please reference AssumeRoleWithWebIdentity documentation for requirements"
)

// Two keys are enough for all: making one takes long.
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

// workload is a service account of a cluster, and the role that it is meant to have.
type workload struct {
	endpoint
	issuer string // with https://
	role   *iamtypes.Role
}

// newWorkload makes a cluster, its OIDC provider, and a role that trusts one service account of it.
func newWorkload(t *testing.T) workload {
	t.Helper()
	w := workload{endpoint: newEndpoint(t), issuer: newIssuer(region)}
	w.addCluster(t, func(c *sandboxaws.Cluster) { c.Issuer, c.Keys = w.issuer, published(clusterKey()) })
	w.createProvider(t, audience)
	w.role = w.createRole(t, "/irsa/", unique("role"))
	w.trust(t, w.statement("Allow", "StringEquals", subject))
	return w
}

// published are the keys that a cluster shows, with the key ID k1.
func published(key *rsa.PrivateKey) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: key.Public(), KeyID: "k1", Algorithm: string(jose.RS256), Use: "sig"},
		}})
	}
}

func (w workload) createProvider(t *testing.T, clientIDs ...string) {
	t.Helper()
	_, err := w.iam().CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: &w.issuer, ClientIDList: clientIDs,
	})
	require.NoError(t, err)
}

func (w workload) host() string { return strings.TrimPrefix(w.issuer, "https://") }

func (w workload) provider() string { return "arn:aws:iam::" + account + ":oidc-provider/" + w.host() }

// statement is one of a trust policy for the cluster's tokens with that audience.
func (w workload) statement(effect, operator, subject string) string {
	return fmt.Sprintf(`{"Effect":%q,"Principal":{"Federated":%q},"Action":"sts:AssumeRoleWithWebIdentity",`+
		`"Condition":{"StringEquals":{"%[3]s:aud":%[4]q},%[5]q:{"%[6]s:sub":%[7]q}}}`,
		effect, w.provider(), w.host(), audience, operator+extra(operator), strings.ToUpper(w.host()), subject)
}

// extra keeps two blocks of one operator apart.
func extra(operator string) string {
	if operator == "StringEquals" {
		return "IfExists"
	}
	return ""
}

func (w workload) trust(t *testing.T, statements ...string) {
	t.Helper()
	_, err := w.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: w.role.RoleName, PolicyDocument: aws.String(document(statements...)),
	})
	require.NoError(t, err)
}

// claims are those of a token that the role's trust policy is about.
func (w workload) claims() map[string]any {
	now := time.Now().Unix()
	return map[string]any{
		"iss": w.issuer, "sub": subject, "aud": []string{audience}, "iat": now, "nbf": now, "exp": now + 600,
	}
}

func (w workload) token(t *testing.T) string {
	t.Helper()
	return sign(t, clusterKey(), "k1", w.claims())
}

func sign(t *testing.T, key any, kid string, claims map[string]any) string {
	t.Helper()
	algorithm := jose.RS256
	if _, secret := key.([]byte); secret {
		algorithm = jose.HS256
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key},
		(&jose.SignerOptions{}).WithHeader("kid", kid))
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	token, err := signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

// assume exchanges a token for a session of the role, without a signature.
func (w workload) assume(
	ctx context.Context, token string, change func(*sts.AssumeRoleWithWebIdentityInput),
) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	input := &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: w.role.Arn, RoleSessionName: aws.String("pod"), WebIdentityToken: &token,
	}
	if change != nil {
		change(input)
	}
	w.credentials = aws.AnonymousCredentials{}
	return w.sts().AssumeRoleWithWebIdentity(ctx, input)
}

// session is the workload with the role.
func (w workload) session(t *testing.T) endpoint {
	t.Helper()
	answer, err := w.assume(t.Context(), w.token(t), nil)
	require.NoError(t, err)
	return w.with(answer.Credentials)
}

func TestATokenBecomesASession(t *testing.T) {
	t.Parallel()
	w := newWorkload(t)
	w.ResetCalls()

	answer, err := w.assume(t.Context(), w.token(t), func(in *sts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = aws.Int32(900) })

	require.NoError(t, err)
	sessionArn := "arn:aws:sts::" + account + ":assumed-role/" + *w.role.RoleName + "/pod"
	assert.Equal(t, sessionArn, *answer.AssumedRoleUser.Arn)
	assert.Equal(t, *w.role.RoleId+":pod", *answer.AssumedRoleUser.AssumedRoleId)
	assert.Equal(t, subject, *answer.SubjectFromWebIdentityToken)
	assert.Equal(t, audience, *answer.Audience)
	assert.Equal(t, w.provider(), *answer.Provider)
	assert.WithinDuration(t, time.Now().Add(15*time.Minute), *answer.Credentials.Expiration, 5*time.Second)
	caller, err := w.with(answer.Credentials).sts().GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, sessionArn, *caller.Arn)
	assert.Equal(t, *w.role.RoleId+":pod", *caller.UserId)
	calls := w.Calls()
	require.Len(t, calls, 2)
	calls[0].Time = time.Time{}
	assert.Equal(t, sandboxaws.Call{Service: "sts", Action: "AssumeRoleWithWebIdentity", Status: http.StatusOK}, calls[0])
}

func TestASignatureOnTheRequestIsOfNoAccount(t *testing.T) {
	t.Parallel()
	w := newWorkload(t)

	_, err := w.sts().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: w.role.Arn, RoleSessionName: aws.String("pod"), WebIdentityToken: aws.String("a.b.c"),
	})

	requireAPIError(t, err, "InvalidIdentityToken", noJWT)
}

func TestATokenThatDoesNotHoldIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorkload(t)
	other := w
	other.issuer = newIssuer(region)
	other.addCluster(t, func(c *sandboxaws.Cluster) { c.Issuer, c.Keys = other.issuer, published(otherKey()) })
	other.createProvider(t, audience)
	now := time.Now().Unix()
	public, err := x509.MarshalPKIXPublicKey(clusterKey().Public())
	require.NoError(t, err)
	with := func(name string, value any) func() string {
		return func() string {
			claims := w.claims()
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
			return sign(t, clusterKey(), "k1", claims)
		}
	}
	for name, test := range map[string]struct {
		token   func() string
		code    string
		message string
	}{
		"no token at all":        {func() string { return "a.b.c" }, "InvalidIdentityToken", noJWT},
		"two parts":              {func() string { return "e30.e30" }, "InvalidIdentityToken", noJWT},
		"a space after it":       {func() string { return w.token(t) + " " }, "InvalidIdentityToken", noJWT},
		"claims of a wrong type": {with("exp", "soon"), "InvalidIdentityToken", noJWT},
		"algorithm none": {func() string {
			_, rest, _ := strings.Cut(w.token(t), ".")
			payload, _, _ := strings.Cut(rest, ".")
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)) + "." + payload + "."
		}, "InvalidIdentityToken", notValidated},
		"the public key as a secret":  {func() string { return sign(t, public, "k1", w.claims()) }, "InvalidIdentityToken", notValidated},
		"another key":                 {func() string { return sign(t, otherKey(), "k1", w.claims()) }, "InvalidIdentityToken", notValidated},
		"an unknown key ID":           {func() string { return sign(t, clusterKey(), "k2", w.claims()) }, "InvalidIdentityToken", noKey},
		"no key ID":                   {func() string { return sign(t, clusterKey(), "", w.claims()) }, "InvalidIdentityToken", noKey},
		"changed after it was signed": {func() string { return resubject(t, w.token(t)) }, "InvalidIdentityToken", notValidated},
		"no issuer":                   {with("iss", nil), "InvalidIdentityToken", "Missing a required claim: iss"},
		"an issuer without a provider": {
			with("iss", "https://example.com/id"), "InvalidIdentityToken",
			"No OpenIDConnect provider found in your account for https://example.com/id",
		},
		"an issuer with a slash more": {
			with("iss", w.issuer+"/"), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + w.issuer + "/",
		},
		"an issuer without https": {
			with("iss", w.host()), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + w.host(),
		},
		"no expiry":   {with("exp", nil), "InvalidIdentityToken", "Missing a required claim: exp"},
		"no issue":    {with("iat", nil), "InvalidIdentityToken", "Missing a required claim: iat"},
		"not yet":     {with("nbf", now+60), "InvalidIdentityToken", notValidated},
		"of tomorrow": {with("iat", now+60), "InvalidIdentityToken", notValidated},
		"no subject":  {with("sub", nil), "InvalidIdentityToken", "Missing a required claim: sub"},
		"an empty subject": {
			with("sub", ""), "IDPRejectedClaim", "The claim sub is invalid: it is empty",
		},
		"no audience":        {with("aud", nil), "InvalidIdentityToken", "Missing a required claim: aud"},
		"another audience":   {with("aud", "https://kubernetes.default.svc"), "InvalidIdentityToken", "Incorrect token audience"},
		"the audience's end": {with("aud", "sts.amazonaws.com.cn"), "InvalidIdentityToken", "Incorrect token audience"},
		"another cluster":    {func() string { return sign(t, otherKey(), "k1", other.claims()) }, "AccessDenied", notAuthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := w.assume(t.Context(), test.token(), nil)
			requireAPIError(t, err, test.code, test.message)
		})
	}
	t.Run("an expired one", func(t *testing.T) {
		t.Parallel()
		_, err := w.assume(t.Context(), with("exp", now-1)(), nil)
		requireAPIError(t, err, "ExpiredTokenException", fmt.Sprintf(
			"Token expired: current date/time %d must be before the expiration date/time%d", expiredAt(t, err), now-1))
	})
}

// resubject changes whom a token is about and keeps its signature.
func resubject(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	changed := strings.Replace(string(payload), "s3-backup", "s3-admins", 1)
	require.NotEqual(t, string(payload), changed)
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(changed))
	return strings.Join(parts, ".")
}

// expiredAt is when STS says that it looked at a token.
func expiredAt(t *testing.T, err error) (at int64) {
	t.Helper()
	_, message, ok := strings.Cut(fmt.Sprint(err), "current date/time ")
	require.True(t, ok, "%v", err)
	_, err = fmt.Sscan(message, &at)
	require.NoError(t, err)
	assert.InDelta(t, time.Now().Unix(), at, 30)
	return at
}

func TestKeysThatCannotBeReadVerifyNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		keys          func(context.Context) ([]byte, error)
		code, message string
	}{
		"a cluster that shows none": {nil, "InvalidIdentityToken", noKey},
		"no key set":                {func(context.Context) ([]byte, error) { return []byte("<html>"), nil }, "InvalidIdentityToken", noKey},
		"a private key":             {privateKeys, "InvalidIdentityToken", noKey},
		"a cluster that is down": {
			func(context.Context) ([]byte, error) { return nil, errors.New("refused") }, "IDPCommunicationError",
			"the identity provider did not answer: refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := workload{endpoint: newEndpoint(t), issuer: newIssuer(region)}
			w.addCluster(t, func(c *sandboxaws.Cluster) { c.Issuer, c.Keys = w.issuer, test.keys })
			w.createProvider(t, audience)
			w.role = w.createRole(t, "/", unique("role"))

			_, err := w.assume(t.Context(), w.token(t), nil)

			requireAPIError(t, err, test.code, test.message)
		})
	}
}

func privateKeys(context.Context) ([]byte, error) {
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: clusterKey(), KeyID: "k1"}}})
}

func TestOnlyWhomTheTrustPolicyNamesGetsTheRole(t *testing.T) {
	t.Parallel()
	const action = "sts:AssumeRoleWithWebIdentity"
	for name, test := range map[string]struct {
		trust   func(w workload) []string
		allowed bool
	}{
		"the service account": {func(w workload) []string { return []string{w.statement("Allow", "StringEquals", subject)} }, true},
		"a pattern": {func(w workload) []string {
			return []string{w.statement("Allow", "StringLike", "system:serviceaccount:payments:s3-*")}
		}, true},
		"an asterisk that is no pattern": {func(w workload) []string {
			return []string{w.statement("Allow", "StringEquals", "system:serviceaccount:payments:*")}
		}, false},
		"another service account": {func(w workload) []string {
			return []string{w.statement("Allow", "StringEquals", "system:serviceaccount:payments:s3")}
		}, false},
		"another namespace": {func(w workload) []string {
			return []string{w.statement("Allow", "StringEquals", "system:serviceaccount:payment:s3-backup")}
		}, false},
		"upper case": {func(w workload) []string {
			return []string{w.statement("Allow", "StringEquals", strings.ToUpper(subject))}
		}, false},
		"a Deny beside it": {func(w workload) []string {
			return []string{w.statement("Allow", "StringEquals", subject), w.statement("Deny", "StringLike", "*:payments:*")}
		}, false},
		"another provider": {func(w workload) []string {
			return []string{strings.Replace(w.statement("Allow", "StringEquals", subject), w.provider(), w.provider()+"0", 1)}
		}, false},
		"another action": {func(w workload) []string {
			return []string{strings.Replace(w.statement("Allow", "StringEquals", subject), action, "sts:AssumeRole", 1)}
		}, false},
		"another session name": {func(w workload) []string {
			return []string{fmt.Sprintf(`{"Effect":"Allow","Principal":{"Federated":%q},"Action":%q,`+
				`"Condition":{"StringEquals":{"sts:RoleSessionName":"other"}}}`, w.provider(), action)}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkload(t)
			w.trust(t, test.trust(w)...)

			_, err := w.assume(t.Context(), w.token(t), nil)

			if test.allowed {
				require.NoError(t, err)
				return
			}
			requireAPIError(t, err, "AccessDenied", notAuthorized)
		})
	}
}

func TestAProviderCountsInItsOwnAccountOnly(t *testing.T) {
	t.Parallel()
	w := newWorkload(t)
	foreign := w
	foreign.endpoint = w.administrator(t, "aws")
	foreign.role = foreign.createRole(t, "/", unique("role"))
	foreign.trust(t, w.statement("Allow", "StringEquals", subject)) // it names the provider of the first account

	_, err := foreign.assume(t.Context(), w.token(t), nil)

	requireAPIError(t, err, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for "+w.issuer)
}

func TestTheRoleAndTheParametersAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorkload(t)
	name := *w.role.RoleName
	for test, want := range map[string]struct {
		change        func(*sts.AssumeRoleWithWebIdentityInput)
		code, message string
	}{
		"a role that does not exist": {
			func(in *sts.AssumeRoleWithWebIdentityInput) { in.RoleArn = aws.String(*w.role.Arn + "x") }, "AccessDenied", notAuthorized,
		},
		"the role without its path": {
			func(in *sts.AssumeRoleWithWebIdentityInput) {
				in.RoleArn = aws.String("arn:aws:iam::123456789012:role/" + name)
			},
			"AccessDenied", notAuthorized,
		},
		"the role in upper case": {
			func(in *sts.AssumeRoleWithWebIdentityInput) {
				in.RoleArn = aws.String(strings.Replace(*w.role.Arn, name, strings.ToUpper(name), 1))
			}, "AccessDenied", notAuthorized,
		},
		"any role": {
			func(in *sts.AssumeRoleWithWebIdentityInput) {
				in.RoleArn = aws.String("arn:aws:iam::123456789012:role/irsa/*")
			},
			"AccessDenied", notAuthorized,
		},
		"a user": {
			func(in *sts.AssumeRoleWithWebIdentityInput) {
				in.RoleArn = aws.String("arn:aws:iam::123456789012:user/someone")
			},
			"ValidationError", "Request ARN is invalid",
		},
		"longer than the role lets": {
			func(in *sts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = aws.Int32(3601) },
			"ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
		},
		"shorter than STS lets": {
			func(in *sts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = aws.Int32(899) }, "ValidationError",
			"1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: " +
				"Member must have value greater than or equal to 900",
		},
		"a bad name and too long": {
			func(in *sts.AssumeRoleWithWebIdentityInput) {
				in.RoleSessionName, in.DurationSeconds = aws.String("a:b"), aws.Int32(43201)
			}, "ValidationError",
			`2 validation errors detected: Value 'a:b' at 'roleSessionName' failed to satisfy constraint: ` +
				`Member must satisfy regular expression pattern: [\w+=,.@-]*; ` +
				`Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200`,
		},
		"an empty token": {
			func(in *sts.AssumeRoleWithWebIdentityInput) { in.WebIdentityToken = aws.String("") }, "ValidationError",
			"1 validation error detected: Value '***' at 'webIdentityToken' failed to satisfy constraint: " +
				"Member must have length greater than or equal to 4",
		},
		"a token of 20001": {
			func(in *sts.AssumeRoleWithWebIdentityInput) {
				in.WebIdentityToken = aws.String(strings.Repeat("x", 20001))
			},
			"ValidationError",
			"1 validation error detected: Value '***' at 'webIdentityToken' failed to satisfy constraint: " +
				"Member must have length less than or equal to 20000",
		},
		"a session policy": {
			func(in *sts.AssumeRoleWithWebIdentityInput) { in.Policy = aws.String("{}") }, "NotImplemented",
			"the sandbox does not have the parameter Policy of AssumeRoleWithWebIdentity",
		},
	} {
		t.Run(test, func(t *testing.T) {
			t.Parallel()
			_, err := w.assume(t.Context(), w.token(t), want.change)
			requireAPIError(t, err, want.code, want.message)
		})
	}
}

func TestTokensAgeFasterWhenTold(t *testing.T) {
	t.Parallel()
	w := newWorkload(t)
	server, err := sandboxaws.New(sandboxaws.Options{MotoURL: motoURL, TokenAging: 60})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	w.Endpoint = server
	w.addCluster(t, func(c *sandboxaws.Cluster) { c.Issuer, c.Keys = w.issuer, published(clusterKey()) })
	old := w.claims()
	old["iat"], old["exp"] = time.Now().Unix()-11, time.Now().Unix()+589

	_, err = w.assume(t.Context(), w.token(t), nil)
	require.NoError(t, err, "a new token of 600 s lives for 10 s")
	_, err = w.assume(t.Context(), sign(t, clusterKey(), "k1", old), nil)
	require.ErrorContains(t, err, "ExpiredTokenException")
}

func TestARoleThatIsNotThereYetIsNotGiven(t *testing.T) {
	t.Parallel()
	w := newWorkload(t)
	w.SetPropagationDelay(time.Hour)
	late := w
	created, err := w.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName:                 aws.String(unique("role")),
		AssumeRolePolicyDocument: aws.String(document(w.statement("Allow", "StringEquals", subject))),
	})
	require.NoError(t, err)
	late.role = created.Role
	_, err = late.assume(t.Context(), w.token(t), nil)
	requireAPIError(t, err, "AccessDenied", notAuthorized)

	unregistered := w
	unregistered.issuer = newIssuer(region)
	unregistered.addCluster(t, func(c *sandboxaws.Cluster) { c.Issuer, c.Keys = unregistered.issuer, published(clusterKey()) })
	unregistered.createProvider(t, audience)
	_, err = w.assume(t.Context(), unregistered.token(t), nil)
	requireAPIError(t, err, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for "+unregistered.issuer)
}
