//go:build unix

package eks_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

// awsAuth is the map in kube-system of every cluster.
var awsAuth = map[string]string{
	"mapRoles": `
- rolearn: arn:aws:iam::123456789012:role/Mapped
  username: mapped:{{AccountID}}:{{SessionName}}
  groups: [mapped, "raw:{{SessionNameRaw}}", "key:{{AccessKeyID}}"]
- rolearn: arn:aws:iam::123456789012:role/with/path/pathed
  username: pathed
- rolearn: arn:aws:iam::123456789012:role/both
  username: from-aws-auth
  groups: [from-aws-auth]
- {rolearn: "arn:aws:iam::123456789012:role/twice", username: first, groups: [first]}
- {rolearn: "arn:aws:iam::123456789012:role/TWICE", username: last, groups: [last]}
- {rolearn: "arn:aws:iam::123456789012:role/hasty", username: hasty, groups: "not a list"}
- {rolearn: "arn:aws:iam::123456789012:role/node", username: "system:node:{{EC2PrivateDNSName}}", groups: ["system:nodes"]}
`,
	"mapUsers": `
- userarn: arn:aws:iam::123456789012:user/team/mapped
  username: mapped-user
  groups: [mapped]
`,
	"mapAccounts": `not a list`,
}

func TestALoginIsTheUserThatTheClusterKnows(t *testing.T) {
	t.Parallel()
	for _, spec := range []eks.Spec{hub, spoke, legacy} {
		sandbox.entries.set(spec, aws.AccessEntry{
			PrincipalArn: roleArn("entry"), Username: "arn:aws:sts::123456789012:assumed-role/entry/{{SessionName}}",
			Groups: []string{"readers", "writers"},
		})
		sandbox.entries.set(spec, aws.AccessEntry{PrincipalArn: userArn("entry"), Username: userArn("entry")})
		sandbox.entries.set(spec, aws.AccessEntry{
			PrincipalArn: roleArn("both"), Username: "from-entry", Groups: []string{"from-entry"},
		})
	}
	type user struct {
		name   string
		groups []string
	}
	entryRole := user{"arn:aws:sts::123456789012:assumed-role/entry/me-example.com", []string{"readers", "writers"}}
	entryUser := user{userArn("entry"), nil}
	mapped := user{"mapped:123456789012:me-example.com", []string{"mapped", "raw:me@example.com", "key:role.mapped"}}
	mappedUser := user{"mapped-user", []string{"mapped"}}
	last := user{"last", []string{"last"}}
	node := user{"system:node:me@example.com.ec2.internal", []string{"system:nodes"}}
	refused := user{}
	for name, test := range map[string]struct {
		accessKey          string
		hub, spoke, legacy user
	}{
		"a role with an access entry":         {"role.entry", entryRole, entryRole, refused},
		"a user with an access entry":         {"user.entry", entryUser, entryUser, refused},
		"a user that STS describes in XML":    {"xml.entry", entryUser, entryUser, refused},
		"a role of aws-auth":                  {"role.mapped", mapped, refused, mapped},
		"a user of aws-auth, with its path":   {"user.team~mapped", mappedUser, refused, mappedUser},
		"an entry wins over aws-auth":         {"role.both", user{"from-entry", []string{"from-entry"}}, user{"from-entry", []string{"from-entry"}}, user{"from-aws-auth", []string{"from-aws-auth"}}},
		"a role with two lines of aws-auth":   {"role.twice", last, refused, last},
		"a role whose groups are no list":     {"role.hasty", user{"hasty", nil}, refused, user{"hasty", nil}},
		"a node":                              {"role.node", node, refused, node},
		"aws-auth cannot name a role's path":  {"role.pathed", refused, refused, refused},
		"a role that nobody mentions":         {"role.unknown", refused, refused, refused},
		"a role called like a user's entry":   {"user.both", refused, refused, refused},
		"a key that STS does not know":        {"nobody.entry", refused, refused, refused},
		"a principal that is neither of both": {"outsider.entry", refused, refused, refused},
		"an STS that sends elsewhere":         {"redirect.entry", refused, refused, refused},
	} {
		for spec, want := range map[eks.Spec]user{hub: test.hub, spoke: test.spoke, legacy: test.legacy} {
			t.Run(name+" in mode "+spec.AuthenticationMode, func(t *testing.T) {
				t.Parallel()
				review, err := loggedIn(t, spec, test.accessKey).AuthenticationV1().SelfSubjectReviews().
					Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})

				if want.name == "" {
					require.True(t, apierrors.IsUnauthorized(err), "%v", err)
					return
				}
				require.NoError(t, err)
				got := review.Status.UserInfo
				assert.Equal(t, want.name, got.Username)
				assert.Equal(t, append(want.groups, "system:authenticated"), got.Groups)
			})
		}
	}
}

