package aws

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// eks answers the EKS API. Its protocol is restJson1: the action is in method and path, errors have their code in the
// header X-Amzn-Errortype. https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
type eks struct {
	moto   *moto
	routes []route

	mu       sync.Mutex // held while an operation runs
	clusters map[clusterKey]*cluster
}

func newEKS(m *moto) *eks {
	e := &eks{moto: m, clusters: map[clusterKey]*cluster{}}
	e.routes = e.table()
	return e
}

// eksRequest is the input of an operation.
type eksRequest struct {
	ctx             context.Context
	account, region string            // the caller's
	params          map[string]string // from the path
	query           url.Values
	body            []byte
}

// operation runs, and its result is marshalled, with eks.mu held.
type operation func(*eksRequest) (any, error)

type route struct {
	method string
	path   []string // a segment in braces is a parameter
	action string
	run    operation // nil: an action of EKS that the sandbox does not have
}

func newRoute(method, path, action string, run operation) route {
	return route{method, strings.Split(path, "/"), action, run}
}

// match returns the parameters of a path that fits the route.
func (rt *route) match(method string, segments []string) (map[string]string, bool) {
	if method != rt.method || len(segments) != len(rt.path) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range rt.path {
		if name, isParameter := strings.CutPrefix(want, "{"); isParameter {
			value, err := url.PathUnescape(segments[i]) // ARNs come with their slashes escaped
			if err != nil || value == "" {
				return nil, false
			}
			params[strings.TrimSuffix(name, "}")] = value
		} else if segments[i] != want {
			return nil, false
		}
	}
	return params, true
}

func (e *eks) route(r *http.Request) (*route, map[string]string) {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i := range e.routes {
		if params, ok := e.routes[i].match(r.Method, segments); ok {
			return &e.routes[i], params
		}
	}
	return nil, nil
}

// action names the EKS action of a request.
func (e *eks) action(r *http.Request) string {
	if rt, _ := e.route(r); rt != nil {
		return rt.action
	}
	return restAction(r)
}

