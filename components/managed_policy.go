package components

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// policyNameForm is the name of one of AWS's own policies, with its path or without.
var policyNameForm = regexp.MustCompile(`^([A-Za-z0-9-]+/)*[A-Za-z0-9_+=,.@-]{1,128}$`)

// policyPaths are where AWS keeps its own policies that a role can have. Those below aws-service-role/ and root-task/ are for
// AWS's own use.
//
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
var policyPaths = []string{"", "service-role/", "job-function/"}

func isArn(policy string) bool { return strings.HasPrefix(policy, "arn:") }

// ManagedPolicyName is a managed policy's name, whether it is given as such or as an ARN.
func ManagedPolicyName(policy string) string { return policy[strings.LastIndex(policy, "/")+1:] }

// validateManagedPolicy takes the name of one of AWS's own policies, or the ARN of any.
func validateManagedPolicy(policy string) error {
	if isArn(policy) {
		return iampolicy.ValidatePolicyARN(policy)
	}
	if !policyNameForm.MatchString(policy) {
		return fmt.Errorf("%q is neither the name of one of AWS's own policies, such as ReadOnlyAccess or "+
			"service-role/AmazonEBSCSIDriverPolicy, nor an ARN", policy)
	}
	return nil
}

// managedPolicyArn is the ARN of one of AWS's own policies in the partition of the AWS provider.
func managedPolicyArn(ctx *pulumi.Context, name string, opts ...pulumi.InvokeOption) (string, error) {
	found, err := aws.GetPartition(ctx, nil, opts...)
	if err != nil {
		return "", fmt.Errorf("asking for the AWS partition: %w", err)
	}
	arn, err := FindManagedPolicy(ctx, name, found.Partition, opts...)
	if err == nil && arn == "" {
		return "", fmt.Errorf("AWS has no policy of its own that is called %s and can be given to a role; give another one by its ARN", name)
	}
	return arn, err
}

// FindManagedPolicy is the ARN of one of AWS's own policies, or "" where there is none of that name. The ARN has a path, which
// the name need not tell, so IAM is asked for each that there can be.
func FindManagedPolicy(ctx *pulumi.Context, name, partition string, opts ...pulumi.InvokeOption) (string, error) {
	inPath := func(path string) string { return fmt.Sprintf("arn:%s:iam::aws:policy/%s", partition, path+name) }
	paths := policyPaths
	if strings.Contains(name, "/") {
		paths = []string{""} // its own
	}
	for _, path := range paths {
		arn := inPath(path)
		_, err := iam.LookupPolicy(ctx, &iam.LookupPolicyArgs{Arn: &arn}, opts...)
		switch {
		case err == nil:
			return arn, nil
		case isDenied(err):
			// Most of AWS's policies have no path, so this is right most of the time, and IAM says so where it is not.
			arn = inPath("")
			return arn, ctx.Log.Warn(fmt.Sprintf("Pulumi's credentials may not ask IAM for the policy %s (iam:GetPolicy), so it is taken "+
				"for %s; give it with its path, or its ARN, if it is another", name, arn), nil)
		case !isMissing(err):
			return "", fmt.Errorf("asking IAM for the policy %s: %w", arn, err)
		}
	}
	return "", nil
}

// isMissing and isDenied know the AWS provider's errors, which are text to a program.
func isMissing(err error) bool {
	return strings.Contains(err.Error(), "NoSuchEntity") || strings.Contains(err.Error(), "couldn't find resource")
}

func isDenied(err error) bool { return strings.Contains(err.Error(), "AccessDenied") }
