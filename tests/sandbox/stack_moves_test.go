package sandbox_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// identityPlatform is two clusters of one account, in two regions, and a role over both with a policy of every kind. Nothing
// of it is in Kubernetes, so that its updates are quick.
const identityPlatform = `
clusters:
  eu: {region: eu-west-1}
  us: {region: us-west-2}
roles:
  app:
    name: app
    clusters: [eu, us]
    serviceAccounts: [{namespace: default, name: app, mode: trustOnly}]
    managedPolicies: [ReadOnlyAccess]
    inlinePolicies: {list: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListAllMyBuckets", Resource: "*"}]}}
    customerManagedPolicies: {more: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: "*"}]}}
`

// identityEnvironment is an environment without a stack: each life has stacks of its own.
type identityEnvironment struct{ *environment }

func newIdentityEnvironment(t *testing.T) identityEnvironment {
	t.Helper()
	settings := identitySettings(t)
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	return identityEnvironment{bootEnvironment(t, settings, clusters)}
}

func identitySettings(t *testing.T) *sandbox.Settings {
	t.Helper()
	settings := &sandbox.Settings{}
	require.NoError(t, yaml.Unmarshal([]byte(identityPlatform), &settings.Platform))
	return settings
}

// life is a stack, the settings that it is changed by, and what it is asked about.
type life struct {
	identityEnvironment
	stack    *sandbox.Stack
	settings *sandbox.Settings
}

// newLife makes a stack that is not deployed yet, with a state of its own.
func (e identityEnvironment) newLife(t *testing.T) life {
	t.Helper()
	settings := identitySettings(t)
	stack, err := e.NewStack(t.Context(), repository, settings)
	require.NoError(t, err)
	return life{e, stack, settings}
}

// up deploys the settings, sees that a second update changes nothing, and gives what the first one changed.
func (l life) up(t *testing.T, opts ...optup.Option) map[string]int {
	t.Helper()
	require.NoError(t, l.stack.Write(l.settings))
	result, err := l.stack.Up(t.Context(), opts...)
	require.NoError(t, err)
	again, err := l.stack.Up(t.Context())
	require.NoError(t, err)
	assert.Empty(t, changed(again), "a second update changes nothing")
	return changed(result)
}

// refused deploys the settings, which is to fail, and says why it did.
func (l life) refused(t *testing.T) string {
	t.Helper()
	require.NoError(t, l.stack.Write(l.settings))
	_, err := l.stack.Up(t.Context())
	require.Error(t, err)
	return err.Error()
}

func (l life) destroy(t *testing.T) {
	t.Helper()
	require.NoError(t, l.stack.Destroy(t.Context()))
}

// oidcProvider sets an option of the provider of the cluster eu, or takes it out with nil.
func (l life) oidcProvider(option string, value any) {
	cluster := l.settings.Section("clusters")["eu"].(map[string]any)
	if value == nil {
		delete(cluster, "oidcProvider")
		return
	}
	cluster["oidcProvider"] = map[string]any{option: value}
}

// owns tells whether the stack's state holds the OIDC provider of the cluster eu as the stack's own.
func (l life) owns(t *testing.T) bool {
	t.Helper()
	found, err := l.stack.Resources(t.Context(), "aws:iam/openIdConnectProvider:")
	require.NoError(t, err)
	for _, resource := range found {
		if resource.URN.Name() == "eu" {
			return !resource.External
		}
	}
	require.FailNow(t, "the state holds no OIDC provider of eu")
	return false
}

// euProvider is the OIDC provider of the cluster eu, as IAM has it, or nil.
func (e identityEnvironment) euProvider(t *testing.T) *sandbox.OidcProvider {
	t.Helper()
	for _, provider := range e.inventory(t).OidcProviders {
		if provider.Arn == providerArn(e.cluster(t, "eu")) {
			return &provider
		}
	}
	return nil
}

