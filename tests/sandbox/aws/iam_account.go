package aws

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// AccountAccessRole is the role by which the operator reaches an account that [Endpoint.AddAccount] made.
const AccountAccessRole = "OrganizationAccountAccessRole"

// AddAccount makes an account that the operator can work in, the way AWS Organizations makes one: with a role that has
// AdministratorAccess and that the operator may assume. It returns the ARN of the role. An account that has it already
// stays as it is.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html
func (e *Endpoint) AddAccount(ctx context.Context, partition, account string) (roleArn string, err error) {
	if !accountID.MatchString(account) {
		return "", fmt.Errorf("adding account %q: it must be 12 digits", account)
	}
	p := principal{partition: partition, account: account, kind: kindRole, name: AccountAccessRole}
	client := e.moto.iam(p)
	operators, err := e.moto.account(ctx, "sandbox", globalRegion(partition))
	if err != nil {
		return "", fmt.Errorf("adding account %s: %w", account, err)
	}
	_, err = client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: &p.name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
			`"Principal":{"AWS":"` + operators + `"},"Action":"sts:AssumeRole"}]}`),
	})
	if exists := (*iamtypes.EntityAlreadyExistsException)(nil); err != nil && !errors.As(err, &exists) {
		return "", fmt.Errorf("adding account %s: %w", account, err)
	}
	_, err = client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{
		RoleName: &p.name, PolicyArn: aws.String("arn:" + partition + ":iam::aws:policy/AdministratorAccess"),
	})
	if err != nil {
		return "", fmt.Errorf("adding account %s: %w", account, err)
	}
	return fmt.Sprintf("arn:%s:iam::%s:role/%s", partition, account, p.name), nil
}
