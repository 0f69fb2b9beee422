//go:build unix

package tools_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

func TestPluginsForcesWhereThePluginsComeFrom(t *testing.T) {
	t.Parallel()
	const installed, downloaded, built = tools.Installed, tools.Downloaded, tools.Built
	for _, test := range []struct {
		value    string
		download bool
		want     []tools.Source
	}{
		{"", true, []tools.Source{installed, downloaded, built}},
		{"", false, []tools.Source{installed, built}},
		{"official", true, []tools.Source{installed, downloaded}},
		{"official", false, []tools.Source{installed}},
		{"built", true, []tools.Source{built}},
		{"built", false, []tools.Source{built}},
	} {
		got, err := tools.ChoosePlugins(test.value, test.download)
		require.NoError(t, err)
		assert.Equal(t, test.want, got, "%q, download %t", test.value, test.download)
	}
	_, err := tools.ChoosePlugins("newest", true)
	assert.EqualError(t, err, "PLUGINS=newest: must be official or built")
}

func TestInstalledPluginsAreTakenBeforeAnythingIsBuilt(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.release("aws", "6.1.0")
	m.release("kubernetes", "4.0.9") // another version than the one in go.mod

	found, err := tools.Ensure(t.Context(), m.options())

	require.NoError(t, err)
	aws, kubernetes := m.plugin(found, "aws"), m.plugin(found, "kubernetes")
	assert.Equal(t, tools.Plugin{
		Name: "aws", Version: "6.1.0", Source: tools.Installed, Dir: m.path("home/plugins/resource-aws-v6.1.0"),
	}, aws)
	assert.Equal(t, tools.Built, kubernetes.Source)
	assert.Equal(t, tools.Built, m.plugin(found, "eks-irsa").Source)
	builds := strings.Join(m.calls()["go build"], "\n")
	assert.NotContains(t, builds, "pulumi-resource-aws")
	assert.Contains(t, builds, "pulumi-resource-kubernetes")
	assert.Contains(t, m.log.String(), "the AWS plugin 6.1.0: Pulumi's release, installed in "+aws.Dir+"\n")
	assert.Contains(t, m.log.String(), "the Kubernetes plugin 4.1.0: Pulumi's own, built from its Go module "+
		"(4.1.0 is not installed in "+m.path("home/plugins")+")\n")
}

func TestAPluginThatWasNotInstalledToTheEndIsNotTaken(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.release("aws", "6.1.0")
	m.write("home/plugins/resource-aws-v6.1.0.partial", "", 0o600)

	found, err := tools.Ensure(t.Context(), m.options())

	require.NoError(t, err)
	assert.Equal(t, tools.Built, m.plugin(found, "aws").Source)
}

func TestOfficialPluginsThatAreNotThereAreAnErrorWhereNothingElseWillDo(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	opts := m.options()
	opts.Plugins = []tools.Source{tools.Installed}

	_, err := tools.Ensure(t.Context(), opts)

	assert.EqualError(t, err, "finding the AWS plugin 6.1.0: 6.1.0 is not installed in "+m.path("home/plugins"))
}

func TestTheEngineDownloadsThePluginsWhereTheirHostAnswers(t *testing.T) {
	t.Parallel()
	m, host := newMachine(t), newPluginHost(t, "aws-v6.1.0")
	m.realPulumi()

	first := m.ensureFrom(host.URL, "")

	require.Empty(t, first.Error)
	aws, kubernetes := m.plugin(&first.Tools, "aws"), m.plugin(&first.Tools, "kubernetes")
	assert.Equal(t, tools.Downloaded, aws.Source)
	content, err := os.ReadFile(filepath.Join(aws.Dir, "pulumi-resource-aws"))
	require.NoError(t, err)
	assert.Equal(t, released, string(content))
	assert.True(t, strings.HasPrefix(aws.Dir, m.cache), "the cache, and not the user's own home of Pulumi: %s", aws.Dir)
	assert.Contains(t, first.Log, "the AWS plugin 6.1.0: Pulumi's release, downloaded (6.1.0 is not installed in ")
	assert.Equal(t, tools.Built, kubernetes.Source, "the host does not have it")
	assert.Contains(t, first.Log, "the Kubernetes plugin 4.1.0: Pulumi's own, built from its Go module "+
		"(4.1.0 is not installed in "+m.path("home/plugins")+"; downloading it: ")
	assert.Equal(t, 1, host.lookedUp(), "both plugins come from one host")

	host.Close()
	again := m.ensureFrom(host.URL, "")
	require.Empty(t, again.Error)
	assert.Equal(t, tools.Installed, m.plugin(&again.Tools, "aws").Source, "by the run before")
}

