package sandbox

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	sandboxeks "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

// AWS are clients of the sandbox's AWS, with the operator's credentials.
type AWS struct {
	IAM    *iam.Client
	S3     *s3.Client
	config aws.Config
}

// AWS gives clients of the sandbox's AWS.
func (s *Sandbox) AWS() AWS { return s.AWSIn(Account) }

// AWSIn gives clients of one account of the sandbox's AWS.
func (s *Sandbox) AWSIn(account string) AWS {
	config := aws.Config{
		Region:       defaultRegion,
		BaseEndpoint: aws.String(s.Endpoint.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secretAccessKey, ""),
	}
	if other, ok := s.accounts[account]; ok {
		config.Region = other.region // of the account's partition
		config.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(config), other.accessRoleArn))
	}
	return AWS{IAM: iam.NewFromConfig(config), S3: s3.NewFromConfig(config), config: config}
}

// EKS is the client of one region.
func (a AWS) EKS(region string) *eks.Client {
	return eks.NewFromConfig(a.config, func(o *eks.Options) { o.Region = region })
}

// STS is the client of STS.
func (a AWS) STS() *sts.Client { return sts.NewFromConfig(a.config) }

// Inventory is what AWS and the clusters themselves say there is, apart from what the sandbox brought along.
type Inventory struct {
	OidcProviders   []OidcProvider
	Roles           []Role
	Policies        []string
	Buckets         []string
	AccessEntries   []AccessEntry
	Associations    []Association
	Namespaces      []Object
	ServiceAccounts []Object
	Jobs            []Object
	Pods            []Object
	Secrets         []Object
	ConfigMaps      []Object
}

// OidcProvider is an IAM OIDC provider.
type OidcProvider struct {
	Arn       string
	ClientIDs []string
	Tags      map[string]string
}

// Role is an IAM role with what it trusts and may do.
type Role struct {
	Arn, TrustPolicy string
	// Attached are the ARNs of managed policies; Inline are documents by name.
	Attached []string
	Inline   map[string]string
}

// AccessEntry is a way into an EKS cluster.
type AccessEntry struct {
	Cluster, PrincipalArn, Username string
	Groups                          []string
	// Policies are names with their scope, "AmazonEKSAdminPolicy in default" for example.
	Policies []string
}

// Association is an EKS Pod Identity association.
type Association struct{ Cluster, Namespace, ServiceAccount, RoleArn string }

// TakeInventory asks AWS and every cluster. Lists are sorted.
func (s *Sandbox) TakeInventory(ctx context.Context) (*Inventory, error) {
	var inventory Inventory
	accounts := map[string]AWS{}
	for _, account := range append([]string{Account}, sortedKeys(s.accounts)...) {
		accounts[account] = s.AWSIn(account)
		for _, step := range []func(context.Context, AWS, *Inventory) error{
			listOidcProviders, listRoles, listPolicies, listBuckets,
		} {
			if err := step(ctx, accounts[account], &inventory); err != nil {
				return nil, fmt.Errorf("taking the inventory of account %s: %w", account, err)
			}
		}
	}
	for _, c := range s.Clusters.All {
		if components.AuthenticationMode(s.Endpoint.AuthenticationMode(c.Region, c.Name)).AllowsAccessEntries() {
			operator := s.operatorIn(c.Account)
			if err := listAccessEntries(ctx, accounts[c.Account].EKS(c.Region), c, operator, &inventory); err != nil {
				return nil, fmt.Errorf("listing the access entries of %q: %w", c.Name, err)
			}
		}
		if err := listAssociations(ctx, accounts[c.Account].EKS(c.Region), c, &inventory); err != nil {
			return nil, fmt.Errorf("listing the EKS Pod Identity associations of %q: %w", c.Name, err)
		}
		if err := listObjects(ctx, c, &inventory); err != nil {
			return nil, fmt.Errorf("taking the inventory of cluster %q: %w", c.Name, err)
		}
	}
	return &inventory, nil
}

func listOidcProviders(ctx context.Context, clients AWS, inventory *Inventory) error {
	list, err := clients.IAM.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})
	if err != nil {
		return err
	}
	for _, entry := range list.OpenIDConnectProviderList {
		found, err := clients.IAM.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: entry.Arn})
		if err != nil {
			return err
		}
		inventory.OidcProviders = append(inventory.OidcProviders, OidcProvider{
			Arn: aws.ToString(entry.Arn), ClientIDs: found.ClientIDList, Tags: plainTags(found.Tags),
		})
	}
	slices.SortFunc(inventory.OidcProviders, func(a, b OidcProvider) int { return strings.Compare(a.Arn, b.Arn) })
	return nil
}

func plainTags(tags []types.Tag) map[string]string {
	plain := map[string]string{}
	for _, tag := range tags {
		plain[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return plain
}

func listRoles(ctx context.Context, clients AWS, inventory *Inventory) error {
	pages := iam.NewListRolesPaginator(clients.IAM, &iam.ListRolesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, found := range page.Roles {
			if name := aws.ToString(found.RoleName); name == sandboxaws.AccountAccessRole || name == sandboxaws.NodeRole {
				continue // the account came with it, or its clusters
			}
			role, err := describeRole(ctx, clients.IAM, found)
			if err != nil {
				return err
			}
			inventory.Roles = append(inventory.Roles, role)
		}
	}
	slices.SortFunc(inventory.Roles, func(a, b Role) int { return strings.Compare(a.Arn, b.Arn) })
	return nil
}

func describeRole(ctx context.Context, client *iam.Client, found types.Role) (Role, error) {
	trust, err := url.QueryUnescape(aws.ToString(found.AssumeRolePolicyDocument))
	if err != nil {
		return Role{}, err
	}
	role := Role{Arn: aws.ToString(found.Arn), TrustPolicy: trust, Inline: map[string]string{}}
	attached, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: found.RoleName})
	if err != nil {
		return Role{}, err
	}
	for _, policy := range attached.AttachedPolicies {
		role.Attached = append(role.Attached, aws.ToString(policy.PolicyArn))
	}
	slices.Sort(role.Attached)
	inline, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: found.RoleName})
	if err != nil {
		return Role{}, err
	}
	for _, name := range inline.PolicyNames {
		policy, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: found.RoleName, PolicyName: &name})
		if err != nil {
			return Role{}, err
		}
		if role.Inline[name], err = url.QueryUnescape(aws.ToString(policy.PolicyDocument)); err != nil {
			return Role{}, err
		}
	}
	return role, nil
}

