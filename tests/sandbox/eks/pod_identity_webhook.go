package eks

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// What EKS's pod identity webhook reads and writes:
// https://github.com/aws/amazon-eks-pod-identity-webhook#eks-walkthrough
const (
	roleArnAnnotation        = "eks.amazonaws.com/role-arn"
	audienceAnnotation       = "eks.amazonaws.com/audience"
	regionalSTSAnnotation    = "eks.amazonaws.com/sts-regional-endpoints"
	expirationAnnotation     = "eks.amazonaws.com/token-expiration"
	skipContainersAnnotation = "eks.amazonaws.com/skip-containers"
	skipPodLabel             = "eks.amazonaws.com/skip-pod-identity-webhook"

	roleArnEnv         = "AWS_ROLE_ARN"
	webIdentityFileEnv = "AWS_WEB_IDENTITY_TOKEN_FILE"
	regionEnv          = "AWS_REGION"
	defaultRegionEnv   = "AWS_DEFAULT_REGION"
	regionalSTSEnv     = "AWS_STS_REGIONAL_ENDPOINTS"

	defaultAudience = "sts.amazonaws.com"
	// In seconds. A shorter life than the minimum, which is the TokenRequest API's, becomes the minimum.
	defaultTokenExpiration = 86400
	minTokenExpiration     = 600

	// registrationTimeout is far more than an API server takes to see a new webhook, which is some 10 ms.
	registrationTimeout = time.Minute
)

// podIdentity is what EKS's pod identity webhook is: it gives a pod whose service account names an IAM role a token for
// AWS STS, and the environment in which the AWS SDKs find it. An account with an EKS Pod Identity association it gives what
// leads to that instead.
type podIdentity struct {
	associations
	region string
	// agentURL is where the agent of the node answers.
	agentURL string
	// client is made at the first use, because the webhook is served before there is an API server to be a client of.
	client func() (kubernetes.Interface, error)
	// called is closed when the API server calls for the first time.
	called chan struct{}
	call   sync.Once
	// missed is how many pods more the webhook does not know the service account of.
	missed atomic.Int64
}

func newPodIdentity(c *Cluster, associated func(region, cluster, namespace, serviceAccount string) bool) *podIdentity {
	return &podIdentity{
		associations: associations{known: func(namespace, serviceAccount string) bool {
			return associated != nil && associated(c.Region, c.Name, namespace, serviceAccount)
		}},
		region:   c.Region,
		agentURL: c.agent.URL(),
		client:   sync.OnceValues(func() (kubernetes.Interface, error) { return kubernetes.NewForConfig(c.AdminConfig()) }),
		called:   make(chan struct{}),
	}
}

// register tells the API server about the webhook, as EKS does in a cluster of its own. So a pod is admitted unchanged when
// the webhook fails, and containers that other webhooks add are seen as well:
// https://repost.aws/knowledge-center/eks-troubleshoot-irsa-errors
func (p *podIdentity) register(ctx context.Context, webhookURL string, certificateAuthority []byte) error {
	client, err := p.client()
	if err != nil {
		return fmt.Errorf("creating a client: %w", err)
	}
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "pod-identity-webhook"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "iam-for-pods.amazonaws.com",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL: ptr.To(webhookURL + mutatePath), CABundle: certificateAuthority,
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"},
				},
			}},
			ObjectSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: skipPodLabel, Operator: metav1.LabelSelectorOpDoesNotExist},
			}},
			FailurePolicy:           ptr.To(admissionregistrationv1.Ignore),
			ReinvocationPolicy:      ptr.To(admissionregistrationv1.IfNeededReinvocationPolicy),
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{admissionv1.SchemeGroupVersion.Version},
		}},
	}
	registered := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err = registered.Create(ctx, configuration, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) { // in a cluster whose API server has moved, and the webhook with it
		var found *admissionregistrationv1.MutatingWebhookConfiguration
		if found, err = registered.Get(ctx, configuration.Name, metav1.GetOptions{}); err == nil {
			configuration.ResourceVersion = found.ResourceVersion
			_, err = registered.Update(ctx, configuration, metav1.UpdateOptions{})
		}
	}
	if err != nil {
		return fmt.Errorf("registering the pod identity webhook: %w", err)
	}
	return nil
}

