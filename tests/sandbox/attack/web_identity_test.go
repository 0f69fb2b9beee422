//go:build unix

package attack_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// What STS answers, https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
var (
	notAuthorized = refusal{"AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	noProvider    = refusal{"InvalidIdentityToken", "No OpenIDConnect provider found in your account for "}
	noKey         = refusal{"InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"}
	notValidated  = refusal{"InvalidIdentityToken", "could not be validated by AWS"}
	noJWT         = refusal{"InvalidIdentityToken", "is not a valid JWT"}
	wrongAudience = refusal{"InvalidIdentityToken", "Incorrect token audience"}
	expired       = refusal{"ExpiredTokenException", "Token expired"}
	rejectedClaim = refusal{"IDPRejectedClaim", "sub"}
)

func missing(claim string) refusal {
	return refusal{"InvalidIdentityToken", "Missing a required claim: " + claim}
}

func invalid(what string) refusal { return refusal{"ValidationError", what} }

// exchange is a call of AssumeRoleWithWebIdentity. Without a token and a role of its own it is the genuine token's for the
// role that trusts its service account. One that wants no refusal is a control.
type exchange struct {
	name  string
	token tokenSource
	role  roleSource
	ask   func(*sts.AssumeRoleWithWebIdentityInput)
	want  refusal
}

// roleSource makes a role when its test runs, and gives its ARN.
type roleSource func(t *testing.T) string

func (e exchange) run(t *testing.T) {
	t.Helper()
	if e.token == nil {
		e.token = genuine
	}
	if e.role == nil {
		e.role = trusting()
	}
	input := &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(e.role(t)), WebIdentityToken: aws.String(e.token(t)), RoleSessionName: aws.String("adversary"),
	}
	if e.ask != nil {
		e.ask(input)
	}
	judge(t, e.want, func() error {
		answer, err := sts.NewFromConfig(operator()).AssumeRoleWithWebIdentity(t.Context(), input)
		if err != nil {
			return err
		}
		role, err := iampolicy.ParseARN(*input.RoleArn)
		require.NoError(t, err)
		who, err := identify(t.Context(), withSession(answer.Credentials, region))
		assert.Equal(t, "arn:aws:sts::"+role.Account+":assumed-role/"+nameOf(*input.RoleArn)+"/"+*input.RoleSessionName, who)
		return err
	})
}

func runExchanges(t *testing.T, exchanges []exchange) {
	t.Helper()
	for _, e := range exchanges {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			e.run(t)
		})
	}
}

// trusting is a role with the product's trust policy for service accounts of the hub; by default, payments/s3-backup.
func trusting(subjects ...iampolicy.ServiceAccountSubject) roleSource {
	return func(t *testing.T) string {
		t.Helper()
		return sandbox.home.newRole(t, sandbox.home.trust(t, subjects...))
	}
}

func exact(namespace, name string) iampolicy.ServiceAccountSubject {
	return iampolicy.ServiceAccountSubject{Namespace: namespace, Name: name}
}

// pattern is of the trusted namespace.
func pattern(names string) iampolicy.ServiceAccountSubject {
	return iampolicy.ServiceAccountSubject{Namespace: "payments", NamePattern: names}
}

// trustingAnd is a role that trusts payments/s3-backup of the hub, with statements beside that.
func trustingAnd(more func() iampolicy.Statement) roleSource {
	return func(t *testing.T) string {
		t.Helper()
		return sandbox.home.newRole(t, sandbox.home.trustAnd(t, more()))
	}
}

// trustingBy is a role with a trust policy of one statement.
func trustingBy(statement func() iampolicy.Statement) roleSource {
	return func(t *testing.T) string {
		t.Helper()
		return sandbox.home.newRole(t, document(t, statement()))
	}
}

// trustingIf is a role that trusts tokens of the hub under a condition. The issuer stands for the hub's in its keys.
func trustingIf(operator iampolicy.Operator, key string, values ...string) roleSource {
	return trustingBy(func() iampolicy.Statement {
		return federated(iampolicy.Allow, sandbox.home.provider(sandbox.hub), when(operator, key, values...))
	})
}