// owner is what the tag of the OIDC provider of the cluster eu says; the provider must be there.
func (e identityEnvironment) owner(t *testing.T) string {
	t.Helper()
	provider := e.euProvider(t)
	require.NotNil(t, provider, "IAM has no OIDC provider of eu any more, and no pod of it an identity")
	return provider.Tags[components.OwnerTag]
}

func (e identityEnvironment) retag(t *testing.T, owner string) {
	t.Helper()
	arn, key := aws.String(providerArn(e.cluster(t, "eu"))), aws.String(components.OwnerTag)
	_, err := e.AWS().IAM.UntagOpenIDConnectProvider(t.Context(),
		&iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, TagKeys: []string{*key}})
	require.NoError(t, err)
	if owner == "" {
		return
	}
	_, err = e.AWS().IAM.TagOpenIDConnectProvider(t.Context(),
		&iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, Tags: []types.Tag{{Key: key, Value: &owner}}})
	require.NoError(t, err)
}

func (e identityEnvironment) deleteEuProvider(t *testing.T) {
	t.Helper()
	_, err := e.AWS().IAM.DeleteOpenIDConnectProvider(t.Context(),
		&iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(providerArn(e.cluster(t, "eu")))})
	require.NoError(t, err)
}

// uniqueIDs are those of what a replacement would replace: the role, its customer-managed policy.
func (e identityEnvironment) uniqueIDs(t *testing.T) [2]string {
	t.Helper()
	role, err := e.AWS().IAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	require.NoError(t, err)
	policy, err := e.AWS().IAM.GetPolicy(t.Context(),
		&iam.GetPolicyInput{PolicyArn: aws.String("arn:aws:iam::" + sandbox.Account + ":policy/more")})
	require.NoError(t, err)
	return [2]string{aws.ToString(role.Role.RoleId), aws.ToString(policy.Policy.PolicyId)}
}

const (
	firstOwner = "organization/eks-irsa/dev"
	// unrecorded is why an update refuses to make a provider.
	unrecorded = "exists with this stack's tag eks-irsa/owner=" + firstOwner + ", but this stack's state does not hold it as its own."
)

// Whatever happens to a stack, its name or its state: the OIDC provider of a cluster, on which every pod there depends, goes
// only when the stack that made it is destroyed.
func TestAnOidcProviderSurvives(t *testing.T) {
	t.Parallel()
	e := newIdentityEnvironment(t)
	found := e.inventory(t)
	lives := []struct {
		name string
		live func(*testing.T, identityEnvironment)
	}{
		{"a stack rename", surviveRename},
		{"a stack rename that was announced", surviveAnnouncedRename},
		{"a move to another organization", surviveMoveToAnotherOrganization},
		{"a move to another backend", surviveMoveToAnotherBackend},
		{"the loss of its tag", surviveLossOfTag},
		{"another stack of the same name", surviveNamesake},
		{"an update that was killed before it was recorded", surviveKilledUpdate},
		{"a destroy after which others need it", surviveDestroy},
		{"a replacement", surviveReplacement},
		{"its own deletion by another tool", surviveDeletion},
	}
	for _, test := range lives { //nolint:paralleltest // the lives share one IAM
		t.Run(test.name, func(t *testing.T) {
			test.live(t, e)
			assert.Equal(t, found, e.inventory(t), "nothing is left over")
		})
	}
}

func surviveRename(t *testing.T, e identityEnvironment) {
	t.Helper()
	l := e.newLife(t)
	l.up(t)
	require.NoError(t, l.stack.Rename(t.Context(), "prod"))
	result, err := l.stack.Up(t.Context())
	require.NoError(t, err)
	assert.Contains(t, result.StdOut, "If "+firstOwner+" is an earlier name of this stack, `owner: "+firstOwner+"` makes the provider "+
		"this stack's again")
	assert.Empty(t, l.up(t))
	assert.Equal(t, firstOwner, e.owner(t))
	assert.False(t, l.owns(t), "the stack has another name than the tag says")

	l.settings.Platform["owner"] = firstOwner
	assert.Contains(t, l.refused(t), unrecorded, "the last update has released it")
	l.oidcProvider("import", true)
	l.settings.Section("clusters")["us"].(map[string]any)["oidcProvider"] = map[string]any{"import": true}
	l.up(t)
	assert.True(t, l.owns(t))
	l.oidcProvider("", nil)
	assert.Empty(t, l.up(t), "it need not be imported for ever")
	l.destroy(t)
	assert.Nil(t, e.euProvider(t))
}

