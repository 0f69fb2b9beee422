// Package kubernetes takes the place of Pulumi's Kubernetes SDK in the build of its plugin: of 90 packages of generated code,
// which take longer to compile than all the rest, the provider refers to five types and a function. They belong to the
// components that the plugin has besides its resources, helm.sh/v4:Chart and yaml/v2:ConfigGroup, for example.
package kubernetes

import "reflect"

// UntypedArgs are the properties of an object of any kind.
type UntypedArgs map[string]any

// ElementType makes it an input.
func (UntypedArgs) ElementType() reflect.Type { return reflect.TypeFor[map[string]any]() }
