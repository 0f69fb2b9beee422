package aws_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
)

// answer is one response of a [script].
type answer struct {
	status int
	header string // x-amzn-errortype
	body   string
}

// script is an AWS that says what no emulator does: that it does not know yet what was made a moment ago. Each action
// gets its answers in turn, and the last one again and again.
type script struct {
	answers map[string][]answer
	asked   []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action := r.Method + " " + path.Base(r.URL.Path)
	if body, err := io.ReadAll(r.Body); err == nil {
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
			action = form.Get("Action")
			if id := form.Get("ClientID"); id != "" {
				action += " " + id
			}
		}
	}
	s.asked = append(s.asked, action)
	answers := s.answers[action]
	if len(answers) == 0 {
		http.Error(w, "not in the script: "+action, http.StatusNotImplemented)
		return
	}
	if len(answers) > 1 {
		s.answers[action] = answers[1:]
	}
	w.Header().Set("X-Amzn-Errortype", answers[0].header)
	w.WriteHeader(answers[0].status)
	_, _ = fmt.Fprint(w, answers[0].body)
}

func newScript(t *testing.T, answers map[string][]answer) (s *script, url string) {
	t.Helper()
	s = &script{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// newScriptedEngine takes the endpoint from the environment, as the SDK does, which is why the tests here cannot be
// parallel.
func newScriptedEngine(t *testing.T) *providertest.Engine {
	t.Helper()
	return newEngine(t, map[string]any{
		"region": region, "skipCredentialsValidation": "true", "skipRequestingAccountId": "true", "maxRetries": "1",
	})
}

func (s *script) count(action string) int {
	n := 0
	for _, asked := range s.asked {
		if asked == action {
			n++
		}
	}
	return n
}

const entryAnswer = `{"accessEntry":{"clusterName":"hub","principalArn":"arn:aws:iam::123456789012:role/new","type":"STANDARD",
	"accessEntryArn":"arn:aws:eks:eu-west-1:123456789012:access-entry/hub/role/123456789012/new/x"}}`

func TestAnAccessEntryWaitsUntilEKSKnowsThePrincipal(t *testing.T) {
	s, url := newScript(t, map[string][]answer{
		"POST access-entries": {
			{400, "InvalidParameterException", `{"message":"The specified principalArn is invalid: invalid principal."}`},
			{200, "", entryAnswer},
		},
		"GET arn:aws:iam::123456789012:role/new": {{200, "", entryAnswer}},
		"GET new":                                {{200, "", entryAnswer}},
	})
	t.Setenv("AWS_ENDPOINT_URL", url)
	e := newScriptedEngine(t)
	entry := e.Create(t, entryToken, "entry", map[string]any{
		"clusterName": "hub", "principalArn": "arn:aws:iam::123456789012:role/new",
	})
	assert.Equal(t, "hub:arn:aws:iam::123456789012:role/new", entry.ID)
	assert.Equal(t, 2, s.count("POST access-entries"))
}

func TestAnAccessEntryDoesNotWaitForWhatDoesNotPass(t *testing.T) {
	s, url := newScript(t, map[string][]answer{
		"POST access-entries": {{400, "InvalidParameterException", `{"message":"The username is invalid."}`}},
	})
	t.Setenv("AWS_ENDPOINT_URL", url)
	e := newScriptedEngine(t)
	_, err := e.TryCreate(t, entryToken, "entry", map[string]any{
		"clusterName": "hub", "principalArn": "arn:aws:iam::123456789012:role/new",
	}, 0)
	require.ErrorContains(t, err, "The username is invalid.")
	assert.Equal(t, 1, s.count("POST access-entries"))
}

func TestARoleWaitsUntilIAMKnowsThePrincipalItTrusts(t *testing.T) {
	const created = `<CreateRoleResponse><CreateRoleResult><Role><RoleName>r</RoleName></Role></CreateRoleResult></CreateRoleResponse>`
	malformed := `<ErrorResponse><Error><Type>Sender</Type><Code>MalformedPolicyDocument</Code>` +
		`<Message>Invalid principal in policy: "AWS":"x"</Message></Error></ErrorResponse>`
	read := func(action, result string) []answer {
		return []answer{{200, "", fmt.Sprintf("<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, result)}}
	}
	s, url := newScript(t, map[string][]answer{
		"CreateRole":               {{400, "", malformed}, {200, "", created}},
		"GetRole":                  read("GetRole", `<Role><RoleName>r</RoleName><AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument></Role>`),
		"ListRolePolicies":         read("ListRolePolicies", "<IsTruncated>false</IsTruncated>"),
		"ListAttachedRolePolicies": read("ListAttachedRolePolicies", "<IsTruncated>false</IsTruncated>"),
	})
	t.Setenv("AWS_ENDPOINT_URL", url)
	e := newScriptedEngine(t)
	e.Create(t, roleToken, "r", map[string]any{"name": "r", "assumeRolePolicy": trust})
	assert.Equal(t, 2, s.count("CreateRole"))
}

// moto does not have the two calls.
func TestClientIDsOfAnOpenIDConnectProviderAreAddedAndRemoved(t *testing.T) {
	read := func(ids string) answer {
		return answer{200, "", "<GetOpenIDConnectProviderResponse><GetOpenIDConnectProviderResult><Url>issuer.example.com</Url><ClientIDList>" +
			ids + "</ClientIDList></GetOpenIDConnectProviderResult></GetOpenIDConnectProviderResponse>"}
	}
	s, url := newScript(t, map[string][]answer{
		"CreateOpenIDConnectProvider": {{200, "", "<CreateOpenIDConnectProviderResponse><CreateOpenIDConnectProviderResult>" +
			"<OpenIDConnectProviderArn>arn:aws:iam::123456789012:oidc-provider/issuer.example.com</OpenIDConnectProviderArn>" +
			"</CreateOpenIDConnectProviderResult></CreateOpenIDConnectProviderResponse>"}},
		"GetOpenIDConnectProvider":                    {read("<member>a</member><member>b</member>"), read("<member>b</member><member>c</member>")},
		"AddClientIDToOpenIDConnectProvider c":        {{200, "", "<R/>"}},
		"RemoveClientIDFromOpenIDConnectProvider a":   {{200, "", "<R/>"}},
		"UpdateOpenIDConnectProviderThumbprint never": nil,
	})
	t.Setenv("AWS_ENDPOINT_URL", url)
	e := newScriptedEngine(t)
	inputs := map[string]any{"url": "https://issuer.example.com", "clientIdLists": []any{"b", "a"}}
	made := e.Create(t, oidcToken, "oidc", inputs)
	assert.Empty(t, providertest.Changes(made.Diff(t, inputs)), "client ids are a set")
	inputs["clientIdLists"] = []any{"b", "c"}
	made.Update(t, inputs)
	assert.True(t, slices.Contains(s.asked, "AddClientIDToOpenIDConnectProvider c"))
	assert.True(t, slices.Contains(s.asked, "RemoveClientIDFromOpenIDConnectProvider a"))
}
