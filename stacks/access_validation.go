package stacks

import (
	"fmt"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// validateAccess checks the cluster's access entries, as far as the configuration tells.
func (cluster Cluster) validateAccess() error {
	var found fielderr.List
	if created := cluster.Create; created != nil && len(cluster.Access) > 0 && created.AuthenticationMode == components.AuthenticationModeConfigMap {
		found.Addf("", "the authentication mode %s knows no access entries; set create.authenticationMode to %s first",
			created.AuthenticationMode, components.AuthenticationModeAPIAndConfigMap)
	}
	found.Add("", fielderr.EachKey(cluster.Access, func(_ string, entry AccessEntry) error {
		var found fielderr.List
		found.Add("principalArn", entry.ValidatePrincipal(entry.PrincipalArn))
		found.Add("principalArn", cluster.refusePartition(entry.PrincipalArn))
		if account := cluster.assumedAccount(); account != "" {
			found.Add("principalArn", entry.refuseAccount(account))
		}
		found.Add("", entry.Validate())
		return found.Err()
	}))
	return found.Err()
}

// refuseAccount refuses the role of nodes in another account than the cluster's.
//
// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
func (entry AccessEntry) refuseAccount(account string) error {
	arn, err := iampolicy.ParseARN(entry.PrincipalArn)
	if err != nil || entry.EntryType() == components.EntryStandard || arn.Account == account {
		return nil
	}
	return fmt.Errorf("is in account %s and the cluster in %s; the role of nodes (type %s) must be in the cluster's account",
		arn.Account, account, entry.Type)
}

// keys are those that the cluster has and had.
func (cluster Cluster) keys(key string) []string { return append([]string{key}, cluster.Aliases...) }

// accessAliases are the aliases of the cluster's access entries, by their keys.
func (cluster Cluster) accessAliases() map[string]Aliases {
	return aliasesOf(cluster.Access, func(entry AccessEntry) Aliases { return entry.Aliases })
}
