package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Call is one request that the endpoint answered. It holds nothing of the request's content or credentials.
type Call struct {
	// Time is when the request arrived.
	Time time.Time `json:"time"`
	// Service is the signing name of the service, such as iam; empty where the request does not tell.
	Service string `json:"service"`
	// Action is the API action, such as CreateRole. Where the endpoint does not know the name of a REST call, it is the
	// method and the sub-resource or path instead, such as "GET inventory".
	Action string `json:"action"`
	// Region is the region of the request's signature; empty for an unsigned call.
	Region string `json:"region"`
	// Account is the caller's account; empty for an unsigned call.
	Account string `json:"account"`
	// Status is the HTTP status of the answer; 0 if the connection broke before one.
	Status int `json:"status"`
}

// Calls returns the calls since the start or the last ResetCalls, in the order in which their answers ended.
func (e *Endpoint) Calls() []Call { return e.calls.all() }

// ResetCalls forgets the calls so far. The lines in Options.CallLog stay.
func (e *Endpoint) ResetCalls() { e.calls.reset() }

type callLog struct {
	mu    sync.Mutex
	calls []Call
	out   io.Writer
	err   error // the first failure to write to out
}

func (l *callLog) add(call Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
	if l.out == nil || l.err != nil {
		return
	}
	if err := json.NewEncoder(l.out).Encode(call); err != nil {
		l.err = fmt.Errorf("writing the AWS call log: %w", err)
	}
}

func (l *callLog) all() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

func (l *callLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = nil
}

func (l *callLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
