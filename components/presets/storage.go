package presets

// EBSCSI is the driver of Amazon EBS, with AWS's own policy AmazonEBSCSIDriverPolicyV2: it manages the volumes and snapshots that
// have the tag ebs.csi.aws.com/cluster, which the driver sets; volumes that were made by other means need the tag, too.
type EBSCSI struct {
	// Keys are the ARNs of customer managed KMS keys of encrypted volumes. Default: none.
	Keys []string `json:"keys"`
}

func (p EBSCSI) definition(in Scope) definition {
	return definition{
		source: Source{
			"https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/v1.64.0/docs/install.md#set-up-driver-permissions", "v1.64.0",
		},
		accounts:  []Account{{"kube-system", "ebs-csi-controller-sa"}},
		arguments: []argument{list("keys", kmsKeys, p.Keys)},
		managed:   []string{"AmazonEBSCSIDriverPolicyV2"},
		inline: statements{"ebs-csi-keys": {
			allow(in.arns(kmsKeys, p.Keys...), "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:CreateGrant"),
		}},
	}
}

// EFSCSI is the driver of Amazon EFS, with AWS's own policy AmazonEFSCSIDriverPolicy. Its controller and its pods on the nodes
// share the role.
type EFSCSI struct {
	// FileSystems are the IDs or ARNs of the file systems in which the driver may make access points. They replace AWS's policy,
	// which is for all of them, with upstream's example for these. Default: none, and AWS's policy.
	FileSystems []string `json:"fileSystems"`
	// S3Files adds AWS's own policies for S3 Files, AmazonS3FilesCSIDriverPolicy and AmazonS3FilesClientFullAccess. Default: false.
	S3Files bool `json:"s3Files"`
}

func (p EFSCSI) definition(in Scope) definition {
	var managed []string
	systems := in.arns(fileSystems, p.FileSystems...)
	named := len(systems) > 0
	points := in.regional("elasticfilesystem", "access-point/*")
	const requested, owned = "aws:RequestTag/efs.csi.aws.com/cluster", "aws:ResourceTag/efs.csi.aws.com/cluster"
	if !named {
		managed = append(managed, "AmazonEFSCSIDriverPolicy")
	}
	if p.S3Files {
		managed = append(managed, "AmazonS3FilesCSIDriverPolicy", "AmazonS3FilesClientFullAccess")
	}
	return definition{
		source: Source{
			"https://github.com/kubernetes-sigs/aws-efs-csi-driver/blob/v3.4.1/docs/iam-policy-create.md", "v3.4.1",
		},
		accounts:  []Account{{"kube-system", "efs-csi-controller-sa"}, {"kube-system", "efs-csi-node-sa"}},
		arguments: []argument{list("fileSystems", fileSystems, p.FileSystems)},
		managed:   managed,
		// docs/iam-policy-example.json beside the source.
		inline: statements{"efs-csi": {
			only(named, allow(everything,
				"elasticfilesystem:DescribeAccessPoints", "elasticfilesystem:DescribeFileSystems",
				"elasticfilesystem:DescribeMountTargets", "ec2:DescribeAvailabilityZones")),
			allowWhen(when{"StringLike": {requested: {"true"}}}, systems, "elasticfilesystem:CreateAccessPoint"),
			only(named, allowWhen(when{"StringLike": {owned: {"true"}}}, append(points, systems...), "elasticfilesystem:TagResource")),
			only(named, allowWhen(when{"StringEquals": {owned: {"true"}}}, points, "elasticfilesystem:DeleteAccessPoint")),
		}},
	}
}

// FSxLustreCSI is the driver of Amazon FSx for Lustre, with the policy that upstream documents for it; the other one that
// upstream names, AWS's own AmazonFSxFullAccess, allows everything of FSx.
type FSxLustreCSI struct {
	// Buckets are the names or ARNs of buckets that file systems have as data repositories. Upstream's policy lists every bucket.
	// Default: none.
	Buckets []string `json:"buckets"`
}

func (p FSxLustreCSI) definition(in Scope) definition {
	linkedRoles := in.arn("iam", in.account(), "role/aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/*")
	return definition{
		source: Source{
			"https://github.com/kubernetes-sigs/aws-fsx-csi-driver/blob/v1.9.0/docs/install.md#set-up-driver-permissions", "v1.9.0",
		},
		accounts:  []Account{{"kube-system", "fsx-csi-controller-sa"}},
		arguments: []argument{list("buckets", buckets, p.Buckets)},
		inline: statements{"fsx-lustre-csi": {
			allow([]string{linkedRoles}, "iam:CreateServiceLinkedRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"),
			allowWhen(when{"StringLike": {"iam:AWSServiceName": {"fsx.amazonaws.com"}}}, everything, "iam:CreateServiceLinkedRole"),
			allow(in.arns(buckets, p.Buckets...), "s3:ListBucket"),
			allow(everything,
				"fsx:CreateFileSystem", "fsx:DeleteFileSystem", "fsx:DescribeFileSystems", "fsx:TagResource", "fsx:UpdateFileSystem"),
		}},
	}
}

// FSxOpenZFSCSI is the driver of Amazon FSx for OpenZFS, with the policy that upstream documents for it; the other one that
// upstream names, AWS's own AmazonFSxFullAccess, allows everything of FSx.
type FSxOpenZFSCSI struct{}

