package aws

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// trustedIDs are what IAM keeps of a trust policy: not the ARN of a role that it names, but the unique ID that the role
// has when the policy is written. A role that is made anew under that name is somebody else, until the policy is written
// again.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
type trustedIDs struct {
	mu sync.Mutex
	// ids are by the ARN of the trusted role, and those by the account and name of the role that trusts it.
	ids map[[2]string]map[string]string
}

// iamAnswer answers a call to IAM, and remembers whom a trust policy means that it writes.
func (e *Endpoint) iamAnswer(w http.ResponseWriter, r *http.Request, req request) {
	if err := errors.Join(e.checkDetached(r, req), e.checkQuotas(r, req)); err != nil {
		writeError(w, req.service, err)
		return
	}
	role, ids := e.meant(r, req) // before the body is passed on
	answer := &statusWriter{ResponseWriter: w}
	e.propagation.serve(answer, r, req, e.proxy)
	if ids != nil && answer.status == http.StatusOK {
		e.trusted.set([2]string{req.account, role}, ids)
	}
}

// meant finds the unique IDs of the roles that a trust policy names; nothing if the call writes none.
func (e *Endpoint) meant(r *http.Request, req request) (role string, ids map[string]string) {
	if req.action != "CreateRole" && req.action != "UpdateAssumeRolePolicy" {
		return "", nil
	}
	given, err := parameters(r)
	if err != nil {
		return "", nil // moto says what is wrong
	}
	document, err := iampolicy.Parse(given.Get(documentParameters[req.action]))
	if err != nil {
		return "", nil
	}
	ids = map[string]string{}
	for _, statement := range document.Statements {
		if statement.Principal == nil {
			continue
		}
		for _, arn := range statement.Principal.AWS {
			if id := e.uniqueID(r.Context(), arn); id != "" {
				ids[arn] = id
			}
		}
	}
	return given.Get("RoleName"), ids
}

// uniqueID is that of a role that exists, or empty.
func (e *Endpoint) uniqueID(ctx context.Context, arn string) string {
	named, err := parsePrincipal(arn)
	if err != nil || named.kind != "role" {
		return ""
	}
	found, err := e.moto.existingRole(ctx, named)
	if err != nil {
		return ""
	}
	return found.id
}

func (t *trustedIDs) set(role [2]string, ids map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids == nil {
		t.ids = map[[2]string]map[string]string{}
	}
	t.ids[role] = ids
}

// known are those of a caller's names that a role's trust policy can mean by them: not the ARN of the caller's role, if
// that was another role when the policy was written.
func (t *trustedIDs) known(target role, caller *session, names []string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	meant, kept := t.ids[[2]string{target.account, target.name}][caller.role.arn]
	if !kept || meant == caller.role.id {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == caller.role.arn })
}
