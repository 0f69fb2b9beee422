package provider_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
)

const (
	shelf   = "toy:index:Shelf"
	shelved = "toy:index:shelves"
)

// store is an API that keeps shelves in memory. Its owner is chosen by the API unless the program says who; its height
// is never given back.
type store struct {
	mu      sync.Mutex
	shelves map[string]provider.Values
	broken  error
}

func newStore() *store { return &store{shelves: map[string]provider.Values{}} }

func (s *store) put(id string, in provider.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := provider.Values{"owner": "api", "made": "today", "labels": map[string]any{}}
	maps.Copy(kept, in)
	delete(kept, "height")
	delete(kept, "__defaults")
	s.shelves[id] = kept
}

func (s *store) change(id, name string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shelves[id][name] = value
}

func (s *store) plugin() provider.Plugin {
	ten := func(text string) error {
		if len(text) > 20 {
			return errors.New("longer than 20")
		}
		return nil
	}
	return provider.Plugin{
		Name: "toy", Version: "1.2.3",
		Config: provider.Inputs{
			"place": {Type: provider.String, Required: true},
			"lamp":  {Type: provider.Object, Fields: provider.Inputs{"watts": {Type: provider.Int}}},
		},
		Configure: func(context.Context, provider.Values) error { return nil },
		Functions: map[string]provider.Function{shelved: {
			Inputs: provider.Inputs{"owner": {Type: provider.String, Required: true}},
			Call: func(_ context.Context, args provider.Values) (provider.Values, error) {
				return provider.Values{"owner": args.String("owner")}, nil
			},
		}},
		Resources: map[string]provider.Table{shelf: {
			Inputs: provider.Inputs{
				"name":       {Type: provider.String, Replace: true, Computed: true, Conflicts: "namePrefix", AutoName: &provider.AutoName{MaxLength: 20, RandomLength: 7}, Valid: ten},
				"namePrefix": {Type: provider.String, Replace: true, Computed: true, Conflicts: "name"},
				"room":       {Type: provider.String, Required: true, Replace: true},
				"color":      {Type: provider.String},
				"books":      {Type: provider.Set},
				"owner":      {Type: provider.String, Computed: true},
				"height":     {Type: provider.Int, Local: true, Default: 2, Min: 1, Max: 9},
				"labels":     {Type: provider.Map},
				"lock":       {Type: provider.Object, Fields: provider.Inputs{"code": {Type: provider.String, Required: true}}},
			},
			Outputs: []string{"made", "sign"},
			Derive: func(in property.Map) property.Map {
				return property.NewMap(map[string]property.Value{"sign": in.Get("room")})
			},
			API: provider.API{Create: s.create, Read: s.read, Update: s.update, Delete: s.remove},
		}},
	}
}

func (s *store) create(_ context.Context, in provider.Values) (string, error) {
	name := in.String("name")
	if name == "" {
		name = in.String("namePrefix") + "0001"
		in["name"] = name
	}
	s.put(name, in)
	return name, s.broken
}

func (s *store) read(_ context.Context, id string, _ provider.Values) (provider.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.shelves[id]
	if !ok {
		return nil, nil
	}
	out := maps.Clone(found)
	out["sign"] = out["room"]
	return out, nil
}

func (s *store) update(_ context.Context, id string, state, in provider.Values) error {
	changed := maps.Clone(in)
	if in.String("owner") == "" {
		changed["owner"] = state["owner"]
	}
	s.put(id, changed)
	return nil
}

func (s *store) remove(_ context.Context, id string, _ provider.Values) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shelves, id)
	return nil
}

func newEngine(t *testing.T, s *store) *providertest.Engine {
	t.Helper()
	return providertest.New(t, s.plugin(), map[string]any{"place": "attic"})
}

