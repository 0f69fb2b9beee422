// Package sandbox runs the platform stack on the machine it is on, with no AWS account and no Docker: the real Pulumi
// engine, a real kube-apiserver for every EKS cluster, and one AWS endpoint. It is what `make demo`, `make sandbox` and
// the end-to-end tests stand on.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/process"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

// The operator's account, where clusters are unless they say otherwise, who the operator is, and the operator's credentials.
// These are no secret: they open nothing but this endpoint.
const (
	Account         = "123456789012"
	accessKeyID     = "AKIASANDBOXOPERATOR"
	secretAccessKey = "sandbox"
	OperatorArn     = "arn:aws:sts::" + Account + ":user/moto"
	defaultRegion   = "eu-west-1"
)

// Options say what a sandbox is made of.
type Options struct {
	// Clusters are the EKS clusters that exist already when the stack comes to them.
	Clusters []eks.Spec
	// Log takes the progress, a line for each step.
	Log io.Writer
	// Plugins are the sources of the AWS and Kubernetes plugins, the preferred one first. Default: what $PLUGINS allows, with
	// nothing downloaded.
	Plugins []tools.Source
	// TokenAging makes the tokens of pods age that many times faster, for tests of their renewal. Default: 1.
	TokenAging int
	// ContainerPath is a folder of programs that containers find before all others, as if it were in their image.
	// Default: none.
	ContainerPath string
}

// Sandbox is a running sandbox.
type Sandbox struct {
	Tools    *tools.Tools
	Endpoint *aws.Endpoint
	Clusters *eks.Clusters
	// Dir holds everything that the sandbox writes; Close removes it.
	Dir string

	log  io.Writer
	moto *process.Process
	lock *os.File
	// accounts are those other than the operator's, by their IDs.
	accounts map[string]account
}

// account is how the operator works in another account.
type account struct{ accessRoleArn, region string }

// kept are the variables of Pulumi's by which its plugins are found: they are taken from there, and stacks have a home of
// their own.
var kept = []string{"PULUMI_HOME", "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES"}

// Isolate takes everything out of this process's environment that could make a child talk to a real AWS account, a real
// cluster or a real Pulumi backend.
func Isolate() error {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(kept, name) {
			continue
		}
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "PULUMI_") || name == "KUBECONFIG" {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("clearing %s: %w", name, err)
			}
		}
	}
	return nil
}

// Boot finds or builds what the sandbox runs and starts it. The context limits the start only. A failed start leaves
// nothing running.
func Boot(ctx context.Context, opts Options) (*Sandbox, error) {
	started := time.Now()
	found, err := tools.Ensure(ctx, tools.Options{Log: opts.Log, Plugins: opts.Plugins})
	if err != nil {
		return nil, fmt.Errorf("preparing the tools: %w", err)
	}
	s := &Sandbox{Tools: found, log: opts.Log}
	if err := s.start(ctx, opts); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.logf("the sandbox is ready after %s: %d clusters, AWS at %s", since(started), len(s.Clusters.All), s.Endpoint.URL())
	return s, nil
}

