package aws

import (
	"context"
	"fmt"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

func (c *cloud) getCallerIdentity() provider.Function {
	return provider.Function{
		Inputs: provider.Inputs{"id": {Type: provider.String}},
		Call: func(ctx context.Context, _ provider.Values) (provider.Values, error) {
			identity, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			if err != nil {
				return nil, fmt.Errorf("reading STS Caller Identity: %w", err)
			}
			return provider.Values{
				"accountId": awssdk.ToString(identity.Account),
				"arn":       awssdk.ToString(identity.Arn),
				"id":        awssdk.ToString(identity.Account),
				"userId":    awssdk.ToString(identity.UserId),
			}, nil
		},
	}
}

// partition is a part of AWS with accounts, names and domains of its own.
type partition struct{ id, dnsSuffix, reverseDNSPrefix string }

var (
	commercial = partition{"aws", "amazonaws.com", "com.amazonaws"}
	china      = partition{"aws-cn", "amazonaws.com.cn", "cn.com.amazonaws"}
	government = partition{"aws-us-gov", "amazonaws.com", "com.amazonaws"}
)

func partitionOf(region string) partition {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return china
	case strings.HasPrefix(region, "us-gov-"):
		return government
	default:
		return commercial
	}
}

func (c *cloud) getPartition() provider.Function {
	return provider.Function{
		Inputs: provider.Inputs{"id": {Type: provider.String}},
		Call: func(context.Context, provider.Values) (provider.Values, error) {
			p := partitionOf(c.region)
			return provider.Values{
				"dnsSuffix": p.dnsSuffix, "id": p.id, "partition": p.id, "reverseDnsPrefix": p.reverseDNSPrefix,
			}, nil
		},
	}
}

// regions are the names that AWS gives its regions, from the SDK's endpoint data.
var regions = map[string]string{
	"af-south-1":     "Africa (Cape Town)",
	"ap-east-1":      "Asia Pacific (Hong Kong)",
	"ap-northeast-1": "Asia Pacific (Tokyo)",
	"ap-northeast-2": "Asia Pacific (Seoul)",
	"ap-northeast-3": "Asia Pacific (Osaka)",
	"ap-south-1":     "Asia Pacific (Mumbai)",
	"ap-south-2":     "Asia Pacific (Hyderabad)",
	"ap-southeast-1": "Asia Pacific (Singapore)",
	"ap-southeast-2": "Asia Pacific (Sydney)",
	"ap-southeast-3": "Asia Pacific (Jakarta)",
	"ap-southeast-4": "Asia Pacific (Melbourne)",
	"ap-southeast-5": "Asia Pacific (Malaysia)",
	"ap-southeast-7": "Asia Pacific (Thailand)",
	"ca-central-1":   "Canada (Central)",
	"ca-west-1":      "Canada West (Calgary)",
	"cn-north-1":     "China (Beijing)",
	"cn-northwest-1": "China (Ningxia)",
	"eu-central-1":   "Europe (Frankfurt)",
	"eu-central-2":   "Europe (Zurich)",
	"eu-north-1":     "Europe (Stockholm)",
	"eu-south-1":     "Europe (Milan)",
	"eu-south-2":     "Europe (Spain)",
	"eu-west-1":      "Europe (Ireland)",
	"eu-west-2":      "Europe (London)",
	"eu-west-3":      "Europe (Paris)",
	"il-central-1":   "Israel (Tel Aviv)",
	"me-central-1":   "Middle East (UAE)",
	"me-south-1":     "Middle East (Bahrain)",
	"mx-central-1":   "Mexico (Central)",
	"sa-east-1":      "South America (Sao Paulo)",
	"us-east-1":      "US East (N. Virginia)",
	"us-east-2":      "US East (Ohio)",
	"us-gov-east-1":  "AWS GovCloud (US-East)",
	"us-gov-west-1":  "AWS GovCloud (US-West)",
	"us-west-1":      "US West (N. California)",
	"us-west-2":      "US West (Oregon)",
}

func (c *cloud) getRegion() provider.Function {
	return provider.Function{
		Inputs: provider.Inputs{"id": {Type: provider.String}, "name": {Type: provider.String}},
		Call: func(_ context.Context, args provider.Values) (provider.Values, error) {
			name := args.String("name")
			if name == "" {
				name = c.region
			}
			description, known := regions[name]
			if !known {
				return nil, fmt.Errorf("finding Region using name (%q): region not found", name)
			}
			return provider.Values{
				"description": description,
				"endpoint":    fmt.Sprintf("ec2.%s.%s", name, partitionOf(name).dnsSuffix),
				"id":          name,
				"name":        name,
			}, nil
		},
	}
}

func (c *cloud) getAccessEntry() provider.Function {
	return provider.Function{
		Inputs: provider.Inputs{
			"clusterName":  {Type: provider.String, Required: true},
			"principalArn": {Type: provider.String, Required: true, Valid: validARN},
			"tags":         {Type: provider.Map},
		},
		Call: func(ctx context.Context, args provider.Values) (provider.Values, error) {
			id := args.String("clusterName") + ":" + args.String("principalArn")
			found, err := c.readAccessEntry(ctx, id, nil)
			if err == nil && found == nil {
				err = fmt.Errorf("reading EKS Access Entry (%s): couldn't find resource", id) // the official text, which hides EKS's own
			}
			if err != nil {
				return nil, err
			}
			found["id"] = id
			return found, nil
		},
	}
}

// getPolicy finds a policy by its ARN; by its name, as the official plugin can too, it does not.
func (c *cloud) getPolicy() provider.Function {
	return provider.Function{
		Inputs: provider.Inputs{"arn": {Type: provider.String, Required: true, Valid: validARN}},
		Call: func(ctx context.Context, args provider.Values) (provider.Values, error) {
			arn := args.String("arn")
			found, err := c.readPolicy(ctx, arn, nil)
			if err == nil && found == nil {
				err = fmt.Errorf("reading IAM Policy (%s): couldn't find resource", arn) // the official text, which hides IAM's own
			}
			if err != nil {
				return nil, err
			}
			found["id"] = arn
			return found, nil
		},
	}
}
