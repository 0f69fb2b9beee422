package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/httpbinding"
)

// Signatures are verified as AWS does it: by making them again from what came, with the secret of the access key.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
//
// The SDK's signer could make them, too, but only for requests as the SDK would send them: it never signs a User-Agent or
// a Content-Length of 0, always signs X-Amz-Date, and leaves query parameters out that it cannot parse, so that they could
// be added to a signed request. A verifier has to take what any client signed, and to cover all that it passes on.

const (
	sigV4   = "AWS4-HMAC-SHA256"
	amzDate = "20060102T150405Z" // the format of X-Amz-Date
)

// signature is what a request says of its signature, in its header or, presigned, in its query. The zero value is that of
// a request that is not signed.
type signature struct {
	accessKey, day, region, service string   // the credential scope
	headers                         []string // the names of those that are signed
	date                            string   // X-Amz-Date
	value                           string   // in hex
	presigned                       bool
	expires                         string // X-Amz-Expires, of a presigned request
}

// authorization is the header of a signed request. Its parts have an order, and each is there once, so that nobody behind
// the endpoint can take another one for its credential.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
var authorization = regexp.MustCompile(`^` + sigV4 + ` +Credential=([^,\s]+)[,\s]+SignedHeaders=([^,\s]+)[,\s]+Signature=([0-9a-f]+)$`)

// credentialScope is a SigV4 credential: access key, day, region, service.
var credentialScope = regexp.MustCompile(`^([A-Za-z0-9]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9.-]+)/aws4_request$`)

// readSignature reads the signature of a request, and does not verify it.
func readSignature(r *http.Request) (signature, error) {
	var s signature
	var credential, headers string
	if header := r.Header.Get("Authorization"); header != "" {
		if parts := authorization.FindStringSubmatch(header); parts != nil {
			credential, headers, s.value = parts[1], parts[2], parts[3]
		}
		s.date = r.Header.Get("X-Amz-Date")
	} else {
		query := r.URL.Query()
		if credential = presignedCredential(query); credential == "" {
			return signature{}, nil
		}
		headers, s.value = query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Signature")
		s.date, s.expires, s.presigned = query.Get("X-Amz-Date"), query.Get("X-Amz-Expires"), true
	}
	scope := credentialScope.FindStringSubmatch(credential)
	if scope == nil {
		return signature{}, &apiError{
			http.StatusForbidden, "IncompleteSignature",
			"the request is not signed with " + sigV4 + ", a scope of <access key>/<date>/<region>/<service>/aws4_request, " +
				"SignedHeaders and a Signature",
		}
	}
	s.accessKey, s.day, s.region, s.service = scope[1], scope[2], scope[3], scope[4]
	s.headers = strings.Split(headers, ";")
	return s, nil
}

func presignedCredential(query url.Values) string { return query.Get("X-Amz-Credential") }

// verify refuses a request that was not signed with the secret as it came, or not at this time.
func (s signature) verify(r *http.Request, secret string) error {
	if err := s.checkTime(time.Now()); err != nil {
		return err
	}
	if names := s.unsignedHeaders(r); len(names) > 0 {
		return notSigned(s.service, names)
	}
	payload, err := s.payload(r)
	if err != nil {
		return err
	}
	request, err := s.canonicalRequest(r, payload)
	if err != nil {
		return err
	}
	if !hmac.Equal([]byte(s.sign(request, secret)), []byte(s.value)) {
		return wrongSignature(s.service)
	}
	if s.service == "s3" { // the others' payload is made from the body itself
		return checkBody(r, payload)
	}
	return nil
}

// window is how far the clock of a caller may be off. Five minutes are the rule, S3 and STS are known for fifteen.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; STS says so in its message.
func window(service string) time.Duration {
	if service == "s3" || service == "sts" {
		return 15 * time.Minute
	}
	return 5 * time.Minute
}

// checkTime refuses what was signed too long ago, or in the future. X-Amz-Expires counts for S3 alone: STS gives every
// presigned request its window, so that the login token of an EKS cluster, which says 60 seconds, is good for 15 minutes.
// https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go
func (s signature) checkTime(now time.Time) error {
	signed, err := time.Parse(amzDate, s.date)
	if err != nil {
		return noDate(s.service)
	}
	if !strings.HasPrefix(s.date, s.day) {
		return badSignature(s.service, fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "+
			"date from HTTP: '%s' != '%s', from '%s'.", s.day, s.date[:len(s.day)], s.date))
	}
	wide := window(s.service)
	early, late := signed.After(now.Add(wide)), now.After(signed.Add(wide))
	at := func(t time.Time) string { return t.UTC().Format(amzDate) }
	switch {
	case s.service == "s3" && s.presigned:
		return s.checkExpiry(signed, now)
	case s.service == "s3" && (early || late):
		return &apiError{
			http.StatusForbidden, "RequestTimeTooSkewed",
			"The difference between the request time and the current time is too large.",
		}
	case late:
		return badSignature(s.service, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %.0f min.)",
			s.date, at(now.Add(-wide)), at(now), wide.Minutes()))
	case early:
		return badSignature(s.service, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %.0f min.)",
			s.date, at(now.Add(wide)), at(now), wide.Minutes()))
	}
	return nil
}

