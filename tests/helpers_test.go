package tests

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
	"github.com/stretchr/testify/require"
)

// await is the value of an output after a run.
func await[T any](t *testing.T, output pulumi.Output) T {
	t.Helper()
	result, err := internals.UnsafeAwaitOutput(t.Context(), output)
	require.NoError(t, err)
	require.True(t, result.Known, "the output is unknown")
	value, ok := result.Value.(T)
	require.True(t, ok, "the output is a %T", result.Value)
	return value
}

func awaitString(t *testing.T, output pulumi.Output) string {
	t.Helper()
	return await[string](t, output)
}

var update = flag.Bool("update", false, "rewrite the golden files")

// golden is the content of a file in testdata, after rewriting it with what the test got if that is asked for.
func golden(t *testing.T, file, got string) string {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join("testdata", file), []byte(got), 0o600))
	}
	return readGolden(t, file)
}

// readGolden is the content of a file in testdata that was written by hand.
func readGolden(t *testing.T, file string) string {
	t.Helper()
	return readFile(t, filepath.Join("testdata", file))
}

func readFile(tb testing.TB, path string) string {
	tb.Helper()
	content, err := os.ReadFile(path)
	require.NoError(tb, err)
	return string(content)
}

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	require.NoError(t, err)
	return string(text) + "\n"
}

func fromJSON(t *testing.T, text string) map[string]any {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &value))
	return value
}

// unknownString is an output that a preview does not know.
func unknownString() pulumi.StringOutput {
	return pulumi.UnsafeUnknownOutput(nil).ApplyT(func(any) string { return "" }).(pulumi.StringOutput)
}

// caData is a certificate as EKS gives it in certificateAuthority.data.
var caData = base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"))

// beforeCreations calls do with every resource of a type that has a hook before its creation, for do to run as the engine
// would: when its state does not hold the resource.
func beforeCreations(ctx *pulumi.Context, typ string, do func(name string, create func(resource.PropertyMap) error)) error {
	return ctx.RegisterStackTransformation(func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		options, err := pulumi.NewResourceOptions(args.Opts...)
		if err != nil || args.Type != typ || options.Hooks == nil {
			return nil
		}
		for _, hook := range options.Hooks.BeforeCreate {
			do(args.Name, func(inputs resource.PropertyMap) error {
				return hook.Callback(&pulumi.ResourceHookArgs{NewInputs: inputs})
			})
		}
		return nil
	})
}
