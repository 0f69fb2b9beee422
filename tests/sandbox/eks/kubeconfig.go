package eks

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig returns what `aws eks update-kubeconfig` would write for the cluster: a user that logs in with
// `aws eks get-token`, here against the sandbox's AWS endpoint. The argument aws is the path of the AWS CLI; credentials
// are taken from the environment of whoever uses the file.
func (c *Cluster) Kubeconfig(aws string) *clientcmdapi.Config {
	args := []string{"--region", c.Region, "eks", "get-token", "--cluster-name", c.Name, "--output", "json"}
	if c.AccessRoleArn != "" {
		args = append(args, "--role-arn", c.AccessRoleArn)
	}
	return kubeconfig(c.arn(), &clientcmdapi.Cluster{
		Server: c.Endpoint, CertificateAuthorityData: c.CertificateAuthority,
	}, &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
		APIVersion:      "client.authentication.k8s.io/v1beta1",
		Command:         aws,
		Args:            args,
		Env:             []clientcmdapi.ExecEnvVar{{Name: "AWS_ENDPOINT_URL", Value: c.awsEndpoint}},
		InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}})
}

// WriteKubeconfig writes the kubeconfigs of all clusters into one file with mode 0600, which kubectl selects from by
// context, as [Clusters.Context] names it. The first cluster's is the current one.
func (c *Clusters) WriteKubeconfig(path, aws string) error {
	merged := clientcmdapi.NewConfig()
	for i, cluster := range c.All {
		config := cluster.Kubeconfig(aws)
		arn, context := cluster.arn(), c.Context(cluster)
		merged.Clusters[arn] = config.Clusters[arn]
		merged.AuthInfos[arn] = config.AuthInfos[arn]
		merged.Contexts[context] = config.Contexts[arn]
		if i == 0 {
			merged.CurrentContext = context
		}
	}
	content, err := clientcmd.Write(*merged)
	if err != nil {
		return fmt.Errorf("encoding the kubeconfig: %w", err)
	}
	// A file that is there already keeps its mode when it is written, so it is removed first.
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("replacing the kubeconfig %s: %w", path, err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing the kubeconfig %s: %w", path, err)
	}
	return nil
}

// Context is a cluster's context in the kubeconfig of all: its name, as people say it, or its ARN where another cluster, in
// another region or account, has that name too.
func (c *Clusters) Context(of *Cluster) string {
	for _, other := range c.All {
		if other != of && other.Name == of.Name {
			return of.arn()
		}
	}
	return of.Name
}

// kubeconfig is a configuration with one cluster, one user and one context, all of one name.
func kubeconfig(name string, cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) *clientcmdapi.Config {
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = cluster
	config.AuthInfos[name] = user
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return config
}
