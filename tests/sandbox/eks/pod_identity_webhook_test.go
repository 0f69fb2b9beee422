//go:build unix

package eks_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

const (
	roleAnnotation = "eks.amazonaws.com/role-arn"
	appRole        = "arn:aws:iam::123456789012:role/app"
	tokenFile      = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"
)

// What the webhook adds to a container in the hub.
var (
	stsEnv      = []string{"AWS_STS_REGIONAL_ENDPOINTS=regional"}
	regionEnv   = []string{"AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-west-1"}
	identityEnv = []string{"AWS_ROLE_ARN=" + appRole, "AWS_WEB_IDENTITY_TOKEN_FILE=" + tokenFile}
	tokenMount  = corev1.VolumeMount{
		Name: "aws-iam-token", ReadOnly: true, MountPath: "/var/run/secrets/eks.amazonaws.com/serviceaccount",
	}
)

func TestAPodGetsTheIdentityThatItsServiceAccountNames(t *testing.T) {
	t.Parallel()
	for spec, region := range map[eks.Spec]string{hub: "eu-west-1", spoke: "cn-north-1"} {
		t.Run(spec.Name, func(t *testing.T) {
			t.Parallel()
			client := admin(t, spec)
			pod := podOf("main", "sidecar")
			pod.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "amazon/aws-cli"}}
			pod.Spec.Volumes = []corev1.Volume{{Name: "own"}}

			admitted := admitWith(t, client, newNamespace(t, client), map[string]string{roleAnnotation: appRole}, pod)

			require.Equal(t, tokenVolume("sts.amazonaws.com", 86400), admitted.Spec.Volumes[0])
			assert.Equal(t, "own", admitted.Spec.Volumes[1].Name)
			for _, container := range append(admitted.Spec.InitContainers, admitted.Spec.Containers...) {
				assert.Equal(t, []string{
					"AWS_STS_REGIONAL_ENDPOINTS=regional", "AWS_DEFAULT_REGION=" + region, "AWS_REGION=" + region,
					"AWS_ROLE_ARN=" + appRole, "AWS_WEB_IDENTITY_TOKEN_FILE=" + tokenFile,
				}, envOf(container), container.Name)
				assert.Contains(t, container.VolumeMounts, tokenMount, container.Name)
			}
		})
	}
}

func TestAContainerHasTheTokenThatItsEnvironmentNames(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	pod := podOf("main")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	pod.Spec.Containers[0].Command = []string{"sh", "-c", `printf '%s ' "$AWS_ENDPOINT_URL" "$AWS_ROLE_ARN" "$AWS_REGION" && cat "$AWS_WEB_IDENTITY_TOKEN_FILE"`}
	pod.Spec.ServiceAccountName = newAccount(t, client, namespace, map[string]string{roleAnnotation: appRole})
	created, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, func() error {
		pod, err := client.CoreV1().Pods(namespace).Get(t.Context(), created.Name, metav1.GetOptions{})
		if err == nil && pod.Status.Phase != corev1.PodSucceeded {
			err = fmt.Errorf("the pod's status is %+v", pod.Status)
		}
		return err
	})

	logs, err := client.CoreV1().Pods(namespace).GetLogs(created.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())

	require.NoError(t, err)
	words := strings.Fields(string(logs))
	require.Len(t, words, 4, "%s", logs)
	assert.Equal(t, []string{sandbox.sts.URL, appRole, "eu-west-1"}, words[:3])
	token, err := oidc.NewVerifier(clusterOf(hub).Issuer, keysOf(t, hub), &oidc.Config{ClientID: "sts.amazonaws.com"}).
		Verify(t.Context(), words[3])
	require.NoError(t, err)
	assert.Equal(t, "system:serviceaccount:"+namespace+":"+pod.Spec.ServiceAccountName, token.Subject)
	assert.Equal(t, 24*time.Hour, token.Expiry.Sub(token.IssuedAt))
}

