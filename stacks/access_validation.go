package stacks

import (
	"errors"
	"fmt"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
)

func (cfg *Config) validateAccess(target ArgoCDTarget) error {
	access := target.Access
	var faults error
	switch access.Via {
	case "", ViaAccessEntry:
		faults = access.Validate()
		if access.Overwrite {
			faults = errors.Join(faults, fmt.Errorf("overwrite: needs via: %s; an access entry that exists is taken over with import", ViaAwsAuth))
		}
	case ViaAwsAuth:
		faults = access.validateAwsAuth()
	default:
		return fmt.Errorf("access.via: %q is neither %s nor %s", access.Via, ViaAccessEntry, ViaAwsAuth)
	}
	created := cfg.Clusters[target.Cluster].Create
	if faults != nil || created == nil {
		return fault.Under("access", faults)
	}
	// Of a cluster that is still to be created the authentication mode is known already.
	switch mode := created.AuthenticationMode; {
	case !mode.AllowsAccessEntries() && !mode.AllowsAwsAuth():
		return nil // no mode at all, which is reported already
	case access.Via == "" && !mode.AllowsAccessEntries():
		return fault.Under("access", access.validateAwsAuth())
	case access.Via == ViaAccessEntry && !mode.AllowsAccessEntries(), access.Via == ViaAwsAuth && !mode.AllowsAwsAuth():
		return fmt.Errorf("access.via: authentication mode %s does not support %s", mode, access.Via)
	default:
		return nil
	}
}

// validateAwsAuth checks what a line of aws-auth can hold.
func (access ArgoCDAccess) validateAwsAuth() error {
	var faults []error
	if len(access.Policies) > 0 {
		faults = append(faults, errors.New("policies: aws-auth knows no access policies; name kubernetesGroups"))
	}
	if len(access.KubernetesGroups) == 0 {
		faults = append(faults, errors.New("kubernetesGroups: name at least one group"))
	}
	faults = append(faults, components.ValidateKubernetesNames("kubernetesGroups", access.KubernetesGroups))
	if access.Username != "" {
		faults = append(faults, fault.At("username", components.ValidateKubernetesName(access.Username)))
	}
	if access.Import {
		faults = append(faults, errors.New("import: not with aws-auth; a line that maps the role already is replaced with overwrite"))
	}
	return errors.Join(faults...)
}