func TestALoginCarriesWhatEKSKnowsOfThePrincipal(t *testing.T) {
	t.Parallel()
	sandbox.entries.set(hub, entry(roleArn("extra"), "extra", nil))

	review, err := loggedIn(t, hub, "role.extra").AuthenticationV1().SelfSubjectReviews().
		Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})

	require.NoError(t, err)
	assert.Equal(t, "aws-iam-authenticator:123456789012:AROAextra", review.Status.UserInfo.UID)
	extra := review.Status.UserInfo.Extra
	for key, want := range map[string]string{
		"arn":          "arn:aws:sts::123456789012:assumed-role/extra/me@example.com",
		"canonicalArn": roleArn("extra"), "sessionName": "me@example.com", "accessKeyId": "role.extra", "principalId": "AROAextra",
	} {
		assert.Equal(t, authenticationv1.ExtraValue{want}, extra[key], key)
	}
}

func TestAccessThatIsTakenAwayIsGone(t *testing.T) {
	t.Parallel()
	sandbox.entries.set(hub, entry(roleArn("leaver"), "leaver", nil))
	client := loggedIn(t, hub, "role.leaver")
	_, err := client.Discovery().ServerGroups()
	require.NoError(t, err)

	sandbox.entries.remove(hub, roleArn("leaver"))

	query := tokenQuery("hub", "role.leaver")
	query.Set("X-Amz-Security-Token", "to make it another token")
	fresh := reviewToken(t, encodeToken(sandbox.sts.URL+"/", query))
	assert.Contains(t, fresh.Error, "mapping "+roleArn("leaver")+": no access entry and no line of aws-auth")
	eventually(t, func() error { // the API server remembers a token that was good for 10 s
		if _, err := client.Discovery().ServerGroups(); !apierrors.IsUnauthorized(err) {
			return fmt.Errorf("the old token answers: %w", err)
		}
		return nil
	})
}

func TestAMapThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()

	review := reviewToken(t, tokenFor("hub", "role.nowhere"))

	assert.Contains(t, review.Error, "aws-auth: mapAccounts: ")
}

