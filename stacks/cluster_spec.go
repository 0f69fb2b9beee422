package stacks

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
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
	var faults []error
	if spec.Version != "" && !versionForm.MatchString(spec.Version) {
		faults = append(faults, fmt.Errorf(`version: %q is not a version of Kubernetes such as "1.34"`, spec.Version))
	}
	if spec.InstanceType != "" && !instanceTypeForm.MatchString(spec.InstanceType) {
		faults = append(faults, fmt.Errorf("instanceType: %q is not an EC2 instance type such as m7g.large", spec.InstanceType))
	}
	switch spec.AuthenticationMode {
	case "", components.AuthenticationModeAPI, components.AuthenticationModeAPIAndConfigMap, components.AuthenticationModeConfigMap:
	default:
		faults = append(faults, fmt.Errorf("authenticationMode: %q is none of API, API_AND_CONFIG_MAP and CONFIG_MAP", spec.AuthenticationMode))
	}
	return errors.Join(append(faults, spec.validateSizes(), spec.validatePlace())...)
}

func (spec *ClusterSpec) validateSizes() error {
	var faults []error
	for _, size := range []struct {
		path  string
		value *int
		least int
	}{{"minSize", spec.MinSize, 0}, {"maxSize", spec.MaxSize, 1}, {"desiredCapacity", spec.DesiredCapacity, 0}} {
		if size.value != nil && *size.value < size.least {
			faults = append(faults, fmt.Errorf("%s: %d is less than %d", size.path, *size.value, size.least))
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if spec.MinSize != nil && spec.MaxSize != nil && *spec.MinSize > *spec.MaxSize {
		return fmt.Errorf("minSize: %d is more than maxSize, %d", *spec.MinSize, *spec.MaxSize)
	}
	if desired, size := spec.DesiredCapacity, spec.sizes(); desired != nil && (*desired < size.least || *desired > size.most) {
		return fmt.Errorf("desiredCapacity: %d is not from minSize to maxSize, %d to %d", *desired, size.least, size.most)
	}
	return nil
}

// validatePlace wants two subnets or none, as EKS does:
// https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
func (spec *ClusterSpec) validatePlace() error {
	subnets := len(spec.PublicSubnetIDs) + len(spec.PrivateSubnetIDs)
	var faults []error
	switch {
	case spec.VpcID == "" && subnets > 0:
		faults = append(faults, errors.New("vpcId: needed with subnets"))
	case spec.VpcID != "" && !vpcForm.MatchString(spec.VpcID):
		faults = append(faults, fmt.Errorf("vpcId: %q is not the ID of a VPC such as vpc-0a1b2c3d4e5f67890", spec.VpcID))
	case spec.VpcID != "" && subnets < 2:
		faults = append(faults, fmt.Errorf("vpcId: needs publicSubnetIds or privateSubnetIds, two at least and in two availability zones, not %d", subnets))
	}
	places := map[string]string{} // the paths of the subnets
	for _, list := range []struct {
		path string
		ids  []string
	}{{"publicSubnetIds", spec.PublicSubnetIDs}, {"privateSubnetIds", spec.PrivateSubnetIDs}} {
		for i, id := range list.ids {
			path := fmt.Sprintf("%s[%d]", list.path, i)
			if !subnetForm.MatchString(id) {
				faults = append(faults, fmt.Errorf("%s: %q is not the ID of a subnet such as subnet-0a1b2c3d4e5f67890", path, id))
			} else if other, taken := places[id]; taken {
				faults = append(faults, fmt.Errorf("%s: %q is already declared, at %s", path, id, other))
			} else {
				places[id] = path
			}
		}
	}
	return errors.Join(faults...)
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
