package aws

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The EKS Auth API has one action, which the EKS Pod Identity Agent calls with the credentials of its node.
// https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html
const (
	eksAuthService           = "eks-auth"
	assumeRoleForPodIdentity = "AssumeRoleForPodIdentity"
	// podIdentitySession is how long a session by EKS Pod Identity lasts, whatever the role's maximum is.
	podIdentitySession = 6 * time.Hour
)

var eksAuthRoute = newRoute(
	http.MethodPost, "/clusters/{clusterName}/assume-role-for-pod-identity", assumeRoleForPodIdentity, nil)

// eksAuthCluster is the cluster that a call of EKS Auth names, if it is one.
func eksAuthCluster(r *http.Request) (name string, ok bool) {
	params, ok := eksAuthRoute.match(r.Method, strings.Split(r.URL.EscapedPath(), "/"))
	return params["clusterName"], ok
}

func eksAuthAction(r *http.Request) string {
	if _, ok := eksAuthCluster(r); ok {
		return assumeRoleForPodIdentity
	}
	return restAction(r)
}

// eksAuthNeeds maps calls of EKS Auth.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneksauth.html
func eksAuthNeeds(r *http.Request, req request) (needs []need, known bool, err error) {
	name, ok := eksAuthCluster(r)
	if !ok {
		return nil, false, nil
	}
	resource := "arn:" + partitionOf(req.region) + ":eks:" + req.region + ":" + req.account + ":cluster/" + name
	return []need{{action: eksAuthService + ":" + assumeRoleForPodIdentity, resource: resource}}, true, nil
}

func (e *Endpoint) serveEKSAuth(w http.ResponseWriter, r *http.Request, req request) {
	answer, err := e.assumeRoleForPodIdentity(r, req)
	if err != nil {
		writeError(w, eksAuthService, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// mayNotAssume is what EKS Auth answers when STS refuses it the role, in the words and with the status of
// https://github.com/aws-samples/amazon-eks-security-immersion-day. It does not say why.
func mayNotAssume() error {
	return &apiError{
		http.StatusBadRequest, "AccessDeniedException",
		"Unauthorized Exception! EKS does not have permissions to assume the associated role.",
	}
}

// assumeRoleForPodIdentity exchanges a pod's token for a session of the role that its service account is associated with at
// this moment.
func (e *Endpoint) assumeRoleForPodIdentity(r *http.Request, req request) (any, error) {
	name, ok := eksAuthCluster(r)
	if !ok {
		return nil, &apiError{http.StatusNotFound, "UnknownOperationException", "EKS Auth has no " + req.action}
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	var given struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(body, &given); err != nil || given.Token == "" {
		return nil, invalid("the request has no token")
	}
	c := e.eks.inAccount(req, name)
	if c == nil {
		return nil, notFound("No cluster found for name: %s.", name)
	}
	pod, err := e.verifyPodToken(r.Context(), given.Token, c)
	if err != nil {
		return nil, err
	}
	association, ok := e.eks.associationOf(c, pod)
	if !ok {
		return nil, notFound("No EKS Pod Identity association found for the service account %s in the namespace %s.",
			pod.serviceAccount, pod.namespace)
	}
	started, err := e.startPodSession(r, req, c, pod, association)
	if err != nil {
		return nil, err
	}
	return podSessionAnswer(started, pod, association), nil
}

// inAccount returns a cluster of the caller's account and region, or nil.
func (e *eks) inAccount(req request, name string) *cluster {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.clusters[clusterKey{req.account, req.region, name}]
}

// associationOf returns a copy of the association of a pod's service account.
func (e *eks) associationOf(c *cluster, pod podIdentity) (podIdentityAssociation, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := c.podIdentityOf(pod.namespace, pod.serviceAccount)
	if found == nil {
		return podIdentityAssociation{}, false
	}
	return *found, true
}

// startPodSession starts a session of the associated role, if its trust policy lets EKS Pod Identity in for this pod.
func (e *Endpoint) startPodSession(
	r *http.Request, req request, c *cluster, pod podIdentity, association podIdentityAssociation,
) (*session, error) {
	p, err := parsePrincipal(association.roleArn)
	if err != nil {
		return nil, err
	}
	target, err := e.moto.existingRole(r.Context(), p)
	if errors.Is(err, errNoPrincipal) || err == nil && target.arn != association.roleArn {
		return nil, mayNotAssume()
	}
	if err != nil {
		return nil, err
	}
	tags, name := pod.tags(c), pod.sessionName(c)
	keys := servicesContext(req.region, c, podsService)
	maps.Copy(keys, tags.keys())
	keys["sts:RoleSessionName"] = []string{name}
	if err := trustsService(target, podsService, keys, mayNotAssume()); err != nil {
		return nil, err
	}
	started, err := e.startSession(r.Context(), target, name, podIdentitySession)
	if err != nil {
		return nil, err
	}
	started.tags = tags
	e.sessions.add(started)
	return started, nil
}

// servicesContext are the condition keys of a call that a service of EKS makes for a cluster. Like any call of a service's
// own it has no address; and the sandbox's accounts are in no organization.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func servicesContext(region string, c *cluster, service string) map[string][]string {
	keys := requestContext(&http.Request{URL: &url.URL{}}, region)
	keys["aws:PrincipalIsAWSService"] = []string{"true"}
	keys["aws:PrincipalServiceName"] = []string{service}
	keys["aws:PrincipalServiceNamesList"] = []string{service}
	keys["aws:UserAgent"] = []string{service}
	keys["aws:SourceArn"] = []string{c.arn}
	keys["aws:SourceAccount"] = []string{c.Account}
	return keys
}

// podSessionAnswer is the answer in the form of the API; assumeRoleId is its own name.
func podSessionAnswer(started *session, pod podIdentity, association podIdentityAssociation) any {
	type subject struct {
		Namespace      string `json:"namespace"`
		ServiceAccount string `json:"serviceAccount"`
	}
	type user struct {
		Arn          string `json:"arn"`
		AssumeRoleID string `json:"assumeRoleId"`
	}
	type credentials struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string `json:"secretAccessKey"`
		SessionToken    string `json:"sessionToken"`
		Expiration      epoch  `json:"expiration"`
	}
	type reference struct {
		AssociationArn string `json:"associationArn"`
		AssociationID  string `json:"associationId"`
	}
	return struct {
		Subject                subject     `json:"subject"`
		Audience               string      `json:"audience"`
		PodIdentityAssociation reference   `json:"podIdentityAssociation"`
		AssumedRoleUser        user        `json:"assumedRoleUser"`
		Credentials            credentials `json:"credentials"`
	}{
		subject{pod.namespace, pod.serviceAccount},
		podsService,
		reference{association.arn, association.id},
		user{started.arn(), started.role.id + ":" + started.name},
		credentials{started.accessKey, started.secret, started.token, epoch(started.expires)},
	}
}
