package tests

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
)

// envOf are the variables of a pod's program, but for the program's own settings.
func envOf(added registration) map[string]string {
	env := wholeEnvOf(added)
	for _, setting := range []string{"HOME", "TMPDIR", "IRSA_WINDOW", "IRSA_CALL_LIMIT", "IRSA_LIMIT"} {
		delete(env, setting)
	}
	return env
}

func TestClusterLoginTestIsAJobForEachServiceAccount(t *testing.T) {
	t.Parallel()
	r, login := clusterLogin.made(t, nil)
	assert.Equal(t, []string{
		"argocd/argocd-application-controller-login-workloads", "argocd/argocd-server-login-workloads",
	}, await[[]string](t, login.Pods))
	assert.Len(t, r.ofType(jobType), 2)
	pod := r.one(t, jobType, "argocd/workloads/argocd/argocd-server-login-workloads")
	assert.Equal(t, map[string]string{
		"IRSA_POD": "argocd/argocd-server-login-workloads", "IRSA_LOGIN": "workloads", "IRSA_CLUSTER_NAME": "dev-workloads",
		"IRSA_SERVER": "https://api.example.com", "IRSA_CA_DATA": caData, "IRSA_READ": "",
		"IRSA_EXPECTED_ARN": "arn:aws:sts::111122223333:assumed-role/argocd",
	}, envOf(pod))
	spec := podSpec(pod)
	assert.Equal(t, "argocd-server", spec["serviceAccountName"].StringValue())
	command := container(pod)["command"].ArrayValue()
	assert.Equal(t, "login", command[len(command)-1].StringValue())
	assert.Equal(t, "login", pod.Inputs["metadata"].ObjectValue()["labels"].ObjectValue()[testpod.Label].StringValue())
	assert.Equal(t, "75s", pod.RegisterRPC.GetCustomTimeouts().GetCreate())
	assert.True(t, pod.RegisterRPC.GetDeleteBeforeReplace())
	assert.Equal(t, "hub", providerName(pod.Provider)[len("kubernetes-"):])
}

func TestClusterLoginTestWithARoleThatIsAssumedAndAPathToRead(t *testing.T) {
	t.Parallel()
	r, _ := clusterLogin.made(t, func(args *components.ClusterLoginTestArgs) {
		args.Assume, args.Read, args.Fingerprint = true, "/api/v1/namespaces?limit=1", pulumi.String("AROA1")
		args.Image, args.TimeoutSeconds = "images.example.com/aws-cli:2", 90
	})
	pod := r.one(t, jobType, "argocd/workloads/argocd/argocd-server-login-workloads")
	env := envOf(pod)
	assert.Equal(t, "arn:aws:iam::111122223333:role/teams/argocd", env["IRSA_ASSUME"])
	assert.Equal(t, "/api/v1/namespaces?limit=1", env["IRSA_READ"])
	assert.Equal(t, "AROA1", env["IRSA_FINGERPRINT"])
	assert.Equal(t, "105s", pod.RegisterRPC.GetCustomTimeouts().GetCreate())
	assert.Equal(t, "images.example.com/aws-cli:2", container(pod)["image"].StringValue())
}

func TestClusterLoginTestRefuses(t *testing.T) {
	t.Parallel()
	clusterLogin.refuses(t, []refusal[components.ClusterLoginTestArgs]{
		{
			"everything wrong", lines(
				`name: "Work loads" is not a part of a name; use lower case letters, digits and hyphens`,
				"namespace: must not be empty",
				"serviceAccounts: name at least one service account",
				"clusterName: must not be empty", "server: must not be empty", "certificateAuthorityData: must not be empty",
				"principalArn: must not be empty",
				`read: "api/v1" is not a path of the API server, which begins with / and has no white space`,
				"timeoutSeconds: 9 is less than 15", `image: "aws cli" is not an image reference such as public.ecr.aws/aws-cli/aws-cli:2.36.49`,
			), func(args *components.ClusterLoginTestArgs) {
				*args = components.ClusterLoginTestArgs{
					Name: "Work loads", Read: "api/v1", PodSettings: components.PodSettings{TimeoutSeconds: 9, Image: "aws cli"},
				}
			},
		},
		{"a service account twice", `serviceAccounts[1]: "a" is already in the list, at index 0`, func(args *components.ClusterLoginTestArgs) {
			args.ServiceAccounts = []string{"a", "a"}
		}},
	})
}
