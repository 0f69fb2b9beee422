package aws

import (
	"encoding/xml"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

const assumeRoleWithWebIdentity = "AssumeRoleWithWebIdentity"

// notAuthorized is all that STS tells whoever may not have a role, so that nobody learns which roles there are.
func notAuthorized() error {
	return &apiError{
		http.StatusForbidden, "AccessDenied", "Not authorized to perform sts:" + assumeRoleWithWebIdentity,
	}
}

// assumeRoleWithWebIdentity exchanges a token for a session of a role.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (e *Endpoint) assumeRoleWithWebIdentity(r *http.Request, req request) (any, error) {
	in, err := readAssumeRole(r, "WebIdentityToken", "ProviderId")
	if err != nil {
		return nil, err
	}
	identity, err := e.verifyToken(r.Context(), in.token, in.role)
	if err != nil {
		return nil, err
	}
	target, err := e.moto.existingRole(r.Context(), in.role)
	if errors.Is(err, errNoPrincipal) || err == nil && target.arn != in.roleArn {
		return nil, notAuthorized()
	}
	if err != nil {
		return nil, err
	}
	keys := requestContext(r, req.region)
	maps.Copy(keys, identity.keys())
	keys["sts:RoleSessionName"] = []string{in.sessionName}
	decision, err := trusts(target, iameval.Request{
		Action:   "sts:" + assumeRoleWithWebIdentity,
		Resource: target.arn,
		Caller:   iameval.Principal{Federated: identity.provider},
		Context:  keys,
	})
	if err != nil {
		return nil, err
	}
	if decision != iameval.Allowed {
		return nil, notAuthorized()
	}
	if err := in.checkLength(target); err != nil {
		return nil, err
	}
	started, err := e.startSession(r.Context(), target, in.sessionName, in.length)
	if err != nil {
		return nil, err
	}
	started.federation = identity.keys()
	e.sessions.add(started)
	return webIdentityAnswer(started, identity), nil
}

// trusts evaluates the trust policy of a role. One that cannot be evaluated lets nobody in, and says so: it is not the
// caller who is at fault.
func trusts(target role, request iameval.Request) (iameval.Decision, error) {
	policy, err := iampolicy.Parse(target.trust)
	decision := iameval.NotAllowed
	if err == nil {
		decision, err = iameval.Trust(policy, request)
	}
	if err != nil {
		return iameval.NotAllowed, malformed("the trust policy of %s cannot be evaluated: %v", target.arn, err)
	}
	return decision, nil
}

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

type credentialsView struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumedRoleUserView struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	Arn           string
}

func (s *session) view() (credentialsView, assumedRoleUserView) {
	return credentialsView{s.accessKey, s.secret, s.token, s.expires.UTC().Format(time.RFC3339)},
		assumedRoleUserView{s.role.id + ":" + s.name, s.arn()}
}

func webIdentityAnswer(started *session, identity webIdentity) any {
	type result struct {
		AssumedRoleUser             assumedRoleUserView
		Credentials                 credentialsView
		SubjectFromWebIdentityToken string
		Audience                    string
		Provider                    string
	}
	credentials, user := started.view()
	return struct {
		XMLName xml.Name `xml:"AssumeRoleWithWebIdentityResponse"`
		Xmlns   string   `xml:"xmlns,attr"`
		Result  result   `xml:"AssumeRoleWithWebIdentityResult"`
		ID      string   `xml:"ResponseMetadata>RequestId"`
	}{
		Xmlns:  stsNamespace,
		Result: result{user, credentials, identity.subject, identity.audience, identity.provider},
		ID:     newID(),
	}
}
