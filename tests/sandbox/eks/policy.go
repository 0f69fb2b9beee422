package eks

import (
	"fmt"
	"path"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	k8sauthorizer "k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// policyRules are the rules of the access policies, by name. AWS describes Admin, Edit and View as those of Kubernetes'
// user-facing roles: https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
// A policy that is not here grants nothing.
var policyRules = map[string][]rbacv1.PolicyRule{
	"AmazonEKSClusterAdminPolicy": {
		{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
		{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
	},
	"AmazonEKSAdminViewPolicy": {
		{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
	},
	"AmazonEKSAdminPolicy": userFacingRules("view", "edit", "admin"),
	// What a capability role has in the capability's own cluster: Argo CD's own objects, and nothing to deploy with.
	"AmazonEKSArgoCDClusterPolicy": {
		{Verbs: []string{"get", "list", "watch", "create"}, APIGroups: []string{""}, Resources: []string{"namespaces"}},
		{Verbs: []string{"get", "list", "watch", "create"}, APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}},
		{Verbs: []string{"get"}, NonResourceURLs: []string{"/api", "/api/*", "/apis", "/apis/*", "/version"}},
	},
	"AmazonEKSArgoCDPolicy": {
		{Verbs: []string{"*"}, APIGroups: []string{""}, Resources: []string{"configmaps", "secrets", "events"}},
		{Verbs: []string{"*"}, APIGroups: []string{"argoproj.io"}, Resources: []string{"*"}},
	},
	"AmazonEKSEditPolicy": userFacingRules("view", "edit"),
	"AmazonEKSViewPolicy": userFacingRules("view"),
}

// userFacingRules collects what a fresh cluster aggregates into its user-facing roles. They come from Kubernetes' own
// bootstrap policy and not from the cluster, because access policies do not change when somebody edits a ClusterRole.
func userFacingRules(roles ...string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, role := range bootstrappolicy.ClusterRoles() {
		for _, name := range roles {
			if role.Name == "system:aggregate-to-"+name {
				rules = append(rules, role.Rules...)
			}
		}
	}
	return rules
}

// authorizer evaluates access policies. They are no Kubernetes objects, on EKS neither, so RBAC knows nothing of them.
type authorizer struct {
	cluster *Cluster
	access  func(region, cluster, principalArn string) (aws.AccessEntry, bool)
}

// review allows what an access policy of the user's entry allows, and has no opinion on everything else. The principal
// is known by the extra field that the login set, not by user or group names, which somebody with the right to impersonate
// could choose. The entry is looked up every time, so a policy that was taken away is gone at the next request.
func (a *authorizer) review(spec authorizationv1.SubjectAccessReviewSpec) authorizationv1.SubjectAccessReviewStatus {
	principal := spec.Extra[extraCanonicalArn]
	if len(principal) != 1 {
		return authorizationv1.SubjectAccessReviewStatus{}
	}
	entry, ok := a.cluster.accessEntry(a.access, principal[0])
	if !ok {
		return authorizationv1.SubjectAccessReviewStatus{}
	}
	request, ok := attributes(spec)
	if !ok {
		return authorizationv1.SubjectAccessReviewStatus{}
	}
	for _, policy := range entry.Policies {
		if policyAllows(policy, request) {
			return authorizationv1.SubjectAccessReviewStatus{
				Allowed: true,
				Reason:  fmt.Sprintf("EKS access policy %s allows it", path.Base(policy.Arn)),
			}
		}
	}
	return authorizationv1.SubjectAccessReviewStatus{}
}

func policyAllows(policy aws.AccessPolicy, request k8sauthorizer.Attributes) bool {
	_, name, ok := strings.Cut(policy.Arn, ":eks::aws:cluster-access-policy/")
	return ok && inScope(policy.Namespaces, request) && rbac.RulesAllow(request, policyRules[name]...)
}

// inScope tells whether the request is in one of the policy's namespaces, which may be patterns such as dev-*. A policy
// with namespaces covers nothing outside of them, and a request for all namespaces is outside.
func inScope(namespaces []string, request k8sauthorizer.Attributes) bool {
	if len(namespaces) == 0 {
		return true
	}
	if !request.IsResourceRequest() || request.GetNamespace() == "" {
		return false
	}
	for _, pattern := range namespaces {
		// A pattern that cannot be understood matches nothing.
		if matched, err := path.Match(pattern, request.GetNamespace()); err == nil && matched {
			return true
		}
	}
	return false
}

func attributes(spec authorizationv1.SubjectAccessReviewSpec) (k8sauthorizer.Attributes, bool) {
	who := &user.DefaultInfo{Name: spec.User, UID: spec.UID, Groups: spec.Groups}
	switch {
	case spec.ResourceAttributes != nil:
		r := spec.ResourceAttributes
		return k8sauthorizer.AttributesRecord{
			User: who, Verb: r.Verb, Namespace: r.Namespace, APIGroup: r.Group, APIVersion: r.Version,
			Resource: r.Resource, Subresource: r.Subresource, Name: r.Name, ResourceRequest: true,
		}, true
	case spec.NonResourceAttributes != nil:
		r := spec.NonResourceAttributes
		return k8sauthorizer.AttributesRecord{User: who, Verb: r.Verb, Path: r.Path}, true
	default:
		return nil, false
	}
}
