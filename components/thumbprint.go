package components

import (
	"context"
	"crypto/sha1" //nolint:gosec // the form of an IAM thumbprint, not a security measure of ours
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
)

// Thumbprint computes the thumbprint that IAM knows an OIDC issuer by: the SHA-1 fingerprint, 40 lower-case hexadecimal
// digits, of the top certificate in the chain that the issuer's TLS server presents. The chain must verify. config adds
// root certificates and the like; nil means the system's defaults. IAM no longer needs thumbprints of EKS issuers; a
// policy of one's own may.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
func Thumbprint(ctx context.Context, issuer string, config *tls.Config) (string, error) {
	issuerURL, err := url.Parse(issuer)
	if err != nil {
		return "", fmt.Errorf("computing the thumbprint of %q: %w", issuer, err)
	}
	if issuerURL.Scheme != "https" || issuerURL.Hostname() == "" {
		return "", fmt.Errorf("computing the thumbprint of %q: must be an https URL", issuer)
	}
	port := issuerURL.Port()
	if port == "" {
		port = "443"
	}
	connection, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", net.JoinHostPort(issuerURL.Hostname(), port))
	if err != nil {
		return "", fmt.Errorf("computing the thumbprint of %q: %w", issuer, err)
	}
	state := connection.(*tls.Conn).ConnectionState()
	if err := connection.Close(); err != nil {
		return "", errors.Join(fmt.Errorf("computing the thumbprint of %q: closing the connection", issuer), err)
	}
	top := state.PeerCertificates[len(state.PeerCertificates)-1]
	sum := sha1.Sum(top.Raw) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:]), nil
}
