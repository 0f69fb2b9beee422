package components

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

// ArgoCDTargetType is the type token of [ArgoCDTarget].
const ArgoCDTargetType = "eks-irsa:index:ArgoCDTarget"

// ArgoCDServiceAccounts are the accounts of Argo CD that talk to clusters, as its own manifests name them.
//
// https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#eks
func ArgoCDServiceAccounts() []string {
	return []string{"argocd-application-controller", "argocd-applicationset-controller", "argocd-server"}
}

// ArgoCDHub is Argo CD's identity, as its targets need to know it: of one that you run, or of managed Argo CD.
type ArgoCDHub struct {
	// Managed is whether Argo CD is an EKS Capability, which AWS runs outside of the hub's cluster. It knows clusters by their ARNs,
	// and logs in to each as Role.
	Managed bool
	// Role is the IAM role of Argo CD's service accounts, or the role of the capability; see [CapabilityRole].
	Role TrustedRole
	// Dependencies are what Argo CD needs before it can log in: [IrsaRole.Dependencies], and its namespace if the program makes it.
	Dependencies []pulumi.Resource
	// ServiceAccounts log in to each target when there is a TestPod. Default: [ArgoCDServiceAccounts]. Managed Argo CD has none.
	ServiceAccounts []string
	// TestPod proves each login to a target. Default: none. It is not for managed Argo CD, which has no pods in the hub: that its role
	// has access is all that Pulumi knows there.
	TestPod *PodSettings
}

// ArgoCDTargetArgs are the arguments of [NewArgoCDTarget]. The json names are those of Pulumi.<env>.yaml.
type ArgoCDTargetArgs struct {
	// Hub is the Argo CD that reaches the cluster.
	Hub ArgoCDHub `json:"-"`
	// ArgoCDClusterArgs are those of the cluster secret, and say how the cluster is reached. RoleArn is a role that was made
	// elsewhere and trusts the hub's role.
	ArgoCDClusterArgs
	// Role is made in the cluster's account and trusts the hub's role only. The hub's role needs the permission to assume it, as it
	// does for RoleArn. Default: the cluster lets the hub's role in directly.
	Role *AssumableRoleArgs `json:"role"`
	// Access is what Argo CD may do there, with whichever role it comes. Managed Argo CD comes by an access entry. Default for it: to
	// edit what is in Namespaces, and to read the whole cluster. In the hub's own cluster it is policies alone: EKS keeps the entry.
	Access ArgoCDAccess `json:"access"`
	// AuthenticationMode of the cluster, if known. Access is by an access entry unless it is CONFIG_MAP.
	AuthenticationMode AuthenticationMode `json:"-"`
	// Cluster is a resource that Pulumi replaces when another EKS cluster takes the name; see [ClusterAccessArgs]. The access is made
	// again with it, while the secret stays and is updated.
	Cluster pulumi.Resource `json:"-"`
	// Kubeconfig reaches the cluster to edit aws-auth; it is kept secret in state.
	Kubeconfig pulumi.StringInput `json:"-"`
	// RoleProvider is the AWS provider of Role; see [NewIrsaRole] for why that may be another one. Default: the component's.
	RoleProvider pulumi.ProviderResource `json:"-"`
	// Kubernetes is the Kubernetes provider of the cluster, needed by managed Argo CD without an Access of its own: the ClusterRole by
	// which it reads is made there.
	Kubernetes pulumi.ProviderResource `json:"-"`
	// WithoutAccess registers the cluster alone, with managed Argo CD in its own cluster: the role has no access entry there before the
	// capability is made.
	WithoutAccess bool `json:"-"`
	// LoginTestName is the cluster in the names of the Jobs that log in, a DNS label; needed with the hub's TestPod.
	LoginTestName string `json:"-"`
}

// ArgoCDModel is how Argo CD gets into a target.
type ArgoCDModel string

// The models of a target.
const (
	// ArgoCDDirect is with the hub's role itself.
	ArgoCDDirect ArgoCDModel = "direct"
	// ArgoCDAssumedRole is with a role that the hub's role assumes on its way.
	ArgoCDAssumedRole ArgoCDModel = "role"
	// ArgoCDInCluster is from within, without AWS.
	ArgoCDInCluster ArgoCDModel = "inCluster"
	// ArgoCDManaged is by AWS, with the capability's role.
	ArgoCDManaged ArgoCDModel = "managed"
)

// Model is how Argo CD gets into the target.
func (args *ArgoCDTargetArgs) Model() ArgoCDModel {
	switch {
	case args.Hub.Managed:
		return ArgoCDManaged
	case args.InCluster:
		return ArgoCDInCluster
	case args.Role != nil || args.RoleArn != nil:
		return ArgoCDAssumedRole
	default:
		return ArgoCDDirect
	}
}

