package iampolicy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

const assumeRole = "sts:AssumeRole"

// TrustedRole is an IAM role that may assume another one.
type TrustedRole struct {
	// ARN is the role's ARN.
	ARN string
	// UniqueID is the ID that IAM gave the role (AROA...), or empty where it is not known.
	UniqueID string
	// SessionTags lets its sessions bring tags. Those of EKS Pod Identity always do, and are refused without it.
	//
	// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
	SessionTags bool
}

// actions are what a caller needs in the trust policy, and its own permission, to assume a role.
func actions(sessionTags bool) Strings {
	if sessionTags {
		return Strings{assumeRole, tagSession}
	}
	return Strings{assumeRole}
}

// RoleTrust is the trust policy that lets exactly the roles TrustedRoles, at least one, assume a role.
type RoleTrust struct {
	TrustedRoles []TrustedRole
	// MaxSize is the account's quota for the length of a trust policy: [MaxTrustPolicySize] (also the meaning of 0) or what
	// it was raised to.
	MaxSize int
}

// Document builds the trust policy: one statement for each role, in this order. All errors are reported together, each with its
// path ("trustedRoles[1].arn: ...").
//
// When IAM stores a trust policy it turns the ARN of a role into the role's unique ID. A role that is deleted and recreated has
// the same ARN and another ID, and is not trusted until the policy is stored again
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles). So the
// unique ID, where it is known, is the Sid: recreating the role therefore changes the document, and Pulumi applies it again.
func (t RoleTrust) Document() (Document, error) {
	found := fielderr.List{OnePerPath: true}
	found.Refuse(len(t.TrustedRoles) == 0, "trustedRoles", "is empty; name at least one role")
	document := Document{Version: currentVersion}
	first := map[string]fielderr.Path{}
	for i, role := range t.TrustedRoles {
		at := fielderr.Path("trustedRoles").Index(i)
		found.Add(at.Child("arn"), ValidateRoleARN(role.ARN))
		if other, taken := first[role.ARN]; taken {
			found.Addf(at.Child("arn"), "%s is %s already", role.ARN, other)
		}
		first[role.ARN] = at
		document.Statements = append(document.Statements, Statement{
			Sid: role.UniqueID, Effect: Allow, Principal: &Principal{AWS: Strings{role.ARN}}, Actions: actions(role.SessionTags),
		})
	}
	if err := found.Err(); err != nil {
		return Document{}, err
	}
	if size, limit := document.Size(), cmp.Or(t.MaxSize, MaxTrustPolicySize); size > limit {
		return Document{}, fmt.Errorf("trust policy has %d characters and IAM allows %d: trust fewer roles", size, limit)
	}
	return document, document.ValidateTrust()
}

// AssumeRoles is the permission to assume exactly these roles, at least one, where sessionTags is set with a session that brings
// tags. The document has them sorted, each once.
func AssumeRoles(roleARNs []string, sessionTags bool) (Document, error) {
	found := fielderr.List{OnePerPath: true}
	found.Refuse(len(roleARNs) == 0, "roles", "is empty; name at least one role")
	found.Add("roles", fielderr.Each(roleARNs, ValidateRoleARN))
	if err := found.Err(); err != nil {
		return Document{}, err
	}
	return Document{Version: currentVersion, Statements: []Statement{{
		Effect: Allow, Actions: actions(sessionTags), Resources: slices.Compact(slices.Sorted(slices.Values(roleARNs))),
	}}}, nil
}
