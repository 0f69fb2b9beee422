package awsauth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// requestTimeout bounds each request, so that a cluster that no longer answers is an error and not a hang.
const requestTimeout = 30 * time.Second

// Connect gives a client for the cluster of a kubeconfig's current context. Credential plugins such as `aws eks get-token`
// run as kubectl would run them.
func Connect(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(kubeconfig))
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config.Timeout = requestTimeout
	config.UserAgent = fieldManager
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client from the kubeconfig: %w", err)
	}
	return client, nil
}

// clusterServer is the API server that a kubeconfig's current context points at.
func clusterServer(kubeconfig string) (string, error) {
	config, err := clientcmd.Load([]byte(kubeconfig))
	if err != nil {
		return "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	current, found := config.Contexts[config.CurrentContext]
	if !found {
		return "", fmt.Errorf("the kubeconfig's current-context %q is not among its contexts", config.CurrentContext)
	}
	cluster, found := config.Clusters[current.Cluster]
	if !found || cluster.Server == "" {
		return "", fmt.Errorf("the kubeconfig's cluster %q has no server", current.Cluster)
	}
	return cluster.Server, nil
}

// sameCluster compares the servers of two kubeconfigs. One that cannot be read is not the same.
func sameCluster(a, b string) bool {
	serverA, errA := clusterServer(a)
	serverB, errB := clusterServer(b)
	return errors.Join(errA, errB) == nil && strings.EqualFold(strings.TrimSuffix(serverA, "/"), strings.TrimSuffix(serverB, "/"))
}

// ambientKubeconfig is the current context of what kubectl would use (KUBECONFIG, ~/.kube/config), self-contained. An import
// has nothing else to find its cluster by.
func ambientKubeconfig() (string, error) {
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		return "", fmt.Errorf("loading kubectl's configuration: %w", err)
	}
	if err := clientcmdapi.MinifyConfig(config); err != nil {
		return "", fmt.Errorf("an import finds its cluster through KUBECONFIG: %w", err)
	}
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return "", fmt.Errorf("embedding the files that kubectl's configuration refers to: %w", err)
	}
	text, err := clientcmd.Write(*config)
	if err != nil {
		return "", fmt.Errorf("writing kubectl's configuration: %w", err)
	}
	return string(text), nil
}
