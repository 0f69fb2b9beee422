package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// webIdentity is what a verified token says.
type webIdentity struct {
	issuer   string // without https://
	provider string // ARN of the OIDC provider
	subject  string
	audience string
}

// keys are the condition keys of the identity, which are named after the issuer.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
func (w webIdentity) keys() map[string][]string {
	return map[string][]string{
		w.issuer + ":sub":       {w.subject},
		w.issuer + ":aud":       {w.audience},
		"aws:FederatedProvider": {w.provider},
	}
}

// The codes and their HTTP statuses are those of
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors.
// The messages are what STS was seen to answer, where public reports quote it, and the documentation's words otherwise.

func invalidToken(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "InvalidIdentityToken", fmt.Sprintf(format, args...)}
}

func noJWT() error {
	return invalidToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
}

func notValidated() error {
	return invalidToken("The web identity token that was passed could not be validated by AWS. " +
		"Get a new identity token from the identity provider and then retry the request.")
}

// noKey has two spaces, as in https://github.com/aws/aws-cli/issues/7194.
func noKey() error {
	return invalidToken("Couldn't retrieve verification key from your identity provider,  " +
		"please reference AssumeRoleWithWebIdentity documentation for requirements")
}

// verifyToken checks a token as STS does for a role in an account: who issued it, with which key, for whom, and when.
// Between STS's clock and the issuer's it allows no difference: AWS documents none.
func (e *Endpoint) verifyToken(ctx context.Context, text string, in principal) (webIdentity, error) {
	// Only RS256 is what EKS signs with. To name it keeps "none" out, and the public key as a secret of HS256.
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
	if other := (*jose.ErrUnexpectedSignatureAlgorithm)(nil); errors.As(err, &other) {
		return webIdentity{}, notValidated()
	}
	if err != nil {
		return webIdentity{}, noJWT()
	}
	// go-jose heeds "b64", which RFC 7797 section 7 forbids to a JWT; no token of EKS has a critical header.
	if _, critical := token.Headers[0].ExtraHeaders["crit"]; critical {
		return webIdentity{}, notValidated()
	}
	var unverified jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&unverified); err != nil {
		return webIdentity{}, noJWT()
	}
	if unverified.Issuer == "" {
		return webIdentity{}, missingClaim("iss")
	}
	provider, err := e.oidcProvider(ctx, in, unverified.Issuer)
	if err != nil {
		return webIdentity{}, err
	}
	claims, err := e.verifiedClaims(ctx, token, unverified.Issuer)
	if err != nil {
		return webIdentity{}, err
	}
	if err := claims.checkTime(time.Now(), e.tokenAging); err != nil {
		return webIdentity{}, err
	}
	audience, err := claims.audienceFor(provider.clientIDs)
	if err != nil {
		return webIdentity{}, err
	}
	return webIdentity{provider.issuer, provider.arn, claims.Subject, audience}, nil
}

func missingClaim(name string) error { return invalidToken("Missing a required claim: %s", name) }

type oidcProvider struct {
	issuer, arn string
	clientIDs   []string
}

// oidcProvider finds the provider of an issuer in the account of the role: that of another account is of no use.
func (e *Endpoint) oidcProvider(ctx context.Context, in principal, issuer string) (oidcProvider, error) {
	none := invalidToken("No OpenIDConnect provider found in your account for %s", issuer)
	host, secure := strings.CutPrefix(issuer, "https://")
	_, err := iampolicy.ParseIssuer(issuer)
	if err != nil || !secure || !e.propagation.visible(kindProvider, in.account, host) {
		return oidcProvider{}, none
	}
	arn := iampolicy.ARN{Partition: in.partition, Service: "iam", Account: in.account, Resource: kindProvider + "/" + host}.String()
	found, err := e.moto.iam(in).GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn})
	if missing(err) || err == nil && aws.ToString(found.Url) != host {
		return oidcProvider{}, none
	}
	if err != nil {
		return oidcProvider{}, fmt.Errorf("looking up the OIDC provider %s: %w", arn, err)
	}
	return oidcProvider{host, arn, found.ClientIDList}, nil
}

// claims are those of a token whose signature holds.
type claims struct {
	jwt.Claims
	present map[string]json.RawMessage
}

// verifiedClaims verifies the signature with the key that the issuer publishes under the token's key ID.
func (e *Endpoint) verifiedClaims(ctx context.Context, token *jwt.JSONWebToken, issuer string) (claims, error) {
	keys := e.eks.keys(issuer)
	if keys == nil {
		return claims{}, noKey()
	}
	published, err := keys(ctx)
	if err != nil {
		return claims{}, &apiError{
			http.StatusBadRequest, "IDPCommunicationError",
			"the identity provider did not answer: " + err.Error(),
		}
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(published, &set); err != nil {
		return claims{}, noKey()
	}
	named := set.Key(token.Headers[0].KeyID)
	if len(named) != 1 || !named[0].Valid() || !named[0].IsPublic() {
		return claims{}, noKey()
	}
	var found claims
	if err := token.Claims(named[0].Key, &found.Claims, &found.present); err != nil {
		return claims{}, notValidated()
	}
	return found, nil
}

// checkTime checks that the token is valid at a time. It ages aging times faster than it says.
func (c claims) checkTime(now time.Time, aging int) error {
	switch {
	case c.Expiry == nil:
		return missingClaim("exp")
	case c.IssuedAt == nil:
		return missingClaim("iat")
	}
	issued, expires := c.IssuedAt.Time(), c.Expiry.Time()
	if aging > 1 {
		expires = issued.Add(expires.Sub(issued) / time.Duration(aging))
	}
	switch {
	case !now.Before(expires): // the words, missing space included: https://github.com/awslabs/aws-orbit-workbench/issues/771
		return &apiError{
			http.StatusBadRequest, "ExpiredTokenException",
			fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time%d", now.Unix(), expires.Unix()),
		}
	case now.Before(issued), c.NotBefore != nil && now.Before(c.NotBefore.Time()):
		return notValidated()
	}
	return nil
}

// audienceFor returns the audience of the token that is a client ID of the provider, and checks that there is a subject.
func (c claims) audienceFor(clientIDs []string) (string, error) {
	if _, ok := c.present["sub"]; !ok {
		return "", missingClaim("sub")
	}
	if c.Subject == "" {
		// The claim is there and says nobody: it is the claim that is at fault, not the token around it.
		return "", &apiError{http.StatusForbidden, "IDPRejectedClaim", "The claim sub is invalid: it is empty"}
	}
	if len(c.Audience) == 0 {
		return "", missingClaim("aud")
	}
	for _, audience := range c.Audience {
		if slices.Contains(clientIDs, audience) {
			return audience, nil
		}
	}
	return "", invalidToken("Incorrect token audience")
}
