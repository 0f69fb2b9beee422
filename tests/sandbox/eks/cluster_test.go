//go:build unix

package eks_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

func TestAStartedClusterIsReadyForPods(t *testing.T) {
	t.Parallel()
	for _, spec := range []eks.Spec{hub, spoke, legacy} {
		t.Run(spec.Name, func(t *testing.T) {
			t.Parallel()
			client := admin(t, spec)

			_, err := client.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
			require.NoError(t, err)
			node, err := client.CoreV1().Nodes().Get(t.Context(), "sandbox", metav1.GetOptions{})
			require.NoError(t, err)
			assert.Empty(t, node.Spec.Taints)
			assert.Equal(t, corev1.ConditionTrue, node.Status.Conditions[0].Status)
			version, err := client.Discovery().ServerVersion()
			require.NoError(t, err)
			assert.Regexp(t, `^v1\.\d+\.\d+$`, version.GitVersion, "clients parse it")
			for _, role := range []string{"admin", "edit", "view"} {
				eventually(t, func() error {
					role, err := client.RbacV1().ClusterRoles().Get(t.Context(), role, metav1.GetOptions{})
					if err == nil && len(role.Rules) == 0 {
						err = errors.New("no rules were aggregated")
					}
					return err
				})
			}
		})
	}
}

func TestIssuersAreThoseOfEKS(t *testing.T) {
	t.Parallel()

	assert.Regexp(t, `^https://oidc\.eks\.eu-west-1\.amazonaws\.com/id/[0-9A-F]{32}$`, clusterOf(hub).Issuer)
	assert.Regexp(t, `^https://oidc\.eks\.cn-north-1\.amazonaws\.com\.cn/id/[0-9A-F]{32}$`, clusterOf(spoke).Issuer)
	assert.Equal(t, "https://oidc.eks.us-east-1.amazonaws.com/id/4C752AE5CC4039DCF20A2D63E03C3D58",
		clusterOf(legacy).Issuer, "the same in every sandbox")
}

func TestOnlyTheOwnerCanReadKeysAndData(t *testing.T) {
	t.Parallel()
	for _, part := range []string{".", "etcd", "etcd/data", "eu-west-1-hub"} {
		info, err := os.Stat(filepath.Join(sandbox.dir, part))
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm(), part)
	}
	files, err := filepath.Glob(filepath.Join(sandbox.dir, "*", "*.*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		if filepath.Base(file) == "etcd.log" {
			continue // etcd opens its log by itself
		}
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), file)
	}
}

func TestServiceAccountTokensVerifyAgainstTheirOwnClusterOnly(t *testing.T) {
	t.Parallel()
	own, other := clusterOf(hub), clusterOf(spoke)
	token := serviceAccountToken(t, hub, "sts.amazonaws.com")

	verified, err := oidc.NewVerifier(own.Issuer, keysOf(t, hub), &oidc.Config{ClientID: "sts.amazonaws.com"}).
		Verify(t.Context(), token)
	require.NoError(t, err)
	assert.Equal(t, own.Issuer, verified.Issuer)
	assert.Equal(t, "system:serviceaccount:default:default", verified.Subject)
	assert.Equal(t, []string{"sts.amazonaws.com"}, verified.Audience)

	for name, verifier := range map[string]*oidc.IDTokenVerifier{
		"another cluster's keys":   oidc.NewVerifier(own.Issuer, keysOf(t, spoke), &oidc.Config{ClientID: "sts.amazonaws.com"}),
		"another cluster's issuer": oidc.NewVerifier(other.Issuer, keysOf(t, hub), &oidc.Config{ClientID: "sts.amazonaws.com"}),
		"another audience":         oidc.NewVerifier(own.Issuer, keysOf(t, hub), &oidc.Config{ClientID: "sts.example.com"}),
	} {
		_, err := verifier.Verify(t.Context(), token)
		assert.Error(t, err, name)
	}
}

func TestTheSigningKeyIsThePublishedOne(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(clusterOf(hub).SigningKeyFile())
	require.NoError(t, err)
	block, rest := pem.Decode(content)
	require.NotNil(t, block)
	require.Empty(t, rest)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	private, ok := key.(*rsa.PrivateKey)
	require.True(t, ok)

	assert.Equal(t, []crypto.PublicKey{&private.PublicKey}, keysOf(t, hub).PublicKeys)
	assert.NotEqual(t, keysOf(t, spoke).PublicKeys, keysOf(t, hub).PublicKeys)
}

