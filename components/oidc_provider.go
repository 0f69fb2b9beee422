package components

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// OidcProviderType is the type token of [OidcProvider].
const OidcProviderType = "eks-irsa:index:OidcProvider"

// OidcProviderArgs are the arguments of [NewOidcProvider]. Exactly one of Issuer, ClusterName and IssuerOfNewCluster is
// needed. The json names are those of Pulumi.<env>.yaml.
type OidcProviderArgs struct {
	// Issuer is the cluster's OIDC issuer URL, https://oidc.eks.<region>.amazonaws.com/id/<id>. IAM is asked for a
	// provider of that issuer, which is adopted if there is one.
	Issuer string `json:"-"`
	// ClusterName is an EKS cluster whose issuer is looked up.
	ClusterName string `json:"-"`
	// IssuerOfNewCluster is the issuer of a cluster that this same program creates. No other stack or tool can have
	// registered it yet, so the provider is always created.
	IssuerOfNewCluster pulumi.StringInput `json:"-"`
	// ClientIDs are the audiences that the provider accepts. Default: sts.amazonaws.com, in every partition; a list
	// must contain it, as it is the audience of every token of the EKS pod identity webhook.
	ClientIDs []string `json:"clientIds"`
	// Thumbprints are SHA-1 fingerprints (40 hexadecimal digits) of the issuer's top certificate. Default: none, IAM
	// has not needed them since 2024; see [Thumbprint].
	Thumbprints []string `json:"thumbprints"`
	// Tags are added to a provider that this stack creates.
	Tags pulumi.StringMapInput `json:"-"`
	// Owner is what [OwnerTag] says of this stack, 1 to 256 letters, digits, spaces and _ . : / = + - @. Default:
	// organization/project/stack. Another value lets a stack be renamed or moved and keep its providers, and tells two
	// stacks of one name, in two backends, apart. With a new value a stack only reads the providers that it made under the
	// old one, unless Import is set.
	Owner string `json:"-"`
	// Import takes over the provider that exists, whichever stack or tool made it: from then on this stack changes it and
	// deletes it. It is meant for one update, as Pulumi refuses to replace a resource that is still to be imported.
	// Default: false.
	Import bool `json:"import"`
	// RetainOnDelete leaves a provider of this stack where it is when the stack is destroyed, as other stacks and tools may
	// use it by then; the next update takes it back. Default: false.
	RetainOnDelete bool `json:"retainOnDelete"`
}

// OidcProvider is the IAM OIDC provider of a cluster's issuer. There can be one per issuer and account. One that exists
// already, whichever stack or tool made it, is adopted: it is in the stack's state as a resource that is only read, never
// changed and never deleted. One that this stack created is recognised by [OwnerTag]. If that tag is taken off by hand, or
// the stack gets another name, the next run takes the provider for a foreign one: Pulumi then releases it, which changes
// nothing in IAM.
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
	// Adopted reports whether the provider was found and is only read by this stack.
	Adopted bool
}

// NewOidcProvider adopts or creates the OIDC provider of an issuer. Besides errors of the arguments it fails when IAM
// cannot be asked, and when the provider that it finds does not accept the audience sts.amazonaws.com, as no pod could
// assume a role through it.
func NewOidcProvider(
	ctx *pulumi.Context, name string, args *OidcProviderArgs, opts ...pulumi.ResourceOption,
) (*OidcProvider, error) {
	component := &OidcProvider{}
	err := construct(ctx, OidcProviderType, name, component, args.Validate(), opts, func(children children) error {
		return component.adoptOrCreate(ctx, name, args, children)
	})
	if err != nil {
		return nil, err
	}
	return component, nil
}

// What IAM keeps of an OIDC provider: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
const (
	maxClientIDs   = 100
	maxClientID    = 255
	maxThumbprints = 5
)

var thumbprintForm = regexp.MustCompile(`^[0-9A-Fa-f]{40}$`)

// Validate reports every error of the arguments, each with its path; nil arguments are an error.
func (args *OidcProviderArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	sources := 0
	for _, given := range []bool{args.Issuer != "", args.ClusterName != "", args.IssuerOfNewCluster != nil} {
		if given {
			sources++
		}
	}
	var found fielderr.List
	found.Add("issuer", fielderr.IfGiven(args.Issuer, validIssuer))
	found.Add("clusterName", fielderr.IfGiven(args.ClusterName, ValidateClusterName))
	found.Refuse(sources != 1, "issuer", "give exactly one of issuer, clusterName and issuerOfNewCluster")
	found.Refuse(args.Import && args.IssuerOfNewCluster != nil, "import",
		"not for a cluster that is still to be created, which has no provider yet")
	found.Add("", args.ValidateSettings())
	return found.Err()
}

