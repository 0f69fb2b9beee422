package maproles_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/eks-irsa/pulumi-eks-irsa/components/plugin/maproles"
)

// Whatever the list looks like, the entry's whole life leaves every byte of the others where it was, also while another
// writer adds to the list.
func TestEveryForeignByteSurvivesCreateUpdateUpdateDelete(t *testing.T) {
	t.Parallel()
	for seed := range uint64(600) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			g := newGenerator(seed)
			foreign := g.text()
			lived, entry := foreign, g.entry()

			for step := range 3 {
				next, err := maproles.Put(lived, entry)
				require.NoError(t, err, lived)
				assertOnlyInserted(t, foreign, next)
				others, mine := decode(t, next, entry.RoleARN)
				assert.Equal(t, []any{identity(entry)}, mine, next)
				unchanged, _ := decode(t, foreign, entry.RoleARN)
				assert.Equal(t, unchanged, others, next)
				lived = next

				if added := g.addition(foreign); g.chance(50) && added != "" {
					lived, foreign = lived+added, foreign+added
				}
				if step < 2 {
					entry = g.entry()
				}
			}
			back, err := maproles.Remove(lived, entry)
			require.NoError(t, err, lived)
			assert.Equal(t, foreign, back)
		})
	}
}

// Entries for the role that a killed run or a hand has left, equal or not, are one entry after Put and none after Remove.
func TestLeftOversOfTheRoleVanishWithoutTouchingOthers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			g := newGenerator(seed)
			entry := g.entry()
			var all, foreign strings.Builder
			for range 1 + g.IntN(5) {
				if g.chance(40) {
					all.WriteString(g.element(g.entry()))
				} else {
					chunk := g.chunk()
					all.WriteString(chunk)
					foreign.WriteString(chunk)
				}
			}
			put, err := maproles.Put(all.String(), entry)
			require.NoError(t, err, all.String())
			found, err := maproles.Find(put, entry.RoleARN)
			require.NoError(t, err)
			require.Len(t, found, 1, put)
			assert.True(t, found[0].Equal(entry))

			back, err := maproles.Remove(put, entry)
			require.NoError(t, err)
			assert.Equal(t, foreign.String(), back)
		})
	}
}

func FuzzAnyTextIsEditedReversiblyOrRefused(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(newGenerator(seed).text(), "admin:{{SessionName}}", "a:b")
	}
	for _, text := range []string{
		"null", `""`, "# a\n~\n", "--- [a, b,]\n...\n", "- |\n a\n\n", "- a\r- b", "? a\n", "[a: b, 'c', \"d\"]", "\ufeff- a", "- \"\n- b\"\n",
	} {
		f.Add(text, "no", "")
	}
	cases, err := filepath.Glob("testdata/*.yaml")
	require.NoError(f, err)
	for _, path := range cases {
		text, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(string(text), "argocd", "argocd:managers")
	}
	for _, element := range []string{"groups: a", "groups: [1, ~]", "username: 1", "sso: {}", "userid: x", "username: a, username: b", "<<: {groups: 1}"} {
		f.Add("- {rolearn: "+argocd.RoleARN+", "+element+"}\n", "a", "b")
	}
	f.Fuzz(func(t *testing.T, text, username, group string) {
		entry := maproles.Entry{RoleARN: argocd.RoleARN, Username: username, Groups: []string{group}}
		put, err := maproles.Put(text, entry)
		if err != nil {
			return
		}
		found, err := maproles.Find(put, entry.RoleARN)
		require.NoError(t, err)
		require.Len(t, found, 1)
		assert.True(t, found[0].Equal(entry))

		again, err := maproles.Put(put, entry)
		require.NoError(t, err)
		assert.Equal(t, put, again)

		back, err := maproles.Remove(put, entry)
		require.NoError(t, err)
		before, err := maproles.Find(text, entry.RoleARN)
		require.NoError(t, err)
		if len(before) == 0 && back != "" {
			assert.Equal(t, text, back)
		}

		// What is not the entry's own stays, whatever is wrong in it.
		without, err := maproles.Remove(text, entry)
		if err != nil {
			return
		}
		after, err := maproles.Find(without, entry.RoleARN)
		require.NoError(t, err)
		assert.Equal(t, slices.DeleteFunc(before, entry.Equal), after)
	})
}

// assertOnlyInserted demands that text is original with something inserted in one place.
func assertOnlyInserted(t *testing.T, original, text string) {
	t.Helper()
	common := 0
	for common < min(len(original), len(text)) && original[common] == text[common] {
		common++
	}
	assert.True(t, len(text) >= len(original) && strings.HasSuffix(text, original[common:]),
		"bytes were lost from\n%s\nin\n%s", original, text)
}

// decode splits the list, as a YAML parser sees it, into the elements of other roles and those of this one.
func decode(t *testing.T, text, roleARN string) (others, mine []any) {
	t.Helper()
	var elements []any
	require.NoError(t, yaml.Unmarshal([]byte(text), &elements), text)
	for _, element := range elements {
		if keys, isMapping := element.(map[string]any); isMapping && keys["rolearn"] == roleARN {
			mine = append(mine, element)
		} else {
			others = append(others, element)
		}
	}
	return others, mine
}

