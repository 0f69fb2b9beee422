//go:build unix

package eks_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestTheAPIServerProvesItselfToAKubeletAndKnowsIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		certificate string
		want        string
	}{
		"the node's own certificate":  {"node", "asked by kube-apiserver-kubelet-client"},
		"another server's, same name": {"", "certificate signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := admin(t, hub)
			namespace := newNamespace(t, client)
			pod := podOf("main")
			pod.Spec.NodeName = newKubelet(t, test.certificate)
			created, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
			require.NoError(t, err)
			t.Cleanup(func() {
				assert.NoError(t, client.CoreV1().Pods(namespace).Delete(context.WithoutCancel(t.Context()), created.Name,
					metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}))
			})

			logs, err := client.CoreV1().Pods(namespace).GetLogs(created.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())

			assert.Contains(t, fmt.Sprint(string(logs), err), test.want)
		})
	}
}

// newKubelet registers a node whose kubelet says who asks for logs, and has the cluster's certificate of that name or, with
// none, one of its own.
func newKubelet(t *testing.T, certificate string) string {
	t.Helper()
	kubelet := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "asked by %s", r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	authorities := x509.NewCertPool()
	require.True(t, authorities.AppendCertsFromPEM(clusterOf(hub).CertificateAuthority))
	kubelet.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authorities, MinVersion: tls.VersionTLS13}
	if certificate != "" {
		dir := filepath.Join(sandbox.dir, "eu-west-1-hub")
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, certificate+".crt"), filepath.Join(dir, certificate+".key"))
		require.NoError(t, err)
		kubelet.TLS.Certificates = []tls.Certificate{pair}
	}
	kubelet.Config.ErrorLog = log.New(io.Discard, "", 0) // a client that refuses the certificate is what is tested
	kubelet.StartTLS()
	t.Cleanup(kubelet.Close)
	address, err := url.Parse(kubelet.URL)
	require.NoError(t, err)
	port, err := strconv.ParseInt(address.Port(), 10, 32)
	require.NoError(t, err)
	nodes := admin(t, hub).CoreV1().Nodes()
	node, err := nodes.Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "kubelet-"},
		Status: corev1.NodeStatus{
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeHostName, Address: "kubelet.invalid"}, {Type: corev1.NodeInternalIP, Address: "127.0.0.1"},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(port)}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, nodes.Delete(context.WithoutCancel(t.Context()), node.Name, metav1.DeleteOptions{}))
	})
	return node.Name
}
