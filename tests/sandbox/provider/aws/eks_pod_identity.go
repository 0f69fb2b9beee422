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

// podIdentityAssociation is known by its own ID, and imported by that of its cluster as well.
func (c *cloud) podIdentityAssociation() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"clusterName":    {Type: provider.String, Required: true, Replace: true},
			"namespace":      {Type: provider.String, Required: true, Replace: true},
			"serviceAccount": {Type: provider.String, Required: true, Replace: true},
			"roleArn":        {Type: provider.String, Required: true, Valid: validARN},
			"tags":           tagsInput,
		},
		Outputs: []string{"associationArn", "associationId", "tagsAll"},
		Derive:  c.tagsAll,
		Explain: explain,
		API: provider.API{
			Create: c.createPodIdentityAssociation,
			Read:   c.readPodIdentityAssociation,
			Update: c.updatePodIdentityAssociation,
			Delete: func(ctx context.Context, id string, state provider.Values) error {
				_, err := c.eks.DeletePodIdentityAssociation(ctx, &eks.DeletePodIdentityAssociationInput{
					ClusterName: awssdk.String(state.String("clusterName")), AssociationId: awssdk.String(id),
				})
				if err != nil && !notFound(err) {
					return fmt.Errorf("deleting EKS (Elastic Kubernetes) Pod Identity Association (%s): %w", id, err)
				}
				return nil
			},
		},
	}
}

// roleNotShown tells of a role that was made a moment ago and is not known to EKS yet. It is all that the official provider
// waits for: not for a trust policy.
func roleNotShown(err error) bool {
	return isA[*ekstypes.InvalidParameterException](err, "Role provided in the request does not exist")
}

func (c *cloud) createPodIdentityAssociation(ctx context.Context, in provider.Values) (id string, err error) {
	err = c.retry(ctx, roleNotShown, func() error {
		made, err := c.eks.CreatePodIdentityAssociation(ctx, &eks.CreatePodIdentityAssociationInput{
			ClusterName:    text(in.String("clusterName")),
			Namespace:      text(in.String("namespace")),
			ServiceAccount: text(in.String("serviceAccount")),
			RoleArn:        text(in.String("roleArn")),
			Tags:           c.allTags(in),
		})
		if err == nil {
			id = awssdk.ToString(made.Association.AssociationId)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("creating EKS (Elastic Kubernetes) Pod Identity Association (<unknown>): %w", err)
	}
	return id, nil
}

// associationID takes the ID of a state as it is, and that of an import apart.
func associationID(id string, state provider.Values) (cluster, association string, err error) {
	if cluster = state.String("clusterName"); cluster != "" {
		return cluster, id, nil
	}
	cluster, association, ok := strings.Cut(id, ",")
	if !ok || cluster == "" || association == "" {
		return "", "", fmt.Errorf("wrong format of import ID (%s), use: 'cluster-name,association-id'", id)
	}
	return cluster, association, nil
}

func (c *cloud) readPodIdentityAssociation(ctx context.Context, id string, state provider.Values) (provider.Values, error) {
	cluster, association, err := associationID(id, state)
	if err != nil {
		return nil, err
	}
	answer, err := c.eks.DescribePodIdentityAssociation(ctx, &eks.DescribePodIdentityAssociationInput{
		ClusterName: &cluster, AssociationId: &association,
	})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading EKS (Elastic Kubernetes) Pod Identity Association (%s): %w", association, err)
	}
	found := answer.Association
	own, all := c.tagOutputs(found.Tags)
	return provider.Values{
		"id":             association,
		"associationArn": awssdk.ToString(found.AssociationArn),
		"associationId":  awssdk.ToString(found.AssociationId),
		"clusterName":    awssdk.ToString(found.ClusterName),
		"namespace":      awssdk.ToString(found.Namespace),
		"serviceAccount": awssdk.ToString(found.ServiceAccount),
		"roleArn":        awssdk.ToString(found.RoleArn),
		"tags":           own,
		"tagsAll":        all,
	}, nil
}

func (c *cloud) updatePodIdentityAssociation(ctx context.Context, id string, state, in provider.Values) error {
	if role := in.String("roleArn"); role != state.String("roleArn") {
		err := c.retry(ctx, roleNotShown, func() error {
			_, err := c.eks.UpdatePodIdentityAssociation(ctx, &eks.UpdatePodIdentityAssociationInput{
				ClusterName: awssdk.String(state.String("clusterName")), AssociationId: &id, RoleArn: &role,
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("updating EKS (Elastic Kubernetes) Pod Identity Association (%s): %w", id, err)
		}
	}
	return c.retagEKS(ctx, state.String("associationArn"), state, in)
}

func (c *cloud) getAddon() provider.Function {
	return provider.Function{
		Inputs: provider.Inputs{
			"addonName":   {Type: provider.String, Required: true},
			"clusterName": {Type: provider.String, Required: true},
			"tags":        {Type: provider.Map},
		},
		Call: func(ctx context.Context, args provider.Values) (provider.Values, error) {
			cluster, name := args.String("clusterName"), args.String("addonName")
			id := cluster + ":" + name
			answer, err := c.eks.DescribeAddon(ctx, &eks.DescribeAddonInput{ClusterName: &cluster, AddonName: &name})
			if notFound(err) {
				err = errors.New("couldn't find resource") // the official text, which hides EKS's own
			}
			if err != nil {
				return nil, fmt.Errorf("reading EKS Add-On (%s): %w", id, err)
			}
			found := answer.Addon
			return provider.Values{
				"id":                    id,
				"addonName":             awssdk.ToString(found.AddonName),
				"addonVersion":          awssdk.ToString(found.AddonVersion),
				"arn":                   awssdk.ToString(found.AddonArn),
				"clusterName":           awssdk.ToString(found.ClusterName),
				"configurationValues":   awssdk.ToString(found.ConfigurationValues),
				"createdAt":             rfc3339(found.CreatedAt),
				"modifiedAt":            rfc3339(found.ModifiedAt),
				"serviceAccountRoleArn": awssdk.ToString(found.ServiceAccountRoleArn),
				// The associations that the add-on owns, of which the sandbox has none.
				"podIdentityAssociations": []any{},
				"tags":                    found.Tags,
			}, nil
		},
	}
}
