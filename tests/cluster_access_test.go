package tests

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

const argoCDRole = "arn:aws:iam::" + account + ":role/argocd"

func TestClusterAccessLetsARoleInByAnAccessEntry(t *testing.T) {
	t.Parallel()
	for _, mode := range []components.AuthenticationMode{
		"", components.AuthenticationModeAPI, components.AuthenticationModeAPIAndConfigMap,
	} {
		t.Run("mode "+string(mode), func(t *testing.T) {
			t.Parallel()
			r, access := clusterAccess.made(t, func(args *components.ClusterAccessArgs) {
				args.AuthenticationMode = mode
			})
			assert.Equal(t, []string{
				"aws:eks/accessEntry:AccessEntry edge in edge by aws",
				"aws:eks/accessPolicyAssociation:AccessPolicyAssociation edge/AmazonEKSEditPolicy in edge by aws after AccessEntry/edge",
				"aws:eks/accessPolicyAssociation:AccessPolicyAssociation edge/AmazonEKSViewPolicy in edge by aws after AccessEntry/edge",
				"eks-irsa:index:ClusterAccess edge",
				"pulumi:providers:aws aws", "pulumi:providers:kubernetes kubernetes-edge", "pulumi:providers:kubernetes kubernetes-hub",
			}, r.graph())
			assert.JSONEq(t, `{"clusterName": "dev-edge", "principalArn": "`+argoCDRole+`", "type": "STANDARD", "kubernetesGroups": []}`,
				r.one(t, accessEntryType, "edge").json(t), "without a list EKS would keep the groups that it has")
			assert.JSONEq(t, `{
				"clusterName": "dev-edge", "principalArn": "`+argoCDRole+`", "accessScope": {"type": "cluster"},
				"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
			}`, r.one(t, associationType, "edge/AmazonEKSViewPolicy").json(t))
			assert.JSONEq(t, `{
				"clusterName": "dev-edge", "principalArn": "`+argoCDRole+`",
				"accessScope": {"type": "namespace", "namespaces": ["apps", "default"]},
				"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"
			}`, r.one(t, associationType, "edge/AmazonEKSEditPolicy").json(t))

			assert.Equal(t, "accessEntry", awaitString(t, access.Via))
			assert.Equal(t, "dev-edge", awaitString(t, access.ClusterName))
			assert.Equal(t, argoCDRole, awaitString(t, access.PrincipalArn))
			assert.Contains(t, awaitString(t, access.AccessEntryArn), ":access-entry/dev-edge/role/")
		})
	}
}

func TestClusterAccessMakesAnAccessEntryAsAsked(t *testing.T) {
	t.Parallel()
	r, _ := clusterAccess.made(t, func(args *components.ClusterAccessArgs) {
		args.AccessEntry = &components.AccessEntryArgs{
			KubernetesGroups: []string{"deployers", "viewers"}, Username: "argocd", Tags: pulumi.StringMap{"team": pulumi.String("platform")},
		}
	})
	assert.JSONEq(t, `{
		"clusterName": "dev-edge", "principalArn": "`+argoCDRole+`", "type": "STANDARD",
		"kubernetesGroups": ["deployers", "viewers"], "userName": "argocd", "tags": {"team": "platform"}
	}`, r.one(t, accessEntryType, "edge").json(t))
	assert.Empty(t, r.ofType(associationType))
}

// EKS keeps the principal's unique ID with the entry, so an entry that outlives its role lets no session in; and it has no
// call that gives an entry EKS's own user name back.
func TestClusterAccessReplacesAnEntryWithItsRoleAndWhenItsUserNameIsTakenOut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, username string
		uniqueID       pulumi.StringInput
		want           string
	}{
		{"with neither", "", nil, ""},
		{"with a user name", "argocd", nil, " with a user name"},
		{"with another user name, which is changed in place", "argo-cd", nil, " with a user name"},
		{"with a unique ID", "", pulumi.String("AROAEXAMPLE").ToStringOutput(), "AROAEXAMPLE"},
		{"with both", "argocd", pulumi.String("AROAEXAMPLE").ToStringOutput(), "AROAEXAMPLE with a user name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, _ := clusterAccess.made(t, func(args *components.ClusterAccessArgs) {
				args.AccessEntry.Username, args.PrincipalUniqueId = test.username, test.uniqueID
			})
			kept := append(r.ofType(accessEntryType), r.ofType(associationType)...)
			require.Len(t, kept, 3)
			for _, added := range kept {
				trigger, deleteFirst := added.replacement()
				assert.Equal(t, test.want, trigger, added.Name)
				assert.True(t, deleteFirst, "%s: what is deleted last is the same in EKS as what was made first", added.Name)
			}
		})
	}
}

