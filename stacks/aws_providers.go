package stacks

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// resolveAccounts makes the AWS providers and asks each account who it is. Waiting for AWS's answers is most of a preview's
// time, so all accounts are asked at once, and later all clusters.
func (p *platform) resolveAccounts() error {
	made, regional := &sync.Map{}, map[credentials][]pulumi.Resource{}
	keys := slices.Sorted(maps.Keys(p.cfg.Clusters))
	for _, cluster := range keys {
		key := providerKey{credentials: p.cfg.Clusters[cluster].credentials(), region: p.cfg.Clusters[cluster].Region}
		if p.providers[key] != nil {
			continue
		}
		provider, err := p.awsProvider(key.credentials, key.name(), key.region, func() error {
			made.Store(key, true)
			return nil
		})
		if err != nil {
			return err
		}
		p.providers[key], regional[key.credentials] = provider, append(regional[key.credentials], provider)
	}
	for _, cluster := range keys {
		credentials := p.cfg.Clusters[cluster].credentials()
		if p.accounts[credentials] != nil {
			continue
		}
		iam, err := p.awsProvider(credentials, credentials.iamProviderName(), partitionOf(p.cfg.Clusters[cluster].Region).iamRegion,
			func() error { return p.refuseUnmoved(credentials, made) }, pulumi.DependsOn(regional[credentials]))
		if err != nil {
			return err
		}
		p.accounts[credentials] = &account{credentials: credentials, iam: iam}
	}
	return parallel(slices.Collect(maps.Values(p.accounts)), p.identify)
}

// refuseUnmoved refuses a stack from the time when IAM resources went through the providers of their clusters' regions. Pulumi
// would replace every role and every OIDC provider, and all pods would lose their identity. Such a stack is known by its state:
// the provider of the account is made only now, and one of a region, for which it waited, was there already. So are they in a
// stack whose first update was interrupted between the two, but that has no outputs yet.
func (p *platform) refuseUnmoved(credentials credentials, made *sync.Map) error {
	if p.unread == nil && len(p.before) == 0 {
		return nil
	}
	for key := range p.providers {
		if _, ok := made.Load(key); ok || key.credentials != credentials {
			continue
		}
		return fmt.Errorf("this stack's IAM resources are with AWS providers of regions (%s), and Pulumi would replace every role if "+
			"they were with that of the account at once; move them first, which changes nothing in AWS: "+
			"pulumi stack export | go run ./stacks/moveiam > moved.json && pulumi stack import --file moved.json", key.name())
	}
	return nil
}

// awsProvider makes an AWS provider. before runs when the engine is about to make it, as its state does not hold it.
func (p *platform) awsProvider(
	credentials credentials, name, region string, before func() error, opts ...pulumi.ResourceOption,
) (*aws.Provider, error) {
	args := &aws.ProviderArgs{Region: pulumi.String(region)}
	if credentials.profile != "" {
		args.Profile = pulumi.String(credentials.profile)
	}
	if credentials.roleArn != "" {
		assume := aws.ProviderAssumeRoleArgs{RoleArn: pulumi.String(credentials.roleArn)}
		if credentials.sessionName != "" {
			assume.SessionName = pulumi.String(credentials.sessionName)
		}
		args.AssumeRole = assume
	}
	hook, err := p.ctx.RegisterResourceHook(name, func(*pulumi.ResourceHookArgs) error { return before() },
		&pulumi.ResourceHookOptions{OnDryRun: true})
	if err != nil {
		return nil, fmt.Errorf("AWS provider %q: registering its hook: %w", name, err)
	}
	opts = append(opts, pulumi.ResourceHooks(&pulumi.ResourceHookBinding{BeforeCreate: []*pulumi.ResourceHook{hook}}))
	provider, err := aws.NewProvider(p.ctx, name, args, opts...)
	if err != nil {
		return nil, fmt.Errorf("configuring AWS provider %q: %w", name, err)
	}
	return provider, nil
}

// identify asks AWS whose the credentials are.
func (p *platform) identify(account *account) error {
	identity, err := aws.GetCallerIdentity(p.ctx, &aws.GetCallerIdentityArgs{}, pulumi.Provider(account.iam))
	if err != nil {
		return fmt.Errorf("asking STS for the caller's identity%s: %w", account.credentials, err)
	}
	arn, err := iampolicy.ParseARN(identity.Arn)
	if err != nil {
		return fmt.Errorf("the caller's identity%s: %w", account.credentials, err)
	}
	account.id, account.partition = identity.AccountId, arn.Partition
	return nil
}