func surviveAnnouncedRename(t *testing.T, e identityEnvironment) {
	t.Helper()
	l := e.newLife(t)
	l.up(t)
	require.NoError(t, l.stack.Rename(t.Context(), "prod"))
	l.settings.Platform["owner"] = firstOwner
	assert.Empty(t, l.up(t))
	assert.True(t, l.owns(t))
	l.destroy(t)
	assert.Nil(t, e.euProvider(t))
}

func surviveMoveToAnotherOrganization(t *testing.T, e identityEnvironment) {
	t.Helper()
	l := e.newLife(t)
	l.up(t)
	e.retag(t, "acme/eks-irsa/dev") // as if the state came from there: it says nothing of organizations
	assert.Empty(t, l.up(t))
	assert.Equal(t, "acme/eks-irsa/dev", e.owner(t))
	l.destroy(t)
	assert.Equal(t, "acme/eks-irsa/dev", e.owner(t), "it is not this stack's")
	e.deleteEuProvider(t)
}

func surviveMoveToAnotherBackend(t *testing.T, e identityEnvironment) {
	t.Helper()
	l, moved := e.newLife(t), e.newLife(t)
	l.up(t)
	state, err := l.stack.Export(t.Context())
	require.NoError(t, err)
	require.NoError(t, moved.stack.Import(t.Context(), state))
	assert.Empty(t, moved.up(t))
	assert.True(t, moved.owns(t))
	moved.destroy(t)
	assert.Nil(t, e.euProvider(t))
}

func surviveLossOfTag(t *testing.T, e identityEnvironment) {
	t.Helper()
	l := e.newLife(t)
	l.up(t)
	e.retag(t, "")
	assert.Empty(t, l.up(t))
	l.destroy(t)
	assert.Empty(t, e.owner(t), "without its tag it is a foreign one, which stays")
	e.deleteEuProvider(t)
}

func surviveNamesake(t *testing.T, e identityEnvironment) {
	t.Helper()
	first, second := e.newLife(t), e.newLife(t)
	first.up(t)
	delete(second.settings.Platform, "roles") // whose names are taken
	assert.Contains(t, second.refused(t), unrecorded)
	assert.Contains(t, second.refused(t), "give this stack an `owner` of its own", "and again")
	second.settings.Platform["owner"] = "the other dev"
	second.up(t)
	assert.False(t, second.owns(t))
	second.destroy(t)
	assert.Equal(t, firstOwner, e.owner(t), "the first stack's is still there")
	assert.Empty(t, first.up(t))
	first.destroy(t)
}

func surviveKilledUpdate(t *testing.T, e identityEnvironment) {
	t.Helper()
	_, err := e.RegisterOidcProvider(t.Context(), e.cluster(t, "eu"), map[string]string{components.OwnerTag: firstOwner})
	require.NoError(t, err)
	l := e.newLife(t)
	assert.Contains(t, l.refused(t), "take it over with `import: true` for one update")
	l.oidcProvider("import", true)
	l.up(t)
	l.oidcProvider("", nil)
	assert.Empty(t, l.up(t))
	assert.True(t, l.owns(t))
	l.destroy(t)
}

func surviveDestroy(t *testing.T, e identityEnvironment) {
	t.Helper()
	l := e.newLife(t)
	l.oidcProvider("retainOnDelete", true)
	l.up(t)
	l.destroy(t)
	assert.Equal(t, firstOwner, e.owner(t), "it stays for the other stacks")
	l.up(t)
	assert.True(t, l.owns(t), "and is taken back")
	l.oidcProvider("", nil)
	l.up(t)
	l.destroy(t)
}

