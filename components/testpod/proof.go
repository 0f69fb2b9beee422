package testpod

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Proof is what a pod found out. It is the last line of the pod's log, as JSON.
type Proof struct {
	// Pod is <cluster>/<namespace>/<name of the Job>, with the cluster's name in the program, or its first alias. For a login it
	// is <namespace>/<name of the Job>.
	Pod string `json:"pod"`
	// Identity is the caller's ARN as STS answered; for a negative test the node's identity, or "nobody" if it has none.
	Identity string `json:"identity"`
	// Check is "passed", or "none" for a pod without a check. A negative test has none.
	Check string `json:"check,omitempty"`
	// Login is the name of the cluster that the pod logged in to; Identity is then what that cluster says.
	Login string `json:"login,omitempty"`
	// Refusal is the error code with which STS refused the role to a negative test.
	Refusal string `json:"refusal,omitempty"`
}

// ReadLog reads the proof in the log of a pod.
func ReadLog(log string) (Proof, error) {
	var proof Proof
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &proof); err != nil || proof.Identity == "" {
		return Proof{}, fmt.Errorf("the log holds no proof; it ends with %q", lines[len(lines)-1])
	}
	return proof, nil
}
