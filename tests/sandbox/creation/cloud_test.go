//go:build unix

package creation_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	presource "github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

const (
	clusterType    = "aws:eks/cluster:Cluster"
	nodeGroupType  = "aws:eks/nodeGroup:NodeGroup"
	roleType       = "aws:iam/role:Role"
	attachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	entryType      = "aws:eks/accessEntry:AccessEntry"
	configMapType  = "kubernetes:core/v1:ConfigMap"
	namespaceType  = "kubernetes:core/v1:Namespace"
	kubernetesType = "pulumi:providers:kubernetes"

	account = "123456789012"
	issuer  = "https://oidc.eks.eu-west-1.amazonaws.com/id/FRESH"
)

// slowly is how long nodes take to come and namespaces to go, which is long enough for what does not wait for them.
const slowly = time.Second

// cloud plays the plugins of AWS and Kubernetes to the engine: it takes every resource, remembers what came and went in
// which order, and answers with what AWS adds to it. What pulumi-eks registers is the question here, so nothing is checked
// but the names of roles.
type cloud struct {
	partition string
	// apiServer is the endpoint of every EKS cluster.
	apiServer string

	mutex sync.Mutex
	// made and gone are the resources, the providers' configurations among made, and imported those that were there already.
	made     []made
	gone     []string
	imported []string
	// nodesLetIn says that EKS has made the access entry of the nodes, and nodesEntryGone that it is gone again.
	nodesLetIn, nodesEntryGone bool
}

// made is a resource with its inputs.
type made struct {
	urn    presource.URN
	inputs provider.Values
}

func (m made) String() string { return string(m.urn.Type()) + " " + m.urn.Name() }

// serve starts the plugins and returns how the engine finds them.
func (c *cloud) serve(t *testing.T) string {
	t.Helper()
	var found []string
	for _, name := range []string{"aws", "kubernetes"} {
		plugin, err := p.RawServer(name, "1.0.0", c.plugin())(nil)
		require.NoError(t, err)
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		server := grpc.NewServer()
		pulumirpc.RegisterResourceProviderServer(server, plugin)
		go func() { _ = server.Serve(listener) }() // ends with Stop
		t.Cleanup(server.Stop)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		require.NoError(t, err)
		found = append(found, name+":"+port)
	}
	return strings.Join(found, ",")
}

func (c *cloud) plugin() p.Provider {
	return p.Provider{
		CheckConfig: func(_ context.Context, r p.CheckRequest) (p.CheckResponse, error) {
			c.remember(r.Urn, r.Inputs)
			return p.CheckResponse{Inputs: r.Inputs}, nil
		},
		DiffConfig: diff,
		Configure:  func(context.Context, p.ConfigureRequest) error { return nil },
		Invoke:     c.invoke,
		Check:      c.check,
		Diff:       diff,
		Create: func(_ context.Context, r p.CreateRequest) (p.CreateResponse, error) {
			if r.DryRun {
				return p.CreateResponse{Properties: c.outputs(r.Urn, r.Properties, true)}, nil
			}
			if r.Urn.Type() == nodeGroupType {
				time.Sleep(slowly)
			}
			if c.nodesLetIn && (made{urn: r.Urn}).String() == accessEntry {
				return p.CreateResponse{}, errors.New("ResourceInUseException: The specified access entry resource is already in use on this cluster")
			}
			c.remember(r.Urn, r.Properties)
			return p.CreateResponse{ID: r.Urn.Name() + "-id", Properties: c.outputs(r.Urn, r.Properties, false)}, nil
		},
		Read: c.read,
		Update: func(_ context.Context, r p.UpdateRequest) (p.UpdateResponse, error) {
			if r.Urn.Type() == clusterType {
				c.nodesLetIn = true // with the authentication mode, as nothing else of a cluster changes here
			}
			return p.UpdateResponse{Properties: c.outputs(r.Urn, r.Inputs, false)}, nil
		},
		Delete: func(_ context.Context, r p.DeleteRequest) error {
			if r.Urn.Type() == namespaceType {
				time.Sleep(slowly)
			}
			c.mutex.Lock()
			defer c.mutex.Unlock()
			c.gone = append(c.gone, made{urn: r.Urn}.String())
			return nil
		},
		Cancel: func(context.Context) error { return nil },
	}
}

// read gives an import the access entry that EKS made of the nodes' role, once the authentication mode knows entries.
func (c *cloud) read(_ context.Context, r p.ReadRequest) (p.ReadResponse, error) {
	cluster, principal, ok := strings.Cut(r.ID, ":")
	if !ok || r.Urn.Type() != entryType || !c.nodesLetIn {
		return p.ReadResponse{}, fmt.Errorf("there is no %s %q to read", r.Urn.Type(), r.ID)
	}
	inputs := provider.Properties(map[string]any{"clusterName": cluster, "principalArn": principal, "type": "EC2_LINUX"})
	c.remember(r.Urn, inputs)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.imported = append(c.imported, made{urn: r.Urn}.String())
	return p.ReadResponse{ID: r.ID, Properties: inputs, Inputs: inputs}, nil
}

func (c *cloud) remember(urn presource.URN, inputs property.Map) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.made = append(c.made, made{urn: urn, inputs: provider.Plain(inputs)})
}

// roleName is what IAM takes:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
var roleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

