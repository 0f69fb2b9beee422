package aws_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

const (
	account      = "123456789012"
	otherAccount = "210987654321"
	region       = "eu-west-1"
	// clusterName is an EKS cluster that is there before any test.
	clusterName = "hub"
	issuer      = "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
)

// motoURL is the moto_server that all tests share, each with names of its own.
var motoURL string

func TestMain(m *testing.M) {
	status, err := runWithAWS(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// runWithAWS runs the tests against moto behind the sandbox's AWS endpoint. The SDK finds the endpoint the way that it
// does under the engine, in the environment.
func runWithAWS(m *testing.M) (status int, err error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "provider-aws-test-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, _, err := tools.Python(ctx, tools.Options{Log: os.Stderr})
	if err != nil {
		return 1, err
	}
	address, moto, err := sandboxaws.StartMoto(ctx, sandboxaws.Moto{Path: server, LogFile: filepath.Join(dir, "moto.log")})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, moto.Stop(5*time.Second)) }()
	motoURL = address
	endpoint, err := newEndpoint()
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, endpoint.Close()) }()
	if _, err := endpoint.AddAccount(ctx, "aws", otherAccount); err != nil {
		return 1, err
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint.URL(), "AWS_REGION": region, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "AKIASANDBOXOPERATOR", "AWS_SECRET_ACCESS_KEY": "any",
	} {
		if err := os.Setenv(name, value); err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}

// newEndpoint starts an AWS that has the cluster.
func newEndpoint() (*sandboxaws.Endpoint, error) {
	endpoint, err := sandboxaws.New(sandboxaws.Options{MotoURL: motoURL})
	if err != nil {
		return nil, err
	}
	if err := endpoint.AddCluster(sandboxaws.Cluster{
		Name: clusterName, Account: account, Region: region, Version: "1.34",
		Endpoint: "https://127.0.0.1:1", CertificateAuthority: certificate(), Issuer: issuer,
		AuthenticationMode: "API",
	}); err != nil {
		return nil, errors.Join(err, endpoint.Close())
	}
	return endpoint, nil
}

// certificate is some certificate, for a cluster that nobody connects to.
func certificate() []byte {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func newEngine(t *testing.T, config map[string]any) *providertest.Engine {
	t.Helper()
	if config == nil {
		config = map[string]any{"region": region}
	}
	return providertest.New(t, aws.Plugin(), config)
}

// cloud is AWS itself, for tests to look at and to meddle with.
type cloud struct {
	iam *iam.Client
	s3  *s3.Client
	eks *eks.Client
}

func newCloud(t *testing.T) cloud {
	t.Helper()
	sdk, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(region))
	require.NoError(t, err)
	return cloud{iam: iam.NewFromConfig(sdk), s3: s3.NewFromConfig(sdk), eks: eks.NewFromConfig(sdk)}
}

func (c cloud) trustPolicy(t *testing.T, role string) string {
	t.Helper()
	found, err := c.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role})
	require.NoError(t, err)
	document, err := url.QueryUnescape(awssdk.ToString(found.Role.AssumeRolePolicyDocument))
	require.NoError(t, err)
	return document
}