// denying denies the tokens of the hub under a condition.
func denying(operator iampolicy.Operator, key string, values ...string) roleSource {
	return trustingAnd(func() iampolicy.Statement {
		return federated(iampolicy.Deny, sandbox.home.provider(sandbox.hub), when(operator, key, values...))
	})
}

// when is a condition on one key, in which ISSUER stands for the hub's issuer.
func when(operator iampolicy.Operator, key string, values ...string) iampolicy.Condition {
	return iampolicy.Condition{operator: {strings.Replace(key, "ISSUER", sandbox.hub.host(), 1): values}}
}

func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	runExchanges(t, []exchange{
		{name: "the service account that the trust policy names gets the role"},
		{name: "so does a forgery with which nothing is wrong, made with the cluster's own key", token: forged()},
		{
			name:  "so does the second of two that are named",
			token: issued(hub, "payments", "reports"), role: trusting(backup, exact("payments", "reports")),
		},
		{
			name:  "a token outlives its service account, as STS asks no cluster",
			token: ofADeletedAccount, role: trusting(exact("payments", "short-lived")),
		},
		{name: "the trusted name in another namespace", token: issued(hub, "billing", "s3-backup"), want: notAuthorized},
		{
			name:  "in a namespace whose name begins with the trusted one's",
			token: issued(hub, "payments-dev", "s3-backup"), want: notAuthorized,
		},
		{
			name:  "in a namespace whose name ends with the trusted one's",
			token: issued(hub, "eu-payments", "s3-backup"), want: notAuthorized,
		},
		{name: "another account of the trusted namespace", token: issued(hub, "payments", "frontend"), want: notAuthorized},
		{
			name:  "the namespace's default account, which every pod has",
			token: issued(hub, "payments", "default"), want: notAuthorized,
		},
		{
			name:  "an account whose name begins with the trusted one's",
			token: issued(hub, "payments", "s3-backup-2"), want: notAuthorized,
		},
		{
			name:  "an account whose name the trusted one's begins with",
			token: issued(hub, "payments", "s3-back"), want: notAuthorized,
		},
		{
			name:  "an account whose name ends with the trusted one's",
			token: issued(hub, "payments", "my-s3-backup"), want: notAuthorized,
		},
		{
			name:  "namespace and account the other way round",
			token: issued(hub, "s3-backup", "payments"), want: notAuthorized,
		},
		{
			name:  "namespace and account that give the same default role name as the trusted ones",
			token: issued(hub, "payments-s3", "backup"), want: notAuthorized,
		},
		{
			name:  "a hyphen where the trusted name has a dot, which is any character to whoever takes names for expressions",
			token: issued(hub, "payments", "s3-restore"), role: trusting(exact("payments", "s3.restore")),
			want: notAuthorized,
		},
		{name: "the trusted name in upper case", token: forged(subject("S3-BACKUP")), want: notAuthorized},
		{
			name:  "the trusted name with a Cyrillic letter that looks the same",
			token: forged(subject("s3-b\u0430ckup")), want: notAuthorized,
		},
		{
			name:  "the trusted name in full-width letters, which some normal forms make the same",
			token: forged(subject("\uff533-backup")), want: notAuthorized,
		},
		{
			name:  "the trusted name with a NUL and more after it",
			token: forged(subject("s3-backup\x00.evil")), want: notAuthorized,
		},
		{
			name:  "the trusted name with a colon and more after it",
			token: forged(subject("s3-backup:evil")), want: notAuthorized,
		},
		{name: "the name of the account alone", token: forged(claim("sub", "s3-backup")), want: notAuthorized},
		{name: "* for an account", token: forged(subject("*")), want: notAuthorized},
		{name: "* for everything", token: forged(claim("sub", "*")), want: notAuthorized},
		{name: "a policy variable for a subject", token: forged(claim("sub", "${aws:userid}")), want: notAuthorized},
	})
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	runExchanges(t, []exchange{
		{
			name:  "an account gets a role by a pattern",
			token: issued(hub, "payments", "batch-7"), role: trusting(pattern("batch-?")),
		},
		{
			name:  "an account gets the role of its whole namespace",
			token: issued(hub, "payments", "frontend"), role: trusting(pattern("*")),
		},
		{
			name:  "two characters where the pattern has one",
			token: issued(hub, "payments", "batch-10"), role: trusting(pattern("batch-?")),
			want: notAuthorized,
		},
		{
			name:  "no character where the pattern has one",
			token: issued(hub, "payments", "batch"), role: trusting(pattern("batch?")), want: notAuthorized,
		},
		{
			name:  "an account that has the pattern's text in its middle",
			token: issued(hub, "payments", "my-batch-7"), role: trusting(pattern("batch-*")),
			want: notAuthorized,
		},
		{
			name:  "another namespace than the whole one that is trusted",
			token: issued(hub, "billing", "s3-backup"), role: trusting(pattern("*")), want: notAuthorized,
		},
		{
			name:  "a namespace that the trusted one's name begins, where all of that is trusted",
			token: issued(hub, "payments-dev", "s3-backup"), role: trusting(pattern("*")),
			want: notAuthorized,
		},
		{
			name: "a name where the trust policy has * under StringEquals, which knows no wildcards",
			role: trustingIf(iampolicy.StringEquals, "ISSUER:sub", "system:serviceaccount:payments:*"),
			want: notAuthorized,
		},
		{
			name:  "a pattern is matched in its own case",
			token: forged(subject("BATCH-7")), role: trusting(pattern("batch-?")), want: notAuthorized,
		},
		{
			name:  "the Kelvin sign for a K, where case does not matter",
			token: forged(subject("s3-bac\u212aup")),
			role:  trustingIf(iampolicy.StringEqualsIgnoreCase, "ISSUER:sub", trustedSubject), want: notAuthorized,
		},
		{
			name:  "upper case is the same where the trust policy says that case does not matter",
			token: forged(subject("S3-BACKUP")),
			role:  trustingIf(iampolicy.StringEqualsIgnoreCase, "ISSUER:sub", trustedSubject),
		},
	})
}

