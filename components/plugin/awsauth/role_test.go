package awsauth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/plugin/awsauth"
)

func TestTheSchemaHasTheOneResourceWithASecretKubeconfig(t *testing.T) {
	t.Parallel()
	response, err := serve(t, newCluster("").connect).GetSchema(p.GetSchemaRequest{})
	require.NoError(t, err)
	var schema struct {
		Name      string
		Resources map[string]struct {
			Description     string
			InputProperties map[string]struct {
				Description string
				Secret      bool
			}
			Properties     map[string]struct{ Description string }
			RequiredInputs []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(response.Schema), &schema))
	assert.Equal(t, "eks-irsa", schema.Name)
	require.Len(t, schema.Resources, 1)
	role := schema.Resources["eks-irsa:index:AwsAuthRole"]
	assert.NotEmpty(t, role.Description)
	assert.ElementsMatch(t, []string{"kubeconfig", "roleArn"}, role.RequiredInputs)
	assert.Len(t, role.InputProperties, 5)
	for name, input := range role.InputProperties {
		assert.NotEmpty(t, input.Description, name)
		assert.Equal(t, name == "kubeconfig", input.Secret, name)
	}
	assert.Len(t, role.Properties, 7)
	for _, output := range []string{"mappedArn", "written"} {
		assert.NotEmpty(t, role.Properties[output].Description, output)
	}
}

