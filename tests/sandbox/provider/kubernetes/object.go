package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// object is one resource type: a kind, or a patch of one that somebody else owns.
type object struct {
	kind    kind
	cluster *cluster
	patch   bool
}

var _ provider.Resource = object{}

// Check names what is wrong with the top level, makes a name where there is
// none, and writes the inputs the way that the server will answer them.
func (o object) Check(_ context.Context, r p.CheckRequest) (p.CheckResponse, error) {
	inputs := r.Inputs
	if inputs.Get("apiVersion").IsNull() {
		inputs = inputs.Set("apiVersion", property.New("v1"))
	}
	if inputs.Get("kind").IsNull() {
		inputs = inputs.Set("kind", property.New(o.kind.name))
	}
	if failures := o.kind.inputs().Failures(r.Urn.Name(), inputs); len(failures) > 0 {
		return p.CheckResponse{Inputs: inputs, Failures: failures}, nil
	}
	if metadata := inputs.Get("metadata"); !metadata.IsComputed() {
		named, err := o.identify(metadata, r)
		if err != nil {
			return p.CheckResponse{}, err
		}
		inputs = inputs.Set("metadata", property.New(named).WithSecret(metadata.Secret()))
	}
	if !provider.HasUnknowns(inputs) {
		if err := unknownFields(toObject(inputs)); err != nil {
			return p.CheckResponse{Inputs: inputs, Failures: []p.CheckFailure{{Reason: err.Error()}}}, nil
		}
		inputs = keepSecrets(provider.Properties(normalize(toObject(inputs)).Object), r.Inputs)
	}
	return p.CheckResponse{Inputs: inputs}, nil
}

