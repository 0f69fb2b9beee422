package maproles_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/plugin/maproles"
)

const nodes = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups:
    - system:bootstrappers
    - system:nodes
`

var argocd = maproles.Entry{
	RoleARN:  "arn:aws:iam::111122223333:role/argocd",
	Username: "argocd:{{SessionName}}",
	Groups:   []string{"argocd:managers", "viewers"},
}

const argocdBlock = `- rolearn: arn:aws:iam::111122223333:role/argocd
  username: "argocd:{{SessionName}}"
  groups:
    - argocd:managers
    - "viewers"
`

const argocdFlow = `{"rolearn": "arn:aws:iam::111122223333:role/argocd", ` +
	`"username": "argocd:{{SessionName}}", "groups": ["argocd:managers", "viewers"]}`

// Each case says what Put makes of a text without argocd's entry; Remove must then give the very same text again.
func TestPutAppendsAndRemoveLeavesTheTextAsItWasFound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"an empty text":                {"", argocdBlock},
		"a blank text":                 {"\n", "\n" + argocdBlock},
		"spaces only":                  {"  ", "  \n" + argocdBlock[:len(argocdBlock)-1]},
		"comments only":                {"# nothing yet\n", "# nothing yet\n" + argocdBlock},
		"a document start":             {"---\n", "---\n" + argocdBlock},
		"one entry":                    {nodes, nodes + argocdBlock},
		"a document start and an end":  {"---\n" + nodes + "...\n# end\n", "---\n" + nodes + argocdBlock + "...\n# end\n"},
		"comments after the last":      {nodes + "\n# the end\n", nodes + "\n# the end\n" + argocdBlock},
		"no final line break":          {nodes[:len(nodes)-1], nodes + argocdBlock[:len(argocdBlock)-1]},
		"an empty flow list":           {"[]", "[" + argocdFlow + "]"},
		"an empty flow list, spaced":   {"[ ] # none\n", "[" + argocdFlow + " ] # none\n"},
		"a flow list":                  {"[{rolearn: a}]\n", "[{rolearn: a}, " + argocdFlow + "]\n"},
		"a flow list, final comma":     {"[{rolearn: a},]", "[{rolearn: a}, " + argocdFlow + ",]"},
		"a flow list after a marker":   {"--- [{rolearn: ä}]", "--- [{rolearn: ä}, " + argocdFlow + "]"},
		"a flow list of tricky quotes": {`[{a: "]\"}", b: ']''}'}, x]`, `[{a: "]\"}", b: ']''}'}, x, ` + argocdFlow + `]`},
		"a flow list, commented": {
			"[\n  {rolearn: a}, # first, with ]\n  {rolearn: it's} # second\n]\n",
			"[\n  {rolearn: a}, # first, with ]\n  {rolearn: it's}, " + argocdFlow + " # second\n]\n",
		},
		"an indented list": {
			"  - rolearn: a\n",
			"  - rolearn: a\n" +
				"  - rolearn: arn:aws:iam::111122223333:role/argocd\n    username: \"argocd:{{SessionName}}\"\n" +
				"    groups:\n      - argocd:managers\n      - \"viewers\"\n",
		},
		"Windows line breaks": {
			"- rolearn: a\r\n  groups: [b]\r\n",
			"- rolearn: a\r\n  groups: [b]\r\n" +
				"- rolearn: arn:aws:iam::111122223333:role/argocd\r\n  username: \"argocd:{{SessionName}}\"\r\n" +
				"  groups:\r\n    - argocd:managers\r\n    - \"viewers\"\r\n",
		},
		"dashes inside a block scalar": {"- note: |\n    - x\n\n    - y\n", "- note: |\n    - x\n\n    - y\n" + argocdBlock},
		"nested sequences":             {"- - a\n  - b\n-\n  - c\n", "- - a\n  - b\n-\n  - c\n" + argocdBlock},
		"anchors, aliases and merges": {
			"- &n\n  rolearn: n\n- *n\n- <<: *n\n  username: m\n",
			"- &n\n  rolearn: n\n- *n\n- <<: *n\n  username: m\n" + argocdBlock,
		},
		"the same role in a dead form with its path": {
			"- rolearn: arn:aws:iam::111122223333:role/teams/argocd\n  username: a\n",
			"- rolearn: arn:aws:iam::111122223333:role/teams/argocd\n  username: a\n" + argocdBlock,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := maproles.Put(test.text, argocd)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)

			again, err := maproles.Put(got, argocd)
			require.NoError(t, err)
			assert.Equal(t, got, again, "a second Put changes nothing")

			back, err := maproles.Remove(got, argocd)
			require.NoError(t, err)
			assert.Equal(t, test.text, back)
		})
	}
}

func TestPutReplacesATextThatOnlySaysThatThereIsNoList(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"null", "null\n", "~", " Null ", "NULL", `""`, `''`, "``"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := maproles.Put(text, argocd)
			require.NoError(t, err)
			assert.Equal(t, argocdBlock, got)

			untouched, err := maproles.Remove(text, argocd)
			require.NoError(t, err)
			assert.Equal(t, text, untouched)
		})
	}
}

func TestPutLeavesOneEntryForTheRole(t *testing.T) {
	t.Parallel()
	const other = "- rolearn: arn:aws:iam::111122223333:role/argocd\n  username: old\n"
	const equal = "- {groups: [viewers, argocd:managers, viewers], username: 'argocd:{{SessionName}}', " +
		"RoleARN: ARN:aws:iam::111122223333:role/ArgoCD}\n"
	tests := map[string]struct{ text, want string }{
		"an older one is replaced in its place": {
			"# a\n" + other + "# b\n" + nodes, "# a\n" + argocdBlock + "# b\n" + nodes,
		},
		"one without a final line break": {
			nodes + other[:len(other)-1], nodes + argocdBlock[:len(argocdBlock)-1],
		},
		"one with comments inside": {
			nodes + "- # c\n  rolearn: arn:aws:iam::111122223333:role/argocd # d\n  # e\n  username: old # f\n  # g\n",
			nodes + argocdBlock + "  # g\n",
		},
		"one with a key that Put does not know": {
			"- rolearn: arn:aws:iam::111122223333:role/argocd\n  username: argocd:{{SessionName}}\n" +
				"  groups: [viewers, argocd:managers]\n  userid: x\n",
			argocdBlock,
		},
		"an equal one keeps its bytes":     {equal + nodes, equal + nodes},
		"several become one":               {other + nodes + other + "\n" + other, argocdBlock + nodes + "\n"},
		"the equal one of several is kept": {other + "# a\n" + nodes + equal + "# b\n" + other + equal, "# a\n" + nodes + equal + "# b\n"},
		"in a flow list": {
			"[{rolearn: a}, {rolearn: arn:aws:iam::111122223333:role/argocd, username: old}, {rolearn: b}]",
			"[{rolearn: a}, " + argocdFlow + ", {rolearn: b}]",
		},
		"several in a flow list": {
			"[{rolearn: arn:aws:iam::111122223333:role/argocd}, # a\n {rolearn: b},\n" +
				" {rolearn: arn:aws:iam::111122223333:role/argocd}, {rolearn: arn:aws:iam::111122223333:role/argocd}]",
			"[" + argocdFlow + ", # a\n {rolearn: b}]",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := maproles.Put(test.text, argocd)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestRemoveTakesOnlyEqualEntries(t *testing.T) {
	t.Parallel()
	const drifted = "- rolearn: arn:aws:iam::111122223333:role/argocd\n  username: by-hand\n"
	tests := map[string]struct{ text, want string }{
		"the only one":                      {argocdBlock, ""},
		"the first":                         {argocdBlock + nodes, nodes},
		"the one between":                   {nodes + "# a\n" + argocdBlock + "# b\n" + nodes, nodes + "# a\n# b\n" + nodes},
		"every copy":                        {argocdBlock + nodes + argocdBlock, nodes},
		"every copy, no final line break":   {nodes + argocdBlock + argocdBlock[:len(argocdBlock)-1], nodes[:len(nodes)-1]},
		"none that was changed by hand":     {drifted + nodes + argocdBlock, drifted + nodes},
		"none if there is none":             {nodes, nodes},
		"none with a further key":           {argocdBlock + "  userid: x\n", argocdBlock + "  userid: x\n"},
		"the first in a flow list":          {"[" + argocdFlow + ",  {rolearn: b}]", "[{rolearn: b}]"},
		"the first, comments beside it":     {"[" + argocdFlow + " # a\n, {rolearn: b}]", "[ # a\n {rolearn: b}]"},
		"one inside, comments beside it":    {"[a, # a\n " + argocdFlow + " # b\n, b]", "[a # a\n  # b\n, b]"},
		"every copy in a flow list":         {"[" + argocdFlow + ", " + argocdFlow + ", a, " + argocdFlow + "]", "[a]"},
		"the only one, with a final comma":  {"[" + argocdFlow + ",]", "[]"},
		"none from a text that has no list": {"null\n", "null\n"},
		"none from an empty text":           {"", ""},
		"one that spans blank lines": {
			nodes + "- rolearn: arn:aws:iam::111122223333:role/argocd\n  username: \"argocd:\\\n\t{{SessionName}}\"\n" +
				"  groups:\n  - viewers\n\n  # a\n  - argocd:managers\n\n# end\n",
			nodes + "\n# end\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := maproles.Remove(test.text, argocd)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestATextThatCannotBeEditedSafelyIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"invalid YAML": {"- rolearn: [", "mapRoles cannot be read: yaml:"},
		"a mapping":    {"rolearn: a\n", "mapRoles cannot be read: line 1: it must be a list of role mappings, but is a mapping"},
		"a string":     {"\nnodes\n", `mapRoles cannot be read: line 2: it must be a list of role mappings, but is the scalar "nodes"`},
		"a null among comments": {
			"# none\nnull\n", `mapRoles cannot be read: line 2: it must be a list of role mappings, but is the scalar "null"`,
		},
		"an alias without an anchor": {"- *a\n", "mapRoles cannot be read: yaml: unknown anchor 'a' referenced"},
		"a key that is a list":       {"- {[a]: 1}\n", "mapRoles cannot be read: "},
		"two documents":              {"- a\n---\n- b\n", "mapRoles cannot be read: it holds more than one YAML document"},
		"a broken second document":   {"- a\n---\n- [\n", "mapRoles cannot be read: yaml:"},
		"a tagged list":              {"!!seq [a]\n", "layout"},
		"a dash in a quoted string":  {"- \"a\n- b\"\n", "layout"},
		"as many dashes as elements, but elsewhere": {
			"\ufeff- \"a\n- b\"\n- c\n", "layout",
		},
		"an anchor of ours that others use": {
			"- rolearn: arn:aws:iam::111122223333:role/argocd\n  groups: &g [a]\n- rolearn: b\n  groups: *g\n",
			"so nothing was changed: yaml: unknown anchor 'g' referenced",
		},
		"a last value that reaches to the end of the text": {
			"- note: |+\n    kept", "so nothing was changed: another entry would change",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := maproles.Put(test.text, argocd)
			require.ErrorContains(t, err, test.want)
			assert.Empty(t, got)
		})
	}
}

func TestAnEntryThatYAMLCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "[]", nodes} {
		_, err := maproles.Put(text, maproles.Entry{RoleARN: argocd.RoleARN, Username: "not UTF-8: \xff"})
		require.ErrorContains(t, err, "so nothing was changed: the entry itself would not come out right")
	}
}

func TestRemoveAndFindRefuseWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := maproles.Remove("- [", argocd)
	require.ErrorContains(t, err, "mapRoles cannot be read")
	_, err = maproles.Find("- [", argocd.RoleARN)
	require.ErrorContains(t, err, "mapRoles cannot be read")
}

func TestFindGivesEveryEntryOfTheRoleInItsOrder(t *testing.T) {
	t.Parallel()
	const text = `
