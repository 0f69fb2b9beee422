// Package providertest plays the Pulumi engine's part against a plugin, in process, so that tests can say what a
// program and a person would do: declare a resource, change it, refresh, import, delete.
package providertest

import (
	"context"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	presource "github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// Engine drives one configured plugin.
type Engine struct {
	Provider p.Provider
}

// New configures the plugin the way that the engine does.
func New(t *testing.T, plugin provider.Plugin, config map[string]any) *Engine {
	t.Helper()
	e := &Engine{Provider: plugin.Provider()}
	inputs := provider.Properties(config)
	checked, err := e.Provider.CheckConfig(t.Context(), p.CheckRequest{Inputs: inputs})
	require.NoError(t, err)
	require.Empty(t, checked.Failures)
	require.NoError(t, e.Provider.Configure(t.Context(), p.ConfigureRequest{Args: inputs}))
	return e
}

// Resource is what the engine keeps of a resource.
type Resource struct {
	URN     presource.URN
	ID      string
	Inputs  property.Map
	Outputs property.Map

	engine *Engine
}

// URN is that of a resource of the given type and name.
func URN(token, name string) presource.URN {
	return presource.NewURN("dev", "test", "", tokens.Type(token), name)
}

// Output is one output as a plain value.
func (r *Resource) Output(name string) any { return provider.Plain(r.Outputs)[name] }

// Check asks for complete inputs.
func (e *Engine) Check(ctx context.Context, token, name string, old property.Map, inputs map[string]any) (property.Map, []p.CheckFailure, error) {
	checked, err := e.Provider.Check(ctx, p.CheckRequest{
		Urn: URN(token, name), State: old, Inputs: provider.Properties(inputs),
	})
	return checked.Inputs, checked.Failures, err
}

// Checked are complete inputs, and a failed test if there are none.
func (e *Engine) Checked(t *testing.T, token, name string, inputs map[string]any) property.Map {
	t.Helper()
	return e.checked(t, token, name, property.Map{}, inputs)
}

func (e *Engine) checked(t *testing.T, token, name string, old property.Map, inputs map[string]any) property.Map {
	t.Helper()
	checked, failures, err := e.Check(t.Context(), token, name, old, inputs)
	require.NoError(t, err)
	require.Empty(t, failures)
	return checked
}

// Create makes a resource, and fails the test if it cannot.
func (e *Engine) Create(t *testing.T, token, name string, inputs map[string]any) *Resource {
	t.Helper()
	made, err := e.TryCreate(t, token, name, inputs, 0)
	require.NoError(t, err)
	return made
}

// TryCreate makes a resource with a timeout in seconds. A resource together with an error exists and is not ready.
func (e *Engine) TryCreate(t *testing.T, token, name string, inputs map[string]any, timeout float64) (*Resource, error) {
	t.Helper()
	checked := e.Checked(t, token, name, inputs)
	made, err := e.Provider.Create(t.Context(), p.CreateRequest{Urn: URN(token, name), Properties: checked, Timeout: timeout})
	if err != nil && made.PartialState == nil {
		return nil, err
	}
	return &Resource{URN: URN(token, name), ID: made.ID, Inputs: checked, Outputs: made.Properties, engine: e}, err
}

// Preview says what a new resource would look like.
func (e *Engine) Preview(t *testing.T, token, name string, inputs map[string]any) (property.Map, error) {
	t.Helper()
	checked := e.Checked(t, token, name, inputs)
	made, err := e.Provider.Create(t.Context(), p.CreateRequest{Urn: URN(token, name), Properties: checked, DryRun: true})
	return made.Properties, err
}

// Import reads what exists, and compares it with what the program says.
func (e *Engine) Import(t *testing.T, token, name, id string, inputs map[string]any) (*Resource, p.DiffResponse) {
	t.Helper()
	read, err := e.Provider.Read(t.Context(), p.ReadRequest{ID: id, Urn: URN(token, name)})
	require.NoError(t, err)
	require.NotEmpty(t, read.ID, "nothing to import at %s", id)
	r := &Resource{URN: URN(token, name), ID: read.ID, Inputs: read.Inputs, Outputs: read.Properties, engine: e}
	return r, r.Diff(t, inputs)
}

// Diff compares the resource with what the program says now.
func (r *Resource) Diff(t *testing.T, inputs map[string]any) p.DiffResponse {
	t.Helper()
	return r.diff(t, r.engine.checked(t, string(r.URN.Type()), r.URN.Name(), r.Inputs, inputs))
}

func (r *Resource) diff(t *testing.T, inputs property.Map) p.DiffResponse {
	t.Helper()
	diff, err := r.engine.Provider.Diff(t.Context(), p.DiffRequest{
		ID: r.ID, Urn: r.URN, State: r.Outputs, OldInputs: r.Inputs, Inputs: inputs,
	})
	require.NoError(t, err)
	return diff
}

// Update changes the resource to what the program says now.
func (r *Resource) Update(t *testing.T, inputs map[string]any) {
	t.Helper()
	checked := r.engine.checked(t, string(r.URN.Type()), r.URN.Name(), r.Inputs, inputs)
	updated, err := r.update(t, checked, false)
	require.NoError(t, err)
	r.Inputs, r.Outputs = checked, updated.Properties
}

// TryUpdate is Update for a change that may be refused, or only previewed.
func (r *Resource) TryUpdate(t *testing.T, inputs map[string]any, dryRun bool) (property.Map, error) {
	t.Helper()
	checked := r.engine.checked(t, string(r.URN.Type()), r.URN.Name(), r.Inputs, inputs)
	updated, err := r.update(t, checked, dryRun)
	return updated.Properties, err
}

func (r *Resource) update(t *testing.T, inputs property.Map, dryRun bool) (p.UpdateResponse, error) {
	t.Helper()
	return r.engine.Provider.Update(t.Context(), p.UpdateRequest{
		ID: r.ID, Urn: r.URN, State: r.Outputs, OldInputs: r.Inputs, Inputs: inputs, DryRun: dryRun,
	})
}

// Refresh brings the resource up to date and says how it differs from before. It is gone if it no longer exists.
func (r *Resource) Refresh(t *testing.T) (drift p.DiffResponse, gone bool) {
	t.Helper()
	read, err := r.engine.Provider.Read(t.Context(), p.ReadRequest{ID: r.ID, Urn: r.URN, Properties: r.Outputs, Inputs: r.Inputs})
	if read.PartialState == nil {
		require.NoError(t, err)
	}
	if read.ID == "" {
		return p.DiffResponse{}, true
	}
	before := r.Inputs
	r.ID, r.Inputs, r.Outputs = read.ID, read.Inputs, read.Properties
	// The engine asks what an update to the inputs of before would change.
	return r.diff(t, before), false
}

// Delete removes the resource.
func (r *Resource) Delete(t *testing.T) {
	t.Helper()
	require.NoError(t, r.TryDelete(t.Context()))
}

// TryDelete is Delete for a resource that may refuse.
func (r *Resource) TryDelete(ctx context.Context) error {
	return r.engine.Provider.Delete(ctx, p.DeleteRequest{ID: r.ID, Urn: r.URN, Properties: r.Outputs, OldInputs: r.Inputs})
}

// Invoke calls a function.
func (e *Engine) Invoke(ctx context.Context, token string, args map[string]any) (provider.Values, []p.CheckFailure, error) {
	answer, err := e.Provider.Invoke(ctx, p.InvokeRequest{Token: tokens.Type(token), Args: provider.Properties(args)})
	return provider.Plain(answer.Return), answer.Failures, err
}

// Changes are the paths of a diff with what would happen at each.
func Changes(diff p.DiffResponse) map[string]string {
	changes := map[string]string{}
	for path, change := range diff.DetailedDiff {
		changes[path] = string(change.Kind)
	}
	return changes
}
