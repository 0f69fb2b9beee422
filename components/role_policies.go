package components

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// RolePolicies are what a role for pods may do, with the limits of its policies. The json names are those of Pulumi.<env>.yaml.
type RolePolicies struct {
	// ManagedPolicies are managed policies to attach: names of AWS's own, such as AmazonS3ReadOnlyAccess, or ARNs.
	ManagedPolicies []string `json:"managedPolicies"`
	// PolicyAttachments are ARNs of further managed policies, such as those that the program makes, by keys that you choose;
	// a key names the attachment.
	PolicyAttachments map[string]pulumi.StringInput `json:"-"`
	// InlinePolicies are embedded in the role, by policy name; 10,240 characters in all, without white space.
	InlinePolicies map[string]PolicyDocument `json:"inlinePolicies"`
	// CustomerManagedPolicies are documents for which managed policies are created and attached, by policy name; each of
	// version 2012-10-17 and up to 6,144 characters, without white space.
	CustomerManagedPolicies map[string]PolicyDocument `json:"customerManagedPolicies"`
	// ForceDetachPolicies detaches policies that were attached outside this program before the role is deleted, as IAM
	// deletes no role that has some. Default: true. With false such a deletion fails.
	ForceDetachPolicies *bool `json:"forceDetachPolicies"`
	// Acknowledge are guard rails that the role breaks on purpose, by their names: Pulumi does not warn of these.
	Acknowledge []GuardRail `json:"acknowledge"`
	// MaxTrustPolicySize is the account's quota in characters: 2,048 by default, more (up to 8,192 in 2026) where it was
	// raised.
	MaxTrustPolicySize int `json:"maxTrustPolicySize"`
}

// PolicyDocument is an IAM policy document in JSON: a pulumi.String, an output, or a value through [Policy].
type PolicyDocument interface{ pulumi.StringInput }

// Policy makes a policy document of a value. An error in the value is reported with those of the other arguments.
func Policy(document iampolicy.Document) PolicyDocument {
	text, err := document.JSON()
	if err != nil {
		return invalidPolicy{pulumi.String(text), err}
	}
	return pulumi.String(text)
}

type invalidPolicy struct {
	pulumi.String
	err error
}

// attachedPolicies are the ARNs of the managed policies that are attached, by the names of the attachments. IAM is asked for
// those that are given by name.
func (b *irsaRoleBuilder) attachedPolicies() (map[string]pulumi.StringInput, error) {
	arns := maps.Clone(b.args.PolicyAttachments)
	if arns == nil {
		arns = map[string]pulumi.StringInput{}
	}
	for i, policy := range b.args.ManagedPolicies {
		arn := policy
		if !isArn(policy) {
			var err error
			if arn, err = managedPolicyArn(b.ctx, policy, pulumi.Parent(b.component)); err != nil {
				return nil, fault.At(fmt.Sprintf("managedPolicies[%d]", i), err)
			}
		}
		arns[ManagedPolicyName(policy)] = pulumi.String(arn)
	}
	return arns, nil
}

func (b *irsaRoleBuilder) managedPolicies() error {
	for _, key := range slices.Sorted(maps.Keys(b.attached)) {
		if err := b.attach(key, b.attached[key]); err != nil {
			return err
		}
	}
	return nil
}

func (b *irsaRoleBuilder) attach(key string, policyArn pulumi.StringInput) error {
	name := childName(b.name, key)
	attachment, err := iam.NewRolePolicyAttachment(b.ctx, name, &iam.RolePolicyAttachmentArgs{
		Role: b.role.Name, PolicyArn: policyArn,
	}, b.children.named(name, oneOfAName)...)
	if err != nil {
		return fmt.Errorf("attaching policy %q: %w", key, err)
	}
	b.policies = append(b.policies, attachment)
	return nil
}

func (b *irsaRoleBuilder) inlinePolicies() error {
	for _, key := range slices.Sorted(maps.Keys(b.args.InlinePolicies)) {
		name := childName(b.name, key)
		policy, err := iam.NewRolePolicy(b.ctx, name, &iam.RolePolicyArgs{
			Name: pulumi.String(key), Role: b.role.Name,
			Policy: b.inlineDocument(key),
		}, b.children.named(name, oneOfAName)...)
		if err != nil {
			return fmt.Errorf("creating inline policy %q: %w", key, err)
		}
		b.policies = append(b.policies, policy)
	}
	return nil
}

