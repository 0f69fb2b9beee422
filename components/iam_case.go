package components

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// validateTagKeys refuses keys of tags that are the same one to IAM, which knows no case in them: Team and team.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
func validateTagKeys(tags pulumi.StringMapInput) error {
	plain, known := tags.(pulumi.StringMap)
	if !known {
		return nil
	}
	first := map[string]string{}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(plain)) {
		folded := strings.ToLower(key)
		if other, taken := first[folded]; taken {
			faults = append(faults, fmt.Errorf("tags.%s: is the same key as %s to IAM, which knows no case in keys of tags", key, other))
			continue
		}
		first[folded] = key
	}
	return errors.Join(faults...)
}
