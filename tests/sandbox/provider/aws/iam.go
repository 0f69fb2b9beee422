package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// Lengths of names and of the suffix that a prefix gets, as in the Terraform provider.
const (
	roleNameLength   = 64
	policyNameLength = 128
	suffixLength     = 26
	// autoNameLength is what pulumi-aws allows for automatic names by default.
	autoNameLength = 255
)

func nameInput(maxLength, autoLength int) provider.Input {
	return provider.Input{
		Type: provider.String, Replace: true, Computed: true, Conflicts: "namePrefix",
		AutoName: &provider.AutoName{MaxLength: autoLength, RandomLength: 7}, Valid: validName(maxLength),
	}
}

func namePrefixInput(maxLength int) provider.Input {
	return provider.Input{
		Type: provider.String, Replace: true, Computed: true, Conflicts: "name",
		Valid: validName(maxLength - suffixLength),
	}
}

func policyInput() provider.Input {
	return provider.Input{Type: provider.String, Required: true, Same: samePolicy, Valid: validPolicy}
}

var nameCharacters = regexp.MustCompile(`^[0-9A-Za-z=,.@\-_+]+$`)

func validName(maxLength int) func(string) error {
	return func(name string) error {
		switch {
		case len(name) > maxLength:
			return fmt.Errorf("expected length to be in the range (1 - %d), got %s", maxLength, name)
		case !nameCharacters.MatchString(name):
			return errors.New("invalid value (must match [\\w+=,.@-])")
		default:
			return nil
		}
	}
}

var suffixCounter atomic.Uint32

// chosenName is the name, or the prefix with a suffix of 26 hexadecimal digits: the time to a ten thousandth of a
// second, and a counter.
func chosenName(in provider.Values) string {
	if name := in.String("name"); name != "" {
		return name
	}
	return in.String("namePrefix") + uniqueSuffix()
}

func uniqueSuffix() string {
	stamp := strings.Replace(time.Now().UTC().Format("20060102150405.0000"), ".", "", 1)
	return fmt.Sprintf("%s%08x", stamp, suffixCounter.Add(1))
}

var suffixed = regexp.MustCompile(`^(.*)[0-9]{18}[0-9a-f]{8}$`)

func prefixOf(name string) string {
	if found := suffixed.FindStringSubmatch(name); found != nil {
		return found[1]
	}
	return ""
}

func iamTags(tags map[string]string) []iamtypes.Tag {
	var list []iamtypes.Tag
	for key, value := range tags {
		list = append(list, iamtypes.Tag{Key: awssdk.String(key), Value: awssdk.String(value)})
	}
	return list
}

func tagMap(list []iamtypes.Tag) map[string]string {
	tags := map[string]string{}
	for _, tag := range list {
		tags[awssdk.ToString(tag.Key)] = awssdk.ToString(tag.Value)
	}
	return tags
}

func noSuchEntity(err error) bool { return isA[*iamtypes.NoSuchEntityException](err, "") }

// settling is what IAM answers while it does not know a new principal yet.
func settling(err error) bool {
	return isA[*iamtypes.MalformedPolicyDocumentException](err, "Invalid principal in policy") ||
		isA[*iamtypes.ConcurrentModificationException](err, "")
}

func (c *cloud) role() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"name":                nameInput(roleNameLength, roleNameLength),
			"namePrefix":          namePrefixInput(roleNameLength),
			"path":                {Type: provider.String, Replace: true, Default: "/"},
			"description":         {Type: provider.String},
			"assumeRolePolicy":    policyInput(),
			"maxSessionDuration":  {Type: provider.Int, Default: 3600, Min: 3600, Max: 43200},
			"permissionsBoundary": {Type: provider.String, Valid: validARN},
			"forceDetachPolicies": {Type: provider.Bool, Local: true, Default: false},
			"tags":                tagsInput,
		},
		Outputs: []string{"arn", "createDate", "uniqueId", "tagsAll", "inlinePolicies", "managedPolicyArns"},
		Derive:  c.tagsAll,
		Explain: explain,
		API: provider.API{
			Create: c.createRole, Read: c.readRole, ReadNew: c.patient(c.readRole), Update: c.updateRole, Delete: c.deleteRole,
		},
	}
}

