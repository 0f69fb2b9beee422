// Package tests runs the components and the platform against a recorder that stands for the Pulumi engine, AWS and
// Kubernetes, and looks at what they register.
//
// `go test ./tests -update` rewrites the golden files that list resources; read the difference before you keep it.
package tests

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	organization, project, stack = "acme", "eks-irsa", "dev"

	account = "111122223333"

	hubIssuer      = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"
	createdIssuer  = "oidc.eks.eu-west-1.amazonaws.com/id/CREATED"
	hubProviderArn = "arn:aws:iam::" + account + ":oidc-provider/" + hubIssuer

	getCallerIdentity        = "aws:index/getCallerIdentity:getCallerIdentity"
	getAddon                 = "aws:eks/getAddon:getAddon"
	getCluster               = "aws:eks/getCluster:getCluster"
	getClusters              = "aws:eks/getClusters:getClusters"
	getOpenIDConnectProvider = "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider"
	getPartition             = "aws:index/getPartition:getPartition"
	getPolicy                = "aws:iam/getPolicy:getPolicy"
	getServiceQuota          = "aws:servicequotas/getServiceQuota:getServiceQuota"

	roleType         = "aws:iam/role:Role"
	policyType       = "aws:iam/policy:Policy"
	inlinePolicyType = "aws:iam/rolePolicy:RolePolicy"

	inlineExclusiveType   = "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive"
	attachedExclusiveType = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"

	attachmentType     = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	iamProviderType    = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
	accessEntryType    = "aws:eks/accessEntry:AccessEntry"
	associationType    = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
	addonType          = "aws:eks/addon:Addon"
	podIdentityType    = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
	awsAuthRoleType    = "eks-irsa:index:AwsAuthRole"
	bucketType         = "aws:s3/bucketV2:BucketV2"
	eksClusterType     = "aws:eks/cluster:Cluster"
	createdClusterType = "eks:index:Cluster"
	awsProviderType    = "pulumi:providers:aws"
	namespaceType      = "kubernetes:core/v1:Namespace"
	jobType            = "kubernetes:batch/v1:Job"
	podType            = "kubernetes:core/v1:Pod"
	secretType         = "kubernetes:core/v1:Secret"
	serviceAccountType = "kubernetes:core/v1:ServiceAccount"
	clusterRoleType    = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
	accountPatchType   = "kubernetes:core/v1:ServiceAccountPatch"
)

const clusterRoleBindingType = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"

// podIdentityAgent is the name of the add-on that EKS Pod Identity needs.
const podIdentityAgent = "eks-pod-identity-agent"

// recorder plays the engine: it records what a program asks for and answers as AWS and Kubernetes would. Its exported
// counterpart in the SDK is pulumi.MockResourceMonitor.
type recorder struct {
	// What exists before the program runs.
	partition     string
	partitions    map[string]string               // partition by AWS provider; the one above for all others
	accounts      map[string]string               // account by AWS provider; "111122223333" for all others
	clusters      map[string]resource.PropertyMap // answers of getCluster, by name
	oidcProviders map[string]resource.PropertyMap // answers of getOpenIdConnectProvider, by URL
	quotas        map[string]float64              // quotas of IAM that AWS has raised, by <account>/<code>
	agents        []string                        // clusters that have the agent of EKS Pod Identity
	invokeErrors  map[string]error                // by token
	passing       map[string]int                  // how many invokes get the error above, by token; all without
	answers       map[string]resource.PropertyMap // of the other invokes, by token
	refused       string                          // URN of the resource that the engine refuses
	unfinished    string                          // name of the Job that does not complete

	mutex         sync.Mutex
	registrations []registration
	invokes       []pulumi.MockCallArgs
}

// registration is a resource as it reached the engine. RegisterRPC is the whole request, with every option.
type registration struct {
	pulumi.MockResourceArgs

	URN string
}

func newRecorder() *recorder {
	return &recorder{
		partition: "aws", partitions: map[string]string{}, accounts: map[string]string{}, clusters: map[string]resource.PropertyMap{},
		oidcProviders: map[string]resource.PropertyMap{}, invokeErrors: map[string]error{}, passing: map[string]int{}, quotas: map[string]float64{},
	}
}

