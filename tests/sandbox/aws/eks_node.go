package aws

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// NodeRole is the name of the role of the sandbox's nodes. NodeCredentials makes it in an account when it is needed first.
const NodeRole = "eks-node"

// NodeCredentials are those of a node of a cluster, as the instance metadata service gives them out: a session of the node
// role, which may do what AmazonEKSWorkerNodePolicy says.
// https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
func (e *Endpoint) NodeCredentials(ctx context.Context, region, cluster string) (aws.Credentials, error) {
	e.eks.mu.Lock()
	c := e.eks.named(region, cluster)
	e.eks.mu.Unlock()
	if c == nil {
		return aws.Credentials{}, fmt.Errorf("credentials of a node: there is no cluster %q in %s", cluster, region)
	}
	p := principal{partition: c.partition, account: c.Account, kind: kindRole, name: NodeRole}
	if err := e.ensureNodeRole(ctx, p); err != nil {
		return aws.Credentials{}, fmt.Errorf("credentials of a node of cluster %q: %w", cluster, err)
	}
	found, err := e.moto.existingRole(ctx, p)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("credentials of a node of cluster %q: %w", cluster, err)
	}
	started, err := e.startSession(ctx, found, instanceID(), podIdentitySession)
	if err != nil {
		return aws.Credentials{}, err
	}
	e.sessions.add(started)
	return aws.Credentials{
		AccessKeyID: started.accessKey, SecretAccessKey: started.secret, SessionToken: started.token,
		CanExpire: true, Expires: started.expires, Source: "node",
	}, nil
}

// ensureNodeRole makes the role, unless it is there: one whose policy was taken away stays without.
func (e *Endpoint) ensureNodeRole(ctx context.Context, p principal) error {
	client := e.moto.iam(p)
	_, err := client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: &p.name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
			`"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	if exists := (*iamtypes.EntityAlreadyExistsException)(nil); errors.As(err, &exists) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{
		RoleName: &p.name, PolicyArn: aws.String("arn:" + p.partition + ":iam::aws:policy/AmazonEKSWorkerNodePolicy"),
	})
	return err
}

func instanceID() string {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // it never fails
	return "i-0" + hex.EncodeToString(id)
}
