//go:build unix

package eks_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

func policy(name string, namespaces ...string) aws.AccessPolicy {
	return aws.AccessPolicy{Arn: "arn:aws:eks::aws:cluster-access-policy/" + name, Namespaces: namespaces}
}

var clusterAdmin = policy("AmazonEKSClusterAdminPolicy")

func entry(principalArn, username string, groups []string, policies ...aws.AccessPolicy) aws.AccessEntry {
	return aws.AccessEntry{
		PrincipalArn: principalArn, Username: username, Groups: groups, Type: "STANDARD", Policies: policies,
	}
}

func TestAccessPoliciesAllowWhatTheySayAndNothingElse(t *testing.T) {
	t.Parallel()
	type attempt struct {
		verb, group, resource, namespace string // an empty namespace means all of them, or none
	}
	var (
		readPods      = attempt{"list", "", "pods", "team"}
		readAllPods   = attempt{"list", "", "pods", ""}
		readSecret    = attempt{"get", "", "secrets", "team"}
		otherSecret   = attempt{"get", "", "secrets", "other"}
		writeMap      = attempt{"create", "", "configmaps", "team"}
		otherMap      = attempt{"create", "", "configmaps", "other"}
		bindRole      = attempt{"create", "rbac.authorization.k8s.io", "rolebindings", "team"}
		bindAll       = attempt{"create", "rbac.authorization.k8s.io", "clusterrolebindings", ""}
		readNodes     = attempt{"list", "", "nodes", ""}
		writeNodes    = attempt{"delete", "", "nodes", ""}
		makeNamespace = attempt{"create", "", "namespaces", ""}
		custom        = attempt{"delete", "example.com", "widgets", "team"}
		impersonate   = attempt{"impersonate", "", "users", ""}
	)
	all := []attempt{
		readPods, readAllPods, readSecret, otherSecret, writeMap, otherMap, bindRole, bindAll, readNodes, writeNodes,
		makeNamespace, custom, impersonate,
	}
	for name, test := range map[string]struct {
		policies []aws.AccessPolicy
		allowed  []attempt
	}{
		"no policy":     {nil, nil},
		"cluster admin": {[]aws.AccessPolicy{clusterAdmin}, all},
		"cluster admin of a namespace": {
			[]aws.AccessPolicy{policy("AmazonEKSClusterAdminPolicy", "team")},
			[]attempt{readPods, readSecret, writeMap, bindRole, custom},
		},
		"admin":                {[]aws.AccessPolicy{policy("AmazonEKSAdminPolicy")}, []attempt{readPods, readAllPods, readSecret, otherSecret, writeMap, otherMap, bindRole}},
		"admin of a namespace": {[]aws.AccessPolicy{policy("AmazonEKSAdminPolicy", "team")}, []attempt{readPods, readSecret, writeMap, bindRole}},
		"edit":                 {[]aws.AccessPolicy{policy("AmazonEKSEditPolicy")}, []attempt{readPods, readAllPods, readSecret, otherSecret, writeMap, otherMap}},
		"edit of a namespace":  {[]aws.AccessPolicy{policy("AmazonEKSEditPolicy", "team")}, []attempt{readPods, readSecret, writeMap}},
		"view":                 {[]aws.AccessPolicy{policy("AmazonEKSViewPolicy")}, []attempt{readPods, readAllPods}},
		"view of a namespace":  {[]aws.AccessPolicy{policy("AmazonEKSViewPolicy", "team")}, []attempt{readPods}},
		"view of a pattern":    {[]aws.AccessPolicy{policy("AmazonEKSViewPolicy", "te*")}, []attempt{readPods}},
		"view of any one":      {[]aws.AccessPolicy{policy("AmazonEKSViewPolicy", "*")}, []attempt{readPods}},
		"view of another":      {[]aws.AccessPolicy{policy("AmazonEKSViewPolicy", "team-2", "tea", "TEAM")}, nil},
		"admin view":           {[]aws.AccessPolicy{policy("AmazonEKSAdminViewPolicy")}, []attempt{readPods, readAllPods, readSecret, otherSecret, readNodes}},
		"view, and edit of a namespace": {
			[]aws.AccessPolicy{policy("AmazonEKSViewPolicy"), policy("AmazonEKSEditPolicy", "other")},
			[]attempt{readPods, readAllPods, otherSecret, otherMap},
		},
		"an unknown policy":      {[]aws.AccessPolicy{policy("AmazonEKSEverythingPolicy")}, nil},
		"a policy of no cluster": {[]aws.AccessPolicy{{Arn: "arn:aws:iam::aws:policy/AmazonEKSClusterAdminPolicy"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			role := fmt.Sprintf("policy-%x", name)
			sandbox.entries.set(hub, entry(roleArn(role), role, nil, test.policies...))
			client := loggedIn(t, hub, "role."+role)
			var allowed []attempt
			for _, a := range all {
				review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(),
					&authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
						ResourceAttributes: &authorizationv1.ResourceAttributes{
							Verb: a.verb, Group: a.group, Resource: a.resource, Namespace: a.namespace,
						},
					}}, metav1.CreateOptions{})
				require.NoError(t, err)
				if review.Status.Allowed {
					allowed = append(allowed, a)
				}
			}
			assert.Equal(t, test.allowed, allowed)
		})
	}
}

