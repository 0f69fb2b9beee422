package sandbox_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// stackLives change what the stack's OIDC providers depend on. A cluster whose provider goes leaves no pod an identity.
func stackLives() []laterLife {
	providersKept := func(t *testing.T, before, after *world) {
		t.Helper()
		assert.Equal(t, providerArns(before), providerArns(after))
	}
	return []laterLife{
		{
			name: "the stack is renamed, and says whose its providers are",
			happens: func(t *testing.T, l *lives) {
				t.Helper()
				require.NoError(t, l.stack.Rename(t.Context(), "later"))
			},
			edits:    map[string]string{"owner": firstOwner},
			declared: unchanged,
		},
		{name: "a provider's tag is stripped: it stays", happens: retag("hub", ""), declared: providersKept},
		{name: "the provider is taken back", up: takeBack, declared: providersKept},
		{
			// The state says nothing of organizations: the tag is what tells that the stack was in another.
			name: "the stack moves to another organization: a provider of the first stays", happens: retag("hub", "acme/eks-irsa/dev"),
			declared: providersKept,
		},
		{name: "the provider of the first organization is taken back", up: takeBack, declared: providersKept},
		{
			name: "the provider of another tool is deleted: the stack makes one",
			happens: func(t *testing.T, l *lives) {
				t.Helper()
				_, err := l.AWS().IAM.DeleteOpenIDConnectProvider(t.Context(),
					&iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(providerArn(l.cluster(t, "us")))})
				require.NoError(t, err)
			},
			declared: func(t *testing.T, before, after *world) {
				t.Helper()
				providersKept(t, before, after)
				for _, provider := range after.OidcProviders {
					assert.True(t, provider.Created(), "%s is the stack's own", provider.Arn)
				}
			},
		},
		{
			name: "a provider is replaced with up --replace",
			up: func(t *testing.T, l *lives) {
				t.Helper()
				providers, err := l.stack.Resources(t.Context(), "aws:iam/openIdConnectProvider:")
				require.NoError(t, err)
				result, err := l.stack.Up(t.Context(), optup.Replace([]string{string(providers[0].URN)}))
				require.NoError(t, err)
				assert.NotEmpty(t, changed(result))
			},
			declared: providersKept,
		},
	}
}

func providerArns(w *world) []string {
	var arns []string
	for _, provider := range w.OidcProviders {
		arns = append(arns, provider.Arn)
	}
	return arns
}

// retag gives the provider of a cluster another owner's tag, or none, as a job does that keeps tags in order.
func retag(cluster, owner string) func(*testing.T, *lives) {
	return func(t *testing.T, l *lives) {
		t.Helper()
		arn := aws.String(providerArn(l.cluster(t, cluster)))
		_, err := l.AWS().IAM.UntagOpenIDConnectProvider(t.Context(),
			&iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, TagKeys: []string{components.OwnerTag}})
		require.NoError(t, err)
		if owner == "" {
			return
		}
		_, err = l.AWS().IAM.TagOpenIDConnectProvider(t.Context(), &iam.TagOpenIDConnectProviderInput{
			OpenIDConnectProviderArn: arn, Tags: []types.Tag{{Key: aws.String(components.OwnerTag), Value: &owner}},
		})
		require.NoError(t, err)
	}
}

// takeBack makes the provider of the hub the stack's own again, with an option that is needed for one update.
func takeBack(t *testing.T, l *lives) {
	t.Helper()
	for _, option := range []string{"{import: true}", ""} {
		edit(t, l.settings, "clusters/hub/oidcProvider", option)
		require.NoError(t, l.stack.Write(l.settings))
		l.up(t)
	}
}
