package tests

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

const edgeServer = "https://ABCDEF0123456789.gr7.eu-west-1.eks.amazonaws.com"

func edgeCluster() *components.ArgoCDClusterArgs {
	return &components.ArgoCDClusterArgs{
		ClusterName: pulumi.String("dev-edge"), Server: pulumi.String(edgeServer), CertificateAuthorityData: pulumi.String(caData),
	}
}

// newArgoCDCluster runs a program that registers the cluster dev-edge with the Argo CD of the hub.
func newArgoCDCluster(r *recorder, change func(*components.ArgoCDClusterArgs)) (cluster *components.ArgoCDCluster, err error) {
	failed := r.run(func(ctx *pulumi.Context) error {
		given, faults := registerProviders(ctx)
		if faults != nil {
			return faults
		}
		args := edgeCluster()
		change(args)
		cluster, err = components.NewArgoCDCluster(ctx, "edge", args, pulumi.Provider(given.hub))
		return nil
	})
	return cluster, errors.Join(err, failed)
}

// decoded is the secret's inputs with the data as Argo CD reads it: without base64, and the config as an object.
func decoded(t *testing.T, secret registration) string {
	t.Helper()
	var inputs map[string]any
	require.NoError(t, json.Unmarshal([]byte(secret.json(t)), &inputs))
	hidden, ok := inputs["data"].(map[string]any)["secret"].(map[string]any)
	require.True(t, ok, "the data is secret in state")
	data := map[string]any{}
	for key, value := range hidden {
		text, err := base64.StdEncoding.DecodeString(value.(string))
		require.NoError(t, err)
		data[key] = string(text)
		if key == "config" {
			var config any
			require.NoError(t, json.Unmarshal(text, &config))
			data[key] = config
		}
	}
	inputs["data"] = data
	return jsonOf(t, inputs)
}

func TestTheSecretOfAnArgoCDCluster(t *testing.T) {
	t.Parallel()
	yes, no, shard := true, false, 0
	cases := []struct {
		name   string
		change func(*components.ArgoCDClusterArgs)
		want   string
	}{
		{"has what is needed, and no roleARN unless one is given", func(*components.ArgoCDClusterArgs) {}, `{
			"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
			"metadata": {
				"name": "cluster-abcdef0123456789.gr7.eu-west-1.eks.amazonaws.com-455108087", "namespace": "argocd",
				"labels": {"argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "pulumi"}
			},
			"data": {
				"name": "dev-edge", "server": "` + edgeServer + `",
				"config": {
					"awsAuthConfig": {"clusterName": "dev-edge"},
					"tlsClientConfig": {"insecure": false, "caData": "` + caData + `"}
				}
			}
		}`},
		{"has every field", func(args *components.ArgoCDClusterArgs) {
			args.DisplayName = pulumi.String("edge of the world")
			args.RoleArn = pulumi.String(argoCDRole)
			args.Profile, args.ServerName, args.ProxyURL = "edge", "edge.example.com", "http://egress.example.com:3128"
			args.Project, args.Namespaces, args.ClusterResources, args.Shard = "platform", []string{"apps", "default"}, &yes, &shard
			args.Namespace, args.SecretName = "gitops", "edge"
			args.Labels = map[string]string{"environment": "dev", "app.kubernetes.io/managed-by": "us", "argocd.argoproj.io/secret-type": "cluster"}
			args.Annotations = map[string]string{"example.com/owner": "platform"}
		}, `{
			"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
			"metadata": {
				"name": "edge", "namespace": "gitops",
				"labels": {"argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "us", "environment": "dev"},
				"annotations": {"example.com/owner": "platform"}
			},
			"data": {
				"name": "edge of the world", "server": "` + edgeServer + `",
				"project": "platform", "namespaces": "apps,default", "clusterResources": "true", "shard": "0",
				"config": {
					"awsAuthConfig": {"clusterName": "dev-edge", "roleARN": "` + argoCDRole + `", "profile": "edge"},
					"tlsClientConfig": {"insecure": false, "caData": "` + caData + `", "serverName": "edge.example.com"},
					"proxyUrl": "http://egress.example.com:3128"
				}
			}
		}`},
		{"is of the cluster that Argo CD runs in, which needs no login", func(args *components.ArgoCDClusterArgs) {
			*args = components.ArgoCDClusterArgs{InCluster: true}
		}, `{
			"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
			"metadata": {
				"name": "cluster-kubernetes.default.svc-3396314289", "namespace": "argocd",
				"labels": {"argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "pulumi"}
			},
			"data": {
				"name": "in-cluster", "server": "https://kubernetes.default.svc", "config": {"tlsClientConfig": {"insecure": false}}
			}
		}`},
		{"is of the cluster that Argo CD runs in, under a name of its own", func(args *components.ArgoCDClusterArgs) {
			*args = components.ArgoCDClusterArgs{
				InCluster: true, DisplayName: pulumi.String("hub"), Project: "platform", Labels: map[string]string{"environment": "dev"},
			}
		}, `{
			"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
			"metadata": {
				"name": "cluster-kubernetes.default.svc-3396314289", "namespace": "argocd",
				"labels": {"argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "pulumi", "environment": "dev"}
			},
			"data": {
				"name": "hub", "server": "https://kubernetes.default.svc", "project": "platform",
				"config": {"tlsClientConfig": {"insecure": false}}
			}
		}`},
		{"tells a false from an absent clusterResources", func(args *components.ArgoCDClusterArgs) {
			args.Namespaces, args.ClusterResources, args.SecretName = []string{"apps"}, &no, "edge"
		}, `{
			"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
			"metadata": {
				"name": "edge", "namespace": "argocd",
				"labels": {"argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "pulumi"}
			},
			"data": {
				"name": "dev-edge", "server": "` + edgeServer + `", "namespaces": "apps", "clusterResources": "false",
				"config": {
					"awsAuthConfig": {"clusterName": "dev-edge"},
					"tlsClientConfig": {"insecure": false, "caData": "` + caData + `"}
				}
			}
		}`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			_, err := newArgoCDCluster(r, test.change)
			require.NoError(t, err)
			secret := r.one(t, secretType, "edge")
			assert.JSONEq(t, test.want, decoded(t, secret))
			assert.Equal(t, "kubernetes-hub", providerName(secret.Provider))
			assert.Equal(t, []string{"eks-irsa:index:ArgoCDCluster edge"}, r.ancestors(t))
		})
	}
}

