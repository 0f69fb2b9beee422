package tests

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

const notACertificate = "certificateAuthorityData: must be a PEM certificate in base64, as EKS gives it in certificateAuthority.data"

const edgeServer = "https://ABCDEF0123456789.gr7.eu-west-1.eks.amazonaws.com"

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

func TestArgoCDClusterIsThisSecret(t *testing.T) {
	t.Parallel()
	yes, no, shard := true, false, 0
	for _, test := range []variant[components.ArgoCDClusterArgs]{
		{"has what is needed, and no roleARN unless one is given", nil, `{
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
			args.Labels = pulumi.ToStringMap(map[string]string{"environment": "dev", "app.kubernetes.io/managed-by": "us", "argocd.argoproj.io/secret-type": "cluster"})
			args.Annotations = pulumi.ToStringMap(map[string]string{"example.com/owner": "platform"})
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
				InCluster: true, DisplayName: pulumi.String("hub"), Project: "platform", Labels: pulumi.ToStringMap(map[string]string{"environment": "dev"}),
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
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, _ := argoCDCluster.made(t, test.change)
			secret := r.one(t, secretType, "edge")
			assert.JSONEq(t, test.want, decoded(t, secret))
			assert.Equal(t, "kubernetes-hub", providerName(secret.Provider))
		})
	}
}

// The names were worked out with a few lines of Python: start with 0x811c9dc5; for every byte of the URL, exclusive or,
// then multiply by 0x01000193 modulo 2^32. The first is also the one that every Argo CD shows for its own cluster when
// that is added by hand.
func TestArgoCDClusterHasTheNameThatArgoCDItselfGivesIt(t *testing.T) {
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
			_, cluster := argoCDCluster.made(t, func(args *components.ArgoCDClusterArgs) {
				args.Server = pulumi.String(server).ToStringOutput()
			})
			assert.Equal(t, want, awaitString(t, cluster.SecretName))
			assert.Equal(t, "argocd", awaitString(t, cluster.Namespace))
			assert.Equal(t, server, awaitString(t, cluster.Server))
		})
	}
}

func TestArgoCDClusterFailsTheProgramWhenItTurnsOutToBeWrong(t *testing.T) {
	t.Parallel()
	type args = components.ArgoCDClusterArgs
	argoCDCluster.fails(t, []refusal[args]{
		{"as the server is not https", `server: "http://edge.example.com" is not an https URL`, func(a *args) {
			a.Server = pulumi.String("http://edge.example.com").ToStringOutput()
		}},
		{"as the server is no URL, whatever the secret is called", `server: parse "https://edge example": invalid character " " in host name`, func(a *args) {
			a.Server, a.SecretName = pulumi.String("https://edge example").ToStringOutput(), "edge"
		}},
		{"as the CA was encoded twice", notACertificate, func(a *args) {
			a.CertificateAuthorityData = pulumi.String(base64.StdEncoding.EncodeToString([]byte(caData))).ToStringOutput()
		}},
		{"as the CA is not encoded", notACertificate, func(a *args) {
			a.CertificateAuthorityData = pulumi.String("-----BEGIN CERTIFICATE-----").ToStringOutput()
		}},
	})
}

func TestArgoCDClusterRefuses(t *testing.T) {
	t.Parallel()
	type args = components.ArgoCDClusterArgs
	const notInCluster = "not for the cluster that Argo CD runs in, which it reaches with its service accounts"
	yes, minusOne := true, -1
	argoCDCluster.refuses(t, []refusal[args]{
		{"no cluster", "clusterName: must not be empty", func(a *args) { a.ClusterName = nil }},
		{"no server", "server: must not be empty", func(a *args) { a.Server = pulumi.String("") }},
		{"a server over http", `server: "http://edge.example.com" is not an https URL`, func(a *args) { a.Server = pulumi.String("http://edge.example.com") }},
		{"a server without https://", `server: "edge.example.com" is not an https URL`, func(a *args) { a.Server = pulumi.String("edge.example.com") }},
		{"no CA", "certificateAuthorityData: must not be empty", func(a *args) { a.CertificateAuthorityData = nil }},
		{"a CA that is not encoded", notACertificate, func(a *args) { a.CertificateAuthorityData = pulumi.String("-----BEGIN CERTIFICATE-----") }},
		{"a CA that was encoded twice", notACertificate, func(a *args) {
			a.CertificateAuthorityData = pulumi.String(base64.StdEncoding.EncodeToString([]byte(caData)))
		}},
		{"a malformed ARN of a role", `roleArn: "argocd" ` + notAnArn, func(a *args) { a.RoleArn = pulumi.String("argocd") }},
		{
			"another ARN for that of a role", `roleArn: "arn:aws:sts::111122223333:assumed-role/argocd/x" is not the ARN of an IAM role`,
			func(a *args) { a.RoleArn = pulumi.String("arn:aws:sts::111122223333:assumed-role/argocd/x") },
		},
		{"cluster resources without namespaces", "clusterResources: only with namespaces", func(a *args) { a.ClusterResources = &yes }},
		{"a namespace twice", `namespaces[1]: "apps" is already in the list, at index 0`, func(a *args) { a.Namespaces = []string{"apps", "apps"} }},
		{"a negative shard", "shard: -1 is negative", func(a *args) { a.Shard = &minusOne }},
		{"another secret type", `labels: argocd.argoproj.io/secret-type must stay "cluster"`, func(a *args) {
			a.Labels = pulumi.ToStringMap(map[string]string{"argocd.argoproj.io/secret-type": "repository"})
		}},
		{"what says how to reach the cluster that Argo CD runs in", lines(
			"clusterName: "+notInCluster, "server: "+notInCluster, "certificateAuthorityData: "+notInCluster, "roleArn: "+notInCluster,
			"profile: "+notInCluster, "serverName: "+notInCluster, "proxyUrl: "+notInCluster,
		), func(a *args) {
			a.InCluster, a.RoleArn, a.Profile, a.ServerName, a.ProxyURL = true, pulumi.String(argoCDRole), "x", "x", "http://x"
		}},
		{"several faults, all reported", lines(
			"clusterName: must not be empty", "server: must not be empty", "certificateAuthorityData: must not be empty", "shard: -1 is negative",
		), func(a *args) { *a = args{Shard: &minusOne} }},
	})
}
