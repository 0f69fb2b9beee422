package aws

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

const simulatePrincipalPolicy = "SimulatePrincipalPolicy"

// simulated are the parameters of SimulatePrincipalPolicy that the sandbox has; lists have their numbers behind that.
var simulated = regexp.MustCompile(`^(Action|Version|PolicySourceArn|(ActionNames|ResourceArns|PolicyInputList)(\.member\.\d+)?|` +
	`ContextEntries\.member\.\d+\.(ContextKeyName|ContextKeyType|ContextKeyValues\.member\.\d+))$`)

// evaluationResult is the decision on one action with one resource. AWS groups several resources of an action in one result,
// as ResourceSpecificResults; here each has a result of its own. Which statements decided is not told, nor which keys are
// missing.
type evaluationResult struct {
	EvalActionName   string
	EvalResourceName string
	EvalDecision     string
	Boundary         *boundaryDetail `xml:"PermissionsBoundaryDecisionDetail"`
}

type boundaryDetail struct{ AllowedByPermissionsBoundary bool }

// simulatePrincipalPolicy says what the policies of a role, and its boundary, decide on actions, without doing them. The
// context of the calls is what is given, and nothing else.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func (e *Endpoint) simulatePrincipalPolicy(r *http.Request, req request) (any, error) {
	given, err := parameters(r)
	if err != nil {
		return nil, err
	}
	for name := range given {
		if !simulated.MatchString(name) {
			return nil, &apiError{
				http.StatusNotImplemented, "NotImplemented",
				fmt.Sprintf("the sandbox does not have the parameter %s of %s", name, simulatePrincipalPolicy),
			}
		}
	}
	has, err := e.simulatedPermissions(r, req.account, given)
	if err != nil {
		return nil, err
	}
	actions, resources := members(given, "ActionNames"), members(given, "ResourceArns")
	if len(actions) == 0 {
		return nil, validationError("1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: " +
			"Member must not be null")
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	keys := contextEntries(given)
	results := []evaluationResult{}
	for _, action := range actions {
		for _, resource := range resources {
			result, err := has.simulate(iameval.Request{Action: action, Resource: resource, Context: keys})
			if err != nil {
				return nil, &apiError{http.StatusBadRequest, "InvalidInput", err.Error()}
			}
			results = append(results, result)
		}
	}
	return struct {
		XMLName     xml.Name           `xml:"SimulatePrincipalPolicyResponse"`
		Xmlns       string             `xml:"xmlns,attr"`
		Results     []evaluationResult `xml:"SimulatePrincipalPolicyResult>EvaluationResults>member"`
		IsTruncated bool               `xml:"SimulatePrincipalPolicyResult>IsTruncated"`
		ID          string             `xml:"ResponseMetadata>RequestId"`
	}{Xmlns: "https://iam.amazonaws.com/doc/2010-05-08/", Results: results, ID: newID()}, nil
}

// simulatedPermissions are those of the role that is asked about, with the documents that are given beside them.
func (e *Endpoint) simulatedPermissions(r *http.Request, account string, given url.Values) (permissions, error) {
	source := given.Get("PolicySourceArn")
	p, err := parsePrincipal(source)
	if err != nil || p.kind != kindRole || p.account != account {
		return permissions{}, &apiError{http.StatusBadRequest, "InvalidInput", fmt.Sprintf(
			"Invalid Entity Arn: %s; the sandbox simulates the policies of the account's roles alone", source)}
	}
	found, err := e.moto.existingRole(r.Context(), p)
	if errors.Is(err, errNoPrincipal) || err == nil && found.arn != source {
		return permissions{}, noSuchEntity("The role with name %s cannot be found.", p.name)
	}
	if err != nil {
		return permissions{}, err
	}
	has, err := e.permissions(r.Context(), found)
	if err != nil {
		return permissions{}, err
	}
	for _, text := range members(given, "PolicyInputList") {
		document, err := iampolicy.Parse(text)
		if err == nil {
			err = document.ValidatePermissions()
		}
		if err != nil {
			return permissions{}, &apiError{http.StatusBadRequest, "InvalidInput", err.Error()}
		}
		has.policies = append(has.policies, document)
	}
	return has, nil
}

// decisionNames are the decisions as the simulator calls them.
var decisionNames = map[iameval.Decision]string{
	iameval.Allowed: "allowed", iameval.NotAllowed: "implicitDeny", iameval.Denied: "explicitDeny",
}

// simulate decides. What cannot be evaluated is an error.
func (p permissions) simulate(asked iameval.Request) (evaluationResult, error) {
	decision, err := iameval.Identity(p.policies, p.boundary, asked)
	if err != nil {
		return evaluationResult{}, err
	}
	result := evaluationResult{EvalActionName: asked.Action, EvalResourceName: asked.Resource, EvalDecision: decisionNames[decision]}
	if p.boundary != nil {
		limit, err := iameval.Identity([]iampolicy.Document{*p.boundary}, nil, asked)
		if err != nil {
			return evaluationResult{}, err
		}
		result.Boundary = &boundaryDetail{limit == iameval.Allowed}
	}
	return result, nil
}

// members are the members of a list of the query protocol, in their order.
func members(given url.Values, list string) []string {
	var values []string
	for i := 1; given.Has(fmt.Sprintf("%s.member.%d", list, i)); i++ {
		values = append(values, given.Get(fmt.Sprintf("%s.member.%d", list, i)))
	}
	return values
}

// contextEntries are the condition keys that are given. Two entries of one key, in whichever case, are one.
func contextEntries(given url.Values) map[string][]string {
	keys := map[string][]string{}
	for i := 1; ; i++ {
		entry := fmt.Sprintf("ContextEntries.member.%d", i)
		if !given.Has(entry + ".ContextKeyName") {
			return keys
		}
		name := strings.ToLower(given.Get(entry + ".ContextKeyName"))
		keys[name] = slices.Concat(keys[name], members(given, entry+".ContextKeyValues"))
	}
}
