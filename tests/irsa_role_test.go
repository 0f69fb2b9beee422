package tests

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Documents of permissions, as short as they can be.
const (
	describeCluster = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"eks:DescribeCluster","Resource":"*"}]}`
	listBuckets     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`
)

const edgeProviderArn = "arn:aws:iam::" + account + ":oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE2"

// newIrsaRole runs a program that makes one IrsaRole "app". Unless change says otherwise, it is for the service account
// default/app of the cluster "hub".
func newIrsaRole(
	r *recorder, change func(*components.IrsaRoleArgs, providers), options ...pulumi.RunOption,
) (role *components.IrsaRole, err error) {
	failed := r.run(func(ctx *pulumi.Context) error {
		given, faults := registerProviders(ctx)
		if faults != nil {
			return faults
		}
		args := &components.IrsaRoleArgs{
			Clusters: []components.IrsaCluster{{
				Name: "hub", OidcProviderArn: pulumi.String(hubProviderArn), Kubernetes: given.hub,
			}},
			ServiceAccounts: []components.ServiceAccountArgs{{Namespace: "default", Name: "app"}},
		}
		change(args, given)
		role, err = components.NewIrsaRole(ctx, "app", args, pulumi.Provider(given.aws))
		return nil
	}, options...)
	return role, errors.Join(err, failed)
}

// everything is a role that has all that an IrsaRole can have, in two clusters, for four service accounts.
func everything(args *components.IrsaRoleArgs, given providers) {
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
}

func TestAnIrsaRoleIsThisGraph(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	role, err := newIrsaRole(r, everything)
	require.NoError(t, err)
	got := strings.Join(r.graph(), "\n") + "\n"
	assert.Equal(t, golden(t, "irsa-role-graph.txt", got), got)

	assert.Equal(t, []string{hubProviderArn, edgeProviderArn}, await[[]string](t, role.OidcProviderArns))
	assert.Equal(t, []string{
		"edge/apps/one", "edge/apps/two", "edge/system/three", "hub/apps/one", "hub/apps/two", "hub/system/three",
	}, await[[]string](t, role.ServiceAccounts))
	assert.Equal(t, []string{
		"edge/apps/one-irsa-test", "edge/apps/two-irsa-test", "edge/system/three-irsa-test",
		"hub/apps/one-irsa-test", "hub/apps/two-irsa-test", "hub/system/three-irsa-test",
	}, await[[]string](t, role.TestPods))
	assert.Equal(t, []string{
		"edge/apps/one-irsa-denied", "edge/system/three-irsa-denied", "hub/apps/one-irsa-denied", "hub/system/three-irsa-denied",
	}, await[[]string](t, role.NegativeTestPods), "one for each namespace")
	assert.Equal(t, []string{"eks-irsa:index:IrsaRole app"}, r.ancestors(t))
}

func TestTheSmallestIrsaRoleIsThisGraph(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	role, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
		args.Clusters[0].Kubernetes = nil
		args.ServiceAccounts[0].Mode = components.TrustOnly
	})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"aws:iam/role:Role app in app by aws",
		"eks-irsa:index:IrsaRole app",
		"pulumi:providers:aws aws", "pulumi:providers:kubernetes kubernetes-edge", "pulumi:providers:kubernetes kubernetes-hub",
	}, r.graph())
	assert.Empty(t, await[[]string](t, role.ServiceAccounts))
	assert.Empty(t, await[[]string](t, role.TestPods))
	assert.Empty(t, await[[]string](t, role.NegativeTestPods))
	assert.Equal(t, "arn:aws:iam::"+account+":role/eks-default-app", awaitString(t, role.Arn))
	assert.Equal(t, "eks-default-app", awaitString(t, role.Name))
	assert.Equal(t, r.state(r.one(t, roleType, "app"))["uniqueId"].StringValue(), awaitString(t, role.UniqueId))
	assert.JSONEq(t, r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue(), awaitString(t, role.TrustPolicy))
}