func TestThePodsTokenIsWhatTheAnnotationsAskFor(t *testing.T) {
	t.Parallel()
	const audience, expiration = "eks.amazonaws.com/audience", "eks.amazonaws.com/token-expiration"
	type annotations map[string]string
	for name, test := range map[string]struct {
		account, pod   annotations
		wantAudience   string
		wantExpiration int64
	}{
		"an audience of the account":                   {annotations{audience: "sts.amazonaws.com.cn"}, nil, "sts.amazonaws.com.cn", 86400},
		"no audience of the pod":                       {nil, annotations{audience: "example.com"}, "sts.amazonaws.com", 86400},
		"a lifetime of the account":                    {annotations{expiration: "3600"}, nil, "sts.amazonaws.com", 3600},
		"a lifetime of the pod":                        {nil, annotations{expiration: "3600"}, "sts.amazonaws.com", 3600},
		"the pod's lifetime rather than the account's": {annotations{expiration: "3600"}, annotations{expiration: "7200"}, "sts.amazonaws.com", 7200},
		"a lifetime of the account under the minimum":  {annotations{expiration: "599"}, nil, "sts.amazonaws.com", 600},
		"a lifetime of the pod under the minimum":      {annotations{expiration: "3600"}, annotations{expiration: "-1"}, "sts.amazonaws.com", 600},
		"a lifetime of the account that is no number":  {annotations{expiration: "1h"}, nil, "sts.amazonaws.com", 86400},
		"a lifetime of the pod that is no number":      {annotations{expiration: "3600"}, annotations{expiration: "1h"}, "sts.amazonaws.com", 3600},
		"a lifetime over that of EKS":                  {annotations{expiration: "100000"}, nil, "sts.amazonaws.com", 100000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := admin(t, hub)
			account := map[string]string{roleAnnotation: appRole}
			maps.Copy(account, test.account)
			pod := podOf("main")
			pod.Annotations = test.pod

			admitted := admitWith(t, client, newNamespace(t, client), account, pod)

			assert.Equal(t, tokenVolume(test.wantAudience, test.wantExpiration), admitted.Spec.Volumes[0])
		})
	}
}

func TestTheAccountChoosesItsSTSEndpoint(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"true": true, "1": true, "false": false, "F": false, "regional": true} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			client := admin(t, hub)

			admitted := admitWith(t, client, newNamespace(t, client), map[string]string{
				roleAnnotation: appRole, "eks.amazonaws.com/sts-regional-endpoints": value,
			}, podOf("main"))

			env := envOf(admitted.Spec.Containers[0])
			assert.Subset(t, env, identityEnv)
			assert.Equal(t, want, env[0] == stsEnv[0], "%v", env)
		})
	}
}

func TestNoVariableThatIsThereIsOverwritten(t *testing.T) {
	t.Parallel()
	secret := corev1.EnvVar{Name: "AWS_ROLE_ARN", ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "own"}, Key: "role"},
	}}
	for name, test := range map[string]struct {
		own     []corev1.EnvVar
		added   [][]string
		noMount bool
	}{
		"a variable of another kind":              {[]corev1.EnvVar{{Name: "A", Value: "b"}}, [][]string{stsEnv, regionEnv, identityEnv}, false},
		"its region":                              {[]corev1.EnvVar{{Name: "AWS_REGION", Value: "eu-west-3"}}, [][]string{stsEnv, identityEnv}, false},
		"its default region":                      {[]corev1.EnvVar{{Name: "AWS_DEFAULT_REGION", Value: "eu-west-3"}}, [][]string{stsEnv, identityEnv}, false},
		"its STS endpoint":                        {[]corev1.EnvVar{{Name: "AWS_STS_REGIONAL_ENDPOINTS", Value: "legacy"}}, [][]string{regionEnv, identityEnv}, false},
		"its role, whose token is its own matter": {[]corev1.EnvVar{{Name: "AWS_ROLE_ARN", Value: "own"}}, [][]string{stsEnv, regionEnv}, false},
		"its role from a secret":                  {[]corev1.EnvVar{secret}, [][]string{stsEnv, regionEnv}, false},
		"its token, whose role is its own matter": {[]corev1.EnvVar{{Name: "AWS_WEB_IDENTITY_TOKEN_FILE", Value: "/own"}}, [][]string{stsEnv, regionEnv}, false},
		"an empty value":                          {[]corev1.EnvVar{{Name: "AWS_ROLE_ARN"}}, [][]string{stsEnv, regionEnv}, false},
		"one of each kind, and no mount": {
			[]corev1.EnvVar{
				{Name: "AWS_ROLE_ARN", Value: "own"},
				{Name: "AWS_REGION", Value: "eu-west-3"},
				{Name: "AWS_STS_REGIONAL_ENDPOINTS", Value: "legacy"},
			},
			nil, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := admin(t, hub)
			pod := podOf("main")
			pod.Spec.Containers[0].Env = test.own
			want := envOf(pod.Spec.Containers[0])
			for _, added := range test.added {
				want = append(want, added...)
			}

			admitted := admitWith(t, client, newNamespace(t, client), map[string]string{roleAnnotation: appRole}, pod)

			container := admitted.Spec.Containers[0]
			assert.Equal(t, want, envOf(container))
			assert.Equal(t, test.own, container.Env[:len(test.own)])
			assert.Equal(t, !test.noMount, mountsToken(container))
		})
	}
}

