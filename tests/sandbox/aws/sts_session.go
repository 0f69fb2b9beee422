package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// session is what STS remembers of the temporary credentials that it gave out for a role.
type session struct {
	accessKey, secret, token string
	role                     role   // as it was then
	name                     string // RoleSessionName
	issued, expires          time.Time
	// federation are the condition keys that a web identity brings along; none for a role that was assumed with AssumeRole.
	federation map[string][]string
	tags       sessionTags
}

// arn is what STS calls the session. It has no path.
func (s *session) arn() string {
	return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", s.role.partition, s.role.account, s.role.name, s.name)
}

// names are all that a policy's Principal may call the session: itself, its role, and their account.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (s *session) names() []string {
	return append(s.ownNames(), s.role.account, fmt.Sprintf("arn:%s:iam::%s:root", s.role.partition, s.role.account))
}

// ownNames are the names that mean this session and no other principal of the account.
func (s *session) ownNames() []string { return []string{s.arn(), s.role.arn, s.role.id} }

// context are the global condition keys of a call by the session. Keys that are not here are absent, as those of
// organizations and VPCs are for a role that has none of them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (s *session) context(r *http.Request, region string) map[string][]string {
	keys := requestContext(r, region)
	maps.Copy(keys, s.federation)
	maps.Copy(keys, tagKeys("aws:PrincipalTag/", s.role.tags, s.tags.values()))
	keys["aws:PrincipalArn"] = []string{s.role.arn}
	keys["aws:PrincipalAccount"] = []string{s.role.account}
	keys["aws:PrincipalType"] = []string{"AssumedRole"}
	keys["aws:userid"] = []string{s.role.id + ":" + s.name}
	keys["aws:TokenIssueTime"] = []string{s.issued.UTC().Format(time.RFC3339)}
	return keys
}

// tagKeys are the condition keys of tags. The keys of tags are not case-sensitive, and of two that are the same the later
// counts: the tags of a session win over those of its role.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_know
func tagKeys(prefix string, tags ...map[string]string) map[string][]string {
	keys := map[string][]string{}
	for _, some := range tags {
		for key, value := range some {
			keys[prefix+strings.ToLower(key)] = []string{value}
		}
	}
	return keys
}

// requestContext are the condition keys that any call has, its caller known or not.
func requestContext(r *http.Request, region string) map[string][]string {
	now := time.Now().UTC()
	keys := map[string][]string{
		"aws:CurrentTime":           {now.Format(time.RFC3339)},
		"aws:EpochTime":             {strconv.FormatInt(now.Unix(), 10)},
		"aws:SecureTransport":       {"true"}, // the loopback address stands for an https endpoint
		"aws:ViaAWSService":         {"false"},
		"aws:PrincipalIsAWSService": {"false"},
	}
	if region != "" {
		keys["aws:RequestedRegion"] = []string{region}
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		keys["aws:SourceIp"] = []string{host}
	}
	if agent := r.UserAgent(); agent != "" {
		keys["aws:UserAgent"] = []string{agent}
	}
	return keys
}

// sessions are those that were given out, by access key. They are kept past their end, to tell it.
type sessions struct {
	mu    sync.Mutex
	byKey map[string]*session
}

func (s *sessions) add(given *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil {
		s.byKey = map[string]*session{}
	}
	s.byKey[given.accessKey] = given
}

func (s *sessions) find(accessKey string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byKey[accessKey]
}

// temporaryKey begins every access key of a session.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
const temporaryKey = "ASIA"

// session returns the session that a call is signed with, its role as it is now, and nil for the operator's key.
//
// A session ends with its time, and with its role: one that was made anew under the same name is another role.
func (e *Endpoint) session(r *http.Request, req request) (*session, error) {
	if !strings.HasPrefix(req.accessKey, temporaryKey) {
		return nil, e.verifyOperator(r, req)
	}
	found := e.sessions.find(req.accessKey)
	if found == nil {
		return nil, unknownKey(req.service)
	}
	if token := sessionToken(r); token != found.token {
		return nil, wrongToken(req.service)
	}
	if err := req.signature.verify(r, found.secret); err != nil {
		return nil, err
	}
	if !time.Now().Before(found.expires) {
		return nil, expiredKey(req.service)
	}
	current, err := e.moto.existingRole(r.Context(), found.role.principal)
	if errors.Is(err, errNoPrincipal) || err == nil && current.id != found.role.id {
		return nil, unknownKey(req.service)
	}
	if err != nil {
		return nil, err
	}
	live := *found
	live.role = current
	return &live, nil
}

// verifyOperator refuses a call that is not signed with the operator's credentials, which have no session token.
func (e *Endpoint) verifyOperator(r *http.Request, req request) error {
	if e.credentials == nil {
		return nil
	}
	secret, known := e.credentials[req.accessKey]
	if !known {
		return unknownKey(req.service)
	}
	if sessionToken(r) != "" {
		return wrongToken(req.service)
	}
	return req.signature.verify(r, secret)
}

func sessionToken(r *http.Request) string {
	if token := r.Header.Get("X-Amz-Security-Token"); token != "" {
		return token
	}
	return r.URL.Query().Get("X-Amz-Security-Token")
}

// startSession gives out credentials for a role. moto makes them, so that it knows the session, too.
func (e *Endpoint) startSession(ctx context.Context, of role, name string, length time.Duration) (*session, error) {
	given, err := e.moto.assumeRole(ctx, of.principal, of.arn, name, length)
	if err != nil {
		return nil, err
	}
	return &session{
		accessKey: *given.AccessKeyId, secret: *given.SecretAccessKey, token: *given.SessionToken,
		role: of, name: name, issued: time.Now(), expires: *given.Expiration,
	}, nil
}
