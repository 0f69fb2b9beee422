package awsauth

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// Plan is the way of a cluster out of aws-auth.
type Plan struct {
	// Cluster is the EKS cluster's name, and Key is its key in the configuration.
	Cluster string `json:"cluster"`
	Key     string `json:"key"`
	// Mode is the authentication mode that the cluster has now.
	Mode components.AuthenticationMode `json:"authenticationMode"`
	// Steps are the lines and what replaces them.
	Steps []Step `json:"steps"`
	// Order is what is to be done, one after the other.
	Order []string `json:"order"`
}

// NewPlan plans the way of a cluster.
func NewPlan(cluster, key string, mode components.AuthenticationMode, lines []Line, facts Facts) Plan {
	plan := Plan{Cluster: cluster, Key: key, Mode: mode, Steps: Replace(lines, facts)}
	plan.Order = plan.order()
	return plan
}

// Complete reports whether every line has an equivalent, or gives nothing today.
func (p Plan) Complete() bool {
	for _, step := range p.Steps {
		if step.Verdict == None || step.Verdict == Less || step.Verdict == Incomplete {
			return false
		}
	}
	return true
}

// order is what is to be done from the present mode on. The modes go one way and one step at a time, and with each the entries must be
// there before what they replace is not read any more.
//
// https://docs.aws.amazon.com/eks/latest/userguide/setting-up-access-entries.html
// https://docs.aws.amazon.com/eks/latest/userguide/migrating-access-entries.html
func (p Plan) order() []string {
	change := "aws eks update-cluster-config --name " + p.Cluster + " --access-config authenticationMode="
	list := "aws eks list-access-entries --cluster-name " + p.Cluster
	var order []string
	if p.Mode == components.AuthenticationModeConfigMap {
		order = append(order,
			"change the mode, which has no way back: "+change+string(components.AuthenticationModeAPIAndConfigMap),
			"wait until the cluster is ACTIVE, and see which entries EKS made: for the cluster's creator, and for managed node groups and "+
				"Fargate profiles in the place of their lines: "+list)
	}
	if p.Mode.AllowsAwsAuth() {
		order = append(order,
			"add the entries of this plan (--yaml) to clusters."+p.Key+".access, those of nodes first, and run pulumi up; an entry wins over its "+
				"line from then on, and without the entry the line counts again",
			"see that the nodes are Ready, start one more, and log in as each role and user",
			"see that every role of nodes has an entry, as aws-auth is not read any more after this, and change the mode, which has no way "+
				"back: "+change+string(components.AuthenticationModeAPI))
	}
	return append(order, "remove what aws-auth still says: kubectl delete configmap aws-auth -n kube-system")
}

// WriteTable writes the plan for people: the lines, the order, and last what has no equivalent.
func (p Plan) WriteTable(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	write := func(cells ...string) { _, _ = fmt.Fprintln(table, strings.Join(cells, "\t")) } // Flush gives the error
	write("LINE", "PRINCIPAL", "TYPE", "USER NAME", "GROUPS", "ACCESS POLICIES", "VERDICT")
	for _, step := range p.Steps {
		cells := []string{"-", "-", "-", "-"}
		if entry := step.Entry; entry != nil {
			cells = []string{string(entry.Type), orDash(entry.username()), orDash(entry.KubernetesGroups...), orDash(entry.Policies...)}
		}
		write(append(append([]string{step.Place, orDash(step.Principal)}, cells...), string(step.Verdict))...)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text := fmt.Sprintf("\nTo be done, from the mode %s:\n", p.Mode)
	for i, step := range p.Order {
		text += fmt.Sprintf("  %d. %s\n", i+1, step)
	}
	text += p.remarks("Notes", func(step Step) []string { return step.Notes })
	text += p.remarks("Without an equivalent", func(step Step) []string { return step.Lost })
	_, err := io.WriteString(out, text)
	return err
}

func (p Plan) remarks(title string, of func(Step) []string) string {
	text := ""
	for _, step := range p.Steps {
		for _, remark := range of(step) {
			text += fmt.Sprintf("  %s %s: %s\n", step.Place, step.Principal, remark)
		}
	}
	if text == "" {
		return ""
	}
	return "\n" + title + ":\n" + text
}

// username is the name in Kubernetes; without one, EKS gives its own.
func (entry *Entry) username() string {
	if entry.Username == "" {
		return "EKS's own"
	}
	return entry.Username
}

func orDash(words ...string) string {
	if text := strings.Join(words, ", "); text != "" {
		return text
	}
	return "-"
}

// WriteJSON writes the plan for programs.
func (p Plan) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(p)
}

// WriteYAML writes the entries as the configuration of the cluster, to be pasted below eks-irsa:platform. What is not complete is a
// comment.
func (p Plan) WriteYAML(out io.Writer) error {
	text := fmt.Sprintf("clusters:\n  %s:\n    access:\n", p.Key)
	for _, step := range p.Steps {
		for _, remark := range append(append([]string{}, step.Lost...), step.Notes...) {
			text += fmt.Sprintf("      # %s %s: %s\n", step.Place, step.Principal, remark)
		}
		if step.Entry != nil {
			text += step.yaml()
		}
	}
	_, err := io.WriteString(out, text)
	return err
}

// yaml is the entry of the step. Texts are written as JSON, which is YAML too, where plain ones could mean something else.
func (step Step) yaml() string {
	entry, indent := step.Entry, "      "
	if step.Verdict == Incomplete {
		indent += "# "
	}
	text := indent + quoted(entry.Key) + ":\n" + indent + "  principalArn: " + entry.PrincipalArn + "\n"
	if entry.Type != components.EntryStandard {
		text += indent + "  type: " + string(entry.Type) + "\n"
	}
	if entry.Username != "" {
		text += indent + "  username: " + quoted(entry.Username) + "\n"
	}
	if len(entry.KubernetesGroups) > 0 {
		text += indent + "  kubernetesGroups:\n"
		for _, group := range entry.KubernetesGroups {
			text += indent + "    - " + quoted(group) + "\n"
		}
	}
	if len(entry.Policies) > 0 {
		text += indent + "  policies:\n"
		for _, policy := range entry.Policies {
			text += indent + "    - policy: " + policy + "\n"
		}
	}
	return text
}

// quoted is a text in the quotes of JSON, as it is.
func quoted(text string) string {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a text can always be encoded
	return strings.TrimSpace(quoted.String())
}
