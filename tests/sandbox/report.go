package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

// Terminal is where a command of the sandbox prints.
type Terminal struct {
	// Progress takes everything that is for people.
	Progress io.Writer
	// JSON, if set, takes the proofs as JSON, and they are no table then.
	JSON io.Writer
}

// printProofs prints the proofs, for people or for programs.
func (t Terminal) printProofs(proofs *Proofs) error {
	if t.JSON != nil {
		encoder := json.NewEncoder(t.JSON)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			*Proofs
			Proven bool `json:"proven"`
		}{proofs, proofs.Err() == nil})
	}
	var identities, logins [][]string
	for _, proof := range proofs.Identities {
		identities = append(identities, []string{
			proof.Cluster, proof.Namespace, proof.ServiceAccount, orDash(proof.Via), proof.ExpectedRole, orDash(proof.Identity),
			orDash(proof.Check), orDash(proof.NegativeTest), proof.Verdict,
		})
	}
	for _, login := range proofs.Logins {
		logins = append(logins, []string{
			login.Hub, login.Target, login.ServiceAccount, login.ExpectedRole, orDash(login.Identity), login.Verdict,
		})
	}
	table(t.Progress, "PROOF: who the pods are",
		[]string{"CLUSTER", "NAMESPACE", "SERVICE ACCOUNT", "VIA", "EXPECTED ROLE", "IDENTITY BY STS", "CHECK", "NEGATIVE TEST", "VERDICT"}, identities)
	table(t.Progress, "PROOF: Argo CD logs in",
		[]string{"HUB", "TARGET", "SERVICE ACCOUNT", "EXPECTED ROLE", "IDENTITY BY THE TARGET", "VERDICT"}, logins)
	return nil
}

// printMap prints who may become what, for people.
func (t Terminal) printMap(who *trust.Map) error {
	var out strings.Builder
	out.WriteString("\nWHO MAY BECOME WHAT\n")
	for line := range strings.Lines(who.Text()) {
		out.WriteString("  " + line)
	}
	_, err := io.WriteString(t.Progress, out.String())
	return err
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

	printAssociations(out, inventory)

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

// printAssociations shows EKS Pod Identity associations where there are any.
func printAssociations(out io.Writer, inventory *Inventory) {
	if len(inventory.Associations) == 0 {
		return
	}
	var associations [][]string
	for _, a := range inventory.Associations {
		associations = append(associations, []string{a.Cluster, a.Namespace, a.ServiceAccount, a.RoleArn})
	}
	table(out, "EKS POD IDENTITY", []string{"CLUSTER", "NAMESPACE", "SERVICE ACCOUNT", "ROLE"}, associations)
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
