package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// queryParameters returns the parameters of a call in the query protocol, and nothing for a request that moto could read
// in another way than the gateway does.
func queryParameters(r *http.Request, req request) (url.Values, error) {
	if r.URL.Path != "/" && r.URL.Path != "" {
		return nil, nil
	}
	given, err := parameters(r)
	if err != nil || given.Get("Action") != req.action {
		return nil, err
	}
	return given, nil
}

// parameters returns the parameters of the query protocol, from the URL and the form. One that is given twice is an
// error: which of the two counts would be up to the reader.
func parameters(r *http.Request) (url.Values, error) {
	malformed := func(reason string) error {
		return &apiError{http.StatusBadRequest, "MalformedQueryString", reason}
	}
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed(err.Error())
	}
	body, err := peekBody(r)
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	if isForm(r) {
		if form, err = url.ParseQuery(string(body)); err != nil {
			return nil, malformed(err.Error())
		}
	} else if len(body) > 0 {
		return nil, malformed("the body is no form")
	}
	for name, values := range form {
		given[name] = append(given[name], values...)
	}
	for name, values := range given {
		if len(values) > 1 {
			return nil, malformed("the parameter " + name + " is there more than once")
		}
	}
	return given, nil
}

func isForm(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// peekBody reads the body and puts it back.
func peekBody(r *http.Request) ([]byte, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	// The proxy may have to send it once more, when moto has just closed the connection that it is sent on.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return body, nil
}

// iamNeeds maps calls of IAM.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
func (g *Gateway) iamNeeds(r *http.Request, req request) (needs []need, known bool, err error) {
	given, err := queryParameters(r, req)
	if err != nil || given == nil {
		return nil, false, err
	}
	kind, known := iamResources[req.action]
	if !known {
		return nil, false, nil
	}
	resource, err := g.iamResource(r, req, kind, given)
	if err != nil {
		return nil, false, err
	}
	n := need{action: "iam:" + req.action, resource: resource, keys: map[string][]string{}}
	if policy := given.Get("PolicyArn"); policy != "" && kind == kindRole {
		n.keys["iam:PolicyARN"] = []string{policy}
	}
	if boundary := given.Get("PermissionsBoundary"); boundary != "" {
		n.keys["iam:PermissionsBoundary"] = []string{boundary}
	}
	return []need{n}, true, nil
}

// iamResource is the ARN of what a call of IAM is about.
func (g *Gateway) iamResource(r *http.Request, req request, kind string, given url.Values) (string, error) {
	arn := iampolicy.Arn{Partition: req.session.role.partition, Service: "iam", Account: req.account}
	path := given.Get("Path")
	if path == "" {
		path = "/"
	}
	switch kind {
	case kindRole:
		p := principal{partition: arn.Partition, account: req.account, kind: kindRole, name: given.Get("RoleName")}
		found, err := g.existingRole(r.Context(), p)
		if err == nil {
			return found.arn, nil
		}
		if !errors.Is(err, errNoPrincipal) {
			return "", err
		}
		arn.Resource = kindRole + path + p.name
	case kindPolicy:
		if given.Has("PolicyArn") {
			return given.Get("PolicyArn"), nil
		}
		arn.Resource = kindPolicy + path + given.Get("PolicyName")
	case kindProvider:
		if given.Has("OpenIDConnectProviderArn") {
			return given.Get("OpenIDConnectProviderArn"), nil
		}
		arn.Resource = kindProvider + "/" + strings.TrimPrefix(given.Get("Url"), "https://")
	default:
		return "*", nil
	}
	return arn.String(), nil
}

// iamResources are the actions of IAM that roles may have a use for, each with the kind of thing that it is about; "" is
// an action that knows no resources.
var iamResources = map[string]string{
	"AttachRolePolicy": kindRole, "CreateRole": kindRole, "DeleteRole": kindRole, "DeleteRolePermissionsBoundary": kindRole,
	"DeleteRolePolicy": kindRole, "DetachRolePolicy": kindRole, "GetRole": kindRole, "GetRolePolicy": kindRole,
	"ListAttachedRolePolicies": kindRole, "ListInstanceProfilesForRole": kindRole, "ListRolePolicies": kindRole,
	"ListRoleTags": kindRole, "PutRolePermissionsBoundary": kindRole, "PutRolePolicy": kindRole, "TagRole": kindRole,
	"UntagRole": kindRole, "UpdateAssumeRolePolicy": kindRole, "UpdateRole": kindRole, "UpdateRoleDescription": kindRole,

	"CreatePolicy": kindPolicy, "CreatePolicyVersion": kindPolicy, "DeletePolicy": kindPolicy,
	"DeletePolicyVersion": kindPolicy, "GetPolicy": kindPolicy, "GetPolicyVersion": kindPolicy,
	"ListEntitiesForPolicy": kindPolicy, "ListPolicyTags": kindPolicy, "ListPolicyVersions": kindPolicy,
	"SetDefaultPolicyVersion": kindPolicy, "TagPolicy": kindPolicy, "UntagPolicy": kindPolicy,

	"AddClientIDToOpenIDConnectProvider": kindProvider, "CreateOpenIDConnectProvider": kindProvider,
	"DeleteOpenIDConnectProvider": kindProvider, "GetOpenIDConnectProvider": kindProvider,
	"ListOpenIDConnectProviderTags": kindProvider, "RemoveClientIDFromOpenIDConnectProvider": kindProvider,
	"TagOpenIDConnectProvider": kindProvider, "UntagOpenIDConnectProvider": kindProvider,
	"UpdateOpenIDConnectProviderThumbprint": kindProvider,

	"ListOpenIDConnectProviders": "", "ListPolicies": "", "ListRoles": "",
}

// needs maps calls of EKS.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html
func (e *eks) needs(r *http.Request, req request) (needs []need, known bool, err error) {
	rt, params := e.route(r)
	if rt == nil {
		return nil, false, nil
	}
	// All in the account of the caller: EKS knows no way into another one's.
	arn := iampolicy.Arn{
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