func TestClusters(t *testing.T) {
	t.Parallel()
	hubIssuer, spokeIssuer := func() string { return sandbox.hub.Issuer }, func() string { return sandbox.spoke.Issuer }
	otherwise := func(rewrite func(issuer string) string) tokenSource {
		return forged(func(t *testing.T, f *forgery) {
			t.Helper()
			f.claims["iss"] = rewrite(sandbox.hub.Issuer)
		})
	}
	spokeTrusted := func(t *testing.T) string {
		t.Helper()
		return sandbox.home.newRole(t, sandbox.home.trustIn(t, []*issuer{sandbox.spoke}, backup))
	}
	runExchanges(t, []exchange{
		{
			name:  "the same names in another cluster get the role that trusts both clusters",
			token: issued(spoke, "payments", "s3-backup"),
			role: func(t *testing.T) string {
				t.Helper()
				return sandbox.home.newRole(t, sandbox.home.trustIn(t, []*issuer{sandbox.hub, sandbox.spoke}, backup))
			},
		},
		{name: "the same names in another cluster", token: issued(spoke, "payments", "s3-backup"), want: notAuthorized},
		{name: "the names of this cluster for a role of the other", role: spokeTrusted, want: notAuthorized},
		{
			name:  "the other cluster's token with the issuer swapped, and its signature as it was",
			token: saying(issued(spoke, "payments", "s3-backup"), spokeIssuer, hubIssuer), want: noKey,
		},
		{
			name:  "the trusted cluster's issuer with the other cluster's key",
			token: forged(signedBySpoke(spokeKeyID)), want: noKey,
		},
		{
			name:  "the trusted cluster's issuer and key ID with the other cluster's key",
			token: forged(signedBySpoke(hubKeyID)), want: notValidated,
		},
		{
			name: "the trusted cluster's key with the other one's issuer, for a role of the other",
			token: forged(func(_ *testing.T, f *forgery) {
				f.claims["iss"] = sandbox.spoke.Issuer
			}),
			role: spokeTrusted, want: noKey,
		},
		{
			name: "a statement with the provider of one cluster and the claims of the other, to the one",
			role: trustingBy(func() iampolicy.Statement {
				return federated(iampolicy.Allow, sandbox.home.provider(sandbox.hub), iampolicy.Condition{
					iampolicy.StringEquals: {sandbox.spoke.host() + ":sub": {trustedSubject}},
				})
			}),
			want: notAuthorized,
		},
		{
			name: "a statement with the provider of one cluster and the claims of the other, to the other",
			role: trustingBy(func() iampolicy.Statement {
				return federated(iampolicy.Allow, sandbox.home.provider(sandbox.spoke), when(iampolicy.StringEquals, "ISSUER:sub", trustedSubject))
			}),
			want: notAuthorized,
		},
		{
			name:  "the issuer's host in upper case, though hosts have none",
			token: otherwise(func(issuer string) string { return strings.Replace(issuer, "oidc.eks", "OIDC.EKS", 1) }),
			want:  noProvider,
		},
		{
			name:  "the issuer with a slash after it",
			token: otherwise(func(issuer string) string { return issuer + "/" }), want: noProvider,
		},
		{
			name:  "the issuer with more after it",
			token: otherwise(func(issuer string) string { return issuer + "0" }), want: noProvider,
		},
		{
			name: "the issuer by way of another",
			token: otherwise(func(issuer string) string {
				return sandbox.spoke.Issuer + "/../" + issuer[strings.LastIndex(issuer, "/")+1:]
			}),
			want: noProvider,
		},
		{
			name:  "the issuer without TLS",
			token: otherwise(func(issuer string) string { return strings.Replace(issuer, "https:", "http:", 1) }),
			want:  noProvider,
		},
		{
			name:  "the issuer as the user of another host",
			token: otherwise(func(issuer string) string { return strings.Replace(issuer, "/id/", "@attacker.example/id/", 1) }),
			want:  noProvider,
		},
		{
			name:  "an issuer that is registered and has no keys, with the hub's",
			token: forged(claim("iss", "https://attacker.example")),
			role: func(t *testing.T) string {
				t.Helper()
				in := newAccount(t)
				require.NoError(t, in.register(t.Context(), "https://attacker.example", audience))
				return in.newRole(t, in.trust(t))
			},
			want: noKey,
		},
		{name: "no issuer", token: forged(without("iss")), want: missing("iss")},
		{name: "a list of issuers", token: forged(func(_ *testing.T, f *forgery) {
			f.claims["iss"] = []string{sandbox.hub.Issuer}
		}), want: noJWT},
	})
}

