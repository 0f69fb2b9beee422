package stacks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// proveLogin makes Jobs that log in to a target under each of Argo CD's service accounts, when everything is there that
// these need.
func (p *platform) proveLogin(hub *components.IrsaRole, key string, target ArgoCDTarget, login targetLogin) error {
	argocd, facts := p.cfg.ArgoCD, p.clusters[target.Cluster]
	if argocd.TestPod == nil {
		return nil
	}
	fingerprint, err := target.fingerprint(hub, login)
	if err != nil {
		return err
	}
	_, err = components.NewClusterLoginTest(p.ctx, inArgoCD(key), &components.ClusterLoginTestArgs{
		Name: target.Aliases.inPodName(key), Namespace: argocd.Namespace, ServiceAccounts: argocd.ServiceAccounts,
		ClusterName: facts.name, Server: facts.endpoint, CertificateAuthorityData: facts.caData,
		ServerName: target.ServerName, ProxyURL: target.ProxyURL,
		PrincipalArn: login.Arn, Assume: login.model == modelRole, Read: target.Access.readable(), Fingerprint: fingerprint,
		PodSettings: argocd.TestPod.PodSettings,
	}, pulumi.Provider(p.clusters[argocd.Hub].kubernetes), pulumi.DependsOn(slices.Concat(login.ready, hub.Dependencies())),
		target.Aliases.of(inArgoCD))
	return err
}

// fingerprint changes with what a login rests on: who logs in, as whom, and what the access is.
func (target ArgoCDTarget) fingerprint(hub *components.IrsaRole, login targetLogin) (pulumi.StringOutput, error) {
	access, err := json.Marshal(target.Access)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	principal := login.UniqueId
	if principal == nil {
		principal = login.Arn // a role made elsewhere
	}
	return pulumi.Sprintf("%s/%s/%s", hub.UniqueId, principal, access).ApplyT(func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:8])
	}).(pulumi.StringOutput), nil
}

// readingPolicies are the access policies that let one read namespaces, or the ConfigMaps in one.
//
// https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
var readingPolicies = []string{
	"AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy", "AmazonEKSAdminViewPolicy", "AmazonEKSEditPolicy", "AmazonEKSViewPolicy",
}

// readable is a path that the access lets one read, or "" where only the target itself knows that: what a group may do
// stands in its RoleBindings.
func (access ArgoCDAccess) readable() string {
	for _, policy := range access.Policies {
		if !slices.Contains(readingPolicies, policy.Name()) {
			continue
		}
		if len(policy.Namespaces) == 0 {
			return "/api/v1/namespaces?limit=1"
		}
		return fmt.Sprintf("/api/v1/namespaces/%s/configmaps?limit=1", policy.Namespaces[0])
	}
	return ""
}
