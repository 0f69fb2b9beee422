package aws

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// iamNeeds maps calls of IAM.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
func (e *Endpoint) iamNeeds(r *http.Request, req request) (needs []need, known bool, err error) {
	given, err := queryParameters(r, req)
	if err != nil || given == nil {
		return nil, false, err
	}
	kind, known := iamResources[req.action]
	if !known {
		return nil, false, nil
	}
	resource, err := e.iamResource(r, req, kind, given)
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
func (e *Endpoint) iamResource(r *http.Request, req request, kind string, given url.Values) (string, error) {
	arn := iampolicy.ARN{Partition: req.session.role.partition, Service: "iam", Account: req.account}
	path := given.Get("Path")
	if path == "" {
		path = "/"
	}
	switch kind {
	case kindRole:
		p := principal{partition: arn.Partition, account: req.account, kind: kindRole, name: given.Get("RoleName")}
		found, err := e.existingRole(r.Context(), p)
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
