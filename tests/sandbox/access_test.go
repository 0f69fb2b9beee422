package sandbox_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// A role loses in EKS what its access entry is not to give any more, and keeps what it is to give, in an update that is green.
// EKS itself is asked: Pulumi's state said that all was well where it was not.
func TestAccessGoesWhenItIsTakenAway(t *testing.T) {
	t.Parallel()
	e := newIdentityEnvironment(t)
	l := e.newLife(t)
	e.createRole(t, "visitor")
	own := "arn:aws:sts::" + sandbox.Account + ":assumed-role/visitor/{{SessionName}}"
	view := components.AccessPolicyArgs{Policy: "AmazonEKSViewPolicy"}
	edit := func(namespaces ...string) components.AccessPolicyArgs {
		return components.AccessPolicyArgs{Policy: "AmazonEKSEditPolicy", Namespaces: namespaces}
	}
	entry := func(username string, groups []string, policies ...string) sandbox.AccessEntry {
		return sandbox.AccessEntry{Cluster: "eu", PrincipalArn: visitor, Username: username, Groups: groups, Policies: policies}
	}
	for _, step := range []struct {
		name  string
		given components.AccessEntryArgs
		want  sandbox.AccessEntry
	}{
		{
			"everything",
			components.AccessEntryArgs{
				Username: "visitor", KubernetesGroups: []string{"deployers", "viewers"}, Policies: []components.AccessPolicyArgs{view, edit("a")},
			},
			entry("visitor", []string{"deployers", "viewers"}, "AmazonEKSEditPolicy in a", "AmazonEKSViewPolicy"),
		},
		{
			"a namespace more",
			components.AccessEntryArgs{
				Username: "visitor", KubernetesGroups: []string{"deployers", "viewers"}, Policies: []components.AccessPolicyArgs{view, edit("a", "b")},
			},
			entry("visitor", []string{"deployers", "viewers"}, "AmazonEKSEditPolicy in a, b", "AmazonEKSViewPolicy"),
		},
		{
			"the whole cluster, and a group less",
			components.AccessEntryArgs{
				Username: "visitor", KubernetesGroups: []string{"viewers"}, Policies: []components.AccessPolicyArgs{view, edit()},
			},
			entry("visitor", []string{"viewers"}, "AmazonEKSEditPolicy", "AmazonEKSViewPolicy"),
		},
		{
			"one namespace again, no group and another name",
			components.AccessEntryArgs{
				Username: "guest", Policies: []components.AccessPolicyArgs{view, edit("b")},
			},
			entry("guest", []string{}, "AmazonEKSEditPolicy in b", "AmazonEKSViewPolicy"),
		},
		{
			"no name, and a policy less",
			components.AccessEntryArgs{Policies: []components.AccessPolicyArgs{view}},
			entry(own, []string{}, "AmazonEKSViewPolicy"),
		},
		{"a group alone", components.AccessEntryArgs{KubernetesGroups: []string{"viewers"}}, entry(own, []string{"viewers"})},
		{
			"a name and a policy instead",
			components.AccessEntryArgs{Username: "visitor", Policies: []components.AccessPolicyArgs{edit("a")}},
			entry("visitor", []string{}, "AmazonEKSEditPolicy in a"),
		},
	} {
		l.stack.SetProgram(letIn(step.given))
		l.up(t)
		assert.Equal(t, []sandbox.AccessEntry{step.want}, e.inventory(t).AccessEntries, step.name)
	}
	want := e.inventory(t).AccessEntries
	for _, kind := range []string{"aws:eks/accessPolicyAssociation:", "aws:eks/accessEntry:"} {
		assert.NotEmpty(t, l.up(t, optup.Replace(l.urns(t, kind))))
		assert.Equal(t, want, e.inventory(t).AccessEntries, "replaced on demand: %s", kind)
	}
	l.destroy(t)
	assert.Empty(t, e.inventory(t).AccessEntries)
}

// visitor is the role that is let in.
const visitor = "arn:aws:iam::" + sandbox.Account + ":role/visitor"

// letIn is a program that lets the visitor into the cluster eu.
func letIn(given components.AccessEntryArgs) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := pulumiaws.NewProvider(ctx, "aws", &pulumiaws.ProviderArgs{Region: pulumi.String("eu-west-1")})
		if err != nil {
			return err
		}
		_, err = components.NewClusterAccess(ctx, "visitor", &components.ClusterAccessArgs{
			ClusterName: pulumi.String("eu"), PrincipalArn: pulumi.String(visitor), AccessEntry: &given,
		}, pulumi.Provider(provider))
		return err
	}
}

func (e identityEnvironment) createRole(t *testing.T, name string) {
	t.Helper()
	_, err := e.AWS().IAM.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Principal": {"AWS": "` + sandbox.Account + `"}, "Action": "sts:AssumeRole"}]}`),
	})
	require.NoError(t, err)
}

// The AWS provider's profile wins over keys in the environment, as in a CI job that has its own. So must that of the AWS CLI,
// with which the Kubernetes provider logs in: it would log in as another identity, or not at all.
func TestAProfileWinsOverTheKeysOfTheEnvironmentInAWSAndInKubernetes(t *testing.T) {
	t.Parallel()
	e := newIdentityEnvironment(t)
	l := e.newLife(t)
	l.setForeignKeys(t)
	delete(l.settings.Section("clusters"), "us")
	cluster := l.settings.Section("clusters")["eu"].(map[string]any)
	role := l.settings.Section("roles")["app"].(map[string]any)
	role["clusters"] = []any{"eu"}
	role["serviceAccounts"] = []any{map[string]any{"namespace": "default", "name": "app"}}
	assert.Contains(t, l.refused(t), "InvalidClientTokenId", "the keys open nothing")

	cluster["profile"] = "operator"
	l.up(t)
	accounts := names(e.inventory(t).IrsaServiceAccounts())
	assert.Equal(t, []string{"eu/default/app"}, accounts)
	l.destroy(t)
	assert.Empty(t, e.inventory(t).IrsaServiceAccounts())
}
