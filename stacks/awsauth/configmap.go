// Package awsauth plans the way out of the ConfigMap aws-auth: for each of its lines the access entry that replaces it, what has no
// equivalent, and what comes first. It reads texts and asks nothing of AWS or of Kubernetes.
package awsauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// The keys of the ConfigMap that aws-iam-authenticator reads.
//
// https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/mapper/configmap/configmap.go
const (
	MapRoles    = "mapRoles"
	MapUsers    = "mapUsers"
	MapAccounts = "mapAccounts"
)

// Line is one element of a key of the ConfigMap, as aws-iam-authenticator reads it.
type Line struct {
	// Place is where the line stands: mapRoles[0].
	Place string `json:"line"`
	// Principal is the ARN of a role or a user as it is written, or an account of mapAccounts.
	Principal string `json:"principal,omitempty"`
	// Username and Groups are those in Kubernetes; they may hold templates such as {{SessionName}}.
	Username string   `json:"username,omitempty"`
	Groups   []string `json:"groups,omitempty"`

	// key is the key of the ConfigMap, dropped is what the authenticator drops, as it is of the wrong type, and ignored is why it
	// ignores the whole line.
	key, dropped, ignored string
}

// ReadConfigMap reads the ConfigMap as `kubectl get configmap aws-auth -n kube-system` prints it, in YAML or JSON. It gives every
// error at once: of a key that is no list, the authenticator takes nothing.
func ReadConfigMap(text []byte) ([]Line, error) {
	var object struct {
		Kind     string            `yaml:"kind"`
		Metadata map[string]any    `yaml:"metadata"`
		Data     map[string]string `yaml:"data"`
	}
	if err := encoding.YAML.Unmarshal(text, &object); err != nil {
		return nil, fmt.Errorf("reading the ConfigMap: %w", err)
	}
	if object.Kind != "ConfigMap" || object.Metadata["name"] != "aws-auth" {
		return nil, fmt.Errorf("expected the ConfigMap aws-auth, got %q %v; "+
			"print it with: kubectl get configmap aws-auth -n kube-system -o yaml", object.Kind, object.Metadata["name"])
	}
	var found fielderr.List
	var lines []Line
	for _, key := range []string{MapRoles, MapUsers, MapAccounts} {
		read, err := linesOf(key, object.Data[key])
		found.Add(fielderr.Path(key), err)
		lines = append(lines, read...)
	}
	for _, key := range slices.Sorted(maps.Keys(object.Data)) {
		if !slices.Contains([]string{MapRoles, MapUsers, MapAccounts}, key) {
			lines = append(lines, Line{Place: key, key: key, ignored: "the authenticator reads mapRoles, mapUsers and mapAccounts alone"})
		}
	}
	return markRepeated(lines), found.Err()
}

// linesOf reads the elements of a key.
func linesOf(key, text string) ([]Line, error) {
	if slices.Contains([]string{"", `""`, "``"}, strings.TrimSpace(text)) { // as the authenticator skips them
		return nil, nil
	}
	if key == MapAccounts {
		return accountsOf(text)
	}
	var value any
	if err := encoding.YAML.Unmarshal([]byte(text), &value); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	elements, isList := value.([]any)
	if !isList && value != nil {
		return nil, errors.New("is not a list, so the authenticator takes nothing of it")
	}
	var lines []Line
	for i, element := range elements {
		line := mapping(element)
		line.key, line.Place = key, fmt.Sprintf("%s[%d]", key, i)
		lines = append(lines, line)
	}
	return lines, nil
}

func accountsOf(text string) ([]Line, error) {
	var accounts []string // numbers without quotes are taken as they are written, as the authenticator does
	if err := encoding.YAML.Unmarshal([]byte(text), &accounts); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	var lines []Line
	for i, account := range accounts {
		lines = append(lines, Line{Place: fmt.Sprintf("%s[%d]", MapAccounts, i), key: MapAccounts, Principal: account})
	}
	return lines, nil
}

// mapping reads an element of mapRoles or mapUsers as the authenticator does: by encoding/json, which knows no case in keys, drops
// what is of the wrong type and keeps the rest. Either key may hold a role or a user, as logins are looked up in both.
func mapping(element any) Line {
	text, err := json.Marshal(withTextKeys(element))
	if err != nil {
		return Line{ignored: "it is not a mapping: " + err.Error()}
	}
	var fields struct {
		RoleARN  string          `json:"rolearn"`
		UserARN  string          `json:"userarn"`
		SSO      json.RawMessage `json:"sso"`
		Username string          `json:"username"`
		Groups   []string        `json:"groups"`
	}
	err = json.Unmarshal(text, &fields)
	line := Line{Principal: fields.RoleARN, Username: fields.Username, Groups: fields.Groups}
	if line.Principal == "" {
		line.Principal = fields.UserARN
	}
	var misfit *json.UnmarshalTypeError
	if errors.As(err, &misfit) && misfit.Field != "" {
		line.dropped = fmt.Sprintf("the %s in %s", misfit.Value, misfit.Field)
	}
	switch sso := len(fields.SSO) > 0 && string(fields.SSO) != "null"; {
	case line.Principal == "" && sso:
		line.ignored = "it names a permission set (sso) in the place of a role, which EKS does not look up"
	case line.Principal == "":
		line.ignored = "it names neither rolearn nor userarn"
	case sso:
		line.ignored = "it names sso beside the role, which makes it invalid"
	}
	return line
}

// withTextKeys makes the keys of mappings texts, as JSON has no others.
func withTextKeys(value any) any {
	switch value := value.(type) {
	case map[any]any:
		object := map[string]any{}
		for key, element := range value {
			object[fmt.Sprint(key)] = withTextKeys(element)
		}
		return object
	case map[string]any:
		for key, element := range value {
			value[key] = withTextKeys(element)
		}
	case []any:
		for i, element := range value {
			value[i] = withTextKeys(element)
		}
	}
	return value
}

// markRepeated marks the lines that another one of their principal hides: of several in a key the last one counts, and what mapRoles
// says of a principal goes before mapUsers. ARNs are compared without case.
func markRepeated(lines []Line) []Line {
	counts := map[string]int{} // the line of each principal that counts
	for i, line := range lines {
		if line.key == MapAccounts || line.Principal == "" || line.ignored != "" {
			continue
		}
		key := strings.ToLower(line.Principal)
		if other, known := counts[key]; !known || lines[other].key == line.key {
			counts[key] = i
		}
	}
	for i, line := range lines {
		if last, known := counts[strings.ToLower(line.Principal)]; known && last != i && line.key != MapAccounts && line.ignored == "" {
			lines[i].ignored = lines[last].Place + " maps the same principal, and that line counts"
		}
	}
	return lines
}
