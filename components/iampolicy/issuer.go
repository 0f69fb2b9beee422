package iampolicy

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// maxIssuer is the length that IAM allows for the URL of an OIDC provider, scheme included:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
const maxIssuer = 255

var (
	issuerHost = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$`)
	issuerPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*/?$`)
)

// eksIssuer is the host of the issuers of EKS, of which each cluster has one: https://oidc.eks.<region>.<domain>/id/<id>.
var eksIssuer = regexp.MustCompile(`(?i)^oidc\.eks\.[a-z0-9-]+\.`)

// apiServer is the host of a cluster's API server: <id>.<group>.<region>.eks.amazonaws.com, dual-stack
// <id>.eks-cluster.<region>.api.aws.
var apiServer = regexp.MustCompile(`(?i)^[0-9a-f]+\.[a-z0-9]+\.[a-z0-9-]+\.eks\.amazonaws\.|\.eks-cluster\.`)

// dualStack is the host under which an issuer's keys can be fetched by IPv6, too. No token names it: `iss` stays the name
// with amazonaws.com, so a provider that is made for this one never matches
// (https://docs.aws.amazon.com/eks/latest/userguide/cluster-ipv6.html,
// https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3237).
var dualStack = regexp.MustCompile(`(?i)^oidc-eks\.([a-z0-9-]+)\.(.+)$`)

// issuerDomains are the domains of issuers by those of their dual-stack names. A partition that is not here has
// amazonaws instead of amazonwebservices, as China and the European Sovereign Cloud do.
var issuerDomains = map[string]string{"api.aws": "amazonaws.com"}

// inTokens is the issuer that the tokens of an EKS cluster name, for a dual-stack one.
func inTokens(host, path string) (issuer string, isDualStack bool) {
	parts := dualStack.FindStringSubmatch(host)
	if parts == nil {
		return "", false
	}
	region, domain := strings.ToLower(parts[1]), strings.ToLower(parts[2])
	plain, ok := issuerDomains[domain]
	if !ok {
		plain = strings.Replace(strings.TrimPrefix(domain, "api."), "amazonwebservices.", "amazonaws.", 1)
	}
	return "https://oidc.eks." + region + "." + plain + strings.TrimSuffix(path, "/"), true
}

// ParseIssuer reduces the issuer URL of a cluster to the form that ARNs and condition keys want: host and path, without
// https://. A bare host and path is taken as well, because that is the form of IAM's own url attribute.
//
// A slash at the end is kept, as IAM keeps it in ARNs and in condition keys: an issuer whose tokens say it (Auth0's,
// Microsoft Entra's) is another one without it, and no token of one is accepted as one of the other
// (https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation). Issuers of EKS have none.
//
// It refuses what IAM refuses in the URL of an OIDC provider (any scheme but https, a port, a query:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html), whatever could not be part of
// a condition key or would change its meaning, and the names of EKS that no token says.
func ParseIssuer(issuer string) (string, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("issuer %q %s", issuer, fmt.Sprintf(format, args...))
	}
	if issuer == "" {
		return "", errors.New("issuer is empty; it looks like https://oidc.eks.<region>.amazonaws.com/id/<id>")
	}
	if strings.HasPrefix(issuer, "arn:") {
		return "", wrong("is an ARN; the issuer is what follows oidc-provider/ in it")
	}
	full := issuer
	if !strings.Contains(issuer, "://") {
		full = "https://" + issuer
	}
	parsed, err := url.Parse(full)
	if err != nil {
		// url.Error would quote the issuer a second time.
		var reason *url.Error
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return "", fmt.Errorf("issuer %q is not a URL: %w", issuer, err)
	}
	path := parsed.EscapedPath()
	tokens, isDualStack := inTokens(parsed.Host, path)
	switch {
	case parsed.Scheme != "https":
		return "", wrong("has the scheme %q; it must be https", parsed.Scheme)
	case parsed.User != nil:
		return "", fmt.Errorf("issuer at host %q has a user name; it must not", parsed.Host) // do not repeat a password
	case strings.Contains(issuer, "?"):
		return "", wrong("has a query; it must not")
	case strings.Contains(issuer, "#"):
		return "", wrong("has a fragment; it must not")
	case parsed.Hostname() == "":
		return "", wrong("has no host")
	case strings.Contains(parsed.Host, ":"):
		return "", wrong("has a port; IAM takes none in the URL of an OIDC provider")
	case !issuerHost.MatchString(parsed.Host):
		return "", wrong("has the host %q, which is not a full DNS name", parsed.Host)
	case !issuerPath.MatchString(path):
		return "", wrong("has the path %q; use letters, digits and ._~- between single slashes", path)
	case len(full) > maxIssuer:
		return "", wrong("has %d characters with https://; IAM allows %d", len(full), maxIssuer)
	case isDualStack:
		return "", wrong("is a dual-stack name, which no token says; use the issuer that they say, %s", tokens)
	case apiServer.MatchString(parsed.Host):
		return "", wrong("is the address of an API server; the issuer of an EKS cluster is https://oidc.eks.<region>.amazonaws.com/id/<id>")
	case eksIssuer.MatchString(parsed.Host) && strings.HasSuffix(path, "/"):
		return "", wrong("ends with a slash, and the issuers of EKS do not, so no token would match; leave it out")
	case eksIssuer.MatchString(parsed.Host) && !strings.HasPrefix(path, "/id/"):
		return "", wrong("names no cluster; the issuer of an EKS cluster is https://%s/id/<id>", parsed.Host)
	}
	return parsed.Host + path, nil
}
