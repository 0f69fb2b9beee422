package aws_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAClusterThatReplacesAnotherHasNothingOfIt(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	c := validCluster(t)
	require.NoError(t, e.AddCluster(c))
	role := e.createRole(t, "/", unique("role")).Arn
	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &c.Name, PrincipalArn: role})
	require.NoError(t, err)

	next := validCluster(t)
	next.Name = c.Name
	require.NoError(t, e.ReplaceCluster(next))
	found, err := e.eks().DescribeCluster(t.Context(), &awseks.DescribeClusterInput{Name: &c.Name})
	require.NoError(t, err)
	assert.Equal(t, next.Issuer, *found.Cluster.Identity.Oidc.Issuer)
	entries, err := e.eks().ListAccessEntries(t.Context(), &awseks.ListAccessEntriesInput{ClusterName: &c.Name})
	require.NoError(t, err)
	assert.Equal(t, []string{operatorArn}, entries.AccessEntries, "its creator's alone")
	next.Version = "none"
	require.ErrorContains(t, e.ReplaceCluster(next), `Version "none" must be like 1.34`)
}

func TestAClusterThatMovesKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	c := validCluster(t)
	require.NoError(t, e.AddCluster(c))
	role := e.createRole(t, "/", unique("role")).Arn
	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &c.Name, PrincipalArn: role})
	require.NoError(t, err)

	require.NoError(t, e.MoveCluster(region, c.Name, "https://127.0.0.1:7443", c.CertificateAuthority))
	found, err := e.eks().DescribeCluster(t.Context(), &awseks.DescribeClusterInput{Name: &c.Name})
	require.NoError(t, err)
	assert.Equal(t, "https://127.0.0.1:7443", aws.ToString(found.Cluster.Endpoint))
	assert.Equal(t, c.Issuer, *found.Cluster.Identity.Oidc.Issuer)
	_, err = e.eks().DescribeAccessEntry(t.Context(), &awseks.DescribeAccessEntryInput{ClusterName: &c.Name, PrincipalArn: role})
	require.NoError(t, err)

	require.ErrorContains(t, e.MoveCluster(region, c.Name, "http://127.0.0.1", c.CertificateAuthority), `Endpoint "http://127.0.0.1" must be an https URL`)
	require.EqualError(t, e.MoveCluster(region, "none", "https://127.0.0.1", c.CertificateAuthority), `moving cluster "none": eu-west-1 has none of this name`)
}