func TestALifeLeavesTheMapAsItWasFound(t *testing.T) {
	t.Parallel()
	for _, before := range []string{nodes, nodes + "\n# the end", "[]\n", "  # none yet\n"} {
		t.Run(before, func(t *testing.T) {
			t.Parallel()
			c := newCluster(before)
			server := serve(t, c.connect)
			given := checked(t, server, inputs(nil))

			preview, err := server.Create(p.CreateRequest{Urn: urn, Properties: given, DryRun: true})
			require.NoError(t, err)
			assert.Equal(t, mapped, preview.Properties.Get("mappedArn").AsString())
			assert.Equal(t, before, c.mapRoles(), "a preview writes nothing")

			created, err := server.Create(p.CreateRequest{Urn: urn, Properties: given})
			require.NoError(t, err)
			assert.Equal(t, id, created.ID)
			assert.Equal(t, property.New(mapped), created.Properties.Get("mappedArn"))
			assert.Equal(t, property.New(mapped), created.Properties.Get("username"))
			assert.True(t, created.Properties.Get("kubeconfig").Secret())
			assert.Contains(t, c.mapRoles(), "argocd:managers")

			diff, err := server.Diff(p.DiffRequest{ID: id, Urn: urn, State: created.Properties, Inputs: given})
			require.NoError(t, err)
			assert.False(t, diff.HasChanges)

			changed := checked(t, server, inputs(map[string]any{"username": "argocd:{{SessionName}}", "groups": nil}))
			_, err = server.Update(p.UpdateRequest{ID: id, Urn: urn, State: created.Properties, Inputs: changed, DryRun: true})
			require.NoError(t, err)
			assert.Equal(t, 1, c.writes, "a preview writes nothing")
			updated, err := server.Update(p.UpdateRequest{ID: id, Urn: urn, State: created.Properties, Inputs: changed})
			require.NoError(t, err)
			assert.Contains(t, c.mapRoles(), `"argocd:{{SessionName}}"`)
			assert.NotContains(t, c.mapRoles(), "argocd:managers")

			require.NoError(t, remove(server, updated.Properties))
			assert.Equal(t, map[string]string{"mapRoles": before, "mapUsers": "[]\n"}, c.stored.Data)
			assert.Equal(t, map[string]string{"by": "eksctl"}, c.stored.Labels)
		})
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	t.Parallel()
	withoutCA := strings.Replace(kubeconfig("https://a", "t"), "cluster: {", "cluster: {certificate-authority: /nowhere/ca, ", 1)
	tests := map[string]struct {
		inputs   map[string]any
		property string
		reason   string
	}{
		"an unknown input":         {map[string]any{"rolearn": "x"}, "rolearn", "Unrecognized"},
		"no kubeconfig":            {map[string]any{"kubeconfig": nil}, "kubeconfig", "Missing"},
		"no role":                  {map[string]any{"roleArn": nil}, "roleArn", "Missing"},
		"groups that are no list":  {map[string]any{"groups": "a"}, "groups", "must be a '[]string'"},
		"an empty kubeconfig":      {map[string]any{"kubeconfig": " "}, "kubeconfig", "is empty"},
		"a kubeconfig of prose":    {map[string]any{"kubeconfig": "hello"}, "kubeconfig", "reading the kubeconfig"},
		"a kubeconfig of nothing":  {map[string]any{"kubeconfig": "kind: Config"}, "kubeconfig", `current-context ""`},
		"no server":                {map[string]any{"kubeconfig": kubeconfig("", "t")}, "kubeconfig", `cluster "it" has no server`},
		"a CA file that is absent": {map[string]any{"kubeconfig": withoutCA}, "kubeconfig", "/nowhere/ca"},
		"an empty role":            {map[string]any{"roleArn": ""}, "roleArn", `"" is not the ARN of an IAM role`},
		"an assumed role":          {map[string]any{"roleArn": "arn:aws:sts::111122223333:assumed-role/a/b"}, "roleArn", "is not the ARN"},
		"a user":                   {map[string]any{"roleArn": "arn:aws:iam::111122223333:user/a"}, "roleArn", "is not the ARN"},
		"a short account":          {map[string]any{"roleArn": "arn:aws:iam::11112222333:role/a"}, "roleArn", "is not the ARN"},
		"a role without a name":    {map[string]any{"roleArn": "arn:aws:iam::111122223333:role/a/"}, "roleArn", "is not the ARN"},
		"a wildcard":               {map[string]any{"roleArn": "arn:aws:iam::111122223333:role/*"}, "roleArn", "is not the ARN"},
		"a long name":              {map[string]any{"roleArn": "arn:aws:iam::111122223333:role/" + strings.Repeat("a", 65)}, "roleArn", "is not the ARN"},
		"a line break in a role":   {map[string]any{"roleArn": roleARN + "\n"}, "roleArn", "is not the ARN"},
		"an empty username":        {map[string]any{"username": ""}, "username", "it must not be empty"},
		"a line break in a name":   {map[string]any{"username": "a\nb"}, "username", `"a\nb" has characters that cannot be printed`},
		"an empty group":           {map[string]any{"groups": []string{"a", " "}}, "groups", "element 1: it must not be empty"},
		"a bell in a group":        {map[string]any{"groups": []string{"a\a"}}, "groups", `element 0: "a\a" has characters`},
		"a line separator":         {map[string]any{"groups": []string{"a\u2028b"}}, "groups", "element 0:"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, err := serve(t, newCluster("").connect).Check(p.CheckRequest{Urn: urn, Inputs: inputs(test.inputs)})
			require.NoError(t, err)
			require.Len(t, response.Failures, 1)
			assert.Equal(t, test.property, response.Failures[0].Property)
			assert.Contains(t, response.Failures[0].Reason, test.reason)
		})
	}
}

func TestCheckReportsSeveralFaultsTogether(t *testing.T) {
	t.Parallel()
	response, err := serve(t, newCluster("").connect).Check(p.CheckRequest{Urn: urn, Inputs: inputs(map[string]any{
		"kubeconfig": "", "roleArn": "argocd", "username": "", "groups": []string{"", ""},
	})})
	require.NoError(t, err)
	var properties []string
	for _, failure := range response.Failures {
		properties = append(properties, failure.Property)
	}
	assert.Equal(t, []string{"kubeconfig", "roleArn", "username", "groups"}, properties)
}