func TestClusterAccessKeepsALineOfAwsAuthWhenItsRoleIsReplaced(t *testing.T) {
	t.Parallel()
	r, _ := clusterAccess.made(t, func(args *components.ClusterAccessArgs) {
		args.PrincipalUniqueId = pulumi.String("AROAEXAMPLE")
		args.AccessEntry, args.AwsAuth = nil, &components.AwsAuthArgs{Kubeconfig: pulumi.String("apiVersion: v1"), Groups: []string{"deployers"}}
	})
	trigger, _ := r.one(t, awsAuthRoleType, "edge").replacement()
	assert.Nil(t, trigger, "aws-auth knows the ARN only")
}

func TestClusterAccessTakesAPolicyOfThePrincipalsPartition(t *testing.T) {
	t.Parallel()
	for partition, policy := range map[string]string{
		"aws":        "AmazonEKSViewPolicy",
		"aws-cn":     "AmazonEKSViewPolicy",
		"aws-us-gov": "arn:aws-us-gov:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
	} {
		t.Run(partition, func(t *testing.T) {
			t.Parallel()
			r, _ := clusterAccess.made(t, func(args *components.ClusterAccessArgs) {
				args.PrincipalArn = pulumi.String("arn:" + partition + ":iam::" + account + ":role/argocd").ToStringOutput()
				args.AccessEntry = &components.AccessEntryArgs{Policies: []components.AccessPolicyArgs{{Policy: policy}}}
			})
			association := r.one(t, associationType, "edge/AmazonEKSViewPolicy")
			assert.Equal(t, "arn:"+partition+":eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
				association.Inputs["policyArn"].StringValue())
		})
	}
}

func TestClusterAccessLetsARoleInByAwsAuth(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, username, inputs string
		mode                   components.AuthenticationMode
	}{
		{"by default", "", `{
			"kubeconfig": {"secret": "apiVersion: v1"}, "roleArn": "` + argoCDRole + `", "groups": ["system:masters", "deployers"]
		}`, components.AuthenticationModeConfigMap},
		{"with a name", "argocd", `{
			"kubeconfig": {"secret": "apiVersion: v1"}, "roleArn": "` + argoCDRole + `", "groups": ["system:masters", "deployers"],
			"username": "argocd"
		}`, components.AuthenticationModeAPIAndConfigMap},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, access := clusterAccess.made(t, func(args *components.ClusterAccessArgs) {
				args.AuthenticationMode = test.mode
				args.AccessEntry, args.AwsAuth = nil, &components.AwsAuthArgs{
					Kubeconfig: pulumi.String("apiVersion: v1"), Username: test.username, Groups: []string{"system:masters", "deployers"},
				}
			})
			assert.JSONEq(t, test.inputs, r.one(t, awsAuthRoleType, "edge").json(t), "and the kubeconfig is secret")
			assert.Empty(t, r.ofType(accessEntryType))
			assert.Equal(t, "aws-auth", awaitString(t, access.Via))
			assert.Empty(t, awaitString(t, access.AccessEntryArn))
		})
	}
}

func TestClusterAccessFailsTheProgramWhenThePrincipalTurnsOutToBeNone(t *testing.T) {
	t.Parallel()
	clusterAccess.fails(t, []refusal[components.ClusterAccessArgs]{{"as it is no ARN", `principalArn: "argocd" ` + notAnArn, func(args *components.ClusterAccessArgs) {
		args.PrincipalArn = pulumi.String("argocd").ToStringOutput()
	}}})
}

func TestClusterAccessImportsAnEntryThatExistsOnDemand(t *testing.T) {
	t.Parallel()
	r, _ := clusterAccess.made(t, func(args *components.ClusterAccessArgs) {
		args.AccessEntry.Import = true
		args.ClusterName, args.PrincipalArn = args.ClusterName.ToStringOutput(), args.PrincipalArn.ToStringOutput()
	})
	rpc := r.one(t, accessEntryType, "edge").RegisterRPC
	assert.Equal(t, "dev-edge:"+argoCDRole, rpc.GetImportId())
	assert.Empty(t, rpc.GetHooks().GetBeforeCreate(), "what is imported is not created")
	for _, association := range r.ofType(associationType) {
		assert.Empty(t, association.RegisterRPC.GetImportId(), "EKS associates again what is associated already")
	}
}