// waitUntilCalled waits until the API server calls the webhook: it answers a registration before it heeds it, and a pod
// that came between the two would get no identity. It is asked to admit pods that it does not keep.
func (p *podIdentity) waitUntilCalled(ctx context.Context) error {
	client, err := p.client()
	if err != nil {
		return fmt.Errorf("creating a client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, registrationTimeout)
	defer cancel()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-identity-webhook-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "amazon/aws-cli"}}},
	}
	var last error
	err = wait.PollUntilContextCancel(ctx, probeInterval, true, func(ctx context.Context) (bool, error) {
		_, last = client.CoreV1().Pods(metav1.NamespaceDefault).
			Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		select {
		case <-p.called:
			return true, nil
		default:
			return false, nil
		}
	})
	if err != nil {
		return fmt.Errorf("waiting for the first call of the pod identity webhook: %w", errors.Join(err, last))
	}
	return nil
}

// review answers with the patch of a new pod. An error is for the API server, which then does as the failure policy says.
//
// The service account is read from the API server each time. EKS's webhook has a cache, and 100 ms of patience when an
// account is missing there; a pod that is created right after its account can still come too early, or see the account as
// it was: https://github.com/aws/amazon-eks-pod-identity-webhook/issues/174. MissPods makes that happen.
func (p *podIdentity) review(ctx context.Context, review *admissionv1.AdmissionReview) error {
	p.call.Do(func() { close(p.called) })
	request := review.Request
	if request == nil {
		return errors.New("an admission review without a request")
	}
	var pod corev1.Pod
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return fmt.Errorf("decoding the pod: %w", err)
	}
	client, err := p.client()
	if err != nil {
		return fmt.Errorf("creating a client: %w", err)
	}
	review.Request = nil
	review.Response = &admissionv1.AdmissionResponse{UID: request.UID, Allowed: true}
	// The pod has the name by now: the service account admission, which sets the default, comes before the webhooks.
	account, err := client.CoreV1().ServiceAccounts(request.Namespace).
		Get(ctx, pod.Spec.ServiceAccountName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the service account %s/%s: %w", request.Namespace, pod.Spec.ServiceAccountName, err)
	}
	given := annotated(account.Annotations)
	if p.has(request.Namespace, pod.Spec.ServiceAccountName) {
		given = associated(p.agentURL)
	}
	if given != nil && p.missed.Add(-1) >= 0 {
		return nil
	}
	patch, err := podPatch(&pod, given, account.Annotations, p.region)
	if err != nil || patch == nil {
		return err
	}
	review.Response.Patch, review.Response.PatchType = patch, ptr.To(admissionv1.PatchTypeJSONPatch)
	return nil
}

// MissPods has the webhook admit the next pods that have a role, so many of them, as they come: as if their service
// accounts had not reached its cache yet. It takes the place of an earlier number; 0 ends it.
func (c *Cluster) MissPods(count int) { c.identities.missed.Store(int64(count)) }

// podPatch is the JSON patch that gives the pod an identity by its service account, whose annotations are given too, or nil
// when there is nothing to give.
func podPatch(pod *corev1.Pod, given *credentials, account map[string]string, region string) ([]byte, error) {
	if given == nil {
		return nil, nil
	}
	mutated := pod.DeepCopy()
	given.inject(mutated, account, region)
	if equality.Semantic.DeepEqual(mutated, pod) {
		return nil, nil
	}
	// To add a member that exists replaces it, RFC 6902 section 4.1.
	operations := []object{
		{"op": "add", "path": "/spec/volumes", "value": mutated.Spec.Volumes},
		{"op": "add", "path": "/spec/containers", "value": mutated.Spec.Containers},
	}
	if len(mutated.Spec.InitContainers) > 0 {
		operations = append(operations,
			object{"op": "add", "path": "/spec/initContainers", "value": mutated.Spec.InitContainers})
	}
	if len(given.labels) > 0 {
		operations = append(operations, object{"op": "add", "path": "/metadata/labels", "value": mutated.Labels})
	}
	patch, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("encoding the patch of the pod: %w", err)
	}
	return patch, nil
}

// credentials are one of the two ways by which a pod gets credentials of AWS.
type credentials struct {
	// volume is the name of the token's volume, dir where it is mounted, file its name there, and audience whom it is for.
	volume, dir, file, audience string
	// env are the variables that lead the SDKs to the token, of which the one that is named last has its path.
	env []corev1.EnvVar
	// jitter makes tokens of the default life differ in it.
	jitter bool
	labels map[string]string
}

// annotated are the credentials by the role that the service account's annotation names, or nil.
func annotated(account map[string]string) *credentials {
	// EKS's webhook takes any ARN: what is wrong with it is for STS to say.
	if account[roleArnAnnotation] == "" {
		return nil
	}
	audience, ok := account[audienceAnnotation]
	if !ok {
		audience = defaultAudience
	}
	return &credentials{
		volume: "aws-iam-token", dir: "/var/run/secrets/eks.amazonaws.com/serviceaccount", file: "token", audience: audience,
		env: []corev1.EnvVar{{Name: roleArnEnv, Value: account[roleArnAnnotation]}, {Name: webIdentityFileEnv}},
	}
}