func TestCheckTakesTheRolesOfEveryPartitionAndFillsTheUsername(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"arn:aws:iam::111122223333:role/a":                   "arn:aws:iam::111122223333:role/a",
		"arn:aws-cn:iam::111122223333:role/p/a":              "arn:aws-cn:iam::111122223333:role/a",
		"arn:aws-us-gov:iam::111122223333:role/p/q/a+=,.@-_": "arn:aws-us-gov:iam::111122223333:role/a+=,.@-_",
	} {
		t.Run(given, func(t *testing.T) {
			t.Parallel()
			got := checked(t, serve(t, newCluster("").connect), inputs(map[string]any{"roleArn": given, "groups": nil}))
			assert.Equal(t, property.New(want), got.Get("username"))
			assert.Equal(t, property.New(given), got.Get("roleArn"))
			assert.Equal(t, 0, got.Get("groups").AsArray().Len())
			assert.True(t, got.Get("kubeconfig").Secret())
		})
	}
}

func TestAPreviewToleratesWhatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	unknown := property.New(property.Computed)
	c := newCluster(nodes)
	server := serve(t, c.connect)
	for name, changes := range map[string]map[string]any{
		"the kubeconfig": {"kubeconfig": unknown},
		"the role":       {"roleArn": unknown},
		"the username":   {"username": unknown},
		"the groups":     {"groups": unknown},
		"one group":      {"groups": property.New([]property.Value{property.New("a"), unknown})},
		"everything":     {"kubeconfig": unknown, "roleArn": unknown, "username": unknown, "groups": unknown},
	} {
		given := checked(t, server, inputs(changes))
		created, err := server.Create(p.CreateRequest{Urn: urn, Properties: given, DryRun: true})
		require.NoError(t, err, name)
		_, roleUnknown := changes["roleArn"]
		assert.Equal(t, roleUnknown, created.Properties.Get("mappedArn").IsComputed(), name)
		assert.Equal(t, roleUnknown, created.ID == "", name)
		for key := range changes {
			assert.True(t, created.Properties.Get(key).HasComputed(), name)
		}
	}
	assert.Zero(t, c.writes)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	unknown := property.New(property.Computed)
	inPlace := func(property string) map[string]p.PropertyDiff {
		return map[string]p.PropertyDiff{property: {Kind: p.Update, InputDiff: true}}
	}
	replacing := func(property string) map[string]p.PropertyDiff {
		return map[string]p.PropertyDiff{property: {Kind: p.UpdateReplace, InputDiff: true}}
	}
	tests := map[string]struct {
		changes     map[string]any
		want        map[string]p.PropertyDiff
		deleteFirst bool
	}{
		"nothing":                       {nil, map[string]p.PropertyDiff{}, false},
		"the same groups in any order":  {map[string]any{"groups": []string{"b", "a", "b"}}, map[string]p.PropertyDiff{}, false},
		"another username":              {map[string]any{"username": "x"}, inPlace("username"), false},
		"other groups":                  {map[string]any{"groups": []string{"a"}}, inPlace("groups"), false},
		"overwrite":                     {map[string]any{"overwrite": true}, inPlace("overwrite"), false},
		"another path of the same role": {map[string]any{"roleArn": mapped, "username": mapped}, inPlace("roleArn"), false},
		"another role": {
			map[string]any{"roleArn": mapped + "2", "username": mapped}, replacing("roleArn"), false,
		},
		"another token for the same server": {
			map[string]any{"kubeconfig": kubeconfig("HTTPS://one.example/", "t2")}, inPlace("kubeconfig"), false,
		},
		"another server":          {map[string]any{"kubeconfig": kubeconfig("https://two.example", "t")}, replacing("kubeconfig"), true},
		"a server not known yet":  {map[string]any{"kubeconfig": unknown}, replacing("kubeconfig"), true},
		"a role that isn't known": {map[string]any{"roleArn": unknown, "username": mapped}, replacing("roleArn"), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, newCluster(nodes).connect)
			before := map[string]any{"groups": []string{"a", "b"}}
			state := mustCreate(t, server, inputs(before))
			for key, value := range test.changes {
				before[key] = value
			}
			diff, err := server.Diff(p.DiffRequest{ID: id, Urn: urn, State: state, Inputs: checked(t, server, inputs(before))})
			require.NoError(t, err)
			assert.Equal(t, test.want, diff.DetailedDiff)
			assert.Equal(t, len(test.want) > 0, diff.HasChanges)
			assert.Equal(t, test.deleteFirst, diff.DeleteBeforeReplace)
		})
	}
}

