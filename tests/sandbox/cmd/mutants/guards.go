package main

import "slices"

// guard is what keeps somebody out.
type guard struct {
	// name completes "without".
	name string
	// edits take it out; several where it stands in more than one place.
	edits []edit
	// tests are those that must notice, or one of them.
	tests suite
}

// edit replaces a text that is in the file once.
type edit struct{ file, old, new string }

const (
	trustFile     = "components/iampolicy/trust.go"
	podTrustFile  = "components/iampolicy/pod_identity.go"
	operatorFile  = "components/iampolicy/conditions.go"
	opennessFile  = "components/iampolicy/openness.go"
	agentProgram  = "components/testpod/pod_identity.sh"
	programFile   = "components/testpod/test_pod.sh"
	conditionFile = "tests/sandbox/aws/iameval/condition.go"
	decisionFile  = "tests/sandbox/aws/iameval/evaluation.go"
	statementFile = "tests/sandbox/aws/iameval/statement.go"
	tokenFile     = "tests/sandbox/aws/sts_web_token.go" // #nosec G101 -- Go code
	webFile       = "tests/sandbox/aws/sts_web_identity.go"
	sessionFile   = "tests/sandbox/aws/sts_session.go"
	chainFile     = "tests/sandbox/aws/sts_assume_role.go"
	authorizeFile = "tests/sandbox/aws/front_authorize.go"
	documentFile  = "tests/sandbox/aws/iam_policy_document.go"
	webhookFile   = "tests/sandbox/eks/pod_identity_webhook.go"
	accessFile    = "components/access_entry.go"
	providerFile  = "components/oidc_provider.go"
	leavingFile   = "stacks/leaving.go"
)

func product(tests string) suite { return suite{".", "components/iampolicy", tests} }
func program(tests string) suite { return suite{".", "tests", tests} }
func evaluates(tests string) suite {
	return suite{"tests/sandbox", "aws/iameval", tests}
}
func endpoint(tests string) suite { return suite{"tests/sandbox", "aws", tests} }
func webhook(tests string) suite  { return suite{"tests/sandbox", "eks", tests} }

const (
	goldenTrust   = "TestTrustPoliciesEqualTheirGoldenFiles TestTheAudienceIsPinnedAndExactInEveryStatement"
	trustRefusals = "TestTrustPolicyRefuses TestServiceAccountsAreRefused"
	badTokens     = "TestATokenThatDoesNotHoldIsRefused"
	trustedOnly   = "TestOnlyWhomTheTrustPolicyNamesGetsTheRole"
)

