package iampolicy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

var (
	sidPattern = regexp.MustCompile(`^[A-Za-z0-9]*$`)
	// A service prefix has no wildcards, an action name may: "s3:Get*".
	actionPattern   = regexp.MustCompile(`^(\*|[A-Za-z0-9-]+:[\w*?-]+)$`)
	resourcePattern = regexp.MustCompile(`^(\*|arn(:[^:]*){4}:.+)$`)
	operatorPattern = regexp.MustCompile(`^(?:ForAllValues:|ForAnyValue:)?(\w+?)(IfExists)?$`)
)

var knownOperators = []Operator{
	StringEquals, StringNotEquals, StringEqualsIgnoreCase, StringNotEqualsIgnoreCase, StringLike, StringNotLike,
	NumericEquals, NumericNotEquals, NumericLessThan, NumericLessThanEquals, NumericGreaterThan, NumericGreaterThanEquals,
	DateEquals, DateNotEquals, DateLessThan, DateLessThanEquals, DateGreaterThan, DateGreaterThanEquals,
	Bool, BinaryEquals, IPAddress, NotIPAddress, ArnEquals, ArnLike, ArnNotEquals, ArnNotLike, Null,
}

// ValidateIdentity checks the document as a permission document, which is attached to a role: no principals, and every
// statement names resources as ARNs or "*". All faults are reported together.
func (d Document) ValidateIdentity() error {
	var found faults
	checkDocument(&found, d)
	for i, s := range d.Statements {
		checkIdentityStatement(&found, item("Statement", i), s)
	}
	return found.err()
}

// ValidateTrust checks the document as a role's trust policy: every statement names principals, no resources, and only
// actions of STS. It also refuses to trust by omission: everybody without a condition, a federated provider without a
// condition, and an OIDC provider without a condition on a claim other than the audience, which all of its tokens share.
// All faults are reported together.
func (d Document) ValidateTrust() error {
	var found faults
	checkDocument(&found, d)
	for i, s := range d.Statements {
		checkTrustStatement(&found, item("Statement", i), s)
	}
	return found.err()
}

// checkDocument finds what no kind of policy may contain.
func checkDocument(found *faults, d Document) {
	if d.Version != "" && d.Version != currentVersion && d.Version != oldVersion {
		found.addf("Version", "%q is not a version of the policy language; use %q", d.Version, currentVersion)
	}
	checkText(found, "Id", d.ID)
	if len(d.Statements) == 0 {
		found.addf("Statement", "is missing; a policy needs at least one statement")
	}
	checkStatements(found, "Statement", d.Statements)
}

func checkStatements(found *faults, path string, statements []Statement) {
	first := map[string]string{}
	for i, s := range statements {
		at := item(path, i)
		checkStatement(found, at, s)
		if other, taken := first[s.Sid]; taken {
			found.addf(child(at, "Sid"), "%q is the Sid of %s already; a Sid is unique in its policy", s.Sid, other)
		} else if s.Sid != "" {
			first[s.Sid] = at
		}
	}
}

func checkStatement(found *faults, path string, s Statement) {
	if !sidPattern.MatchString(s.Sid) {
		found.addf(child(path, "Sid"), "%q has a character that is not allowed; use letters and digits", s.Sid)
	}
	switch s.Effect {
	case Allow, Deny:
	case "":
		found.addf(child(path, "Effect"), "is missing; use Allow or Deny")
	default:
		found.addf(child(path, "Effect"), "%q is neither Allow nor Deny", string(s.Effect))
	}
	checkPrincipal(found, child(path, "Principal"), s.Principal)
	checkPrincipal(found, child(path, "NotPrincipal"), s.NotPrincipal)
	if s.Principal != nil && s.NotPrincipal != nil {
		found.addf(child(path, "NotPrincipal"), "cannot stand beside Principal")
	}
	checkActions(found, path, s)
	checkList(found, child(path, "Resource"), s.Resources)
	checkList(found, child(path, "NotResource"), s.NotResources)
	if len(s.Resources) > 0 && len(s.NotResources) > 0 {
		found.addf(child(path, "NotResource"), "cannot stand beside Resource")
	}
	checkCondition(found, child(path, "Condition"), s.Condition)
}

