package eks

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// The format of a login token, and the limits on it, are those of aws-iam-authenticator, which EKS runs:
// https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/README.md#api-authorization-from-outside-a-cluster
const (
	tokenPrefix     = "k8s-aws-v1." // #nosec G101 -- no secret, but the beginning of every token
	maxToken        = 4096
	clusterIDHeader = "x-k8s-aws-id"
	// maxExpires is the largest X-Amz-Expires, in seconds. STS ignores it: a presigned URL is good for tokenLifetime after
	// its X-Amz-Date, whatever it says.
	maxExpires    = 900
	tokenLifetime = 15 * time.Minute
	// maxClockSkew is how far in the future STS lets X-Amz-Date be, SignatureDoesNotMatch "Signature not yet current".
	maxClockSkew = 5 * time.Minute
	// amzDate is the format of X-Amz-Date.
	amzDate = "20060102T150405Z"
)

// tokenParameters are the only query parameters that a token's URL may have, in lower case.
var tokenParameters = []string{
	"action", "version", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires",
	"x-amz-security-token", "x-amz-signature", "x-amz-signedheaders",
}

// identity is an IAM principal as STS describes it.
type identity struct {
	arn string
	// canonicalArn is the IAM ARN: an assumed role's session becomes the role, whose path STS does not know.
	canonicalArn string
	accountID    string
	// principalID is the unique ID of the user or role.
	principalID string
	sessionName string
	accessKeyID string
}

// presignedURL takes a token apart and returns the presigned GetCallerIdentity URL in it, once it is sure that requesting
// it asks the STS at endpoint who the caller is and does nothing else.
func presignedURL(token string, endpoint *url.URL, now time.Time) (*url.URL, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("token of %d bytes: at most %d are allowed", len(token), maxToken)
	}
	encoded, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return nil, fmt.Errorf("token without the prefix %q", tokenPrefix)
	}
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("decoding the token: %w", err)
	}
	u, err := url.Parse(string(raw))
	if err != nil {
		// The error of url.Parse would show the URL, and that is a credential.
		return nil, errors.New("the token holds no URL")
	}
	if u.Scheme != endpoint.Scheme || u.Host != endpoint.Host || u.User != nil {
		return nil, fmt.Errorf("presigned URL for %s://%s: this cluster's STS is %s://%s",
			u.Scheme, u.Host, endpoint.Scheme, endpoint.Host)
	}
	if u.Path != "/" || u.Fragment != "" {
		return nil, fmt.Errorf("presigned URL with the path %q: must be /", u.Path)
	}
	query, err := tokenQuery(u.RawQuery)
	if err != nil {
		return nil, err
	}
	return u, checkQuery(query, now)
}

// tokenQuery decodes the query with its keys in lower case, each of them known and there only once.
func tokenQuery(raw string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("presigned URL with a malformed query")
	}
	query := make(map[string]string, len(values))
	for key, value := range values {
		name := strings.ToLower(key)
		if !slices.Contains(tokenParameters, name) {
			return nil, fmt.Errorf("presigned URL with the query parameter %q, which is not allowed", key)
		}
		if _, twice := query[name]; twice || len(value) != 1 {
			return nil, fmt.Errorf("presigned URL with the query parameter %q more than once", key)
		}
		query[name] = value[0]
	}
	return query, nil
}

func checkQuery(query map[string]string, now time.Time) error {
	if query["action"] != "GetCallerIdentity" {
		return fmt.Errorf("presigned URL with the action %q: must be GetCallerIdentity", query["action"])
	}
	signed := strings.Split(strings.ToLower(query["x-amz-signedheaders"]), ";")
	if !slices.Contains(signed, clusterIDHeader) {
		return fmt.Errorf("presigned URL whose signature does not cover the header %s", clusterIDHeader)
	}
	if query["x-amz-signature"] == "" {
		return errors.New("presigned URL without X-Amz-Signature")
	}
	expires, err := strconv.Atoi(query["x-amz-expires"])
	if err != nil || expires < 0 || expires > maxExpires {
		return fmt.Errorf("presigned URL with X-Amz-Expires=%q: must be 0 to %d", query["x-amz-expires"], maxExpires)
	}
	date, err := time.Parse(amzDate, query["x-amz-date"])
	if err != nil {
		return fmt.Errorf("presigned URL with X-Amz-Date=%q: must be like %s", query["x-amz-date"], amzDate)
	}
	if now.After(date.Add(tokenLifetime)) {
		return fmt.Errorf("presigned URL of %s, which expired after %s", date.Format(time.RFC3339), tokenLifetime)
	}
	if date.After(now.Add(maxClockSkew)) {
		return fmt.Errorf("presigned URL of %s, which is in the future", date.Format(time.RFC3339))
	}
	return nil
}

