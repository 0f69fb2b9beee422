package testpod

import (
	"crypto/rand"
	_ "embed" // the program
	"strconv"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// program is what the pods run.
//
//go:embed test_pod.sh
var program string

// podIdentityProgram has the modes for EKS Pod Identity, and stands before the rest. The programs of other pods do not change with
// it: that would repeat every proof.
//
//go:embed pod_identity.sh
var podIdentityProgram string

// podIdentityModes are the program's for what pods prove by EKS Pod Identity.
var podIdentityModes = map[Mode]string{Identity: "podIdentity", Running: "podIdentity", Denial: "podIdentityDenial"}

// command runs the program. The pod that stays proves an identity.
func (p Pod) command() pulumi.StringArray {
	text, mode := program, string(p.Mode)
	switch {
	case p.PodIdentity:
		text, mode = podIdentityProgram+program, podIdentityModes[p.Mode]
	case p.Mode == Running:
		mode = string(Identity)
	}
	return pulumi.ToStringArray([]string{"/bin/sh", "-c", text, "test_pod.sh", mode})
}

// agentURIs are where the agent of EKS Pod Identity answers on every node, by IPv4 and IPv6.
//
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html
const agentURIs = "http://169.254.170.23/v1/credentials http://[fd00:ec2::23]/v1/credentials"

// Env are variables of the program, in the order in which they are added.
type Env corev1.EnvVarArray

// With adds a variable, unless its value is nil.
func (e Env) With(name string, value pulumi.StringInput) Env {
	if value == nil {
		return e
	}
	return append(e, &corev1.EnvVarArgs{Name: pulumi.String(name), Value: value.ToStringOutput().ToStringPtrOutput()})
}

// settingsEnv are the variables that follow from the settings. The program gives up after half of the time-out, so that one pod
// after another fits into it, a call takes a sixth at most, within the bounds below, and all is over after four fifths: what is
// left is the start of the pod and the pull of its image.
func (p Pod) settingsEnv() Env {
	seconds := func(n int) pulumi.String { return pulumi.String(strconv.Itoa(n)) }
	timeout := p.Settings.TimeoutSeconds
	env := Env{}.
		With("IRSA_WINDOW", seconds(timeout/2)).
		With("IRSA_CALL_LIMIT", seconds(min(max(timeout/6, minCallSeconds), maxCallSeconds))).
		With("IRSA_LIMIT", seconds(timeout*4/5)).
		With("HOME", pulumi.String(homeDir)).
		With("TMPDIR", pulumi.String(homeDir))
	switch p.Mode {
	case Denial:
		env = env.With("IRSA_TOKEN_FILE", pulumi.String(denialTokenDir+"/token"))
		if p.PodIdentity {
			env = env.With("IRSA_AGENT_TOKEN_FILE", pulumi.String(denialTokenDir+"/agent-token")).
				With("IRSA_AGENT_URIS", pulumi.String(agentURIs))
		}
	case Running:
		env = env.With("IRSA_STAY", pulumi.String("true"))
	default:
	}
	if p.Settings.ProveAlways {
		env = env.With("IRSA_RUN", pulumi.String(rand.Text()))
	}
	return env
}

// One call includes the start of the AWS CLI, a second or two on a busy node and many more on one that has too little
// processor time: a longer time-out gives each call more, too.
const (
	minCallSeconds = 5
	maxCallSeconds = 30
)
