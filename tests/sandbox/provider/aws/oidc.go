package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

func (c *cloud) openIDConnectProvider() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"url":             {Type: provider.String, Required: true, Replace: true, Same: sameIssuer, Valid: validIssuer},
			"clientIdLists":   {Type: provider.Set, Required: true, Valid: validLength(1, 255)},
			"thumbprintLists": {Type: provider.List, Computed: true, Valid: validLength(40, 40)},
			"tags":            tagsInput,
		},
		Outputs: []string{"arn", "tagsAll"},
		Derive:  c.tagsAll,
		Explain: explain,
		API: provider.API{
			Create: func(ctx context.Context, in provider.Values) (string, error) {
				created, err := c.iam.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
					Url:            awssdk.String(in.String("url")),
					ClientIDList:   in.Strings("clientIdLists"),
					ThumbprintList: in.Strings("thumbprintLists"),
					Tags:           iamTags(c.allTags(in)),
				})
				if err != nil {
					return "", fmt.Errorf("creating IAM OIDC Provider: %w", err)
				}
				return awssdk.ToString(created.OpenIDConnectProviderArn), nil
			},
			Read:   c.readOpenIDConnectProvider,
			Update: c.updateOpenIDConnectProvider,
			Delete: func(ctx context.Context, arn string, _ provider.Values) error {
				_, err := c.iam.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{
					OpenIDConnectProviderArn: awssdk.String(arn),
				})
				if err != nil && !noSuchEntity(err) {
					return fmt.Errorf("deleting IAM OIDC Provider (%s): %w", arn, err)
				}
				return nil
			},
		},
	}
}

// sameIssuer: IAM gives the URL back without its scheme.
func sameIssuer(a, b string) bool {
	return strings.TrimPrefix(a, "https://") == strings.TrimPrefix(b, "https://")
}

func validIssuer(issuer string) error {
	parsed, err := url.Parse(issuer)
	switch {
	case err != nil:
		return fmt.Errorf("%q has to be a valid URL: %w", issuer, err)
	case parsed.Scheme != "https":
		return errors.New("\"url\" has to use HTTPS scheme")
	case parsed.RawQuery != "":
		return errors.New("\"url\" cannot contain query parameters per the OIDC standard")
	default:
		return nil
	}
}

func validLength(shortest, longest int) func(string) error {
	return func(s string) error {
		if len(s) < shortest || len(s) > longest {
			return fmt.Errorf("expected length to be in the range (%d - %d), got %s", shortest, longest, s)
		}
		return nil
	}
}

func (c *cloud) readOpenIDConnectProvider(ctx context.Context, arn string, _ provider.Values) (provider.Values, error) {
	found, err := c.iam.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{
		OpenIDConnectProviderArn: awssdk.String(arn),
	})
	if noSuchEntity(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading IAM OIDC Provider (%s): %w", arn, err)
	}
	own, all := c.tagOutputs(tagMap(found.Tags))
	return provider.Values{
		"arn":             arn,
		"url":             awssdk.ToString(found.Url),
		"clientIdLists":   found.ClientIDList,
		"thumbprintLists": found.ThumbprintList,
		"tags":            own,
		"tagsAll":         all,
	}, nil
}

func (c *cloud) updateOpenIDConnectProvider(ctx context.Context, arn string, state, in provider.Values) error {
	// IAM has no way to clear the list; leaving it out leaves it as it is.
	if list := in.Strings("thumbprintLists"); len(list) > 0 && !slices.Equal(list, state.Strings("thumbprintLists")) {
		_, err := c.iam.UpdateOpenIDConnectProviderThumbprint(ctx, &iam.UpdateOpenIDConnectProviderThumbprintInput{
			OpenIDConnectProviderArn: awssdk.String(arn), ThumbprintList: list,
		})
		if err != nil {
			return fmt.Errorf("updating IAM OIDC Provider (%s) thumbprint: %w", arn, err)
		}
	}
	was, is := state.Strings("clientIdLists"), in.Strings("clientIdLists")
	for _, id := range is {
		if slices.Contains(was, id) {
			continue
		}
		_, err := c.iam.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{
			OpenIDConnectProviderArn: awssdk.String(arn), ClientID: awssdk.String(id),
		})
		if err != nil {
			return fmt.Errorf("adding IAM OIDC Provider (%s) client ID (%s): %w", arn, id, err)
		}
	}
	for _, id := range was {
		if slices.Contains(is, id) {
			continue
		}
		_, err := c.iam.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{
			OpenIDConnectProviderArn: awssdk.String(arn), ClientID: awssdk.String(id),
		})
		if err != nil {
			return fmt.Errorf("removing IAM OIDC Provider (%s) client ID (%s): %w", arn, id, err)
		}
	}
	return c.retag(state, in,
		func(keys []string) error {
			_, err := c.iam.UntagOpenIDConnectProvider(ctx, &iam.UntagOpenIDConnectProviderInput{
				OpenIDConnectProviderArn: awssdk.String(arn), TagKeys: keys,
			})
			return err
		},
		func(tags map[string]string) error {
			_, err := c.iam.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{
				OpenIDConnectProviderArn: awssdk.String(arn), Tags: iamTags(tags),
			})
			return err
		})
}

func (c *cloud) getOpenIDConnectProvider() provider.Function {
	return provider.Function{
		Inputs: provider.Inputs{
			"arn":  {Type: provider.String, Conflicts: "url", Valid: validARN},
			"url":  {Type: provider.String, Conflicts: "arn", Valid: validIssuer},
			"tags": {Type: provider.Map},
		},
		Call: func(ctx context.Context, args provider.Values) (provider.Values, error) {
			arn, issuer := args.String("arn"), args.String("url")
			if arn == "" && issuer == "" {
				return nil, errors.New("one of `arn,url` must be specified")
			}
			if arn == "" {
				var err error
				if arn, err = c.findOpenIDConnectProvider(ctx, issuer); err != nil {
					return nil, fmt.Errorf("finding IAM OIDC Provider by url (%s): %w", issuer, err)
				}
			}
			found, err := c.iam.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{
				OpenIDConnectProviderArn: awssdk.String(arn),
			})
			if err != nil {
				return nil, fmt.Errorf("reading IAM OIDC Provider: %w", err)
			}
			return provider.Values{
				"arn":             arn,
				"id":              arn,
				"url":             awssdk.ToString(found.Url),
				"clientIdLists":   append([]string{}, found.ClientIDList...),
				"thumbprintLists": append([]string{}, found.ThumbprintList...),
				"tags":            tagMap(found.Tags),
			}, nil
		},
	}
}

// findOpenIDConnectProvider finds a provider by the issuer that ends its ARN. IAM has no call for that, so all of them
// are listed.
func (c *cloud) findOpenIDConnectProvider(ctx context.Context, issuer string) (string, error) {
	listed, err := c.iam.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})
	if err != nil {
		return "", err
	}
	arns := make([]string, 0, len(listed.OpenIDConnectProviderList))
	for _, entry := range listed.OpenIDConnectProviderList {
		arns = append(arns, awssdk.ToString(entry.Arn))
	}
	found := slices.IndexFunc(arns, func(arn string) bool {
		_, path, _ := strings.Cut(arn, "/")
		return sameIssuer(path, issuer)
	})
	if found < 0 {
		return "", errors.New("not found")
	}
	return arns[found], nil
}
