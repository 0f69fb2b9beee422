package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/process"
)

const (
	// serviceCIDR is EKS's default for a cluster whose VPC is not in 10.0.0.0/8.
	serviceCIDR = "10.100.0.0/16"
	// stopGrace is how long a process may take to end by itself. Nothing of a sandbox's state needs saving.
	stopGrace = 5 * time.Second
	// probeInterval is short, because a sandbox's start is waited for by a person; a probe costs under a millisecond.
	probeInterval = 50 * time.Millisecond
	// portAttempts bounds the retries when another process takes the port between its choice and the bind.
	portAttempts = 5
	// serviceAccountKeyFile holds the key of the service account tokens.
	serviceAccountKeyFile = "service-accounts.key"
)

// files are what a cluster's processes read, all in one directory.
type files struct{ dir string }

func (f files) path(name string) string { return filepath.Join(f.dir, name) }

// child is a control plane process.
type child struct {
	name    string
	process *process.Process
}

func (c *child) stop() error {
	if err := c.process.Stop(stopGrace); err != nil {
		return fmt.Errorf("stopping %s: %w", c.name, err)
	}
	return nil
}

// writeKeys makes the cluster's authority and all keys and certificates, writes those that the processes need, and sets
// what the cluster shows of them.
func (c *Cluster) writeKeys(dir string) error {
	ca, err := newAuthority(c.Name + "." + c.Region + ".eks")
	if err != nil {
		return err
	}
	apiServer, err := ca.server("kube-apiserver",
		[]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		net.IPv4(10, 100, 0, 1))
	if err != nil {
		return err
	}
	webhook, err := ca.server("eks-webhook", nil)
	if err != nil {
		return err
	}
	node, err := ca.server("kubelet", nil)
	if err != nil {
		return err
	}
	// In no group: it opens the node's kubelet API and nothing of the API server.
	kubeletClient, err := ca.client("kube-apiserver-kubelet-client")
	if err != nil {
		return err
	}
	admin, err := ca.client("sandbox", "system:masters")
	if err != nil {
		return err
	}
	serviceAccounts, err := c.tokenKey()
	if err != nil {
		return err
	}
	c.files = files{dir}
	c.CertificateAuthority = ca.pem
	c.admin = &rest.Config{
		TLSClientConfig: rest.TLSClientConfig{CAData: ca.pem, CertData: admin.cert, KeyData: admin.key},
		QPS:             100, Burst: 200,
	}
	return writePrivate(dir, map[string][]byte{
		"ca.crt": ca.pem, "server.crt": apiServer.cert, "server.key": apiServer.key,
		"webhook.crt": webhook.cert, "webhook.key": webhook.key, "node.crt": node.cert, "node.key": node.key,
		"kubelet-client.crt": kubeletClient.cert, "kubelet-client.key": kubeletClient.key,
		"admin.crt": admin.cert, "admin.key": admin.key, serviceAccountKeyFile: serviceAccounts,
	})
}

// startAPIServer starts the cluster's kube-apiserver, waits until it is ready and sets the endpoint.
func startAPIServer(ctx context.Context, c *Cluster, opts Options, db *etcd, webhookURL string) (*child, error) {
	f := c.files
	if err := writeAPIServerConfig(f, webhookURL); err != nil {
		return nil, err
	}
	var faults []error
	for range portAttempts {
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		c.Endpoint = "https://127.0.0.1:" + strconv.Itoa(port)
		c.admin.Host = c.Endpoint
		server, err := startChild(ctx, opts.ControlPlane, f, "kube-apiserver", apiServerFlags(c, db, port), c.apiServerReady)
		if err == nil {
			return server, nil
		}
		faults = append(faults, err)
		if !portTaken(f.path("kube-apiserver.log")) {
			break
		}
	}
	return nil, errors.Join(faults...)
}

