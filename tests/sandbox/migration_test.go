package sandbox_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
)

// step is an update that changes the way on which a role is given to pods, and what is there after it.
type step struct {
	identity components.IdentityType
	// via is the way on which a new pod comes, as its proof says.
	via                              string
	annotated, trustsOIDC, trustsEKS bool
	associations                     int
	// survivors are pods of earlier steps that still get the role.
	survivors []string
}

// A role moves to EKS Pod Identity and back, a step at a time. Each step is proven, the role is never replaced, and no pod is
// without it that was restarted where the documentation says so.
func TestARoleMovesToPodIdentityAndBackStepByStep(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	steps := []step{
		{identity: "irsa", via: "irsa", annotated: true, trustsOIDC: true},
		{identity: "trustBoth", via: "irsa", annotated: true, trustsOIDC: true, trustsEKS: true, survivors: []string{"made-0"}},
		{identity: "both", via: "podIdentity", annotated: true, trustsOIDC: true, trustsEKS: true, associations: 1, survivors: []string{"made-0", "made-1"}},
		{identity: "podIdentity", via: "podIdentity", trustsEKS: true, associations: 1, survivors: []string{"made-2"}},
		{identity: "both", via: "podIdentity", annotated: true, trustsOIDC: true, trustsEKS: true, associations: 1, survivors: []string{"made-2", "made-3"}},
		{identity: "trustBoth", via: "irsa", annotated: true, trustsOIDC: true, trustsEKS: true},
		{identity: "irsa", via: "irsa", annotated: true, trustsOIDC: true, survivors: []string{"made-5"}},
	}
	var id string
	for i, step := range steps {
		role := e.settings.Section("roles")["iam-role-test"].(map[string]any)
		role["identity"] = string(step.identity)
		role["testPod"] = map[string]any{"negativeTest": true}
		require.NoError(t, e.stack.Write(e.settings))
		e.up(t)
		what := fmt.Sprintf("step %d, %s", i, step.identity)

		proof := e.assertProven(t, 1)[0]
		assert.Equal(t, step.via, proof.Via, what)
		deployed := e.inventory(t)
		assert.Len(t, deployed.Associations, step.associations, what)
		assert.Equal(t, step.annotated, len(deployed.IrsaServiceAccounts()) == 1, what)
		found, err := e.AWS().IAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("iam-role-test")})
		require.NoError(t, err)
		if id == "" {
			id = *found.Role.RoleId
		}
		assert.Equal(t, id, *found.Role.RoleId, "%s: the role stays", what)
		trust := *found.Role.AssumeRolePolicyDocument
		assert.Equal(t, step.trustsOIDC, strings.Contains(trust, "AssumeRoleWithWebIdentity"), what)
		assert.Equal(t, step.trustsEKS, strings.Contains(trust, "pods.eks.amazonaws.com"), what)

		e.cluster(t, "dev-hub").RestartAgent() // which keeps credentials for hours, as pods of IRSA do not
		e.startWorkload(t, "dev-hub", fmt.Sprintf("made-%d", i))
		for _, pod := range append(step.survivors, fmt.Sprintf("made-%d", i)) {
			output, err := e.execIn(t, "dev-hub", pod, `rm -rf "$HOME/.aws/cli/cache"; aws sts get-caller-identity --query Arn --output text`)
			require.NoError(t, err, "%s: pod %s: %s", what, pod, output)
			assert.Contains(t, output, ":assumed-role/iam-role-test/", "%s: pod %s", what, pod)
		}
		assert.Empty(t, changed(e.up(t)), "%s: a second up changes nothing", what)
	}
	fmt.Printf("migration steps proven: %d\n", len(steps))
}

// startWorkload starts a pod under iam-role-test that does nothing but run, as a workload of the user's.
func (e *environment) startWorkload(t *testing.T, cluster, name string) {
	t.Helper()
	pods := e.client(t, cluster).CoreV1().Pods("default")
	_, err := pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			ServiceAccountName: "iam-role-test", RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{Name: "app", Image: testpod.DefaultImage, Command: []string{"sleep", "3600"}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	err = wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		pod, err := pods.Get(ctx, name, metav1.GetOptions{})
		return err == nil && pod.Status.Phase == corev1.PodRunning, err
	})
	require.NoError(t, err, name)
}
