// Package aws stands in for the official pulumi-aws plugin: the resources and functions of it that this project uses,
// on the real AWS APIs by the official SDK. Behaviour follows pulumi-aws v6 and the Terraform provider behind it.
package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// Version is the version of pulumi-aws that this package stands in for.
const Version = "6.83.2"

// cloud is one configured provider: one account, one region.
type cloud struct {
	region      string
	defaultTags map[string]string
	propagation time.Duration

	iam *iam.Client
	sts *sts.Client
	s3  *s3.Client
	eks *eks.Client

	quotas *servicequotas.Client
}

// Plugin is the stand-in as a resource provider. The endpoint of the APIs is the SDK's own business: set
// AWS_ENDPOINT_URL.
func Plugin() provider.Plugin {
	c := &cloud{propagation: propagation}
	return provider.Plugin{
		Name:          "aws",
		Version:       Version,
		Config:        configInputs,
		Configure:     c.configure,
		ReplaceConfig: otherRegion,
		Resources: map[string]provider.Table{
			"aws:iam/role:Role":                                 c.role(),
			"aws:iam/rolePolicy:RolePolicy":                     c.rolePolicy(),
			"aws:iam/rolePolicyAttachment:RolePolicyAttachment": c.rolePolicyAttachment(),
			"aws:iam/policy:Policy":                             c.policy(),

			"aws:iam/rolePoliciesExclusive:RolePoliciesExclusive":                   c.rolePoliciesExclusive(),
			"aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": c.rolePolicyAttachmentsExclusive(),

			"aws:iam/openIdConnectProvider:OpenIdConnectProvider":     c.openIDConnectProvider(),
			"aws:s3/bucketV2:BucketV2":                                c.bucket(),
			"aws:s3/bucketObjectv2:BucketObjectv2":                    c.bucketObject(),
			"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":  c.bucketPublicAccessBlock(),
			"aws:eks/accessEntry:AccessEntry":                         c.accessEntry(),
			"aws:eks/accessPolicyAssociation:AccessPolicyAssociation": c.accessPolicyAssociation(),
			"aws:eks/podIdentityAssociation:PodIdentityAssociation":   c.podIdentityAssociation(),
		},
		Functions: map[string]provider.Function{
			"aws:index/getCallerIdentity:getCallerIdentity":             c.getCallerIdentity(),
			"aws:index/getPartition:getPartition":                       c.getPartition(),
			"aws:index/getRegion:getRegion":                             c.getRegion(),
			"aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": c.getOpenIDConnectProvider(),
			"aws:iam/getPolicy:getPolicy":                               c.getPolicy(),
			"aws:eks/getCluster:getCluster":                             c.getCluster(),
			"aws:eks/getClusters:getClusters":                           c.getClusters(),
			"aws:eks/getAccessEntry:getAccessEntry":                     c.getAccessEntry(),
			"aws:eks/getAddon:getAddon":                                 c.getAddon(),
			"aws:servicequotas/getServiceQuota:getServiceQuota":         c.getServiceQuota(),
		},
		Explain: func(token string, err error) error {
			return fmt.Errorf("invoking %s: %w", token, explain(err))
		},
	}
}

// otherRegion tells that the provider is for another region. The official plugin then has everything replaced that was
// made with it, IAM's things too, although IAM has no regions. Other credentials replace nothing.
func otherRegion(old, given property.Map) string {
	if old.Get("region").Equals(given.Get("region")) {
		return ""
	}
	return "region"
}

// explain wraps an error the way that the Terraform bridge prints diagnostics.
func explain(err error) error { return fmt.Errorf("1 error occurred:\n\t* %w\n\n", err) } //nolint:revive,staticcheck // the official text ends so

