package stacks

import "github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"

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
	role, err := iampolicy.ParseArn(cluster.AssumeRole.RoleArn)
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
