//go:build unix

package attack_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// workload is a pod's session of a role, from the genuine token.
type workload struct {
	role   string // ARN
	given  *ststypes.Credentials
	config aws.Config
}

func newWorkload(t *testing.T, changes ...func(*iam.CreateRoleInput)) workload {
	t.Helper()
	return inRole(t, sandbox.home.newRole(t, sandbox.home.trust(t), changes...))
}

// inRole starts a session of a role that trusts the genuine token.
func inRole(t *testing.T, role string) workload {
	t.Helper()
	answer, err := sts.NewFromConfig(operator()).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, WebIdentityToken: aws.String(genuine(t)), RoleSessionName: aws.String("adversary"),
	})
	require.NoError(t, err)
	return workload{role, answer.Credentials, withSession(answer.Credentials, region)}
}

func (w workload) s3() *s3.Client   { return s3.NewFromConfig(w.config) }
func (w workload) eks() *eks.Client { return eks.NewFromConfig(w.config) }
func (w workload) sts() *sts.Client { return sts.NewFromConfig(w.config) }
func (w workload) iam() *iam.Client { return iam.NewFromConfig(w.config) }

func (w workload) identify(ctx context.Context) error {
	_, err := identify(ctx, w.config)
	return err
}

// assume asks for another role, as role chaining does.
func (w workload) assume(ctx context.Context, role string, changes ...func(*sts.AssumeRoleInput)) error {
	input := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("chained")}
	for _, change := range changes {
		change(input)
	}
	_, err := w.sts().AssumeRole(ctx, input)
	return err
}

// put gives the role an inline policy.
func (w workload) put(t *testing.T, statements ...iampolicy.Statement) {
	t.Helper()
	_, err := sandbox.home.iam().PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String(nameOf(w.role)), PolicyName: aws.String("workload"),
		PolicyDocument: aws.String(document(t, statements...)),
	})
	require.NoError(t, err)
}

// attach gives the role a policy of the account's own, and returns its ARN.
func (w workload) attach(t *testing.T, statements ...iampolicy.Statement) string {
	t.Helper()
	arn := newPolicy(t, statements...)
	_, err := sandbox.home.iam().AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
		RoleName: aws.String(nameOf(w.role)), PolicyArn: &arn,
	})
	require.NoError(t, err)
	return arn
}

func newPolicy(t *testing.T, statements ...iampolicy.Statement) string {
	t.Helper()
	answer, err := sandbox.home.iam().CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName:     aws.String(fmt.Sprintf("policy-%d", numbers.Add(1))),
		PolicyDocument: aws.String(document(t, statements...)),
	})
	require.NoError(t, err)
	return *answer.Policy.Arn
}

func allow(action string, resources ...string) iampolicy.Statement {
	return iampolicy.Statement{Effect: iampolicy.Allow, Actions: iampolicy.Strings{action}, Resources: resources}
}

func deny(action string, resources ...string) iampolicy.Statement {
	return iampolicy.Statement{Effect: iampolicy.Deny, Actions: iampolicy.Strings{action}, Resources: resources}
}

func allowIf(condition iampolicy.Condition, action string, resources ...string) iampolicy.Statement {
	statement := allow(action, resources...)
	statement.Condition = condition
	return statement
}

// deed is what a workload does with its role. The role has an inline policy of may, and a boundary if there is one. A deed
// that wants no refusal is a control.
type deed struct {
	name     string
	may      []iampolicy.Statement
	boundary []iampolicy.Statement
	do       func(t *testing.T, as workload) error
	want     refusal
}

func (d deed) run(t *testing.T) {
	t.Helper()
	as := newWorkload(t, func(input *iam.CreateRoleInput) {
		if d.boundary != nil {
			input.PermissionsBoundary = aws.String(newPolicy(t, d.boundary...))
		}
	})
	if d.may != nil {
		as.put(t, d.may...)
	}
	judge(t, d.want, func() error { return d.do(t, as) })
}

func runDeeds(t *testing.T, deeds []deed) {
	t.Helper()
	for _, d := range deeds {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d.run(t)
		})
	}
}

type statements = []iampolicy.Statement

const (
	bucketArn  = "arn:aws:s3:::" + bucket
	objectsArn = bucketArn + "/*"
)

