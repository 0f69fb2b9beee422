package iampolicy

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// The forms of principals: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
var (
	uniqueIDPattern  = regexp.MustCompile(`^A[A-Z0-9]{15,127}$`) // AROA..., AIDA...
	canonicalPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	// Which services and which domains there are depends on the partition, so this is the form of a DNS name.
	servicePattern   = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+){2,}$`)
	federatedPattern = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
)

func checkPrincipal(p *Principal) error {
	if p == nil {
		return nil
	}
	var found fielderr.List
	found.Refuse(p.Any && p.named() > 0, "", `"*" is every principal; it conflicts with named ones`)
	found.Refuse(!p.Any && p.named() == 0, "", "names no principal")
	found.Add("", p.each(func(_ principalKind, name string) error { return checkElement(name) }))
	return found.Err()
}

func checkPrincipalSense(p *Principal) error {
	return p.each(func(_ principalKind, name string) error { return cmp.Or(checkLeftovers(name), checkNoVariables(name)) })
}

func (p *Principal) named() int {
	return len(p.AWS) + len(p.Federated) + len(p.Service) + len(p.CanonicalUser)
}

// principalKind is one of the lists of a [Principal], what stands for every principal in it, and what is wrong with a name.
type principalKind struct {
	name, any string
	list      Strings
	wrong     func(name string) string
}

func (p *Principal) kinds() []principalKind {
	if p == nil {
		return nil
	}
	return []principalKind{
		{"AWS", "*", p.AWS, wrongAWSPrincipal},
		{"Federated", "", p.Federated, wrongFederated},
		{"Service", "", p.Service, wrongService},
		{"CanonicalUser", "", p.CanonicalUser, wrongCanonicalUser},
	}
}

// each checks the principals of every kind.
func (p *Principal) each(check func(kind principalKind, name string) error) error {
	var found fielderr.List
	for _, kind := range p.kinds() {
		found.Add(fielderr.Path(kind.name), fielderr.Each(kind.list, func(name string) error { return check(kind, name) }))
	}
	return found.Err()
}

// checkTrustedPrincipal judges principals as IAM does in a trust policy: each is named in full, or it is every principal.
func checkTrustedPrincipal(p *Principal) error {
	return p.each(func(kind principalKind, name string) error {
		reason := kind.wrong(name)
		switch {
		case name == kind.any && name != "":
			return nil
		case strings.ContainsAny(name, "*?"):
			return fmt.Errorf("%q has a wildcard; a principal is named in full", name)
		case reason != "":
			return fmt.Errorf("%q %s", name, reason)
		default:
			return nil
		}
	})
}

func wrongAWSPrincipal(name string) string {
	if accountPattern.MatchString(name) || uniqueIDPattern.MatchString(name) {
		return ""
	}
	if !strings.HasPrefix(name, "arn:") {
		return "is not a principal; use an account (12 digits), the ARN of a role, a user or a session, or a unique ID such as AROA..."
	}
	arn, err := ParseARN(name)
	if err != nil {
		return strings.TrimPrefix(err.Error(), fmt.Sprintf("%q ", name))
	}
	kind, id, _ := strings.Cut(arn.Resource, "/")
	switch service := arn.Service; {
	case arn.Region != "" || !accountPattern.MatchString(arn.Account):
	case service == "iam" && arn.Resource == "root":
		return ""
	case service == "iam" && kind == "group":
		return "is a group, which is no principal; name its users or a role"
	case service == "iam" && (kind == "role" || kind == "user") && id != "":
		return ""
	case service == "sts" && (kind == "assumed-role" || kind == "federated-user" || kind == "self") && id != "":
		return ""
	case service == "sts" && arn.Resource == "self":
		return ""
	}
	return "is not the ARN of a principal; name an account (arn:aws:iam::<account>:root), a role, a user or a session"
}

func wrongFederated(name string) string {
	if strings.Contains(name, "://") {
		return "is a URL; use the ARN of the OIDC provider that IAM has for it"
	}
	if arn, err := ParseARN(name); err == nil && (arn.IsOIDCProvider() || arn.isSAMLProvider()) {
		return ""
	}
	if federatedPattern.MatchString(name) {
		return ""
	}
	return "is not a federated principal; use the ARN of an OIDC or SAML provider, or a host such as accounts.google.com"
}

func wrongService(name string) string {
	if servicePattern.MatchString(name) {
		return ""
	}
	return "is not a service principal; its form is service.amazonaws.com"
}

func wrongCanonicalUser(name string) string {
	if canonicalPattern.MatchString(name) {
		return ""
	}
	return "is not a canonical user ID, which has 64 hexadecimal digits"
}
