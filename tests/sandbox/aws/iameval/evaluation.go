// Package iameval answers what AWS IAM would answer: whether a role's permission documents, or the trust policy in
// front of it, allow a request. It is pure: the documents are values of package iampolicy, everything about the call is
// in the [Request], and nothing else is asked.
//
// The rules are those of the IAM User Guide
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). Where the guide leaves a
// case open, or where a document has something that this package does not know, the answer is an error and never a match:
// what stands in for IAM in a test must not be more generous than IAM.
package iameval

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Decision is the outcome of an evaluation.
type Decision int

// The decisions. AWS's error messages tell the two refusals apart.
const (
	// NotAllowed is the implicit deny: no statement allows the request.
	NotAllowed Decision = iota
	// Allowed means that a statement allows the request and none denies it.
	Allowed
	// Denied is the explicit deny: a Deny statement applies, whatever else allows.
	Denied
)

// String is the decision in AWS's words.
func (d Decision) String() string {
	switch d {
	case Allowed:
		return "allowed"
	case Denied:
		return "explicit deny"
	default:
		return "implicit deny"
	}
}

// Request is one call on AWS, as policies see it.
type Request struct {
	// Action is "service:Action", such as "s3:GetObject".
	Action string
	// Resource is the ARN that the call is about, or "*" for an action without a resource. Only the Resource "*" matches
	// the latter. A trust policy has no resources and does not look at it.
	Resource string
	// Caller is who calls. Permission documents do not look at it: they belong to the caller.
	Caller Principal
	// Context has the condition keys that the call has, with their values; upper and lower case do not matter in keys. A
	// key without values is as good as absent. Binary values are raw bytes, all others text as AWS writes it.
	Context map[string][]string
}

// Principal is who makes a [Request]. The zero value is an anonymous caller.
type Principal struct {
	// Federated is the ARN of the OIDC provider that vouches for a web identity.
	Federated string
	// AWS has every name of an AWS principal that a policy may use: the ARNs of session, role and account root, and the
	// account ID.
	AWS []string
	// Service is an AWS service, such as "pods.eks.amazonaws.com".
	Service string
}

// Identity evaluates permission documents together: a request is allowed when one of them allows it and none denies it.
// The boundary, if there is one, grants nothing and has to allow as well.
//
// A fault in any of the documents is an error, also in a statement that the request does not touch; the decision is then
// [NotAllowed].
func Identity(policies []iampolicy.Document, boundary *iampolicy.Document, r Request) (Decision, error) {
	if r.Resource != "*" && !strings.HasPrefix(r.Resource, "arn:") {
		return NotAllowed, fmt.Errorf("the request's resource %q is neither an ARN nor \"*\"", r.Resource)
	}
	call, err := newCall(r)
	if err != nil {
		return NotAllowed, err
	}
	var granted []statement
	var faults []error
	for i, policy := range policies {
		statements, err := compile(policy, permissions)
		if err != nil {
			faults = append(faults, fmt.Errorf("policy %d: %w", i, err))
		}
		granted = append(granted, statements...)
	}
	decision, err := call.decide(granted)
	faults = append(faults, err)
	if boundary != nil {
		limit, err := compile(*boundary, permissions)
		if err == nil {
			decision, err = bounded(decision, limit, call)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("boundary: %w", err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return NotAllowed, err
	}
	return decision, nil
}

// bounded narrows a decision by a permissions boundary: an explicit deny of either wins, and both have to allow.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
func bounded(decision Decision, boundary []statement, c call) (Decision, error) {
	limit, err := c.decide(boundary)
	if limit == Denied || decision == Allowed {
		return limit, err
	}
	return decision, err
}

// Trust evaluates a role's trust policy for a caller who wants to assume the role. A fault anywhere in the policy is an
// error; the decision is then [NotAllowed].
func Trust(policy iampolicy.Document, r Request) (Decision, error) {
	call, err := newCall(r)
	if err != nil {
		return NotAllowed, err
	}
	statements, err := compile(policy, trust)
	if err != nil {
		return NotAllowed, err
	}
	return call.decide(statements)
}

// Check reports everything in a document that its evaluation would refuse, so that it can be refused when it is written.
// What only one kind of document may contain is checked for the kind that the document's principals show it to be.
func Check(policy iampolicy.Document) error {
	kind := permissions
	for _, s := range policy.Statements {
		if s.Principal != nil || s.NotPrincipal != nil {
			kind = trust
		}
	}
	_, err := compile(policy, kind)
	return err
}

// call is a request that is ready to be evaluated.
type call struct {
	action, resource string
	caller           Principal
	keys             contextKeys
}

// contextKeys are the condition keys of a request, in lower case.
type contextKeys map[string][]string

func newCall(r Request) (call, error) {
	if service, name, _ := strings.Cut(r.Action, ":"); service == "" || name == "" {
		return call{}, fmt.Errorf("the request's action %q is not of the form service:Action", r.Action)
	}
	keys := contextKeys{}
	for key, values := range r.Context {
		folded := fold(key)
		if _, twice := keys[folded]; twice {
			return call{}, fmt.Errorf("the request has the condition key %q twice, in different case", folded)
		}
		keys[folded] = values
	}
	return call{action: fold(r.Action), resource: r.Resource, caller: r.Caller, keys: keys}, nil
}

// decide looks at every statement, so that what cannot be evaluated shows whatever the others say.
func (c call) decide(statements []statement) (Decision, error) {
	decision := NotAllowed
	var faults []error
	for _, s := range statements {
		applies, err := s.applies(c)
		switch {
		case err != nil:
			faults = append(faults, err)
		case applies && s.effect == iampolicy.Deny:
			decision = Denied
		case applies && decision != Denied:
			decision = Allowed
		}
	}
	if err := errors.Join(faults...); err != nil {
		return NotAllowed, err
	}
	return decision, nil
}
