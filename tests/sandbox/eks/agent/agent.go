// Package agent is the EKS Pod Identity Agent of a cluster's node: pods ask it for credentials with the token that the
// webhook gave them, and it asks EKS Auth with the credentials of the node. What it checks, keeps and answers is what
// https://github.com/aws/eks-pod-identity-agent does. It listens on a port of 127.0.0.1, which the AWS SDKs take for the
// link-local address 169.254.170.23 of a real node, and has no limit of requests.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Path is where the agent gives out credentials, and Address where it listens on a node of EKS.
const (
	Path    = "/v1/credentials"
	Address = "http://169.254.170.23"
)

// host is the address that the agent is to be called by.
const host = "127.0.0.1"

// Options configure an Agent.
type Options struct {
	// Cluster is the name of the cluster that the agent is of.
	Cluster string
	// Endpoint is the base URL of EKS Auth, and Region what requests are signed for.
	Endpoint, Region string
	// Credentials are those of the node.
	Credentials aws.CredentialsProviderFunc
	// Keys returns the keys with which the cluster signs tokens, a JSON Web Key Set.
	Keys func(context.Context) ([]byte, error)
	// Installed tells whether the cluster has the add-on. Where it has not, the agent breaks connections off, as a stand-in
	// for an address at which nothing listens. Default: it has.
	Installed func() bool
}

// Agent is a running agent.
type Agent struct {
	url    string
	opts   Options
	cache  *cache
	server *http.Server
	served chan error
}

// Start starts an agent on a free port.
func Start(ctx context.Context, opts Options) (*Agent, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", host+":0")
	if err != nil {
		return nil, fmt.Errorf("starting the EKS Pod Identity Agent: %w", err)
	}
	client := Client{Endpoint: opts.Endpoint, Region: opts.Region, Credentials: aws.NewCredentialsCache(opts.Credentials)}
	a := &Agent{
		url:  "http://" + listener.Addr().String() + Path,
		opts: opts,
		cache: &cache{
			fetch: func(ctx context.Context, token string) (Session, error) {
				return client.AssumeRoleForPodIdentity(ctx, opts.Cluster, token)
			},
			holds: func(ctx context.Context, token string) bool { return holds(ctx, token, opts.Keys) },
			now:   time.Now,
		},
		served: make(chan error, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc(Path, a.serve)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { a.served <- a.server.Serve(listener) }()
	return a, nil
}

// URL is what a pod asks for its credentials, http://127.0.0.1:PORT/v1/credentials.
func (a *Agent) URL() string { return a.url }

// Restart forgets all credentials that the agent keeps, as one whose pod is restarted does.
func (a *Agent) Restart() { a.cache.clear() }

// Stop ends the agent.
func (a *Agent) Stop() error {
	if err := a.server.Close(); err != nil {
		return fmt.Errorf("stopping the EKS Pod Identity Agent: %w", err)
	}
	if err := <-a.served; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serving the EKS Pod Identity Agent: %w", err)
	}
	return nil
}

// answered are the credentials in the form that the AWS SDKs read.
type answered struct {
	AccessKeyID     string    `json:"AccessKeyId"`
	SecretAccessKey string    `json:"SecretAccessKey"`
	Token           string    `json:"Token"`
	AccountID       string    `json:"AccountId"`
	Expiration      time.Time `json:"Expiration"`
}

func (a *Agent) serve(w http.ResponseWriter, r *http.Request) {
	if a.opts.Installed != nil && !a.opts.Installed() {
		panic(http.ErrAbortHandler) // net/http's way to break the connection
	}
	session, err := a.credentials(r.Context(), r.Host, r.Header.Get("Authorization"))
	if err != nil {
		message, status := refusal(err)
		http.Error(w, message, status)
		return
	}
	content, err := json.Marshal(answered{
		session.AccessKeyID, session.SecretAccessKey, session.SessionToken, session.AccountID, session.Expires,
	})
	if err != nil {
		http.Error(w, "Unable to serialize credentials", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(content) // a pod that is gone needs no answer
}

func (a *Agent) credentials(ctx context.Context, calledHost, token string) (Session, error) {
	if err := checkHost(calledHost); err != nil {
		return Session{}, err
	}
	if err := checkToken(token, time.Now()); err != nil {
		return Session{}, err
	}
	return a.cache.get(ctx, token)
}

// requestError is a request that the agent itself refuses.
type requestError struct {
	status  int
	message string
}

func (e *requestError) Error() string { return e.message }

// refusal is how the agent answers an error: one of EKS Auth with its status, its ID, its code and its message.
func refusal(err error) (message string, status int) {
	var own *requestError
	var service *Error
	switch {
	case errors.As(err, &own):
		return own.message, own.status
	case errors.As(err, &service):
		return fmt.Sprintf("[%s]: (%s): %s, fault: %s", service.RequestID, service.Code, service.Message, service.ErrorFault()),
			service.Status
	}
	return err.Error(), http.StatusInternalServerError
}

// checkHost refuses a request for another host, which may be that of a site in a browser.
func checkHost(called string) error {
	name := called
	if split, _, err := net.SplitHostPort(called); err == nil {
		name = split
	}
	if name == host {
		return nil
	}
	return &requestError{http.StatusForbidden, fmt.Sprintf(
		"Access Denied. Called agent through invalid address, please use either [%s] address not %s", host, name)}
}