func TestATokenForAWSIsNoLogin(t *testing.T) {
	t.Parallel()
	for audience, want := range map[string]bool{
		"sts.amazonaws.com": false, "https://kubernetes.default.svc": true, clusterOf(hub).Issuer: true,
	} {
		config := rest.AnonymousClientConfig(clusterOf(hub).AdminConfig())
		config.BearerToken = serviceAccountToken(t, hub, audience)
		client, err := kubernetes.NewForConfig(config)
		require.NoError(t, err)

		_, err = client.AuthenticationV1().SelfSubjectReviews().
			Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})

		assert.Equal(t, want, err == nil, "audience %s: %v", audience, err)
	}
}

func TestTheDiscoveryDocumentIsWhatEKSPublishes(t *testing.T) {
	t.Parallel()
	document, err := admin(t, hub).CoreV1().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(t.Context())

	require.NoError(t, err)
	assert.Contains(t, string(document), `"issuer":"`+clusterOf(hub).Issuer+`"`)
	assert.Contains(t, string(document), `"jwks_uri":"`+clusterOf(hub).Issuer+`/keys"`)
}

func TestAnonymousRequestsSeeTheHealthOnly(t *testing.T) {
	t.Parallel()
	client, err := rest.HTTPClientFor(rest.AnonymousClientConfig(clusterOf(hub).AdminConfig()))
	require.NoError(t, err)
	for path, want := range map[string]int{
		"/livez": http.StatusOK, "/readyz": http.StatusOK, "/version": http.StatusOK,
		"/api": http.StatusUnauthorized, "/openid/v1/jwks": http.StatusUnauthorized, "/metrics": http.StatusUnauthorized,
		"/api/v1/secrets": http.StatusUnauthorized,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, clusterOf(hub).Endpoint+path, nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want, response.StatusCode, path)
	}
}

func TestTheKubeconfigLogsInWithTheAWSCLI(t *testing.T) {
	t.Parallel()
	_, aws, err := tools.Python(t.Context(), tools.Options{Log: os.Stderr})
	require.NoError(t, err)
	sandbox.entries.set(hub, entry(userArn("cli"), "cli", nil, clusterAdmin))
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	require.NoError(t, sandbox.clusters.WriteKubeconfig(path, aws))

	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	written, err := clientcmd.LoadFromFile(path)
	require.NoError(t, err)
	assert.Equal(t, "hub", written.CurrentContext)
	for context, arn := range map[string]string{
		"hub": "arn:aws:eks:eu-west-1:" + account + ":cluster/hub", "spoke": "arn:aws-cn:eks:cn-north-1:" + account + ":cluster/spoke",
		"legacy": "arn:aws:eks:us-east-1:" + account + ":cluster/legacy",
	} {
		if assert.Contains(t, written.Contexts, context) {
			assert.Equal(t, arn, written.Contexts[context].Cluster)
		}
	}
	user := written.AuthInfos[written.Contexts[written.CurrentContext].AuthInfo]
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "user.cli", "AWS_SECRET_ACCESS_KEY": "any", "AWS_CONFIG_FILE": os.DevNull,
	} {
		user.Exec.Env = append(user.Exec.Env, clientcmdapi.ExecEnvVar{Name: name, Value: value})
	}
	config, err := clientcmd.NewDefaultClientConfig(*written, nil).ClientConfig()
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)

	_, err = client.CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{})

	assert.NoError(t, err)
}

func TestAContextIsTheClustersNameUnlessTwoHaveIt(t *testing.T) {
	t.Parallel()
	of := func(name, region string) *eks.Cluster {
		return &eks.Cluster{Spec: eks.Spec{Name: name, Account: account, Region: region}}
	}
	clusters := &eks.Clusters{All: []*eks.Cluster{of("a", "eu-west-1"), of("b", "eu-west-1"), of("a", "us-east-1")}}
	var contexts []string
	for _, c := range clusters.All {
		contexts = append(contexts, clusters.Context(c))
	}
	assert.Equal(t, []string{
		"arn:aws:eks:eu-west-1:" + account + ":cluster/a", "b", "arn:aws:eks:us-east-1:" + account + ":cluster/a",
	}, contexts)
}

