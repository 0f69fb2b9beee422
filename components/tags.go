package components

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// The rules of tags are those of IAM, and of every service of AWS that keeps to the common ones, S3 and EKS among them.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
// https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html#tag-restrictions
const (
	maxTagKey   = 128
	maxTagValue = 256
	maxTags     = 50
	reservedTag = "aws:"
)

var tagForm = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// validateTags checks what is known of tags. reserved are keys that the component sets itself.
func validateTags(tags pulumi.StringMapInput, reserved ...string) error {
	plain, known := tags.(pulumi.StringMap)
	if !known {
		return nil
	}
	var found fielderr.List
	found.Add("tags", fielderr.EachKey(plain, func(key string, value pulumi.StringInput) error {
		err := validateTagKey(key)
		if slices.Contains(reserved, key) {
			err = errors.Join(err, errors.New("is set by the component itself"))
		}
		return errors.Join(err, ifKnown(value, validateTagValue))
	}))
	most := maxTags - len(reserved)
	found.Refuse(len(plain) > most, "tags", "there are %d, and %d is the most%s", len(plain), most, besides(reserved))
	return found.Err()
}

func besides(reserved []string) string {
	if len(reserved) == 0 {
		return " that AWS puts on a resource"
	}
	return " that AWS puts on a resource beside " + strings.Join(reserved, ", ")
}

func validateTagKey(key string) error {
	switch length := len([]rune(key)); {
	case key == "":
		return errors.New("the key is empty")
	case length > maxTagKey:
		return fmt.Errorf("the key has %d characters; AWS allows %d", length, maxTagKey)
	default:
		return validateTagText("the key", key)
	}
}

func validateTagValue(value string) error {
	if length := len([]rune(value)); length > maxTagValue {
		return fmt.Errorf("the value has %d characters; AWS allows %d", length, maxTagValue)
	}
	return validateTagText("the value", value)
}

func validateTagText(what, text string) error {
	if !tagForm.MatchString(text) {
		return fmt.Errorf("%s %q has a character that no tag can have; use letters, digits, spaces and _ . : / = + - @", what, text)
	}
	if len(text) >= len(reservedTag) && strings.EqualFold(text[:len(reservedTag)], reservedTag) {
		return fmt.Errorf("%s %q begins with aws:, which AWS keeps for itself", what, text)
	}
	return nil
}

// validateIAMTags checks tags of what IAM keeps. It knows no case in their keys: Team and team are one.
func validateIAMTags(tags pulumi.StringMapInput, reserved ...string) error {
	plain, _ := tags.(pulumi.StringMap)
	first := map[string]string{}
	var found fielderr.List
	found.Add("", validateTags(tags, reserved...))
	found.Add("tags", fielderr.EachKey(plain, func(key string, _ pulumi.StringInput) error {
		folded := strings.ToLower(key)
		if other, taken := first[folded]; taken {
			return fmt.Errorf("is the same key as %s to IAM, which knows no case in keys of tags", other)
		}
		first[folded] = key
		return nil
	}))
	return found.Err()
}
