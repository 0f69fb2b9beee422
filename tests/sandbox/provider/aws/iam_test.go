package aws_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
)

const (
	roleToken       = "aws:iam/role:Role"
	rolePolicyToken = "aws:iam/rolePolicy:RolePolicy"
	attachmentToken = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	policyToken     = "aws:iam/policy:Policy"
	oidcToken       = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"

	readOnly = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"

	trust = `{
	"Version": "2012-10-17",
	"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}`
	permissions = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"*"}}`
	// samePermissions says the same as permissions in other words.
	samePermissions = `{"Statement": [{"Resource": ["*"], "Action": ["s3:ListBucket", "s3:GetObject"], "Effect": "Allow"}], "Version": "2012-10-17"}`
)

func TestRoleLifeCycle(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	inputs := map[string]any{
		"name": "life-cycle", "path": "/irsa/", "description": "one", "assumeRolePolicy": trust,
		"maxSessionDuration": 7200, "permissionsBoundary": readOnly, "tags": map[string]any{"team": "a", "old": "x"},
	}
	role := e.Create(t, roleToken, "role", inputs)
	assert.Equal(t, "life-cycle", role.ID)
	assert.Equal(t, "arn:aws:iam::123456789012:role/irsa/life-cycle", role.Output("arn"))
	assert.Regexp(t, "^AROA", role.Output("uniqueId"))
	assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, role.Output("createDate"))
	assert.Equal(t, map[string]any{"team": "a", "old": "x"}, role.Output("tagsAll"))
	assert.Empty(t, role.Output("managedPolicyArns"))
	assert.NotContains(t, live.trustPolicy(t, "life-cycle"), "\n", "the document goes to IAM in its compact form")
	assert.JSONEq(t, trust, live.trustPolicy(t, "life-cycle"))

	assert.False(t, role.Diff(t, inputs).HasChanges)
	drift, gone := role.Refresh(t)
	assert.False(t, gone)
	assert.Empty(t, providertest.Changes(drift))

	changed := maps.Clone(inputs)
	changed["description"] = "two"
	changed["maxSessionDuration"] = 3600
	changed["tags"] = map[string]any{"team": "b", "new": "y"}
	changed["assumeRolePolicy"] = strings.Replace(trust, "ec2", "lambda", 1)
	delete(changed, "permissionsBoundary")
	diff := role.Diff(t, changed)
	assert.Equal(t, map[string]string{
		"description": "update", "maxSessionDuration": "update", "permissionsBoundary": "delete", "assumeRolePolicy": "update",
		"tags.team": "update", "tags.new": "add", "tags.old": "delete",
		"tagsAll.team": "update", "tagsAll.new": "add", "tagsAll.old": "delete",
	}, providertest.Changes(diff))
	role.Update(t, changed)
	assert.False(t, role.Diff(t, changed).HasChanges)
	assert.JSONEq(t, changed["assumeRolePolicy"].(string), live.trustPolicy(t, "life-cycle"))
	found, err := live.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: awssdk.String("life-cycle")})
	require.NoError(t, err)
	assert.Equal(t, "two", awssdk.ToString(found.Role.Description))
	assert.Equal(t, int32(3600), awssdk.ToInt32(found.Role.MaxSessionDuration))
	assert.Nil(t, found.Role.PermissionsBoundary)
	assert.Len(t, found.Role.Tags, 2)

	role.Delete(t)
	_, gone = role.Refresh(t)
	assert.True(t, gone)
	role.Delete(t) // of what is gone already is no error
}

func TestRoleNames(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	made := e.Create(t, roleToken, "worker", map[string]any{"assumeRolePolicy": trust})
	assert.Regexp(t, `^worker-[0-9a-f]{7}$`, made.ID)
	prefixed := e.Create(t, roleToken, "worker", map[string]any{"assumeRolePolicy": trust, "namePrefix": "pre-"})
	assert.Regexp(t, `^pre-\d{18}[0-9a-f]{8}$`, prefixed.ID)
	assert.Equal(t, "pre-", prefixed.Output("namePrefix"))
	drift, _ := prefixed.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))

	replaced := made.Diff(t, map[string]any{"assumeRolePolicy": trust, "path": "/other/"})
	assert.Equal(t, map[string]string{"path": "update&replace"}, providertest.Changes(replaced))
	assert.False(t, replaced.DeleteBeforeReplace, "an automatic name leaves room for both")
	named := e.Create(t, roleToken, "named", map[string]any{"assumeRolePolicy": trust, "name": "named"})
	assert.True(t, named.Diff(t, map[string]any{"assumeRolePolicy": trust, "name": "named", "path": "/other/"}).DeleteBeforeReplace)
}

func TestRoleRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		set   map[string]any
		wants string
	}{
		{"a property of the real one that is not covered", map[string]any{"inlinePolicies": []any{}}, "Invalid or unknown key."},
		{"a session that is too long", map[string]any{"maxSessionDuration": 43201}, "expected maxSessionDuration to be in the range (3600 - 43200), got 43201"},
		{"a name that is too long", map[string]any{"name": strings.Repeat("a", 65)}, "expected length to be in the range (1 - 64)"},
		{"a prefix that leaves no room", map[string]any{"namePrefix": strings.Repeat("a", 39)}, "expected length to be in the range (1 - 38)"},
		{"a name with a slash", map[string]any{"name": "a/b"}, `must match [\w+=,.@-]`},
		{"a policy that is no JSON", map[string]any{"assumeRolePolicy": "{"}, "contains an invalid JSON policy"},
		{"a policy that is a list", map[string]any{"assumeRolePolicy": "[]"}, "not a JSON object"},
		{"a boundary that is no ARN", map[string]any{"permissionsBoundary": "Admin"}, "invalid ARN"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inputs := map[string]any{"assumeRolePolicy": trust}
			maps.Copy(inputs, test.set)
			_, failures, err := newEngine(t, nil).Check(t.Context(), roleToken, "role", property.Map{}, inputs)
			require.NoError(t, err)
			require.Len(t, failures, 1)
			assert.Contains(t, failures[0].Reason, test.wants)
		})
	}
}

func TestASecondRoleOfOneNameIsAnError(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	inputs := map[string]any{"name": "only-one", "assumeRolePolicy": trust}
	e.Create(t, roleToken, "first", inputs)
	_, err := e.TryCreate(t, roleToken, "second", inputs, 0)
	require.ErrorContains(t, err, "1 error occurred:\n\t* creating IAM Role (only-one): ")
	assert.ErrorContains(t, err, "EntityAlreadyExists")
}

func TestRoleDrift(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	role := e.Create(t, roleToken, "drift", map[string]any{
		"name": "drift", "assumeRolePolicy": trust, "tags": map[string]any{"owner": "stack"},
	})
	name := awssdk.String("drift")
	_, err := live.iam.UntagRole(t.Context(), &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"owner"}})
	require.NoError(t, err)
	_, err = live.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: name, PolicyDocument: awssdk.String(strings.Replace(trust, "ec2", "lambda", 1)),
	})
	require.NoError(t, err)
	_, err = live.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: awssdk.String(readOnly)})
	require.NoError(t, err)

	drift, _ := role.Refresh(t)
	assert.Equal(t, map[string]string{"tags": "add", "tagsAll.owner": "add", "assumeRolePolicy": "update"}, providertest.Changes(drift),
		"what others attach is not the role's own")
	assert.Equal(t, []any{readOnly}, role.Output("managedPolicyArns"))
}

func TestForceDetachPoliciesRemovesWhatOthersAttached(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	role := e.Create(t, roleToken, "forced", map[string]any{"name": "forced", "assumeRolePolicy": trust, "forceDetachPolicies": true})
	name := awssdk.String("forced")
	_, err := live.iam.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: awssdk.String(readOnly)})
	require.NoError(t, err)
	_, err = live.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: name, PolicyName: awssdk.String("inline"), PolicyDocument: awssdk.String(permissions),
	})
	require.NoError(t, err)
	_, err = live.iam.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: name})
	require.NoError(t, err)
	_, err = live.iam.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{RoleName: name, InstanceProfileName: name})
	require.NoError(t, err)
	role.Delete(t)
	_, gone := role.Refresh(t)
	assert.True(t, gone)
}

func TestRolePolicy(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	role := e.Create(t, roleToken, "with-inline", map[string]any{"assumeRolePolicy": trust})
	inputs := map[string]any{"name": "inline", "role": role.ID, "policy": property.New(permissions).WithSecret(true)}
	policy := e.Create(t, rolePolicyToken, "inline", inputs)
	assert.Equal(t, role.ID+":inline", policy.ID)
	assert.True(t, policy.Outputs.Get("policy").Secret())
	drift, _ := policy.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
	inputs["policy"] = samePermissions
	assert.Empty(t, providertest.Changes(policy.Diff(t, inputs)), "the same in other words is the same")

	inputs["policy"] = strings.Replace(permissions, "GetObject", "PutObject", 1)
	assert.Equal(t, map[string]string{"policy": "update"}, providertest.Changes(policy.Diff(t, inputs)))
	policy.Update(t, inputs)
	found, err := live.iam.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: &role.ID, PolicyName: awssdk.String("inline")})
	require.NoError(t, err)
	assert.Contains(t, awssdk.ToString(found.PolicyDocument), "PutObject")

	imported, diff := e.Import(t, rolePolicyToken, "again", policy.ID, inputs)
	assert.Empty(t, providertest.Changes(diff))
	imported.Delete(t)
	_, gone := policy.Refresh(t)
	assert.True(t, gone)
}

func TestRolePolicyAttachment(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	role := e.Create(t, roleToken, "with-managed", map[string]any{"assumeRolePolicy": trust})
	inputs := map[string]any{"role": role.ID, "policyArn": readOnly}
	attachment := e.Create(t, attachmentToken, "managed", inputs)
	assert.Regexp(t, `^`+role.ID+`-\d{18}[0-9a-f]{8}$`, attachment.ID)
	drift, _ := attachment.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
	replaced := attachment.Diff(t, map[string]any{"role": role.ID, "policyArn": "arn:aws:iam::aws:policy/AmazonS3FullAccess"})
	assert.Equal(t, map[string]string{"policyArn": "update&replace"}, providertest.Changes(replaced))

	imported, diff := e.Import(t, attachmentToken, "again", role.ID+"/"+readOnly, inputs)
	assert.Empty(t, providertest.Changes(diff))
	assert.Equal(t, role.ID+"-"+readOnly, imported.ID)
	attachment.Delete(t)
	_, gone := imported.Refresh(t)
	assert.True(t, gone)

	_, err := e.TryCreate(t, attachmentToken, "none", map[string]any{"role": role.ID, "policyArn": "arn:aws:iam::123456789012:policy/none"}, 0)
	assert.ErrorContains(t, err, "attaching IAM Policy (arn:aws:iam::123456789012:policy/none) to IAM Role ("+role.ID+")")
}

func TestPolicyKeepsAtMostFiveVersions(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	document := func(n int) string {
		return strings.Replace(permissions, `"*"`, fmt.Sprintf(`"arn:aws:s3:::b%d"`, n), 1)
	}
	inputs := map[string]any{"name": "versions", "policy": document(0), "tags": map[string]any{"a": "1"}}
	policy := e.Create(t, policyToken, "versions", inputs)
	assert.Equal(t, "arn:aws:iam::123456789012:policy/versions", policy.ID)
	for n := 1; n <= 7; n++ {
		inputs["policy"] = document(n)
		policy.Update(t, inputs)
	}
	versions, err := live.iam.ListPolicyVersions(t.Context(), &iam.ListPolicyVersionsInput{PolicyArn: &policy.ID})
	require.NoError(t, err)
	assert.Len(t, versions.Versions, 5)
	assert.JSONEq(t, document(7), policy.Output("policy").(string))
	inputs["tags"] = map[string]any{"a": "2"}
	policy.Update(t, inputs)
	drift, _ := policy.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
	inputs["description"] = "described"
	assert.Equal(t, map[string]string{"description": "add&replace"}, providertest.Changes(policy.Diff(t, inputs)))
	policy.Delete(t)
	_, gone := policy.Refresh(t)
	assert.True(t, gone)
}

func TestOpenIDConnectProvider(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, map[string]any{"region": region, "defaultTags": map[string]any{"tags": map[string]any{"team": "x"}}}), newCloud(t)
	inputs := map[string]any{
		"url": "https://oidc.eks.eu-west-1.amazonaws.com/id/LIFE", "clientIdLists": []any{"sts.amazonaws.com"},
		"tags": map[string]any{"a": "1"},
	}
	made := e.Create(t, oidcToken, "oidc", inputs)
	assert.Equal(t, "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/LIFE", made.ID)
	assert.Equal(t, made.ID, made.Output("arn"))
	assert.Equal(t, "oidc.eks.eu-west-1.amazonaws.com/id/LIFE", made.Output("url"), "IAM leaves the scheme out")
	assert.Equal(t, map[string]any{"a": "1", "team": "x"}, made.Output("tagsAll"))
	assert.Equal(t, map[string]any{"a": "1"}, made.Output("tags"))
	drift, _ := made.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))

	_, err := e.TryCreate(t, oidcToken, "twice", inputs, 0)
	require.ErrorContains(t, err, "creating IAM OIDC Provider: ")
	require.ErrorContains(t, err, "EntityAlreadyExists")

	thumbprint := strings.Repeat("ab", 20)
	inputs["thumbprintLists"] = []any{thumbprint}
	inputs["tags"] = map[string]any{"b": "2"}
	assert.Equal(t, map[string]string{
		"thumbprintLists": "add",
		"tags.a":          "delete", "tags.b": "add", "tagsAll.a": "delete", "tagsAll.b": "add",
	}, providertest.Changes(made.Diff(t, inputs)))
	made.Update(t, inputs)
	found, err := live.iam.GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &made.ID})
	require.NoError(t, err)
	assert.Equal(t, []string{thumbprint}, found.ThumbprintList)
	assert.Len(t, found.Tags, 2)

	delete(inputs, "thumbprintLists")
	assert.Empty(t, providertest.Changes(made.Diff(t, inputs)), "IAM keeps thumbprints that nobody speaks of any more")
	drift, _ = made.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))

	inputs["url"] = "https://oidc.eks.eu-west-1.amazonaws.com/id/OTHER"
	assert.Equal(t, map[string]string{"url": "update&replace"}, providertest.Changes(made.Diff(t, inputs)))

	_, err = live.iam.UntagOpenIDConnectProvider(t.Context(), &iam.UntagOpenIDConnectProviderInput{
		OpenIDConnectProviderArn: &made.ID, TagKeys: []string{"b", "team"},
	})
	require.NoError(t, err)
	drift, _ = made.Refresh(t)
	assert.Equal(t, map[string]string{"tags": "add", "tagsAll.b": "add", "tagsAll.team": "add"}, providertest.Changes(drift))
	made.Delete(t)
	_, gone := made.Refresh(t)
	assert.True(t, gone)
}

func TestImportOfAnOpenIDConnectProviderOfSomebodyElse(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	made, err := live.iam.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: awssdk.String("https://oidc.eks.eu-west-1.amazonaws.com/id/FOREIGN"), ClientIDList: []string{"sts.amazonaws.com"},
		ThumbprintList: []string{strings.Repeat("cd", 20)},
		Tags:           []iamtypes.Tag{{Key: awssdk.String("by"), Value: awssdk.String("eksctl")}},
	})
	require.NoError(t, err)
	inputs := map[string]any{
		"url":           "https://oidc.eks.eu-west-1.amazonaws.com/id/FOREIGN",
		"clientIdLists": []any{"sts.amazonaws.com"}, "tags": map[string]any{"by": "eksctl"},
	}
	arn := awssdk.ToString(made.OpenIDConnectProviderArn)
	_, diff := e.Import(t, oidcToken, "oidc", arn, inputs)
	assert.Empty(t, providertest.Changes(diff), "thumbprints that the program leaves out are no difference")
	delete(inputs, "tags")
	_, diff = e.Import(t, oidcToken, "oidc", arn, inputs)
	assert.Equal(t, map[string]string{"tags": "delete", "tagsAll.by": "delete"}, providertest.Changes(diff))
}

func TestGetOpenIDConnectProvider(t *testing.T) {
	t.Parallel()
	const token = "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider"
	e := newEngine(t, nil)
	url := "https://oidc.eks.eu-west-1.amazonaws.com/id/LOOKUP"
	made := e.Create(t, oidcToken, "oidc", map[string]any{"url": url, "clientIdLists": []any{"sts.amazonaws.com"}, "tags": map[string]any{"a": "1"}})
	for _, args := range []map[string]any{{"url": url}, {"arn": made.ID}} {
		found, failures, err := e.Invoke(t.Context(), token, args)
		require.NoError(t, err)
		require.Empty(t, failures)
		assert.Equal(t, provider.Values{
			"arn": made.ID, "id": made.ID, "url": strings.TrimPrefix(url, "https://"),
			"clientIdLists": []any{"sts.amazonaws.com"}, "thumbprintLists": []any{}, "tags": map[string]any{"a": "1"},
		}, found)
	}
	_, _, err := e.Invoke(t.Context(), token, map[string]any{"url": "https://oidc.example.com/none"})
	require.EqualError(t, err, "invoking "+token+": 1 error occurred:\n"+
		"\t* finding IAM OIDC Provider by url (https://oidc.example.com/none): not found\n\n")
	_, _, err = e.Invoke(t.Context(), token, map[string]any{"arn": "arn:aws:iam::123456789012:oidc-provider/none"})
	require.ErrorContains(t, err, "NoSuchEntity")
	_, _, err = e.Invoke(t.Context(), token, map[string]any{})
	require.ErrorContains(t, err, "one of `arn,url` must be specified")
	_, failures, err := e.Invoke(t.Context(), token, map[string]any{"arn": made.ID, "url": url})
	require.NoError(t, err)
	assert.Len(t, failures, 1)
}

func TestPoliciesAreComparedByMeaning(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	base := map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{
			map[string]any{
				"Sid": "One", "Effect": "Allow", "Action": []any{"sts:AssumeRole", "sts:TagSession"}, "Principal": map[string]any{"AWS": "*"},
				"Condition": map[string]any{"Bool": map[string]any{"x:y": "true"}, "StringEquals": map[string]any{"x:k": []any{"1", "2"}}},
			},
			map[string]any{"Sid": "Two", "Effect": "Deny", "Action": "sts:AssumeRole", "Principal": map[string]any{"AWS": "arn:aws:iam::123456789012:root"}},
		},
	}
	statement := func(document map[string]any, n int) map[string]any {
		return document["Statement"].([]any)[n].(map[string]any)
	}
	tests := []struct {
		name   string
		change func(document map[string]any)
		same   bool
	}{
		{"the same", func(map[string]any) {}, true},
		{"another order of statements", func(d map[string]any) { s := d["Statement"].([]any); s[0], s[1] = s[1], s[0] }, true},
		{"another order of actions", func(d map[string]any) { statement(d, 0)["Action"] = []any{"sts:TagSession", "sts:AssumeRole"} }, true},
		{"a list of one", func(d map[string]any) { statement(d, 1)["Action"] = []any{"sts:AssumeRole"} }, true},
		{"a truth value that is none", func(d map[string]any) {
			statement(d, 0)["Condition"].(map[string]any)["Bool"] = map[string]any{"x:y": true}
		}, true},
		{"the principal everybody", func(d map[string]any) { statement(d, 0)["Principal"] = "*" }, true},
		{"another order of condition values", func(d map[string]any) {
			statement(d, 0)["Condition"].(map[string]any)["StringEquals"] = map[string]any{"x:k": []any{"2", "1"}}
		}, true},
		{"another action", func(d map[string]any) { statement(d, 1)["Action"] = "sts:TagSession" }, false},
		{"another effect", func(d map[string]any) { statement(d, 1)["Effect"] = "Allow" }, false},
		{"a statement less", func(d map[string]any) { d["Statement"] = d["Statement"].([]any)[:1] }, false},
		{"a condition less", func(d map[string]any) { delete(statement(d, 0), "Condition") }, false},
		{"another condition key", func(d map[string]any) {
			statement(d, 0)["Condition"].(map[string]any)["StringEquals"] = map[string]any{"x:l": []any{"1", "2"}}
		}, false},
		{"another version", func(d map[string]any) { d["Version"] = "2008-10-17" }, false},
	}
	written := func(t *testing.T, document map[string]any) string {
		t.Helper()
		text, err := json.Marshal(document)
		require.NoError(t, err)
		return string(text)
	}
	original := written(t, base)
	role := e.Create(t, roleToken, "compare", map[string]any{"assumeRolePolicy": original})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var changed map[string]any
			require.NoError(t, json.Unmarshal([]byte(original), &changed))
			test.change(changed)
			diff := role.Diff(t, map[string]any{"assumeRolePolicy": written(t, changed)})
			assert.Equal(t, test.same, !diff.HasChanges)
		})
	}
}

func TestGetPolicyKnowsTheirPaths(t *testing.T) {
	t.Parallel()
	const (
		token = "aws:iam/getPolicy:getPolicy"
		arn   = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
		none  = "arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicy"
	)
	e := newEngine(t, nil)
	found, failures, err := e.Invoke(t.Context(), token, map[string]any{"arn": arn})
	require.NoError(t, err)
	require.Empty(t, failures)
	assert.Equal(t, arn, found["arn"])
	assert.Equal(t, "/service-role/", found["path"])
	_, _, err = e.Invoke(t.Context(), token, map[string]any{"arn": none})
	require.EqualError(t, err, "invoking "+token+": 1 error occurred:\n\t* reading IAM Policy ("+none+"): couldn't find resource\n\n")
}
