package aws

import (
	"context"
	"fmt"
	"maps"
	"time"
)

// modeSteps are the only changes of the authentication mode that EKS makes.
// https://docs.aws.amazon.com/eks/latest/userguide/setting-up-access-entries.html
var modeSteps = map[string]string{modeConfigMap: modeAPIAndConfigMap, modeAPIAndConfigMap: modeAPI}

// clusterUpdate is a change of a cluster, which takes no time here.
type clusterUpdate struct {
	ID        string        `json:"id"`
	Status    string        `json:"status"`
	Type      string        `json:"type"`
	Params    []updateParam `json:"params"`
	CreatedAt epoch         `json:"createdAt"`
	Errors    []string      `json:"errors"`
}

type updateParam struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type updateAnswer struct {
	Update clusterUpdate `json:"update"`
}

// AuthenticationMode returns the mode that a cluster has now, or "" where there is none of that name.
func (e *Endpoint) AuthenticationMode(region, cluster string) string {
	e.eks.mu.Lock()
	defer e.eks.mu.Unlock()
	if c := e.eks.named(region, cluster); c != nil {
		return c.AuthenticationMode
	}
	return ""
}

// AddManagedNodes says that a managed node group or a Fargate profile of a cluster uses a role, for which EKS keeps an access entry of
// the type as soon as the authentication mode knows entries. The sandbox runs no such nodes.
func (e *Endpoint) AddManagedNodes(ctx context.Context, region, clusterName, roleArn, kind string) error {
	if _, ok := nodeTypes[kind]; !ok {
		return fmt.Errorf("managed nodes of cluster %q: %q is not a type of nodes", clusterName, kind)
	}
	e.eks.mu.Lock()
	defer e.eks.mu.Unlock()
	c := e.eks.named(region, clusterName)
	if c == nil {
		return fmt.Errorf("managed nodes: there is no cluster %q in %s", clusterName, region)
	}
	c.managedNodes[roleArn] = kind
	if c.AuthenticationMode == modeConfigMap {
		return nil
	}
	err := e.eks.letManagedNodesIn(ctx, c)
	if err != nil {
		delete(c.managedNodes, roleArn)
	}
	return err
}

// updateClusterConfig changes the authentication mode, and nothing else of a cluster.
func (e *eks) updateClusterConfig(in *eksRequest) (any, error) {
	var body struct {
		AccessConfig *struct {
			AuthenticationMode string `json:"authenticationMode"`
		} `json:"accessConfig"`
		ClientRequestToken string `json:"clientRequestToken"`
	}
	c, err := e.find(in)
	if err != nil {
		return nil, err
	}
	if err := in.decode(&body); err != nil {
		return nil, err
	}
	if body.AccessConfig == nil {
		return nil, invalid("No changes needed for the cluster config provided.")
	}
	mode := body.AccessConfig.AuthenticationMode
	if modeSteps[c.AuthenticationMode] != mode || mode == "" {
		return nil, invalid("Unsupported authentication mode update from %s to %s", c.AuthenticationMode, mode)
	}
	if c.AuthenticationMode == modeConfigMap {
		if err := e.migrate(in.ctx, c); err != nil {
			return nil, err
		}
	}
	c.AuthenticationMode = mode
	update := clusterUpdate{
		ID: newID(), Status: "Successful", Type: "AccessConfigUpdate", CreatedAt: epoch(time.Now()), Errors: []string{},
		Params: []updateParam{{"AuthenticationMode", mode}},
	}
	c.updates[update.ID] = update
	update.Status = "InProgress"
	return updateAnswer{update}, nil
}

// migrate makes the entries that EKS makes by itself as a cluster leaves the mode CONFIG_MAP: for the cluster's creator, and in the place
// of the lines of managed node groups and Fargate profiles, which stay in aws-auth. Lines of others stay all that there is of them.
// https://github.com/aws/containers-roadmap/issues/185
// https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
func (e *eks) migrate(ctx context.Context, c *cluster) error {
	if c.CreatorArn != "" && c.entries[c.CreatorArn] == nil {
		entry, err := e.bootstrapEntry(c, time.Now())
		if err != nil {
			return err
		}
		c.entries[c.CreatorArn] = entry
	}
	return e.letManagedNodesIn(ctx, c)
}

// letManagedNodesIn makes the entries of managed nodes that are missing; one that exists is used as it is.
func (e *eks) letManagedNodesIn(ctx context.Context, c *cluster) error {
	made := map[string]*accessEntry{}
	for roleArn, kind := range c.managedNodes {
		if c.entries[roleArn] != nil {
			continue
		}
		p, id, err := e.checkPrincipal(ctx, c, roleArn)
		if err != nil {
			return fmt.Errorf("the entry of managed nodes: %w", err)
		}
		entry := newAccessEntry(c, roleArn, p, time.Now())
		entry.principalID = id
		if err := entry.setNodeType(kind, p, c, false); err != nil {
			return fmt.Errorf("the entry of managed nodes: %w", err)
		}
		made[roleArn] = entry
	}
	maps.Copy(c.entries, made)
	return nil
}

func (e *eks) describeUpdate(in *eksRequest) (any, error) {
	c, err := e.find(in)
	if err != nil {
		return nil, err
	}
	update, ok := c.updates[in.params["updateId"]]
	if !ok {
		return nil, notFound("No update found for ID: %s", in.params["updateId"])
	}
	return updateAnswer{update}, nil
}