// ArgoCDTarget is a cluster that Argo CD reaches with its IAM role or with one that this role assumes: the role, its access to the
// cluster, the proof of the login and the cluster secret, in this order, as Argo CD connects as soon as it sees the secret.
type ArgoCDTarget struct {
	pulumi.ResourceState

	// PrincipalArn is the role that the cluster lets in. It has no value in the cluster that self-managed Argo CD runs in.
	PrincipalArn pulumi.StringOutput `pulumi:"principalArn"`
	// Access is the role's access, nil in the cluster that self-managed Argo CD runs in, and WithoutAccess.
	Access *ClusterAccess
	// Login proves that Argo CD gets in, nil where that is not tested.
	Login *ClusterLoginTest
	// Secret is the cluster secret.
	Secret *ArgoCDCluster
}

// NewArgoCDTarget makes the target. Its AWS provider is that of the target cluster, and its Kubernetes provider that of the cluster
// that Argo CD runs in: pulumi.Providers(target, hub).
func NewArgoCDTarget(
	ctx *pulumi.Context, name string, args *ArgoCDTargetArgs, opts ...pulumi.ResourceOption,
) (*ArgoCDTarget, error) {
	component := &ArgoCDTarget{}
	err := construct(ctx, ArgoCDTargetType, name, component, args.Validate(), opts, func(children children) error {
		builder := argoCDTargetBuilder{ctx: ctx, name: name, args: args, component: component, children: children}
		return builder.build()
	})
	if err != nil {
		return nil, err
	}
	return component, nil
}

type argoCDTargetBuilder struct {
	ctx       *pulumi.Context
	name      string
	args      *ArgoCDTargetArgs
	component *ArgoCDTarget
	children  children

	// principal is the role that the cluster lets in.
	principal TrustedRole
	// ready is what Argo CD needs to log in.
	ready []pulumi.Resource
}

func (b *argoCDTargetBuilder) build() error {
	secret := b.args.ArgoCDClusterArgs
	b.ready = slices.Clone(b.args.Hub.Dependencies)
	steps := []func() error{b.createRole, b.grantAccess, b.proveLogin}
	if b.args.Hub.Managed {
		steps = []func() error{b.createRole, b.grantManagedAccess}
	}
	if !secret.InCluster || b.args.Hub.Managed {
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		b.component.PrincipalArn = b.principal.Arn.ToStringOutput()
	}
	if b.args.Role != nil {
		secret.RoleArn = b.principal.Arn
	}
	var err error
	b.component.Secret, err = NewArgoCDCluster(b.ctx, b.name, &secret, b.options(pulumi.DependsOn(b.ready))...)
	return err
}

// options are those of a part of the target, which is called as the target itself.
func (b *argoCDTargetBuilder) options(opts ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return b.children.named(b.name, opts...)
}

// createRole makes the role that the cluster lets in, unless that is the hub's or was made elsewhere.
func (b *argoCDTargetBuilder) createRole() error {
	switch {
	case b.args.RoleArn != nil:
		b.principal.Arn = b.args.RoleArn
		return nil
	case b.args.Role == nil:
		b.principal = b.args.Hub.Role
		return nil
	}
	args, options := *b.args.Role, b.options()
	args.TrustedRoles = []TrustedRole{b.args.Hub.Role}
	if b.args.RoleProvider != nil {
		options = append(options, pulumi.Provider(b.args.RoleProvider))
	}
	role, err := NewAssumableRole(b.ctx, b.name, &args, options...)
	if err != nil {
		return err
	}
	b.principal = TrustedRole{Arn: role.Arn, UniqueId: role.UniqueId}
	return nil
}

func (b *argoCDTargetBuilder) grantAccess() error {
	args := &ClusterAccessArgs{
		ClusterName: b.args.ClusterName, PrincipalArn: b.principal.Arn, PrincipalUniqueId: b.principal.UniqueId,
		AuthenticationMode: b.args.AuthenticationMode, Cluster: b.args.Cluster,
	}
	args.AccessEntry, args.AwsAuth = b.args.Access.grant(b.args.AuthenticationMode, b.args.Kubeconfig)
	return b.grant(args)
}

func (b *argoCDTargetBuilder) grant(args *ClusterAccessArgs) error {
	access, err := NewClusterAccess(b.ctx, b.name, args, b.options()...)
	if err != nil {
		return err
	}
	b.component.Access = access
	b.ready = append(b.ready, access.Dependencies()...)
	return nil
}

