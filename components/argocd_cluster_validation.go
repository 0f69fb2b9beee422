package components

import (
	"errors"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

// Validate reports every error of the arguments that can be told before the program runs, each with its path; nil
// arguments are an error.
func (args *ArgoCDClusterArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	managed := args.Arn != nil
	return errors.Join(args.validateLogin(managed), args.validateSettings(managed))
}

// validateSettings is [ArgoCDClusterArgs.Validate] without the cluster, for a program that does not know it yet. managed is whether
// Argo CD is an EKS Capability.
func (args *ArgoCDClusterArgs) validateSettings(managed bool) error {
	var found fielderr.List
	switch {
	case managed:
		found.Add("", args.validateManaged())
	case args.InCluster:
		found.Add("", args.validateInCluster())
	}
	found.Refuse(args.ClusterResources != nil && len(args.Namespaces) == 0, "clusterResources", "only with namespaces")
	found.Add("namespaces", fielderr.Names(args.Namespaces, kubename.ValidateNamespace))
	found.Add("", args.validateSecret())
	found.Add("profile", fielderr.IfGiven(args.Profile, ValidateProfile))
	found.Add("project", fielderr.IfGiven(args.Project, func(name string) error {
		return kubename.ValidateObject("a project of Argo CD", name)
	}))
	if !args.InCluster && !managed {
		found.Add("serverName", fielderr.IfGiven(args.ServerName, validServerName))
		found.Add("proxyUrl", fielderr.IfGiven(args.ProxyURL, func(proxy string) error { _, err := parseProxy(proxy); return err }))
	}
	if args.Shard != nil && !managed {
		found.Refuse(*args.Shard < 0, "shard", "%d is negative", *args.Shard)
	}
	return found.Err()
}

// validateSecret checks what is the secret's own, and not the cluster's.
func (args *ArgoCDClusterArgs) validateSecret() error {
	var found fielderr.List
	found.Add("displayName", ifKnown(args.DisplayName, validatePrintable))
	found.Add("namespace", fielderr.IfGiven(args.Namespace, kubename.ValidateNamespace))
	found.Add("secretName", fielderr.IfGiven(args.SecretName, func(name string) error {
		return kubename.ValidateObject("a secret", name)
	}))
	labels := knownTexts(args.Labels)
	value, taken := labels[argoCDSecretType]
	found.Refuse(taken && value != "cluster", "labels", "%s must stay \"cluster\"", argoCDSecretType)
	found.Add("labels", kubename.ValidateLabels(labels))
	found.Add("annotations", kubename.ValidateAnnotations(knownTexts(args.Annotations)))
	return found.Err()
}

// validateLogin checks what says how Argo CD reaches the cluster.
func (args *ArgoCDClusterArgs) validateLogin(managed bool) error {
	if managed {
		return fielderr.At("arn", required(args.Arn, func(arn string) error { _, err := iampolicy.ParseClusterARN(arn); return err }))
	}
	if args.InCluster {
		return nil // nothing of it may be given
	}
	var found fielderr.List
	found.Add("clusterName", required(args.ClusterName, ValidateClusterName))
	found.Add("server", required(args.Server, args.validateServer))
	found.Add("certificateAuthorityData", required(args.CertificateAuthorityData, validCertificateAuthority))
	found.Add("roleArn", ifKnown(args.RoleArn, iampolicy.ValidateRoleARN))
	return found.Err()
}

// notInCluster is the error of what Argo CD would silently ignore about its own cluster.
const notInCluster = "not for the cluster that Argo CD runs in, which it reaches with its service accounts"

func (args *ArgoCDClusterArgs) validateInCluster() error {
	var found fielderr.List
	found.Refuse(args.ClusterName != nil, "clusterName", notInCluster)
	found.Refuse(args.Server != nil, "server", notInCluster)
	found.Refuse(args.CertificateAuthorityData != nil, "certificateAuthorityData", notInCluster)
	found.Refuse(args.RoleArn != nil, "roleArn", notInCluster)
	found.Refuse(args.Profile != "", "profile", notInCluster)
	found.Refuse(args.ServerName != "", "serverName", notInCluster)
	found.Refuse(args.ProxyURL != "", "proxyUrl", notInCluster)
	return found.Err()
}

// validateServer checks the URL, and that a secret can have the name that is made of it.
func (args *ArgoCDClusterArgs) validateServer(server string) error {
	if args.SecretName == "" {
		_, err := argoCDSecretName(server)
		return err
	}
	_, err := parseServer(server)
	return err
}