func TestTheRoleIsAsAsked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60)
	cases := []struct {
		name   string
		change func(*components.IrsaRoleArgs, providers)
		want   string // the role's inputs but for the trust policy
	}{
		{"by default", func(*components.IrsaRoleArgs, providers) {}, `{
			"name": "eks-default-app", "description": "IRSA for default/app", "forceDetachPolicies": true
		}`},
		{"with every option", func(args *components.IrsaRoleArgs, _ providers) {
			args.Name, args.Path, args.Description = "the-app", "/teams/apps/", "What it is for"
			args.MaxSessionDuration = 43200
			args.PermissionsBoundary = pulumi.String("arn:aws:iam::" + account + ":policy/boundary")
			args.Tags = pulumi.StringMap{"team": pulumi.String("apps")}
			args.ForceDetachPolicies = new(bool)
		}, `{
			"name": "the-app", "path": "/teams/apps/", "description": "What it is for", "maxSessionDuration": 43200,
			"permissionsBoundary": "arn:aws:iam::111122223333:policy/boundary", "tags": {"team": "apps"}, "forceDetachPolicies": false
		}`},
		{"with a name prefix", func(args *components.IrsaRoleArgs, _ providers) { args.NamePrefix = "app-" }, `{
			"namePrefix": "app-", "description": "IRSA for default/app", "forceDetachPolicies": true
		}`},
		{"with a name of 64 characters", func(args *components.IrsaRoleArgs, _ providers) { args.Name = long + "aaaa" }, `{
			"name": "` + long + `aaaa", "description": "IRSA for default/app", "forceDetachPolicies": true
		}`},
		// printf %s "default/$(printf a%.0s {1..60})" | sha256sum | cut -c1-8
		{"with a service account of 60 characters", func(args *components.IrsaRoleArgs, _ providers) {
			args.ServiceAccounts[0].Name = long
		}, `{
			"name": "eks-default-` + strings.Repeat("a", 43) + `-bf5d8047", "description": "IRSA for default/` + long + `", "forceDetachPolicies": true
		}`},
		{"for several service accounts", func(args *components.IrsaRoleArgs, _ providers) {
			args.ServiceAccounts = append(args.ServiceAccounts,
				components.ServiceAccountArgs{Namespace: "ci", Name: "b"}, components.ServiceAccountArgs{Namespace: "ci", Name: "c"})
		}, `{
			"name": "eks-default-app", "description": "IRSA for default/app and 2 more", "forceDetachPolicies": true
		}`},
		{"for a pattern", func(args *components.IrsaRoleArgs, _ providers) {
			args.Name = "runners"
			args.ServiceAccounts = []components.ServiceAccountArgs{{Namespace: "ci", NamePattern: "runner-*", Mode: components.TrustOnly}}
		}, `{
			"name": "runners", "description": "IRSA for ci/runner-*", "forceDetachPolicies": true
		}`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			_, err := newIrsaRole(r, test.change)
			require.NoError(t, err)
			role := r.one(t, roleType, "app")
			delete(role.Inputs, "assumeRolePolicy")
			assert.JSONEq(t, test.want, role.json(t))
		})
	}
}

// The trust policies of the articles that the project was made from, with the audience where they forgot it.
func TestTheTrustPolicyIsThisDocument(t *testing.T) {
	t.Parallel()
	cases := []struct {
		file   string
		change func(*components.IrsaRoleArgs, providers)
	}{
		{"trust-iam-role-test.json", func(args *components.IrsaRoleArgs, _ providers) {
			args.ServiceAccounts[0] = components.ServiceAccountArgs{Namespace: "default", Name: "iam-role-test"}
		}},
		{"trust-s3-backup.json", func(args *components.IrsaRoleArgs, _ providers) {
			args.ServiceAccounts[0] = components.ServiceAccountArgs{Namespace: "payments", Name: "s3-backup"}
		}},
		{"trust-my-test-role.json", func(args *components.IrsaRoleArgs, _ providers) {
			args.ServiceAccounts[0] = components.ServiceAccountArgs{Namespace: "default", Name: "my-service-account"}
		}},
		{"trust-cluster-self-describe.json", func(args *components.IrsaRoleArgs, _ providers) {
			args.ServiceAccounts[0] = components.ServiceAccountArgs{Namespace: "test", Name: "my-service-account"}
		}},
		{"trust-everything.json", func(args *components.IrsaRoleArgs, given providers) {
			everything(args, given)
			args.TrustStatements = []iampolicy.Statement{{
				Sid: "AssumeItself", Effect: iampolicy.Allow, Actions: iampolicy.Strings{"sts:AssumeRole"},
				Principal: &iampolicy.Principal{AWS: iampolicy.Strings{"arn:aws:iam::" + account + ":role/app"}},
			}}
		}},
	}
	for _, test := range cases {
		t.Run(test.file, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			role, err := newIrsaRole(r, test.change)
			require.NoError(t, err)
			got := r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue()
			assert.JSONEq(t, readGolden(t, test.file), got)
			assert.Equal(t, got, awaitString(t, role.TrustPolicy))
		})
	}
}

