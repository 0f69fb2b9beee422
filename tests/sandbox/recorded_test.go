package sandbox_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// record writes the recording anew, by the program of the commit that it is run at: with the last commit of a release.
var record = flag.Bool("record", false, "record the state of the dev environment for TestAStackOfAnEarlierCommit…")

// recording is the dev environment as an earlier commit left it.
type recording struct {
	// Platform is its configuration, and Deployment its state, with secrets in the clear: all of them are the sandbox's.
	Platform   map[string]any             `json:"platform"`
	Deployment apitype.UntypedDeployment  `json:"deployment"`
	Clusters   map[string]recordedCluster `json:"clusters"`
}

// recordedCluster is what is another one in each sandbox.
type recordedCluster struct{ Endpoint, CertificateAuthority string }

const recordingFile = "testdata/recorded-dev.json.gz"

// A stack that an earlier commit made is brought up by this one, and nothing is created, replaced or deleted: names, parents and
// aliases of all resources are what they were, and no proof is repeated. The Kubernetes providers alone are updated: they learn which
// cluster they are for, and that is in Pulumi's state only. None of the other resources exists here, so that one that was to be
// updated would fail.
func TestAStackOfAnEarlierCommitIsBroughtUpWithoutAChange(t *testing.T) {
	t.Parallel()
	if *record {
		recordDevEnvironment(t)
	}
	recorded := readRecording(t)
	settings := &sandbox.Settings{Platform: recorded.Platform}
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	e := bootEnvironment(t, settings, clusters)
	var replaced []string
	for name, was := range recorded.Clusters {
		c := e.cluster(t, name)
		replaced = append(replaced, was.Endpoint, c.Endpoint, was.CertificateAuthority, base64.StdEncoding.EncodeToString(c.CertificateAuthority))
		_, err := e.RegisterOidcProvider(t.Context(), c, map[string]string{components.OwnerTag: "organization/eks-irsa/dev", "environment": "dev"})
		require.NoError(t, err)
	}
	var deployment map[string]any
	require.NoError(t, json.Unmarshal(recorded.Deployment.Deployment, &deployment))
	deployment["secrets_providers"] = map[string]any{"type": "passphrase", "state": map[string]any{"salt": e.salt(t)}}
	state := recorded.Deployment
	state.Deployment, err = json.Marshal(moved(deployment, strings.NewReplacer(replaced...)))
	require.NoError(t, err)
	require.NoError(t, e.stack.Import(t.Context(), state))

	result := e.up(t)
	assert.Equal(t, map[string]int{"update": len(recorded.Clusters)}, changed(result))
	assert.Empty(t, changed(e.up(t)), "the next up changes nothing")
	assert.Greater(t, (*result.Summary.ResourceChanges)["same"], 50)
}

// salt is that of the stack's passphrase.
func (e *environment) salt(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.stack.Dir(), "Pulumi."+sandbox.StackName+".yaml"))
	require.NoError(t, err)
	_, salt, found := strings.Cut(string(text), "encryptionsalt: ")
	require.True(t, found, string(text))
	salt, _, _ = strings.Cut(salt, "\n")
	return salt
}

// moved is a state with texts replaced, in the data of Kubernetes Secrets too.
func moved(value any, replacer *strings.Replacer) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = moved(value[key], replacer)
		}
		return value
	case []any:
		for i := range value {
			value[i] = moved(value[i], replacer)
		}
		return value
	case string:
		if text := replacer.Replace(value); text != value {
			return text
		}
		if content, err := base64.StdEncoding.DecodeString(value); err == nil {
			return base64.StdEncoding.EncodeToString([]byte(replacer.Replace(string(content))))
		}
		if text, ok := secretText(value); ok {
			inner, _ := json.Marshal(moved(text, replacer))
			return string(inner)
		}
		return value
	default:
		return value
	}
}

// secretText is the value of a secret, which a state holds as JSON in a text.
func secretText(value string) (any, bool) {
	var inner any
	if !strings.HasPrefix(value, `"`) && !strings.HasPrefix(value, "{") || json.Unmarshal([]byte(value), &inner) != nil {
		return nil, false
	}
	return inner, true
}

func readRecording(t *testing.T) recording {
	t.Helper()
	file, err := os.Open(recordingFile)
	require.NoError(t, err)
	defer func() { assert.NoError(t, file.Close()) }()
	reader, err := gzip.NewReader(file)
	require.NoError(t, err)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	var recorded recording
	require.NoError(t, json.Unmarshal(text, &recorded))
	return recorded
}

func recordDevEnvironment(t *testing.T) {
	t.Helper()
	e := newEnvironment(t)
	// Argo CD's own names of secrets are made of the servers' addresses, which differ from sandbox to sandbox.
	for key, target := range e.settings.Section("argocd")["targets"].(map[string]any) {
		target.(map[string]any)["secretName"] = "cluster-" + key
	}
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	recorded := recording{Platform: e.settings.Platform, Clusters: map[string]recordedCluster{}}
	for _, c := range e.Clusters.All {
		recorded.Clusters[c.Name] = recordedCluster{c.Endpoint, base64.StdEncoding.EncodeToString(c.CertificateAuthority)}
	}
	e.shell(t, "pulumi stack export --show-secrets --file exported.json")
	text, err := os.ReadFile(filepath.Join(e.stack.Dir(), "exported.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &recorded.Deployment))
	var state map[string]any
	require.NoError(t, json.Unmarshal(recorded.Deployment.Deployment, &state))
	for _, resource := range state["resources"].([]any) {
		delete(resource.(map[string]any), "stackTrace")
		delete(resource.(map[string]any), "sourcePosition")
	}
	recorded.Deployment.Deployment, err = json.Marshal(state)
	require.NoError(t, err)
	text, err = json.Marshal(recorded)
	require.NoError(t, err)
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	require.NoError(t, err)
	_, err = writer.Write(text)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	require.NoError(t, os.WriteFile(recordingFile, packed.Bytes(), 0o600))
}
