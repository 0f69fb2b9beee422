package tests

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// arguments are those of a component.
type arguments interface{ Validate() error }

// argumentRule is what an argument refuses that the configuration does not have, or has in another form. change makes the value
// that of the argument.
type argumentRule struct {
	field          string
	tooLong, wrong example
	limit          any
	change         func(value any) arguments
}

// with changes one argument of a component's valid ones to a value.
func with[A, V any, C pulumi.ComponentResource](s specimen[A, C], change func(args *A, value V)) func(any) arguments {
	return func(value any) arguments {
		args := s.valid(unregistered)
		change(args, value.(V))
		return any(args).(arguments)
	}
}

// eksCluster is what ARNs of clusters in Ireland begin with.
const eksCluster = "arn:aws:eks:eu-west-1:" + account + ":cluster/"

func notAClusterArn(arn string) string {
	return fmt.Sprintf("%q is not the ARN of an EKS cluster; its form is arn:<partition>:eks:<region>:<account>:cluster/<name>", arn)
}

func later() pulumi.StringOutput { return pulumi.String("").ToStringOutput() }

func plainTags(values map[string]any) pulumi.StringMap {
	tags := pulumi.StringMap{}
	for key, value := range values {
		tags[key] = pulumi.String(value.(string))
	}
	return tags
}

