package components

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

// DefaultTestPodImage is the AWS CLI image of the test pod, pinned; AWS publishes it.
const DefaultTestPodImage = "public.ecr.aws/aws-cli/aws-cli:2.36.49"

// DefaultTestPodTimeoutSeconds is how long `pulumi up` waits for a proof: image pull, IAM's propagation and a few
// attempts. Where a node must be started for the pod first, give it more.
const DefaultTestPodTimeoutSeconds = 60

const (
	// minTestPodTimeout is about a container start and two attempts, in seconds.
	minTestPodTimeout = 15
	// maxTestPodTimeout leaves room for Pulumi's own wait in what a pod's activeDeadlineSeconds can hold:
	// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#lifecycle
	maxTestPodTimeout = math.MaxInt32 - graceSeconds
)

// PodSettings say how the pods of proofs run, whatever they prove. The json names are those of Pulumi.<env>.yaml.
type PodSettings struct {
	// Image has the AWS CLI and a POSIX shell with coreutils; logins need curl in it as well. Default: DefaultTestPodImage.
	Image string `json:"image"`
	// ImagePullSecrets are the names of Secrets in the pod's namespace. Default: those of the service account.
	ImagePullSecrets []string `json:"imagePullSecrets"`
	// TimeoutSeconds is how long `pulumi up` waits for each proof, from 15. Default: DefaultTestPodTimeoutSeconds.
	TimeoutSeconds int `json:"timeoutSeconds"`
	// ProveAlways repeats the proof on every `pulumi up`. Default: it is repeated when what it rests on has changed in the
	// program (the role, its trust, its permissions, the pod itself), and when it failed.
	ProveAlways bool `json:"proveAlways"`
	// NodeSelector chooses nodes by their labels. Linux is always selected.
	NodeSelector map[string]string `json:"nodeSelector"`
	// Tolerations of the pod, for nodes with taints.
	Tolerations []Toleration `json:"tolerations"`
	// Labels and Annotations are added to the pod: a Fargate profile's label, or an annotation against sidecars.
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// Toleration lets a pod onto nodes with a matching taint, as in a pod's spec.
//
// https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
type Toleration struct {
	// Key of the taint; empty, with the operator Exists, for every taint.
	Key string `json:"key"`
	// Operator is Equal (the default) or Exists.
	Operator string `json:"operator"`
	// Value of the taint; with Equal only.
	Value string `json:"value"`
	// Effect is NoSchedule, PreferNoSchedule or NoExecute. Default: all of them.
	Effect string `json:"effect"`
}

// osLabel is on every node; the program of the pods is a Linux program, and Windows nodes have no taint of their own.
const osLabel = "kubernetes.io/os"

// Validate reports every fault of the settings, each with its path.
func (s PodSettings) Validate() error {
	var faults []error
	if s.TimeoutSeconds != 0 && s.TimeoutSeconds < minTestPodTimeout {
		faults = append(faults, fmt.Errorf("timeoutSeconds: %d is less than %d", s.TimeoutSeconds, minTestPodTimeout))
	}
	if s.TimeoutSeconds > maxTestPodTimeout {
		faults = append(faults, fmt.Errorf("timeoutSeconds: %d is more than %d, which is as far as Kubernetes counts", s.TimeoutSeconds, maxTestPodTimeout))
	}
	if s.Image != "" {
		faults = append(faults, fault.At("image", validateImage(s.Image)))
	}
	var found fielderr.List
	found.Add("imagePullSecrets", kubename.ValidateObjects("a secret", s.ImagePullSecrets))
	found.Add("nodeSelector", kubename.ValidateLabels(s.NodeSelector))
	found.Add("labels", kubename.ValidateLabels(s.Labels))
	found.Add("annotations", kubename.ValidateAnnotations(s.Annotations))
	faults = append(faults, found.Err())
	if os, given := s.NodeSelector[osLabel]; given && os != "linux" {
		faults = append(faults, fmt.Errorf("nodeSelector: %s must stay \"linux\", as the proof is a Linux program", osLabel))
	}
	if _, given := s.Labels[ProofLabel]; given {
		faults = append(faults, fmt.Errorf("labels: %s is set by the proof itself", ProofLabel))
	}
	for i, toleration := range s.Tolerations {
		faults = append(faults, fault.Under(fmt.Sprintf("tolerations[%d]", i), toleration.validate()))
	}
	return errors.Join(faults...)
}

// The parts of an image reference, and the length of its name:
// https://github.com/distribution/reference/blob/main/reference.go
const (
	imageDomain = `([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?`
	imagePart   = `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
	imageTag    = `:[\w][\w.-]{0,127}`
	imageDigest = `@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}`

	maxImageName = 255
)

var imageForm = regexp.MustCompile(`^((?:` + imageDomain + `/)?` + imagePart + `(?:/` + imagePart + `)*)(?:` + imageTag + `)?(?:` + imageDigest + `)?$`)

func validateImage(image string) error {
	parts := imageForm.FindStringSubmatch(image)
	if parts == nil {
		return fmt.Errorf("%q is not an image reference such as %s", image, DefaultTestPodImage)
	}
	if name := parts[1]; len(name) > maxImageName {
		return fmt.Errorf("%q has a name of %d characters; registries allow %d", image, len(name), maxImageName)
	}
	return nil
}

// The words of a toleration: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#scheduling
var (
	tolerationOperators = []string{"", "Equal", "Exists"}
	taintEffects        = []string{"", "NoSchedule", "PreferNoSchedule", "NoExecute"}
)

func (t Toleration) validate() error {
	var faults []error
	if !slices.Contains(tolerationOperators, t.Operator) {
		faults = append(faults, fmt.Errorf("operator: %q is neither %q nor %q", t.Operator, "Equal", "Exists"))
	}
	if t.Key == "" && t.Operator != "Exists" {
		faults = append(faults, errors.New("key: must not be empty, unless the operator is Exists"))
	}
	if t.Value != "" && t.Operator == "Exists" {
		faults = append(faults, errors.New("value: must be empty, as the operator is Exists"))
	}
	if t.Key != "" {
		faults = append(faults, fault.At("key", kubename.ValidateKey(t.Key)))
	}
	faults = append(faults, fault.At("value", kubename.ValidateValue(t.Value)))
	if !slices.Contains(taintEffects, t.Effect) {
		faults = append(faults, fmt.Errorf("effect: %q is none of %q", t.Effect, taintEffects[1:]))
	}
	return errors.Join(faults...)
}

// WithDefaults are the settings with those of an environment where they give none. Maps are merged, and a key's own value
// wins; a list replaces the environment's.
func (s PodSettings) WithDefaults(environment PodSettings) PodSettings {
	if s.Image == "" {
		s.Image = environment.Image
	}
	if s.TimeoutSeconds == 0 {
		s.TimeoutSeconds = environment.TimeoutSeconds
	}
	if s.ImagePullSecrets == nil {
		s.ImagePullSecrets = environment.ImagePullSecrets
	}
	if s.Tolerations == nil {
		s.Tolerations = environment.Tolerations
	}
	s.ProveAlways = s.ProveAlways || environment.ProveAlways
	s.NodeSelector = merged(environment.NodeSelector, s.NodeSelector)
	s.Labels = merged(environment.Labels, s.Labels)
	s.Annotations = merged(environment.Annotations, s.Annotations)
	return s
}

// merged is both maps in one; the second wins.
func merged(first, second map[string]string) map[string]string {
	if len(first) == 0 {
		return second
	}
	all := maps.Clone(first)
	maps.Copy(all, second)
	return all
}

// builtIn are the settings of a pod for which nothing is given.
var builtIn = PodSettings{Image: DefaultTestPodImage, TimeoutSeconds: DefaultTestPodTimeoutSeconds}

func (s PodSettings) pullSecrets() corev1.LocalObjectReferenceArray {
	var references corev1.LocalObjectReferenceArray
	for _, name := range s.ImagePullSecrets {
		references = append(references, &corev1.LocalObjectReferenceArgs{Name: pulumi.String(name)})
	}
	return references
}

func (s PodSettings) tolerations() corev1.TolerationArray {
	var tolerations corev1.TolerationArray
	for _, t := range s.Tolerations {
		tolerations = append(tolerations, &corev1.TolerationArgs{
			Key: optionalString(t.Key), Operator: optionalString(t.Operator), Value: optionalString(t.Value), Effect: optionalString(t.Effect),
		})
	}
	return tolerations
}
