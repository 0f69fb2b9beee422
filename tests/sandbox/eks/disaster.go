package eks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// Replace loses a cluster and makes another one of its name, which is empty: with an address, an authority, keys and an issuer of its
// own. The old one answers no more.
func (c *Clusters) Replace(ctx context.Context, region, name string) (*Cluster, error) {
	return c.restart(ctx, region, name, func(next *Cluster) {
		next.replaced, next.moved = next.replaced+1, 0
		next.Issuer = issuer(next.Spec, next.replaced)
	})
}

// Move gives the API server of a cluster another address and another authority. All that is in the cluster stays, and so do its issuer
// and the keys of its tokens. The old address answers no more.
func (c *Clusters) Move(ctx context.Context, region, name string) (*Cluster, error) {
	return c.restart(ctx, region, name, func(next *Cluster) { next.moved++ })
}

// restart stops a cluster and starts what change makes of it.
func (c *Clusters) restart(ctx context.Context, region, name string, change func(*Cluster)) (*Cluster, error) {
	i := slices.IndexFunc(c.All, func(cluster *Cluster) bool { return cluster.Region == region && cluster.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no cluster %q in %s", name, region)
	}
	old := c.All[i]
	if err := old.stop(); err != nil {
		return nil, err
	}
	next := &Cluster{
		Spec: old.Spec, Issuer: old.Issuer, awsEndpoint: old.awsEndpoint, replaced: old.replaced, moved: old.moved, files: old.files,
	}
	change(next)
	c.All[i] = next
	if err := next.start(ctx, c.opts, c.etcd); err != nil {
		return nil, errors.Join(fmt.Errorf("starting cluster %q in %s again: %w", name, region, err), next.stop())
	}
	return next, nil
}

// tokenKey is the key of the cluster's service account tokens: a new one, unless the cluster has only moved.
func (c *Cluster) tokenKey() ([]byte, error) {
	if c.moved == 0 {
		return serviceAccountKey()
	}
	key, err := os.ReadFile(c.SigningKeyFile())
	if err != nil {
		return nil, fmt.Errorf("reading the service account key: %w", err)
	}
	return key, nil
}

// folder is where the cluster has its files, below the folder of all.
func (c *Cluster) folder() string {
	return numbered(numbered(c.Region+"-"+c.Name, "-replaced-", c.replaced), "-moved-", c.moved)
}

// numbered adds a number to a name, except the first, 0.
func numbered(name, separator string, number int) string {
	if number == 0 {
		return name
	}
	return name + separator + strconv.Itoa(number)
}
