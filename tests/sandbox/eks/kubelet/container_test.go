//go:build unix

package kubelet_test

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

var intstr80 = intstr.FromInt32(80)

func TestAPodRunsAndSaysSoInTheKubeletsWords(t *testing.T) {
	t.Parallel()
	pod := waitFor(t, create(t, newPod(sleeping)), isReady)

	assert.Equal(t, corev1.PodRunning, pod.Status.Phase)
	assert.Equal(t, "127.0.0.1", pod.Status.PodIP)
	status := pod.Status.ContainerStatuses[0]
	assert.True(t, status.Ready)
	assert.True(t, *status.Started)
	assert.Zero(t, status.RestartCount)
	assert.NotNil(t, status.State.Running)
	for _, kind := range []corev1.PodConditionType{
		corev1.PodScheduled, corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady,
	} {
		assert.Equal(t, corev1.ConditionTrue, condition(pod, kind).Status, kind)
	}
	for reason, message := range map[string]string{
		"Pulled":  `Container image "amazon/aws-cli:2.31.0" already present on machine`,
		"Created": "Created container: main",
		"Started": "Started container main",
	} {
		event := waitForEvent(t, pod, reason)
		assert.Equal(t, message, event.Message)
		assert.Equal(t, "kubelet", event.Source.Component)
		assert.Equal(t, "spec.containers{main}", event.InvolvedObject.FieldPath)
	}
}

func TestTheEndOfAPodIsTheSumOfItsContainers(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	for name, test := range map[string]struct {
		script, reason string
		phase          corev1.PodPhase
		code           int32
		condition      string
	}{
		"success":                {"true", "Completed", corev1.PodSucceeded, 0, "PodCompleted"},
		"failure":                {"exit 3", "Error", corev1.PodFailed, 3, "PodFailed"},
		"a signal":               {"kill -KILL $$", "Error", corev1.PodFailed, 137, "PodFailed"},
		"a program that is none": {"", "StartError", corev1.PodFailed, 128, "PodFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(test.script)
			pod.Namespace = namespace
			if test.script == "" {
				pod.Spec.Containers[0].Command = []string{"no-such-program"}
			}

			pod = waitFor(t, create(t, pod), func(p *corev1.Pod) bool { return p.Status.Phase == test.phase })

			require.NotNil(t, state(pod).Terminated)
			assert.Equal(t, test.reason, state(pod).Terminated.Reason)
			assert.Equal(t, test.code, state(pod).Terminated.ExitCode)
			assert.Equal(t, test.condition, condition(pod, corev1.PodReady).Reason)
			if test.script == "" {
				assert.Equal(t, `Error: exec: "no-such-program": executable file not found in $PATH`,
					waitForEvent(t, pod, "Failed").Message)
			}
		})
	}
}

func TestAContainerSeesItsOwnEnvironmentOnly(t *testing.T) {
	t.Parallel()
	pod := newPod("env | sort")
	pod.Labels = map[string]string{"team": "payments"}
	pod.Spec.Hostname = "host"
	pod.Spec.Containers[0].Env = []corev1.EnvVar{
		{Name: "AWS_REGION", Value: "own"},
		{Name: "FIRST", Value: "1"},
		{Name: "REFERENCE", Value: "$(FIRST) $$(FIRST) $(MISSING)"},
		{Name: "TEAM", ValueFrom: field("metadata.labels['team']")},
		{Name: "NODE", ValueFrom: field("spec.nodeName")},
		{Name: "ACCOUNT", ValueFrom: field("spec.serviceAccountName")},
		{Name: "IP", ValueFrom: field("status.podIP")},
		{Name: "UID", ValueFrom: field("metadata.uid")},
	}

	ended, log := runToEnd(t, pod)

	env := map[string]string{}
	for line := range strings.Lines(log) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[name] = value
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "own", "PATH": containerPath(), "HOSTNAME": "host",
		"REFERENCE": "1 $(FIRST) $(MISSING)", "TEAM": "payments", "NODE": "sandbox", "ACCOUNT": "default",
		"IP": "127.0.0.1", "UID": string(ended.UID), "KUBERNETES_SERVICE_HOST": "127.0.0.1",
	} {
		assert.Equal(t, value, env[name], name)
	}
	for _, name := range []string{"HOME", "TMPDIR", "PWD"} {
		assert.Contains(t, env[name], string(ended.UID), "%s is in the scratch folder", name)
	}
	assert.NotContains(t, log, "SANDBOX_SECRET")
}