func TestASecondSandboxRunsBesideAndStopsWithoutATrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	second, err := eks.Start(t.Context(), options(dir), []eks.Spec{hub})
	require.NoError(t, err)
	require.NotEqual(t, clusterOf(hub).Endpoint, second.All[0].Endpoint)
	require.Equal(t, clusterOf(hub).Issuer, second.All[0].Issuer)
	require.Len(t, processesIn(t, dir), 2, "an API server and a controller manager")
	client, err := kubernetes.NewForConfig(second.All[0].AdminConfig())
	require.NoError(t, err)
	first := admitWith(t, client, "default", map[string]string{roleAnnotation: appRole}, podOf("main"))
	require.True(t, hasIdentity(first), "a cluster that is ready has its pod identity webhook")

	start := time.Now()
	require.NoError(t, second.Stop())

	assert.Less(t, time.Since(start), 10*time.Second)
	assert.Empty(t, processesIn(t, dir))
	require.NoError(t, second.Stop(), "stopping twice does nothing")
	_, err = admin(t, hub).Discovery().ServerVersion()
	assert.NoError(t, err, "the first sandbox lives on")
}

func TestAControlPlaneThatFailsIsToldAndLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	opts := options(t.TempDir())
	opts.ControlPlane = filepath.Join(opts.Dir, "controlplane")
	require.NoError(t, os.WriteFile(opts.ControlPlane, []byte("#!/bin/sh\necho out of order\nexit 1\n"), 0o700))

	_, err := eks.Start(t.Context(), opts, []eks.Spec{hub, spoke})

	require.ErrorContains(t, err, `starting cluster "`)
	require.ErrorContains(t, err, "out of order")
	assert.Empty(t, processesIn(t, opts.Dir))
}

func TestWhatCannotBeStartedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*eks.Options, []eks.Spec)
		want   string
	}{
		"no binary":    {func(o *eks.Options, _ []eks.Spec) { o.ControlPlane = "" }, "options: ControlPlane: must not be empty"},
		"no directory": {func(o *eks.Options, _ []eks.Spec) { o.Dir = "" }, "options: Dir: must not be empty"},
		"no endpoint":  {func(o *eks.Options, _ []eks.Spec) { o.AWSEndpoint = "" }, "options: AWSEndpoint: must not be empty"},
		"no access":    {func(o *eks.Options, _ []eks.Spec) { o.Access = nil }, "options: Access: must not be nil"},
		"time backwards": {
			func(o *eks.Options, _ []eks.Spec) { o.TokenAging = -1 }, "options: TokenAging: -1: must not be negative",
		},
		"no name":   {func(_ *eks.Options, s []eks.Spec) { s[1].Name = "" }, "clusters[1]: name, account and region must not be empty"},
		"no region": {func(_ *eks.Options, s []eks.Spec) { s[1].Region = "" }, "clusters[1]: name, account and region must not be empty"},
		"a path as a name": {
			func(_ *eks.Options, s []eks.Spec) { s[1].Name = "../hub" },
			`clusters[1]: name "../hub": must be letters, digits, - and _`,
		},
		"no mode": {
			func(_ *eks.Options, s []eks.Spec) { s[0].AuthenticationMode = "" },
			`clusters[0]: authentication mode "": must be one of API, API_AND_CONFIG_MAP, CONFIG_MAP`,
		},
		"the same twice": {func(_ *eks.Options, s []eks.Spec) { s[1] = s[0] }, `clusters[1]: "hub" exists already in eu-west-1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts, specs := options(t.TempDir()), []eks.Spec{hub, spoke}
			dir := opts.Dir
			test.change(&opts, specs)

			_, err := eks.Start(t.Context(), opts, specs)

			require.EqualError(t, err, test.want)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, entries, "nothing is begun")
		})
	}
}

func serviceAccountToken(t *testing.T, spec eks.Spec, audience string) string {
	t.Helper()
	request, err := admin(t, spec).CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default",
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			Audiences: []string{audience}, ExpirationSeconds: ptr.To[int64](600),
		}}, metav1.CreateOptions{})
	require.NoError(t, err)
	return request.Status.Token
}

// keysOf fetches the keys that a cluster publishes.
func keysOf(t *testing.T, spec eks.Spec) *oidc.StaticKeySet {
	t.Helper()
	document, err := clusterOf(spec).JWKS(t.Context())
	require.NoError(t, err)
	var published jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(document, &published))
	require.NotEmpty(t, published.Keys)
	keys := &oidc.StaticKeySet{}
	for _, key := range published.Keys {
		assert.Equal(t, "RS256", key.Algorithm)
		keys.PublicKeys = append(keys.PublicKeys, key.Key)
	}
	return keys
}

// processesIn lists the running processes whose command line names dir.
func processesIn(t *testing.T, dir string) []string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "ps", "-eo", "args").Output()
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(output)) {
		if strings.Contains(line, dir) {
			found = append(found, line)
		}
	}
	return found
}