func TestAudiences(t *testing.T) {
	t.Parallel()
	// A role in an account whose provider has these client IDs.
	with := func(clientIDs ...string) roleSource {
		return func(t *testing.T) string {
			t.Helper()
			in := newAccount(t).registered(t, sandbox.hub, clientIDs...)
			return in.newRole(t, in.trust(t))
		}
	}
	runExchanges(t, []exchange{
		{name: "the audience is one of several client IDs of the provider", role: with("vault", audience)},
		{
			name:  "the audience is one of several of the token",
			token: issued(hub, "payments", "s3-backup", "vault", audience),
		},
		{name: "a token for the Kubernetes API, which every pod has", token: forKubernetes, want: wrongAudience},
		{name: "a token for somebody else", token: issued(hub, "payments", "s3-backup", "vault"), want: wrongAudience},
		{
			name:  "the audience as one would spell it in China",
			token: issued(hub, "payments", "s3-backup", "sts.amazonaws.com.cn"), want: wrongAudience,
		},
		{
			name:  "the audience in upper case",
			token: issued(hub, "payments", "s3-backup", "STS.AMAZONAWS.COM"), want: wrongAudience,
		},
		{name: "* for an audience", token: forged(claim("aud", "*")), want: wrongAudience},
		{name: "no audience", token: forged(without("aud")), want: missing("aud")},
		{name: "an empty list of audiences", token: forged(claim("aud", []string{})), want: missing("aud")},
		{name: "an audience that is no text", token: forged(claim("aud", map[string]bool{audience: true})), want: noJWT},
		{name: "a provider whose client IDs lack the audience", role: with("vault"), want: wrongAudience},
		{
			name:  "a client ID of the provider that the trust policy does not name",
			token: issued(hub, "payments", "s3-backup", "vault"), role: with("vault", audience), want: notAuthorized,
		},
	})
}

