package kubernetes

import (
	"context"
	"reflect"
	"strconv"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// Diff compares the new inputs with the live object as the state knows it,
// pruned to what the old inputs spoke of. So drift that refresh found shows,
// and what the server fills in does not.
func (o object) Diff(_ context.Context, r p.DiffRequest) (p.DiffResponse, error) {
	old, live := parseCheckpoint(r.State)
	given := toObject(r.Inputs)
	old = normalize(old)
	if !provider.HasUnknowns(r.Inputs) {
		given = normalize(given)
	}
	was := &unstructured.Unstructured{Object: prune(live.Object, old.Object)}
	if o.kind.namespaced {
		for _, u := range []*unstructured.Unstructured{was, given} {
			if _, known := nested(u.Object, "metadata", "namespace").(provider.Unknown); !known && u.GetNamespace() == "" {
				u.SetNamespace(metav1.NamespaceDefault)
			}
		}
	}
	was.SetAPIVersion(given.GetAPIVersion())
	was.SetKind(given.GetKind())
	if given.GetName() != "" {
		was.SetName(live.GetName())
	}

	c := comparison{replace: o.replacePaths(given), diff: map[string]p.PropertyDiff{}}
	c.maps(nil, was.Object, given.Object)
	return p.DiffResponse{
		HasChanges:   len(c.diff) > 0,
		DetailedDiff: c.diff,
		// A name that the program chose and kept cannot exist twice.
		DeleteBeforeReplace: provider.Replaces(c.diff) && given.GetName() == live.GetName() &&
			given.GetNamespace() == live.GetNamespace() && annotation(given, annotationAutonamed) != "true",
	}, nil
}

func nested(fields map[string]any, path ...string) any {
	var value any = fields
	for _, key := range path {
		m, ok := value.(map[string]any)
		if !ok {
			return value // an unknown map makes everything below it unknown
		}
		value = m[key]
	}
	return value
}

func (o object) replacePaths(given *unstructured.Unstructured) []string {
	paths := []string{"metadata.name", "metadata.namespace"}
	if o.patch {
		return paths
	}
	immutable, _, _ := unstructured.NestedBool(given.Object, "immutable")
	switch o.kind.name {
	case "Secret":
		if !o.cluster.secretMutable || immutable {
			paths = append(paths, "data", "stringData")
		}
	case "ConfigMap":
		if !o.cluster.configMapMutable || immutable {
			paths = append(paths, "data", "binaryData")
		}
	}
	return append(paths, o.kind.replace...)
}

// comparison collects the differences between two objects.
type comparison struct {
	replace []string
	diff    map[string]p.PropertyDiff
}

func (c comparison) maps(path resource.PropertyPath, was, is map[string]any) {
	for key, after := range is {
		before, had := was[key]
		c.values(below(path, key), before, after, had, true)
	}
	for key, before := range was {
		if _, has := is[key]; !has {
			c.values(below(path, key), before, nil, true, false)
		}
	}
}

func (c comparison) lists(path resource.PropertyPath, was, is []any) {
	for i := 0; i < max(len(was), len(is)); i++ {
		var before, after any
		if i < len(was) {
			before = was[i]
		}
		if i < len(is) {
			after = is[i]
		}
		c.values(below(path, i), before, after, i < len(was), i < len(is))
	}
}

func (c comparison) values(path resource.PropertyPath, was, is any, had, has bool) {
	if had && has {
		if before, ok := was.(map[string]any); ok {
			if after, ok := is.(map[string]any); ok {
				c.maps(path, before, after)
				return
			}
		}
		if before, ok := was.([]any); ok {
			if after, ok := is.([]any); ok {
				c.lists(path, before, after)
				return
			}
		}
		if reflect.DeepEqual(was, is) {
			return
		}
	}
	if !had && is == nil {
		return // null is the same as nothing
	}
	kinds := map[bool][3]p.DiffKind{
		false: {p.Add, p.Delete, p.Update},
		true:  {p.AddReplace, p.DeleteReplace, p.UpdateReplace},
	}[c.replaces(path, is)]
	switch {
	case !had:
		c.diff[path.String()] = p.PropertyDiff{Kind: kinds[0]}
	case !has:
		c.diff[path.String()] = p.PropertyDiff{Kind: kinds[1], InputDiff: true}
	default:
		c.diff[path.String()] = p.PropertyDiff{Kind: kinds[2]}
	}
}

// replaces tells whether the path is, or is below, or holds with its new value,
// one of the paths that need a new object.
func (c comparison) replaces(path resource.PropertyPath, value any) bool {
	for _, pattern := range c.replace {
		want := strings.Split(pattern, ".")
		shared := min(len(want), len(path))
		if !matches(want[:shared], path[:shared]) {
			continue
		}
		if len(path) >= len(want) || holds(value, want[shared:]) {
			return true
		}
	}
	return false
}

func matches(want []string, path resource.PropertyPath) bool {
	for i, element := range path {
		switch element := element.(type) {
		case string:
			if want[i] != element {
				return false
			}
		case int:
			if want[i] != "*" && want[i] != strconv.Itoa(element) {
				return false
			}
		}
	}
	return true
}

func holds(value any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	switch value := value.(type) {
	case map[string]any:
		field, ok := value[path[0]]
		return ok && holds(field, path[1:])
	case []any:
		for _, element := range value {
			if path[0] == "*" && holds(element, path[1:]) {
				return true
			}
		}
	}
	return false
}

func below(path resource.PropertyPath, element any) resource.PropertyPath {
	return append(append(resource.PropertyPath{}, path...), element)
}