// EKS says of an access entry that exists only that it is in use, so the engine is asked to look before it creates one.
func TestClusterAccessRefusesAnEntryThatExistsWithAdvice(t *testing.T) {
	t.Parallel()
	const (
		getAccessEntry = "aws:eks/getAccessEntry:getAccessEntry"
		refusal        = argoCDRole + ` has an access entry in cluster "dev-edge" already (type STANDARD, user name "argocd", groups ["viewers"]), ` +
			"which this stack did not make. Take it over with import for one update (in the configuration `access: {import: true}`, in a " +
			"program Import of components.AccessEntryArgs), or delete it: aws eks delete-access-entry --cluster-name dev-edge " +
			"--principal-arn " + argoCDRole
	)
	known := resource.NewPropertyMapFromMap(map[string]any{"clusterName": "dev-edge", "principalArn": argoCDRole})
	unknown := resource.PropertyMap{
		"clusterName": known["clusterName"], "principalArn": resource.MakeComputed(resource.NewStringProperty("")),
	}
	exists := resource.NewPropertyMapFromMap(map[string]any{"type": "STANDARD", "userName": "argocd", "kubernetesGroups": []any{"viewers"}})
	for _, test := range []struct {
		name    string
		found   resource.PropertyMap
		inputs  resource.PropertyMap
		options []pulumi.RunOption
		want    string
		asked   int
	}{
		{"there is one", exists, known, nil, refusal, 1},
		{"there is one, in a preview, which cannot tell a replacement", exists, known, []pulumi.RunOption{preview}, "", 1},
		{"there is none", nil, known, nil, "", 1},
		{"the role is still to be made", exists, unknown, []pulumi.RunOption{preview}, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			if test.found != nil {
				r.answers = map[string]resource.PropertyMap{getAccessEntry: test.found}
			}
			var refused []error
			require.NoError(t, r.run(func(ctx *pulumi.Context) error {
				if err := beforeCreations(ctx, accessEntryType, func(_ string, create func(resource.PropertyMap) error) {
					refused = append(refused, create(test.inputs))
				}); err != nil {
					return err
				}
				_, err := components.NewClusterAccess(ctx, "edge", clusterAccess.valid(unregistered))
				return err
			}, test.options...))
			require.Len(t, refused, 1)
			if test.want == "" {
				require.NoError(t, refused[0])
			} else {
				require.EqualError(t, refused[0], test.want)
			}
			assert.Len(t, r.invokes, test.asked)
		})
	}
}

// Components of one name may stand below parents of different types, and hooks of one name are an error of the engine.
func TestClusterAccessHasHooksOfItsOwnBelowEachParent(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	require.NoError(t, r.run(func(ctx *pulumi.Context) error {
		for _, kind := range []string{"Team", "Guest"} {
			parent := &components.ClusterAccess{}
			if err := ctx.RegisterComponentResource("teams:index:"+kind, "a", parent); err != nil {
				return err
			}
			if _, err := components.NewClusterAccess(ctx, "edge", clusterAccess.valid(unregistered), pulumi.Parent(parent)); err != nil {
				return err
			}
		}
		return nil
	}))
	var hooks []string
	for _, entry := range r.ofType(accessEntryType) {
		hooks = append(hooks, entry.RegisterRPC.GetHooks().GetBeforeCreate()...)
	}
	require.Len(t, hooks, 2)
	assert.NotEqual(t, hooks[0], hooks[1])
}

func TestClusterAccessOverwritesALineOfAwsAuthOnDemand(t *testing.T) {
	t.Parallel()
	r, _ := clusterAccess.made(t, func(args *components.ClusterAccessArgs) {
		args.AccessEntry, args.AwsAuth = nil, &components.AwsAuthArgs{Kubeconfig: pulumi.String("apiVersion: v1"), Groups: []string{"deployers"}, Overwrite: true}
	})
	assert.JSONEq(t, `{
		"kubeconfig": {"secret": "apiVersion: v1"}, "roleArn": "`+argoCDRole+`", "groups": ["deployers"], "overwrite": true
	}`, r.one(t, awsAuthRoleType, "edge").json(t))
}
