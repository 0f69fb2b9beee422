package aws

import (
	"context"
	"errors"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

// podsService is who assumes the roles of EKS Pod Identity, and the audience of the tokens that it takes.
const podsService = "pods.eks.amazonaws.com"

// podIdentityActions are what the trust policy of a role has to allow that service: it assumes the role with session tags.
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
var podIdentityActions = []string{"sts:AssumeRole", tagSession}

// checkPodIdentityRole refuses a role that an association cannot have: one of another account, one that does not exist, or
// one that does not trust EKS Pod Identity. The last two messages are what EKS was seen to answer:
// https://github.com/hashicorp/terraform-provider-aws/issues/34711, https://github.com/aws/aws-cdk/issues/31522.
// That of the first is IAM's for any service that a role is passed to.
func (e *eks) checkPodIdentityRole(ctx context.Context, c *cluster, roleArn string) error {
	p, err := parsePrincipal(roleArn)
	switch {
	case err != nil || p.kind != kindRole:
		return invalid("The roleArn %q is not the ARN of an IAM role.", roleArn)
	case p.partition != c.partition || p.account != c.Account:
		return invalid("Cross-account pass role is not allowed.")
	}
	found, err := e.moto.existingRole(ctx, p)
	if errors.Is(err, errNoPrincipal) || err == nil && found.arn != roleArn {
		return invalid("Role provided in the request does not exist.")
	}
	if err != nil {
		return err
	}
	if !trustsPods(found.trust) {
		return invalid("Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue.")
	}
	return nil
}

// trustsPods tells whether a trust policy can let EKS Pod Identity in: for which pods is not known yet, so all conditions of
// Allow statements count as met, and those of Deny statements as not met.
func trustsPods(trust string) bool {
	policy, err := iampolicy.Parse(trust)
	if err != nil {
		return false
	}
	policy.Statements = slices.DeleteFunc(policy.Statements, func(s iampolicy.Statement) bool {
		return s.Effect == iampolicy.Deny && len(s.Condition) > 0
	})
	for i := range policy.Statements {
		policy.Statements[i].Condition = nil
	}
	for _, action := range podIdentityActions {
		decision, err := iameval.Trust(policy, iameval.Request{Action: action, Caller: iameval.Principal{Service: podsService}})
		if err != nil || decision != iameval.Allowed {
			return false
		}
	}
	return true
}