func TestTokensThatAreNotForThisClusterAreRefused(t *testing.T) {
	t.Parallel()
	sts := sandbox.sts.URL
	stsURL, err := url.Parse(sts)
	require.NoError(t, err)
	with := func(key, value string) func(url.Values) { return func(q url.Values) { q.Set(key, value) } }
	without := func(key string) func(url.Values) { return func(q url.Values) { q.Del(key) } }
	dated := func(age time.Duration) func(url.Values) {
		return with("X-Amz-Date", time.Now().UTC().Add(-age).Format("20060102T150405Z"))
	}
	for name, test := range map[string]struct {
		base   string // instead of the STS's URL
		change func(url.Values)
		encode func(token string) string
		want   string // empty when the token is good
		asks   bool   // STS is to find out what is wrong
	}{
		"untouched":                        {asks: true},
		"14 minutes old":                   {change: dated(14 * time.Minute), asks: true},
		"valid for 15 minutes":             {change: with("X-Amz-Expires", "900"), asks: true},
		"more signed headers":              {change: with("X-Amz-SignedHeaders", "host;x-amz-foo;X-K8s-Aws-Id"), asks: true},
		"a session's token":                {change: with("X-Amz-Security-Token", "session"), asks: true},
		"for another cluster":              {change: with("X-Amz-Signature", "for-spoke"), want: "403 Forbidden: SignatureDoesNotMatch", asks: true},
		"another host":                     {base: "http://sts.example.com/", want: "presigned URL for http://sts.example.com: this cluster's STS is " + sts},
		"a host that extends the endpoint": {base: "http://127.0.0.1.example.com/", want: "this cluster's STS is"},
		"another port":                     {base: "http://127.0.0.1:1/", want: "this cluster's STS is"},
		"the host as a user's name":        {base: sts + "@example.com/", want: "this cluster's STS is"},
		"a user before the host":           {base: "http://user:password@" + stsURL.Host + "/", want: "this cluster's STS is"},
		"another scheme":                   {base: "https://" + stsURL.Host + "/", want: "this cluster's STS is"},
		"another path":                     {base: sts + "/bucket/key", want: `presigned URL with the path "/bucket/key": must be /`},
		"no path":                          {base: sts, want: `presigned URL with the path "": must be /`},
		"another action":                   {change: with("Action", "AssumeRole"), want: `action "AssumeRole": must be GetCallerIdentity`},
		"no action":                        {change: without("Action"), want: `action "": must be GetCallerIdentity`},
		"one more parameter":               {change: with("RoleArn", "x"), want: `query parameter "RoleArn", which is not allowed`},
		"a parameter twice":                {change: func(q url.Values) { q.Add("Action", "AssumeRole") }, want: `query parameter "Action" more than once`},
		"a parameter in two cases":         {change: with("action", "AssumeRole"), want: `more than once`},
		"16 minutes old":                   {change: dated(16 * time.Minute), want: "which expired after 15m0s"},
		"made in the future":               {change: dated(-10 * time.Minute), want: "which is in the future"},
		"no date":                          {change: without("X-Amz-Date"), want: `X-Amz-Date=""`},
		"a date of another format":         {change: with("X-Amz-Date", "2026-01-01"), want: `X-Amz-Date="2026-01-01"`},
		"valid for an hour":                {change: with("X-Amz-Expires", "3600"), want: `X-Amz-Expires="3600": must be 0 to 900`},
		"valid for less than nothing":      {change: with("X-Amz-Expires", "-1"), want: `X-Amz-Expires="-1"`},
		"no validity":                      {change: without("X-Amz-Expires"), want: `X-Amz-Expires=""`},
		"the cluster is not signed":        {change: with("X-Amz-SignedHeaders", "host"), want: "signature does not cover the header x-k8s-aws-id"},
		"a header like the cluster's":      {change: with("X-Amz-SignedHeaders", "host;x-k8s-aws-id-2"), want: "signature does not cover the header"},
		"no signature":                     {change: without("X-Amz-Signature"), want: "presigned URL without X-Amz-Signature"},
		"no prefix":                        {encode: func(s string) string { return strings.TrimPrefix(s, "k8s-aws-v1.") }, want: `without the prefix "k8s-aws-v1."`},
		"another version":                  {encode: func(s string) string { return strings.Replace(s, "v1", "v2", 1) }, want: "without the prefix"},
		"no base64":                        {encode: func(s string) string { return s + "!" }, want: "decoding the token: "},
		"base64 with padding":              {encode: func(string) string { return "k8s-aws-v1.aHR0cA==" }, want: "decoding the token: "},
		"no URL": {encode: func(string) string {
			return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte("http://[::1"))
		}, want: "the token holds no URL"},
		"a malformed query": {encode: func(string) string {
			return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(sts+"/?a=%zz"))
		}, want: "malformed query"},
		"too long": {change: with("X-Amz-Security-Token", strings.Repeat("x", 4096)), want: "at most 4096 are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			accessKey := "role." + strings.NewReplacer(" ", "-", "'", "").Replace(name)
			sandbox.entries.set(hub, entry(roleArn(strings.TrimPrefix(accessKey, "role.")), "somebody", nil))
			query := tokenQuery("hub", accessKey)
			if test.change != nil {
				test.change(query)
			}
			base := sts + "/"
			if test.base != "" {
				base = test.base
			}
			token := encodeToken(base, query)
			if test.encode != nil {
				token = test.encode(token)
			}

			review := reviewToken(t, token)

			assert.Equal(t, test.want == "", review.Authenticated)
			assert.Contains(t, review.Error, test.want)
			assert.Equal(t, test.asks, sandbox.sts.wasAskedAbout(accessKey), "STS is asked")
			assert.NotContains(t, review.Error, "X-Amz-Credential", "an error shows no credential")
		})
	}
}

// reviewToken asks the hub's API server what it thinks of a token.
func reviewToken(t *testing.T, token string) authenticationv1.TokenReviewStatus {
	t.Helper()
	review, err := admin(t, hub).AuthenticationV1().TokenReviews().Create(t.Context(),
		&authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	require.NoError(t, err)
	return review.Status
}