func (s *Sandbox) start(ctx context.Context, opts Options) error {
	var err error
	if s.Dir, s.lock, err = stateDir(); err != nil {
		return err
	}
	if err := os.Mkdir(s.tempDir(), 0o700); err != nil {
		return fmt.Errorf("making the folder for temporary files: %w", err)
	}
	s.logf("starting the AWS endpoint")
	// The process ends with its context, which is not to be that of the start.
	motoURL, moto, err := aws.StartMoto(context.WithoutCancel(ctx), aws.Moto{Path: s.Tools.MotoServer, LogFile: filepath.Join(s.Dir, "moto.log")})
	if err != nil {
		return fmt.Errorf("starting moto: %w", err)
	}
	s.moto = moto
	s.Endpoint, err = aws.New(aws.Options{
		MotoURL: motoURL, Credentials: map[string]string{accessKeyID: secretAccessKey}, TokenAging: opts.TokenAging,
	})
	if err != nil {
		return fmt.Errorf("starting the AWS endpoint: %w", err)
	}
	clusters, err := s.addAccounts(ctx, opts.Clusters)
	if err != nil {
		return err
	}
	s.logf("starting %d Kubernetes control planes", len(clusters))
	s.Clusters, err = eks.Start(ctx, eks.Options{
		ControlPlane: s.Tools.ControlPlane, Dir: filepath.Join(s.Dir, "clusters"),
		AWSEndpoint: s.Endpoint.URL(), Access: s.Endpoint.AccessEntry, Mode: s.Endpoint.AuthenticationMode,
		Associated: s.Endpoint.HasPodIdentityAssociation, Addon: s.Endpoint.HasAddon, NodeCredentials: s.Endpoint.NodeCredentials,
		ContainerPath: s.containerPath(opts.ContainerPath), ContainerEnv: s.containerEnv(), TokenAging: opts.TokenAging,
	}, clusters)
	if err != nil {
		return err
	}
	for _, c := range s.Clusters.All {
		if err := s.Endpoint.AddCluster(s.described(c)); err != nil {
			return fmt.Errorf("adding EKS cluster %q: %w", c.Name, err)
		}
	}
	return nil
}

// described is a cluster as AWS knows it.
func (s *Sandbox) described(c *eks.Cluster) aws.Cluster {
	// The cluster of that name at the time of the question: it may have moved.
	now := func() *eks.Cluster { return s.Clusters.Get(c.Region, c.Name) }
	return aws.Cluster{
		Name: c.Name, Account: c.Account, Region: c.Region, Version: "1.34",
		Endpoint: c.Endpoint, CertificateAuthority: c.CertificateAuthority, Issuer: c.Issuer,
		AuthenticationMode: c.AuthenticationMode, CreatorArn: s.operatorIn(c.Account),
		Keys: func(ctx context.Context) ([]byte, error) { return now().JWKS(ctx) },
		Pod: func(ctx context.Context, namespace, name string) (aws.Pod, bool, error) {
			return now().Pod(ctx, namespace, name)
		},
	}
}

// ReplaceCluster loses a cluster, with all that AWS and Kubernetes have of it, and makes another of its name.
func (s *Sandbox) ReplaceCluster(ctx context.Context, region, name string) error {
	replacement, err := s.Clusters.Replace(ctx, region, name)
	if err != nil {
		return err
	}
	return s.Endpoint.ReplaceCluster(s.described(replacement))
}

// MoveCluster gives the API server of a cluster another address and authority.
func (s *Sandbox) MoveCluster(ctx context.Context, region, name string) error {
	moved, err := s.Clusters.Move(ctx, region, name)
	if err != nil {
		return err
	}
	return s.Endpoint.MoveCluster(region, name, moved.Endpoint, moved.CertificateAuthority)
}

// addAccounts makes the accounts that clusters are in, other than the operator's own, each with the role by which the
// operator works there. It returns the clusters with that role.
func (s *Sandbox) addAccounts(ctx context.Context, clusters []eks.Spec) ([]eks.Spec, error) {
	s.accounts = map[string]account{}
	clusters = slices.Clone(clusters)
	for i := range clusters {
		spec := &clusters[i]
		if spec.Account == Account {
			continue
		}
		roleArn, err := s.Endpoint.AddAccount(ctx, spec.Partition(), spec.Account) // once made, it stays as it is
		if err != nil {
			return nil, err
		}
		spec.AccessRoleArn = roleArn
		s.accounts[spec.Account] = account{accessRoleArn: roleArn, region: spec.Region}
	}
	return clusters, nil
}

// operatorIn is who the operator is in an account: in its own itself, in another the role that it assumes there.
func (s *Sandbox) operatorIn(account string) string {
	if other, ok := s.accounts[account]; ok {
		return other.accessRoleArn
	}
	return OperatorArn
}

