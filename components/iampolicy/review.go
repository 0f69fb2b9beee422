package iampolicy

import (
	"fmt"
	"slices"
	"strings"
)

// TrustReview is who may assume a role by its trust policy, and what in the policy is other than it looks.
//
// Trusted never leaves anybody out: where a condition is not understood, it counts as if it was not there. So it may name more than
// IAM lets in, and never less. That a principal of AWS also needs the permission to assume the role, unless the policy names it
// itself, is not looked at.
type TrustReview struct {
	Trusted  []Trusted `json:"trusted"`
	Findings []Finding `json:"findings"`
}

// Trusted is one whom a trust policy lets assume the role, or several by a pattern.
type Trusted struct {
	Kind TrustedKind `json:"kind"`
	// Name is an account, an ARN, a service, the subject of a token, <cluster>/<namespace>/<service account> for EKS Pod Identity, or
	// "*" for everyone of the kind.
	Name string `json:"name"`
	// Issuer is that of a token, without https://.
	Issuer string `json:"issuer,omitempty"`
	// Account is the one to which a principal with a pattern for its name belongs.
	Account string `json:"account,omitempty"`
	// Pattern is set where * and ? in Name stand for other characters, and AnyCase where upper and lower case do not matter.
	Pattern bool `json:"pattern,omitempty"`
	AnyCase bool `json:"anyCase,omitempty"`
	// If are the conditions that have to hold besides.
	If []string `json:"if,omitempty"`
}

// TrustedKind is what a [Trusted] is.
type TrustedKind string

// The kinds of those who assume roles.
const (
	// Everyone are all principals of all accounts, and all others that can call STS.
	Everyone TrustedKind = "everyone"
	// WholeAccount are the users and roles of an account whom the account itself allows to assume the role.
	WholeAccount TrustedKind = "account"
	// AWSPrincipal is a role, a user or a session, by its ARN or by the unique ID that it had.
	AWSPrincipal TrustedKind = "principal"
	// AWSService is a service of AWS, by the name of its principal.
	AWSService TrustedKind = "service"
	// PodIdentityAccount is a service account by EKS Pod Identity.
	PodIdentityAccount TrustedKind = "podIdentity"
	// WebIdentity is a subject of an OIDC provider; of the issuer of an EKS cluster, it is a service account (IRSA).
	WebIdentity TrustedKind = "webIdentity"
	// SAMLUser are the users whom a SAML provider gives the role.
	SAMLUser TrustedKind = "saml"
	// FederatedUser are the users of another provider, such as accounts.google.com.
	FederatedUser TrustedKind = "federated"
)

// Finding is something in a trust policy that is other than it looks.
type Finding struct {
	Kind  FindingKind  `json:"kind"`
	Level FindingLevel `json:"level"`
	// Statement is its index.
	Statement int    `json:"statement"`
	Message   string `json:"message"`
}

// FindingLevel is what a finding means for who gets in.
type FindingLevel string

// The levels, the worst first.
const (
	// Open lets in whom the owner of the role does not know.
	Open FindingLevel = "open"
	// Wide lets in more than a reader may think.
	Wide FindingLevel = "wide"
	// Note lets in fewer, or is worth knowing.
	Note FindingLevel = "note"
)

// ReviewTrust reviews the trust policy of a role of an account, "" where that is not known.
func ReviewTrust(policy Document, account string) TrustReview {
	r := reviewer{account: account, variables: policy.Version != oldVersion}
	for i, s := range policy.Statements {
		r.statement = i
		if s.Effect == Deny {
			r.find(DenyNarrows, "denies %s: whom it means does not get in, whatever else allows it", deniedBy(s))
			continue
		}
		r.allow(s)
	}
	slices.SortStableFunc(r.review.Findings, func(a, b Finding) int { return levelOrder(a) - levelOrder(b) })
	return r.review
}

func levelOrder(f Finding) int { return slices.Index([]FindingLevel{Open, Wide, Note}, f.Level) }

// reviewer holds what the review of one policy shares.
type reviewer struct {
	account   string
	variables bool
	statement int
	review    TrustReview
}

func (r *reviewer) find(kind FindingKind, format string, args ...any) {
	finding := Finding{Kind: kind, Level: findingLevels[kind], Statement: r.statement, Message: fmt.Sprintf(format, args...)}
	if !slices.Contains(r.review.Findings, finding) {
		r.review.Findings = append(r.review.Findings, finding)
	}
}

// findPatterns finds each value that is a pattern; the format takes its text.
func (r *reviewer) findPatterns(kind FindingKind, values []valuePattern, format string) {
	for _, value := range values {
		if value.isPattern() {
			r.find(kind, format, value.text)
		}
	}
}

func (r *reviewer) trust(trusted Trusted) { r.review.Trusted = append(r.review.Trusted, trusted) }

// allow reviews a statement that lets principals in.
func (r *reviewer) allow(s Statement) {
	clauses := r.clausesOf(s.Condition)
	r.reviewOperators(clauses)
	if len(s.NotActions) > 0 {
		r.find(NotActionAllows, "allows every action but %s", strings.Join(s.NotActions, ", "))
	}
	if s.NotPrincipal != nil {
		r.find(NotPrincipalAllows, "NotPrincipal with Allow trusts every principal of every account but the named ones")
		r.trust(Trusted{Kind: Everyone, Name: "*", If: clauses.texts()})
		return
	}
	if s.Principal == nil {
		return
	}
	if s.Principal.Any || slices.Contains(s.Principal.AWS, "*") {
		r.everyone(s.Condition, clauses)
	}
	for _, name := range s.Principal.AWS {
		if name != "*" && r.can(s, name, assumeRole) {
			r.awsPrincipal(name, clauses)
		}
	}
	for _, name := range s.Principal.Service {
		if !r.can(s, name, assumeRole) {
			continue
		}
		if name == podIdentityService {
			r.podIdentity(s, clauses)
			continue
		}
		r.service(name, clauses)
	}
	for _, name := range s.Principal.Federated {
		r.federated(s, name, clauses)
	}
}

// can reports whether the statement allows the action by which a principal assumes roles.
func (r *reviewer) can(s Statement, principal, action string) bool {
	if s.allows(action) {
		return true
	}
	r.find(WrongAction, "%s assumes roles by %s, which is not among the actions: it does not get in", principal, action)
	return false
}

// allows reports whether an action is among those of the statement.
func (s Statement) allows(action string) bool {
	matching := func(pattern string) bool { return matches(strings.ToLower(pattern), strings.ToLower(action)) }
	if len(s.NotActions) > 0 {
		return !slices.ContainsFunc(s.NotActions, matching)
	}
	return slices.ContainsFunc(s.Actions, matching)
}

// deniedBy says whom a Deny is about.
func deniedBy(s Statement) string {
	switch {
	case s.NotPrincipal != nil:
		return "everyone but " + strings.Join(s.NotPrincipal.names(), ", ")
	case len(s.Condition) > 0:
		return strings.Join(s.Principal.names(), ", ") + " under a condition"
	default:
		return strings.Join(s.Principal.names(), ", ")
	}
}

// names are those of every kind.
func (p *Principal) names() []string {
	if p == nil || p.Any {
		return []string{"everyone"}
	}
	return slices.Concat(p.AWS, p.Federated, p.Service, p.CanonicalUser)
}