func field(path string) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
}

func TestVariablesComeFromConfigMapsAndSecrets(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	createConfig(t, namespace, map[string]string{"COLOR": "blue", "SIZE": "small"})
	createSecret(t, namespace, map[string]string{"PASSWORD": "letmein"})
	optional := ptr.To(true)
	pod := newPod(`echo "$COLOR $APP_SIZE $PASSWORD $HINT $ABSENT."`)
	pod.Namespace = namespace
	pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{
		{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: config}},
		{Prefix: "APP_", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: config}},
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: secret}},
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: missing, Optional: optional}},
	}
	pod.Spec.Containers[0].Env = []corev1.EnvVar{
		{Name: "COLOR", Value: "light$(COLOR)"},
		{Name: "HINT", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: secret, Key: "PASSWORD"}}},
		{Name: "ABSENT", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: config, Key: "ABSENT", Optional: optional,
		}}},
	}

	_, log := runToEnd(t, pod)

	assert.Equal(t, "lightblue small letmein letmein .\n", log)
}

var (
	config  = corev1.LocalObjectReference{Name: "config"}
	secret  = corev1.LocalObjectReference{Name: "secret"}
	missing = corev1.LocalObjectReference{Name: "missing"}
)

func createConfig(t *testing.T, namespace string, data map[string]string) {
	t.Helper()
	_, err := sandbox.client.CoreV1().ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: config.Name}, Data: data,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func createSecret(t *testing.T, namespace string, data map[string]string) {
	t.Helper()
	_, err := sandbox.client.CoreV1().Secrets(namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secret.Name}, StringData: data,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func TestAContainerWaitsForWhatItsVariablesComeFrom(t *testing.T) {
	t.Parallel()
	pod := newPod("echo $COLOR")
	pod.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: config}}}
	pod = waitFor(t, create(t, pod), isWaitingFor("CreateContainerConfigError"))
	assert.Equal(t, `configmap "config" not found`, state(pod).Waiting.Message)
	assert.Equal(t, `Error: configmap "config" not found`, waitForEvent(t, pod, "Failed").Message)

	createConfig(t, pod.Namespace, map[string]string{"COLOR": "blue"})

	waitFor(t, pod, func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
	assert.Equal(t, "blue\n", logs(t, pod, corev1.PodLogOptions{}))
}

func TestTheImagesEntryPointIsTheCLI(t *testing.T) {
	t.Parallel()
	pod := newPod("")
	pod.Spec.Containers[0].Command, pod.Spec.Containers[0].Args = nil, []string{"configure", "list-profiles", "$(MISSING)"}

	_, log := runToEnd(t, pod)

	assert.Equal(t, "configure list-profiles $(MISSING)\n", log)
}

func TestAContainerStartsInItsWorkingFolder(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	for dir, want := range map[string]string{
		"": "/files/work", "/srv/app": "/files/work/srv/app", "/data/in": "/volumes/data/in", "/tmp": "/files/tmp",
	} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			pod := newPod("pwd")
			pod.Namespace = namespace
			pod.Spec.Containers[0].WorkingDir = dir
			mountEmptyDir(pod, "data", "/data")

			_, log := runToEnd(t, pod)

			assert.Truef(t, strings.HasSuffix(log, want+"\n"), "%s ends with %s", log, want)
		})
	}
}

func mountEmptyDir(pod *corev1.Pod, name, path string) {
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
		Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
	})
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path})
	}
}

