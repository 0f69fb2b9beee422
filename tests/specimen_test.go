package tests

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// specimen is a component with valid arguments, which tests change.
type specimen[A any, C pulumi.ComponentResource] struct {
	typ, name string
	construct func(*pulumi.Context, string, *A, ...pulumi.ResourceOption) (C, error)
	valid     func(providers) *A
}

var (
	irsaRole = specimen[components.IrsaRoleArgs, *components.IrsaRole]{
		components.IrsaRoleType, "app", components.NewIrsaRole, func(given providers) *components.IrsaRoleArgs {
			return &components.IrsaRoleArgs{
				Clusters:        []components.IrsaCluster{{Name: "hub", OidcProviderArn: pulumi.String(hubProviderArn), Kubernetes: given.hub}},
				ServiceAccounts: []components.ServiceAccountArgs{{Namespace: "default", Name: "app"}},
			}
		},
	}
	// fullIrsaRole has all that an IrsaRole can have, in two clusters, for four service accounts.
	fullIrsaRole = specimen[components.IrsaRoleArgs, *components.IrsaRole]{
		components.IrsaRoleType, "app", components.NewIrsaRole, func(given providers) *components.IrsaRoleArgs {
			args := irsaRole.valid(given)
			args.Clusters = append(args.Clusters, components.IrsaCluster{
				Name: "edge", Issuer: "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE2", Kubernetes: given.edge,
			})
			args.ServiceAccounts = []components.ServiceAccountArgs{
				{Namespace: "apps", Name: "one", CreateNamespace: true},
				{Namespace: "apps", Name: "two", CreateNamespace: true},
				{Namespace: "system", Name: "three", Mode: components.PatchServiceAccount},
				{Namespace: "ci", NamePattern: "runner-*", Mode: components.TrustOnly},
			}
			args.PolicyAttachments = map[string]pulumi.StringInput{
				"read":  pulumi.String("arn:aws:iam::aws:policy/ReadOnlyAccess"),
				"audit": pulumi.String("arn:aws:iam::aws:policy/SecurityAudit"),
			}
			args.InlinePolicies = map[string]components.PolicyDocument{"describe": pulumi.String(describeCluster)}
			args.CustomerManagedPolicies = map[string]components.PolicyDocument{"buckets": pulumi.String(listBuckets)}
			args.TestPod = &components.TestPodArgs{NegativeTest: true, KeepRunning: true}
			return args
		},
	}
	// podIdentityRole has two clusters and two namespaces, whose pods get the role by EKS Pod Identity and by IRSA.
	podIdentityRole = specimen[components.IrsaRoleArgs, *components.IrsaRole]{
		components.IrsaRoleType, "app", components.NewIrsaRole, func(given providers) *components.IrsaRoleArgs {
			args := fullIrsaRole.valid(given)
			args.Identity = components.IdentityBoth
			args.Clusters[0].Arn, args.Clusters[1].Arn = pulumi.String(hubArn), pulumi.String(edgeArn)
			args.Clusters[1].Aws = given.awsEdge()
			args.ServiceAccounts = args.ServiceAccounts[:3]
			return args
		},
	}
	oidcProvider = specimen[components.OidcProviderArgs, *components.OidcProvider]{
		components.OidcProviderType, "hub", components.NewOidcProvider, func(providers) *components.OidcProviderArgs {
			return &components.OidcProviderArgs{Issuer: "https://" + hubIssuer}
		},
	}
	assumableRole = specimen[components.AssumableRoleArgs, *components.AssumableRole]{
		components.AssumableRoleType, "edge", components.NewAssumableRole, func(providers) *components.AssumableRoleArgs {
			return &components.AssumableRoleArgs{Name: "dev-edge", TrustedRoles: []components.TrustedRole{{Arn: pulumi.String(argoCDRole)}}}
		},
	}
	clusterAccess = specimen[components.ClusterAccessArgs, *components.ClusterAccess]{
		components.ClusterAccessType, "edge", components.NewClusterAccess, func(providers) *components.ClusterAccessArgs {
			return &components.ClusterAccessArgs{
				ClusterName: pulumi.String("dev-edge"), PrincipalArn: pulumi.String(argoCDRole),
				AccessEntry: &components.AccessEntryArgs{Policies: []components.AccessPolicyArgs{
					{Policy: "AmazonEKSViewPolicy"}, {Policy: "AmazonEKSEditPolicy", Namespaces: []string{"apps", "default"}},
				}},
			}
		},
	}
	argoCDCluster = specimen[components.ArgoCDClusterArgs, *components.ArgoCDCluster]{
		components.ArgoCDClusterType, "edge", components.NewArgoCDCluster, func(providers) *components.ArgoCDClusterArgs {
			return &components.ArgoCDClusterArgs{
				ClusterName: pulumi.String("dev-edge"), Server: pulumi.String(edgeServer), CertificateAuthorityData: pulumi.String(caData),
			}
		},
	}
	capabilityRole = specimen[components.CapabilityRoleArgs, *components.CapabilityRole]{
		components.CapabilityRoleType, "argocd", components.NewCapabilityRole, func(providers) *components.CapabilityRoleArgs {
			return &components.CapabilityRoleArgs{Name: "dev-argocd-capability"}
		},
	}
	// managedTarget is one of managed Argo CD, with the least that deploys.
	managedTarget = specimen[components.ArgoCDTargetArgs, *components.ArgoCDTarget]{
		components.ArgoCDTargetType, "edge", components.NewArgoCDTarget, func(given providers) *components.ArgoCDTargetArgs {
			return &components.ArgoCDTargetArgs{
				Hub:               components.ArgoCDHub{Managed: true, Role: components.TrustedRole{Arn: pulumi.String(capabilityRoleArn)}},
				ArgoCDClusterArgs: components.ArgoCDClusterArgs{Arn: pulumi.String(edgeArn), Namespaces: []string{"apps", "web"}},
				Kubernetes:        given.edge,
			}
		},
	}
	// argoCDTarget has a role of its own and a proof of the login.
	argoCDTarget = specimen[components.ArgoCDTargetArgs, *components.ArgoCDTarget]{
		components.ArgoCDTargetType, "edge", components.NewArgoCDTarget, func(given providers) *components.ArgoCDTargetArgs {
			return &components.ArgoCDTargetArgs{
				Hub: components.ArgoCDHub{
					Role: components.TrustedRole{Arn: pulumi.String(argoCDRole)}, TestPod: &components.PodSettings{},
					ServiceAccounts: []string{"argocd-server"},
				},
				ArgoCDClusterArgs: *argoCDCluster.valid(given),
				Role:              &components.AssumableRoleArgs{Name: "dev-edge"},
				Access:            components.ArgoCDAccess{AccessEntryArgs: *clusterAccess.valid(given).AccessEntry},
				LoginTestName:     "edge",
			}
		},
	}
	clusterLogin = specimen[components.ClusterLoginTestArgs, *components.ClusterLoginTest]{
		components.ClusterLoginTestType, "argocd/workloads", components.NewClusterLoginTest, func(providers) *components.ClusterLoginTestArgs {
			return &components.ClusterLoginTestArgs{
				Name: "workloads", Namespace: "argocd", ServiceAccounts: []string{"argocd-server", "argocd-application-controller"},
				ClusterName: pulumi.String("dev-workloads"), Server: pulumi.String("https://api.example.com"),
				CertificateAuthorityData: pulumi.String(caData), PrincipalArn: pulumi.String("arn:aws:iam::111122223333:role/teams/argocd"),
			}
		},
	}
)