func argumentRules() []argumentRule {
	type (
		irsaArgs      = components.IrsaRoleArgs
		accessArgs    = components.ClusterAccessArgs
		secretArgs    = components.ArgoCDClusterArgs
		loginArgs     = components.ClusterLoginTestArgs
		assumableArgs = components.AssumableRoleArgs

		capabilityArgs = components.CapabilityRoleArgs
	)
	roleNameTooLong := fmt.Sprintf("role name %q has 65 characters; at most 64 are allowed", text(65))
	const (
		role     = "arn:aws:iam::111122223333:role/"
		user     = "arn:aws:iam::111122223333:user/x"
		notARole = `"` + user + `" is not the ARN of an IAM role`
		provider = "arn:aws:iam::111122223333:oidc-provider/"
	)
	hostTooLong := "https://" + strings.Repeat("a.", 118) + "io"
	clusterName := func(field string, change func(any) arguments) argumentRule {
		return argumentRule{
			field, example{text(101), "clusterName", notACluster(text(101))}, example{"a.b", "clusterName", notACluster("a.b")}, text(100), change,
		}
	}
	roleArn := func(field, at string, change func(any) arguments) argumentRule {
		return argumentRule{field, example{role + text(65), at, roleNameTooLong}, example{user, at, notARole}, role + text(64), change}
	}
	policyArn := func(field, at string, change func(any) arguments) argumentRule {
		const policy = "arn:aws:iam::aws:policy/"
		tooLong := fmt.Sprintf("policy name %q has 129 characters; at most 128 are allowed", text(129))
		return argumentRule{
			field, example{policy + text(129), at, tooLong}, example{user, at, `"` + user + `" is not the ARN of an IAM policy`}, policy + text(128), change,
		}
	}
	certificate := func(field string, change func(any) arguments) argumentRule {
		return argumentRule{field, example{}, example{
			"LS0t", "certificateAuthorityData", "must be a PEM certificate in base64, as EKS gives it in certificateAuthority.data",
		}, caData, change}
	}
	return []argumentRule{
		{
			"OidcProviderArgs.Issuer",
			example{"https://a.io/" + text(243), "issuer", fmt.Sprintf("issuer %q has 256 characters with https://; IAM allows 255", "https://a.io/"+text(243))},
			example{"https://a.io/x?y", "issuer", `issuer "https://a.io/x?y" has a query; it must not`},
			"https://a.io/" + text(242),
			with(oidcProvider, func(a *components.OidcProviderArgs, value string) { a.Issuer = value }),
		},
		clusterName("OidcProviderArgs.ClusterName", with(oidcProvider, func(a *components.OidcProviderArgs, value string) {
			*a = components.OidcProviderArgs{ClusterName: value}
		})),
		{
			"IrsaCluster.Issuer",
			example{"https://a.io/" + text(243), "clusters[0].issuer", fmt.Sprintf("issuer %q has 256 characters with https://; IAM allows 255", "https://a.io/"+text(243))},
			example{"a.io:8443", "clusters[0].issuer", `issuer "a.io:8443" has a port; IAM takes none in the URL of an OIDC provider`},
			"https://a.io/" + text(242),
			with(irsaRole, func(a *irsaArgs, value string) { a.Clusters[0].OidcProviderArn, a.Clusters[0].Issuer = nil, value }),
		},
		{
			"IrsaCluster.OidcProviderArn",
			example{},
			example{role + "x", "clusters[0].oidcProviderArn", `"` + role + `x" is not the ARN of an OIDC provider` + providerForm},
			provider + "a.io/" + text(242),
			with(irsaRole, func(a *irsaArgs, value string) { a.Clusters[0].OidcProviderArn = pulumi.String(value) }),
		},
		{
			"IrsaCluster.Arn",
			example{eksCluster + text(101), "clusters[0].arn", notAClusterArn(eksCluster + text(101))},
			example{role + "x", "clusters[0].arn", notAClusterArn(role + "x")},
			eksCluster + text(100),
			with(irsaRole, func(a *irsaArgs, value string) {
				a.Identity, a.Clusters[0].Arn = components.IdentityBoth, pulumi.String(value)
			}),
		},
		policyArn("RolePolicies.PolicyAttachments", "policyAttachments.x", with(irsaRole, func(a *irsaArgs, value string) {
			a.PolicyAttachments = map[string]pulumi.StringInput{"x": pulumi.String(value)}
		})),
		policyArn("RoleSettings.PermissionsBoundary", "permissionsBoundary", with(irsaRole, func(a *irsaArgs, value string) {
			a.PermissionsBoundary = pulumi.String(value)
		})),
		roleArn("TrustedRole.Arn", "trustedRoles[0].arn", with(assumableRole, func(a *assumableArgs, value string) {
			a.TrustedRoles[0].Arn = pulumi.String(value)
		})),
		clusterName("ClusterAccessArgs.ClusterName", with(clusterAccess, func(a *accessArgs, value string) {
			a.ClusterName = pulumi.String(value)
		})),
		{
			"ClusterAccessArgs.PrincipalArn",
			example{role + text(65), "principalArn", roleNameTooLong},
			example{"arn:aws:iam::111122223333:group/x", "principalArn", `"arn:aws:iam::111122223333:group/x" is neither the ARN of an IAM role nor that of a user`},
			user,
			with(clusterAccess, func(a *accessArgs, value string) { a.PrincipalArn = pulumi.String(value) }),
		},
		{
			"AccessEntryArgs.Type",
			example{},
			example{"LINUX", "accessEntry.type", `"LINUX" is none of the types of access entries ["STANDARD" "EC2_LINUX" "EC2_WINDOWS" "FARGATE_LINUX" "HYBRID_LINUX" "EC2" "HYPERPOD_LINUX"]`},
			"EC2_LINUX",
			with(clusterAccess, func(a *accessArgs, value string) {
				a.AccessEntry = &components.AccessEntryArgs{Type: components.AccessEntryType(value)}
			}),
		},
		{
			"AccessEntryArgs.Tags",
			example{counted(51), "accessEntry.tags", "there are 51, and 50 is the most that AWS puts on a resource"},
			example{one("a", "x;y"), "accessEntry.tags.a", `the value "x;y"` + noTagHas},
			counted(50),
			with(clusterAccess, func(a *accessArgs, value map[string]any) {
				a.AccessEntry.Tags = plainTags(value)
			}),
		},
		{
			"CapabilityRoleArgs.Name",
			example{text(65), "name", roleNameTooLong},
			example{"a b", "name", `role name "a b" has a character that IAM does not allow; use letters, digits or _+=,.@-`},
			text(64),
			with(capabilityRole, func(a *capabilityArgs, value string) { a.Name = value }),
		},
		{
			"CapabilityRoleArgs.ManagedPolicies",
			example{"arn:aws:iam::aws:policy/" + text(129), "managedPolicies[0]", fmt.Sprintf("policy name %q has 129 characters; at most 128 are allowed", text(129))},
			example{"a b", "managedPolicies[0]", `"a b" is neither the name of one of AWS's own policies, such as ReadOnlyAccess or service-role/AmazonEBSCSIDriverPolicy, nor an ARN`},
			text(128),
			with(capabilityRole, func(a *capabilityArgs, value string) { a.ManagedPolicies = []string{value} }),
		},
		{
			"CapabilityRoleArgs.TrustConditions",
			example{},
			example{"Equals", "trustConditions.Equals", "is not a condition operator"},
			"StringEquals",
			with(capabilityRole, func(a *capabilityArgs, operator string) {
				a.TrustConditions = iampolicy.Condition{iampolicy.Operator(operator): {"aws:SourceAccount": {account}}}
			}),
		},
		{
			"ArgoCDClusterArgs.Arn",
			example{eksCluster + text(101), "arn", notAClusterArn(eksCluster + text(101))},
			example{edgeServer, "arn", notAClusterArn(edgeServer)},
			eksCluster + text(100),
			with(argoCDCluster, func(a *secretArgs, value string) { *a = secretArgs{Arn: pulumi.String(value)} }),
		},
		clusterName("ArgoCDClusterArgs.ClusterName", with(argoCDCluster, func(a *secretArgs, value string) {
			a.ClusterName = pulumi.String(value)
		})),
		{
			"ArgoCDClusterArgs.Server",
			example{hostTooLong, "server", fmt.Sprintf("%q makes %q, which no secret can be named; give secretName", hostTooLong, "cluster-"+hostTooLong[8:]+"-1714064786")},
			example{"https://a.io?x=y", "server", `"https://a.io?x=y" has something behind the path, which no URL of an API server has`},
			"https://a.io:6443/k8s/clusters/c-1",
			with(argoCDCluster, func(a *secretArgs, value string) { a.Server = pulumi.String(value) }),
		},
		{
			"ArgoCDClusterArgs.Server",
			example{},
			example{"https://me:secret@a.io", "server", "has a user name or password, which would stand in the stack's outputs and which Argo CD does not read there"},
			"https://[2001:db8::1]:6443",
			with(argoCDCluster, func(a *secretArgs, value string) { a.Server = pulumi.String(value) }),
		},
		{
			"ArgoCDClusterArgs.Profile",
			example{},
			example{"[dev]", "profile", `"[dev]" is not the name of an AWS profile, which has no white space, brackets or quotes`},
			"dev",
			with(argoCDCluster, func(a *secretArgs, value string) { a.Profile = value }),
		},
		roleArn("ArgoCDClusterArgs.RoleArn", "roleArn", with(argoCDCluster, func(a *secretArgs, value string) {
			a.RoleArn = pulumi.String(value)
		})),
		{
			"ClusterLoginTestArgs.Name",
			example{text(64), "name", inKubernetes(64, 63)},
			example{"a.b", "name", `"a.b" is not a part of a name` + useLabel},
			text(63),
			with(clusterLogin, func(a *loginArgs, value string) { a.Name = value }),
		},
		{
			"ClusterLoginTestArgs.Namespace",
			example{text(64), "namespace", inKubernetes(64, 63)},
			example{"a.b", "namespace", `"a.b" is not a namespace` + useLabel},
			text(63),
			with(clusterLogin, func(a *loginArgs, value string) { a.Namespace = value }),
		},
		{
			"ClusterLoginTestArgs.ServiceAccounts",
			example{text(254), "serviceAccounts[0]", inKubernetes(254, 253)},
			example{"A", "serviceAccounts[0]", `"A" is not a service account` + useObject},
			text(253),
			with(clusterLogin, func(a *loginArgs, value string) { a.ServiceAccounts = []string{value} }),
		},
		clusterName("ClusterLoginTestArgs.ClusterName", with(clusterLogin, func(a *loginArgs, value string) {
			a.ClusterName = pulumi.String(value)
		})),
		{
			"ClusterLoginTestArgs.Server",
			example{},
			example{"http://a.io", "server", `"http://a.io" is not an https URL`},
			"https://a.io",
			with(clusterLogin, func(a *loginArgs, value string) { a.Server = pulumi.String(value) }),
		},
		roleArn("ClusterLoginTestArgs.PrincipalArn", "principalArn", with(clusterLogin, func(a *loginArgs, value string) {
			a.PrincipalArn = pulumi.String(value)
		})),
		{
			"ClusterLoginTestArgs.Read",
			example{},
			example{"/api v1", "read", `"/api v1" is not a path of the API server, which begins with / and has no white space`},
			"/api/v1/namespaces?limit=1",
			with(clusterLogin, func(a *loginArgs, value string) { a.Read = value }),
		},
		certificate("ArgoCDClusterArgs.CertificateAuthorityData", with(argoCDCluster, func(a *secretArgs, value string) {
			a.CertificateAuthorityData = pulumi.String(value)
		})),
		certificate("ClusterLoginTestArgs.CertificateAuthorityData", with(clusterLogin, func(a *loginArgs, value string) {
			a.CertificateAuthorityData = pulumi.String(value)
		})),
		{
			"AwsAuthArgs.Username",
			example{},
			example{"a\nb", "awsAuth.username", `"a\nb"` + notPrinted},
			"argocd",
			with(clusterAccess, func(a *accessArgs, value string) {
				a.AccessEntry, a.AwsAuth = nil, &components.AwsAuthArgs{Kubeconfig: later(), Groups: []string{"viewers"}, Username: value}
			}),
		},
		{
			"AwsAuthArgs.Groups",
			example{},
			example{"a\nb", "awsAuth.groups[0]", `"a\nb"` + notPrinted},
			"system:masters",
			with(clusterAccess, func(a *accessArgs, value string) {
				a.AccessEntry, a.AwsAuth = nil, &components.AwsAuthArgs{Kubeconfig: later(), Groups: []string{value}}
			}),
		},
	}
}

