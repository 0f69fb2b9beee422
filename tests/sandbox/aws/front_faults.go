package aws

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault makes calls fail that would not, as AWS and the network do at times.
type Fault struct {
	// Service and Action choose the calls that it is for, such as "iam" and "CreateRole". Empty matches any.
	Service, Action string
	// After is how many of these calls come through first.
	After int
	// Times is how many of them fail then; 0 means all until ClearFaults.
	Times int

	// Status is that of the answer, 4xx or 5xx. With 0 there is no answer: the connection breaks.
	Status int
	// Code and Message are the error, such as "ServiceUnavailable", in the form that the service gives its errors.
	Code, Message string
	// Lost means that the call is carried out, and only its answer is lost: what is to be made is made, and its maker does
	// not know. Otherwise the call does not reach the service.
	Lost bool
	// Swallowed means that the caller hears nothing, neither an answer nor an end, until it gives up, as where a firewall
	// drops packets on their way. Status, Code and Message are not used then.
	Swallowed bool
	// Late is how long the call takes to reach the service; it is answered as ever then. Nothing else of the above is used.
	Late time.Duration
}

// maxSilence is how long a swallowed call is held when its caller does not give up: far longer than the SDKs wait.
const maxSilence = 10 * time.Minute

// Swallow is a network that drops packets on their way to a service: an STS endpoint without a route to it, for example.
func Swallow(service, action string, times int) Fault {
	return Fault{Service: service, Action: action, Times: times, Swallowed: true}
}

// Late makes calls take their time, so that others overtake them.
func Late(service, action string, times int, d time.Duration) Fault {
	return Fault{Service: service, Action: action, Times: times, Late: d}
}

// ServerError is a fault of AWS's own, which the SDKs take for one that passes.
func ServerError(service, action string, times int) Fault {
	f := Fault{
		Service: service, Action: action, Times: times,
		Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "Service is unable to handle request.",
	}
	if service == "eks" || service == eksAuthService {
		f.Code = "ServiceUnavailableException"
	}
	return f
}

// Throttle is what a service answers a caller that asks too often.
func Throttle(service, action string, times int) Fault {
	f := Fault{Service: service, Action: action, Times: times}
	switch service {
	case "s3": // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
		f.Status, f.Code, f.Message = http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."
	case "eks", eksAuthService: // https://docs.aws.amazon.com/eks/latest/APIReference/CommonErrors.html
		f.Status, f.Code, f.Message = http.StatusBadRequest, "ThrottlingException", "Rate exceeded"
	default: // the query protocol of IAM and STS
		f.Status, f.Code, f.Message = http.StatusBadRequest, "Throttling", "Rate exceeded"
	}
	return f
}

// Inject adds faults to those that are there. A call that several are for gets the first one, and counts for that and
// those before it.
func (e *Endpoint) Inject(faults ...Fault) { e.faults.add(faults) }

// ClearFaults takes all faults away.
func (e *Endpoint) ClearFaults() { e.faults.clear() }

type faults struct {
	mu      sync.Mutex
	pending []Fault // with what is left of their After and Times
}

func (f *faults) add(all []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, all...)
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = nil
}

// take returns the fault that a call gets, if any.
func (f *faults) take(req request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.pending {
		fault := &f.pending[i]
		if fault.Service != "" && fault.Service != req.service || fault.Action != "" && fault.Action != req.action {
			continue
		}
		if fault.After > 0 {
			fault.After--
			continue
		}
		taken := *fault
		if fault.Times == 1 {
			f.pending = slices.Delete(f.pending, i, i+1)
		} else if fault.Times > 1 {
			fault.Times--
		}
		return taken, true
	}
	return Fault{}, false
}

// inject answers a call with the fault, once the call is carried out if only its answer is lost. A swallowed call is held
// until ctx ends, as it does when the caller gives up or the endpoint closes the connection.
func (fault Fault) inject(ctx context.Context, w http.ResponseWriter, service string, carryOut func(http.ResponseWriter)) {
	if fault.Late > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(fault.Late):
		}
		carryOut(w)
		return
	}
	if fault.Lost {
		carryOut(newHeldAnswer())
	}
	if fault.Swallowed {
		select {
		case <-ctx.Done():
		case <-time.After(maxSilence):
		}
	}
	if fault.Swallowed || fault.Status == 0 {
		panic(http.ErrAbortHandler) // net/http's way to break the connection
	}
	writeError(w, service, &apiError{fault.Status, fault.Code, fault.Message})
}
