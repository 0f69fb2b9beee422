package stacks

import (
	"fmt"
	"regexp"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// DefaultInstanceType is the type of a created cluster's nodes; it is EKS's own default too.
const DefaultInstanceType = "t3.medium"

// Sizes of a node group where the configuration gives none.
const (
	defaultMinSize         = 1
	defaultMaxSize         = 2
	defaultDesiredCapacity = 2
)

var (
	versionForm = regexp.MustCompile(`^[1-9][0-9]*\.[0-9]+$`)
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
	vpcForm    = regexp.MustCompile(`^vpc-([0-9a-f]{8}|[0-9a-f]{17})$`)
	subnetForm = regexp.MustCompile(`^subnet-([0-9a-f]{8}|[0-9a-f]{17})$`)

	instanceTypeForm = regexp.MustCompile(`^[a-z][a-z0-9-]*\.[a-z0-9-]+$`)
	// pulumi-eks makes IAM roles whose names are the key and up to 26 characters more, and IAM allows 64:
	// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
	createdKeyForm = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,37}$`)
)

// validateCreatedKey checks the key of a cluster that is to be created.
func validateCreatedKey(key string) error {
	if createdKeyForm.MatchString(key) {
		return nil
	}
	return fmt.Errorf("%q becomes part of the names of the cluster's IAM roles; choose a key of up to 38 letters, digits, - and _", key)
}

func (spec *ClusterSpec) validate() error {
	var found fielderr.List
	found.Refuse(spec.Version != "" && !versionForm.MatchString(spec.Version), "version",
		`%q is not a version of Kubernetes such as "1.34"`, spec.Version)
	found.Refuse(spec.InstanceType != "" && !instanceTypeForm.MatchString(spec.InstanceType), "instanceType",
		"%q is not an EC2 instance type such as m7g.large", spec.InstanceType)
	switch spec.AuthenticationMode {
	case "", components.AuthenticationModeAPI, components.AuthenticationModeAPIAndConfigMap, components.AuthenticationModeConfigMap:
	default:
		found.Addf("authenticationMode", "%q is none of API, API_AND_CONFIG_MAP and CONFIG_MAP", spec.AuthenticationMode)
	}
	found.Add("", spec.validateSizes())
	found.Add("", spec.validatePlace())
	return found.Err()
}

func (spec *ClusterSpec) validateSizes() error {
	var found fielderr.List
	found.Add("minSize", atLeast(spec.MinSize, 0))
	found.Add("maxSize", atLeast(spec.MaxSize, 1))
	found.Add("desiredCapacity", atLeast(spec.DesiredCapacity, 0))
	if found.Len() > 0 {
		return found.Err()
	}
	desired, size := spec.DesiredCapacity, spec.sizes()
	switch {
	case spec.MinSize != nil && spec.MaxSize != nil && *spec.MinSize > *spec.MaxSize:
		found.Addf("minSize", "%d is more than maxSize, %d", *spec.MinSize, *spec.MaxSize)
	case desired != nil && (*desired < size.least || *desired > size.most):
		found.Addf("desiredCapacity", "%d is not from minSize to maxSize, %d to %d", *desired, size.least, size.most)
	}
	return found.Err()
}

func atLeast(size *int, least int) error {
	if size != nil && *size < least {
		return fmt.Errorf("%d is less than %d", *size, least)
	}
	return nil
}

// validatePlace wants two subnets or none, as EKS does:
// https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
func (spec *ClusterSpec) validatePlace() error {
	subnets := len(spec.PublicSubnetIDs) + len(spec.PrivateSubnetIDs)
	var found fielderr.List
	switch {
	case spec.VpcID == "" && subnets > 0:
		found.Addf("vpcId", "needed with subnets")
	case spec.VpcID != "" && !vpcForm.MatchString(spec.VpcID):
		found.Addf("vpcId", "%q is not the ID of a VPC such as vpc-0a1b2c3d4e5f67890", spec.VpcID)
	case spec.VpcID != "" && subnets < 2:
		found.Addf("vpcId", "needs publicSubnetIds or privateSubnetIds, two at least and in two availability zones, not %d", subnets)
	}
	places := map[string]fielderr.Path{} // the paths of the subnets
	check := func(path fielderr.Path, ids []string) {
		for i, id := range ids {
			at := path.Index(i)
			if !subnetForm.MatchString(id) {
				found.Addf(at, "%q is not the ID of a subnet such as subnet-0a1b2c3d4e5f67890", id)
			} else if other, taken := places[id]; taken {
				found.Addf(at, "%q is already declared, at %s", id, other)
			} else {
				places[id] = at
			}
		}
	}
	check("publicSubnetIds", spec.PublicSubnetIDs)
	check("privateSubnetIds", spec.PrivateSubnetIDs)
	return found.Err()
}

// sizes are a node group's numbers of nodes.
type sizes struct{ least, most, desired int }

// sizes are what the node group gets. Of what is not given, the default gives way to what is.
func (spec *ClusterSpec) sizes() sizes {
	size := sizes{defaultMinSize, defaultMaxSize, defaultDesiredCapacity}
	if spec.DesiredCapacity != nil {
		size.desired = *spec.DesiredCapacity
		size.least, size.most = min(size.least, size.desired), max(size.most, size.desired)
	}
	if spec.MinSize != nil {
		size.least = *spec.MinSize
		size.most = max(size.most, size.least)
	}
	if spec.MaxSize != nil {
		size.most = *spec.MaxSize
		size.least = min(size.least, size.most)
	}
	size.desired = min(max(size.desired, size.least), size.most)
	return size
}
