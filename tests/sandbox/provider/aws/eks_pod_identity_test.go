package aws_test

import (
	"net/http"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
)

const (
	podsToken = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
	podsTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},` +
		`"Action":["sts:AssumeRole","sts:TagSession"]}]}`
)

func newPodRole(t *testing.T, e *providertest.Engine, name string) string {
	t.Helper()
	role := e.Create(t, roleToken, name, map[string]any{"name": name, "assumeRolePolicy": podsTrust})
	return role.Output("arn").(string)
}

func TestPodIdentityAssociation(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	first, second := newPodRole(t, e, "pods-1"), newPodRole(t, e, "pods-2")
	inputs := map[string]any{
		"clusterName": clusterName, "namespace": "payments", "serviceAccount": "s3-backup", "roleArn": first,
		"tags": map[string]any{"t": "1"},
	}
	planned, err := e.Preview(t, podsToken, "pods", inputs)
	require.NoError(t, err)
	assert.True(t, planned.Get("associationId").IsComputed())
	association := e.Create(t, podsToken, "pods", inputs)
	assert.Regexp(t, `^a-[a-z0-9]{17}$`, association.ID)
	assert.Equal(t, association.ID, association.Output("associationId"))
	assert.Equal(t, "arn:aws:eks:eu-west-1:123456789012:podidentityassociation/hub/"+association.ID, association.Output("associationArn"))
	drift, _ := association.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))

	id := association.ID
	inputs["roleArn"], inputs["tags"] = second, map[string]any{"t": "2"}
	assert.Equal(t, map[string]string{"roleArn": "update", "tags.t": "update", "tagsAll.t": "update"},
		providertest.Changes(association.Diff(t, inputs)))
	association.Update(t, inputs)
	found, err := live.eks.DescribePodIdentityAssociation(t.Context(), &eks.DescribePodIdentityAssociationInput{
		ClusterName: awssdk.String(clusterName), AssociationId: &id,
	})
	require.NoError(t, err)
	assert.Equal(t, second, *found.Association.RoleArn)
	assert.Equal(t, map[string]string{"t": "2"}, found.Association.Tags)

	for name, value := range map[string]string{"clusterName": "spoke", "namespace": "billing", "serviceAccount": "other"} {
		was := inputs[name]
		inputs[name] = value
		assert.Equal(t, map[string]string{name: "update&replace"}, providertest.Changes(association.Diff(t, inputs)))
		inputs[name] = was
	}
	_, err = e.TryCreate(t, podsToken, "twice", inputs, 0)
	require.ErrorContains(t, err, "creating EKS (Elastic Kubernetes) Pod Identity Association (<unknown>): ")
	require.ErrorContains(t, err, "ResourceInUseException: Association already exists: "+id)

	imported, diff := e.Import(t, podsToken, "again", clusterName+","+id, inputs)
	assert.Empty(t, providertest.Changes(diff))
	assert.Equal(t, id, imported.ID)
	association.Delete(t)
	_, gone := association.Refresh(t)
	assert.True(t, gone)
	association.Delete(t)
}

func TestPodIdentityAssociationRefusals(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	inputs := map[string]any{"clusterName": clusterName, "namespace": "default", "serviceAccount": "refused", "roleArn": "me"}
	_, failures, err := e.Check(t.Context(), podsToken, "pods", property.Map{}, inputs)
	require.NoError(t, err)
	assert.Len(t, failures, 1)
	inputs["roleArn"] = newPrincipal(t, e, "pods-untrusting")
	_, err = e.TryCreate(t, podsToken, "pods", inputs, 0)
	require.ErrorContains(t, err, "InvalidParameterException: Trust policy of the role provided is invalid.")
	inputs["clusterName"] = "none"
	_, err = e.TryCreate(t, podsToken, "pods", inputs, 0)
	require.ErrorContains(t, err, "ResourceNotFoundException: No cluster found for name: none.")
	_, err = e.Provider.Read(t.Context(), p.ReadRequest{ID: "a-12345678", Urn: providertest.URN(podsToken, "pods")})
	assert.ErrorContains(t, err, "wrong format of import ID (a-12345678), use: 'cluster-name,association-id'")
}

func TestAnAssociationWaitsForItsRole(t *testing.T) {
	server := newFaultyAWS(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	e, live := newEngine(t, nil), newCloud(t)
	server.SetPropagationDelay(600 * time.Millisecond)
	fresh := func(name string) (arn string) {
		made, err := live.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: awssdk.String(podsTrust)})
		require.NoError(t, err)
		return *made.Role.Arn
	}
	inputs := map[string]any{"clusterName": clusterName, "namespace": "default", "serviceAccount": "late", "roleArn": fresh("pods-late-1")}
	association := e.Create(t, podsToken, "late", inputs)
	assert.Contains(t, statuses(server, "CreatePodIdentityAssociation"), http.StatusBadRequest)
	inputs["roleArn"] = fresh("pods-late-2")
	association.Update(t, inputs)
	assert.Contains(t, statuses(server, "UpdatePodIdentityAssociation"), http.StatusBadRequest)

	server.Inject(lost("eks", "CreatePodIdentityAssociation"))
	inputs["serviceAccount"] = "lost"
	e.Create(t, podsToken, "lost", inputs)
}

func TestGetAddon(t *testing.T) {
	t.Parallel()
	const token = "aws:eks/getAddon:getAddon"
	e := newEngine(t, nil)
	found, failures, err := e.Invoke(t.Context(), token, map[string]any{"clusterName": clusterName, "addonName": "eks-pod-identity-agent"})
	require.NoError(t, err)
	require.Empty(t, failures)
	assert.Equal(t, "hub:eks-pod-identity-agent", found["id"])
	assert.Equal(t, "eks-pod-identity-agent", found["addonName"])
	assert.Contains(t, found["arn"], ":addon/hub/eks-pod-identity-agent/")
	assert.Regexp(t, `^v\d`, found["addonVersion"])

	_, _, err = e.Invoke(t.Context(), token, map[string]any{"clusterName": clusterName, "addonName": "none"})
	assert.EqualError(t, err, "invoking "+token+": 1 error occurred:\n\t* reading EKS Add-On (hub:none): couldn't find resource\n\n")
}
