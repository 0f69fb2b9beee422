package stacks

import (
	"fmt"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// role is the hub role, without its permission to assume the targets' roles. It needs no other in AWS: what it may do in a
// cluster is the cluster's business.
func (argocd *ArgoCD) role() Role {
	role := Role{Clusters: []string{argocd.Hub}}
	role.Name, role.NamePrefix, role.TestPod = argocd.RoleName, argocd.RoleNamePrefix, argocd.TestPod
	role.RoleSettings, role.RolePolicies = argocd.RoleSettings, argocd.RolePolicies
	for _, name := range argocd.ServiceAccounts {
		role.ServiceAccounts = append(role.ServiceAccounts, components.ServiceAccountArgs{
			Namespace: argocd.Namespace, Name: name, Mode: argocd.ServiceAccountMode,
		})
	}
	return role
}

// roleName is the hub role's. It is empty when a prefix leaves it to the AWS provider.
func (argocd *ArgoCD) roleName() string {
	role := argocd.role()
	return role.RoleName()
}

// refuseRole refuses the hub role as a role to assume in the hub's account. The name tells: it is unique there, whatever the
// path, and without regard to case (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html).
func (argocd *ArgoCD) refuseRole(path fielderr.Path, name string) error {
	if !strings.EqualFold(name, argocd.roleName()) {
		return nil
	}
	return fielderr.At(path, fmt.Errorf("%s is Argo CD's own role, and no role may assume itself unless its trust policy names it; "+
		"leave %s out, and the cluster lets that role in directly", name, path))
}

// assumePolicy is the name of the hub role's permission to assume the targets' roles.
const assumePolicy = "assume-target-roles"