func apiServerFlags(c *Cluster, db *etcd, port int) []string {
	f := c.files
	return []string{
		"--etcd-servers=" + db.url,
		"--etcd-cafile=" + db.caFile,
		"--etcd-certfile=" + db.certFile,
		"--etcd-keyfile=" + db.keyFile,
		"--etcd-prefix=/" + c.Region + "/" + numbered(c.Name, "/", c.replaced),
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + f.path("server.crt"),
		"--tls-private-key-file=" + f.path("server.key"),
		"--client-ca-file=" + f.path("ca.crt"),
		// No endpoint is published for the kubernetes service: loopback addresses are not allowed in one, and no pod has a
		// network to reach another. So the machine needs no other interface either.
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=" + serviceCIDR,
		"--service-account-issuer=" + c.Issuer,
		// Where AWS fetches the keys of an EKS cluster.
		"--service-account-jwks-uri=" + c.Issuer + "/keys",
		"--service-account-signing-key-file=" + f.path(serviceAccountKeyFile),
		"--service-account-key-file=" + f.path(serviceAccountKeyFile),
		"--api-audiences=https://kubernetes.default.svc," + c.Issuer,
		"--authentication-config=" + f.path("authentication.json"),
		"--authentication-token-webhook-config-file=" + f.path("login.kubeconfig"),
		"--authentication-token-webhook-version=v1",
		// Off, so that access that was taken away is gone soon: the API server itself remembers every good token for 10 s,
		// and that cannot be changed. On EKS it takes longer.
		"--authentication-token-webhook-cache-ttl=0",
		"--authorization-config=" + f.path("authorization.json"),
		// For logs and exec. By default the node's host name comes first, and nobody resolves that here.
		"--kubelet-certificate-authority=" + f.path("ca.crt"),
		"--kubelet-client-certificate=" + f.path("kubelet-client.crt"),
		"--kubelet-client-key=" + f.path("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--allow-privileged=true",
		"--profiling=false",
		"--shutdown-send-retry-after=false",
	}
}

// writeAPIServerConfig writes the kubeconfigs with which the API server calls the webhooks, and its authentication and
// authorization configuration.
func writeAPIServerConfig(f files, webhookURL string) error {
	for name, path := range map[string]string{"login": loginPath, "authorize": authorizePath} {
		config := kubeconfig(name, &clientcmdapi.Cluster{
			Server: webhookURL + path, CertificateAuthority: f.path("ca.crt"),
		}, &clientcmdapi.AuthInfo{})
		if err := clientcmd.WriteToFile(*config, f.path(name+".kubeconfig")); err != nil {
			return fmt.Errorf("writing the kubeconfig of the %s webhook: %w", name, err)
		}
	}
	contents := map[string][]byte{}
	for name, content := range map[string]any{
		"authentication.json": authenticationConfiguration(),
		"authorization.json":  authorizationConfiguration(f.path("authorize.kubeconfig")),
	} {
		data, err := json.Marshal(content)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", name, err)
		}
		contents[name] = data
	}
	return writePrivate(f.dir, contents)
}

// object is a JSON object of the API server's configuration. Its Go types live in k8s.io/apiserver, which writes defaults
// and internal fields that the files do not take.
type object map[string]any

// authenticationConfiguration lets anonymous requests see the API server's health and nothing else, as EKS does since
// Kubernetes 1.32.
func authenticationConfiguration() object {
	return object{
		"apiVersion": "apiserver.config.k8s.io/v1",
		"kind":       "AuthenticationConfiguration",
		"anonymous": object{"enabled": true, "conditions": []object{
			{"path": "/healthz"}, {"path": "/livez"}, {"path": "/readyz"}, {"path": "/version"},
		}},
	}
}