// check names a role as the AWS plugin does, once, by the resource's name and seven characters.
func (c *cloud) check(_ context.Context, r p.CheckRequest) (p.CheckResponse, error) {
	if r.Urn.Type() != roleType {
		return p.CheckResponse{Inputs: r.Inputs}, nil
	}
	if _, named := r.Inputs.GetOk("name"); !named {
		name, kept := r.State.GetOk("name")
		if !kept {
			name = property.New(r.Urn.Name() + "-1234567")
		}
		r.Inputs = r.Inputs.Set("name", name)
	}
	if name := r.Inputs.Get("name").AsString(); !roleName.MatchString(name) {
		return p.CheckResponse{}, fmt.Errorf("%q is not the name of a role", name)
	}
	return p.CheckResponse{Inputs: r.Inputs}, nil
}

func diff(_ context.Context, r p.DiffRequest) (p.DiffResponse, error) {
	changes := map[string]p.PropertyDiff{}
	for name, value := range r.Inputs.All {
		if old, ok := r.OldInputs.GetOk(name); !slices.Contains(r.IgnoreChanges, name) && (!ok || !old.Equals(value)) {
			changes[name] = p.PropertyDiff{Kind: p.Update}
		}
	}
	for name := range r.OldInputs.All {
		if _, ok := r.Inputs.GetOk(name); !ok {
			changes[name] = p.PropertyDiff{Kind: p.Delete}
		}
	}
	return p.DiffResponse{HasChanges: len(changes) > 0, DetailedDiff: changes}, nil
}

// outputs are the inputs and what AWS adds, which a preview does not know.
func (c *cloud) outputs(urn presource.URN, inputs property.Map, preview bool) property.Map {
	arn := func(format string, args ...any) string {
		return "arn:" + c.partition + ":" + fmt.Sprintf(format, args...)
	}
	added := map[string]any{}
	switch urn.Type() {
	case clusterType:
		name := inputs.Get("name").AsString()
		added["arn"] = arn("eks:eu-west-1:%s:cluster/%s", account, name)
		added["endpoint"], added["certificateAuthority"] = c.apiServer, map[string]any{"data": "Q0E="}
		added["identities"] = []any{map[string]any{"oidcs": []any{map[string]any{"issuer": issuer}}}}
		if _, given := inputs.GetOk("version"); !given {
			added["version"] = "1.33"
		}
	case roleType:
		added["arn"] = arn("iam::%s:role/%s", account, urn.Name())
		added["uniqueId"] = "AROA" + urn.Name()
	case "aws:iam/openIdConnectProvider:OpenIdConnectProvider":
		added["arn"] = arn("iam::%s:oidc-provider/%s", account, strings.TrimPrefix(issuer, "https://"))
	case nodeGroupType:
		added["arn"], added["status"] = arn("eks:eu-west-1:%s:nodegroup/x", account), "ACTIVE"
	}
	for name, value := range added {
		known := provider.Property(value)
		if preview {
			known = property.New(property.Computed)
		}
		inputs = inputs.Set(name, known)
	}
	return inputs
}

func (c *cloud) invoke(_ context.Context, r p.InvokeRequest) (p.InvokeResponse, error) {
	suffix := map[string]string{"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}[c.partition]
	answer, ok := map[string]map[string]any{
		"aws:index/getCallerIdentity:getCallerIdentity": {
			"accountId": account, "arn": "arn:" + c.partition + ":iam::" + account + ":user/deployer",
		},
		"aws:index/getPartition:getPartition":                       {"partition": c.partition, "dnsSuffix": suffix},
		"aws:index/getAvailabilityZones:getAvailabilityZones":       {"zoneIds": []any{"euw1-az1", "euw1-az2"}},
		"aws:ec2/getVpc:getVpc":                                     {"id": "vpc-default"},
		"aws:ec2/getSubnets:getSubnets":                             {"ids": []any{"subnet-a", "subnet-b"}},
		"aws:ec2/getInstanceType:getInstanceType":                   {"supportedArchitectures": []any{"arm64"}},
		"aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": {},
	}[string(r.Token)]
	if r.Token == "aws:eks/getAccessEntry:getAccessEntry" {
		if c.nodesEntryGone || !strings.HasSuffix(r.Args.Get("principalArn").AsString(), ":role/fresh-instanceRole-role") {
			return p.InvokeResponse{}, errors.New("empty result")
		}
		answer, ok = map[string]any{"type": "EC2_LINUX"}, true
	}
	if !ok {
		return p.InvokeResponse{}, fmt.Errorf("this test does not answer %s", r.Token)
	}
	return p.InvokeResponse{Return: provider.Properties(answer)}, nil
}

// one is the only resource of a type and name that was made.
func (c *cloud) one(t *testing.T, typ, name string) provider.Values {
	t.Helper()
	return c.made[c.index(t, typ+" "+name)].inputs
}

// index is when a resource was made.
func (c *cloud) index(t *testing.T, resource string) int {
	t.Helper()
	i := slices.IndexFunc(c.made, func(m made) bool { return m.String() == resource })
	require.NotEqual(t, -1, i, "%s is not among %v", resource, c.made)
	return i
}

// list are the resources that were made, sorted, without the providers.
func (c *cloud) list() []string {
	var all []string
	for _, made := range c.made {
		if !strings.HasPrefix(made.String(), "pulumi:providers:") {
			all = append(all, made.String())
		}
	}
	slices.Sort(all)
	return all
}