// typeName is the last part of a type, as errors have it.
func typeName(typ string) string { return typ[strings.LastIndex(typ, ":")+1:] }

func (s specimen[A, C]) typeName() string { return typeName(s.typ) }

// unregistered are providers for arguments that are only checked.
var unregistered = providers{&aws.Provider{}, &kubernetes.Provider{}, &kubernetes.Provider{}, nil}

// args are the valid arguments after the change, if there is one.
func (s specimen[A, C]) args(given providers, change func(*A)) *A {
	args := s.valid(given)
	if change != nil {
		change(args)
	}
	return args
}

// run runs a program that makes the component under providers of its own.
func (s specimen[A, C]) run(r *recorder, change func(*A), options ...pulumi.RunOption) (made C, err error) {
	failed := r.run(func(ctx *pulumi.Context) error {
		given, faults := registerProviders(ctx)
		if faults != nil {
			return faults
		}
		made, err = s.construct(ctx, s.name, s.args(given, change), pulumi.Providers(given.aws, given.hub))
		return nil
	}, options...)
	return made, errors.Join(err, failed)
}

// on makes the component where the recorder has what exists before.
func (s specimen[A, C]) on(t *testing.T, r *recorder, change func(*A), options ...pulumi.RunOption) C {
	t.Helper()
	made, err := s.run(r, change, options...)
	require.NoError(t, err)
	return made
}

// made makes the component where nothing exists.
func (s specimen[A, C]) made(t *testing.T, change func(*A), options ...pulumi.RunOption) (*recorder, C) {
	t.Helper()
	r := newRecorder()
	return r, s.on(t, r, change, options...)
}

// refusal is a change of valid arguments that makes them invalid.
type refusal[A any] struct {
	name, want string
	change     func(*A)
}

// variant is a change of valid arguments, and what comes of it.
type variant[A any] struct {
	name   string
	change func(*A)
	want   string
}

// refuses checks that the constructor refuses each change with its message, whole, before anything is registered.
func (s specimen[A, C]) refuses(t *testing.T, cases []refusal[A]) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := s.args(unregistered, test.change)
			refusedInput(t, "invalid arguments of "+s.typeName()+" \""+s.name+"\":\n"+test.want, func(ctx *pulumi.Context) error {
				_, err := s.construct(ctx, s.name, args)
				return err
			})
		})
	}
}

// refusesThis checks one change.
func (s specimen[A, C]) refusesThis(t *testing.T, name, want string, change func(*A)) {
	t.Helper()
	s.refuses(t, []refusal[A]{{name, want, change}})
}

// fails checks that each change fails the program with its message, as the component could not refuse it before.
func (s specimen[A, C]) fails(t *testing.T, cases []refusal[A]) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.run(newRecorder(), test.change)
			require.ErrorContains(t, err, s.typeName()+" \""+s.name+"\": "+test.want)
		})
	}
}

const notAnArn = "is not an ARN; its form is arn:partition:service:region:account:resource"

const providerForm = "; its form is arn:<partition>:iam::<account>:oidc-provider/<issuer without https://>"

// refusedInput checks that a constructor fails with the message, whole, and that nothing reached the engine: no
// registration and no question to AWS.
func refusedInput(t *testing.T, want string, construct func(*pulumi.Context) error, options ...pulumi.RunOption) {
	t.Helper()
	r := newRecorder()
	var err error
	require.NoError(t, r.run(func(ctx *pulumi.Context) error {
		err = construct(ctx)
		return nil
	}, options...))
	require.EqualError(t, err, want)
	assert.Empty(t, r.graph())
	assert.Empty(t, r.invokes)
}

func lines(texts ...string) string { return strings.Join(texts, "\n") }

// as makes the arguments those.
func as[A any](value A) func(*A) { return func(args *A) { *args = value } }