func (c *cloud) createRole(ctx context.Context, in provider.Values) (string, error) {
	name := chosenName(in)
	document, err := normalize(in.String("assumeRolePolicy"))
	if err != nil {
		return "", err
	}
	err = c.retry(ctx, settling, func() error {
		_, err := c.iam.CreateRole(ctx, &iam.CreateRoleInput{
			RoleName:                 awssdk.String(name),
			Path:                     text(in.String("path")),
			Description:              text(in.String("description")),
			AssumeRolePolicyDocument: awssdk.String(document),
			MaxSessionDuration:       awssdk.Int32(int32(in.Int("maxSessionDuration"))), //nolint:gosec // at most 43,200
			PermissionsBoundary:      text(in.String("permissionsBoundary")),
			Tags:                     iamTags(c.allTags(in)),
		})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("creating IAM Role (%s): %w", name, err)
	}
	return name, nil
}

func (c *cloud) readRole(ctx context.Context, name string, _ provider.Values) (provider.Values, error) {
	found, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: awssdk.String(name)})
	if noSuchEntity(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading IAM Role (%s): %w", name, err)
	}
	role := found.Role
	document, err := url.QueryUnescape(awssdk.ToString(role.AssumeRolePolicyDocument))
	if err != nil {
		return nil, fmt.Errorf("reading IAM Role (%s): trust policy: %w", name, err)
	}
	inline, err := c.inlinePolicies(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("reading inline policies for IAM role %s, error: %w", name, err)
	}
	attached, err := c.attachedPolicies(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("reading IAM Policies attached to Role (%s): %w", name, err)
	}
	own, all := c.tagOutputs(tagMap(role.Tags))
	out := provider.Values{
		"arn":                awssdk.ToString(role.Arn),
		"name":               awssdk.ToString(role.RoleName),
		"namePrefix":         prefixOf(awssdk.ToString(role.RoleName)),
		"path":               awssdk.ToString(role.Path),
		"description":        awssdk.ToString(role.Description),
		"assumeRolePolicy":   document,
		"maxSessionDuration": awssdk.ToInt32(role.MaxSessionDuration),
		"createDate":         rfc3339(role.CreateDate),
		"uniqueId":           awssdk.ToString(role.RoleId),
		"inlinePolicies":     inline,
		"managedPolicyArns":  attached,
		"tags":               own,
		"tagsAll":            all,
	}
	if role.PermissionsBoundary != nil {
		out["permissionsBoundary"] = awssdk.ToString(role.PermissionsBoundary.PermissionsBoundaryArn)
	}
	return out, nil
}

func (c *cloud) inlinePolicies(ctx context.Context, role string) ([]any, error) {
	policies := []any{}
	names, err := c.inlinePolicyNames(ctx, role)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		document, err := c.rolePolicyDocument(ctx, role, name)
		if err != nil {
			return nil, err
		}
		policies = append(policies, map[string]any{"name": name, "policy": document})
	}
	return policies, nil
}

