package iampolicy

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// checkNotOpen refuses an Allow that trusts every principal, or every identity of a provider: because something was left out, or
// because a condition restricts nothing.
func checkNotOpen(s Statement) error {
	var found fielderr.List
	found.Refuse(s.NotPrincipal != nil, "NotPrincipal", "with Allow would trust every other principal in the world; use Principal")
	if s.Principal == nil {
		return found.Err()
	}
	if s.Principal.Any || slices.Contains(s.Principal.AWS, "*") {
		switch {
		case len(s.Condition) == 0:
			found.Addf("Principal", "would trust every principal; name principals or add a Condition")
		case !s.Condition.restricts(saysWho, nil):
			found.Addf("Principal", "would trust every principal, as any caller can meet the Condition; name principals, or "+
				`restrict a key such as "aws:PrincipalOrgID" to values of yours`)
		}
	}
	for _, provider := range s.Principal.Federated {
		arn, err := ParseARN(provider)
		switch {
		case err == nil && arn.IsOIDCProvider():
			found.Add("Condition", checkIdentityOf(s.Condition, arn.issuer()))
		case len(s.Condition) == 0:
			found.Addf("Condition", "is missing: every identity of %s would be trusted", provider)
		case !s.Condition.restricts(func(string) bool { return true }, nil):
			found.Addf("Condition", "would trust every identity of %s, as any of them can meet it; restrict a key to values of yours", provider)
		}
	}
	return found.Err()
}

// checkIdentityOf demands that a condition picks out identities of an OIDC provider.
func checkIdentityOf(condition Condition, issuer string) error {
	lower := strings.ToLower(issuer) // IAM knows no upper and lower case in condition keys.
	names := func(key string) bool {
		claim, ok := strings.CutPrefix(strings.ToLower(key), lower+":")
		return ok && namesIdentity(lower, claim)
	}
	named := false
	condition.each(func(_ fielderr.Path, _ Operator, key string, _ Strings) { named = named || names(key) })
	switch {
	case !named:
		return fmt.Errorf("would trust every identity of %s; add a condition on %q", issuer, issuer+":sub")
	case !condition.restricts(names, sharedIssuers[lower].begins):
		return fmt.Errorf("would trust every identity of %s, as any of them can meet it; restrict %q to subjects of yours with "+
			"StringEquals or StringLike", issuer, issuer+":sub")
	default:
		return nil
	}
}

// sharedIssuer is an issuer of tenants that have nothing to do with each other. IAM, too, wants a condition that names the
// tenant: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
type sharedIssuer struct {
	// claims are those that name the tenant.
	claims []string
	// begins are the texts that subjects begin with for every tenant; the tenant follows.
	begins []string
}

var sharedIssuers = map[string]sharedIssuer{
	// https://docs.github.com/en/actions/reference/security/oidc
	"token.actions.githubusercontent.com": {
		claims: []string{
			"sub", "job_workflow_ref", "repository", "repository_id", "repository_owner", "repository_owner_id", "enterprise", "enterprise_id",
		},
		begins: []string{"repo:", "repository:", "repository_id:", "repository_owner:", "repository_owner_id:", "enterprise:", "job_workflow_ref:"},
	},
	// https://docs.gitlab.com/ci/secrets/id_token_authentication/
	"gitlab.com": {
		claims: []string{"sub", "namespace_id", "namespace_path", "project_id", "project_path"},
		begins: []string{"project_path:"},
	},
	// https://developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials/aws-configuration
	"app.terraform.io": {claims: []string{"sub"}, begins: []string{"organization:"}},
	// https://buildkite.com/docs/pipelines/security/oidc
	"agent.buildkite.com": {claims: []string{"sub"}, begins: []string{"organization:"}},
	// Here the audience names the organization: https://www.pulumi.com/docs/deployments/concepts/oidc/aws/
	"api.pulumi.com/oidc": {claims: []string{"sub", "aud"}, begins: []string{"pulumi:deploy:org:", "pulumi:environments:org:"}},
}

// sharedClaims are those that tokens of many identities have in common: whom they are for, and how the identity was
// authenticated. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
var sharedClaims = []string{"aud", "oaud", "azp", "amr", "iss"}

// namesIdentity reports whether a claim of the issuer's tokens tells whose they are.
func namesIdentity(issuer, claim string) bool {
	if shared, ok := sharedIssuers[issuer]; ok {
		return slices.Contains(shared.claims, claim)
	}
	return !slices.Contains(sharedClaims, claim)
}

