package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/cluster"
)

// Proof is what is known about one service account that a role is put on.
type Proof struct {
	Cluster        string `json:"cluster"`
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
	// ExpectedRole is the ARN that the service account's annotation names.
	ExpectedRole string `json:"expectedRole"`
	// Identity is what STS answered to the test pod; empty when it had no answer.
	Identity string `json:"identity"`
	// Check is that of the test pod: "passed", "none", or empty without a proof.
	Check string `json:"check"`
	// Control is how STS refused the role to the namespace's default account: "AccessDenied", "none" where there is no
	// control, or empty without a proof.
	Control string `json:"control"`
	// Verdict is "proven", or why it is not.
	Verdict string `json:"verdict"`
}

const proven = "proven"

// Prove reads the logs of the test pods and controls of every cluster. It has a line for each service account with a
// role, and trusts the pods in nothing but what STS told them.
func (s *Sandbox) Prove(ctx context.Context) ([]Proof, error) {
	var proofs []Proof
	for _, c := range s.Clusters.All {
		found, err := proveCluster(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("reading the proofs of cluster %q: %w", c.Name, err)
		}
		proofs = append(proofs, found...)
	}
	return proofs, nil
}

// NotProven are the verdicts that are none, as an error.
func NotProven(proofs []Proof) error {
	if len(proofs) == 0 {
		return errors.New("no service account has a role: nothing is proven")
	}
	var faults []error
	for _, proof := range proofs {
		if proof.Verdict != proven {
			faults = append(faults, fmt.Errorf("%s/%s/%s: %s", proof.Cluster, proof.Namespace, proof.ServiceAccount, proof.Verdict))
		}
	}
	return errors.Join(faults...)
}

func proveCluster(ctx context.Context, c *cluster.Cluster) ([]Proof, error) {
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	if err != nil {
		return nil, err
	}
	accounts, err := client.CoreV1().ServiceAccounts("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: components.ProofLabel})
	if err != nil {
		return nil, err
	}
	var proofs []Proof
	for i := range accounts.Items {
		account := &accounts.Items[i]
		role := account.Annotations["eks.amazonaws.com/role-arn"]
		if role == "" {
			continue
		}
		proof := Proof{Cluster: c.Name, Namespace: account.Namespace, ServiceAccount: account.Name, ExpectedRole: role, Control: "none"}
		proof.Verdict = proven
		if err := proof.read(ctx, client, pods.Items); err != nil {
			proof.Verdict = "NOT PROVEN: " + err.Error()
		}
		proofs = append(proofs, proof)
	}
	return proofs, nil
}

// read finds the account's test pod and the control of its namespace and role.
func (p *Proof) read(ctx context.Context, client kubernetes.Interface, pods []corev1.Pod) error {
	expected, err := sessionPrefix(p.ExpectedRole)
	if err != nil {
		return err
	}
	var tested bool
	for i := range pods {
		pod := &pods[i]
		if pod.Namespace != p.Namespace {
			continue
		}
		switch {
		case pod.Labels[components.ProofLabel] == "identity" && pod.Spec.ServiceAccountName == p.ServiceAccount:
			tested = true
			found, err := readProof(ctx, client, pod)
			if err != nil {
				return err
			}
			p.Identity, p.Check = found.Identity, found.Check
			if !strings.HasPrefix(found.Identity, expected) || found.Check != "passed" && found.Check != "none" {
				return errors.New("STS says it is somebody else, or its check failed")
			}
		case pod.Labels[components.ProofLabel] == "control" && roleOf(pod) == p.ExpectedRole:
			p.Control = ""
			found, err := readProof(ctx, client, pod)
			if err != nil {
				return err
			}
			p.Control = found.Refusal
			if found.Refusal != "AccessDenied" || strings.HasPrefix(found.Identity, expected) {
				return fmt.Errorf("pod %s, its control, was not refused the role", pod.Name)
			}
		}
	}
	if !tested {
		return errors.New("it has no test pod")
	}
	return nil
}

// sessionPrefix is how STS names the sessions of a role: without its path.
func sessionPrefix(roleArn string) (string, error) {
	arn, err := iampolicy.ParseArn(roleArn)
	if err != nil {
		return "", err
	}
	name := arn.Resource[strings.LastIndex(arn.Resource, "/")+1:]
	return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/", arn.Partition, arn.Account, name), nil
}

// roleOf is the role that a control asks for.
func roleOf(pod *corev1.Pod) string {
	for _, variable := range pod.Spec.Containers[0].Env {
		if variable.Name == "ROLE_ARN" {
			return variable.Value
		}
	}
	return ""
}

// readProof reads a pod's log, as `kubectl logs` does.
func readProof(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) (components.TestPodProof, error) {
	if status := podStatus(pod); status != ready {
		return components.TestPodProof{}, fmt.Errorf("pod %s is %s%s", pod.Name, status, lastWords(pod))
	}
	log, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return components.TestPodProof{}, fmt.Errorf("reading the log of pod %s: %w", pod.Name, err)
	}
	proof, err := components.ReadTestPodLog(string(log))
	if err != nil {
		return proof, fmt.Errorf("pod %s: %w", pod.Name, err)
	}
	return proof, nil
}

// lastWords are the first line of what the pod's program said when it gave up.
func lastWords(pod *corev1.Pod) string {
	for _, status := range pod.Status.ContainerStatuses {
		for _, state := range []corev1.ContainerState{status.State, status.LastTerminationState} {
			if ended := state.Terminated; ended != nil && ended.Message != "" {
				first, _, _ := strings.Cut(ended.Message, "\n")
				return ": " + first
			}
		}
	}
	return ""
}

// printProofs prints the proofs, for people or for programs.
func (t Terminal) printProofs(proofs []Proof) error {
	if t.JSON != nil {
		encoder := json.NewEncoder(t.JSON)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{"proofs": proofs, "proven": NotProven(proofs) == nil})
	}
	var rows [][]string
	count := 0
	for _, proof := range proofs {
		if proof.Verdict == proven {
			count++
		}
		rows = append(rows, []string{
			proof.Cluster, proof.Namespace, proof.ServiceAccount, proof.ExpectedRole, orDash(proof.Identity), orDash(proof.Check),
			orDash(proof.Control), proof.Verdict,
		})
	}
	table(t.Progress, fmt.Sprintf("PROOF: %d of %d service accounts", count, len(proofs)),
		[]string{"CLUSTER", "NAMESPACE", "SERVICE ACCOUNT", "EXPECTED ROLE", "IDENTITY BY STS", "CHECK", "CONTROL", "VERDICT"}, rows)
	return nil
}
