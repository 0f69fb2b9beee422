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

// command runs the program. The pod that stays proves an identity.
func (p Pod) command() pulumi.StringArray {
	mode := p.Mode
	if mode == Running {
		mode = Identity
	}
	return pulumi.ToStringArray([]string{"/bin/sh", "-c", program, "test_pod.sh", string(mode)})
}

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
