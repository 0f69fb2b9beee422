package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	configMap = "kind: ConfigMap\nmetadata: {name: aws-auth}\ndata:\n  mapRoles: |\n    - {rolearn: 'arn:aws:iam::111122223333:role/d', username: d, groups: [a]}\n"
	incomplet = configMap + "  mapAccounts: |\n    - '111122223333'\n"
)

func TestThePlanIsPrintedInTheFormThatIsAskedFor(t *testing.T) {
	t.Parallel()
	roles := filepath.Join(t.TempDir(), "roles.json")
	require.NoError(t, os.WriteFile(roles, []byte(`{"Roles": [{"Path": "/teams/", "RoleName": "d", "Arn": "arn:aws:iam::111122223333:role/teams/d"}]}`), 0o600))
	for _, test := range []struct {
		args     []string
		text     string
		complete bool
		want     string
	}{
		{nil, configMap, true, "To be done, from the mode CONFIG_MAP:\n  1. change the mode"},
		{nil, incomplet, false, "Without an equivalent:\n  mapAccounts[0] 111122223333: "},
		{[]string{"--mode", "API_AND_CONFIG_MAP"}, configMap, true, "To be done, from the mode API_AND_CONFIG_MAP:\n  1. add the entries"},
		{[]string{"--json"}, configMap, true, `"key": "prod-main"`},
		{[]string{"--yaml"}, configMap, true, "clusters:\n  prod-main:\n    access:\n      \"d\":\n        principalArn: arn:aws:iam::111122223333:role/d\n"},
		{[]string{"--yaml", "--key", "main"}, configMap, true, "clusters:\n  main:\n"},
		{[]string{"--yaml", "--roles", roles}, configMap, true, "principalArn: arn:aws:iam::111122223333:role/teams/d\n"},
		{[]string{"--account", "111122223333", "--managed", "a, b"}, configMap, true, "VERDICT"},
	} {
		var out, messages strings.Builder
		complete, err := run(append([]string{"--cluster", "prod-main"}, test.args...), strings.NewReader(test.text), &out, &messages)
		require.NoError(t, err, test.args)
		assert.Equal(t, test.complete, complete, test.args)
		assert.Contains(t, out.String(), test.want)
		assert.Empty(t, messages.String())
	}
}

func TestWhatCannotBePlannedIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, broken := filepath.Join(dir, "empty.json"), filepath.Join(dir, "broken.json")
	require.NoError(t, os.WriteFile(empty, []byte("{}"), 0o600))
	require.NoError(t, os.WriteFile(broken, []byte("{"), 0o600))
	for _, test := range []struct {
		args       []string
		text, want string
	}{
		{nil, configMap, `--cluster: "" is not the name of an EKS cluster`},
		{[]string{"--cluster", "c", "x"}, configMap, `unexpected ["x"]; the ConfigMap is read from standard input`},
		{[]string{"--cluster", "c", "--mode", "API"}, configMap, `--mode: "API" is neither CONFIG_MAP nor API_AND_CONFIG_MAP, the modes that read aws-auth`},
		{[]string{"--cluster", "c", "--account", "1"}, configMap, `--account: "1" is not an account of 12 digits`},
		{[]string{"--cluster", "c", "--json", "--yaml"}, configMap, "--json and --yaml: give one of them"},
		{[]string{"--cluster", "c", "--roles", filepath.Join(dir, "none")}, configMap, "--roles: open "},
		{[]string{"--cluster", "c", "--roles", broken}, configMap, "--roles: reading " + broken + ": unexpected end of JSON input"},
		{[]string{"--cluster", "c", "--roles", empty}, configMap, "--roles: " + empty + " has no Roles; write it with: aws iam list-roles --output json"},
		{[]string{"--cluster", "c", "--nodes"}, configMap, "flag provided but not defined: -nodes"},
		{[]string{"--cluster", "c"}, "kind: Secret", "expected the ConfigMap aws-auth"},
	} {
		var out, messages strings.Builder
		complete, err := run(test.args, strings.NewReader(test.text), &out, &messages)
		require.ErrorContains(t, err, test.want)
		assert.False(t, complete)
		assert.Empty(t, out.String())
	}
	_, err := run([]string{"--cluster", "c"}, iotest.ErrReader(errors.New("no input")), nil, nil)
	require.EqualError(t, err, "reading the ConfigMap: no input")
}
