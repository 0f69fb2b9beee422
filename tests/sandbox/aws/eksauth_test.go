package aws_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks/agent"
)

const (
	podName = "s3-backup-7d9f4c-x2x"
	podUID  = "0cda7f85-c1f9-4dee-b6e9-a0b50c8f3012"
	// mayNotAssume is all that EKS Auth says of a role that it does not get.
	mayNotAssume = "Unauthorized Exception! EKS does not have permissions to assume the associated role."
)

// podWorkload is a pod of a service account that is associated with a role.
type podWorkload struct {
	endpoint
	issuer, cluster, roleArn, roleName, associationID string
}

func newPodWorkload(t *testing.T, trust ...string) podWorkload {
	t.Helper()
	w := podWorkload{endpoint: newEndpoint(t), issuer: newIssuer(region)}
	w.cluster = w.addCluster(t, func(c *sandboxaws.Cluster) {
		c.Issuer, c.Keys, c.Pod = w.issuer, published(clusterKey()), onePod
	})
	w.roleArn = w.createPodRole(t, trust...)
	w.roleName = w.roleArn[strings.LastIndex(w.roleArn, "/")+1:]
	w.associationID = *w.associate(t, w.cluster, "payments", "s3-backup", w.roleArn).AssociationId
	return w
}

// onePod is a cluster with the workload's pod, and one of another account.
func onePod(_ context.Context, namespace, name string) (sandboxaws.Pod, bool, error) {
	switch namespace + "/" + name {
	case "payments/" + podName:
		return sandboxaws.Pod{UID: podUID, ServiceAccount: "s3-backup", ServiceAccountUID: "u"}, true, nil
	case "payments/other":
		return sandboxaws.Pod{UID: "other-uid", ServiceAccount: "other", ServiceAccountUID: "u"}, true, nil
	case "payments/unreadable":
		return sandboxaws.Pod{}, false, errors.New("refused")
	}
	return sandboxaws.Pod{}, false, nil
}

func bound(namespace, account, pod, uid string) map[string]any {
	return map[string]any{
		"namespace": namespace, "serviceaccount": map[string]any{"name": account, "uid": "u"},
		"pod": map[string]any{"name": pod, "uid": uid},
	}
}

// claims are those of a token of the pod. change, if given, changes them.
func (w podWorkload) claims(change func(map[string]any)) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": w.issuer, "sub": subject, "aud": []string{"pods.eks.amazonaws.com"}, "iat": now, "nbf": now, "exp": now + 600,
		"kubernetes.io": bound("payments", "s3-backup", podName, podUID),
	}
	if change != nil {
		change(claims)
	}
	return claims
}

func (w podWorkload) token(t *testing.T) string {
	t.Helper()
	return sign(t, clusterKey(), "k1", w.claims(nil))
}

// ask asks EKS Auth, as an agent does, with the credentials of the endpoint.
func (e endpoint) ask(ctx context.Context, cluster, token string) (agent.Session, error) {
	return agent.Client{Endpoint: e.URL(), Region: e.region, Credentials: e.credentials}.
		AssumeRoleForPodIdentity(ctx, cluster, token)
}

// session is the workload with the role.
func (w podWorkload) session(t *testing.T) endpoint {
	t.Helper()
	given, err := w.ask(t.Context(), w.cluster, w.token(t))
	require.NoError(t, err)
	return w.with(&ststypes.Credentials{
		AccessKeyId: &given.AccessKeyID, SecretAccessKey: &given.SecretAccessKey, SessionToken: &given.SessionToken,
	})
}

func TestAPodsTokenBecomesASession(t *testing.T) {
	t.Parallel()
	w := newPodWorkload(t)
	w.ResetCalls()

	given, err := w.ask(t.Context(), w.cluster, w.token(t))

	require.NoError(t, err)
	assert.Equal(t, w.associationID, given.AssociationID)
	assert.Regexp(t, `^arn:aws:sts::123456789012:assumed-role/`+w.roleName+`/eks-`+w.cluster[:10]+`-s3-backup--`+uuid.String()+`$`, given.Arn)
	assert.LessOrEqual(t, len(given.Arn)-strings.LastIndex(given.Arn, "/")-1, 64)
	assert.WithinDuration(t, time.Now().Add(6*time.Hour), given.Expires, 5*time.Second, "past the role's own hour")
	caller, err := w.session(t).sts().GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	assert.Contains(t, *caller.Arn, ":assumed-role/"+w.roleName+"/eks-")
	call := w.Calls()[0]
	call.Time = time.Time{}
	assert.Equal(t, sandboxaws.Call{
		Service: "eks-auth", Action: "AssumeRoleForPodIdentity", Region: region, Account: account, Status: http.StatusOK,
	}, call)
}

