package components

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// OidcProviderType is the type token of [OidcProvider].
const OidcProviderType = "eks-irsa:index:OidcProvider"

// OwnerTag is the tag that names the stack which created an OIDC provider, as organization/project/stack. It tells a
// provider of this stack, which the next run must keep, from a foreign one, which no run may touch.
const OwnerTag = "eks-irsa/owner"

// OidcProviderArgs are the arguments of [NewOidcProvider]. Exactly one of Issuer, ClusterName and NewClusterIssuer is
// needed.
type OidcProviderArgs struct {
	// Issuer is the cluster's OIDC issuer URL, https://oidc.eks.<region>.amazonaws.com/id/<id>. IAM is asked for a
	// provider of that issuer, which is adopted if there is one.
	Issuer string
	// ClusterName is an EKS cluster whose issuer is looked up.
	ClusterName string
	// NewClusterIssuer is the issuer of a cluster that this same program creates. Nobody else can have registered it
	// yet, so the provider is always created.
	NewClusterIssuer pulumi.StringInput
	// ClientIDs are the audiences that the provider accepts. Default: sts.amazonaws.com, in every partition; a list
	// must contain it, as it is the audience of every token of the EKS pod identity webhook.
	ClientIDs []string
	// Thumbprints are SHA-1 fingerprints (40 hexadecimal digits) of the issuer's top certificate. Default: none, IAM
	// has not needed them since 2024; see [Thumbprint].
	Thumbprints []string
	// Tags are added to a provider that this stack creates.
	Tags pulumi.StringMapInput
}

// OidcProvider is the IAM OIDC provider of a cluster's issuer. There can be one per issuer and account. One that exists
// already, whoever made it, is adopted by reference: it is not in the stack's state, never changed and never deleted.
// One that this stack created is recognised by [OwnerTag]; if that tag is taken off by hand, the next run takes the
// provider for a foreign one and removes it from the stack, so leave it there.
//
// One OidcProvider serves any number of [IrsaRole]s of a cluster: make it once and pass it on.
type OidcProvider struct {
	pulumi.ResourceState

	// Arn is the provider's ARN.
	Arn pulumi.StringOutput `pulumi:"arn"`
	// Url is the issuer with https://.
	Url pulumi.StringOutput `pulumi:"url"` //nolint:revive // Pulumi's own spelling of the property
	// Issuer is the issuer without https://, as condition keys of trust policies want it.
	Issuer pulumi.StringOutput `pulumi:"issuer"`
	// Adopted tells that the provider was found and is not managed by this stack.
	Adopted bool
}

// NewOidcProvider adopts or creates the OIDC provider of an issuer. Besides faults of the arguments it fails when IAM
// cannot be asked, and when the provider that it finds does not accept the audience sts.amazonaws.com, as no pod could
// assume a role through it.
func NewOidcProvider(
	ctx *pulumi.Context, name string, args *OidcProviderArgs, opts ...pulumi.ResourceOption,
) (*OidcProvider, error) {
	component := &OidcProvider{}
	children, err := register(ctx, OidcProviderType, name, component, args.Validate(), opts...)
	if err != nil {
		return nil, err
	}
	if err := component.adoptOrCreate(ctx, name, args, children); err != nil {
		return nil, failure(OidcProviderType, name, err)
	}
	outputs := pulumi.Map{
		"arn": component.Arn, "url": component.Url, "issuer": component.Issuer, "adopted": pulumi.Bool(component.Adopted),
	}
	if err := ctx.RegisterResourceOutputs(component, outputs); err != nil {
		return nil, fmt.Errorf("registering the outputs of OidcProvider %q: %w", name, err)
	}
	return component, nil
}

var thumbprintForm = regexp.MustCompile(`^[0-9A-Fa-f]{40}$`)

// Validate reports every fault of the arguments, each with its path; nil arguments are a fault.
func (args *OidcProviderArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	var faults []error
	sources := 0
	if args.Issuer != "" {
		sources++
		faults = append(faults, fault.At("issuer", validIssuer(args.Issuer)))
	}
	if args.ClusterName != "" {
		sources++
	}
	if args.NewClusterIssuer != nil {
		sources++
	}
	if sources != 1 {
		faults = append(faults, errors.New("issuer: give exactly one of issuer, clusterName and newClusterIssuer"))
	}
	if len(args.ClientIDs) > 0 && !slices.Contains(args.ClientIDs, iampolicy.Audience) {
		faults = append(faults, fmt.Errorf("clientIds: must contain %q, the audience of the pods' tokens", iampolicy.Audience))
	}
	faults = append(faults, validateNames("clientIds", args.ClientIDs))
	for i, thumbprint := range args.Thumbprints {
		if !thumbprintForm.MatchString(thumbprint) {
			faults = append(faults, fmt.Errorf("thumbprints[%d]: %q is not a SHA-1 fingerprint of 40 hexadecimal digits", i, thumbprint))
		}
	}
	return errors.Join(faults...)
}

