package maproles_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/plugin/maproles"
)

// What the authenticator makes of an element, by its own pkg/mapper/configmap. An element that it maps is an entry, and
// not equal to what Put writes, as soon as there is anything more or other in it.
func TestWhatTheAuthenticatorMapsIsAnEntry(t *testing.T) {
	t.Parallel()
	const role = "rolearn: arn:aws:iam::111122223333:role/argocd"
	tests := map[string]struct{ element, want string }{
		"as Put writes it":           {"{" + role + ", username: a, groups: [g]}", `user name "a" and groups ["g"]`},
		"nothing but the role":       {"{" + role + "}", `user name "" and groups []`},
		"groups that are a string":   {"{" + role + ", username: a, groups: g}", `user name "a" and groups [] (the authenticator drops the string in groups)`},
		"groups that are a number":   {"{" + role + ", username: a, groups: 7}", `user name "a" and groups [] (the authenticator drops the number in groups)`},
		"groups that are a boolean":  {"{" + role + ", username: a, groups: yes}", `user name "a" and groups [] (the authenticator drops the bool in groups)`},
		"groups that are a mapping":  {"{" + role + ", username: a, groups: {g: }}", `user name "a" and groups [] (the authenticator drops the object in groups)`},
		"groups that are null":       {"{" + role + ", username: a, groups: }", `user name "a" and groups []`},
		"a number among the groups":  {"{" + role + ", username: a, groups: [7, g]}", `user name "a" and groups ["" "g"] (the authenticator drops the number in groups)`},
		"a list among the groups":    {"{" + role + ", username: a, groups: [g, [h]]}", `user name "a" and groups ["g" ""] (the authenticator drops the array in groups)`},
		"a null among the groups":    {"{" + role + ", username: a, groups: [g, ~]}", `user name "a" and groups ["g" ""]`},
		"a user name of digits":      {"{" + role + ", username: 0123, groups: [g]}", `user name "" and groups ["g"] (the authenticator drops the number in username)`},
		"a user name of null":        {"{" + role + ", username: ~, groups: [g]}", `user name "" and groups ["g"]`},
		"a user name that is a list": {"{" + role + ", username: [a], groups: [g]}", `user name "" and groups ["g"] (the authenticator drops the array in username)`},
		"a further key":              {"{" + role + ", username: a, userid: AROA, Note: x}", `user name "a" and groups [] and further keys ["Note" "userid"]`},
		"keys in another case":       {"{RoleARN: arn:aws:iam::111122223333:role/argocd, userName: a, GROUPS: [g]}", `user name "a" and groups ["g"]`},
		"an ARN in another case":     {"{rolearn: ARN:aws:iam::111122223333:role/ArgoCD, username: a}", `user name "a" and groups []`},
		"a key in two cases, of which the last letter by letter counts": {
			"{rolearn: arn:aws:iam::111122223333:role/argocd, roleARN: x, username: a}", `user name "a" and groups []`,
		},
		"a key in two cases, of which one is of the wrong type": {
			"{rolearn: 7, roleARN: arn:aws:iam::111122223333:role/argocd, username: a}",
			`user name "a" and groups [] (the authenticator drops the number in rolearn)`,
		},
		"a key given twice, of which the last counts": {"{" + role + ", username: a, username: b}", `user name "b" and groups []`},
		"a null beside the role":                      {"{" + role + ", username: a, sso: ~}", `user name "a" and groups [] and further keys ["sso"]`},
		"a key that is a number":                      {"{" + role + ", 7: x}", `user name "" and groups [] and further keys ["7"]`},

		"a role that is a number":      {"{rolearn: 111122223333, username: a}", ""},
		"a role that is empty":         {"{rolearn: '', username: a}", ""},
		"no role":                      {"{username: a}", ""},
		"a role in spaces":             {"{rolearn: ' arn:aws:iam::111122223333:role/argocd', username: a}", ""},
		"a role with its path":         {"{rolearn: arn:aws:iam::111122223333:role/teams/argocd, username: a}", ""},
		"a session of the role":        {"{rolearn: arn:aws:sts::111122223333:assumed-role/argocd/x, username: a}", ""},
		"a role beside sso":            {"{" + role + ", username: a, sso: {permissionSetName: x, accountID: '111122223333'}}", ""},
		"a role beside sso, a string":  {"{" + role + ", username: a, sso: x}", ""},
		"a user":                       {"{userarn: arn:aws:iam::111122223333:user/argocd, username: a}", ""},
		"the role in a list":           {"[" + role + "]", ""},
		"the role as text":             {"'" + role + "'", ""},
		"null":                         {"~", ""},
		"a key in another case, last ": {"{roleARN: arn:aws:iam::111122223333:role/argocd, rolearn: x}", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{"- " + test.element + "\n", "[" + test.element + "]"} {
				found, err := maproles.Find(text, argocd.RoleARN)
				require.NoError(t, err)
				if test.want == "" {
					assert.Empty(t, found)
					continue
				}
				require.Len(t, found, 1)
				assert.Equal(t, test.want, found[0].String())
				clean := !strings.Contains(test.want, "drops") && !strings.Contains(test.want, "further")
				as := maproles.Entry{RoleARN: argocd.RoleARN, Username: found[0].Username, Groups: found[0].Groups}
				assert.Equal(t, clean, found[0].Equal(as))
				assert.Equal(t, clean, as.Equal(found[0]))

				put, err := maproles.Put(text, argocd)
				require.NoError(t, err)
				mine, err := maproles.Find(put, argocd.RoleARN)
				require.NoError(t, err)
				assert.Equal(t, []maproles.Entry{argocd}, mine, "it is replaced, and no second line counts instead")
			}
		})
	}
}