func TestTheTrustPolicyMayBeLongerWhereTheQuotaWasRaised(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
		manyServiceAccounts(args)
		args.MaxTrustPolicySize = 4096
	})
	require.NoError(t, err)
	assert.Greater(t, len(r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue()), 2048)
}

// manyServiceAccounts makes the trust policy longer than the default quota, but by no more than the name of a provider:
// it fits as long as that is not known.
func manyServiceAccounts(args *components.IrsaRoleArgs) {
	args.ServiceAccounts = nil
	for i := range 25 {
		args.ServiceAccounts = append(args.ServiceAccounts, components.ServiceAccountArgs{
			Namespace: "namespace-of-the-accounts", Name: "account-" + string(rune('a'+i)) + "-of-many",
			Mode: components.TrustOnly,
		})
	}
}

func TestPoliciesReachTheRole(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, given providers) {
		everything(args, given)
		args.Path, args.Tags = "/teams/", pulumi.StringMap{"team": pulumi.String("apps")}
		args.CustomerManagedPolicies["cluster"] = pulumi.String(describeCluster).ToStringOutput()
		args.PolicyAttachments["own"] = pulumi.String("arn:aws:iam::" + account + ":policy/own").ToStringOutput()
	})
	require.NoError(t, err)

	attached := map[string]string{}
	for _, attachment := range r.ofType(attachmentType) {
		assert.Equal(t, "eks-apps-one", attachment.Inputs["role"].StringValue())
		attached[attachment.Name] = attachment.Inputs["policyArn"].StringValue()
	}
	assert.Equal(t, map[string]string{
		"app/audit":   "arn:aws:iam::aws:policy/SecurityAudit",
		"app/own":     "arn:aws:iam::" + account + ":policy/own",
		"app/read":    "arn:aws:iam::aws:policy/ReadOnlyAccess",
		"app/buckets": "arn:aws:iam::" + account + ":policy/teams/buckets",
		"app/cluster": "arn:aws:iam::" + account + ":policy/teams/cluster",
	}, attached)
	assert.JSONEq(t, jsonOf(t, map[string]any{"name": "describe", "role": "eks-apps-one", "policy": describeCluster}),
		r.one(t, inlinePolicyType, "app/describe").json(t))
	assert.JSONEq(t, jsonOf(t, map[string]any{
		"name": "buckets", "path": "/teams/", "policy": listBuckets, "tags": map[string]any{"team": "apps"},
	}), r.one(t, policyType, "app/buckets").json(t))
}

