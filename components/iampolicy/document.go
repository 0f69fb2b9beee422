// Package iampolicy holds AWS IAM policy documents as typed values: permission documents, the trust policies that let
// Kubernetes service accounts assume a role (IAM Roles for Service Accounts), and the rules for the names and ARNs around
// them. It knows neither Pulumi nor Kubernetes and does no I/O, so everything in it can be checked before any resource
// exists.
//
// Documents marshal to the same bytes every time, and every check reports all errors at once, each with its path.
package iampolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// The two versions of the policy language:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
const (
	currentVersion = "2012-10-17"
	// oldVersion is what IAM assumes when a document names no version. It knows no policy variables.
	oldVersion = "2008-10-17"
)

// Document is an IAM policy document. Whether it is a permission document or a trust policy is decided by
// [Document.ValidatePermissions] and [Document.ValidateTrust].
type Document struct {
	// Version of the policy language; empty means "2012-10-17".
	Version string `json:"Version"`
	// ID is optional; IAM keeps it and gives it no meaning.
	ID string `json:"Id,omitempty"`
	// Statements, at least one, in the order in which they are written.
	Statements []Statement `json:"Statement"`
}

// Statement is one statement of a [Document]. It needs an Effect and either Actions or NotActions.
type Statement struct {
	// Sid is optional; letters and digits, unique in its document.
	Sid string `json:"Sid,omitempty"`
	// Effect is [Allow] or [Deny].
	Effect Effect `json:"Effect"`
	// Principal is who the statement is about: needed in a trust policy, refused in a permission document.
	Principal *Principal `json:"Principal,omitempty"`
	// NotPrincipal is every principal but these; only with [Deny].
	NotPrincipal *Principal `json:"NotPrincipal,omitempty"`
	// Actions are "service:Action" (with * and ?) or "*".
	Actions Strings `json:"Action,omitempty"`
	// NotActions is every action but these; it excludes Actions.
	NotActions Strings `json:"NotAction,omitempty"`
	// Resources are ARNs (with * and ?) or "*": needed in a permission document, refused in a trust policy.
	Resources Strings `json:"Resource,omitempty"`
	// NotResources is every resource but these; it excludes Resources.
	NotResources Strings `json:"NotResource,omitempty"`
	// Condition narrows the statement. All operators and all keys have to hold; of the values of one key, any.
	Condition Condition `json:"Condition,omitempty"`
}

// Effect is Allow or Deny.
type Effect string

// The two effects.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Strings is a list that is written as a plain string when it has one element, as IAM documents usually are. Both forms
// are read.
type Strings []string

// Principal is who a [Statement] is about.
type Principal struct {
	// AWS are accounts (12 digits), ARNs of roles, users or sessions, or "*".
	AWS Strings `json:"AWS,omitempty"`
	// Federated are ARNs of OIDC or SAML providers, or a host such as "accounts.google.com".
	Federated Strings `json:"Federated,omitempty"`
	// Service are service principals such as "pods.eks.amazonaws.com".
	Service Strings `json:"Service,omitempty"`
	// CanonicalUser are S3 canonical user IDs.
	CanonicalUser Strings `json:"CanonicalUser,omitempty"`
	// Any is the bare "*", every principal; it excludes the other fields.
	Any bool `json:"-"`
}

// Condition maps an [Operator] to condition keys and their values.
type Condition map[Operator]map[string]Strings

// Operator is a condition operator: one of the constants, optionally with "IfExists" after it (not after [Null]), and
// with "ForAllValues:" or "ForAnyValue:" before it.
type Operator string

// The condition operators:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
const (
	StringEquals              Operator = "StringEquals"
	StringNotEquals           Operator = "StringNotEquals"
	StringEqualsIgnoreCase    Operator = "StringEqualsIgnoreCase"
	StringNotEqualsIgnoreCase Operator = "StringNotEqualsIgnoreCase"
	StringLike                Operator = "StringLike"
	StringNotLike             Operator = "StringNotLike"
	NumericEquals             Operator = "NumericEquals"
	NumericNotEquals          Operator = "NumericNotEquals"
	NumericLessThan           Operator = "NumericLessThan"
	NumericLessThanEquals     Operator = "NumericLessThanEquals"
	NumericGreaterThan        Operator = "NumericGreaterThan"
	NumericGreaterThanEquals  Operator = "NumericGreaterThanEquals"
	DateEquals                Operator = "DateEquals"
	DateNotEquals             Operator = "DateNotEquals"
	DateLessThan              Operator = "DateLessThan"
	DateLessThanEquals        Operator = "DateLessThanEquals"
	DateGreaterThan           Operator = "DateGreaterThan"
	DateGreaterThanEquals     Operator = "DateGreaterThanEquals"
	Bool                      Operator = "Bool"
	BinaryEquals              Operator = "BinaryEquals"
	IPAddress                 Operator = "IpAddress"
	NotIPAddress              Operator = "NotIpAddress"
	ARNEquals                 Operator = "ArnEquals"
	ARNLike                   Operator = "ArnLike"
	ARNNotEquals              Operator = "ArnNotEquals"
	ARNNotLike                Operator = "ArnNotLike"
	Null                      Operator = "Null"
)

// JSON is the document as compact JSON, the same bytes every time: elements in the order of the struct fields, condition
// operators and keys sorted, lists in the order given. It fails on what no kind of policy may contain; what one kind
// needs is for [Document.ValidatePermissions] and [Document.ValidateTrust] to say.
func (d Document) JSON() (string, error) {
	if err := onePerPath(checkDocument(d)); err != nil {
		return "", err
	}
	text, err := marshal(d)
	if err != nil {
		return "", fmt.Errorf("marshalling the policy document: %w", err)
	}
	return string(text), nil
}

// Size is the number of characters that IAM holds against its quotas. IAM does not count white space
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), so this is the length of the compact
// form; white space inside a value is counted, because IAM's documentation does not promise to overlook it.
func (d Document) Size() int {
	text, err := marshal(d)
	if err != nil {
		return 0 // Not reached: every type in a Document marshals.
	}
	return utf8.RuneCount(text)
}

// MarshalJSON fills in the version.
func (d Document) MarshalJSON() ([]byte, error) {
	type plain Document // has no methods, so this does not call itself
	if d.Version == "" {
		d.Version = currentVersion
	}
	return marshal(plain(d))
}

// MarshalJSON writes one element as a string and several as a list.
func (s Strings) MarshalJSON() ([]byte, error) {
	switch len(s) {
	case 0:
		return []byte("[]"), nil
	case 1:
		return marshal(s[0])
	default:
		return marshal([]string(s))
	}
}

// MarshalJSON writes Any as the bare "*".
func (p Principal) MarshalJSON() ([]byte, error) {
	type plain Principal
	if p.Any {
		return []byte(`"*"`), nil
	}
	return marshal(plain(p))
}

// marshal leaves <, > and & as they are. The default escapes for HTML would make documents longer than IAM's quotas count
// them to be, and harder to read.
func marshal(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