func TestAnUpdateThatTheEntryHasAlreadyWritesNothing(t *testing.T) {
	t.Parallel()
	c := newCluster(nodes)
	server := serve(t, c.connect)
	state := mustCreate(t, server, inputs(nil))
	updated, err := update(t, server, state, inputs(map[string]any{"kubeconfig": kubeconfig("https://one.example", "t2")}))
	require.NoError(t, err)
	assert.Equal(t, 1, c.writes)
	assert.Contains(t, updated.Get("kubeconfig").AsString(), "t2")
	assert.True(t, updated.Get("kubeconfig").Secret())
}

func TestCreateTakesOverNobodysEntrySilently(t *testing.T) {
	t.Parallel()
	const byHand = "- rolearn: arn:aws:iam::111122223333:role/ArgoCD # by hand\n  username: admin\n  groups: [system:masters]\n"
	const equal = "- {username: 'arn:aws:iam::111122223333:role/argocd', rolearn: 'arn:aws:iam::111122223333:role/argocd', " +
		"groups: ['argocd:managers']} # by hand\n"
	tests := map[string]struct {
		before    string
		overwrite bool
		want      string
		wantErr   string
	}{
		"another one is refused":               {byHand + nodes, false, "", `with user name "admin" and groups ["system:masters"]`},
		"another one beside an equal one, too": {equal + byHand, false, "", "that this resource did not write"},
		"another one is replaced when told so": {byHand + nodes, true, argocdEntry + nodes, ""},
		"an equal one is adopted as it is":     {equal + nodes, false, equal + nodes, ""},
		"what a killed run left is one entry":  {argocdEntry + nodes + argocdEntry, false, argocdEntry + nodes, ""},
		"an unreadable map is refused":         {"- [", true, "", "mapRoles cannot be read"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(test.before)
			_, err := create(t, serve(t, c.connect), inputs(map[string]any{"overwrite": test.overwrite}))
			if test.wantErr != "" {
				require.ErrorContains(t, err, test.wantErr)
				require.ErrorContains(t, err, "mapping "+mapped+": editing ConfigMap kube-system/aws-auth: ")
				assert.Zero(t, c.writes)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, c.mapRoles())
		})
	}
}

func TestAnUpdateOverwritesAChangeByHandOnlyAfterARefreshHasShownIt(t *testing.T) {
	t.Parallel()
	c := newCluster(nodes)
	server := serve(t, c.connect)
	state := mustCreate(t, server, inputs(nil))
	c.otherWriter(func(data map[string]string) {
		data["mapRoles"] = strings.Replace(data["mapRoles"], "argocd:managers", "by:hand", 1)
	})()

	_, err := update(t, server, state, inputs(map[string]any{"username": "x"}))
	require.ErrorContains(t, err, `groups ["by:hand"]`)
	assert.Equal(t, 1, c.writes)

	refreshed, err := server.Read(p.ReadRequest{ID: id, Urn: urn, Properties: state, Inputs: checked(t, server, inputs(nil))})
	require.NoError(t, err)
	_, err = update(t, server, refreshed.Properties, inputs(nil))
	require.NoError(t, err)
	assert.Equal(t, nodes+argocdEntry, c.mapRoles())
}

