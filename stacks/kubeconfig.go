package stacks

import (
	"encoding/json"
	"fmt"
)

// kubeconfig logs in by the AWS CLI's token plugin, with the same credentials as the AWS provider. It holds no secret.
//
// https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
func (cluster Cluster) kubeconfig(name, endpoint, caData string) (string, error) {
	type named map[string]any
	args := []string{"--region", cluster.Region, "eks", "get-token", "--cluster-name", name, "--output", "json"}
	if cluster.Profile != "" {
		// The provider's profile wins over keys in the environment; the AWS CLI's does only as an argument.
		args = append([]string{"--profile", cluster.Profile}, args...)
	}
	if cluster.AssumeRole != nil {
		args = append(args, "--role-arn", cluster.AssumeRole.RoleArn)
	}
	exec := named{
		"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "args": args, "interactiveMode": "Never",
	}
	text, err := json.Marshal(named{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []named{{"name": name, "cluster": named{"server": endpoint, "certificate-authority-data": caData}}},
		"users":    []named{{"name": name, "user": named{"exec": exec}}},
		"contexts": []named{{"name": name, "context": named{"cluster": name, "user": name}}},
	})
	if err != nil {
		return "", fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return string(text), nil
}
