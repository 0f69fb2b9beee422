package aws

import (
	"fmt"
	"maps"
	"net/http"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

// need is a permission that a call takes.
type need struct {
	action   string // s3:GetObject
	resource string // its ARN; "*" for an action that knows no resources
	keys     map[string][]string
}

// admit finds the session that a call is made with, and refuses what its caller may not do or what nobody may write. A
// web identity needs no session: its token is its credential.
func (e *Endpoint) admit(r *http.Request, req request) (request, error) {
	if req.service == "sts" && req.action == assumeRoleWithWebIdentity {
		return req, nil
	}
	var err error
	if req.session, err = e.session(r, req); err != nil {
		return req, err
	}
	if err := e.authorize(r, req); err != nil {
		return req, err
	}
	return req, checkDocument(r, req)
}

// authorize refuses a call that the session of a role may not make. The operator may do everything.
//
// What counts are the policies of the role, inline and attached, and its boundary, as they are at this moment. Resource
// policies, such as that of a bucket, are not looked at; so a role has no way into a bucket of another account.
func (e *Endpoint) authorize(r *http.Request, req request) error {
	caller := req.session
	if caller == nil || req.service == "sts" && req.action == assumeRole {
		return nil // AssumeRole has a trust policy to ask as well
	}
	needs, known, err := e.needs(r, req)
	if err != nil {
		return err
	}
	if !known {
		return accessDenied(req.service, caller.arn(), req.service+":"+req.action, "",
			"because the sandbox does not know which permission that takes")
	}
	if len(needs) == 0 {
		return nil
	}
	has, err := e.permissions(r.Context(), caller.role)
	if err != nil {
		return err
	}
	context := caller.context(r, req.region)
	for _, n := range needs {
		keys := maps.Clone(context)
		maps.Copy(keys, n.keys)
		made := has.decide(iameval.Request{
			Action: n.action, Resource: n.resource, Caller: iameval.Principal{AWS: caller.names()}, Context: keys,
		})
		if made.decision != iameval.Allowed {
			return accessDenied(req.service, caller.arn(), n.action, n.resource, made.reason)
		}
	}
	return e.inOwnAccount(r, req, needs)
}

// needs maps a call to the permissions that it takes. It does not know them all.
func (e *Endpoint) needs(r *http.Request, req request) (needs []need, known bool, err error) {
	switch req.service {
	case "sts":
		// "No permissions are required to perform this operation", and an explicit Deny does not help against it:
		// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
		given, err := queryParameters(r, req)
		return nil, given != nil && req.action == "GetCallerIdentity", err
	case "s3":
		return s3Needs(r, req)
	case "eks":
		return e.eks.needs(r, req)
	case eksAuthService:
		return eksAuthNeeds(r, req)
	case "iam":
		return e.iamNeeds(r, req)
	case "secretsmanager":
		return e.moto.secretNeeds(r, req)
	case quotasService:
		needs, known := quotaNeeds(r, req)
		return needs, known, nil
	}
	return nil, false, nil
}

// verdict is a decision and, unless it is Allowed, its reason in AWS's words.
type verdict struct {
	decision iameval.Decision
	reason   string
}

// decide evaluates the permissions of a role. A document that cannot be evaluated allows nothing.
func (p permissions) decide(asked iameval.Request) verdict {
	withBoundary, err := iameval.Identity(p.policies, p.boundary, asked)
	if err != nil {
		return verdict{iameval.Denied, "because its policies cannot be evaluated: " + err.Error()}
	}
	if withBoundary == iameval.Allowed {
		return verdict{decision: iameval.Allowed}
	}
	alone, err := iameval.Identity(p.policies, nil, asked)
	if err != nil {
		return verdict{iameval.Denied, "because its policies cannot be evaluated: " + err.Error()}
	}
	return verdict{withBoundary, reason(withBoundary, alone, asked.Action)}
}

// reason says which kind of policy is at fault.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func reason(withBoundary, alone iameval.Decision, action string) string {
	switch {
	case alone == iameval.Denied:
		return "with an explicit deny in an identity-based policy"
	case withBoundary == iameval.Denied:
		return "with an explicit deny in a permissions boundary"
	case alone == iameval.Allowed:
		return "because no permissions boundary allows the " + action + " action"
	}
	return "because no identity-based policy allows the " + action + " action"
}

func callerArn(req request) string {
	if req.session != nil {
		return req.session.arn()
	}
	return fmt.Sprintf("arn:%s:sts::%s:user/moto", partitionOf(req.region), req.account)
}
