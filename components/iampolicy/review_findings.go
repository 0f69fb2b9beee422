package iampolicy

import (
	"maps"
	"slices"
)

// FindingKind is what a [Finding] is about.
type FindingKind string

// The findings.
const (
	EveryoneTrusted           FindingKind = "everyone"
	EveryoneIf                FindingKind = "everyone-if"
	NotPrincipalAllows        FindingKind = "not-principal"
	NoSubject                 FindingKind = "no-subject"
	AnySubject                FindingKind = "any-subject"
	FederatedAnyone           FindingKind = "federated-anyone"
	PodIdentityAnyPod         FindingKind = "pod-identity-any-pod"
	AccountRoot               FindingKind = "account-root"
	OtherAccount              FindingKind = "other-account"
	AnyNamespace              FindingKind = "any-namespace"
	WholeNamespace            FindingKind = "whole-namespace"
	SubjectPattern            FindingKind = "subject-pattern"
	NoAudience                FindingKind = "no-audience"
	AudiencePattern           FindingKind = "audience-pattern"
	ForAllValuesHolds         FindingKind = "for-all-values"
	IfExistsHolds             FindingKind = "if-exists"
	NullCondition             FindingKind = "null"
	ExcludesOnly              FindingKind = "excludes"
	IgnoresCase               FindingKind = "ignore-case"
	PodIdentityWholeNamespace FindingKind = "pod-identity-whole-namespace"
	PodIdentityAnyNamespace   FindingKind = "pod-identity-any-namespace"
	PodIdentityAnyCluster     FindingKind = "pod-identity-any-cluster"
	NoSourceAccount           FindingKind = "no-source-account"
	ConfusedDeputy            FindingKind = "confused-deputy"
	SAMLNoAudience            FindingKind = "saml-no-audience"
	NotActionAllows           FindingKind = "not-action"
	LiteralWildcard           FindingKind = "literal-wildcard"
	OtherIssuer               FindingKind = "other-issuer"
	DeletedPrincipal          FindingKind = "deleted-principal"
	WrongAction               FindingKind = "wrong-action"
	NoTagSession              FindingKind = "no-tag-session"
	DenyNarrows               FindingKind = "deny"
)

// findingLevels are what the findings mean.
var findingLevels = map[FindingKind]FindingLevel{
	EveryoneTrusted: Open, NotPrincipalAllows: Open, NoSubject: Open, AnySubject: Open, FederatedAnyone: Open, PodIdentityAnyPod: Open,

	EveryoneIf: Wide, AccountRoot: Wide, OtherAccount: Wide, AnyNamespace: Wide, WholeNamespace: Wide, SubjectPattern: Wide,
	NoAudience: Wide, AudiencePattern: Wide, ForAllValuesHolds: Wide, IfExistsHolds: Wide, NullCondition: Wide, ExcludesOnly: Wide,
	IgnoresCase: Wide, PodIdentityWholeNamespace: Wide, PodIdentityAnyNamespace: Wide, PodIdentityAnyCluster: Wide, NoSourceAccount: Wide,
	ConfusedDeputy: Wide, SAMLNoAudience: Wide, NotActionAllows: Wide,

	LiteralWildcard: Note, OtherIssuer: Note, DeletedPrincipal: Note, WrongAction: Note, NoTagSession: Note, DenyNarrows: Note,
}

// FindingKinds are all findings that a review may have, sorted.
func FindingKinds() []FindingKind { return slices.Sorted(maps.Keys(findingLevels)) }