func (e *eks) serve(w http.ResponseWriter, r *http.Request, req request) {
	answer, err := e.answer(r, req)
	if err != nil {
		writeError(w, "eks", err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (e *eks) answer(r *http.Request, req request) (json.RawMessage, error) {
	rt, params := e.route(r)
	if rt == nil || rt.run == nil {
		return nil, &apiError{
			http.StatusNotImplemented, "NotImplementedException",
			fmt.Sprintf("the sandbox does not have eks:%s; its clusters are there from the start, and only their authentication mode, their "+
				"access entries, their EKS Pod Identity associations, their capability of Argo CD and the agent's add-on change", req.action),
		}
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	answer, err := rt.run(&eksRequest{r.Context(), req.account, req.region, params, r.URL.Query(), body})
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// decode reads the JSON body. A member that the operation does not know is an error: it would be lost silently.
func (in *eksRequest) decode(into any) error {
	decoder := json.NewDecoder(bytes.NewReader(in.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return invalid("the request body: %v", err)
	}
	return nil
}

// page cuts one page out of a list in a stable order, by the maxResults and nextToken of the request.
func page[T any](in *eksRequest, all []T) (part []T, nextToken string, err error) {
	from, size := 0, 100
	if given := in.query.Get("maxResults"); given != "" {
		if size, err = strconv.Atoi(given); err != nil || size < 1 || size > 100 {
			return nil, "", invalid("maxResults must be between 1 and 100.")
		}
	}
	if token := in.query.Get("nextToken"); token != "" {
		text, err := base64.RawURLEncoding.DecodeString(token)
		if err == nil {
			from, err = strconv.Atoi(string(text))
		}
		if err != nil || from < 0 {
			return nil, "", invalid("The nextToken is invalid.")
		}
	}
	from = min(from, len(all))
	to := min(from+size, len(all))
	if to < len(all) {
		nextToken = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	return all[from:to], nextToken, nil
}

// epoch is a time as restJson1 writes it: seconds since 1970.
type epoch time.Time

// MarshalJSON writes the seconds with their milliseconds.
func (t epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Time(t).UnixMilli())/1000, 'f', 3, 64), nil
}

func notFound(format string, args ...any) error {
	return &apiError{http.StatusNotFound, "ResourceNotFoundException", fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "InvalidParameterException", fmt.Sprintf(format, args...)}
}

// table lists the whole API, so that a call is named rightly even where it is refused.
// https://docs.aws.amazon.com/eks/latest/APIReference/API_Operations.html
func (e *eks) table() []route {
	const (
		get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete

		cluster = "/clusters/{clusterName}"
		entries = cluster + "/access-entries"
		entry   = entries + "/{principalArn}"

		associations = cluster + "/pod-identity-associations"
		association  = associations + "/{associationId}"
	)
	return []route{
		newRoute(get, "/clusters", "ListClusters", e.listClusters),
		newRoute(get, cluster, "DescribeCluster", e.describeCluster),

		newRoute(get, "/access-policies", "ListAccessPolicies", e.listAccessPolicies),
		newRoute(get, entries, "ListAccessEntries", e.listAccessEntries),
		newRoute(post, entries, "CreateAccessEntry", e.createAccessEntry),
		newRoute(get, entry, "DescribeAccessEntry", e.describeAccessEntry),
		newRoute(post, entry, "UpdateAccessEntry", e.updateAccessEntry),
		newRoute(del, entry, "DeleteAccessEntry", e.deleteAccessEntry),
		newRoute(get, entry+"/access-policies", "ListAssociatedAccessPolicies", e.listAssociatedAccessPolicies),
		newRoute(post, entry+"/access-policies", "AssociateAccessPolicy", e.associateAccessPolicy),
		newRoute(del, entry+"/access-policies/{policyArn}", "DisassociateAccessPolicy", e.disassociateAccessPolicy),

		newRoute(get, "/tags/{resourceArn}", "ListTagsForResource", e.listTags),
		newRoute(post, "/tags/{resourceArn}", "TagResource", e.tagResource),
		newRoute(del, "/tags/{resourceArn}", "UntagResource", e.untagResource),

		newRoute(post, "/clusters", "CreateCluster", nil),
		newRoute(del, cluster, "DeleteCluster", nil),
		newRoute(post, cluster+"/update-config", "UpdateClusterConfig", e.updateClusterConfig),
		newRoute(get, cluster+"/updates", "ListUpdates", nil),
		newRoute(post, cluster+"/updates", "UpdateClusterVersion", nil),
		newRoute(get, cluster+"/updates/{updateId}", "DescribeUpdate", e.describeUpdate),
		newRoute(get, "/cluster-versions", "DescribeClusterVersions", nil),
		newRoute(post, "/cluster-registrations", "RegisterCluster", nil),
		newRoute(del, "/cluster-registrations/{name}", "DeregisterCluster", nil),

		newRoute(get, "/addons/configuration-schemas", "DescribeAddonConfiguration", nil),
		newRoute(get, "/addons/supported-versions", "DescribeAddonVersions", nil),
		newRoute(get, cluster+"/addons", "ListAddons", e.listAddons),
		newRoute(post, cluster+"/addons", "CreateAddon", e.createAddon),
		newRoute(get, cluster+"/addons/{addonName}", "DescribeAddon", e.describeAddon),
		newRoute(del, cluster+"/addons/{addonName}", "DeleteAddon", e.deleteAddon),
		newRoute(post, cluster+"/addons/{addonName}/update", "UpdateAddon", nil),

		newRoute(get, cluster+"/node-groups", "ListNodegroups", nil),
		newRoute(post, cluster+"/node-groups", "CreateNodegroup", nil),
		newRoute(get, cluster+"/node-groups/{nodegroupName}", "DescribeNodegroup", nil),
		newRoute(del, cluster+"/node-groups/{nodegroupName}", "DeleteNodegroup", nil),
		newRoute(post, cluster+"/node-groups/{nodegroupName}/update-config", "UpdateNodegroupConfig", nil),
		newRoute(post, cluster+"/node-groups/{nodegroupName}/update-version", "UpdateNodegroupVersion", nil),
		newRoute(get, cluster+"/fargate-profiles", "ListFargateProfiles", nil),
		newRoute(post, cluster+"/fargate-profiles", "CreateFargateProfile", nil),
		newRoute(get, cluster+"/fargate-profiles/{fargateProfileName}", "DescribeFargateProfile", nil),
		newRoute(del, cluster+"/fargate-profiles/{fargateProfileName}", "DeleteFargateProfile", nil),

		newRoute(get, associations, "ListPodIdentityAssociations", e.listPodIdentityAssociations),
		newRoute(post, associations, "CreatePodIdentityAssociation", e.createPodIdentityAssociation),
		newRoute(get, association, "DescribePodIdentityAssociation", e.describePodIdentityAssociation),
		newRoute(post, association, "UpdatePodIdentityAssociation", e.updatePodIdentityAssociation),
		newRoute(del, association, "DeletePodIdentityAssociation", e.deletePodIdentityAssociation),
		newRoute(get, cluster+"/identity-provider-configs", "ListIdentityProviderConfigs", nil),
		newRoute(post, cluster+"/identity-provider-configs/associate", "AssociateIdentityProviderConfig", nil),
		newRoute(post, cluster+"/identity-provider-configs/describe", "DescribeIdentityProviderConfig", nil),
		newRoute(post, cluster+"/identity-provider-configs/disassociate", "DisassociateIdentityProviderConfig", nil),
		newRoute(post, cluster+"/encryption-config/associate", "AssociateEncryptionConfig", nil),

		newRoute(get, cluster+"/capabilities", "ListCapabilities", nil),
		newRoute(post, cluster+"/capabilities", "CreateCapability", e.createCapability),
		newRoute(get, cluster+"/capabilities/{capabilityName}", "DescribeCapability", e.describeCapability),
		newRoute(post, cluster+"/capabilities/{capabilityName}", "UpdateCapability", nil),
		newRoute(del, cluster+"/capabilities/{capabilityName}", "DeleteCapability", e.deleteCapability),
		newRoute(post, cluster+"/insights", "ListInsights", nil),
		newRoute(get, cluster+"/insights/{id}", "DescribeInsight", nil),
		newRoute(get, cluster+"/insights-refresh", "DescribeInsightsRefresh", nil),
		newRoute(post, cluster+"/insights-refresh", "StartInsightsRefresh", nil),

		newRoute(get, "/eks-anywhere-subscriptions", "ListEksAnywhereSubscriptions", nil),
		newRoute(post, "/eks-anywhere-subscriptions", "CreateEksAnywhereSubscription", nil),
		newRoute(get, "/eks-anywhere-subscriptions/{id}", "DescribeEksAnywhereSubscription", nil),
		newRoute(post, "/eks-anywhere-subscriptions/{id}", "UpdateEksAnywhereSubscription", nil),
		newRoute(del, "/eks-anywhere-subscriptions/{id}", "DeleteEksAnywhereSubscription", nil),
	}
}
