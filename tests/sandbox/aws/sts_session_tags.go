package aws

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// sessionTag is a tag of a session. A transitive one comes along when the session assumes another role.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
type sessionTag struct {
	key, value string
	transitive bool
}

type sessionTags []sessionTag

// find returns the tag of a key; the keys of tags are not case-sensitive.
func (t sessionTags) find(key string) *sessionTag {
	i := slices.IndexFunc(t, func(tag sessionTag) bool { return strings.EqualFold(tag.key, key) })
	if i < 0 {
		return nil
	}
	return &t[i]
}

func (t sessionTags) values() map[string]string {
	values := map[string]string{}
	for _, tag := range t {
		values[tag.key] = tag.value
	}
	return values
}

// handedOn are the transitive ones.
func (t sessionTags) handedOn() sessionTags {
	return slices.DeleteFunc(slices.Clone(t), func(tag sessionTag) bool { return !tag.transitive })
}

// keys are the condition keys of a call that gives a session these tags.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-sts
func (t sessionTags) keys() map[string][]string {
	keys := tagKeys("aws:RequestTag/", t.values())
	for _, tag := range t {
		keys["aws:TagKeys"] = append(keys["aws:TagKeys"], tag.key)
		if tag.transitive {
			keys["sts:TransitiveTagKeys"] = append(keys["sts:TransitiveTagKeys"], tag.key)
		}
	}
	return keys
}

// sessionTagParameters are the lists in which AssumeRole takes tags.
var sessionTagParameters = []string{"Tags", "TransitiveTagKeys"}

// listName is the name of the list that a parameter is of, or the parameter's own.
func listName(parameter string) string {
	name, _, _ := strings.Cut(parameter, ".member.")
	return name
}

// readSessionTags returns the tags that a session gets: those that its caller hands on, and those that the caller asks for.
// A tag that is handed on cannot be given another value, not even its own again. The messages are what STS was seen to answer:
// https://github.com/localstack/localstack/blob/main/tests/aws/services/sts/test_sts.snapshot.json.
func readSessionTags(given url.Values, caller *session) (sessionTags, error) {
	var asked sessionTags
	for i := 1; ; i++ {
		member := fmt.Sprintf("Tags.member.%d.", i)
		if !given.Has(member + "Key") {
			break
		}
		tag := sessionTag{key: given.Get(member + "Key"), value: given.Get(member + "Value")}
		if asked.find(tag.key) != nil {
			return nil, wrongTags("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		asked = append(asked, tag)
	}
	var passed sessionTags
	if caller != nil {
		passed = caller.tags.handedOn()
	}
	for _, tag := range asked {
		if passed.find(tag.key) != nil {
			return nil, wrongTags("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key " +
				"from the calling session.")
		}
	}
	for i := 1; given.Has(fmt.Sprintf("TransitiveTagKeys.member.%d", i)); i++ {
		tag := asked.find(given.Get(fmt.Sprintf("TransitiveTagKeys.member.%d", i)))
		if tag == nil {
			return nil, wrongTags("The specified transitive tag key must be included in the requested tags.")
		}
		tag.transitive = true
	}
	return append(passed, asked...), nil
}

func wrongTags(message string) error {
	return &apiError{http.StatusBadRequest, "InvalidParameterValue", message}
}