func TestTheAWSCLIKnowsEKSAuth(t *testing.T) {
	t.Parallel()
	w := newPodWorkload(t)
	output := w.aws(t, "eks-auth", "assume-role-for-pod-identity", "--cluster-name", w.cluster, "--token", w.token(t), "--output", "json")
	var given struct {
		Subject         map[string]string `json:"subject"`
		Audience        string            `json:"audience"`
		AssumedRoleUser map[string]string `json:"assumedRoleUser"`
	}
	require.NoError(t, json.Unmarshal([]byte(output), &given))
	assert.Equal(t, map[string]string{"namespace": "payments", "serviceAccount": "s3-backup"}, given.Subject)
	assert.Equal(t, "pods.eks.amazonaws.com", given.Audience)
	assert.Regexp(t, `^AROA\w+:eks-`, given.AssumedRoleUser["assumeRoleId"])

	_, err := w.tryAWS(t, "eks-auth", "assume-role-for-pod-identity", "--cluster-name", "none", "--token", w.token(t))
	assert.ErrorContains(t, err, "An error occurred (ResourceNotFoundException) when calling the AssumeRoleForPodIdentity operation: "+
		"No cluster found for name: none.")
}

func TestAPodsTokenThatDoesNotHoldIsRefused(t *testing.T) {
	t.Parallel()
	w := newPodWorkload(t)
	other := w
	other.issuer = newIssuer(region)
	other.addCluster(t, func(c *sandboxaws.Cluster) { c.Issuer, c.Keys = other.issuer, published(otherKey()) })
	now := time.Now().Unix()
	set := func(name string, value any) func(map[string]any) {
		return func(claims map[string]any) { claims[name] = value }
	}
	with := func(change func(map[string]any)) string { return sign(t, clusterKey(), "k1", w.claims(change)) }
	pod := func(namespace, account, pod, uid string) string {
		return with(func(claims map[string]any) {
			claims["kubernetes.io"] = bound(namespace, account, pod, uid)
			claims["sub"] = "system:serviceaccount:" + namespace + ":" + account
		})
	}
	const gone = "The pod that the token is bound to does not exist."
	for name, test := range map[string]struct{ token, code, message string }{
		"no token":            {"", "InvalidParameterException", "the request has no token"},
		"no JWT":              {"a.b.c", "InvalidTokenException", noJWT},
		"another key":         {sign(t, otherKey(), "k1", w.claims(nil)), "InvalidTokenException", notValidated},
		"an unknown key ID":   {sign(t, clusterKey(), "k2", w.claims(nil)), "InvalidTokenException", noKey},
		"another cluster":     {sign(t, otherKey(), "k1", other.claims(nil)), "InvalidTokenException", "The token is not one of the cluster " + w.cluster + "."},
		"the audience of STS": {with(set("aud", []string{audience})), "InvalidTokenException", "The audience of the token is not pods.eks.amazonaws.com."},
		"no audience":         {with(set("aud", []string{})), "InvalidTokenException", "The audience of the token is not pods.eks.amazonaws.com."},
		"not yet":             {with(set("nbf", now+60)), "InvalidTokenException", notValidated},
		"no Kubernetes":       {with(set("kubernetes.io", nil)), "InvalidTokenException", "The token names no service account."},
		"no pod":              {pod("payments", "s3-backup", "", ""), "InvalidTokenException", "The token is not bound to a pod."},
		"a pod without a UID": {pod("payments", "s3-backup", podName, ""), "InvalidTokenException", "The token is not bound to a pod."},
		"a pod that is gone":  {pod("payments", "s3-backup", "gone", podUID), "InvalidTokenException", gone},
		"a pod that was":      {pod("payments", "s3-backup", podName, "another-uid"), "InvalidTokenException", gone},
		"another's pod":       {pod("payments", "s3-backup", "other", "other-uid"), "InvalidTokenException", gone},
		"another account": {with(func(claims map[string]any) {
			claims["kubernetes.io"].(map[string]any)["serviceaccount"] = map[string]any{"name": "s3-backup", "uid": "another-uid"}
		}), "InvalidTokenException", "The service account that the token names does not exist."},
		"an account that is none": {with(func(claims map[string]any) {
			claims["kubernetes.io"].(map[string]any)["serviceaccount"] = map[string]any{"name": "s3-backup"}
		}), "InvalidTokenException", "The token names no service account."},
		"another's subject":    {with(set("sub", "system:serviceaccount:payments:other")), "InvalidTokenException", "The subject of the token is not its service account."},
		"no association":       {pod("payments", "other", "other", "other-uid"), "ResourceNotFoundException", "No EKS Pod Identity association found for the service account other in the namespace payments."},
		"a cluster that fails": {pod("payments", "s3-backup", "unreadable", podUID), "InternalFailure", "looking up the pod payments/unreadable: refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := w.ask(t.Context(), w.cluster, test.token)
			requireAPIError(t, err, test.code, test.message)
		})
	}
	t.Run("an expired one", func(t *testing.T) {
		t.Parallel()
		_, err := w.ask(t.Context(), w.cluster, with(set("exp", now-1)))
		require.ErrorContains(t, err, "ExpiredTokenException: Token expired: ")
	})
}

