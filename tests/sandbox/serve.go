package sandbox

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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
	kubeconfig := filepath.Join(s.Dir, "kubeconfig")
	if err := s.Clusters.WriteKubeconfig(kubeconfig, s.Tools.AWS); err != nil {
		return err
	}
	env := s.PulumiEnv(stack.Dir())
	env["KUBECONFIG"] = kubeconfig
	_, _ = fmt.Fprintf(out, "\nTo look around, paste this into another terminal:\n\n")
	for _, name := range sortedKeys(env) {
		_, _ = fmt.Fprintf(out, "export %s=%q\n", name, env[name])
	}
	_, _ = fmt.Fprintf(out, `
and try, for example:

  aws iam list-roles --query 'Roles[].Arn'
  kubectl config get-contexts
  kubectl get serviceaccounts -A
  kubectl --context dev-hub logs -n payments job/s3-backup-irsa-test
  kubectl --context dev-hub exec iam-role-test-irsa-shell -- aws sts get-caller-identity
  pulumi -C %s stack output

Ctrl-C ends the sandbox and removes everything.
`, stack.Dir())
	<-ctx.Done()
	s.logf("ending the sandbox")
	return nil
}