func TestCheckNamesEveryFault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		inputs map[string]any
		want   map[string]string
	}{
		{"an unknown property", map[string]any{"room": "hall", "colour": "red"}, map[string]string{"colour": "Invalid or unknown key."}},
		{"a missing one", map[string]any{}, map[string]string{"room": `Missing required argument. The argument "room" is required, but no definition was found.`}},
		{"a number for a text", map[string]any{"room": 5}, map[string]string{"room": "expected string type, got 5."}},
		{"a text for a number", map[string]any{"room": "hall", "height": "2"}, map[string]string{"height": `expected number type, got "2".`}},
		{"a number with a fraction", map[string]any{"room": "hall", "height": 1.5}, map[string]string{"height": "expected number type, got 1.5."}},
		{"a number out of range", map[string]any{"room": "hall", "height": 10}, map[string]string{"height": "expected height to be in the range (1 - 9), got 10."}},
		{"a text for a list", map[string]any{"room": "hall", "books": "Emma"}, map[string]string{"books": `expected list type, got "Emma".`}},
		{"a number in a list", map[string]any{"room": "hall", "books": []any{"Emma", 1}}, map[string]string{"books[1]": "expected string type, got 1."}},
		{"a list in a map", map[string]any{"room": "hall", "labels": map[string]any{"a": []any{}}}, map[string]string{`labels["a"]`: "expected string type, got a list."}},
		{"an unknown nested property", map[string]any{"room": "hall", "lock": map[string]any{"code": "1", "key": "2"}}, map[string]string{"lock.key": "Invalid or unknown key."}},
		{"a missing nested one", map[string]any{"room": "hall", "lock": map[string]any{}}, map[string]string{"lock.code": `Missing required argument. The argument "code" is required, but no definition was found.`}},
		{"two that exclude each other", map[string]any{"room": "hall", "name": "a", "namePrefix": "b"}, map[string]string{"name": `Conflicting configuration arguments. "name" conflicts with namePrefix.`}},
		{"a value that is not valid", map[string]any{"room": "hall", "name": "a-name-of-twenty-one-c"}, map[string]string{"name": "longer than 20."}},
		{"several at once", map[string]any{"colour": "red", "books": 1}, map[string]string{
			"colour": "Invalid or unknown key.", "books": "expected list type, got 1.",
			"room": `Missing required argument. The argument "room" is required, but no definition was found.`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, failures, err := newEngine(t, newStore()).Check(t.Context(), shelf, "s", property.Map{}, test.inputs)
			require.NoError(t, err)
			got := map[string]string{}
			for _, failure := range failures {
				got[failure.Property] = failure.Reason
			}
			for path, reason := range test.want {
				test.want[path] = reason + fmt.Sprintf(" Examine values at 's.%s'.", path)
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestCheckDoesNotShowSecrets(t *testing.T) {
	t.Parallel()
	_, failures, err := newEngine(t, newStore()).Check(t.Context(), shelf, "s", property.Map{}, map[string]any{
		"room": property.New([]property.Value{property.New("hidden")}).WithSecret(true),
	})
	require.NoError(t, err)
	require.Len(t, failures, 1)
	assert.NotContains(t, failures[0].Reason, "hidden")
}

func TestCheckAcceptsWhatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	_, failures, err := newEngine(t, newStore()).Check(t.Context(), shelf, "s", property.Map{}, map[string]any{
		"room": provider.Unknown{}, "books": []any{provider.Unknown{}}, "labels": map[string]any{"a": provider.Unknown{}},
	})
	require.NoError(t, err)
	assert.Empty(t, failures)
}

func TestAnAutomaticNameIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	e := newEngine(t, newStore())
	first := e.Checked(t, shelf, "s", map[string]any{"room": "hall"})
	assert.Regexp(t, `^s-[0-9a-f]{7}$`, first.Get("name").AsString())
	second, _, err := e.Check(t.Context(), shelf, "s", first, map[string]any{"room": "hall"})
	require.NoError(t, err)
	assert.Equal(t, first.Get("name").AsString(), second.Get("name").AsString())

	prefixed := e.Checked(t, shelf, "s", map[string]any{"room": "hall", "namePrefix": "p-"})
	assert.True(t, prefixed.Get("name").IsNull(), "a prefix leaves the name to the API")

	_, _, err = e.Check(t.Context(), shelf, "a-long-name-of-a-shelf", property.Map{}, map[string]any{"room": "hall"})
	assert.ErrorContains(t, err, "is longer than maximum length 20")
}

func TestDiffSaysWhatChangesAndWhatReplaces(t *testing.T) {
	t.Parallel()
	base := map[string]any{
		"name": "s", "room": "hall", "color": "red", "books": []any{"Emma", "Ulysses"},
		"labels": map[string]any{"a": "1", "b.c": "2"}, "lock": map[string]any{"code": "1"},
	}
	tests := []struct {
		name         string
		set          map[string]any
		unset        string
		want         map[string]string
		deletesFirst bool
	}{
		{name: "nothing", want: map[string]string{}},
		{name: "an update", set: map[string]any{"color": "blue"}, want: map[string]string{"color": "update"}},
		{name: "an addition", set: map[string]any{"owner": "me"}, want: map[string]string{"owner": "update"}},
		{name: "a removal", unset: "color", want: map[string]string{"color": "delete"}},
		{name: "removal of what the API may choose", unset: "owner", want: map[string]string{}},
		{name: "the order of a set", set: map[string]any{"books": []any{"Ulysses", "Emma"}}, want: map[string]string{}},
		{name: "the content of a set", set: map[string]any{"books": []any{"Emma"}}, want: map[string]string{"books": "update"}},
		{name: "an emptied set", set: map[string]any{"books": []any{}}, want: map[string]string{"books": "delete"}},
		{
			name: "keys of a map", set: map[string]any{"labels": map[string]any{"a": "3", "d": "4"}},
			want: map[string]string{"labels.a": "update", "labels.d": "add", `labels["b.c"]`: "delete"},
		},
		{name: "a nested property", set: map[string]any{"lock": map[string]any{"code": "2"}}, want: map[string]string{"lock.code": "update"}},
		{
			name: "a replacing property under a chosen name", set: map[string]any{"room": "attic"},
			want: map[string]string{"room": "update&replace", "sign": "update"}, deletesFirst: true,
		},
		{name: "another name", set: map[string]any{"name": "z"}, want: map[string]string{"name": "update&replace"}},
		{name: "a value that is not known yet", set: map[string]any{"color": provider.Unknown{}}, want: map[string]string{"color": "update"}},
		{
			name: "a replacing one that is not known yet", set: map[string]any{"room": provider.Unknown{}},
			want: map[string]string{"room": "update&replace", "sign": "update"}, deletesFirst: true,
		},
		{name: "a secret that says the same", set: map[string]any{"color": property.New("red").WithSecret(true)}, want: map[string]string{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			old := maps.Clone(base)
			if test.unset == "owner" {
				old["owner"] = "me"
			}
			if _, sets := test.set["owner"]; sets {
				old["owner"] = "you"
			}
			made := newEngine(t, newStore()).Create(t, shelf, "s", old)
			inputs := maps.Clone(old)
			maps.Copy(inputs, test.set)
			delete(inputs, test.unset)
			diff := made.Diff(t, inputs)
			assert.Equal(t, test.want, providertest.Changes(diff))
			assert.Equal(t, len(test.want) > 0, diff.HasChanges)
			assert.Equal(t, test.deletesFirst, diff.DeleteBeforeReplace)
		})
	}
}

func TestAReplacementWithAnAutomaticNameMakesTheNewOneFirst(t *testing.T) {
	t.Parallel()
	made := newEngine(t, newStore()).Create(t, shelf, "s", map[string]any{"room": "hall"})
	diff := made.Diff(t, map[string]any{"room": "attic"})
	assert.True(t, provider.Replaces(diff.DetailedDiff))
	assert.False(t, diff.DeleteBeforeReplace)
}

func TestPreviewKnowsInputsAndNothingThatTheAPIChooses(t *testing.T) {
	t.Parallel()
	outputs, err := newEngine(t, newStore()).Preview(t, shelf, "s", map[string]any{"name": "s", "room": "hall"})
	require.NoError(t, err)
	assert.Equal(t, "hall", outputs.Get("room").AsString())
	assert.Equal(t, "hall", outputs.Get("sign").AsString(), "derived outputs are known as soon as their inputs are")
	for _, name := range []string{"id", "made", "owner", "namePrefix"} {
		assert.True(t, outputs.Get(name).IsComputed(), name)
	}
	assert.True(t, outputs.Get("__defaults").IsNull(), "what is for this package only stays in the inputs")
}

func TestPreviewOfAnUpdateKeepsWhatDoesNotChange(t *testing.T) {
	t.Parallel()
	made := newEngine(t, newStore()).Create(t, shelf, "s", map[string]any{"room": "hall", "color": "red"})
	outputs, err := made.TryUpdate(t, map[string]any{"room": "hall"}, true)
	require.NoError(t, err)
	assert.Equal(t, "today", outputs.Get("made").AsString())
	assert.Equal(t, "api", outputs.Get("owner").AsString())
	assert.True(t, outputs.Get("color").IsNull())
}

func TestWhatIsGivenAsASecretComesBackAsOne(t *testing.T) {
	t.Parallel()
	e := newEngine(t, newStore())
	inputs := map[string]any{
		"room": "hall", "color": property.New("red").WithSecret(true),
		"labels": map[string]any{"a": property.New("1").WithSecret(true)},
	}
	preview, err := e.Preview(t, shelf, "s", inputs)
	require.NoError(t, err)
	made := e.Create(t, shelf, "s", inputs)
	afterCreate := made.Outputs
	made.Refresh(t)
	for _, outputs := range []property.Map{preview, afterCreate, made.Outputs} {
		assert.True(t, outputs.Get("color").Secret())
		assert.True(t, outputs.Get("labels").HasSecrets())
		assert.False(t, outputs.Get("room").HasSecrets())
	}
	assert.True(t, made.Inputs.Get("color").Secret(), "refresh keeps secrets of the inputs")
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change map[string]any
		want   map[string]string
	}{
		{"finds nothing where nothing changed", nil, map[string]string{}},
		{"finds a changed value", map[string]any{"color": "blue"}, map[string]string{"color": "update"}},
		{"finds what was set behind the program's back", map[string]any{"lock": map[string]any{"code": "1"}}, map[string]string{"lock": "delete"}},
		{"finds a removed label", map[string]any{"labels": map[string]any{}}, map[string]string{"labels": "add"}},
		{"ignores what the API chooses by itself", map[string]any{"owner": "somebody", "made": "tomorrow"}, map[string]string{}},
		{"ignores the order of a set", map[string]any{"books": []any{"b", "a"}}, map[string]string{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStore()
			made := newEngine(t, s).Create(t, shelf, "s", map[string]any{
				"name": "s", "room": "hall", "color": "red", "books": []any{"a", "b"}, "labels": map[string]any{"a": "1"},
			})
			for name, value := range test.change {
				s.change("s", name, value)
			}
			drift, gone := made.Refresh(t)
			assert.False(t, gone)
			assert.Equal(t, test.want, providertest.Changes(drift))
			assert.InDelta(t, 2, made.Outputs.Get("height").AsNumber(), 0, "what the API does not give back is kept")
		})
	}
	t.Run("finds that it is gone", func(t *testing.T) {
		t.Parallel()
		s := newStore()
		made := newEngine(t, s).Create(t, shelf, "s", map[string]any{"name": "s", "room": "hall"})
		require.NoError(t, s.remove(t.Context(), "s", nil))
		_, gone := made.Refresh(t)
		assert.True(t, gone)
	})
}

func TestImportTakesWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.put("old", provider.Values{"name": "old", "room": "hall", "color": "red"})
	e := newEngine(t, s)
	program := map[string]any{"name": "old", "room": "hall", "color": "red"}
	imported, diff := e.Import(t, shelf, "s", "old", program)
	assert.False(t, diff.HasChanges, "%v", diff.DetailedDiff)
	assert.Equal(t, "api", imported.Output("owner"))

	program["color"] = "blue"
	_, diff = e.Import(t, shelf, "s", "old", program)
	assert.Equal(t, map[string]string{"color": "update"}, providertest.Changes(diff))
}

