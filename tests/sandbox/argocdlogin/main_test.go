package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const loginProgram = "argocd-login"

// TestMain is the program itself when it is called by one of the program's names.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case loginProgram, authPlugin:
		main()
	default:
		os.Exit(m.Run())
	}
}

const endpoint = "http://127.0.0.1:1"

// argocdLogin runs the program with the credentials of AWS that are given, for the secret of a cluster.
func argocdLogin(t *testing.T, server *httptest.Server, credentials []string, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	for _, name := range []string{loginProgram, authPlugin} {
		require.NoError(t, os.Symlink(self, filepath.Join(dir, name)))
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	config, err := json.Marshal(map[string]any{
		"awsAuthConfig": map[string]any{"clusterName": "dev"}, "tlsClientConfig": map[string]any{"caData": authority},
	})
	require.NoError(t, err)
	secret, err := json.Marshal(corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "cluster-dev"},
		Data:       map[string][]byte{"name": []byte("dev"), "server": []byte(server.URL), "config": config},
	})
	require.NoError(t, err)
	file := filepath.Join(dir, "secret.json")
	require.NoError(t, os.WriteFile(file, secret, 0o600))
	program := exec.CommandContext(t.Context(), filepath.Join(dir, loginProgram), append([]string{file}, args...)...)
	program.Env = append([]string{
		"PATH=" + dir, "HOME=" + dir, "AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
		patienceVariable + "=100ms",
	}, credentials...)
	output, err := program.CombinedOutput()
	return string(output), err
}

var credentials = []string{"AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=test"}

// apiServer answers lists and reviews to whom allowed lets in, by the presigned URL in its token.
func apiServer(t *testing.T, allowed func(presigned *url.URL) bool) *httptest.Server {
	t.Helper()
	answers := map[string]any{
		"/api/v1/namespaces": corev1.NamespaceList{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NamespaceList"},
			Items:    []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, {ObjectMeta: metav1.ObjectMeta{Name: "team"}}},
		},
		"/api/v1/namespaces/team/configmaps": corev1.ConfigMapList{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMapList"},
			Items:    []corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: "settings"}}},
		},
		"/apis/authentication.k8s.io/v1/selfsubjectreviews": authenticationv1.SelfSubjectReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "SelfSubjectReview"},
			Status: authenticationv1.SelfSubjectReviewStatus{
				UserInfo: authenticationv1.UserInfo{Username: "argocd", Groups: []string{"managers"}},
			},
		},
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer k8s-aws-v1."))
		assert.NoError(t, err)
		presigned, err := url.Parse(string(token))
		assert.NoError(t, err)
		answer, found := answers[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		if !found || !allowed(presigned) {
			w.WriteHeader(http.StatusForbidden)
			answer = metav1.Status{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
				Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden, Message: "configmaps is forbidden: no",
			}
		}
		assert.NoError(t, json.NewEncoder(w).Encode(answer))
	}))
	t.Cleanup(server.Close)
	return server
}

func TestTheTokenIsArgoCDsForTheClusterAtTheEndpoint(t *testing.T) {
	t.Parallel()
	server := apiServer(t, func(presigned *url.URL) bool {
		query := presigned.Query()
		return strings.HasPrefix(presigned.String(), endpoint+"/?") && query.Get("Action") == "GetCallerIdentity" &&
			strings.HasPrefix(query.Get("X-Amz-Credential"), "AKIATEST/") &&
			strings.Contains(query.Get("X-Amz-SignedHeaders"), "x-k8s-aws-id")
	})

	output, err := argocdLogin(t, server, credentials)
	require.NoError(t, err, output)
	assert.JSONEq(t, `{"cluster":"dev","username":"argocd","groups":["managers"],"namespaces":["default","team"]}`, output)

	output, err = argocdLogin(t, server, credentials, "team")
	require.NoError(t, err, output)
	assert.JSONEq(t, `{"cluster":"dev","username":"argocd","groups":["managers"],"configMaps":["settings"]}`, output)
}

func TestARefusalIsSaidInTheWordsOfWhoRefused(t *testing.T) {
	t.Parallel()
	server := apiServer(t, func(*url.URL) bool { return true })
	for name, test := range map[string]struct {
		credentials, args []string
		want              string
	}{
		"the API server": {credentials, []string{"other"}, `listing the ConfigMaps of namespace "other": configmaps is forbidden: no`},
		"AWS":            {nil, nil, "get credentials: failed to refresh cached credentials"},
		"the program":    {nil, []string{"a", "b"}, "usage: argocd-login SECRET-FILE [NAMESPACE]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, err := argocdLogin(t, server, test.credentials, test.args...)
			var exited *exec.ExitError
			require.ErrorAs(t, err, &exited, output)
			assert.Equal(t, 1, exited.ExitCode())
			assert.Contains(t, output, test.want)
		})
	}
}
