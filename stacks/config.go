package stacks

import (
	"fmt"
	"net/url"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
)

// ConfigKey is the key, in the project's own namespace, under which Pulumi.<env>.yaml declares the platform. All of it
// is under one key, as Pulumi does not tell a program of keys that it does not ask for, a misspelt one for example.
const ConfigKey = "platform"

// Config declares an environment. Keys of its maps are names of your own, by which the parts refer to each other; they
// name the Pulumi resources too, so a key that is renamed says in its aliases what it was called before.
type Config struct {
	// Tags are put on all that is made in AWS, but for the objects of buckets and the instances of nodes.
	Tags map[string]string `json:"tags"`
	// Owner is what the tag of an OIDC provider that this stack makes says of the stack; see
	// components.OidcProviderArgs. Default: organization/project/stack.
	Owner string `json:"owner"`
	// Clusters are the EKS clusters, adopted or created.
	Clusters map[string]Cluster `json:"clusters"`
	// Buckets are S3 buckets for the roles to use.
	Buckets map[string]Bucket `json:"buckets"`
	// Roles are the IAM roles of service accounts.
	Roles map[string]Role `json:"roles"`
	// ArgoCD is the hub of Argo CD and the clusters that it reaches.
	ArgoCD *ArgoCD `json:"argocd"`
	// TestPodDefaults say how the pods of all proofs run, where a testPod says nothing else.
	TestPodDefaults components.PodSettings `json:"testPodDefaults"`
}

// Cluster is an EKS cluster. It exists already and is looked up by its name, unless Create is given.
type Cluster struct {
	// Aliases are the keys that the cluster had before.
	Aliases Aliases `json:"aliases"`
	// Name is the EKS cluster's name. Default: the key, the oldest one where there are aliases.
	Name string `json:"name"`
	// Region is the AWS region, eu-west-1 for example.
	Region string `json:"region"`
	// Profile is an AWS profile that reaches the cluster's account. Default: the environment's credentials.
	Profile string `json:"profile"`
	// AssumeRole is a role to assume on the way into the cluster's account.
	AssumeRole *AssumeRole `json:"assumeRole"`
	// Create makes the cluster, with pulumi-eks.
	Create *ClusterSpec `json:"create"`
	// Namespaces are created in the cluster, and deleted with everything in them when they are taken off the list.
	Namespaces []string `json:"namespaces"`
	// OidcProvider says how to create the cluster's IAM OIDC provider if there is none yet.
	OidcProvider OidcProvider `json:"oidcProvider"`
}

// AssumeRole is a role that Pulumi and the kubeconfig assume to reach an account. A role that wants an external ID is
// reached by a profile that names both, as `aws eks get-token` takes no external ID.
type AssumeRole struct {
	// RoleArn is the role's ARN.
	RoleArn string `json:"roleArn"`
	// SessionName names the session. Default: the AWS provider's own.
	SessionName string `json:"sessionName"`
}

// OidcProvider says how an IAM OIDC provider is created and kept; an adopted one stays as it is.
type OidcProvider struct {
	// ClientIDs are the audiences. Default: sts.amazonaws.com, which must be among them.
	ClientIDs []string `json:"clientIds"`
	// Thumbprints of the issuer's certificate. Default: none.
	Thumbprints []string `json:"thumbprints"`
	// ComputeThumbprint takes the thumbprint from the issuer's TLS chain.
	ComputeThumbprint bool `json:"computeThumbprint"`
	// Import takes over the provider that exists, whichever stack or tool made it. It is meant for one update.
	Import bool `json:"import"`
	// RetainOnDelete leaves a provider of this stack where it is when the stack is destroyed. Default: false.
	RetainOnDelete bool `json:"retainOnDelete"`
}

// Bucket is an S3 bucket, with the defaults of S3: private, no public access, encrypted.
type Bucket struct {
	// Aliases are the keys that the bucket had before.
	Aliases Aliases `json:"aliases"`
	// Name is the bucket's, unique in all of AWS. Default: the key, the oldest one where there are aliases.
	Name string `json:"name"`
	// Cluster is the one in whose region and account the bucket is.
	Cluster string `json:"cluster"`
	// Objects are small text objects, by key.
	Objects map[string]string `json:"objects"`
	// ForceDestroy empties the bucket when it is deleted. Default: false, a bucket with other objects stays.
	ForceDestroy bool `json:"forceDestroy"`
}