// The names were worked out with a few lines of Python: start with 0x811c9dc5; for every byte of the URL, exclusive or,
// then multiply by 0x01000193 modulo 2^32. The first is also the one that every Argo CD shows for its own cluster when
// that is added by hand.
func TestTheSecretHasTheNameThatArgoCDItselfGivesIt(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{
		"https://kubernetes.default.svc": "cluster-kubernetes.default.svc-3396314289",
		edgeServer:                       "cluster-abcdef0123456789.gr7.eu-west-1.eks.amazonaws.com-455108087",
		edgeServer + ":443":              "cluster-abcdef0123456789.gr7.eu-west-1.eks.amazonaws.com-3542511628",
		"https://[2001:db8::1]:6443":     "cluster-2001-db8--1-839939757",
		"https://[2001:DB8:0::1]":        "cluster-2001-db8--1-1472637922",
	} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			cluster, err := newArgoCDCluster(newRecorder(), func(args *components.ArgoCDClusterArgs) {
				args.Server = pulumi.String(server).ToStringOutput()
			})
			require.NoError(t, err)
			assert.Equal(t, want, awaitString(t, cluster.SecretName))
			assert.Equal(t, "argocd", awaitString(t, cluster.Namespace))
			assert.Equal(t, server, awaitString(t, cluster.Server))
		})
	}
}

func TestAnArgoCDClusterThatTurnsOutToBeWrongFailsTheProgram(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*components.ArgoCDClusterArgs)
		want   string
	}{
		{"as the server is not https", func(args *components.ArgoCDClusterArgs) {
			args.Server = pulumi.String("http://edge.example.com").ToStringOutput()
		}, `ArgoCDCluster "edge": server: "http://edge.example.com" is not an https URL`},
		{"as the server is no URL, whatever the secret is called", func(args *components.ArgoCDClusterArgs) {
			args.Server, args.SecretName = pulumi.String("https://edge example").ToStringOutput(), "edge"
		}, `ArgoCDCluster "edge": server: parse "https://edge example": invalid character " " in host name`},
		{"as the CA was encoded twice", func(args *components.ArgoCDClusterArgs) {
			args.CertificateAuthorityData = pulumi.String(base64.StdEncoding.EncodeToString([]byte(caData))).ToStringOutput()
		}, `ArgoCDCluster "edge": certificateAuthorityData: must be a PEM certificate in base64, as EKS gives it in certificateAuthority.data`},
		{"as the CA is not encoded", func(args *components.ArgoCDClusterArgs) {
			args.CertificateAuthorityData = pulumi.String("-----BEGIN CERTIFICATE-----").ToStringOutput()
		}, `ArgoCDCluster "edge": certificateAuthorityData: must be a PEM certificate in base64, as EKS gives it in certificateAuthority.data`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := newArgoCDCluster(newRecorder(), test.change)
			require.ErrorContains(t, err, test.want)
		})
	}
}
