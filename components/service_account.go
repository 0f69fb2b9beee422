package components

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

// ServiceAccountMode says how a ServiceAccount is managed.
type ServiceAccountMode string

const (
	// CreateServiceAccount makes the ServiceAccount, and deletes it with the role. It is the default. An account that
	// exists already is an error with the Kubernetes provider 4.29 and later, and taken over by earlier ones.
	CreateServiceAccount ServiceAccountMode = "create"
	// ImportServiceAccount takes a ServiceAccount that exists over into the stack, one that was patched so far for example:
	// from then on it is as if the stack had made it, and is deleted with the role. A missing one is an error. Once it is
	// in the stack, the mode may become CreateServiceAccount or stay, but as long as it stays the engine will not replace
	// the account.
	ImportServiceAccount ServiceAccountMode = "import"
	// PatchServiceAccount annotates a ServiceAccount that a chart or an add-on owns, by server-side apply, and takes
	// just these annotations off again on destroy. It must be there: a missing one is the error that the resource
	// <namespace>/<name> does not exist, so install the chart first, or let the role create the account. An account that
	// this stack created is kept when the mode becomes this one. Pods that run already do not see a change: restart them.
	//
	// A field that another manager has applied with another value is a conflict; the annotation pulumi.com/patchForce:
	// "true" takes the field over. When the account has been deleted, or its namespace, take the patch away with
	// `pulumi destroy --refresh` or `pulumi up --refresh`: the Kubernetes provider takes a patch away by another apply,
	// which makes the account again, or fails without its namespace. Only where a namespace of [IrsaCluster.Namespaces] is
	// deleted with it is there no need to.
	PatchServiceAccount ServiceAccountMode = "patch"
	// TrustOnly does nothing in Kubernetes. An account that this stack created is deleted when the mode becomes this one.
	TrustOnly ServiceAccountMode = "trustOnly"
)

// Validate refuses an unknown mode; empty means the default.
func (mode ServiceAccountMode) Validate() error {
	switch mode {
	case "", CreateServiceAccount, ImportServiceAccount, PatchServiceAccount, TrustOnly:
		return nil
	default:
		return fmt.Errorf("%q is none of %q, %q, %q and %q",
			mode, CreateServiceAccount, ImportServiceAccount, PatchServiceAccount, TrustOnly)
	}
}

// ServiceAccountArgs is a Kubernetes ServiceAccount that may assume the role. The json names are those of Pulumi.<env>.yaml.
type ServiceAccountArgs struct {
	// Namespace of the ServiceAccount; never a pattern.
	Namespace string `json:"namespace"`
	// Name of the ServiceAccount, exactly.
	Name string `json:"name"`
	// NamePattern, with * and ?, is given instead of Name to trust every matching account of the namespace. It needs
	// the mode TrustOnly.
	NamePattern string `json:"namePattern"`
	// Mode says how the ServiceAccount is managed. Default: CreateServiceAccount.
	Mode ServiceAccountMode `json:"mode"`
	// EarlierRoles are the names of the program's other roles that had the account before: it goes from them to this role, and
	// is not made a second time, which Kubernetes would refuse.
	EarlierRoles []string `json:"-"`
	// CreateNamespace makes the namespace as well, and deletes it, with everything in it, with the role.
	CreateNamespace bool `json:"-"`
	// Labels and Annotations are added to the ServiceAccount.
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	// RegionalSTS sets eks.amazonaws.com/sts-regional-endpoints. Default: unset, EKS then says true.
	RegionalSTS *bool `json:"regionalSts"`
	// TokenExpirationSeconds sets eks.amazonaws.com/token-expiration, 600 to 86,400. Default: unset, EKS then uses
	// 86,400.
	TokenExpirationSeconds int `json:"tokenExpirationSeconds"`
}

// Annotations that the EKS pod identity webhook reads from a ServiceAccount.
//
// https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
const (
	roleArnAnnotation         = "eks.amazonaws.com/role-arn"
	audienceAnnotation        = "eks.amazonaws.com/audience"
	regionalSTSAnnotation     = "eks.amazonaws.com/sts-regional-endpoints"
	tokenExpirationAnnotation = "eks.amazonaws.com/token-expiration" //nolint:gosec // a key, not a token
)

