package aws_test

import (
	"io"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
)

const (
	bucketToken = "aws:s3/bucketV2:BucketV2"
	objectToken = "aws:s3/bucketObjectv2:BucketObjectv2"
	blockToken  = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, map[string]any{"region": region, "defaultTags": `{"tags":{"team":"x"}}`}), newCloud(t)
	inputs := map[string]any{"tags": map[string]any{"a": "1"}}
	bucket := e.Create(t, bucketToken, "Backup", inputs)
	assert.Regexp(t, `^backup-[0-9a-f]{7}$`, bucket.ID)
	assert.Equal(t, "arn:aws:s3:::"+bucket.ID, bucket.Output("arn"))
	assert.Equal(t, region, bucket.Output("region"))
	assert.Equal(t, bucket.ID+".s3.eu-west-1.amazonaws.com", bucket.Output("bucketRegionalDomainName"))
	assert.Equal(t, map[string]any{"a": "1", "team": "x"}, bucket.Output("tagsAll"))
	drift, _ := bucket.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))

	inputs["tags"] = map[string]any{"b": "2"}
	bucket.Update(t, inputs)
	assert.Equal(t, map[string]any{"b": "2", "team": "x"}, bucket.Output("tagsAll"))
	_, err := live.s3.DeleteBucketTagging(t.Context(), &s3.DeleteBucketTaggingInput{Bucket: &bucket.ID})
	require.NoError(t, err)
	drift, _ = bucket.Refresh(t)
	assert.Equal(t, map[string]string{"tags": "add", "tagsAll.b": "add", "tagsAll.team": "add"}, providertest.Changes(drift))

	_, diff := e.Import(t, bucketToken, "again", bucket.ID, map[string]any{"bucket": bucket.ID})
	assert.Equal(t, map[string]string{"tagsAll.team": "add"}, providertest.Changes(diff), "only the default tags are missing")
	bucket.Delete(t)
	_, gone := bucket.Refresh(t)
	assert.True(t, gone)
}

func TestBucketIsEmptiedOnlyByForce(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	inputs := map[string]any{"bucket": "not-empty-bucket"}
	bucket := e.Create(t, bucketToken, "full", inputs)
	e.Create(t, objectToken, "something.txt", map[string]any{"bucket": bucket.ID, "content": "x"})
	require.ErrorContains(t, bucket.TryDelete(t.Context()), "BucketNotEmpty")
	inputs["forceDestroy"] = true
	assert.Equal(t, map[string]string{"forceDestroy": "update"}, providertest.Changes(bucket.Diff(t, inputs)))
	bucket.Update(t, inputs)
	bucket.Delete(t)
	_, gone := bucket.Refresh(t)
	assert.True(t, gone)
}

func TestBucketObject(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	bucket := e.Create(t, bucketToken, "objects", map[string]any{"bucket": "bucket-of-objects"})
	inputs := map[string]any{
		"bucket": bucket.ID, "key": "dir/hello.txt", "content": "hello", "contentType": "text/plain", "tags": map[string]any{"a": "1 = 2"},
	}
	object := e.Create(t, objectToken, "hello", inputs)
	assert.Equal(t, "dir/hello.txt", object.ID)
	assert.Equal(t, "arn:aws:s3:::bucket-of-objects/dir/hello.txt", object.Output("arn"))
	assert.Equal(t, "text/plain", object.Output("contentType"))
	assert.Equal(t, "5d41402abc4b2a76b9719d911017c592", object.Output("etag"))
	drift, _ := object.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))

	inputs["content"] = "goodbye"
	assert.Equal(t, map[string]string{"content": "update"}, providertest.Changes(object.Diff(t, inputs)))
	object.Update(t, inputs)
	read, err := live.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket.ID, Key: awssdk.String("dir/hello.txt")})
	require.NoError(t, err)
	body, err := io.ReadAll(read.Body)
	require.NoError(t, err)
	require.NoError(t, read.Body.Close())
	assert.Equal(t, "goodbye", string(body))
	inputs["tags"] = map[string]any{"a": "3"}
	object.Update(t, inputs)
	assert.Equal(t, map[string]any{"a": "3"}, object.Output("tagsAll"))

	imported, _ := e.Import(t, objectToken, "again", bucket.ID+"/dir/hello.txt", inputs)
	assert.Equal(t, "dir/hello.txt", imported.ID)
	lost, err := e.TryCreate(t, objectToken, "lost", map[string]any{"bucket": "no-such-bucket-here", "content": "x"}, 0)
	require.ErrorContains(t, err, "uploading S3 Object (lost) to Bucket (no-such-bucket-here)")
	assert.Nil(t, lost, "nothing was made that the next update could find")
	named := e.Create(t, objectToken, "by-its-name", map[string]any{"bucket": bucket.ID, "content": "x"})
	assert.Equal(t, "by-its-name", named.ID)
	object.Delete(t)
	_, gone := object.Refresh(t)
	assert.True(t, gone)
}

func TestBucketPublicAccessBlock(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	bucket := e.Create(t, bucketToken, "blocked", map[string]any{"bucket": "bucket-blocked"})
	inputs := map[string]any{"bucket": bucket.ID, "blockPublicAcls": true}
	block := e.Create(t, blockToken, "block", inputs)
	assert.Equal(t, bucket.ID, block.ID)
	assert.Equal(t, false, block.Output("restrictPublicBuckets"))
	drift, _ := block.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
	inputs["restrictPublicBuckets"] = true
	assert.Equal(t, map[string]string{"restrictPublicBuckets": "update"}, providertest.Changes(block.Diff(t, inputs)))
	block.Update(t, inputs)
	assert.Equal(t, true, block.Output("restrictPublicBuckets"))
	block.Delete(t)
	_, gone := block.Refresh(t)
	assert.True(t, gone)
}