func surviveReplacement(t *testing.T, e identityEnvironment) {
	t.Helper()
	l := e.newLife(t)
	l.up(t)
	before := e.uniqueIDs(t)
	assert.NotEmpty(t, l.up(t, optup.Replace(l.urns(t, "aws:iam/openIdConnectProvider:"))))
	assert.Equal(t, firstOwner, e.owner(t))
	assert.Equal(t, before, e.uniqueIDs(t), "its roles stay")
	l.destroy(t)
}

func surviveDeletion(t *testing.T, e identityEnvironment) {
	t.Helper()
	_, err := e.RegisterOidcProvider(t.Context(), e.cluster(t, "eu"), map[string]string{"made-by": "another tool"})
	require.NoError(t, err)
	l := e.newLife(t)
	l.up(t)
	assert.False(t, l.owns(t))
	e.deleteEuProvider(t)
	l.up(t)
	assert.Equal(t, firstOwner, e.owner(t), "the stack makes one of its own")
	assert.True(t, l.owns(t))
	l.destroy(t)
}

// urns are those of the stack's resources of the types that begin with a prefix.
func (l life) urns(t *testing.T, prefix string) []string {
	t.Helper()
	found, err := l.stack.Resources(t.Context(), prefix)
	require.NoError(t, err)
	var urns []string
	for _, resource := range found {
		urns = append(urns, string(resource.URN))
	}
	return urns
}

// A role keeps its unique ID, by which sessions, bucket policies and EKS know it, whatever the list of its clusters becomes.
func TestARoleStaysWhenItsClustersAreSwappedOrFewer(t *testing.T) {
	t.Parallel()
	l := newIdentityEnvironment(t).newLife(t)
	role := l.settings.Section("roles")["app"].(map[string]any)
	l.up(t)
	before := l.uniqueIDs(t)
	for _, step := range []struct {
		clusters []any
		changed  map[string]int
	}{
		{[]any{"us", "eu"}, map[string]int{}}, // the same trust policy, in another order
		{[]any{"us"}, map[string]int{"update": 1}},
		{[]any{"eu"}, map[string]int{"update": 1}},
		{[]any{"eu", "us"}, map[string]int{"update": 1}},
	} {
		role["clusters"] = step.clusters
		assert.Equal(t, step.changed, l.up(t), "%v: the trust policy alone", step.clusters)
		assert.Equal(t, before, l.uniqueIDs(t), "%v", step.clusters)
	}
	delete(l.settings.Section("clusters"), "eu")
	role["clusters"] = []any{"us"}
	l.up(t)
	assert.Equal(t, before, l.uniqueIDs(t), "a cluster's end is not a role's")
	l.destroy(t)
}

// `pulumi up --replace` is how people repair what is broken.
func TestWhatIsReplacedOnDemandIsThereAfterwards(t *testing.T) {
	t.Parallel()
	e := newIdentityEnvironment(t)
	l := e.newLife(t)
	found := e.inventory(t)
	l.up(t)
	deployed := e.inventory(t)
	for _, kind := range []string{"aws:iam/policy:", "aws:iam/rolePolicy:", "aws:iam/rolePolicyAttachment:", "aws:iam/role:"} {
		assert.NotEmpty(t, l.up(t, optup.Replace(l.urns(t, kind))), kind)
		assert.Equal(t, deployed, e.inventory(t), kind)
	}
	l.destroy(t)
	assert.Equal(t, found, e.inventory(t))
}

