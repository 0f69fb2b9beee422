package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
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
	// NegativeTest is how STS refused the role to the namespace's default account: "AccessDenied", "none" where there is no
	// negative test, or empty without a proof.
	NegativeTest string `json:"negativeTest"`
	// Verdict is "proven", or why it is not.
	Verdict string `json:"verdict"`
}

// Login is what is known about one Argo CD service account and one cluster that it is to manage.
type Login struct {
	Hub            string `json:"hub"`
	Target         string `json:"target"`
	ServiceAccount string `json:"serviceAccount"`
	// ExpectedRole is the ARN of the role that the target's secret names, or else of the account's own.
	ExpectedRole string `json:"expectedRole"`
	// Identity is who the target says that it is; empty when it had no answer.
	Identity string `json:"identity"`
	// Verdict is "proven", or why it is not.
	Verdict string `json:"verdict"`
}

// Proofs are the proofs of everything that is deployed.
type Proofs struct {
	// Identities has a line for each service account with a role.
	Identities []Proof `json:"identities"`
	// Logins has a line for each of Argo CD's service accounts and each cluster that it is to reach.
	Logins []Login `json:"logins"`
}

const proven = "proven"

func verdict(err error) string {
	if err != nil {
		return "NOT PROVEN: " + err.Error()
	}
	return proven
}

// Prove reads the proofs of the test pods, negative tests and logins of every cluster, which are the logs of the pods with which
// their Jobs were completed. It trusts the pods in nothing but what STS and the API servers told them.
func (s *Sandbox) Prove(ctx context.Context) (*Proofs, error) {
	inventory, err := s.TakeInventory(ctx)
	if err != nil {
		return nil, err
	}
	proofs := &Proofs{}
	for _, c := range s.Clusters.All {
		reader, err := newProofReader(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("reading the proofs of cluster %q: %w", c.Name, err)
		}
		var argocd []Object
		for _, account := range inventory.IrsaServiceAccounts() {
			if account.Cluster != c.Name {
				continue
			}
			proof := Proof{
				Cluster: c.Name, Namespace: account.Namespace, ServiceAccount: account.Name,
				ExpectedRole: account.Annotations[roleArnAnnotation], NegativeTest: "none",
			}
			proof.Verdict = verdict(proof.read(ctx, reader))
			proofs.Identities = append(proofs.Identities, proof)
			if strings.HasPrefix(account.Name, "argocd-") {
				argocd = append(argocd, account)
			}
		}
		secrets := inventory.ArgoCDSecrets()
		slices.SortFunc(secrets, func(a, b Object) int { return strings.Compare(a.Data["name"], b.Data["name"]) })
		for _, secret := range secrets {
			if secret.Cluster == c.Name && secret.Data["server"] != components.ArgoCDInClusterServer {
				proofs.Logins = append(proofs.Logins, readLogins(ctx, reader, secret, argocd)...)
			}
		}
	}
	return proofs, nil
}

const roleArnAnnotation = "eks.amazonaws.com/role-arn"

// Err joins what is not proven.
func (p *Proofs) Err() error {
	if len(p.Identities) == 0 {
		return errors.New("no service account has a role: nothing is proven")
	}
	var faults []error
	for _, proof := range p.Identities {
		if proof.Verdict != proven {
			faults = append(faults, fmt.Errorf("%s/%s/%s: %s", proof.Cluster, proof.Namespace, proof.ServiceAccount, proof.Verdict))
		}
	}
	for _, login := range p.Logins {
		if login.Verdict != proven {
			faults = append(faults, fmt.Errorf("%s/%s to %s: %s", login.Hub, login.ServiceAccount, login.Target, login.Verdict))
		}
	}
	return errors.Join(faults...)
}