// byNone is the refusal of what no policy of the role allows.
func byNone(action string) refusal {
	return refusal{"AccessDenied", "because no identity-based policy allows the " + action + " action"}
}

func byNoBoundary(action string) refusal {
	return refusal{"AccessDenied", "because no permissions boundary allows the " + action + " action"}
}

var byDeny = refusal{"AccessDenied", "with an explicit deny in an identity-based policy"}

func listing(bucket, prefix string) func(*testing.T, workload) error {
	return func(t *testing.T, as workload) error { t.Helper(); return list(t.Context(), as.s3(), bucket, prefix) }
}

func reading(bucket, key string) func(*testing.T, workload) error {
	return func(t *testing.T, as workload) error { t.Helper(); return read(t.Context(), as.s3(), bucket, key) }
}

func writing(key string) func(*testing.T, workload) error {
	return func(t *testing.T, as workload) error { t.Helper(); return write(t.Context(), as.s3(), bucket, key) }
}

func deleting(bucket, key string) func(*testing.T, workload) error {
	return func(t *testing.T, as workload) error {
		t.Helper()
		_, err := as.s3().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
		return err
	}
}

func copying(source, target string) func(*testing.T, workload) error {
	return func(t *testing.T, as workload) error {
		t.Helper()
		_, err := as.s3().CopyObject(t.Context(), &s3.CopyObjectInput{
			Bucket: aws.String(bucket), Key: &target, CopySource: &source,
		})
		return err
	}
}