func (FSxOpenZFSCSI) definition(in Scope) definition {
	linkedRoles := in.arn("iam", in.account(), "role/aws-service-role/fsx.amazonaws.com/*")
	return definition{
		source: Source{
			"https://github.com/kubernetes-sigs/aws-fsx-openzfs-csi-driver/blob/v1.2.0/docs/install.md#set-up-driver-permissions",
			"v1.2.0",
		},
		accounts: []Account{{"kube-system", "fsx-openzfs-csi-controller-sa"}},
		inline: statements{"fsx-openzfs-csi": {
			allow([]string{linkedRoles}, "iam:CreateServiceLinkedRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"),
			allowWhen(when{"StringLike": {"iam:AWSServiceName": {"fsx.amazonaws.com"}}}, everything, "iam:CreateServiceLinkedRole"),
			allow(everything,
				"fsx:CreateFileSystem", "fsx:UpdateFileSystem", "fsx:DeleteFileSystem", "fsx:DescribeFileSystems",
				"fsx:CreateVolume", "fsx:DeleteVolume", "fsx:DescribeVolumes",
				"fsx:CreateSnapshot", "fsx:DeleteSnapshot", "fsx:DescribeSnapshots",
				"fsx:TagResource", "fsx:ListTagsForResource"),
		}},
	}
}

// MountpointS3CSI is the driver of Mountpoint for Amazon S3. One kind of buckets is needed.
type MountpointS3CSI struct {
	// Buckets are the names or ARNs of general purpose buckets. Default: none.
	Buckets []string `json:"buckets"`
	// DirectoryBuckets are the names or ARNs of directory buckets, of S3 Express One Zone. Default: none.
	DirectoryBuckets []string `json:"directoryBuckets"`
	// Keys are the ARNs of customer managed KMS keys of the objects. Default: none.
	Keys []string `json:"keys"`
	// ReadOnly leaves out what writes and deletes objects of general purpose buckets. Default: false.
	ReadOnly bool `json:"readOnly"`
}

func (p MountpointS3CSI) definition(in Scope) definition {
	bucketArns, keyArns := in.arns(buckets, p.Buckets...), in.arns(kmsKeys, p.Keys...)
	objects := below(bucketArns, "/*")
	return definition{
		source:   Source{"https://github.com/awslabs/mountpoint-s3/blob/v1.23.0/doc/CONFIGURATION.md#iam-permissions", "v1.23.0"},
		accounts: []Account{{"kube-system", "s3-csi-driver-sa"}},
		arguments: []argument{
			list("buckets", buckets, p.Buckets), list("directoryBuckets", directoryBuckets, p.DirectoryBuckets),
			list("keys", kmsKeys, p.Keys),
		},
		err: atLeastOne("buckets", "buckets or directoryBuckets", p.Buckets, p.DirectoryBuckets),
		inline: statements{"mountpoint-s3-csi": {
			allow(bucketArns, "s3:ListBucket"),
			allow(objects, "s3:GetObject"),
			only(!p.ReadOnly, allow(objects, "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject")),
			allow(in.arns(directoryBuckets, p.DirectoryBuckets...), "s3express:CreateSession"),
			allow(keyArns, "kms:Decrypt"),
			only(!p.ReadOnly, allow(keyArns, "kms:GenerateDataKey")),
		}},
	}
}

// Velero is Velero's server with the plugin for AWS: it keeps backups in buckets and takes snapshots of volumes.
type Velero struct {
	// Buckets are the names or ARNs of the buckets, one or more.
	Buckets []string `json:"buckets"`
	// VolumeKeys are the ARNs of KMS keys that restored volumes are encrypted with, those of ebsKmsKeyId. Default: none.
	VolumeKeys []string `json:"volumeKeys"`
}

func (p Velero) definition(in Scope) definition {
	bucketArns := in.arns(buckets, p.Buckets...)
	return definition{
		source: Source{
			"https://github.com/vmware-tanzu/velero-plugin-for-aws/blob/v1.13.2/README.md#set-permissions-for-velero", "v1.13.2",
		},
		accounts:  []Account{{"velero", "velero-server"}},
		arguments: []argument{requiredList("buckets", buckets, p.Buckets), list("volumeKeys", kmsKeys, p.VolumeKeys)},
		inline: statements{"velero": {
			allow(everything,
				"ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:CreateTags", "ec2:CreateVolume", "ec2:CreateSnapshot",
				"ec2:DeleteSnapshot"),
			allow(below(bucketArns, "/*"),
				"s3:GetObject", "s3:DeleteObject", "s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload",
				"s3:ListMultipartUploadParts"),
			allow(bucketArns, "s3:ListBucket"),
			// The section on KMS is younger than v1.13.2:
			// https://github.com/vmware-tanzu/velero-plugin-for-aws/blob/800bcfb/README.md#kms-encryption-for-volume-restoration
			allow(in.arns(kmsKeys, p.VolumeKeys...),
				"kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Encrypt", "kms:DescribeKey", "kms:Decrypt", "kms:CreateGrant",
				"kms:ListGrants", "kms:RevokeGrant", "kms:RetireGrant", "kms:ListRetirableGrants"),
		}},
	}
}