- ROLEARN: ARN:AWS:iam::111122223333:role/ArgoCD
  UserName: one
- rolearn: arn:aws:iam::444455556666:role/argocd
- rolearn: arn:aws:iam::111122223333:role/argocd
  username: two
  groups: [a, b]
- {1: 2}
- just text
`
	got, err := maproles.Find(text, argocd.RoleARN)
	require.NoError(t, err)
	assert.Equal(t, []maproles.Entry{
		{RoleARN: "ARN:AWS:iam::111122223333:role/ArgoCD", Username: "one"},
		{RoleARN: "arn:aws:iam::111122223333:role/argocd", Username: "two", Groups: []string{"a", "b"}},
	}, got)
}

func TestValuesAreQuotedWhereYAMLWouldReadThemAsSomethingElse(t *testing.T) {
	t.Parallel()
	values := []string{
		"true", "no", "Null", "~", "1", "1e3", "0x1F", "12:30:45", "2026-01-02", ".inf", "a: b", "a:", ":a", "a #b", "#a", "- a",
		"{{SessionName}}", "[a]", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a`", `"a"`, "'a'", `a\b`, " a ", "a,b", "a]b", "ä",
		"<a&b>", "system:node:{{EC2PrivateDNSName}}", "arn:aws:iam::111122223333:role/a+=,.@-_", "🙂:x", "?", "-",
	}
	for _, text := range []string{"", "[]"} {
		entry := maproles.Entry{RoleARN: argocd.RoleARN, Groups: values}
		for _, value := range values {
			entry.Username = value
			got, err := maproles.Put(text, entry)
			require.NoError(t, err, value)
			found, err := maproles.Find(got, entry.RoleARN)
			require.NoError(t, err, value)
			assert.Equal(t, []maproles.Entry{entry}, found, value)
		}
	}
}

func TestAnEntryWithoutGroupsSaysSo(t *testing.T) {
	t.Parallel()
	got, err := maproles.Put("", maproles.Entry{RoleARN: argocd.RoleARN, Username: "a:b"})
	require.NoError(t, err)
	assert.Equal(t, "- rolearn: arn:aws:iam::111122223333:role/argocd\n  username: a:b\n  groups: []\n", got)
}
