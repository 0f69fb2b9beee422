package main

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// grown are figures that grow with a power of the roles; ours are so many times the others.
func grown(ratio, exponent float64, roles ...int) figures {
	f := figures{}
	for _, checkpoints := range []string{"none", "file"} {
		for _, n := range roles {
			for _, operation := range operations {
				seconds := math.Pow(float64(n), exponent)
				f[figure{checkpoints, n, operation, plain}] = []cost{{seconds: seconds, cpu: seconds, calls: 7}}
				f[figure{checkpoints, n, operation, ours}] = []cost{{seconds: ratio * seconds, cpu: ratio * seconds, calls: 7}}
			}
		}
	}
	return f
}

func texts(verdicts []verdict) string {
	var all []string
	for _, v := range verdicts {
		all = append(all, v.text)
	}
	return strings.Join(all, "\n")
}

func TestBenchJudgesWhatIsPromised(t *testing.T) {
	t.Parallel()
	plan := plan{roles: []int{50, 200}, runs: 1}
	assert.Equal(t, "kept: 1.10, and of CPU 1.10\nkept: 1.10, and of CPU 1.10\nkept: 1.10, and of CPU 1.10\nkept: 1.10, and of CPU 1.10\n"+
		"kept: 1.00\nkept: 1.00\nkept: 1.00\nkept: 1.00\nkept: 7, 7", texts(grown(1.1, 1, 50, 200).verdicts(plan)))
	assert.Equal(t, "NOT KEPT: 1.50, and of CPU 1.50\nNOT KEPT: 1.50, and of CPU 1.50\nNOT KEPT: 1.50, and of CPU 1.50\n"+
		"kept: 1.50, and of CPU 1.50\nNOT KEPT: 2.00\nNOT KEPT: 2.00\nNOT KEPT: 2.00\nNOT KEPT: 2.00\nkept: 7, 7",
		texts(grown(1.5, 2, 50, 200).verdicts(plan)))

	more := grown(1, 1, 50, 200)
	more[figure{"none", 200, preview, ours}][0].calls = 8
	assert.Contains(t, texts(more.verdicts(plan)), "NOT KEPT: 7, 8")
}

func TestBenchSaysWhatItHasNotMeasured(t *testing.T) {
	t.Parallel()
	plan := plan{roles: []int{50}, runs: 1}
	assert.Equal(t, strings.TrimSuffix(strings.Repeat("not measured\n", 9), "\n"), texts(grown(1, 1, 50).verdicts(plan)))
}

func TestBenchTakesTheMedianOfEveryFigure(t *testing.T) {
	t.Parallel()
	key := figure{"none", 50, up, ours}
	f := figures{key: {{seconds: 9, calls: 1}, {seconds: 1, calls: 2}, {seconds: 2, calls: 9}}}
	assert.Equal(t, &cost{seconds: 2, calls: 2}, f.median(key))
	f[key] = f[key][:2]
	assert.Equal(t, &cost{seconds: 5, calls: 1.5}, f.median(key))
	assert.Nil(t, f.median(figure{}))
}

func TestBenchPrintsOneTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	f := grown(1.1, 1, 50, 200)
	delete(f, figure{"file", 200, up, ours})
	f[figure{"", 50, up, byTerraform}] = []cost{{seconds: 31}}
	f.print(&out, plan{roles: []int{50, 200}, runs: 1, noTerraform: "it is not there"})
	text := strings.Join(strings.Fields(out.String()), " ")
	assert.Contains(t, text, "none 50 up 55.0 / 50.0 1.10 55.0 / 50.0 1.10 7 / 7 0 / 0 0 / 0 0.00 / 0.00 31.0")
	assert.Contains(t, text, "file 200 preview 220.0 / 200.0")
	assert.NotContains(t, text, "file 200 up")
	assert.Contains(t, text, "0.00 / 0.00 - Terraform is not measured: it is not there")
	assert.Contains(t, text, "none destroy 1.00 1.00")
}

func TestBenchTakesNumbersOfRoles(t *testing.T) {
	t.Parallel()
	p, err := parse(nil)
	require.NoError(t, err)
	assert.Equal(t, plan{roles: []int{50, 200, 1000}, runs: 1, checkpointed: 200}, p)
	p, err = parse([]string{"-runs", "3", "200", "50", "50"})
	require.NoError(t, err)
	assert.Equal(t, plan{roles: []int{50, 200}, runs: 3, checkpointed: 200}, p)
	_, err = parse([]string{"many"})
	require.ErrorContains(t, err, `"many" is no number of roles`)
	_, err = parse([]string{"-runs", "0"})
	require.ErrorContains(t, err, "measure once at least")
}

func TestBenchDeclaresAPlatformThatIsValid(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(platformOf(7))
	require.NoError(t, err)
	config, err := stacks.ParseConfig(string(text), "")
	require.NoError(t, err)
	assert.Len(t, config.Roles, 7)
	assert.Len(t, config.Clusters, 3)
	assert.Len(t, clusters(), 3)
}

func TestBenchSaysWhyTerraformIsNotMeasured(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "no provider", reason(errors.New("terraform init: exit status 1\n│ Error: no provider\n│ \n│ Error: no other")))
	assert.Equal(t, "not found", reason(errors.New("not found")))
}

// The module is compared with what Terraform itself makes of it, where there is one.
func TestBenchWritesAModuleInTheFormOfTerraform(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, writeModule(dir, 3))
	module, err := os.ReadFile(filepath.Join(dir, "main.tf"))
	require.NoError(t, err)
	for _, resource := range []string{"aws_iam_role", "aws_iam_role_policy"} {
		assert.Contains(t, string(module), "resource \""+resource+"\"")
	}
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		return
	}
	output, err := exec.CommandContext(t.Context(), terraform, "fmt", "-check", "-diff", dir).CombinedOutput()
	require.NoError(t, err, string(output))
}
