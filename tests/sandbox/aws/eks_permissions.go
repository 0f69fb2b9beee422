package aws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// needs maps calls of EKS.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html
func (e *eks) needs(r *http.Request, req request) (needs []need, known bool, err error) {
	rt, params := e.route(r)
	if rt == nil {
		return nil, false, nil
	}
	// All in the account of the caller: EKS knows no way into another one's.
	arn := iampolicy.ARN{
		Partition: partitionOf(req.region), Service: "eks", Region: req.region, Account: req.account, Resource: "cluster/*",
	}
	resource := arn.String()
	switch name, principalArn := params["clusterName"], params["principalArn"]; {
	case principalArn != "":
		resource = e.entryArn(req, name, principalArn)
	case params["associationId"] != "":
		arn.Resource = "podidentityassociation/" + name + "/" + params["associationId"]
		resource = arn.String()
	case params["addonName"] != "":
		arn.Resource = "addon/" + name + "/" + params["addonName"] + "/*"
		resource = e.addonArn(req, name, params["addonName"], arn.String())
	case params["capabilityName"] != "":
		arn.Resource = "capability/" + name + "/argocd/" + params["capabilityName"] + "/*"
		resource = arn.String()
	case name != "":
		arn.Resource = "cluster/" + name
		resource = arn.String()
	case params["resourceArn"] != "":
		resource = params["resourceArn"]
	case rt.action == "ListAccessPolicies":
		resource = "*"
	case rt.action != "ListClusters":
		return nil, false, nil
	}
	needs = []need{{action: "eks:" + rt.action, resource: resource}}
	if service, passes := passedTo[rt.action]; passes {
		arn.Resource = "cluster/" + params["clusterName"]
		passed, err := passedRole(r, service, arn.String())
		return append(needs, passed...), true, err
	}
	if rt.action == "CreateAccessEntry" {
		nodes, err := passedNodeRole(r)
		return append(needs, nodes...), true, err
	}
	return needs, true, nil
}

// passedTo are the actions that give a service a role.
var passedTo = map[string]string{
	"CreatePodIdentityAssociation": podsService, "UpdatePodIdentityAssociation": podsService, "CreateCapability": capabilitiesService,
}

// passedNodeRole is the permission to let the role of nodes on EC2 into a cluster, beside that to create the entry.
// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
func passedNodeRole(r *http.Request) ([]need, error) {
	body, err := peekBody(r)
	if err != nil {
		return nil, err
	}
	var given struct {
		PrincipalArn string `json:"principalArn"`
		Type         string `json:"type"`
	}
	if err := json.Unmarshal(body, &given); err != nil || given.Type != "EC2_LINUX" && given.Type != "EC2_WINDOWS" {
		return nil, nil //nolint:nilerr // what is not JSON is refused when it is read
	}
	return []need{{action: "iam:PassRole", resource: given.PrincipalArn}}, nil
}

// passedRole is the permission to give a service the role that a call names, for the cluster.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
func passedRole(r *http.Request, service, cluster string) ([]need, error) {
	body, err := peekBody(r)
	if err != nil {
		return nil, err
	}
	var given struct {
		RoleArn string `json:"roleArn"`
	}
	if err := json.Unmarshal(body, &given); err != nil || !strings.HasPrefix(given.RoleArn, "arn:") {
		return nil, invalid("the request names no role to pass")
	}
	return []need{{action: "iam:PassRole", resource: given.RoleArn, keys: map[string][]string{
		"iam:PassedToService": {service}, "iam:AssociatedResourceArn": {cluster},
	}}}, nil
}

// addonArn is the ARN of an add-on, or otherwise where there is none.
func (e *eks) addonArn(req request, clusterName, name, otherwise string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := e.clusters[clusterKey{req.account, req.region, clusterName}]; ok {
		if a, ok := c.addons[name]; ok {
			return a.arn
		}
	}
	return otherwise
}

// entryArn is the ARN of an access entry. One that does not exist has no unique part yet.
func (e *eks) entryArn(req request, clusterName, principalArn string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := e.clusters[clusterKey{req.account, req.region, clusterName}]; ok {
		if entry, ok := c.entries[principalArn]; ok {
			return entry.arn
		}
	}
	kind, account, name := "*", "*", "*"
	if p, err := parsePrincipal(principalArn); err == nil {
		kind, account, name = p.kind, p.account, p.name
	}
	return fmt.Sprintf("arn:%s:eks:%s:%s:access-entry/%s/%s/%s/%s/*",
		partitionOf(req.region), req.region, req.account, clusterName, kind, account, name)
}
