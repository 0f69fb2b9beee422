package components

import (
	"maps"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

// PresetServiceAccounts are the service accounts of a role with a preset and none of its own.
func PresetServiceAccounts(preset presets.Preset) []ServiceAccountArgs {
	var accounts []ServiceAccountArgs
	for _, account := range presets.ServiceAccountsOf(preset) {
		accounts = append(accounts, ServiceAccountArgs{Namespace: account.Namespace, Name: account.Name})
	}
	return accounts
}

// withPreset are the arguments with the preset's service accounts where there are none.
func (args *IrsaRoleArgs) withPreset() *IrsaRoleArgs {
	if args == nil || args.Preset == nil || len(args.ServiceAccounts) > 0 {
		return args
	}
	filled := *args
	filled.ServiceAccounts = PresetServiceAccounts(args.Preset)
	return &filled
}

// PresetPath is where a preset's arguments are: preset.externalDns.
func PresetPath(preset presets.Preset) fielderr.Path {
	return fielderr.Path("preset").Child(presets.NameOf(preset))
}

// validatePreset checks the preset's arguments, and that its policies have names that the role's own do not have.
func (args *IrsaRoleArgs) validatePreset(names *policyNames) error {
	if args.Preset == nil {
		return nil
	}
	var found fielderr.List
	path := PresetPath(args.Preset)
	found.Add(path, presets.Validate(args.Preset))
	_, inline := presets.PolicyNamesOf(args.Preset)
	for _, name := range slices.Concat(args.presetManaged(), inline) {
		found.Add(path, names.addUnique(name))
	}
	return found.Err()
}

// presetManaged are the names of the managed policies that the preset adds to those of the arguments.
func (args *IrsaRoleArgs) presetManaged() []string {
	if args.Preset == nil {
		return nil
	}
	managed, _ := presets.PolicyNamesOf(args.Preset)
	return slices.DeleteFunc(slices.Clone(managed), func(name string) bool { return args.PolicyAttachments[name] != nil })
}

// validatePresetScope checks what only the scope of the role tells about its preset, once it is known.
func (args *IrsaRoleArgs) validatePresetScope(arns []string) error {
	if args.Preset == nil || len(arns) == 0 || len(arns) < len(args.Clusters) {
		return nil
	}
	scope := presetScope(arns)
	if presets.Validate(args.Preset) != nil || presets.ValidatePartition(args.Preset, scope.Partition) != nil {
		return nil // reported already
	}
	_, err := presets.PoliciesOf(args.Preset, scope)
	return fielderr.At(PresetPath(args.Preset), err)
}

// presetPolicies are the role's inline policies with those of the preset. Their documents are for the partition, the account and
// the regions that the ARNs in the trust policy tell.
func (b *irsaRoleBuilder) presetPolicies(providers, clusters pulumi.StringArray) map[string]PolicyDocument {
	preset := b.args.Preset
	if preset == nil {
		return b.args.InlinePolicies
	}
	all := maps.Clone(b.args.InlinePolicies)
	if all == nil {
		all = map[string]PolicyDocument{}
	}
	_, inline := presets.PolicyNamesOf(preset)
	for _, name := range inline {
		all[name] = slices.Concat(providers, clusters).ToStringArrayOutput().ApplyT(func(arns []string) (string, error) {
			policies, err := presets.PoliciesOf(preset, presetScope(arns))
			if err != nil {
				return "", b.failure(fielderr.At(PresetPath(preset), err))
			}
			return policies.Inline[name].JSON()
		}).(pulumi.StringOutput)
	}
	return all
}

// eksIssuer is the issuer of an EKS cluster, which tells its region.
var eksIssuer = regexp.MustCompile(`^oidc\.eks\.([a-z0-9-]+)\.`)

// presetScope is what the ARNs of OIDC providers and clusters tell; they are checked already.
func presetScope(arns []string) presets.Scope {
	var scope presets.Scope
	for _, text := range arns {
		arn, err := iampolicy.ParseARN(text)
		if err != nil {
			continue
		}
		scope.Partition, scope.AccountID = arn.Partition, arn.Account
		if arn.IsCluster() {
			scope.Regions = append(scope.Regions, arn.Region)
			continue
		}
		issuer, _ := iampolicy.ProviderIssuer(text)
		if region := eksIssuer.FindStringSubmatch(issuer); region != nil {
			scope.Regions = append(scope.Regions, region[1])
		}
	}
	slices.Sort(scope.Regions)
	scope.Regions = slices.Compact(scope.Regions)
	return scope
}