// checkExpiry is for presigned requests to S3.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
func (s signature) checkExpiry(signed, now time.Time) error {
	const week = 604800
	seconds, err := strconv.Atoi(s.expires)
	switch {
	case err != nil || seconds < 1 || seconds > week:
		return &apiError{
			http.StatusBadRequest, "AuthorizationQueryParametersError",
			fmt.Sprintf("X-Amz-Expires must be a number of seconds from 1 to %d", week),
		}
	case signed.After(now.Add(window(s.service))):
		return &apiError{http.StatusForbidden, "AccessDenied", "Request is not yet valid"}
	case now.After(signed.Add(time.Duration(seconds) * time.Second)):
		return &apiError{http.StatusForbidden, "AccessDenied", "Request has expired"}
	}
	return nil
}

// unsignedHeaders are those that have to be signed and are not: the host, and what services read orders from. S3 does not
// ask for X-Amz-Content-Sha256, which is signed as the payload in any case.
func (s signature) unsignedHeaders(r *http.Request) []string {
	var names []string
	if !slices.Contains(s.headers, "host") {
		names = append(names, "host")
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		signed := slices.Contains(s.headers, name) || s.service == "s3" && name == contentHash
		if strings.HasPrefix(name, "x-amz-") && !signed {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

const (
	contentHash     = "x-amz-content-sha256"
	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// payload is what is signed of the body: its hash, except that S3 takes the caller's word for it first.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
func (s signature) payload(r *http.Request) (string, error) {
	if s.service != "s3" {
		body, err := peekBody(r)
		return hashed(body), err
	}
	if said := r.Header.Get(contentHash); said != "" {
		return said, nil
	}
	if !s.presigned {
		return "", &apiError{http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: " + contentHash}
	}
	if said := r.URL.Query().Get("X-Amz-Content-Sha256"); said != "" {
		return said, nil
	}
	return unsignedPayload, nil
}

// unhashed are the payloads that are no hash of the body. That of a stream has signatures or a checksum in each of its
// chunks or behind the last; these are not looked at here, so a stream that was changed on its way is not found out.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
var unhashed = []string{
	unsignedPayload, "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
	"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
}

// checkBody holds the body of a request to S3 against the payload that was signed. It reads all of it, before moto sees
// any: moto keeps its objects in memory as well.
func checkBody(r *http.Request, payload string) error {
	if slices.Contains(unhashed, payload) {
		return nil
	}
	if hash, err := hex.DecodeString(payload); err != nil || len(hash) != sha256.Size {
		return &apiError{
			http.StatusBadRequest, "InvalidArgument",
			contentHash + " must be " + strings.Join(unhashed, ", ") + " or a valid sha256 value.",
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return &apiError{http.StatusBadRequest, "RequestTimeout", "reading the body: " + err.Error()}
	}
	if hashed(body) != payload {
		return &apiError{
			http.StatusBadRequest, "XAmzContentSHA256Mismatch",
			"The provided '" + contentHash + "' header does not match what was computed.",
		}
	}
	putBack(r, body)
	return nil
}

// canonicalRequest is the form of a request that is signed.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
func (s signature) canonicalRequest(r *http.Request, payload string) (string, error) {
	query, err := canonicalQuery(r.URL.RawQuery)
	if err != nil {
		return "", badSignature(s.service, err.Error())
	}
	path, err := s.canonicalPath(r.URL.EscapedPath())
	if err != nil {
		return "", badSignature(s.service, err.Error())
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%s\n%s\n", r.Method, path, query)
	for _, name := range s.headers {
		fmt.Fprintf(&text, "%s:%s\n", name, headerValue(r, name))
	}
	fmt.Fprintf(&text, "\n%s\n%s", strings.Join(s.headers, ";"), payload)
	return text.String(), nil
}

// canonicalPath escapes the path that came once more, but for S3, where it is escaped once: each part between slashes in
// the one way that is signed, so that an escaped slash stays one.
func (s signature) canonicalPath(came string) (string, error) {
	if came == "" {
		return "/", nil
	}
	if s.service != "s3" {
		return httpbinding.EscapePath(came, false), nil
	}
	parts := strings.Split(came, "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return "", err
		}
		parts[i] = httpbinding.EscapePath(plain, true)
	}
	return strings.Join(parts, "/"), nil
}

// canonicalQuery sorts the parameters, all but the signature itself, and escapes them in the one way that is signed.
func canonicalQuery(raw string) (string, error) {
	var parameters [][2]string
	for parameter := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return "", err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return "", err
		}
		if parameter != "" && name != "X-Amz-Signature" {
			parameters = append(parameters, [2]string{httpbinding.EscapePath(name, true), httpbinding.EscapePath(value, true)})
		}
	}
	slices.SortFunc(parameters, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var text []string
	for _, parameter := range parameters {
		text = append(text, parameter[0]+"="+parameter[1])
	}
	return strings.Join(text, "&"), nil
}

// headerValue is the value of a header as it is signed, with single spaces.
func headerValue(r *http.Request, name string) string {
	if name == "host" {
		return r.Host
	}
	var values []string
	for _, value := range r.Header.Values(name) {
		values = append(values, strings.Join(strings.Fields(value), " "))
	}
	return strings.Join(values, ",")
}

// sign makes the signature of a canonical request.
func (s signature) sign(request, secret string) string {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.day, s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	scope := strings.Join([]string{s.day, s.region, s.service, "aws4_request"}, "/")
	return hex.EncodeToString(mac(key, strings.Join([]string{sigV4, s.date, scope, hashed([]byte(request))}, "\n")))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum(nil)
}

func hashed(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