func TestATokenOfAClusterThatIsNotKnownIsRefused(t *testing.T) {
	t.Parallel()
	w := newPodWorkload(t)
	t.Run("a cluster whose pods are not known", func(t *testing.T) {
		t.Parallel()
		other := podWorkload{endpoint: w.endpoint, issuer: newIssuer(region)}
		other.cluster = other.addCluster(t, func(c *sandboxaws.Cluster) { c.Issuer, c.Keys = other.issuer, published(clusterKey()) })
		_, err := other.ask(t.Context(), other.cluster, other.token(t))
		requireAPIError(t, err, "InvalidTokenException", "The pods of the cluster "+other.cluster+" are not known.")
	})
	t.Run("a cluster of another account", func(t *testing.T) {
		t.Parallel()
		_, err := w.administrator(t, "aws").ask(t.Context(), w.cluster, w.token(t))
		requireAPIError(t, err, "ResourceNotFoundException", "No cluster found for name: "+w.cluster+".")
	})
}

func TestATrustPolicyNarrowsWhichPodsGetTheRole(t *testing.T) {
	t.Parallel()
	equals := func(key string, value string) string {
		return `,"Condition":{"StringEquals":{"` + key + `":"` + value + `"}}`
	}
	const pattern = `"arn:aws:eks:eu-west-1:123456789012:cluster/cluster-*"`
	for name, test := range map[string]struct {
		condition string
		allowed   bool
	}{
		"the namespace":             {equals("aws:RequestTag/kubernetes-namespace", "payments"), true},
		"another namespace":         {equals("aws:RequestTag/kubernetes-namespace", "billing"), false},
		"the account":               {equals("aws:RequestTag/kubernetes-service-account", "s3-backup"), true},
		"another account":           {equals("aws:RequestTag/kubernetes-service-account", "other"), false},
		"the pod":                   {equals("aws:RequestTag/kubernetes-pod-name", podName), true},
		"its UID":                   {equals("aws:RequestTag/kubernetes-pod-uid", podUID), true},
		"the cluster":               {`,"Condition":{"ArnLike":{"aws:RequestTag/eks-cluster-arn":` + pattern + `}}`, true},
		"the cluster's name":        {`,"Condition":{"StringLike":{"aws:RequestTag/eks-cluster-name":"cluster-*"}}`, true},
		"another cluster":           {equals("aws:RequestTag/eks-cluster-name", "spoke"), false},
		"the source":                {`,"Condition":{"ArnLike":{"aws:SourceArn":` + pattern + `}}`, true},
		"another source":            {`,"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:eks:*:*:cluster/spoke"}}`, false},
		"the source's account":      {equals("aws:SourceAccount", account), true},
		"another source's":          {equals("aws:SourceAccount", otherAccount), false},
		"the source's organization": {equals("aws:SourceOrgId", "o-1234567890"), false},
		"what it is":                {`,"Condition":{"Bool":{"aws:PrincipalIsAWSService":"true"}}`, true},
		"an address":                {`,"Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, false},
		"a tag that there is not":   {equals("aws:RequestTag/kubernetes-node", "x"), false},
		"the tags": {`,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["eks-cluster-arn","eks-cluster-name",` +
			`"kubernetes-namespace","kubernetes-service-account","kubernetes-pod-name","kubernetes-pod-uid"]}}`, true},
		"fewer tags": {`,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["eks-cluster-arn"]}}`, false},
		"handed on":  {`,"Condition":{"ForAnyValue:StringEquals":{"sts:TransitiveTagKeys":"kubernetes-namespace"}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newPodWorkload(t, podsStatement("Allow", test.condition))
			_, err := w.ask(t.Context(), w.cluster, w.token(t))
			if test.allowed {
				require.NoError(t, err)
				return
			}
			requireAPIError(t, err, "AccessDeniedException", mayNotAssume)
			var refused *agent.Error
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, http.StatusBadRequest, refused.Status)
		})
	}
}

