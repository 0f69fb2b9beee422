package stacks

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// The names of general purpose buckets, and what S3 keeps for names of its own:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var (
	bucketForm       = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	addressForm      = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$`)
	reservedPrefixes = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	reservedSuffixes = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}
)

// maxObjectKey is the length of an object's key in bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const maxObjectKey = 1024

func (cfg *Config) validateBucket(bucket Bucket) error {
	var found fielderr.List
	found.Add("name", validateBucketName(bucket.Name))
	found.Add("cluster", cfg.declared(bucket.Cluster))
	found.Add("objects", fielderr.EachKey(bucket.Objects, func(key, _ string) error { return validateObjectKey(key) }))
	return found.Err()
}

func validateBucketName(name string) error {
	isReserved := func(has func(string, string) bool) func(string) bool {
		return func(part string) bool { return has(name, part) }
	}
	switch {
	case !bucketForm.MatchString(name):
		return fmt.Errorf("%q is not a bucket name (3 to 63 lower-case letters, digits, . and -)", name)
	case strings.Contains(name, ".."):
		return fmt.Errorf("%q has two dots together, which no bucket name has", name)
	case addressForm.MatchString(name):
		return fmt.Errorf("%q is an IP address, which no bucket is named after", name)
	case slices.ContainsFunc(reservedPrefixes, isReserved(strings.HasPrefix)):
		return fmt.Errorf("%q begins with one of %s, which S3 keeps for itself", name, strings.Join(reservedPrefixes, " "))
	case slices.ContainsFunc(reservedSuffixes, isReserved(strings.HasSuffix)):
		return fmt.Errorf("%q ends with one of %s, which S3 keeps for itself", name, strings.Join(reservedSuffixes, " "))
	default:
		return nil
	}
}

func validateObjectKey(key string) error {
	switch {
	case key == "":
		return errors.New("the key is empty")
	case len(key) > maxObjectKey:
		return fmt.Errorf("the key has %d bytes; S3 allows %d", len(key), maxObjectKey)
	case strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("the key %q has a control character, such as a line break", key)
	default:
		return nil
	}
}