func (b *irsaRoleBuilder) customerManagedPolicies() error {
	for _, key := range slices.Sorted(maps.Keys(b.args.CustomerManagedPolicies)) {
		name := childName(b.name, key)
		// It waits for the role, which it does not need: where both are replaced, as with another path, the engine deletes the
		// attachment once, before the one that comes first, and the other at the same time. IAM deletes no policy that is attached.
		// https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
		policy, err := iam.NewPolicy(b.ctx, name, &iam.PolicyArgs{
			Name: pulumi.String(key), Path: optionalString(b.args.Path), Tags: b.args.Tags,
			Policy: b.managedDocument(key),
		}, b.children.named(name, oneOfAName, pulumi.DependsOn([]pulumi.Resource{b.role}))...)
		if err != nil {
			return fmt.Errorf("creating managed policy %q: %w", key, err)
		}
		if err := b.attach(key, policy.Arn); err != nil {
			return err
		}
	}
	return nil
}

// managedDocument is the document of a customer-managed policy. What is known before the program runs was checked then.
func (b *irsaRoleBuilder) managedDocument(key string) pulumi.StringInput {
	document := b.args.CustomerManagedPolicies[key]
	if text, plain := plainDocument(document); plain {
		return pulumi.String(text)
	}
	return b.document("customerManagedPolicies."+key, document, nil, func(text string, _ []string) error {
		return iampolicy.ValidateManagedPolicy(text)
	})
}

// inlineDocument is the document of an inline policy. Where it becomes known only while the program runs, the length of all
// of them does, too.
func (b *irsaRoleBuilder) inlineDocument(key string) pulumi.StringInput {
	document := b.args.InlinePolicies[key]
	if text, plain := plainDocument(document); plain {
		return pulumi.String(text)
	}
	var others pulumi.StringArray
	for other, document := range b.args.InlinePolicies {
		if other != key {
			others = append(others, document)
		}
	}
	return b.document("inlinePolicies."+key, document, others, func(text string, others []string) error {
		return errors.Join(iampolicy.ValidateInlinePolicy(text), iampolicy.ValidateInlinePoliciesSize(append(others, text)))
	})
}

// document checks a document as soon as it and the others are known, and that it is of the role's partition.
func (b *irsaRoleBuilder) document(
	path string, document pulumi.StringInput, others pulumi.StringArray, validate func(text string, others []string) error,
) pulumi.StringOutput {
	return pulumi.All(document, others.ToStringArrayOutput(), b.component.OidcProviderArns).ApplyT(func(all []any) (string, error) {
		text, others, providers := trimmed(all[0].(string)), all[1].([]string), all[2].([]string)
		err := errors.Join(validate(text, others), documentInPartition(text, partitionOf(providers)))
		return text, b.failure(fault.At(path, err))
	}).(pulumi.StringOutput)
}

// validatePolicies checks what is known of the policies before the program runs.
//
// How many managed policies a role can have is not judged: the quota is 10, and an account can have it raised.
func (args *IrsaRoleArgs) validatePolicies() error {
	var faults []error
	var names []string
	// Names are parts of resource names, which must be unique among all the role's policies. IAM knows no case in them.
	index := func(name string) int {
		return slices.IndexFunc(names, func(other string) bool { return strings.EqualFold(other, name) })
	}
	for i, policy := range args.ManagedPolicies {
		path, name := fmt.Sprintf("managedPolicies[%d]", i), ManagedPolicyName(policy)
		if err := validateManagedPolicy(policy); err != nil {
			faults = append(faults, fault.At(path, err))
		} else if first := index(name); first >= 0 {
			faults = append(faults, fmt.Errorf("%s: a policy named %q is already in the list, at index %d", path, names[first], first))
		}
		names = append(names, name)
	}
	arns := slices.Clone(args.ManagedPolicies)
	for _, key := range slices.Sorted(maps.Keys(args.PolicyAttachments)) {
		path := "policyAttachments." + key
		if first := index(key); first >= 0 {
			faults = append(faults, fmt.Errorf("%s: another policy of the role has this name, %s", path, names[first]))
		}
		names = append(names, key)
		arn, plain := plainString(args.PolicyAttachments[key])
		if !plain {
			continue
		}
		faults = append(faults, fault.At(path, iampolicy.ValidatePolicyARN(arn)))
		if slices.Contains(arns, arn) {
			faults = append(faults, fmt.Errorf("%s: %s is attached already", path, arn))
		}
		arns = append(arns, arn)
	}
	var inline []string
	for _, group := range args.policyDocuments() {
		for _, key := range slices.Sorted(maps.Keys(group.documents)) {
			path := group.path + "." + key
			faults = append(faults, fault.At(path, iampolicy.ValidatePolicyName(key)))
			if first := index(key); first >= 0 {
				faults = append(faults, fmt.Errorf("%s: another policy of the role has this name, %s", path, names[first]))
			}
			names = append(names, key)
			if invalid, is := group.documents[key].(invalidPolicy); is {
				faults = append(faults, fault.At(path, invalid.err))
			}
			document, plain := plainDocument(group.documents[key])
			if !plain {
				continue
			}
			faults = append(faults, fault.At(path, group.validate(document)))
			if group.inline {
				inline = append(inline, document)
			}
		}
	}
	return errors.Join(append(faults, fault.At("inlinePolicies", iampolicy.ValidateInlinePoliciesSize(inline)))...)
}