func identity(entry maproles.Entry) map[string]any {
	groups := []any{}
	for _, group := range entry.Groups {
		groups = append(groups, group)
	}
	return map[string]any{"rolearn": entry.RoleARN, "username": entry.Username, "groups": groups}
}

// generator makes random mapRoles texts as people and tools write them.
type generator struct {
	*rand.Rand
	indent, newline string
	flow            bool
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), newline: "\n"}
	g.indent = g.pick("", "", "  ", "    ")
	g.flow = g.chance(20)
	if g.chance(20) {
		g.newline = "\r\n"
	}
	return g
}

func (g *generator) chance(percent int) bool         { return g.IntN(100) < percent }
func (g *generator) pick(options ...string) string   { return options[g.IntN(len(options))] }
func (g *generator) maybe(text string) string        { return g.pick("", "", text) }
func (g *generator) line(indent, text string) string { return g.indent + indent + text + g.newline }

func (g *generator) entry() maproles.Entry {
	entry := maproles.Entry{
		RoleARN:  argocd.RoleARN,
		Username: g.pick("admin", "a:b", "{{SessionName}}", "x#y: z", "yes"),
	}
	for _, group := range []string{"system:masters", "viewers", "- a", "1"} {
		if g.chance(40) {
			entry.Groups = append(entry.Groups, group)
		}
	}
	return entry
}

func (g *generator) text() string {
	if g.flow {
		return g.flowText()
	}
	text := g.maybe("---"+g.newline) + g.maybe("# mapRoles"+g.newline)
	chunks := g.IntN(5)
	if chunks == 0 {
		g.indent = "" // as the entry that comes first will have it
	}
	for range chunks {
		text += g.chunk()
	}
	if chunks > 0 && g.chance(25) {
		text = strings.TrimSuffix(text, g.newline)
	}
	return text
}

// chunk is a foreign element with what may stand around it.
func (g *generator) chunk() string {
	entry := g.entry()
	entry.RoleARN = fmt.Sprintf("arn:aws:iam::%012d:role/%s", g.IntN(1e6), g.pick("nodes", "teams/argocd", "admin", "ci"))
	return g.maybe(g.newline) + g.maybe(g.line("", "# above")) + g.element(entry) +
		g.maybe(g.line("  ", "# below")) + g.maybe("  "+g.newline)
}

// element writes the entry in one of the ways in which people and tools do.
func (g *generator) element(entry maproles.Entry) string {
	switch g.IntN(4) {
	case 0:
		return g.line("", "- "+g.mapping(entry)+g.maybe(" # flow"))
	case 1:
		return g.line("", "- # a dash of its own") + g.line("  ", "rolearn: "+g.scalar(entry.RoleARN)) + g.username(entry) + g.groups(entry)
	case 2:
		return g.line("", "- groups: "+g.sequence(entry.Groups)) + g.username(entry) + g.maybe(g.newline) +
			g.line("  ", "RoleARN: "+g.scalar(entry.RoleARN))
	default:
		return g.line("", "- rolearn: "+g.scalar(entry.RoleARN)) + g.maybe(g.line("  ", "# inside")) + g.username(entry) + g.groups(entry)
	}
}

func (g *generator) username(entry maproles.Entry) string {
	return g.line("  ", "username: "+g.scalar(entry.Username)+g.maybe(" # why"))
}

func (g *generator) groups(entry maproles.Entry) string {
	if len(entry.Groups) == 0 {
		return g.maybe(g.line("  ", "groups: []"))
	}
	deeper := g.pick("  ", "    ", "      ")
	text := g.line("  ", "groups:")
	for _, group := range entry.Groups {
		text += g.line(deeper, "- "+g.scalar(group))
	}
	return text
}

func (g *generator) scalar(value string) string {
	switch {
	case g.chance(30):
		return `"` + value + `"`
	case g.chance(30) || strings.ContainsAny(value, "{#- ") || value == "1" || value == "yes":
		return "'" + value + "'"
	default:
		return value
	}
}

func (g *generator) mapping(entry maproles.Entry) string {
	return "{rolearn: " + g.scalar(entry.RoleARN) + g.pick(", ", ",") + "username: " + g.scalar(entry.Username) +
		", groups: " + g.sequence(entry.Groups) + "}"
}

func (g *generator) sequence(values []string) string {
	written := make([]string, len(values))
	for i, value := range values {
		written[i] = g.scalar(value)
	}
	return "[" + strings.Join(written, g.pick(",", ", ")) + "]"
}

func (g *generator) flowText() string {
	text := g.maybe("# mapRoles"+g.newline) + "[" + g.maybe(g.newline)
	for i, count := 0, g.IntN(4); i < count; i++ {
		entry := g.entry()
		entry.RoleARN = fmt.Sprintf("arn:aws:iam::%012d:role/nodes", g.IntN(1e6))
		text += g.maybe("  ") + g.mapping(entry)
		if i+1 < count || g.chance(20) {
			text += g.pick(",", " , ", ", # why"+g.newline+"  ")
		}
	}
	return text + g.maybe(" # the end"+g.newline) + "]" + g.maybe(g.newline)
}

// addition is what another writer may append to the foreign text.
func (g *generator) addition(foreign string) string {
	switch {
	case g.flow:
		return ""
	case foreign != "" && !strings.HasSuffix(foreign, g.newline):
		return g.newline + g.chunk()
	default:
		return g.chunk()
	}
}