func TestPermissionsOnBuckets(t *testing.T) {
	t.Parallel()
	reader := statements{allow("s3:ListBucket", bucketArn), allow("s3:GetObject", objectsArn)}
	everything := statements{allow("*", "*")}
	runDeeds(t, []deed{
		{name: "listing with the permission to list", may: reader, do: listing(bucket, "")},
		{name: "reading with the permission to read", may: reader, do: reading(bucket, "2026/01.csv")},
		{
			name: "reading what policy and boundary both allow",
			may:  everything, boundary: reader, do: reading(bucket, "2026/01.csv"),
		},
		{
			name: "reading with a policy that was attached after the session began",
			do: func(t *testing.T, as workload) error {
				t.Helper()
				require.Error(t, list(t.Context(), as.s3(), bucket, ""), "before")
				as.attach(t, reader...)
				return list(t.Context(), as.s3(), bucket, "")
			},
		},
		{
			name: "writing into a folder named after the session",
			may:  statements{allow("s3:PutObject", bucketArn+"/${aws:userid}/*")},
			do: func(t *testing.T, as workload) error {
				t.Helper()
				answer, err := as.sts().GetCallerIdentity(t.Context(), nil)
				require.NoError(t, err)
				return write(t.Context(), as.s3(), bucket, *answer.UserId+"/1.csv")
			},
		},
		{name: "listing with no policy at all", do: listing(bucket, ""), want: byNone("s3:ListBucket")},
		{
			name: "listing a bucket whose name begins with that of the allowed one",
			may:  reader, do: listing(longerBucket, ""), want: byNone("s3:ListBucket"),
		},
		{
			name: "reading with the permission to list",
			may:  statements{allow("s3:ListBucket", "*")}, do: reading(bucket, "2026/01.csv"),
			want: byNone("s3:GetObject"),
		},
		{
			name: "reading objects with a permission for the bucket",
			may:  statements{allow("s3:*", bucketArn)}, do: reading(bucket, "2026/01.csv"), want: byNone("s3:GetObject"),
		},
		{
			name: "writing with the permission to read",
			may:  reader, do: writing("2026/02.csv"), want: byNone("s3:PutObject"),
		},
		{
			name: "deleting with the permission to write",
			may:  statements{allow("s3:PutObject", "*")}, do: deleting(bucket, "2026/01.csv"),
			want: byNone("s3:DeleteObject"),
		},
		{
			name: "deleting the bucket with all permissions for its objects",
			may:  statements{allow("s3:*", objectsArn)}, do: func(t *testing.T, as workload) error {
				t.Helper()
				_, err := as.s3().DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String(bucket)})
				return err
			},
			want: byNone("s3:DeleteBucket"),
		},
		{
			name: "reading beside the allowed prefix",
			may:  statements{allow("s3:GetObject", bucketArn+"/2026/*")}, do: reading(bucket, "private/keys.csv"),
			want: byNone("s3:GetObject"),
		},
		{
			name: "reading a key in another case than the policy's",
			may:  statements{allow("s3:GetObject", bucketArn+"/PRIVATE/*")}, do: reading(bucket, "private/keys.csv"),
			want: byNone("s3:GetObject"),
		},
		{
			name: "listing another prefix than the policy's condition has",
			may:  statements{allowIf(iampolicy.Condition{iampolicy.StringLike: {"s3:prefix": {"2026/*"}}}, "s3:ListBucket", bucketArn)},
			do:   listing(bucket, "private/"), want: byNone("s3:ListBucket"),
		},
		{
			name: "writing into the folder of another session",
			may:  statements{allow("s3:PutObject", bucketArn+"/${aws:userid}/*")}, do: writing("AROAEXAMPLE:adversary/1.csv"),
			want: byNone("s3:PutObject"),
		},
		{
			name: "writing into a folder that is called as the variable is",
			may:  statements{allow("s3:PutObject", bucketArn+"/${aws:userid}/*")}, do: writing("${aws:userid}/1.csv"),
			want: byNone("s3:PutObject"),
		},
		{
			name: "reading what is allowed with everything and denied by name",
			may:  append(statements{deny("s3:GetObject", bucketArn+"/private/*")}, everything...), do: reading(bucket, "private/keys.csv"),
			want: byDeny,
		},
		{
			name: "reading what is denied by another policy than the one that allows it", may: everything,
			do: func(t *testing.T, as workload) error {
				t.Helper()
				as.attach(t, deny("s3:Get*", "*"))
				return read(t.Context(), as.s3(), bucket, "2026/01.csv")
			},
			want: byDeny,
		},
		{
			name: "deleting what everything but deleting is allowed for",
			may: statements{{
				Effect: iampolicy.Allow, NotActions: iampolicy.Strings{"s3:Delete*"}, Resources: iampolicy.Strings{"*"},
			}},
			do: deleting(bucket, "2026/01.csv"), want: byNone("s3:DeleteObject"),
		},
		{
			name: "reading the one object that is excepted",
			may: statements{{
				Effect: iampolicy.Allow, Actions: iampolicy.Strings{"s3:GetObject"}, NotResources: iampolicy.Strings{bucketArn + "/private/*"},
			}},
			do: reading(bucket, "private/keys.csv"), want: byNone("s3:GetObject"),
		},
		{
			name: "writing what the policy allows and the boundary does not",
			may:  everything, boundary: reader, do: writing("2026/02.csv"), want: byNoBoundary("s3:PutObject"),
		},
		{
			name:     "reading what the boundary allows and no policy",
			boundary: everything, do: reading(bucket, "2026/01.csv"), want: byNone("s3:GetObject"),
		},
		{
			name: "reading what the boundary denies", may: everything, boundary: append(statements{deny("s3:GetObject", "*")}, everything...),
			do:   reading(bucket, "2026/01.csv"),
			want: refusal{"AccessDenied", "with an explicit deny in a permissions boundary"},
		},
		{
			name: "copying from a bucket that may not be read", may: statements{allow("s3:*", bucketArn, objectsArn)},
			do: copying(longerBucket+"/private/keys.csv", "stolen.csv"), want: byNone("s3:GetObject"),
		},
		{
			name: "listing all buckets with all permissions for one",
			may:  statements{allow("s3:*", bucketArn, objectsArn)}, do: func(t *testing.T, as workload) error {
				t.Helper()
				_, err := as.s3().ListBuckets(t.Context(), nil)
				return err
			},
			want: byNone("s3:ListAllMyBuckets"),
		},
		{
			name: "reading another account's bucket with all permissions", may: everything, do: reading(foreignBucket, "2026/01.csv"),
			want: refusal{"AccessDenied", "because no resource-based policy allows the s3:GetObject action"},
		},
		{
			name: "reading after the policy was detached", do: func(t *testing.T, as workload) error {
				t.Helper()
				policy := as.attach(t, reader...)
				require.NoError(t, list(t.Context(), as.s3(), bucket, ""), "before")
				_, err := sandbox.home.iam().DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{
					RoleName: aws.String(nameOf(as.role)), PolicyArn: &policy,
				})
				require.NoError(t, err)
				return list(t.Context(), as.s3(), bucket, "")
			},
			want: byNone("s3:ListBucket"),
		},
		{
			name: "reading with a presigned URL what the one who signed it may not read",
			do: func(t *testing.T, as workload) error {
				t.Helper()
				return get(t, presigned(t, as))
			},
			want: byNone("s3:GetObject"),
		},
	})
}