func TestAServiceAccountIs(t *testing.T) {
	t.Parallel()
	no := false
	cases := []struct {
		name    string
		account components.ServiceAccountArgs
		typ     string
		want    string
	}{
		{"created", components.ServiceAccountArgs{}, serviceAccountType, `{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
				"name": "app", "namespace": "default", "labels": {"app.kubernetes.io/managed-by": "pulumi"},
				"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/eks-default-app"}
			}}`},
		{"created with labels and every annotation", components.ServiceAccountArgs{
			Mode: components.CreateServiceAccount, RegionalSTS: &no, TokenExpirationSeconds: 600,
			Labels:      map[string]string{"app.kubernetes.io/managed-by": "us", "tier": "back"},
			Annotations: map[string]string{"example.com/owner": "apps"},
		}, serviceAccountType, `{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
				"name": "app", "namespace": "default", "labels": {"app.kubernetes.io/managed-by": "us", "tier": "back"},
				"annotations": {
					"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/eks-default-app",
					"eks.amazonaws.com/sts-regional-endpoints": "false",
					"eks.amazonaws.com/token-expiration": "600",
					"example.com/owner": "apps"
				}
			}}`},
		{"patched", components.ServiceAccountArgs{Mode: components.PatchServiceAccount}, accountPatchType, `{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
				"name": "app", "namespace": "default",
				"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/eks-default-app"}
			}}`},
		{"patched with labels and annotations", components.ServiceAccountArgs{
			Mode: components.PatchServiceAccount, TokenExpirationSeconds: 86400,
			Labels: map[string]string{"tier": "back"}, Annotations: map[string]string{"example.com/owner": "apps"},
		}, accountPatchType, `{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
				"name": "app", "namespace": "default", "labels": {"tier": "back"},
				"annotations": {
					"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/eks-default-app",
					"eks.amazonaws.com/token-expiration": "86400",
					"example.com/owner": "apps"
				}
			}}`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
				test.account.Namespace, test.account.Name = "default", "app"
				args.ServiceAccounts[0] = test.account
			})
			require.NoError(t, err)
			assert.JSONEq(t, test.want, r.one(t, test.typ, "app/hub/default/app").json(t))
			assert.Len(t, slices.DeleteFunc(append(r.ofType(serviceAccountType), r.ofType(accountPatchType)...), registration.isRead), 1)
		})
	}
}

// Server-side apply makes an account that is missing, and the engine deletes one that is no longer registered.
func TestAnAccountIsReadBeforeItIsPatched(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
		args.ServiceAccounts = []components.ServiceAccountArgs{
			{Namespace: "argocd", Name: "server", Mode: components.PatchServiceAccount},
		}
	})
	require.NoError(t, err)
	read, patch := r.one(t, serviceAccountType, "app/hub/argocd/server"), r.one(t, accountPatchType, "app/hub/argocd/server")
	require.True(t, read.isRead(), "under the name and type of one that is created")
	assert.Equal(t, "argocd/server", read.ID)
	assert.Equal(t, "kubernetes-hub", providerName(read.Provider))
	assert.Contains(t, patch.dependencies(), "ServiceAccount/app/hub/argocd/server")
}

func TestAnAccountIsImported(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
		args.ServiceAccounts = []components.ServiceAccountArgs{
			{Namespace: "argocd", Name: "server", Mode: components.ImportServiceAccount},
			{Namespace: "argocd", Name: "other"},
		}
	})
	require.NoError(t, err)
	assert.Equal(t, "argocd/server", r.one(t, serviceAccountType, "app/hub/argocd/server").RegisterRPC.GetImportId())
	assert.Empty(t, r.one(t, serviceAccountType, "app/hub/argocd/other").RegisterRPC.GetImportId())
	assert.Empty(t, r.ofType(accountPatchType))
}

func TestNamesWithHyphensDoNotCollide(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
		args.Name = "app"
		args.ServiceAccounts = []components.ServiceAccountArgs{{Namespace: "a-b", Name: "c"}, {Namespace: "a", Name: "b-c"}}
	})
	require.NoError(t, err)
	accounts := r.ofType(serviceAccountType)
	require.Len(t, accounts, 2)
	assert.NotEqual(t, accounts[0].Name, accounts[1].Name)
}

