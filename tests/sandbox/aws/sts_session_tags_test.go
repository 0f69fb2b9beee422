package aws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/stretchr/testify/require"
)

func TestAPodsTagsAreInItsPermissions(t *testing.T) {
	t.Parallel()
	w := newPodWorkload(t)
	bucket := w.makeBucket(t)
	_, err := w.iam().TagRole(t.Context(), &iam.TagRoleInput{RoleName: &w.roleName, Tags: roleTags("Kubernetes-Namespace", "own", "team", "a")})
	require.NoError(t, err)
	for name, test := range map[string]struct { //nolint:paralleltest // one policy at a time
		condition string
		allowed   bool
	}{
		"the namespace":      {`"aws:PrincipalTag/kubernetes-namespace":"payments"`, true},
		"the role's own":     {`"aws:PrincipalTag/kubernetes-namespace":"own"`, false},
		"a tag of the role":  {`"aws:PrincipalTag/team":"a"`, true},
		"the pod":            {`"aws:PrincipalTag/kubernetes-pod-uid":"` + podUID + `"`, true},
		"another account":    {`"aws:PrincipalTag/kubernetes-service-account":"other"`, false},
		"a tag of a request": {`"aws:RequestTag/kubernetes-namespace":"payments"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			w.putPolicy(t, w.roleName, "allow", `{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::`+bucket+
				`","Condition":{"StringEquals":{`+test.condition+`}}}`)
			err := w.session(t).list(t.Context(), bucket, "")
			if test.allowed {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, noPolicy("s3:ListBucket"))
		})
	}
	t.Run("in a resource", func(t *testing.T) {
		w.putPolicy(t, w.roleName, "allow",
			statement("Allow", "s3:GetObject", "arn:aws:s3:::"+bucket+"/${aws:PrincipalTag/kubernetes-namespace}/*"))
		_, err := w.session(t).s3().GetObject(t.Context(), getObject(bucket, "payments/x"))
		require.ErrorContains(t, err, "NoSuchKey", "it may")
		_, err = w.session(t).s3().GetObject(t.Context(), getObject(bucket, "billing/x"))
		require.ErrorContains(t, err, noPolicy("s3:GetObject"))
	})
}

func TestAPodsTagsGoWithItIntoAnotherRole(t *testing.T) {
	t.Parallel()
	w := newPodWorkload(t)
	target := unique("target")
	trust := func(actions, condition string) {
		policy := document(`{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":[` + actions + `]` + condition + `}`)
		_, err := w.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
			RoleName: &target, PolicyDocument: &policy,
		})
		require.NoError(t, err)
	}
	targetArn := *w.createRole(t, "/", target).Arn
	assume := func(from endpoint) (endpoint, error) {
		answer, err := from.sts().AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &targetArn, RoleSessionName: aws.String("next")})
		if err != nil {
			return endpoint{}, err
		}
		return from.with(answer.Credentials), nil
	}
	const both = `"sts:AssumeRole","sts:TagSession"`
	const inPayments = `,"Condition":{"StringEquals":{"aws:RequestTag/kubernetes-namespace":"payments"}}`
	pod := w.session(t)

	w.putPolicy(t, w.roleName, "allow", `{"Effect":"Allow","Action":[`+both+`],"Resource":"`+targetArn+`"}`)
	trust(`"sts:AssumeRole"`, "")
	_, err := assume(pod)
	require.ErrorContains(t, err, "is not authorized to perform: sts:TagSession on resource: "+targetArn+
		" because no role trust policy allows the sts:TagSession action")
	trust(both, strings.Replace(inPayments, "payments", "billing", 1))
	_, err = assume(pod)
	require.ErrorContains(t, err, "because no role trust policy allows the sts:AssumeRole action")
	trust(both, inPayments)
	w.putPolicy(t, w.roleName, "allow", statement("Allow", "sts:AssumeRole", targetArn))
	_, err = assume(pod)
	require.ErrorContains(t, err, "is not authorized to perform: sts:TagSession on resource: "+targetArn+" "+noPolicy("sts:TagSession"))
	w.putPolicy(t, w.roleName, "allow", `{"Effect":"Allow","Action":[`+both+`],"Resource":"`+targetArn+`"}`)
	next, err := assume(pod)
	require.NoError(t, err)

	bucket := w.makeBucket(t)
	w.putPolicy(t, target, "allow", `{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*",`+
		`"Condition":{"StringEquals":{"aws:PrincipalTag/kubernetes-service-account":"s3-backup"}}}`)
	require.NoError(t, next.list(t.Context(), bucket, ""), "the tags came along")
	plain := w.as(t, targetArn)
	require.ErrorContains(t, plain.list(t.Context(), bucket, ""), noPolicy("s3:ListBucket"), "others do not have them")
}