func TestComponentsJudgeEveryArgumentByTheRulesOfItsReceiver(t *testing.T) {
	t.Parallel()
	for _, rule := range argumentRules() {
		for name, refused := range map[string]example{"too long": rule.tooLong, "wrong": rule.wrong} {
			if refused.want == "" {
				continue
			}
			t.Run(rule.field+", "+name, func(t *testing.T) {
				t.Parallel()
				assert.EqualError(t, rule.change(refused.value).Validate(), refused.at+": "+refused.want)
			})
		}
		t.Run(rule.field+", at the limit", func(t *testing.T) {
			t.Parallel()
			require.NoError(t, rule.change(rule.limit).Validate())
		})
	}
}

// judgedAs are the fields of the configuration that arguments of the same rules come from, or why an argument has none.
var judgedAs = map[string]string{
	"OidcProviderArgs.ClientIDs": "clusters.hub.oidcProvider.clientIds", "OidcProviderArgs.Thumbprints": "clusters.hub.oidcProvider.thumbprints",
	"OidcProviderArgs.Tags": "tags", "OidcProviderArgs.Owner": "owner", "OidcProviderArgs.IssuerOfNewCluster": laterOnly,

	"IrsaRoleArgs.Name": "roles.app.name", "IrsaRoleArgs.NamePrefix": "roles.prefixed.namePrefix", "RoleSettings.Path": "roles.app.path",
	"RoleSettings.Description": "roles.app.description", "RoleSettings.MaxSessionDuration": "roles.app.maxSessionDuration",
	"RoleSettings.Tags": "roles.app.tags", "RolePolicies.ManagedPolicies": "roles.app.managedPolicies", "RolePolicies.InlinePolicies": "roles.app.inlinePolicies",
	"IrsaRoleArgs.Identity": "roles.app.identity", "RolePolicies.Acknowledge": "roles.app.acknowledge",
	"RolePolicies.CustomerManagedPolicies": "roles.app.customerManagedPolicies", "RolePolicies.MaxTrustPolicySize": "roles.app.maxTrustPolicySize",
	"IrsaCluster.Name": pulumiOnly, "IrsaCluster.Aliases": pulumiOnly,

	"ServiceAccountArgs.Namespace": "roles.app.serviceAccounts[0].namespace", "ServiceAccountArgs.Name": "roles.app.serviceAccounts[0].name",
	"ServiceAccountArgs.NamePattern": "roles.app.serviceAccounts[1].namePattern", "ServiceAccountArgs.Mode": "roles.app.serviceAccounts[0].mode",
	"ServiceAccountArgs.Clusters": "roles.app.serviceAccounts[0].clusters", "IrsaRoleArgs.TrustConditions": "roles.app.trustConditions",
	"ServiceAccountArgs.EarlierRoles": pulumiOnly, "ServiceAccountArgs.Labels": "roles.app.serviceAccounts[0].labels",
	"ServiceAccountArgs.Annotations":            "roles.app.serviceAccounts[0].annotations",
	"ServiceAccountArgs.TokenExpirationSeconds": "roles.app.serviceAccounts[0].tokenExpirationSeconds",

	"AssumableRoleArgs.Name": "argocd.targets.edge.role.name", "TrustedRole.UniqueId": laterOnly,

	"ClusterAccessArgs.PrincipalUniqueId": laterOnly, "ClusterAccessArgs.AuthenticationMode": "clusters.edge.create.authenticationMode",
	"AccessEntryArgs.KubernetesGroups": "argocd.targets.edge.access.kubernetesGroups", "AccessEntryArgs.Username": "argocd.targets.edge.access.username",
	"AccessPolicyArgs.Policy": "argocd.targets.edge.access.policies[].policy", "AccessPolicyArgs.Namespaces": "argocd.targets.edge.access.policies[].namespaces",
	"AwsAuthArgs.Kubeconfig": laterOnly,

	"ArgoCDClusterArgs.DisplayName": "argocd.targets.edge.displayName", "ArgoCDClusterArgs.ServerName": "argocd.targets.edge.serverName",
	"ArgoCDClusterArgs.ProxyURL": "argocd.targets.edge.proxyUrl", "ArgoCDClusterArgs.Project": "argocd.targets.edge.project",
	"ArgoCDClusterArgs.Namespaces": "argocd.targets.edge.namespaces", "ArgoCDClusterArgs.Shard": "argocd.targets.edge.shard",
	"ArgoCDClusterArgs.Namespace": "argocd.namespace", "ArgoCDClusterArgs.SecretName": "argocd.targets.edge.secretName",
	"ArgoCDClusterArgs.Labels": "argocd.targets.edge.labels", "ArgoCDClusterArgs.Annotations": "argocd.targets.edge.annotations",

	"ClusterLoginTestArgs.ServerName": "argocd.targets.edge.serverName", "ClusterLoginTestArgs.ProxyURL": "argocd.targets.edge.proxyUrl",
	"ClusterLoginTestArgs.Fingerprint": laterOnly,
}

