// Command leaveawsauth plans a cluster's way out of the ConfigMap aws-auth: for each line the access entry that replaces it, what has
// no equivalent, and what comes first. It changes nothing and needs no credentials:
//
//	kubectl get configmap aws-auth -n kube-system -o yaml | go run ./stacks/leaveawsauth --cluster prod-main
//
// It exits with 0 where every line has an equivalent or gives nothing, with 2 where one has none, and with 1 where it failed.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks/awsauth"
)

// What the command exits with, beside 0.
const (
	failed     = 1
	incomplete = 2
)

func main() {
	complete, err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(failed)
	case !complete:
		os.Exit(incomplete)
	}
}

// run reports whether every line has an equivalent.
func run(args []string, in io.Reader, out, messages io.Writer) (complete bool, err error) {
	flags := flag.NewFlagSet("leaveawsauth", flag.ContinueOnError)
	flags.SetOutput(messages)
	cluster := flags.String("cluster", "", "the EKS cluster's `name`")
	key := flags.String("key", "", "the cluster's `key` in the configuration (default: its name)")
	mode := flags.String("mode", string(components.AuthenticationModeConfigMap), "the authentication `mode` that the cluster has now")
	account := flags.String("account", "", "the cluster's `account`, to which the roles of nodes must belong")
	managed := flags.String("managed", "", "`names` of the roles of managed node groups and Fargate profiles, with commas between them")
	roles := flags.String("roles", "", "`file` with what `aws iam list-roles` prints, which has the paths of roles")
	asJSON := flags.Bool("json", false, "write JSON")
	asYAML := flags.Bool("yaml", false, "write the entries as configuration")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	facts := awsauth.Facts{Account: *account, Managed: strings.FieldsFunc(*managed, func(r rune) bool { return r == ',' || r == ' ' })}
	known := components.AuthenticationMode(*mode)
	switch {
	case flags.NArg() > 0:
		return false, fmt.Errorf("unexpected %q; the ConfigMap is read from standard input", flags.Args())
	case components.ValidateClusterName(*cluster) != nil:
		return false, fmt.Errorf("--cluster: %w", components.ValidateClusterName(*cluster))
	case !known.AllowsAwsAuth():
		return false, fmt.Errorf("--mode: %q is neither CONFIG_MAP nor API_AND_CONFIG_MAP, the modes that read aws-auth", *mode)
	case *account != "" && !regexp.MustCompile(`^\d{12}$`).MatchString(*account):
		return false, fmt.Errorf("--account: %q is not an account of 12 digits", *account)
	case *asJSON && *asYAML:
		return false, errors.New("--json and --yaml: give one of them")
	}
	if facts.RoleARNs, err = readRoles(*roles); err != nil {
		return false, err
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return false, fmt.Errorf("reading the ConfigMap: %w", err)
	}
	lines, err := awsauth.ReadConfigMap(text)
	if err != nil {
		return false, err
	}
	if *key == "" {
		key = cluster
	}
	plan := awsauth.NewPlan(*cluster, *key, known, lines, facts)
	write := plan.WriteTable
	if *asJSON {
		write = plan.WriteJSON
	}
	if *asYAML {
		write = plan.WriteYAML
	}
	return plan.Complete(), write(out)
}

// readRoles reads the ARNs of roles.
func readRoles(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fmt.Errorf("--roles: %w", err)
	}
	var listed struct {
		Roles []struct{ Arn string }
	}
	if err := json.Unmarshal(text, &listed); err != nil {
		return nil, fmt.Errorf("--roles: reading %s: %w", file, err)
	}
	if len(listed.Roles) == 0 {
		return nil, fmt.Errorf("--roles: %s has no Roles; write it with: aws iam list-roles --output json", file)
	}
	var arns []string
	for _, role := range listed.Roles {
		arns = append(arns, role.Arn)
	}
	return arns, nil
}