// presigned is a URL by which whoever has it reads an object as the workload.
func presigned(t *testing.T, as workload) string {
	t.Helper()
	request, err := s3.NewPresignClient(as.s3()).PresignGetObject(t.Context(),
		&s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("2026/01.csv")})
	require.NoError(t, err)
	return request.URL
}

// get opens a URL as a browser would, and gives the error of S3's answer.
func get(t *testing.T, url string) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	if response.StatusCode == http.StatusOK {
		return nil
	}
	answer := regexp.MustCompile(`<Code>(.*)</Code><Message>(.*)</Message>`).FindStringSubmatch(string(body))
	require.NotNil(t, answer, string(body))
	return &smithy.GenericAPIError{Code: answer[1], Message: answer[2]}
}

func TestPermissionsOnClusters(t *testing.T) {
	t.Parallel()
	const hubArn = "arn:aws:eks:" + region + ":" + homeAccount + ":cluster/hub"
	itself := statements{allow("eks:DescribeCluster", hubArn)}
	describing := func(name string) func(*testing.T, workload) error {
		return func(t *testing.T, as workload) error {
			t.Helper()
			_, err := as.eks().DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: &name})
			return err
		}
	}
	denied := func(action string) refusal { return refusal{"AccessDeniedException", byNone(action).message} }
	runDeeds(t, []deed{
		{name: "describing the cluster that it may describe", may: itself, do: describing("hub")},
		{name: "describing another cluster", may: itself, do: describing("spoke"), want: denied("eks:DescribeCluster")},
		{
			name: "describing a cluster that does not exist, which is not told",
			may:  itself, do: describing("hub-2"), want: denied("eks:DescribeCluster"),
		},
		{
			name: "describing a cluster of that name in another region",
			may:  itself, do: func(t *testing.T, as workload) error {
				t.Helper()
				as.config.Region = "us-east-1"
				return describing("hub")(t, as)
			},
			want: denied("eks:DescribeCluster"),
		},
		{name: "listing the clusters", may: itself, do: func(t *testing.T, as workload) error {
			t.Helper()
			_, err := as.eks().ListClusters(t.Context(), nil)
			return err
		}, want: denied("eks:ListClusters")},
		{name: "letting itself into the cluster", may: itself, do: func(t *testing.T, as workload) error {
			t.Helper()
			_, err := as.eks().CreateAccessEntry(t.Context(), &eks.CreateAccessEntryInput{
				ClusterName: aws.String("hub"), PrincipalArn: &as.role,
			})
			return err
		}, want: denied("eks:CreateAccessEntry")},
	})
}

func TestPermissionsOnItself(t *testing.T) {
	t.Parallel()
	runDeeds(t, []deed{
		{
			name: "asking who it is, which needs no permission and cannot be denied", may: statements{deny("*", "*")},
			do: func(t *testing.T, as workload) error { t.Helper(); return as.identify(t.Context()) },
		},
		{
			name: "giving itself the administrator's policy", may: statements{allow("iam:Get*", "*")},
			do: func(t *testing.T, as workload) error {
				t.Helper()
				_, err := as.iam().AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
					RoleName: aws.String(nameOf(as.role)), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
				})
				return err
			},
			want: byNone("iam:AttachRolePolicy"),
		},
		{
			name: "letting everybody into its role", may: statements{allow("iam:Get*", "*")},
			do: func(t *testing.T, as workload) error {
				t.Helper()
				_, err := as.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
					RoleName: aws.String(nameOf(as.role)), PolicyDocument: aws.String(sandbox.home.trust(t, pattern("*"))),
				})
				return err
			},
			want: byNone("iam:UpdateAssumeRolePolicy"),
		},
		{
			name: "taking its boundary off", may: statements{allow("*", "*")}, boundary: statements{allow("s3:*", "*")},
			do: func(t *testing.T, as workload) error {
				t.Helper()
				_, err := as.iam().DeleteRolePermissionsBoundary(t.Context(), &iam.DeleteRolePermissionsBoundaryInput{
					RoleName: aws.String(nameOf(as.role)),
				})
				return err
			},
			want: byNoBoundary("iam:DeleteRolePermissionsBoundary"),
		},
	})
}

