//go:build unix

package kubelet_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const tokenFile = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"

// mountToken gives the pod a token for an audience, as EKS's webhook does.
func mountToken(pod *corev1.Pod, audience string) {
	pod.Spec.AutomountServiceAccountToken = ptr.To(false)
	pod.Spec.Volumes = append(pod.Spec.Volumes, projected("aws-iam-token", corev1.VolumeProjection{
		ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: audience, ExpirationSeconds: ptr.To[int64](600), Path: "token",
		},
	}))
	c := &pod.Spec.Containers[0]
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{
		Name: "aws-iam-token", MountPath: strings.TrimSuffix(tokenFile, "/token"), ReadOnly: true,
	})
	c.Env = append(c.Env, corev1.EnvVar{Name: "AWS_WEB_IDENTITY_TOKEN_FILE", Value: tokenFile})
}

func projected(name string, sources ...corev1.VolumeProjection) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: sources},
	}}
}

func TestATokenIsThePodsOwn(t *testing.T) {
	t.Parallel()
	pod := newPod(`cat "$AWS_WEB_IDENTITY_TOKEN_FILE"`)
	mountToken(pod, "sts.amazonaws.com")

	ended, log := runToEnd(t, pod)

	claims := claimsOf(t, log)
	assert.Equal(t, []string{"sts.amazonaws.com"}, claims.Audience)
	assert.Equal(t, "system:serviceaccount:"+ended.Namespace+":default", claims.Subject)
	assert.Equal(t, string(ended.UID), claims.Kubernetes.Pod.UID)
	assert.EqualValues(t, 600, claims.Expires-claims.IssuedAt)
}

type claims struct {
	Audience   []string `json:"aud"`
	Subject    string   `json:"sub"`
	Expires    int64    `json:"exp"`
	IssuedAt   int64    `json:"iat"`
	Kubernetes struct {
		Pod struct{ UID string }
	} `json:"kubernetes.io"`
}

func claimsOf(t *testing.T, token string) claims {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3, token)
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var found claims
	require.NoError(t, json.Unmarshal(payload, &found))
	return found
}

