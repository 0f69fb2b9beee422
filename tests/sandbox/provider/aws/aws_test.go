package aws_test

import (
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/aws"
)

func configure(t *testing.T, config map[string]any) error {
	t.Helper()
	return aws.Plugin().Provider().Configure(t.Context(), p.ConfigureRequest{Args: provider.Properties(config)})
}

func TestConfigurationIsStrict(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, configure(t, map[string]any{"region": region, "httpProxy": "x"}), "aws:httpProxy: Invalid or unknown key.")
	require.ErrorContains(t, configure(t, map[string]any{"region": region, "assumeRole": `{"arn":"x"}`}), "aws:assumeRole.arn: Invalid or unknown key.")
	require.ErrorContains(t, configure(t, map[string]any{"region": region, "assumeRole": `{"roleArn":"x"}`}), "invalid ARN")
	require.ErrorContains(t, configure(t, map[string]any{"region": region, "skipCredentialsValidation": "maybe"}), "aws:skipCredentialsValidation is not JSON")
	require.ErrorContains(t, configure(t, map[string]any{"region": region, "allowedAccountIds": `["210987654321"]`}), "AWS account ID not allowed: 123456789012")
	assert.ErrorContains(t, configure(t, map[string]any{"region": region, "profile": "no-such-profile"}), "no-such-profile")
}

func TestAProviderOfAnotherRegionReplacesWhatWentThroughIt(t *testing.T) {
	t.Parallel()
	here := map[string]any{"region": region, "profile": "dev"}
	for name, test := range map[string]struct {
		given    map[string]any
		replaces bool
	}{
		"the same":          {here, false},
		"another region":    {map[string]any{"region": "us-east-1", "profile": "dev"}, true},
		"no region":         {map[string]any{"profile": "dev"}, true},
		"other credentials": {map[string]any{"region": region, "profile": "prod"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			diff, err := aws.Plugin().Provider().DiffConfig(t.Context(), p.DiffRequest{
				OldInputs: provider.Properties(here), Inputs: provider.Properties(test.given),
			})
			require.NoError(t, err)
			assert.Equal(t, test.replaces, provider.Replaces(diff.DetailedDiff))
		})
	}
}

func TestCallerIdentityIsThatOfTheAssumedRole(t *testing.T) {
	t.Parallel()
	const token = "aws:index/getCallerIdentity:getCallerIdentity"
	identity, _, err := newEngine(t, nil).Invoke(t.Context(), token, nil)
	require.NoError(t, err)
	assert.Equal(t, account, identity["accountId"])
	assert.Equal(t, account, identity["id"])
	assert.NotEmpty(t, identity["userId"])

	assuming := newEngine(t, map[string]any{
		"region":     region,
		"assumeRole": `{"roleArn":"arn:aws:iam::210987654321:role/OrganizationAccountAccessRole","sessionName":"pulumi","externalId":"e","duration":"1h"}`,
	})
	identity, _, err = assuming.Invoke(t.Context(), token, nil)
	require.NoError(t, err)
	assert.Equal(t, "210987654321", identity["accountId"])
	assert.Equal(t, "arn:aws:sts::210987654321:assumed-role/OrganizationAccountAccessRole/pulumi", identity["arn"])
}

func TestPartitionAndRegionFollowTheProvider(t *testing.T) {
	t.Parallel()
	tests := []struct {
		region, partition, suffix, reverse, description string
	}{
		{"eu-west-1", "aws", "amazonaws.com", "com.amazonaws", "Europe (Ireland)"},
		{"cn-north-1", "aws-cn", "amazonaws.com.cn", "cn.com.amazonaws", "China (Beijing)"},
		{"us-gov-west-1", "aws-us-gov", "amazonaws.com", "com.amazonaws", "AWS GovCloud (US-West)"},
	}
	for _, test := range tests {
		t.Run(test.region, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, map[string]any{"region": test.region, "skipCredentialsValidation": "true", "skipRequestingAccountId": "true"})
			partition, _, err := e.Invoke(t.Context(), "aws:index/getPartition:getPartition", nil)
			require.NoError(t, err)
			assert.Equal(t, provider.Values{
				"id": test.partition, "partition": test.partition, "dnsSuffix": test.suffix, "reverseDnsPrefix": test.reverse,
			}, partition)
			found, _, err := e.Invoke(t.Context(), "aws:index/getRegion:getRegion", nil)
			require.NoError(t, err)
			assert.Equal(t, provider.Values{
				"id": test.region, "name": test.region, "description": test.description,
				"endpoint": "ec2." + test.region + "." + test.suffix,
			}, found)
		})
	}
	_, _, err := newEngine(t, nil).Invoke(t.Context(), "aws:index/getRegion:getRegion", map[string]any{"name": "eu-nowhere-1"})
	assert.ErrorContains(t, err, `finding Region using name ("eu-nowhere-1"): region not found`)
}

func TestDefaultTagsThatChangeAreAChange(t *testing.T) {
	t.Parallel()
	before := newEngine(t, map[string]any{"region": region, "defaultTags": `{"tags":{"team":"a","stage":"dev"}}`})
	inputs := map[string]any{"assumeRolePolicy": trust, "name": "default-tags", "tags": map[string]any{"team": "own"}}
	role := before.Create(t, roleToken, "role", inputs)
	assert.Equal(t, map[string]any{"team": "own", "stage": "dev"}, role.Output("tagsAll"))

	after := newEngine(t, map[string]any{"region": region, "defaultTags": `{"tags":{"team":"a","stage":"prod"}}`})
	diff, err := after.Provider.Diff(t.Context(), p.DiffRequest{
		ID: role.ID, Urn: role.URN, State: role.Outputs, OldInputs: role.Inputs, Inputs: role.Inputs,
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]p.PropertyDiff{"tagsAll.stage": {Kind: p.Update, InputDiff: true}}, diff.DetailedDiff)
}

func TestTagsThatAreNotKnownMakeAllTagsUnknown(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	outputs, err := e.Preview(t, roleToken, "role", map[string]any{"assumeRolePolicy": trust, "tags": provider.Unknown{}})
	require.NoError(t, err)
	assert.True(t, outputs.Get("tagsAll").IsComputed())
	outputs, err = e.Preview(t, roleToken, "role", map[string]any{
		"assumeRolePolicy": trust, "tags": map[string]any{"a": property.New("1").WithSecret(true), "b": provider.Unknown{}},
	})
	require.NoError(t, err)
	all := outputs.Get("tagsAll").AsMap()
	assert.True(t, all.Get("a").Secret())
	assert.True(t, all.Get("b").IsComputed())
}
