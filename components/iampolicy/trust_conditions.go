package iampolicy

import (
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// absentKeys are in no request that EKS makes for a pod, which comes from EKS itself and not from the pod.
var absentKeys = []string{"aws:sourcevpc", "aws:sourcevpce", "aws:sourceip", "aws:vpcsourceip"}

// ValidateConditions checks the further conditions by themselves. That none widens a statement is known only with the document.
func (t ServiceAccountTrust) ValidateConditions() error {
	var found fielderr.List
	found.Add("", checkCondition(t.Conditions))
	found.Add("", checkConditionSense(t.Conditions))
	t.Conditions.each(func(path fielderr.Path, _ Operator, key string, _ Strings) {
		found.Refuse(len(t.Clusters) > 0 && slices.Contains(absentKeys, strings.ToLower(key)), path,
			"is in no request of EKS Pod Identity, which would let no pod have the role")
	})
	return found.Err()
}

// narrow adds conditions to a statement that has some.
func (s Statement) narrow(conditions Condition) error {
	var found fielderr.List
	conditions.each(func(path fielderr.Path, operator Operator, key string, values Strings) {
		for taken := range s.Condition[operator] {
			found.Refuse(strings.EqualFold(taken, key), path, "is set by the policy itself; another value would widen it")
		}
		if s.Condition[operator] == nil {
			s.Condition[operator] = map[string]Strings{}
		}
		if s.Condition[operator][key] == nil {
			s.Condition[operator][key] = slices.Clone(values)
		}
	})
	return found.Err()
}
