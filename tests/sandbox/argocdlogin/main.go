// Command argocd-login reaches a cluster exactly as Argo CD does, with Argo CD's own code: its reading of a cluster secret,
// its client configuration, and its exec plugin.
//
//	argocd-login SECRET-FILE [NAMESPACE]
//
// The file holds the Secret as JSON, as `kubectl get secret -o json` prints it. It prints, as JSON, the names of the
// namespaces, or of the ConfigMaps of one namespace, and who the cluster says that it is talking to.
//
// Called by the name argocd-k8s-auth it is that plugin, which Argo CD's client configuration looks for on PATH. Where AWS
// refuses the plugin, it asks again for a minute, as Argo CD has it, unless ARGOCD_LOGIN_PATIENCE says for how long ("8s").
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	k8sauth "github.com/argoproj/argo-cd/v3/cmd/argocd-k8s-auth/commands"
	"github.com/argoproj/argo-cd/v3/util/db"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// authPlugin is the name by which Argo CD's image calls its one binary to get a token.
	authPlugin       = "argocd-k8s-auth"
	patienceVariable = "ARGOCD_LOGIN_PATIENCE"
)

func main() {
	program := func() error { return run(context.Background(), os.Args[1:], os.Stdout) }
	if filepath.Base(os.Args[0]) == authPlugin {
		program = plugin
	}
	if err := program(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// plugin is Argo CD's own. It ends the process itself when it gets no token.
func plugin() error {
	ctx := context.Background()
	if patience := os.Getenv(patienceVariable); patience != "" {
		limit, err := time.ParseDuration(patience)
		if err != nil {
			return fmt.Errorf("%s: %w", patienceVariable, err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return k8sauth.NewCommand().ExecuteContext(ctx)
}

// visit is what was seen in a cluster.
type visit struct {
	// Cluster is Argo CD's name of it.
	Cluster string `json:"cluster"`
	// Username and Groups are who the cluster says its visitor is.
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
	// Namespaces or ConfigMaps are the names of what was listed.
	Namespaces []string `json:"namespaces,omitempty"`
	ConfigMaps []string `json:"configMaps,omitempty"`
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("usage: argocd-login SECRET-FILE [NAMESPACE]")
	}
	seen, client, err := connect(args[0])
	if err != nil {
		return err
	}
	if len(args) == 2 {
		seen.ConfigMaps, err = configMaps(ctx, client, args[1])
	} else {
		seen.Namespaces, err = namespaces(ctx, client)
	}
	if err != nil {
		return err
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().
		Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("asking who this is: %w", err)
	}
	seen.Username, seen.Groups = review.Status.UserInfo.Username, review.Status.UserInfo.Groups
	return json.NewEncoder(out).Encode(seen)
}

// connect makes a client of the cluster that a secret declares. Nothing is sent yet.
func connect(file string) (*visit, kubernetes.Interface, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the file that the caller names
	if err != nil {
		return nil, nil, err
	}
	var secret corev1.Secret
	if err := json.Unmarshal(text, &secret); err != nil {
		return nil, nil, fmt.Errorf("reading the secret in %s: %w", file, err)
	}
	cluster, err := db.SecretToCluster(&secret)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the cluster secret %q: %w", secret.Name, err)
	}
	config, err := cluster.RESTConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("configuring a client of cluster %q: %w", cluster.Name, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("making a client of cluster %q: %w", cluster.Name, err)
	}
	return &visit{Cluster: cluster.Name}, client, nil
}

func namespaces(ctx context.Context, client kubernetes.Interface) ([]string, error) {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the namespaces: %w", err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, nil
}

func configMaps(ctx context.Context, client kubernetes.Interface, namespace string) ([]string, error) {
	list, err := client.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the ConfigMaps of namespace %q: %w", namespace, err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, nil
}