func TestAVolumeAndAMountThatAreThereAreKept(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	pod := podOf("mounted", "unmounted")
	pod.Spec.Volumes = []corev1.Volume{tokenVolume("own.example.com", 1200)}
	own := corev1.VolumeMount{Name: "aws-iam-token", MountPath: "/own"}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{own}

	admitted := admitWith(t, client, newNamespace(t, client), map[string]string{roleAnnotation: appRole}, pod)

	assert.Equal(t, tokenVolume("own.example.com", 1200), admitted.Spec.Volumes[0])
	assert.Contains(t, admitted.Spec.Containers[0].VolumeMounts, own)
	assert.NotContains(t, admitted.Spec.Containers[0].VolumeMounts, tokenMount)
	assert.Contains(t, admitted.Spec.Containers[1].VolumeMounts, tokenMount)
	for _, container := range admitted.Spec.Containers {
		assert.Subset(t, envOf(container), identityEnv)
	}
}

func TestAPodThatHasItsIdentityIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	pod := podOf("main")
	pod.Spec.ServiceAccountName = newAccount(t, client, namespace, map[string]string{roleAnnotation: appRole})
	first := admit(t, client, namespace, pod)

	second := admit(t, client, namespace, &corev1.Pod{ObjectMeta: pod.ObjectMeta, Spec: first.Spec})

	assert.Equal(t, first.Spec, second.Spec)
}

func TestContainersThatThePodExceptsAreSkipped(t *testing.T) {
	t.Parallel()
	for annotation, want := range map[string][]string{
		"":                 {"init", "one", "two"},
		"one":              {"init", "two"},
		"init,two":         {"one"},
		"init,one,two":     nil,
		`"one"`:            {"init", "two"},
		"one, two":         {"init", "two"}, // a name with a space before it
		"nobody":           {"init", "one", "two"},
		"on":               {"init", "one", "two"},
		`"one`:             {"init", "one", "two"}, // malformed
		"one\ntwo":         {"init", "two"},        // one line is read
		"init,init,nobody": {"one", "two"},
	} {
		t.Run(annotation, func(t *testing.T) {
			t.Parallel()
			client := admin(t, hub)
			pod := podOf("one", "two")
			pod.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "amazon/aws-cli"}}
			pod.Annotations = map[string]string{"eks.amazonaws.com/skip-containers": annotation}

			admitted := admitWith(t, client, newNamespace(t, client), map[string]string{roleAnnotation: appRole}, pod)

			var mutated []string
			for _, container := range append(admitted.Spec.InitContainers, admitted.Spec.Containers...) {
				require.Equal(t, len(container.Env) > 0, mountsToken(container))
				if mountsToken(container) {
					mutated = append(mutated, container.Name)
				}
			}
			assert.Equal(t, want, mutated)
			assert.Equal(t, "aws-iam-token", admitted.Spec.Volumes[0].Name)
		})
	}
}

func TestAPodThatHasNoRoleIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		account map[string]string
		change  func(*corev1.Pod)
	}{
		"an account without annotations": {},
		"an account with an empty role":  {account: map[string]string{roleAnnotation: ""}},
		"an account with all but a role": {account: map[string]string{
			"eks.amazonaws.com/audience": "sts.amazonaws.com", "eks.amazonaws.com/token-expiration": "3600",
		}},
		"an account with another's role": {account: map[string]string{"iam.amazonaws.com/role": appRole}},
		"a role that only the pod names": {change: func(p *corev1.Pod) { p.Annotations = map[string]string{roleAnnotation: appRole} }},
		"a pod that opts out": {account: map[string]string{roleAnnotation: appRole}, change: func(p *corev1.Pod) {
			p.Labels = map[string]string{"eks.amazonaws.com/skip-pod-identity-webhook": ""}
		}},
		"the namespace's default account": {account: map[string]string{roleAnnotation: appRole}, change: func(p *corev1.Pod) {
			p.Spec.ServiceAccountName = ""
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := admin(t, hub)
			namespace := newNamespace(t, client)
			pod := podOf("main")
			pod.Spec.ServiceAccountName = newAccount(t, client, namespace, test.account)
			if test.change != nil {
				test.change(pod)
			}

			admitted := admit(t, client, namespace, pod)

			assert.False(t, hasIdentity(admitted), "%+v", admitted.Spec)
		})
	}
}

func TestThePodsNamespaceDecidesWhichAccountItHas(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	one, other := newNamespace(t, client), newNamespace(t, client)
	for namespace, annotations := range map[string]map[string]string{one: {roleAnnotation: appRole}, other: nil} {
		_, err := client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: "same", Annotations: annotations},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	pod := podOf("main")
	pod.Spec.ServiceAccountName = "same"

	assert.True(t, hasIdentity(admit(t, client, one, pod)))
	assert.False(t, hasIdentity(admit(t, client, other, pod)))
}

func TestAPodThatIsMadeRightAfterItsAccountIsNotMissed(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	for i := range 50 {
		role := fmt.Sprintf("%s-%d", appRole, i)
		pod := podOf("main")
		pod.Spec.ServiceAccountName = newAccount(t, client, namespace, map[string]string{roleAnnotation: role})
		require.Contains(t, envOf(admit(t, client, namespace, pod).Spec.Containers[0]), "AWS_ROLE_ARN="+role)

		_, err := client.CoreV1().ServiceAccounts(namespace).Update(t.Context(), &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{
				Name: pod.Spec.ServiceAccountName, Annotations: map[string]string{roleAnnotation: role + "-renamed"},
			},
		}, metav1.UpdateOptions{})
		require.NoError(t, err)
		require.Contains(t, envOf(admit(t, client, namespace, pod).Spec.Containers[0]), "AWS_ROLE_ARN="+role+"-renamed")
	}
}

func TestAPodThatWasThereBeforeTheAnnotationIsNotChanged(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	account := newAccount(t, client, namespace, nil)
	pod := podOf("main")
	pod.Spec.ServiceAccountName = account
	// Nobody runs it, so nobody else writes to it.
	pod.Spec.SchedulerName = "nobody"
	created, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = client.CoreV1().ServiceAccounts(namespace).Update(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: account, Annotations: map[string]string{roleAnnotation: appRole}},
	}, metav1.UpdateOptions{})
	require.NoError(t, err)

	created.Labels = map[string]string{"touched": "yes"}
	updated, err := client.CoreV1().Pods(namespace).Update(t.Context(), created, metav1.UpdateOptions{})

	require.NoError(t, err)
	assert.False(t, hasIdentity(updated))
	assert.True(t, hasIdentity(admit(t, client, namespace, pod)), "one that is made afterwards has it")
}

func TestContainersThatALaterWebhookAddsGetTheIdentityToo(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	namespace := newNamespace(t, client)
	injector := httptest.NewTLSServer(http.HandlerFunc(injectSidecar))
	t.Cleanup(injector.Close)
	// Webhooks are called in the order of their configurations' names, so this one is called after the pod identity webhook.
	configurations := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	created, err := configurations.Create(t.Context(), &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "sidecar-injector-"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "sidecar-injector.example.com",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      &injector.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: injector.Certificate().Raw}),
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, admin(t, hub).AdmissionregistrationV1().MutatingWebhookConfigurations().
			Delete(context.WithoutCancel(t.Context()), created.Name, metav1.DeleteOptions{}))
	})
	pod := podOf("main")
	pod.Spec.ServiceAccountName = newAccount(t, client, namespace, map[string]string{roleAnnotation: appRole})
	var admitted *corev1.Pod
	eventually(t, func() error {
		if admitted = admit(t, client, namespace, pod); len(admitted.Spec.Containers) != 2 {
			return errors.New("the injector is not called yet")
		}
		return nil
	})

	for _, container := range admitted.Spec.Containers {
		assert.Equal(t, append(append(append([]string{}, stsEnv...), regionEnv...), identityEnv...), envOf(container), container.Name)
		assert.True(t, mountsToken(container), container.Name)
	}
	assert.Len(t, admitted.Spec.Volumes, 2, "the token for AWS and that for the API server, each once")
}