var configInputs = provider.Inputs{
	"region":     {Type: provider.String},
	"profile":    {Type: provider.String},
	"accessKey":  {Type: provider.String},
	"secretKey":  {Type: provider.String},
	"token":      {Type: provider.String},
	"maxRetries": {Type: provider.Int},
	"assumeRole": {Type: provider.Object, Fields: provider.Inputs{
		"roleArn":           {Type: provider.String, Valid: validARN},
		"sessionName":       {Type: provider.String},
		"externalId":        {Type: provider.String},
		"duration":          {Type: provider.String, Valid: validDuration},
		"policy":            {Type: provider.String, Valid: validPolicy},
		"policyArns":        {Type: provider.Set, Valid: validARN},
		"sourceIdentity":    {Type: provider.String},
		"tags":              {Type: provider.Map},
		"transitiveTagKeys": {Type: provider.Set},
	}},
	"defaultTags": {Type: provider.Object, Fields: provider.Inputs{
		"tags": {Type: provider.Map},
	}},
	"allowedAccountIds":         {Type: provider.Set},
	"s3UsePathStyle":            {Type: provider.Bool},
	"skipCredentialsValidation": {Type: provider.Bool},
	"skipMetadataApiCheck":      {Type: provider.Bool},
	"skipRegionValidation":      {Type: provider.Bool},
	"skipRequestingAccountId":   {Type: provider.Bool},
}

func (c *cloud) configure(ctx context.Context, settings provider.Values) error {
	sdk, err := loadConfig(ctx, settings)
	if err != nil {
		return fmt.Errorf("loading AWS configuration: %w", err)
	}
	if sdk.Region == "" {
		// The wording of the official plugin, which programs and people know.
		return errors.New("missing required configuration key \"aws:region\": The region where AWS operations will take place. " +
			"Examples are us-east-1, us-west-2, etc.\nSet a value using the command `pulumi config set aws:region <value>`")
	}
	c.region = sdk.Region
	c.defaultTags = settings.Object("defaultTags").StringMap("tags")
	c.iam = iam.NewFromConfig(sdk)
	c.sts = sts.NewFromConfig(sdk)
	c.eks = eks.NewFromConfig(sdk)
	c.quotas = servicequotas.NewFromConfig(sdk)
	c.s3 = s3.NewFromConfig(sdk, func(o *s3.Options) {
		o.UsePathStyle = settings.Bool("s3UsePathStyle")
		o.Retryer = retry.AddWithErrorCodes(o.Retryer, "OperationAborted")
	})
	return c.checkAccount(ctx, settings)
}

func loadConfig(ctx context.Context, settings provider.Values) (awssdk.Config, error) {
	attempts := maxAttempts
	if n := settings.Int("maxRetries"); n > 0 {
		attempts = n
	}
	options := []func(*config.LoadOptions) error{
		config.WithRegion(settings.String("region")),
		config.WithSharedConfigProfile(settings.String("profile")),
		config.WithRetryer(func() awssdk.Retryer { return newRetryer(attempts) }),
	}
	if key := settings.String("accessKey"); key != "" {
		options = append(options, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(key, settings.String("secretKey"), settings.String("token"))))
	}
	sdk, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return awssdk.Config{}, err
	}
	if role := settings.Object("assumeRole"); role.String("roleArn") != "" {
		sdk.Credentials = awssdk.NewCredentialsCache(
			stscreds.NewAssumeRoleProvider(sts.NewFromConfig(sdk), role.String("roleArn"), assumeRole(role)))
	}
	return sdk, nil
}

func assumeRole(role provider.Values) func(*stscreds.AssumeRoleOptions) {
	return func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = role.String("sessionName")
		o.ExternalID = text(role.String("externalId"))
		o.Policy = text(role.String("policy"))
		o.SourceIdentity = text(role.String("sourceIdentity"))
		o.TransitiveTagKeys = role.Strings("transitiveTagKeys")
		if duration, err := time.ParseDuration(role.String("duration")); err == nil {
			o.Duration = duration
		}
		for _, policy := range role.Strings("policyArns") {
			o.PolicyARNs = append(o.PolicyARNs, ststypes.PolicyDescriptorType{Arn: text(policy)})
		}
		for key, value := range role.StringMap("tags") {
			o.Tags = append(o.Tags, ststypes.Tag{Key: text(key), Value: text(value)})
		}
	}
}

