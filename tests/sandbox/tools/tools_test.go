//go:build unix

package tools_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

func TestProgramsAreMadeOnceAndFoundAfterwards(t *testing.T) {
	t.Parallel()
	m := newMachine(t)

	first, err := tools.Ensure(t.Context(), m.options())
	require.NoError(t, err)
	made := m.calls()
	start := time.Now()
	second, err := tools.Ensure(t.Context(), m.options())
	require.NoError(t, err)

	assert.Equal(t, first, second)
	assert.Less(t, time.Since(start), time.Second, "the warm path")
	assert.Equal(t, made["go build"], m.calls()["go build"], "nothing is built again")
	assert.Equal(t, made["pip"], m.calls()["pip"], "nothing is installed again")
	for _, program := range []string{
		first.Pulumi, first.LanguageHost, first.ControlPlane, first.MotoServer, first.AWS,
		filepath.Join(m.plugin(first, "aws").Dir, "pulumi-resource-aws"),
		filepath.Join(m.plugin(first, "kubernetes").Dir, "pulumi-resource-kubernetes"),
		filepath.Join(m.plugin(first, "eks-irsa").Dir, "pulumi-resource-eks-irsa"),
	} {
		info, err := os.Stat(program)
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&0o100, "%s can be run", program)
	}
	assert.Equal(t, "pulumi", filepath.Base(first.Pulumi))
	assert.Equal(t, "bin", filepath.Base(filepath.Dir(first.Pulumi)), "where the Automation API looks for it")
}

func TestTheVersionsOfGoModAreLinkedIn(t *testing.T) {
	t.Parallel()
	m := newMachine(t)

	_, err := tools.Ensure(t.Context(), m.options())

	require.NoError(t, err)
	builds := strings.Join(m.calls()["go build"], "\n")
	assert.Contains(t, builds, "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.999.1 ")
	assert.Contains(t, builds, "-X k8s.io/component-base/version.gitVersion=v1.99.2 ")
	assert.Contains(t, builds, "-X k8s.io/component-base/version.gitMajor=1 ")
	assert.Contains(t, builds, "-X k8s.io/component-base/version.gitMinor=99 ")
	assert.Contains(t, builds, "-X main.version=4.1.0 ", "the Kubernetes plugin, without the v that the engine does not read")
}

func TestRunsAtTheSameTimeMakeAProgramOnce(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	const runs = 4
	paths, faults := make([]string, runs), make([]error, runs)
	var group sync.WaitGroup
	for i := range runs {
		opts := m.options()
		opts.Log = nil // m.log belongs to one run
		group.Go(func() { paths[i], faults[i] = tools.ControlPlane(t.Context(), opts) })
	}
	group.Wait()

	for i := range runs {
		require.NoError(t, faults[i])
		assert.Equal(t, paths[0], paths[i])
	}
	assert.Len(t, m.calls()["go build"], 1)
}

func TestAnotherVersionIsAnotherProgram(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{"Go": "go-version", "Kubernetes": "kubernetes-version"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			before, err := tools.ControlPlane(t.Context(), m.options())
			require.NoError(t, err)

			m.write(change, "v1.100.0", 0o600)
			after, err := tools.ControlPlane(t.Context(), m.options())

			require.NoError(t, err)
			assert.NotEqual(t, before, after)
			assert.Len(t, m.calls()["go build"], 2)
		})
	}
}

func TestABuildThatFailsSaysWhyAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("broken-build", "", 0o600)

	path, err := tools.ControlPlane(t.Context(), m.options())

	require.ErrorContains(t, err, "building ./cmd/controlplane: ")
	require.ErrorContains(t, err, "main.go:1:1: the compiler's words")
	assert.NoFileExists(t, path)
	halves, err := filepath.Glob(filepath.Join(m.cache, "kubernetes-*", "*"))
	require.NoError(t, err)
	assert.Empty(t, halves)

	require.NoError(t, os.Remove(m.path("broken-build")))
	path, err = tools.ControlPlane(t.Context(), m.options())
	require.NoError(t, err, "the next attempt starts afresh")
	assert.FileExists(t, path)
}

