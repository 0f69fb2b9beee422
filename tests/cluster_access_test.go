package tests

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

const argoCDRole = "arn:aws:iam::" + account + ":role/argocd"

// newClusterAccess runs a program that lets the role argocd into the cluster dev-edge.
func newClusterAccess(r *recorder, change func(*components.ClusterAccessArgs)) (access *components.ClusterAccess, err error) {
	failed := r.run(func(ctx *pulumi.Context) error {
		given, faults := registerProviders(ctx)
		if faults != nil {
			return faults
		}
		args := &components.ClusterAccessArgs{
			ClusterName: pulumi.String("dev-edge"), PrincipalArn: pulumi.String(argoCDRole),
		}
		change(args)
		access, err = components.NewClusterAccess(ctx, "edge", args, pulumi.Provider(given.aws))
		return nil
	})
	return access, errors.Join(err, failed)
}

func viewAndEdit(args *components.ClusterAccessArgs) {
	args.AccessEntry = &components.AccessEntryArgs{Policies: []components.AccessPolicyArgs{
		{Policy: "AmazonEKSViewPolicy"},
		{Policy: "AmazonEKSEditPolicy", Namespaces: []string{"apps", "default"}},
	}}
}

func TestAnAccessEntryLetsARoleIn(t *testing.T) {
	t.Parallel()
	for _, mode := range []components.AuthenticationMode{
		"", components.AuthenticationModeAPI, components.AuthenticationModeAPIAndConfigMap,
	} {
		t.Run("mode "+string(mode), func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			access, err := newClusterAccess(r, func(args *components.ClusterAccessArgs) {
				viewAndEdit(args)
				args.AuthenticationMode = mode
			})
			require.NoError(t, err)
			assert.Equal(t, []string{
				"aws:eks/accessEntry:AccessEntry edge in edge by aws",
				"aws:eks/accessPolicyAssociation:AccessPolicyAssociation edge/AmazonEKSEditPolicy in edge by aws after AccessEntry/edge",
				"aws:eks/accessPolicyAssociation:AccessPolicyAssociation edge/AmazonEKSViewPolicy in edge by aws after AccessEntry/edge",
				"eks-irsa:index:ClusterAccess edge",
				"pulumi:providers:aws aws", "pulumi:providers:kubernetes kubernetes-edge", "pulumi:providers:kubernetes kubernetes-hub",
			}, r.graph())
			assert.Equal(t, []string{"eks-irsa:index:ClusterAccess edge"}, r.ancestors(t))
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

func TestAnAccessEntryIsAsAsked(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newClusterAccess(r, func(args *components.ClusterAccessArgs) {
		args.AccessEntry = &components.AccessEntryArgs{
			KubernetesGroups: []string{"deployers", "viewers"}, Username: "argocd", Tags: pulumi.StringMap{"team": pulumi.String("platform")},
		}
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"clusterName": "dev-edge", "principalArn": "`+argoCDRole+`", "type": "STANDARD",
		"kubernetesGroups": ["deployers", "viewers"], "userName": "argocd", "tags": {"team": "platform"}
	}`, r.one(t, accessEntryType, "edge").json(t))
	assert.Empty(t, r.ofType(associationType))
}

// EKS keeps the principal's unique ID with the entry, so an entry that outlives its role lets no session in; and it has no
// call that gives an entry EKS's own user name back.
func TestAnAccessEntryIsReplacedWithItsRoleAndWhenItsUserNameIsTakenOut(t *testing.T) {
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
			r := newRecorder()
			_, err := newClusterAccess(r, func(args *components.ClusterAccessArgs) {
				viewAndEdit(args)
				args.AccessEntry.Username, args.PrincipalUniqueId = test.username, test.uniqueID
			})
			require.NoError(t, err)
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

func TestALineOfAwsAuthStaysWhenItsRoleIsMadeAnew(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newClusterAccess(r, func(args *components.ClusterAccessArgs) {
		args.PrincipalUniqueId = pulumi.String("AROAEXAMPLE")
		args.AwsAuth = &components.AwsAuthArgs{Kubeconfig: pulumi.String("apiVersion: v1"), Groups: []string{"deployers"}}
	})
	require.NoError(t, err)
	trigger, _ := r.one(t, awsAuthRoleType, "edge").replacement()
	assert.Nil(t, trigger, "aws-auth knows the ARN only")
}

func TestAnAccessPolicyIsOfThePrincipalsPartition(t *testing.T) {
	t.Parallel()
	for partition, policy := range map[string]string{
		"aws":        "AmazonEKSViewPolicy",
		"aws-cn":     "AmazonEKSViewPolicy",
		"aws-us-gov": "arn:aws-us-gov:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
	} {
		t.Run(partition, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			_, err := newClusterAccess(r, func(args *components.ClusterAccessArgs) {
				args.PrincipalArn = pulumi.String("arn:" + partition + ":iam::" + account + ":role/argocd").ToStringOutput()
				args.AccessEntry = &components.AccessEntryArgs{Policies: []components.AccessPolicyArgs{{Policy: policy}}}
			})
			require.NoError(t, err)
			association := r.one(t, associationType, "edge/AmazonEKSViewPolicy")
			assert.Equal(t, "arn:"+partition+":eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
				association.Inputs["policyArn"].StringValue())
		})
	}
}

func TestALineOfAwsAuthLetsARoleIn(t *testing.T) {
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
			r := newRecorder()
			access, err := newClusterAccess(r, func(args *components.ClusterAccessArgs) {
				args.AuthenticationMode = test.mode
				args.AwsAuth = &components.AwsAuthArgs{
					Kubeconfig: pulumi.String("apiVersion: v1"), Username: test.username, Groups: []string{"system:masters", "deployers"},
				}
			})
			require.NoError(t, err)
			assert.JSONEq(t, test.inputs, r.one(t, awsAuthRoleType, "edge").json(t), "and the kubeconfig is secret")
			assert.Equal(t, []string{"eks-irsa:index:ClusterAccess edge"}, r.ancestors(t))
			assert.Empty(t, r.ofType(accessEntryType))
			assert.Equal(t, "aws-auth", awaitString(t, access.Via))
			assert.Empty(t, awaitString(t, access.AccessEntryArn))
		})
	}
}

func TestAPrincipalThatTurnsOutToBeNoneFailsTheProgram(t *testing.T) {
	t.Parallel()
	_, err := newClusterAccess(newRecorder(), func(args *components.ClusterAccessArgs) {
		viewAndEdit(args)
		args.PrincipalArn = pulumi.String("argocd").ToStringOutput()
	})
	require.ErrorContains(t, err,
		`ClusterAccess "edge": principalArn: "argocd" is not an ARN; its form is arn:partition:service:region:account:resource`)
}

func TestAnyRegistrationOfAClusterAccessThatFailsFailsTheProgram(t *testing.T) {
	t.Parallel()
	awsAuth := func(args *components.ClusterAccessArgs) {
		args.AwsAuth = &components.AwsAuthArgs{Kubeconfig: pulumi.String("apiVersion: v1"), Groups: []string{"deployers"}}
	}
	cases := []struct {
		typ, name, want string
		change          func(*components.ClusterAccessArgs)
	}{
		{components.ClusterAccessType, "edge", `registering ClusterAccess "edge": `, viewAndEdit},
		{accessEntryType, "edge", `ClusterAccess "edge": creating the access entry: `, viewAndEdit},
		{associationType, "edge/AmazonEKSEditPolicy", `ClusterAccess "edge": associating access policy "AmazonEKSEditPolicy": `, viewAndEdit},
		{awsAuthRoleType, "edge", `ClusterAccess "edge": mapping the role in aws-auth: `, awsAuth},
	}
	for _, test := range cases {
		t.Run(test.typ, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			r.refuse = func(added registration) error {
				if strings.HasSuffix(added.URN, test.typ+"::"+test.name) {
					return errors.New("the API says no")
				}
				return nil
			}
			_, err := newClusterAccess(r, test.change)
			require.ErrorContains(t, err, "the API says no")

			err = newRecorder().run(func(ctx *pulumi.Context) error {
				if err := refuseAtOnce(ctx, test.typ, test.name); err != nil {
					return err
				}
				args := &components.ClusterAccessArgs{ClusterName: pulumi.String("dev-edge"), PrincipalArn: pulumi.String(argoCDRole)}
				test.change(args)
				_, err := components.NewClusterAccess(ctx, "edge", args)
				return err
			})
			require.ErrorContains(t, err, test.want+refusedAtOnce)
		})
	}
}
