//go:build unix

package kubernetes_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/kubernetes"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
)

func TestServiceAccountLifeCycle(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newClient(t)
	inputs := object(metadata("life-cycle", map[string]any{
		"annotations": map[string]any{"eks.amazonaws.com/role-arn": "arn:one", "old": "x"}, "labels": map[string]any{"team": "a"},
	}))
	account := e.Create(t, serviceAccountToken, "sa", inputs)
	assert.Equal(t, "default/life-cycle", account.ID)
	outputs := provider.Plain(account.Outputs)
	assert.Equal(t, "v1", outputs["apiVersion"])
	assert.NotEmpty(t, at(outputs, "metadata", "uid"))
	assert.Regexp(t, `^pulumi-kubernetes-[0-9a-f]{8}$`, outputs["__fieldManager"])
	assert.Equal(t, "v1", outputs["__initialApiVersion"])
	assert.False(t, account.Diff(t, inputs).HasChanges)
	drift, gone := account.Refresh(t)
	assert.False(t, gone)
	assert.Empty(t, providertest.Changes(drift))

	changed := object(metadata("life-cycle", map[string]any{
		"annotations": map[string]any{"eks.amazonaws.com/role-arn": "arn:two"}, "labels": map[string]any{"team": "a", "new": "y"},
	}))
	changed["automountServiceAccountToken"] = false
	assert.Equal(t, map[string]string{
		`metadata.annotations["eks.amazonaws.com/role-arn"]`: "update", "metadata.annotations.old": "delete",
		"metadata.labels.new": "add", "automountServiceAccountToken": "add",
	}, providertest.Changes(account.Diff(t, changed)))
	preview, err := account.TryUpdate(t, changed, true)
	require.NoError(t, err)
	assert.Equal(t, "arn:two", at(provider.Plain(preview), "metadata", "annotations", "eks.amazonaws.com/role-arn"))
	account.Update(t, changed)
	assert.False(t, account.Diff(t, changed).HasChanges)
	found, err := live.CoreV1().ServiceAccounts("default").Get(t.Context(), "life-cycle", get)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"eks.amazonaws.com/role-arn": "arn:two"}, found.Annotations,
		"what left the program leaves the object, though it was created by another field manager")
	assert.Equal(t, map[string]string{"team": "a", "new": "y"}, found.Labels)
	assert.False(t, *found.AutomountServiceAccountToken)

	account.Delete(t)
	_, gone = account.Refresh(t)
	assert.True(t, gone)
	account.Delete(t) // of what is gone already is no error
}

