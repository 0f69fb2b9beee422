package iampolicy

import (
	"regexp"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/unquoted"
)

var (
	sidPattern = regexp.MustCompile(`^[A-Za-z0-9]*$`)
	// A service prefix has no wildcards, an action name may: "s3:Get*".
	actionPattern = regexp.MustCompile(`^(\*|(\*|[A-Za-z0-9-]+):[\w*?-]+)$`)
)

// ValidateIdentity checks the document as a permission document, which is attached to a role: no principals, and every
// statement names resources as ARNs or "*". All faults are reported together.
func (d Document) ValidateIdentity() error {
	var found faults
	checkDocument(&found, d)
	checkIdentity(&found, d)
	return found.err()
}

func checkIdentity(found *faults, d Document) {
	for i, s := range d.Statements {
		checkIdentityStatement(found, item("Statement", i), s, d.Version)
	}
}

// ValidateTrust checks the document as a role's trust policy: every statement names principals, no resources, and only
// actions of STS. It also refuses to trust by omission: every principal without a condition, a federated provider without a
// condition, and an OIDC provider without a condition on a claim other than the audience, which all of its tokens share.
// All faults are reported together.
func (d Document) ValidateTrust() error {
	var found faults
	checkDocument(&found, d)
	for i, s := range d.Statements {
		checkTrustStatement(&found, item("Statement", i), s, d.Version)
	}
	return found.err()
}

// checkDocument finds what no kind of policy may contain.
func checkDocument(found *faults, d Document) {
	if date, ok := unquoted.Date(d.Version); ok {
		found.addf("Version", "%q is a date that YAML read; put it in quotes: %q", d.Version, date)
	}
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
			checkLeftovers(found, path, action)
			checkNoVariables(found, path, action)
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

// checkSense refuses what IAM may well store, but what cannot be meant, as nothing ever matches it. It is no part of [Parse],
// which reads whatever policies there are.
func checkSense(found *faults, path string, s Statement, version string) {
	checkPrincipalSense(found, child(path, "Principal"), s.Principal)
	checkPrincipalSense(found, child(path, "NotPrincipal"), s.NotPrincipal)
	checkResourceSense(found, child(path, "Resource"), s.Resources)
	checkResourceSense(found, child(path, "NotResource"), s.NotResources)
	checkConditionSense(found, child(path, "Condition"), s.Condition)
	if version == oldVersion {
		checkVariablesKnown(found, path, s)
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
	if date, ok := unquoted.Date(text); ok {
		found.addf(path, "%q is a date that YAML read, in a form that IAM cannot; put it in quotes: %q", text, date)
	}
	for _, r := range text {
		if (r < ' ' && !strings.ContainsRune("\t\n\r", r)) || r > '\u00ff' {
			found.addf(path, "has the character %q (%U); IAM takes tab, line breaks and U+0020 to U+00FF only", r, r)
			return
		}
	}
}

func checkIdentityStatement(found *faults, path string, s Statement, version string) {
	checkSense(found, path, s, version)
	if s.Principal != nil {
		found.addf(child(path, "Principal"), "does not belong in a permission document: the role that it is attached to is meant")
	}
	if s.NotPrincipal != nil {
		found.addf(child(path, "NotPrincipal"), "does not belong in a permission document: the role that it is attached to is meant")
	}
	if len(s.Resources) == 0 && len(s.NotResources) == 0 {
		found.addf(child(path, "Resource"), "is missing; a permission document needs Resource or NotResource")
	}
	checkResources(found, child(path, "Resource"), s.Resources)
	checkResources(found, child(path, "NotResource"), s.NotResources)
}

func checkTrustStatement(found *faults, path string, s Statement, version string) {
	checkSense(found, path, s, version)
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
	checkTrustedPrincipal(found, child(path, "Principal"), s.Principal)
	checkTrustedPrincipal(found, child(path, "NotPrincipal"), s.NotPrincipal)
	if s.Effect == Allow {
		checkNotOpen(found, path, s)
	}
}
