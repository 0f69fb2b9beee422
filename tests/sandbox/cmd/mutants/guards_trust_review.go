package main

const (
	clauseFile     = "components/iampolicy/review_clauses.go"
	reviewFile     = "components/iampolicy/review.go"
	identityFile   = "components/iampolicy/review_identities.go"
	loginProofFile = "components/cluster_login.go"
	whoFile        = "stacks/trust/who.go"
)

const reviewTests = "TestAReviewNamesWhomeverIAMLetsIn TestAReviewSaysOfACallerWhatIAMAnswers"

// trustReviewGuards are those of the review of trust policies, which must leave nobody out, and of what counts as proven.
var trustReviewGuards = []guard{
	{
		"that IfExists lets in whoever has not the key",
		[]edit{{clauseFile, `case c.ifExists || c.set == "ForAllValues":`, `case c.set == "ForAllValues":`}},
		evaluates(reviewTests),
	},
	{
		"that ForAllValues lets in whoever has not the key",
		[]edit{{clauseFile, `case c.ifExists || c.set == "ForAllValues":`, `case c.ifExists:`}},
		evaluates(reviewTests),
	},
	{
		"that a pattern may match whatever comes",
		[]edit{{clauseFile, `&& !slices.ContainsFunc(c.patterns, c.leavesNothingOut)`, ``}},
		suite{".", "components/iampolicy", "TestTrustPoliciesAreReviewed"},
	},
	{
		"that all the rest gets in where a key must not be something",
		[]edit{{clauseFile, `return !c.negated()`, `return true`}},
		evaluates(reviewTests),
	},
	{
		"that upper and lower case may not matter",
		[]edit{{clauseFile, `anyCase: base == StringEqualsIgnoreCase`, `anyCase: false`}},
		evaluates(reviewTests),
	},
	{
		"that a policy variable is the caller's",
		[]edit{{clauseFile, `if !r.variables || !hasVariable(value) {`, `if true {`}},
		evaluates(reviewTests),
	},
	{
		"that the key of another issuer may be missing",
		[]edit{{identityFile, `other != strings.ToLower(issuer) && c.needsKey()`, `other != strings.ToLower(issuer)`}},
		evaluates(reviewTests),
	},
	{
		"that NotAction allows all the rest",
		[]edit{{reviewFile, `return !slices.ContainsFunc(s.NotActions, matching)`, `return slices.ContainsFunc(s.NotActions, matching)`}},
		evaluates(reviewTests),
	},
	{
		"the whole account that an account stands for",
		[]edit{{reviewFile, `if name != "*" && r.can(s, name, assumeRole) {`, `if strings.Contains(name, ":role/") && r.can(s, name, assumeRole) {`}},
		evaluates(reviewTests),
	},
	{
		"the finding of a trust policy that cannot be read",
		[]edit{{whoFile, `Kind: Unreadable, Level: iampolicy.Open, Message`, `Message`}},
		suite{".", "stacks/trust", "TestATrustPolicyThatCannotBeReadIsAFinding"},
	},
	{
		"the login that every account has to prove",
		[]edit{{loginProofFile, `if slices.Contains(times, "") {`, `if false {`}},
		program("TestWhatHasNotCompletedIsNotProven"),
	},
}