func TestProgressTellsWhatTakesLong(t *testing.T) {
	t.Parallel()
	m := newMachine(t)

	_, err := tools.ControlPlane(t.Context(), m.options())
	require.NoError(t, err)
	assert.Equal(t, "building the Kubernetes control plane v1.99.2: once, about 3 minutes on 2 cores ...\n"+
		"building the Kubernetes control plane v1.99.2: done in 0s\n", m.log.String())

	m.log.Reset()
	_, err = tools.ControlPlane(t.Context(), m.options())
	require.NoError(t, err)
	assert.Equal(t, "found the Kubernetes control plane v1.99.2\n", m.log.String())
}

func TestWaitingForAnotherRunEndsWithTheContext(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	path, err := tools.ControlPlane(t.Context(), m.options())
	require.NoError(t, err)
	dir := filepath.Dir(path)
	lock, err := os.Open(dir + ".lock")
	require.NoError(t, err)
	defer lock.Close() //nolint:errcheck // only read
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	require.NoError(t, os.Remove(filepath.Join(dir, ".key")))
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, assert.AnError)
	defer cancel()

	_, err = tools.ControlPlane(ctx, m.options())

	require.ErrorIs(t, err, assert.AnError)
	assert.Contains(t, m.log.String(), "waiting for another run that makes kubernetes-1.99.2")
}

func TestThePulumiCLIOnThePathIsTakenWhenItIsRecent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script string
		taken  bool
	}{
		"recent":        {"echo v3.190.0", true},
		"the oldest":    {"echo v3.183.0", true},
		"too old":       {"echo v3.182.0", false},
		"another major": {"echo v4.0.0", false},
		"no version":    {"echo", false},
		"broken":        {"echo v3.190.0; exit 1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.program("pulumi", test.script)

			found, err := tools.Ensure(t.Context(), m.options())

			require.NoError(t, err)
			if test.taken {
				assert.Equal(t, m.path("bin/pulumi"), found.Pulumi)
				return
			}
			assert.True(t, strings.HasPrefix(found.Pulumi, m.cache), "%s is built", found.Pulumi)
			assert.Contains(t, m.log.String(), "the Pulumi CLI on PATH")
		})
	}
}

func TestPythonProgramsAreInstalledWhereTheyAreMissing(t *testing.T) {
	t.Parallel()
	const moto, aws = "moto[server]==5.2.1", "awscli==1.45.11"
	for name, test := range map[string]struct {
		moto, aws string // versions on the path; empty for none
		installed []string
	}{
		"both there":                      {moto: "5.2.1", aws: "1.45.11"},
		"newer ones there":                {moto: "5.10.0", aws: "2.31.0"},
		"none there":                      {installed: []string{aws, moto}},
		"moto missing":                    {aws: "1.45.11", installed: []string{moto}},
		"the AWS CLI missing":             {moto: "5.2.1", installed: []string{aws}},
		"moto too old":                    {moto: "4.2.0", aws: "1.45.11", installed: []string{moto}},
		"an AWS CLI without endpoint URL": {moto: "5.2.1", aws: "1.28.9", installed: []string{aws}},
		"a second AWS CLI without it":     {moto: "5.2.1", aws: "2.12.0", installed: []string{aws}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.moto(test.moto)
			m.aws(test.aws)

			motoServer, awsCLI, err := tools.Python(t.Context(), m.options())

			require.NoError(t, err)
			assert.FileExists(t, motoServer)
			assert.FileExists(t, awsCLI)
			if test.installed == nil {
				assert.Empty(t, m.calls()["pip"])
				assert.Equal(t, []string{m.path("bin/moto_server"), m.path("bin/aws")}, []string{motoServer, awsCLI})
				return
			}
			assert.Equal(t, []string{"-m pip install --quiet --disable-pip-version-check " + strings.Join(test.installed, " ")},
				m.calls()["pip"])
			assert.Contains(t, m.log.String(), "installing "+strings.Join(test.installed, " ")+" with pip: once, about a minute ...")
		})
	}
}