func (c *cloud) inlinePolicyNames(ctx context.Context, role string) ([]string, error) {
	var names []string
	pages := iam.NewListRolePoliciesPaginator(c.iam, &iam.ListRolePoliciesInput{RoleName: awssdk.String(role)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		names = append(names, page.PolicyNames...)
	}
	return names, nil
}

func (c *cloud) attachedPolicies(ctx context.Context, role string) ([]string, error) {
	arns := []string{}
	pages := iam.NewListAttachedRolePoliciesPaginator(c.iam, &iam.ListAttachedRolePoliciesInput{RoleName: awssdk.String(role)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, policy := range page.AttachedPolicies {
			arns = append(arns, awssdk.ToString(policy.PolicyArn))
		}
	}
	slices.Sort(arns)
	return arns, nil
}

func (c *cloud) updateRole(ctx context.Context, name string, state, in provider.Values) error {
	if !samePolicy(state.String("assumeRolePolicy"), in.String("assumeRolePolicy")) {
		document, err := normalize(in.String("assumeRolePolicy"))
		if err != nil {
			return err
		}
		err = c.retry(ctx, settling, func() error {
			_, err := c.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
				RoleName: awssdk.String(name), PolicyDocument: awssdk.String(document),
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("updating IAM Role (%s) assume role policy: %w", name, err)
		}
	}
	// Both in one call: what UpdateRole is not told again is not kept everywhere (moto drops the description).
	if state.String("description") != in.String("description") || state.Int("maxSessionDuration") != in.Int("maxSessionDuration") {
		_, err := c.iam.UpdateRole(ctx, &iam.UpdateRoleInput{
			RoleName:           awssdk.String(name),
			Description:        awssdk.String(in.String("description")),
			MaxSessionDuration: awssdk.Int32(int32(in.Int("maxSessionDuration"))), //nolint:gosec // at most 43,200
		})
		if err != nil {
			return fmt.Errorf("updating IAM Role (%s): %w", name, err)
		}
	}
	if err := c.updateBoundary(ctx, name, state.String("permissionsBoundary"), in.String("permissionsBoundary")); err != nil {
		return err
	}
	return c.retag(state, in,
		func(keys []string) error {
			_, err := c.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: awssdk.String(name), TagKeys: keys})
			return err
		},
		func(tags map[string]string) error {
			_, err := c.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: awssdk.String(name), Tags: iamTags(tags)})
			return err
		})
}

func (c *cloud) updateBoundary(ctx context.Context, role, was, is string) error {
	switch {
	case was == is:
		return nil
	case is == "":
		_, err := c.iam.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: awssdk.String(role)})
		if err != nil {
			return fmt.Errorf("deleting IAM Role (%s) permissions boundary: %w", role, err)
		}
	default:
		_, err := c.iam.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{
			RoleName: awssdk.String(role), PermissionsBoundary: awssdk.String(is),
		})
		if err != nil {
			return fmt.Errorf("updating IAM Role (%s) permissions boundary: %w", role, err)
		}
	}
	return nil
}

// deleteRole also removes what keeps IAM from deleting a role: instance profiles always; policies if the program forces
// it or, as the official provider does, if the state knows of any.
func (c *cloud) deleteRole(ctx context.Context, name string, state provider.Values) error {
	force := state.Bool("forceDetachPolicies")
	steps := []func() error{func() error { return c.leaveInstanceProfiles(ctx, name) }}
	if attached, _ := state["managedPolicyArns"].([]any); force || len(attached) > 0 {
		steps = append(steps, func() error { return c.detachPolicies(ctx, name) })
	}
	if inline, _ := state["inlinePolicies"].([]any); force || len(inline) > 0 {
		steps = append(steps, func() error { return c.deleteInlinePolicies(ctx, name) })
	}
	steps = append(steps, func() error {
		return c.retry(ctx,
			func(err error) bool { return isA[*iamtypes.DeleteConflictException](err, "") },
			func() error {
				_, err := c.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: awssdk.String(name)})
				return err
			})
	})
	for _, step := range steps {
		if err := step(); err != nil && !noSuchEntity(err) {
			return fmt.Errorf("deleting IAM Role (%s): %w", name, err)
		}
	}
	return nil
}

func (c *cloud) leaveInstanceProfiles(ctx context.Context, role string) error {
	found, err := c.iam.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: awssdk.String(role)})
	if err != nil {
		return err
	}
	var faults []error
	for _, profile := range found.InstanceProfiles {
		_, err := c.iam.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{
			RoleName: awssdk.String(role), InstanceProfileName: profile.InstanceProfileName,
		})
		if err != nil && !noSuchEntity(err) {
			faults = append(faults, fmt.Errorf("removing IAM Role (%s) from Instance Profile (%s): %w",
				role, awssdk.ToString(profile.InstanceProfileName), err))
		}
	}
	return errors.Join(faults...)
}

