//go:build unix

package kubernetes_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgo "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/cluster"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/gateway"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/kubernetes"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/toolchain"
)

const (
	namespaceToken           = "kubernetes:core/v1:Namespace"
	serviceAccountToken      = "kubernetes:core/v1:ServiceAccount"
	serviceAccountPatchToken = "kubernetes:core/v1:ServiceAccountPatch"
	secretToken              = "kubernetes:core/v1:Secret"
	configMapToken           = "kubernetes:core/v1:ConfigMap"
	configMapPatchToken      = "kubernetes:core/v1:ConfigMapPatch"
	podToken                 = "kubernetes:core/v1:Pod"
)

// server is the cluster that all tests share, each with names of its own.
var server *cluster.Cluster

func TestMain(m *testing.M) {
	status, err := runWithCluster(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func runWithCluster(m *testing.M) (status int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // the first time, Kubernetes is compiled
	defer cancel()
	binary, err := toolchain.ControlPlane(ctx, toolchain.Options{Log: os.Stderr})
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "provider-kubernetes-test-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	clusters, err := cluster.Start(ctx, cluster.Options{
		ControlPlane: binary, Dir: dir, AWSEndpoint: "http://127.0.0.1:1",
		Access: func(string, string, string) (gateway.AccessEntry, bool) { return gateway.AccessEntry{}, false },
	}, []cluster.Spec{{Name: "hub", Account: "123456789012", Region: "eu-west-1", AuthenticationMode: "API"}})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, clusters.Stop()) }()
	server = clusters.All[0]
	return m.Run(), nil
}

// kubeconfig is one for the given client configuration.
func kubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	written, err := clientcmd.Write(api.Config{
		Clusters: map[string]*api.Cluster{"c": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos: map[string]*api.AuthInfo{"u": {
			ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken,
		}},
		Contexts:       map[string]*api.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	})
	require.NoError(t, err)
	return string(written)
}

func newEngine(t *testing.T, config map[string]any) *providertest.Engine {
	t.Helper()
	settings := map[string]any{"kubeconfig": kubeconfig(t, server.AdminConfig())}
	for name, value := range config {
		settings[name] = value
	}
	return providertest.New(t, kubernetes.Plugin(), settings)
}

// newClient is a client for tests to look at the cluster and to meddle with it.
func newClient(t *testing.T) clientgo.Interface {
	t.Helper()
	client, err := clientgo.NewForConfig(server.AdminConfig())
	require.NoError(t, err)
	return client
}

// metadata is that of an object in a namespace of the test's own.
func metadata(name string, more ...map[string]any) map[string]any {
	out := map[string]any{"name": name}
	for _, fields := range more {
		for key, value := range fields {
			out[key] = value
		}
	}
	return out
}

func object(m map[string]any) map[string]any { return map[string]any{"metadata": m} }

func with(inputs map[string]any, name string, value any) map[string]any {
	out := map[string]any{name: value}
	for key, old := range inputs {
		if _, replaced := out[key]; !replaced {
			out[key] = old
		}
	}
	return out
}

// at is a nested output, nil if it is not there.
func at(outputs provider.Values, path ...string) any {
	var value any = map[string]any(outputs)
	for _, key := range path {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = fields[key]
	}
	return value
}

var get = metav1.GetOptions{}
