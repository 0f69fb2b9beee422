package iameval

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// currentVersion is the version of the policy language that has variables; a document without a version is of this one,
// unless iampolicy.Parse has read it.
const currentVersion = "2012-10-17"

// documentKind is what a document is attached to, which decides about principals and resources.
type documentKind int

const (
	permissions documentKind = iota
	trust
)

// statement is a statement in the form in which it is evaluated. Each list comes with what says whether it is the list of
// what is meant (Action) or of the exceptions (NotAction).
type statement struct {
	effect     iampolicy.Effect
	actions    []pattern
	notActions bool
	// resources is empty in a trust policy, where the role itself is the resource.
	resources    []pattern
	notResources bool
	// principal is nil in a permission document, where the caller is meant.
	principal    *iampolicy.Principal
	notPrincipal bool
	conditions   []condition
}

// compile reads a document, or says everything that keeps it from being evaluated.
func compile(policy iampolicy.Document, kind documentKind) ([]statement, error) {
	if _, err := policy.JSON(); err != nil {
		return nil, err
	}
	variables := policy.Version == "" || policy.Version == currentVersion
	statements := make([]statement, len(policy.Statements))
	var faults []error
	for i, s := range policy.Statements {
		r := reader{path: fmt.Sprintf("Statement[%d]", i), variables: variables}
		statements[i] = r.statement(s, kind)
		faults = append(faults, r.faults...)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return statements, nil
}

// reader reads one statement and collects its faults.
type reader struct {
	path      string
	variables bool
	faults    []error
}

func (r *reader) addf(path, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s%s: %w", r.path, path, fmt.Errorf(format, args...)))
}

func (r *reader) statement(s iampolicy.Statement, kind documentKind) statement {
	result := statement{effect: s.Effect}
	result.notActions = len(s.NotActions) > 0
	for _, action := range slices.Concat(s.Actions, s.NotActions) {
		// The service prefix and the name of an action are not case-sensitive.
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
		result.actions = append(result.actions, wildcards(fold(action)))
	}
	switch kind {
	case permissions:
		r.resources(&result, s)
	case trust:
		r.principals(&result, s)
	}
	result.conditions = r.conditions(s.Condition)
	return result
}

func (r *reader) resources(result *statement, s iampolicy.Statement) {
	if s.Principal != nil || s.NotPrincipal != nil {
		r.addf("", "a permission document has no principals: it speaks of the role that it is attached to")
	}
	if len(s.Resources)+len(s.NotResources) == 0 {
		r.addf("", "a permission document needs Resource or NotResource")
	}
	result.notResources = len(s.NotResources) > 0
	for _, text := range slices.Concat(s.Resources, s.NotResources) {
		resource, err := r.resource(text)
		if err != nil {
			r.addf(".Resource", "%w", err)
		}
		result.resources = append(result.resources, resource)
	}
}

// resource reads the ARN of a resource. IAM takes no wildcard for its service, and variables only after its fifth colon:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-resourceelement
func (r *reader) resource(text string) (pattern, error) {
	if text == "*" {
		return wildcards(text), nil
	}
	segments := strings.SplitN(text, ":", arnSegments)
	switch {
	case len(segments) < arnSegments || segments[0] != "arn":
		return nil, fmt.Errorf("%q is neither an ARN nor \"*\"", text)
	case strings.ContainsAny(segments[2], "*?"):
		return nil, fmt.Errorf("%q has a wildcard for the service, which IAM does not take", text)
	case r.variables && strings.Contains(strings.Join(segments[:arnSegments-1], ":"), "${"):
		return nil, fmt.Errorf("%q has a policy variable before the fifth colon, where IAM does not take one", text)
	}
	return parsePattern(text, true, r.variables)
}

func (r *reader) principals(result *statement, s iampolicy.Statement) {
	if len(s.Resources)+len(s.NotResources) > 0 {
		r.addf("", "a trust policy has no resources: the role itself is meant")
	}
	result.principal, result.notPrincipal = s.Principal, s.NotPrincipal != nil
	if result.notPrincipal {
		result.principal = s.NotPrincipal
	}
	switch {
	case result.principal == nil:
		r.addf("", "a trust policy needs a Principal")
		return
	case result.notPrincipal && s.Effect == iampolicy.Allow:
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
		r.addf(".NotPrincipal", "IAM does not support it with Allow")
	case len(result.principal.CanonicalUser) > 0:
		r.addf(".Principal", "a canonical user of S3 cannot assume roles")
	}
	everybody := func(name string) bool { return name == "*" }
	aws := slices.DeleteFunc(slices.Clone(result.principal.AWS), everybody)
	for _, name := range slices.Concat(aws, result.principal.Federated, result.principal.Service) {
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
		if strings.ContainsAny(name, "*?$") {
			r.addf(".Principal", "%q has a wildcard or a variable; a principal is named in full", name)
		}
	}
}

// applies says whether the statement is about this call.
func (s statement) applies(c call) (bool, error) {
	action := slices.ContainsFunc(s.actions, func(p pattern) bool { return p.match(c.action) })
	if action == s.notActions || !s.meansCaller(c.caller) {
		return false, nil
	}
	resource, err := s.meansResource(c)
	if err != nil || !resource {
		return false, err
	}
	applies := true
	var faults []error
	for _, condition := range s.conditions {
		holds, err := condition.holds(c.keys)
		applies = applies && holds
		faults = append(faults, err)
	}
	return applies, errors.Join(faults...)
}

// meansResource: a resource with a variable that the request cannot fill matches nothing, and where it is an exception it
// cannot be known what is excepted; then the statement does not apply.
func (s statement) meansResource(c call) (bool, error) {
	if s.resources == nil {
		return true, nil
	}
	matched := false
	for _, p := range s.resources {
		resource, known, err := p.fill(c.keys)
		if err != nil {
			return false, err
		}
		if !known && s.notResources {
			return false, nil
		}
		matched = matched || known && resource.match(c.resource)
	}
	return matched != s.notResources, nil
}

func (s statement) meansCaller(caller Principal) bool {
	return s.principal == nil || names(*s.principal, caller) != s.notPrincipal
}

// names says whether a principal element names the caller. "*" and {"AWS": "*"} are everybody, the anonymous included:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-anonymous
func names(p iampolicy.Principal, caller Principal) bool {
	if p.Any || slices.Contains(p.AWS, "*") {
		return true
	}
	return slices.ContainsFunc(caller.AWS, func(name string) bool { return slices.Contains(p.AWS, name) }) ||
		slices.Contains(p.Federated, caller.Federated) ||
		slices.Contains(p.Service, caller.Service)
}