// authorizationConfiguration asks RBAC first and then, for users who logged in with IAM only, the access policies. An
// unreachable webhook denies.
func authorizationConfiguration(kubeconfig string) object {
	return object{
		"apiVersion": "apiserver.config.k8s.io/v1",
		"kind":       "AuthorizationConfiguration",
		"authorizers": []object{
			{"type": "RBAC", "name": "rbac"},
			{"type": "Webhook", "name": "access-policies", "webhook": object{
				"timeout": "10s",
				// The TTLs are required, but nothing is cached: a policy that was taken away is gone at the next request.
				"authorizedTTL": "1s", "unauthorizedTTL": "1s",
				"cacheAuthorizedRequests": false, "cacheUnauthorizedRequests": false,
				"subjectAccessReviewVersion":               "v1",
				"matchConditionSubjectAccessReviewVersion": "v1",
				"failurePolicy":                            "Deny",
				"connectionInfo": object{
					"type": "KubeConfigFile", "kubeConfigFile": kubeconfig,
				},
				"matchConditions": []object{{
					"expression": fmt.Sprintf("has(request.extra) && '%s' in request.extra", extraCanonicalArn),
				}},
			}},
		},
	}
}

// controllers are those that pods, Jobs, service accounts and namespaces need. The garbage collector is among them because
// the official Kubernetes provider deletes in the foreground, which only it finishes, and because a Job's pods go with it;
// the aggregation because the roles admin, edit and view are empty without it.
var controllers = []string{
	"namespace-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"root-ca-certificate-publisher-controller",
	"clusterrole-aggregation-controller",
	"garbage-collector-controller",
	"job-controller",
	"ttl-after-finished-controller",
}

// startControllerManager starts the cluster's kube-controller-manager and waits until the default service account exists.
func startControllerManager(ctx context.Context, c *Cluster, opts Options) (*child, error) {
	f := c.files
	config := kubeconfig("kube-controller-manager", &clientcmdapi.Cluster{
		Server: c.Endpoint, CertificateAuthority: f.path("ca.crt"),
	}, &clientcmdapi.AuthInfo{ClientCertificate: f.path("admin.crt"), ClientKey: f.path("admin.key")})
	if err := clientcmd.WriteToFile(*config, f.path("controllers.kubeconfig")); err != nil {
		return nil, fmt.Errorf("writing the kubeconfig of the controllers: %w", err)
	}
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	return startChild(ctx, opts.ControlPlane, f, "kube-controller-manager", []string{
		"--kubeconfig=" + f.path("controllers.kubeconfig"),
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--service-account-private-key-file=" + f.path(serviceAccountKeyFile),
		"--root-ca-file=" + f.path("ca.crt"),
	}, func(ctx context.Context) error {
		_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// startChild starts a command of the control plane binary and waits until it is ready. Its life is not bound to ctx.
func startChild(
	ctx context.Context, binary string, f files, name string, flags []string, ready func(context.Context) error,
) (*child, error) {
	p, err := process.Start(context.WithoutCancel(ctx), process.Command{
		Path: binary, Args: append([]string{name}, flags...), Env: os.Environ(), Dir: f.dir, LogFile: f.path(name + ".log"),
	})
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	c := &child{name: name, process: p}
	if err := process.WaitReady(ctx, p, ready, probeInterval); err != nil {
		return nil, errors.Join(fmt.Errorf("waiting for %s: %w", name, err), c.stop())
	}
	return c, nil
}

func (c *Cluster) apiServerReady(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	if err != nil {
		return fmt.Errorf("creating a client: %w", err)
	}
	return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// freePort finds a free port. kube-apiserver cannot choose one itself: it refuses --secure-port=0.
func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.Join(fmt.Errorf("finding a free port: unexpected address %s", listener.Addr()), listener.Close())
	}
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("freeing port %d: %w", address.Port, err)
	}
	return address.Port, nil
}

// portTaken tells from its log that the API server did not get its port.
func portTaken(log string) bool {
	content, err := os.ReadFile(log) // #nosec G304 -- a file in the sandbox's own directory
	return err == nil && strings.Contains(string(content), "address already in use")
}
