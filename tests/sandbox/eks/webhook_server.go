package eks

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
)

const (
	loginPath     = "/login"
	authorizePath = "/authorize"
	mutatePath    = "/mutate"
	// maxReview bounds a review's size. The largest is that of a pod: the API server reads requests of up to 3 MiB, and a
	// pod grows when its defaults are written out.
	maxReview = 8 << 20
)

// webhook serves the three questions that a cluster's API server asks: who a token is (TokenReview), what an IAM principal
// may do (SubjectAccessReview), and what a new pod needs to have an AWS identity (AdmissionReview).
type webhook struct {
	url    string
	server *http.Server
	served chan error
}

func startWebhook(f files, l *login, a *authorizer, p *podIdentity) (*webhook, error) {
	certificate, err := tls.LoadX509KeyPair(f.path("webhook.crt"), f.path("webhook.key"))
	if err != nil {
		return nil, fmt.Errorf("reading the webhook's certificate: %w", err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		return nil, fmt.Errorf("listening for the webhook: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+loginPath, answer(func(ctx context.Context, review *authenticationv1.TokenReview) error {
		review.Status = l.review(ctx, review.Spec.Token)
		return nil
	}))
	mux.HandleFunc("POST "+authorizePath, answer(func(_ context.Context, review *authorizationv1.SubjectAccessReview) error {
		review.Status = a.review(review.Spec)
		return nil
	}))
	mux.HandleFunc("POST "+mutatePath, answer(p.review))
	w := &webhook{
		url: "https://" + listener.Addr().String(),
		server: &http.Server{
			Handler:           mux,
			ReadHeaderTimeout: 10 * time.Second,
			// An API server that goes away says nothing on its open connections worth a line on the sandbox's terminal.
			ErrorLog: log.New(io.Discard, "", 0),
		},
		served: make(chan error, 1),
	}
	go func() { w.served <- w.server.Serve(listener) }()
	return w, nil
}

func (w *webhook) stop() error {
	if err := w.server.Close(); err != nil {
		return fmt.Errorf("closing the webhook: %w", err)
	}
	if err := <-w.served; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the webhook: %w", err)
	}
	return nil
}

// answer decodes a review, has its answer filled in, and sends it back.
func answer[Review any](fill func(context.Context, *Review) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		review := new(Review)
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReview)).Decode(review); err != nil {
			http.Error(w, "expected a review: "+err.Error(), http.StatusBadRequest)
			return
		}
		if err := fill(r.Context(), review); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		content, err := json.Marshal(review)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// A failed write means that the API server hung up, and nobody is left to be told.
		_, _ = w.Write(content)
	}
}