// NewResource records a registration. Like the engine it refuses two resources with one URN.
func (r *recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	added := registration{MockResourceArgs: args, URN: urnOf(args)}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if slices.ContainsFunc(r.registrations, func(other registration) bool { return other.URN == added.URN }) {
		return "", nil, fmt.Errorf("duplicate resource URN %s", added.URN)
	}
	r.registrations = append(r.registrations, added)
	if added.URN == r.refused {
		return "", nil, errors.New(refusedLater)
	}
	if args.ReadRPC != nil {
		return args.ID, r.readState(args.ID), nil
	}
	if !args.Custom {
		return "", r.componentState(added), nil
	}
	return "id", r.state(added), nil
}

func urnOf(args pulumi.MockResourceArgs) string {
	parentType := resource.URN(parentOf(args)).QualifiedType()
	if parentType == resource.RootStackType {
		parentType = ""
	}
	return string(resource.NewURN(stack, project, parentType, tokens.Type(args.TypeToken), args.Name))
}

// parentOf is the URN of the parent of a resource, whether it is registered or only read.
func parentOf(args pulumi.MockResourceArgs) string {
	if args.ReadRPC != nil {
		return args.ReadRPC.GetParent()
	}
	return args.RegisterRPC.GetParent()
}

// isRead tells that the resource is only read.
func (added registration) isRead() bool { return added.ReadRPC != nil }

// run runs a program to its end, when every output is known, and gives the program's error.
func (r *recorder) run(program pulumi.RunFunc, options ...pulumi.RunOption) error {
	return pulumi.RunErr(program, append(options, pulumi.WithMocksWithOrganization(organization, project, stack, r))...)
}

// preview makes a run one in which what is not made yet is unknown.
func preview(info *pulumi.RunInfo) { info.DryRun = true }

// withConfig sets the stack's configuration.
func withConfig(values map[string]string) pulumi.RunOption {
	return func(info *pulumi.RunInfo) { info.Config = values }
}

// one is the only registration of a type and name.
func (r *recorder) one(t *testing.T, typ, name string) registration {
	t.Helper()
	i := slices.IndexFunc(r.registrations, func(a registration) bool { return a.TypeToken == typ && a.Name == name })
	require.NotEqual(t, -1, i, "%s %q is not among\n%s", typ, name, strings.Join(r.graph(), "\n"))
	return r.registrations[i]
}

