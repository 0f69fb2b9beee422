//go:build unix

package attack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks/agent"
)

// pod is a pod of a cluster. The real ones are never scheduled: EKS Auth asks whether a pod exists, not whether it runs.
type pod struct {
	of                       *issuer
	namespace, account, name string
	uid, accountUID          string
}

// newPod makes a pod, and its namespace and service account if they are not there.
func newPod(t *testing.T, of *issuer, namespace, account string) pod {
	t.Helper()
	return newPodNamed(t, of, namespace, account, fmt.Sprintf("pod-%d", numbers.Add(1)))
}

func newPodNamed(t *testing.T, of *issuer, namespace, account, name string) pod {
	t.Helper()
	its := of.ensureAccount(t, namespace, account)
	made, err := of.kubernetes.CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			ServiceAccountName: account, SchedulingGates: []corev1.PodSchedulingGate{{Name: "example.com/never"}},
			Containers: []corev1.Container{{Name: "main", Image: "public.ecr.aws/aws-cli/aws-cli"}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return pod{of, namespace, account, name, string(made.UID), string(its.UID)}
}

func (p pod) delete(t *testing.T) {
	t.Helper()
	require.NoError(t, p.of.kubernetes.CoreV1().Pods(p.namespace).Delete(t.Context(), p.name, metav1.DeleteOptions{}))
}

func (p pod) deleteAccount(t *testing.T) {
	t.Helper()
	require.NoError(t, p.of.kubernetes.CoreV1().ServiceAccounts(p.namespace).Delete(t.Context(), p.account, metav1.DeleteOptions{}))
}

// token is what the API server issues for the pod. The audience is that of EKS Pod Identity unless others are named.
func (p pod) token(t *testing.T, audiences ...string) string {
	t.Helper()
	if len(audiences) == 0 {
		audiences = []string{iampolicy.PodIdentityAudience}
	}
	return p.tokenFor(t, audiences)
}

// tokenFor is a token for audiences; without any, for the API server itself.
func (p pod) tokenFor(t *testing.T, audiences []string) string {
	t.Helper()
	return p.of.request(t, p.namespace, p.account, authenticationv1.TokenRequestSpec{
		Audiences:      audiences,
		BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: p.name, UID: types.UID(p.uid)},
	})
}

// forged is a token that no API server issued. Nothing but that is wrong with it, unless changes are made.
func (p pod) forged(t *testing.T, changes ...change) string {
	t.Helper()
	return forged(append([]change{p.bound}, changes...)...)(t)
}

// bound says what the API server says in a token of the pod.
func (p pod) bound(_ *testing.T, f *forgery) {
	f.claims["iss"] = p.of.Issuer
	f.claims["aud"] = []string{iampolicy.PodIdentityAudience}
	f.claims["sub"] = "system:serviceaccount:" + p.namespace + ":" + p.account
	f.claims["kubernetes.io"] = map[string]any{
		"namespace": p.namespace, "pod": map[string]any{"name": p.name, "uid": p.uid},
		"serviceaccount": map[string]any{"name": p.account, "uid": p.accountUID},
	}
}

// boundTo changes one of the objects that a token is bound to, "pod" or "serviceaccount"; nil takes it out.
func boundTo(kind string, object map[string]any) change {
	return func(_ *testing.T, f *forgery) {
		claim := f.claims["kubernetes.io"].(map[string]any)
		if claim[kind] = object; object == nil {
			delete(claim, kind)
		}
	}
}

// clusterArn is the ARN of a cluster of these clusters' account.
func (i *issuer) clusterArn() string {
	return iampolicy.ARN{
		Partition: "aws", Service: "eks", Region: i.Region, Account: i.Account, Resource: "cluster/" + i.Name,
	}.String()
}

// trustPods is the product's trust policy for service accounts by EKS Pod Identity of these clusters.
func trustPods(t *testing.T, clusters []*issuer, subjects ...iampolicy.ServiceAccountSubject) string {
	t.Helper()
	policy := iampolicy.ServiceAccountTrust{ServiceAccounts: subjects}
	for _, c := range clusters {
		policy.Clusters = append(policy.Clusters, c.clusterArn())
	}
	text, err := policy.JSON()
	require.NoError(t, err)
	return text
}

// eks is a client for the account in a region.
func (a account) eks(region string) *awseks.Client {
	config := a.config
	config.Region = region
	return awseks.NewFromConfig(config)
}

// associate associates the service account of a pod with a role, and returns the association's ID.
func (a account) associate(ctx context.Context, p pod, role string) (id string, err error) {
	answer, err := a.eks(p.of.Region).CreatePodIdentityAssociation(ctx, &awseks.CreatePodIdentityAssociationInput{
		ClusterName: &p.of.Name, Namespace: &p.namespace, ServiceAccount: &p.account, RoleArn: &role,
	})
	if err != nil {
		return "", err
	}
	return *answer.Association.AssociationId, nil
}

