package iampolicy

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/unquoted"
)

var (
	sidPattern = regexp.MustCompile(`^[A-Za-z0-9]*$`)
	// A service prefix has no wildcards, an action name may: "s3:Get*".
	actionPattern = regexp.MustCompile(`^(\*|(\*|[A-Za-z0-9-]+):[\w*?-]+)$`)
)

// ValidatePermissions checks the document as a permissions policy, which is attached to a role: no principals, and every
// statement names resources as ARNs or "*". All errors are reported together.
func (d Document) ValidatePermissions() error {
	return onePerPath(checkDocument(d), checkPermissions(d))
}

// ValidateTrust checks the document as a role's trust policy: every statement names principals, no resources, and only
// actions of STS. It also refuses to trust by omission: every principal without a condition, a federated provider without a
// condition, and an OIDC provider without a condition on a claim other than the audience, which all of its tokens share.
// All errors are reported together.
func (d Document) ValidateTrust() error {
	found := fielderr.List{OnePerPath: true}
	found.Add("", checkDocument(d))
	for i, s := range d.Statements {
		found.Add(fielderr.Path("Statement").Index(i), checkTrustStatement(s, d.Version))
	}
	return found.Err()
}

// onePerPath joins what several checks say of one value, the first error of each path.
func onePerPath(errs ...error) error {
	found := fielderr.List{OnePerPath: true}
	for _, err := range errs {
		found.Add("", err)
	}
	return found.Err()
}

// checkDocument finds what no kind of policy may contain.
func checkDocument(d Document) error {
	var found fielderr.List
	if date, ok := unquoted.Date(d.Version); ok {
		found.Addf("Version", "%q is a date that YAML read; put it in quotes: %q", d.Version, date)
	}
	found.Refuse(d.Version != "" && d.Version != currentVersion && d.Version != oldVersion, "Version",
		"%q is not a version of the policy language; use %q", d.Version, currentVersion)
	found.Add("Id", checkText(d.ID))
	found.Refuse(len(d.Statements) == 0, "Statement", "is missing; a policy needs at least one statement")
	found.Add("", checkStatements("Statement", d.Statements))
	return found.Err()
}

// checkStatements checks the list of statements at the path.
func checkStatements(path fielderr.Path, statements []Statement) error {
	var found fielderr.List
	first := map[string]fielderr.Path{}
	for i, s := range statements {
		at := path.Index(i)
		found.Add(at, checkStatement(s))
		if other, taken := first[s.Sid]; taken {
			found.Addf(at.Child("Sid"), "%q is the Sid of %s already; a Sid is unique in its policy", s.Sid, other)
		} else if s.Sid != "" {
			first[s.Sid] = at
		}
	}
	return found.Err()
}

func checkStatement(s Statement) error {
	var found fielderr.List
	found.Refuse(!sidPattern.MatchString(s.Sid), "Sid", "%q has a character that is not allowed; use letters and digits", s.Sid)
	switch s.Effect {
	case Allow, Deny:
	case "":
		found.Addf("Effect", "is missing; use Allow or Deny")
	default:
		found.Addf("Effect", "%q is neither Allow nor Deny", string(s.Effect))
	}
	found.Add("Principal", checkPrincipal(s.Principal))
	found.Add("NotPrincipal", checkPrincipal(s.NotPrincipal))
	found.Refuse(s.Principal != nil && s.NotPrincipal != nil, "NotPrincipal", "cannot stand beside Principal")
	found.Add("", checkActions(s))
	found.Add("Resource", fielderr.Each(s.Resources, checkElement))
	found.Add("NotResource", fielderr.Each(s.NotResources, checkElement))
	found.Refuse(len(s.Resources) > 0 && len(s.NotResources) > 0, "NotResource", "cannot stand beside Resource")
	found.Add("Condition", checkCondition(s.Condition))
	return found.Err()
}

