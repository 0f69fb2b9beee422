//go:build unix

package attack_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

const (
	homeAccount = "123456789012" // moto's own, where the operator is
	region      = "eu-west-1"
	audience    = iampolicy.Audience

	operatorKey    = "AKIASANDBOXOPERATOR"
	operatorSecret = "sandbox"
)

// account is an AWS account with the credentials of its administrator.
type account struct {
	id, partition string
	config        aws.Config
}

// operator is a client configuration with the operator's credentials.
func operator() aws.Config {
	return withCredentials(credentials.NewStaticCredentialsProvider(operatorKey, operatorSecret, ""), region)
}

func withCredentials(given aws.CredentialsProvider, region string) aws.Config {
	return aws.Config{
		BaseEndpoint: aws.String(sandbox.aws.URL()), Region: region, Credentials: given,
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func withSession(session *ststypes.Credentials, region string) aws.Config {
	return withCredentials(credentials.NewStaticCredentialsProvider(
		*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken), region)
}

// openAccount makes an account and goes there as its administrator.
func openAccount(ctx context.Context, partition, id string) (account, error) {
	role, err := sandbox.aws.AddAccount(ctx, partition, id)
	if err != nil {
		return account{}, err
	}
	in := map[string]string{"aws": region, "aws-cn": "cn-north-1"}[partition]
	config := operator()
	config.Region = in
	answer, err := sts.NewFromConfig(config).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String("administrator"),
	})
	if err != nil {
		return account{}, err
	}
	return account{id, partition, withSession(answer.Credentials, in)}, nil
}

var numbers atomic.Int64

// newAccount opens an account that no other test has.
func newAccount(t *testing.T) account {
	t.Helper()
	return newAccountIn(t, "aws")
}

func newAccountIn(t *testing.T, partition string) account {
	t.Helper()
	opened, err := openAccount(t.Context(), partition, fmt.Sprintf("2%011d", numbers.Add(1)))
	require.NoError(t, err)
	return opened
}

func (a account) iam() *iam.Client { return iam.NewFromConfig(a.config) }

// register makes an OIDC provider.
func (a account) register(ctx context.Context, issuer string, clientIDs ...string) error {
	_, err := a.iam().CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: &issuer, ClientIDList: clientIDs})
	return err
}

// registered is the account with a provider of its own for the cluster.
func (a account) registered(t *testing.T, of *issuer, clientIDs ...string) account {
	t.Helper()
	require.NoError(t, a.register(t.Context(), of.Issuer, clientIDs...))
	return a
}

// provider is the ARN of a cluster's OIDC provider in the account, if it is registered there.
func (a account) provider(of *issuer) string {
	return iampolicy.ARN{Partition: a.partition, Service: "iam", Account: a.id, Resource: "oidc-provider/" + of.host()}.String()
}

// backup is the service account that the roles trust.
var backup = iampolicy.ServiceAccountSubject{Namespace: "payments", Name: "s3-backup"}

// trust is the product's trust policy for service accounts of the hub; by default, for payments/s3-backup.
func (a account) trust(t *testing.T, subjects ...iampolicy.ServiceAccountSubject) string {
	t.Helper()
	if len(subjects) == 0 {
		subjects = []iampolicy.ServiceAccountSubject{backup}
	}
	return a.trustIn(t, []*issuer{sandbox.hub}, subjects...)
}

// trustIn is the product's trust policy for service accounts of these clusters.
func (a account) trustIn(t *testing.T, clusters []*issuer, subjects ...iampolicy.ServiceAccountSubject) string {
	t.Helper()
	policy := iampolicy.WebIdentityTrust{ServiceAccounts: subjects}
	for _, c := range clusters {
		policy.Providers = append(policy.Providers, a.provider(c))
	}
	text, err := policy.JSON()
	require.NoError(t, err)
	return text
}

// trustAnd is the product's trust policy for payments/s3-backup of the hub, with statements beside it.
func (a account) trustAnd(t *testing.T, more ...iampolicy.Statement) string {
	t.Helper()
	text, err := iampolicy.WebIdentityTrust{
		Providers:       []string{a.provider(sandbox.hub)},
		ServiceAccounts: []iampolicy.ServiceAccountSubject{backup},
		ExtraStatements: more,
	}.JSON()
	require.NoError(t, err)
	return text
}

// document is a policy of these statements alone.
func document(t *testing.T, statements ...iampolicy.Statement) string {
	t.Helper()
	text, err := iampolicy.Document{Statements: statements}.JSON()
	require.NoError(t, err)
	return text
}

// federated is a statement of a trust policy about the tokens of a provider.
func federated(effect iampolicy.Effect, provider string, condition iampolicy.Condition) iampolicy.Statement {
	return iampolicy.Statement{
		Effect: effect, Principal: &iampolicy.Principal{Federated: iampolicy.Strings{provider}},
		Actions: iampolicy.Strings{"sts:AssumeRoleWithWebIdentity"}, Condition: condition,
	}
}

// newRole makes a role, named like no other.
func (a account) newRole(t *testing.T, trust string, changes ...func(*iam.CreateRoleInput)) string {
	t.Helper()
	input := &iam.CreateRoleInput{
		RoleName: aws.String(fmt.Sprintf("role-%d", numbers.Add(1))), AssumeRolePolicyDocument: &trust,
	}
	for _, change := range changes {
		change(input)
	}
	answer, err := a.iam().CreateRole(t.Context(), input)
	require.NoError(t, err)
	return *answer.Role.Arn
}

// deleteRole takes a role away with its inline policies.
func (a account) deleteRole(t *testing.T, arn string) {
	t.Helper()
	name := aws.String(nameOf(arn))
	policies, err := a.iam().ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: name})
	require.NoError(t, err)
	for _, policy := range policies.PolicyNames {
		_, err := a.iam().DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: &policy})
		require.NoError(t, err)
	}
	_, err = a.iam().DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: name})
	require.NoError(t, err)
}

// remade deletes a role and makes it again under its name, with another trust policy.
func (a account) remade(t *testing.T, arn, trust string) string {
	t.Helper()
	a.deleteRole(t, arn)
	return a.newRole(t, trust, named(nameOf(arn)))
}

func named(name string) func(*iam.CreateRoleInput) {
	return func(input *iam.CreateRoleInput) { input.RoleName = &name }
}

func underPath(path string) func(*iam.CreateRoleInput) {
	return func(input *iam.CreateRoleInput) { input.Path = &path }
}

// nameOf is the name in the ARN of a role.
func nameOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// identify asks STS who the caller is.
func identify(ctx context.Context, config aws.Config) (string, error) {
	answer, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, nil)
	if err != nil {
		return "", err
	}
	return *answer.Arn, nil
}

func createBucket(ctx context.Context, client *s3.Client, name string) error {
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	return err
}

func write(ctx context.Context, client *s3.Client, bucket, key string) error {
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("1,2,3")})
	return err
}

func read(ctx context.Context, client *s3.Client, bucket, key string) error {
	answer, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func list(ctx context.Context, client *s3.Client, bucket, prefix string) error {
	_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	return err
}
