//go:build unix

package eks_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

const account = "123456789012"

// The three clusters that the tests share, one of each authentication mode, and one of them in another partition.
var (
	hub    = eks.Spec{Name: "hub", Account: account, Region: "eu-west-1", AuthenticationMode: "API_AND_CONFIG_MAP"}
	spoke  = eks.Spec{Name: "spoke", Account: account, Region: "cn-north-1", AuthenticationMode: "API"}
	legacy = eks.Spec{Name: "legacy", Account: account, Region: "us-east-1", AuthenticationMode: "CONFIG_MAP"}
)

// sandbox is what TestMain boots and all tests share. Tests use namespaces and principals of their own.
var sandbox struct {
	clusters *eks.Clusters
	sts      *fakeSTS
	entries  *accessEntries
	binary   string
	dir      string
}

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) (code int) {
	if err := boot(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := errors.Join(sandbox.clusters.Stop(), os.RemoveAll(sandbox.dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

func boot() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // the first time, Kubernetes is compiled
	defer cancel()
	if sandbox.binary, err = tools.ControlPlane(ctx, tools.Options{Log: os.Stderr}); err != nil {
		return err
	}
	if sandbox.dir, err = os.MkdirTemp("", "eks-irsa-cluster-test-"); err != nil {
		return err
	}
	sandbox.sts = newFakeSTS()
	sandbox.entries = &accessEntries{entries: map[string]aws.AccessEntry{}}
	start := time.Now()
	sandbox.clusters, err = eks.Start(ctx, options(sandbox.dir), []eks.Spec{hub, spoke, legacy})
	fmt.Fprintf(os.Stderr, "3 clusters: started in %s\n", time.Since(start).Round(10*time.Millisecond))
	if err != nil {
		return errors.Join(err, os.RemoveAll(sandbox.dir))
	}
	for _, c := range sandbox.clusters.All {
		client, err := kubernetes.NewForConfig(c.AdminConfig())
		if err != nil {
			return err
		}
		// In every cluster, because one whose mode is API has to ignore it.
		if _, err := client.CoreV1().ConfigMaps("kube-system").Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: "aws-auth"}, Data: awsAuth,
		}, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func options(dir string) eks.Options {
	return eks.Options{
		ControlPlane: sandbox.binary, Dir: dir, AWSEndpoint: sandbox.sts.URL, Access: sandbox.entries.get,
		ContainerPath: os.Getenv("PATH"), ContainerEnv: map[string]string{"AWS_ENDPOINT_URL": sandbox.sts.URL},
	}
}

func clusterOf(spec eks.Spec) *eks.Cluster {
	return sandbox.clusters.Get(spec.Region, spec.Name)
}

func admin(t *testing.T, spec eks.Spec) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(clusterOf(spec).AdminConfig())
	require.NoError(t, err)
	return client
}

// newNamespace makes a namespace for a test in the hub and waits for its default service account, without which admission
// refuses pods.
func newNamespace(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	namespace, err := client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, func() error {
		_, err := client.CoreV1().ServiceAccounts(namespace.Name).Get(t.Context(), "default", metav1.GetOptions{})
		return err
	})
	return namespace.Name
}

// eventually waits until the check has nothing to complain about.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		require.True(t, time.Now().Before(deadline), "still: %v", err)
		time.Sleep(20 * time.Millisecond)
	}
}

// logIn returns a client configuration with a fresh login token of the access key for the cluster.
func logIn(spec eks.Spec, accessKey string) *rest.Config {
	c := clusterOf(spec)
	config := rest.AnonymousClientConfig(c.AdminConfig())
	config.BearerToken = tokenFor(spec.Name, accessKey)
	return config
}

func loggedIn(t *testing.T, spec eks.Spec, accessKey string) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(logIn(spec, accessKey))
	require.NoError(t, err)
	return client
}

