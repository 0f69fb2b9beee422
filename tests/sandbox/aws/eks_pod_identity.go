package aws

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// podIdentityAssociation gives the pods of one service account a role by EKS Pod Identity.
// https://docs.aws.amazon.com/eks/latest/APIReference/API_PodIdentityAssociation.html
type podIdentityAssociation struct {
	id, arn, clusterName      string
	namespace, serviceAccount string
	roleArn                   string
	tags                      map[string]string
	token                     string // clientRequestToken
	createdAt, modifiedAt     time.Time
}

// podIdentityOf returns the association of a service account, or nil.
func (c *cluster) podIdentityOf(namespace, serviceAccount string) *podIdentityAssociation {
	for _, a := range c.podIdentities {
		if a.namespace == namespace && a.serviceAccount == serviceAccount {
			return a
		}
	}
	return nil
}

// HasPodIdentityAssociation tells whether a service account has an EKS Pod Identity association, as the webhook of its
// cluster has to know.
func (e *Endpoint) HasPodIdentityAssociation(region, cluster, namespace, serviceAccount string) bool {
	e.eks.mu.Lock()
	defer e.eks.mu.Unlock()
	c := e.eks.named(region, cluster)
	return c != nil && c.podIdentityOf(namespace, serviceAccount) != nil
}

func (e *eks) findPodIdentity(in *eksRequest) (*cluster, *podIdentityAssociation, error) {
	c, err := e.find(in)
	if err != nil {
		return nil, nil, err
	}
	a, ok := c.podIdentities[in.params["associationId"]]
	if !ok {
		return nil, nil, notFound("No association found for association ID: %s.", in.params["associationId"])
	}
	return c, a, nil
}

type podIdentitySummary struct {
	ClusterName    string `json:"clusterName"`
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
	AssociationArn string `json:"associationArn"`
	AssociationID  string `json:"associationId"`
}

type podIdentityView struct {
	podIdentitySummary
	RoleArn            string            `json:"roleArn"`
	Tags               map[string]string `json:"tags"`
	CreatedAt          epoch             `json:"createdAt"`
	ModifiedAt         epoch             `json:"modifiedAt"`
	DisableSessionTags bool              `json:"disableSessionTags"`
}

type podIdentityAnswer struct {
	Association podIdentityView `json:"association"`
}

func (a *podIdentityAssociation) summary() podIdentitySummary {
	return podIdentitySummary{a.clusterName, a.namespace, a.serviceAccount, a.arn, a.id}
}

func (a *podIdentityAssociation) answer() podIdentityAnswer {
	return podIdentityAnswer{podIdentityView{
		podIdentitySummary: a.summary(), RoleArn: a.roleArn, Tags: a.tags,
		CreatedAt: epoch(a.createdAt), ModifiedAt: epoch(a.modifiedAt),
	}}
}

// The names that Kubernetes lets a namespace and a service account have. EKS has no patterns here, so "*" is no name.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
var (
	namespaceName      = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	serviceAccountName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
)

// createPodIdentityAssociation associates a service account, which need not exist, with a role, which must.
// https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html
func (e *eks) createPodIdentityAssociation(in *eksRequest) (any, error) {
	var body struct {
		Namespace          string            `json:"namespace"`
		ServiceAccount     string            `json:"serviceAccount"`
		RoleArn            string            `json:"roleArn"`
		Tags               map[string]string `json:"tags"`
		ClientRequestToken string            `json:"clientRequestToken"`
	}
	c, err := e.find(in)
	if err != nil {
		return nil, err
	}
	if err := in.decode(&body); err != nil {
		return nil, err
	}
	switch {
	case !namespaceName.MatchString(body.Namespace):
		return nil, invalid("The namespace %q is not the name of a Kubernetes namespace.", body.Namespace)
	case !serviceAccountName.MatchString(body.ServiceAccount):
		return nil, invalid("The serviceAccount %q is not the name of a Kubernetes service account.", body.ServiceAccount)
	}
	if err := e.checkPodIdentityRole(in.ctx, c, body.RoleArn); err != nil {
		return nil, err
	}
	if existing := c.podIdentityOf(body.Namespace, body.ServiceAccount); existing != nil {
		if body.ClientRequestToken != "" && body.ClientRequestToken == existing.token {
			return existing.answer(), nil // the same request again, sent because its answer was lost
		}
		return nil, &apiError{
			http.StatusConflict, "ResourceInUseException", "Association already exists: " + existing.id,
		}
	}
	now := time.Now()
	id := "a-" + strings.ToLower(rand.Text()[:17])
	a := &podIdentityAssociation{
		id: id, arn: fmt.Sprintf("arn:%s:eks:%s:%s:podidentityassociation/%s/%s", c.partition, c.Region, c.Account, c.Name, id),
		clusterName: c.Name, namespace: body.Namespace, serviceAccount: body.ServiceAccount, roleArn: body.RoleArn,
		tags: map[string]string{}, token: body.ClientRequestToken, createdAt: now, modifiedAt: now,
	}
	maps.Copy(a.tags, body.Tags)
	c.podIdentities[id] = a
	return a.answer(), nil
}

func (e *eks) describePodIdentityAssociation(in *eksRequest) (any, error) {
	_, a, err := e.findPodIdentity(in)
	if err != nil {
		return nil, err
	}
	return a.answer(), nil
}

func (e *eks) listPodIdentityAssociations(in *eksRequest) (any, error) {
	c, err := e.find(in)
	if err != nil {
		return nil, err
	}
	namespace, serviceAccount := in.query.Get("namespace"), in.query.Get("serviceAccount")
	summaries := []podIdentitySummary{}
	for _, id := range slices.Sorted(maps.Keys(c.podIdentities)) {
		a := c.podIdentities[id]
		if (namespace == "" || a.namespace == namespace) && (serviceAccount == "" || a.serviceAccount == serviceAccount) {
			summaries = append(summaries, a.summary())
		}
	}
	summaries, next, err := page(in, summaries)
	if err != nil {
		return nil, err
	}
	return struct {
		Associations []podIdentitySummary `json:"associations"`
		NextToken    string               `json:"nextToken,omitempty"`
	}{summaries, next}, nil
}

// updatePodIdentityAssociation changes the role; an association cannot move to another service account.
// https://docs.aws.amazon.com/eks/latest/APIReference/API_UpdatePodIdentityAssociation.html
func (e *eks) updatePodIdentityAssociation(in *eksRequest) (any, error) {
	var body struct {
		RoleArn            string `json:"roleArn"`
		ClientRequestToken string `json:"clientRequestToken"`
	}
	c, a, err := e.findPodIdentity(in)
	if err != nil {
		return nil, err
	}
	if err := in.decode(&body); err != nil {
		return nil, err
	}
	if err := e.checkPodIdentityRole(in.ctx, c, body.RoleArn); err != nil {
		return nil, err
	}
	a.roleArn, a.modifiedAt = body.RoleArn, time.Now()
	return a.answer(), nil
}

func (e *eks) deletePodIdentityAssociation(in *eksRequest) (any, error) {
	c, a, err := e.findPodIdentity(in)
	if err != nil {
		return nil, err
	}
	delete(c.podIdentities, a.id)
	return a.answer(), nil
}