func TestDriftShowsWhereTheProgramSpoke(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newClient(t)
	account := e.Create(t, serviceAccountToken, "sa", object(metadata("drift", map[string]any{
		"labels": map[string]any{"mine": "1", "also-mine": "1"},
	})))
	_, err := live.CoreV1().ServiceAccounts("default").Patch(t.Context(), "drift", types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"mine":"2","also-mine":null,"theirs":"3"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	drift, _ := account.Refresh(t)
	assert.Equal(t, map[string]string{"metadata.labels.mine": "update", `metadata.labels["also-mine"]`: "add"}, providertest.Changes(drift))
}

func TestNames(t *testing.T) {
	t.Parallel()
	e := newEngine(t, map[string]any{"namespace": "kube-public"})
	account := e.Create(t, serviceAccountToken, "auto", map[string]any{})
	assert.Regexp(t, `^kube-public/auto-[0-9a-f]{8}$`, account.ID)
	assert.Equal(t, "true", at(provider.Plain(account.Outputs), "metadata", "annotations", "pulumi.com/autonamed"))
	assert.False(t, account.Diff(t, map[string]any{}).HasChanges, "a name that was made is kept")

	moved := account.Diff(t, object(map[string]any{"namespace": "default"}))
	assert.Equal(t, map[string]string{"metadata.namespace": "update&replace"}, providertest.Changes(moved))
	assert.False(t, moved.DeleteBeforeReplace)
	renamed := account.Diff(t, object(metadata("other")))
	assert.Equal(t, map[string]string{"metadata.name": "update&replace", "metadata.annotations": "delete"}, providertest.Changes(renamed))

	_, _, err := e.Check(t.Context(), serviceAccountToken, "sa", property.Map{}, object(map[string]any{"generateName": "a-"}))
	require.ErrorContains(t, err, "`.metadata.generateName` field is not supported in Server-Side Apply mode")
	_, _, err = e.Check(t.Context(), serviceAccountPatchToken, "sa", property.Map{}, object(map[string]any{}))
	require.ErrorContains(t, err, "patch resources require the `.metadata.name` field to be set")
	namespace := e.Checked(t, namespaceToken, "ns", object(metadata("ns")))
	assert.True(t, namespace.Get("metadata").AsMap().Get("namespace").IsNull(), "a namespace is in no namespace")
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	_, failures, err := e.Check(t.Context(), serviceAccountToken, "sa", property.Map{}, with(object(metadata("x")), "spec", map[string]any{}))
	require.NoError(t, err)
	require.Len(t, failures, 1)
	assert.Equal(t, "spec", failures[0].Property)
	_, failures, err = e.Check(t.Context(), podToken, "pod", property.Map{}, with(object(metadata("x")), "kind", "Job"))
	require.NoError(t, err)
	assert.Len(t, failures, 1)
	_, _, err = e.Check(t.Context(), "kubernetes:apps/v1:Deployment", "d", property.Map{}, nil)
	require.ErrorContains(t, err, `resource type "kubernetes:apps/v1:Deployment" is not known`)
	_, _, err = e.Check(t.Context(), "kubernetes:core/v1:PodPatch", "d", property.Map{}, nil)
	require.ErrorContains(t, err, "is not known")

	for token, inputs := range map[string]map[string]any{
		serviceAccountToken: object(metadata("wrong", map[string]any{"lables": map[string]any{"a": "b"}})),
		podToken:            pod("wrong", nil, map[string]any{"lables": "x"}),
		secretToken:         object(metadata("wrong", map[string]any{"lables": map[string]any{"a": "b"}})),
	} {
		_, failures, err = e.Check(t.Context(), token, "x", property.Map{}, inputs)
		require.NoError(t, err)
		require.Len(t, failures, 1)
		assert.Contains(t, failures[0].Reason, "unknown field")
		assert.Contains(t, failures[0].Reason, "lables")
	}
}

func TestWhatIsNotKnownIsRefusedByTheServerToo(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	// As when a value that is unknown in the preview has kept Check from looking.
	inputs := e.Checked(t, serviceAccountToken, "sa", object(metadata("late")))
	late := inputs.Set("metadata", property.New(inputs.Get("metadata").AsMap().Set("lables", property.New("x"))))
	urn := providertest.URN(serviceAccountToken, "sa")
	_, err := e.Provider.Create(t.Context(), p.CreateRequest{Urn: urn, Properties: late})
	require.ErrorContains(t, err, "was not successfully created by the Kubernetes API server")
	require.ErrorContains(t, err, `unknown field "metadata.lables"`)
	_, err = newEngine(t, map[string]any{"upsertExistingObjects": "true"}).Provider.Create(t.Context(), p.CreateRequest{Urn: urn, Properties: late})
	require.ErrorContains(t, err, "field not declared in schema")
}

func TestPreview(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newClient(t)
	outputs, err := e.Preview(t, serviceAccountToken, "sa", object(metadata("preview")))
	require.NoError(t, err)
	assert.Equal(t, "preview", at(provider.Plain(outputs), "metadata", "name"))
	_, err = live.CoreV1().ServiceAccounts("default").Get(t.Context(), "preview", get)
	require.Error(t, err, "a preview makes nothing")

	_, err = e.Preview(t, serviceAccountToken, "sa", object(metadata("preview", map[string]any{"namespace": "not-yet"})))
	require.NoError(t, err, "the namespace may be made by the same update")
	outputs, err = e.Preview(t, serviceAccountToken, "sa", object(metadata("preview", map[string]any{
		"annotations": map[string]any{"eks.amazonaws.com/role-arn": provider.Unknown{}},
	})))
	require.NoError(t, err)
	assert.True(t, property.New(outputs).HasComputed())
	e.Create(t, serviceAccountToken, "sa", object(metadata("preview-twice")))
	_, err = e.Preview(t, serviceAccountToken, "sa", object(metadata("preview-twice")))
	require.NoError(t, err, "a replacement is previewed while the old object is there")
}

func TestWhatExistsIsNotTakenOverSilently(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newClient(t)
	_, err := live.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "theirs", Labels: map[string]string{"by": "helm"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	inputs := object(metadata("theirs", map[string]any{"labels": map[string]any{"mine": "1"}}))
	_, err = e.TryCreate(t, serviceAccountToken, "sa", inputs, 0)
	require.ErrorContains(t, err, `serviceaccounts "theirs" already exists`)

	upserting := newEngine(t, map[string]any{"upsertExistingObjects": "true"})
	upserting.Create(t, serviceAccountToken, "sa", inputs)
	found, err := live.CoreV1().ServiceAccounts("default").Get(t.Context(), "theirs", get)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"by": "helm", "mine": "1"}, found.Labels)

	imported, diff := e.Import(t, serviceAccountToken, "sa", "default/theirs", object(metadata("theirs", map[string]any{
		"labels": map[string]any{"by": "helm", "mine": "1"},
	})))
	assert.Empty(t, providertest.Changes(diff))
	assert.Empty(t, at(provider.Plain(imported.Inputs), "metadata", "uid"), "what the server sets is no input")
}