func TestANamespaceIsCreatedOncePerCluster(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newIrsaRole(r, everything)
	require.NoError(t, err)
	var names []string
	for _, namespace := range r.ofType(namespaceType) {
		names = append(names, namespace.Name)
		assert.JSONEq(t, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {
			"name": "apps", "labels": {"app.kubernetes.io/managed-by": "pulumi"}
		}}`, namespace.json(t))
	}
	assert.Equal(t, []string{"app/edge/apps", "app/hub/apps"}, names)
}

func TestATestPodIsThisJob(t *testing.T) {
	t.Parallel()
	program := strings.TrimSuffix(jsonOf(t, readFile(t, "../components/test_pod.sh")), "\n")
	cases := []struct {
		name, typ, pod, file, timeout string
		args                          components.TestPodArgs
	}{
		{"by default", jobType, "app/hub/default/app-irsa-test", "test-pod.json", "75s", components.TestPodArgs{}},
		{"with every option", jobType, "app/hub/default/app-irsa-test", "test-pod-options.json", "105s", components.TestPodArgs{
			Check: "aws s3 ls s3://my-bucket", NegativeTest: true, PodSettings: everySetting,
		}},
		{"and its negative test", jobType, "app/hub/default/app-irsa-denied", "denial-pod.json", "75s", components.TestPodArgs{NegativeTest: true}},
		{"and the pod that stays", podType, "app/hub/default/app-irsa-shell", "running-pod.json", "90s", components.TestPodArgs{
			KeepRunning: true, PodSettings: everySetting,
		}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) { args.TestPod = &test.args })
			require.NoError(t, err)
			pod := r.one(t, test.typ, test.pod)
			got := pod.json(t)
			require.Equal(t, 1, strings.Count(got, program))
			got = strings.Replace(got, program, `"components/test_pod.sh"`, 1)
			assert.JSONEq(t, golden(t, test.file, got), got)
			assert.Equal(t, test.timeout, pod.RegisterRPC.GetCustomTimeouts().GetCreate())
			assert.Equal(t, test.timeout, pod.RegisterRPC.GetCustomTimeouts().GetUpdate())
			assert.Empty(t, pod.RegisterRPC.GetCustomTimeouts().GetDelete())
			assert.True(t, pod.RegisterRPC.GetDeleteBeforeReplace(), "a name is free only when the old Job or pod is gone")
			assert.Equal(t, []string{"spec"}, pod.RegisterRPC.GetReplaceOnChanges(), "most of a pod cannot be changed in place")
		})
	}
}

// everySetting has a value for each setting that does not differ from run to run.
var everySetting = components.PodSettings{
	Image: "images.example.com/aws-cli:2", ImagePullSecrets: []string{"registry"}, TimeoutSeconds: 90,
	NodeSelector: map[string]string{"team": "apps"},
	Tolerations:  []components.Toleration{{Key: "team", Value: "apps", Effect: "NoSchedule"}, {Operator: "Exists"}},
	Labels:       map[string]string{"fargate": "yes"},
	Annotations:  map[string]string{"sidecar.istio.io/inject": "false"},
}

func TestATestPodThatAlwaysProvesIsAnotherOneOnEachRun(t *testing.T) {
	t.Parallel()
	runs := map[string]bool{}
	for range 2 {
		r := newRecorder()
		_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
			args.TestPod = &components.TestPodArgs{PodSettings: components.PodSettings{ProveAlways: true}}
		})
		require.NoError(t, err)
		runs[r.podEnv(t, "IRSA_RUN")] = true
	}
	assert.Len(t, runs, 2)
}

// The AWS CLI takes its time to start on a node with too little processor time, and with a longer time-out it has more.
func TestALongerTimeoutGivesEachCallMore(t *testing.T) {
	t.Parallel()
	for timeout, limit := range map[int]string{15: "5", 0: "10", 120: "20", 180: "30", 3600: "30"} {
		r := newRecorder()
		_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
			args.TestPod = &components.TestPodArgs{PodSettings: components.PodSettings{TimeoutSeconds: timeout}}
		})
		require.NoError(t, err)
		assert.Equal(t, limit, r.podEnv(t, "IRSA_CALL_LIMIT"), "at a time-out of %d s", timeout)
	}
}

// A Job's name is a label of its pods, which has 63 characters at most.
func TestATestPodOfALongServiceAccountHasAShortName(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, account := range []string{strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a.", 100) + "a"} {
		r := newRecorder()
		_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
			args.Name, args.ServiceAccounts[0].Name = "app", account
			args.TestPod = &components.TestPodArgs{NegativeTest: true, KeepRunning: true}
		})
		require.NoError(t, err)
		for _, added := range append(r.ofType(jobType), r.ofType(podType)...) {
			name := added.Inputs["metadata"].ObjectValue()["name"].StringValue()
			assert.LessOrEqual(t, len(name), 63)
			assert.Regexp(t, `^a[a.-].*[0-9a-f]{8}-irsa-(test|denied|shell)$`, name)
			names[name] = true
		}
	}
	assert.Len(t, names, 9, "they differ")
}

// podSpec is the spec of a Job's pod, or of a pod.
func podSpec(added registration) resource.PropertyMap {
	spec := added.Inputs["spec"].ObjectValue()
	if template, ok := spec["template"]; ok {
		return template.ObjectValue()["spec"].ObjectValue()
	}
	return spec
}

// env is the value of a variable of the test pod.
func (r *recorder) podEnv(t *testing.T, name string) string {
	t.Helper()
	pods := r.ofType(jobType)
	require.Len(t, pods, 1)
	container := podSpec(pods[0])["containers"].ArrayValue()[0].ObjectValue()
	for _, variable := range container["env"].ArrayValue() {
		if variable.ObjectValue()["name"].StringValue() == name {
			return variable.ObjectValue()["value"].StringValue()
		}
	}
	require.Fail(t, "the pod has no variable "+name)
	return ""
}

func TestTheTestPodExpectsTheRoleAsSTSNamesIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, partition, path, want string }{
		{"without its path", "aws", "/teams/apps/", "arn:aws:sts::111122223333:assumed-role/eks-default-app"},
		{"in China", "aws-cn", "", "arn:aws-cn:sts::111122223333:assumed-role/eks-default-app"},
		{"in GovCloud", "aws-us-gov", "/teams/", "arn:aws-us-gov:sts::111122223333:assumed-role/eks-default-app"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			r.partition = test.partition
			_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
				args.Path, args.TestPod = test.path, &components.TestPodArgs{}
			})
			require.NoError(t, err)
			assert.Equal(t, test.want, r.podEnv(t, "IRSA_EXPECTED_ARN"))
		})
	}
}

func TestTheTestPodIsMadeAnewWhenWhatItProvesChanges(t *testing.T) {
	t.Parallel()
	fingerprint := func(change func(*components.IrsaRoleArgs)) string {
		r := newRecorder()
		_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
			args.TestPod = &components.TestPodArgs{}
			args.PolicyAttachments = map[string]pulumi.StringInput{"read": pulumi.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}
			args.InlinePolicies = map[string]components.PolicyDocument{"describe": pulumi.String(describeCluster)}
			args.CustomerManagedPolicies = map[string]components.PolicyDocument{"buckets": pulumi.String(listBuckets)}
			change(args)
		})
		require.NoError(t, err)
		return r.podEnv(t, "IRSA_ROLE_FINGERPRINT")
	}
	same := fingerprint(func(*components.IrsaRoleArgs) {})
	assert.Len(t, same, 16)
	assert.Equal(t, same, fingerprint(func(args *components.IrsaRoleArgs) {
		args.Tags = pulumi.StringMap{"team": pulumi.String("apps")}
		args.Description = "a description proves nothing"
	}))
	for name, change := range map[string]func(*components.IrsaRoleArgs){
		"another role": func(args *components.IrsaRoleArgs) { args.Name = "another" },
		"another trust policy": func(args *components.IrsaRoleArgs) {
			args.ServiceAccounts = append(args.ServiceAccounts, components.ServiceAccountArgs{
				Namespace: "ci", Name: "b", Mode: components.TrustOnly,
			})
		},
		"another managed policy": func(args *components.IrsaRoleArgs) {
			args.PolicyAttachments["read"] = pulumi.String("arn:aws:iam::aws:policy/SecurityAudit")
		},
		"another inline policy": func(args *components.IrsaRoleArgs) { args.InlinePolicies["describe"] = pulumi.String(listBuckets) },
		"another customer managed policy": func(args *components.IrsaRoleArgs) {
			args.CustomerManagedPolicies["buckets"] = pulumi.String(describeCluster)
		},
		"a boundary": func(args *components.IrsaRoleArgs) {
			args.PermissionsBoundary = pulumi.String("arn:aws:iam::aws:policy/PowerUserAccess")
		},
	} {
		assert.NotEqual(t, same, fingerprint(change), name)
	}
}

func TestOneOidcProviderServesSeveralRoles(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	err := r.run(func(ctx *pulumi.Context) error {
		provider, err := components.NewOidcProvider(ctx, "hub", &components.OidcProviderArgs{Issuer: "https://" + hubIssuer})
		if err != nil {
			return err
		}
		for _, name := range []string{"a", "b"} {
			_, err := components.NewIrsaRole(ctx, name, &components.IrsaRoleArgs{
				Clusters:        []components.IrsaCluster{{Name: "hub", OidcProvider: provider}},
				ServiceAccounts: []components.ServiceAccountArgs{{Namespace: "default", Name: name, Mode: components.TrustOnly}},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	assert.Len(t, r.ofType(iamProviderType), 1)
	assert.Len(t, r.called(getOpenIDConnectProvider), 1)
	for _, role := range r.ofType(roleType) {
		assert.Contains(t, role.Inputs["assumeRolePolicy"].StringValue(), hubProviderArn)
		assert.Equal(t, []string{"OpenIdConnectProvider/hub"}, role.dependencies())
	}
}

func TestWhatIsKnownOnlyLaterFailsTheProgramAsWell(t *testing.T) {
	t.Parallel()
	later := func(text string) pulumi.StringOutput { return pulumi.String(text).ToStringOutput() }
	cases := []struct {
		name   string
		change func(*components.IrsaRoleArgs, providers)
		want   string
	}{
		{"a trust policy over the limit", func(args *components.IrsaRoleArgs, _ providers) {
			manyServiceAccounts(args)
			args.Clusters[0].OidcProviderArn = later(hubProviderArn)
		}, `IrsaRole "app": trustPolicy: trust policy has 2066 characters and IAM allows 2048: `},
		{"an OIDC provider's ARN that is another's", func(args *components.IrsaRoleArgs, _ providers) {
			args.Clusters[0].OidcProviderArn = later("arn:aws:iam::111122223333:role/app")
		}, `IrsaRole "app": trustPolicy: providers[0]: "arn:aws:iam::111122223333:role/app" is not the ARN of an OIDC provider` + providerForm},
		{"an OIDC provider's ARN that is none", func(args *components.IrsaRoleArgs, _ providers) {
			args.Clusters[0].OidcProviderArn = later("hub")
		}, `IrsaRole "app": trustPolicy: providers[0]: "hub" is not the ARN of an OIDC provider` + providerForm},
		{"one cluster by two names", func(args *components.IrsaRoleArgs, given providers) {
			args.Clusters = append(args.Clusters, components.IrsaCluster{
				Name: "again", OidcProviderArn: later(hubProviderArn), Kubernetes: given.edge,
			})
		}, `IrsaRole "app": trustPolicy: providers[1]: ` + hubIssuer + ` is the issuer of providers[0] already`},
		{"clusters of two accounts", func(args *components.IrsaRoleArgs, given providers) {
			args.Clusters = append(args.Clusters, components.IrsaCluster{
				Name: "edge", OidcProviderArn: later("arn:aws:iam::222233334444:oidc-provider/oidc.example.com"), Kubernetes: given.edge,
			})
		}, `IrsaRole "app": clusters: the OIDC providers ` + hubProviderArn + " and arn:aws:iam::222233334444:oidc-provider/oidc.example.com " +
			"are in different accounts; a role can trust those of its own account only, so make one role per account"},
		{"an inline policy that is not JSON", func(args *components.IrsaRoleArgs, _ providers) {
			args.InlinePolicies = map[string]components.PolicyDocument{"x": later("Version: 2012-10-17")}
		}, `IrsaRole "app": inlinePolicies.x: `},
		{"a customer managed policy without a statement", func(args *components.IrsaRoleArgs, _ providers) {
			args.CustomerManagedPolicies = map[string]components.PolicyDocument{"x": later(`{"Version":"2012-10-17"}`)}
		}, `IrsaRole "app": customerManagedPolicies.x: Statement: is missing; a policy needs at least one statement`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := newIrsaRole(newRecorder(), test.change)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestAPreviewKnowsTheRoleButNotItsTrustPolicy(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) {
		args.Clusters[0].OidcProviderArn = unknownString()
		args.TestPod = &components.TestPodArgs{}
	}, preview)
	require.NoError(t, err)
	assert.NotContains(t, r.one(t, roleType, "app").Inputs, resource.PropertyKey("assumeRolePolicy"))
	assert.Equal(t, "eks-default-app", r.one(t, roleType, "app").Inputs["name"].StringValue())
}

func TestAnIrsaRoleFindsAWSsPoliciesByName(t *testing.T) {
	t.Parallel()
	byName := func(args *components.IrsaRoleArgs, _ providers) {
		args.ManagedPolicies = []string{"AmazonEBSCSIDriverPolicy", "arn:aws-cn:iam::" + account + ":policy/own"}
		args.PermissionsBoundary = pulumi.String("ViewOnlyAccess")
		args.Clusters[0].OidcProviderArn = pulumi.String(strings.Replace(hubProviderArn, "arn:aws:", "arn:aws-cn:", 1))
	}
	inChina := func() *recorder {
		r := newRecorder()
		r.partition = "aws-cn"
		return r
	}
	t.Run("in the partition of its provider", func(t *testing.T) {
		t.Parallel()
		r := inChina()
		_, err := newIrsaRole(r, byName)
		require.NoError(t, err)
		assert.Equal(t, "arn:aws-cn:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
			r.one(t, attachmentType, "app/AmazonEBSCSIDriverPolicy").Inputs["policyArn"].StringValue())
		assert.Equal(t, "arn:aws-cn:iam::"+account+":policy/own", r.one(t, attachmentType, "app/own").Inputs["policyArn"].StringValue())
		assert.Equal(t, "arn:aws-cn:iam::aws:policy/job-function/ViewOnlyAccess", r.one(t, roleType, "app").Inputs["permissionsBoundary"].StringValue())
	})
	t.Run("or says that there is none", func(t *testing.T) {
		t.Parallel()
		for field, change := range map[string]func(*components.IrsaRoleArgs){
			"managedPolicies[0]":  func(args *components.IrsaRoleArgs) { args.ManagedPolicies = []string{"NoSuchPolicy"} },
			"permissionsBoundary": func(args *components.IrsaRoleArgs) { args.PermissionsBoundary = pulumi.String("NoSuchPolicy") },
		} {
			r := inChina()
			_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) { change(args) })
			require.EqualError(t, err, `IrsaRole "app": `+field+": AWS has no policy of its own that is called NoSuchPolicy and can be given to a role; "+
				"give another one by its ARN")
			assert.Empty(t, r.ofType(roleType))
		}
	})
	t.Run("or that AWS does not answer", func(t *testing.T) {
		t.Parallel()
		r := inChina()
		r.invokeErrors[getPartition] = errors.New("no such host")
		_, err := newIrsaRole(r, byName)
		require.EqualError(t, err, `IrsaRole "app": managedPolicies[0]: asking for the AWS partition: no such host`)
	})
}

func TestAnAssumableRoleFindsItsBoundaryByName(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	err := r.run(func(ctx *pulumi.Context) error {
		for name, boundary := range map[string]string{"bounded": "ViewOnlyAccess", "unbounded": "NoSuchPolicy"} {
			_, err := components.NewAssumableRole(ctx, name, &components.AssumableRoleArgs{
				TrustedRoles: []components.TrustedRole{{Arn: pulumi.String("arn:aws:iam::" + account + ":role/argocd")}},
				Name:         name,
				RoleSettings: components.RoleSettings{PermissionsBoundary: pulumi.String(boundary)},
			})
			if name == "unbounded" {
				assert.ErrorContains(t, err, `AssumableRole "unbounded": permissionsBoundary: AWS has no policy of its own that is called NoSuchPolicy`)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", r.one(t, roleType, "bounded").Inputs["permissionsBoundary"].StringValue())
}

func TestAPolicyThatIsAValueIsCheckedWithTheOtherArguments(t *testing.T) {
	t.Parallel()
	_, err := newIrsaRole(newRecorder(), func(args *components.IrsaRoleArgs, _ providers) {
		args.InlinePolicies = map[string]components.PolicyDocument{"x": components.Policy(iampolicy.Document{Statements: []iampolicy.Statement{{
			Effect: "allow", Actions: iampolicy.Strings{"s3:GetObject"}, Resources: iampolicy.Strings{"*"},
		}}})}
	})
	require.ErrorContains(t, err, "invalid arguments of IrsaRole \"app\":\ninlinePolicies.x: Statement[0].Effect: ")
}
