// Package kubernetes stands in for the official pulumi-kubernetes plugin: the
// kinds of it that this project uses, on a real API server by client-go.
// Behaviour follows pulumi-kubernetes v4 with server-side apply, its default.
//
// In one thing the stand-in is stricter than the official plugin: it asks the
// API server to refuse fields that it does not know, where the official one
// lets the server drop them with a warning.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// Version is the version of pulumi-kubernetes that this package stands in for.
const Version = "4.30.0"

// cluster is one configured provider. All its requests go through one client,
// so that a credential plugin such as `aws eks get-token` runs once.
type cluster struct {
	client    dynamic.Interface
	namespace string
	// unreachable says why there is no talking to the cluster. It is told only
	// when something needs the cluster, as the official plugin does, so that a
	// stack whose cluster is gone can still be taken apart.
	unreachable error

	deleteUnreachable, upsert, patchForce, secretMutable, configMapMutable bool
}

// Plugin is the stand-in as a resource provider.
func Plugin() provider.Plugin {
	c := &cluster{}
	resources := map[string]provider.Resource{}
	for _, k := range kinds {
		resources["kubernetes:core/v1:"+k.name] = object{kind: k, cluster: c}
		if k.patchable {
			resources["kubernetes:core/v1:"+k.name+"Patch"] = object{kind: k, cluster: c, patch: true}
		}
	}
	return provider.Plugin{
		Name:          "kubernetes",
		Version:       Version,
		Config:        configInputs,
		ReplaceConfig: otherCluster,
		Configure:     c.configure,
		Resources:     resources,
	}
}

var configInputs = provider.Inputs{
	"kubeconfig":                  {Type: provider.String},
	"context":                     {Type: provider.String},
	"cluster":                     {Type: provider.String},
	"clusterIdentifier":           {Type: provider.String},
	"namespace":                   {Type: provider.String},
	"enableServerSideApply":       {Type: provider.Bool},
	"enablePatchForce":            {Type: provider.Bool},
	"enableSecretMutable":         {Type: provider.Bool},
	"enableConfigMapMutable":      {Type: provider.Bool},
	"upsertExistingObjects":       {Type: provider.Bool},
	"deleteUnreachable":           {Type: provider.Bool},
	"suppressDeprecationWarnings": {Type: provider.Bool},
	"suppressHelmHookWarnings":    {Type: provider.Bool},
	"kubeClientSettings": {Type: provider.Object, Fields: provider.Inputs{
		"burst":   {Type: provider.Int},
		"qps":     {Type: provider.Int},
		"timeout": {Type: provider.Int},
	}},
}

func (c *cluster) configure(_ context.Context, settings provider.Values) error {
	if apply, given := settings["enableServerSideApply"].(bool); given && !apply {
		return errors.New("the sandbox's stand-in for pulumi-kubernetes knows only server-side apply: " +
			"enableServerSideApply must not be false")
	}
	c.deleteUnreachable = settings.Bool("deleteUnreachable")
	c.upsert = settings.Bool("upsertExistingObjects")
	c.patchForce = settings.Bool("enablePatchForce")
	c.secretMutable = settings.Bool("enableSecretMutable")
	c.configMapMutable = settings.Bool("enableConfigMapMutable")

	loader, err := clientConfig(settings)
	if err != nil {
		c.unreachable = fmt.Errorf("failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- %w", err)
		return nil
	}
	if c.namespace, _, err = loader.Namespace(); err != nil {
		c.namespace = settings.String("namespace")
	}
	config, err := loader.ClientConfig()
	if err != nil {
		c.unreachable = fmt.Errorf("unable to load Kubernetes client configuration from kubeconfig file: %w", err)
		return nil
	}
	c.connect(config, settings.Object("kubeClientSettings"))
	return nil
}

// Limits of requests to the API server, the official plugin's defaults.
const (
	defaultBurst = 120
	defaultQPS   = 50
)

func (c *cluster) connect(config *rest.Config, limits provider.Values) {
	config.Burst, config.QPS = defaultBurst, defaultQPS
	if n := limits.Int("burst"); n > 0 {
		config.Burst = n
	}
	if n := limits.Int("qps"); n > 0 {
		config.QPS = float32(n)
	}
	config.Timeout = time.Duration(limits.Int("timeout")) * time.Second
	config.WarningHandler = rest.NoWarnings{}
	config.UserAgent = "pulumi-kubernetes/" + Version
	// One HTTP client for both, and with it one run of the credential plugin.
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		c.unreachable = fmt.Errorf("unable to build a client from the kubeconfig: %w", err)
		return
	}
	if c.client, err = dynamic.NewForConfigAndClient(config, transport); err != nil {
		c.unreachable = fmt.Errorf("unable to build a client from the kubeconfig: %w", err)
		return
	}
	server, err := discovery.NewDiscoveryClientForConfigAndClient(config, transport)
	if err != nil {
		c.unreachable = fmt.Errorf("unable to build a client from the kubeconfig: %w", err)
		return
	}
	if _, err := server.ServerVersion(); err != nil {
		c.unreachable = fmt.Errorf("unable to load schema information from the API server: %w", err)
	}
}

// clientConfig loads the kubeconfig, which is given as its content or its path.
// Without either it is client-go's usual one, from $KUBECONFIG or the home folder.
func clientConfig(settings provider.Values) (clientcmd.ClientConfig, error) {
	overrides := &clientcmd.ConfigOverrides{
		Context:        api.Context{Cluster: settings.String("cluster"), Namespace: settings.String("namespace")},
		CurrentContext: settings.String("context"),
	}
	given := settings.String("kubeconfig")
	if given == "" {
		return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
			clientcmd.NewDefaultClientConfigLoadingRules(), overrides), nil
	}
	config, err := parseKubeconfig(given)
	if err != nil {
		return nil, err
	}
	return clientcmd.NewDefaultClientConfig(*config, overrides), nil
}

