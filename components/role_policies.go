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

func (b *irsaRole) managedPolicies() error {
	for _, key := range slices.Sorted(maps.Keys(b.args.ManagedPolicies)) {
		if err := b.attach(key, b.args.ManagedPolicies[key]); err != nil {
			return err
		}
	}
	return nil
}

func (b *irsaRole) attach(key string, policyArn pulumi.StringInput) error {
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

func (b *irsaRole) inlinePolicies() error {
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

func (b *irsaRole) customerManagedPolicies() error {
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
func (b *irsaRole) managedDocument(key string) pulumi.StringInput {
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
func (b *irsaRole) inlineDocument(key string) pulumi.StringInput {
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
func (b *irsaRole) document(
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
	var names, arns []string
	for _, key := range slices.Sorted(maps.Keys(args.ManagedPolicies)) {
		names = append(names, key)
		arn, plain := plainString(args.ManagedPolicies[key])
		if !plain {
			continue
		}
		faults = append(faults, fault.At("managedPolicies."+key, iampolicy.ValidatePolicyArn(arn)))
		if slices.Contains(arns, arn) {
			faults = append(faults, fmt.Errorf("managedPolicies.%s: %s is attached already", key, arn))
		}
		arns = append(arns, arn)
	}
	var inline []string
	for _, group := range args.policyDocuments() {
		for _, key := range slices.Sorted(maps.Keys(group.documents)) {
			path := group.path + "." + key
			faults = append(faults, fault.At(path, iampolicy.ValidatePolicyName(key)))
			// The name is part of a resource name, which must be unique among all the role's policies. IAM knows no case in it.
			if first := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, key) }); first >= 0 {
				faults = append(faults, fmt.Errorf("%s: another policy of the role has this name, %s", path, names[first]))
			}
			names = append(names, key)
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
	documents map[string]pulumi.StringInput
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
	var faults []error
	if boundary, plain := plainString(args.PermissionsBoundary); plain {
		faults = append(faults, fault.At("permissionsBoundary", iampolicy.ValidatePartition(boundary, partition)))
	}
	for _, key := range slices.Sorted(maps.Keys(args.ManagedPolicies)) {
		if arn, plain := plainString(args.ManagedPolicies[key]); plain {
			faults = append(faults, fault.At("managedPolicies."+key, iampolicy.ValidatePartition(arn, partition)))
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
	arn, err := iampolicy.ParseArn(providerArns[0])
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