func TestTimes(t *testing.T) {
	t.Parallel()
	runExchanges(t, []exchange{
		{
			name:  "a token in its last minute",
			token: forged(at("iat", -time.Hour), at("nbf", -time.Hour), at("exp", time.Minute)),
		},
		{
			name:  "a token that is over since a second",
			token: forged(at("iat", -time.Hour), at("exp", -time.Second)), want: expired,
		},
		{name: "a token that is over now", token: forged(at("iat", -time.Hour), at("exp", 0)), want: expired},
		{name: "an end as text", token: forged(claim("exp", "never")), want: noJWT},
		{name: "no end", token: forged(without("exp")), want: missing("exp")},
		{name: "a token that is not valid yet", token: forged(at("nbf", time.Minute)), want: notValidated},
		{name: "a token that is not issued yet", token: forged(at("iat", time.Minute)), want: notValidated},
		{name: "a token that was never issued", token: forged(without("iat")), want: missing("iat")},
	})
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int64
	attacker := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	t.Cleanup(func() {
		attacker.Close()
		assert.Zero(t, fetched.Load(), "nobody fetches keys from where a token says that they are")
	})
	embedded := func(_ *testing.T, f *forgery) {
		f.header["jwk"] = jose.JSONWebKey{Key: attackersKey().Public(), KeyID: f.header["kid"].(string)}
	}
	runExchanges(t, []exchange{
		{
			name:  "a changed subject with the old signature",
			token: saying(issued(hub, "billing", "s3-backup"), constant("billing"), constant("payments")),
			want:  notValidated,
		},
		{
			name: "another service account's signature",
			token: func(t *testing.T) string {
				t.Helper()
				other := strings.Split(issued(hub, "billing", "s3-backup")(t), ".")
				return tampered(genuine, func(parts []string) { parts[2] = other[2] })(t)
			},
			want: notValidated,
		},
		{name: "no signature", token: tampered(genuine, func(parts []string) { parts[2] = "" }), want: notValidated},
		{name: "the algorithm none", token: unsigned(`{"alg":"none"}`), want: notValidated},
		{name: "the algorithm nOnE", token: unsigned(`{"alg":"nOnE","typ":"JWT"}`), want: notValidated},
		{name: "the algorithm none, with the signature kept", token: forged(header("alg", "none")), want: notValidated},
		{name: "HS256 with the public key in PEM as the secret", token: forged(withPublicKey), want: notValidated},
		{name: "ES256", token: forged(onACurve), want: notValidated},
		{
			name:  "PS256 with the right key, which is published for RS256",
			token: forged(signed(jose.PS256)), want: notValidated,
		},
		{
			name:  "another algorithm in the header than that of the signature",
			token: forged(signed(jose.RS512), header("alg", "RS256")), want: notValidated,
		},
		{name: "an unknown key ID", token: forged(header("kid", "attacker")), want: noKey},
		{name: "an empty key ID", token: forged(header("kid", "")), want: noKey},
		{name: "a key ID that is no text", token: forged(header("kid", 1)), want: noJWT},
		{
			name:  "a key in the header, under the right key ID",
			token: forged(signedByAttacker(embedded)), want: notValidated,
		},
		{
			name:  "a key in the header, under a key ID of its own",
			token: forged(header("kid", "attacker"), signedByAttacker(embedded)), want: noKey,
		},
		{
			name: "the certificate of a key in the header",
			token: forged(signedByAttacker(func(t *testing.T, f *forgery) {
				t.Helper()
				f.header["x5c"] = []string{attackersCertificate(t)}
			})),
			want: notValidated,
		},
		{name: "the address of keys in the header", token: forged(signedByAttacker(func(_ *testing.T, f *forgery) {
			f.header["jku"] = attacker.URL
		})), want: notValidated},
		{
			name:  "claims that are signed as they are, which RFC 7797 forbids to a JWT",
			token: forged(header("b64", false), header("crit", []string{"b64"})),
			want:  notValidated,
		},
		{
			name:  "a critical header that nobody knows",
			token: forged(header("crit", []string{"attacker"}), header("attacker", true)), want: notValidated,
		},
	})
}

