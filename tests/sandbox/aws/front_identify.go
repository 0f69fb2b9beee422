package aws

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBody bounds the bodies that the endpoint reads itself, but for objects of S3. The largest that IAM and STS take are
// policy documents and web identity tokens, some 20 kB.
const maxBody = 1 << 20

// request is what the endpoint knows of a call before it is answered.
type request struct {
	service, action, region string
	accessKey, account      string    // both empty for an unsigned call
	signature               signature // not verified yet
	session                 *session  // whose the access key is; nil for the operator's
}

// identify finds out what a request asks for and who sends it. As far as it gets before an error, the result is filled.
func (e *Endpoint) identify(r *http.Request) (request, error) {
	signed, err := readSignature(r)
	if err != nil {
		return request{}, err
	}
	if signed.accessKey == "" {
		return unsigned(r)
	}
	req := request{service: signed.service, region: signed.region, accessKey: signed.accessKey, signature: signed}
	if req.action, err = e.action(r, req.service); err != nil {
		return req, err
	}
	req.account, err = e.moto.account(r.Context(), req.accessKey, req.region)
	return req, err
}

// unsigned identifies the one call that needs no signature, since the token in it stands for one.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func unsigned(r *http.Request) (request, error) {
	action, err := queryAction(r)
	if err != nil {
		return request{}, err
	}
	if action != assumeRoleWithWebIdentity {
		return request{action: action}, &apiError{
			http.StatusForbidden, "MissingAuthenticationToken", "Missing Authentication Token",
		}
	}
	return request{service: "sts", action: action}, nil
}

// action names the API action of a signed request, by the protocol that its service speaks.
func (e *Endpoint) action(r *http.Request, service string) (string, error) {
	switch service {
	case "eks":
		return e.eks.action(r), nil
	case eksAuthService:
		return eksAuthAction(r), nil
	case "s3":
		return s3Action(r), nil
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" { // the JSON protocols: DynamoDB_20120810.GetItem
		return target[strings.LastIndex(target, ".")+1:], nil
	}
	action, err := queryAction(r)
	if action == "" {
		action = restAction(r)
	}
	return action, err
}

// queryAction returns the Action parameter of a query-protocol request, from the form or the URL. A form that it reads
// is put back.
func queryAction(r *http.Request) (string, error) {
	if action := r.URL.Query().Get("Action"); action != "" {
		return action, nil
	}
	if !isForm(r) {
		return "", nil
	}
	body, err := peekBody(r)
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", &apiError{http.StatusBadRequest, "MalformedQueryString", err.Error()}
	}
	return form.Get("Action"), nil
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, &apiError{http.StatusBadRequest, "RequestTimeout", "reading the body: " + err.Error()}
	}
	if len(body) > maxBody {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the body is over 1 MiB"}
	}
	return body, nil
}

// restAction stands in for the name of a REST call that the endpoint does not know: its method and the first part of its
// path. The rest of the path may hold anything, so it stays out of the log.
func restAction(r *http.Request) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return r.Method + " /" + first
}
