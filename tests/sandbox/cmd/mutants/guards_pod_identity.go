package main

const (
	podRoleFile     = "tests/sandbox/aws/eks_pod_identity_role.go"
	associationFile = "tests/sandbox/aws/eks_pod_identity.go"
	passRoleFile    = "tests/sandbox/aws/eks_permissions.go"
	podTokenFile    = "tests/sandbox/aws/eksauth_token.go" // #nosec G101 -- Go code
	sessionTagFile  = "tests/sandbox/aws/sts_session_tags.go"
	podSessionFile  = "tests/sandbox/aws/eksauth.go"
	agentFile       = "tests/sandbox/eks/agent/agent.go"
	agentCacheFile  = "tests/sandbox/eks/agent/cache.go"
	agentTokenFile  = "tests/sandbox/eks/agent/token.go" // #nosec G101 -- Go code
)

func podAgent(tests string) suite { return suite{"tests/sandbox", "eks/agent", tests} }

const (
	badPodTokens = "TestAPodsTokenThatDoesNotHoldIsRefused"
	podRoles     = "TestAnAssociationNeedsARoleThatTrustsPods"
)

// podIdentityGuards are those of EKS Pod Identity: who is associated with what, and which pod gets the role.
var podIdentityGuards = []guard{
	{
		"the trust policy of an association's role",
		[]edit{{podRoleFile, `if !trustsPods(found.trust) {`, `if false {`}},
		endpoint(podRoles),
	},
	{
		"the session tags that EKS Pod Identity needs the permission for",
		[]edit{{podRoleFile, `[]string{"sts:AssumeRole", tagSession}`, `[]string{"sts:AssumeRole"}`}},
		endpoint(podRoles + " TestWhatCountsIsTheAssociationAtThisMoment"),
	},
	{
		"the account of an association's role",
		[]edit{{podRoleFile, `case p.partition != c.partition || p.account != c.Account:`, `case false:`}},
		endpoint(podRoles),
	},
	{
		"the one association of a service account",
		[]edit{{associationFile, `existing != nil {`, `existing != nil && false {`}},
		endpoint("TestAnAssociationIsOfOneAccountOfOneCluster"),
	},
	{
		"the names of an association, which are no patterns",
		[]edit{
			{associationFile, `case !namespaceName.MatchString(body.Namespace):`, `case false:`},
			{associationFile, `case !serviceAccountName.MatchString(body.ServiceAccount):`, `case false:`},
		},
		endpoint("TestAnAssociationIsOfOneAccountOfOneCluster"),
	},
	{
		"the permission to pass a role to EKS Pod Identity",
		[]edit{{passRoleFile, `append(needs, passed...), true, err`, `append(needs, passed[:0]...), true, err`}},
		endpoint("TestAnAssociationTakesThePermissionToPassItsRole"),
	},
	{
		"the permission to ask EKS Auth",
		[]edit{{authorizeFile, `return eksAuthNeeds(r, req)`, `return nil, true, nil`}},
		endpoint("TestWhoMayAskEKSAuth"),
	},
	{
		"the cluster of a pod's token",
		[]edit{{podTokenFile, `if issuer != c.Issuer {`, `if false {`}},
		endpoint(badPodTokens),
	},
	{
		"the audience of a pod's token",
		[]edit{{podTokenFile, `if !slices.Contains(claims.Audience, podsService) {`, `if !slices.Contains(claims.Audience, podsService) && false {`}},
		endpoint(badPodTokens),
	},
	{
		"the UID of a token's pod",
		[]edit{{podTokenFile, `found.UID != pod.uid || `, ``}},
		endpoint(badPodTokens),
	},
	{
		"the service account of a token's pod",
		[]edit{{podTokenFile, ` || found.ServiceAccount != pod.serviceAccount {`, ` {`}},
		endpoint(badPodTokens),
	},
	{
		"the existence of a token's pod",
		[]edit{{podTokenFile, `if !ok || found.UID != pod.uid || found.ServiceAccount != pod.serviceAccount {`, `if ok && found.UID != pod.uid {`}},
		endpoint(badPodTokens),
	},
	{
		"the subject of a pod's token",
		[]edit{{podTokenFile, `case c.Subject != "system:serviceaccount:"+p.namespace+":"+p.serviceAccount:`, `case false:`}},
		endpoint(badPodTokens),
	},
	{
		"the trust policy that a pod's session needs",
		[]edit{{serviceFile, `if err != nil || decision != iameval.Allowed {`, `if err != nil || decision == iameval.Denied {`}},
		endpoint("TestATrustPolicyNarrowsWhichPodsGetTheRole TestWhatCountsIsTheAssociationAtThisMoment"),
	},
	{
		"sts:TagSession where a role with tags assumes another",
		[]edit{{chainFile, `if len(passed) > 0 {`, `if false {`}},
		endpoint("TestAPodsTagsGoWithItIntoAnotherRole"),
	},
	{
		"the tags that a session hands on, which it cannot change",
		[]edit{{sessionTagFile, `if passed.find(tag.key) != nil {`, `if passed.find(tag.key) != nil && false {`}},
		endpoint("TestAssumeRoleTakesTags"),
	},
	{
		"the case of tag keys, which does not matter",
		[]edit{{sessionTagFile, `return strings.EqualFold(tag.key, key)`, `return strings.Compare(tag.key, key) == 0`}},
		endpoint("TestAssumeRoleTakesTags"),
	},
	{
		"the tags that a session does not hand on",
		[]edit{{sessionTagFile, `return !tag.transitive`, `return false`}},
		endpoint("TestOnlyTransitiveTagsAreHandedOn"),
	},
	{
		"the service account of a token, which exists",
		[]edit{{podTokenFile, `if found.ServiceAccountUID != pod.serviceAccountUID {`, `if false {`}},
		endpoint(badPodTokens),
	},
	{
		"the tags of a session in its permissions",
		[]edit{{sessionFile, `"aws:PrincipalTag/", s.role.tags, s.tags.values()`, `"aws:PrincipalTag/", s.tags.values(), s.role.tags`}},
		endpoint("TestAPodsTagsAreInItsPermissions"),
	},
	{
		"the agent's check of a token that it has not seen",
		[]edit{{agentCacheFile, `if ok = c.holds(ctx, token); ok {`, `if true {`}},
		podAgent("TestTheAgentKeepsThePodsCredentials"),
	},
	{
		"the audience in that check",
		[]edit{{agentTokenFile, `slices.Contains(found.Audience, audience) &&`, `slices.Contains(found.Audience, found.Audience[0]) &&`}},
		podAgent("TestTheAgentKeepsThePodsCredentials"),
	},
	{
		"the host that the agent is called by",
		[]edit{{agentFile, `if name == host {`, `if true {`}},
		podAgent("TestTheAgentRefusesByItself"),
	},
	{
		"the refusal after which the agent forgets credentials",
		[]edit{{agentCacheFile, `case ok && !isIrrecoverable(err):`, `case ok:`}, {agentCacheFile, "case ok:\n\t\tc.forget", "case false:\n\t\tc.forget"}},
		podAgent("TestCredentialsAreRenewedBeforeTheyEnd"),
	},
}
