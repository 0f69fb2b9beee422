package components

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// OwnerTag is the tag that names the stack which created an OIDC provider, as organization/project/stack or as the stack's
// [OidcProviderArgs.Owner]. It tells a provider of this stack, which the next run must keep, from a foreign one, which no
// run may touch.
const OwnerTag = "eks-irsa/owner"

// owner identifies the stack; OwnerTag holds it.
func (args *OidcProviderArgs) owner(ctx *pulumi.Context) string {
	if args.Owner != "" {
		return args.Owner
	}
	return strings.Join([]string{ctx.Organization(), ctx.Project(), ctx.Stack()}, "/")
}

func withOwner(owner string, tags pulumi.StringMapInput) pulumi.StringMapInput {
	if tags == nil {
		return pulumi.StringMap{OwnerTag: pulumi.String(owner)}
	}
	return tags.ToStringMapOutput().ApplyT(func(tags map[string]string) map[string]string {
		all := maps.Clone(tags)
		if all == nil {
			all = map[string]string{}
		}
		all[OwnerTag] = owner
		return all
	}).(pulumi.StringMapOutput)
}

// beforeCreation refuses to create a provider that was found with this stack's tag: only the engine knows that the state does
// not hold it. IAM would refuse it too, but cannot say what to do.
func (p *OidcProvider) beforeCreation(
	ctx *pulumi.Context, name string, args *OidcProviderArgs, url string,
) (pulumi.ResourceOption, error) {
	refuse := func(*pulumi.ResourceHookArgs) error {
		found, err := lookupOidcProvider(ctx, url, pulumi.Parent(p))
		if err != nil {
			return fmt.Errorf("looking up the IAM OIDC provider of %s: %w", url, err)
		}
		if found == nil {
			return nil // This is a replacement, and the old one is deleted.
		}
		refusal := fmt.Errorf("%s exists with this stack's tag %s=%s, but this stack's state does not hold it as its own. If an "+
			"interrupted update made it, or an earlier one released it, take it over with `import: true` for one update. If "+
			"another stack of this name made it, in another backend, give this stack an `owner` of its own",
			found.Arn, OwnerTag, args.owner(ctx))
		if ctx.DryRun() {
			// A preview deletes nothing, so it does not know a replacement from a creation.
			return ctx.Log.Warn("unless this is a replacement, the update will fail: "+refusal.Error(), &pulumi.LogArgs{Resource: p})
		}
		return refusal
	}
	hook, err := ctx.RegisterResourceHook(fmt.Sprintf("OidcProvider %s of %s", name, url), refuse,
		&pulumi.ResourceHookOptions{OnDryRun: true})
	if err != nil {
		return nil, fmt.Errorf("registering the hook before the creation: %w", err)
	}
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{BeforeCreate: []*pulumi.ResourceHook{hook}}), nil
}

// warnOfEarlierName tells of a foreign provider of the same project that it may be this stack's own, made when the stack had
// another name or was in another organization.
func (p *OidcProvider) warnOfEarlierName(
	ctx *pulumi.Context, args *OidcProviderArgs, found *iam.LookupOpenIdConnectProviderResult,
) error {
	tag := found.Tags[OwnerTag]
	if parts := strings.Split(tag, "/"); len(parts) != 3 || parts[1] != ctx.Project() {
		return nil
	}
	return ctx.Log.Warn(fmt.Sprintf("%s carries the tag %s=%s, and this stack is %s: it is only read, and destroy leaves it. If "+
		"%s is an earlier name of this stack, `owner: %s` makes the provider this stack's again; where an update has released it "+
		"by then, together with `import: true` for one update", found.Arn, OwnerTag, tag, args.owner(ctx), tag, tag),
		&pulumi.LogArgs{Resource: p})
}

// notFound reports whether the AWS provider's data source says that IAM has no provider of that URL; it has only a text for
// that, another one in each generation. Any other failure, a denied ListOpenIDConnectProviders for example, must not be
// taken for absence.
func notFound(url string, err error) bool {
	for _, text := range []string{"not found", "couldn't find resource"} {
		if strings.Contains(err.Error(), fmt.Sprintf("(%s): %s", url, text)) {
			return true
		}
	}
	return strings.Contains(err.Error(), "NoSuchEntity")
}

// shownWithin is how often IAM is asked, a second apart, for a provider that it lists and does not show. One that was just made
// is listed first, by another of IAM's servers, and is there on the next question; one that was just deleted is not.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
const shownWithin = 5

// lookupOidcProvider is nil when the account has no provider of that URL.
func lookupOidcProvider(
	ctx *pulumi.Context, url string, opts ...pulumi.InvokeOption,
) (found *iam.LookupOpenIdConnectProviderResult, err error) {
	for range shownWithin {
		found, err = iam.LookupOpenIdConnectProvider(ctx, &iam.LookupOpenIdConnectProviderArgs{Url: &url}, opts...)
		if err == nil || !strings.Contains(err.Error(), "NoSuchEntity") {
			break
		}
		select {
		case <-ctx.Context().Done():
			return nil, ctx.Context().Err()
		case <-time.After(time.Second):
		}
	}
	if err != nil && notFound(url, err) {
		return nil, nil //nolint:nilnil // absence is an answer here, not an error
	}
	return found, err
}

// clusterIssuer asks EKS for the issuer of a cluster.
func clusterIssuer(ctx *pulumi.Context, cluster string, opts ...pulumi.InvokeOption) (string, error) {
	found, err := eks.LookupCluster(ctx, &eks.LookupClusterArgs{Name: cluster}, opts...)
	if err != nil {
		return "", fmt.Errorf("looking up EKS cluster %q: %w", cluster, err)
	}
	if len(found.Identities) == 0 || len(found.Identities[0].Oidcs) == 0 {
		return "", fmt.Errorf("EKS cluster %q has no OIDC issuer", cluster)
	}
	return found.Identities[0].Oidcs[0].Issuer, nil
}
