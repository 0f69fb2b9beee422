package kubename_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

func TestKeysAreWhatTheAPIServerTakes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for _, key := range []string{"app", "App_1.x-y", "app.kubernetes.io/name", long, "a/" + long, strings.Repeat("a.", 126) + "a/b"} {
		require.NoError(t, kubename.ValidateKey(key), key)
	}
	for key, want := range map[string]string{
		"":          `"" is not a key such as app or app.kubernetes.io/name; use letters, digits, -, _ and ., and begin and end with a letter or a digit`,
		"a/":        `"a/" is not a key such as app or app.kubernetes.io/name; use letters, digits, -, _ and ., and begin and end with a letter or a digit`,
		"a/b/c":     `"a/b/c" is not a key such as app or app.kubernetes.io/name; use letters, digits, -, _ and ., and begin and end with a letter or a digit`,
		"-a":        `"-a" is not a key such as app or app.kubernetes.io/name; use letters, digits, -, _ and ., and begin and end with a letter or a digit`,
		"/a":        `of the key "/a", what stands before the slash: must not be empty`,
		"Acme.io/a": `of the key "Acme.io/a", what stands before the slash: "Acme.io" is not a DNS name; use lower case letters, digits, hyphens and dots`,
	} {
		assert.EqualError(t, kubename.ValidateKey(key), want)
	}
}

func TestKeysOfAnnotationsMayHaveUpperCase(t *testing.T) {
	t.Parallel()
	given := map[string]string{"Acme.io/Team": "any text,\nwith line breaks"}
	require.NoError(t, kubename.ValidateAnnotations(given))
	assert.Error(t, kubename.ValidateLabels(given))
}

func TestNamesOfSeveralPartsAreOnlyForObjects(t *testing.T) {
	t.Parallel()
	require.NoError(t, kubename.ValidateObject("a secret", "a.b-1.c"))
	require.EqualError(t, kubename.ValidateObject("a secret", "a..b"), `"a..b" is not a secret; use lower case letters, digits, hyphens and dots`)
	require.EqualError(t, kubename.ValidateNamespace("a.b"), `"a.b" is not a namespace; use lower case letters, digits and hyphens`)
	assert.EqualError(t, kubename.ValidateNamespace(""), "must not be empty")
}