// RoleSettings are what every role takes.
type RoleSettings struct {
	Path               string `json:"path"`
	Description        string `json:"description"`
	MaxSessionDuration int    `json:"maxSessionDuration"`
	// PermissionsBoundary is the name of one of AWS's own policies, or an ARN.
	PermissionsBoundary string            `json:"permissionsBoundary"`
	Tags                map[string]string `json:"tags"`
}

// PodRoleSettings are what every role of pods takes, Argo CD's among them.
type PodRoleSettings struct {
	RoleSettings
	KeepForeignPolicies bool `json:"keepForeignPolicies"`
	MaxTrustPolicySize  int  `json:"maxTrustPolicySize"`
	// ManagedPolicies are names of AWS's own policies (AmazonS3ReadOnlyAccess) or ARNs.
	ManagedPolicies []string `json:"managedPolicies"`
	// InlinePolicies and CustomerManagedPolicies are documents, as YAML or JSON, by policy name.
	InlinePolicies          map[string]Document `json:"inlinePolicies"`
	CustomerManagedPolicies map[string]Document `json:"customerManagedPolicies"`
}

// Role is an IAM role for service accounts; see components.IrsaRoleArgs.
type Role struct {
	// Aliases are the keys that the role had before.
	Aliases Aliases `json:"aliases"`
	// Clusters whose pods may assume the role, by their keys; all of one account.
	Clusters []string `json:"clusters"`
	// ServiceAccounts that may assume the role, in every one of its clusters.
	ServiceAccounts []ServiceAccount `json:"serviceAccounts"`

	Name       string `json:"name"`
	NamePrefix string `json:"namePrefix"`
	PodRoleSettings

	// TestPod proves the role in every cluster and service account.
	TestPod *components.TestPodArgs `json:"testPod"`
}

// ServiceAccount is a Kubernetes ServiceAccount; see components.ServiceAccountArgs.
type ServiceAccount struct {
	Namespace              string                        `json:"namespace"`
	Name                   string                        `json:"name"`
	NamePattern            string                        `json:"namePattern"`
	Mode                   components.ServiceAccountMode `json:"mode"`
	Labels                 map[string]string             `json:"labels"`
	Annotations            map[string]string             `json:"annotations"`
	RegionalSTS            *bool                         `json:"regionalSts"`
	TokenExpirationSeconds int                           `json:"tokenExpirationSeconds"`
}

// ArgoCD is the cluster that Argo CD runs in, its role, and the clusters that it reaches with that role.
type ArgoCD struct {
	// Hub is the key of the cluster that Argo CD runs in.
	Hub string `json:"hub"`
	// Namespace of Argo CD. Default: argocd.
	Namespace string `json:"namespace"`
	// RoleName is the hub role's name, and RoleNamePrefix may be given in its place. Default: as for any role.
	RoleName       string `json:"roleName"`
	RoleNamePrefix string `json:"roleNamePrefix"`
	// PodRoleSettings are the hub role's.
	PodRoleSettings
	// ServiceAccounts are the accounts of Argo CD that talk to clusters. Default: those of its own manifests and chart. Its
	// operator names them <instance>-argocd-application-controller, <instance>-applicationset-controller and
	// <instance>-argocd-server, and OpenShift GitOps has the instance openshift-gitops, in the namespace of that name.
	//
	// https://github.com/argoproj-labs/argocd-operator/blob/master/controllers/argocd/service_account.go
	ServiceAccounts []string `json:"serviceAccounts"`
	// ServiceAccountMode is what is done about Argo CD's service accounts: create (the default), patch when its chart or
	// operator owns them, import to take them over, or trustOnly.
	ServiceAccountMode components.ServiceAccountMode `json:"serviceAccountMode"`
	// TestPod proves the hub role, and each login to a target.
	TestPod *components.TestPodArgs `json:"testPod"`
	// Targets are the clusters that Argo CD reaches, by names of your own.
	Targets map[string]ArgoCDTarget `json:"targets"`
}