const (
	laterOnly  = "is an output of another resource, or made by a program"
	pulumiOnly = "is a name in Pulumi, which takes any"
)

func TestComponentsHaveRulesForEveryArgument(t *testing.T) {
	t.Parallel()
	judged := map[string]bool{laterOnly: true, pulumiOnly: true}
	for _, rule := range fieldRules() {
		judged[rule.path] = true
	}
	for _, rule := range argumentRules() {
		judged[rule.field] = true
	}
	for _, args := range []any{
		components.OidcProviderArgs{},
		components.IrsaRoleArgs{},
		components.RoleSettings{},
		components.RolePolicies{},
		components.IrsaCluster{},
		components.ServiceAccountArgs{},
		components.AssumableRoleArgs{},
		components.CapabilityRoleArgs{},
		components.TrustedRole{},
		components.ClusterAccessArgs{},
		components.AccessEntryArgs{},
		components.AccessPolicyArgs{},
		components.AwsAuthArgs{},
		components.ArgoCDClusterArgs{},
		components.ClusterLoginTestArgs{},
	} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(args)) {
			if name := reflect.TypeOf(args).Name() + "." + field.Name; len(field.Index) == 1 && !field.Anonymous && isText(field.Type) {
				assert.True(t, judged[name] || judged[judgedAs[name]], "the argument %s has its rules in the table", name)
			}
		}
	}
}

// isText reports whether values of the type are texts or numbers, or lists and maps of these, now or later.
func isText(of reflect.Type) bool {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return of.Elem().Kind() != reflect.Struct && isText(of.Elem())
	case reflect.String, reflect.Int:
		return true
	default:
		return of == reflect.TypeFor[pulumi.StringInput]() || of == reflect.TypeFor[pulumi.StringMapInput]() ||
			of == reflect.TypeFor[components.PolicyDocument]()
	}
}
