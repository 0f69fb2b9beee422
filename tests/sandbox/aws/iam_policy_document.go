package aws

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

func malformed(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "MalformedPolicyDocument", fmt.Sprintf(format, args...)}
}

// documentParameters are the actions of IAM that write a policy document, with the parameter that holds it.
var documentParameters = map[string]string{
	"CreatePolicy":           "PolicyDocument",
	"CreatePolicyVersion":    "PolicyDocument",
	"CreateRole":             "AssumeRolePolicyDocument",
	"PutRolePolicy":          "PolicyDocument",
	"UpdateAssumeRolePolicy": "PolicyDocument",
}

// checkDocument refuses a policy document that IAM would refuse, or that the sandbox could not evaluate later.
func checkDocument(r *http.Request, req request) error {
	parameter, ok := documentParameters[req.action]
	if req.service != "iam" || !ok {
		return nil
	}
	given, err := parameters(r)
	if err != nil || !given.Has(parameter) {
		return nil // moto says what is wrong
	}
	document, err := iampolicy.Parse(given.Get(parameter))
	if err != nil {
		return malformed("%v", err)
	}
	if req.action == "CreateRole" || req.action == "UpdateAssumeRolePolicy" {
		err = checkTrust(document)
	} else {
		err = document.ValidatePermissions()
	}
	if err == nil {
		err = iameval.Check(document)
	}
	if err != nil {
		return malformed("%v", err)
	}
	return nil
}

// checkTrust applies IAM's rules for trust policies, in its words. [iampolicy.Document.ValidateTrust] is stricter: it
// refuses to trust everybody, too, which IAM lets pass.
func checkTrust(document iampolicy.Document) error {
	for _, statement := range document.Statements {
		switch {
		case statement.Principal == nil && statement.NotPrincipal == nil:
			return malformed("The passed in policy has a statement with no principals!")
		case len(statement.Resources) > 0:
			return malformed("Has prohibited field Resource")
		case len(statement.NotResources) > 0:
			return malformed("Has prohibited field NotResource")
		}
		for _, action := range statement.Actions {
			if !strings.HasPrefix(strings.ToLower(action), "sts:") {
				return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
	}
	return nil
}
