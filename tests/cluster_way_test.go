package tests

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// certifiedName is the only name in the API server's certificate.
const certifiedName = "kubernetes.prod.internal"

// apiServer is an API server that knows every caller for the pods' role, and keeps what it was asked for.
type apiServer struct {
	*httptest.Server
	caData      string
	hosts, snis []string
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{certifiedName},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	server := &apiServer{caData: base64.StdEncoding.EncodeToString(ca)}
	status, body, _ := strings.Cut(reviewOf(podIdentity+"/1"), " ")
	require.Equal(t, "201", status)
	server.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.hosts, server.snis = append(server.hosts, r.Host), append(server.snis, r.TLS.ServerName)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, body)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes are to fail
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// proxyTo is a proxy whose every tunnel ends at the server; tunnels are what it was asked for.
func proxyTo(t *testing.T, server *apiServer, tunnels *[]string) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*tunnels = append(*tunnels, r.Method+" "+r.Host)
		there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() {
			_, _ = io.Copy(there, here)
			_ = there.Close()
		}()
		_, _ = io.Copy(here, there)
		_ = here.Close()
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// logInBy runs a login with the machine's curl.
func logInBy(t *testing.T, server *apiServer, env map[string]string) (log string, exitCode int) {
	t.Helper()
	all := map[string]string{"IRSA_SERVER": server.URL, "IRSA_CA_DATA": server.caData}
	for name, value := range env {
		all[name] = value
	}
	return podProgram{mode: testpod.Login, token: loginToken, env: all, realCurl: true}.run(t)
}

func TestPodLogsInByTheNameOfTheServersCertificate(t *testing.T) {
	t.Parallel()
	server := newAPIServer(t)
	log, code := logInBy(t, server, map[string]string{"IRSA_SERVER_NAME": certifiedName})
	require.Equal(t, provenExit, code, log)
	assert.Equal(t, []string{certifiedName}, server.snis)
	assert.Equal(t, []string{server.Listener.Addr().String()}, server.hosts, "the name is for TLS only, as Argo CD has it")

	log, code = logInBy(t, server, nil)
	assert.Equal(t, finalExit, code)
	assert.Contains(t, log, "SSL", "without the name the certificate is not the server's")
	assert.Len(t, server.hosts, 1)

	log, code = logInBy(t, server, map[string]string{"IRSA_SERVER_NAME": "other.prod.internal"})
	assert.Equal(t, finalExit, code)
	assert.Contains(t, log, "or not reach the cluster under the name other.prod.internal:\n")
	assert.Len(t, server.hosts, 1)
}

func TestPodLogsInThroughTheProxy(t *testing.T) {
	t.Parallel()
	server := newAPIServer(t)
	var tunnels []string
	proxy := proxyTo(t, server, &tunnels)
	for _, test := range []struct{ name, server, serverName, tunnel string }{
		{"to a name that only the proxy knows", "https://" + certifiedName, "", "CONNECT " + certifiedName + ":443"},
		{"with another name in TLS", "https://api.prod.internal:6443", certifiedName, "CONNECT api.prod.internal:6443"},
		{"to an IPv6 address", "https://[2001:db8::1]:6443", certifiedName, "CONNECT [2001:db8::1]:6443"},
		{"to an IPv6 address without a port", "https://[2001:db8::1]", certifiedName, "CONNECT [2001:db8::1]:443"},
	} {
		tunnels = nil
		log, code := logInBy(t, server, map[string]string{
			"IRSA_SERVER": test.server, "IRSA_SERVER_NAME": test.serverName, "IRSA_PROXY": proxy, "NO_PROXY": "*", "no_proxy": "*",
		})
		require.Equal(t, provenExit, code, "%s: %s", test.name, log)
		assert.Equal(t, []string{test.tunnel}, tunnels, test.name)
	}
}

func TestPodLoginSaysThatTheProxyIsGone(t *testing.T) {
	t.Parallel()
	server := newAPIServer(t)
	const gone = "http://127.0.0.1:1"
	log, code := logInBy(t, server, map[string]string{"IRSA_SERVER_NAME": certifiedName, "IRSA_PROXY": gone})
	assert.Equal(t, finalExit, code)
	assert.Contains(t, log, "or not reach the cluster through the proxy "+gone+" under the name "+certifiedName+":\n")
	assert.Empty(t, server.hosts)
}

