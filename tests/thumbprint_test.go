package tests

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// authority is a certificate that can sign others.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issue makes a certificate, signed by the issuer, or by itself where there is none.
func issue(t *testing.T, name string, issuer *authority) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: name != "leaf",
	}
	if !template.IsCA {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	signer := authority{certificate: template, key: key}
	if issuer != nil {
		signer = *issuer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.certificate, key.Public(), signer.key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return authority{certificate: certificate, key: key}
}

// serveTLS starts a server that presents the chain, and gives its URL.
func serveTLS(t *testing.T, leaf authority, others ...authority) string {
	t.Helper()
	chain := tls.Certificate{PrivateKey: leaf.key, Certificate: [][]byte{leaf.certificate.Raw}}
	for _, other := range others {
		chain.Certificate = append(chain.Certificate, other.certificate.Raw)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{chain}, MinVersion: tls.VersionTLS12,
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, listener.Close()) })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // the listener is closed
			}
			_ = connection.(*tls.Conn).Handshake() // the client sees an error as well
			_ = connection.Close()
		}
	}()
	return "https://" + listener.Addr().String()
}

func trusting(root authority) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(root.certificate)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func TestThumbprintIsThatOfTheTopCertificatePresented(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil)
	intermediate := issue(t, "intermediate", &root)
	leaf := issue(t, "leaf", &intermediate)
	for _, test := range []struct {
		name   string
		others []authority
		top    authority
	}{
		{"the root, if the server presents it", []authority{intermediate, root}, root},
		{"the intermediate, as most servers keep the root to themselves", []authority{intermediate}, intermediate},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			thumbprint, err := components.Thumbprint(t.Context(), serveTLS(t, leaf, test.others...), trusting(root))
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprintf("%x", sha1.Sum(test.top.certificate.Raw)), thumbprint)
		})
	}
}

func TestThumbprintIsNoneOfAChainThatDoesNotVerify(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil)
	leaf := issue(t, "leaf", &root)
	url := serveTLS(t, leaf, root)
	thumbprint, err := components.Thumbprint(t.Context(), url, trusting(issue(t, "root", nil)))
	require.ErrorContains(t, err, `computing the thumbprint of "`+url+`": `)
	var untrusted x509.UnknownAuthorityError
	require.ErrorAs(t, err, &untrusted)
	assert.Empty(t, thumbprint)
}

func TestThumbprintDoesNotHangWhenAServerHangs(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts by the kernel's queue and never answers
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, listener.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = components.Thumbprint(ctx, "https://"+listener.Addr().String(), nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestThumbprintNeedsAnHTTPSURL(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string]string{
		"http://" + hubIssuer: `computing the thumbprint of "http://` + hubIssuer + `": must be an https URL`,
		hubIssuer:             `computing the thumbprint of "` + hubIssuer + `": must be an https URL`,
		"https:///id/X":       `computing the thumbprint of "https:///id/X": must be an https URL`,
		"https://%zz":         `computing the thumbprint of "https://%zz": parse "https://%zz": invalid URL escape "%zz"`,
	} {
		t.Run(issuer, func(t *testing.T) {
			t.Parallel()
			_, err := components.Thumbprint(t.Context(), issuer, nil)
			require.ErrorContains(t, err, want)
		})
	}
}

func TestThumbprintTakesPort443ByDefault(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // so that nothing is asked whatever listens there
	_, err := components.Thumbprint(ctx, "https://127.0.0.1/id/X", nil)
	require.ErrorContains(t, err, `computing the thumbprint of "https://127.0.0.1/id/X": dial tcp 127.0.0.1:443: `)
}