// documentGroup is one of the two kinds of policies that are given as documents.
type documentGroup struct {
	path      string
	inline    bool
	documents map[string]PolicyDocument
	validate  func(text string) error
}

func (args *IrsaRoleArgs) policyDocuments() []documentGroup {
	return []documentGroup{
		{"inlinePolicies", true, args.InlinePolicies, iampolicy.ValidateInlinePolicy},
		{"customerManagedPolicies", false, args.CustomerManagedPolicies, iampolicy.ValidateManagedPolicy},
	}
}

// ValidatePartition refuses what lies in another AWS partition than the given one ("aws", "aws-cn") and is known before the
// program runs: ARNs in policy documents and trust statements, managed policies, the permissions boundary. [NewIrsaRole] does
// so itself as soon as the ARN of an OIDC provider tells the partition. All faults are reported together.
func (args *IrsaRoleArgs) ValidatePartition(partition string) error {
	faults := []error{args.RoleSettings.ValidatePartition(partition)}
	for i, policy := range args.ManagedPolicies {
		if isArn(policy) {
			faults = append(faults, fault.At(fmt.Sprintf("managedPolicies[%d]", i), iampolicy.ValidatePartition(policy, partition)))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(args.PolicyAttachments)) {
		if arn, plain := plainString(args.PolicyAttachments[key]); plain {
			faults = append(faults, fault.At("policyAttachments."+key, iampolicy.ValidatePartition(arn, partition)))
		}
	}
	for _, group := range args.policyDocuments() {
		for _, key := range slices.Sorted(maps.Keys(group.documents)) {
			if document, plain := plainDocument(group.documents[key]); plain {
				faults = append(faults, fault.At(group.path+"."+key, documentInPartition(document, partition)))
			}
		}
	}
	statements := iampolicy.ValidateStatementsPartition("extraStatements", args.TrustStatements, partition)
	return errors.Join(append(faults, fault.At("trustPolicy", statements))...)
}

// inPartitionOf compares with the partition of the clusters' OIDC providers, as far as one is known.
func (args *IrsaRoleArgs) inPartitionOf(providerArns []string) error {
	partition := partitionOf(providerArns)
	if partition == "" {
		return nil
	}
	return args.ValidatePartition(partition)
}

func partitionOf(providerArns []string) string {
	if len(providerArns) == 0 {
		return ""
	}
	arn, err := iampolicy.ParseARN(providerArns[0])
	if err != nil {
		return "" // reported already
	}
	return arn.Partition
}

func documentInPartition(text, partition string) error {
	document, err := iampolicy.Parse(text)
	if err != nil || partition == "" {
		return nil //nolint:nilerr // reported already
	}
	return document.ValidatePartition(partition)
}

// plainDocument is a document that is known before anything is registered.
func plainDocument(input pulumi.Input) (string, bool) {
	document, plain := plainString(input)
	return trimmed(document), plain
}

// trimmed takes white space and a byte order mark, as files and YAML blocks have them, off the ends of a document: the AWS
// provider refuses what does not begin with a brace. The rest stays as it was written.
// https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/verify/validate.go (ValidIAMPolicyJSON)
func trimmed(document string) string { return strings.Trim(document, " \t\r\n\ufeff") }
