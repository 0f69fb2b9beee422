package stacks

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// platform is what the steps of the program share.
type platform struct {
	ctx *pulumi.Context
	cfg *Config

	providers map[providerKey]*aws.Provider
	accounts  map[credentials]*account
	// policies are the ARNs of AWS's own policies that the configuration names, and "" for those that AWS does not have.
	policies map[namedPolicy]string
	clusters map[string]*resolvedCluster
	// gone are the clusters that were leaving and are not there any more.
	gone map[string]bool
	// roles are those that were made, by their keys, that of self-managed Argo CD among them.
	roles map[string]*components.IrsaRole
	// before are the outputs of the stack's last update, and unread is why they cannot be read.
	before stackOutputs
	unread error
	// providersBefore are the names of the AWS providers that the roles were made with, by the roles' keys, and rolesBefore the keys
	// of the roles of each service account, which is given as <cluster>/<namespace>/<name>.
	providersBefore map[string]string
	rolesBefore     map[string][]string
	// buckets are all buckets and their objects.
	buckets []pulumi.Resource
	// outputs are the stack's outputs, by name.
	outputs map[string]pulumi.Map
}

// namedPolicy is one of AWS's own policies, as an account is asked for it.
type namedPolicy struct{ account, name string }

// account is the AWS account that credentials reach.
type account struct {
	credentials credentials
	// iam is the provider of everything in IAM. IAM has no regions, but Pulumi's AWS provider has, and whatever goes through
	// one of another region is replaced. So its region is that of the partition and not that of a cluster, which may leave.
	iam *aws.Provider

	id, partition string
}

// resolvedCluster is what the rest of the platform needs to know of a cluster, adopted or created.
type resolvedCluster struct {
	key string

	name, arn, endpoint, caData pulumi.StringInput
	// issuer is empty for a cluster that is still to be created; newIssuer is then its issuer.
	issuer    string
	newIssuer pulumi.StringInput
	mode      components.AuthenticationMode
	// vpcID is the ID of the cluster's VPC.
	vpcID string
	// nodeRoleArn is the role of the nodes of a cluster that this stack creates.
	nodeRoleArn pulumi.StringInput

	account      *account
	aws          *aws.Provider
	kubeconfig   pulumi.StringInput
	kubernetes   *kubernetes.Provider
	oidcProvider *components.OidcProvider
	// arnWithAgent is the ARN, once the agent of EKS Pod Identity is there if this stack installs it.
	arnWithAgent pulumi.StringInput
	namespaces   map[string]pulumi.Resource
	// ready is what a new cluster needs before anything is made in it, its nodes for example.
	ready []pulumi.Resource
	// outputs are the cluster's entry among the stack's outputs.
	outputs pulumi.Map
}

// accountOf is the account of a cluster.
func (p *platform) accountOf(cluster string) *account {
	return p.accounts[p.cfg.Clusters[cluster].credentials()]
}

// output adds an entry to one of the stack's outputs.
func (p *platform) output(name, key string, value pulumi.Map) {
	if p.outputs[name] == nil {
		p.outputs[name] = pulumi.Map{}
	}
	p.outputs[name][key] = value
}

func (p *platform) export() {
	for _, name := range slices.Sorted(maps.Keys(p.outputs)) {
		p.ctx.Export(name, p.outputs[name])
	}
}
