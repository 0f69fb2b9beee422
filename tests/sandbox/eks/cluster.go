// Package eks runs the sandbox's EKS clusters: a real kube-apiserver and kube-controller-manager each, on one embedded
// etcd. What EKS adds to Kubernetes is added here too: the OIDC issuer, the login with `aws eks get-token` tokens, access
// policies, the pod identity webhook, and a node with its EKS Pod Identity Agent.
package eks

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks/agent"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks/kubelet"
)

// Spec declares one cluster. Region and name together must differ from every other cluster's, as in one AWS account.
type Spec struct {
	Name    string
	Account string // 12 digits
	Region  string
	// AuthenticationMode is API, API_AND_CONFIG_MAP or CONFIG_MAP, as in DescribeCluster.
	AuthenticationMode string
	// AccessRoleArn is the role that kubeconfigs assume to log in, where the cluster's account is not the caller's.
	// Default: none.
	AccessRoleArn string
}

// Options say what all clusters of one sandbox share.
type Options struct {
	// ControlPlane is the path of the controlplane binary.
	ControlPlane string
	// Dir takes keys, data and logs; it is made with mode 0700 and may hold nothing of another sandbox.
	Dir string
	// AWSEndpoint is the base URL whose STS login tokens must be presigned for.
	AWSEndpoint string
	// Access answers with the access entry of an IAM principal. The ARN is the canonical one that STS knows, so a role's
	// path is missing from it; the entry of a role with a path is to be found all the same, as on EKS.
	Access func(region, cluster, principalArn string) (aws.AccessEntry, bool)
	// Mode answers with the authentication mode that a cluster has now. Default: that of its Spec.
	Mode func(region, cluster string) string
	// Associated tells whether a service account has an EKS Pod Identity association. Default: none has.
	Associated func(region, cluster, namespace, serviceAccount string) bool
	// Addon tells whether a cluster has an add-on. Default: it has.
	Addon func(region, cluster, name string) bool
	// NodeCredentials returns credentials of a cluster's node for AWS. Default: it has none.
	NodeCredentials func(ctx context.Context, region, cluster string) (awssdk.Credentials, error)
	// ContainerPath, ContainerEnv and TokenAging are what containers have, as in kubelet.Options.
	ContainerPath string
	ContainerEnv  map[string]string
	TokenAging    int
}

// Cluster is one running cluster.
type Cluster struct {
	Spec
	// Endpoint is the API server's URL, https://127.0.0.1:PORT.
	Endpoint string
	// CertificateAuthority is the PEM of the authority that signed the API server's certificate.
	CertificateAuthority []byte
	// Issuer is the OIDC issuer URL of the cluster's service account tokens.
	Issuer string

	// replaced is how many clusters had the name before this one, and moved how often the address of its API server has changed.
	replaced, moved int

	awsEndpoint string
	mode        func(region, cluster string) string
	files       files
	admin       *rest.Config
	identities  *podIdentity
	agent       *agent.Agent
	node        *kubelet.Node
	// stops end what runs for the cluster, in the order in which it was started.
	stops []func() error
}

// Clusters are the running clusters, in the order of their specs.
type Clusters struct {
	All  []*Cluster
	etcd *etcd
	opts Options
}

