package aws

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

const (
	assumeRole = "AssumeRole"
	tagSession = "sts:TagSession"
)

// assumeRoleInput are the parameters that the operations which start a session share.
type assumeRoleInput struct {
	role                 principal
	roleArn, sessionName string
	token, externalID    string
	length               time.Duration
	given                url.Values
}

var sessionNamePattern = regexp.MustCompile(`^[\w+=,.@-]*$`)

// readAssumeRole reads and checks the parameters of an AssumeRole operation, and reports all that is wrong with them at
// once, as STS does. more are those that this operation has beside the common ones; other parameters would be lost, and
// session policies and tags with them.
func readAssumeRole(r *http.Request, more ...string) (assumeRoleInput, error) {
	given, err := parameters(r)
	if err != nil {
		return assumeRoleInput{}, err
	}
	known := append(more, "Action", "Version", "RoleArn", "RoleSessionName", "DurationSeconds")
	for name := range given {
		if !slices.Contains(known, listName(name)) && !strings.HasPrefix(name, "X-Amz-") {
			return assumeRoleInput{}, &apiError{
				http.StatusNotImplemented, "NotImplemented",
				fmt.Sprintf("the sandbox does not have the parameter %s of %s", name, given.Get("Action")),
			}
		}
	}
	in := assumeRoleInput{
		roleArn: given.Get("RoleArn"), sessionName: given.Get("RoleSessionName"), token: given.Get("WebIdentityToken"),
		externalID: given.Get("ExternalId"), length: time.Hour, given: given,
	}
	var faults constraints
	faults.length(given, "RoleArn", 20, 2048)
	if faults.length(given, "RoleSessionName", 2, 64); !sessionNamePattern.MatchString(in.sessionName) {
		faults.add("RoleSessionName", in.sessionName, `Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	if slices.Contains(more, "WebIdentityToken") {
		faults.length(given, "WebIdentityToken", 4, 20000)
	}
	if text := given.Get("DurationSeconds"); given.Has("DurationSeconds") {
		in.length = faults.seconds(text, 900, 43200)
	}
	if err := faults.err(); err != nil {
		return assumeRoleInput{}, err
	}
	if in.role, err = parsePrincipal(in.roleArn); err != nil || in.role.kind != kindRole {
		return assumeRoleInput{}, validationError("Request ARN is invalid")
	}
	return in, nil
}

// checkLength holds the session's length against the role's maximum.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_update-role-settings.html
func (in assumeRoleInput) checkLength(of role) error {
	if in.length > of.maxSession {
		return validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return nil
}

func validationError(message string) error {
	return &apiError{http.StatusBadRequest, "ValidationError", message}
}

// constraints collects what is wrong with parameters, in the words of AWS's request validation.
type constraints []string

func (c *constraints) add(name, value, constraint string) {
	if name == "WebIdentityToken" { // no token in a message
		value = "***"
	}
	c.addf("Value '%s' at '%s' failed to satisfy constraint: %s", value, lowerFirst(name), constraint)
}

func (c *constraints) addf(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }

func (c *constraints) length(given url.Values, name string, least, most int) {
	value := given.Get(name)
	switch {
	case !given.Has(name):
		c.addf("Value null at '%s' failed to satisfy constraint: Member must not be null", lowerFirst(name))
	case len(value) < least:
		c.add(name, value, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	case len(value) > most:
		c.add(name, value, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}

func (c *constraints) seconds(text string, least, most int) time.Duration {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		c.add("DurationSeconds", text, "Member must be an integer")
	case n < least:
		c.add("DurationSeconds", text, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case n > most:
		c.add("DurationSeconds", text, fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
	return time.Duration(n) * time.Second
}

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }

func (c *constraints) err() error {
	if len(*c) == 0 {
		return nil
	}
	noun := "errors"
	if len(*c) == 1 {
		noun = "error"
	}
	return validationError(fmt.Sprintf("%d validation %s detected: %s", len(*c), noun, strings.Join(*c, "; ")))
}

// assumeRole starts a session for whoever signed the request: the operator may have any role that exists, the session of
// a role what its own policies and the trust policy of the other role allow.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (e *Endpoint) assumeRole(r *http.Request, req request) (any, error) {
	caller := req.session
	known := []string{"ExternalId"}
	if caller != nil {
		if err := refuseSourceIdentity(r, caller); err != nil {
			return nil, err
		}
		known = append(known, sessionTagParameters...)
	}
	in, err := readAssumeRole(r, known...)
	if err != nil {
		return nil, err
	}
	passed, err := readSessionTags(in.given, caller)
	if err != nil {
		return nil, err
	}
	target, err := e.moto.existingRole(r.Context(), in.role)
	if errors.Is(err, errNoPrincipal) || err == nil && target.arn != in.roleArn {
		// A caller of another account is not to learn whether there is such a role, so this is no NoSuchEntity.
		return nil, accessDenied("sts", callerArn(req), "sts:AssumeRole", in.roleArn, "")
	}
	if err != nil {
		return nil, err
	}
	if caller != nil {
		if err := e.mayAssume(r, req, in, target, passed); err != nil {
			return nil, err
		}
	}
	if err := in.checkLength(target); err != nil {
		return nil, err
	}
	if caller != nil && in.length > time.Hour {
		return nil, validationError("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	started, err := e.startSession(r.Context(), target, in.sessionName, in.length)
	if err != nil {
		return nil, err
	}
	started.tags = passed
	e.sessions.add(started)
	return assumeRoleAnswer(started), nil
}

// refuseSourceIdentity names the permission that a source identity takes, which the sandbox gives to nobody.
func refuseSourceIdentity(r *http.Request, caller *session) error {
	given, err := parameters(r)
	if err != nil || !given.Has("SourceIdentity") {
		return err
	}
	return accessDenied("sts", caller.arn(), "sts:SetSourceIdentity", given.Get("RoleArn"), "")
}

// mayAssume evaluates both sides of a role that assumes another: its own permissions, and the other's trust policy. To
// give the session tags, or to hand on those of its own, takes sts:TagSession as well, on both sides.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining
func (e *Endpoint) mayAssume(r *http.Request, req request, in assumeRoleInput, target role, passed sessionTags) error {
	caller := req.session
	keys := caller.context(r, req.region)
	maps.Copy(keys, passed.keys())
	keys["sts:RoleSessionName"] = []string{in.sessionName}
	if in.given.Has("ExternalId") {
		keys["sts:ExternalId"] = []string{in.externalID}
	}
	actions := []string{"sts:AssumeRole"}
	if len(passed) > 0 {
		actions = append(actions, tagSession)
	}
	for _, action := range actions {
		err := e.mayOn(r.Context(), caller, target, iameval.Request{Action: action, Resource: target.arn, Context: keys})
		if err != nil {
			return err
		}
	}
	return nil
}

// mayOn evaluates one action of a session on another role.
//
// Within an account a trust policy that names the caller itself is enough, as with any resource-based policy: but not one
// that names the account, which leaves it to the account's own policies, and not past a permissions boundary.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-single-account.html
func (e *Endpoint) mayOn(ctx context.Context, caller *session, target role, asked iameval.Request) error {
	asked.Caller = iameval.Principal{AWS: e.trusted.known(target, caller, caller.names())}
	trust, err := trusts(target, asked)
	if err != nil {
		return err
	}
	switch trust {
	case iameval.Denied:
		return accessDenied("sts", caller.arn(), asked.Action, target.arn, "with an explicit deny in a role trust policy")
	case iameval.NotAllowed:
		return accessDenied("sts", caller.arn(), asked.Action, target.arn,
			"because no role trust policy allows the "+asked.Action+" action")
	case iameval.Allowed:
	}
	has, err := e.permissions(ctx, caller.role)
	if err != nil {
		return err
	}
	own := has.decide(asked)
	if own.decision == iameval.Allowed {
		return nil
	}
	if own.decision == iameval.NotAllowed && caller.role.boundary == "" && caller.role.account == target.account {
		asked.Caller.AWS = e.trusted.known(target, caller, caller.ownNames())
		if trust, err = trusts(target, asked); err != nil || trust == iameval.Allowed {
			return err
		}
	}
	return accessDenied("sts", caller.arn(), asked.Action, target.arn, own.reason)
}

func assumeRoleAnswer(started *session) any {
	type result struct {
		AssumedRoleUser assumedRoleUserView
		Credentials     credentialsView
	}
	credentials, user := started.view()
	return struct {
		XMLName xml.Name `xml:"AssumeRoleResponse"`
		Xmlns   string   `xml:"xmlns,attr"`
		Result  result   `xml:"AssumeRoleResult"`
		ID      string   `xml:"ResponseMetadata>RequestId"`
	}{Xmlns: stsNamespace, Result: result{user, credentials}, ID: newID()}
}
