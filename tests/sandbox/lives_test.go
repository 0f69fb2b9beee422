package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// livesPlatform is a small stack: a hub and two clusters more, in one account and three regions, a role over two clusters, a
// bucket and a target of Argo CD, which is reached by a role that was made elsewhere.
const livesPlatform = `
clusters:
  hub: {region: eu-west-1}
  eu: {region: eu-central-1}
  us: {region: us-east-1}
buckets:
  data: {cluster: hub, name: lives-data, objects: {a.txt: text}}
roles:
  app:
    name: app
    clusters: [hub, eu]
    serviceAccounts: [{namespace: apps, name: app}]
    inlinePolicies: {describe: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'eks:DescribeCluster', Resource: '*'}]}}
    customerManagedPolicies: {list: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:ListBucket', Resource: '*'}]}}
argocd:
  hub: hub
  roleName: argocd
  serviceAccountMode: trustOnly
  targets:
    eu:
      cluster: eu
      roleArn: ` + elsewhereRole + `
      access:
        policies: [{policy: AmazonEKSAdminPolicy, namespaces: [apps]}]
        kubernetesGroups: [deployers]
        username: argo
`

const (
	elsewhereRole = livesRoles + "elsewhere"
	livesRoles    = "arn:aws:iam::" + sandbox.Account + ":role/"
	livesPolicies = "arn:aws:iam::" + sandbox.Account + ":policy/"
)

// later counts the lives that went as declared, of all groups.
var later atomic.Int32

// A stack lives on: its configuration changes, and the world around it. What is declared is there after each `up`, asked of
// AWS and of Kubernetes themselves, and the next `up` changes nothing.
func TestLaterLives(t *testing.T) {
	t.Parallel()
	t.Run("groups", func(t *testing.T) {
		for _, group := range []struct {
			name  string
			lives []laterLife
		}{
			{"access and roles", append(accessLives(), roleLives()...)},
			{"accounts and keys", append(accountLives(), append(keyLives(), stackLives()...)...)},
		} {
			t.Run(group.name, func(t *testing.T) {
				t.Parallel()
				live(t, group.lives)
			})
		}
	})
	if !t.Failed() {
		fmt.Printf("later lives: %d, all as declared\n", later.Load())
	}
	assert.GreaterOrEqual(t, int(later.Load()), 30)
}

// laterLife is a change of a stack, or of the world that it is in.
type laterLife struct {
	name string
	// edits are the configuration's: YAML by path, with slashes, or nothing to take something out.
	edits map[string]string
	// happens before the update, beside the stack.
	happens func(t *testing.T, l *lives)
	// fails is what the update says when it is to fail.
	fails string
	// up is the update. Default: [environment.up].
	up func(t *testing.T, l *lives)
	// declared judges what is there then by what was there before.
	declared func(t *testing.T, before, after *world)
}

// lives are those of one stack, each of which begins where the last one ended.
type lives struct {
	*environment
	// last is what was there when the last one ended.
	last *world
}

func live(t *testing.T, all []laterLife) {
	t.Helper()
	l := newLives(t)
	found := l.world(t)
	l.up(t)
	l.last = l.world(t)
	for _, life := range all {
		if !t.Run(life.name, func(t *testing.T) { l.live(t, life) }) {
			return // the others begin where this one should have ended
		}
		later.Add(1)
	}
	require.NoError(t, l.stack.Destroy(t.Context()))
	left := l.world(t)
	assert.False(t, slices.ContainsFunc(left.OidcProviders, sandbox.OidcProvider.Created), "no provider of the stack's is left")
	found.OidcProviders, left.OidcProviders = nil, nil // one of the lives takes that of another tool away
	left.assertLike(t, found, "destroy leaves AWS and Kubernetes as they were found")
}

func (l *lives) live(t *testing.T, life laterLife) {
	t.Helper()
	before := l.last
	if life.happens != nil {
		life.happens(t, l)
	}
	for path, text := range life.edits {
		edit(t, l.settings, path, text)
	}
	require.NoError(t, l.stack.Write(l.settings))
	switch {
	case life.up != nil:
		life.up(t, l)
	case life.fails != "":
		_, err := l.stack.Up(t.Context())
		require.ErrorContains(t, err, life.fails)
	default:
		l.up(t)
	}
	after := l.world(t)
	l.last = after
	if life.declared != nil {
		life.declared(t, before, after)
	}
	if life.fails == "" {
		assert.Empty(t, changed(l.up(t)), "the next up changes nothing")
		l.world(t).assertLike(t, after, "the next up leaves everything as it is")
	}
}

// edit sets the value at a path of the settings, or takes it out.
func edit(t *testing.T, settings *sandbox.Settings, path, text string) {
	t.Helper()
	parts := strings.Split(path, "/")
	section, last := settings.Platform, parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		below, ok := section[part].(map[string]any)
		require.True(t, ok, "%s is no section of %s", part, path)
		section = below
	}
	if text == "" {
		require.Contains(t, section, last, path)
		delete(section, last)
		return
	}
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(text), &value))
	section[last] = value
}

func newLives(t *testing.T) *lives {
	t.Helper()
	settings := &sandbox.Settings{}
	require.NoError(t, yaml.Unmarshal([]byte(livesPlatform), &settings.Platform))
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	l := &lives{environment: bootEnvironment(t, settings, clusters)}
	for cluster, namespaces := range map[string][]string{"hub": {"apps", "argocd"}, "eu": {"apps"}, "us": {"apps"}} {
		for _, namespace := range namespaces {
			_, err := l.client(t, cluster).CoreV1().Namespaces().Create(t.Context(),
				&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
			require.NoError(t, err)
		}
	}
	_, err = awsAuth(t, l.cluster(t, "eu")).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "aws-auth"}, Data: map[string]string{"mapRoles": foreignRoles},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = l.RegisterOidcProvider(t.Context(), l.cluster(t, "us"), map[string]string{"made-by": "another tool"})
	require.NoError(t, err)
	_, err = l.AWS().IAM.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("elsewhere"), AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [` +
			`{"Effect": "Allow", "Principal": {"AWS": "` + sandbox.Account + `"}, "Action": "sts:AssumeRole"}]}`),
	})
	require.NoError(t, err)
	return l
}

// installChart makes a service account as a chart does, which owns it.
func installChart(cluster, name string) func(*testing.T, *lives) {
	return func(t *testing.T, l *lives) {
		t.Helper()
		_, err := l.client(t, cluster).CoreV1().ServiceAccounts("apps").Create(t.Context(), &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"}},
		}, metav1.CreateOptions{FieldManager: "helm"})
		require.NoError(t, err)
	}
}

// uninstallChart takes the service account away.
func uninstallChart(cluster, name string) func(*testing.T, *lives) {
	return func(t *testing.T, l *lives) {
		t.Helper()
		err := l.client(t, cluster).CoreV1().ServiceAccounts("apps").Delete(t.Context(), name, metav1.DeleteOptions{})
		if !apierrors.IsNotFound(err) {
			require.NoError(t, err)
		}
	}
}
