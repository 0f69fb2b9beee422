package aws

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// The kinds of what IAM shows late, as its ARNs name them.
const (
	kindRole     = "role"
	kindPolicy   = "policy"
	kindProvider = "oidc-provider"
)

// SetPropagationDelay makes IAM eventually consistent, as it is: a role, a customer-managed policy or an OIDC provider that
// is made from now on is there for whoever makes it a second time or deletes it, but every other call of IAM, and every
// other service, learns of it only after d. What is under way already keeps its delay.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
func (e *Endpoint) SetPropagationDelay(d time.Duration) { e.propagation.setDelay(d) }

// propagation knows what IAM has and does not show yet.
type propagation struct {
	mu    sync.Mutex
	delay time.Duration
	shown map[entity]time.Time // when each is, or was, shown at last
}

// entity is something that IAM keeps. Its name is unique in its kind and account: that of a role or policy without its
// path, that of an OIDC provider is its issuer without https://.
type entity struct{ kind, account, name string }

func newPropagation() *propagation { return &propagation{shown: map[entity]time.Time{}} }

// visible tells whether what has this name is shown yet. It does not tell whether it is there at all.
func (p *propagation) visible(kind, account, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.shown[entity{kind, account, name}].After(time.Now())
}

func (p *propagation) setDelay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// serve takes a call of IAM through next, moto, as an IAM would answer that has not heard yet of what was made lately.
func (p *propagation) serve(w http.ResponseWriter, r *http.Request, req request, next http.Handler) {
	if p.idle() {
		next.ServeHTTP(w, r)
		return
	}
	form, err := parameters(r)
	if err == nil {
		err = p.check(req, form)
	}
	if err != nil {
		writeError(w, req.service, err)
		return
	}
	held := newHeldAnswer()
	next.ServeHTTP(held, r)
	if held.status == http.StatusOK {
		p.note(req, form)
		if strings.HasPrefix(req.action, "List") || req.action == "GetAccountAuthorizationDetails" {
			held.body = p.withoutHidden(req.account, held.body)
		}
	}
	held.release(w)
}

// idle tells whether all that IAM has is shown, and all that it gets will be.
func (p *propagation) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(p.shown, func(_ entity, at time.Time) bool { return !at.After(now) })
	return p.delay <= 0 && len(p.shown) == 0
}

// check refuses a call that is about something hidden. What makes and what deletes a thing is not among them: that IAM
// decides where the thing is kept.
func (p *propagation) check(req request, form url.Values) error {
	for _, verb := range []string{"Delete", "Detach", "Remove"} {
		if strings.HasPrefix(req.action, verb) {
			return nil
		}
	}
	role, policy, provider := form.Get("RoleName"), form.Get("PolicyArn"), form.Get("OpenIDConnectProviderArn")
	switch {
	case req.action != "CreateRole" && !p.visible(kindRole, req.account, role):
		return noSuchEntity("The role with name %s cannot be found.", role)
	case !p.visibleArn(policy) && strings.HasPrefix(req.action, "Attach"):
		return noSuchEntity("Policy %s does not exist or is not attachable.", policy)
	case !p.visibleArn(policy):
		return noSuchEntity("Policy %s was not found.", policy)
	case !p.visibleArn(form.Get("PermissionsBoundary")):
		return noSuchEntity("Scope ARN: %s does not exist or is not attachable.", form.Get("PermissionsBoundary"))
	case !p.visibleArn(provider):
		return noSuchEntity("OpenIDConnect Provider not found for arn %s", provider)
	case req.action == "CreateRole":
		return p.checkPrincipals(form.Get("AssumeRolePolicyDocument"))
	case req.action == "UpdateAssumeRolePolicy":
		return p.checkPrincipals(form.Get("PolicyDocument"))
	}
	return nil
}

// checkPrincipals refuses a trust policy that names a hidden role: IAM turns the ARNs of principals into unique IDs when it
// is written. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (p *propagation) checkPrincipals(text string) error {
	document, err := iampolicy.Parse(text)
	if err != nil {
		return nil // not for this check to refuse
	}
	for _, statement := range document.Statements {
		if statement.Principal == nil {
			continue
		}
		for _, principal := range statement.Principal.AWS {
			if !p.visibleArn(principal) {
				return &apiError{
					http.StatusBadRequest, "MalformedPolicyDocument",
					fmt.Sprintf("Invalid principal in policy: %q:%q", "AWS", principal),
				}
			}
		}
	}
	return nil
}

// note remembers what a call has made, so that it is hidden at first, and forgets what it has deleted.
func (p *propagation) note(req request, form url.Values) {
	var made, deleted entity
	switch req.action {
	case "CreateRole":
		made = entity{kindRole, req.account, form.Get("RoleName")}
	case "CreatePolicy":
		made = entity{kindPolicy, req.account, form.Get("PolicyName")}
	case "CreateOpenIDConnectProvider":
		made = entity{kindProvider, req.account, strings.TrimPrefix(form.Get("Url"), "https://")}
	case "DeleteRole":
		deleted = entity{kindRole, req.account, form.Get("RoleName")}
	case "DeletePolicy":
		deleted = entityOf(form.Get("PolicyArn"))
	case "DeleteOpenIDConnectProvider":
		deleted = entityOf(form.Get("OpenIDConnectProviderArn"))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.shown, deleted)
	if made != (entity{}) && p.delay > 0 {
		p.shown[made] = time.Now().Add(p.delay)
	}
}

// withoutHidden drops the members of an answer's lists that are about something hidden.
func (p *propagation) withoutHidden(account string, answer []byte) []byte {
	decoder := xml.NewDecoder(bytes.NewReader(answer))
	var kept []byte
	from := int64(0)
	for {
		start := decoder.InputOffset()
		token, err := decoder.Token()
		if err != nil { // the end, or no XML any more
			return append(kept, answer[from:]...)
		}
		element, ok := token.(xml.StartElement)
		if !ok || element.Name.Local != "member" {
			continue
		}
		var member struct{ RoleName, Arn, PolicyArn string }
		if err := decoder.DecodeElement(&member, &element); err != nil {
			return append(kept, answer[from:]...)
		}
		if !p.visible(kindRole, account, member.RoleName) || !p.visibleArn(member.Arn) || !p.visibleArn(member.PolicyArn) {
			kept = append(kept, answer[from:start]...)
			from = decoder.InputOffset()
		}
	}
}

func (p *propagation) visibleArn(text string) bool {
	e := entityOf(text)
	return p.visible(e.kind, e.account, e.name)
}

// entityOf returns what an ARN names; nothing if it is none of IAM's.
func entityOf(text string) entity {
	parsed, err := arn.Parse(text)
	if err != nil || parsed.Service != "iam" {
		return entity{}
	}
	kind, name, _ := strings.Cut(parsed.Resource, "/")
	if kind != kindProvider { // whose slashes are the issuer's
		name = name[strings.LastIndex(name, "/")+1:]
	}
	return entity{kind, parsed.AccountID, name}
}

func noSuchEntity(format string, args ...any) error {
	return &apiError{http.StatusNotFound, "NoSuchEntity", fmt.Sprintf(format, args...)}
}
