package iampolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// The lengths of permission documents, in characters without white space; none of the two can be raised:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length
const (
	// MaxManagedPolicySize is for each managed policy.
	MaxManagedPolicySize = 6144
	// MaxInlinePoliciesSize is for all inline policies of a role together.
	MaxInlinePoliciesSize = 10240
)

// TextSize is the number of characters that IAM holds against its quotas for a document as it is written: without white
// space, except within strings, where IAM's documentation does not promise to overlook it. What is no JSON counts whole.
func TextSize(document string) int {
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(document)); err != nil {
		return utf8.RuneCountInString(document)
	}
	return utf8.RuneCount(compact.Bytes())
}

// ValidateInlinePolicy checks the text of a permission document as that of an inline policy of a role. How long all of them
// may be together is for [ValidateInlinePoliciesSize]. All errors are reported together.
func ValidateInlinePolicy(text string) error {
	_, err := parseDocument(text, func(found *fielderr.List, d Document) { found.Add("", checkPermissions(d)) })
	return err
}

// ValidateManagedPolicy checks the text of a permission document as that of a managed policy: of the current version (IAM:
// "Policy document must be version 2012-10-17 or greater") and not too long. All errors are reported together.
func ValidateManagedPolicy(text string) error {
	_, err := parseDocument(text, func(found *fielderr.List, d Document) {
		found.Add("", checkPermissions(d))
		found.Refuse(d.Version == oldVersion, "Version",
			"is %q, which is also meant where it is missing, and IAM makes managed policies of %q only", oldVersion, currentVersion)
		size := TextSize(text)
		found.Refuse(size > MaxManagedPolicySize, "",
			"has %d characters without white space, and IAM allows %d in a managed policy; make several of it", size, MaxManagedPolicySize)
	})
	return err
}

// ValidateInlinePoliciesSize refuses inline policies that are together longer than a role can hold.
func ValidateInlinePoliciesSize(documents []string) error {
	sum := 0
	for _, document := range documents {
		sum += TextSize(document)
	}
	if sum > MaxInlinePoliciesSize {
		return fmt.Errorf("%d characters in all, without white space, and IAM allows a role %d; make managed policies of some", sum, MaxInlinePoliciesSize)
	}
	return nil
}
