package stacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
)

// MoveIAM moves the roles, policies and OIDC providers of the components in an exported stack (the JSON of `pulumi stack
// export`) from the AWS providers of regions to those of accounts, which are added where they are missing, and gives the stack
// to import and the number of resources moved. A stack without such resources stays as it is. It fails where an operation is
// pending, as its outcome is not known.
func MoveIAM(exported []byte) (imported []byte, moved int, err error) {
	var file, deployment map[string]json.RawMessage
	if err := json.Unmarshal(exported, &file); err != nil {
		return nil, 0, fmt.Errorf("reading the exported stack: %w", err)
	}
	if err := json.Unmarshal(file["deployment"], &deployment); err != nil {
		return nil, 0, fmt.Errorf("reading the deployment of the exported stack: %w", err)
	}
	var resources, pending []stateResource
	if err := errors.Join(unmarshal(deployment, "resources", &resources), unmarshal(deployment, "pending_operations", &pending)); err != nil {
		return nil, 0, err
	}
	if len(pending) > 0 {
		return nil, 0, errors.New("the stack has pending operations; complete them first, with pulumi refresh")
	}
	resources, moved, err = moveIAM(resources)
	if err != nil {
		return nil, 0, err
	}
	if deployment["resources"], err = json.Marshal(resources); err != nil {
		return nil, 0, err
	}
	if file["deployment"], err = json.Marshal(deployment); err != nil {
		return nil, 0, err
	}
	imported, err = json.MarshalIndent(file, "", "    ")
	return imported, moved, err
}

func unmarshal(object map[string]json.RawMessage, key string, target any) error {
	if object[key] == nil {
		return nil
	}
	if err := json.Unmarshal(object[key], target); err != nil {
		return fmt.Errorf("reading the %s of the exported stack: %w", key, err)
	}
	return nil
}

// stateResource is a resource of a stack's state. What is not looked at stays as it is written.
type stateResource map[string]json.RawMessage

func (r stateResource) text(key string) string {
	var text string
	if json.Unmarshal(r[key], &text) != nil {
		return ""
	}
	return text
}

// set sets a text below a key, where there is one.
func (r stateResource) set(key, below, value string) error {
	var object map[string]json.RawMessage
	if err := unmarshal(r, key, &object); err != nil || object == nil {
		return err
	}
	var err error
	if object[below], err = json.Marshal(value); err != nil {
		return err
	}
	r[key], err = json.Marshal(object)
	return err
}

// moveIAM moves the resources. The provider of an account is put before the first of its regions, so that it stands before
// all that uses it, and it is put there where nothing is to be moved, too: without it the platform takes the stack for one
// that was not moved yet.
func moveIAM(resources []stateResource) (moved []stateResource, count int, err error) {
	accounts, references := map[string]string{}, map[string]string{} // provider URNs to references; old references to new ones
	for _, resource := range resources {
		accounts[resource.text("urn")] = resource.reference()
	}
	for _, resource := range resources {
		if urn, region := resource.accountProvider(); urn != "" {
			if accounts[urn] == "" {
				added := maps.Clone(resource)
				if added["urn"], err = json.Marshal(urn); err != nil {
					return nil, 0, err
				}
				if err := errors.Join(added.set("inputs", "region", region), added.set("outputs", "region", region)); err != nil {
					return nil, 0, err
				}
				accounts[urn], moved = added.reference(), append(moved, added)
			}
			references[resource.reference()] = accounts[urn]
		}
		if to, ok := references[resource.text("provider")]; ok && resource.isOurs() && strings.HasPrefix(resource.text("type"), "aws:iam/") {
			if resource["provider"], err = json.Marshal(to); err != nil {
				return nil, 0, err
			}
			count++
		}
		moved = append(moved, resource)
	}
	return moved, count, nil
}

// isOurs reports whether a resource is below one of this package's components. What pulumi-eks makes for a cluster that it
// creates stays with the provider of the cluster's region.
func (r stateResource) isOurs() bool { return strings.Contains(r.text("urn"), "::eks-irsa:index:") }

// reference is the form in which other resources name a provider.
func (r stateResource) reference() string { return r.text("urn") + "::" + r.text("id") }

// accountProvider is the URN and the region of the provider that the IAM resources of a region's provider move to, or empty
// for anything else.
func (r stateResource) accountProvider() (urn, region string) {
	var inputs struct {
		Region string `json:"region"`
	}
	if r.text("type") != "pulumi:providers:aws" || unmarshal(r, "inputs", &inputs) != nil || inputs.Region == "" {
		return "", ""
	}
	urn = r.text("urn")
	name := strings.LastIndex(urn, "::") + len("::")
	suffix, ok := strings.CutPrefix(urn[name:], providerKey{region: inputs.Region}.name())
	if !ok || suffix != "" && !strings.HasPrefix(suffix, "-") {
		return "", ""
	}
	return urn[:name] + credentials{}.iamProviderName() + suffix, partitionOf(inputs.Region).iamRegion
}
