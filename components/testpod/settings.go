package testpod

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

// DefaultImage is the AWS CLI image of the pods, pinned; AWS publishes it.
const DefaultImage = "public.ecr.aws/aws-cli/aws-cli:2.36.49"

// DefaultTimeoutSeconds is how long `pulumi up` waits for a proof: image pull, IAM's propagation and a few
// attempts. Where a node must be started for the pod first, give it more.
const DefaultTimeoutSeconds = 60

const (
	// minTimeout is about a container start and two attempts, in seconds.
	minTimeout = 15
	// maxTimeout leaves room for Pulumi's own wait in what a pod's activeDeadlineSeconds can hold:
	// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#lifecycle
	maxTimeout = math.MaxInt32 - graceSeconds
)

// Settings say how the pods run, whatever they prove. The json names are those of Pulumi.<env>.yaml.
type Settings struct {
	// Image has the AWS CLI and a POSIX shell with coreutils; logins need curl in it as well. Default: DefaultImage.
	Image string `json:"image"`
	// ImagePullSecrets are the names of Secrets in the pod's namespace. Default: those of the service account.
	ImagePullSecrets []string `json:"imagePullSecrets"`
	// TimeoutSeconds is how long `pulumi up` waits for each proof, from 15. Default: DefaultTimeoutSeconds.
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

// Validate reports every error of the settings, each with its path.
func (s Settings) Validate() error {
	var found fielderr.List
	found.Refuse(s.TimeoutSeconds != 0 && s.TimeoutSeconds < minTimeout, "timeoutSeconds", "%d is less than %d", s.TimeoutSeconds, minTimeout)
	found.Refuse(s.TimeoutSeconds > maxTimeout, "timeoutSeconds",
		"%d is more than %d, which is as far as Kubernetes counts", s.TimeoutSeconds, maxTimeout)
	found.Add("image", fielderr.IfGiven(s.Image, validateImage))
	found.Add("imagePullSecrets", kubename.ValidateObjects("a secret", s.ImagePullSecrets))
	found.Add("nodeSelector", kubename.ValidateLabels(s.NodeSelector))
	found.Add("labels", kubename.ValidateLabels(s.Labels))
	found.Add("annotations", kubename.ValidateAnnotations(s.Annotations))
	os, given := s.NodeSelector[osLabel]
	found.Refuse(given && os != "linux", "nodeSelector", "%s must stay \"linux\", as the proof is a Linux program", osLabel)
	_, given = s.Labels[Label]
	found.Refuse(given, "labels", "%s is set by the proof itself", Label)
	found.Add("tolerations", fielderr.Each(s.Tolerations, Toleration.validate))
	return found.Err()
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
		return fmt.Errorf("%q is not an image reference such as %s", image, DefaultImage)
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
	var found fielderr.List
	found.Refuse(!slices.Contains(tolerationOperators, t.Operator), "operator", "%q is neither %q nor %q", t.Operator, "Equal", "Exists")
	found.Refuse(t.Key == "" && t.Operator != "Exists", "key", "must not be empty, unless the operator is Exists")
	found.Refuse(t.Value != "" && t.Operator == "Exists", "value", "must be empty, as the operator is Exists")
	found.Add("key", fielderr.IfGiven(t.Key, kubename.ValidateKey))
	found.Add("value", kubename.ValidateValue(t.Value))
	found.Refuse(!slices.Contains(taintEffects, t.Effect), "effect", "%q is none of %q", t.Effect, taintEffects[1:])
	return found.Err()
}

// WithDefaults takes what the settings do not give from the defaults. Maps are merged, and the settings' own value of a key wins;
// a list replaces that of the defaults.
func (s Settings) WithDefaults(defaults Settings) Settings {
	if s.Image == "" {
		s.Image = defaults.Image
	}
	if s.TimeoutSeconds == 0 {
		s.TimeoutSeconds = defaults.TimeoutSeconds
	}
	if s.ImagePullSecrets == nil {
		s.ImagePullSecrets = defaults.ImagePullSecrets
	}
	if s.Tolerations == nil {
		s.Tolerations = defaults.Tolerations
	}
	s.ProveAlways = s.ProveAlways || defaults.ProveAlways
	s.NodeSelector = merged(defaults.NodeSelector, s.NodeSelector)
	s.Labels = merged(defaults.Labels, s.Labels)
	s.Annotations = merged(defaults.Annotations, s.Annotations)
	return s
}

// merged merges two maps; where both have a key, the second's value wins.
func merged(first, second map[string]string) map[string]string {
	if len(first) == 0 {
		return second
	}
	all := maps.Clone(first)
	maps.Copy(all, second)
	return all
}

// builtIn are the defaults of the settings.
var builtIn = Settings{Image: DefaultImage, TimeoutSeconds: DefaultTimeoutSeconds}

func (s Settings) pullSecrets() corev1.LocalObjectReferenceArray {
	var references corev1.LocalObjectReferenceArray
	for _, name := range s.ImagePullSecrets {
		references = append(references, &corev1.LocalObjectReferenceArgs{Name: pulumi.String(name)})
	}
	return references
}

func (s Settings) tolerations() corev1.TolerationArray {
	optional := func(text string) pulumi.StringPtrInput {
		if text == "" {
			return nil
		}
		return pulumi.String(text)
	}
	var tolerations corev1.TolerationArray
	for _, t := range s.Tolerations {
		tolerations = append(tolerations, &corev1.TolerationArgs{
			Key: optional(t.Key), Operator: optional(t.Operator), Value: optional(t.Value), Effect: optional(t.Effect),
		})
	}
	return tolerations
}
