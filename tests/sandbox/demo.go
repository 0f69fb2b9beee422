package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
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

// Terminal is where a command of the sandbox prints.
type Terminal struct {
	// Progress takes everything that is for people.
	Progress io.Writer
	// JSON, if set, takes the proofs as JSON, and they are no table then.
	JSON io.Writer
}

// Demo deploys the dev environment, takes it down again and ends with tables of what there was, the proofs last. It fails
// when something is not proven or is left behind.
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
	return errors.Join(terminal.printProofs(proofs), proofs.Err())
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
	for _, object := range slices.Concat(left.IrsaServiceAccounts(), left.ArgoCDSecrets(), left.Jobs, left.Pods) {
		faults = append(faults, fmt.Errorf("%s is left", object))
	}
	return errors.Join(faults...)
}

// PrintTables shows what there is, for people.
func (s *Sandbox) PrintTables(out io.Writer, inventory *Inventory) {
	issuers := map[string]*eks.Cluster{}
	var clusters [][]string
	for _, c := range s.Clusters.All {
		issuers[strings.TrimPrefix(c.Issuer, "https://")] = c
		clusters = append(clusters, []string{c.Name, c.Region, c.AuthenticationMode, c.Endpoint})
	}
	table(out, "CLUSTERS", []string{"NAME", "REGION", "AUTHENTICATION", "ENDPOINT"}, clusters)

	var providers [][]string
	for _, provider := range inventory.OidcProviders {
		_, issuer, _ := strings.Cut(provider.Arn, "oidc-provider/")
		name, origin := issuer, "adopted"
		if c := issuers[issuer]; c != nil {
			name = c.Name
		}
		if provider.Created() {
			origin = "created"
		}
		providers = append(providers, []string{name, origin, provider.Arn})
	}
	table(out, "OIDC PROVIDERS", []string{"CLUSTER", "", "ARN"}, providers)

	var roles [][]string
	for _, role := range inventory.Roles {
		policies := append(append([]string{}, role.Attached...), sortedKeys(role.Inline)...)
		for i, policy := range policies {
			policies[i] = policy[strings.LastIndex(policy, "/")+1:]
		}
		roles = append(roles, []string{role.Arn, orDash(strings.Join(policies, ", "))})
	}
	table(out, "ROLES", []string{"ARN", "POLICIES"}, roles)

	var accounts [][]string
	for _, account := range inventory.IrsaServiceAccounts() {
		accounts = append(accounts, []string{
			account.Cluster, account.Namespace, account.Name, account.Annotations[roleArnAnnotation],
		})
	}
	table(out, "SERVICE ACCOUNTS", []string{"CLUSTER", "NAMESPACE", "NAME", "ROLE"}, accounts)

	var secrets [][]string
	for _, secret := range inventory.ArgoCDSecrets() {
		secrets = append(secrets, []string{secret.Cluster, secret.Namespace, secret.Name, secret.Data["name"], secret.Data["server"]})
	}
	table(out, "ARGO CD CLUSTER SECRETS", []string{"CLUSTER", "NAMESPACE", "SECRET", "TARGET", "SERVER"}, secrets)

	var access [][]string
	for _, entry := range inventory.AccessEntries {
		access = append(access, []string{
			entry.Cluster, entry.PrincipalArn, orDash(strings.Join(entry.Policies, "; ")), orDash(strings.Join(entry.Groups, ", ")),
		})
	}
	table(out, "ACCESS", []string{"CLUSTER", "ROLE", "POLICIES", "GROUPS"}, access)
}

func table(out io.Writer, title string, header []string, rows [][]string) {
	writer := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(writer, "\n%s\n", title)
	for _, row := range append([][]string{header}, rows...) {
		_, _ = fmt.Fprintf(writer, "  %s\n", strings.Join(row, "\t"))
	}
	_ = writer.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