func TestAssumeRoleTakesTags(t *testing.T) {
	t.Parallel()
	w := newPodWorkload(t)
	const inPayments = `{"StringEquals":{"aws:RequestTag/kubernetes-namespace":"payments"}`
	trusting := func(condition string) string {
		role := w.createRole(t, "/", unique("tagged"))
		_, err := w.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
			RoleName: role.RoleName, PolicyDocument: aws.String(document(`{"Effect":"Allow","Principal":{"AWS":"` + account +
				`"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":` + condition + `}`)),
		})
		require.NoError(t, err)
		w.putPolicy(t, *role.RoleName, "allow", statement("Allow", "*", "*"))
		return *role.Arn
	}
	target := trusting(inPayments + `}`)
	fewer := trusting(inPayments + `,"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":["team"]}}`)
	plain := w.as(t, trusting(inPayments+`}`))
	w.putPolicy(t, w.roleName, "allow", statement("Allow", "*", "*"))
	pod := w.session(t)
	tags := func(keysAndValues ...string) []ststypes.Tag {
		var tags []ststypes.Tag
		for i := 0; i < len(keysAndValues); i += 2 {
			tags = append(tags, ststypes.Tag{Key: &keysAndValues[i], Value: &keysAndValues[i+1]})
		}
		return tags
	}
	namespace := tags("kubernetes-namespace", "payments")
	for name, test := range map[string]struct {
		from       endpoint
		role       string
		tags       []ststypes.Tag
		transitive []string
		refused    string // nothing: it is taken
	}{
		"one that the trust policy wants":   {plain, target, namespace, nil, ""},
		"in another case":                   {plain, target, tags("Kubernetes-Namespace", "payments"), nil, ""},
		"none":                              {plain, target, nil, nil, "because no role trust policy allows the sts:AssumeRole action"},
		"another value":                     {plain, target, tags("kubernetes-namespace", "billing"), nil, "because no role trust policy allows the sts:AssumeRole action"},
		"handed on":                         {plain, fewer, append(tags("team", "a"), namespace...), []string{"Team"}, ""},
		"more of them handed on":            {plain, fewer, append(tags("team", "a"), namespace...), []string{"team", "kubernetes-namespace"}, "because no role trust policy allows the sts:AssumeRole action"},
		"handed on and not there":           {plain, target, namespace, []string{"team"}, "InvalidParameterValue: The specified transitive tag key must be included in the requested tags."},
		"twice":                             {plain, target, append(tags("Kubernetes-Namespace", "payments"), namespace...), nil, "InvalidParameterValue: Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		"beside what the caller hands on":   {pod, target, tags("team", "a"), nil, ""},
		"what the caller hands on":          {pod, target, namespace, nil, conflictingTags},
		"that in another case":              {pod, target, tags("Kubernetes-Namespace", "billing"), nil, conflictingTags},
		"of the operator, who has no roles": {w.endpoint, target, namespace, nil, "the sandbox does not have the parameter Tags.member.1.Key of AssumeRole"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := test.from.sts().AssumeRole(t.Context(), &sts.AssumeRoleInput{
				RoleArn: &test.role, RoleSessionName: aws.String("tagged"), Tags: test.tags, TransitiveTagKeys: test.transitive,
			})
			if test.refused == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.refused)
		})
	}
}

const conflictingTags = "InvalidParameterValue: One of the specified transitive tag keys can't be set because it conflicts with a " +
	"transitive tag key from the calling session."

func TestOnlyTransitiveTagsAreHandedOn(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	role := e.createRole(t, "/", unique("tagged"))
	_, err := e.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
		RoleName: role.RoleName, PolicyDocument: aws.String(document(`{"Effect":"Allow","Principal":{"AWS":"` + account +
			`"},"Action":["sts:AssumeRole","sts:TagSession"]}`)),
	})
	require.NoError(t, err)
	e.putPolicy(t, *role.RoleName, "allow", statement("Allow", "sts:*", "*"))
	bucket := e.makeBucket(t)
	assume := func(from endpoint, tags []ststypes.Tag, transitive ...string) endpoint {
		answer, err := from.sts().AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: role.Arn, RoleSessionName: aws.String("tagged"), Tags: tags, TransitiveTagKeys: transitive,
		})
		require.NoError(t, err)
		return from.with(answer.Credentials)
	}
	first := assume(e.as(t, *role.Arn), []ststypes.Tag{
		{Key: aws.String("team"), Value: aws.String("a")}, {Key: aws.String("stage"), Value: aws.String("dev")},
	}, "stage")
	second := assume(first, nil)
	for _, test := range []struct {
		of      endpoint
		tag     string
		allowed bool
	}{
		{first, `"aws:PrincipalTag/team":"a"`, true},
		{second, `"aws:PrincipalTag/stage":"dev"`, true},
		{second, `"aws:PrincipalTag/team":"a"`, false},
	} {
		e.putPolicy(t, *role.RoleName, "list", `{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringEquals":{`+test.tag+`}}}`)
		err := test.of.list(t.Context(), bucket, "")
		if test.allowed {
			require.NoError(t, err, test.tag)
			continue
		}
		require.ErrorContains(t, err, noPolicy("s3:ListBucket"), test.tag)
	}
}

func getObject(bucket, key string) *s3.GetObjectInput {
	return &s3.GetObjectInput{Bucket: &bucket, Key: &key}
}

// roleTags are tags of a role, keys and values in turn.
func roleTags(keysAndValues ...string) []iamtypes.Tag {
	var tags []iamtypes.Tag
	for i := 0; i < len(keysAndValues); i += 2 {
		tags = append(tags, iamtypes.Tag{Key: &keysAndValues[i], Value: &keysAndValues[i+1]})
	}
	return tags
}