func checkActions(found *faults, path string, s Statement) {
	if len(s.Actions) > 0 && len(s.NotActions) > 0 {
		found.addf(child(path, "NotAction"), "cannot stand beside Action")
	}
	if len(s.Actions) == 0 && len(s.NotActions) == 0 && !found.seen[child(path, "NotAction")] {
		found.addf(child(path, "Action"), "is missing; a statement needs Action or NotAction")
	}
	s.eachAction(path, func(path, action string) {
		if !actionPattern.MatchString(action) {
			found.addf(path, `%q is not an action; use "service:Action" or "*"`, action)
		}
	})
}

// eachAction visits the actions of both kinds with their paths.
func (s Statement) eachAction(path string, visit func(path, action string)) {
	for i, action := range s.Actions {
		visit(item(child(path, "Action"), i), action)
	}
	for i, action := range s.NotActions {
		visit(item(child(path, "NotAction"), i), action)
	}
}

func checkPrincipal(found *faults, path string, p *Principal) {
	switch {
	case p == nil:
		return
	case p.Any && p.named() > 0:
		found.addf(path, `everybody ("*") cannot stand beside named principals`)
	case !p.Any && p.named() == 0:
		found.addf(path, "names nobody")
	}
	checkList(found, child(path, "AWS"), p.AWS)
	checkList(found, child(path, "Federated"), p.Federated)
	checkList(found, child(path, "Service"), p.Service)
	checkList(found, child(path, "CanonicalUser"), p.CanonicalUser)
}

func (p *Principal) named() int {
	return len(p.AWS) + len(p.Federated) + len(p.Service) + len(p.CanonicalUser)
}

func checkCondition(found *faults, path string, condition Condition) {
	if condition != nil && len(condition) == 0 {
		// An empty condition looks like one and holds for everybody.
		found.addf(path, "is empty; leave it out or name an operator")
	}
	for _, operator := range slices.Sorted(maps.Keys(condition)) {
		at := child(path, string(operator))
		if !operator.known() {
			found.addf(at, "is not a condition operator")
		}
		if len(condition[operator]) == 0 {
			found.addf(at, "is empty; name a condition key")
		}
		for _, key := range slices.Sorted(maps.Keys(condition[operator])) {
			checkConditionKey(found, child(at, key), key, condition[operator][key])
		}
	}
}

func (o Operator) known() bool {
	parts := operatorPattern.FindStringSubmatch(string(o))
	if parts == nil || (parts[1] == string(Null) && string(o) != string(Null)) {
		return false
	}
	return slices.Contains(knownOperators, Operator(parts[1]))
}

func checkConditionKey(found *faults, path, key string, values Strings) {
	prefix, name, ok := strings.Cut(key, ":")
	switch {
	case strings.Contains(key, "://"):
		found.addf(path, "is a URL; a condition key has the issuer without https://")
	case prefix == "arn":
		found.addf(path, "is an ARN; a condition key has the issuer, not the provider's ARN")
	case !ok || prefix == "" || name == "":
		found.addf(path, `is not a condition key; its form is "prefix:name"`)
	}
	checkText(found, path, key)
	if len(values) == 0 {
		found.addf(path, "has no values; a condition needs at least one")
	}
	for i, value := range values {
		// An empty string is a legitimate value to compare with.
		checkText(found, item(path, i), value)
	}
}

func checkList(found *faults, path string, list Strings) {
	for i, text := range list {
		if text == "" {
			found.addf(item(path, i), "is empty")
		}
		checkText(found, item(path, i), text)
	}
}

// checkText knows the characters that IAM takes in a policy:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
func checkText(found *faults, path, text string) {
	for _, r := range text {
		if (r < ' ' && !strings.ContainsRune("\t\n\r", r)) || r > '\u00ff' {
			found.addf(path, "has the character %q (%U); IAM takes tab, line breaks and U+0020 to U+00FF only", r, r)
			return
		}
	}
}