// identify completes the metadata with a name and a namespace.
func (o object) identify(given property.Value, r p.CheckRequest) (property.Map, error) {
	var metadata property.Map
	if given.IsMap() {
		metadata = given.AsMap()
	}
	if o.kind.namespaced && empty(metadata.Get("namespace")) && o.cluster.namespace != "" {
		metadata = metadata.Set("namespace", property.New(o.cluster.namespace))
	}
	switch {
	case !empty(metadata.Get("name")):
		return metadata, nil
	case o.patch:
		return metadata, errors.New("patch resources require the `.metadata.name` field to be set")
	case !empty(metadata.Get("generateName")):
		return metadata, errors.New("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
	}
	name := ""
	if old := toObject(r.State); annotation(old, annotationAutonamed) == "true" {
		name = old.GetName()
	}
	if name == "" {
		var err error
		if name, err = resource.NewUniqueHex(r.Urn.Name()+"-", 8, 0); err != nil {
			return metadata, fmt.Errorf("naming %s: %w", r.Urn.Name(), err)
		}
	}
	metadata = metadata.Set("name", property.New(name))
	if annotations := metadata.Get("annotations"); !annotations.IsComputed() {
		var all property.Map
		if annotations.IsMap() {
			all = annotations.AsMap()
		}
		all = all.Set(annotationAutonamed, property.New("true"))
		metadata = metadata.Set("annotations", property.New(all).WithSecret(annotations.Secret()))
	}
	return metadata, nil
}

func empty(v property.Value) bool { return v.IsNull() || v.IsString() && v.AsString() == "" }

// Create makes the object and waits until it is ready. Something that exists
// already is an error, except for a patch or if the provider is told to upsert.
func (o object) Create(ctx context.Context, r p.CreateRequest) (p.CreateResponse, error) {
	if r.DryRun && (provider.HasUnknowns(r.Properties) || o.patch || o.cluster.unreachable != nil) {
		return p.CreateResponse{Properties: r.Properties}, nil
	}
	if err := o.reachable(); err != nil {
		return p.CreateResponse{}, err
	}
	inputs := toObject(r.Properties)
	manager, err := o.fieldManager(inputs, r.Properties)
	if err != nil {
		return p.CreateResponse{}, err
	}
	live, err := o.create(ctx, inputs, manager, r.DryRun)
	switch {
	case r.DryRun && unforeseeable(err):
		return p.CreateResponse{Properties: r.Properties}, nil
	case err != nil:
		return p.CreateResponse{}, fmt.Errorf(
			"resource %q was not successfully created by the Kubernetes API server: %w", r.Urn, err)
	case r.DryRun:
		unstructured.RemoveNestedField(live.Object, "status")
		return p.CreateResponse{Properties: checkpoint(inputs, live, r.Properties, manager)}, nil
	}
	live, err = o.awaitReady(ctx, inputs, live, r.Timeout)
	response := p.CreateResponse{ID: id(live), Properties: checkpoint(inputs, live, r.Properties, manager)}
	if err != nil {
		err = fmt.Errorf("resource %q was successfully created, but the Kubernetes API server "+
			"reported that it failed to fully initialize or become live: %w", r.Urn, err)
		response.PartialState = incomplete(err)
	}
	return response, err
}

// create repeats the request while the namespace is not there, which may be
// because it is being made by another resource that the program forgot to name.
func (o object) create(ctx context.Context, inputs *unstructured.Unstructured, manager string, dryRun bool) (*unstructured.Unstructured, error) {
	const attempts = 5
	for attempt, pause := 1, time.Second; ; attempt, pause = attempt+1, 2*pause {
		live, err := o.send(ctx, inputs, manager, dryRun)
		if err == nil || dryRun || !apierrors.IsNotFound(err) || attempt == attempts {
			return live, err
		}
		p.GetLogger(ctx).InfoStatusf("Retry #%d; creation failed: %v", attempt-1, err)
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

func (o object) send(ctx context.Context, inputs *unstructured.Unstructured, manager string, dryRun bool) (*unstructured.Unstructured, error) {
	if o.patch || o.cluster.upsert {
		return o.apply(ctx, inputs, manager, o.forced(inputs) || dryRun, dryRun)
	}
	return o.resourceClient(inputs.GetNamespace()).Create(ctx, inputs.DeepCopy(), metav1.CreateOptions{
		// The name that the first update looks for when it takes the fields over.
		FieldManager:    createManager,
		FieldValidation: metav1.FieldValidationStrict,
		DryRun:          dryRunOption(dryRun),
	})
}

// createManager owns the fields of an object from its creation to its first update.
const createManager = "pulumi-kubernetes"

func dryRunOption(dryRun bool) []string {
	if dryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}

func (o object) forced(inputs *unstructured.Unstructured) bool {
	return o.cluster.patchForce || annotation(inputs, annotationPatchForce) == "true"
}

func (o object) apply(ctx context.Context, inputs *unstructured.Unstructured, manager string, force, dryRun bool) (*unstructured.Unstructured, error) {
	body, err := json.Marshal(inputs.Object)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", id(inputs), err)
	}
	live, err := o.resourceClient(inputs.GetNamespace()).Patch(ctx, inputs.GetName(), types.ApplyPatchType, body, metav1.PatchOptions{
		FieldManager:    manager,
		Force:           &force,
		FieldValidation: metav1.FieldValidationStrict,
		DryRun:          dryRunOption(dryRun),
	})
	if apierrors.IsConflict(err) {
		// The server's message lists the fields and their owners.
		err = fmt.Errorf("server-side apply field conflict detected, see "+
			"https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"+
			"managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help\n"+
			"The resource managed by field manager %q had an apply conflict: %w", manager, err)
	}
	return live, err
}

// unforeseeable are the errors of a dry run that say nothing about the real one:
// the namespace that comes first is not there yet, the object that is being
// replaced still is, or the user may not even try.
func unforeseeable(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) && apierrors.IsNotFound(err) {
		details := status.Status().Details
		return details != nil && details.Kind == "namespaces"
	}
	return apierrors.IsForbidden(err) || apierrors.IsAlreadyExists(err)
}

// fieldManager is who owns what we set: the program's choice, else the name
// from the state, else a new one.
func (o object) fieldManager(inputs *unstructured.Unstructured, state property.Map) (string, error) {
	if name := annotation(inputs, annotationFieldManager); name != "" {
		return name, nil
	}
	if name := state.Get(fieldManagerKey); name.IsString() {
		return name.AsString(), nil
	}
	name, err := resource.NewUniqueHex(createManager+"-", 8, 0)
	if err != nil {
		return "", fmt.Errorf("naming field manager: %w", err)
	}
	return name, nil
}

func (o object) reachable() error {
	if o.cluster.unreachable != nil {
		return fmt.Errorf("configured Kubernetes cluster is unreachable: %w", o.cluster.unreachable)
	}
	return nil
}

// incomplete lists why an object is not ready, one reason a line.
func incomplete(err error) *p.InitializationFailed {
	reasons := []string{err.Error()}
	var notReady *notReadyError
	if errors.As(err, &notReady) {
		reasons = append(reasons, notReady.reasons...)
	}
	return &p.InitializationFailed{Reasons: reasons}
}

// Read brings the state up to date. The inputs that it returns are what the old
// ones spoke of with the values of now; without old inputs, as on import, they
// are everything that is not the server's own.
func (o object) Read(ctx context.Context, r p.ReadRequest) (p.ReadResponse, error) {
	if o.cluster.unreachable != nil {
		if o.cluster.deleteUnreachable {
			return p.ReadResponse{}, nil
		}
		return p.ReadResponse{}, fmt.Errorf("failed to read resource state due to unreachable cluster. If the cluster was "+
			"deleted, you can remove this resource from Pulumi state by rerunning the operation with the "+
			"PULUMI_K8S_DELETE_UNREACHABLE environment variable set to \"true\": %w", o.cluster.unreachable)
	}
	namespace, name := splitID(r.ID)
	live, err := o.resourceClient(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return p.ReadResponse{}, nil
	}
	if err != nil {
		return p.ReadResponse{}, err
	}
	old := normalize(toObject(r.Inputs))
	imported := r.Inputs.Len() == 0
	inputs := &unstructured.Unstructured{Object: prune(live.Object, old.Object)}
	if imported {
		inputs = o.inputsOf(live)
	}
	manager, err := o.fieldManager(old, r.Properties)
	if err != nil {
		return p.ReadResponse{}, err
	}
	response := p.ReadResponse{
		ID:         r.ID,
		Inputs:     keepSecrets(provider.Properties(inputs.Object), r.Inputs),
		Properties: checkpoint(inputs, live, r.Inputs, manager),
	}
	if reasons, ready := o.ready(live); !imported && !ready && annotation(old, annotationSkipAwait) != "true" {
		err = &notReadyError{
			message: fmt.Sprintf("Resource '%s' was created but failed to initialize", name), reasons: reasons,
		}
		response.PartialState = incomplete(err)
		return response, err
	}
	return response, nil
}

// inputsOf are the parts of a live object that a program could have set.
func (o object) inputsOf(live *unstructured.Unstructured) *unstructured.Unstructured {
	inputs := &unstructured.Unstructured{Object: map[string]any{}}
	for name := range o.kind.inputs() {
		if value, ok := live.Object[name]; ok {
			inputs.Object[name] = value
		}
	}
	inputs = inputs.DeepCopy()
	dropServerFields(inputs)
	return inputs
}

// Update applies the new inputs and waits until the object is ready again.
func (o object) Update(ctx context.Context, r p.UpdateRequest) (p.UpdateResponse, error) {
	if r.DryRun && (provider.HasUnknowns(r.Inputs) || o.cluster.unreachable != nil) {
		return p.UpdateResponse{Properties: r.Inputs}, nil
	}
	if err := o.reachable(); err != nil {
		return p.UpdateResponse{}, err
	}
	inputs := normalize(toObject(r.Inputs))
	oldInputs, old := parseCheckpoint(r.State)
	manager, err := o.fieldManager(inputs, r.State)
	if err != nil {
		return p.UpdateResponse{}, err
	}
	live, err := o.update(ctx, inputs, old, manager, r.DryRun)
	switch {
	case r.DryRun && apierrors.IsForbidden(err):
		return p.UpdateResponse{Properties: r.Inputs}, nil
	case err != nil:
		return p.UpdateResponse{}, fmt.Errorf("update of resource %q failed: %w", r.Urn, err)
	case r.DryRun:
		return p.UpdateResponse{Properties: checkpoint(inputs, live, r.Inputs, manager)}, nil
	}
	live, err = o.awaitReady(ctx, inputs, live, r.Timeout)
	response := p.UpdateResponse{Properties: checkpoint(inputs, live, r.Inputs, manager)}
	if err != nil {
		err = fmt.Errorf("the Kubernetes API server reported that %q failed to fully initialize or become live: %w", id(live), err)
		response.PartialState = incomplete(err)
		return response, err
	}
	if before, err := o.fieldManager(oldInputs, r.State); err == nil && before != manager {
		if err := o.relinquish(ctx, live, before); err != nil {
			return p.UpdateResponse{}, err
		}
	}
	return response, nil
}

func (o object) update(ctx context.Context, inputs, old *unstructured.Unstructured, manager string, dryRun bool) (*unstructured.Unstructured, error) {
	live, err := o.resourceClient(old.GetNamespace()).Get(ctx, old.GetName(), metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	force := o.forced(inputs)
	if !o.patch {
		if dryRun {
			// A dry run cannot take the fields over, so it has to insist.
			force = force || ownedBy(live, createManager)
		} else if err := o.takeOver(ctx, live, manager); err != nil {
			return nil, err
		}
	}
	return o.apply(ctx, inputs, manager, force, dryRun)
}

func ownedBy(live *unstructured.Unstructured, manager string) bool {
	for _, entry := range live.GetManagedFields() {
		if entry.Manager == manager && entry.Operation == metav1.ManagedFieldsOperationUpdate {
			return true
		}
	}
	return false
}

// takeOver gives the fields that creation set to the manager that applies from
// now on; otherwise a field that leaves the program would stay in the object.
func (o object) takeOver(ctx context.Context, live *unstructured.Unstructured, manager string) error {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, sets.New(createManager, "kubectl", "before-first-apply"), manager)
	if err != nil {
		return fmt.Errorf("taking over fields of %s: %w", id(live), err)
	}
	if len(patch) == 0 {
		return nil
	}
	_, err = o.resourceClient(live.GetNamespace()).Patch(ctx, live.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{})
	return err
}

// relinquish applies nothing but the object's identity: the fields that nobody
// else sets go back to what they would be without us.
func (o object) relinquish(ctx context.Context, live *unstructured.Unstructured, manager string) error {
	bare := &unstructured.Unstructured{Object: map[string]any{}}
	bare.SetAPIVersion(live.GetAPIVersion())
	bare.SetKind(live.GetKind())
	bare.SetNamespace(live.GetNamespace())
	bare.SetName(live.GetName())
	_, err := o.apply(ctx, bare, manager, false, false)
	return err
}

// Delete removes the object and waits until it is gone. Of a patch it takes
// back what the patch set.
func (o object) Delete(ctx context.Context, r p.DeleteRequest) error {
	if o.cluster.unreachable != nil {
		if o.cluster.deleteUnreachable {
			return nil
		}
		return fmt.Errorf("configured Kubernetes cluster is unreachable. If the cluster was deleted, "+
			"you can remove this resource from Pulumi state by rerunning the operation with the "+
			"PULUMI_K8S_DELETE_UNREACHABLE environment variable set to \"true\": %w", o.cluster.unreachable)
	}
	inputs, live := parseCheckpoint(r.Properties)
	if o.patch {
		manager, err := o.fieldManager(inputs, r.Properties)
		if err != nil {
			return err
		}
		err = o.relinquish(ctx, live, manager)
		if apierrors.IsInvalid(err) && strings.Contains(err.Error(), "Required value") {
			return fmt.Errorf("this Patch resource is currently managing a required field, so it can't be deleted "+
				"directly. Either set the `retainOnDelete` resource option, or transfer ownership of the "+
				"field before deleting: %w", err)
		}
		return err
	}
	foreground := metav1.DeletePropagationForeground
	namespace, name := splitID(r.ID)
	err := o.resourceClient(namespace).Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &foreground})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return o.awaitGone(ctx, inputs, live, r.Timeout)
}