func TestPatchLeavesTheObjectAsItWasFound(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newClient(t)
	accounts := live.CoreV1().ServiceAccounts("default")
	before, err := accounts.Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "patched", Annotations: map[string]string{"theirs": "1"}},
	}, metav1.CreateOptions{FieldManager: "helm"})
	require.NoError(t, err)
	inputs := func(role string) map[string]any {
		return object(metadata("patched", map[string]any{"annotations": map[string]any{"eks.amazonaws.com/role-arn": role}}))
	}
	preview, err := e.Preview(t, serviceAccountPatchToken, "patch", inputs("arn:one"))
	require.NoError(t, err)
	assert.Equal(t, "arn:one", at(provider.Plain(preview), "metadata", "annotations", "eks.amazonaws.com/role-arn"))
	patch := e.Create(t, serviceAccountPatchToken, "patch", inputs("arn:one"))
	assert.Equal(t, "default/patched", patch.ID)
	assert.Equal(t, "1", at(provider.Plain(patch.Outputs), "metadata", "annotations", "theirs"))
	drift, _ := patch.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
	patch.Update(t, inputs("arn:two"))
	found, err := accounts.Get(t.Context(), "patched", get)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"theirs": "1", "eks.amazonaws.com/role-arn": "arn:two"}, found.Annotations)

	patch.Delete(t)
	after, err := accounts.Get(t.Context(), "patched", get)
	require.NoError(t, err, "the object is not ours to delete")
	assert.Equal(t, before.Annotations, after.Annotations)
	assert.Equal(t, before.UID, after.UID)
}

func TestPatchConflicts(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newClient(t)
	_, err := live.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "contested"}, Data: map[string]string{"k": "theirs"},
	}, metav1.CreateOptions{FieldManager: "helm"})
	require.NoError(t, err)
	inputs := with(object(metadata("contested")), "data", map[string]any{"k": "mine"})
	_, err = e.TryCreate(t, configMapPatchToken, "patch", inputs, 0)
	require.ErrorContains(t, err, "server-side apply field conflict detected")
	require.ErrorContains(t, err, `conflict with "helm" using v1: .data.k`)

	forced := object(metadata("contested", map[string]any{"annotations": map[string]any{"pulumi.com/patchForce": "true"}}))
	e.Create(t, configMapPatchToken, "patch", with(forced, "data", map[string]any{"k": "mine"}))
	found, err := live.CoreV1().ConfigMaps("default").Get(t.Context(), "contested", get)
	require.NoError(t, err)
	assert.Equal(t, "mine", found.Data["k"])
}

