package aws

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// queryParameters returns the parameters of a call in the query protocol, and nothing for a request that moto could read
// in another way than the endpoint does.
func queryParameters(r *http.Request, req request) (url.Values, error) {
	if r.URL.Path != "/" && r.URL.Path != "" {
		return nil, nil
	}
	given, err := parameters(r)
	if err != nil || given.Get("Action") != req.action {
		return nil, err
	}
	return given, nil
}

// parameters returns the parameters of the query protocol, from the URL and the form. One that is given twice is an
// error: which of the two counts would be up to the reader.
func parameters(r *http.Request) (url.Values, error) {
	malformed := func(reason string) error {
		return &apiError{http.StatusBadRequest, "MalformedQueryString", reason}
	}
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed(err.Error())
	}
	body, err := peekBody(r)
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	if isForm(r) {
		if form, err = url.ParseQuery(string(body)); err != nil {
			return nil, malformed(err.Error())
		}
	} else if len(body) > 0 {
		return nil, malformed("the body is no form")
	}
	for name, values := range form {
		given[name] = append(given[name], values...)
	}
	for name, values := range given {
		if len(values) > 1 {
			return nil, malformed("the parameter " + name + " is there more than once")
		}
	}
	return given, nil
}

func isForm(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// peekBody reads the body and puts it back.
func peekBody(r *http.Request) ([]byte, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	putBack(r, body)
	return body, nil
}

func putBack(r *http.Request, body []byte) {
	// The proxy may have to send it once more, when moto has just closed the connection that it is sent on.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}