// webhookAnnotations are all that the webhook knows, with the reason why none can be given among a service account's.
//
// https://github.com/aws/amazon-eks-pod-identity-webhook/blob/master/pkg/annotations.go
var webhookAnnotations = map[string]string{
	roleArnAnnotation: "is set by the role itself",
	audienceAnnotation: "would keep the pods from the role, which trusts tokens for " + iampolicy.Audience +
		" only; that is EKS's own audience in every partition, so leave the annotation out",
	regionalSTSAnnotation:               "is set by regionalSts",
	tokenExpirationAnnotation:           "is set by tokenExpirationSeconds",
	"eks.amazonaws.com/skip-containers": "is an annotation of pods; EKS does not read it from a service account",
}

func (account ServiceAccountArgs) irsaAnnotations(roleArn pulumi.StringInput) pulumi.StringMap {
	annotations := pulumi.ToStringMap(account.Annotations)
	annotations[roleArnAnnotation] = roleArn
	if account.RegionalSTS != nil {
		annotations[regionalSTSAnnotation] = pulumi.String(strconv.FormatBool(*account.RegionalSTS))
	}
	if account.TokenExpirationSeconds != 0 {
		annotations[tokenExpirationAnnotation] = pulumi.String(strconv.Itoa(account.TokenExpirationSeconds))
	}
	return annotations
}

// managedByLabel marks the objects of this package, by the common label of Kubernetes.
const managedByLabel = "app.kubernetes.io/managed-by"

// namedObject is the metadata of an object that this stack owns.
func namedObject(name, namespace string, labels map[string]string, annotations pulumi.StringMapInput) *metav1.ObjectMetaArgs {
	all := map[string]string{managedByLabel: "pulumi"}
	maps.Copy(all, labels)
	return &metav1.ObjectMetaArgs{
		Name: pulumi.String(name), Namespace: optionalString(namespace),
		Labels: pulumi.ToStringMap(all), Annotations: annotations,
	}
}

// patchedObject is the metadata of an object that another tool owns.
func patchedObject(name, namespace string, labels map[string]string, annotations pulumi.StringMapInput) *metav1.ObjectMetaPatchArgs {
	metadata := &metav1.ObjectMetaPatchArgs{
		Name: pulumi.String(name), Namespace: optionalString(namespace), Annotations: annotations,
	}
	if len(labels) > 0 {
		metadata.Labels = pulumi.ToStringMap(labels)
	}
	return metadata
}

func (b *irsaRoleBuilder) createNamespaces() error {
	b.namespaces = map[string]pulumi.Resource{}
	return b.eachServiceAccount(func(cluster IrsaCluster, account ServiceAccountArgs) error {
		key := childName(cluster.Name, account.Namespace)
		if !account.CreateNamespace || b.namespaces[key] != nil {
			return nil
		}
		name := childName(b.name, key)
		namespace, err := corev1.NewNamespace(b.ctx, name, &corev1.NamespaceArgs{
			Metadata: namedObject(account.Namespace, "", nil, nil),
		}, b.inClusters.named(name, pulumi.Provider(cluster.Kubernetes))...)
		if err != nil {
			return fmt.Errorf("creating namespace %q in cluster %q: %w", account.Namespace, cluster.Name, err)
		}
		b.namespaces[key] = namespace
		return nil
	})
}

func (b *irsaRoleBuilder) createServiceAccounts() error {
	b.serviceAccounts = map[string]pulumi.Resource{}
	err := b.eachServiceAccount(func(cluster IrsaCluster, account ServiceAccountArgs) error {
		if account.mode() == TrustOnly {
			return nil
		}
		resource, err := b.serviceAccount(cluster, account)
		if err != nil {
			return fmt.Errorf("service account %s (%s): %w", accountKey(cluster, account), account.mode(), err)
		}
		b.serviceAccounts[accountKey(cluster, account)] = resource
		return nil
	})
	b.component.ServiceAccounts = pulumi.ToStringArray(slices.Sorted(maps.Keys(b.serviceAccounts))).ToStringArrayOutput()
	return err
}

func (b *irsaRoleBuilder) serviceAccount(cluster IrsaCluster, account ServiceAccountArgs) (pulumi.Resource, error) {
	name := childName(b.name, accountKey(cluster, account))
	opts := b.childrenOf(account).named(name, pulumi.Provider(cluster.Kubernetes))
	if namespace := b.namespaces[childName(cluster.Name, account.Namespace)]; namespace != nil {
		opts = append(opts, pulumi.DependsOn([]pulumi.Resource{namespace}))
	}
	if account.mode() == PatchServiceAccount {
		return b.patchServiceAccount(name, cluster, account, opts)
	}
	if account.mode() == ImportServiceAccount {
		opts = append(opts, pulumi.Import(account.id()))
	}
	return corev1.NewServiceAccount(b.ctx, name, &corev1.ServiceAccountArgs{
		Metadata: namedObject(account.Name, account.Namespace, account.Labels, account.irsaAnnotations(b.role.Arn)),
	}, opts...)
}

