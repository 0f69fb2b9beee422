package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

const bucketNameLength = 63

// hasCode tells whether S3 answered with one of the codes. S3 has few error types in the SDK; most of its errors are
// known by code alone.
func hasCode(err error, codes ...string) bool {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	for _, code := range codes {
		if answer.ErrorCode() == code {
			return true
		}
	}
	return false
}

func s3Tags(tags map[string]string) *s3types.Tagging {
	set := []s3types.Tag{}
	for key, value := range tags {
		set = append(set, s3types.Tag{Key: awssdk.String(key), Value: awssdk.String(value)})
	}
	return &s3types.Tagging{TagSet: set}
}

func s3TagMap(set []s3types.Tag) map[string]string {
	tags := map[string]string{}
	for _, tag := range set {
		tags[awssdk.ToString(tag.Key)] = awssdk.ToString(tag.Value)
	}
	return tags
}

func (c *cloud) bucket() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"bucket": {
				Type: provider.String, Replace: true, Computed: true,
				AutoName: &provider.AutoName{MaxLength: bucketNameLength, RandomLength: 7, Lower: true},
				Valid:    validLength(3, bucketNameLength),
			},
			"forceDestroy": {Type: provider.Bool, Local: true, Default: false},
			"tags":         tagsInput,
		},
		Outputs: []string{
			"arn", "bucketDomainName", "bucketRegionalDomainName", "region", "tagsAll",
			"bucketPrefix", "objectLockEnabled", "requestPayer",
		},
		Derive:  c.tagsAll,
		Explain: explain,
		API: provider.API{
			Create: c.createBucket, Read: c.readBucket, ReadNew: c.patient(c.readBucket), Update: c.updateBucket, Delete: c.deleteBucket,
		},
	}
}

func (c *cloud) createBucket(ctx context.Context, in provider.Values) (string, error) {
	name := in.String("bucket")
	request := &s3.CreateBucketInput{Bucket: awssdk.String(name)}
	if c.region != "us-east-1" { // which S3 wants unsaid
		request.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{
			LocationConstraint: s3types.BucketLocationConstraint(c.region),
		}
	}
	if _, err := c.s3.CreateBucket(ctx, request); err != nil {
		return "", fmt.Errorf("creating S3 Bucket (%s): %w", name, err)
	}
	if tags := c.allTags(in); len(tags) > 0 {
		_, err := c.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: awssdk.String(name), Tagging: s3Tags(tags)})
		if err != nil {
			return name, fmt.Errorf("setting S3 Bucket (%s) tags: %w", name, err)
		}
	}
	return name, nil
}

func (c *cloud) readBucket(ctx context.Context, name string, _ provider.Values) (provider.Values, error) {
	head, err := c.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: awssdk.String(name)})
	if isA[*s3types.NotFound](err, "") || hasCode(err, "NoSuchBucket", "NotFound") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading S3 Bucket (%s): %w", name, err)
	}
	region := awssdk.ToString(head.BucketRegion)
	if region == "" {
		region = c.region
	}
	tagging, err := c.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: awssdk.String(name)})
	if err != nil && !hasCode(err, "NoSuchTagSet") {
		return nil, fmt.Errorf("listing tags for S3 Bucket (%s): %w", name, err)
	}
	var own, all map[string]string
	if err == nil {
		own, all = c.tagOutputs(s3TagMap(tagging.TagSet))
	}
	p := partitionOf(region)
	return provider.Values{
		"bucket":                   name,
		"bucketPrefix":             "",
		"arn":                      fmt.Sprintf("arn:%s:s3:::%s", p.id, name),
		"bucketDomainName":         fmt.Sprintf("%s.s3.%s", name, p.dnsSuffix),
		"bucketRegionalDomainName": fmt.Sprintf("%s.s3.%s.%s", name, region, p.dnsSuffix),
		"region":                   region,
		"objectLockEnabled":        false,
		"requestPayer":             "BucketOwner",
		"tags":                     own,
		"tagsAll":                  all,
	}, nil
}

func (c *cloud) updateBucket(ctx context.Context, name string, state, in provider.Values) error {
	// The tags of a bucket are one document: they are all written, or all removed.
	rewrite := func() error {
		if tags := c.allTags(in); len(tags) > 0 {
			_, err := c.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: awssdk.String(name), Tagging: s3Tags(tags)})
			return err
		}
		_, err := c.s3.DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: awssdk.String(name)})
		return err
	}
	return c.retag(state, in, func([]string) error { return rewrite() }, func(map[string]string) error { return rewrite() })
}

