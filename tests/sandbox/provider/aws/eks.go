package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// entryTypes are the kinds of access entry that EKS knows.
var entryTypes = []string{"EC2", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "HYPERPOD_LINUX", "STANDARD"}

func validEntryType(kind string) error {
	for _, known := range entryTypes {
		if kind == known {
			return nil
		}
	}
	return fmt.Errorf("expected type to be one of %q, got %s", entryTypes, kind)
}

func notFound(err error) bool { return isA[*ekstypes.ResourceNotFoundException](err, "") }

func (c *cloud) accessEntry() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"clusterName":      {Type: provider.String, Required: true, Replace: true},
			"principalArn":     {Type: provider.String, Required: true, Replace: true, Valid: validARN},
			"type":             {Type: provider.String, Replace: true, Default: "STANDARD", Valid: validEntryType},
			"kubernetesGroups": {Type: provider.Set, Computed: true},
			"userName":         {Type: provider.String, Computed: true},
			"tags":             tagsInput,
		},
		Outputs: []string{"accessEntryArn", "createdAt", "modifiedAt", "tagsAll"},
		Derive:  c.tagsAll,
		Explain: explain,
		API: provider.API{
			Create: c.createAccessEntry,
			Read:   c.readAccessEntry,
			Update: c.updateAccessEntry,
			Delete: func(ctx context.Context, id string, _ provider.Values) error {
				cluster, principal, err := splitEntryID(id)
				if err != nil {
					return err
				}
				_, err = c.eks.DeleteAccessEntry(ctx, &eks.DeleteAccessEntryInput{
					ClusterName: awssdk.String(cluster), PrincipalArn: awssdk.String(principal),
				})
				if err != nil && !notFound(err) {
					return fmt.Errorf("deleting EKS Access Entry (%s): %w", id, err)
				}
				return nil
			},
		},
	}
}

func splitEntryID(id string) (cluster, principal string, err error) {
	cluster, principal, ok := strings.Cut(id, ":")
	if !ok || cluster == "" || principal == "" {
		return "", "", fmt.Errorf("unexpected format for ID (%s), expected cluster-name:principal-arn", id)
	}
	return cluster, principal, nil
}

func (c *cloud) createAccessEntry(ctx context.Context, in provider.Values) (string, error) {
	id := in.String("clusterName") + ":" + in.String("principalArn")
	// A role that was made a moment ago may not be known to EKS yet.
	unknown := func(err error) bool {
		return isA[*ekstypes.InvalidParameterException](err, "The specified principalArn is invalid: invalid principal")
	}
	err := c.retry(ctx, unknown, func() error {
		_, err := c.eks.CreateAccessEntry(ctx, &eks.CreateAccessEntryInput{
			ClusterName:      text(in.String("clusterName")),
			PrincipalArn:     text(in.String("principalArn")),
			Type:             text(in.String("type")),
			KubernetesGroups: in.Strings("kubernetesGroups"),
			Username:         text(in.String("userName")),
			Tags:             c.allTags(in),
		})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("creating EKS Access Entry (%s): %w", id, err)
	}
	return id, nil
}

func (c *cloud) readAccessEntry(ctx context.Context, id string, _ provider.Values) (provider.Values, error) {
	cluster, principal, err := splitEntryID(id)
	if err != nil {
		return nil, err
	}
	found, err := c.eks.DescribeAccessEntry(ctx, &eks.DescribeAccessEntryInput{
		ClusterName: awssdk.String(cluster), PrincipalArn: awssdk.String(principal),
	})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading EKS Access Entry (%s): %w", id, err)
	}
	entry := found.AccessEntry
	own, all := c.tagOutputs(entry.Tags)
	return provider.Values{
		"accessEntryArn":   awssdk.ToString(entry.AccessEntryArn),
		"clusterName":      awssdk.ToString(entry.ClusterName),
		"principalArn":     awssdk.ToString(entry.PrincipalArn),
		"type":             awssdk.ToString(entry.Type),
		"kubernetesGroups": entry.KubernetesGroups,
		"userName":         awssdk.ToString(entry.Username),
		"createdAt":        rfc3339(entry.CreatedAt),
		"modifiedAt":       rfc3339(entry.ModifiedAt),
		"tags":             own,
		"tagsAll":          all,
	}, nil
}

func (c *cloud) updateAccessEntry(ctx context.Context, id string, state, in provider.Values) error {
	cluster, principal, err := splitEntryID(id)
	if err != nil {
		return err
	}
	// What the program leaves out stays what EKS made of it.
	groups, user := state.Strings("kubernetesGroups"), state.String("userName")
	if _, given := in["kubernetesGroups"]; given {
		groups = in.Strings("kubernetesGroups")
	}
	if name := in.String("userName"); name != "" {
		user = name
	}
	if !sameSet(groups, state.Strings("kubernetesGroups")) || user != state.String("userName") {
		_, err := c.eks.UpdateAccessEntry(ctx, &eks.UpdateAccessEntryInput{
			ClusterName: awssdk.String(cluster), PrincipalArn: awssdk.String(principal),
			KubernetesGroups: append([]string{}, groups...), Username: text(user),
		})
		if err != nil {
			return fmt.Errorf("updating EKS Access Entry (%s): %w", id, err)
		}
	}
	return c.retagEKS(ctx, state.String("accessEntryArn"), state, in)
}

