package aws

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
)

// bucketPermissions are the permissions of actions on a bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
var bucketPermissions = map[string]string{
	"CreateBucket":                    "s3:CreateBucket",
	"DeleteBucket":                    "s3:DeleteBucket",
	"DeleteBucketLifecycle":           "s3:PutLifecycleConfiguration",
	"DeleteBucketTagging":             "s3:PutBucketTagging",
	"GetBucketAcl":                    "s3:GetBucketAcl",
	"GetBucketEncryption":             "s3:GetEncryptionConfiguration",
	"GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
	"GetBucketLocation":               "s3:GetBucketLocation",
	"GetBucketOwnershipControls":      "s3:GetBucketOwnershipControls",
	"GetBucketPolicy":                 "s3:GetBucketPolicy",
	"GetBucketTagging":                "s3:GetBucketTagging",
	"GetBucketVersioning":             "s3:GetBucketVersioning",
	"GetPublicAccessBlock":            "s3:GetBucketPublicAccessBlock",
	"HeadBucket":                      "s3:ListBucket",
	"ListMultipartUploads":            "s3:ListBucketMultipartUploads",
	"ListObjects":                     "s3:ListBucket",
	"ListObjectVersions":              "s3:ListBucketVersions",
	"ListObjectsV2":                   "s3:ListBucket",
	"PutBucketEncryption":             "s3:PutEncryptionConfiguration",
	"PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
	"PutBucketTagging":                "s3:PutBucketTagging",
	"PutBucketVersioning":             "s3:PutBucketVersioning",
	"PutPublicAccessBlock":            "s3:PutBucketPublicAccessBlock",
}

// objectPermissions are the permissions of actions on an object. Copies need those on their source as well, and
// DeleteObjects needs s3:DeleteObject for each of its keys.
var objectPermissions = map[string]string{
	"AbortMultipartUpload":    "s3:AbortMultipartUpload",
	"CompleteMultipartUpload": "s3:PutObject",
	"CopyObject":              "s3:PutObject",
	"CreateMultipartUpload":   "s3:PutObject",
	"DeleteObject":            "s3:DeleteObject",
	"DeleteObjectTagging":     "s3:DeleteObjectTagging",
	"GetObject":               "s3:GetObject",
	"GetObjectAcl":            "s3:GetObjectAcl",
	"GetObjectTagging":        "s3:GetObjectTagging",
	"HeadObject":              "s3:GetObject",
	"ListParts":               "s3:ListMultipartUploadParts",
	"PutObject":               "s3:PutObject",
	"PutObjectTagging":        "s3:PutObjectTagging",
	"UploadPart":              "s3:PutObject",
	"UploadPartCopy":          "s3:PutObject",
}

// versionPermissions take the place of others when a call is about one version of an object.
var versionPermissions = map[string]string{
	"s3:DeleteObject":        "s3:DeleteObjectVersion",
	"s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
	"s3:GetObject":           "s3:GetObjectVersion",
	"s3:GetObjectAcl":        "s3:GetObjectVersionAcl",
	"s3:GetObjectTagging":    "s3:GetObjectVersionTagging",
	"s3:PutObjectTagging":    "s3:PutObjectVersionTagging",
}

// headerPermissions are what a header takes beside the permission of its action.
var headerPermissions = map[string]string{
	"X-Amz-Acl":                           "s3:PutObjectAcl",
	"X-Amz-Bypass-Governance-Retention":   "s3:BypassGovernanceRetention",
	"X-Amz-Grant-Full-Control":            "s3:PutObjectAcl",
	"X-Amz-Grant-Read":                    "s3:PutObjectAcl",
	"X-Amz-Grant-Read-Acp":                "s3:PutObjectAcl",
	"X-Amz-Grant-Write-Acp":               "s3:PutObjectAcl",
	"X-Amz-Object-Lock-Legal-Hold":        "s3:PutObjectLegalHold",
	"X-Amz-Object-Lock-Mode":              "s3:PutObjectRetention",
	"X-Amz-Object-Lock-Retain-Until-Date": "s3:PutObjectRetention",
	"X-Amz-Tagging":                       "s3:PutObjectTagging",
}

// s3Needs maps calls of S3.
func s3Needs(r *http.Request, req request) (needs []need, known bool, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	bucket, key, plain := s3Path(r)
	if err != nil || !plain {
		return nil, false, nil
	}
	if bucket == "" {
		return []need{{action: "s3:ListAllMyBuckets", resource: "*"}}, req.action == "ListBuckets", nil
	}
	arn := "arn:" + partitionOf(req.region) + ":s3:::" + bucket
	if key == "" {
		if req.action == "DeleteObjects" {
			return deletionNeeds(r, arn)
		}
		permission, known := bucketPermissions[req.action]
		return []need{{permission, arn, listKeys(query)}}, known, nil
	}
	permission, known := objectPermissions[req.action]
	if version := query.Get("versionId"); version != "" && known {
		permission, known = versionPermissions[permission]
	}
	needs = []need{{permission, arn + "/" + key, versionKeys(query)}}
	for header, extra := range headerPermissions {
		if r.Header.Get(header) != "" {
			needs = append(needs, need{action: extra, resource: arn + "/" + key})
		}
	}
	if source := r.Header.Get("X-Amz-Copy-Source"); source != "" && known {
		from, ok := copySource(source, partitionOf(req.region))
		return append(needs, from), ok, nil
	}
	return needs, known, nil
}

