package maproles

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// meanings are the elements of the list as aws-iam-authenticator sees them: the first YAML document as JSON, in which keys are
// sorted, aliases and merges are resolved, and the last of several equal keys has won
// (https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/mapper/configmap/configmap.go, ParseMap).
func meanings(text string) ([]json.RawMessage, error) {
	document, err := utilyaml.ToJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	var elements []json.RawMessage
	err = json.Unmarshal(document, &elements)
	return elements, err
}

// roleMapping is what the authenticator decodes an element into (pkg/config/types.go, RoleMapping). The types count: what does
// not fit its field is dropped, and the rest of the element is kept.
type roleMapping struct {
	RoleARN  string    `json:"rolearn"`
	SSO      *struct{} `json:"sso"`
	Username string    `json:"username"`
	Groups   []string  `json:"groups"`
}

// entryOf reads an element as the authenticator does, with encoding/json, which matches keys in any case. An element that it does
// not map gives false: one without a role, or with sso beside the role (pkg/config/mapper.go, RoleMapping.Validate). Everything
// else maps its role, whatever is wrong in it.
func entryOf(element json.RawMessage) (Entry, bool) {
	var role roleMapping
	err := json.Unmarshal(element, &role)
	if role.RoleARN == "" || role.SSO != nil {
		return Entry{}, false
	}
	entry := Entry{RoleARN: role.RoleARN, Username: role.Username, Groups: role.Groups}
	var misfit *json.UnmarshalTypeError
	if errors.As(err, &misfit) {
		entry.dropped = "the " + misfit.Value + " in " + misfit.Field
	}
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(element, &keys) // it has a role, so it is an object
	for key := range keys {
		if !slices.Contains([]string{"rolearn", "username", "groups"}, strings.ToLower(key)) {
			entry.furtherKeys = append(entry.furtherKeys, key)
		}
	}
	slices.Sort(entry.furtherKeys)
	return entry, true
}
