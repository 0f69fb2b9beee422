//go:build unix

package eks_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

// chain is a cluster with the sandbox's AWS behind it, where the others here have one that is faked.
type chain struct {
	*eks.Cluster
	kubernetes kubernetes.Interface
	sdk        awssdk.Config
}

func newChain(t *testing.T) chain {
	t.Helper()
	dir := t.TempDir()
	motoServer, cli, err := tools.Python(t.Context(), tools.Options{Log: os.Stderr})
	require.NoError(t, err)
	motoURL, moto, err := aws.StartMoto(context.WithoutCancel(t.Context()), aws.Moto{Path: motoServer, LogFile: filepath.Join(dir, "moto.log")})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, moto.Stop(5*time.Second)) })
	endpoint, err := aws.New(aws.Options{MotoURL: motoURL, Credentials: map[string]string{"AKIAOPERATOR": "secret"}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, endpoint.Close()) })
	clusters, err := eks.Start(t.Context(), eks.Options{
		ControlPlane: sandbox.binary, Dir: filepath.Join(dir, "clusters"), AWSEndpoint: endpoint.URL(), Access: endpoint.AccessEntry,
		Associated: endpoint.HasPodIdentityAssociation, Addon: endpoint.HasAddon, NodeCredentials: endpoint.NodeCredentials,
		ContainerPath: filepath.Dir(cli) + ":/usr/local/bin:/usr/bin:/bin",
		ContainerEnv:  map[string]string{"AWS_ENDPOINT_URL": endpoint.URL(), "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"},
	}, []eks.Spec{hub})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, clusters.Stop()) })
	c := clusters.All[0]
	require.NoError(t, endpoint.AddCluster(aws.Cluster{
		Name: c.Name, Account: c.Account, Region: c.Region, Version: "1.34", Endpoint: c.Endpoint,
		CertificateAuthority: c.CertificateAuthority, Issuer: c.Issuer, AuthenticationMode: c.AuthenticationMode, Keys: c.JWKS, Pod: c.Pod,
	}))
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	require.NoError(t, err)
	return chain{c, client, awssdk.Config{
		Region: c.Region, BaseEndpoint: awssdk.String(endpoint.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAOPERATOR", "secret", ""),
	}}
}

// run runs a shell script in a pod of the default service account, and returns what it prints.
func (c chain) run(t *testing.T, script string) string {
	t.Helper()
	pod := podOf("main")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	pod.Spec.Containers[0].Command = []string{"sh", "-c", script}
	pods := c.kubernetes.CoreV1().Pods(metav1.NamespaceDefault)
	created, err := pods.Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		pod, err := pods.Get(t.Context(), created.Name, metav1.GetOptions{})
		return err == nil && (pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed)
	}, 2*time.Minute, 100*time.Millisecond)
	log, err := pods.GetLogs(created.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())
	require.NoError(t, err)
	return strings.TrimSpace(string(log))
}

func TestAPodHasItsRoleByAnAssociation(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	const whoAmI = "aws --region eu-west-1 sts get-caller-identity --query Arn --output text 2>&1"
	assert.Contains(t, c.run(t, whoAmI), "Unable to locate credentials", "not without one")
	role, err := iam.NewFromConfig(c.sdk).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: awssdk.String("app"), AssumeRolePolicyDocument: awssdk.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
			`"Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":` +
			`{"aws:RequestTag/kubernetes-namespace":"default"}}}]}`),
	})
	require.NoError(t, err)
	client := awseks.NewFromConfig(c.sdk)
	made, err := client.CreatePodIdentityAssociation(t.Context(), &awseks.CreatePodIdentityAssociationInput{
		ClusterName: &c.Name, Namespace: awssdk.String("default"), ServiceAccount: awssdk.String("default"), RoleArn: role.Role.Arn,
	})
	require.NoError(t, err)

	assert.Regexp(t, `^arn:aws:sts::`+account+`:assumed-role/app/eks-hub-[a-z0-9-]{1,10}-[0-9a-f-]{36}$`, c.run(t, whoAmI))

	token := c.run(t, "cat $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var claims struct {
		Audience []string `json:"aud"`
	}
	require.NoError(t, json.Unmarshal(payload, &claims))
	assert.Equal(t, []string{"pods.eks.amazonaws.com"}, claims.Audience)

	addon := &awseks.DeleteAddonInput{ClusterName: &c.Name, AddonName: awssdk.String(aws.PodIdentityAgent)}
	_, err = client.DeleteAddon(t.Context(), addon)
	require.NoError(t, err)
	assert.Contains(t, c.run(t, whoAmI), "Error when retrieving credentials from container-role", "not without the agent")
	_, err = client.CreateAddon(t.Context(), &awseks.CreateAddonInput{ClusterName: &c.Name, AddonName: addon.AddonName})
	require.NoError(t, err)

	_, err = client.DeletePodIdentityAssociation(t.Context(), &awseks.DeletePodIdentityAssociationInput{
		ClusterName: &c.Name, AssociationId: made.Association.AssociationId,
	})
	require.NoError(t, err)
	assert.Contains(t, c.run(t, whoAmI), "Unable to locate credentials", "not once it is gone")
}