// injectSidecar is a webhook that adds a container to a pod with one.
func injectSidecar(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	var pod corev1.Pod
	err := json.NewDecoder(r.Body).Decode(&review)
	if err == nil {
		err = json.Unmarshal(review.Request.Object.Raw, &pod)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if len(pod.Spec.Containers) == 1 {
		review.Response.PatchType = ptr.To(admissionv1.PatchTypeJSONPatch)
		review.Response.Patch = []byte(`[{"op":"add","path":"/spec/containers/-","value":{"name":"injected","image":"amazon/aws-cli"}}]`)
	}
	_ = json.NewEncoder(w).Encode(review)
}

func TestAWindowsPodFindsItsTokenInItsOwnNotation(t *testing.T) {
	t.Parallel()
	config := clusterOf(hub).AdminConfig()
	config.WarningHandler = rest.NoWarnings{} // about the old label
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	for _, label := range []string{"kubernetes.io/os", "beta.kubernetes.io/os"} {
		pod := podOf("main")
		pod.Spec.NodeSelector = map[string]string{label: "windows"}

		admitted := admitWith(t, client, newNamespace(t, client), map[string]string{roleAnnotation: appRole}, pod)

		assert.Contains(t, envOf(admitted.Spec.Containers[0]),
			`AWS_WEB_IDENTITY_TOKEN_FILE=C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token`)
	}
}

func TestALargePodGetsItsIdentity(t *testing.T) {
	t.Parallel()
	client := admin(t, hub)
	pod := podOf("main")
	pod.Spec.Containers[0].Args = []string{strings.Repeat("x", 2<<20)}

	admitted := admitWith(t, client, newNamespace(t, client), map[string]string{roleAnnotation: appRole}, pod)

	assert.True(t, hasIdentity(admitted))
}

func TestTheWebhookIsRegisteredAsOnEKS(t *testing.T) {
	t.Parallel()
	configuration, err := admin(t, hub).AdmissionregistrationV1().MutatingWebhookConfigurations().
		Get(t.Context(), "pod-identity-webhook", metav1.GetOptions{})

	require.NoError(t, err)
	require.Len(t, configuration.Webhooks, 1)
	webhook := configuration.Webhooks[0]
	assert.Equal(t, "iam-for-pods.amazonaws.com", webhook.Name)
	assert.Regexp(t, `^https://127\.0\.0\.1:\d+/mutate$`, *webhook.ClientConfig.URL)
	assert.Equal(t, clusterOf(hub).CertificateAuthority, webhook.ClientConfig.CABundle)
	assert.Equal(t, admissionregistrationv1.Ignore, *webhook.FailurePolicy)
	assert.Equal(t, admissionregistrationv1.IfNeededReinvocationPolicy, *webhook.ReinvocationPolicy)
	assert.Equal(t, admissionregistrationv1.Equivalent, *webhook.MatchPolicy)
	assert.Equal(t, admissionregistrationv1.SideEffectClassNone, *webhook.SideEffects)
	assert.EqualValues(t, 10, *webhook.TimeoutSeconds)
}

// The legacy cluster is this test's own as far as pods go.
func TestPodsAreAdmittedUnchangedWhileTheWebhookIsOutOfOrder(t *testing.T) {
	t.Parallel()
	client := admin(t, legacy)
	namespace := newNamespace(t, client)
	pod := podOf("main")
	pod.Spec.ServiceAccountName = newAccount(t, client, namespace, map[string]string{roleAnnotation: appRole})
	require.True(t, hasIdentity(admit(t, client, namespace, pod)))
	url := webhookURL(t, client)
	broken := httptest.NewUnstartedServer(nil)
	require.NoError(t, broken.Listener.Close())

	setWebhookURL(t, client, "https://"+broken.Listener.Addr().String()+"/mutate")

	eventually(t, func() error {
		if hasIdentity(admit(t, client, namespace, pod)) {
			return errors.New("the API server calls the webhook that is in order")
		}
		return nil
	})
	setWebhookURL(t, client, url)
	eventually(t, func() error {
		if !hasIdentity(admit(t, client, namespace, pod)) {
			return errors.New("the API server calls the webhook that is out of order")
		}
		return nil
	})
}

func TestTheWebhookAnswersToReviewsOnly(t *testing.T) {
	t.Parallel()
	url := webhookURL(t, admin(t, hub))
	client, err := rest.HTTPClientFor(rest.AnonymousClientConfig(clusterOf(hub).AdminConfig()))
	require.NoError(t, err)
	for body, want := range map[string]string{
		`no JSON`:                 "expected a review",
		`{}`:                      "an admission review without a request",
		`{"request":{"uid":"1"}}`: "decoding the pod",
		`{"request":{"uid":"1","object":"no pod"}}`:    "decoding the pod",
		`{"request":{"uid":"1","object":{"spec":{}}}}`: "reading the service account",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		message, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())

		assert.GreaterOrEqual(t, response.StatusCode, http.StatusBadRequest, body)
		assert.Contains(t, string(message), want, body)
	}
}

