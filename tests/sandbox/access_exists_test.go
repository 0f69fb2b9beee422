package sandbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// A role that was let in by hand: the update says what to do and changes nothing, the option that it names makes the entry the
// stack's own, and destroy takes it away.
func TestAnAccessEntryThatWasMadeByHandIsTakenOverOnDemand(t *testing.T) {
	t.Parallel()
	e := newIdentityEnvironment(t)
	l := e.newLife(t)
	e.createRole(t, "visitor")
	e.letInByHand(t, visitor, "by-hand", "viewers", "AmazonEKSViewPolicy", "AmazonEKSAdminViewPolicy")
	byHand := e.inventory(t).AccessEntries
	given := components.AccessEntryArgs{
		KubernetesGroups: []string{"deployers"},
		Policies:         []components.AccessPolicyArgs{{Policy: "AmazonEKSViewPolicy", Namespaces: []string{"a", "dev-*"}}},
	}
	l.stack.SetProgram(letIn(given))

	refused := l.refused(t)
	assert.Contains(t, refused, visitor+` has an access entry in cluster "eu" already (type STANDARD, user name "by-hand", groups ["viewers"])`)
	assert.Contains(t, refused, "Take it over with import for one update")
	assert.NotContains(t, refused, "ResourceInUseException", "EKS was not asked for it")
	within, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err := l.stack.Up(within, optup.Parallel(1))
	require.ErrorContains(t, err, "Take it over with import for one update", "the engine does not wait for itself")
	assert.Equal(t, byHand, e.inventory(t).AccessEntries)

	given.Import = true
	l.stack.SetProgram(letIn(given))
	l.up(t, optup.Parallel(1))
	want := []sandbox.AccessEntry{{
		Cluster: "eu", PrincipalArn: visitor, Username: "by-hand", Groups: []string{"deployers"},
		Policies: []string{"AmazonEKSAdminViewPolicy", "AmazonEKSViewPolicy in a, dev-*"},
	}}
	assert.Equal(t, want, e.inventory(t).AccessEntries)

	given.Import = false
	l.stack.SetProgram(letIn(given))
	assert.Empty(t, l.up(t), "the option is for one update")
	assert.Equal(t, want, e.inventory(t).AccessEntries)
	assert.NotEmpty(t, l.up(t, optup.Replace(l.urns(t, "aws:eks/accessEntry:"))), "a replacement is not refused")
	l.destroy(t)
	assert.Empty(t, e.inventory(t).AccessEntries)
}

// letInByHand makes an access entry in the cluster eu as somebody does who does not know of the stack.
func (e identityEnvironment) letInByHand(t *testing.T, principal, username, group string, policies ...string) {
	t.Helper()
	client := e.AWS().EKS("eu-west-1")
	_, err := client.CreateAccessEntry(t.Context(), &eks.CreateAccessEntryInput{
		ClusterName: aws.String("eu"), PrincipalArn: &principal, Username: &username, KubernetesGroups: []string{group},
	})
	require.NoError(t, err)
	for _, policy := range policies {
		_, err := client.AssociateAccessPolicy(t.Context(), &eks.AssociateAccessPolicyInput{
			ClusterName: aws.String("eu"), PrincipalArn: &principal,
			PolicyArn:   aws.String("arn:aws:eks::aws:cluster-access-policy/" + policy),
			AccessScope: &ekstypes.AccessScope{Type: ekstypes.AccessScopeTypeCluster},
		})
		require.NoError(t, err)
	}
}
