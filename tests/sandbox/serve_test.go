package sandbox_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// Every command that `make sandbox` prints is pasted into a terminal of somebody who works with AWS and Pulumi otherwise.
func TestWhatMakeSandboxPrintsWorksWhenPasted(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.up(t)
	var printed bytes.Buffer
	require.NoError(t, e.PrintLookAround(&printed, e.stack))

	setup, commands := pasted(t, printed.String())
	shows := map[string][]string{
		"aws iam list-roles": {
			`"arn:aws:iam::` + sandbox.Account + `:role/eks-payments-s3-backup"`, `"arn:aws:iam::` + sandbox.Account + `:role/iam-role-test"`,
		},
		"pulumi -C ": {"Current stack outputs", "argocdTargets"},
	}
	if _, err := exec.LookPath("kubectl"); err == nil {
		shows["kubectl config get-contexts"] = []string{"dev-hub", "dev-workloads-eu", "dev-workloads-us"}
		shows["kubectl get serviceaccounts -A"] = []string{"payments", "s3-backup", "iam-role-test"}
		shows["kubectl --context dev-hub logs"] = []string{`"pod":"hub/payments/s3-backup-irsa-test"`}
		shows["kubectl --context dev-hub exec"] = []string{`"Arn": "arn:aws:sts::` + sandbox.Account + `:assumed-role/iam-role-test/`}
	} else {
		assert.Contains(t, printed.String(), "There is no kubectl on PATH.")
	}
	assert.Len(t, commands, len(shows))
	for beginning, texts := range shows {
		output := paste(t, setup, oneThatBegins(t, commands, beginning))
		for _, text := range texts {
			assert.Contains(t, output, text, beginning)
		}
	}
}

// pasted are the lines to set a terminal up, and the commands to try.
func pasted(t *testing.T, printed string) (setup string, commands []string) {
	t.Helper()
	_, after, found := strings.Cut(printed, "paste this into another terminal:\n\n")
	require.True(t, found, printed)
	setup, after, found = strings.Cut(after, "\n\nand try, for example:\n\n")
	require.True(t, found, printed)
	for line := range strings.Lines(after) {
		command, indented := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "  ")
		if !indented {
			break
		}
		commands = append(commands, command)
	}
	require.NotEmpty(t, commands, printed)
	return setup, commands
}

func oneThatBegins(t *testing.T, commands []string, beginning string) string {
	t.Helper()
	var found []string
	for _, command := range commands {
		if strings.HasPrefix(command, beginning) {
			found = append(found, command)
		}
	}
	require.Len(t, found, 1, "%q among %q", beginning, commands)
	return found[0]
}

// paste runs a command in a terminal that was set up.
func paste(t *testing.T, setup, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-c", setup+"\n"+command)
	bash.Dir = t.TempDir()
	bash.Env = append(os.Environ(), "AWS_PROFILE=work", "AWS_SESSION_TOKEN=of-work", "AWS_ENDPOINT_URL_IAM=http://127.0.0.1:1",
		"PULUMI_STACK=work", "KUBECONFIG=/of/work")
	output, err := bash.CombinedOutput()
	require.NoError(t, err, "%s\n%s", command, output)
	return string(output)
}