func parseKubeconfig(pathOrContent string) (*api.Config, error) {
	path := pathOrContent
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("finding the home folder: %w", err)
		}
		path = filepath.Join(home, rest)
	}
	content := []byte(pathOrContent)
	if _, err := os.Stat(path); err == nil {
		if content, err = os.ReadFile(path); err != nil { //nolint:gosec // the user's own kubeconfig
			return nil, fmt.Errorf("reading kubeconfig: %w", err)
		}
	}
	return clientcmd.Load(content)
}

// otherCluster: a cluster has no identity of its own, so the one that the
// kubeconfig's context points at stands for it, unless the program names one.
func otherCluster(old, given property.Map) string {
	was, is := provider.Plain(old), provider.Plain(given)
	identity := func(v provider.Values) string { return v.String("clusterIdentifier") }
	switch {
	case identity(was) != "" && identity(is) != "" && identity(was) != identity(is):
		return "clusterIdentifier"
	case identity(is) != "" && identity(was) == identity(is):
		return ""
	}
	for _, name := range []string{"kubeconfig", "context", "cluster"} {
		if given.Get(name).IsComputed() {
			return name
		}
	}
	before, after := activeCluster(was), activeCluster(is)
	if before == nil || after == nil || reflect.DeepEqual(before, after) {
		return ""
	}
	for _, name := range []string{"kubeconfig", "context", "cluster"} {
		if was.String(name) != is.String(name) {
			return name
		}
	}
	return ""
}

func activeCluster(settings provider.Values) *api.Cluster {
	config, err := parseKubeconfig(settings.String("kubeconfig"))
	if err != nil {
		return nil
	}
	name := config.CurrentContext
	if given := settings.String("context"); given != "" {
		name = given
	}
	context, ok := config.Contexts[name]
	if !ok {
		return nil
	}
	name = context.Cluster
	if given := settings.String("cluster"); given != "" {
		name = given
	}
	return config.Clusters[name]
}

// kind is one kind of the core group's version v1.
type kind struct {
	name       string
	resource   string
	namespaced bool
	patchable  bool
	// fields are the inputs beside apiVersion, kind and metadata.
	fields provider.Inputs
	// replace are the paths whose change needs a new object; * is any element.
	replace []string
}

func (k kind) gvr() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: k.resource}
}

// inputs declares the top level only. What is below is Kubernetes' own, and
// the API server checks it.
func (k kind) inputs() provider.Inputs {
	inputs := provider.Inputs{
		"apiVersion": {Type: provider.String, Valid: only("v1")},
		"kind":       {Type: provider.String, Valid: only(k.name)},
		"metadata":   {Type: provider.Object},
	}
	for name, field := range k.fields {
		inputs[name] = field
	}
	return inputs
}

func only(want string) func(string) error {
	return func(got string) error {
		if got != want {
			return fmt.Errorf("must be %q, not %q", want, got)
		}
		return nil
	}
}

var kinds = []kind{
	{
		name: "Namespace", resource: "namespaces",
		fields: provider.Inputs{"spec": {Type: provider.Object}},
	},
	{
		name: "ServiceAccount", resource: "serviceaccounts", namespaced: true, patchable: true,
		fields: provider.Inputs{
			"automountServiceAccountToken": {Type: provider.Bool},
			"imagePullSecrets":             {Type: provider.Objects},
			"secrets":                      {Type: provider.Objects},
		},
	},
	{
		name: "Secret", resource: "secrets", namespaced: true,
		fields: provider.Inputs{
			"data":       {Type: provider.Map},
			"stringData": {Type: provider.Map},
			"type":       {Type: provider.String},
			"immutable":  {Type: provider.Bool},
		},
		replace: []string{"type"},
	},
	{
		name: "ConfigMap", resource: "configmaps", namespaced: true, patchable: true,
		fields: provider.Inputs{
			"data":       {Type: provider.Map},
			"binaryData": {Type: provider.Map},
			"immutable":  {Type: provider.Bool},
		},
	},
	{
		name: "Pod", resource: "pods", namespaced: true,
		fields:  provider.Inputs{"spec": {Type: provider.Object}},
		replace: podReplace(),
	},
}

// podReplace is the official plugin's own list of what it does not try to
// change in a pod. It is longer than what Kubernetes itself holds immutable.
func podReplace() []string {
	var paths []string
	for _, field := range []string{
		"affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases",
		"hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName", "nodeSelector", "overhead",
		"preemptionPolicy", "priority", "priorityClassName", "readinessGates", "restartPolicy", "runtimeClassName",
		"schedulerName", "securityContext", "serviceAccount", "serviceAccountName", "shareProcessNamespace",
		"subdomain", "terminationGracePeriodSeconds", "volumes",
	} {
		paths = append(paths, "spec."+field)
	}
	for _, containers := range []string{"spec.containers.*.", "spec.initContainers.*."} {
		for _, field := range []string{
			"args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports",
			"readinessProbe", "resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath",
			"terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts", "workingDir",
		} {
			paths = append(paths, containers+field)
		}
	}
	return paths
}

// resourceClient is the API of a kind in a namespace.
func (o object) resourceClient(namespace string) dynamic.ResourceInterface {
	client := o.cluster.client.Resource(o.kind.gvr())
	if !o.kind.namespaced {
		return client
	}
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return client.Namespace(namespace)
}