// checkAccount asks once who we are, so that wrong credentials fail at the provider and not at the first of many
// resources.
func (c *cloud) checkAccount(ctx context.Context, settings provider.Values) error {
	allowed := settings.Strings("allowedAccountIds")
	if settings.Bool("skipCredentialsValidation") && settings.Bool("skipRequestingAccountId") && len(allowed) == 0 {
		return nil
	}
	identity, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("unable to validate AWS credentials.\nDetails: %w\n"+
			"Make sure you have set your AWS region, e.g. `pulumi config set aws:region us-west-2`", err)
	}
	account := awssdk.ToString(identity.Account)
	for _, id := range allowed {
		if id == account {
			return nil
		}
	}
	if len(allowed) > 0 {
		return fmt.Errorf("AWS account ID not allowed: %s", account)
	}
	return nil
}

// text is a pointer to a string as the SDK wants it, nil for none.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func rfc3339(t *time.Time) string { return awssdk.ToTime(t).UTC().Format(time.RFC3339) }

func validARN(s string) error {
	if !arn.IsARN(s) {
		return fmt.Errorf("%q is an invalid ARN: arn: invalid prefix or not enough sections", s)
	}
	return nil
}

func validDuration(s string) error {
	if _, err := time.ParseDuration(s); err != nil {
		return fmt.Errorf("%q cannot be parsed as a duration: %w", s, err)
	}
	return nil
}

// tags are the input that most resources have, and never a reason to replace.
var tagsInput = provider.Input{Type: provider.Map}

// tagsAll is what a resource is really tagged with: the provider's defaults, overridden by its own tags. It is unknown
// if any tag is.
func (c *cloud) tagsAll(inputs property.Map) property.Map {
	tags := inputs.Get("tags")
	if tags.IsComputed() {
		return property.NewMap(map[string]property.Value{"tagsAll": tags})
	}
	all := provider.Properties(map[string]any{"all": c.defaultTags}).Get("all").AsMap()
	if tags.IsMap() {
		for key, value := range tags.AsMap().All {
			all = all.Set(key, value)
		}
	}
	return property.NewMap(map[string]property.Value{"tagsAll": property.New(all).WithSecret(tags.Secret())})
}

func (c *cloud) allTags(inputs provider.Values) map[string]string {
	tags := map[string]string{}
	for key, value := range c.defaultTags {
		tags[key] = value
	}
	for key, value := range inputs.StringMap("tags") {
		tags[key] = value
	}
	return tags
}

// tagOutputs splits what the API says into the resource's own tags and all tags.
func (c *cloud) tagOutputs(live map[string]string) (own, all map[string]string) {
	own, all = map[string]string{}, map[string]string{}
	for key, value := range live {
		if strings.HasPrefix(key, "aws:") {
			continue // AWS's own, which nobody else can set or remove
		}
		all[key] = value
		if c.defaultTags[key] != value {
			own[key] = value
		}
	}
	return own, all
}

// retag calls untag and tag with what has to go and what has to come.
func (c *cloud) retag(state, inputs provider.Values, untag func(keys []string) error, tag func(map[string]string) error) error {
	was, is := state.StringMap("tagsAll"), c.allTags(inputs)
	var gone []string
	for key := range was {
		if _, stays := is[key]; !stays {
			gone = append(gone, key)
		}
	}
	changed := map[string]string{}
	for key, value := range is {
		if old, had := was[key]; !had || old != value {
			changed[key] = value
		}
	}
	if len(gone) > 0 {
		if err := untag(gone); err != nil {
			return fmt.Errorf("untagging resource: %w", err)
		}
	}
	if len(changed) > 0 {
		if err := tag(changed); err != nil {
			return fmt.Errorf("tagging resource: %w", err)
		}
	}
	return nil
}
