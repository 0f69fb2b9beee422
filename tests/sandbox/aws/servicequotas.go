package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Service Quotas answers for the quotas of IAM that the sandbox enforces, in the region of the partition's IAM alone.
// https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
const (
	quotasService   = "servicequotas"
	quotasTarget    = "ServiceQuotasV20190624."
	getServiceQuota = "GetServiceQuota"
	getDefaultQuota = "GetAWSDefaultServiceQuota"
)

// The quotas of IAM that the sandbox enforces, by their codes.
// https://docs.aws.amazon.com/general/latest/gr/iam-service.html#limits_iam
const (
	TrustPolicySizeQuota = "L-C07B4B0D"
	ManagedPoliciesQuota = "L-0DA4ABF3"
)

// quota is one of IAM's: its name, AWS's default, and how far AWS raises it.
type quota struct {
	name          string
	standard, top int
}

var iamQuotas = map[string]quota{
	TrustPolicySizeQuota: {"Role trust policy length", iampolicy.MaxTrustPolicySize, iampolicy.RaisedTrustPolicySize},
	ManagedPoliciesQuota: {"Managed policies attached to an IAM role", 10, 25},
}

// quotas are those that AWS has raised, by account and code.
type quotas struct {
	mu     sync.Mutex
	raised map[[2]string]int
}

// RaiseQuota raises a quota of an account as far as AWS does.
func (e *Endpoint) RaiseQuota(account, code string) error {
	found, known := iamQuotas[code]
	if !known || !accountID.MatchString(account) {
		return errors.New("raising quota " + code + " of account " + account + ": the sandbox has no such quota or account")
	}
	e.quotas.mu.Lock()
	defer e.quotas.mu.Unlock()
	if e.quotas.raised == nil {
		e.quotas.raised = map[[2]string]int{}
	}
	e.quotas.raised[[2]string{account, code}] = found.top
	return nil
}

// applied is the value that AWS has given an account, if it has given it one.
func (q *quotas) applied(account, code string) (value int, raised bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	value, raised = q.raised[[2]string{account, code}]
	return value, raised
}

// of is what counts for an account.
func (q *quotas) of(account, code string) int {
	if value, raised := q.applied(account, code); raised {
		return value
	}
	return iamQuotas[code].standard
}

// quotaNeeds maps calls of Service Quotas.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html
func quotaNeeds(r *http.Request, req request) (needs []need, known bool) {
	if r.URL.Path != "/" || r.Header.Get("X-Amz-Target") != quotasTarget+req.action {
		return nil, false
	}
	if req.action != getServiceQuota && req.action != getDefaultQuota {
		return nil, false
	}
	return []need{{action: quotasService + ":" + req.action, resource: "*"}}, true
}

func (e *Endpoint) serveQuotas(w http.ResponseWriter, r *http.Request, req request) {
	answer, err := e.serviceQuota(r, req)
	if err != nil {
		writeError(w, req.service, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"Quota": answer})
}

// serviceQuota is a quota, or AWS's default of it. AWS has no value of an account for a quota that was never changed.
func (e *Endpoint) serviceQuota(r *http.Request, req request) (any, error) {
	if _, known := quotaNeeds(r, req); !known {
		return nil, &apiError{http.StatusBadRequest, "UnknownOperationException", "Service Quotas has no " + req.action + " in the sandbox"}
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	var given struct{ ServiceCode, QuotaCode string }
	if err := json.Unmarshal(body, &given); err != nil {
		return nil, &apiError{http.StatusBadRequest, "SerializationException", err.Error()}
	}
	found, known := iamQuotas[given.QuotaCode]
	if given.ServiceCode != "iam" || !known || req.region != globalRegion(partitionOf(req.region)) {
		return nil, noQuota()
	}
	arn := iampolicy.ARN{Partition: partitionOf(req.region), Service: quotasService, Resource: "iam/" + given.QuotaCode}
	value := found.standard
	if req.action == getServiceQuota {
		var raised bool
		if value, raised = e.quotas.applied(req.account, given.QuotaCode); !raised {
			return nil, noQuota()
		}
		arn.Account = req.account
	}
	return map[string]any{
		"ServiceCode": given.ServiceCode, "ServiceName": "AWS Identity and Access Management (IAM)", "QuotaArn": arn.String(),
		"QuotaCode": given.QuotaCode, "QuotaName": found.name, "Value": value, "Unit": "None", "Adjustable": true, "GlobalQuota": true,
	}, nil
}

func noQuota() error {
	return &apiError{http.StatusBadRequest, "NoSuchResourceException", "The request failed because the specified service quota does not exist."}
}

// checkQuotas refuses what an account may not have so much of, in IAM's words.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html
func (e *Endpoint) checkQuotas(r *http.Request, req request) error {
	given, err := parameters(r)
	if err != nil {
		return nil //nolint:nilerr // moto says what is wrong
	}
	switch req.action {
	case "CreateRole", "UpdateAssumeRolePolicy":
		size, most := iampolicy.TextSize(given.Get(documentParameters[req.action])), e.quotas.of(req.account, TrustPolicySizeQuota)
		if size > most {
			return overQuota("ACLSizePerRole", most)
		}
	case "AttachRolePolicy":
		most := e.quotas.of(req.account, ManagedPoliciesQuota)
		role := principal{partition: partitionOf(req.region), account: req.account, kind: kindRole, name: given.Get("RoleName")}
		attached, err := e.attachedArns(r, role)
		if err != nil {
			return err
		}
		if !attached[given.Get("PolicyArn")] && len(attached) >= most {
			return overQuota("PoliciesPerRole", most)
		}
	}
	return nil
}

func overQuota(of string, most int) error {
	return &apiError{http.StatusConflict, "LimitExceeded", fmt.Sprintf("Cannot exceed quota for %s: %d", of, most)}
}

// attachedArns are the managed policies that a role has; none if there is no such role, which is for moto to say.
func (e *Endpoint) attachedArns(r *http.Request, role principal) (map[string]bool, error) {
	arns := map[string]bool{}
	pages := iam.NewListAttachedRolePoliciesPaginator(e.moto.iam(role), &iam.ListAttachedRolePoliciesInput{RoleName: &role.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(r.Context())
		if missing(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("listing the policies of role %q: %w", role.name, err)
		}
		for _, policy := range page.AttachedPolicies {
			arns[aws.ToString(policy.PolicyArn)] = true
		}
	}
	return arns, nil
}