func (c *cloud) detachPolicies(ctx context.Context, role string) error {
	arns, err := c.attachedPolicies(ctx, role)
	if err != nil {
		return err
	}
	var faults []error
	for _, policy := range arns {
		_, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{
			RoleName: awssdk.String(role), PolicyArn: awssdk.String(policy),
		})
		if err != nil && !noSuchEntity(err) {
			faults = append(faults, fmt.Errorf("detaching IAM Policy (%s) from Role (%s): %w", policy, role, err))
		}
	}
	return errors.Join(faults...)
}

func (c *cloud) deleteInlinePolicies(ctx context.Context, role string) error {
	names, err := c.inlinePolicyNames(ctx, role)
	if err != nil {
		return err
	}
	var faults []error
	for _, name := range names {
		_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{
			RoleName: awssdk.String(role), PolicyName: awssdk.String(name),
		})
		if err != nil && !noSuchEntity(err) {
			faults = append(faults, fmt.Errorf("deleting IAM Role (%s) policy (%s): %w", role, name, err))
		}
	}
	return errors.Join(faults...)
}

func (c *cloud) rolePolicy() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"name":       nameInput(policyNameLength, autoNameLength),
			"namePrefix": namePrefixInput(policyNameLength),
			"role":       {Type: provider.String, Required: true, Replace: true, Valid: validName(roleNameLength)},
			"policy":     policyInput(),
		},
		Explain: explain,
		API: provider.API{
			Create: func(ctx context.Context, in provider.Values) (string, error) {
				name := chosenName(in)
				if err := c.putRolePolicy(ctx, in.String("role"), name, in.String("policy")); err != nil {
					return "", err
				}
				return in.String("role") + ":" + name, nil
			},
			Read:    c.readRolePolicy,
			ReadNew: c.patient(c.readRolePolicy),
			Update: func(ctx context.Context, id string, _, in provider.Values) error {
				role, name, err := splitRolePolicyID(id)
				if err != nil {
					return err
				}
				return c.putRolePolicy(ctx, role, name, in.String("policy"))
			},
			Delete: c.deleteRolePolicy,
		},
	}
}

func splitRolePolicyID(id string) (role, name string, err error) {
	role, name, ok := strings.Cut(id, ":")
	if !ok {
		return "", "", errors.New("role_policy id must be of the form <role name>:<policy name>")
	}
	return role, name, nil
}

func (c *cloud) putRolePolicy(ctx context.Context, role, name, policy string) error {
	document, err := normalize(policy)
	if err != nil {
		return err
	}
	_, err = c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: awssdk.String(role), PolicyName: awssdk.String(name), PolicyDocument: awssdk.String(document),
	})
	if err != nil {
		return fmt.Errorf("putting IAM Role (%s) Policy (%s): %w", role, name, err)
	}
	return nil
}

func (c *cloud) readRolePolicy(ctx context.Context, id string, _ provider.Values) (provider.Values, error) {
	role, name, err := splitRolePolicyID(id)
	if err != nil {
		return nil, err
	}
	document, err := c.rolePolicyDocument(ctx, role, name)
	if noSuchEntity(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading IAM Role Policy (%s): %w", id, err)
	}
	return provider.Values{"role": role, "name": name, "namePrefix": prefixOf(name), "policy": document}, nil
}

func (c *cloud) rolePolicyDocument(ctx context.Context, role, name string) (string, error) {
	found, err := c.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{
		RoleName: awssdk.String(role), PolicyName: awssdk.String(name),
	})
	if err != nil {
		return "", err
	}
	return url.QueryUnescape(awssdk.ToString(found.PolicyDocument))
}

func (c *cloud) deleteRolePolicy(ctx context.Context, id string, _ provider.Values) error {
	role, name, err := splitRolePolicyID(id)
	if err != nil {
		return err
	}
	_, err = c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{
		RoleName: awssdk.String(role), PolicyName: awssdk.String(name),
	})
	if err != nil && !noSuchEntity(err) {
		return fmt.Errorf("deleting IAM Role Policy (%s): %w", id, err)
	}
	return nil
}

