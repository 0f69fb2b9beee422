package sandbox_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// world is what AWS and Kubernetes say there is, with the IDs that tell a thing from another of its name.
type world struct {
	*sandbox.Inventory
	ids   map[string]string
	roles map[string]types.Role
}

func (l *lives) world(t *testing.T) *world {
	t.Helper()
	w := &world{Inventory: l.inventory(t), ids: map[string]string{}, roles: map[string]types.Role{}}
	clients := l.AWS()
	roles, err := clients.IAM.ListRoles(t.Context(), &iam.ListRolesInput{})
	require.NoError(t, err)
	for _, listed := range roles.Roles { // the list has not everything
		role, err := clients.IAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: listed.RoleName})
		require.NoError(t, err)
		name := aws.ToString(listed.RoleName)
		w.roles[name], w.ids["role "+name] = *role.Role, aws.ToString(listed.RoleId)
	}
	policies, err := clients.IAM.ListPolicies(t.Context(), &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal})
	require.NoError(t, err)
	for _, policy := range policies.Policies {
		w.ids["policy "+aws.ToString(policy.Arn)] = aws.ToString(policy.PolicyId)
	}
	buckets, err := clients.S3.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	require.NoError(t, err)
	for _, bucket := range buckets.Buckets {
		w.ids["bucket "+aws.ToString(bucket.Name)] = bucket.CreationDate.String()
	}
	for _, c := range l.Clusters.All {
		accounts, err := l.client(t, c.Name).CoreV1().ServiceAccounts("").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for i := range accounts.Items {
			account := &accounts.Items[i]
			w.ids[c.Name+"/"+account.Namespace+"/"+account.Name] = string(account.UID)
		}
		secrets, err := l.client(t, c.Name).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for i := range secrets.Items {
			secret := &secrets.Items[i]
			w.ids["secret "+c.Name+"/"+secret.Namespace+"/"+secret.Name] = string(secret.UID)
		}
	}
	return w
}

// assertLike wants the same things, none of which was made anew.
func (w *world) assertLike(t *testing.T, other *world, why string) {
	t.Helper()
	assert.Equal(t, other.Inventory, w.Inventory, why)
	assert.Equal(t, other.ids, w.ids, why)
}

// role is the role of that name, which must be there.
func (w *world) role(t *testing.T, name string) sandbox.Role {
	t.Helper()
	for _, role := range w.Roles {
		if role.Arn == aws.ToString(w.roles[name].Arn) {
			return role
		}
	}
	require.FailNow(t, "no role "+name)
	return sandbox.Role{}
}

// entryOf is the access entry of Argo CD in a cluster; there must be one at most.
func (w *world) entryOf(t *testing.T, cluster string) sandbox.AccessEntry {
	t.Helper()
	var found []sandbox.AccessEntry
	for _, entry := range w.AccessEntries {
		if entry.Cluster == cluster {
			found = append(found, entry)
		}
	}
	if len(found) == 0 {
		return sandbox.AccessEntry{}
	}
	require.Len(t, found, 1)
	return found[0]
}

// account is a service account, as <cluster>/<namespace>/<name>.
func (w *world) account(name string) sandbox.Object {
	for _, account := range w.ServiceAccounts {
		if account.String() == name {
			return account
		}
	}
	return sandbox.Object{}
}

// roleOf is the role that a service account says it has.
func (w *world) roleOf(account string) string {
	return w.account(account).Annotations["eks.amazonaws.com/role-arn"]
}

// secret is the cluster secret of that name in Argo CD.
func (w *world) secret(t *testing.T, name string) sandbox.Object {
	t.Helper()
	for _, secret := range w.ArgoCDSecrets() {
		if secret.Data["name"] == name {
			return secret
		}
	}
	require.FailNow(t, "Argo CD knows no cluster "+name)
	return sandbox.Object{}
}

// kept wants some things to be those that were there before.
func kept(ids ...string) func(*testing.T, *world, *world) {
	return func(t *testing.T, before, after *world) {
		t.Helper()
		for _, id := range ids {
			assert.NotEmpty(t, after.ids[id], id)
			assert.Equal(t, before.ids[id], after.ids[id], "%s was not made anew", id)
		}
	}
}

// unchanged wants everything to be as it was.
func unchanged(t *testing.T, before, after *world) {
	t.Helper()
	after.assertLike(t, before, "nothing changes")
}