// readLogins finds the pods of Argo CD's accounts that log in to the cluster of a secret.
func readLogins(ctx context.Context, reader *proofReader, secret Object, accounts []Object) []Login {
	var config struct {
		AwsAuthConfig struct {
			RoleArn string `json:"roleARN"`
		} `json:"awsAuthConfig"`
	}
	invalid := json.Unmarshal([]byte(secret.Data["config"]), &config)
	var logins []Login
	for _, account := range accounts {
		login := Login{Hub: secret.Cluster, Target: secret.Data["name"], ServiceAccount: account.Name}
		login.ExpectedRole = config.AwsAuthConfig.RoleArn
		if login.ExpectedRole == "" {
			login.ExpectedRole = account.Annotations[roleArnAnnotation]
		}
		err := invalid
		if err == nil {
			err = login.read(ctx, reader, account.Namespace, secret.Data["server"])
		}
		login.Verdict = verdict(err)
		logins = append(logins, login)
	}
	return logins
}

func (l *Login) read(ctx context.Context, reader *proofReader, namespace, server string) error {
	expected, err := sessionPrefix(l.ExpectedRole)
	if err != nil {
		return err
	}
	for i := range reader.jobs {
		job := &reader.jobs[i]
		program := &job.Spec.Template.Spec
		if modeOf(job) != testpod.Login || job.Namespace != namespace ||
			program.ServiceAccountName != l.ServiceAccount || envOf(program, "IRSA_SERVER") != server {
			continue
		}
		found, err := reader.read(ctx, job)
		if err != nil {
			return err
		}
		l.Identity = found.Identity
		if !strings.HasPrefix(found.Identity, expected) {
			return errors.New("the cluster says it is somebody else")
		}
		return nil
	}
	return errors.New("no Job logs in")
}

// read finds the account's test pod, the pod beside it that goes on running, if there is one, and the negative test of its
// namespace and role.
func (p *Proof) read(ctx context.Context, reader *proofReader) error {
	expected, err := sessionPrefix(p.ExpectedRole)
	if err != nil {
		return err
	}
	var tested bool
	for i := range reader.jobs {
		job := &reader.jobs[i]
		if job.Namespace != p.Namespace {
			continue
		}
		program := &job.Spec.Template.Spec
		switch {
		case modeOf(job) == testpod.Identity && program.ServiceAccountName == p.ServiceAccount:
			tested = true
			err = p.readIdentity(ctx, reader, job, expected)
		case modeOf(job) == testpod.Denial && envOf(program, "IRSA_ROLE_ARN") == p.ExpectedRole:
			err = p.readNegativeTest(ctx, reader, job, expected)
		}
		if err != nil {
			return err
		}
	}
	if !tested {
		return errors.New("it has no test pod")
	}
	return p.readRunning(ctx, reader, expected)
}

func (p *Proof) readIdentity(ctx context.Context, reader *proofReader, job *batchv1.Job, expected string) error {
	found, err := reader.read(ctx, job)
	if err != nil {
		return err
	}
	p.Identity, p.Check = found.Identity, found.Check
	return judge(found, expected)
}

func (p *Proof) readNegativeTest(ctx context.Context, reader *proofReader, job *batchv1.Job, expected string) error {
	p.NegativeTest = ""
	found, err := reader.read(ctx, job)
	if err != nil {
		return err
	}
	p.NegativeTest = found.Refusal
	if found.Refusal != "AccessDenied" || strings.HasPrefix(found.Identity, expected) {
		return fmt.Errorf("job %s, its negative test, was not refused the role", job.Name)
	}
	return nil
}

// readRunning reads the proof of the account's pod that goes on running.
func (p *Proof) readRunning(ctx context.Context, reader *proofReader, expected string) error {
	for i := range reader.pods {
		pod := &reader.pods[i]
		if modeOf(pod) != testpod.Running || pod.Namespace != p.Namespace ||
			pod.Spec.ServiceAccountName != p.ServiceAccount {
			continue
		}
		if status := podStatus(pod); status != ready {
			return fmt.Errorf("pod %s is %s%s", pod.Name, status, terminationMessage(pod))
		}
		found, err := reader.readLog(ctx, pod)
		if err == nil {
			err = judge(found, expected)
		}
		if err != nil {
			return fmt.Errorf("pod %s: %w", pod.Name, err)
		}
	}
	return nil
}