func (c *cloud) rolePolicyAttachment() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"role":      {Type: provider.String, Required: true, Replace: true},
			"policyArn": {Type: provider.String, Required: true, Replace: true, Valid: validARN},
		},
		Explain: explain,
		API: provider.API{
			Create:  c.attachRolePolicy,
			Read:    c.readRolePolicyAttachment,
			ReadNew: c.patient(c.readRolePolicyAttachment),
			Delete: func(ctx context.Context, _ string, state provider.Values) error {
				role, policy := state.String("role"), state.String("policyArn")
				_, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{
					RoleName: awssdk.String(role), PolicyArn: awssdk.String(policy),
				})
				if err != nil && !noSuchEntity(err) {
					return fmt.Errorf("detaching IAM Policy (%s) from IAM Role (%s): %w", policy, role, err)
				}
				return nil
			},
		},
	}
}

func (c *cloud) attachRolePolicy(ctx context.Context, in provider.Values) (string, error) {
	role, policy := in.String("role"), in.String("policyArn")
	err := c.retry(ctx, settling, func() error {
		_, err := c.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{
			RoleName: awssdk.String(role), PolicyArn: awssdk.String(policy),
		})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("attaching IAM Policy (%s) to IAM Role (%s): %w", policy, role, err)
	}
	return role + "-" + uniqueSuffix(), nil
}

func (c *cloud) readRolePolicyAttachment(ctx context.Context, id string, state provider.Values) (provider.Values, error) {
	role, policy := state.String("role"), state.String("policyArn")
	out := provider.Values{"id": id}
	if role == "" || policy == "" {
		// An import has nothing but the id, which then is role/policy.
		var ok bool
		if role, policy, ok = strings.Cut(id, "/"); !ok {
			return nil, fmt.Errorf("unexpected format of ID (%q), expected <role-name>/<policy_arn>", id)
		}
		out["id"] = role + "-" + policy
	}
	attached, err := c.attachedPolicies(ctx, role)
	if noSuchEntity(err) || err == nil && !slices.Contains(attached, policy) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading IAM Policy (%s) attached to IAM Role (%s): %w", policy, role, err)
	}
	out["role"], out["policyArn"] = role, policy
	return out, nil
}

func (c *cloud) policy() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"name":        nameInput(policyNameLength, autoNameLength),
			"namePrefix":  namePrefixInput(policyNameLength),
			"path":        {Type: provider.String, Replace: true, Default: "/"},
			"description": {Type: provider.String, Replace: true},
			"policy":      policyInput(),
			"tags":        tagsInput,
		},
		Outputs: []string{"arn", "attachmentCount", "policyId", "tagsAll"},
		Derive:  c.tagsAll,
		Explain: explain,
		API: provider.API{
			Create: c.createPolicy, Read: c.readPolicy, ReadNew: c.patient(c.readPolicy), Update: c.updatePolicy, Delete: c.deletePolicy,
		},
	}
}

func (c *cloud) createPolicy(ctx context.Context, in provider.Values) (string, error) {
	name := chosenName(in)
	document, err := normalize(in.String("policy"))
	if err != nil {
		return "", err
	}
	created, err := c.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName:     awssdk.String(name),
		Path:           text(in.String("path")),
		Description:    text(in.String("description")),
		PolicyDocument: awssdk.String(document),
		Tags:           iamTags(c.allTags(in)),
	})
	if err != nil {
		return "", fmt.Errorf("creating IAM Policy (%s): %w", name, err)
	}
	return awssdk.ToString(created.Policy.Arn), nil
}