func (c *cloud) deleteBucket(ctx context.Context, name string, state provider.Values) error {
	_, err := c.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: awssdk.String(name)})
	if hasCode(err, "BucketNotEmpty") && state.Bool("forceDestroy") {
		if err := c.emptyBucket(ctx, name); err != nil {
			return fmt.Errorf("emptying S3 Bucket (%s): %w", name, err)
		}
		_, err = c.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: awssdk.String(name)})
	}
	if err != nil && !hasCode(err, "NoSuchBucket") {
		return fmt.Errorf("deleting S3 Bucket (%s): %w", name, err)
	}
	return nil
}

func (c *cloud) emptyBucket(ctx context.Context, name string) error {
	pages := s3.NewListObjectVersionsPaginator(c.s3, &s3.ListObjectVersionsInput{Bucket: awssdk.String(name)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		var versions []s3types.ObjectIdentifier
		for _, version := range page.Versions {
			versions = append(versions, s3types.ObjectIdentifier{Key: version.Key, VersionId: version.VersionId})
		}
		for _, marker := range page.DeleteMarkers {
			versions = append(versions, s3types.ObjectIdentifier{Key: marker.Key, VersionId: marker.VersionId})
		}
		if len(versions) == 0 {
			continue
		}
		deleted, err := c.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: awssdk.String(name), Delete: &s3types.Delete{Objects: versions},
		})
		if err != nil {
			return err
		}
		for _, fault := range deleted.Errors {
			return fmt.Errorf("deleting object %q: %s", awssdk.ToString(fault.Key), awssdk.ToString(fault.Message))
		}
	}
	return nil
}

func (c *cloud) bucketObject() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"bucket":       {Type: provider.String, Required: true, Replace: true},
			"key":          {Type: provider.String, Replace: true, AutoName: &provider.AutoName{}},
			"content":      {Type: provider.String, Local: true},
			"contentType":  {Type: provider.String, Computed: true},
			"forceDestroy": {Type: provider.Bool, Local: true, Default: false},
			"tags":         tagsInput,
		},
		Outputs: []string{"arn", "etag", "versionId", "serverSideEncryption", "storageClass", "bucketKeyEnabled", "tagsAll"},
		Derive:  c.tagsAll,
		Explain: explain,
		API: provider.API{
			Create: func(ctx context.Context, in provider.Values) (string, error) {
				if err := c.putObject(ctx, in); err != nil {
					return "", err
				}
				return in.String("key"), nil
			},
			Read: c.readObject,
			Update: func(ctx context.Context, _ string, state, in provider.Values) error {
				if state.String("content") != in.String("content") ||
					in.String("contentType") != "" && state.String("contentType") != in.String("contentType") {
					return c.putObject(ctx, in) // which writes the tags as well
				}
				rewrite := func() error {
					_, err := c.s3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{
						Bucket: text(in.String("bucket")), Key: text(in.String("key")), Tagging: s3Tags(c.allTags(in)),
					})
					return err
				}
				return c.retag(state, in,
					func([]string) error { return rewrite() }, func(map[string]string) error { return rewrite() })
			},
			Delete: func(ctx context.Context, _ string, state provider.Values) error {
				bucket, key := state.String("bucket"), state.String("key")
				_, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: awssdk.String(bucket), Key: awssdk.String(key)})
				if err != nil && !hasCode(err, "NoSuchBucket", "NoSuchKey") {
					return fmt.Errorf("deleting S3 Bucket (%s) Object (%s): %w", bucket, key, err)
				}
				return nil
			},
		},
	}
}

func (c *cloud) putObject(ctx context.Context, in provider.Values) error {
	bucket, key := in.String("bucket"), in.String("key")
	request := &s3.PutObjectInput{
		Bucket:      awssdk.String(bucket),
		Key:         awssdk.String(key),
		Body:        strings.NewReader(in.String("content")),
		ContentType: text(in.String("contentType")),
	}
	if tags := c.allTags(in); len(tags) > 0 {
		query := url.Values{}
		for name, value := range tags {
			query.Set(name, value)
		}
		request.Tagging = awssdk.String(query.Encode())
	}
	if _, err := c.s3.PutObject(ctx, request); err != nil {
		return fmt.Errorf("uploading S3 Object (%s) to Bucket (%s): %w", key, bucket, err)
	}
	return nil
}

