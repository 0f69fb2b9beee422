package aws

import (
	"fmt"
	"net/http"

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
	return []need{{action: "eks:" + rt.action, resource: resource}}, true, nil
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