// Stacks from the time when IAM resources went through providers of regions are moved once, by the command that the error
// names, and nothing is replaced.
func TestAStackOfEarlierKeepsItsRolesWhenTheyMoveToTheProviderOfTheirAccount(t *testing.T) {
	t.Parallel()
	l := newIdentityEnvironment(t).newLife(t)
	l.up(t)
	before, providers := l.uniqueIDs(t), l.inventory(t).OidcProviders
	l.moveBack(t)

	for range 2 { // a refusal leaves nothing behind that a second update would take for a move
		assert.Contains(t, l.refused(t), "pulumi stack export | go run ./stacks/moveiam > moved.json && pulumi stack import --file moved.json")
	}
	_, err := l.stack.Preview(t.Context())
	require.Error(t, err, "and a preview tells it too")
	assert.Equal(t, before, l.uniqueIDs(t))

	l.shell(t, "pulumi stack export | go -C program run ./stacks/moveiam > moved.json && pulumi stack import --file moved.json")
	assert.Empty(t, l.up(t))
	assert.Equal(t, before, l.uniqueIDs(t))
	assert.Equal(t, providers, l.inventory(t).OidcProviders)
	l.destroy(t)
}

// moveBack makes the stack's state one of earlier: the role and what is its own are with the provider of its first cluster's
// region, each OIDC provider with that of its cluster's.
func (l life) moveBack(t *testing.T) {
	t.Helper()
	state, err := l.stack.Export(t.Context())
	require.NoError(t, err)
	references := map[string]string{}
	for _, provider := range []string{"aws-iam", "aws-eu-west-1", "aws-us-west-2"} {
		found, err := l.stack.Resources(t.Context(), "pulumi:providers:aws")
		require.NoError(t, err)
		for _, resource := range found {
			if resource.URN.Name() == provider {
				references[provider] = string(resource.URN) + "::" + string(resource.ID)
			}
		}
	}
	var deployment map[string]any
	require.NoError(t, json.Unmarshal(state.Deployment, &deployment))
	var kept []any
	for _, entry := range deployment["resources"].([]any) {
		resource := entry.(map[string]any)
		urn := resource["urn"].(string)
		if resource["provider"] == references["aws-iam"] {
			resource["provider"] = references["aws-eu-west-1"]
			if strings.HasSuffix(urn, "::us") {
				resource["provider"] = references["aws-us-west-2"]
			}
		}
		if !strings.HasPrefix(references["aws-iam"], urn+"::") {
			kept = append(kept, resource)
		}
	}
	deployment["resources"] = kept
	text, err := json.Marshal(deployment)
	require.NoError(t, err)
	require.NoError(t, l.stack.Import(t.Context(), apitype.UntypedDeployment{Version: state.Version, Deployment: text}))
}

// shell runs a command in the stack's folder, with the Pulumi CLI of the sandbox.
func (l life) shell(t *testing.T, command string) {
	t.Helper()
	runShell(t, l.Sandbox, l.stack, command)
}

func (e *environment) shell(t *testing.T, command string) {
	t.Helper()
	runShell(t, e.Sandbox, e.stack, command)
}

func runShell(t *testing.T, s *sandbox.Sandbox, stack *sandbox.Stack, command string) {
	t.Helper()
	dir := stack.Dir()
	run := exec.CommandContext(t.Context(), "sh", "-ec", command)
	run.Dir, run.Env = dir, os.Environ()
	env := s.PulumiEnv(dir)
	env["PULUMI_STACK"] = sandbox.StackName
	env["PATH"] = filepath.Dir(s.Tools.Pulumi) + ":" + os.Getenv("PATH")
	for name, value := range env {
		run.Env = append(run.Env, name+"="+value)
	}
	output, err := run.CombinedOutput()
	require.NoError(t, err, string(output))
}

// setForeignKeys puts keys into the environment that the sandbox does not know, and the operator's into the profile operator.
func (l life) setForeignKeys(t *testing.T) {
	t.Helper()
	env := l.PulumiEnv(l.stack.Dir())
	file := filepath.Join(l.stack.Dir(), "credentials")
	require.NoError(t, os.WriteFile(file, []byte("[operator]\naws_access_key_id = "+env["AWS_ACCESS_KEY_ID"]+
		"\naws_secret_access_key = "+env["AWS_SECRET_ACCESS_KEY"]+"\n"), 0o600))
	env["AWS_SHARED_CREDENTIALS_FILE"] = file
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = "AKIAOFTHECIJOB", "another one's"
	require.NoError(t, l.stack.SetEnv(env))
}
