package tests

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

func TestIrsaRoleServiceAccountIs(t *testing.T) {
	t.Parallel()
	no := false
	for _, test := range []struct {
		name    string
		account components.ServiceAccountArgs
		typ     string
		want    string
	}{
		{"created", components.ServiceAccountArgs{}, serviceAccountType, `{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
				"name": "app", "namespace": "default", "labels": {"app.kubernetes.io/managed-by": "pulumi"},
				"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/eks-default-app"}
			}}`},
		{"created with labels and every annotation", components.ServiceAccountArgs{
			Mode: components.CreateServiceAccount, RegionalSTS: &no, TokenExpirationSeconds: 600,
			Labels:      map[string]string{"app.kubernetes.io/managed-by": "us", "tier": "back"},
			Annotations: map[string]string{"example.com/owner": "apps"},
		}, serviceAccountType, `{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
				"name": "app", "namespace": "default", "labels": {"app.kubernetes.io/managed-by": "us", "tier": "back"},
				"annotations": {
					"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/eks-default-app",
					"eks.amazonaws.com/sts-regional-endpoints": "false",
					"eks.amazonaws.com/token-expiration": "600",
					"example.com/owner": "apps"
				}
			}}`},
		{"patched", components.ServiceAccountArgs{Mode: components.PatchServiceAccount}, accountPatchType, `{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
				"name": "app", "namespace": "default",
				"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/eks-default-app"}
			}}`},
		{"patched with labels and annotations", components.ServiceAccountArgs{
			Mode: components.PatchServiceAccount, TokenExpirationSeconds: 86400,
			Labels: map[string]string{"tier": "back"}, Annotations: map[string]string{"example.com/owner": "apps"},
		}, accountPatchType, `{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
				"name": "app", "namespace": "default", "labels": {"tier": "back"},
				"annotations": {
					"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/eks-default-app",
					"eks.amazonaws.com/token-expiration": "86400",
					"example.com/owner": "apps"
				}
			}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
				test.account.Namespace, test.account.Name = "default", "app"
				args.ServiceAccounts[0] = test.account
			})
			assert.JSONEq(t, test.want, r.one(t, test.typ, "app/hub/default/app").json(t))
			assert.Len(t, slices.DeleteFunc(append(r.ofType(serviceAccountType), r.ofType(accountPatchType)...), registration.isRead), 1)
		})
	}
}

// Server-side apply makes an account that is missing, and the engine deletes one that is no longer registered.
func TestIrsaRoleReadsAnAccountBeforeItIsPatched(t *testing.T) {
	t.Parallel()
	r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.ServiceAccounts = []components.ServiceAccountArgs{
			{Namespace: "argocd", Name: "server", Mode: components.PatchServiceAccount},
		}
	})
	read, patch := r.one(t, serviceAccountType, "app/hub/argocd/server"), r.one(t, accountPatchType, "app/hub/argocd/server")
	require.True(t, read.isRead(), "under the name and type of one that is created")
	assert.Equal(t, "argocd/server", read.ID)
	assert.Equal(t, "kubernetes-hub", providerName(read.Provider))
	assert.Contains(t, patch.dependencies(), "ServiceAccount/app/hub/argocd/server")
}

func TestIrsaRoleImportsAnAccount(t *testing.T) {
	t.Parallel()
	r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.ServiceAccounts = []components.ServiceAccountArgs{
			{Namespace: "argocd", Name: "server", Mode: components.ImportServiceAccount},
			{Namespace: "argocd", Name: "other"},
		}
	})
	assert.Equal(t, "argocd/server", r.one(t, serviceAccountType, "app/hub/argocd/server").RegisterRPC.GetImportId())
	assert.Empty(t, r.one(t, serviceAccountType, "app/hub/argocd/other").RegisterRPC.GetImportId())
	assert.Empty(t, r.ofType(accountPatchType))
}

func TestIrsaRoleNamesWithHyphensDoNotCollide(t *testing.T) {
	t.Parallel()
	r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.Name = "app"
		args.ServiceAccounts = []components.ServiceAccountArgs{{Namespace: "a-b", Name: "c"}, {Namespace: "a", Name: "b-c"}}
	})
	accounts := r.ofType(serviceAccountType)
	require.Len(t, accounts, 2)
	assert.NotEqual(t, accounts[0].Name, accounts[1].Name)
}

func TestIrsaRoleCreatesANamespaceOncePerCluster(t *testing.T) {
	t.Parallel()
	r, _ := fullIrsaRole.made(t, nil)
	var names []string
	for _, namespace := range r.ofType(namespaceType) {
		names = append(names, namespace.Name)
		assert.JSONEq(t, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {
			"name": "apps", "labels": {"app.kubernetes.io/managed-by": "pulumi"}
		}}`, namespace.json(t))
	}
	assert.Equal(t, []string{"app/edge/apps", "app/hub/apps"}, names)
}
