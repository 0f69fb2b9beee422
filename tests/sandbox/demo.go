package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

// adoptedCluster is the dev cluster whose OIDC provider is there before the stack comes, so that the demo shows both: a
// provider that is adopted, and others that are created.
const adoptedCluster = "dev-workloads-eu"

// Deploy boots a sandbox for the repository's Pulumi.dev.yaml and brings the stack up. A person waits for it, so Pulumi's
// plugins may be downloaded. The sandbox is given even with an error, unless it did not start, so that the caller closes it.
func Deploy(ctx context.Context, repository string, log io.Writer) (*Sandbox, *Stack, error) {
	plugins, err := tools.ChoosePlugins(os.Getenv(tools.PluginsVariable), true)
	if err != nil {
		return nil, nil, err
	}
	settings, err := ReadSettings(repository)
	if err != nil {
		return nil, nil, err
	}
	clusters, err := settings.Clusters()
	if err != nil {
		return nil, nil, err
	}
	s, err := Boot(ctx, Options{Clusters: clusters, Log: log, Plugins: plugins})
	if err != nil {
		return nil, nil, err
	}
	for _, c := range s.Clusters.All {
		if c.Name == adoptedCluster {
			s.logf("registering the OIDC provider of %s as another tool would", c.Name)
			if _, err := s.RegisterOidcProvider(ctx, c, map[string]string{"created-by": "another tool"}); err != nil {
				return s, nil, err
			}
		}
	}
	stack, err := s.NewStack(ctx, repository, settings)
	if err != nil {
		return s, nil, err
	}
	s.logf("pulumi up")
	started := time.Now()
	if _, err := stack.Up(ctx); err != nil {
		return s, stack, fmt.Errorf("pulumi up: %w", err)
	}
	s.logf("pulumi up took %s", since(started))
	return s, stack, nil
}

// Outputs deploys the dev environment, prints the stack's outputs as JSON and ends.
func Outputs(ctx context.Context, repository string, terminal Terminal) (err error) {
	s, stack, err := Deploy(ctx, repository, terminal.Progress)
	if s != nil {
		defer func() { err = errors.Join(err, s.Close()) }()
	}
	if err != nil {
		return err
	}
	outputs, err := stack.Outputs()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(terminal.JSON, "%s\n", outputs)
	return err
}

// Demo deploys the dev environment, takes it down again and ends with tables of what there was, the proofs and the map of who may
// become what last. It fails when something is not proven or is left behind.
func Demo(ctx context.Context, repository string, terminal Terminal) (err error) {
	started := time.Now()
	s, stack, err := Deploy(ctx, repository, terminal.Progress)
	if s == nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err != nil {
		return errors.Join(s.showProofs(ctx, terminal), err)
	}
	calls := len(s.Endpoint.Calls())
	who, err := stack.TrustMap()
	if err != nil {
		return err
	}
	inventory, err := s.TakeInventory(ctx)
	if err != nil {
		return err
	}
	proofs, err := s.Prove(ctx)
	if err != nil {
		return err
	}
	s.logf("pulumi destroy")
	if err := stack.Destroy(ctx); err != nil {
		return fmt.Errorf("pulumi destroy: %w", err)
	}
	if err := s.checkNothingLeft(ctx); err != nil {
		return err
	}
	s.PrintTables(terminal.Progress, inventory)
	s.logf("\n%d AWS calls made this; destroy left only what was there before. All of it took %s.\nTo look around: make sandbox",
		calls, since(started))
	return errors.Join(terminal.printProofs(proofs), terminal.printMap(who), proofs.Err())
}

// showProofs shows which identities are proven after an update that failed; its error comes last.
func (s *Sandbox) showProofs(ctx context.Context, terminal Terminal) error {
	proofs, err := s.Prove(ctx)
	if err != nil {
		return err
	}
	return terminal.printProofs(proofs)
}

// checkNothingLeft fails when something is there that neither the sandbox nor another tool made.
func (s *Sandbox) checkNothingLeft(ctx context.Context) error {
	left, err := s.TakeInventory(ctx)
	if err != nil {
		return err
	}
	var faults []error
	for _, provider := range left.OidcProviders {
		if provider.Created() {
			faults = append(faults, fmt.Errorf("OIDC provider %s is left", provider.Arn))
		}
	}
	for _, role := range left.Roles {
		faults = append(faults, fmt.Errorf("role %s is left", role.Arn))
	}
	for _, policy := range left.Policies {
		faults = append(faults, fmt.Errorf("policy %s is left", policy))
	}
	for _, bucket := range left.Buckets {
		faults = append(faults, fmt.Errorf("bucket %s is left", bucket))
	}
	for _, entry := range left.AccessEntries {
		faults = append(faults, fmt.Errorf("the access entry of %s in %s is left", entry.PrincipalArn, entry.Cluster))
	}
	for _, a := range left.Associations {
		faults = append(faults, fmt.Errorf("the association of %s/%s in %s is left", a.Namespace, a.ServiceAccount, a.Cluster))
	}
	for _, object := range slices.Concat(left.IrsaServiceAccounts(), left.ArgoCDSecrets(), left.Jobs, left.Pods) {
		faults = append(faults, fmt.Errorf("%s is left", object))
	}
	return errors.Join(faults...)
}
