package components

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

// RolePolicies are what a role for pods may do, with the limits of its policies. The json names are those of Pulumi.<env>.yaml.
type RolePolicies struct {
	// ManagedPolicies are managed policies to attach: names of AWS's own, such as AmazonS3ReadOnlyAccess, or ARNs.
	ManagedPolicies []string `json:"managedPolicies"`
	// PolicyAttachments are ARNs of further managed policies, such as those that the program makes, by keys that you choose;
	// a key names the attachment. Under the name of a policy of the preset stands that policy's ARN, which IAM is not asked for then.
	PolicyAttachments map[string]pulumi.StringInput `json:"-"`
	// InlinePolicies are embedded in the role, by policy name; 10,240 characters in all, without white space.
	InlinePolicies map[string]PolicyDocument `json:"inlinePolicies"`
	// CustomerManagedPolicies are documents for which managed policies are created and attached, by policy name; each of
	// version 2012-10-17 and up to 6,144 characters, without white space.
	CustomerManagedPolicies map[string]PolicyDocument `json:"customerManagedPolicies"`
	// ExclusivePolicies takes every policy away from the role that this program does not give it, one that a user attached by hand for
	// example: with each update that changes the role's policies, and with `pulumi up --refresh`, which sees others. Default: false,
	// policies of others stay.
	ExclusivePolicies bool `json:"exclusivePolicies"`
	// ForceDetachPolicies detaches policies that were attached outside this program before the role is deleted, as IAM
	// deletes no role that has some. Default: true. With false such a deletion fails.
	ForceDetachPolicies *bool `json:"forceDetachPolicies"`
	// Acknowledge are guard rails that the role breaks on purpose, by their names: Pulumi does not warn of these.
	Acknowledge []GuardRail `json:"acknowledge"`
	// MaxTrustPolicySize is the account's quota in characters, more (up to 8,192 in 2026) where it was raised. Default: what Quotas
	// say, else 2,048. It may not be more than Quotas say.
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
				return nil, fielderr.At(fielderr.Path("managedPolicies").Index(i), err)
			}
		}
		arns[ManagedPolicyName(policy)] = pulumi.String(arn)
	}
	if b.args.Preset == nil {
		return arns, nil
	}
	managed, _ := presets.PolicyNamesOf(b.args.Preset)
	for _, name := range managed {
		if arns[name] != nil {
			continue
		}
		arn, err := managedPolicyArn(b.ctx, name, pulumi.Parent(b.component))
		if err != nil {
			return nil, fielderr.At(PresetPath(b.args.Preset), err)
		}
		arns[name] = pulumi.String(arn)
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
	for _, key := range slices.Sorted(maps.Keys(b.inline)) {
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
		b.customerManaged = append(b.customerManaged, policy.Arn)
	}
	return nil
}

// managedDocument is the document of a customer-managed policy. What is known before the program runs was checked then.
func (b *irsaRoleBuilder) managedDocument(key string) pulumi.StringInput {
	document := b.args.CustomerManagedPolicies[key]
	if text, plain := plainDocument(document); plain {
		return pulumi.String(text)
	}
	return b.document(fielderr.Path("customerManagedPolicies").Child(key), document, nil, func(text string, _ []string) error {
		return iampolicy.ValidateManagedPolicy(text)
	})
}

// inlineDocument is the document of an inline policy. Where it becomes known only while the program runs, the length of all
// of them does, too.
func (b *irsaRoleBuilder) inlineDocument(key string) pulumi.StringInput {
	document := b.inline[key]
	if text, plain := plainDocument(document); plain {
		return pulumi.String(text)
	}
	var others pulumi.StringArray
	for other, document := range b.inline {
		if other != key {
			others = append(others, document)
		}
	}
	return b.document(fielderr.Path("inlinePolicies").Child(key), document, others, func(text string, others []string) error {
		return errors.Join(iampolicy.ValidateInlinePolicy(text), iampolicy.ValidateInlinePoliciesSize(append(others, text)))
	})
}

// document checks a document as soon as it and the others are known, and that it is of the role's partition.
func (b *irsaRoleBuilder) document(
	path fielderr.Path, document pulumi.StringInput, others pulumi.StringArray, validate func(text string, others []string) error,
) pulumi.StringOutput {
	return pulumi.All(document, others.ToStringArrayOutput(), b.anyArn).ApplyT(func(all []any) (string, error) {
		text, others, arn := trimmed(all[0].(string)), all[1].([]string), all[2].(string)
		err := errors.Join(validate(text, others), documentInPartition(text, partitionOf(arn)))
		return text, b.failure(fielderr.At(path, fielderr.Document(err)))
	}).(pulumi.StringOutput)
}

// policyNames are the names of a role's policies in their order. They are parts of resource names, so each is unique among all of
// them. IAM knows no case in names.
type policyNames []string

// add adds a name. It returns the index of one that is the same, -1 if there is none.
func (names *policyNames) add(name string) (same int) {
	same = slices.IndexFunc(*names, func(other string) bool { return strings.EqualFold(other, name) })
	*names = append(*names, name)
	return same
}