func listPolicies(ctx context.Context, clients AWS, inventory *Inventory) error {
	pages := iam.NewListPoliciesPaginator(clients.IAM, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, policy := range page.Policies {
			inventory.Policies = append(inventory.Policies, aws.ToString(policy.Arn))
		}
	}
	slices.Sort(inventory.Policies)
	return nil
}

func listBuckets(ctx context.Context, clients AWS, inventory *Inventory) error {
	list, err := clients.S3.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		return err
	}
	for _, bucket := range list.Buckets {
		inventory.Buckets = append(inventory.Buckets, aws.ToString(bucket.Name))
	}
	slices.Sort(inventory.Buckets)
	return nil
}

// listAccessEntries leaves out the entry that the sandbox's operator has as the creator of every cluster.
func listAccessEntries(
	ctx context.Context, client *eks.Client, c *sandboxeks.Cluster, operator string, inventory *Inventory,
) error {
	list, err := client.ListAccessEntries(ctx, &eks.ListAccessEntriesInput{ClusterName: &c.Name})
	if err != nil {
		return err
	}
	slices.Sort(list.AccessEntries)
	for _, principal := range list.AccessEntries {
		if principal == operator {
			continue
		}
		found, err := client.DescribeAccessEntry(ctx, &eks.DescribeAccessEntryInput{ClusterName: &c.Name, PrincipalArn: &principal})
		if err != nil {
			return err
		}
		entry := AccessEntry{
			Cluster: c.Name, PrincipalArn: principal,
			Username: aws.ToString(found.AccessEntry.Username), Groups: found.AccessEntry.KubernetesGroups,
		}
		associated, err := client.ListAssociatedAccessPolicies(ctx,
			&eks.ListAssociatedAccessPoliciesInput{ClusterName: &c.Name, PrincipalArn: &principal})
		if err != nil {
			return err
		}
		for _, policy := range associated.AssociatedAccessPolicies {
			arn := aws.ToString(policy.PolicyArn)
			text := arn[strings.LastIndex(arn, "/")+1:]
			if namespaces := policy.AccessScope.Namespaces; len(namespaces) > 0 {
				text += " in " + strings.Join(namespaces, ", ")
			}
			entry.Policies = append(entry.Policies, text)
		}
		inventory.AccessEntries = append(inventory.AccessEntries, entry)
	}
	return nil
}

func listAssociations(ctx context.Context, client *eks.Client, c *sandboxeks.Cluster, inventory *Inventory) error {
	var found []Association
	pages := eks.NewListPodIdentityAssociationsPaginator(client, &eks.ListPodIdentityAssociationsInput{ClusterName: &c.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, summary := range page.Associations {
			described, err := client.DescribePodIdentityAssociation(ctx, &eks.DescribePodIdentityAssociationInput{
				ClusterName: &c.Name, AssociationId: summary.AssociationId,
			})
			if err != nil {
				return err
			}
			found = append(found, Association{
				Cluster: c.Name, Namespace: aws.ToString(summary.Namespace), ServiceAccount: aws.ToString(summary.ServiceAccount),
				RoleArn: aws.ToString(described.Association.RoleArn),
			})
		}
	}
	slices.SortFunc(found, func(a, b Association) int {
		return strings.Compare(a.Namespace+"/"+a.ServiceAccount, b.Namespace+"/"+b.ServiceAccount)
	})
	inventory.Associations = append(inventory.Associations, found...)
	return nil
}

// RoleOf is the role that new pods under a service account get, "" for none, and whether that is by EKS Pod Identity: an
// association wins over an annotation.
func (i *Inventory) RoleOf(account Object) (roleArn string, byAssociation bool) {
	for _, a := range i.Associations {
		if a.Cluster == account.Cluster && a.Namespace == account.Namespace && a.ServiceAccount == account.Name {
			return a.RoleArn, true
		}
	}
	return account.Annotations[roleArnAnnotation], false
}

// IrsaServiceAccounts are the service accounts that a role is put on.
func (i *Inventory) IrsaServiceAccounts() []Object {
	return slices.DeleteFunc(slices.Clone(i.ServiceAccounts), func(o Object) bool {
		return o.Annotations[roleArnAnnotation] == ""
	})
}

// ArgoCDSecrets are the secrets that Argo CD takes for clusters.
func (i *Inventory) ArgoCDSecrets() []Object {
	return slices.DeleteFunc(slices.Clone(i.Secrets), func(o Object) bool {
		return o.Labels["argocd.argoproj.io/secret-type"] != "cluster"
	})
}

// Created tells whether a stack of this project made the provider.
func (p OidcProvider) Created() bool { return p.Tags[components.OwnerTag] != "" }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