func checkActions(s Statement) error {
	var found fielderr.List
	found.Refuse(len(s.Actions) > 0 && len(s.NotActions) > 0, "NotAction", "cannot stand beside Action")
	found.Refuse(len(s.Actions) == 0 && len(s.NotActions) == 0, "Action", "is missing; a statement needs Action or NotAction")
	found.Add("", s.eachAction(func(action string) error {
		if actionPattern.MatchString(action) {
			return nil
		}
		return cmp.Or(checkLeftovers(action), checkNoVariables(action),
			fmt.Errorf(`%q is not an action; use "service:Action" or "*"`, action))
	}))
	return found.Err()
}

// eachAction checks the actions of both kinds.
func (s Statement) eachAction(check func(action string) error) error {
	var found fielderr.List
	found.Add("Action", fielderr.Each(s.Actions, check))
	found.Add("NotAction", fielderr.Each(s.NotActions, check))
	return found.Err()
}

// checkSense refuses what IAM may store, but what cannot be meant, as nothing ever matches it. [Parse] does not ask for it, as it
// reads whatever policies there are.
func checkSense(s Statement, version string) error {
	var found fielderr.List
	found.Add("Principal", checkPrincipalSense(s.Principal))
	found.Add("NotPrincipal", checkPrincipalSense(s.NotPrincipal))
	found.Add("Resource", fielderr.Each(s.Resources, checkResourceSense))
	found.Add("NotResource", fielderr.Each(s.NotResources, checkResourceSense))
	found.Add("Condition", checkConditionSense(s.Condition))
	if version == oldVersion {
		found.Add("", checkVariablesKnown(s))
	}
	return found.Err()
}

// checkElement checks an element of a list, which is never empty.
func checkElement(text string) error {
	if text == "" {
		return errors.New("is empty")
	}
	return checkText(text)
}

// checkText knows the characters that IAM takes in a policy:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
func checkText(text string) error {
	if date, ok := unquoted.Date(text); ok {
		return fmt.Errorf("%q is a date that YAML read, in a form that IAM cannot; put it in quotes: %q", text, date)
	}
	for _, r := range text {
		if (r < ' ' && !strings.ContainsRune("\t\n\r", r)) || r > '\u00ff' {
			return fmt.Errorf("has the character %q (%U); IAM takes tab, line breaks and U+0020 to U+00FF only", r, r)
		}
	}
	return nil
}

func checkPermissions(d Document) error {
	var found fielderr.List
	for i, s := range d.Statements {
		found.Add(fielderr.Path("Statement").Index(i), checkPermission(s, d.Version))
	}
	return found.Err()
}

func checkPermission(s Statement, version string) error {
	const noPrincipal = "does not belong in a permission document: the role that it is attached to is meant"
	var found fielderr.List
	found.Add("", checkSense(s, version))
	found.Refuse(s.Principal != nil, "Principal", noPrincipal)
	found.Refuse(s.NotPrincipal != nil, "NotPrincipal", noPrincipal)
	found.Refuse(len(s.Resources) == 0 && len(s.NotResources) == 0, "Resource",
		"is missing; a permission document needs Resource or NotResource")
	found.Add("Resource", fielderr.Each(s.Resources, checkResource))
	found.Add("NotResource", fielderr.Each(s.NotResources, checkResource))
	return found.Err()
}

func checkTrustStatement(s Statement, version string) error {
	const noResource = "does not belong in a trust policy: the role itself is the resource"
	var found fielderr.List
	found.Add("", checkSense(s, version))
	found.Refuse(s.Principal == nil && s.NotPrincipal == nil, "Principal", "is missing; a trust policy says who may assume the role")
	found.Refuse(len(s.Resources) > 0, "Resource", noResource)
	found.Refuse(len(s.NotResources) > 0, "NotResource", noResource)
	found.Add("", s.eachAction(func(action string) error {
		if strings.HasPrefix(strings.ToLower(action), "sts:") {
			return nil
		}
		return fmt.Errorf(`%q is not an action of STS, and a trust policy has no others; use "sts:AssumeRole" or the like`, action)
	}))
	found.Add("Principal", checkTrustedPrincipal(s.Principal))
	found.Add("NotPrincipal", checkTrustedPrincipal(s.NotPrincipal))
	if s.Effect == Allow {
		found.Add("", checkNotOpen(s))
	}
	return found.Err()
}
