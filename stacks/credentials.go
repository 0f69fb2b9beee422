package stacks

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// credentials are how the cluster's account is reached. Different ones may reach one account: which one it is, is known once
// AWS was asked.
func (cluster Cluster) credentials() credentials {
	credentials := credentials{profile: cluster.Profile}
	if cluster.AssumeRole != nil {
		credentials.roleArn = cluster.AssumeRole.RoleArn
		credentials.sessionName = cluster.AssumeRole.SessionName
	}
	return credentials
}

// credentials are how an account is reached.
type credentials struct{ profile, roleArn, sessionName string }

// String is for messages; it is empty for the environment's own credentials.
func (c credentials) String() string {
	switch {
	case c.roleArn != "":
		return " (through " + c.roleArn + ")"
	case c.profile != "":
		return " (profile " + c.profile + ")"
	default:
		return ""
	}
}

// assumedAccount is the cluster's account where the role to assume tells it, or "" where AWS has to be asked.
func (cluster Cluster) assumedAccount() string {
	if cluster.AssumeRole == nil {
		return ""
	}
	role, err := iampolicy.ParseARN(cluster.AssumeRole.RoleArn)
	if err != nil {
		return "" // reported already
	}
	return role.Account
}

// inAccount tells the account of a cluster from others, as far as that is known before AWS is asked, in words that follow the
// name of what is in it.
func (cfg *Config) inAccount(cluster string) string {
	if id := cfg.Clusters[cluster].assumedAccount(); id != "" {
		return " of account " + id
	}
	return cfg.Clusters[cluster].credentials().String()
}

// providerKey tells AWS providers apart: clusters of one account and region share one.
type providerKey struct {
	credentials credentials
	region      string
}

// name is aws-<region>, followed by what tells the credentials: no order of declarations changes it.
func (key providerKey) name() string { return "aws-" + key.region + key.credentials.suffix() }

// iamProviderName is the name of the AWS provider of an account's IAM resources.
func (c credentials) iamProviderName() string { return "aws-iam" + c.suffix() }

// suffix is the profile or, where a role is assumed, a hash of the credentials; the environment's own have none.
func (c credentials) suffix() string {
	switch {
	case c.roleArn != "":
		sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{c.profile, c.roleArn, c.sessionName}))
		return "-" + hex.EncodeToString(sum[:4])
	case c.profile != "":
		return "-" + c.profile
	default:
		return ""
	}
}