// With the tests' ageing, a token is over 6 s after it was issued, and renewed after 4.7 to 4.8 s.
func TestATokenIsRenewedBeforeItIsOver(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	mountToken(pod, "sts.amazonaws.com")
	pod = waitFor(t, create(t, pod), isReady)
	var seen []string
	var times []time.Time
	eventually(t, func() error {
		token := execIn(t, pod, "/bin/sh", "-c", `cat "$AWS_WEB_IDENTITY_TOKEN_FILE"`)
		claimsOf(t, token) // never half a token
		if len(seen) == 0 || seen[len(seen)-1] != token {
			seen, times = append(seen, token), append(times, time.Now())
		}
		if len(seen) < 4 {
			return fmt.Errorf("there were %d tokens", len(seen))
		}
		return nil
	})
	for i, token := range seen[:3] {
		from := time.Unix(claimsOf(t, token).IssuedAt, 0) // cut to a second
		assert.InDelta(t, 5, times[i+1].Sub(from).Seconds(), 1.5)
	}
	review, err := sandbox.client.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: seen[0], Audiences: []string{"sts.amazonaws.com"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	assert.True(t, review.Status.Authenticated, "it only seems to age")
}

func TestAPodGetsTheKubernetesToken(t *testing.T) {
	t.Parallel()
	_, log := runToEnd(t, newPod(`cd /var/run/secrets/kubernetes.io/serviceaccount; ls; cat namespace; head -c 27 ca.crt`))

	assert.Regexp(t, "^ca.crt\nnamespace\ntoken\ntest-[a-z0-9]+-----BEGIN CERTIFICATE-----$", log)
}

func TestVolumesHoldWhatTheyAreMadeOf(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	createConfig(t, namespace, map[string]string{"color": "blue", "size": "small"})
	createSecret(t, namespace, map[string]string{"password": "letmein"})
	items := []corev1.KeyToPath{{Key: "color", Path: "deep/down", Mode: ptr.To[int32](0o600)}}
	fields := []corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: field("metadata.labels").FieldRef}}
	for name, test := range map[string]struct {
		volume corev1.VolumeSource
		want   string
	}{
		"a ConfigMap": {
			corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: config}},
			"color 644 blue\nsize 644 small\n",
		},
		"keys of a ConfigMap": {
			corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: config, Items: items}},
			"deep/down 600 blue\n",
		},
		"a Secret": {
			corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "secret", DefaultMode: ptr.To[int32](0o400)}},
			"password 400 letmein\n",
		},
		"an optional Secret that is not there": {
			corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "missing", Optional: ptr.To(true)}}, "",
		},
		"the downward API": {
			corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: fields}}, "labels 644 team=\"payments\"\n",
		},
		"all of them": {
			projected("", corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: config, Items: items}},
				corev1.VolumeProjection{Secret: &corev1.SecretProjection{LocalObjectReference: secret}},
				corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{Items: fields}}).VolumeSource,
			"deep/down 600 blue\nlabels 644 team=\"payments\"\npassword 644 letmein\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(`cd /data; find -L . -type f -not -path './..*' | sort | while read -r f; do
				echo "${f#./} $(stat -L -c %a "$f") $(cat "$f")"; done`)
			pod.Namespace, pod.Labels = namespace, map[string]string{"team": "payments"}
			pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: test.volume}}
			pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}

			_, log := runToEnd(t, pod)

			assert.Equal(t, test.want, log)
		})
	}
}

func TestAPodWaitsForItsVolumes(t *testing.T) {
	t.Parallel()
	pod := newPod("cat /data/color")
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: config},
	}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	pod = waitFor(t, create(t, pod), isWaitingFor("ContainerCreating"))
	assert.Equal(t, `MountVolume.SetUp failed for volume "data" : configmap "config" not found`,
		waitForEvent(t, pod, "FailedMount").Message)

	createConfig(t, pod.Namespace, map[string]string{"color": "blue"})

	waitFor(t, pod, func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
	assert.Equal(t, "blue", logs(t, pod, corev1.PodLogOptions{}))
}

func TestAPartOfAVolumeIsMounted(t *testing.T) {
	t.Parallel()
	pod := newPod(`echo "$POD" >/part/file; cat /whole/*/file; test ! -e /whole/file`)
	mountEmptyDir(pod, "data", "/whole")
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "POD", ValueFrom: field("metadata.name")}}
	pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts,
		corev1.VolumeMount{Name: "data", MountPath: "/part", SubPathExpr: "$(POD)"})

	ended, log := runToEnd(t, pod)

	assert.Equal(t, ended.Name+"\n", log)
	assert.Equal(t, corev1.PodSucceeded, ended.Status.Phase)
}

func TestContainersOfAPodShareItsVolumes(t *testing.T) {
	t.Parallel()
	pod := newPod("while ! test -s /data/file; do sleep 0.05; done; cat /data/file")
	mountEmptyDir(pod, "data", "/data")
	writer := newContainer("writer", "echo shared >/other/.file; mv /other/.file /other/file")
	writer.VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/other"}}
	pod.Spec.Containers = append(pod.Spec.Containers, writer)

	_, log := runToEnd(t, pod)

	assert.Equal(t, "shared\n", log)
}

func TestChangedLabelsReachAVolume(t *testing.T) {
	t.Parallel()
	pod := newPod(`while ! grep green /data/labels; do sleep 0.05; done`)
	pod.Labels = map[string]string{"color": "blue"}
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{
			Path: "labels", FieldRef: field("metadata.labels").FieldRef,
		}}},
	}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	pod = waitFor(t, create(t, pod), isRunning)

	_, err := sandbox.client.CoreV1().Pods(pod.Namespace).Patch(t.Context(), pod.Name, "application/merge-patch+json",
		[]byte(`{"metadata":{"labels":{"color":"green"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)

	waitFor(t, pod, func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
	assert.Equal(t, "color=\"green\"\n", logs(t, pod, corev1.PodLogOptions{}))
}
