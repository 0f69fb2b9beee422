package sandbox

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

// ManagedArgoCD plays AWS's part of managed Argo CD, the EKS Capability: it runs outside of the hub's cluster, reads the cluster
// secrets there, and logs in to the clusters that they name by their ARNs, all of it as the capability role.
type ManagedArgoCD struct {
	sandbox *Sandbox
	hub     *eks.Cluster
}

// ManagedArgoCD is that of a cluster, once the cluster has the capability.
func (s *Sandbox) ManagedArgoCD(hub *eks.Cluster) *ManagedArgoCD { return &ManagedArgoCD{s, hub} }

// Secrets are the cluster secrets of the hub, by the names that Argo CD shows.
func (m *ManagedArgoCD) Secrets(ctx context.Context, namespace string) (map[string]*corev1.Secret, error) {
	arn := fmt.Sprintf("arn:%s:eks:%s:%s:cluster/%s", m.hub.Partition(), m.hub.Region, m.hub.Account, m.hub.Name)
	client, err := m.reach(ctx, arn)
	if err != nil {
		return nil, err
	}
	list, err := client.CoreV1().Secrets(namespace).
		List(ctx, metav1.ListOptions{LabelSelector: "argocd.argoproj.io/secret-type=cluster"})
	if err != nil {
		return nil, fmt.Errorf("listing the cluster secrets: %w", err)
	}
	secrets := map[string]*corev1.Secret{}
	for i := range list.Items {
		secrets[string(list.Items[i].Data["name"])] = &list.Items[i]
	}
	return secrets, nil
}

// Client is a client of the cluster that a secret names. Whatever the secret's config says of another role or of the way, the
// capability role itself logs in.
func (m *ManagedArgoCD) Client(ctx context.Context, secret *corev1.Secret) (kubernetes.Interface, error) {
	return m.reach(ctx, string(secret.Data["server"]))
}

func (m *ManagedArgoCD) reach(ctx context.Context, arn string) (kubernetes.Interface, error) {
	reached, err := m.sandbox.Endpoint.ReachFromCapability(ctx, m.hub.Region, m.hub.Name, arn)
	if err != nil {
		return nil, err
	}
	token, err := m.token(ctx, reached)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(&rest.Config{
		Host: reached.Endpoint, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAData: reached.CertificateAuthority},
	})
}

// emptyBody is the SHA-256 of a body that is empty.
const emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// token is a login token of the capability role, as `aws eks get-token` makes one.
// https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/README.md#api-authorization-from-outside-a-cluster
func (m *ManagedArgoCD) token(ctx context.Context, reached aws.Reached) (string, error) {
	const query = "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.sandbox.Endpoint.URL()+query, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("x-k8s-aws-id", reached.Name)
	presigned, _, err := v4.NewSigner().PresignHTTP(ctx, reached.Credentials, request, emptyBody, "sts", reached.Region, time.Now())
	if err != nil {
		return "", fmt.Errorf("presigning the login: %w", err)
	}
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(presigned)), nil
}