// ArgoCDTarget is a cluster that Argo CD reaches: with the hub role itself (direct), which is what happens unless Role or
// RoleArn is given, or with another role that the hub role assumes on its way. The hub can be a target too, to give it a
// name and labels; Argo CD needs no AWS identity there, so how to reach it may not be given.
type ArgoCDTarget struct {
	// Aliases are the keys that the target had before.
	Aliases Aliases `json:"aliases"`
	// Cluster is the cluster's key.
	Cluster string `json:"cluster"`
	// Role is made in the cluster's account. It trusts the hub role only, and the hub role may assume it.
	Role *TargetRole `json:"role"`
	// RoleArn is a role that was made elsewhere and trusts the hub role. The hub role gets the permission to assume it.
	RoleArn string `json:"roleArn"`
	// Access is what Argo CD may do there, with whichever role it comes.
	Access ArgoCDAccess `json:"access"`
	// DisplayName in Argo CD. Default: the target's key, the oldest one where there are aliases.
	DisplayName string `json:"displayName"`
	// The rest are fields of the cluster secret; see components.ArgoCDClusterArgs.
	Project          string            `json:"project"`
	Namespaces       []string          `json:"namespaces"`
	ClusterResources *bool             `json:"clusterResources"`
	Shard            *int              `json:"shard"`
	ServerName       string            `json:"serverName"`
	ProxyURL         string            `json:"proxyUrl"`
	SecretName       string            `json:"secretName"`
	Labels           map[string]string `json:"labels"`
	Annotations      map[string]string `json:"annotations"`
}

// TargetRole is a role that Argo CD assumes on its way into a target; see components.AssumableRoleArgs.
type TargetRole struct {
	// Name of the role. Default: <hub role>-<key of the target, the oldest one>, shortened with a hash past 64 characters.
	Name string `json:"name"`
	RoleSettings
}

// ArgoCDAccess is what Argo CD may do in a target.
type ArgoCDAccess struct {
	// Via is accessEntry or aws-auth. Default: an access entry wherever the cluster's authentication mode knows them.
	Via AccessVia `json:"via"`
	// Policies are EKS access policies; access entries only.
	Policies []AccessPolicy `json:"policies"`
	// KubernetesGroups that RoleBindings in the target name.
	KubernetesGroups []string `json:"kubernetesGroups"`
	// Username in Kubernetes.
	Username string `json:"username"`
	// Import takes over the access entry that the role has already. It is meant for one update.
	Import bool `json:"import"`
	// Overwrite replaces a line of aws-auth that maps the role already; with Via aws-auth only. Default: false, which refuses.
	Overwrite bool `json:"overwrite"`
}

// AccessVia is a way into a cluster.
type AccessVia string

// The ways into a cluster.
const (
	ViaAccessEntry AccessVia = "accessEntry"
	ViaAwsAuth     AccessVia = "aws-auth"
)

// AccessPolicy is an EKS access policy, by name or ARN, for the whole cluster or for namespaces.
type AccessPolicy struct {
	Policy     string   `json:"policy"`
	Namespaces []string `json:"namespaces"`
}

// argoCDServiceAccounts are the accounts of Argo CD that talk to clusters, as its own manifests name them.
//
// https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#eks
var argoCDServiceAccounts = []string{
	"argocd-application-controller", "argocd-applicationset-controller", "argocd-server",
}

// LoadConfig reads, decodes and validates the stack's configuration. All faults are in one error, each with its path.
func LoadConfig(ctx *pulumi.Context) (*Config, error) {
	text := config.Get(ctx, ConfigKey)
	if text == "" {
		return nil, fmt.Errorf("%s:%s is not set: declare the platform in Pulumi.%s.yaml", ctx.Project(), ConfigKey, ctx.Stack())
	}
	cfg, err := ParseConfig(text)
	if err != nil {
		return nil, err
	}
	if ctx.IsConfigSecret(ctx.Project()+":"+ConfigKey) && !cfg.hasPassword() {
		return nil, fmt.Errorf("invalid configuration:\n%s: a value in it is encrypted (secure:), and all that is made of it stands in plain text "+
			"in the stack's state, but for a proxyUrl with a password; write the value as it is, or keep what is secret elsewhere", ConfigKey)
	}
	return cfg, nil
}

// hasPassword reports whether a proxy has a password, the one value that goes into nothing but a secret. Which of its values the
// configuration has encrypted, Pulumi does not say.
func (cfg *Config) hasPassword() bool {
	for _, target := range cfg.targets() {
		if proxy, err := url.Parse(target.ProxyURL); err == nil && proxy.User != nil {
			return true
		}
	}
	return false
}

// ParseConfig decodes and validates a configuration in JSON, which is how Pulumi hands it over.
func ParseConfig(text string) (*Config, error) {
	var cfg Config
	if err := decode(ConfigKey, text, &cfg); err != nil {
		return nil, fmt.Errorf("invalid configuration:\n%w", err)
	}
	if err := fault.Under(ConfigKey, cfg.validate()); err != nil {
		return nil, fmt.Errorf("invalid configuration:\n%w", err)
	}
	return &cfg, nil
}

func orKey(name, key string) string {
	if name == "" {
		return key
	}
	return name
}
