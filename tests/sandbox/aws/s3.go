package aws

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// s3Action names an S3 request by its method, whether its path names a bucket or an object, and its sub-resource. It
// never trusts x-id, the SDKs' own hint in the query. A sub-resource without a name here gives "METHOD sub-resource".
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
func s3Action(r *http.Request) string {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	level := "object"
	switch {
	case bucket == "":
		level = "service"
	case key == "":
		level = "bucket"
	}
	subResource := s3SubResource(r.URL.Query())
	if level == "object" && r.Header.Get("X-Amz-Copy-Source") != "" {
		subResource += "+copy"
	}
	if action, ok := s3Actions[level+" "+r.Method+" "+subResource]; ok {
		return action
	}
	if noun, ok := s3Nouns[level+" "+subResource]; ok {
		switch r.Method {
		case http.MethodGet:
			return "Get" + noun
		case http.MethodPut:
			return "Put" + noun
		case http.MethodDelete:
			return "Delete" + noun
		}
	}
	return strings.TrimSpace(r.Method + " " + subResource)
}

// s3SubResource returns the query parameters that select what a request does, joined by "+"; mostly one or none.
func s3SubResource(query url.Values) string {
	var selecting []string
	for name := range query {
		if !s3Parameters[name] && !strings.HasPrefix(name, "X-Amz-") && !strings.HasPrefix(name, "response-") {
			selecting = append(selecting, name)
		}
	}
	slices.Sort(selecting)
	return strings.Join(selecting, "+")
}

// s3Parameters are the parameters that only qualify an action.
var s3Parameters = map[string]bool{
	"bucket-region": true, "continuation-token": true, "delimiter": true, "encoding-type": true, "fetch-owner": true,
	"key-marker": true, "marker": true, "max-buckets": true, "max-keys": true, "max-parts": true, "max-uploads": true,
	"part-number-marker": true, "prefix": true, "start-after": true, "upload-id-marker": true, "version-id-marker": true,
	"versionId": true, "x-id": true,
}

// s3Actions are the actions by level, method and sub-resource.
var s3Actions = map[string]string{
	"service GET ": "ListBuckets",

	"bucket GET ":             "ListObjects",
	"bucket GET list-type":    "ListObjectsV2",
	"bucket GET uploads":      "ListMultipartUploads",
	"bucket GET versions":     "ListObjectVersions",
	"bucket HEAD ":            "HeadBucket",
	"bucket PUT ":             "CreateBucket",
	"bucket DELETE ":          "DeleteBucket",
	"bucket POST delete":      "DeleteObjects",
	"bucket DELETE lifecycle": "DeleteBucketLifecycle",

	"object GET ":                         "GetObject",
	"object GET partNumber":               "GetObject",
	"object GET attributes":               "GetObjectAttributes",
	"object GET uploadId":                 "ListParts",
	"object HEAD ":                        "HeadObject",
	"object HEAD partNumber":              "HeadObject",
	"object PUT ":                         "PutObject",
	"object PUT +copy":                    "CopyObject",
	"object PUT partNumber+uploadId":      "UploadPart",
	"object PUT partNumber+uploadId+copy": "UploadPartCopy",
	"object DELETE ":                      "DeleteObject",
	"object DELETE uploadId":              "AbortMultipartUpload",
	"object POST uploads":                 "CreateMultipartUpload",
	"object POST uploadId":                "CompleteMultipartUpload",
	"object POST restore":                 "RestoreObject",
	"object POST select+select-type":      "SelectObjectContent",
}

// s3Nouns are the sub-resources that are read, written and deleted as Get, Put and Delete<noun>.
var s3Nouns = map[string]string{
	"bucket accelerate":        "BucketAccelerateConfiguration",
	"bucket acl":               "BucketAcl",
	"bucket cors":              "BucketCors",
	"bucket encryption":        "BucketEncryption",
	"bucket lifecycle":         "BucketLifecycleConfiguration",
	"bucket location":          "BucketLocation",
	"bucket logging":           "BucketLogging",
	"bucket notification":      "BucketNotificationConfiguration",
	"bucket object-lock":       "ObjectLockConfiguration",
	"bucket ownershipControls": "BucketOwnershipControls",
	"bucket policy":            "BucketPolicy",
	"bucket policyStatus":      "BucketPolicyStatus",
	"bucket publicAccessBlock": "PublicAccessBlock",
	"bucket replication":       "BucketReplication",
	"bucket requestPayment":    "BucketRequestPayment",
	"bucket tagging":           "BucketTagging",
	"bucket versioning":        "BucketVersioning",
	"bucket website":           "BucketWebsite",
	"object acl":               "ObjectAcl",
	"object legal-hold":        "ObjectLegalHold",
	"object retention":         "ObjectRetention",
	"object tagging":           "ObjectTagging",
	"object torrent":           "ObjectTorrent",
}