func TestReadReportsWhatIsThere(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		mapRoles string
		gone     bool
		username string
		groups   []string
	}{
		"unchanged":         {nodes + argocdEntry, false, mapped, []string{"argocd:managers"}},
		"another username":  {strings.Replace(argocdEntry, "username: ", "username: x", 1), false, "x" + mapped, []string{"argocd:managers"}},
		"other groups":      {strings.Replace(argocdEntry, "managers", "viewers", 1), false, mapped, []string{"argocd:viewers"}},
		"the last of two":   {argocdEntry + "- {rolearn: '" + mapped + "', username: x}\n", false, "x", []string{}},
		"without the entry": {nodes, true, "", nil},
		"an empty map":      {"", true, "", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(nodes)
			server := serve(t, c.connect)
			state := mustCreate(t, server, inputs(nil))
			c.otherWriter(func(data map[string]string) { data["mapRoles"] = test.mapRoles })()

			read, err := server.Read(p.ReadRequest{ID: id, Urn: urn, Properties: state, Inputs: checked(t, server, inputs(nil))})
			require.NoError(t, err)
			if test.gone {
				assert.Empty(t, read.ID)
				return
			}
			assert.Equal(t, id, read.ID)
			for _, values := range []property.Map{read.Properties, read.Inputs} {
				assert.Equal(t, property.New(test.username), values.Get("username"))
				assert.True(t, stringsOf(test.groups...).Equals(values.Get("groups")), values.Get("groups").GoString())
				assert.Equal(t, property.New(roleARN), values.Get("roleArn"))
				assert.True(t, values.Get("kubeconfig").Secret())
			}
		})
	}
}

func TestReadTellsAMissingConfigMapFromAClusterThatFails(t *testing.T) {
	t.Parallel()
	c := newCluster(nodes)
	server := serve(t, c.connect)
	state := mustCreate(t, server, inputs(nil))
	request := p.ReadRequest{ID: id, Urn: urn, Properties: state, Inputs: checked(t, server, inputs(nil))}

	c.failure = errors.New("no route to host")
	_, err := server.Read(request)
	require.EqualError(t, err, "reading ConfigMap kube-system/aws-auth: no route to host")

	c.failure, c.stored = nil, nil
	read, err := server.Read(request)
	require.NoError(t, err)
	assert.Empty(t, read.ID)
}

// An import finds its cluster through the environment, so this test runs alone.
func TestAnImportReadsTheClusterOfKubectl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	t.Setenv("KUBECONFIG", path)
	server := serve(t, newCluster(nodes+argocdEntry).connect)

	_, err := server.Read(p.ReadRequest{ID: id, Urn: urn})
	require.ErrorContains(t, err, "an import finds its cluster through KUBECONFIG")

	require.NoError(t, os.WriteFile(path, []byte(kubeconfig("https://one.example", "t")), 0o600))
	read, err := server.Read(p.ReadRequest{ID: id, Urn: urn})
	require.NoError(t, err)
	assert.Equal(t, id, read.ID)
	for _, values := range []property.Map{read.Properties, read.Inputs} {
		assert.Equal(t, property.New(mapped), values.Get("roleArn"))
		assert.True(t, values.Get("kubeconfig").Secret(), "an imported kubeconfig is a secret, too")
		assert.Contains(t, values.Get("kubeconfig").AsString(), "https://one.example")
	}
	again := checked(t, server, read.Inputs)
	diff, err := server.Diff(p.DiffRequest{ID: id, Urn: urn, State: read.Properties, Inputs: again})
	require.NoError(t, err)
	assert.False(t, diff.HasChanges)

	for _, wrong := range []string{"argocd", mapped, "kube-system/aws-auth/" + roleARN, "kube-system/aws-auth/"} {
		_, err := server.Read(p.ReadRequest{ID: wrong, Urn: urn})
		require.ErrorContains(t, err, "is not the ID of an AwsAuthRole")
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	drifted := strings.Replace(argocdEntry, "argocd:managers", "by:hand", 1)
	tests := map[string]struct{ before, want string }{
		"its entry and every copy of it":            {argocdEntry + nodes + argocdEntry, nodes},
		"nothing if the entry is gone":              {nodes, nodes},
		"nothing that somebody has changed since":   {nodes + drifted, nodes + drifted},
		"its own copy beside one of somebody else":  {drifted + nodes + argocdEntry, drifted + nodes},
		"an entry that was there before it came":    {"[{rolearn: '" + mapped + "', username: '" + mapped + "', groups: ['argocd:managers']}]", "[]"},
		"nothing of a role of the same name's path": {"- rolearn: " + roleARN + "\n", "- rolearn: " + roleARN + "\n"},
	}
	for name, test := range tests {
		t.Run("removes "+name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(nodes)
			server := serve(t, c.connect)
			state := mustCreate(t, server, inputs(nil))
			c.otherWriter(func(data map[string]string) { data["mapRoles"] = test.before })()
			require.NoError(t, remove(server, state))
			assert.Equal(t, test.want, c.mapRoles())
		})
	}
}