func (c *cloud) readObject(ctx context.Context, id string, state provider.Values) (provider.Values, error) {
	bucket, key := state.String("bucket"), state.String("key")
	if bucket == "" || key == "" {
		// An import has nothing but the id, which then is bucket/key.
		var ok bool
		if bucket, key, ok = strings.Cut(strings.TrimPrefix(id, "s3://"), "/"); !ok {
			return nil, fmt.Errorf("id %s should be in format <bucket>/<key> or s3://<bucket>/<key>", id)
		}
	}
	head, err := c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: awssdk.String(bucket), Key: awssdk.String(key)})
	if isA[*s3types.NotFound](err, "") || hasCode(err, "NoSuchBucket", "NoSuchKey", "NotFound") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading S3 Object (%s): %w", key, err)
	}
	tagging, err := c.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: awssdk.String(bucket), Key: awssdk.String(key)})
	if err != nil {
		return nil, fmt.Errorf("listing tags for S3 Object (%s): %w", key, err)
	}
	own, all := c.tagOutputs(s3TagMap(tagging.TagSet))
	storage := string(head.StorageClass)
	if storage == "" {
		storage = "STANDARD" // which S3 leaves unsaid
	}
	return provider.Values{
		"id":                   key,
		"bucket":               bucket,
		"key":                  key,
		"arn":                  fmt.Sprintf("arn:%s:s3:::%s/%s", partitionOf(c.region).id, bucket, key),
		"contentType":          awssdk.ToString(head.ContentType),
		"etag":                 strings.Trim(awssdk.ToString(head.ETag), `"`),
		"versionId":            awssdk.ToString(head.VersionId),
		"serverSideEncryption": string(head.ServerSideEncryption),
		"storageClass":         storage,
		"bucketKeyEnabled":     awssdk.ToBool(head.BucketKeyEnabled),
		"tags":                 own,
		"tagsAll":              all,
	}, nil
}

func (c *cloud) bucketPublicAccessBlock() provider.Table {
	flag := provider.Input{Type: provider.Bool, Default: false}
	return provider.Table{
		Inputs: provider.Inputs{
			"bucket":                {Type: provider.String, Required: true, Replace: true},
			"blockPublicAcls":       flag,
			"blockPublicPolicy":     flag,
			"ignorePublicAcls":      flag,
			"restrictPublicBuckets": flag,
		},
		Explain: explain,
		API: provider.API{
			Create: func(ctx context.Context, in provider.Values) (string, error) {
				// A bucket that was made a moment ago may not be there yet.
				unknown := func(err error) bool { return hasCode(err, "NoSuchBucket") }
				err := c.retry(ctx, unknown, func() error { return c.putPublicAccessBlock(ctx, in) })
				if err != nil {
					return "", err
				}
				return in.String("bucket"), nil
			},
			Read:    c.readPublicAccessBlock,
			ReadNew: c.patient(c.readPublicAccessBlock),
			Update: func(ctx context.Context, _ string, _, in provider.Values) error {
				return c.putPublicAccessBlock(ctx, in)
			},
			Delete: func(ctx context.Context, bucket string, _ provider.Values) error {
				_, err := c.s3.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: awssdk.String(bucket)})
				if err != nil && !hasCode(err, "NoSuchBucket", "NoSuchPublicAccessBlockConfiguration") {
					return fmt.Errorf("deleting S3 Bucket Public Access Block (%s): %w", bucket, err)
				}
				return nil
			},
		},
	}
}

func (c *cloud) putPublicAccessBlock(ctx context.Context, in provider.Values) error {
	_, err := c.s3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: text(in.String("bucket")),
		PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{
			BlockPublicAcls:       awssdk.Bool(in.Bool("blockPublicAcls")),
			BlockPublicPolicy:     awssdk.Bool(in.Bool("blockPublicPolicy")),
			IgnorePublicAcls:      awssdk.Bool(in.Bool("ignorePublicAcls")),
			RestrictPublicBuckets: awssdk.Bool(in.Bool("restrictPublicBuckets")),
		},
	})
	if err != nil {
		return fmt.Errorf("putting S3 Bucket (%s) Public Access Block: %w", in.String("bucket"), err)
	}
	return nil
}

func (c *cloud) readPublicAccessBlock(ctx context.Context, bucket string, _ provider.Values) (provider.Values, error) {
	found, err := c.s3.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: awssdk.String(bucket)})
	if hasCode(err, "NoSuchBucket", "NoSuchPublicAccessBlockConfiguration") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading S3 Bucket Public Access Block (%s): %w", bucket, err)
	}
	block := found.PublicAccessBlockConfiguration
	return provider.Values{
		"bucket":                bucket,
		"blockPublicAcls":       awssdk.ToBool(block.BlockPublicAcls),
		"blockPublicPolicy":     awssdk.ToBool(block.BlockPublicPolicy),
		"ignorePublicAcls":      awssdk.ToBool(block.IgnorePublicAcls),
		"restrictPublicBuckets": awssdk.ToBool(block.RestrictPublicBuckets),
	}, nil
}
