package stacks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// AWS adds regions and partitions, so the form is all that is judged: us-gov-west-1, eusc-de-east-1.
var regionForm = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$`)

// partitions are the parts of AWS that have accounts of their own, by the beginning of their regions, each with the region of
// its IAM.
//
// https://docs.aws.amazon.com/general/latest/gr/iam-service.html
// https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
var partitions = []partition{
	{"cn-", "aws-cn", "cn-north-1"},
	{"us-gov-", "aws-us-gov", "us-gov-west-1"},
	{"us-iso-", "aws-iso", "us-iso-east-1"},
	{"us-isob-", "aws-iso-b", "us-isob-east-1"},
	{"us-isof-", "aws-iso-f", "us-isof-south-1"},
	{"eu-isoe-", "aws-iso-e", "eu-isoe-west-1"},
	{"eusc-", "aws-eusc", "eusc-de-east-1"},
	{"", "aws", "us-east-1"},
}

type partition struct{ prefix, name, iamRegion string }

// partitionOf is the partition of a region.
func partitionOf(region string) partition {
	return partitions[slices.IndexFunc(partitions, func(p partition) bool { return strings.HasPrefix(region, p.prefix) })]
}

// partition is the partition of the cluster's region, or "" where that is none and refused elsewhere.
func (cluster Cluster) partition() string {
	if !regionForm.MatchString(cluster.Region) {
		return ""
	}
	return partitionOf(cluster.Region).name
}

// refusePartition refuses an ARN of another partition than that of the cluster's region: IAM knows none, and in a policy it
// matches nothing. What is no ARN is refused elsewhere.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func (cluster Cluster) refusePartition(text string) error {
	arn, err := iampolicy.ParseARN(text)
	partition := cluster.partition()
	if err != nil || partition == "" || arn.Partition == partition {
		return nil
	}
	return fmt.Errorf("%s is in the partition %s, and %s in %s", text, arn.Partition, cluster.Region, partition)
}