func TestDeleteNeverClaimsWhatItCouldNotDo(t *testing.T) {
	t.Parallel()
	notKubernetes := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(notKubernetes.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, url := range map[string]string{
		"nobody listens": closed.URL, "another server listens, which answers 404": notKubernetes.URL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := mustCreate(t, serve(t, newCluster(nodes).connect), inputs(map[string]any{"kubeconfig": kubeconfig(url, "t")}))
			server := serve(t, awsauth.Connect)
			require.ErrorContains(t, remove(server, state), "unmapping "+mapped+": editing ConfigMap kube-system/aws-auth: ")
			_, err := server.Read(p.ReadRequest{ID: id, Urn: urn, Properties: state, Inputs: inputs(nil)})
			require.ErrorContains(t, err, "reading ConfigMap kube-system/aws-auth: ")
		})
	}
	t.Run("the map cannot be read", func(t *testing.T) {
		t.Parallel()
		c := newCluster(nodes)
		server := serve(t, c.connect)
		state := mustCreate(t, server, inputs(nil))
		c.otherWriter(func(data map[string]string) { data["mapRoles"] = "- [" })()
		require.ErrorContains(t, remove(server, state), "mapRoles cannot be read")
	})
}

// A cluster that is gone answers no more. Only the user knows that it is.
func TestDeleteForgetsAnEntryOfAClusterThatIsGoneWhereToldTo(t *testing.T) {
	notKubernetes := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(notKubernetes.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	entryAt := func(url string) property.Map {
		return mustCreate(t, serve(t, newCluster(nodes).connect), inputs(map[string]any{"kubeconfig": kubeconfig(url, "t")}))
	}
	const unmapping = "unmapping " + mapped
	for _, value := range []string{"", "false", "1"} {
		t.Setenv("PULUMI_K8S_DELETE_UNREACHABLE", value)
		require.ErrorContains(t, remove(serve(t, awsauth.Connect), entryAt(closed.URL)), unmapping)
	}
	t.Setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
	require.NoError(t, remove(serve(t, awsauth.Connect), entryAt(closed.URL)))
	require.ErrorContains(t, remove(serve(t, awsauth.Connect), entryAt(notKubernetes.URL)), unmapping, "that one answers")
}

func TestAConfigMapThatTheResourceMadeGoesWithTheLastEntry(t *testing.T) {
	t.Parallel()
	c := &cluster{}
	server := serve(t, c.connect)
	first := mustCreate(t, server, inputs(nil))
	second := mustCreate(t, server, inputs(map[string]any{"roleArn": mapped + "2"}))
	require.NotNil(t, c.stored)

	require.NoError(t, remove(server, first))
	require.NotNil(t, c.stored, "another resource's entry keeps it")
	require.NoError(t, remove(server, second))
	assert.Nil(t, c.stored)
}

func TestAConfigMapThatSomebodyElseWantsStays(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*cluster)
		want   map[string]string
	}{
		"by another key":    {func(c *cluster) { c.stored.Data["mapUsers"] = "" }, map[string]string{"mapUsers": ""}},
		"by a label":        {func(c *cluster) { c.stored.Labels["by"] = "me" }, map[string]string{}},
		"by an annotation":  {func(c *cluster) { c.stored.Annotations = map[string]string{"by": "me"} }, map[string]string{}},
		"by taking it over": {func(c *cluster) { c.stored.Labels = map[string]string{} }, map[string]string{}},
		"by an entry of its own just now": {
			func(c *cluster) {
				c.betweenReadAndWrite = c.otherWriter(func(data map[string]string) { data["mapRoles"] += nodes })
			},
			map[string]string{"mapRoles": nodes},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &cluster{}
			server := serve(t, c.connect)
			state := mustCreate(t, server, inputs(nil))
			test.change(c)
			require.NoError(t, remove(server, state))
			require.NotNil(t, c.stored)
			assert.Equal(t, test.want, c.stored.Data)
		})
	}
}