func validIssuer(issuer string) error {
	_, err := iampolicy.ParseIssuer(issuer)
	return err
}

func (p *OidcProvider) adoptOrCreate(
	ctx *pulumi.Context, name string, args *OidcProviderArgs, children children,
) error {
	if args.NewClusterIssuer != nil {
		return p.create(ctx, name, args, args.NewClusterIssuer, children)
	}
	issuer := args.Issuer
	if args.ClusterName != "" {
		var err error
		if issuer, err = clusterIssuer(ctx, args.ClusterName, pulumi.Parent(p)); err != nil {
			return err
		}
	}
	issuer, err := iampolicy.ParseIssuer(issuer)
	if err != nil {
		return err
	}
	url := "https://" + issuer
	found, err := lookupOidcProvider(ctx, url, pulumi.Parent(p))
	if err != nil {
		return fmt.Errorf("looking up the IAM OIDC provider of %s: %w", url, err)
	}
	switch {
	case found == nil:
		return p.create(ctx, name, args, pulumi.String(url), children)
	case found.Tags[OwnerTag] == owner(ctx):
		// The ID makes the engine take the provider into the state if a killed run created it and could not record it;
		// for a provider that is in the state it changes nothing.
		return p.create(ctx, name, args, pulumi.String(url), children.with(pulumi.Import(pulumi.ID(found.Arn))))
	default:
		return p.adopt(issuer, found)
	}
}

func (p *OidcProvider) adopt(issuer string, found *iam.LookupOpenIdConnectProviderResult) error {
	if !slices.Contains(found.ClientIdLists, iampolicy.Audience) {
		return fmt.Errorf("%s exists and belongs to somebody else, and its client IDs %q lack %q: no pod can assume a role "+
			"through it; its owner can add the client ID (aws iam add-client-id-to-open-id-connect-provider)",
			found.Arn, found.ClientIdLists, iampolicy.Audience)
	}
	p.Adopted = true
	p.Arn = pulumi.String(found.Arn).ToStringOutput()
	p.Url = pulumi.String("https://" + issuer).ToStringOutput()
	p.Issuer = pulumi.String(issuer).ToStringOutput()
	return nil
}

// create registers the provider as a resource of this stack.
func (p *OidcProvider) create(
	ctx *pulumi.Context, name string, args *OidcProviderArgs, url pulumi.StringInput, opts []pulumi.ResourceOption,
) error {
	clientIDs := args.ClientIDs
	if len(clientIDs) == 0 {
		clientIDs = []string{iampolicy.Audience}
	}
	resourceArgs := &iam.OpenIdConnectProviderArgs{
		Url:           url,
		ClientIdLists: pulumi.ToStringArray(clientIDs),
		Tags:          withOwner(ctx, args.Tags),
	}
	if len(args.Thumbprints) > 0 {
		resourceArgs.ThumbprintLists = pulumi.ToStringArray(args.Thumbprints)
	}
	provider, err := iam.NewOpenIdConnectProvider(ctx, name, resourceArgs, opts...)
	if err != nil {
		return fmt.Errorf("creating the IAM OIDC provider: %w", err)
	}
	p.Arn = provider.Arn
	// IAM gives the URL back without its scheme, so both forms are made from the one parsed issuer.
	p.Issuer = url.ToStringOutput().ApplyT(func(url string) (string, error) {
		issuer, err := iampolicy.ParseIssuer(url)
		return issuer, failure(OidcProviderType, name, err)
	}).(pulumi.StringOutput)
	p.Url = pulumi.Sprintf("https://%s", p.Issuer)
	return nil
}

// owner identifies the stack; OwnerTag holds it.
func owner(ctx *pulumi.Context) string {
	return strings.Join([]string{ctx.Organization(), ctx.Project(), ctx.Stack()}, "/")
}

func withOwner(ctx *pulumi.Context, tags pulumi.StringMapInput) pulumi.StringMapInput {
	own := owner(ctx)
	if tags == nil {
		return pulumi.StringMap{OwnerTag: pulumi.String(own)}
	}
	return tags.ToStringMapOutput().ApplyT(func(tags map[string]string) map[string]string {
		all := maps.Clone(tags)
		if all == nil {
			all = map[string]string{}
		}
		all[OwnerTag] = own
		return all
	}).(pulumi.StringMapOutput)
}

// notFound tells whether the AWS provider's data source says that IAM has no provider of that URL; it has only a text for
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

// lookupOidcProvider is nil when the account has no provider of that URL.
func lookupOidcProvider(
	ctx *pulumi.Context, url string, opts ...pulumi.InvokeOption,
) (*iam.LookupOpenIdConnectProviderResult, error) {
	found, err := iam.LookupOpenIdConnectProvider(ctx, &iam.LookupOpenIdConnectProviderArgs{Url: &url}, opts...)
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