// inject adds the token's volume to the pod, and its mount and the environment to every container but those that the pod
// excepts.
func (c *credentials) inject(pod *corev1.Pod, account map[string]string, region string) {
	if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == c.volume }) {
		pod.Spec.Volumes = slices.Insert(pod.Spec.Volumes, 0, c.tokenVolume(pod.Annotations, account))
	}
	env := c.environment(pod.Spec.NodeSelector, account, region)
	skipped := skippedContainers(pod.Annotations)
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			if !slices.Contains(skipped, containers[i].Name) {
				c.injectContainer(&containers[i], env)
			}
		}
	}
	for name, value := range c.labels {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, name, value)
	}
}

func (c *credentials) tokenVolume(pod, account map[string]string) corev1.Volume {
	// The pod's annotation wins, and one that is no number counts as missing.
	expiration := tokenExpiration(pod, tokenExpiration(account, defaultTokenExpiration))
	if c.jitter && expiration == defaultTokenExpiration {
		expiration -= rand.Int64N(maxTokenJitter + 1) // #nosec G404 -- no secret
	}
	return corev1.Volume{Name: c.volume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: c.audience, ExpirationSeconds: &expiration, Path: c.file,
		}}},
	}}}
}

func tokenExpiration(annotations map[string]string, otherwise int64) int64 {
	seconds, err := strconv.ParseInt(annotations[expirationAnnotation], 10, 64)
	if err != nil {
		return otherwise
	}
	return max(seconds, minTokenExpiration)
}

// skippedContainers are the names in the pod's annotation, which is a line of CSV. One that is malformed excepts none.
func skippedContainers(pod map[string]string) []string {
	names, err := csv.NewReader(strings.NewReader(pod[skipContainersAnnotation])).Read()
	if err != nil {
		return nil
	}
	return names
}

// environment is what a container gets, in groups of which one is given whole or, where the container has one of its
// variables already, not at all.
func (c *credentials) environment(nodeSelector, account map[string]string, region string) [][]corev1.EnvVar {
	own := slices.Clone(c.env)
	own[len(own)-1].Value = c.tokenPath(nodeSelector)
	env := [][]corev1.EnvVar{{{Name: defaultRegionEnv, Value: region}, {Name: regionEnv, Value: region}}, own}
	// On by default on EKS since Kubernetes 1.22: https://docs.aws.amazon.com/eks/latest/userguide/configure-sts-endpoint.html
	if regional, err := strconv.ParseBool(account[regionalSTSAnnotation]); err != nil || regional {
		env = slices.Insert(env, 0, []corev1.EnvVar{{Name: regionalSTSEnv, Value: "regional"}})
	}
	return env
}

// tokenPath is where a container finds its token. Windows has the same place in its own notation.
func (c *credentials) tokenPath(nodeSelector map[string]string) string {
	path := c.dir + "/" + c.file
	for _, label := range []string{corev1.LabelOSStable, "beta.kubernetes.io/os"} {
		if nodeSelector[label] == string(corev1.Windows) {
			return `C:` + strings.ReplaceAll(path, "/", `\`)
		}
	}
	return path
}

// injectContainer adds the environment and the token's mount to a container. A container that has a variable of every kind
// has settled its identity by itself, and gets no mount either.
func (c *credentials) injectContainer(container *corev1.Container, env [][]corev1.EnvVar) {
	if definesAny(container, c.env) && definesAny(container, []corev1.EnvVar{{Name: regionEnv}, {Name: defaultRegionEnv}}) &&
		definesAny(container, []corev1.EnvVar{{Name: regionalSTSEnv}}) {
		return
	}
	for _, group := range env {
		if !definesAny(container, group) {
			container.Env = append(container.Env, group...)
		}
	}
	mounted := slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == c.volume })
	if !mounted {
		container.VolumeMounts = append(container.VolumeMounts,
			corev1.VolumeMount{Name: c.volume, ReadOnly: true, MountPath: c.dir})
	}
}

// definesAny tells whether the container has a variable of the name of one of these.
func definesAny(container *corev1.Container, variables []corev1.EnvVar) bool {
	return slices.ContainsFunc(variables, func(variable corev1.EnvVar) bool {
		return slices.ContainsFunc(container.Env, func(v corev1.EnvVar) bool { return v.Name == variable.Name })
	})
}