// saysNothing are keys that a caller of any account can meet, by how it calls, by its own account's names and tags, or at all.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
var saysNothing = regexp.MustCompile(`^(aws:(securetransport|multifactorauth(present|age)|currenttime|epochtime|tokenissuetime|` +
	`requestedregion|useragent|referer|principaltype|principaltag/.*|requesttag/.*|tagkeys|username|principalisawsservice|` +
	`viaawsservice|calledvia|calledviafirst|calledvialast|assumedroot)|` +
	`sts:(rolesessionname|transitivetagkeys|sourceidentity|durationseconds|awsservicename))$`)

// saysWho reports whether a key tells callers of one account from those of another.
func saysWho(key string) bool { return !saysNothing.MatchString(strings.ToLower(key)) }

// each visits the keys of the condition with their paths in it, in their order.
func (c Condition) each(visit func(path fielderr.Path, operator Operator, key string, values Strings)) {
	for _, operator := range slices.Sorted(maps.Keys(c)) {
		for _, key := range slices.Sorted(maps.Keys(c[operator])) {
			visit(fielderr.Path("").Key(string(operator)).Key(key), operator, key, c[operator][key])
		}
	}
}

// restricts reports whether a condition on one of the keys that count leaves any caller out. All keys have to hold, so one is
// enough. begins are what values of a shared issuer begin with.
func (c Condition) restricts(counts func(key string) bool, begins []string) bool {
	restricted := false
	c.each(func(_ fielderr.Path, operator Operator, key string, values Strings) {
		restricted = restricted || counts(key) && operator.restricts(values, begins)
	})
	return restricted
}

// restricts reports whether the operator with these values, of which one has to match, leaves anything out. It does not
// where it holds without the key (IfExists, ForAllValues), nor where it names who is left out and lets in all the rest:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func (o Operator) restricts(values Strings, begins []string) bool {
	base, set, ifExists := o.parts()
	if set == "ForAllValues" || ifExists {
		return false
	}
	matchesAll := func(value string) bool { return matchesAnything(value, begins) }
	switch base {
	case StringEquals, StringEqualsIgnoreCase:
		// Here * and ? are literal, but a policy variable may be the very value that is compared.
		matchesAll = func(value string) bool {
			return byCaller(value) != value && matchesAnything(strings.NewReplacer("?", "x", "*", "x").Replace(value), begins)
		}
	case StringLike, ARNEquals, ARNLike: // ARNEquals takes wildcards, as ARNLike does.
	case IPAddress:
		matchesAll = everyAddress
	case BinaryEquals:
		return true
	default:
		return false
	}
	return !slices.ContainsFunc(values, matchesAll)
}

// byCaller puts * for the policy variables that are the caller's to fill in. What they say of the role itself, such as
// ${aws:ResourceOrgID}, is not.
func byCaller(value string) string {
	for _, v := range variables(value) {
		if !strings.HasPrefix(strings.ToLower(v.key), "aws:resource") {
			value = strings.Replace(value, v.text, "*", 1)
		}
	}
	return value
}

// Two subjects of service accounts that have no more in common than all have.
const (
	oneSubject     = "system:serviceaccount:a:b"
	anotherSubject = "system:serviceaccount:9-z:8.y"
)

// matchesAnything reports whether a pattern matches whatever comes: any text, every service account of a cluster, any
// tenant of a shared issuer, or a name in any account, as an account's owner chooses the names in it.
func matchesAnything(value string, begins []string) bool {
	pattern := byCaller(value)
	wild := strings.IndexAny(pattern, "*?")
	if wild < 0 {
		return false
	}
	if parts := arnParts(pattern); len(parts) == 6 && parts[0] == "arn" {
		account, resource := parts[4], parts[5]
		return !hasWord(account) && (account != "" || !hasWord(resource))
	}
	return !hasWord(pattern) || matches(pattern, oneSubject) && matches(pattern, anotherSubject) ||
		slices.ContainsFunc(begins, func(text string) bool { return strings.HasPrefix(text, pattern[:wild]) })
}

// hasWord reports whether a pattern demands a letter or a digit.
func hasWord(pattern string) bool {
	return strings.ContainsFunc(pattern, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

func everyAddress(value string) bool {
	prefix, err := netip.ParsePrefix(value)
	return err == nil && prefix.Bits() <= 1 // two halves of the world are all of it
}
