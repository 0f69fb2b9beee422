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
	var known trustedArns
	for _, cluster := range args.Clusters {
		// What is wrong is reported with the cluster.
		if arn, plain := plainString(cluster.OidcProviderArn); plain {
			if _, err := iampolicy.ProviderIssuer(arn); err == nil {
				known.providers = append(known.providers, arn)
			}
		}
		if arn, plain := plainString(cluster.Arn); plain {
			if _, err := iampolicy.ParseClusterARN(arn); err == nil {
				known.clusters = append(known.clusters, arn)
			}
		}
	}
	known = known.trusted(args.Identity)
	return errors.Join(args.validateClusters(), args.validateSettings(known, len(args.Clusters)),
		oneAccount(known), args.inPartitionOf(known), args.validatePresetScope(known.all()))
}

// trustedArns are the ARNs in a role's trust policy, in the clusters' order.
type trustedArns struct{ providers, clusters []string }

// trusted are the ARNs that the role trusts by its identity type.
func (t trustedArns) trusted(identity IdentityType) trustedArns {
	if !identity.trustsOIDC() {
		t.providers = nil
	}
	if !identity.TrustsPodIdentity() {
		t.clusters = nil
	}
	return t
}

// all are the ARNs that tell a role's account and partition.
func (t trustedArns) all() []string { return slices.Concat(t.providers, t.clusters) }

// ValidateSettings is [IrsaRoleArgs.Validate] for a program that knows only the number of the clusters yet.
func (args *IrsaRoleArgs) ValidateSettings(clusters int) error {
	return args.withPreset().validateSettings(trustedArns{}, clusters)
}

// validateSettings checks all but the clusters: known are those of the ARNs of so many clusters that are known.
func (args *IrsaRoleArgs) validateSettings(known trustedArns, clusters int) error {
	return errors.Join(
		fielderr.At("identity", args.Identity.Validate()),
		args.validateServiceAccounts(),
		args.validateRole(),
		args.validatePolicies(),
		validateAcknowledged(args.Acknowledge),
		args.validateTrust(known, clusters),
		fielderr.At("testPod", args.TestPod.validate(args.ServiceAccounts, args.Identity)),
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
		if args.Identity.trustsOIDC() {
			found.Add(at, cluster.validateProvider())
		}
		if args.Identity.TrustsPodIdentity() {
			found.Add(at.Child("arn"), required(cluster.Arn, func(arn string) error {
				_, err := iampolicy.ParseClusterARN(arn)
				return err
			}))
		}
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
	if len(args.Clusters) == 0 { // not known yet
		return found.Err()
	}
	names := make([]string, len(args.Clusters))
	for i, cluster := range args.Clusters {
		names[i] = cluster.Name
	}
	found.Add("serviceAccounts", fielderr.Each(args.ServiceAccounts, func(account ServiceAccountArgs) error {
		return account.ValidateClusters(names)
	}))
	return found.Err()
}

func (args *IrsaRoleArgs) validateRole() error {
	var found fielderr.List
	found.Refuse(args.Name != "" && args.NamePrefix != "", "namePrefix", "give a name or a prefix, not both")
	found.Add("name", fielderr.IfGiven(args.Name, iampolicy.ValidateRoleName))
	found.Add("namePrefix", fielderr.IfGiven(args.NamePrefix, iampolicy.ValidateNamePrefix))
	found.Refuse(args.Import && args.NamePrefix != "", "import", "needs the name of the role that exists, not a prefix")
	unnamed := args.Name == "" && args.NamePrefix == "" && len(args.ServiceAccounts) > 0
	found.Refuse(unnamed && args.ServiceAccounts[0].NamePattern != "", "name", "needed, as the first service account is a pattern")
	found.Add("", args.validateRoleSettings())
	return found.Err()
}

// validateTrust checks the trust policy as far as it is known.
func (args *IrsaRoleArgs) validateTrust(known trustedArns, clusters int) error {
	err := fielderr.IfGiven(args.MaxTrustPolicySize, iampolicy.ValidateMaxTrustPolicySize)
	if err = errors.Join(err, args.Quotas.validateTrustPolicySize(args.MaxTrustPolicySize)); err != nil {
		return fielderr.At("maxTrustPolicySize", err)
	}
	if err := args.trustPolicy(known).ValidateConditions(); err != nil {
		return fielderr.At("trustConditions", err)
	}
	err = errors.Join(args.Identity.Validate(), iampolicy.ValidateServiceAccounts("serviceAccounts", args.subjects()))
	if err != nil || clusters == 0 {
		return nil //nolint:nilerr // reported already
	}
	later := func(trusted bool, known []string) int {
		if !trusted {
			return 0
		}
		return clusters - len(known)
	}
	return fielderr.At("trustPolicy", fielderr.Document(args.trustPolicy(known).Validate(
		later(args.Identity.trustsOIDC(), known.providers), later(args.Identity.TrustsPodIdentity(), known.clusters))))
}

// oneAccount refuses OIDC providers of several accounts, and a cluster of another account than theirs: STS accepts a provider
// only in the role's own account, and EKS a role only in the cluster's. The trust policy refuses clusters of several accounts.
func oneAccount(known trustedArns) error {
	var first iampolicy.ARN
	arns := slices.Concat(known.providers, known.clusters[:min(1, len(known.clusters))])
	for i, arn := range arns {
		parsed, err := iampolicy.ParseARN(arn)
		if err != nil {
			return nil //nolint:nilerr // reported already
		}
		if i == 0 {
			first = parsed
		}
		if parsed.Account != first.Account {
			what := "the OIDC providers %s and %s"
			if parsed.IsCluster() {
				what = "the OIDC provider %s and the cluster %s"
			}
			return fielderr.At("clusters", fmt.Errorf(what+" are in different accounts; a role can trust those of its own account only, "+
				"so make one role per account", arns[0], arn))
		}
	}
	return nil
}
