package components

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"strconv"
	"strings"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

// ArgoCDClusterType is the type token of [ArgoCDCluster].
const ArgoCDClusterType = "eks-irsa:index:ArgoCDCluster"

// DefaultArgoCDNamespace is where Argo CD's own manifests put it.
const DefaultArgoCDNamespace = "argocd"

// argoCDSecretType is the label by which Argo CD finds cluster secrets.
//
// https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#clusters
const argoCDSecretType = "argocd.argoproj.io/secret-type" //nolint:gosec // a label, not a credential

// ArgoCDInClusterServer is the URL under which Argo CD knows the cluster that it runs in.
const ArgoCDInClusterServer = "https://kubernetes.default.svc"

// ArgoCDClusterArgs are the arguments of [NewArgoCDCluster]. The component's Kubernetes provider is that of the cluster
// that Argo CD runs in. The json names are those of Pulumi.<env>.yaml.
type ArgoCDClusterArgs struct {
	// DisplayName is the name that Argo CD shows and that Applications may use. Default: ClusterName, or "in-cluster" with
	// InCluster, which is Argo CD's own name for that cluster.
	DisplayName pulumi.StringInput `json:"displayName"`
	// InCluster registers the cluster that Argo CD runs in, to give it a name, labels or limits. Argo CD reaches it as
	// every pod does, with its service accounts and without AWS, so nothing that says how to reach it may be given:
	// ClusterName, Server, CertificateAuthorityData, RoleArn, Profile, ServerName and ProxyURL.
	InCluster bool `json:"-"`
	// ClusterName is the EKS cluster's name, for which Argo CD makes its login tokens.
	ClusterName pulumi.StringInput `json:"-"`
	// Arn registers the EKS cluster with managed Argo CD (EKS Capability), which knows clusters by their ARNs, its own too, and is
	// told nothing of how to reach them: ClusterName, Server, CertificateAuthorityData, RoleArn, Profile, ServerName, ProxyURL and
	// Shard may not be given.
	Arn pulumi.StringInput `json:"-"`
	// Server is the URL of the cluster's API server.
	Server pulumi.StringInput `json:"-"`
	// CertificateAuthorityData is the cluster's CA, base64, unchanged from EKS's certificateAuthority.data.
	CertificateAuthorityData pulumi.StringInput `json:"-"`
	// RoleArn is a role that Argo CD assumes on its way into the cluster. Leave it out when Argo CD's own role is let in
	// directly: assuming oneself fails without a trust statement for it.
	RoleArn pulumi.StringInput `json:"roleArn"`
	// Profile is an AWS profile for argocd-k8s-auth, rarely needed.
	Profile string `json:"-"`
	// ServerName is the name that the server's certificate must have. Default: the host of Server.
	ServerName string `json:"serverName"`
	// ProxyURL is a proxy on the way to the server: http, https (with a certificate of the cluster's CA, as Argo CD knows no other
	// there) or socks5. It is kept in the secret only, which is where a user name and password in it belong.
	ProxyURL string `json:"proxyUrl"`
	// Project limits the cluster to one Argo CD project. Default: none; with Arn "default", as managed Argo CD has a cluster in one
	// project.
	Project string `json:"project"`
	// Namespaces limit what Argo CD manages. Default: all.
	Namespaces []string `json:"namespaces"`
	// ClusterResources lets Argo CD manage cluster-scoped resources as well; only with Namespaces.
	ClusterResources *bool `json:"clusterResources"`
	// Shard assigns the cluster to a replica of the application controller, from 0.
	Shard *int `json:"shard"`
	// Namespace of the secret. Default: DefaultArgoCDNamespace.
	Namespace string `json:"-"`
	// SecretName is the secret's name. Default: the one that `argocd cluster add` gives it, which is made from Server. The secret keeps
	// it when Server changes, as another name would be another secret.
	SecretName string `json:"secretName"`
	// Labels are added to the secret, for ApplicationSets to select by, and Annotations for what their templates read of the cluster,
	// such as the ARNs of its roles. What is known before the program runs is checked then.
	Labels      pulumi.StringMapInput `json:"labels"`
	Annotations pulumi.StringMapInput `json:"annotations"`
}