// A list with aliases and merges means to the authenticator what they stand for.
func TestAnAliasOrAMergeOfTheRoleIsAnEntry(t *testing.T) {
	t.Parallel()
	const text = `- &all
  rolearn: arn:aws:iam::111122223333:role/argocd
  username: one
- *all
- <<: *all
  username: two
`
	found, err := maproles.Find(text, argocd.RoleARN)
	require.NoError(t, err)
	assert.Equal(t, []string{`user name "one" and groups []`, `user name "one" and groups []`, `user name "two" and groups []`}, texts(found))
}

func texts(entries []maproles.Entry) []string {
	var texts []string
	for _, entry := range entries {
		texts = append(texts, entry.String())
	}
	return texts
}

// The map as Terraform's yamlencode writes it, and one with Windows line ends: the entry goes to the end, in the list's own line
// ends, and every other byte stays.
func TestAMapAsOtherToolsWriteItKeepsEveryOtherByte(t *testing.T) {
	t.Parallel()
	own := maproles.Entry{
		RoleARN:  "arn:aws:iam::111122223333:role/dev-argocd",
		Username: "arn:aws:iam::111122223333:role/dev-argocd",
		Groups:   []string{"argocd:managers"},
	}
	for _, name := range []string{"terraform", "windows"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, want := testdata(t, name), testdata(t, name+".expected")
			got, err := maproles.Put(text, own)
			require.NoError(t, err)
			assert.Equal(t, want, got)
			back, err := maproles.Remove(got, own)
			require.NoError(t, err)
			assert.Equal(t, text, back)
		})
	}
}

// What is mapped by hand with another user name, or with groups that the authenticator drops, is not removed as one's own.
func TestWhatIsMappedByHandIsFoundAndNotRemoved(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::111122223333:role/dev-argocd"
	for name, want := range map[string]string{
		"by-hand":        `user name "argocd" and groups ["system:masters"]`,
		"groups-no-list": `user name "argocd" and groups [] (the authenticator drops the string in groups)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := testdata(t, name)
			found, err := maproles.Find(text, role)
			require.NoError(t, err)
			assert.Equal(t, []string{want}, texts(found))
			for _, own := range []maproles.Entry{
				{RoleARN: role, Username: role, Groups: []string{"argocd:managers"}},
				{RoleARN: role, Username: "argocd"},
			} {
				kept, err := maproles.Remove(text, own)
				require.NoError(t, err)
				assert.Equal(t, text, kept)
			}
		})
	}
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	require.NoError(t, err)
	return string(text)
}