func TestAPipThatFailsIsOneClearErrorAndTriedAgainNextTime(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("broken-pip", "", 0o600)

	_, _, err := tools.Python(t.Context(), m.options())

	require.ErrorContains(t, err, "installing awscli==1.45.11 moto[server]==5.2.1 (or put moto_server and aws on PATH yourself): ")
	require.ErrorContains(t, err, "ERROR: pip's words")
	require.NoError(t, os.Remove(m.path("broken-pip")))
	_, _, err = tools.Python(t.Context(), m.options())
	require.NoError(t, err)
	assert.Len(t, m.calls()["pip"], 2)
}

func TestPulumiEKSIsInstalledOnceInTheVersionOfGoMod(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.program("node", "echo node runs $*")
	m.program("npm", `echo "npm|$*" >> $M/calls; [ ! -e $M/broken-npm ] || { echo "npm's words" >&2; exit 1; }; cp package.json $M`)
	m.write("broken-npm", "", 0o600)

	_, err := tools.PulumiEKS(t.Context(), m.options())
	require.ErrorContains(t, err, "installing pulumi-eks 2.1.0, which needs Node 20 or later and npm: ")
	require.ErrorContains(t, err, "npm's words")

	require.NoError(t, os.Remove(m.path("broken-npm")))
	dir, err := tools.PulumiEKS(t.Context(), m.options())
	require.NoError(t, err)
	again, err := tools.PulumiEKS(t.Context(), m.options())
	require.NoError(t, err)
	assert.Equal(t, dir, again)
	assert.Len(t, m.calls()["npm"], 2, "what failed is tried again, and what did not is found")
	assert.Contains(t, m.log.String(), "installing pulumi-eks 2.1.0 with npm: once, about half a minute ...")
	assert.Contains(t, m.log.String(), "found pulumi-eks 2.1.0")

	manifest, err := os.ReadFile(m.path("package.json"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"private": true, "overrides": {"jest": "npm:which@1.3.1"}, "dependencies": {
		"@pulumi/aws": "6.1.0", "@pulumi/eks": "2.1.0", "@pulumi/kubernetes": "4.1.0", "@pulumi/pulumi": "3.248.0"
	}}`, string(manifest))
	runs, err := exec.CommandContext(t.Context(), filepath.Join(dir, "pulumi-resource-eks"), "127.0.0.1:1").Output()
	require.NoError(t, err)
	assert.Equal(t, "node runs "+filepath.Join(filepath.Dir(dir), "node_modules/@pulumi/eks/cmd/provider/index.js")+" 127.0.0.1:1\n", string(runs))
}

func TestAMachineWithoutNodeIsTold(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	const needs = "installing pulumi-eks 2.1.0, which needs Node 20 or later and npm: "

	_, err := tools.PulumiEKS(t.Context(), m.options())
	require.EqualError(t, err, needs+"node: not on PATH")

	m.program("node", "")
	_, err = tools.PulumiEKS(t.Context(), m.options())
	require.EqualError(t, err, needs+"npm: not on PATH")
}

func TestAShimOfPyenvIsLookedBehind(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.moto("5.2.1")
	m.aws("1.45.11")
	require.NoError(t, os.MkdirAll(m.path("shims"), 0o700))
	m.write("shims/aws", "#!/bin/sh\nexit 1\n", 0o700)
	m.program("pyenv", `[ "$*" = "which aws" ] && echo `+m.path("bin/aws"))
	opts := m.options()
	opts.Path = m.path("shims") + string(os.PathListSeparator) + opts.Path

	_, aws, err := tools.Python(t.Context(), opts)

	require.NoError(t, err)
	assert.Equal(t, m.path("bin/aws"), aws)
}

func TestThePathHasThePluginsAndTheProgramsBeforeAllElse(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.moto("5.2.1")
	m.aws("1.45.11")

	found, err := tools.Ensure(t.Context(), m.options())

	require.NoError(t, err)
	assert.Equal(t, []string{
		m.plugin(found, "aws").Dir, m.plugin(found, "kubernetes").Dir, m.plugin(found, "eks-irsa").Dir,
		filepath.Dir(found.Pulumi), filepath.Dir(found.LanguageHost), m.path("bin"), m.path("bin"),
	}, filepath.SplitList(found.Path()))
}

func TestAGoLanguagePluginOfPulumisIsTakenBeforeTheStandIn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(m *machine)
		want    string
	}{
		"on PATH": {func(m *machine) { m.program("pulumi-language-go", "") }, "bin/pulumi-language-go"},
		"beside a CLI that is linked into PATH": {func(m *machine) {
			m.write("opt/pulumi", "#!/bin/sh\necho v3.190.0\n", 0o700)
			m.write("opt/pulumi-language-go", "#!/bin/sh\n", 0o700)
			require.NoError(t, os.Symlink(m.path("opt/pulumi"), m.path("bin/pulumi")))
		}, "opt/pulumi-language-go"},
		"beside a CLI that is too old": {func(m *machine) {
			m.program("pulumi", "echo v3.100.0")
			m.program("pulumi-language-go", "")
		}, "bin/pulumi-language-go"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			test.prepare(m)

			found, err := tools.Ensure(t.Context(), m.options())

			require.NoError(t, err)
			assert.Equal(t, m.path(test.want), found.LanguageHost)
			assert.Contains(t, filepath.SplitList(found.Path()), filepath.Dir(found.LanguageHost))
			assert.NotContains(t, strings.Join(m.calls()["go build"], "\n"), "pulumi-language-go")
		})
	}
}

func TestACLIOnThePathWithoutALanguagePluginGetsTheStandIn(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.program("pulumi", "echo v3.190.0")

	found, err := tools.Ensure(t.Context(), m.options())

	require.NoError(t, err)
	assert.Equal(t, m.path("bin/pulumi"), found.Pulumi)
	assert.FileExists(t, found.LanguageHost)
	assert.Contains(t, filepath.SplitList(found.Path()), filepath.Dir(found.LanguageHost))
}

func TestArgoCDsLoginIsBuiltOnDemandAndHasTheNameOfItsPluginToo(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	_, err := tools.Ensure(t.Context(), m.options())
	require.NoError(t, err)
	assert.NotContains(t, strings.Join(m.calls()["go build"], "\n"), "argocd", "nothing but a test wants it")

	dir, err := tools.ArgoCD(t.Context(), m.options())
	require.NoError(t, err)
	built := len(m.calls()["go build"])
	again, err := tools.ArgoCD(t.Context(), m.options())
	require.NoError(t, err)

	assert.Equal(t, dir, again)
	assert.Len(t, m.calls()["go build"], built, "nothing is built again")
	program, err := filepath.EvalSymlinks(filepath.Join(dir, "argocd-k8s-auth"))
	require.NoError(t, err)
	assert.Equal(t, "argocd-login", filepath.Base(program))

	m.write("go-version", "go1.100", 0o600)
	again, err = tools.ArgoCD(t.Context(), m.options())
	require.NoError(t, err, "the second name is there already")
	assert.Equal(t, dir, again)
	assert.Len(t, m.calls()["go build"], built+1)
}

func TestTheModuleIsFoundFromTheRepositorysRootToo(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	root, err := filepath.Abs("../../../go.mod")
	require.NoError(t, err)
	m.write("go-mod", root, 0o600)

	_, err = tools.ControlPlane(t.Context(), m.options())

	assert.NoError(t, err)
}

func TestAMachineThatIsNotFitIsTold(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*machine)
		want  string
	}{
		"no Go":               {func(m *machine) { m.remove("bin/go") }, "the sandbox is built with Go: go: not on PATH"},
		"no Python":           {func(m *machine) { m.remove("bin/python3") }, "python3: not on PATH"},
		"another repository":  {func(m *machine) { m.write("go-mod", m.path("go.mod"), 0o600) }, "run in the repository of eks-irsa"},
		"no module":           {func(m *machine) { m.write("go-mod", "/dev/null", 0o600) }, "run in the repository of eks-irsa"},
		"a module is missing": {func(m *machine) { m.write("kubernetes-version", "", 0o600) }, `k8s.io/kubernetes has the version ""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			test.spoil(m)

			_, err := tools.Ensure(t.Context(), m.options())

			assert.ErrorContains(t, err, test.want)
		})
	}
}

