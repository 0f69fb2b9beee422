package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// role is what STS and the authorizer need to know of a role.
type role struct {
	principal
	identity
	trust      string // the trust policy
	maxSession time.Duration
	boundary   string // ARN of the permissions boundary; empty if there is none
	tags       map[string]string
}

// existingRole looks a role up as it is now, by its name in its account. The error is errNoPrincipal if there is none, or
// none to be seen yet.
func (m *moto) existingRole(ctx context.Context, p principal) (role, error) {
	if !m.propagation.visible(kindRole, p.account, p.name) {
		return role{}, errNoPrincipal
	}
	answer, err := m.iam(p).GetRole(ctx, &iam.GetRoleInput{RoleName: &p.name})
	if missing(err) {
		return role{}, errNoPrincipal
	}
	if err != nil {
		return role{}, fmt.Errorf("looking up the IAM role %q of account %s: %w", p.name, p.account, err)
	}
	found := role{
		principal:  p,
		identity:   identity{arn: aws.ToString(answer.Role.Arn), id: aws.ToString(answer.Role.RoleId)},
		maxSession: time.Duration(aws.ToInt32(answer.Role.MaxSessionDuration)) * time.Second,
		tags:       map[string]string{},
	}
	for _, tag := range answer.Role.Tags {
		found.tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if boundary := answer.Role.PermissionsBoundary; boundary != nil {
		found.boundary = aws.ToString(boundary.PermissionsBoundaryArn)
	}
	if found.trust, err = url.PathUnescape(aws.ToString(answer.Role.AssumeRolePolicyDocument)); err != nil {
		return role{}, fmt.Errorf("reading the trust policy of %s: %w", found.arn, err)
	}
	return found, nil
}

// permissions are the documents that say what a role may do.
type permissions struct {
	policies []iampolicy.Document
	boundary *iampolicy.Document
}

// permissions reads the role's documents as they are now: inline policies, attached ones, and the boundary.
func (e *Endpoint) permissions(ctx context.Context, of role) (permissions, error) {
	client, result := e.moto.iam(of.principal), permissions{}
	inline, err := inlinePolicies(ctx, client, of.name)
	if err != nil {
		return permissions{}, err
	}
	attached, err := attachedPolicies(ctx, client, of.name)
	if err != nil {
		return permissions{}, err
	}
	result.policies = append(inline, attached...)
	if of.boundary != "" {
		boundary, err := managedPolicy(ctx, client, of.boundary)
		if missing(err) {
			// A boundary that is gone allows nothing.
			boundary, err = iampolicy.Document{}, nil
		}
		if err != nil {
			return permissions{}, err
		}
		result.boundary = &boundary
	}
	return result, nil
}

func inlinePolicies(ctx context.Context, client *iam.Client, role string) ([]iampolicy.Document, error) {
	var documents []iampolicy.Document
	pages := iam.NewListRolePoliciesPaginator(client, &iam.ListRolePoliciesInput{RoleName: &role})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing the inline policies of role %q: %w", role, err)
		}
		for _, name := range page.PolicyNames {
			policy, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
			if err != nil {
				return nil, fmt.Errorf("reading the inline policy %q of role %q: %w", name, role, err)
			}
			document, err := parseEscaped(policy.PolicyDocument)
			if err != nil {
				return nil, fmt.Errorf("inline policy %q of role %q: %w", name, role, err)
			}
			documents = append(documents, document)
		}
	}
	return documents, nil
}

func attachedPolicies(ctx context.Context, client *iam.Client, role string) ([]iampolicy.Document, error) {
	var documents []iampolicy.Document
	pages := iam.NewListAttachedRolePoliciesPaginator(client, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing the attached policies of role %q: %w", role, err)
		}
		for _, attached := range page.AttachedPolicies {
			document, err := managedPolicy(ctx, client, aws.ToString(attached.PolicyArn))
			if err != nil {
				return nil, err
			}
			documents = append(documents, document)
		}
	}
	return documents, nil
}

// managedPolicy reads the default version of a managed policy, the customer's own or one of AWS.
func managedPolicy(ctx context.Context, client *iam.Client, arn string) (iampolicy.Document, error) {
	policy, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return iampolicy.Document{}, fmt.Errorf("reading policy %s: %w", arn, err)
	}
	version, err := client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{
		PolicyArn: &arn, VersionId: policy.Policy.DefaultVersionId,
	})
	if err != nil {
		return iampolicy.Document{}, fmt.Errorf("reading the default version of policy %s: %w", arn, err)
	}
	document, err := parseEscaped(version.PolicyVersion.Document)
	if err != nil {
		return iampolicy.Document{}, fmt.Errorf("policy %s: %w", arn, err)
	}
	return document, nil
}

// parseEscaped reads a document in the form in which IAM gives it out, URL-encoded by RFC 3986.
func parseEscaped(document *string) (iampolicy.Document, error) {
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		return iampolicy.Document{}, err
	}
	return iampolicy.Parse(text)
}

func missing(err error) bool {
	var none *iamtypes.NoSuchEntityException
	return errors.As(err, &none)
}
