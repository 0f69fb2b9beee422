package stacks

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// deleteUnreachable is the variable by which Pulumi's Kubernetes provider forgets what it would have to delete in a cluster that it
// cannot reach.
//
// https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/
const deleteUnreachable = "PULUMI_K8S_DELETE_UNREACHABLE"

// identifier tells the cluster from another of its name: EKS gives each cluster an issuer of its own, and never another one.
func (facts *resolvedCluster) identifier() pulumi.StringPtrInput {
	if facts.issuer != "" {
		return pulumi.String(facts.issuer)
	}
	return facts.newIssuer.ToStringOutput().ToStringPtrOutput()
}

// refuseReplaced stops where a cluster that the stack knows was deleted, and another has its name. Pulumi makes everything in the new
// one again, and has to forget what it made in the old one, which it would otherwise wait for in vain, half-way through the update.
// Only the variable tells it to. A provider's own option would have to be in the state already, and would have every refresh during
// a network failure forget all that is in the cluster.
func (p *platform) refuseReplaced(facts *resolvedCluster, arn string) error {
	keys := p.cfg.Clusters[facts.key].keys(facts.key)
	was, same := p.before.fieldOfCluster(keys, "issuer"), p.before.fieldOfCluster(keys, "arn") == arn
	if !same || was == "" || was == facts.issuer || os.Getenv(deleteUnreachable) == "true" {
		return nil
	}
	return fmt.Errorf("%s is another cluster than at the last update: its issuer is %s and was %s. If the old one was deleted, have Pulumi "+
		"forget what it made there, and make it again here, with one update: %s=true pulumi up", arn, facts.issuer, was, deleteUnreachable)
}