func TestForms(t *testing.T) {
	t.Parallel()
	runExchanges(t, []exchange{
		{
			name:  "an empty token",
			token: text(""),
			want:  invalid("'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4"),
		},
		{
			name:  "a token that is too long",
			token: forged(claim("padding", strings.Repeat("x", 20000))),
			want:  invalid("Member must have length less than or equal to 20000"),
		},
		{name: "a password", token: text("correct horse battery staple"), want: noJWT},
		{
			name:  "a token of `aws eks get-token`",
			token: text("k8s-aws-v1." + encode("https://sts.amazonaws.com/?Action=GetCallerIdentity")), want: noJWT,
		},
		{name: "one part more", token: func(t *testing.T) string { t.Helper(); return genuine(t) + ".x" }, want: noJWT},
		{name: "a JWS in JSON", token: inJSON, want: noJWT},
		{name: "a JWE", token: encrypted, want: noJWT},
		{name: "a genuine token within another", token: nested, want: noJWT},
		{
			name:  "claims that are a list",
			token: forged(rewritten(func(claims string) string { return "[" + claims + "]" })), want: noJWT,
		},
		{name: "a token of the old kind, from a Secret", token: ofASecret, want: noProvider},
		{name: "an empty subject", token: forged(claim("sub", "")), want: rejectedClaim},
		{name: "no subject", token: forged(without("sub")), want: missing("sub")},
		{name: "a list of subjects", token: forged(claim("sub", []string{trustedSubject})), want: noJWT},
		{name: "a claim called Sub", token: forged(without("sub"), claim("Sub", trustedSubject)), want: missing("sub")},
		{
			name:  "two subjects, the trusted one last",
			token: forged(firstOf("system:serviceaccount:billing:evil")), want: noJWT,
		},
		{
			name:  "two subjects, the trusted one first",
			token: forged(subject("evil"), firstOf(trustedSubject)), want: noJWT,
		},
		{name: "two algorithms, none last", token: handmade(`{"alg":"RS256","kid":"KID","alg":"none"}`), want: noJWT},
	})
}

