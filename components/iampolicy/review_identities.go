package iampolicy

import "strings"

const (
	assumeRoleWithSAML = "sts:AssumeRoleWithSAML"
	accountSubject     = "system:serviceaccount:"
)

// federated reviews a provider of identities.
func (r *reviewer) federated(s Statement, name string, list clauses) {
	arn, err := ParseARN(name)
	switch {
	case err == nil && arn.isSAMLProvider():
		if r.can(s, name, assumeRoleWithSAML) {
			r.saml(name, list)
		}
	case !r.can(s, name, assumeRoleWithWebIdentity):
	case err == nil && arn.IsOIDCProvider():
		r.webIdentity(s.Condition, arn.issuer(), list)
	default:
		r.host(name, list)
	}
}

// saml reviews a SAML provider, which says itself who gets which role.
func (r *reviewer) saml(name string, list clauses) {
	if !list.limitsAny("SAML:aud", "SAML:iss", "SAML:sub") {
		r.find(SAMLNoAudience, "does not ask for SAML:aud: an assertion of %s for whatever endpoint is taken", name)
	}
	r.trust(Trusted{Kind: SAMLUser, Name: name, If: list.texts()})
}

// host reviews a provider that AWS knows by its name, such as cognito-identity.amazonaws.com.
func (r *reviewer) host(name string, list clauses) {
	if !list.limitsAny(name+":aud", name+":app_id", name+":sub") {
		r.find(FederatedAnyone, "trusts every user of %s, of whatever application: ask for %s:aud", name, name)
	}
	r.trust(Trusted{Kind: FederatedUser, Name: name, If: list.texts()})
}

// webIdentity reviews an OIDC provider. Every token has a subject and an audience.
func (r *reviewer) webIdentity(condition Condition, issuer string, list clauses) {
	sub, aud := issuer+":sub", issuer+":aud"
	for _, c := range list {
		if other, is := issuerOf(c.key); is && other != strings.ToLower(issuer) && c.needsKey() {
			r.find(OtherIssuer, "asks for %s, which no token of %s has: none of them gets in", c.written, issuer)
			return
		}
	}
	audiences, limited := list.only(aud, true)
	if !limited {
		r.find(NoAudience, "does not ask for %s: a token for each client ID of the provider is taken", aud)
	}
	r.findPatterns(AudiencePattern, audiences, "takes audiences by the pattern %q; there is one, "+Audience)
	subjects, limited := list.only(sub, true)
	if !limited {
		subjects = []valuePattern{{text: "*", wild: true}}
		if checkIdentityOf(condition, issuer) != nil {
			r.find(NoSubject, "trusts every identity of %s: no condition names a subject", issuer)
		}
	}
	for _, subject := range subjects {
		if limited {
			r.reviewSubject(issuer, subject)
		}
		r.trust(Trusted{
			Kind: WebIdentity, Name: subject.text, Issuer: issuer, Pattern: subject.isPattern(), AnyCase: subject.anyCase, If: list.texts(sub, aud),
		})
	}
}

// issuerOf is the issuer in a condition key that is about a token.
func issuerOf(key string) (issuer string, is bool) {
	at := strings.LastIndex(key, ":")
	if at < 0 || !strings.Contains(key[:at], ".") {
		return "", false
	}
	return key[:at], true
}

// reviewSubject says how far the pattern of a subject reaches.
func (r *reviewer) reviewSubject(issuer string, subject valuePattern) {
	if !subject.isPattern() {
		return
	}
	if matchesAnything(subject.text, sharedIssuers[strings.ToLower(issuer)].begins) {
		r.find(AnySubject, "%q matches every subject of %s", subject.text, issuer)
		return
	}
	rest, isAccount := strings.CutPrefix(subject.text, accountSubject)
	namespace, name, both := strings.Cut(rest, ":")
	switch {
	case isAccount && (!both || strings.ContainsAny(namespace, "*?")):
		r.find(AnyNamespace, "%q reaches several namespaces: anyone who may make one of such a name gets in, and * matches a colon, too",
			subject.text)
	case isAccount && strings.Trim(name, "*") == "":
		r.find(WholeNamespace, "%q is every service account of the namespace %s", subject.text, namespace)
	default:
		r.find(SubjectPattern, "%q is a pattern: anyone who may make a subject of such a name gets in", subject.text)
	}
}
