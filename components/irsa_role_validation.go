package components

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Validate reports every error of the arguments that can be told before the program runs, each with its path; nil
// arguments are an error.
func (args *IrsaRoleArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	args = args.withPreset()
	var known []string
	for _, cluster := range args.Clusters {
		if arn, plain := plainString(cluster.OidcProviderArn); plain {
			if _, err := iampolicy.ProviderIssuer(arn); err == nil { // else reported with the cluster
				known = append(known, arn)
			}
		}
	}
	return errors.Join(args.validateClusters(), args.validateSettings(known, len(args.Clusters)-len(known)),
		oneAccount(known), args.inPartitionOf(known), args.validatePresetScope(known))
}

// ValidateSettings is [IrsaRoleArgs.Validate] for a program that knows only the number of the clusters yet.
func (args *IrsaRoleArgs) ValidateSettings(clusters int) error {
	return args.withPreset().validateSettings(nil, clusters)
}

// validateSettings checks all but the clusters: providers are the ARNs that are known, and later is the number of the others.
func (args *IrsaRoleArgs) validateSettings(providers []string, later int) error {
	return errors.Join(
		args.validateServiceAccounts(),
		args.validateRole(),
		args.validatePolicies(),
		args.validateTrust(providers, later),
		fielderr.At("testPod", args.TestPod.validate(args.ServiceAccounts)),
	)
}

func (args *IrsaRoleArgs) validateClusters() error {
	if len(args.Clusters) == 0 {
		return fielderr.At("clusters", errors.New("name at least one cluster"))
	}
	needsKubernetes := slices.ContainsFunc(args.ServiceAccounts, func(account ServiceAccountArgs) bool {
		return account.mode() != TrustOnly || account.CreateNamespace
	})
	names := make([]string, len(args.Clusters))
	var found fielderr.List
	for i, cluster := range args.Clusters {
		at := fielderr.Path("clusters").Index(i)
		names[i] = cluster.Name
		found.Refuse(cluster.Name == "", at.Child("name"), "must not be empty")
		found.Add(at, cluster.validateProvider())
		found.Refuse(needsKubernetes && cluster.Kubernetes == nil, at.Child("kubernetes"),
			"needed, as a service account is not trust-only")
	}
	found.Add("clusters", fielderr.Duplicates(names))
	found.Add("", validateAliases("clusters", args.Clusters))
	return found.Err()
}

func (cluster IrsaCluster) validateProvider() error {
	given := 0
	for _, is := range []bool{cluster.OidcProvider != nil, cluster.OidcProviderArn != nil, cluster.Issuer != ""} {
		if is {
			given++
		}
	}
	var found fielderr.List
	found.Add("oidcProviderArn", ifKnown(cluster.OidcProviderArn, func(arn string) error {
		_, err := iampolicy.ProviderIssuer(arn)
		return err
	}))
	found.Add("issuer", fielderr.IfGiven(cluster.Issuer, validIssuer))
	found.Refuse(given != 1, "", "give exactly one of oidcProvider, oidcProviderArn and issuer")
	return found.Err()
}

func (args *IrsaRoleArgs) validateServiceAccounts() error {
	var found fielderr.List
	found.Add("", iampolicy.ValidateServiceAccounts("serviceAccounts", args.subjects()))
	found.Add("serviceAccounts", fielderr.Each(args.ServiceAccounts, ServiceAccountArgs.validate))
	return found.Err()
}

func (args *IrsaRoleArgs) validateRole() error {
	var found fielderr.List
	found.Refuse(args.Name != "" && args.NamePrefix != "", "namePrefix", "give a name or a prefix, not both")
	found.Add("name", fielderr.IfGiven(args.Name, iampolicy.ValidateRoleName))
	found.Add("namePrefix", fielderr.IfGiven(args.NamePrefix, iampolicy.ValidateNamePrefix))
	unnamed := args.Name == "" && args.NamePrefix == "" && len(args.ServiceAccounts) > 0
	found.Refuse(unnamed && args.ServiceAccounts[0].NamePattern != "", "name", "needed, as the first service account is a pattern")
	found.Add("", args.validateRoleSettings())
	return found.Err()
}

// validateTrust checks the trust policy as far as it is known.
func (args *IrsaRoleArgs) validateTrust(providers []string, later int) error {
	if err := fielderr.IfGiven(args.MaxTrustPolicySize, iampolicy.ValidateMaxTrustPolicySize); err != nil {
		return fielderr.At("maxTrustPolicySize", err)
	}
	if iampolicy.ValidateServiceAccounts("serviceAccounts", args.subjects()) != nil || len(providers)+later == 0 {
		return nil // reported already
	}
	return fielderr.At("trustPolicy", fielderr.Document(args.trustPolicy(providers).Validate(later)))
}

// oneAccount refuses OIDC providers of several accounts: STS accepts a provider only in the role's own account.
func oneAccount(providerArns []string) error {
	var first iampolicy.ARN
	for i, arn := range providerArns {
		parsed, err := iampolicy.ParseARN(arn)
		if err != nil {
			return nil //nolint:nilerr // reported already
		}
		if i == 0 {
			first = parsed
		}
		if parsed.Account != first.Account {
			return fielderr.At("clusters", fmt.Errorf("the OIDC providers %s and %s are in different accounts; a role can trust those "+
				"of its own account only, so make one role per account", providerArns[0], arn))
		}
	}
	return nil
}