// ofType are the registrations of a type, by name.
func (r *recorder) ofType(typ string) []registration {
	var found []registration
	for _, added := range r.registrations {
		if added.TypeToken == typ {
			found = append(found, added)
		}
	}
	slices.SortFunc(found, func(a, b registration) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// called are the arguments of the invokes of a token.
func (r *recorder) called(token string) []pulumi.MockCallArgs {
	var found []pulumi.MockCallArgs
	for _, invoke := range r.invokes {
		if invoke.Token == token {
			found = append(found, invoke)
		}
	}
	return found
}

// graph describes every registration by its type, name, parent, provider and dependencies, sorted.
func (r *recorder) graph() []string {
	var lines []string
	for _, added := range r.registrations {
		line := added.TypeToken + " " + added.Name
		if added.ReadRPC != nil {
			line += " (read)"
		}
		if parent := resource.URN(parentOf(added.MockResourceArgs)); parent.Type() != resource.RootStackType {
			line += " in " + parent.Name()
		}
		if added.Provider != "" {
			line += " by " + providerName(added.Provider)
		}
		if after := added.dependencies(); len(after) > 0 {
			line += " after " + strings.Join(after, ", ")
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// urns are those of every registration, sorted.
func (r *recorder) urns() []string {
	var urns []string
	for _, added := range r.registrations {
		urns = append(urns, added.URN)
	}
	slices.Sort(urns)
	return urns
}

// requests are the URNs and inputs of every registration, sorted.
func (r *recorder) requests(t *testing.T) []string {
	t.Helper()
	var requests []string
	for _, added := range r.registrations {
		requests = append(requests, added.URN+" "+added.json(t))
	}
	slices.Sort(requests)
	return requests
}

// dependencies are what the engine makes first, each as <type>/<name>, sorted.
func (added registration) dependencies() []string {
	var names []string
	for _, dependency := range append(added.RegisterRPC.GetDependencies(), added.ReadRPC.GetDependencies()...) {
		urn := resource.URN(dependency)
		names = append(names, string(urn.Type().Name())+"/"+urn.Name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// replacement is the value whose change replaces the resource, and whether the old one goes first.
func (added registration) replacement() (trigger any, deleteFirst bool) {
	return added.RegisterRPC.GetReplacementTrigger().AsInterface(), added.RegisterRPC.GetDeleteBeforeReplace()
}

// json are a registration's inputs, with secrets as {"secret": ...}.
func (added registration) json(t *testing.T) string {
	t.Helper()
	return jsonOf(t, readable(resource.NewObjectProperty(added.Inputs)))
}

func readable(value resource.PropertyValue) any {
	return value.MapRepl(nil, func(value resource.PropertyValue) (any, bool) {
		if !value.IsSecret() {
			return nil, false
		}
		return map[string]any{"secret": readable(value.SecretValue().Element)}, true
	})
}

// providerName is the name of the provider in a reference to it, which is its URN and its ID.
func providerName(reference string) string {
	end := strings.LastIndex(reference, "::")
	if end < 0 {
		return ""
	}
	return resource.URN(reference[:end]).Name()
}

// plain is the text of a property, or the given one where it is unset.
func plain(value resource.PropertyValue, unset string) string {
	for value.IsSecret() {
		value = value.SecretValue().Element
	}
	if value.IsString() {
		return value.StringValue()
	}
	return unset
}

// providers are the providers that tests pass to components.
type providers struct {
	aws  *aws.Provider
	hub  *kubernetes.Provider
	edge *kubernetes.Provider
	ctx  *pulumi.Context // nil where nothing is registered
}

// awsEdge is the AWS provider of another region, "aws-edge", which is registered where it is asked for.
func (p providers) awsEdge() *aws.Provider {
	if p.ctx == nil {
		return &aws.Provider{}
	}
	provider, err := aws.NewProvider(p.ctx, "aws-edge", &aws.ProviderArgs{Region: pulumi.String("us-east-1")})
	if err != nil {
		panic(err)
	}
	return provider
}

func registerProviders(ctx *pulumi.Context) (p providers, err error) {
	p.ctx = ctx
	var faults [3]error
	p.aws, faults[0] = aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String("eu-west-1")})
	p.hub, faults[1] = kubernetes.NewProvider(ctx, "kubernetes-hub", &kubernetes.ProviderArgs{Kubeconfig: pulumi.String("hub")})
	p.edge, faults[2] = kubernetes.NewProvider(ctx, "kubernetes-edge", &kubernetes.ProviderArgs{Kubeconfig: pulumi.String("edge")})
	return p, errors.Join(faults[:]...)
}

// refuseAtOnce makes the SDK refuse a resource before it reaches the engine, so that the constructor that registers it
// fails at once and not later.
func refuseAtOnce(ctx *pulumi.Context, typ, name string) error {
	return ctx.RegisterStackTransformation(func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		if args.Type != typ || args.Name != name {
			return nil
		}
		stranger := &pulumi.ResourceState{}
		if err := ctx.RegisterComponentResource("test:index:Stranger", "stranger", stranger); err != nil {
			return nil
		}
		return &pulumi.ResourceTransformationResult{Props: args.Props, Opts: []pulumi.ResourceOption{pulumi.Parent(stranger)}}
	})
}

// refusedLater is the engine's error for what it refuses.
const refusedLater = "the API says no"

// refusedAtOnce is the SDK's error for refuseAtOnce.
const refusedAtOnce = "transformations cannot currently be used to change the `parent` of a resource"

// ancestors are the resources at the top, but for providers, sorted. On the way up it checks that the name of everything
// begins with that of its ancestor.
func (r *recorder) ancestors(t *testing.T) []string {
	t.Helper()
	byURN := map[string]registration{}
	for _, added := range r.registrations {
		byURN[added.URN] = added
	}
	var found []string
	for _, added := range r.registrations {
		if strings.HasPrefix(added.TypeToken, "pulumi:providers:") {
			continue
		}
		top := added
		for {
			parent, ok := byURN[parentOf(top.MockResourceArgs)]
			if !ok {
				break
			}
			top = parent
		}
		require.Equal(t, resource.RootStackType, resource.URN(parentOf(top.MockResourceArgs)).Type(), "the parent of %s is registered", top.URN)
		assert.True(t, added.Name == top.Name || strings.HasPrefix(added.Name, top.Name+"/"), "%s does not begin with %q", added.URN, top.Name)
		found = append(found, top.TypeToken+" "+top.Name)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
