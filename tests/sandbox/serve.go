package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Serve deploys the dev environment, prints how to look around, and keeps all of it running until the context ends.
func Serve(ctx context.Context, repository string, terminal Terminal) (err error) {
	out := terminal.Progress
	s, stack, err := Deploy(ctx, repository, out)
	if s != nil {
		defer func() { err = errors.Join(err, s.Close()) }()
	}
	if err != nil {
		return err
	}
	inventory, err := s.TakeInventory(ctx)
	if err != nil {
		return err
	}
	s.PrintTables(out, inventory)
	if err := s.showProofs(ctx, terminal); err != nil {
		return err
	}
	if err := s.PrintLookAround(out, stack); err != nil {
		return err
	}
	<-ctx.Done()
	s.logf("ending the sandbox")
	return nil
}

// PrintLookAround says how to look around from another terminal: lines to paste, and commands to try. The AWS CLI and Pulumi
// are those of the sandbox; kubectl is the user's own, and what needs it is left out where there is none.
func (s *Sandbox) PrintLookAround(out io.Writer, stack *Stack) error {
	kubeconfig := filepath.Join(s.Dir, "kubeconfig")
	if err := s.Clusters.WriteKubeconfig(kubeconfig, s.Tools.AWS); err != nil {
		return err
	}
	env := s.PulumiEnv(stack.Dir())
	env["KUBECONFIG"] = kubeconfig
	var lines strings.Builder
	// A profile, a session token or another stack of the user's would win over some of these, or spoil them.
	lines.WriteString("\nTo look around, paste this into another terminal:\n\nunset $(env | grep -oE '^(AWS|PULUMI)_[A-Z0-9_]+')\n")
	for _, name := range sortedKeys(env) {
		fmt.Fprintf(&lines, "export %s=%s\n", name, shellQuoted(env[name]))
	}
	lines.WriteString("\nand try, for example:\n\n")
	for _, command := range s.lookAround(stack) {
		fmt.Fprintf(&lines, "  %s\n", command)
	}
	if !s.hasKubectl() {
		lines.WriteString("\nThere is no kubectl on PATH. With one you can look into the clusters, too: KUBECONFIG knows them by their names.\n")
	}
	lines.WriteString("\nCtrl-C ends the sandbox and removes everything.\n")
	_, err := io.WriteString(out, lines.String())
	return err
}

// lookAround are commands for the dev environment.
func (s *Sandbox) lookAround(stack *Stack) []string {
	commands := []string{"aws iam list-roles --query 'Roles[].Arn'"}
	if s.hasKubectl() {
		commands = append(commands,
			"kubectl config get-contexts",
			"kubectl get serviceaccounts -A",
			"kubectl --context dev-hub logs -n payments job/s3-backup-irsa-test",
			"kubectl --context dev-hub exec iam-role-test-irsa-shell -- aws sts get-caller-identity",
		)
	}
	return append(commands, "pulumi -C "+shellQuoted(stack.Dir())+" stack output")
}

func (s *Sandbox) hasKubectl() bool {
	for _, dir := range filepath.SplitList(s.Tools.Path()) {
		info, err := os.Stat(filepath.Join(dir, "kubectl"))
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return true
		}
	}
	return false
}

// shellQuoted is a text as a POSIX shell takes it for one word, whatever is in it.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
