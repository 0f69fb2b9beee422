package components_test

import (
	"fmt"
	"log"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// An application team gives its pods an AWS identity: the cluster's OIDC provider is adopted or created, and a test pod
// proves that the role can be assumed.
func ExampleNewIrsaRole() {
	run(func(ctx *pulumi.Context) error {
		cluster, err := kubernetes.NewProvider(ctx, "cluster", &kubernetes.ProviderArgs{
			Kubeconfig: pulumi.String("..."),
		})
		if err != nil {
			return err
		}
		readBucket := components.Policy(iampolicy.Document{Statements: []iampolicy.Statement{{
			Effect:    iampolicy.Allow,
			Actions:   iampolicy.Strings{"s3:GetObject"},
			Resources: iampolicy.Strings{"arn:aws:s3:::my-bucket/*"},
		}}})
		role, err := components.NewIrsaRole(ctx, "s3-backup", &components.IrsaRoleArgs{
			Clusters: []components.IrsaCluster{{
				Name:       "main",
				Issuer:     "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1",
				Kubernetes: cluster,
			}},
			ServiceAccounts: []components.ServiceAccountArgs{{
				Namespace: "payments", Name: "s3-backup", CreateNamespace: true,
			}},
			RolePolicies: components.RolePolicies{InlinePolicies: map[string]components.PolicyDocument{"read-bucket": readBucket}},
			TestPod:      &components.TestPodArgs{Check: "aws s3 cp s3://my-bucket/test -"},
		})
		if err != nil {
			return err
		}
		show(ctx, role.Arn, role.ServiceAccounts, role.TestPods)
		return nil
	})
	// Output:
	// arn:aws:iam::111122223333:role/eks-payments-s3-backup
	// [main/payments/s3-backup]
	// [main/payments/s3-backup-irsa-test]
}

// Several roles of one cluster share its OIDC provider.
func ExampleNewOidcProvider() {
	run(func(ctx *pulumi.Context) error {
		provider, err := components.NewOidcProvider(ctx, "main", &components.OidcProviderArgs{
			Issuer: "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1",
		})
		if err != nil {
			return err
		}
		for _, name := range []string{"reader", "writer"} {
			role, err := components.NewIrsaRole(ctx, name, &components.IrsaRoleArgs{
				Clusters:        []components.IrsaCluster{{Name: "main", OidcProvider: provider}},
				ServiceAccounts: []components.ServiceAccountArgs{{Namespace: "apps", Name: name, Mode: components.TrustOnly}},
			})
			if err != nil {
				return err
			}
			show(ctx, role.Name)
		}
		fmt.Println("adopted:", provider.Adopted)
		show(ctx, provider.Issuer)
		return nil
	})
	// Output:
	// eks-apps-reader
	// eks-apps-writer
	// adopted: false
	// oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1
}

// A role in another account, which Argo CD's role may assume, is let into a cluster there.
func ExampleNewAssumableRole() {
	run(func(ctx *pulumi.Context) error {
		other, err := aws.NewProvider(ctx, "other", &aws.ProviderArgs{Profile: pulumi.String("other")})
		if err != nil {
			return err
		}
		role, err := components.NewAssumableRole(ctx, "argocd-workloads", &components.AssumableRoleArgs{
			Name: "argocd-workloads",
			TrustedRoles: []components.TrustedRole{{
				Arn: pulumi.String("arn:aws:iam::444455556666:role/argocd"), UniqueId: pulumi.String("AROAEXAMPLEARGOCD"),
			}},
		}, pulumi.Provider(other))
		if err != nil {
			return err
		}
		access, err := components.NewClusterAccess(ctx, "argocd-workloads", &components.ClusterAccessArgs{
			ClusterName:       pulumi.String("workloads"),
			PrincipalArn:      role.Arn,
			PrincipalUniqueId: role.UniqueId,
			AccessEntry:       &components.AccessEntryArgs{Policies: []components.AccessPolicyArgs{{Policy: "AmazonEKSClusterAdminPolicy"}}},
		}, pulumi.Provider(other))
		if err != nil {
			return err
		}
		show(ctx, role.TrustPolicy, access.PrincipalArn)
		return nil
	})
	// Output:
	// {"Version":"2012-10-17","Statement":[{"Sid":"AROAEXAMPLEARGOCD","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:role/argocd"},"Action":"sts:AssumeRole"}]}
	// arn:aws:iam::111122223333:role/argocd-workloads
}

// Argo CD reaches a cluster of another account with a role of that account: the role, its access to the cluster and the cluster
// secret are one component. With TestPod in the hub, Pulumi proves the login before it makes the secret.
func ExampleNewArgoCDTarget() {
	run(func(ctx *pulumi.Context) error {
		hubCluster, err := kubernetes.NewProvider(ctx, "hub", &kubernetes.ProviderArgs{Kubeconfig: pulumi.String("...")})
		if err != nil {
			return err
		}
		workloads, err := aws.NewProvider(ctx, "workloads", &aws.ProviderArgs{Region: pulumi.String("us-east-1")})
		if err != nil {
			return err
		}
		hub := components.ArgoCDHub{Role: components.TrustedRole{Arn: pulumi.String("arn:aws:iam::444455556666:role/argocd")}}
		target, err := components.NewArgoCDTarget(ctx, "workloads", &components.ArgoCDTargetArgs{
			Hub:  hub,
			Role: &components.AssumableRoleArgs{Name: "argocd-workloads"},
			Access: components.ArgoCDAccess{AccessEntryArgs: components.AccessEntryArgs{
				Policies: []components.AccessPolicyArgs{{Policy: "AmazonEKSAdminPolicy", Namespaces: []string{"apps"}}},
			}},
			ArgoCDClusterArgs: components.ArgoCDClusterArgs{
				ClusterName:              pulumi.String("workloads"),
				Server:                   pulumi.String("https://ABCDEF0123456789.gr7.eu-west-1.eks.amazonaws.com"),
				CertificateAuthorityData: pulumi.String("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="),
				Namespaces:               []string{"apps"},
			},
		}, pulumi.Providers(workloads, hubCluster))
		if err != nil {
			return err
		}
		show(ctx, target.PrincipalArn, target.Access.Via, target.Secret.Namespace, target.Secret.SecretName)
		return nil
	})
	// Output:
	// arn:aws:iam::111122223333:role/argocd-workloads
	// accessEntry
	// argocd
	// cluster-abcdef0123456789.gr7.eu-west-1.eks.amazonaws.com-455108087
}

// Managed Argo CD, an EKS Capability, reaches a cluster by its ARN, as the capability's role. In the namespaces it may edit what is
// there, and it may read the whole cluster.
func ExampleNewCapabilityRole() {
	run(func(ctx *pulumi.Context) error {
		hubCluster, err := kubernetes.NewProvider(ctx, "hub", &kubernetes.ProviderArgs{Kubeconfig: pulumi.String("...")})
		if err != nil {
			return err
		}
		cluster, err := kubernetes.NewProvider(ctx, "workloads", &kubernetes.ProviderArgs{Kubeconfig: pulumi.String("...")})
		if err != nil {
			return err
		}
		workloads, err := aws.NewProvider(ctx, "workloads", &aws.ProviderArgs{Region: pulumi.String("us-east-1")})
		if err != nil {
			return err
		}
		role, err := components.NewCapabilityRole(ctx, "argocd", &components.CapabilityRoleArgs{Name: "argocd-capability"})
		if err != nil {
			return err
		}
		target, err := components.NewArgoCDTarget(ctx, "workloads", &components.ArgoCDTargetArgs{
			Hub: components.ArgoCDHub{Managed: true, Role: components.TrustedRole{Arn: role.Arn, UniqueId: role.UniqueId}},
			ArgoCDClusterArgs: components.ArgoCDClusterArgs{
				Arn:        pulumi.String("arn:aws:eks:us-east-1:111122223333:cluster/workloads"),
				Namespaces: []string{"apps"},
			},
			Kubernetes: cluster,
		}, pulumi.Providers(workloads, hubCluster))
		if err != nil {
			return err
		}
		show(ctx, target.PrincipalArn, target.Secret.Server, target.Secret.SecretName)
		return nil
	})
	// Output:
	// arn:aws:iam::111122223333:role/argocd-capability
	// arn:aws:eks:us-east-1:111122223333:cluster/workloads
	// cluster-workloads-1664019829
}

// Arguments are checked before anything is registered, and every error is reported.
func ExampleIrsaRoleArgs_Validate() {
	err := (&components.IrsaRoleArgs{
		Clusters: []components.IrsaCluster{{
			Name: "main", OidcProviderArn: pulumi.String("arn:aws:iam::111122223333:oidc-provider/oidc.example.com"),
		}},
		ServiceAccounts: []components.ServiceAccountArgs{{Namespace: "apps", Name: "*", Mode: components.TrustOnly}},
		RoleSettings:    components.RoleSettings{MaxSessionDuration: 43201},
	}).Validate()
	fmt.Println(err)
	// Output:
	// serviceAccounts[0].name: "*" is a pattern; ask for it with namePattern
	// maxSessionDuration: session duration of 43201 s is out of range; use 3600 to 43200 s (1 to 12 hours)
}

// run runs a program as pulumi.Run does, but with an account in which nothing exists yet.
func run(program pulumi.RunFunc) {
	if err := pulumi.RunErr(program, pulumi.WithMocks("example", "dev", emptyAccount{})); err != nil {
		log.Fatal(err)
	}
}

// show prints outputs in their order; a real program would export them.
func show(ctx *pulumi.Context, outputs ...pulumi.Output) {
	for _, output := range outputs {
		result, err := internals.UnsafeAwaitOutput(ctx.Context(), output)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Value)
	}
}

type emptyAccount struct{}

func (emptyAccount) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return nil, fmt.Errorf("finding IAM OIDC Provider by url (%s): not found", args.Args["url"].StringValue())
}

func (emptyAccount) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	state := args.Inputs.Copy()
	switch args.TypeToken {
	case "aws:iam/role:Role":
		state["arn"] = resource.NewStringProperty("arn:aws:iam::111122223333:role/" + state["name"].StringValue())
		state["uniqueId"] = resource.NewStringProperty("AROAEXAMPLE")
	case "aws:iam/openIdConnectProvider:OpenIdConnectProvider":
		issuer, err := iampolicy.ParseIssuer(state["url"].StringValue())
		if err != nil {
			return "", nil, err
		}
		state["arn"] = resource.NewStringProperty("arn:aws:iam::111122223333:oidc-provider/" + issuer)
	}
	return "id", state, nil
}