// ArgoCDCluster is the secret that registers a cluster with Argo CD.
type ArgoCDCluster struct {
	pulumi.ResourceState

	// SecretName and Namespace are the secret's.
	SecretName pulumi.StringOutput `pulumi:"secretName"`
	Namespace  pulumi.StringOutput `pulumi:"namespace"`
	// Server is the URL, or the ARN, under which Argo CD knows the cluster.
	Server pulumi.StringOutput `pulumi:"server"`
}

// NewArgoCDCluster registers a cluster with the Argo CD whose cluster the Kubernetes provider reaches.
func NewArgoCDCluster(
	ctx *pulumi.Context, name string, args *ArgoCDClusterArgs, opts ...pulumi.ResourceOption,
) (*ArgoCDCluster, error) {
	component := &ArgoCDCluster{}
	err := construct(ctx, ArgoCDClusterType, name, component, args.Validate(), opts, func(children children) error {
		namespace := args.namespace()
		metadata := &metav1.ObjectMetaArgs{Name: args.secretName(name), Namespace: pulumi.String(namespace), Labels: args.labels()}
		if args.Annotations != nil {
			metadata.Annotations = args.Annotations
		}
		secret, err := corev1.NewSecret(ctx, name, &corev1.SecretArgs{
			Metadata: metadata, Type: pulumi.String("Opaque"), Data: args.data(name),
		}, children.named(name, args.keepName())...)
		if err != nil {
			return fmt.Errorf("creating the secret: %w", err)
		}
		component.SecretName = secret.Metadata.Name().Elem()
		component.Namespace = pulumi.String(namespace).ToStringOutput()
		component.Server = args.server().ToStringOutput()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return component, nil
}

func (args *ArgoCDClusterArgs) namespace() string {
	return cmp.Or(args.Namespace, DefaultArgoCDNamespace)
}

func (args *ArgoCDClusterArgs) server() pulumi.StringInput {
	switch {
	case args.Arn != nil:
		return args.Arn
	case args.InCluster:
		return pulumi.String(ArgoCDInClusterServer)
	default:
		return args.Server
	}
}

func (args *ArgoCDClusterArgs) secretName(component string) pulumi.StringInput {
	if args.SecretName != "" {
		return pulumi.String(args.SecretName)
	}
	path, nameOf := fielderr.Path("server"), argoCDSecretName
	if args.Arn != nil {
		path, nameOf = "arn", managedSecretName
	}
	return args.server().ToStringOutput().ApplyT(func(server string) (string, error) {
		name, err := nameOf(server)
		return name, failure(ArgoCDClusterType, component, fielderr.At(path, err))
	}).(pulumi.StringOutput)
}

// keepName has the secret keep a name that was made from the server, when the cluster gets another server. Argo CD tells clusters
// apart by what is in their secrets. A secret of another name would stand beside the old one until that is deleted, and an
// ApplicationSet that goes by clusters would have two of one name, and then delete the Applications of the one that goes.
func (args *ArgoCDClusterArgs) keepName() pulumi.ResourceOption {
	if args.SecretName != "" {
		return pulumi.Composite()
	}
	return pulumi.IgnoreChanges([]string{"metadata.name"})
}

// argoCDSecretName is the name that Argo CD itself gives the secret of a cluster: the host, in lower case, an IPv6 address with
// hyphens for its colons, and the 32-bit FNV-1a hash of the whole URL. With the same name, a cluster that was added by hand shows
// up as a conflict and not twice in Argo CD's list.
//
// https://github.com/argoproj/argo-cd/blob/master/util/db/secrets.go (URIToSecretName)
func argoCDSecretName(server string) (string, error) {
	parsed, err := parseServer(server)
	if err != nil {
		return "", err
	}
	host := strings.ToLower(parsed.Hostname())
	if strings.HasPrefix(parsed.Host, "[") {
		address, err := netip.ParseAddr(host)
		if err != nil || address.Zone() != "" {
			return "", fmt.Errorf("%q has no address that other machines can reach", server)
		}
		host = strings.ReplaceAll(address.String(), ":", "-")
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(server)) // a hash takes everything
	name := fmt.Sprintf("cluster-%s-%d", host, hash.Sum32())
	if kubename.ValidateObject("a secret", name) != nil {
		return "", fmt.Errorf("%q makes %q, which no secret can be named; give secretName", server, name)
	}
	return name, nil
}

// labels are the secret's. Where the keys are known, a preview shows them whatever the values are.
func (args *ArgoCDClusterArgs) labels() pulumi.StringMapInput {
	plain, known := args.Labels.(pulumi.StringMap)
	if args.Labels != nil && !known {
		return args.Labels.ToStringMapOutput().ApplyT(func(own map[string]string) map[string]string {
			return withArgoCDLabels(own, func(text string) string { return text })
		}).(pulumi.StringMapOutput)
	}
	return pulumi.StringMap(withArgoCDLabels(plain, func(text string) pulumi.StringInput { return pulumi.String(text) }))
}

// withArgoCDLabels are labels with those that every cluster secret has.
func withArgoCDLabels[V any](own map[string]V, value func(string) V) map[string]V {
	labels := map[string]V{managedByLabel: value("pulumi")}
	maps.Copy(labels, own)
	labels[argoCDSecretType] = value("cluster")
	return labels
}

// argoCDConfig is the JSON under the secret's key config, as far as EKS needs it.
type argoCDConfig struct {
	AWSAuthConfig   *argoCDAWSAuthConfig  `json:"awsAuthConfig,omitempty"`
	TLSClientConfig argoCDTLSClientConfig `json:"tlsClientConfig"`
	ProxyURL        string                `json:"proxyUrl,omitempty"`
}

type argoCDAWSAuthConfig struct {
	ClusterName string `json:"clusterName"`
	RoleARN     string `json:"roleARN,omitempty"`
	Profile     string `json:"profile,omitempty"`
}

type argoCDTLSClientConfig struct {
	Insecure   bool   `json:"insecure"`
	ServerName string `json:"serverName,omitempty"`
	CAData     string `json:"caData,omitempty"`
}

// data is the secret's data, base64 as the API has it: with stringData the API server would write another field than the
// one in state.
func (args *ArgoCDClusterArgs) data(component string) pulumi.StringMapOutput {
	displayName := args.DisplayName
	switch {
	case displayName == nil && args.InCluster:
		displayName = pulumi.String("in-cluster")
	case displayName == nil:
		displayName = args.ClusterName
	}
	inputs := pulumi.StringArray{displayName, args.ClusterName, args.server(), args.CertificateAuthorityData, args.RoleArn}
	for i, input := range inputs {
		if input == nil {
			inputs[i] = pulumi.String("")
		}
	}
	data := inputs.ToStringArrayOutput().ApplyT(func(in []string) (map[string]string, error) {
		data, err := args.plainData(in[0], in[1], in[2], in[3], in[4])
		return data, failure(ArgoCDClusterType, component, err)
	}).(pulumi.StringMapOutput)
	return pulumi.ToSecret(data).(pulumi.StringMapOutput)
}

func (args *ArgoCDClusterArgs) plainData(displayName, clusterName, server, caData, roleArn string) (map[string]string, error) {
	var data map[string]string
	var err error
	if args.Arn != nil {
		data, err = managedData(displayName, server)
	} else {
		data, err = args.selfManagedData(displayName, clusterName, server, caData, roleArn)
	}
	if err != nil {
		return nil, err
	}
	if args.Project != "" {
		data["project"] = args.Project
	}
	if len(args.Namespaces) > 0 {
		data["namespaces"] = strings.Join(args.Namespaces, ",")
	}
	if args.ClusterResources != nil {
		data["clusterResources"] = strconv.FormatBool(*args.ClusterResources)
	}
	if args.Shard != nil {
		data["shard"] = strconv.Itoa(*args.Shard)
	}
	for key, value := range data {
		data[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	return data, nil
}

// selfManagedData are the name of the cluster and how self-managed Argo CD reaches it.
func (args *ArgoCDClusterArgs) selfManagedData(displayName, clusterName, server, caData, roleArn string) (map[string]string, error) {
	login := argoCDConfig{}
	if !args.InCluster {
		if _, err := parseServer(server); err != nil {
			return nil, fielderr.At("server", err)
		}
		if err := validCertificateAuthority(caData); err != nil {
			return nil, fielderr.At("certificateAuthorityData", err)
		}
		login = argoCDConfig{
			AWSAuthConfig:   &argoCDAWSAuthConfig{ClusterName: clusterName, RoleARN: roleArn, Profile: args.Profile},
			TLSClientConfig: argoCDTLSClientConfig{ServerName: args.ServerName, CAData: caData},
			ProxyURL:        args.ProxyURL,
		}
	}
	config, err := json.Marshal(login)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return map[string]string{"name": displayName, "server": server, "config": string(config)}, nil
}
