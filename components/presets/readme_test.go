package presets_test

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

// arguments are the json names of a preset's fields.
func arguments(of reflect.Type) []string {
	var names []string
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			names = append(names, arguments(field.Type)...)
			continue
		}
		names = append(names, "`"+field.Tag.Get("json")+"`")
	}
	return names
}

// row is a preset's row in the table of the README.
func row(t *testing.T, key string) string {
	t.Helper()
	preset := presets.ByName[key]()
	var accounts, managed []string
	for _, account := range presets.ServiceAccountsOf(preset) {
		accounts = append(accounts, account.Namespace+"/"+account.Name)
	}
	source := presets.SourceOf(preset)
	switch key {
	case "ack":
		accounts = []string{"ack-system/ack-&lt;service>-controller"}
		managed = []string{"those of the service's controller"}
	default:
		managed = policies(t, ireland.samples()[key], ireland.scope()).Managed
	}
	cell := func(texts []string) string {
		if len(texts) == 0 {
			return "-"
		}
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | [%s](%s) |", key, cell(accounts), cell(arguments(reflect.TypeOf(preset).Elem())),
		cell(managed), source.Version, source.Address)
}

// The README has a row for each preset, and the test says what it should be.
func TestReadme(t *testing.T) {
	t.Parallel()
	var want []string
	for _, key := range slices.Sorted(maps.Keys(presets.ByName)) {
		want = append(want, row(t, key))
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var rows []string
	for line := range strings.Lines(string(readme)) {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, strings.TrimSuffix(line, "\n"))
		}
	}
	assert.Equal(t, strings.Join(want, "\n"), strings.Join(rows, "\n"))
}