func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	inputs := with(with(object(metadata("keys", map[string]any{
		"labels": map[string]any{"hidden": property.New("h").WithSecret(true), "open": "o"},
	})), "stringData", property.New(map[string]property.Value{"token": property.New("hunter2")}).WithSecret(true)), "type", "Opaque")
	preview, err := e.Preview(t, secretToken, "secret", inputs)
	require.NoError(t, err)
	secret := e.Create(t, secretToken, "secret", inputs)
	secretAfterCreate := secret.Outputs
	secret.Refresh(t)
	for _, outputs := range []property.Map{preview, secretAfterCreate, secret.Outputs, secret.Inputs} {
		assert.True(t, outputs.Get("data").Secret())
		labels := outputs.Get("metadata").AsMap().Get("labels").AsMap()
		assert.True(t, labels.Get("hidden").Secret())
		assert.False(t, labels.Get("open").Secret())
		withoutSecrets, err := json.Marshal(publicOnly(property.New(outputs)))
		require.NoError(t, err)
		assert.NotContains(t, string(withoutSecrets), "aHVudGVyMg==")
		assert.NotContains(t, string(withoutSecrets), "hunter2")
	}
	assert.Equal(t, "aHVudGVyMg==", at(provider.Plain(secret.Outputs), "data", "token"))
	assert.Empty(t, providertest.Changes(secret.Diff(t, inputs)), "stringData is data in other words")
}

// publicOnly is what is left of a value without its secrets.
func publicOnly(v property.Value) any {
	switch {
	case v.Secret():
		return nil
	case v.IsMap():
		out := map[string]any{}
		for key, element := range v.AsMap().All {
			out[key] = publicOnly(element)
		}
		return out
	case v.IsArray():
		var out []any
		for _, element := range v.AsArray().All {
			out = append(out, publicOnly(element))
		}
		return out
	case v.IsString():
		return v.AsString()
	default:
		return nil
	}
}

func TestChangedDataReplacesUnlessTheProviderSaysMutable(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	mutable := newEngine(t, map[string]any{"enableSecretMutable": "true", "enableConfigMapMutable": "true"})
	tests := []struct {
		token, replaced string
		set             map[string]any
		change          map[string]any
	}{
		{secretToken, "data.k", map[string]any{"stringData": map[string]any{"k": "1"}}, map[string]any{"stringData": map[string]any{"k": "2"}}},
		{configMapToken, "data.k", map[string]any{"data": map[string]any{"k": "1"}}, map[string]any{"data": map[string]any{"k": "2"}}},
	}
	for _, test := range tests {
		t.Run(test.token, func(t *testing.T) {
			t.Parallel()
			inputs := func(fields map[string]any, annotations map[string]any) map[string]any {
				out := object(metadata("mutability", map[string]any{"annotations": annotations}))
				for name, value := range fields {
					out[name] = value
				}
				return out
			}
			made := e.Create(t, test.token, "x", inputs(test.set, map[string]any{"a": "1"}))
			diff := made.Diff(t, inputs(test.change, map[string]any{"a": "2"}))
			assert.Equal(t, map[string]string{test.replaced: "update&replace", "metadata.annotations.a": "update"}, providertest.Changes(diff))
			assert.True(t, diff.DeleteBeforeReplace, "the program's name can be used once")

			checked := mutable.Checked(t, test.token, "x", inputs(test.change, map[string]any{"a": "1"}))
			answer, err := mutable.Provider.Diff(t.Context(), p.DiffRequest{
				ID: made.ID, Urn: made.URN, State: made.Outputs, OldInputs: made.Inputs, Inputs: checked,
			})
			require.NoError(t, err)
			assert.Equal(t, map[string]string{test.replaced: "update"}, providertest.Changes(answer))
		})
	}
	secret := e.Create(t, secretToken, "x", with(object(metadata("typed")), "type", "Opaque"))
	assert.Equal(t, map[string]string{"type": "update&replace"},
		providertest.Changes(secret.Diff(t, with(object(metadata("typed")), "type", "example.com/x"))))
}