// machine is a computer with its own programs and cache: a Go tool that builds nothing, and a Python that installs
// nothing, but that both say what they were asked for.
type machine struct {
	t          *testing.T
	dir, cache string
	log        *bytes.Buffer
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir(), cache: t.TempDir(), log: &bytes.Buffer{}}
	goMod, err := filepath.Abs("../go.mod")
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(m.path("bin"), 0o700))
	m.write("go-mod", goMod, 0o600)
	m.write("go-version", "go1.99", 0o600)
	m.write("kubernetes-version", "v1.99.2", 0o600)
	m.program("go", `
case "$1" in
env) echo '{"GOMOD":"'$(cat $M/go-mod)'","GOVERSION":"'$(cat $M/go-version)'","GOOS":"plan9","GOARCH":"mips"}' ;;
list)
	echo "github.com/pulumi/pulumi/pkg/v3 v3.999.1"; echo "k8s.io/kubernetes $(cat $M/kubernetes-version)"
	for module in aws/sdk/v6 eks/sdk/v2 kubernetes/sdk/v4; do echo "github.com/pulumi/pulumi-$module v${module#*/sdk/v}.1.0"; done ;;
build)
	echo "go build|$*" >> $M/calls
	while [ "$1" != -o ]; do shift; done
	echo half > "$2"
	[ ! -e $M/broken-build ] || { echo "main.go:1:1: the compiler's words" >&2; exit 1; }
	sleep 0.2
	chmod +x "$2" ;;
esac`)
	m.program("python3", `
[ "$1 $2 $3" = "-m venv --clear" ] || exit 1
rm -rf "$4"; mkdir -p "$4/bin"
cat > "$4/bin/python" <<PIP
#!/bin/sh
echo "pip|\$*" >> $M/calls
[ ! -e $M/broken-pip ] || { echo "ERROR: pip's words" >&2; exit 1; }
for program in aws moto_server; do echo > $4/bin/\$program; chmod +x $4/bin/\$program; done
PIP
chmod +x "$4/bin/python"`)
	return m
}

