package aws

import (
	"context"
	"errors"
	"fmt"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// getServiceQuota finds a quota by its code; by its name, as the official plugin can too, it does not. Like that one it asks for
// AWS's default first and then for the account's own value, which is missing as long as it was never changed.
func (c *cloud) getServiceQuota() provider.Function {
	return provider.Function{
		Inputs: provider.Inputs{
			"serviceCode": {Type: provider.String, Required: true},
			"quotaCode":   {Type: provider.String, Required: true},
		},
		Call: func(ctx context.Context, args provider.Values) (provider.Values, error) {
			service, code := args.String("serviceCode"), args.String("quotaCode")
			standard, err := c.quotas.GetAWSDefaultServiceQuota(ctx, &servicequotas.GetAWSDefaultServiceQuotaInput{
				ServiceCode: &service, QuotaCode: &code,
			})
			if noQuota(err) {
				err = errors.New("couldn't find resource") // the official text, which hides AWS's own
			}
			if err != nil {
				return nil, fmt.Errorf("getting Default Service Quota for (%s/%s): %w", service, code, err)
			}
			found := quotaValues(standard.Quota)
			found["id"], found["defaultValue"] = found["arn"], found["value"]
			applied, err := c.quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: &service, QuotaCode: &code})
			if noQuota(err) {
				return found, nil
			}
			if err != nil {
				return nil, fmt.Errorf("getting Service Quota for (%s/%s): %w", service, code, err)
			}
			found["arn"], found["value"] = awssdk.ToString(applied.Quota.QuotaArn), awssdk.ToFloat64(applied.Quota.Value)
			return found, nil
		},
	}
}

func quotaValues(quota *types.ServiceQuota) provider.Values {
	return provider.Values{
		"adjustable": quota.Adjustable, "arn": awssdk.ToString(quota.QuotaArn), "globalQuota": quota.GlobalQuota,
		"quotaCode": awssdk.ToString(quota.QuotaCode), "quotaName": awssdk.ToString(quota.QuotaName),
		"serviceCode": awssdk.ToString(quota.ServiceCode), "serviceName": awssdk.ToString(quota.ServiceName),
		"usageMetrics": []any{}, "value": awssdk.ToFloat64(quota.Value),
	}
}

func noQuota(err error) bool {
	var none *types.NoSuchResourceException
	return errors.As(err, &none)
}