func TestNamespaceIsDeletedWithWhatIsInIt(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newClient(t)
	namespace := e.Create(t, namespaceToken, "ns", object(metadata("doomed")))
	assert.Equal(t, "doomed", namespace.ID)
	drift, _ := namespace.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
	account := e.Create(t, serviceAccountToken, "sa", object(metadata("inside", map[string]any{"namespace": "doomed"})))
	assert.Equal(t, "doomed/inside", account.ID)
	namespace.Delete(t)
	_, err := live.CoreV1().Namespaces().Get(t.Context(), "doomed", get)
	require.ErrorContains(t, err, "not found", "the wait ends when the namespace is gone, not when it is asked to go")
	_, gone := account.Refresh(t)
	assert.True(t, gone)
}

func TestConfigurationIsStrict(t *testing.T) {
	t.Parallel()
	configure := func(config map[string]any) error {
		return kubernetes.Plugin().Provider().Configure(t.Context(), p.ConfigureRequest{Args: provider.Properties(config)})
	}
	require.ErrorContains(t, configure(map[string]any{"renderYamlToDirectory": "x"}), "kubernetes:renderYamlToDirectory: Invalid or unknown key.")
	require.ErrorContains(t, configure(map[string]any{"enableServerSideApply": "false"}), "enableServerSideApply must not be false")
	require.ErrorContains(t, configure(map[string]any{"kubeClientSettings": `{"retries":1}`}), "kubernetes:kubeClientSettings.retries: Invalid or unknown key.")
}

func TestAnUnreachableClusterIsToldWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	elsewhere := server.AdminConfig()
	elsewhere.Host = "https://127.0.0.1:1"
	e := providertest.New(t, kubernetes.Plugin(), map[string]any{"kubeconfig": kubeconfig(t, elsewhere)})
	inputs := object(metadata("nowhere"))
	_, err := e.Preview(t, serviceAccountToken, "sa", inputs)
	require.NoError(t, err, "the cluster may be made by the same update")
	_, err = e.TryCreate(t, serviceAccountToken, "sa", inputs, 0)
	require.ErrorContains(t, err, "configured Kubernetes cluster is unreachable: unable to load schema information from the API server")
	require.ErrorContains(t, err, "connection refused")

	state := newEngine(t, nil).Create(t, serviceAccountToken, "sa", object(metadata("left-behind")))
	request := p.DeleteRequest{ID: state.ID, Urn: state.URN, Properties: state.Outputs, OldInputs: state.Inputs}
	require.ErrorContains(t, e.Provider.Delete(t.Context(), request), "PULUMI_K8S_DELETE_UNREACHABLE")
	_, err = e.Provider.Read(t.Context(), p.ReadRequest{ID: state.ID, Urn: state.URN, Properties: state.Outputs, Inputs: state.Inputs})
	require.ErrorContains(t, err, "failed to read resource state due to unreachable cluster")

	forgetful := providertest.New(t, kubernetes.Plugin(), map[string]any{"kubeconfig": kubeconfig(t, elsewhere), "deleteUnreachable": "true"})
	require.NoError(t, forgetful.Provider.Delete(t.Context(), request))

	broken := providertest.New(t, kubernetes.Plugin(), map[string]any{"kubeconfig": "{"})
	_, err = broken.TryCreate(t, serviceAccountToken, "sa", inputs, 0)
	assert.ErrorContains(t, err, "failed to parse kubeconfig data in `kubernetes:config:kubeconfig`")
}