func TestMountPathsAreMappedWhereTheyAreMeant(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	for word, want := range map[string]string{
		"/data":                    "{data}",
		"/data/file":               "{data}/file",
		"/data/deep/file":          "{deep}/file",
		"/database":                "/database",
		"/data.d/file":             "/data.d/file",
		"/other/data":              "/other/data",
		"s3://bucket/data":         "s3://bucket/data",
		"https://host/data/x":      "https://host/data/x",
		"arn:aws:iam::1:role/data": "arn:aws:iam::1:role/data",
		"file:///data/x.json":      "file://{data}/x.json",
		"--cli-input=/data/x":      "--cli-input={data}/x",
		"/data/a:/data/b":          "{data}/a:{data}/b",
		"cat /data/a >'/data/b'":   "cat {data}/a >'{data}/b'",
		`{"path":"/data/x"}`:       `{"path":"{data}/x"}`,
		"$X/data":                  "$X/data",
		"/tmp/x":                   "{tmp}/x",
		"/tmpfile":                 "/tmpfile",
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			pod := newPod(`printf '%s\n' "$1" "$WORD" "$DATA" "$DEEP" "$TMPDIR"`)
			pod.Namespace = namespace
			pod.Spec.Containers[0].Args = []string{"sh", strings.ReplaceAll(word, "$", "$$")}
			pod.Spec.Containers[0].Env = []corev1.EnvVar{
				{Name: "WORD", Value: strings.ReplaceAll(word, "$", "$$")},
				{Name: "DATA", Value: "/data"},
				{Name: "DEEP", Value: "/data/deep"},
			}
			mountEmptyDir(pod, "data", "/data")
			mountEmptyDir(pod, "deep", "/data/deep")

			_, log := runToEnd(t, pod)

			lines := strings.Split(log, "\n")
			require.Len(t, lines, 6)
			require.NotEqual(t, "/data", lines[2])
			want := strings.NewReplacer("{data}", lines[2], "{deep}", lines[3], "{tmp}", lines[4]).Replace(want)
			assert.Equal(t, want, lines[0], "as an argument")
			assert.Equal(t, want, lines[1], "in the environment")
		})
	}
}

func TestEveryContainerHasATemporaryFolderOfItsOwnForEachRun(t *testing.T) {
	t.Parallel()
	const script = "test ! -e /tmp/mine || exit 9; touch /tmp/mine; exit 1"
	pod := newPod(script)
	pod.Spec.Containers = append(pod.Spec.Containers, newContainer("other", script))
	pod.Spec.RestartPolicy = corev1.RestartPolicyOnFailure

	pod = waitFor(t, create(t, pod), func(p *corev1.Pod) bool {
		statuses := p.Status.ContainerStatuses
		return len(statuses) == 2 && isWaitingFor("CrashLoopBackOff")(p) && statuses[1].RestartCount == 1
	})

	for _, status := range pod.Status.ContainerStatuses {
		assert.EqualValues(t, 1, status.LastTerminationState.Terminated.ExitCode)
	}
}

func TestATerminationMessageIsTheFilesOrTheLogs(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	fallback := corev1.TerminationMessageFallbackToLogsOnError
	long := strings.Repeat("x", 5000)
	for name, test := range map[string]struct {
		script, path string
		policy       corev1.TerminationMessagePolicy
		want         string
	}{
		"the file":                            {"echo because >/dev/termination-log", "", "", "because\n"},
		"another file":                        {"echo because >/var/run/why", "/var/run/why", "", "because\n"},
		"nothing":                             {"echo logged; exit 1", "", "", ""},
		"the log of a failure":                {"echo logged; echo too >&2; exit 1", "", fallback, "logged\ntoo\n"},
		"not the log of a success":            {"echo logged", "", fallback, ""},
		"the file of a failure":               {"echo logged; echo because >/dev/termination-log; exit 1", "", fallback, "because\n"},
		"the end of a long file":              {"printf %s y" + long + " >/dev/termination-log", "", "", long[:4096]},
		"the end of a long log":               {"echo " + long + "; exit 1", "", fallback, long[:2047] + "\n"},
		"the last lines of a log":             {"seq 1 200; exit 1", "", fallback, sequence(121, 200)},
		"what is written without a line feed": {"printf 'no end'; exit 1", "", fallback, "no end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(test.script)
			pod.Namespace = namespace
			pod.Spec.Containers[0].TerminationMessagePath = test.path
			pod.Spec.Containers[0].TerminationMessagePolicy = test.policy

			pod, _ = runToEnd(t, pod)

			message := state(pod).Terminated.Message
			if name == "the log of a failure" { // two streams have no order
				assert.ElementsMatch(t, strings.Fields(test.want), strings.Fields(message))
				return
			}
			assert.Equal(t, test.want, message)
		})
	}
}