// guards are those of the product's trust policies, of the sandbox's IAM, STS and webhook, and of the proofs in pods.
var guards = append([]guard{
	// What the product writes.
	{
		"the audience in a trust policy",
		[]edit{{trustFile, `Condition{StringEquals: {issuer + ":aud": {Audience}}}`, `Condition{StringEquals: {}}`}},
		product(goldenTrust),
	},
	{
		"the subjects in a trust policy",
		[]edit{{trustFile, `condition[operator][issuer+":sub"] = list`, `_ = list`}},
		product(goldenTrust),
	},
	{
		"the provider in a trust policy",
		[]edit{{trustFile, `&Principal{Federated: Strings{providerARN}}`, `&Principal{Any: providerARN != ""}`}},
		product(goldenTrust),
	},
	{
		"exact names under StringEquals in a trust policy",
		[]edit{{trustFile, `operator := StringEquals`, `operator := StringLike`}},
		product(goldenTrust),
	},
	{
		"the check that a provider names its issuer as IAM does",
		[]edit{{trustFile, `err == nil && issuer != arn.issuer()`, `false`}},
		product(trustRefusals),
	},
	{
		"the check that a trust policy names a service account",
		[]edit{{trustFile, `found.Refuse(len(subjects) == 0, path,`, `found.Refuse(false, path,`}},
		product(trustRefusals),
	},
	{
		"the clusters in a trust policy of EKS Pod Identity",
		[]edit{{podTrustFile, `tag + "eks-cluster-arn":      clusters,`, ``}},
		product("TestTrustInPodIdentityEqualsItsGoldenFiles"),
	},
	{
		"the statement for each namespace in a trust policy of EKS Pod Identity",
		[]edit{
			{podTrustFile, `key := fmt.Sprint(subject.Namespace, clusters)`, `key := fmt.Sprint(clusters)`},
		},
		product("TestPodIdentityNeverMixesTheAccountsOfTwoNamespaces"),
	},
	{
		"the refusal of a condition that widens a statement",
		[]edit{{"components/iampolicy/trust_conditions.go", `strings.EqualFold(taken, key), path,`, `false && strings.EqualFold(taken, key), path,`}},
		product("TestConditionsNeverWiden"),
	},
	{
		"the refusal of a pattern by EKS Pod Identity",
		[]edit{{podTrustFile, `len(t.Clusters) > 0 && subject.NamePattern != ""`, `false && subject.NamePattern != ""`}},
		product("TestTrustInPodIdentityRefuses"),
	},
	{
		"the check that a proof of EKS Pod Identity has the role by it",
		[]edit{{agentProgram, `by_pod_identity && try_identity`, `try_identity`}},
		program("TestTestPodWithoutItsRoleByPodIdentitySaysWhy"),
	},
	{
		"the question to STS in the negative test of EKS Pod Identity",
		[]edit{{agentProgram, `[ -z "$IRSA_PROVIDER_ARN" ] || try_denial || return 1`, `:`}},
		program("TestTestPodThatGetsTheRoleByPodIdentityOrNoAnswerIsNoProof"),
	},
	{
		"the error for an operator that there is not in a document",
		[]edit{{operatorFile, `case !operator.known():`, `case false:`}},
		product("TestParseRefuses"),
	},
	{
		"the check that a statement on a provider has a claim beside the audience",
		[]edit{
			{opennessFile, `case !named:`, `case false:`},
			{opennessFile, `case !condition.restricts(names, sharedIssuers[lower].begins):`, `case false:`},
		},
		product("TestTrustPolicyRefuses"),
	},
	{
		"the check that a condition on an identity leaves anyone out",
		[]edit{{opennessFile, `case !condition.restricts(names, sharedIssuers[lower].begins):`, `case false:`}},
		product("TestAConditionOnAnIssuersTokensTellsThemApart"),
	},
	{
		"the refusal of a proxy's password where a proof would show it",
		[]edit{{"components/argocd_connection.go", `if proxy.User != nil {`, `if false {`}},
		program("TestClusterLoginTestRefusesThePasswordOfAProxyThatArgoCDClusterTakes"),
	},

	// How what was given is taken away, and what was not given is kept.
	{
		"the refusal of a cluster that replaced another of its name",
		[]edit{{"stacks/replaced_cluster.go", `was == "" ||`, `was != "" ||`}},
		program("TestPlatformRefusesAClusterThatReplacedAnotherUntilItMayForgetTheOldOne"),
	},
	{
		"the refusal of a key that two files declare",
		[]edit{{"stacks/include.go", `if whole[name][key] != nil {`, `if false {`}},
		program("TestAConfigurationRefusesFilesThatItCannotInclude"),
	},
	{
		"the refusal of files outside of the project",
		[]edit{{"stacks/include.go", `if !filepath.IsLocal(file) {`, `if false {`}},
		program("TestAConfigurationRefusesFilesThatItCannotInclude"),
	},
	{
		"the refusal of a second association for a service account",
		[]edit{{"stacks/unique.go", `if role.Identity.Associates() {`, `if false {`}},
		program("TestConfigRefusesRoles"),
	},
	{
		"the roles that accounts of the state had, which a failed update does not tell in its outputs",
		[]edit{{"stacks/renamed_keys.go", `p.readRolesBefore(stack)`, ``}},
		program("TestPlatformMakesAnAccountThatGoesToAnotherRoleOnce"),
	},
	{
		"the empty list that takes the groups of an access entry away",
		[]edit{{accessFile, `entryArgs.KubernetesGroups = pulumi.ToStringArray(args.AccessEntry.KubernetesGroups)`, ``}},
		program("TestClusterAccessLetsARoleInByAnAccessEntry"),
	},
	{
		"the replacement of an access entry whose user name is taken out",
		[]edit{{accessFile, `if args.AccessEntry.Username != "" {`, `if false {`}},
		program("TestClusterAccessReplacesAnEntryWithItsRoleAndWhenItsUserNameIsTakenOut"),
	},
	{
		"the order in which an association with an access policy is replaced",
		[]edit{{accessFile, `pulumi.ReplacementTrigger(trigger), pulumi.DeleteBeforeReplace(true)`, `pulumi.ReplacementTrigger(trigger)`}},
		program("TestClusterAccessReplacesAnEntryWithItsRoleAndWhenItsUserNameIsTakenOut"),
	},
	{
		"the tag that tells an OIDC provider of this stack from another one's",
		[]edit{{providerFile, `own := found != nil && found.Tags[OwnerTag] == args.owner(ctx)`, `own := found != nil`}},
		program("TestOidcProviderOfOthersIsOnlyReadUnderTheNameOfACreatedOne"),
	},

	// How policies are evaluated.
	{
		"the audience condition when a policy is evaluated",
		[]edit{{
			statementFile, `holds, err := condition.holds(c.keys)`,
			`holds, err := condition.holds(c.keys); holds = holds || strings.HasSuffix(condition.key, ":aud")`,
		}},
		evaluates("TestATrustPolicyLetsInTheServiceAccountThatItNames"),
	},
	{
		"the subject condition when a policy is evaluated",
		[]edit{{
			statementFile, `holds, err := condition.holds(c.keys)`,
			`holds, err := condition.holds(c.keys); holds = holds || strings.HasSuffix(condition.key, ":sub")`,
		}},
		evaluates("TestATrustPolicyLetsInTheServiceAccountThatItNames"),
	},
	{
		"the provider when a trust policy is evaluated",
		[]edit{{statementFile, `slices.Contains(p.Federated, caller.Federated)`, `len(p.Federated) > 0`}},
		evaluates("TestATrustPolicyLetsInTheServiceAccountThatItNames TestAPrincipalNamesItsCallers"),
	},
	{
		"the explicit Deny",
		[]edit{{decisionFile, `decision = Denied`, `_ = Denied`}},
		evaluates("TestPermissionDocumentsAreEvaluatedTogether TestATrustPolicyLetsInTheServiceAccountThatItNames"),
	},
	{
		"the boundary",
		[]edit{{decisionFile, `if boundary != nil {`, `if false {`}},
		evaluates("TestPermissionDocumentsAreEvaluatedTogether"),
	},
	{
		"the resources of a permission",
		[]edit{{statementFile, `return matched != s.notResources, nil`, `return true, nil`}},
		evaluates("TestAStatementIsAboutItsActionsAndResources"),
	},
	{
		"the error for an operator that there is not, in documents and when they are evaluated",
		[]edit{
			{conditionFile, `r.addf(path, "the operator is not known to the evaluation")`, `c.null = []bool{true, false}`},
			{operatorFile, `case !operator.known():`, `case false:`},
		},
		evaluates("TestADocumentThatIsNoPolicyIsRefused"),
	},
	{
		"the difference between StringEquals and StringLike",
		[]edit{{
			conditionFile, "parsePattern(text, false, variables)\n\treturn filled(p, pattern.match), err",
			"parsePattern(text, true, variables)\n\treturn filled(p, pattern.match), err",
		}},
		evaluates("TestOperatorsCompare"),
	},

	// How STS checks a token.
	{
		"the check of the signature",
		[]edit{{
			tokenFile, `token.Claims(named[0].Key, &found.Claims, &found.present)`,
			`token.UnsafeClaimsWithoutVerification(&found.Claims, &found.present)`,
		}},
		endpoint(badTokens),
	},
	{
		"the check of a token's expiry",
		[]edit{{tokenFile, `case !now.Before(expires):`, `case false:`}},
		endpoint(badTokens),
	},
	{
		"the check of a token's not-before",
		[]edit{{tokenFile, `c.NotBefore != nil && now.Before(c.NotBefore.Time())`, `false`}},
		endpoint(badTokens),
	},
	{
		"the check of a token's time of issue",
		[]edit{{tokenFile, `case now.Before(issued), `, `case `}},
		endpoint(badTokens),
	},
	{
		"the issuer's binding to a provider of the role's account",
		[]edit{{
			tokenFile, "aws.ToString(found.Url) != host {\n\t\treturn oidcProvider{}, none",
			"aws.ToString(found.Url) != host {\n\t\treturn oidcProvider{host, arn, []string{\"sts.amazonaws.com\"}}, nil",
		}},
		endpoint("TestAProviderCountsInItsOwnAccountOnly"),
	},
	{
		"the check of the audience against the provider's client IDs",
		[]edit{{tokenFile, `return "", invalidToken("Incorrect token audience")`, `return c.Audience[0], nil`}},
		endpoint(badTokens),
	},
	{
		"the check that a token has a subject",
		[]edit{{tokenFile, `if c.Subject == "" {`, `if false {`}},
		endpoint(badTokens),
	},

	// To whom STS gives a role, and for how long.
	{
		"the trust policy",
		[]edit{{webFile, `if decision != iameval.Allowed {`, `if decision == iameval.Denied {`}},
		endpoint(trustedOnly),
	},
	{
		"the explicit Deny in a trust policy",
		[]edit{{webFile, `if decision != iameval.Allowed {`, `if decision == iameval.NotAllowed {`}},
		endpoint(trustedOnly),
	},
	{
		"the check of a session's length against the role's maximum",
		[]edit{{webFile, `if err := in.checkLength(target); err != nil {`, `if err := in.checkLength(target); false {`}},
		endpoint("TestTheRoleAndTheParametersAreChecked"),
	},
	{
		"the check of the path of a role",
		[]edit{{webFile, `err == nil && target.arn != in.roleArn`, `false`}},
		endpoint("TestTheRoleAndTheParametersAreChecked"),
	},
	{
		"the refusal of policies that cannot be evaluated",
		[]edit{{documentFile, `err = iameval.Check(document)`, `_ = iameval.Check(document)`}},
		endpoint("TestMalformedDocumentsAreRefusedWhenTheyAreWritten"),
	},

	// What a session may do.
	{
		"the check of a session's permissions",
		[]edit{{authorizeFile, `if made.decision != iameval.Allowed {`, `if made.decision > 9 {`}},
		endpoint("TestAPodGetsItsBucketWhenThePolicyIsAttached TestWhatARoleMayDoInS3"),
	},
	{
		"the refusal of calls that the sandbox cannot map",
		[]edit{{authorizeFile, `if !known {`, `if false && !known {`}},
		endpoint("TestWhatTheSandboxCannotMapIsDenied"),
	},
	{
		"the permissions and the trust policy in AssumeRole",
		[]edit{{chainFile, `if err := e.mayAssume(r, req, in, target, passed); err != nil {`, `if err := e.mayAssume(r, req, in, target, passed); false {`}},
		endpoint("TestARoleAssumesAnotherWhenBothSidesLet"),
	},
	{
		"the check of the signature of a session's requests",
		[]edit{{
			sessionFile, `if err := req.signature.verify(r, found.secret); err != nil {`,
			`if err := req.signature.verify(r, found.secret); false {`,
		}},
		endpoint("TestOnlyKnownCredentialsSign TestASessionTokenHasToBeSigned"),
	},
	{
		"the end of a session with its time",
		[]edit{{sessionFile, `if !time.Now().Before(found.expires) {`, `if false {`}},
		endpoint("TestASessionEndsWithItsTime"),
	},
	{
		"the end of a session with its role",
		[]edit{{sessionFile, `current.id != found.role.id`, `false`}},
		endpoint("TestASessionEndsWithItsRole"),
	},
	{
		"the check of a session's token",
		[]edit{{sessionFile, `token != found.token`, `token == "none"`}},
		endpoint("TestASessionNeedsItsToken"),
	},

	// Which pods get a token, and what a negative test proves.
	{
		"the end of an account that has its role in a cluster that is gone",
		[]edit{{leavingFile, `if len(account.Clusters) > 0 && len(remaining) == 0 {`, `if false {`}},
		program("TestPlatformTakesTheTrustAwayFromAClusterThatIsGone"),
	},
	{
		"the end of the trust in a cluster that is gone",
		[]edit{{leavingFile, `p.gone[key] = true`, ``}},
		program("TestPlatformTakesTheTrustAwayFromAClusterThatIsGone"),
	},
	{
		"the webhook's look for a role in the annotations",
		[]edit{{webhookFile, `if account[roleArnAnnotation] == "" {`, `if false {`}},
		webhook("TestAPodThatHasNoRoleIsLeftAlone"),
	},
	{
		"the webhook's look for an EKS Pod Identity association",
		[]edit{{webhookFile, `if p.has(request.Namespace, pod.Spec.ServiceAccountName) {`, `if false {`}},
		webhook("TestAPodIdentityAssociationWinsOverTheAnnotation"),
	},
	{
		"the identity that a test pod expects",
		[]edit{{programFile, "case $identity in \"$IRSA_EXPECTED_ARN\"/*) ;; *) return 1 ;; esac\n\tcheck=none", "check=none"}},
		program("TestATestPodWithoutItsRoleSaysWhy"),
	},
	{
		"the AccessDenied that a negative test expects",
		[]edit{{programFile, `grep -q '(AccessDenied)' "$HOME/error" && refusal=AccessDenied`, `refusal=AccessDenied`}},
		program("TestAControlThatIsRefusedSaysSo TestAControlThatGetsTheRoleOrNoAnswerIsNoProof"),
	},
	{
		"the identity that a negative test must not have",
		[]edit{{programFile, `case $identity in "$IRSA_EXPECTED_ARN"/*) return 1 ;; esac`, `:`}},
		program("TestAControlThatGetsTheRoleOrNoAnswerIsNoProof"),
	},
	{
		"the identity that a login expects",
		[]edit{{programFile, "case $identity in \"$IRSA_EXPECTED_ARN\"/*) ;; *) return 1 ;; esac\n\t[ -z", "[ -z"}},
		program("TestALoginThatFailsSaysWhy"),
	},
}, slices.Concat(podIdentityGuards, trustReviewGuards, capabilityGuards, awsAuthGuards)...)
