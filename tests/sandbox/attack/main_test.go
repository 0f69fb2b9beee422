//go:build unix

// Package attack_test tries to get at roles, by IRSA and by EKS Pod Identity, and past the permissions of roles, in every way
// that it knows. Two real clusters issue the tokens; the trust policies are those that the product writes. Each attempt has
// to be refused for its own reason, with AWS's own code; controls beside them, in the same tables, have to succeed, so that
// the refusals are not those of a harness that refuses everything.
//
// `go test` without arguments in this folder ends with the count. (With arguments it hides what passing tests print.)
package attack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

// sandbox is what TestMain boots and all tests share. Tests make roles, and where they need them accounts, of their own.
var sandbox struct {
	aws    *aws.Endpoint
	awsCLI string
	// hub is the cluster whose service account payments/s3-backup is trusted, spoke the other one, with the same names.
	hub, spoke *issuer
	// home is the account of both clusters and of the operator, where the OIDC providers of both are registered.
	home account
}

// issuer is a cluster with a client for it.
type issuer struct {
	*eks.Cluster
	kubernetes kubernetes.Interface
}

// host is the issuer as IAM names it, without https://.
func (i *issuer) host() string { return strings.TrimPrefix(i.Issuer, "https://") }

// tally counts what really ran.
var tally struct{ attempts, refused, controls, allowed atomic.Int64 }

func TestMain(m *testing.M) {
	code, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	fmt.Printf("attacks: %d attempts, %d refused; %d controls, %d allowed\n",
		tally.attempts.Load(), tally.refused.Load(), tally.controls.Load(), tally.allowed.Load())
	os.Exit(code)
}

func testMain(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "eks-irsa-attack-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	stop, err := boot(dir)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// boot starts what the tests share; what it started ends with stop, also after an error.
func boot(dir string) (stop func() error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // the first time, Kubernetes is compiled
	defer cancel()
	var stops []func() error
	stop = func() error {
		var faults []error
		for i := len(stops) - 1; i >= 0; i-- {
			faults = append(faults, stops[i]())
		}
		return errors.Join(faults...)
	}
	var motoServer string
	if motoServer, sandbox.awsCLI, err = tools.Python(ctx, tools.Options{Log: os.Stderr}); err != nil {
		return stop, err
	}
	controlPlane, err := tools.ControlPlane(ctx, tools.Options{Log: os.Stderr})
	if err != nil {
		return stop, err
	}
	// The process ends with its context, which is not to be that of the start.
	motoURL, moto, err := aws.StartMoto(context.WithoutCancel(ctx),
		aws.Moto{Path: motoServer, LogFile: filepath.Join(dir, "moto.log")})
	if err != nil {
		return stop, err
	}
	stops = append(stops, func() error { return moto.Stop(5 * time.Second) })
	if sandbox.aws, err = aws.New(aws.Options{
		MotoURL: motoURL, Credentials: map[string]string{operatorKey: operatorSecret},
	}); err != nil {
		return stop, err
	}
	stops = append(stops, sandbox.aws.Close)
	sandbox.home = account{id: homeAccount, partition: "aws", config: operator()}

	clusters, err := eks.Start(ctx, eks.Options{
		ControlPlane: controlPlane, Dir: filepath.Join(dir, "clusters"),
		AWSEndpoint: sandbox.aws.URL(), Access: sandbox.aws.AccessEntry,
		Associated: sandbox.aws.HasPodIdentityAssociation, Addon: sandbox.aws.HasAddon, NodeCredentials: sandbox.aws.NodeCredentials,
	}, []eks.Spec{
		{Name: "hub", Account: homeAccount, Region: region, AuthenticationMode: "API"},
		{Name: "spoke", Account: homeAccount, Region: region, AuthenticationMode: "API"},
	})
	if err != nil {
		return stop, err
	}
	stops = append(stops, clusters.Stop)
	if sandbox.hub, err = known(ctx, clusters.Get(region, "hub")); err != nil {
		return stop, err
	}
	if sandbox.spoke, err = known(ctx, clusters.Get(region, "spoke")); err != nil {
		return stop, err
	}
	return stop, fill(ctx)
}

// known makes a cluster known to AWS, with its OIDC provider.
func known(ctx context.Context, c *eks.Cluster) (*issuer, error) {
	err := sandbox.aws.AddCluster(aws.Cluster{
		Name: c.Name, Account: c.Account, Region: c.Region, Version: "1.34", Endpoint: c.Endpoint,
		CertificateAuthority: c.CertificateAuthority, Issuer: c.Issuer, AuthenticationMode: c.AuthenticationMode, Keys: c.JWKS, Pod: c.Pod,
	})
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	if err != nil {
		return nil, err
	}
	i := &issuer{c, client}
	return i, sandbox.home.register(ctx, i.Issuer, audience)
}

// The buckets: the one that roles are given, one with a longer name beside it, and one of another account.
const (
	bucket        = "ledger"
	longerBucket  = "ledger-archive"
	foreignBucket = "foreign-ledger"
	foreigner     = "111111111111"
)

// fill makes the buckets and their objects.
func fill(ctx context.Context) error {
	foreign, err := openAccount(ctx, "aws", foreigner)
	if err != nil {
		return err
	}
	for name, owner := range map[string]account{bucket: sandbox.home, longerBucket: sandbox.home, foreignBucket: foreign} {
		client := s3.NewFromConfig(owner.config)
		if err := createBucket(ctx, client, name); err != nil {
			return err
		}
		for _, key := range []string{"2026/01.csv", "private/keys.csv"} {
			if err := write(ctx, client, name, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusal is an error of AWS: its code, and a part of its message that tells its reason. The zero value is none.
type refusal struct{ code, message string }

// judge wants an attempt to be refused, or a control to succeed, and counts it.
func judge(t *testing.T, want refusal, do func() error) {
	t.Helper()
	if want == (refusal{}) {
		tally.controls.Add(1)
		require.NoError(t, do())
		tally.allowed.Add(1)
		return
	}
	tally.attempts.Add(1)
	err := do()
	var refused smithy.APIError
	require.ErrorAs(t, err, &refused)
	right := assert.Equal(t, want.code, refused.ErrorCode(), "%v", err)
	right = assert.Contains(t, refused.ErrorMessage(), want.message) && right
	if right {
		tally.refused.Add(1)
	}
}