// addUnique adds a name and refuses one that is taken.
func (names *policyNames) addUnique(name string) error {
	if same := names.add(name); same >= 0 {
		return fmt.Errorf("another policy of the role has this name, %s", (*names)[same])
	}
	return nil
}

// validatePolicies checks what is known of the policies before the program runs.
//
// How many managed policies a role can have is judged where the account's quota was read: it is 10 unless AWS raised it.
func (args *IrsaRoleArgs) validatePolicies() error {
	var names policyNames
	var found fielderr.List
	found.Add("managedPolicies", fielderr.Each(args.ManagedPolicies, func(policy string) error {
		first, err := names.add(ManagedPolicyName(policy)), validateManagedPolicy(policy)
		if err == nil && first >= 0 {
			return fmt.Errorf("a policy named %q is already in the list, at index %d", names[first], first)
		}
		return err
	}))
	arns := slices.Clone(args.ManagedPolicies)
	found.Add("policyAttachments", fielderr.EachKey(args.PolicyAttachments, func(key string, input pulumi.StringInput) error {
		err := names.addUnique(key)
		return errors.Join(err, ifKnown(input, func(arn string) error {
			err := iampolicy.ValidatePolicyARN(arn)
			if slices.Contains(arns, arn) {
				err = errors.Join(err, fmt.Errorf("%s is attached already", arn))
			}
			arns = append(arns, arn)
			return err
		}))
	}))
	for _, group := range args.policyDocuments() {
		found.Add(group.path, fielderr.EachKey(group.documents, func(key string, document PolicyDocument) error {
			return errors.Join(iampolicy.ValidatePolicyName(key), names.addUnique(key), group.validateDocument(document))
		}))
	}
	found.Add("", args.validatePreset(&names))
	found.Add("", args.Quotas.validateManagedPolicies(
		len(args.ManagedPolicies)+len(args.PolicyAttachments)+len(args.CustomerManagedPolicies)+len(args.presetManaged())))
	var inline []string
	for _, document := range args.InlinePolicies {
		if text, plain := plainDocument(document); plain {
			inline = append(inline, text)
		}
	}
	found.Add("inlinePolicies", iampolicy.ValidateInlinePoliciesSize(inline))
	return found.Err()
}

// validateDocument checks a document as far as it is known.
func (group documentGroup) validateDocument(document PolicyDocument) error {
	if invalid, is := document.(invalidPolicy); is {
		return fielderr.Document(invalid.err)
	}
	text, plain := plainDocument(document)
	if !plain {
		return nil
	}
	return fielderr.Document(group.validate(text))
}

// documentGroup is one of the two kinds of policies that are given as documents.
type documentGroup struct {
	path      fielderr.Path
	documents map[string]PolicyDocument
	validate  func(text string) error
}

func (args *IrsaRoleArgs) policyDocuments() []documentGroup {
	return []documentGroup{
		{"inlinePolicies", args.InlinePolicies, iampolicy.ValidateInlinePolicy},
		{"customerManagedPolicies", args.CustomerManagedPolicies, iampolicy.ValidateManagedPolicy},
	}
}

// ValidatePartition refuses what lies in another AWS partition than the given one ("aws", "aws-cn") and is known before the
// program runs: ARNs in policy documents and trust statements, managed policies, the permissions boundary. [NewIrsaRole] does
// so itself as soon as the ARN of an OIDC provider tells the partition. All errors are reported together.
func (args *IrsaRoleArgs) ValidatePartition(partition string) error {
	check := func(arn string) error { return iampolicy.ValidatePartition(arn, partition) }
	var found fielderr.List
	found.Add("", args.RoleSettings.ValidatePartition(partition))
	found.Add("managedPolicies", fielderr.Each(args.ManagedPolicies, check))
	found.Add("policyAttachments", fielderr.EachKey(args.PolicyAttachments, func(_ string, arn pulumi.StringInput) error {
		return ifKnown(arn, check)
	}))
	for _, group := range args.policyDocuments() {
		found.Add(group.path, fielderr.EachKey(group.documents, func(_ string, document PolicyDocument) error {
			text, _ := plainDocument(document)
			return fielderr.Document(documentInPartition(text, partition))
		}))
	}
	if args.Preset != nil {
		found.Add(PresetPath(args.Preset), presets.ValidatePartition(args.Preset, partition))
	}
	statements := iampolicy.ValidateStatementsPartition("extraStatements", args.TrustStatements, partition)
	found.Add("trustPolicy", fielderr.Document(statements))
	return found.Err()
}

// inPartitionOf compares with the partition of the clusters, as far as one is known.
func (args *IrsaRoleArgs) inPartitionOf(known trustedArns) error {
	for _, arn := range known.all() {
		if partition := partitionOf(arn); partition != "" {
			return args.ValidatePartition(partition)
		}
	}
	return nil
}

// partitionOf is the partition in an ARN, "" for what is none, which is reported elsewhere.
func partitionOf(text string) string {
	arn, _ := iampolicy.ParseARN(text)
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
