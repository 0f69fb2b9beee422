// Package presets has what well-known controllers need of AWS: for each, the policy that its authors document, the namespace and
// service account that its chart or add-on uses, and arguments for the resources that it may use. It knows neither Pulumi nor a
// cluster and does no I/O.
//
// A policy allows what upstream's allows, on fewer resources where AWS knows resources for an action: hosted zones, buckets,
// keys, secrets, queues are arguments, and none of them is every one of its kind by default. What stays on every resource does so
// for upstream's reason, and a test holds the list of it. Where AWS has a policy of its own for a controller, that is used,
// unless its authors document a narrower one.
//
// Clusters in EKS Auto Mode have Karpenter, the controller of load balancers, the EBS CSI driver, the VPC CNI and the Pod
// Identity agent outside the cluster's pods: they need none of these presets there
// (https://docs.aws.amazon.com/eks/latest/userguide/automode.html). AWS App Mesh, whose support ended in September 2026, and
// Bottlerocket's update operator have no preset. Neither has ACK's controller of IAM: a role that may write any role's policies
// is an administrator's. Fargate's own log router uses the pod execution role, not that of a service account.
package presets

import (
	"errors"
	"maps"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Preset is one of the controllers of this package, such as [ExternalDNS], with its arguments. Further statements go
// into inline policies of the role.
type Preset interface {
	// definition is all that is known of the controller; the policies are those for the scope.
	definition(in Scope) definition
}

// Account is a service account of Kubernetes.
type Account struct {
	// Namespace and Name are those of the account.
	Namespace, Name string
}

// Source is where a preset's policy is documented.
type Source struct {
	// Address is the page or file.
	Address string
	// Version is upstream's release. Of a text without releases it is the day of its last change, or else that on which a copy of it
	// was read.
	Version string
}

// Scope is what is known of the clusters whose pods have the role.
type Scope struct {
	// Partition is that of the role: "aws", "aws-cn", "aws-us-gov" or another.
	Partition string
	// AccountID is the role's account, 12 digits.
	AccountID string
	// Regions are those of the clusters; where none is known, ARNs made of names have every region in them.
	Regions []string
}

// Policies are what a role gets.
type Policies struct {
	// Managed are names of AWS's own policies, without the path that IAM keeps them under.
	Managed []string
	// Inline are documents by the names of the inline policies.
	Inline map[string]iampolicy.Document
}

// definition is a preset as data.
type definition struct {
	source    Source
	accounts  []Account
	arguments []argument
	// err is of arguments that go together.
	err     error
	managed []string
	inline  statements
	// regions says that the policy is limited to the clusters' regions, by more than ARNs.
	regions bool
	// only is the one partition that upstream documents an argument for, by the argument's path, where it is given.
	only map[fielderr.Path]string
}

// statements are those of inline policies, by the policies' names. A policy without any is left out.
type statements map[string][]iampolicy.Statement

// ServiceAccountsOf are the service accounts that the controller's chart or add-on uses by default, or none where the pods that
// need the role are one's own.
func ServiceAccountsOf(preset Preset) []Account { return preset.definition(Scope{}).accounts }

// SourceOf is where the preset's policy is documented.
func SourceOf(preset Preset) Source { return preset.definition(Scope{}).source }

// PolicyNamesOf are the names of the role's policies: AWS's own, and the inline ones, sorted. The arguments alone decide them.
func PolicyNamesOf(preset Preset) (managed, inline []string) {
	definition := preset.definition(Scope{})
	return definition.managed, slices.Sorted(maps.Keys(definition.documents()))
}

// Validate checks the preset's arguments. All errors are reported together, each with its path ("hostedZones[1]: ...").
func Validate(preset Preset) error {
	definition := preset.definition(Scope{})
	var found fielderr.List
	for _, argument := range definition.arguments {
		found.Add("", argument.validate())
	}
	found.Add("", definition.err)
	return found.Err()
}

// ValidatePartition refuses arguments that do not fit the partition of the role: ARNs of another one, and what upstream documents
// for one partition only.
func ValidatePartition(preset Preset, partition string) error {
	definition := preset.definition(Scope{})
	var found fielderr.List
	for _, argument := range definition.arguments {
		for i, text := range argument.values {
			found.Add(argument.at(i), iampolicy.ValidatePartition(text, partition))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(definition.only)) {
		found.Refuse(partition != definition.only[path], path,
			"upstream documents its policy for the partition %s only, and the role is in %s; leave it out", definition.only[path], partition)
	}
	return found.Err()
}

// PoliciesOf are the role's policies for the scope, the same every time. It fails where the arguments do not fit the scope, or
// where they make more text than IAM takes in a role's inline policies: 10,240 characters without white space, which no preset
// reaches but by long lists of arguments.
func PoliciesOf(preset Preset, in Scope) (Policies, error) {
	definition := preset.definition(in)
	policies := Policies{Managed: definition.managed, Inline: definition.documents()}
	var found fielderr.List
	found.Add("", Validate(preset))
	found.Add("", ValidatePartition(preset, in.Partition))
	found.Refuse(definition.regions && len(in.Regions) == 0, "",
		"the policy is limited to the clusters' regions, and their issuers tell none; write it as an inline policy instead")
	if err := found.Err(); err != nil {
		return Policies{}, err
	}
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(policies.Inline)) {
		text, err := policies.Inline[name].JSON()
		found.Add(fielderr.Path("").Child(name), fielderr.Document(errors.Join(err, policies.Inline[name].ValidatePermissions())))
		texts = append(texts, text)
	}
	found.Add("", iampolicy.ValidateInlinePoliciesSize(texts))
	return policies, found.Err()
}

// documents are the inline policies that have statements, nil where there are none.
func (d definition) documents() map[string]iampolicy.Document {
	var documents map[string]iampolicy.Document
	for name, all := range d.inline {
		given := slices.DeleteFunc(all, isEmpty)
		if len(given) == 0 {
			continue
		}
		if documents == nil {
			documents = map[string]iampolicy.Document{}
		}
		documents[name] = iampolicy.Document{Statements: given}
	}
	return documents
}