func TestAPolicyIsMoreThanAReview(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, admin(t, hub))
	sandbox.entries.set(hub, entry(roleArn("editor"), "editor", nil, policy("AmazonEKSEditPolicy", namespace)))
	client := loggedIn(t, hub, "role.editor")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}

	_, err := client.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = client.CoreV1().Secrets(namespace).Get(t.Context(), "mine", metav1.GetOptions{})
	require.NoError(t, err)
	_, err = client.CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{})
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
	_, err = client.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	assert.True(t, apierrors.IsForbidden(err), "%v", err)

	sandbox.entries.set(hub, entry(roleArn("editor"), "editor", nil, policy("AmazonEKSViewPolicy", namespace)))

	_, err = client.CoreV1().Secrets(namespace).Get(t.Context(), "mine", metav1.GetOptions{})
	assert.True(t, apierrors.IsForbidden(err), "a policy that was taken away is gone at the next request: %v", err)
	_, err = client.CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{})
	assert.NoError(t, err, "and one that was given is there")
}

func TestPoliciesOfAnEntryDoNotWorkInModeConfigMap(t *testing.T) {
	t.Parallel()
	sandbox.entries.set(legacy, entry(roleArn("Mapped"), "mapped", nil, clusterAdmin))
	// aws-auth lets the same role in, without any permission.
	client := loggedIn(t, legacy, "role.Mapped")

	_, err := client.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})

	assert.True(t, apierrors.IsForbidden(err), "%v", err)
}

func TestGroupsOfAnEntryAreBoundByRBAC(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, admin(t, hub))
	sandbox.entries.set(hub, entry(roleArn("grouped"), "grouped", []string{"group-of-test"}))
	client := loggedIn(t, hub, "role.grouped")
	_, err := client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "%v", err)

	_, err = admin(t, hub).RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "view"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "group-of-test"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	eventually(t, func() error {
		_, err := client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
		return err
	})
	_, err = client.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{})
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
}

func TestANameDoesNotBringSomebodyElsesPolicies(t *testing.T) {
	t.Parallel()
	sandbox.entries.set(hub, entry(roleArn("boss"), "boss", []string{"bosses"}, clusterAdmin))
	sandbox.entries.set(hub, entry(roleArn("impostor"), "impostor", []string{"impostors"}))
	root := admin(t, hub)
	role, err := root.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "impersonate-names-"},
		Rules: []rbacv1.PolicyRule{{
			Verbs: []string{"impersonate"}, APIGroups: []string{""}, Resources: []string{"users", "groups"},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = root.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "impostors"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	list := func(impersonate rest.ImpersonationConfig) error {
		config := logIn(hub, "role.impostor")
		config.Impersonate = impersonate
		client, err := kubernetes.NewForConfig(config)
		require.NoError(t, err)
		_, err = client.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
		return err
	}

	var last error
	eventually(t, func() error { // until RBAC knows the new binding
		last = list(rest.ImpersonationConfig{UserName: "boss", Groups: []string{"bosses"}})
		if apierrors.IsForbidden(last) && !impersonationRefused(last) {
			return nil
		}
		return last
	})
	require.ErrorContains(t, last, `User "boss" cannot list resource "secrets"`)
	assert.ErrorContains(t, list(rest.ImpersonationConfig{
		UserName: "boss", Extra: map[string][]string{"canonicalArn": {roleArn("boss")}},
	}), "cannot impersonate resource")
}

func impersonationRefused(err error) bool {
	status := apierrors.APIStatus(nil)
	return errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "users"
}