func TestWithoutAWayToThePluginsHostTheyAreBuilt(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, silent.Close()) })
	for name, test := range map[string]struct{ host, reason string }{
		"nothing listens": {"http://127.0.0.1:1", "http://127.0.0.1:1/ cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused"},
		"no name":         {"https://plugins.invalid", "https://plugins.invalid/ cannot be reached: dial tcp: lookup plugins.invalid"},
		"no answer":       {"http://" + silent.Addr().String(), "cannot be reached: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.program("pulumi", `[ "$1" = version ] && echo v3.190.0 || echo "pulumi|$*" >> $M/calls`)
			start := time.Now()

			result := m.ensureFrom(test.host, "")

			require.Empty(t, result.Error)
			assert.Less(t, time.Since(start), 8*time.Second, "both plugins, one look-up")
			for _, plugin := range result.Plugins {
				assert.Equal(t, tools.Built, plugin.Source, plugin.Name)
			}
			assert.Contains(t, result.Log, test.reason)
			assert.Empty(t, m.calls()["pulumi"], "the engine, which would try again and again, is not asked to download")

			result = m.ensureFrom(test.host, "official")
			assert.Contains(t, result.Error, "finding the AWS plugin 6.1.0: 6.1.0 is not installed in "+m.path("home/plugins")+"\n")
			assert.Contains(t, result.Error, test.reason)
		})
	}
}

// released is what a released plugin is to these tests.
const released = "#!/bin/sh\n"

// release installs a released plugin in Pulumi's home.
func (m *machine) release(name, version string) {
	m.t.Helper()
	m.write("home/plugins/resource-"+name+"-v"+version+"/pulumi-resource-"+name, released, 0o700)
}

// realPulumi puts the Pulumi CLI itself on the path.
func (m *machine) realPulumi() {
	m.t.Helper()
	cli, err := tools.Pulumi(m.t.Context(), tools.Options{Log: os.Stderr})
	require.NoError(m.t, err)
	require.NoError(m.t, os.Symlink(cli, m.path("bin/pulumi")))
}

// ensured is the end of a run of Ensure in a process of its own.
type ensured struct {
	tools.Tools

	Log, Error string
}

// ensureVariable has the options for Ensure in such a process.
const ensureVariable = "TOOLCHAIN_TEST_ENSURE"

// TestMain is a process that only ensures when it is told to.
func TestMain(m *testing.M) {
	options := os.Getenv(ensureVariable)
	if options == "" {
		os.Exit(m.Run())
	}
	var opts tools.Options
	if err := json.Unmarshal([]byte(options), &opts); err != nil {
		panic(err)
	}
	var log bytes.Buffer
	opts.Log = &log
	result := ensured{}
	if found, err := tools.Ensure(context.Background(), opts); err != nil {
		result.Error = err.Error()
	} else {
		result.Tools = *found
	}
	result.Log = log.String()
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
}

// ensureFrom is Ensure with a host of plugins, and a value of PLUGINS, in a process of its own, as the engine's code reads
// the overrides of its downloads when it is loaded.
func (m *machine) ensureFrom(host, choice string) ensured {
	m.t.Helper()
	opts := m.options()
	opts.Log = nil
	var err error
	opts.Plugins, err = tools.ChoosePlugins(choice, true)
	require.NoError(m.t, err)
	text, err := json.Marshal(opts)
	require.NoError(m.t, err)
	self, err := os.Executable()
	require.NoError(m.t, err)
	command := exec.CommandContext(m.t.Context(), self)
	command.Env = append(os.Environ(), ensureVariable+"="+string(text),
		"PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES=^github://api[.]github[.]com/pulumi/="+host+",.*="+host)
	command.Stderr = os.Stderr
	output, err := command.Output()
	require.NoError(m.t, err)
	var result ensured
	require.NoError(m.t, json.Unmarshal(output, &result), "%s", output)
	return result
}

// pluginHost has released plugins, such as aws-v6.1.0.
type pluginHost struct {
	*httptest.Server

	lookUps atomic.Int32
}

func (h *pluginHost) lookedUp() int { return int(h.lookUps.Load()) }

func newPluginHost(t *testing.T, plugins ...string) *pluginHost {
	t.Helper()
	host := &pluginHost{}
	host.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			host.lookUps.Add(1)
		}
		for _, plugin := range plugins {
			if r.URL.Path == fmt.Sprintf("/pulumi-resource-%s-%s-%s.tar.gz", plugin, runtime.GOOS, runtime.GOARCH) {
				name, _, _ := strings.Cut(plugin, "-v")
				_, err := w.Write(archive(t, "pulumi-resource-"+name))
				assert.NoError(t, err)
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(host.Close)
	return host
}

// archive is a release with one file.
func archive(t *testing.T, name string) []byte {
	t.Helper()
	var file bytes.Buffer
	compressed := gzip.NewWriter(&file)
	content := tar.NewWriter(compressed)
	require.NoError(t, content.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(released))}))
	_, err := content.Write([]byte(released))
	require.NoError(t, errors.Join(err, content.Close(), compressed.Close()))
	return file.Bytes()
}