func TestRoles(t *testing.T) {
	t.Parallel()
	home := func() account { return sandbox.home }
	arn := func(change func(arn string) string) roleSource {
		return func(t *testing.T) string { t.Helper(); return change(trusting()(t)) }
	}
	runExchanges(t, []exchange{
		{name: "a role with a path", role: func(t *testing.T) string {
			t.Helper()
			return home().newRole(t, home().trust(t), underPath("/teams/payments/"))
		}},
		{name: "a role of another account that has the cluster's provider, too", role: func(t *testing.T) string {
			t.Helper()
			in := newAccount(t).registered(t, sandbox.hub, audience)
			return in.newRole(t, in.trust(t))
		}},
		{name: "a role that was made anew, with the same trust policy", role: func(t *testing.T) string {
			t.Helper()
			return home().remade(t, trusting()(t), home().trust(t))
		}},
		{name: "a role that does not exist", role: arn(func(arn string) string { return arn + "-2" }), want: notAuthorized},
		{
			name: "a role by its name in upper case",
			role: arn(func(arn string) string { return strings.Replace(arn, "/role-", "/ROLE-", 1) }),
			want: notAuthorized,
		},
		{name: "a role with a path, without its path", role: func(t *testing.T) string {
			t.Helper()
			return strings.Replace(home().newRole(t, home().trust(t), underPath("/teams/payments/")), "/teams/payments/", "/", 1)
		}, want: notAuthorized},
		{
			name: "* for a role",
			role: arn(func(arn string) string { return strings.TrimSuffix(arn, nameOf(arn)) + "*" }),
			want: notAuthorized,
		},
		{name: "the session of a role for a role", role: arn(func(arn string) string {
			return strings.NewReplacer(":iam:", ":sts:", ":role/", ":assumed-role/").Replace(arn) + "/adversary"
		}), want: invalid("Request ARN is invalid")},
		{
			name: "a user for a role",
			role: arn(func(arn string) string { return strings.Replace(arn, ":role/", ":user/", 1) }),
			want: invalid("Request ARN is invalid"),
		},
		{
			name: "no ARN for a role",
			role: arn(func(string) string { return "the role of payments/s3-backup" }),
			want: invalid("Request ARN is invalid"),
		},
		{name: "a role that was deleted", role: func(t *testing.T) string {
			t.Helper()
			role := trusting()(t)
			home().deleteRole(t, role)
			return role
		}, want: notAuthorized},
		{name: "a role that was made anew for somebody else", role: func(t *testing.T) string {
			t.Helper()
			return home().remade(t, trusting()(t), home().trust(t, exact("billing", "reports")))
		}, want: notAuthorized},
		{name: "a role that has ceased to trust", role: func(t *testing.T) string {
			t.Helper()
			role := trusting()(t)
			_, err := home().iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
				RoleName: aws.String(nameOf(role)), PolicyDocument: aws.String(home().trust(t, exact("billing", "reports"))),
			})
			require.NoError(t, err)
			return role
		}, want: notAuthorized},
		{
			name: "a role of another account, which does not have the cluster's provider",
			role: func(t *testing.T) string {
				t.Helper()
				in := newAccount(t)
				return in.newRole(t, in.trust(t))
			},
			want: noProvider,
		},
		{name: "a role of another account that names this account's provider", role: func(t *testing.T) string {
			t.Helper()
			return newAccount(t).newRole(t, home().trust(t))
		}, want: noProvider},
		{
			name: "a role of another account that has the provider, and names this account's",
			role: func(t *testing.T) string {
				t.Helper()
				return newAccount(t).registered(t, sandbox.hub, audience).newRole(t, home().trust(t))
			},
			want: notAuthorized,
		},
		{name: "a role that names another account's provider of the same issuer", role: func(t *testing.T) string {
			t.Helper()
			return home().newRole(t, newAccount(t).registered(t, sandbox.hub, audience).trust(t))
		}, want: notAuthorized},
		{name: "a provider that was deleted", role: func(t *testing.T) string {
			t.Helper()
			in := newAccount(t).registered(t, sandbox.hub, audience)
			role := in.newRole(t, in.trust(t))
			_, err := in.iam().DeleteOpenIDConnectProvider(t.Context(),
				&iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(in.provider(sandbox.hub))})
			require.NoError(t, err)
			return role
		}, want: noProvider},
		{
			name: "the same role in another partition",
			role: arn(func(arn string) string { return strings.Replace(arn, "arn:aws:", "arn:aws-cn:", 1) }),
			want: noProvider,
		},
		{name: "a role of China, where the cluster's provider is not", role: func(t *testing.T) string {
			t.Helper()
			in := newAccountIn(t, "aws-cn")
			return in.newRole(t, in.trust(t))
		}, want: noProvider},
	})
}

