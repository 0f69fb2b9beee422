package eks

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// What EKS's webhook gives for an EKS Pod Identity association, by its own defaults:
// https://github.com/aws/amazon-eks-pod-identity-webhook/blob/master/main.go
const (
	containerCredentialsEnv = "AWS_CONTAINER_CREDENTIALS_FULL_URI"     // #nosec G101 -- the name of a variable
	authorizationFileEnv    = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" // #nosec G101 -- the name of a variable
	podIdentityAudience     = "pods.eks.amazonaws.com"
	// maxTokenJitter is by how many seconds tokens of the default life live less than that.
	maxTokenJitter = defaultTokenExpiration - 79200
)

// associated are the credentials by an EKS Pod Identity association. The role is no part of it: the node's agent asks EKS. On
// EKS the agent answers at http://169.254.170.23/v1/credentials.
func associated(agentURL string) *credentials {
	return &credentials{
		volume: "eks-pod-identity-token", file: "eks-pod-identity-token", audience: podIdentityAudience,
		dir:    "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
		env:    []corev1.EnvVar{{Name: containerCredentialsEnv, Value: agentURL}, {Name: authorizationFileEnv}},
		jitter: true, labels: map[string]string{"eks.amazonaws.com/pod-identity": "enabled"},
	}
}

// associations are the service accounts with an EKS Pod Identity association: those that EKS knows, and those that the
// webhook alone believes to have one.
type associations struct {
	known    func(namespace, serviceAccount string) bool
	mu       sync.RWMutex
	accounts map[types.NamespacedName]bool
}

func (a *associations) has(namespace, name string) bool {
	if a.known(namespace, name) {
		return true
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.accounts[types.NamespacedName{Namespace: namespace, Name: name}]
}

func (a *associations) set(namespace, name string, associated bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.accounts == nil {
		a.accounts = map[types.NamespacedName]bool{}
	}
	a.accounts[types.NamespacedName{Namespace: namespace, Name: name}] = associated
}

// AddPodIdentityAssociation has the webhook believe that a service account of the cluster, which need not exist yet, has an
// EKS Pod Identity association: pods that are made under it from then on are sent to the agent, whatever its annotations say.
// Pods that are there already stay as they are. EKS does not know of it, so the agent gets no credentials for these pods. An
// association that has a role is made with the EKS API.
func (c *Cluster) AddPodIdentityAssociation(namespace, serviceAccount string) {
	c.identities.set(namespace, serviceAccount, true)
}

// RemovePodIdentityAssociation takes back what AddPodIdentityAssociation did; what was not done is no fault.
func (c *Cluster) RemovePodIdentityAssociation(namespace, serviceAccount string) {
	c.identities.set(namespace, serviceAccount, false)
}