func TestAnotherClusterMeansEverythingAnew(t *testing.T) {
	t.Parallel()
	here := kubeconfig(t, server.AdminConfig())
	otherUser := server.AdminConfig()
	otherUser.BearerToken = "other"
	otherHost := server.AdminConfig()
	otherHost.Host = "https://127.0.0.1:1"
	tests := []struct {
		name       string
		old, given map[string]any
		want       map[string]string
	}{
		{"the same", map[string]any{"kubeconfig": here}, map[string]any{"kubeconfig": here}, map[string]string{}},
		{"another user", map[string]any{"kubeconfig": here}, map[string]any{"kubeconfig": kubeconfig(t, otherUser)}, map[string]string{"kubeconfig": "update"}},
		{"another server", map[string]any{"kubeconfig": here}, map[string]any{"kubeconfig": kubeconfig(t, otherHost)}, map[string]string{"kubeconfig": "update&replace"}},
		{"one not known yet", map[string]any{"kubeconfig": here}, map[string]any{"kubeconfig": provider.Unknown{}}, map[string]string{"kubeconfig": "update&replace"}},
		{
			"another server of one identity",
			map[string]any{"kubeconfig": here, "clusterIdentifier": "a"},
			map[string]any{"kubeconfig": kubeconfig(t, otherHost), "clusterIdentifier": "a"},
			map[string]string{"kubeconfig": "update"},
		},
		{
			"another identity",
			map[string]any{"kubeconfig": here, "clusterIdentifier": "a"},
			map[string]any{"kubeconfig": here, "clusterIdentifier": "b"},
			map[string]string{"clusterIdentifier": "update&replace"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			diff, err := kubernetes.Plugin().Provider().DiffConfig(t.Context(), p.DiffRequest{
				OldInputs: provider.Properties(test.old), Inputs: provider.Properties(test.given),
			})
			require.NoError(t, err)
			assert.Equal(t, test.want, providertest.Changes(diff))
		})
	}
}

func TestNumbersAndQuantitiesAreWrittenAsTheServerDoes(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	inputs := pod("written", map[string]any{"terminationGracePeriodSeconds": 0}, map[string]any{
		"resources": map[string]any{"requests": map[string]any{"cpu": "1000m", "memory": "1024Mi"}},
	})
	made := e.Create(t, podToken, "pod", inputs)
	assert.Empty(t, providertest.Changes(made.Diff(t, inputs)))
	drift, _ := made.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
	assert.True(t, strings.HasPrefix(made.ID, "default/"))
	made.Delete(t)
}

func TestTheCredentialPluginRunsOncePerProvider(t *testing.T) {
	t.Parallel()
	admin := server.AdminConfig()
	credential, err := json.Marshal(map[string]any{
		"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
		"status": map[string]any{"clientCertificateData": string(admin.CertData), "clientKeyData": string(admin.KeyData)},
	})
	require.NoError(t, err)
	dir := t.TempDir()
	runs, script := filepath.Join(dir, "runs"), filepath.Join(dir, "get-token")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "credential"), credential, 0o600))
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\necho run >> "+runs+"\ncat "+dir+"/credential\n"), 0o700))
	config, err := clientcmd.Write(api.Config{
		Clusters: map[string]*api.Cluster{"c": {Server: admin.Host, CertificateAuthorityData: admin.CAData}},
		AuthInfos: map[string]*api.AuthInfo{"u": {Exec: &api.ExecConfig{
			APIVersion: "client.authentication.k8s.io/v1beta1", Command: script, InteractiveMode: api.NeverExecInteractiveMode,
		}}},
		Contexts: map[string]*api.Context{"x": {Cluster: "c", AuthInfo: "u"}}, CurrentContext: "x",
	})
	require.NoError(t, err)
	path := filepath.Join(dir, "kubeconfig")
	require.NoError(t, os.WriteFile(path, config, 0o600))

	e := providertest.New(t, kubernetes.Plugin(), map[string]any{"kubeconfig": path})
	for _, name := range []string{"by-plugin-1", "by-plugin-2"} {
		e.Create(t, serviceAccountToken, name, object(metadata(name)))
	}
	counted, err := os.ReadFile(runs)
	require.NoError(t, err)
	assert.Equal(t, "run\n", string(counted))
}