func TestWhatCountsIsTheAssociationAtThisMoment(t *testing.T) {
	t.Parallel()
	w := newPodWorkload(t)
	trust := func(statements ...string) {
		_, err := w.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
			RoleName: &w.roleName, PolicyDocument: aws.String(document(statements...)),
		})
		require.NoError(t, err)
	}
	ask := func() error {
		_, err := w.ask(t.Context(), w.cluster, w.token(t))
		return err
	}
	require.NoError(t, ask())
	trust(action("sts:AssumeRole"))
	requireAPIError(t, ask(), "AccessDeniedException", mayNotAssume)
	trust(podsStatement("Allow", ""), podsStatement("Deny", ""))
	requireAPIError(t, ask(), "AccessDeniedException", mayNotAssume)
	trust(podsStatement("Allow", ""))
	require.NoError(t, ask())

	second := w.createPodRole(t)
	_, err := w.eks().UpdatePodIdentityAssociation(t.Context(), &awseks.UpdatePodIdentityAssociationInput{
		ClusterName: &w.cluster, AssociationId: &w.associationID, RoleArn: &second,
	})
	require.NoError(t, err)
	given, err := w.ask(t.Context(), w.cluster, w.token(t))
	require.NoError(t, err)
	assert.Contains(t, given.Arn, second[strings.LastIndex(second, "/"):]+"/")

	w.deleteRole(t, second[strings.LastIndex(second, "/")+1:])
	requireAPIError(t, ask(), "AccessDeniedException", mayNotAssume)
	_, err = w.eks().DeletePodIdentityAssociation(t.Context(), &awseks.DeletePodIdentityAssociationInput{
		ClusterName: &w.cluster, AssociationId: &w.associationID,
	})
	require.NoError(t, err)
	requireAPIError(t, ask(), "ResourceNotFoundException",
		"No EKS Pod Identity association found for the service account s3-backup in the namespace payments.")
}

func TestWhoMayAskEKSAuth(t *testing.T) {
	t.Parallel()
	w := newPodWorkload(t)
	node := func() endpoint {
		keys, err := w.NodeCredentials(t.Context(), region, w.cluster)
		require.NoError(t, err)
		e := w.endpoint
		e.credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)
		return e
	}
	_, err := node().ask(t.Context(), w.cluster, w.token(t))
	require.NoError(t, err, "a node may")

	other := w.createRole(t, "/", unique("other"))
	_, err = w.as(t, *other.Arn).ask(t.Context(), w.cluster, w.token(t))
	const action = "eks-auth:AssumeRoleForPodIdentity"
	requireAPIError(t, err, "AccessDeniedException",
		denied(*other.RoleName, action, "arn:aws:eks:"+region+":"+account+":cluster/"+w.cluster, noPolicy(action)))
	_, err = w.session(t).ask(t.Context(), w.cluster, w.token(t))
	require.ErrorContains(t, err, "AccessDeniedException: User: ", "a pod itself may not")

	_, err = w.NodeCredentials(t.Context(), region, "none")
	require.ErrorContains(t, err, `there is no cluster "none" in eu-west-1`)
	request := httptest.NewRequest(http.MethodPost, w.URL()+"/clusters/x/assume-role-for-pod-identity", strings.NewReader(`{}`))
	request.RequestURI = ""
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusForbidden, answer.StatusCode, "an unsigned call")
}

func TestPodIdentityInAnotherAccountAndPartition(t *testing.T) {
	t.Parallel()
	const china = "cn-north-1"
	w := podWorkload{endpoint: newEndpoint(t), issuer: strings.Replace(newIssuer(china), ".com/", ".com.cn/", 1)}
	w.cluster = w.addCluster(t, func(c *sandboxaws.Cluster) {
		c.Account, c.Region, c.Issuer, c.Keys, c.Pod, c.CreatorArn = otherAccount, china, w.issuer, published(clusterKey()), onePod, ""
	})
	foreign := w.in(china).administrator(t, "aws-cn")
	role := foreign.createPodRole(t, podsStatement("Allow", `,"Condition":{"StringEquals":{"aws:SourceAccount":"`+otherAccount+`"}}`))
	foreign.associate(t, w.cluster, "payments", "s3-backup", role)
	keys, err := w.NodeCredentials(t.Context(), china, w.cluster)
	require.NoError(t, err)
	node := w.in(china)
	node.credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)

	given, err := node.ask(t.Context(), w.cluster, w.token(t))

	require.NoError(t, err)
	assert.Contains(t, given.Arn, "arn:aws-cn:sts::"+otherAccount+":assumed-role/")
	assert.Equal(t, otherAccount, given.AccountID)
}
