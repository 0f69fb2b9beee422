package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// podIdentity is whom a verified token names.
type podIdentity struct{ namespace, serviceAccount, serviceAccountUID, name, uid string }

// tags are the session tags that EKS Pod Identity gives a pod's session, all of them transitive.
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html#pod-id-abac-tags
func (p podIdentity) tags(c *cluster) sessionTags {
	handedOn := func(key, value string) sessionTag { return sessionTag{key: key, value: value, transitive: true} }
	return sessionTags{
		handedOn("eks-cluster-arn", c.arn), handedOn("eks-cluster-name", c.Name),
		handedOn("kubernetes-namespace", p.namespace), handedOn("kubernetes-service-account", p.serviceAccount),
		handedOn("kubernetes-pod-name", p.name), handedOn("kubernetes-pod-uid", p.uid),
	}
}

// sessionName is a name as EKS was seen to make it, eks-eksworksho-app1-v1-5b-de387d83-d53c-4022-bebe-d6e35a034e4b: of cluster
// and pod the first ten characters.
func (p podIdentity) sessionName(c *cluster) string {
	short := func(name string) string { return name[:min(10, len(name))] }
	return "eks-" + short(c.Name) + "-" + short(p.name) + "-" + newID()
}

// Which of its exceptions EKS Auth has for what is in its API; its messages are not known, so these are the sandbox's own.
func refusedToken(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "InvalidTokenException", fmt.Sprintf(format, args...)}
}

// verifyPodToken checks a token of a cluster: who issued it, with which key, when, for whom, and that the pod that it is
// bound to is there, under the same service account. AWS does not document how far EKS Auth goes; a cluster of its own takes
// no token whose pod or service account is gone, or was made again under its name.
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
func (e *Endpoint) verifyPodToken(ctx context.Context, text string, c *cluster) (podIdentity, error) {
	token, issuer, err := readToken(text)
	if err != nil {
		return podIdentity{}, asRefusedToken(err)
	}
	if issuer != c.Issuer {
		return podIdentity{}, refusedToken("The token is not one of the cluster %s.", c.Name)
	}
	claims, err := e.verifiedClaims(ctx, token, issuer)
	if err == nil {
		err = claims.checkTime(time.Now(), e.tokenAging)
	}
	if err != nil {
		return podIdentity{}, asRefusedToken(err)
	}
	if !slices.Contains(claims.Audience, podsService) {
		return podIdentity{}, refusedToken("The audience of the token is not %s.", podsService)
	}
	pod, err := claims.pod()
	if err != nil {
		return podIdentity{}, err
	}
	if c.Pod == nil {
		return podIdentity{}, refusedToken("The pods of the cluster %s are not known.", c.Name)
	}
	found, ok, err := c.Pod(ctx, pod.namespace, pod.name)
	if err != nil {
		return podIdentity{}, fmt.Errorf("looking up the pod %s/%s: %w", pod.namespace, pod.name, err)
	}
	if !ok || found.UID != pod.uid || found.ServiceAccount != pod.serviceAccount {
		return podIdentity{}, refusedToken("The pod that the token is bound to does not exist.")
	}
	if found.ServiceAccountUID != pod.serviceAccountUID {
		return podIdentity{}, refusedToken("The service account that the token names does not exist.")
	}
	return pod, nil
}

// asRefusedToken turns what STS says of a token into what EKS Auth says: two of its exceptions are for tokens.
func asRefusedToken(err error) error {
	var refusal *apiError
	if !errors.As(err, &refusal) || refusal.code == "ExpiredTokenException" {
		return err
	}
	return refusedToken("%s", refusal.message)
}

// pod reads the claims by which Kubernetes binds a token to a pod.
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
func (c claims) pod() (podIdentity, error) {
	type object struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	}
	var bound struct {
		Namespace      string `json:"namespace"`
		Pod            object `json:"pod"`
		ServiceAccount object `json:"serviceaccount"`
	}
	if err := json.Unmarshal(c.present["kubernetes.io"], &bound); err != nil {
		return podIdentity{}, refusedToken("The token has no claim kubernetes.io.")
	}
	p := podIdentity{bound.Namespace, bound.ServiceAccount.Name, bound.ServiceAccount.UID, bound.Pod.Name, bound.Pod.UID}
	switch {
	case p.namespace == "" || p.serviceAccount == "" || p.serviceAccountUID == "":
		return podIdentity{}, refusedToken("The token names no service account.")
	case p.name == "" || p.uid == "":
		return podIdentity{}, refusedToken("The token is not bound to a pod.")
	case c.Subject != "system:serviceaccount:"+p.namespace+":"+p.serviceAccount:
		return podIdentity{}, refusedToken("The subject of the token is not its service account.")
	}
	return p, nil
}
