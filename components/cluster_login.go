package components

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
)

// ClusterLoginTestType is the type token of [ClusterLoginTest].
const ClusterLoginTestType = "eks-irsa:index:ClusterLoginTest"

// ClusterLoginTestArgs are the arguments of [NewClusterLoginTest]. The component's Kubernetes provider is that of the cluster that
// the pods run in.
type ClusterLoginTestArgs struct {
	// Name of the cluster in the pods' names, a DNS label.
	Name string
	// Namespace and ServiceAccounts are those that log in, one pod each. They have a role already.
	Namespace       string
	ServiceAccounts []string

	// ClusterName, Server and CertificateAuthorityData are those of the EKS cluster to log in to.
	ClusterName, Server, CertificateAuthorityData pulumi.StringInput
	// ServerName and ProxyURL are those of the cluster's [ArgoCDClusterArgs]: the pods take the same way. The proxy has no user
	// name, as the Jobs would show its password.
	ServerName, ProxyURL string
	// PrincipalArn is the role that the cluster lets in.
	PrincipalArn pulumi.StringInput
	// Assume is set when PrincipalArn is not the accounts' own role, but one that they assume on their way.
	Assume bool
	// Read is a path of the API server that the role must be able to read, "/api/v1/namespaces?limit=1" for example.
	// Default: none, to be let in is enough.
	Read string
	// Fingerprint is anything whose change is to repeat the proof, such as the role's unique ID.
	Fingerprint pulumi.StringInput

	// PodSettings say how the pods run. The image needs curl as well.
	PodSettings
}

// ClusterLoginTest proves that service accounts can log in to an EKS cluster with their role: in a Job each, as Argo CD does,
// with a token of `aws eks get-token`, and by the way that Argo CD takes to the server. A Job succeeds only when the cluster says
// that its pod is the role, and Pulumi waits for it; else the error says which step failed and why. The proof is repeated as that of
// [TestPodArgs] is.
type ClusterLoginTest struct {
	pulumi.ResourceState

	// Pods are the Jobs of the pods, as <namespace>/<name>, sorted.
	Pods pulumi.StringArrayOutput `pulumi:"pods"`
	// ProvenAt is when the last of the accounts proved its login. The state holds it with the Jobs, and not a second time.
	ProvenAt pulumi.StringOutput
}

// NewClusterLoginTest makes the Jobs.
func NewClusterLoginTest(
	ctx *pulumi.Context, name string, args *ClusterLoginTestArgs, opts ...pulumi.ResourceOption,
) (*ClusterLoginTest, error) {
	component := &ClusterLoginTest{}
	err := construct(ctx, ClusterLoginTestType, name, component, args.Validate(), opts, func(children children) error {
		var pods []string
		var times pulumi.StringArray
		for _, account := range args.ServiceAccounts {
			job, err := args.pod(ctx, name, account, children)
			if err != nil {
				return fmt.Errorf("creating the pod of %s/%s: %w", args.Namespace, account, err)
			}
			pods = append(pods, childName(args.Namespace, args.podName(account)))
			times = append(times, testpod.CompletedAt(job))
		}
		slices.Sort(pods)
		component.Pods = pulumi.ToStringArray(pods).ToStringArrayOutput()
		component.ProvenAt = lastOf(times)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return component, nil
}

// lastOf is the last of the times, of which there is one at least, or empty where one is.
func lastOf(times pulumi.StringArray) pulumi.StringOutput {
	return times.ToStringArrayOutput().ApplyT(func(times []string) string {
		if slices.Contains(times, "") {
			return ""
		}
		return slices.Max(times) // Kubernetes writes them all in UTC and in whole seconds, so their order is that of the texts
	}).(pulumi.StringOutput)
}

// readForm is a path with a query as it stands in a URL: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
var readForm = regexp.MustCompile(`^/[!-~]*$`)

// Validate reports every error of the arguments that can be told before the program runs, each with its path; nil
// arguments are an error.
func (args *ClusterLoginTestArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	var found fielderr.List
	found.Add("name", kubename.ValidateLabel(args.Name))
	found.Add("namespace", kubename.ValidateNamespace(args.Namespace))
	found.Refuse(len(args.ServiceAccounts) == 0, "serviceAccounts", "name at least one service account")
	found.Add("serviceAccounts", kubename.ValidateObjects("a service account", args.ServiceAccounts))
	found.Add("clusterName", required(args.ClusterName, ValidateClusterName))
	found.Add("server", required(args.Server, func(server string) error { _, err := parseServer(server); return err }))
	found.Add("certificateAuthorityData", required(args.CertificateAuthorityData, validCertificateAuthority))
	found.Add("principalArn", required(args.PrincipalArn, iampolicy.ValidateRoleARN))
	found.Add("serverName", fielderr.IfGiven(args.ServerName, validServerName))
	found.Add("proxyUrl", fielderr.IfGiven(args.ProxyURL, ValidateLoginProxy))
	found.Refuse(args.Read != "" && !readForm.MatchString(args.Read), "read",
		"%q is not a path of the API server, which begins with / and has no white space", args.Read)
	found.Add("", args.PodSettings.Validate())
	return found.Err()
}

func (args *ClusterLoginTestArgs) podName(account string) string {
	return testpod.Login.NameOf(account, args.Name)
}

func (args *ClusterLoginTestArgs) pod(ctx *pulumi.Context, name, account string, children children) (*batchv1.Job, error) {
	key := childName(args.Namespace, args.podName(account))
	env := testpod.Env{}.
		With("IRSA_POD", pulumi.String(key)).
		With("IRSA_LOGIN", pulumi.String(args.Name)).
		With("IRSA_EXPECTED_ARN", sessionArn(args.PrincipalArn)).
		With("IRSA_CLUSTER_NAME", args.ClusterName).
		With("IRSA_SERVER", args.Server).
		With("IRSA_CA_DATA", args.CertificateAuthorityData).
		With("IRSA_READ", pulumi.String(args.Read)).
		With("IRSA_FINGERPRINT", args.Fingerprint)
	if args.ServerName != "" {
		env = env.With("IRSA_SERVER_NAME", pulumi.String(urlHost(args.ServerName)))
	}
	if args.ProxyURL != "" {
		proxy, err := curlProxy(args.ProxyURL)
		if err != nil {
			return nil, fielderr.At("proxyUrl", err)
		}
		env = env.With("IRSA_PROXY", pulumi.String(proxy))
	}
	if args.Assume {
		env = env.With("IRSA_ASSUME", args.PrincipalArn)
	}
	pod := testpod.Pod{
		Mode: testpod.Login, Name: args.podName(account), Namespace: args.Namespace, ServiceAccount: account,
		Settings: args.PodSettings, Env: env,
	}
	child := childName(name, key)
	return pod.NewJob(ctx, child, children.named(child)...)
}