// Start starts etcd and then all clusters at once, and returns when each is ready to take pods: its API server answers and
// its default namespace has the default service account. When one fails, all are stopped and the error says why. The
// context limits the start only.
func Start(ctx context.Context, opts Options, specs []Spec) (*Clusters, error) {
	if err := validate(opts, specs); err != nil {
		return nil, err
	}
	database, err := startEtcd(ctx, filepath.Join(opts.Dir, "etcd"))
	if err != nil {
		return nil, err
	}
	clusters := &Clusters{All: make([]*Cluster, len(specs)), etcd: database, opts: opts}
	group, groupCtx := errgroup.WithContext(ctx)
	for i, spec := range specs {
		clusters.All[i] = &Cluster{Spec: spec, Issuer: issuer(spec, 0), awsEndpoint: opts.AWSEndpoint, mode: opts.Mode}
		group.Go(func() error {
			if err := clusters.All[i].start(groupCtx, opts, database); err != nil {
				return fmt.Errorf("starting cluster %q in %s: %w", spec.Name, spec.Region, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, clusters.Stop())
	}
	return clusters, nil
}

// Get returns the cluster of that name in that region, or nil.
func (c *Clusters) Get(region, name string) *Cluster {
	for _, cluster := range c.All {
		if cluster.Region == region && cluster.Name == name {
			return cluster
		}
	}
	return nil
}

// Delete ends a cluster, with everything in it.
func (c *Clusters) Delete(cluster *Cluster) error {
	c.All = slices.DeleteFunc(c.All, func(other *Cluster) bool { return other == cluster })
	return cluster.stop()
}

// Stop ends every process and server of the clusters, then etcd. It is safe to call it again.
func (c *Clusters) Stop() error {
	faults := make([]error, len(c.All))
	var group errgroup.Group
	for i, cluster := range c.All {
		group.Go(func() error {
			faults[i] = cluster.stop()
			return nil
		})
	}
	faults = append(faults, group.Wait())
	if c.etcd != nil {
		faults = append(faults, c.etcd.stop())
		c.etcd = nil
	}
	return errors.Join(faults...)
}

// AdminConfig returns a client configuration of a member of system:masters, for the sandbox itself.
func (c *Cluster) AdminConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// JWKS returns the JSON Web Key Set with which service account tokens are verified: what AWS fetches from the issuer's
// jwks_uri.
func (c *Cluster) JWKS(ctx context.Context) ([]byte, error) {
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	keys, err := client.RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetching the service account keys of cluster %q: %w", c.Name, err)
	}
	return keys, nil
}

// currentMode is the authentication mode, which may have changed since the cluster was started.
func (c *Cluster) currentMode() string {
	if c.mode != nil {
		if mode := c.mode(c.Region, c.Name); mode != "" {
			return mode
		}
	}
	return c.AuthenticationMode // EKS does not know the cluster yet
}

// SigningKeyFile is the path of the private key that signs service account tokens, a PKCS #8 PEM. It is for tests that
// forge tokens.
func (c *Cluster) SigningKeyFile() string { return c.files.path(serviceAccountKeyFile) }

func (c *Cluster) start(ctx context.Context, opts Options, database *etcd) error {
	if err := c.writeKeys(filepath.Join(opts.Dir, c.folder())); err != nil {
		return err
	}
	if err := c.startAgent(ctx, opts); err != nil {
		return err
	}
	c.identities = newPodIdentity(c, opts.Associated)
	webhook, err := startWebhook(c.files,
		&login{cluster: c, access: opts.Access}, &authorizer{cluster: c, access: opts.Access}, c.identities)
	if err != nil {
		return err
	}
	c.stops = append(c.stops, webhook.stop)
	server, err := startAPIServer(ctx, c, opts, database, webhook.url)
	if err != nil {
		return err
	}
	c.stops = append(c.stops, server.stop)
	// Registered early and waited for late: the API server hears of it while the controllers start.
	if err := c.identities.register(ctx, webhook.url, c.CertificateAuthority); err != nil {
		return err
	}
	manager, err := startControllerManager(ctx, c, opts)
	if err != nil {
		return err
	}
	c.stops = append(c.stops, manager.stop)
	if err := c.identities.waitUntilCalled(ctx); err != nil {
		return err
	}
	return c.startNode(ctx, opts)
}

// startAgent starts the EKS Pod Identity Agent of the cluster's node.
func (c *Cluster) startAgent(ctx context.Context, opts Options) error {
	var err error
	c.agent, err = agent.Start(ctx, agent.Options{
		Cluster: c.Name, Endpoint: opts.AWSEndpoint, Region: c.Region, Keys: c.JWKS,
		Credentials: func(ctx context.Context) (awssdk.Credentials, error) {
			if opts.NodeCredentials == nil {
				return awssdk.Credentials{}, errors.New("the node has no credentials")
			}
			return opts.NodeCredentials(ctx, c.Region, c.Name)
		},
		Installed: func() bool { return opts.Addon == nil || opts.Addon(c.Region, c.Name, aws.PodIdentityAgent) },
	})
	if err != nil {
		return err
	}
	c.stops = append(c.stops, c.agent.Stop)
	return nil
}

// AgentURL is where pods get credentials by EKS Pod Identity.
func (c *Cluster) AgentURL() string { return c.agent.URL() }

// RestartAgent has the EKS Pod Identity Agent forget the credentials that it keeps for pods.
func (c *Cluster) RestartAgent() { c.agent.Restart() }

// Pod returns what EKS Pod Identity has to know of a pod, if there is one of that name.
func (c *Cluster) Pod(ctx context.Context, namespace, name string) (aws.Pod, bool, error) {
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	if err != nil {
		return aws.Pod{}, false, fmt.Errorf("creating a client: %w", err)
	}
	pod, err := client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return aws.Pod{}, false, nil
	}
	if err != nil {
		return aws.Pod{}, false, fmt.Errorf("reading the pod %s/%s: %w", namespace, name, err)
	}
	account, err := client.CoreV1().ServiceAccounts(namespace).Get(ctx, pod.Spec.ServiceAccountName, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return aws.Pod{}, false, fmt.Errorf("reading the service account of the pod %s/%s: %w", namespace, name, err)
	}
	return aws.Pod{UID: string(pod.UID), ServiceAccount: pod.Spec.ServiceAccountName, ServiceAccountUID: string(account.UID)}, true, nil
}

func (c *Cluster) startNode(ctx context.Context, opts Options) error {
	var err error
	c.node, err = kubelet.Start(ctx, c.AdminConfig(), kubelet.Options{
		Dir: c.files.path("node"), Path: opts.ContainerPath, Env: opts.ContainerEnv, TokenAging: opts.TokenAging,
		Addresses: map[string]string{agent.Address: strings.TrimSuffix(c.agent.URL(), agent.Path)},
		CertFile:  c.files.path("node.crt"), KeyFile: c.files.path("node.key"), ClientCAFile: c.files.path("ca.crt"),
	})
	if err != nil {
		return err
	}
	c.stops = append(c.stops, c.node.Stop)
	return nil
}

// Running lists the containers whose processes run on the cluster's node now.
func (c *Cluster) Running() []kubelet.Running { return c.node.Running() }

// stop ends the parts in reverse, so that no part misses one that it depends on.
func (c *Cluster) stop() error {
	var faults []error
	for _, stop := range slices.Backward(c.stops) {
		if err := stop(); err != nil {
			faults = append(faults, fmt.Errorf("stopping cluster %q: %w", c.Name, err))
		}
	}
	c.stops = nil
	return errors.Join(faults...)
}

// Partition is the AWS partition of the cluster's region.
func (s Spec) Partition() string {
	switch {
	case strings.HasPrefix(s.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(s.Region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// arn is the cluster's ARN.
func (s Spec) arn() string {
	return fmt.Sprintf("arn:%s:eks:%s:%s:cluster/%s", s.Partition(), s.Region, s.Account, s.Name)
}

// issuer is formed as EKS forms it; the ID is derived, so that a sandbox that is started again has the same issuers and a
// stack that was deployed to it still fits. A cluster that replaces another has one of its own.
func issuer(s Spec, replaced int) string {
	suffix := "amazonaws.com"
	if s.Partition() == "aws-cn" {
		suffix = "amazonaws.com.cn"
	}
	id := sha256.Sum256([]byte(numbered(s.Account+"/"+s.Region+"/"+s.Name, "/", replaced)))
	return fmt.Sprintf("https://oidc.eks.%s.%s/id/%X", s.Region, suffix, id[:16])
}

// clusterName is what EKS allows; the name becomes a part of paths here.
var clusterName = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]*$`)

var authenticationModes = []string{"API", "API_AND_CONFIG_MAP", "CONFIG_MAP"}

func validate(opts Options, specs []Spec) error {
	var faults []error
	for name, value := range map[string]string{
		"ControlPlane": opts.ControlPlane, "Dir": opts.Dir, "AWSEndpoint": opts.AWSEndpoint,
	} {
		if value == "" {
			faults = append(faults, fmt.Errorf("options: %s: must not be empty", name))
		}
	}
	if opts.Access == nil {
		faults = append(faults, errors.New("options: Access: must not be nil"))
	}
	if opts.TokenAging < 0 {
		faults = append(faults, fmt.Errorf("options: TokenAging: %d: must not be negative", opts.TokenAging))
	}
	seen := map[string]bool{}
	for i, s := range specs {
		if s.Name == "" || s.Account == "" || s.Region == "" {
			faults = append(faults, fmt.Errorf("clusters[%d]: name, account and region must not be empty", i))
		} else if !clusterName.MatchString(s.Name) {
			faults = append(faults, fmt.Errorf("clusters[%d]: name %q: must be letters, digits, - and _", i, s.Name))
		}
		if !slices.Contains(authenticationModes, s.AuthenticationMode) {
			faults = append(faults, fmt.Errorf("clusters[%d]: authentication mode %q: must be one of %s",
				i, s.AuthenticationMode, strings.Join(authenticationModes, ", ")))
		}
		if seen[s.Region+"/"+s.Name] {
			faults = append(faults, fmt.Errorf("clusters[%d]: %q exists already in %s", i, s.Name, s.Region))
		}
		seen[s.Region+"/"+s.Name] = true
	}
	return errors.Join(faults...)
}
