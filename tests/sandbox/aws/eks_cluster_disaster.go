package aws

import "fmt"

// ReplaceCluster makes a cluster known in the place of one of its name that is gone, and with it its access entries, associations and
// add-ons. To AWS it is another cluster.
func (e *Endpoint) ReplaceCluster(c Cluster) error {
	e.eks.remove(clusterKey{c.Account, c.Region, c.Name})
	return e.AddCluster(c)
}

// MoveCluster gives a cluster another address and authority, and leaves everything else as it is.
func (e *Endpoint) MoveCluster(region, name, endpoint string, certificateAuthority []byte) error {
	e.eks.mu.Lock()
	defer e.eks.mu.Unlock()
	moved := e.eks.named(region, name)
	if moved == nil {
		return fmt.Errorf("moving cluster %q: %s has none of this name", name, region)
	}
	changed := moved.Cluster
	changed.Endpoint, changed.CertificateAuthority = endpoint, certificateAuthority
	if err := changed.validate(); err != nil {
		return fmt.Errorf("moving cluster %q: %w", name, err)
	}
	moved.Cluster = changed
	return nil
}

func (e *eks) remove(key clusterKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.clusters, key)
}
