package components

import "fmt"

// IdentityType is the way on which a pod gets a role. IRSA works everywhere; EKS Pod Identity needs no OIDC provider and gives
// sessions tags, on Linux nodes on EC2 that run its agent. Where a service account has both, the association of EKS Pod Identity
// wins for every new pod.
//
// A role moves from IRSA to EKS Pod Identity, or back, by one step at a time: irsa, trustBoth, both, podIdentity. Each step is an
// update of its own that is proven, no pod is without the role in between, and each can be undone by the one before it.
//
// https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html
type IdentityType string

// The ways on which a pod gets a role.
const (
	// IdentityIRSA is an annotation of the service account, and a trust policy with the cluster's OIDC provider. It is the default.
	IdentityIRSA IdentityType = "irsa"
	// IdentityTrustBoth trusts EKS Pod Identity too, and makes no association yet or takes it away.
	IdentityTrustBoth IdentityType = "trustBoth"
	// IdentityBoth makes the association, which wins for new pods. Pods that run already stay with IRSA: restart them before the
	// next step.
	IdentityBoth IdentityType = "both"
	// IdentityPodIdentity is the association and trust in EKS Pod Identity alone.
	IdentityPodIdentity IdentityType = "podIdentity"
)

// Validate refuses an unknown type; empty means the default.
func (t IdentityType) Validate() error {
	switch t {
	case "", IdentityIRSA, IdentityTrustBoth, IdentityBoth, IdentityPodIdentity:
		return nil
	default:
		return fmt.Errorf("%q is none of %q, %q, %q and %q", t, IdentityIRSA, IdentityTrustBoth, IdentityBoth, IdentityPodIdentity)
	}
}

// trustsOIDC reports whether the role trusts the OIDC providers of its clusters, and its service accounts have its annotation.
func (t IdentityType) trustsOIDC() bool { return t != IdentityPodIdentity }

// TrustsPodIdentity reports whether the role trusts EKS Pod Identity.
func (t IdentityType) TrustsPodIdentity() bool { return t != "" && t != IdentityIRSA }

// Associates reports whether the service accounts have associations.
func (t IdentityType) Associates() bool { return t == IdentityBoth || t == IdentityPodIdentity }