func (c *cloud) readPolicy(ctx context.Context, arn string, _ provider.Values) (provider.Values, error) {
	found, err := c.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: awssdk.String(arn)})
	if noSuchEntity(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading IAM Policy (%s): %w", arn, err)
	}
	policy := found.Policy
	version, err := c.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{
		PolicyArn: awssdk.String(arn), VersionId: policy.DefaultVersionId,
	})
	if noSuchEntity(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading IAM Policy (%s): %w", arn, err)
	}
	document, err := url.QueryUnescape(awssdk.ToString(version.PolicyVersion.Document))
	if err != nil {
		return nil, fmt.Errorf("parsing IAM Policy (%s) document: %w", arn, err)
	}
	own, all := c.tagOutputs(tagMap(policy.Tags))
	return provider.Values{
		"arn":             awssdk.ToString(policy.Arn),
		"name":            awssdk.ToString(policy.PolicyName),
		"namePrefix":      prefixOf(awssdk.ToString(policy.PolicyName)),
		"path":            awssdk.ToString(policy.Path),
		"description":     awssdk.ToString(policy.Description),
		"policy":          document,
		"policyId":        awssdk.ToString(policy.PolicyId),
		"attachmentCount": awssdk.ToInt32(policy.AttachmentCount),
		"tags":            own,
		"tagsAll":         all,
	}, nil
}

// updatePolicy makes a new default version. IAM keeps at most five, so the oldest one goes first when there are that
// many.
func (c *cloud) updatePolicy(ctx context.Context, arn string, state, in provider.Values) error {
	if !samePolicy(state.String("policy"), in.String("policy")) {
		document, err := normalize(in.String("policy"))
		if err != nil {
			return err
		}
		if err := c.prunePolicyVersions(ctx, arn); err != nil {
			return err
		}
		_, err = c.iam.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{
			PolicyArn: awssdk.String(arn), PolicyDocument: awssdk.String(document), SetAsDefault: true,
		})
		if err != nil {
			return fmt.Errorf("updating IAM Policy (%s): %w", arn, err)
		}
	}
	return c.retag(state, in,
		func(keys []string) error {
			_, err := c.iam.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: awssdk.String(arn), TagKeys: keys})
			return err
		},
		func(tags map[string]string) error {
			_, err := c.iam.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: awssdk.String(arn), Tags: iamTags(tags)})
			return err
		})
}

const policyVersions = 5

func (c *cloud) prunePolicyVersions(ctx context.Context, arn string) error {
	versions, err := c.policyVersions(ctx, arn)
	if err != nil {
		return fmt.Errorf("reading IAM Policy (%s) versions: %w", arn, err)
	}
	if len(versions) < policyVersions {
		return nil
	}
	spare := slices.DeleteFunc(versions, func(v iamtypes.PolicyVersion) bool { return v.IsDefaultVersion })
	oldest := slices.MinFunc(spare, func(a, b iamtypes.PolicyVersion) int {
		return awssdk.ToTime(a.CreateDate).Compare(awssdk.ToTime(b.CreateDate))
	})
	return c.deletePolicyVersion(ctx, arn, oldest)
}

func (c *cloud) policyVersions(ctx context.Context, arn string) ([]iamtypes.PolicyVersion, error) {
	var versions []iamtypes.PolicyVersion
	pages := iam.NewListPolicyVersionsPaginator(c.iam, &iam.ListPolicyVersionsInput{PolicyArn: awssdk.String(arn)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		versions = append(versions, page.Versions...)
	}
	return versions, nil
}

func (c *cloud) deletePolicyVersion(ctx context.Context, arn string, version iamtypes.PolicyVersion) error {
	_, err := c.iam.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{
		PolicyArn: awssdk.String(arn), VersionId: version.VersionId,
	})
	if err != nil {
		return fmt.Errorf("deleting IAM Policy (%s) version (%s): %w", arn, awssdk.ToString(version.VersionId), err)
	}
	return nil
}

func (c *cloud) deletePolicy(ctx context.Context, arn string, _ provider.Values) error {
	versions, err := c.policyVersions(ctx, arn)
	if noSuchEntity(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading IAM Policy (%s) versions: %w", arn, err)
	}
	for _, version := range versions {
		if version.IsDefaultVersion {
			continue
		}
		if err := c.deletePolicyVersion(ctx, arn, version); err != nil {
			return err
		}
	}
	_, err = c.iam.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: awssdk.String(arn)})
	if err != nil && !noSuchEntity(err) {
		return fmt.Errorf("deleting IAM Policy (%s): %w", arn, err)
	}
	return nil
}
