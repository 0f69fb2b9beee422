package components

import (
	"errors"
	"fmt"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

// Validate reports every fault of the arguments that can be told before the program runs, each with its path; nil
// arguments are a fault.
func (args *ArgoCDClusterArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	return errors.Join(args.validateLogin(), args.ValidateSettings())
}

// ValidateSettings is [ArgoCDClusterArgs.Validate] without the cluster, for a program that does not know it yet.
func (args *ArgoCDClusterArgs) ValidateSettings() error {
	var faults []error
	if args.InCluster {
		faults = append(faults, args.validateInCluster())
	}
	if args.ClusterResources != nil && len(args.Namespaces) == 0 {
		faults = append(faults, errors.New("clusterResources: only with namespaces"))
	}
	faults = append(faults, validateEach("namespaces", args.Namespaces, kubename.ValidateNamespace), args.validateSecret())
	if args.Profile != "" {
		faults = append(faults, fault.At("profile", ValidateProfile(args.Profile)))
	}
	if args.Project != "" {
		faults = append(faults, fault.At("project", kubename.ValidateObject("a project of Argo CD", args.Project)))
	}
	if args.ServerName != "" && !args.InCluster {
		faults = append(faults, fault.At("serverName", validServerName(args.ServerName)))
	}
	if args.ProxyURL != "" && !args.InCluster {
		_, err := parseProxy(args.ProxyURL)
		faults = append(faults, fault.At("proxyUrl", err))
	}
	if args.Shard != nil && *args.Shard < 0 {
		faults = append(faults, fmt.Errorf("shard: %d is negative", *args.Shard))
	}
	return errors.Join(faults...)
}

// validateSecret checks what is the secret's own, and not the cluster's.
func (args *ArgoCDClusterArgs) validateSecret() error {
	var faults []error
	if name, plain := plainString(args.DisplayName); plain {
		faults = append(faults, fault.At("displayName", validatePrintable(name)))
	}
	if args.Namespace != "" {
		faults = append(faults, fault.At("namespace", kubename.ValidateNamespace(args.Namespace)))
	}
	if args.SecretName != "" {
		faults = append(faults, fault.At("secretName", kubename.ValidateObject("a secret", args.SecretName)))
	}
	if value, taken := args.Labels[argoCDSecretType]; taken && value != "cluster" {
		faults = append(faults, fmt.Errorf("labels: %s must stay \"cluster\"", argoCDSecretType))
	}
	return errors.Join(append(faults, kubename.ValidateLabels("labels", args.Labels), kubename.ValidateAnnotations("annotations", args.Annotations))...)
}

// validateLogin checks what says how Argo CD reaches the cluster.
func (args *ArgoCDClusterArgs) validateLogin() error {
	if args.InCluster {
		return nil // nothing of it may be given
	}
	faults := []error{
		required("clusterName", args.ClusterName, ValidateClusterName),
		required("server", args.Server, args.validateServer),
		required("certificateAuthorityData", args.CertificateAuthorityData, validCertificateAuthority),
	}
	if arn, plain := plainString(args.RoleArn); plain {
		faults = append(faults, fault.At("roleArn", iampolicy.ValidateRoleARN(arn)))
	}
	return errors.Join(faults...)
}

// validateInCluster refuses what Argo CD would silently ignore about its own cluster.
func (args *ArgoCDClusterArgs) validateInCluster() error {
	return errors.Join(
		refuseInCluster("clusterName", args.ClusterName != nil),
		refuseInCluster("server", args.Server != nil),
		refuseInCluster("certificateAuthorityData", args.CertificateAuthorityData != nil),
		refuseInCluster("roleArn", args.RoleArn != nil),
		refuseInCluster("profile", args.Profile != ""),
		refuseInCluster("serverName", args.ServerName != ""),
		refuseInCluster("proxyUrl", args.ProxyURL != ""))
}

func refuseInCluster(path string, given bool) error {
	if !given {
		return nil
	}
	return fmt.Errorf("%s: not for the cluster that Argo CD runs in, which it reaches with its service accounts", path)
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