// childrenOf are the children in whose names an account stands. They may have been those of another role.
func (b *irsaRoleBuilder) childrenOf(account ServiceAccountArgs) children {
	children := b.inClusters
	children.names.aliases = slices.Concat(children.names.aliases, account.EarlierRoles)
	return children
}

// patchServiceAccount annotates an account that another tool owns. A server-side apply makes what is missing, so the account is
// read first, and the engine fails when it is not there. It is read under the name and type of a created one, and under the
// names before that, because the engine deletes what is no longer registered, and releases what is read; reads have no
// aliases.
func (b *irsaRoleBuilder) patchServiceAccount(
	name string, cluster IrsaCluster, account ServiceAccountArgs, opts []pulumi.ResourceOption,
) (pulumi.Resource, error) {
	var read []pulumi.Resource
	for _, name := range b.childrenOf(account).names.all(name) {
		found, err := corev1.GetServiceAccount(b.ctx, name, account.id(), nil, opts...)
		if err != nil {
			return nil, err
		}
		read = append(read, found)
	}
	if namespace := cluster.Namespaces[account.Namespace]; namespace != nil {
		opts = append(opts, pulumi.DeletedWith(namespace))
	}
	return corev1.NewServiceAccountPatch(b.ctx, name, &corev1.ServiceAccountPatchArgs{
		Metadata: patchedObject(account.Name, account.Namespace, account.Labels, account.irsaAnnotations(b.role.Arn)),
	}, append(opts, pulumi.DependsOn(read))...)
}

// id is the account's in the Kubernetes provider.
func (account ServiceAccountArgs) id() pulumi.ID {
	return pulumi.ID(account.Namespace + "/" + account.Name)
}

// accountKey names a service account among those of all clusters.
func accountKey(cluster IrsaCluster, account ServiceAccountArgs) string {
	return childName(cluster.Name, account.Namespace, account.Name)
}

// eachServiceAccount visits every service account in every cluster, in the order of the arguments.
func (b *irsaRoleBuilder) eachServiceAccount(visit func(IrsaCluster, ServiceAccountArgs) error) error {
	for _, cluster := range b.args.Clusters {
		for _, account := range b.args.ServiceAccounts {
			if err := visit(cluster, account); err != nil {
				return err
			}
		}
	}
	return nil
}

func (account ServiceAccountArgs) mode() ServiceAccountMode {
	if account.Mode == "" {
		return CreateServiceAccount
	}
	return account.Mode
}

// mustExist reports whether the account must exist before the role.
func (account ServiceAccountArgs) mustExist() bool {
	return account.mode() == PatchServiceAccount || account.mode() == ImportServiceAccount
}

// Limits of eks.amazonaws.com/token-expiration, in seconds; Kubernetes sets the lower one.
const (
	minTokenExpiration = 600
	maxTokenExpiration = 86400
)

func (account ServiceAccountArgs) validate() error {
	var found fielderr.List
	found.Add("mode", account.Mode.Validate())
	found.Refuse(account.NamePattern != "" && account.mode() != TrustOnly, "mode",
		"a namePattern names no single account, so it needs %q", TrustOnly)
	found.Refuse(account.mustExist() && account.CreateNamespace, "createNamespace",
		"the account to %s is in a namespace that exists", account.mode())
	seconds := account.TokenExpirationSeconds
	found.Refuse(seconds != 0 && (seconds < minTokenExpiration || seconds > maxTokenExpiration), "tokenExpirationSeconds",
		"%d is not within %d to %d", seconds, minTokenExpiration, maxTokenExpiration)
	found.Add("labels", kubename.ValidateLabels(account.Labels))
	found.Add("annotations", kubename.ValidateAnnotations(account.Annotations))
	for _, key := range slices.Sorted(maps.Keys(account.Annotations)) {
		reason, is := webhookAnnotations[key]
		found.Refuse(is, "annotations", "%q %s", key, reason)
	}
	return found.Err()
}