func TestAResourceThatExistsButFailedIsKept(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.broken = errors.New("no labels for you")
	made, err := newEngine(t, s).TryCreate(t, shelf, "s", map[string]any{"name": "s", "room": "hall"}, 0)
	require.ErrorContains(t, err, "no labels for you")
	require.NotNil(t, made, "so that the next update finds it")
	assert.Equal(t, "s", made.ID)
	made.Update(t, map[string]any{"name": "s", "room": "hall"})
	assert.Equal(t, "today", made.Output("made"), "and completes it")
}

func TestUnknownTypesAndFunctionsAreRefused(t *testing.T) {
	t.Parallel()
	e := newEngine(t, newStore())
	_, _, err := e.Check(t.Context(), "toy:index:Table", "t", property.Map{}, nil)
	require.ErrorContains(t, err, `resource type "toy:index:Table" is not known`)
	_, _, err = e.Invoke(t.Context(), "toy:index:tables", nil)
	require.ErrorContains(t, err, `function "toy:index:tables" is not known`)
	_, failures, err := e.Invoke(t.Context(), shelved, map[string]any{"owners": "me"})
	require.NoError(t, err)
	assert.Len(t, failures, 2, "an unknown argument and a missing one")
}

func TestProviderConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	pv := newStore().plugin().Provider()
	checked, err := pv.CheckConfig(t.Context(), p.CheckRequest{Inputs: provider.Properties(map[string]any{
		"color": "red", "lamp": `{"watts":"many","shade":true}`, "version": "1.2.3",
	})})
	require.NoError(t, err)
	var got []string
	for _, failure := range checked.Failures {
		got = append(got, failure.Property)
	}
	assert.ElementsMatch(t, []string{"color", "place", "lamp.watts", "lamp.shade"}, got)

	_, err = pv.CheckConfig(t.Context(), p.CheckRequest{Inputs: provider.Properties(map[string]any{"place": "x", "lamp": "{"})})
	require.ErrorContains(t, err, "toy:lamp is not JSON")
	err = pv.Configure(t.Context(), p.ConfigureRequest{Args: provider.Properties(map[string]any{"lamp": `{"watts":60}`})})
	assert.ErrorContains(t, err, "toy:place: Missing required argument")
}

func TestProviderConfigurationDiff(t *testing.T) {
	t.Parallel()
	plugin := newStore().plugin()
	plugin.ReplaceConfig = func(old, given property.Map) string {
		if old.Get("place").AsString() != given.Get("place").AsString() {
			return "place"
		}
		return ""
	}
	diff := func(old, given map[string]any) map[string]string {
		answer, err := plugin.Provider().DiffConfig(t.Context(), p.DiffRequest{
			OldInputs: provider.Properties(old), Inputs: provider.Properties(given),
		})
		require.NoError(t, err)
		return providertest.Changes(answer)
	}
	attic := map[string]any{"place": "attic", "lamp": `{"watts":60}`}
	assert.Empty(t, diff(attic, map[string]any{"place": "attic", "lamp": `{ "watts": 60 }`}))
	assert.Equal(t, map[string]string{"lamp.watts": "update"}, diff(attic, map[string]any{"place": "attic", "lamp": `{"watts":40}`}))
	assert.Equal(t, map[string]string{"place": "update&replace", "lamp": "delete"}, diff(attic, map[string]any{"place": "hall"}))
}