func TestAConfigMapThatAppearsOrVanishesMeanwhileIsNoError(t *testing.T) {
	t.Parallel()
	c := &cluster{}
	server := serve(t, c.connect)
	c.betweenReadAndWrite = func() { c.stored = newCluster(nodes).stored }
	state := mustCreate(t, server, inputs(nil))
	assert.Equal(t, nodes+argocdEntry, c.mapRoles())

	c.betweenReadAndWrite = func() { c.stored = nil }
	_, err := update(t, server, state, inputs(map[string]any{"groups": nil}))
	require.NoError(t, err)
	assert.Contains(t, c.mapRoles(), "groups: []")
}

// In each round another writer comes between the read and the write of each step; both changes survive.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	t.Parallel()
	for round := range uint64(30) {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(round, 0))
			foreign := nodes
			c := newCluster(foreign)
			server := serve(t, c.connect)
			interfere := func() {
				added := entryFor(fmt.Sprintf("other-%d", random.IntN(1e9)))
				foreign += added
				c.betweenReadAndWrite = c.otherWriter(func(data map[string]string) {
					data["mapRoles"] += added
					data["mapUsers"] += "# " + added
				})
			}
			interfere()
			state := mustCreate(t, server, inputs(nil))
			assert.Equal(t, foreign+argocdEntry, c.mapRoles())

			for range 1 + random.IntN(3) {
				groups := []string{fmt.Sprintf("g:%d", random.IntN(1e9))}
				interfere()
				var err error
				state, err = update(t, server, state, inputs(map[string]any{"groups": groups}))
				require.NoError(t, err)
				own := strings.Replace(argocdEntry, "argocd:managers", groups[0], 1)
				assert.Equal(t, 1, strings.Count(c.mapRoles(), own))
				assert.Equal(t, foreign, strings.Replace(c.mapRoles(), own, "", 1))
			}
			interfere()
			require.NoError(t, remove(server, state))
			assert.Equal(t, foreign, c.mapRoles())
			assert.Equal(t, strings.Count(foreign, "rolearn")-1, strings.Count(c.stored.Data["mapUsers"], "rolearn"))
		})
	}
}

// What everybody else has in aws-auth as it grows by hand, in every style: five lines in three maps.
const (
	foreignNodes = `- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: arn:aws:iam::111122223333:role/eks-nodes # do not touch
  username: system:node:{{EC2PrivateDNSName}}
`
	foreignFargate = `- {rolearn: "arn:aws:iam::111122223333:role/fargate", username: "system:node:{{SessionName}}", groups: ['system:nodes']}
`
	foreignSSO = `# people
- rolearn:   'arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef'
  username: admin:{{SessionName}}

  groups: [ system:masters ]   # break glass
`
	foreignUsers    = "- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice\n  groups: [system:masters]\n# and nobody else\n"
	foreignAccounts = "- \"444455556666\"   # the partner's\n"
)