// ValidateSettings is [OidcProviderArgs.Validate] without the issuer, for a program that does not know it yet.
func (args *OidcProviderArgs) ValidateSettings() error {
	var found fielderr.List
	found.Refuse(len(args.ClientIDs) > 0 && !slices.Contains(args.ClientIDs, iampolicy.Audience), "clientIds",
		"must contain %q, the audience of the pods' tokens", iampolicy.Audience)
	found.Add("clientIds", fielderr.Names(args.ClientIDs, validateClientID))
	found.Refuse(len(args.ClientIDs) > maxClientIDs, "clientIds", "there are %d; IAM allows %d", len(args.ClientIDs), maxClientIDs)
	found.Add("thumbprints", fielderr.Names(args.Thumbprints, validateThumbprint))
	found.Refuse(len(args.Thumbprints) > maxThumbprints, "thumbprints",
		"there are %d; IAM allows %d", len(args.Thumbprints), maxThumbprints)
	found.Add("owner", validateTagValue(args.Owner))
	found.Add("", validateIAMTags(args.Tags, OwnerTag))
	return found.Err()
}

// validateClientID checks the length alone, as audiences have no form of their own.
func validateClientID(clientID string) error {
	switch length := len([]rune(clientID)); {
	case clientID == "":
		return errors.New("must not be empty")
	case length > maxClientID:
		return fmt.Errorf("has %d characters; IAM allows %d", length, maxClientID)
	default:
		return validatePrintable(clientID)
	}
}

func validateThumbprint(thumbprint string) error {
	if !thumbprintForm.MatchString(thumbprint) {
		return fmt.Errorf("%q is not a SHA-1 fingerprint of 40 hexadecimal digits", thumbprint)
	}
	return nil
}

func validIssuer(issuer string) error {
	_, err := iampolicy.ParseIssuer(issuer)
	return err
}

func (p *OidcProvider) adoptOrCreate(
	ctx *pulumi.Context, name string, args *OidcProviderArgs, children children,
) error {
	if args.IssuerOfNewCluster != nil {
		return p.manage(ctx, name, args, args.IssuerOfNewCluster, children.named(name))
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
	switch own := found != nil && found.Tags[OwnerTag] == args.owner(ctx); {
	case found == nil:
		return p.manage(ctx, name, args, pulumi.String(url), children.named(name))
	case args.Import, own && args.RetainOnDelete:
		// The engine imports it only where the state does not hold it.
		return p.manage(ctx, name, args, pulumi.String(url), children.named(name, pulumi.Import(pulumi.ID(found.Arn))))
	case own:
		hook, err := p.beforeCreation(ctx, name, args, url)
		if err != nil {
			return err
		}
		return p.manage(ctx, name, args, pulumi.String(url), children.named(name, hook))
	default:
		return p.adopt(ctx, name, args, issuer, found, children)
	}
}

// adopt reads the provider under the name that a created one has, and so under the same URN: where the state holds it as one
// of this stack's, the engine then releases it. Not to register it would make the engine delete it. Reads have no aliases, so
// it is read under the earlier names, too.
func (p *OidcProvider) adopt(
	ctx *pulumi.Context, name string, args *OidcProviderArgs, issuer string,
	found *iam.LookupOpenIdConnectProviderResult, children children,
) error {
	if !slices.Contains(found.ClientIdLists, iampolicy.Audience) {
		return fmt.Errorf("%s exists and belongs to another stack or tool, and its client IDs %q lack %q: no pod can assume a role "+
			"through it; its owner can add the client ID (aws iam add-client-id-to-open-id-connect-provider)",
			found.Arn, found.ClientIdLists, iampolicy.Audience)
	}
	if err := p.warnOfEarlierName(ctx, args, found); err != nil {
		return err
	}
	for _, name := range children.names.all(name) {
		if _, err := iam.GetOpenIdConnectProvider(ctx, name, pulumi.ID(found.Arn), nil, children.options...); err != nil {
			return fmt.Errorf("reading the IAM OIDC provider: %w", err)
		}
	}
	p.Adopted = true
	p.Arn = pulumi.String(found.Arn).ToStringOutput()
	p.Url = pulumi.String("https://" + issuer).ToStringOutput()
	p.Issuer = pulumi.String(issuer).ToStringOutput()
	return nil
}

// manage registers the provider as a resource of this stack.
func (p *OidcProvider) manage(
	ctx *pulumi.Context, name string, args *OidcProviderArgs, url pulumi.StringInput, opts []pulumi.ResourceOption,
) error {
	clientIDs := args.ClientIDs
	if len(clientIDs) == 0 {
		clientIDs = []string{iampolicy.Audience}
	}
	resourceArgs := &iam.OpenIdConnectProviderArgs{
		Url:           url,
		ClientIdLists: pulumi.ToStringArray(clientIDs),
		Tags:          withOwner(args.owner(ctx), args.Tags),
	}
	if len(args.Thumbprints) > 0 {
		resourceArgs.ThumbprintLists = pulumi.ToStringArray(args.Thumbprints)
	}
	// There can be one per issuer, so the old one goes first, also where `pulumi up --replace` asks for another.
	opts = append(slices.Clone(opts), pulumi.DeleteBeforeReplace(true), pulumi.RetainOnDelete(args.RetainOnDelete))
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
