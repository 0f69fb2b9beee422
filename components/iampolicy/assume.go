package iampolicy

import (
	"fmt"
	"slices"
)

const assumeRole = "sts:AssumeRole"

// TrustedRole is an IAM role that may assume another one.
type TrustedRole struct {
	// Arn is the role's ARN.
	Arn string
	// UniqueID is the ID that IAM gave the role (AROA...), or empty where it is not known.
	UniqueID string
}

// RoleTrust is the trust policy that lets exactly these roles, at least one, assume a role; each becomes one statement,
// in this order. All faults are reported together, each with its path ("trustedRoles[1].arn: ...").
//
// When IAM stores a trust policy it turns the ARN of a role into the role's unique ID. A role that is deleted and made
// recreated has the same ARN and another ID, and is not trusted until the policy is stored again
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles). So the
// unique ID, where it is known, is the Sid: recreating the role therefore changes the document, and Pulumi applies it again.
func RoleTrust(roles []TrustedRole) (Document, error) {
	var found faults
	if len(roles) == 0 {
		found.addf("trustedRoles", "is empty; name at least one role")
	}
	document := Document{Version: currentVersion}
	first := map[string]string{}
	for i, role := range roles {
		path := child(item("trustedRoles", i), "arn")
		checkRoleArn(&found, path, role.Arn)
		if other, taken := first[role.Arn]; taken {
			found.addf(path, "%s is %s already", role.Arn, other)
		}
		first[role.Arn] = item("trustedRoles", i)
		document.Statements = append(document.Statements, Statement{
			Sid: role.UniqueID, Effect: Allow, Principal: &Principal{AWS: Strings{role.Arn}}, Actions: Strings{assumeRole},
		})
	}
	if err := found.err(); err != nil {
		return Document{}, err
	}
	if size := document.Size(); size > MaxTrustPolicySize {
		return Document{}, fmt.Errorf("trust policy has %d characters and IAM allows %d: trust fewer roles", size, MaxTrustPolicySize)
	}
	return document, document.ValidateTrust()
}

// AssumeRoles is the permission to assume exactly these roles, at least one. The document has them sorted, each once.
func AssumeRoles(roleArns []string) (Document, error) {
	var found faults
	if len(roleArns) == 0 {
		found.addf("roles", "is empty; name at least one role")
	}
	for i, arn := range roleArns {
		checkRoleArn(&found, item("roles", i), arn)
	}
	if err := found.err(); err != nil {
		return Document{}, err
	}
	return Document{Version: currentVersion, Statements: []Statement{{
		Effect: Allow, Actions: Strings{assumeRole}, Resources: slices.Compact(slices.Sorted(slices.Values(roleArns))),
	}}}, nil
}

func checkRoleArn(found *faults, path, text string) {
	if err := ValidateRoleArn(text); err != nil {
		found.addf(path, "%v", err)
	}
}