func (m *machine) options() tools.Options {
	return tools.Options{Log: m.log, Cache: m.cache, Path: m.path("bin"), PulumiHome: m.path("home")}
}

// moto puts a moto_server with that version on the path, unless it is empty.
func (m *machine) moto(version string) {
	if version == "" {
		return
	}
	m.program("python-of-moto", "echo "+version)
	m.write("bin/moto_server", "#!"+m.path("bin/python-of-moto")+"\n", 0o700)
}

// aws puts an AWS CLI with that version on the path, unless it is empty.
func (m *machine) aws(version string) {
	if version != "" {
		m.program("aws", fmt.Sprintf("echo aws-cli/%s Python/3.11.7 Linux/6", version))
	}
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) program(name, script string) {
	m.t.Helper()
	m.write(filepath.Join("bin", name), "#!/bin/sh\nM="+m.dir+"\n"+script+"\n", 0o700)
}

func (m *machine) write(name, content string, mode os.FileMode) {
	m.t.Helper()
	require.NoError(m.t, os.MkdirAll(filepath.Dir(m.path(name)), 0o700))
	require.NoError(m.t, os.WriteFile(m.path(name), []byte(content), mode))
}

// plugin is the one of that name.
func (m *machine) plugin(found *tools.Tools, name string) tools.Plugin {
	m.t.Helper()
	for _, plugin := range found.Plugins {
		if plugin.Name == name {
			return plugin
		}
	}
	require.Fail(m.t, "there is no plugin", name)
	return tools.Plugin{}
}

func (m *machine) remove(name string) {
	m.t.Helper()
	require.NoError(m.t, os.Remove(m.path(name)))
}

// calls returns what the programs were asked for, by kind.
func (m *machine) calls() map[string][]string {
	m.t.Helper()
	content, err := os.ReadFile(m.path("calls"))
	if !os.IsNotExist(err) {
		require.NoError(m.t, err)
	}
	calls := map[string][]string{}
	for line := range strings.Lines(string(content)) {
		kind, arguments, _ := strings.Cut(strings.TrimSpace(line), "|")
		calls[kind] = append(calls[kind], arguments)
	}
	return calls
}
