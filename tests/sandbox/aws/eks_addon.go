package aws

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// PodIdentityAgent is the add-on that gives pods their credentials by EKS Pod Identity. The sandbox's clusters have it until
// DeleteAddon takes it away.
const PodIdentityAgent = "eks-pod-identity-agent"

// addonVersion is a version of the agent. The sandbox has no other add-on.
const addonVersion = "v1.3.10-eksbuild.2"

// addon is an add-on of a cluster.
type addon struct {
	name, arn, version, clusterName string
	tags                            map[string]string
	createdAt, modifiedAt           time.Time
}

func newAddon(c *cluster, name string, now time.Time) *addon {
	return &addon{
		name: name, version: addonVersion, clusterName: c.Name, tags: map[string]string{}, createdAt: now, modifiedAt: now,
		arn: fmt.Sprintf("arn:%s:eks:%s:%s:addon/%s/%s/%s", c.partition, c.Region, c.Account, c.Name, name, newID()),
	}
}

// HasAddon tells whether a cluster has an add-on.
func (e *Endpoint) HasAddon(region, cluster, name string) bool {
	e.eks.mu.Lock()
	defer e.eks.mu.Unlock()
	c := e.eks.named(region, cluster)
	return c != nil && c.addons[name] != nil
}

type addonView struct {
	AddonName    string            `json:"addonName"`
	ClusterName  string            `json:"clusterName"`
	Status       string            `json:"status"`
	AddonVersion string            `json:"addonVersion"`
	AddonArn     string            `json:"addonArn"`
	CreatedAt    epoch             `json:"createdAt"`
	ModifiedAt   epoch             `json:"modifiedAt"`
	Tags         map[string]string `json:"tags"`
	Owner        string            `json:"owner"`
	Publisher    string            `json:"publisher"`
	Health       addonHealth       `json:"health"`
}

type addonHealth struct {
	Issues []string `json:"issues"`
}

type addonAnswer struct {
	Addon addonView `json:"addon"`
}

func (a *addon) answer(status string) addonAnswer {
	return addonAnswer{addonView{
		AddonName: a.name, ClusterName: a.clusterName, Status: status, AddonVersion: a.version, AddonArn: a.arn,
		CreatedAt: epoch(a.createdAt), ModifiedAt: epoch(a.modifiedAt), Tags: a.tags, Owner: "aws", Publisher: "eks",
		Health: addonHealth{Issues: []string{}},
	}}
}

func (e *eks) findAddon(in *eksRequest) (*cluster, *addon, error) {
	c, err := e.find(in)
	if err != nil {
		return nil, nil, err
	}
	a, ok := c.addons[in.params["addonName"]]
	if !ok {
		return nil, nil, notFound("No addon: %s found in cluster: %s", in.params["addonName"], c.Name)
	}
	return c, a, nil
}

func (e *eks) describeAddon(in *eksRequest) (any, error) {
	_, a, err := e.findAddon(in)
	if err != nil {
		return nil, err
	}
	return a.answer("ACTIVE"), nil
}

func (e *eks) listAddons(in *eksRequest) (any, error) {
	c, err := e.find(in)
	if err != nil {
		return nil, err
	}
	names, next, err := page(in, append([]string{}, slices.Sorted(maps.Keys(c.addons))...))
	if err != nil {
		return nil, err
	}
	return struct {
		Addons    []string `json:"addons"`
		NextToken string   `json:"nextToken,omitempty"`
	}{names, next}, nil
}

// createAddon installs the EKS Pod Identity Agent again. It is there at once.
func (e *eks) createAddon(in *eksRequest) (any, error) {
	var body struct {
		AddonName          string            `json:"addonName"`
		AddonVersion       string            `json:"addonVersion"`
		ResolveConflicts   string            `json:"resolveConflicts"`
		Tags               map[string]string `json:"tags"`
		ClientRequestToken string            `json:"clientRequestToken"`
	}
	c, err := e.find(in)
	if err != nil {
		return nil, err
	}
	if err := in.decode(&body); err != nil {
		return nil, err
	}
	if body.AddonName != PodIdentityAgent {
		return nil, invalid("The sandbox has no add-on but %s.", PodIdentityAgent)
	}
	if c.addons[body.AddonName] != nil {
		return nil, &apiError{http.StatusConflict, "ResourceInUseException", "Addon already exists."}
	}
	a := newAddon(c, body.AddonName, time.Now())
	if body.AddonVersion != "" {
		a.version = body.AddonVersion
	}
	maps.Copy(a.tags, body.Tags)
	c.addons[a.name] = a
	return a.answer("CREATING"), nil
}

// deleteAddon takes an add-on away, at once.
func (e *eks) deleteAddon(in *eksRequest) (any, error) {
	c, a, err := e.findAddon(in)
	if err != nil {
		return nil, err
	}
	delete(c.addons, a.name)
	return a.answer("DELETING"), nil
}
