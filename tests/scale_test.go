package tests

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// manyRoles declares roles over three clusters, each with a service account and an inline policy, and more settings.
func manyRoles(t *testing.T, roles int, more string) map[string]string {
	t.Helper()
	text := "clusters: {hub: {region: eu-west-1}, eu: {region: eu-west-1}, us: {region: us-east-1}}\nroles:\n"
	for i := range roles {
		text += fmt.Sprintf(`  app-%d:
    clusters: [%s]
    serviceAccounts: [{namespace: apps, name: app-%d}]
    inlinePolicies: {read: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*'}]}}
    %s
`, i, []string{"hub", "eu", "us"}[i%3], i, more)
	}
	return platformConfig(t, text)
}

// What make bench measures in seconds stands on these figures: the questions to AWS do not grow with the roles, and a role with an
// account and a policy is four registrations.
func TestPlatformCostsTheSameForEachRole(t *testing.T) {
	t.Parallel()
	const few, many = 3, 30
	for _, test := range []struct {
		name, more string
		perRole    int // the component, the role, the inline policy and the service account, and what more asks for
	}{
		{"an account and a policy", "", 4},
		{"policies that AWS is asked for", "managedPolicies: [AmazonS3ReadOnlyAccess]\n    permissionsBoundary: ReadOnlyAccess", 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a, b := clusters("hub", "eu", "us"), clusters("hub", "eu", "us")
			deployed(t, a, manyRoles(t, few, test.more))
			deployed(t, b, manyRoles(t, many, test.more))
			assert.Len(t, b.invokes, len(a.invokes), "the program asks no more")
			assert.Equal(t, (many-few)*test.perRole, len(b.registrations)-len(a.registrations))
			for _, added := range b.registrations {
				if strings.HasPrefix(added.Name, "app-") {
					assert.LessOrEqual(t, len(added.dependencies()), 1, added.URN)
					assert.Empty(t, added.RegisterRPC.GetAliases(), added.URN)
				}
			}
		})
	}
}

// meeting keeps the components of roles waiting until all of them are there.
type meeting struct {
	*recorder

	arrived *sync.WaitGroup
}

func (m meeting) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if args.TypeToken == components.IrsaRoleType {
		m.arrived.Done()
		all := make(chan struct{})
		go func() {
			m.arrived.Wait()
			close(all)
		}()
		select {
		case <-all:
		case <-time.After(10 * time.Second):
			return "", nil, fmt.Errorf("%s waits for another role", args.Name)
		}
	}
	return m.recorder.NewResource(args)
}

// With a checkpoint of the state at every step, the engine takes longer for each component the more there are.
func TestRolesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	const roles = 5
	m := meeting{clusters("hub", "eu", "us"), &sync.WaitGroup{}}
	m.arrived.Add(roles)
	err := pulumi.RunErr(stacks.Platform, withConfig(manyRoles(t, roles, "")),
		pulumi.WithMocksWithOrganization(organization, project, stack, m))
	require.NoError(t, err)
	assert.Len(t, m.ofType(roleType), roles)
}

// The calls that lead to the component are in the state once, with the component.
func TestChildrenDoNotRepeatTheCallsThatLeadToTheirComponent(t *testing.T) {
	t.Parallel()
	r := clusters("hub", "eu", "us")
	deployed(t, r, manyRoles(t, 1, ""))
	calls := map[string]bool{}
	for _, added := range r.registrations {
		for _, frame := range added.RegisterRPC.GetStackTrace().GetFrames() {
			if strings.Contains(frame.GetPc().GetUri(), "/stacks/roles.go") {
				calls[added.TypeToken] = true
			}
		}
	}
	assert.Equal(t, map[string]bool{components.IrsaRoleType: true}, calls)
}