// UseAccessRole has the operator work in an account by another role from now on.
func (s *Sandbox) UseAccessRole(id, roleArn string) {
	s.accounts[id] = account{accessRoleArn: roleArn, region: s.accounts[id].region}
}

// Close ends every process of the sandbox and removes its files.
func (s *Sandbox) Close() error {
	var faults []error
	if s.Clusters != nil {
		faults = append(faults, s.Clusters.Stop())
	}
	if s.Endpoint != nil {
		faults = append(faults, s.Endpoint.Close())
	}
	if s.moto != nil {
		faults = append(faults, s.moto.Stop(time.Second))
	}
	if s.lock != nil {
		faults = append(faults, os.RemoveAll(s.Dir), os.Remove(s.lock.Name()), s.lock.Close())
	}
	return errors.Join(faults...)
}

// Env are the variables by which the AWS CLI and SDKs, Pulumi's included, reach the sandbox and nothing else.
func (s *Sandbox) Env() map[string]string {
	return map[string]string{
		"PATH":                        s.Tools.Path(),
		"AWS_ENDPOINT_URL":            s.Endpoint.URL(),
		"AWS_ACCESS_KEY_ID":           accessKeyID,
		"AWS_SECRET_ACCESS_KEY":       secretAccessKey,
		"AWS_REGION":                  defaultRegion,
		"AWS_DEFAULT_REGION":          defaultRegion, // the AWS CLI knows only this one
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_PAGER":                   "",
	}
}

// tempDir is where the engine and its plugins put their temporary files: the Kubernetes plugin writes the kubeconfig of each
// provider, with what it logs in by, and leaves it. It is right below Dir, as the paths of Unix sockets must be short.
// https://github.com/pulumi/pulumi-kubernetes/blob/master/provider/pkg/provider/util.go
func (s *Sandbox) tempDir() string { return filepath.Join(s.Dir, "tmp") }

// containerPath is the PATH of containers: a folder more if one is given, the AWS CLI, and the machine's shell and tools for
// those of its image.
func (s *Sandbox) containerPath(more string) string {
	path := filepath.Dir(s.Tools.AWS) + ":/usr/local/bin:/usr/bin:/bin"
	if more != "" {
		path = more + ":" + path
	}
	return path
}

// containerEnv leads the AWS CLI and SDKs of a container to the sandbox, as the network of an EKS node leads them to AWS. It
// has no credentials. STS is named, because the AWS SDK for Go v2 looks for the variable of all services only after it has
// made the client with which it assumes a role by web identity.
func (s *Sandbox) containerEnv() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": s.Endpoint.URL(), "AWS_ENDPOINT_URL_STS": s.Endpoint.URL(),
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
	}
}

// DeleteCluster deletes an EKS cluster as its owner does, with everything in it.
func (s *Sandbox) DeleteCluster(c *eks.Cluster) error {
	s.Endpoint.DeleteCluster(c.Account, c.Region, c.Name)
	return s.Clusters.Delete(c)
}

// RegisterOidcProvider registers the OIDC provider of a cluster the way another tool would have done it, with tags of
// its own.
func (s *Sandbox) RegisterOidcProvider(ctx context.Context, c *eks.Cluster, tags map[string]string) (string, error) {
	input := &iam.CreateOpenIDConnectProviderInput{Url: &c.Issuer, ClientIDList: []string{"sts.amazonaws.com"}}
	for _, key := range sortedKeys(tags) {
		value := tags[key]
		input.Tags = append(input.Tags, types.Tag{Key: &key, Value: &value})
	}
	output, err := s.AWS().IAM.CreateOpenIDConnectProvider(ctx, input)
	if err != nil {
		return "", fmt.Errorf("registering the OIDC provider of %q: %w", c.Name, err)
	}
	return *output.OpenIDConnectProviderArn, nil
}

func (s *Sandbox) logf(format string, args ...any) {
	if s.log != nil {
		_, _ = fmt.Fprintf(s.log, format+"\n", args...)
	}
}

func since(start time.Time) time.Duration { return time.Since(start).Round(100 * time.Millisecond) }