func TestRoleChaining(t *testing.T) {
	t.Parallel()
	const withExternalID = "4711"
	mayAssume := statements{allow("sts:AssumeRole", "*")}
	// trusts makes the other role, which trusts whom it is told to.
	type (
		principal = func(t *testing.T, as workload) string
		target    = func(t *testing.T, in account, as workload) string
	)
	trusts := func(condition iampolicy.Condition, whom principal) target {
		return func(t *testing.T, in account, as workload) string {
			t.Helper()
			return in.newRole(t, document(t, iampolicy.Statement{
				Effect: iampolicy.Allow, Principal: &iampolicy.Principal{AWS: iampolicy.Strings{whom(t, as)}},
				Actions: iampolicy.Strings{"sts:AssumeRole"}, Condition: condition,
			}))
		}
	}
	theRole := func(_ *testing.T, as workload) string { return as.role }
	itsAccount := func(*testing.T, workload) string { return homeAccount }
	anotherAccount := func(*testing.T, workload) string { return foreigner }
	anotherRole := func(t *testing.T, _ workload) string { t.Helper(); return trusting()(t) }
	assuming := func(other target, changes ...func(*sts.AssumeRoleInput)) func(*testing.T, workload) error {
		return func(t *testing.T, as workload) error {
			t.Helper()
			return as.assume(t.Context(), other(t, sandbox.home, as), changes...)
		}
	}
	abroad := func(other target) func(*testing.T, workload) error {
		return func(t *testing.T, as workload) error {
			t.Helper()
			return as.assume(t.Context(), other(t, newAccount(t), as))
		}
	}
	byTrust := refusal{"AccessDenied", "because no role trust policy allows the sts:AssumeRole action"}
	external := iampolicy.Condition{iampolicy.StringEquals: {"sts:ExternalId": {withExternalID}}}
	runDeeds(t, []deed{
		{name: "assuming a role that trusts it", may: mayAssume, do: assuming(trusts(nil, theRole))},
		{name: "assuming a role of another account that trusts it", may: mayAssume, do: abroad(trusts(nil, theRole))},
		{
			name: "assuming a role with the external ID that it wants",
			may:  mayAssume, do: assuming(trusts(external, theRole), func(input *sts.AssumeRoleInput) {
				input.ExternalId = aws.String(withExternalID)
			}),
		},
		{
			name: "assuming a role that trusts another role", may: mayAssume,
			do: assuming(trusts(nil, anotherRole)), want: byTrust,
		},
		{
			name: "assuming a role that trusts another account", may: mayAssume,
			do: assuming(trusts(nil, anotherAccount)), want: byTrust,
		},
		{
			name: "assuming a role that trusts the account, without a permission of its own",
			do:   assuming(trusts(nil, itsAccount)), want: byNone("sts:AssumeRole"),
		},
		{
			name: "assuming a role of another account that trusts it, without a permission of its own",
			do:   abroad(trusts(nil, theRole)), want: byNone("sts:AssumeRole"),
		},
		{
			name: "assuming with the permission for another role", may: statements{allow("sts:AssumeRole", "arn:aws:iam::"+homeAccount+":role/admin")},
			do: assuming(trusts(nil, itsAccount)), want: byNone("sts:AssumeRole"),
		},
		{
			name:     "assuming a role that trusts it, past its boundary",
			boundary: statements{allow("s3:*", "*")}, do: assuming(trusts(nil, theRole)), want: byNone("sts:AssumeRole"),
		},
		{
			name: "assuming a role that trusts it, where its own policy denies it",
			may:  statements{deny("sts:AssumeRole", "*")}, do: assuming(trusts(nil, theRole)), want: byDeny,
		},
		{
			name: "assuming a role that wants an external ID, without one",
			may:  mayAssume, do: assuming(trusts(external, theRole)), want: byTrust,
		},
		{
			name: "assuming a role with another external ID than it wants",
			may:  mayAssume, do: assuming(trusts(external, theRole), func(input *sts.AssumeRoleInput) {
				input.ExternalId = aws.String("4712")
			}),
			want: byTrust,
		},
		{name: "assuming its own role again", may: mayAssume, do: func(t *testing.T, as workload) error {
			t.Helper()
			return as.assume(t.Context(), as.role)
		}, want: byTrust},
		{
			name: "assuming a role that does not exist", may: mayAssume,
			do:   func(t *testing.T, as workload) error { t.Helper(); return as.assume(t.Context(), as.role+"-2") },
			want: refusal{"AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: "},
		},
		{
			name: "a chained session of more than an hour",
			may:  mayAssume, do: assuming(func(t *testing.T, in account, as workload) string {
				t.Helper()
				role := trusts(nil, theRole)(t, in, as)
				_, err := in.iam().UpdateRole(t.Context(), &iam.UpdateRoleInput{
					RoleName: aws.String(nameOf(role)), MaxSessionDuration: aws.Int32(43200),
				})
				require.NoError(t, err)
				return role
			}, func(input *sts.AssumeRoleInput) { input.DurationSeconds = aws.Int32(3601) }),
			want: invalid("1 hour session limit for roles assumed by role chaining"),
		},
		{
			name: "giving itself tags on the way",
			may:  mayAssume, do: assuming(trusts(nil, theRole), func(input *sts.AssumeRoleInput) {
				input.Tags = []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("admin")}}
			}),
			want: refusal{"AccessDenied", "is not authorized to perform: sts:TagSession"},
		},
		{
			name: "giving itself another identity on the way",
			may:  mayAssume, do: assuming(trusts(nil, theRole), func(input *sts.AssumeRoleInput) {
				input.SourceIdentity = aws.String("admin")
			}),
			want: refusal{"AccessDenied", "is not authorized to perform: sts:SetSourceIdentity"},
		},
	})
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	invalidToken := refusal{"InvalidClientTokenId", "The security token included in the request is invalid"}
	wrongSignature := refusal{"SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided"}
	with := func(given ststypes.Credentials, change func(*ststypes.Credentials)) aws.Config {
		change(&given)
		return withSession(&given, region)
	}
	asking := func(config func(t *testing.T, as workload) aws.Config) func(*testing.T, workload) error {
		return func(t *testing.T, as workload) error {
			t.Helper()
			_, err := identify(t.Context(), config(t, as))
			return err
		}
	}
	runDeeds(t, []deed{
		{name: "a session whose role is gone", do: func(t *testing.T, as workload) error {
			t.Helper()
			require.NoError(t, as.identify(t.Context()), "before")
			sandbox.home.deleteRole(t, as.role)
			return as.identify(t.Context())
		}, want: invalidToken},
		{name: "a session whose role was made anew", do: func(t *testing.T, as workload) error {
			t.Helper()
			assert.Equal(t, as.role, sandbox.home.remade(t, as.role, sandbox.home.trust(t)))
			return as.identify(t.Context())
		}, want: invalidToken},
		{
			name: "a session at S3 whose role is gone",
			may:  statements{allow("s3:*", "*")}, do: func(t *testing.T, as workload) error {
				t.Helper()
				sandbox.home.deleteRole(t, as.role)
				return list(t.Context(), as.s3(), bucket, "")
			},
			want: refusal{"InvalidAccessKeyId", "does not exist in our records"},
		},
		{
			name: "a session's access key without its token",
			do: asking(func(_ *testing.T, as workload) aws.Config {
				return with(*as.given, func(c *ststypes.Credentials) { c.SessionToken = aws.String("") })
			}),
			want: invalidToken,
		},
		{
			name: "a session's access key with another session's token",
			do: asking(func(t *testing.T, as workload) aws.Config {
				t.Helper()
				return with(*as.given, func(c *ststypes.Credentials) { c.SessionToken = newWorkload(t).given.SessionToken })
			}),
			want: invalidToken,
		},
		{
			name: "a session's access key and token with another session's secret",
			do: asking(func(t *testing.T, as workload) aws.Config {
				t.Helper()
				return with(*as.given, func(c *ststypes.Credentials) { c.SecretAccessKey = newWorkload(t).given.SecretAccessKey })
			}),
			want: wrongSignature,
		},
		{
			name: "an access key that STS never gave out",
			do: asking(func(_ *testing.T, as workload) aws.Config {
				return with(*as.given, func(c *ststypes.Credentials) { c.AccessKeyId = aws.String("ASIAIOSFODNN7EXAMPLE") })
			}),
			want: invalidToken,
		},
		{
			name: "the operator's access key, which is no secret, with a session's secret",
			do: asking(func(_ *testing.T, as workload) aws.Config {
				return with(*as.given, func(c *ststypes.Credentials) {
					c.AccessKeyId, c.SessionToken = aws.String(operatorKey), aws.String("")
				})
			}),
			want: wrongSignature,
		},
		{
			name: "a presigned URL that was changed to be of another object",
			may:  statements{allow("s3:GetObject", objectsArn)},
			do: func(t *testing.T, as workload) error {
				t.Helper()
				url := presigned(t, as)
				require.NoError(t, get(t, url), "before")
				return get(t, strings.Replace(url, "/2026/01.csv?", "/private/keys.csv?", 1))
			},
			want: wrongSignature,
		},
		{name: "no access key at all", do: asking(func(*testing.T, workload) aws.Config {
			return withCredentials(aws.AnonymousCredentials{}, region)
		}), want: refusal{"MissingAuthenticationToken", "Missing Authentication Token"}},
	})
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	malformed := func(what string) refusal { return refusal{"MalformedPolicyDocument", what} }
	// The product refuses to write these.
	unknownOperator := func(text string) string { return strings.Replace(text, `"StringEquals"`, `"StringMatches"`, 1) }
	attempts := []struct {
		name string
		do   func(t *testing.T) error
		want refusal
	}{
		{"a role whose trust policy has an operator that there is not", func(t *testing.T) error {
			t.Helper()
			_, err := sandbox.home.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
				RoleName: aws.String("malformed"), AssumeRolePolicyDocument: aws.String(unknownOperator(sandbox.home.trust(t))),
			})
			return err
		}, malformed("StringMatches")},
		{"a trust policy that is changed to have an operator that there is not", func(t *testing.T) error {
			t.Helper()
			role := trusting()(t)
			_, err := sandbox.home.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
				RoleName: aws.String(nameOf(role)), PolicyDocument: aws.String(unknownOperator(sandbox.home.trust(t))),
			})
			return err
		}, malformed("StringMatches")},
		{"a trust policy that is none", func(t *testing.T) error {
			t.Helper()
			role := trusting()(t)
			_, err := sandbox.home.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
				RoleName: aws.String(nameOf(role)), PolicyDocument: aws.String(`{"Statement":`),
			})
			return err
		}, malformed("")},
		{"a trust policy without a principal", func(t *testing.T) error {
			t.Helper()
			_, err := sandbox.home.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
				RoleName:                 aws.String("malformed"),
				AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}`),
			})
			return err
		}, malformed("no principals")},
		{"a permission document with an operator that there is not", func(t *testing.T) error {
			t.Helper()
			role := trusting()(t)
			policy := document(t, allowIf(iampolicy.Condition{iampolicy.StringEquals: {"s3:prefix": {"x"}}}, "s3:ListBucket", bucketArn))
			_, err := sandbox.home.iam().PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
				RoleName: aws.String(nameOf(role)), PolicyName: aws.String("malformed"), PolicyDocument: aws.String(unknownOperator(policy)),
			})
			return err
		}, malformed("StringMatches")},
		{"a permission document that names a principal", func(t *testing.T) error {
			t.Helper()
			_, err := sandbox.home.iam().CreatePolicy(t.Context(), &iam.CreatePolicyInput{
				PolicyName: aws.String("malformed"), PolicyDocument: aws.String(sandbox.home.trust(t)),
			})
			return err
		}, malformed("")},
	}
	for _, attempt := range attempts {
		t.Run(attempt.name, func(t *testing.T) {
			t.Parallel()
			judge(t, attempt.want, func() error { return attempt.do(t) })
		})
	}
}