// proveLogin logs in to the target under each of Argo CD's service accounts.
func (b *argoCDTargetBuilder) proveLogin() error {
	args, hub := b.args, b.args.Hub
	if hub.TestPod == nil {
		return nil
	}
	access, err := json.Marshal(args.Access)
	if err != nil {
		return err
	}
	// The proof is repeated when what it rests on changes: who logs in, as whom, and what the access is.
	fingerprint := fingerprintOf(pulumi.StringArray{hub.Role.identity(), b.principal.identity(), pulumi.String(access)})
	b.component.Login, err = NewClusterLoginTest(b.ctx, b.name, &ClusterLoginTestArgs{
		Name: args.LoginTestName, Namespace: args.namespace(), ServiceAccounts: hub.serviceAccounts(),
		ClusterName: args.ClusterName, Server: args.Server, CertificateAuthorityData: args.CertificateAuthorityData,
		ServerName: args.ServerName, ProxyURL: args.ProxyURL,
		PrincipalArn: b.principal.Arn, Assume: args.Model() == ArgoCDAssumedRole, Read: args.Access.readable(), Fingerprint: fingerprint,
		PodSettings: *hub.TestPod,
	}, b.options(pulumi.DependsOn(b.ready))...)
	return err
}

// identity is the role's unique ID, or its ARN where that is not known.
func (r TrustedRole) identity() pulumi.StringInput {
	if r.UniqueId != nil {
		return r.UniqueId
	}
	return r.Arn
}

func (hub *ArgoCDHub) serviceAccounts() []string {
	if hub.ServiceAccounts == nil {
		return ArgoCDServiceAccounts()
	}
	return hub.ServiceAccounts
}

// Validate reports every error of the arguments that can be told before the program runs, each with its path; nil
// arguments are an error.
func (args *ArgoCDTargetArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	found := fielderr.List{OnePerPath: true} // the role is checked as the secret's and as the target's
	found.Add("", args.validateLogin(args.Hub.Managed))
	found.Add("", args.ValidateSettings(args.Hub.TestPod != nil))
	found.Add("", args.validateKind())
	if args.InCluster && !args.Hub.Managed {
		return found.Err()
	}
	found.Refuse(args.Hub.Role.Arn == nil, "hub.role.arn", "must not be empty")
	if args.Hub.TestPod != nil && !args.Hub.Managed {
		found.Add("loginTestName", kubename.ValidateLabel(args.LoginTestName))
		found.Add("hub.testPod", args.Hub.TestPod.Validate())
		found.Add("hub.serviceAccounts", kubename.ValidateObjects("a service account", args.Hub.serviceAccounts()))
	}
	return found.Err()
}

// ValidateSettings is [ArgoCDTargetArgs.Validate] without the cluster and the hub, for a program that does not know them yet.
// tested is whether the login will be proven.
func (args *ArgoCDTargetArgs) ValidateSettings(tested bool) error {
	var found fielderr.List
	switch {
	case args.Hub.Managed:
		found.Refuse(args.Role != nil, "role", noSecondRole)
		found.Add("access", args.Access.validateManaged(args.AuthenticationMode, args.InCluster, args.Namespaces))
	case args.InCluster:
		found.Refuse(args.Role != nil, "role", notInCluster)
		found.Refuse(!reflect.ValueOf(args.Access).IsZero(), "access", notInCluster)
	default:
		found.Add("", args.validateRole())
		found.Add("access", args.Access.validate(args.AuthenticationMode))
	}
	secret := args.validateSettings(args.Hub.Managed)
	found.Add("", secret)
	if secret == nil && tested && !args.InCluster && !args.Hub.Managed {
		found.Add("proxyUrl", fielderr.IfGiven(args.ProxyURL, ValidateLoginProxy)) // the proof goes the same way
	}
	return found.Err()
}

// validateRole checks the role that the cluster lets in.
func (args *ArgoCDTargetArgs) validateRole() error {
	var found fielderr.List
	if args.Role != nil {
		found.Add("role", args.Role.ValidateSettings())
	}
	found.Refuse(args.Role != nil && args.RoleArn != nil, "roleArn", "give role, to have one made, or roleArn, not both")
	found.Add("roleArn", ifKnown(args.RoleArn, validateAssumableRole))
	return found.Err()
}

// validateAssumableRole checks the ARN of a role that another role is to assume.
func validateAssumableRole(text string) error {
	err := iampolicy.ValidateRoleARN(text)
	if arn, invalid := iampolicy.ParseARN(text); invalid == nil && arn.IsServiceLinkedRole() {
		return errors.Join(err, fmt.Errorf("%q is a service-linked role, which only its AWS service may assume", text))
	}
	return err
}
