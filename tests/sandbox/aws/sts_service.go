package aws

import "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"

// trustsService is the given error unless the role's trust policy lets a service assume it with session tags.
func trustsService(of role, service string, keys map[string][]string, untrusted error) error {
	for _, action := range podIdentityActions {
		decision, err := trusts(of, iameval.Request{
			Action: action, Resource: of.arn, Context: keys, Caller: iameval.Principal{Service: service},
		})
		if err != nil || decision != iameval.Allowed {
			return untrusted
		}
	}
	return nil
}
