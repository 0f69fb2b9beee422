package aws

import (
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
)

// apiError is a refusal in AWS's own terms.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// jsonServices are those whose errors are JSON.
var jsonServices = map[string]bool{"eks": true, eksAuthService: true, quotasService: true, "secretsmanager": true, "dynamodb": true}

// writeError answers with err in the form that the SDKs of the service understand, JSON or XML.
func writeError(w http.ResponseWriter, service string, err error) {
	var refusal *apiError
	if !errors.As(err, &refusal) {
		refusal = &apiError{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	if jsonServices[service] {
		w.Header().Set("X-Amzn-Errortype", refusal.code)
		writeJSON(w, refusal.status, map[string]string{"__type": refusal.code, "message": refusal.message})
		return
	}
	// S3 has the Error element at the root, the query protocol in an ErrorResponse.
	type xmlError struct {
		XMLName xml.Name `xml:"Error"`
		Type    string   `xml:",omitempty"`
		Code    string
		Message string
	}
	id := newID()
	var body any = xmlError{Code: refusal.code, Message: refusal.message}
	if service != "s3" {
		fault := "Sender"
		if refusal.status >= http.StatusInternalServerError {
			fault = "Receiver"
		}
		body = struct {
			XMLName   xml.Name `xml:"ErrorResponse"`
			Error     xmlError
			RequestID string `xml:"RequestId"`
		}{Error: xmlError{Type: fault, Code: refusal.code, Message: refusal.message}, RequestID: id}
	}
	text, err := xml.Marshal(body)
	if err != nil { // not for these types
		text = nil
	}
	write(w, refusal.status, "text/xml", id, text)
}

// writeJSON answers in the restJson1 protocol.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, nil
	}
	write(w, status, "application/json", newID(), text)
}

// writeXML runs an operation and answers in the query protocol.
func writeXML(w http.ResponseWriter, r *http.Request, req request, run func(*http.Request, request) (any, error)) {
	answer, err := run(r, req)
	var text []byte
	if err == nil {
		text, err = xml.Marshal(answer)
	}
	if err != nil {
		writeError(w, req.service, err)
		return
	}
	write(w, http.StatusOK, "text/xml", newID(), text)
}

func write(w http.ResponseWriter, status int, contentType, requestID string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])                      // never fails, see crypto/rand
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
