package iampolicy

import (
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

const capabilitiesService = "capabilities.eks.amazonaws.com"

// CapabilityTrust is the trust policy of the role of an EKS Capability, managed Argo CD for example: EKS Capabilities may assume it,
// and no other principal may.
//
// AWS asks for exactly this statement, and documents no condition key that EKS sends with it, so there is none by default. EKS takes
// a capability's role only in the account of the cluster, and only of a caller that may pass it (iam:PassRole).
//
// https://docs.aws.amazon.com/eks/latest/userguide/capability-role.html
type CapabilityTrust struct {
	// Conditions have to hold as well. They only narrow the trust.
	Conditions Condition
}

// Document builds the trust policy. All errors are reported together, each with its path ("conditions.StringEquals: ...").
func (t CapabilityTrust) Document() (Document, error) {
	if err := fielderr.At("conditions", t.ValidateConditions()); err != nil {
		return Document{}, err
	}
	statement := Statement{
		Effect: Allow, Principal: &Principal{Service: Strings{capabilitiesService}}, Actions: Strings{assumeRole, tagSession},
		Condition: t.Conditions,
	}
	document := Document{Version: currentVersion, Statements: []Statement{statement}}
	return document, document.ValidateTrust()
}

// ValidateConditions checks the conditions by themselves.
func (t CapabilityTrust) ValidateConditions() error {
	var found fielderr.List
	found.Add("", checkCondition(t.Conditions))
	found.Add("", checkConditionSense(t.Conditions))
	t.Conditions.each(func(path fielderr.Path, _ Operator, key string, _ Strings) {
		found.Refuse(slices.Contains(absentKeys, strings.ToLower(key)), path,
			"is in no request of EKS Capabilities, which could not assume the role")
	})
	return found.Err()
}
