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
	// agentURI is where the EKS Pod Identity Agent of a node answers. The sandbox's node has none, like one without the
	// add-on: a pod with an association gets no credentials there.
	agentURI            = "http://169.254.170.23/v1/credentials"
	podIdentityAudience = "pods.eks.amazonaws.com"
	// maxTokenJitter is by how many seconds tokens of the default life live less than that.
	maxTokenJitter = defaultTokenExpiration - 79200
)

// associated are the credentials by an EKS Pod Identity association. The role is no part of it: the pod's agent asks EKS.
func associated() *credentials {
	return &credentials{
		volume: "eks-pod-identity-token", file: "eks-pod-identity-token", audience: podIdentityAudience,
		dir:    "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
		env:    []corev1.EnvVar{{Name: containerCredentialsEnv, Value: agentURI}, {Name: authorizationFileEnv}},
		jitter: true, labels: map[string]string{"eks.amazonaws.com/pod-identity": "enabled"},
	}
}

// associations are the service accounts with an EKS Pod Identity association.
type associations struct {
	mu       sync.RWMutex
	accounts map[types.NamespacedName]bool
}

func (a *associations) has(namespace, name string) bool {
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

// AddPodIdentityAssociation associates a service account of the cluster, which need not exist yet, with a role by EKS Pod
// Identity: pods that are made under it from then on get their credentials that way, whatever its annotations say. Pods
// that are there already stay as they are.
func (c *Cluster) AddPodIdentityAssociation(namespace, serviceAccount string) {
	c.identities.set(namespace, serviceAccount, true)
}

// RemovePodIdentityAssociation takes the association of a service account away; one that is not there is no fault.
func (c *Cluster) RemovePodIdentityAssociation(namespace, serviceAccount string) {
	c.identities.set(namespace, serviceAccount, false)
}
