package stacks

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// accountTypes are the type tokens of what there can be one of for a service account.
var accountTypes = []string{
	"kubernetes:core/v1:ServiceAccount", "kubernetes:core/v1:ServiceAccountPatch", "aws:eks/podIdentityAssociation:PodIdentityAssociation",
}

// readRolesBefore finds in the stack's state which role has each service account. The outputs do not know: an update that fails, with
// a proof for example, leaves those of the one before, and accounts may have gone from one role to another in it.
func (p *platform) readRolesBefore(stack string) {
	var found struct {
		// The URNs are enough. The SDK would look for every resource that the rest refers to, and fail where one is not there.
		Outputs map[string]struct{} `pulumi:"outputs"`
	}
	if err := p.ctx.Invoke("pulumi:pulumi:readStackResourceOutputs", pulumi.Map{"stackName": pulumi.String(stack)}, &found); err != nil {
		// It matters to accounts that have moved only: Kubernetes refuses to have these made again.
		_ = p.ctx.Log.Debug("the stack's own state cannot be read: "+err.Error(), nil)
	}
	p.rolesBefore = map[string][]string{}
	for urn := range found.Outputs {
		urn := resource.URN(urn)
		if !slices.Contains(accountTypes, string(urn.Type())) {
			continue
		}
		// The name is <role>/<cluster>/<namespace>/<account>, and the keys of roles and clusters may have slashes, too.
		parts := strings.Split(urn.Name(), "/")
		for i := 1; i < len(parts)-2; i++ {
			account := strings.Join(parts[i:], "/")
			p.rolesBefore[account] = append(p.rolesBefore[account], strings.Join(parts[:i], "/"))
		}
	}
}

// earlierRoles are the roles that had a service account, other than the one that it has now.
func (p *platform) earlierRoles(key string, role Role, account components.ServiceAccountArgs) []string {
	var earlier []string
	for _, cluster := range role.Clusters {
		for _, name := range p.cfg.Clusters[cluster].keys(cluster) {
			earlier = append(earlier, p.rolesBefore[name+"/"+account.Namespace+"/"+account.Name]...)
		}
	}
	slices.Sort(earlier)
	return slices.DeleteFunc(slices.Compact(earlier), func(other string) bool {
		return other == key || slices.Contains(role.Aliases, other)
	})
}
