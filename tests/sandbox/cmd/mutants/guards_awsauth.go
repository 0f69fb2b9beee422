package main

const (
	entryTypeFile    = "components/access_entry_type.go"
	modeFile         = "stacks/authentication_mode.go"
	accessRulesFile  = "stacks/access_validation.go"
	planFile         = "stacks/awsauth/plan.go"
	entriesFile      = "stacks/awsauth/entries.go"
	awsAuthMapFile   = "stacks/awsauth/configmap.go"
	endpointModeFile = "tests/sandbox/aws/eks_authentication_mode.go"
	loginFile        = "tests/sandbox/eks/login.go"
)

func plan(tests string) suite { return suite{".", "stacks/awsauth", tests} }

const lineOfAwsAuth = "TestALineOfAwsAuthThatIs"

// awsAuthGuards are those of the way out of aws-auth: whom an entry lets in, what it may not give, and what must be there before
// lines are not read any more.
var awsAuthGuards = []guard{
	{
		"the refusal of groups and policies for nodes",
		[]edit{{entryTypeFile, `case kind == EntryStandard:`, `case true:`}},
		program("TestConfigRefusesAccessEntries"),
	},
	{
		"the path of a role of IAM Identity Center",
		[]edit{{entryTypeFile, `case strings.HasPrefix(arn.RoleName(), SSORolePrefix) && !strings.HasPrefix(arn.Resource, ssoRolePath):`, `case strings.HasPrefix(arn.Resource, "none"):`}},
		program("TestConfigRefusesAccessEntries"),
	},
	{
		"the account of the role of nodes",
		[]edit{{accessRulesFile, `|| entry.EntryType() == components.EntryStandard || arn.Account == account {`, `|| arn.Account != "" {`}},
		program("TestConfigRefusesAccessEntries TestPlatformRefusesAccessEntriesThatTheClusterCannotHave"),
	},
	{
		"the one step of an authentication mode at a time",
		[]edit{{modeFile, `case isNot || mode == next:`, `case isNot || mode == next || true:`}},
		program("TestPlatformTakesTheAuthenticationModeOneStepAtATime"),
	},
	{
		"the nodes' access entry before aws-auth is given up",
		[]edit{{modeFile, `p.modeBefore(facts.key) != components.AuthenticationModeAPIAndConfigMap {`, `role != "" {`}},
		program("TestPlatformKeepsAwsAuthWhileTheNodesHaveNoAccessEntry"),
	},
	{
		"the groups of Kubernetes's own that a plan gives up",
		[]edit{{entriesFile, `case strings.HasPrefix(group, "system:"):`, `case false:`}},
		plan(lineOfAwsAuth),
	},
	{
		"the path that makes a line of aws-auth match nobody",
		[]edit{{planFile, `case arn.IsRole() && inPath:`, `case arn.IsRole() && inPath && false:`}},
		plan(lineOfAwsAuth),
	},
	{
		"the line that hides another of its principal",
		[]edit{{awsAuthMapFile, `if last, known := counts[strings.ToLower(line.Principal)]; known && last != i &&`, `if last, known := counts[strings.ToLower(line.Principal)]; known && last < 0 &&`}},
		plan("TestALineOfAwsAuthThatIsHiddenByAnother"),
	},
	{
		"the group in which nodes are known in aws-auth",
		[]edit{{planFile, `case slices.Contains(line.Groups, nodesGroup):`, `case slices.Contains(line.Groups, nodesGroup) || strings.HasPrefix(line.Username, "system:node:"):`}},
		plan(lineOfAwsAuth),
	},
	{
		"the way of authentication modes that has no return",
		[]edit{{endpointModeFile, `if modeSteps[c.AuthenticationMode] != mode || mode == "" {`, `if mode == "" {`}},
		endpoint("TestTheAuthenticationModeGoesOneWayAndOneStepAtATime"),
	},
	{
		"the permission to pass the role of nodes",
		[]edit{{passRoleFile, `return []need{{action: "iam:PassRole", resource: given.PrincipalArn}}, nil`, `return nil, nil`}},
		endpoint("TestWhatARoleMayDoWithAuthenticationModesAndNodes"),
	},
	{
		"the end of aws-auth in the mode API",
		[]edit{{loginFile, `if l.cluster.currentMode() == "API" {`, `if false {`}},
		webhook("TestALoginIsTheUserThatTheClusterKnows"),
	},
}
