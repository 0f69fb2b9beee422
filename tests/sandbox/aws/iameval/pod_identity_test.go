package iameval_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

// The trust policy for EKS Pod Identity by the EKS User Guide, narrowed in each of the ways that it names.
func TestATrustPolicyForEKSPodIdentity(t *testing.T) {
	t.Parallel()
	policy := document(t, `{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"],
		"Condition": {"StringEquals": {"aws:RequestTag/kubernetes-namespace": ["payments", "billing"], "aws:SourceAccount": "111122223333"},
			"ArnEquals": {"aws:SourceArn": "arn:aws:eks:eu-west-1:111122223333:cluster/*"},
			"ForAllValues:StringLike": {"aws:TagKeys": ["eks-cluster-*", "kubernetes-*"]}}}`)
	asked := func(change func(*iameval.Request)) iameval.Request {
		r := iameval.Request{
			Action: "sts:TagSession", Caller: iameval.Principal{Service: "pods.eks.amazonaws.com"}, Context: keys{
				"AWS:requesttag/Kubernetes-Namespace": {"payments"}, "aws:SourceAccount": {"111122223333"},
				"aws:SourceArn": {"arn:aws:eks:eu-west-1:111122223333:cluster/hub"},
				"aws:TagKeys":   {"eks-cluster-arn", "kubernetes-namespace"},
			},
		}
		change(&r)
		return r
	}
	key := func(name string, values ...string) func(*iameval.Request) {
		return func(r *iameval.Request) { r.Context[name] = values }
	}
	for name, test := range map[string]struct {
		change func(*iameval.Request)
		want   iameval.Decision
	}{
		"as it should be":     {func(*iameval.Request) {}, iameval.Allowed},
		"the other action":    {func(r *iameval.Request) { r.Action = "sts:AssumeRole" }, iameval.Allowed},
		"a third action":      {func(r *iameval.Request) { r.Action = "sts:SetSourceIdentity" }, iameval.NotAllowed},
		"another service":     {func(r *iameval.Request) { r.Caller.Service = "eks.amazonaws.com" }, iameval.NotAllowed},
		"no service":          {func(r *iameval.Request) { r.Caller = iameval.Principal{} }, iameval.NotAllowed},
		"another namespace":   {key("AWS:requesttag/Kubernetes-Namespace", "Payments"), iameval.NotAllowed},
		"no tags":             {key("AWS:requesttag/Kubernetes-Namespace"), iameval.NotAllowed},
		"another account":     {key("aws:SourceAccount", "444455556666"), iameval.NotAllowed},
		"another region":      {key("aws:SourceArn", "arn:aws:eks:us-east-1:111122223333:cluster/hub"), iameval.NotAllowed},
		"a tag that is more":  {key("aws:TagKeys", "eks-cluster-arn", "team"), iameval.NotAllowed},
		"the source is gone":  {key("aws:SourceArn"), iameval.NotAllowed},
		"the namespace's end": {key("AWS:requesttag/Kubernetes-Namespace", "payments2"), iameval.NotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := iameval.Trust(policy, asked(test.change))
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}