// s3Path returns the bucket and the key of a request. It is plain if moto, too, finds them in the path and nowhere else:
// moto looks for a bucket in the host name, keeps some paths for itself, and reads escaped slashes in its own way.
func s3Path(r *http.Request) (bucket, key string, plain bool) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil || host != "localhost" && net.ParseIP(host) == nil {
		return "", "", false
	}
	bucket, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	raw, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	own := slices.Contains([]string{"moto-api", "v20180820", "latest"}, bucket)
	return bucket, key, raw == bucket && !own && (bucket != "" || key == "" && r.URL.Path == "/")
}

// listKeys are the condition keys by which a policy may narrow what is listed.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
func listKeys(query url.Values) map[string][]string {
	keys := map[string][]string{}
	for _, name := range []string{"prefix", "delimiter", "max-keys"} {
		if query.Has(name) {
			keys["s3:"+name] = []string{query.Get(name)}
		}
	}
	return keys
}

func versionKeys(query url.Values) map[string][]string {
	if !query.Has("versionId") {
		return nil
	}
	return map[string][]string{"s3:VersionId": {query.Get("versionId")}}
}

// copySource is what reading the source of a copy takes; its header is bucket/key?versionId=id, escaped.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
func copySource(header, partition string) (need, bool) {
	path, version, versioned := strings.Cut(strings.TrimPrefix(header, "/"), "?versionId=")
	path, err := url.PathUnescape(path)
	bucket, key, _ := strings.Cut(path, "/")
	if err != nil || bucket == "" || key == "" || strings.HasPrefix(bucket, "arn:") {
		return need{}, false
	}
	from := need{action: "s3:GetObject", resource: "arn:" + partition + ":s3:::" + bucket + "/" + key}
	if versioned {
		from.action, from.keys = versionPermissions[from.action], map[string][]string{"s3:VersionId": {version}}
	}
	return from, true
}

// deletionNeeds are what it takes to delete all the objects that the body names. S3 would delete those that it may, and
// name the others; here it is all or nothing.
func deletionNeeds(r *http.Request, bucketArn string) (needs []need, known bool, err error) {
	body, err := peekBody(r)
	if err != nil {
		return nil, false, err
	}
	var request struct {
		Objects []struct{ Key, VersionId string } `xml:"Object"` //nolint:revive // S3's own spelling
	}
	if xml.Unmarshal(body, &request) != nil || len(request.Objects) == 0 {
		return nil, false, nil
	}
	for _, object := range request.Objects {
		n := need{action: "s3:DeleteObject", resource: bucketArn + "/" + object.Key}
		if object.VersionId != "" {
			n.action = versionPermissions[n.action]
		}
		needs = append(needs, n)
	}
	return needs, true, nil
}

// inOwnAccount keeps sessions out of the buckets of other accounts: that takes a bucket policy as well, which the sandbox
// does not evaluate. A bucket that nobody has is for S3 to tell.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-walkthroughs-managing-access-example2.html
func (e *Endpoint) inOwnAccount(r *http.Request, req request, needs []need) error {
	if req.service != "s3" || req.action == "CreateBucket" {
		return nil
	}
	seen := map[string]bool{"": true} // the resource "*" has no bucket, and means the caller's own
	for _, n := range needs {
		_, path, _ := strings.Cut(n.resource, ":::")
		bucket, _, _ := strings.Cut(path, "/")
		if seen[bucket] {
			continue
		}
		seen[bucket] = true
		foreign, err := e.moto.foreignBucket(r.Context(), req, bucket)
		if err != nil {
			return fmt.Errorf("looking for the bucket %q: %w", bucket, err)
		}
		if foreign {
			return accessDenied("s3", req.session.arn(), n.action, n.resource,
				"because no resource-based policy allows the "+n.action+" action")
		}
	}
	return nil
}

// foreignBucket tells whether a bucket exists and is not one of the caller's account.
func (m *moto) foreignBucket(ctx context.Context, req request, bucket string) (bool, error) {
	client := s3.New(s3.Options{
		BaseEndpoint: &m.url, Region: req.region, Credentials: ownCredentials, UsePathStyle: true,
		HTTPClient: &http.Client{Transport: m.transport}, Retryer: ownRetryer(),
		APIOptions: []func(*middleware.Stack) error{inAccount(req.account)},
	})
	pages := s3.NewListBucketsPaginator(client, &s3.ListBucketsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(page.Buckets, func(b s3types.Bucket) bool { return aws.ToString(b.Name) == bucket }) {
			return false, nil
		}
	}
	_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
	var none *s3types.NotFound
	if errors.As(err, &none) {
		return false, nil
	}
	return err == nil, err
}
