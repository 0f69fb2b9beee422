// Package aws is the AWS endpoint of the sandbox: one address for every service, as AWS_ENDPOINT_URL wants it. IAM,
// STS, S3 and the rest are proxied to moto_server; EKS, whose clusters here are real Kubernetes API servers and whose
// access entries no emulator has, and Service Quotas are answered by the endpoint itself. Every call is recorded.
//
// STS gives a role only to whom its trust policy names: AssumeRoleWithWebIdentity and, for EKS Pod Identity, EKS Auth verify
// the token with the keys of the cluster that issued it. A session of a role may do what the policies of the role allow, and
// nothing else. The operator may do everything. Every other call has to be signed with the credentials of one of the two, as
// it comes and lately.
package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"
)

// Options configures an Endpoint.
type Options struct {
	// MotoURL is the base URL of moto_server.
	MotoURL string
	// Credentials are the operator's: secret access keys by access key ID. Calls with a key that is neither here nor of a
	// session are refused. With nil any key that no session can have is the operator's, and its signatures are not verified.
	Credentials map[string]string
	// CallLog, if set, gets one line of JSON per call, in the form of Call.
	CallLog io.Writer
	// TokenAging makes web identity tokens age that many times faster than they say, for tests of their renewal: with n, a
	// token is over when an n-th of its life has passed. 0 and 1 are the truth.
	TokenAging int
}

// Endpoint is an AWS endpoint on a loopback port.
type Endpoint struct {
	moto        *moto
	eks         *eks
	proxy       http.Handler
	calls       *callLog
	faults      faults
	propagation *propagation
	sessions    sessions
	trusted     trustedIDs
	quotas      quotas
	credentials map[string]string // the operator's
	tokenAging  int

	url    string
	server *http.Server
	served chan error
}

// New starts an endpoint on a free port of 127.0.0.1.
func New(opts Options) (*Endpoint, error) {
	target, err := url.Parse(opts.MotoURL)
	if err != nil || target.Scheme != "http" || target.Host == "" {
		return nil, fmt.Errorf("starting the AWS endpoint: MotoURL %q is not like http://127.0.0.1:5000", opts.MotoURL)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the AWS endpoint: %w", err)
	}

	m := newMoto(target.String())
	e := &Endpoint{
		moto:        m,
		eks:         newEKS(m),
		proxy:       newProxy(target, m.transport),
		calls:       &callLog{out: opts.CallLog},
		propagation: m.propagation,
		credentials: maps.Clone(opts.Credentials),
		tokenAging:  opts.TokenAging,
		url:         "http://" + listener.Addr().String(),
		served:      make(chan error, 1),
	}
	e.server = &http.Server{Handler: http.HandlerFunc(e.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() { e.served <- e.server.Serve(listener) }()
	return e, nil
}

// URL is the address to use as AWS_ENDPOINT_URL, such as http://127.0.0.1:38111.
func (e *Endpoint) URL() string { return e.url }

// Close stops the endpoint and ends the calls under way. It also reports a call log that could not be written.
func (e *Endpoint) Close() error {
	err := e.server.Close()
	if served := <-e.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	e.served <- http.ErrServerClosed // so that closing twice is no deadlock
	return errors.Join(err, e.calls.failure())
}

// serve takes a request through the endpoint: identify it, then answer it, unless a fault is injected.
func (e *Endpoint) serve(w http.ResponseWriter, received *http.Request) {
	started := time.Now()
	copied := *received // a handler must not change the request that it was given, and identify replaces the body
	r, answer := &copied, &statusWriter{ResponseWriter: w}

	req, err := e.identify(r)
	defer func() { // deferred, since a proxied answer that breaks off is a panic: http.ErrAbortHandler
		e.calls.add(Call{
			Time: started, Service: req.service, Action: req.action, Region: req.region, Account: req.account,
			Status: answer.status,
		})
	}()

	if err != nil {
		writeError(answer, req.service, err)
		return
	}
	if fault, ok := e.faults.take(req); ok {
		fault.inject(r.Context(), answer, req.service, func(w http.ResponseWriter) { e.answer(w, r, req) })
		return
	}
	e.answer(answer, r, req)
}

// answer carries an identified request out, if its caller may.
func (e *Endpoint) answer(w http.ResponseWriter, r *http.Request, req request) {
	req, err := e.admit(r, req)
	switch {
	case err != nil:
		writeError(w, req.service, err)
	case req.service == "sts" && req.action == assumeRole:
		writeXML(w, r, req, e.assumeRole)
	case req.service == "sts" && req.action == assumeRoleWithWebIdentity:
		writeXML(w, r, req, e.assumeRoleWithWebIdentity)
	case req.service == "iam" && req.action == simulatePrincipalPolicy:
		writeXML(w, r, req, e.simulatePrincipalPolicy)
	case req.service == "eks":
		e.eks.serve(w, r, req)
	case req.service == eksAuthService:
		e.serveEKSAuth(w, r, req)
	case req.service == quotasService:
		e.serveQuotas(w, r, req)
	case req.service == "iam":
		e.iamAnswer(w, r, req)
	default:
		e.proxy.ServeHTTP(w, r)
	}
}

// newProxy passes requests on to moto_server, as they came but for what moto would misread.
func newProxy(target *url.URL, transport http.RoundTripper) http.Handler {
	return &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host                      // moto puts it into the URLs that it answers with
			p.Out.URL.RawQuery = p.In.URL.RawQuery      // unparsable parameters included
			p.Out.Header.Del(motoAccount)               // moto's own switch of accounts; AWS has none
			p.Out.Header.Del("Expect")                  // answered here already: the body follows
			if p.In.Header.Get("Authorization") == "" { // moto finds service and caller only there
				if credential := presignedCredential(p.In.URL.Query()); credential != "" {
					p.Out.Header.Set("Authorization", sigV4+" Credential="+credential+", SignedHeaders=host, Signature=presigned")
				}
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			writeError(w, "", &apiError{http.StatusBadGateway, "ServiceUnavailable", "moto_server: " + err.Error()})
		},
	}
}

// statusWriter remembers the status of an answer; 0 means that there was none.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // 1xx are not the answer yet
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(body)
}

// Unwrap lets http.ResponseController reach the writer's other abilities.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// heldAnswer keeps an answer back.
type heldAnswer struct {
	header http.Header
	status int
	body   []byte
}

func newHeldAnswer() *heldAnswer { return &heldAnswer{header: http.Header{}} }

// Header returns the header of the answer.
func (h *heldAnswer) Header() http.Header { return h.header }

// WriteHeader sets the status of the answer.
func (h *heldAnswer) WriteHeader(status int) {
	if h.status == 0 && status >= http.StatusOK { // 1xx are not the answer yet
		h.status = status
	}
}

func (h *heldAnswer) Write(body []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	h.body = append(h.body, body...)
	return len(body), nil
}

// release gives the answer to who waits for it.
func (h *heldAnswer) release(w http.ResponseWriter) {
	maps.Copy(w.Header(), h.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(h.body)))
	w.WriteHeader(h.status)
	_, _ = w.Write(h.body) // a client that is gone needs no answer
}