func sequence(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

func TestAFailingContainerIsRestartedAtOnceAndThenHeldBack(t *testing.T) {
	t.Parallel()
	pod := newPod("echo failed; exit 3")
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	start := time.Now()

	pod = waitFor(t, create(t, pod), isWaitingFor("CrashLoopBackOff"))

	assert.Less(t, time.Since(start), 9*time.Second)
	status := pod.Status.ContainerStatuses[0]
	assert.EqualValues(t, 1, status.RestartCount)
	assert.EqualValues(t, 3, status.LastTerminationState.Terminated.ExitCode)
	id := pod.Name + "_" + pod.Namespace + "(" + string(pod.UID) + ")"
	assert.Equal(t, "back-off 10s restarting failed container=main pod="+id, status.State.Waiting.Message)
	assert.Equal(t, "Back-off restarting failed container main in pod "+id, waitForEvent(t, pod, "BackOff").Message)
	assert.Equal(t, corev1.PodRunning, pod.Status.Phase)
	assert.Equal(t, "failed\n", logs(t, pod, corev1.PodLogOptions{}))

	pod = waitFor(t, pod, func(p *corev1.Pod) bool {
		return p.Status.ContainerStatuses[0].RestartCount == 2 && isWaitingFor("CrashLoopBackOff")(p)
	})
	assert.GreaterOrEqual(t, time.Since(start), 10*time.Second)
	assert.Contains(t, state(pod).Waiting.Message, "back-off 20s restarting")
}

func TestTheRestartPolicyDecides(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	for name, test := range map[string]struct {
		policy   corev1.RestartPolicy
		script   string
		restarts bool
	}{
		"Always, after a success":    {corev1.RestartPolicyAlways, "true", true},
		"OnFailure, after a failure": {corev1.RestartPolicyOnFailure, "false", true},
		"OnFailure, after a success": {corev1.RestartPolicyOnFailure, "true", false},
		"Never, after a failure":     {corev1.RestartPolicyNever, "false", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(test.script)
			pod.Namespace, pod.Spec.RestartPolicy = namespace, test.policy
			pod = create(t, pod)
			if test.restarts {
				waitFor(t, pod, func(p *corev1.Pod) bool {
					return isRunningPhase(p) && p.Status.ContainerStatuses[0].RestartCount == 1
				})
				return
			}
			pod = waitFor(t, pod, func(p *corev1.Pod) bool {
				return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
			})
			assert.Zero(t, pod.Status.ContainerStatuses[0].RestartCount)
		})
	}
}

func isRunningPhase(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }

func TestInitContainersRunInOrderBeforeTheOthers(t *testing.T) {
	t.Parallel()
	pod := newPod("cat /shared/log")
	mountEmptyDir(pod, "shared", "/shared")
	for _, name := range []string{"one", "two"} {
		c := newContainer(name, "sleep 0.2; echo "+name+" >>/shared/log")
		c.VolumeMounts = pod.Spec.Containers[0].VolumeMounts
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
	}

	ended, log := runToEnd(t, pod)

	assert.Equal(t, "one\ntwo\n", log)
	assert.Equal(t, corev1.PodSucceeded, ended.Status.Phase)
	for _, status := range ended.Status.InitContainerStatuses {
		assert.True(t, status.Ready)
		assert.Equal(t, "Completed", status.State.Terminated.Reason)
	}
}

