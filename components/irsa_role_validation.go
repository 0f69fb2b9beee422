package components

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Validate reports every fault of the arguments that can be told before the program runs, each with its path; nil
// arguments are a fault.
func (args *IrsaRoleArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	var known []string
	for _, cluster := range args.Clusters {
		if arn, plain := plainString(cluster.OidcProviderArn); plain {
			if _, err := iampolicy.ProviderIssuer(arn); err == nil { // else reported with the cluster
				known = append(known, arn)
			}
		}
	}
	return errors.Join(args.validateClusters(), args.validateSettings(known, len(args.Clusters)-len(known)),
		oneAccount(known), args.inPartitionOf(known))
}

// ValidateSettings is [IrsaRoleArgs.Validate] for a program that knows only the number of the clusters yet.
func (args *IrsaRoleArgs) ValidateSettings(clusters int) error {
	return args.validateSettings(nil, clusters)
}

// validateSettings checks all but the clusters: providers are the ARNs that are known, and later is how many are not.
func (args *IrsaRoleArgs) validateSettings(providers []string, later int) error {
	return errors.Join(
		args.validateServiceAccounts(),
		args.validateRole(),
		args.validatePolicies(),
		args.validateTrust(providers, later),
		args.TestPod.validate(args.ServiceAccounts),
	)
}

func (args *IrsaRoleArgs) validateClusters() error {
	if len(args.Clusters) == 0 {
		return errors.New("clusters: name at least one cluster")
	}
	needsKubernetes := slices.ContainsFunc(args.ServiceAccounts, func(account ServiceAccountArgs) bool {
		return account.mode() != TrustOnly || account.CreateNamespace
	})
	names := make([]string, len(args.Clusters))
	var faults []error
	for i, cluster := range args.Clusters {
		path := fmt.Sprintf("clusters[%d]", i)
		names[i] = cluster.Name
		if cluster.Name == "" {
			faults = append(faults, fmt.Errorf("%s.name: must not be empty", path))
		}
		faults = append(faults, cluster.validateProvider(path))
		if needsKubernetes && cluster.Kubernetes == nil {
			faults = append(faults, fmt.Errorf("%s.kubernetes: needed, as a service account is not trust-only", path))
		}
	}
	return errors.Join(append(faults, duplicates("clusters", names), validateAliases(args.Clusters))...)
}

func (cluster IrsaCluster) validateProvider(path string) error {
	given := 0
	var faults []error
	if cluster.OidcProvider != nil {
		given++
	}
	if cluster.OidcProviderArn != nil {
		given++
		if arn, plain := plainString(cluster.OidcProviderArn); plain {
			_, err := iampolicy.ProviderIssuer(arn)
			faults = append(faults, fault.At(path+".oidcProviderArn", err))
		}
	}
	if cluster.Issuer != "" {
		given++
		faults = append(faults, fault.At(path+".issuer", validIssuer(cluster.Issuer)))
	}
	if given != 1 {
		faults = append(faults, fmt.Errorf("%s: give exactly one of oidcProvider, oidcProviderArn and issuer", path))
	}
	return errors.Join(faults...)
}

func (args *IrsaRoleArgs) validateServiceAccounts() error {
	faults := []error{iampolicy.ValidateServiceAccounts("serviceAccounts", args.subjects())}
	for i, account := range args.ServiceAccounts {
		faults = append(faults, account.validate(fmt.Sprintf("serviceAccounts[%d]", i)))
	}
	return errors.Join(faults...)
}

func (args *IrsaRoleArgs) validateRole() error {
	var faults []error
	if args.Name != "" && args.NamePrefix != "" {
		faults = append(faults, errors.New("namePrefix: give a name or a prefix, not both"))
	}
	if args.Name != "" {
		faults = append(faults, fault.At("name", iampolicy.ValidateRoleName(args.Name)))
	}
	if args.NamePrefix != "" {
		faults = append(faults, fault.At("namePrefix", iampolicy.ValidateNamePrefix(args.NamePrefix)))
	}
	if args.Name == "" && args.NamePrefix == "" && len(args.ServiceAccounts) > 0 && args.ServiceAccounts[0].NamePattern != "" {
		faults = append(faults, errors.New("name: needed, as the first service account is a pattern"))
	}
	return errors.Join(append(faults, args.validateRoleSettings())...)
}

// validateTrust checks the trust policy as far as it is known.
func (args *IrsaRoleArgs) validateTrust(providers []string, later int) error {
	if size := args.MaxTrustPolicySize; size != 0 {
		if err := iampolicy.ValidateMaxTrustPolicySize(size); err != nil {
			return fault.At("maxTrustPolicySize", err)
		}
	}
	if iampolicy.ValidateServiceAccounts("serviceAccounts", args.subjects()) != nil || len(providers)+later == 0 {
		return nil // reported already
	}
	return fault.At("trustPolicy", args.trustPolicy(providers).Validate(later))
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
			return fmt.Errorf("clusters: the OIDC providers %s and %s are in different accounts; a role can trust those of its own "+
				"account only, so make one role per account", providerArns[0], arn)
		}
	}
	return nil
}
