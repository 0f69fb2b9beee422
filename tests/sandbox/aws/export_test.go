package aws

import "net/http"

// SignatureOf makes the signature that a request should have, whatever it has, and whenever that was.
func SignatureOf(r *http.Request, secret string) (string, error) {
	s, err := readSignature(r)
	if err != nil {
		return "", err
	}
	payload, err := s.payload(r)
	if err != nil {
		return "", err
	}
	request, err := s.canonicalRequest(r, payload)
	return s.sign(request, secret), err
}