// In random rounds of create, two updates and delete, most of them with another writer between read and write, every byte
// of the others' stays as they had it last.
func TestForeignLinesStayByteForByte(t *testing.T) {
	t.Parallel()
	const rounds = 40
	var interferences int
	for round := range uint64(rounds) {
		random := rand.New(rand.NewPCG(round, 1))
		roles := []string{foreignNodes, foreignFargate, foreignSSO}
		random.Shuffle(len(roles), func(i, j int) { roles[i], roles[j] = roles[j], roles[i] })
		foreign := map[string]string{
			"mapRoles": strings.Join(roles, ""), "mapUsers": foreignUsers, "mapAccounts": foreignAccounts,
		}
		c := newCluster("")
		c.stored.Data = maps.Clone(foreign)
		server := serve(t, c.connect)
		interfere := func() {
			if random.IntN(4) == 0 {
				return
			}
			interferences++
			change := foreignChange(random, interferences)
			change(foreign)
			c.betweenReadAndWrite = c.otherWriter(change)
		}
		assertOthers := func(own string) {
			data := maps.Clone(c.stored.Data)
			require.Equal(t, 1, strings.Count(data["mapRoles"], own), "round %d", round)
			data["mapRoles"] = strings.Replace(data["mapRoles"], own, "", 1)
			require.Equal(t, foreign, data, "round %d", round)
		}

		interfere()
		state := mustCreate(t, server, inputs(nil))
		assertOthers(argocdEntry)
		for range 2 {
			group := fmt.Sprintf("g:%d", random.IntN(1e9))
			interfere()
			var err error
			state, err = update(t, server, state, inputs(map[string]any{"groups": []string{group}}))
			require.NoError(t, err)
			assertOthers(strings.Replace(argocdEntry, "argocd:managers", group, 1))
		}
		interfere()
		require.NoError(t, remove(server, state))
		require.Equal(t, foreign, c.stored.Data, "round %d", round)
	}
	t.Logf("%d rounds, and another writer between %d reads and writes", rounds, interferences)
}

// foreignChange is what somebody else may do to the maps at any time.
func foreignChange(random *rand.Rand, number int) func(data map[string]string) {
	added := entryFor(fmt.Sprintf("other-%d", number))
	account := fmt.Sprintf("- '%012d'\n", number)
	return []func(map[string]string){
		func(data map[string]string) { data["mapRoles"] += "# one more\n" + added },
		func(data map[string]string) { data["mapRoles"] = added + data["mapRoles"] },
		func(data map[string]string) {
			data["mapRoles"] = strings.Replace(data["mapRoles"], foreignFargate, "", 1)
		},
		func(data map[string]string) {
			data["mapRoles"] = strings.Replace(data["mapRoles"], "break glass", "gone", 1)
		},
		func(data map[string]string) { data["mapUsers"] = strings.Replace(data["mapUsers"], "alice", "bob", 2) },
		func(data map[string]string) { data["mapAccounts"] += account },
	}[random.IntN(6)]
}

func TestManyResourcesEditOneMapAtOnce(t *testing.T) {
	t.Parallel()
	const count = 32
	c := newCluster(nodes)
	server := serve(t, c.connect)
	given := make([]property.Map, count)
	for i := range given {
		given[i] = checked(t, server, inputs(map[string]any{"roleArn": fmt.Sprintf("%s-%d", mapped, i)}))
	}
	created := make([]p.CreateResponse, count)
	inParallel(count, func(i int) {
		var err error
		created[i], err = server.Create(p.CreateRequest{Urn: urn, Properties: given[i]})
		assert.NoError(t, err)
	})
	assert.Equal(t, count+1, strings.Count(c.mapRoles(), "rolearn"))
	inParallel(count, func(i int) { assert.NoError(t, remove(server, created[i].Properties)) })
	assert.Equal(t, nodes, c.mapRoles())
}

func inParallel(count int, do func(i int)) {
	var group sync.WaitGroup
	for i := range count {
		group.Go(func() { do(i) })
	}
	group.Wait()
}
