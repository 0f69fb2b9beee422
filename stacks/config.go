package stacks

import (
	"fmt"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// ConfigKey is the key, in the project's own namespace, under which Pulumi.<env>.yaml declares the platform. All of it
// is under one key, as Pulumi does not tell a program of keys that it does not ask for, a misspelt one for example.
const ConfigKey = "platform"

// inFile is the path of the configuration in Pulumi.<env>.yaml.
const inFile fielderr.Path = ConfigKey

// invalidConfiguration is nil without an error of the configuration.
func invalidConfiguration(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("invalid configuration:\n%w", fielderr.At(inFile, err))
}

// Config declares an environment. Keys of its maps are chosen by the user, by which the parts refer to each other; they
// name the Pulumi resources too, so a key that is renamed says in its aliases what it was called before.
type Config struct {
	// Tags are put on all that is made in AWS, but for the objects of buckets and the instances of nodes.
	Tags map[string]string `json:"tags"`
	// Owner is what the tag of an OIDC provider that this stack makes says of the stack; see
	// components.OidcProviderArgs. Default: organization/project/stack.
	Owner string `json:"owner"`
	// ReadQuotas asks Service Quotas, once for each account, what the account allows its roles, and holds the roles against that.
	// Default: false, IAM's defaults and what maxTrustPolicySize says.
	ReadQuotas bool `json:"readQuotas"`
	// Include are the paths of files, from the folder of Pulumi.yaml, that declare clusters, buckets and roles besides.
	Include []string `json:"include"`
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
	// OwnPodIdentityAgent is for a cluster whose agent of EKS Pod Identity is not the add-on eks-pod-identity-agent. EKS Auto Mode is
	// recognized by itself, and a cluster that is created gets the add-on with the first role that needs it. Default: false.
	OwnPodIdentityAgent bool `json:"ownPodIdentityAgent"`
	// Leaving is for a cluster that is to be deleted when its pods have moved to another one: roles trust it until it is gone, and
	// nothing is proven in it. Default: false.
	Leaving bool `json:"leaving"`
	// OidcProvider says how to create the cluster's IAM OIDC provider if there is none yet.
	OidcProvider OidcProvider `json:"oidcProvider"`
	// Access are access entries of the cluster, by keys that the user chooses. The cluster's authentication mode must know them.
	Access map[string]AccessEntry `json:"access"`
}

// AccessEntry gives an IAM role or a user access to a cluster.
type AccessEntry struct {
	// Aliases are the keys that the entry had before.
	Aliases Aliases `json:"aliases"`
	// PrincipalArn is the ARN of the role, with its path, or of the user.
	PrincipalArn string `json:"principalArn"`
	// Type is STANDARD (the default) or, for the roles of nodes, the kind of the nodes.
	Type components.AccessEntryType `json:"type"`
	// AccessEntryArgs are what the entry gives, but for its type.
	components.AccessEntryArgs
}

// ClusterSpec is a cluster to create: its control plane by pulumi-eks, its nodes a managed node group on Amazon Linux 2023.
type ClusterSpec struct {
	// Version of Kubernetes, "1.34" for example. A newer one upgrades the control plane and then the nodes. Default: the
	// one that EKS takes by default, which need not be its newest.
	Version string `json:"version"`
	// InstanceType of the nodes, m7g.large for example. AWS says what it is built like, and the nodes' image follows.
	// Default: [DefaultInstanceType].
	InstanceType string `json:"instanceType"`
	// MinSize, MaxSize and DesiredCapacity of the node group, in nodes. Default: 1, 2 and 2, or what comes nearest to that
	// beside those that are given.
	MinSize         *int `json:"minSize"`
	MaxSize         *int `json:"maxSize"`
	DesiredCapacity *int `json:"desiredCapacity"`
	// VpcID, PublicSubnetIDs and PrivateSubnetIDs place the cluster, in two availability zones at least. The nodes are in
	// the private subnets if there are any, else in the public ones, which must then give their instances public addresses.
	// Default: the default VPC of the account.
	VpcID            string   `json:"vpcId"`
	PublicSubnetIDs  []string `json:"publicSubnetIds"`
	PrivateSubnetIDs []string `json:"privateSubnetIds"`
	// AuthenticationMode is API (the default), API_AND_CONFIG_MAP or CONFIG_MAP. It goes from CONFIG_MAP to API_AND_CONFIG_MAP and from
	// there to API, one step with each update, and never back.
	AuthenticationMode components.AuthenticationMode `json:"authenticationMode"`
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
	components.OidcProviderArgs
	// ComputeThumbprint takes the thumbprint from the issuer's TLS chain.
	ComputeThumbprint bool `json:"computeThumbprint"`
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

// Role is an IAM role for service accounts.
type Role struct {
	// Aliases are the keys that the role had before.
	Aliases Aliases `json:"aliases"`
	// Clusters whose pods may assume the role, by their keys; all of one account.
	Clusters []string `json:"clusters"`
	// IrsaRoleArgs are the component's arguments, but for the clusters.
	components.IrsaRoleArgs
}

// ArgoCD is the cluster that Argo CD runs in, its role, and the clusters that it reaches with that role.
type ArgoCD struct {
	// Hub is the key of the cluster that Argo CD runs in.
	Hub string `json:"hub"`
	// Namespace of Argo CD. Default: argocd.
	Namespace string `json:"namespace"`
	// Managed is for managed Argo CD, an EKS Capability of the hub. It takes the place of everything else but the targets: there are no
	// pods of yours, and the targets let the capability role in. Default: none, Argo CD runs in the hub.
	Managed *ManagedArgoCD `json:"managed"`
	// RoleName is the hub role's name, and RoleNamePrefix may be given in its place. Default: as for any role.
	RoleName       string `json:"roleName"`
	RoleNamePrefix string `json:"roleNamePrefix"`
	// Identity is the way on which Argo CD's pods get the hub role. Default: irsa.
	Identity components.IdentityType `json:"identity"`
	// RoleSettings and RolePolicies are the hub role's.
	components.RoleSettings
	components.RolePolicies
	// ServiceAccounts are the accounts of Argo CD that talk to clusters. Default: those of its own manifests and chart. Its
	// operator names them <instance>-argocd-application-controller, <instance>-applicationset-controller and
	// <instance>-argocd-server, and OpenShift GitOps has the instance openshift-gitops, in the namespace of that name.
	//
	// https://github.com/argoproj-labs/argocd-operator/blob/master/controllers/argocd/service_account.go
	ServiceAccounts []string `json:"serviceAccounts"`
	// ServiceAccountMode says how Argo CD's service accounts are managed: create (the default), patch when its chart or
	// operator owns them, import to take them over, or trustOnly.
	ServiceAccountMode components.ServiceAccountMode `json:"serviceAccountMode"`
	// TestPod proves the hub role, and each login to a target.
	TestPod *components.TestPodArgs `json:"testPod"`
	// Targets are the clusters that Argo CD reaches, by keys that the user chooses.
	Targets map[string]ArgoCDTarget `json:"targets"`
}

// ManagedArgoCD is managed Argo CD. The capability itself is made by hand: version 6 of the AWS provider has no resource for it.
type ManagedArgoCD struct {
	// Role is the capability role. Default name: <name of the hub's cluster>-argocd-capability, shortened with a hash past 64 characters.
	Role *components.CapabilityRoleArgs `json:"role"`
	// RoleArn is a capability role that exists, in the hub's account, in the place of Role.
	RoleArn string `json:"roleArn"`
}

// ArgoCDTarget is a cluster that Argo CD reaches: with the hub role itself (direct), which is what happens unless Role or
// RoleArn is given, or with another role that the hub role assumes on its way. The hub can be a target too, to give it a
// name and labels; Argo CD needs no AWS identity there, so how to reach it may not be given.
type ArgoCDTarget struct {
	// Aliases are the keys that the target had before.
	Aliases Aliases `json:"aliases"`
	// Cluster is the cluster's key.
	Cluster string `json:"cluster"`
	// Bridge writes what this stack knows of the cluster and of the roles in it into annotations of the secret, under the keys that the
	// ApplicationSets of gitops-bridge read. Annotations of the same keys win. Default: false.
	Bridge bool `json:"bridge"`
	// ArgoCDTargetArgs are the component's arguments, but for the cluster and the hub; the hub role gets the permission to assume
	// the target's role. Default display name: the target's key, the oldest one where there are aliases. Default name of the role:
	// <hub role>-<key of the target, the oldest one>, shortened with a hash past 64 characters.
	components.ArgoCDTargetArgs
}

// targets are Argo CD's, if there is one.
func (cfg *Config) targets() map[string]ArgoCDTarget {
	if cfg.ArgoCD == nil {
		return nil
	}
	return cfg.ArgoCD.Targets
}