func TestPodLoginWithoutAProxyTakesNoneOfTheEnvironment(t *testing.T) {
	t.Parallel()
	server := newAPIServer(t)
	log, code := logInBy(t, server, map[string]string{"IRSA_SERVER_NAME": certifiedName, "https_proxy": "http://127.0.0.1:1"})
	require.Equal(t, provenExit, code, log)
}

func TestClusterLoginTestTellsItsPodsTheWay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ serverName, proxy, wantName, wantProxy string }{
		"a proxy with a port":     {certifiedName, "http://proxy.internal:3128", certifiedName, "http://proxy.internal:3128"},
		"the scheme's own port":   {"", "http://proxy.internal", "", "http://proxy.internal:80"},
		"a proxy behind TLS":      {"", "https://proxy.internal/", "", "https://proxy.internal:443"},
		"names by the proxy":      {"", "socks5://proxy.internal", "", "socks5h://proxy.internal:1080"},
		"an address for the name": {"2001:db8::1", "http://[2001:db8::2]:3128", "[2001:db8::1]", "http://[2001:db8::2]:3128"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := clusterLogin.made(t, func(args *components.ClusterLoginTestArgs) {
				args.ServerName, args.ProxyURL = test.serverName, test.proxy
			})
			env := envOf(r.one(t, jobType, "argocd/workloads/argocd/argocd-server-login-workloads"))
			assert.Equal(t, test.wantName, env["IRSA_SERVER_NAME"])
			assert.Equal(t, test.wantProxy, env["IRSA_PROXY"])
		})
	}
}

func TestArgoCDClusterAndClusterLoginTestRefuseAWayThatArgoCDCannotTake(t *testing.T) {
	t.Parallel()
	const noProxy = " is not the URL of a proxy that Argo CD can use, such as http://proxy.example.com:3128; the scheme is http, https or socks5"
	for name, test := range map[string]struct{ proxy, serverName, want string }{
		"a host alone":         {"proxy.internal:3128", "", `proxyUrl: "proxy.internal:3128"` + noProxy},
		"another scheme":       {"ftp://proxy.internal", "", `proxyUrl: "ftp://proxy.internal"` + noProxy},
		"no host":              {"http://:3128", "", `proxyUrl: "http://:3128"` + noProxy},
		"a password in a typo": {"htp://me:secret@proxy.internal", "", "proxyUrl: this" + noProxy},
		"a path": {
			"http://proxy.internal:3128/x", "", `proxyUrl: "http://proxy.internal:3128/x" has something behind the host and port of the proxy`,
		},
		"a name with a space": {
			"", "a b", `serverName: "a b" is not a name that a certificate can have, such as kubernetes.example.com`,
		},
		"a URL for a name": {
			"", "https://a.example.com", `serverName: "https://a.example.com" is not a name that a certificate can have, such as kubernetes.example.com`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clusterLogin.refusesThis(t, "by the test", test.want, func(args *components.ClusterLoginTestArgs) {
				args.ProxyURL, args.ServerName = test.proxy, test.serverName
			})
			argoCDCluster.refusesThis(t, "by the secret", test.want, func(args *components.ArgoCDClusterArgs) {
				args.ProxyURL, args.ServerName = test.proxy, test.serverName
			})
		})
	}
}

func TestClusterLoginTestRefusesThePasswordOfAProxyThatArgoCDClusterTakes(t *testing.T) {
	t.Parallel()
	const forTheSecretOnly = "has a user name or password, which the proof's Job would show to all who may read it; let the proxy know the " +
		"pods by their addresses, or leave the proof out"
	clusterLogin.refusesThis(t, "by the test", "proxyUrl: "+forTheSecretOnly, func(args *components.ClusterLoginTestArgs) {
		args.ProxyURL = "http://me:secret@proxy.internal:3128"
	})
	args := argoCDCluster.valid(providers{})
	args.ProxyURL = "http://me:secret@proxy.internal:3128"
	require.NoError(t, args.Validate())
	const target = "targets: {edge: {cluster: edge, access: {kubernetesGroups: [x]}, proxyUrl: 'http://me:secret@proxy.internal:3128'}}}"
	refusedConfig(t, "argocd: {hub: hub, testPod: {}, "+target, "platform.argocd.targets.edge.proxyUrl: "+forTheSecretOnly)
	_, err := stacks.ParseConfig(platformConfig(t, "clusters: {hub: {region: eu-west-1}, edge: {region: eu-west-1}}\nargocd: {hub: hub, "+target)["eks-irsa:platform"], "")
	require.NoError(t, err)
}
