package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// faultForm is a line of a refusal: a path from the top, and what is wrong there.
var faultForm = regexp.MustCompile(`^platform(\..+)?: .`)

// FuzzParseConfig replaces one value of a configuration by another. What is refused says so with a path in every line, registers
// nothing and asks nothing; of what is taken every value is found in the configuration where it was declared. The corpus has the
// cases of the field.
func FuzzParseConfig(f *testing.F) {
	for _, trap := range yamlTraps {
		f.Add(platformConfig(f, withClusters(trap.platform))["eks-irsa:platform"], uint8(0), "")
	}
	for _, text := range []string{stackConfig(f, readFile(f, "../Pulumi.dev.yaml"))["eks-irsa:platform"], platformConfig(f, oneMeaning)["eks-irsa:platform"]} {
		for at := range uint8(200) {
			for _, with := range []string{"null", "true", "1.5", "[]", `{"":""}`, "", " a\n", "2012-10-17 00:00:00 +0000 UTC"} {
				f.Add(text, at, with)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string, at uint8, with string) {
		text = altered(text, at, with)
		cfg, err := stacks.ParseConfig(text, "")
		if err == nil {
			kept(t, text, cfg)
			return
		}
		require.Nil(t, cfg)
		faults, ok := strings.CutPrefix(err.Error(), "invalid configuration:\n")
		require.True(t, ok, "%s", err)
		for _, line := range strings.Split(faults, "\n") {
			require.Regexp(t, faultForm, line)
		}
		if text == "" {
			return // which is no configuration
		}
		r := newRecorder()
		run := r.run(stacks.Platform, withConfig(map[string]string{"eks-irsa:platform": text}))
		require.ErrorContains(t, run, err.Error())
		require.Empty(t, r.registrations)
		require.Empty(t, r.invokes)
	})
}

// altered is the text of JSON with the value at that place, from 1 in the order of the keys, replaced by another: JSON or a text.
func altered(text string, at uint8, with string) string {
	var whole, value any
	if json.Unmarshal([]byte(text), &whole) != nil || at == 0 {
		return text
	}
	if json.Unmarshal([]byte(with), &value) != nil {
		value = with
	}
	place := int(at)
	result, err := json.Marshal(replaced(whole, &place, value))
	if err != nil {
		return text
	}
	return string(result)
}

// replaced counts the place down to 0.
func replaced(value any, place *int, with any) any {
	if *place--; *place == 0 {
		return with
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			value[key] = replaced(value[key], place, with)
		}
	case []any:
		for i := range value {
			value[i] = replaced(value[i], place, with)
		}
	}
	return value
}

// kept compares every value of the text with what encoding/json, which knows nothing of the decoder, writes of the configuration.
func kept(t *testing.T, text string, cfg *stacks.Config) {
	t.Helper()
	written, err := json.Marshal(cfg)
	require.NoError(t, err)
	var declared, decoded any
	require.NoError(t, json.Unmarshal([]byte(text), &declared))
	require.NoError(t, json.Unmarshal(written, &decoded))
	keptValue(t, "platform", declared, decoded)
}

func keptValue(t *testing.T, path string, declared, decoded any) {
	t.Helper()
	if document, ok := decoded.(string); ok && strings.Contains(path, "Policies.") && declared != decoded {
		require.NoError(t, json.Unmarshal([]byte(document), &decoded), path)
	}
	if list, ok := declared.([]any); ok && strings.Contains(path, ".trustConditions.") && len(list) == 1 {
		declared = list[0] // as iampolicy.Strings writes it
	}
	if preset, ok := declared.(map[string]any); ok && strings.HasSuffix(path, ".preset") {
		for _, declared = range preset { // the one, whose name is its type
		}
	}
	switch declared := declared.(type) {
	case map[string]any:
		require.IsType(t, declared, decoded, path)
		for key, value := range declared {
			require.Contains(t, decoded, key, path)
			keptValue(t, path+"."+key, value, decoded.(map[string]any)[key])
		}
	case []any:
		require.IsType(t, declared, decoded, path)
		require.Len(t, decoded, len(declared), path)
		for i, value := range declared {
			keptValue(t, fmt.Sprintf("%s[%d]", path, i), value, decoded.([]any)[i])
		}
	case string:
		if declared != decoded { // a block's last line break is no part of a field
			require.Equal(t, strings.TrimRight(declared, "\r\n"), decoded, path)
		}
	default:
		require.Equal(t, declared, decoded, path)
	}
}