// retagEKS is retag for what EKS keeps.
func (c *cloud) retagEKS(ctx context.Context, arn string, state, in provider.Values) error {
	return c.retag(state, in,
		func(keys []string) error {
			_, err := c.eks.UntagResource(ctx, &eks.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
			return err
		},
		func(tags map[string]string) error {
			_, err := c.eks.TagResource(ctx, &eks.TagResourceInput{ResourceArn: &arn, Tags: tags})
			return err
		})
}

func sameSet(a, b []string) bool {
	have := map[string]bool{}
	for _, s := range a {
		have[s] = true
	}
	for _, s := range b {
		if !have[s] {
			return false
		}
	}
	return len(a) == len(b)
}

func (c *cloud) accessPolicyAssociation() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"clusterName":  {Type: provider.String, Required: true, Replace: true},
			"principalArn": {Type: provider.String, Required: true, Replace: true, Valid: validARN},
			"policyArn":    {Type: provider.String, Required: true, Replace: true, Valid: validARN},
			"accessScope": {Type: provider.Object, Required: true, Replace: true, Fields: provider.Inputs{
				"type":       {Type: provider.String, Required: true},
				"namespaces": {Type: provider.Set},
			}},
		},
		Outputs: []string{"associatedAt", "modifiedAt"},
		Explain: explain,
		API: provider.API{
			Create: c.associateAccessPolicy,
			Read:   c.readAccessPolicyAssociation,
			Delete: func(ctx context.Context, id string, _ provider.Values) error {
				cluster, principal, policy, err := splitAssociationID(id)
				if err != nil {
					return err
				}
				_, err = c.eks.DisassociateAccessPolicy(ctx, &eks.DisassociateAccessPolicyInput{
					ClusterName: awssdk.String(cluster), PrincipalArn: awssdk.String(principal), PolicyArn: awssdk.String(policy),
				})
				if err != nil && !notFound(err) {
					return fmt.Errorf("deleting EKS Access Policy Association (%s): %w", id, err)
				}
				return nil
			},
		},
	}
}

func splitAssociationID(id string) (cluster, principal, policy string, err error) {
	parts := strings.SplitN(id, "#", 3)
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return "", "", "", fmt.Errorf("unexpected format for ID (%s), expected cluster-name#principal-arn#policy-arn", id)
	}
	return parts[0], parts[1], parts[2], nil
}

func (c *cloud) associateAccessPolicy(ctx context.Context, in provider.Values) (string, error) {
	id := strings.Join([]string{in.String("clusterName"), in.String("principalArn"), in.String("policyArn")}, "#")
	scope := in.Object("accessScope")
	// An access entry that was made a moment ago may not be there yet.
	unknown := func(err error) bool {
		return isA[*ekstypes.ResourceNotFoundException](err, "The specified principalArn could not be found")
	}
	err := c.retry(ctx, unknown, func() error {
		_, err := c.eks.AssociateAccessPolicy(ctx, &eks.AssociateAccessPolicyInput{
			ClusterName:  text(in.String("clusterName")),
			PrincipalArn: text(in.String("principalArn")),
			PolicyArn:    text(in.String("policyArn")),
			AccessScope: &ekstypes.AccessScope{
				Type: ekstypes.AccessScopeType(scope.String("type")), Namespaces: scope.Strings("namespaces"),
			},
		})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("creating EKS Access Policy Association (%s): %w", id, err)
	}
	return id, nil
}

func (c *cloud) readAccessPolicyAssociation(ctx context.Context, id string, _ provider.Values) (provider.Values, error) {
	cluster, principal, policy, err := splitAssociationID(id)
	if err != nil {
		return nil, err
	}
	pages := eks.NewListAssociatedAccessPoliciesPaginator(c.eks, &eks.ListAssociatedAccessPoliciesInput{
		ClusterName: awssdk.String(cluster), PrincipalArn: awssdk.String(principal),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if notFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading EKS Access Policy Association (%s): %w", id, err)
		}
		for _, found := range page.AssociatedAccessPolicies {
			if awssdk.ToString(found.PolicyArn) == policy {
				return association(cluster, principal, found), nil
			}
		}
	}
	return nil, nil
}

func association(cluster, principal string, found ekstypes.AssociatedAccessPolicy) provider.Values {
	scope := map[string]any{"type": string(found.AccessScope.Type)}
	if len(found.AccessScope.Namespaces) > 0 {
		scope["namespaces"] = found.AccessScope.Namespaces
	}
	return provider.Values{
		"clusterName":  cluster,
		"principalArn": principal,
		"policyArn":    awssdk.ToString(found.PolicyArn),
		"accessScope":  scope,
		// The official provider prints these two the way that Go does.
		"associatedAt": awssdk.ToTime(found.AssociatedAt).UTC().String(),
		"modifiedAt":   awssdk.ToTime(found.ModifiedAt).UTC().String(),
	}
}

func (c *cloud) getCluster() provider.Function {
	return provider.Function{
		Inputs: provider.Inputs{"name": {Type: provider.String, Required: true}, "tags": {Type: provider.Map}},
		Call: func(ctx context.Context, args provider.Values) (provider.Values, error) {
			name := args.String("name")
			found, err := c.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: awssdk.String(name)})
			if notFound(err) {
				err = errors.New("couldn't find resource") // the official text, which hides EKS's own
			}
			if err != nil {
				return nil, fmt.Errorf("reading EKS Cluster (%s): %w", name, err)
			}
			return clusterResult(name, found.Cluster), nil
		},
	}
}

