package provider

import (
	"context"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// Table is a resource type that is fully described by its inputs, its computed outputs and four calls to an API.
type Table struct {
	Inputs Inputs
	// Outputs are the properties that only the API knows; a preview shows them as unknown until the resource exists.
	Outputs []string
	// Derive computes outputs that follow from the inputs and the provider's configuration alone. A difference from the
	// state is a change. May be nil.
	Derive func(inputs property.Map) property.Map
	// Explain rewrites errors the way the official plugin words them. May be nil.
	Explain func(error) error
	API     API
}

// API is how the thing behind a [Table] is made, read, changed and removed.
type API struct {
	// Create makes the thing and returns its id. An id together with an error means that the thing exists and is
	// incomplete.
	Create func(ctx context.Context, inputs Values) (id string, err error)
	// Read returns what the API says: every input that is not Local, and every output; an "id" among them replaces the one
	// asked for. Nil means that the thing is gone. state is what was known before, nothing on import.
	Read Reader
	// ReadNew is Read for what was made a moment ago, where that takes patience. Nil means that it does not.
	ReadNew Reader
	// Update changes the thing in place. Nil if every input replaces it.
	Update func(ctx context.Context, id string, state, inputs Values) error
	// Delete removes the thing. That it is gone already is no error.
	Delete func(ctx context.Context, id string, state Values) error
}

// Reader is how a thing is read; see [API].
type Reader func(ctx context.Context, id string, state Values) (Values, error)

// Check fills in defaults and names what is wrong.
func (t Table) Check(_ context.Context, r p.CheckRequest) (p.CheckResponse, error) {
	inputs, err := t.Inputs.Fill(r.Urn.Name(), r.Inputs, r.State)
	if err != nil {
		return p.CheckResponse{}, fmt.Errorf("checking %s: %w", r.Urn.Name(), err)
	}
	return p.CheckResponse{Inputs: inputs, Failures: t.Inputs.Failures(r.Urn.Name(), inputs)}, nil
}

// Diff compares the new inputs with the old ones, which refresh has brought up to date, and the derived outputs with
// the state.
func (t Table) Diff(_ context.Context, r p.DiffRequest) (p.DiffResponse, error) {
	diff := t.Inputs.Diff(r.OldInputs, r.Inputs)
	for name, value := range t.derive(r.Inputs).All {
		derived := Input{}
		derived.diff(resource.PropertyPath{name}, r.State.Get(name), value, false, diff)
	}
	return p.DiffResponse{
		HasChanges:          len(diff) > 0,
		DetailedDiff:        diff,
		DeleteBeforeReplace: Replaces(diff) && t.nameKept(r.OldInputs, r.Inputs),
	}, nil
}

// nameKept tells whether the program itself chose the name and left it as it was, in which case old and new cannot
// exist side by side.
func (t Table) nameKept(old, given property.Map) bool {
	for name, input := range t.Inputs {
		if input.AutoName != nil && input.AutoName.RandomLength > 0 && !given.Get(name).IsNull() &&
			!defaulted(given, name) && input.equal(old.Get(name), given.Get(name)) {
			return true
		}
	}
	return false
}

// Create makes the resource, or says what a preview can know of it.
func (t Table) Create(ctx context.Context, r p.CreateRequest) (p.CreateResponse, error) {
	if r.DryRun {
		return p.CreateResponse{Properties: MarkSecrets(t.planned(r.Properties), r.Properties)}, nil
	}
	inputs := Plain(r.Properties)
	id, err := t.API.Create(ctx, inputs)
	if err != nil && id == "" {
		return p.CreateResponse{}, t.explain(err)
	}
	outputs := visible(r.Properties)
	if err == nil {
		var live property.Map
		read := t.API.Read
		if t.API.ReadNew != nil {
			read = t.API.ReadNew
		}
		if live, err = t.live(ctx, read, id, inputs, r.Properties); err == nil {
			outputs = live
		}
	}
	response := p.CreateResponse{ID: id, Properties: MarkSecrets(outputs, r.Properties)}
	if err != nil {
		err = t.explain(err)
		response.PartialState = &p.InitializationFailed{Reasons: []string{err.Error()}}
	}
	return response, err
}

// planned is what is known of a resource before it exists.
func (t Table) planned(inputs property.Map) property.Map {
	outputs := visible(inputs)
	for _, name := range append([]string{"id"}, t.Outputs...) {
		outputs = outputs.Set(name, property.New(property.Computed))
	}
	for name, input := range t.Inputs {
		if input.Computed && outputs.Get(name).IsNull() {
			outputs = outputs.Set(name, property.New(property.Computed))
		}
	}
	for name, value := range t.derive(inputs).All {
		outputs = outputs.Set(name, value)
	}
	return outputs
}

// Read brings state and inputs up to date for refresh. Without either it is an import, and the inputs are what a
// program would have to say.
func (t Table) Read(ctx context.Context, r p.ReadRequest) (p.ReadResponse, error) {
	found, err := t.API.Read(ctx, r.ID, Plain(r.Properties))
	if err != nil {
		return p.ReadResponse{}, t.explain(err)
	}
	if found == nil {
		return p.ReadResponse{}, nil
	}
	imported := r.Inputs.Len() == 0
	inputs := t.refreshed(Properties(found), r.Inputs, imported)
	outputs := t.complete(r.ID, found, inputs)
	for name, input := range t.Inputs {
		// A text that still means the same stays as it is written in the state.
		if was := r.Properties.Get(name); input.Same != nil && was.IsString() && input.equal(was, outputs.Get(name)) {
			outputs = outputs.Set(name, was)
		}
	}
	return p.ReadResponse{
		ID:         outputs.Get("id").AsString(),
		Properties: MarkSecrets(outputs, inputs, r.Properties),
		Inputs:     inputs,
	}, nil
}

// refreshed are the old inputs with what the API says now. Only what the API chose by itself, and no program asked for,
// is left out.
func (t Table) refreshed(live, old property.Map, imported bool) property.Map {
	inputs := old
	for name, input := range t.Inputs {
		was, is := old.Get(name), live.Get(name)
		switch {
		case input.Local:
			if imported && input.Default != nil {
				inputs = inputs.Set(name, Property(input.Default))
			}
		case !was.IsNull() && input.equal(was, is):
		case was.IsNull() && input.Computed && !imported:
		case empty(is):
			inputs = inputs.Delete(name)
		default:
			inputs = inputs.Set(name, is.WithSecret(was.HasSecrets()))
		}
	}
	return inputs
}

// Update changes the resource, or says what a preview can know of the change.
func (t Table) Update(ctx context.Context, r p.UpdateRequest) (p.UpdateResponse, error) {
	planned := r.State
	for name, input := range t.Inputs {
		if value := r.Inputs.Get(name); !value.IsNull() {
			if !input.equal(r.State.Get(name), value) {
				planned = planned.Set(name, value)
			}
		} else if !input.Computed {
			planned = planned.Delete(name)
		}
	}
	for name, value := range t.derive(r.Inputs).All {
		planned = planned.Set(name, value)
	}
	if r.DryRun {
		return p.UpdateResponse{Properties: MarkSecrets(planned, r.Inputs)}, nil
	}
	// Without Update this is only the second try of a creation that was cut short.
	if t.API.Update != nil {
		if err := t.API.Update(ctx, r.ID, Plain(r.State), Plain(r.Inputs)); err != nil {
			return p.UpdateResponse{}, t.explain(err)
		}
	}
	outputs, err := t.live(ctx, t.API.Read, r.ID, Plain(planned), r.Inputs)
	if err != nil {
		return p.UpdateResponse{}, t.explain(err)
	}
	return p.UpdateResponse{Properties: MarkSecrets(outputs, r.Inputs)}, nil
}

// Delete removes the resource.
func (t Table) Delete(ctx context.Context, r p.DeleteRequest) error {
	return t.explain(t.API.Delete(ctx, r.ID, Plain(r.Properties)))
}

// live reads what was just made or changed.
func (t Table) live(ctx context.Context, read Reader, id string, state Values, inputs property.Map) (property.Map, error) {
	found, err := read(ctx, id, state)
	if err != nil {
		return property.Map{}, err
	}
	if found == nil {
		return property.Map{}, fmt.Errorf("reading %s: couldn't find resource", id)
	}
	return t.complete(id, found, inputs), nil
}

// complete adds to what the API says what only the inputs know.
func (t Table) complete(id string, found Values, inputs property.Map) property.Map {
	outputs := Properties(found)
	if outputs.Get("id").IsNull() {
		outputs = outputs.Set("id", property.New(id))
	}
	for name, input := range t.Inputs {
		if value := inputs.Get(name); input.Local && !value.IsNull() {
			outputs = outputs.Set(name, value)
		}
	}
	return outputs
}

func (t Table) derive(inputs property.Map) property.Map {
	if t.Derive == nil {
		return property.Map{}
	}
	return t.Derive(inputs)
}

func (t Table) explain(err error) error {
	if err == nil || t.Explain == nil {
		return err
	}
	return t.Explain(err)
}

// visible are the inputs without the ones that are only for this package.
func visible(inputs property.Map) property.Map { return inputs.Delete(defaultsKey) }