// stsClient asks STS. It follows no redirect and uses no proxy, so that a token cannot send it elsewhere.
var stsClient = &http.Client{
	Timeout:       10 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 10, IdleConnTimeout: 10 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// callerIdentity requests the presigned URL for the named cluster. The name is part of what was signed, so STS refuses a
// token that was made for another one.
func callerIdentity(ctx context.Context, presigned *url.URL, clusterName string) (identity, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, presigned.String(), nil)
	if err != nil {
		return identity{}, errors.New("asking STS for the caller's identity: the presigned URL cannot be requested")
	}
	request.Header.Set(clusterIDHeader, clusterName)
	request.Header.Set("Accept", "application/json")
	response, err := stsClient.Do(request)
	if err != nil {
		// Only the cause: the error itself shows the URL, and that is a credential.
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return identity{}, fmt.Errorf("asking STS for the caller's identity: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return identity{}, fmt.Errorf("reading the caller's identity: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return identity{}, fmt.Errorf("asking STS for the caller's identity: %s: %s", response.Status, body)
	}
	id, err := parseIdentity(body)
	if err != nil {
		return identity{}, fmt.Errorf("reading the caller's identity: %w", err)
	}
	id.accessKeyID, _, _ = strings.Cut(presigned.Query().Get("X-Amz-Credential"), "/")
	return id, nil
}

// parseIdentity reads STS's answer. AWS sends JSON to those who accept it; emulators may send XML, the API's first format.
func parseIdentity(body []byte) (identity, error) {
	type result struct {
		Arn     string
		Account string
		UserID  string `json:"UserId" xml:"UserId"`
	}
	var answer struct {
		Result result `xml:"GetCallerIdentityResult"`
	}
	if strings.HasPrefix(strings.TrimSpace(string(body)), "<") {
		if err := xml.Unmarshal(body, &answer); err != nil {
			return identity{}, fmt.Errorf("decoding GetCallerIdentityResponse: %w", err)
		}
	} else {
		var wrapped struct {
			GetCallerIdentityResponse struct{ GetCallerIdentityResult result }
		}
		if err := json.Unmarshal(body, &wrapped); err != nil {
			return identity{}, fmt.Errorf("decoding GetCallerIdentityResponse: %w", err)
		}
		answer.Result = wrapped.GetCallerIdentityResponse.GetCallerIdentityResult
	}
	r := answer.Result
	canonical, err := canonicalArn(r.Arn)
	if err != nil {
		return identity{}, err
	}
	id := identity{arn: r.Arn, canonicalArn: canonical, accountID: r.Account, principalID: r.UserID}
	if canonical != r.Arn {
		id.principalID, id.sessionName, _ = strings.Cut(r.UserID, ":")
		if id.sessionName == "" {
			return identity{}, fmt.Errorf("the session %s has the user ID %q, which names no session", r.Arn, r.UserID)
		}
	}
	return id, nil
}

// canonicalArn turns the ARN of an assumed role's session into the role's, and leaves that of a user alone. Nobody else
// can log in to EKS.
func canonicalArn(raw string) (string, error) {
	parsed, err := arn.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("ARN %q: %w", raw, err)
	}
	kind, name, _ := strings.Cut(parsed.Resource, "/")
	switch {
	case parsed.Service == "sts" && kind == "assumed-role":
		end := strings.LastIndex(name, "/")
		if end < 1 {
			return "", fmt.Errorf("ARN %q: names no role and session", raw)
		}
		return fmt.Sprintf("arn:%s:iam::%s:role/%s", parsed.Partition, parsed.AccountID, name[:end]), nil
	case parsed.Service == "sts" && kind == "federated-user",
		parsed.Service == "iam" && (kind == "user" || kind == "role" || kind == "root"),
		// What moto answers for a key that it did not issue, which is the sandbox operator's.
		parsed.Service == "sts" && kind == "user":
		return raw, nil
	default:
		return "", fmt.Errorf("ARN %q: is not that of a role, a user or a session", raw)
	}
}