func (c *cloud) getClusters() provider.Function {
	return provider.Function{Call: func(ctx context.Context, _ provider.Values) (provider.Values, error) {
		names := []string{}
		pages := eks.NewListClustersPaginator(c.eks, &eks.ListClustersInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("listing EKS Clusters: %w", err)
			}
			names = append(names, page.Clusters...)
		}
		return provider.Values{"id": c.region, "names": names}, nil
	}}
}

// clusterResult has every field of LookupClusterResult. Lists of one stand for what is a block in Terraform.
func clusterResult(name string, cluster *ekstypes.Cluster) provider.Values {
	out := provider.Values{
		"id":                       name,
		"name":                     awssdk.ToString(cluster.Name),
		"arn":                      awssdk.ToString(cluster.Arn),
		"endpoint":                 awssdk.ToString(cluster.Endpoint),
		"version":                  awssdk.ToString(cluster.Version),
		"platformVersion":          awssdk.ToString(cluster.PlatformVersion),
		"roleArn":                  awssdk.ToString(cluster.RoleArn),
		"status":                   string(cluster.Status),
		"createdAt":                rfc3339(cluster.CreatedAt),
		"tags":                     cluster.Tags,
		"clusterId":                "",
		"accessConfigs":            []any{},
		"certificateAuthorities":   []any{},
		"computeConfigs":           []any{},
		"enabledClusterLogTypes":   enabledLogTypes(cluster.Logging),
		"identities":               []any{},
		"kubernetesNetworkConfigs": []any{},
		"outpostConfigs":           []any{},
		"remoteNetworkConfigs":     []any{},
		"storageConfigs":           []any{},
		"upgradePolicies":          []any{},
		"vpcConfig":                vpcConfig(cluster.ResourcesVpcConfig),
		"zonalShiftConfigs":        []any{},
	}
	block := func(name string, fields map[string]any) { out[name] = []any{fields} }
	if config := cluster.AccessConfig; config != nil {
		block("accessConfigs", map[string]any{
			"authenticationMode":                      string(config.AuthenticationMode),
			"bootstrapClusterCreatorAdminPermissions": awssdk.ToBool(config.BootstrapClusterCreatorAdminPermissions),
		})
	}
	if authority := cluster.CertificateAuthority; authority != nil {
		block("certificateAuthorities", map[string]any{"data": awssdk.ToString(authority.Data)})
	}
	if identity := cluster.Identity; identity != nil && identity.Oidc != nil {
		block("identities", map[string]any{
			"oidcs": []any{map[string]any{"issuer": awssdk.ToString(identity.Oidc.Issuer)}},
		})
	}
	if network := cluster.KubernetesNetworkConfig; network != nil {
		block("kubernetesNetworkConfigs", map[string]any{
			"elasticLoadBalancings": []any{},
			"ipFamily":              string(network.IpFamily),
			"serviceIpv4Cidr":       awssdk.ToString(network.ServiceIpv4Cidr),
			"serviceIpv6Cidr":       awssdk.ToString(network.ServiceIpv6Cidr),
		})
	}
	if upgrade := cluster.UpgradePolicy; upgrade != nil {
		block("upgradePolicies", map[string]any{"supportType": string(upgrade.SupportType)})
	}
	return out
}

func enabledLogTypes(logging *ekstypes.Logging) []string {
	enabled := []string{}
	if logging == nil {
		return enabled
	}
	for _, setup := range logging.ClusterLogging {
		if !awssdk.ToBool(setup.Enabled) {
			continue
		}
		for _, kind := range setup.Types {
			enabled = append(enabled, string(kind))
		}
	}
	return enabled
}

func vpcConfig(vpc *ekstypes.VpcConfigResponse) map[string]any {
	if vpc == nil {
		vpc = &ekstypes.VpcConfigResponse{}
	}
	return map[string]any{
		"clusterSecurityGroupId": awssdk.ToString(vpc.ClusterSecurityGroupId),
		"endpointPrivateAccess":  vpc.EndpointPrivateAccess,
		"endpointPublicAccess":   vpc.EndpointPublicAccess,
		"publicAccessCidrs":      vpc.PublicAccessCidrs,
		"securityGroupIds":       vpc.SecurityGroupIds,
		"subnetIds":              vpc.SubnetIds,
		"vpcId":                  awssdk.ToString(vpc.VpcId),
	}
}
