// Command plain makes the clusters' OIDC providers and the roles of a platform.json as a Pulumi program without components
// does: the resources that the platform makes of them, with nothing checked. It is what the platform's cost is compared with, so
// it knows only what the benchmark declares.
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() { pulumi.Run(deploy) }

type platform struct {
	Clusters map[string]struct{ Region string }
	Roles    map[string]role
}

type role struct {
	Clusters        []string
	ServiceAccounts []struct{ Namespace, Name string }
	InlinePolicies  map[string]any
}

// cluster is what the roles need to know of one.
type cluster struct {
	issuer       string
	kubernetes   *kubernetes.Provider
	oidcProvider *iam.OpenIdConnectProvider
}

func deploy(ctx *pulumi.Context) error {
	var platform platform
	text, err := os.ReadFile(filepath.Join(ctx.RootDirectory(), "platform.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &platform); err != nil {
		return err
	}
	account, err := aws.NewProvider(ctx, "aws-iam", &aws.ProviderArgs{Region: pulumi.String("us-east-1")})
	if err != nil {
		return err
	}
	clusters := map[string]cluster{}
	for _, name := range slices.Sorted(maps.Keys(platform.Clusters)) {
		found, err := findCluster(ctx, name, platform.Clusters[name].Region, account)
		if err != nil {
			return err
		}
		clusters[name] = found
	}
	arns := pulumi.StringMap{}
	for _, key := range slices.Sorted(maps.Keys(platform.Roles)) {
		role, err := makeRole(ctx, key, platform.Roles[key], clusters, account)
		if err != nil {
			return err
		}
		arns[key] = role.Arn
	}
	ctx.Export("roles", arns)
	return nil
}

func findCluster(ctx *pulumi.Context, name, region string, account *aws.Provider) (cluster, error) {
	provider, err := aws.NewProvider(ctx, "aws-"+name, &aws.ProviderArgs{Region: pulumi.String(region)})
	if err != nil {
		return cluster{}, err
	}
	found, err := eks.LookupCluster(ctx, &eks.LookupClusterArgs{Name: name}, pulumi.Provider(provider))
	if err != nil {
		return cluster{}, err
	}
	kubeconfig := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":%q,"certificate-authority-data":%q}}],
		"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
		"users":[{"name":"u","user":{"exec":{"apiVersion":"client.authentication.k8s.io/v1beta1","command":"aws",
			"interactiveMode":"Never","args":["--region",%q,"eks","get-token","--cluster-name",%q,"--output","json"]}}}]}`,
		found.Endpoint, found.CertificateAuthorities[0].Data, region, name)
	made := cluster{issuer: strings.TrimPrefix(found.Identities[0].Oidcs[0].Issuer, "https://")}
	made.kubernetes, err = kubernetes.NewProvider(ctx, name, &kubernetes.ProviderArgs{
		Kubeconfig: pulumi.String(kubeconfig), EnableServerSideApply: pulumi.Bool(true),
	})
	if err != nil {
		return cluster{}, err
	}
	made.oidcProvider, err = iam.NewOpenIdConnectProvider(ctx, name, &iam.OpenIdConnectProviderArgs{
		Url: pulumi.String("https://" + made.issuer), ClientIdLists: pulumi.ToStringArray([]string{"sts.amazonaws.com"}),
	}, pulumi.Provider(account))
	return made, err
}

func makeRole(
	ctx *pulumi.Context, key string, declared role, clusters map[string]cluster, account *aws.Provider,
) (*iam.Role, error) {
	cluster, pods := clusters[declared.Clusters[0]], declared.ServiceAccounts[0]
	made, err := iam.NewRole(ctx, key, &iam.RoleArgs{
		Name:             pulumi.Sprintf("eks-%s-%s", pods.Namespace, pods.Name),
		Description:      pulumi.Sprintf("IRSA for %s/%s", pods.Namespace, pods.Name),
		AssumeRolePolicy: trustPolicy(cluster, pods.Namespace, pods.Name), ForceDetachPolicies: pulumi.Bool(true),
	}, pulumi.Provider(account))
	if err != nil {
		return nil, err
	}
	for name, document := range declared.InlinePolicies {
		_, err := iam.NewRolePolicy(ctx, key+"-"+name, &iam.RolePolicyArgs{
			Name: pulumi.String(name), Role: made.Name, Policy: pulumi.JSONMarshal(document),
		}, pulumi.Provider(account))
		if err != nil {
			return nil, err
		}
	}
	_, err = corev1.NewServiceAccount(ctx, key, &corev1.ServiceAccountArgs{
		Metadata: &metav1.ObjectMetaArgs{
			Name: pulumi.String(pods.Name), Namespace: pulumi.String(pods.Namespace),
			Annotations: pulumi.StringMap{"eks.amazonaws.com/role-arn": made.Arn},
			Labels:      pulumi.StringMap{"app.kubernetes.io/managed-by": pulumi.String("pulumi")},
		},
	}, pulumi.Provider(cluster.kubernetes))
	return made, err
}

func trustPolicy(cluster cluster, namespace, account string) pulumi.StringOutput {
	return pulumi.JSONMarshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": map[string]any{"Federated": cluster.oidcProvider.Arn},
		"Condition": map[string]any{"StringEquals": map[string]any{
			cluster.issuer + ":aud": "sts.amazonaws.com",
			cluster.issuer + ":sub": "system:serviceaccount:" + namespace + ":" + account,
		}},
	}}})
}