func webhookURL(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	configuration, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().
		Get(t.Context(), "pod-identity-webhook", metav1.GetOptions{})
	require.NoError(t, err)
	return *configuration.Webhooks[0].ClientConfig.URL
}

func setWebhookURL(t *testing.T, client kubernetes.Interface, url string) {
	t.Helper()
	configurations := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := configurations.Get(t.Context(), "pod-identity-webhook", metav1.GetOptions{})
	require.NoError(t, err)
	configuration.Webhooks[0].ClientConfig.URL = &url
	_, err = configurations.Update(t.Context(), configuration, metav1.UpdateOptions{})
	require.NoError(t, err)
}

// podOf is a pod with containers of these names.
func podOf(containers ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "pod-"}}
	for _, name := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name, Image: "amazon/aws-cli"})
	}
	return pod
}

func newAccount(t *testing.T, client kubernetes.Interface, namespace string, annotations map[string]string) string {
	t.Helper()
	account, err := client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "account-", Annotations: annotations},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return account.Name
}

// admitWith admits the pod under a new account with these annotations.
func admitWith(
	t *testing.T, client kubernetes.Interface, namespace string, account map[string]string, pod *corev1.Pod,
) *corev1.Pod {
	t.Helper()
	pod.Spec.ServiceAccountName = newAccount(t, client, namespace, account)
	return admit(t, client, namespace, pod)
}

// admit has the API server admit the pod without keeping it, and returns what it would have kept.
func admit(t *testing.T, client kubernetes.Interface, namespace string, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	admitted, err := client.CoreV1().Pods(namespace).
		Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	require.NoError(t, err)
	return admitted
}

func tokenVolume(audience string, expiration int64) corev1.Volume {
	return corev1.Volume{Name: "aws-iam-token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: ptr.To[int32](0o644),
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: audience, ExpirationSeconds: &expiration, Path: "token",
		}}},
	}}}
}

// envOf lists a container's variables as NAME=value.
func envOf(container corev1.Container) []string {
	var env []string
	for _, variable := range container.Env {
		env = append(env, variable.Name+"="+variable.Value)
	}
	return env
}

func mountsToken(container corev1.Container) bool {
	for _, mount := range container.VolumeMounts {
		if mount.Name == "aws-iam-token" {
			return true
		}
	}
	return false
}

// hasIdentity tells whether anything of the pod is the webhook's work.
func hasIdentity(pod *corev1.Pod) bool {
	for _, container := range pod.Spec.Containers {
		if mountsToken(container) || len(container.Env) > 0 {
			return true
		}
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.Name == "aws-iam-token" {
			return true
		}
	}
	return false
}
