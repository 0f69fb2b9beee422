package iampolicy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

func TestCapabilityTrust(t *testing.T) {
	t.Parallel()
	const statement = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"capabilities.eks.amazonaws.com"},` +
		`"Action":["sts:AssumeRole","sts:TagSession"]`
	account := iampolicy.Condition{iampolicy.StringEquals: {"aws:SourceAccount": {"111122223333"}}}
	for name, test := range map[string]struct {
		conditions iampolicy.Condition
		want       string
	}{
		"is the statement that AWS asks for": {nil, statement + `}]}`},
		"is narrowed": {
			account, statement + `,"Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, err := iampolicy.CapabilityTrust{Conditions: test.conditions}.Document()
			require.NoError(t, err)
			text, err := document.JSON()
			require.NoError(t, err)
			assert.JSONEq(t, test.want, text)
		})
	}
}

func TestCapabilityTrustRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		conditions iampolicy.Condition
		want       string
	}{
		"an operator that is none": {
			iampolicy.Condition{"Equals": {"aws:SourceAccount": {"111122223333"}}}, "conditions.Equals: is not a condition operator",
		},
		"a key that no service sends": {
			iampolicy.Condition{iampolicy.IPAddress: {"aws:SourceIp": {"203.0.113.0/24"}}},
			"conditions.IpAddress[\"aws:SourceIp\"]: is in no request of EKS Capabilities, which could not assume the role",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := iampolicy.CapabilityTrust{Conditions: test.conditions}.Document()
			require.EqualError(t, err, test.want)
		})
	}
}
