package tests

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

func TestIrsaRoleHasItsOwnPoliciesAloneWhereTheyAreExclusive(t *testing.T) {
	t.Parallel()
	r, _ := fullIrsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.ExclusivePolicies, args.Preset = true, presets.EBSCSI{Keys: []string{"arn:aws:kms:eu-west-1:" + account + ":key/12345678-90ab-cdef-1234-567890abcdef"}}
	})
	inline, attached := r.one(t, inlineExclusiveType, "app"), r.one(t, attachedExclusiveType, "app")
	assert.JSONEq(t, `{"roleName": "eks-apps-one", "policyNames": ["describe", "ebs-csi-keys"]}`, inline.json(t))
	assert.JSONEq(t, `{"roleName": "eks-apps-one", "policyArns": [
		"arn:aws:iam::`+account+`:policy/buckets", "arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2",
		"arn:aws:iam::aws:policy/SecurityAudit", "arn:aws:iam::aws:policy/ReadOnlyAccess"
	]}`, attached.json(t))
	own := []string{"RolePolicy/app/describe", "RolePolicyAttachment/app/buckets", "RolePolicyAttachment/app/read"}
	assert.Subset(t, inline.dependencies(), own)
	assert.Subset(t, attached.dependencies(), own, "its own are there before others go")
	assert.Contains(t, r.one(t, jobType, "app/hub/apps/one-irsa-test").dependencies(), "RolePolicyAttachmentsExclusive/app",
		"a check is made with its own policies")
}

func TestIrsaRoleLeavesPoliciesOfOthersAlone(t *testing.T) {
	t.Parallel()
	r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.PolicyAttachments = map[string]pulumi.StringInput{"read": pulumi.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}
	})
	assert.Empty(t, r.ofType(inlineExclusiveType))
	assert.Empty(t, r.ofType(attachedExclusiveType))
}

func TestIrsaRoleIsImported(t *testing.T) {
	t.Parallel()
	r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) { args.Import = true })
	assert.Equal(t, "eks-default-app", r.one(t, roleType, "app").RegisterRPC.GetImportId())
	r, _ = irsaRole.made(t, nil)
	assert.Empty(t, r.one(t, roleType, "app").RegisterRPC.GetImportId())
	irsaRole.refuses(t, []refusal[components.IrsaRoleArgs]{
		{"a prefix", "import: needs the name of the role that exists, not a prefix", func(args *components.IrsaRoleArgs) {
			args.Import, args.NamePrefix = true, "app-"
		}},
	})
}
