package sandbox_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// AWS has bad moments. An update through one ends well, or fails clearly and is completed by the next; either way nothing
// is left over after a destroy.
func TestAnUpdateGetsThroughFaultsOrIsCompletedByTheNext(t *testing.T) {
	t.Parallel()
	e := newFaultsEnvironment(t)
	found := e.inventory(t)
	refused := aws.Fault{
		Service: "iam", Action: "CreateRole", Status: http.StatusConflict, Code: "LimitExceeded",
		Message: "Cannot exceed quota for RolesPerAccount: 1000",
	}
	cases := []struct {
		name   string
		faults []aws.Fault
		// delay is how long IAM takes to show what was made.
		delay time.Duration
		// fails is what the update says, or empty when it is to end well.
		fails string
	}{
		{name: "IAM has internal errors", faults: []aws.Fault{
			aws.ServerError("iam", "CreateOpenIDConnectProvider", 1), aws.ServerError("iam", "CreateRole", 1),
			aws.ServerError("iam", "GetRole", 1), aws.ServerError("iam", "AttachRolePolicy", 1),
			aws.ServerError("iam", "PutRolePolicy", 1),
		}},
		{name: "every service throttles", faults: []aws.Fault{
			aws.Throttle("iam", "", 3), aws.Throttle("eks", "", 2), aws.Throttle("s3", "", 2),
		}},
		{name: "STS has internal errors when the test pod asks", faults: []aws.Fault{
			aws.ServerError("sts", "AssumeRoleWithWebIdentity", 2),
		}},
		{name: "EKS throttles the access entry", faults: []aws.Fault{
			aws.Throttle("eks", "CreateAccessEntry", 1), aws.ServerError("eks", "AssociateAccessPolicy", 1),
		}},
		{name: "IAM shows roles and providers only after a while", delay: 3 * time.Second, fails: "couldn't find resource"},
		{name: "IAM refuses the role", faults: []aws.Fault{refused}, fails: "LimitExceeded: Cannot exceed quota for RolesPerAccount"},
	}
	for _, test := range cases {
		stack, err := e.NewStack(t.Context(), repository, e.settings)
		require.NoError(t, err)
		e.Endpoint.Inject(test.faults...)
		e.Endpoint.SetPropagationDelay(test.delay)
		_, err = stack.Up(t.Context())
		// The bad moment is over. Had IAM gone on being late, an update could fail at a provider that the one before it, which
		// stopped at another provider, had not begun to make.
		e.Endpoint.ClearFaults()
		e.Endpoint.SetPropagationDelay(0)
		if test.fails == "" {
			require.NoError(t, err, test.name)
		} else {
			require.ErrorContains(t, err, test.fails, test.name)
			time.Sleep(test.delay) // what was made keeps its delay
			_, err = stack.Up(t.Context())
			require.NoError(t, err, "the next update after: %s", test.name)
		}
		e.assertProven(t, 1)
		require.NoError(t, stack.Destroy(t.Context()), test.name)
		require.Equal(t, found, e.inventory(t), test.name)
	}
	fmt.Printf("faults: %d kinds, all got through or completed by the next update\n", len(cases))
}

// newFaultsEnvironment has one role with its policies and a bucket, one target of Argo CD, and only what another cluster
// needs.
func newFaultsEnvironment(t *testing.T) *environment {
	t.Helper()
	settings, err := sandbox.ReadSettings(repository)
	require.NoError(t, err)
	delete(settings.Section("clusters"), "workloads-us")
	delete(settings.Section("argocd")["targets"].(map[string]any), "workloads-us")
	delete(settings.Section("argocd"), "testPod")
	settings.Section("testPodDefaults")["timeoutSeconds"] = patience
	settings.Section("argocd")["serviceAccountMode"] = "trustOnly"
	keepRoles(settings, "s3-backup")
	role := settings.Section("roles")["s3-backup"].(map[string]any)
	role["managedPolicies"] = []any{"ReadOnlyAccess"}
	delete(role["testPod"].(map[string]any), "negativeTest")
	role["inlinePolicies"] = map[string]any{"describe": map[string]any{
		"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*"}},
	}}
	return bootWithNamespaces(t, settings)
}

// bootWithNamespaces makes the hub's namespaces beside the stack: Kubernetes takes 5 s to delete one, and these tests
// destroy often.
func bootWithNamespaces(t *testing.T, settings *sandbox.Settings) *environment {
	t.Helper()
	hub := settings.Section("clusters")["hub"].(map[string]any)
	namespaces := hub["namespaces"].([]any)
	delete(hub, "namespaces")
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	e := bootEnvironment(t, settings, clusters)
	client := e.client(t, "dev-hub")
	for _, name := range namespaces {
		_, err := client.CoreV1().Namespaces().Create(t.Context(),
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name.(string)}}, metav1.CreateOptions{})
		assert.NoError(t, err)
	}
	return e
}