func TestTrustPolicies(t *testing.T) {
	t.Parallel()
	const denied = "system:serviceaccount:payments:frontend"
	runExchanges(t, []exchange{
		{name: "a Deny that is about somebody else", role: denying(iampolicy.StringEquals, "ISSUER:sub", denied)},
		{
			name: "a Deny for all but the trusted account",
			role: denying(iampolicy.StringNotEquals, "ISSUER:sub", trustedSubject),
		},
		{
			name: "a session name that the trust policy wants",
			role: trustingIf(iampolicy.StringEquals, "sts:RoleSessionName", "adversary"),
		},
		{
			name: "an explicit Deny of the trusted account",
			role: denying(iampolicy.StringEquals, "ISSUER:sub", trustedSubject), want: notAuthorized,
		},
		{
			name: "an explicit Deny by a pattern",
			role: denying(iampolicy.StringLike, "ISSUER:sub", "*:s3-*"), want: notAuthorized,
		},
		{
			name: "an explicit Deny with the claim's name in upper case",
			role: denying(iampolicy.StringEquals, "ISSUER:SUB", trustedSubject), want: notAuthorized,
		},
		{
			name: "an explicit Deny of all but another account",
			role: denying(iampolicy.StringNotEquals, "ISSUER:sub", denied), want: notAuthorized,
		},
		{
			name: "an explicit Deny of what lacks a claim",
			role: denying(iampolicy.Null, "ISSUER:amr", "true"), want: notAuthorized,
		},
		{name: "an explicit Deny of everybody", role: trustingAnd(func() iampolicy.Statement {
			return iampolicy.Statement{Effect: iampolicy.Deny, Principal: &iampolicy.Principal{Any: true}, Actions: iampolicy.Strings{"sts:*"}}
		}), want: notAuthorized},
		{
			name: "a claim that the token does not have", role: trustingIf(iampolicy.StringEquals, "ISSUER:amr", "authenticated"),
			want: notAuthorized,
		},
		{
			name: "the subject that is the only one not trusted",
			role: trustingIf(iampolicy.StringNotEquals, "ISSUER:sub", trustedSubject), want: notAuthorized,
		},
		{
			name: "another subject, if the token has one",
			role: trustingIf(iampolicy.StringEquals+"IfExists", "ISSUER:sub", denied), want: notAuthorized,
		},
		{
			name: "a role that was trusted until yesterday",
			role: trustingIf(iampolicy.DateLessThan, "aws:CurrentTime", "2026-01-01"), want: notAuthorized,
		},
		{
			name: "a role for calls from elsewhere",
			role: trustingIf(iampolicy.IPAddress, "aws:SourceIp", "203.0.113.0/24"), want: notAuthorized,
		},
		{
			name: "another session name than the trust policy wants",
			role: trustingIf(iampolicy.StringEquals, "sts:RoleSessionName", "audit"), want: notAuthorized,
		},
		{
			name: "a provider that may assume the role, but not with a web identity",
			role: trustingBy(func() iampolicy.Statement {
				statement := federated(iampolicy.Allow, sandbox.home.provider(sandbox.hub), when(iampolicy.StringEquals, "ISSUER:sub", trustedSubject))
				statement.Actions = iampolicy.Strings{"sts:AssumeRole"}
				return statement
			}),
			want: notAuthorized,
		},
		{
			name: "a role that trusts the account, which is not the same as its providers",
			role: trustingBy(func() iampolicy.Statement {
				return iampolicy.Statement{
					Effect: iampolicy.Allow, Principal: &iampolicy.Principal{AWS: iampolicy.Strings{homeAccount}},
					Actions: iampolicy.Strings{"sts:AssumeRoleWithWebIdentity"},
				}
			}),
			want: notAuthorized,
		},
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()
	length := func(seconds int32) func(*sts.AssumeRoleWithWebIdentityInput) {
		return func(input *sts.AssumeRoleWithWebIdentityInput) { input.DurationSeconds = &seconds }
	}
	called := func(name string) func(*sts.AssumeRoleWithWebIdentityInput) {
		return func(input *sts.AssumeRoleWithWebIdentityInput) { input.RoleSessionName = &name }
	}
	lasting := func(seconds int32) roleSource {
		return func(t *testing.T) string {
			t.Helper()
			return sandbox.home.newRole(t, sandbox.home.trust(t), func(input *iam.CreateRoleInput) { input.MaxSessionDuration = &seconds })
		}
	}
	runExchanges(t, []exchange{
		{name: "the longest session that the role allows", ask: length(7200), role: lasting(7200)},
		{name: "the shortest session that there is", ask: length(900)},
		{
			name: "a session that is a second longer than the role allows", ask: length(7201), role: lasting(7200),
			want: invalid("exceeds the MaxSessionDuration set for this role"),
		},
		{
			name: "a session longer than the hour that a role allows if it says nothing", ask: length(43200),
			want: invalid("exceeds the MaxSessionDuration set for this role"),
		},
		{
			name: "a session longer than any may be",
			ask:  length(43201), role: lasting(43200), want: invalid("less than or equal to 43200"),
		},
		{name: "a session shorter than any may be", ask: length(899), want: invalid("greater than or equal to 900")},
		{
			name: "a session name that leads out of the role",
			ask:  called("../admin/x"), want: invalid("'roleSessionName' failed to satisfy constraint"),
		},
		{name: "a session name of one letter", ask: called("x"), want: invalid("greater than or equal to 2")},
	})
}
