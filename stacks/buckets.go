package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func (p *platform) createBuckets() error {
	for _, key := range slices.Sorted(maps.Keys(p.cfg.Buckets)) {
		if err := p.createBucket(key, p.cfg.Buckets[key]); err != nil {
			return fmt.Errorf("bucket %q: %w", key, err)
		}
	}
	return nil
}

func (p *platform) createBucket(key string, bucket Bucket) error {
	provider := pulumi.Provider(p.clusters[bucket.Cluster].aws)
	resource, err := s3.NewBucketV2(p.ctx, key, &s3.BucketV2Args{
		Bucket: pulumi.String(bucket.Name), ForceDestroy: pulumi.Bool(bucket.ForceDestroy),
		Tags: pulumi.ToStringMap(p.cfg.Tags),
	}, provider, bucket.Aliases.of(itself))
	if err != nil {
		return err
	}
	p.buckets = append(p.buckets, resource)
	for _, object := range slices.Sorted(maps.Keys(bucket.Objects)) {
		content, err := s3.NewBucketObjectv2(p.ctx, key+"/"+object, &s3.BucketObjectv2Args{
			Bucket: resource.Bucket, Key: pulumi.String(object), Content: pulumi.String(bucket.Objects[object]),
		}, provider, pulumi.Parent(resource), bucket.Aliases.of(below(object)))
		if err != nil {
			return fmt.Errorf("object %q: %w", object, err)
		}
		p.buckets = append(p.buckets, content)
	}
	p.output("buckets", key, pulumi.Map{"name": resource.Bucket, "arn": resource.Arn})
	return nil
}