func checkIdentityStatement(found *faults, path string, s Statement) {
	if s.Principal != nil {
		found.addf(child(path, "Principal"), "does not belong in a permission document: the role that it is attached to is meant")
	}
	if s.NotPrincipal != nil {
		found.addf(child(path, "NotPrincipal"), "does not belong in a permission document: the role that it is attached to is meant")
	}
	if len(s.Resources) == 0 && len(s.NotResources) == 0 {
		found.addf(child(path, "Resource"), "is missing; a permission document needs Resource or NotResource")
	}
	check := func(path string, resources Strings) {
		for i, resource := range resources {
			if !resourcePattern.MatchString(resource) {
				found.addf(item(path, i), `%q is not a resource; use an ARN or "*"`, resource)
			}
		}
	}
	check(child(path, "Resource"), s.Resources)
	check(child(path, "NotResource"), s.NotResources)
}

func checkTrustStatement(found *faults, path string, s Statement) {
	if s.Principal == nil && s.NotPrincipal == nil {
		found.addf(child(path, "Principal"), "is missing; a trust policy says who may assume the role")
	}
	if len(s.Resources) > 0 {
		found.addf(child(path, "Resource"), "does not belong in a trust policy: the role itself is the resource")
	}
	if len(s.NotResources) > 0 {
		found.addf(child(path, "NotResource"), "does not belong in a trust policy: the role itself is the resource")
	}
	s.eachAction(path, func(path, action string) {
		if !strings.HasPrefix(strings.ToLower(action), "sts:") {
			found.addf(path, `%q is not an action of STS, and a trust policy has no others; use "sts:AssumeRole" or the like`, action)
		}
	})
	checkPrincipalWildcards(found, child(path, "Principal"), s.Principal)
	checkPrincipalWildcards(found, child(path, "NotPrincipal"), s.NotPrincipal)
	if s.Effect == Allow {
		checkNotOpen(found, path, s)
	}
}

// checkPrincipalWildcards: a principal is named in full, or it is everybody.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func checkPrincipalWildcards(found *faults, path string, p *Principal) {
	if p == nil {
		return
	}
	check := func(path string, list Strings, everybody string) {
		for i, name := range list {
			if strings.ContainsAny(name, "*?") && name != everybody {
				found.addf(item(path, i), "%q has a wildcard; a principal is named in full", name)
			}
		}
	}
	check(child(path, "AWS"), p.AWS, "*")
	check(child(path, "Federated"), p.Federated, "")
	check(child(path, "Service"), p.Service, "")
	check(child(path, "CanonicalUser"), p.CanonicalUser, "")
}

// checkNotOpen refuses an Allow that lets in whoever comes, because somebody left something out.
func checkNotOpen(found *faults, path string, s Statement) {
	if s.NotPrincipal != nil {
		found.addf(child(path, "NotPrincipal"), "would, with Allow, trust everybody else in the world; use Principal")
	}
	if s.Principal == nil {
		return
	}
	if (s.Principal.Any || slices.Contains(s.Principal.AWS, "*")) && len(s.Condition) == 0 {
		found.addf(child(path, "Principal"), "would trust everybody; name principals or add a Condition")
	}
	for _, provider := range s.Principal.Federated {
		arn, err := ParseArn(provider)
		switch {
		case err == nil && arn.IsOIDCProvider():
			if issuer := arn.issuer(); !s.Condition.hasClaim(issuer) {
				found.addf(child(path, "Condition"), "would trust every identity of %s; add a condition on %q", issuer, issuer+":sub")
			}
		case len(s.Condition) == 0:
			found.addf(child(path, "Condition"), "is missing: every identity of %s would be trusted", provider)
		}
	}
}

// hasClaim says whether any condition looks at a claim of the issuer's tokens other than the audience. Condition keys are
// not case-sensitive.
func (c Condition) hasClaim(issuer string) bool {
	prefix := strings.ToLower(issuer) + ":"
	for _, keys := range c {
		for key := range keys {
			claim, ok := strings.CutPrefix(strings.ToLower(key), prefix)
			if ok && claim != "aud" {
				return true
			}
		}
	}
	return false
}
