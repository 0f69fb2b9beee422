package components

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

func parseServer(server string) (*url.URL, error) {
	parsed, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	if parsed.User != nil {
		return nil, errors.New("has a user name or password, which would stand in the stack's outputs and which Argo CD does not read there")
	}
	if parsed.Scheme != "https" || parsed.Hostname() == "" {
		return nil, fmt.Errorf("%q is not an https URL", server)
	}
	if parsed.RawQuery != "" || parsed.Fragment != "" {
		return nil, fmt.Errorf("%q has something behind the path, which no URL of an API server has", server)
	}
	return parsed, nil
}

// profileForm is what can stand between the brackets of [profile name] in ~/.aws/config:
// https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
var profileForm = regexp.MustCompile(`^[^\s\[\]"'\x60#;]+$`)

// ValidateProfile checks the name of an AWS profile.
func ValidateProfile(name string) error {
	if profileForm.MatchString(name) && validatePrintable(name) == nil {
		return nil
	}
	return fmt.Errorf("%q is not the name of an AWS profile, which has no white space, brackets or quotes", name)
}

// validCertificateAuthority refuses a CA that was encoded twice or not at all: Argo CD would only say that it cannot
// connect.
func validCertificateAuthority(data string) error {
	pem, err := base64.StdEncoding.DecodeString(data)
	if err != nil || !strings.HasPrefix(string(pem), "-----BEGIN CERTIFICATE-----") {
		return errors.New("must be a PEM certificate in base64, as EKS gives it in certificateAuthority.data")
	}
	return nil
}

// proxyPorts are the ports of the proxies that Argo CD knows, by their schemes.
//
// https://github.com/argoproj/argo-cd/blob/master/pkg/apis/application/v1alpha1/types.go (ParseProxyUrl)
// https://pkg.go.dev/net/http#Transport
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080"}

// parseProxy reads the URL of a proxy. No error repeats it where it may hold a password.
func parseProxy(text string) (*url.URL, error) {
	shown := fmt.Sprintf("%q", text)
	if strings.Contains(text, "@") {
		shown = "this"
	}
	proxy, err := url.Parse(text)
	switch {
	case err != nil || proxy.Hostname() == "" || proxyPorts[proxy.Scheme] == "":
		return nil, fmt.Errorf("%s is not the URL of a proxy that Argo CD can use, such as http://proxy.example.com:3128; "+
			"the scheme is http, https or socks5", shown)
	case strings.TrimSuffix(proxy.Path, "/") != "" || proxy.RawQuery != "" || proxy.Fragment != "":
		return nil, fmt.Errorf("%s has something behind the host and port of the proxy", shown)
	default:
		return proxy, nil
	}
}

// curlProxy is a proxy as curl takes it, to go the way that Argo CD goes: to the scheme's own port unless one is given, and
// with names resolved by the proxy.
func curlProxy(text string) (string, error) {
	proxy, err := parseProxy(text)
	if err != nil {
		return "", err
	}
	if proxy.User != nil {
		return "", errors.New("has a user name or password, which the proof's Job would show to all who may read it; let the proxy know " +
			"the pods by their addresses, or leave the proof out")
	}
	scheme, port := proxy.Scheme, proxy.Port()
	if port == "" {
		port = proxyPorts[scheme]
	}
	if scheme == "socks5" {
		scheme = "socks5h"
	}
	return scheme + "://" + net.JoinHostPort(proxy.Hostname(), port), nil
}

// ValidateLoginProxy checks the URL of a proxy that the pods of a [ClusterLoginTest] go through.
func ValidateLoginProxy(proxyURL string) error {
	_, err := curlProxy(proxyURL)
	return err
}

// serverNameForm is a DNS name: https://www.rfc-editor.org/rfc/rfc6066#section-3
var serverNameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)

const maxServerName = 253

// validServerName checks the name that a server's certificate must have: a DNS name, or an address.
func validServerName(name string) error {
	if len(name) <= maxServerName && serverNameForm.MatchString(name) || net.ParseIP(name) != nil {
		return nil
	}
	return fmt.Errorf("%q is not a name that a certificate can have, such as kubernetes.example.com", name)
}

// urlHost is a name or an address as it stands in a URL.
func urlHost(name string) string {
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}
