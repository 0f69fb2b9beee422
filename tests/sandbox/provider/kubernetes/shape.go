package kubernetes

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// Keys that the official plugin adds to an object's outputs.
const (
	inputsKey         = "__inputs"
	initialVersionKey = "__initialApiVersion"
	fieldManagerKey   = "__fieldManager"
)

// Annotations by which a program speaks to the plugin.
const (
	annotationAutonamed    = "pulumi.com/autonamed"
	annotationSkipAwait    = "pulumi.com/skipAwait"
	annotationTimeout      = "pulumi.com/timeoutSeconds"
	annotationPatchForce   = "pulumi.com/patchForce"
	annotationFieldManager = "pulumi.com/patchFieldManager"
)

func annotation(u *unstructured.Unstructured, name string) string { return u.GetAnnotations()[name] }

// toObject turns properties into the form that client-go wants. Secrets lose
// their marks; unknowns stay as [provider.Unknown], which client-go must not see.
func toObject(m property.Map) *unstructured.Unstructured {
	fields, _ := wholeNumbers(map[string]any(provider.Plain(m))).(map[string]any)
	return &unstructured.Unstructured{Object: fields}
}

// wholeNumbers gives numbers the type that client-go decodes them to, so that
// what a program says compares equal to what the API server answers.
func wholeNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, element := range value {
			out[key] = wholeNumbers(element)
		}
		return out
	case []any:
		out := make([]any, 0, len(value))
		for _, element := range value {
			out = append(out, wholeNumbers(element))
		}
		return out
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
		return value
	default:
		return value
	}
}

// normalize rewrites inputs the way that the API server would, as far as that
// is known without asking it: quantities and the like through the typed form,
// stringData of a secret into data. Fields that only the server sets go.
func normalize(u *unstructured.Unstructured) *unstructured.Unstructured {
	if u.GetKind() == "Secret" {
		normalizeSecret(u)
	} else if typed, err := scheme.Scheme.New(u.GroupVersionKind()); err == nil {
		// What does not fit the typed form stays as it is: the server will say why.
		if runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, typed) == nil {
			if fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed); err == nil {
				u = &unstructured.Unstructured{Object: prune(fields, u.Object)}
			}
		}
	}
	dropServerFields(u)
	return u
}

// unknownFields names what the kind does not have. The server would refuse it
// too, but only if everything else is known and it can be reached.
func unknownFields(u *unstructured.Unstructured) error {
	typed, err := scheme.Scheme.New(u.GroupVersionKind())
	if err != nil {
		return fmt.Errorf("finding the type of %s: %w", u.GetKind(), err)
	}
	err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, typed, true)
	if runtime.IsStrictDecodingError(err) {
		return err
	}
	return nil // a wrong type is for the server to explain
}

func dropServerFields(u *unstructured.Unstructured) {
	for _, field := range []string{
		"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
		"resourceVersion", "uid",
	} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
}

func normalizeSecret(u *unstructured.Unstructured) {
	data, ok := u.Object["data"].(map[string]any)
	if !ok {
		data = map[string]any{}
	}
	for key, value := range data {
		// The server decodes and encodes again, which drops line breaks.
		if text, ok := value.(string); ok {
			if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
				data[key] = base64.StdEncoding.EncodeToString(decoded)
			}
		}
	}
	clear, ok := u.Object["stringData"].(map[string]any)
	if !ok || len(clear) == 0 {
		return
	}
	for key, value := range clear {
		text, ok := value.(string)
		if !ok {
			return // not a text: the server will say so
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	u.Object["data"] = data
	delete(u.Object, "stringData")
}

// prune keeps of live what shape has too: what the server and others add to an
// object is not ours to compare.
func prune(live, shape map[string]any) map[string]any {
	kept := map[string]any{}
	for key, want := range shape {
		if have, ok := live[key]; ok {
			kept[key] = pruneValue(have, want)
		}
	}
	return kept
}

func pruneValue(live, shape any) any {
	switch live := live.(type) {
	case map[string]any:
		if shape, ok := shape.(map[string]any); ok {
			return prune(live, shape)
		}
	case []any:
		if shape, ok := shape.([]any); ok {
			kept := []any{}
			for i := 0; i < len(live) && i < len(shape); i++ {
				kept = append(kept, pruneValue(live[i], shape[i]))
			}
			return kept
		}
	}
	return live
}

// keepSecrets marks in outs what is secret in ins, as deep as both are maps,
// and always the data of a Secret.
func keepSecrets(outs, ins property.Map) property.Map {
	if kind := outs.Get("kind"); kind.IsString() && kind.AsString() == "Secret" {
		for _, name := range []string{"data", "stringData"} {
			if value, ok := outs.GetOk(name); ok {
				outs = outs.Set(name, value.WithSecret(true))
			}
		}
	}
	for name, in := range ins.All {
		out, ok := outs.GetOk(name)
		switch {
		case !ok:
		case in.Secret():
			outs = outs.Set(name, out.WithSecret(true))
		case in.IsMap() && out.IsMap():
			outs = outs.Set(name, property.New(keepSecrets(out.AsMap(), in.AsMap())))
		case in.HasSecrets():
			outs = outs.Set(name, out.WithSecret(true))
		}
	}
	return outs
}

// checkpoint is what goes into the state: the live object, and beside it the
// inputs it was made from and who manages its fields.
func checkpoint(inputs, live *unstructured.Unstructured, given property.Map, manager string) property.Map {
	outputs := keepSecrets(provider.Properties(live.Object), given)
	outputs = outputs.Set(inputsKey, property.New(keepSecrets(provider.Properties(inputs.Object), given)))
	outputs = outputs.Set(initialVersionKey, property.New(live.GetAPIVersion()))
	return outputs.Set(fieldManagerKey, property.New(manager))
}

// parseCheckpoint is the opposite of [checkpoint].
func parseCheckpoint(state property.Map) (inputs, live *unstructured.Unstructured) {
	inputs = &unstructured.Unstructured{Object: map[string]any{}}
	if stored := state.Get(inputsKey); stored.IsMap() {
		inputs = toObject(stored.AsMap())
	}
	return inputs, toObject(state.Delete(inputsKey, initialVersionKey, fieldManagerKey))
}

// id is namespace/name, or name of what has no namespace.
func id(u metav1.Object) string {
	if u.GetNamespace() == "" {
		return u.GetName()
	}
	return u.GetNamespace() + "/" + u.GetName()
}

func splitID(id string) (namespace, name string) {
	if namespace, name, ok := strings.Cut(id, "/"); ok {
		return namespace, name
	}
	return "", id
}
