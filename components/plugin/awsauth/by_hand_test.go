package awsauth_test

import (
	"strings"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Entries of the role as people write them by hand. The groups of the second are a string, which the authenticator drops: it
// still maps the role, and in the place of another line if it comes later.
const (
	byHand       = "- rolearn: arn:aws:iam::111122223333:role/argocd\n  username: argocd\n  groups:\n    - system:masters\n"
	groupsNoList = "- rolearn: arn:aws:iam::111122223333:role/argocd\n  username: argocd\n  groups: argocd:managers\n"
)

func TestARoleThatIsMappedByHandIsRefusedWithAdviceThatCanBeFollowed(t *testing.T) {
	t.Parallel()
	const advice = ": give it the same values to adopt it, refresh if it was changed by hand, or replace it with overwrite " +
		"(in the configuration `access: {via: aws-auth, overwrite: true}`, in a program Overwrite of components.AwsAuthArgs)"
	for name, test := range map[string]struct{ entry, identity string }{
		"with another user name":        {byHand, `user name "argocd" and groups ["system:masters"]`},
		"with groups that are no list":  {groupsNoList, `user name "argocd" and groups [] (the authenticator drops the string in groups)`},
		"with a number for a user name": {"- {rolearn: '" + mapped + "', username: 1}\n", `user name "" and groups [] (the authenticator drops the number in username)`},
		"with a further key, else the same": {
			argocdEntry + "  userid: AROA\n", `user name "` + mapped + `" and groups ["argocd:managers"] and further keys ["userid"]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{nodes + test.entry, test.entry + nodes, test.entry + argocdEntry} {
				c := newCluster(text)
				server := serve(t, c.connect)
				_, err := create(t, server, inputs(nil))
				require.EqualError(t, err, "mapping "+mapped+": editing ConfigMap kube-system/aws-auth: the role has an entry already that this "+
					"resource did not write, with "+test.identity+advice)
				assert.Equal(t, text, c.mapRoles())
			}
			c := newCluster(nodes + test.entry)
			_, err := create(t, serve(t, c.connect), inputs(map[string]any{"overwrite": true}))
			require.NoError(t, err, "the advice can be followed")
			assert.Equal(t, nodes+argocdEntry, c.mapRoles())
		})
	}
}

// What stands beside the own entry, before or after it, is shown by a refresh, ended by the update after it, and not removed with
// the own entry.
func TestAnEntryThatIsAddedByHandIsDriftWhereverItStands(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text, destroyed string
		groups          []string
	}{
		"after the own one":                {nodes + argocdEntry + byHand, nodes + byHand, []string{"system:masters"}},
		"before the own one":               {byHand + nodes + argocdEntry, byHand + nodes, []string{"system:masters"}},
		"in the place of the own":          {nodes + byHand, nodes + byHand, []string{"system:masters"}},
		"after, with broken groups":        {nodes + argocdEntry + groupsNoList, nodes + groupsNoList, nil},
		"before, with broken groups":       {groupsNoList + nodes + argocdEntry, groupsNoList + nodes, nil},
		"in its place, with broken groups": {groupsNoList, groupsNoList, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refreshed := func() (*cluster, integration.Server, property.Map) {
				c := newCluster(nodes)
				server := serve(t, c.connect)
				state := mustCreate(t, server, inputs(nil))
				c.otherWriter(func(data map[string]string) { data["mapRoles"] = test.text })()
				for range 2 { // a second refresh finds the same
					read, err := server.Read(p.ReadRequest{ID: id, Urn: urn, Properties: state, Inputs: checked(t, server, inputs(nil))})
					require.NoError(t, err)
					assert.Equal(t, property.New("argocd"), read.Properties.Get("username"))
					assert.True(t, stringsOf(test.groups...).Equals(read.Properties.Get("groups")), read.Properties.Get("groups").GoString())
					state = read.Properties
				}
				diff, err := server.Diff(p.DiffRequest{ID: id, Urn: urn, State: state, Inputs: checked(t, server, inputs(nil))})
				require.NoError(t, err)
				assert.True(t, diff.HasChanges)
				return c, server, state
			}

			c, server, state := refreshed()
			require.NoError(t, remove(server, state))
			assert.Equal(t, test.destroyed, c.mapRoles(), "what is not the resource's own stays")

			c, server, state = refreshed()
			state, err := update(t, server, state, inputs(nil))
			require.NoError(t, err)
			assert.Equal(t, 1, strings.Count(c.mapRoles(), argocdEntry))
			assert.Equal(t, 2, strings.Count(c.mapRoles(), mapped), "one entry, with its role and its user name")
			require.NoError(t, remove(server, state))
			assert.NotContains(t, c.mapRoles(), mapped)
		})
	}
}

// A person who finds an entry changed by hand may as well take its values into the program: from then on it is the resource's.
func TestAnEntryWhoseValuesTheProgramTakesOverIsItsOwn(t *testing.T) {
	t.Parallel()
	c := newCluster(nodes)
	server := serve(t, c.connect)
	state := mustCreate(t, server, inputs(nil))
	c.otherWriter(func(data map[string]string) { data["mapRoles"] = nodes + byHand })()
	read, err := server.Read(p.ReadRequest{ID: id, Urn: urn, Properties: state, Inputs: checked(t, server, inputs(nil))})
	require.NoError(t, err)
	theirs := inputs(map[string]any{"username": "argocd", "groups": []string{"system:masters"}})
	diff, err := server.Diff(p.DiffRequest{ID: id, Urn: urn, State: read.Properties, Inputs: checked(t, server, theirs)})
	require.NoError(t, err)
	require.True(t, diff.HasChanges)
	state, err = update(t, server, read.Properties, theirs)
	require.NoError(t, err)
	assert.Equal(t, nodes+byHand, c.mapRoles())
	require.NoError(t, remove(server, state))
	assert.Equal(t, nodes, c.mapRoles())
}

// The state of an earlier version does not say what was written.
func TestAStateOfAnEarlierVersionKeepsItsEntry(t *testing.T) {
	t.Parallel()
	c := newCluster(nodes)
	server := serve(t, c.connect)
	state := mustCreate(t, server, inputs(nil)).Delete("written")
	diff, err := server.Diff(p.DiffRequest{ID: id, Urn: urn, State: state, Inputs: checked(t, server, inputs(nil))})
	require.NoError(t, err)
	assert.False(t, diff.HasChanges)
	c.otherWriter(func(data map[string]string) { data["mapRoles"] += byHand })()
	read, err := server.Read(p.ReadRequest{ID: id, Urn: urn, Properties: state, Inputs: checked(t, server, inputs(nil))})
	require.NoError(t, err)
	require.NoError(t, remove(server, read.Properties))
	assert.Equal(t, nodes+byHand, c.mapRoles())
}
