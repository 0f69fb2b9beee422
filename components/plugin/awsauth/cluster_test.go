package awsauth_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/eks-irsa/pulumi-eks-irsa/components/plugin/awsauth"
)

const (
	nodes = `- rolearn: arn:aws:iam::111122223333:role/nodes # do not touch
  username: system:node:{{EC2PrivateDNSName}}
  groups: ["system:bootstrappers", 'system:nodes']
`
	roleARN     = "arn:aws:iam::111122223333:role/teams/a/argocd"
	mapped      = "arn:aws:iam::111122223333:role/argocd"
	id          = "kube-system/aws-auth/" + mapped
	argocdEntry = `- rolearn: arn:aws:iam::111122223333:role/argocd
  username: arn:aws:iam::111122223333:role/argocd
  groups:
    - argocd:managers
`
)

var urn = resource.NewURN("dev", "platform", "", "eks-irsa:index:AwsAuthRole", "argocd")

// cluster is an API server's one ConfigMap kube-system/aws-auth. Other than client-go's own fake it refuses a write that was
// made from an older resourceVersion, as the real server does.
type cluster struct {
	mutex   sync.Mutex
	stored  *corev1.ConfigMap
	version int
	writes  int
	// betweenReadAndWrite, if set, is another writer who comes between a Get and the write that follows it, once.
	betweenReadAndWrite func()
	// failure, if set, is what every request gets.
	failure error
}

func newCluster(mapRoles string) *cluster {
	c := &cluster{}
	c.put(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth", Labels: map[string]string{"by": "eksctl"}},
		Data:       map[string]string{"mapRoles": mapRoles, "mapUsers": "[]\n"},
	})
	return c
}

func (c *cluster) put(configMap *corev1.ConfigMap) {
	c.version++
	c.stored = configMap.DeepCopy()
	c.stored.ResourceVersion = strconv.Itoa(c.version)
	if c.stored.UID == "" {
		c.stored.UID = types.UID(strconv.Itoa(c.version))
	}
}

// otherWriter changes the ConfigMap as somebody else would.
func (c *cluster) otherWriter(change func(data map[string]string)) func() {
	return func() {
		changed := c.stored.DeepCopy()
		change(changed.Data)
		c.put(changed)
	}
}

func (c *cluster) mapRoles() string { return c.stored.Data["mapRoles"] }

func (c *cluster) connect(string) (kubernetes.Interface, error) {
	client := fake.NewClientset()
	client.PrependReactor("*", "configmaps", func(action k8stesting.Action) (bool, runtime.Object, error) {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		object, err := c.answer(action)
		return true, object, err
	})
	return client, nil
}

var configMaps = corev1.Resource("configmaps")

func (c *cluster) answer(action k8stesting.Action) (runtime.Object, error) {
	if c.failure != nil {
		return nil, c.failure
	}
	if action.GetVerb() != "get" && c.betweenReadAndWrite != nil {
		c.betweenReadAndWrite()
		c.betweenReadAndWrite = nil
	}
	switch action := action.(type) {
	case k8stesting.CreateAction: // an update has the same methods
		return c.write(action.GetVerb(), action.GetObject().(*corev1.ConfigMap))
	case k8stesting.DeleteActionImpl:
		return nil, c.remove(action.DeleteOptions.Preconditions)
	default:
		if c.stored == nil {
			return nil, apierrors.NewNotFound(configMaps, "aws-auth")
		}
		return c.stored.DeepCopy(), nil
	}
}

func (c *cluster) write(verb string, configMap *corev1.ConfigMap) (runtime.Object, error) {
	switch {
	case verb == "create" && c.stored != nil:
		return nil, apierrors.NewAlreadyExists(configMaps, "aws-auth")
	case verb == "update" && c.stored == nil:
		return nil, apierrors.NewNotFound(configMaps, "aws-auth")
	case verb == "update" && configMap.ResourceVersion != c.stored.ResourceVersion:
		return nil, apierrors.NewConflict(configMaps, "aws-auth", errors.New("the object has been modified"))
	}
	c.writes++
	c.put(configMap)
	return c.stored.DeepCopy(), nil
}

func (c *cluster) remove(conditions *metav1.Preconditions) error {
	switch {
	case c.stored == nil:
		return apierrors.NewNotFound(configMaps, "aws-auth")
	case conditions == nil || *conditions.UID != c.stored.UID || *conditions.ResourceVersion != c.stored.ResourceVersion:
		return apierrors.NewConflict(configMaps, "aws-auth", errors.New("precondition failed"))
	}
	c.writes++
	c.stored = nil
	return nil
}

// serve starts the provider as the engine sees it.
func serve(t *testing.T, connect func(string) (kubernetes.Interface, error)) integration.Server {
	t.Helper()
	provider, err := awsauth.NewProvider(connect)
	require.NoError(t, err)
	server, err := integration.NewServer(t.Context(), awsauth.PackageName, semver.MustParse("0.1.0"),
		integration.WithProvider(provider))
	require.NoError(t, err)
	return server
}

func kubeconfig(server, token string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: it, user: it}}]
clusters: [{name: it, cluster: {server: %q}}]
users: [{name: it, user: {token: %q}}]
`, server, token)
}

// inputs are valid ones with some changed; nil leaves an input out.
func inputs(changes map[string]any) property.Map {
	values := map[string]any{
		"kubeconfig": kubeconfig("https://one.example", "t"), "roleArn": roleARN, "groups": []string{"argocd:managers"},
	}
	for key, value := range changes {
		values[key] = value
	}
	converted := map[string]property.Value{}
	for key, value := range values {
		switch value := value.(type) {
		case nil:
		case property.Value:
			converted[key] = value
		case string:
			converted[key] = property.New(value)
		case bool:
			converted[key] = property.New(value)
		case []string:
			converted[key] = stringsOf(value...)
		default:
			panic(fmt.Sprintf("no test input is a %T", value))
		}
	}
	return property.NewMap(converted)
}

func stringsOf(texts ...string) property.Value {
	values := make([]property.Value, len(texts))
	for i, text := range texts {
		values[i] = property.New(text)
	}
	return property.New(values)
}

func checked(t *testing.T, server integration.Server, inputs property.Map) property.Map {
	t.Helper()
	checked, err := server.Check(p.CheckRequest{Urn: urn, Inputs: inputs})
	require.NoError(t, err)
	require.Empty(t, checked.Failures)
	return checked.Inputs
}

func create(t *testing.T, server integration.Server, inputs property.Map) (p.CreateResponse, error) {
	t.Helper()
	return server.Create(p.CreateRequest{Urn: urn, Properties: checked(t, server, inputs)})
}

func mustCreate(t *testing.T, server integration.Server, inputs property.Map) property.Map {
	t.Helper()
	created, err := create(t, server, inputs)
	require.NoError(t, err)
	return created.Properties
}

func update(t *testing.T, server integration.Server, state, inputs property.Map) (property.Map, error) {
	t.Helper()
	updated, err := server.Update(p.UpdateRequest{ID: id, Urn: urn, State: state, Inputs: checked(t, server, inputs)})
	return updated.Properties, err
}

func remove(server integration.Server, state property.Map) error {
	return server.Delete(p.DeleteRequest{ID: id, Urn: urn, Properties: state})
}

// entryFor renders the entry that the resource writes for a role of that name.
func entryFor(name string) string {
	return strings.ReplaceAll(argocdEntry, "argocd\n", name+"\n")
}
