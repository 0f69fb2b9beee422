package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/argoproj/argo-cd/v3/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v3/applicationset/generators"
	"github.com/argoproj/argo-cd/v3/applicationset/utils"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	log "github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"
)

// bridgedSecret is the cluster secret that the stack makes with bridge: true; tests/bridge_test.go keeps it.
const bridgedSecret = "../../testdata/bridged-secret.json"

// controllers installs two controllers wherever the label of each says so, with what the annotations say of their roles.
const controllers = `
spec:
  goTemplate: true
  goTemplateOptions: ["missingkey=error"]
  generators:
    - clusters:
        selector: {matchLabels: {enable_external_dns: "true"}}
        values: {addon: external-dns, key: external_dns}
    - clusters:
        selector: {matchLabels: {enable_aws_load_balancer_controller: "true"}}
        values: {addon: aws-load-balancer-controller, key: aws_load_balancer_controller}
    - clusters:
        selector: {matchLabels: {enable_velero: "true"}}
        values: {addon: velero, key: velero}
  template:
    metadata: {name: '{{.values.addon}}-{{.name}}'}
    spec:
      project: default
      destination:
        server: '{{.server}}'
        namespace: '{{index .metadata.annotations (printf "%s_namespace" .values.key)}}'
      source:
        repoURL: '{{.metadata.annotations.addons_repo_url}}'
        chart: '{{.values.addon}}'
        targetRevision: 1.2.3
        helm:
          values: |
            clusterName: {{.metadata.annotations.aws_cluster_name}}
            region: {{.metadata.annotations.aws_region}}
            vpcId: {{.metadata.annotations.aws_vpc_id}}
            account: "{{.metadata.annotations.aws_account_id}}"
            serviceAccount:
              name: {{index .metadata.annotations (printf "%s_service_account" .values.key)}}
              annotations:
                eks.amazonaws.com/role-arn: {{index .metadata.annotations (printf "%s_iam_role_arn" .values.key)}}
`

// render makes the Applications of an ApplicationSet as Argo CD's controller does, of the secrets in its namespace.
func render(t *testing.T, text string, secrets ...*corev1.Secret) []v1alpha1.Application {
	t.Helper()
	var set v1alpha1.ApplicationSet
	require.NoError(t, yaml.Unmarshal([]byte(text), &set))
	set.ObjectMeta = metav1.ObjectMeta{Name: "controllers", Namespace: "argocd"}
	builder := fake.NewClientBuilder()
	for _, secret := range secrets {
		builder = builder.WithObjects(secret)
	}
	client := builder.Build()
	applications, _, err := template.GenerateApplications(log.NewEntry(log.StandardLogger()), set,
		map[string]generators.Generator{"Clusters": generators.NewClusterGenerator(client, "argocd")}, &utils.Render{}, client)
	require.NoError(t, err)
	return applications
}

func TestAnApplicationSetFindsTheRolesOfAClusterInItsSecret(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(bridgedSecret)
	require.NoError(t, err)
	var secret corev1.Secret
	require.NoError(t, json.Unmarshal(text, &secret))

	applications := render(t, controllers, &secret)

	require.Len(t, applications, 2, "velero has no label")
	const role = "arn:aws:iam::222233334444:role/"
	for i, want := range []struct{ name, namespace, account, arn string }{
		{"external-dns-edge", "external-dns", "external-dns", role + "eks-external-dns-external-dns"},
		{"aws-load-balancer-controller-edge", "kube-system", "aws-load-balancer-controller", role + "addons/eks-kube-system-aws-load-balancer-controller"},
	} {
		application := applications[i]
		assert.Equal(t, want.name, application.Name)
		assert.Equal(t, want.namespace, application.Spec.Destination.Namespace)
		assert.Equal(t, string(secret.Data["server"]), application.Spec.Destination.Server)
		assert.Equal(t, "https://git.example.com/addons", application.Spec.Source.RepoURL)
		var values map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(application.Spec.Source.Helm.Values), &values))
		assert.Equal(t, map[string]any{
			"clusterName": "prod-edge", "region": "us-east-1", "vpcId": "vpc-0123456789abcdef0", "account": "222233334444",
			"serviceAccount": map[string]any{"name": want.account, "annotations": map[string]any{"eks.amazonaws.com/role-arn": want.arn}},
		}, values)
	}
}