func (a account) associated(t *testing.T, p pod, role string) (id string) {
	t.Helper()
	id, err := a.associate(t.Context(), p, role)
	require.NoError(t, err)
	return id
}

func (a account) disassociate(t *testing.T, p pod, id string) {
	t.Helper()
	_, err := a.eks(p.of.Region).DeletePodIdentityAssociation(t.Context(), &awseks.DeletePodIdentityAssociationInput{
		ClusterName: &p.of.Name, AssociationId: &id,
	})
	require.NoError(t, err)
}

// nodeOf are the credentials of a cluster's node.
func nodeOf(c *issuer) awssdk.CredentialsProviderFunc {
	return func(ctx context.Context) (awssdk.Credentials, error) { return sandbox.aws.NodeCredentials(ctx, c.Region, c.Name) }
}

// askAs asks EKS Auth of a region for the session of a token's pod.
func askAs(ctx context.Context, who awssdk.CredentialsProvider, region, cluster, token string) (agent.Session, error) {
	return agent.Client{Endpoint: sandbox.aws.URL(), Region: region, Credentials: who}.AssumeRoleForPodIdentity(ctx, cluster, token)
}

// ask asks with the credentials of a node of the pod's cluster.
func (p pod) ask(ctx context.Context, token string) error {
	_, err := askAs(ctx, nodeOf(p.of), p.of.Region, p.of.Name, token)
	return err
}

// session is the pod with the role that its service account is associated with.
func (p pod) session(t *testing.T, role string) workload {
	t.Helper()
	given, err := askAs(t.Context(), nodeOf(p.of), p.of.Region, p.of.Name, p.token(t))
	require.NoError(t, err)
	session := &ststypes.Credentials{
		AccessKeyId: &given.AccessKeyID, SecretAccessKey: &given.SecretAccessKey, SessionToken: &given.SessionToken,
	}
	return workload{role, session, withSession(session, region)}
}

// credentials are those of a session, for calls that no SDK makes.
func (w workload) credentials() awssdk.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(*w.given.AccessKeyId, *w.given.SecretAccessKey, *w.given.SessionToken)
}

// played makes a cluster that AWS knows and that has no API server. It signs with the hub's key, and its pods are those of
// which the tokens say so.
func played(t *testing.T, account, region, name string) *issuer {
	t.Helper()
	hub := sandbox.hub
	made := &issuer{Cluster: &eks.Cluster{Spec: eks.Spec{Name: name, Account: account, Region: region}}}
	made.Issuer = fmt.Sprintf("https://oidc.eks.%s.amazonaws.com/id/%032X", region, numbers.Add(1))
	require.NoError(t, sandbox.aws.AddCluster(aws.Cluster{
		Name: name, Account: account, Region: region, Version: "1.34", Endpoint: hub.Endpoint,
		CertificateAuthority: hub.CertificateAuthority, Issuer: made.Issuer, AuthenticationMode: "API", Keys: hub.JWKS,
		Pod: func(_ context.Context, _, name string) (aws.Pod, bool, error) {
			return aws.Pod{UID: "played-" + name, ServiceAccount: name, ServiceAccountUID: "played"}, true, nil
		},
	}))
	return made
}

// playedPod is a pod of a cluster that is played; its name is that of its service account.
func playedPod(of *issuer, namespace, account string) pod {
	return pod{of, namespace, account, account, "played-" + account, "played"}
}

// newAgent starts an agent of the hub of its own, as another one would forget what it has when another test restarts it.
func newAgent(t *testing.T) *agent.Agent {
	t.Helper()
	started, err := agent.Start(t.Context(), agent.Options{
		Cluster: sandbox.hub.Name, Endpoint: sandbox.aws.URL(), Region: region, Credentials: nodeOf(sandbox.hub), Keys: sandbox.hub.JWKS,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, started.Stop()) })
	return started
}

// saidByEKSAuth is how an agent passes on what EKS Auth says.
var saidByEKSAuth = regexp.MustCompile(`\[.*\]: \((\w+)\): (.*), fault: `)

// getFrom asks an agent as an SDK does. An error has the code of EKS Auth, or the status of what the agent itself refuses.
func getFrom(t *testing.T, a *agent.Agent, token string, changes ...func(*http.Request)) (key string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL(), nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", token)
	for _, change := range changes {
		change(request)
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	if answer.StatusCode == http.StatusOK {
		var given struct{ AccessKeyId string } //nolint:revive,staticcheck // the name in the answer
		require.NoError(t, json.Unmarshal(body, &given))
		return given.AccessKeyId, nil
	}
	if said := saidByEKSAuth.FindStringSubmatch(string(body)); said != nil {
		return "", &smithy.GenericAPIError{Code: said[1], Message: said[2]}
	}
	return "", &smithy.GenericAPIError{Code: answer.Status, Message: strings.TrimSpace(string(body))}
}