// tokenFor makes the token that `aws eks get-token` would, but for the signature: it names the cluster, and the STS here
// compares it with the header that a real STS would find to be signed.
func tokenFor(clusterName, accessKey string) string {
	return encodeToken(sandbox.sts.URL+"/", tokenQuery(clusterName, accessKey))
}

func tokenQuery(clusterName, accessKey string) url.Values {
	return url.Values{
		"Action":              {"GetCallerIdentity"},
		"Version":             {"2011-06-15"},
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":    {accessKey + "/20260101/eu-west-1/sts/aws4_request"},
		"X-Amz-Date":          {time.Now().UTC().Format("20060102T150405Z")},
		"X-Amz-Expires":       {"60"},
		"X-Amz-SignedHeaders": {"host;x-k8s-aws-id"},
		"X-Amz-Signature":     {"for-" + clusterName},
	}
}

func encodeToken(base string, query url.Values) string {
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(base+"?"+query.Encode()))
}

// accessEntries answers for the endpoint.
type accessEntries struct {
	mu      sync.Mutex
	entries map[string]aws.AccessEntry
}

func (a *accessEntries) get(region, clusterName, principalArn string) (aws.AccessEntry, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	entry, ok := a.entries[region+"/"+clusterName+"/"+principalArn]
	return entry, ok
}

func (a *accessEntries) set(spec eks.Spec, entry aws.AccessEntry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries[spec.Region+"/"+spec.Name+"/"+entry.PrincipalArn] = entry
}

func (a *accessEntries) remove(spec eks.Spec, principalArn string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.entries, spec.Region+"/"+spec.Name+"/"+principalArn)
}

// fakeSTS answers GetCallerIdentity. Its access keys are "<kind>.<name>", where a ~ stands for a slash; serve knows the
// kinds. A role's session is called me@example.com.
type fakeSTS struct {
	*httptest.Server
	mu sync.Mutex
	// asked are the access keys that somebody asked about.
	asked []string
}

func newFakeSTS() *fakeSTS {
	s := &fakeSTS{}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

func (s *fakeSTS) wasAskedAbout(accessKey string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.asked, accessKey)
}

func (s *fakeSTS) serve(w http.ResponseWriter, r *http.Request) {
	accessKey, _, _ := strings.Cut(r.URL.Query().Get("X-Amz-Credential"), "/")
	s.mu.Lock()
	s.asked = append(s.asked, accessKey)
	s.mu.Unlock()
	signature, mine := strings.CutPrefix(r.URL.Query().Get("X-Amz-Signature"), "for-")
	if mine && signature != r.Header.Get("x-k8s-aws-id") {
		http.Error(w, "SignatureDoesNotMatch", http.StatusForbidden)
		return
	}
	kind, name, _ := strings.Cut(strings.ReplaceAll(accessKey, "~", "/"), ".")
	result := map[string]string{"Account": account}
	switch kind {
	case "role":
		result["Arn"] = "arn:aws:sts::" + account + ":assumed-role/" + name + "/me@example.com"
		result["UserId"] = "AROA" + name + ":me@example.com"
	case "user", "xml":
		result["Arn"], result["UserId"] = userArn(name), "AIDA"+name
	case "outsider":
		result["Arn"], result["UserId"] = "arn:aws:ec2::"+account+":instance/i-1", "i-1"
	case "redirect":
		http.Redirect(w, r, "/?X-Amz-Credential=user."+name, http.StatusFound)
		return
	default:
		http.Error(w, "InvalidClientTokenId", http.StatusForbidden)
		return
	}
	if kind == "xml" {
		_, _ = fmt.Fprintf(w, `<?xml version="1.0"?><GetCallerIdentityResponse><GetCallerIdentityResult>`+
			`<Arn>%s</Arn><UserId>%s</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
			result["Arn"], result["UserId"], result["Account"])
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"GetCallerIdentityResponse": map[string]any{"GetCallerIdentityResult": result},
	})
}

func roleArn(name string) string { return "arn:aws:iam::" + account + ":role/" + name }
func userArn(name string) string { return "arn:aws:iam::" + account + ":user/" + name }