func TestAPodWhoseInitContainerFailsDoesNotStart(t *testing.T) {
	t.Parallel()
	pod := newPod("true")
	pod.Spec.InitContainers = []corev1.Container{newContainer("init", "exit 4")}

	pod = waitFor(t, create(t, pod), func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed })

	assert.EqualValues(t, 4, pod.Status.InitContainerStatuses[0].State.Terminated.ExitCode)
	assert.Equal(t, "PodInitializing", state(pod).Waiting.Reason)
	assert.Equal(t, "containers with incomplete status: [init]", condition(pod, corev1.PodInitialized).Message)
}

func TestASidecarIsThereBeforeAndAfterTheOthers(t *testing.T) {
	t.Parallel()
	pod := newPod("test -e /shared/sidecar && echo together")
	mountEmptyDir(pod, "shared", "/shared")
	helper := newContainer("sidecar", `trap 'echo stopped; exit 0' TERM; sleep 0.3; touch /shared/sidecar; sleep 600 & wait`)
	helper.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	helper.StartupProbe = execProbe("test -e /shared/sidecar")
	helper.VolumeMounts = pod.Spec.Containers[0].VolumeMounts
	pod.Spec.InitContainers = []corev1.Container{helper}
	pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](20)

	ended, log := runToEnd(t, pod)

	assert.Equal(t, "together\n", log)
	assert.Equal(t, corev1.PodSucceeded, ended.Status.Phase)
	assert.Equal(t, "stopped\n", logs(t, ended, corev1.PodLogOptions{Container: "sidecar"}))
}

func TestAPodDoesNotOutliveItsDeadline(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.ActiveDeadlineSeconds = ptr.To[int64](1)

	pod = waitFor(t, create(t, pod), func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed })

	assert.Equal(t, "DeadlineExceeded", pod.Status.Reason)
	assert.Equal(t, "Pod was active on the node longer than the specified deadline", pod.Status.Message)
}

func TestAReadinessGateKeepsAPodFromBeingReady(t *testing.T) {
	t.Parallel()
	pod := newPod(sleeping)
	pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/open"}}
	pod = waitFor(t, create(t, pod), isRunning)
	assert.Equal(t, corev1.ConditionTrue, condition(pod, corev1.ContainersReady).Status)
	assert.Equal(t, "ReadinessGatesNotReady", condition(pod, corev1.PodReady).Reason)

	_, err := sandbox.client.CoreV1().Pods(pod.Namespace).Patch(t.Context(), pod.Name, "application/strategic-merge-patch+json",
		[]byte(`{"status":{"conditions":[{"type":"example.com/open","status":"True"}]}}`), metav1.PatchOptions{}, "status")
	require.NoError(t, err)

	pod = waitFor(t, pod, isReady)
	assert.Equal(t, corev1.ConditionTrue, condition(pod, "example.com/open").Status)
}

// pid is the process ID that the pod's program has printed first.
func pid(t *testing.T, pod *corev1.Pod) int {
	t.Helper()
	var id int
	eventually(t, func() (err error) {
		first, _, _ := strings.Cut(logs(t, pod, corev1.PodLogOptions{}), "\n")
		id, err = strconv.Atoi(first)
		return err
	})
	return id
}

func waitUntilEnded(t *testing.T, process int) {
	t.Helper()
	eventually(t, func() error {
		if syscall.Kill(process, 0) == nil {
			return fmt.Errorf("process %d is still there", process)
		}
		return nil
	})
}

func TestWhatAProgramLeavesBehindEndsWithIt(t *testing.T) {
	t.Parallel()
	start := time.Now()

	_, log := runToEnd(t, newPod("sleep 600 & echo $!"))

	process, err := strconv.Atoi(strings.TrimSpace(log))
	require.NoError(t, err)
	waitUntilEnded(t, process)
	assert.Less(t, time.Since(start), 10*time.Second, "its streams are not waited for")
}
