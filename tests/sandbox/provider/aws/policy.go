package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
)

// normalize writes a policy document in the one form that is sent to AWS: compact, keys in order. The official provider
// does the same, so what IAM holds does not depend on how a program wrote it.
func normalize(document string) (string, error) {
	var parsed any
	if err := json.Unmarshal([]byte(document), &parsed); err != nil {
		return "", fmt.Errorf("policy (%s) is invalid JSON: %w", document, err)
	}
	written, err := json.Marshal(parsed)
	if err != nil {
		return "", fmt.Errorf("writing policy: %w", err)
	}
	return string(written), nil
}

func validPolicy(document string) error {
	trimmed := bytes.TrimSpace([]byte(document))
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return errors.New("contains an invalid JSON policy: not a JSON object")
	}
	var parsed map[string]any
	if err := json.Unmarshal(trimmed, &parsed); err != nil {
		return fmt.Errorf("contains an invalid JSON policy: %w", err)
	}
	return nil
}

// samePolicy tells whether two documents grant the same. In IAM's grammar one value and a list of one are the same, and
// neither the order of a list nor that of the statements means anything.
func samePolicy(a, b string) bool {
	if a == b {
		return true
	}
	one, errOne := canonical(a)
	other, errOther := canonical(b)
	return errOne == nil && errOther == nil && reflect.DeepEqual(one, other)
}

func canonical(document string) (any, error) {
	var parsed map[string]any
	if err := json.Unmarshal([]byte(document), &parsed); err != nil {
		return nil, fmt.Errorf("policy is invalid JSON: %w", err)
	}
	statements, isList := parsed["Statement"].([]any)
	if !isList && parsed["Statement"] != nil {
		statements = []any{parsed["Statement"]}
	}
	for index, statement := range statements {
		if fields, ok := statement.(map[string]any); ok {
			statements[index] = canonicalStatement(fields)
		}
	}
	parsed["Statement"] = sorted(statements)
	return parsed, nil
}

func canonicalStatement(fields map[string]any) map[string]any {
	for name, value := range fields {
		switch name {
		case "Action", "NotAction", "Resource", "NotResource":
			fields[name] = sorted(list(value))
		case "Principal", "NotPrincipal":
			if value == "*" {
				value = map[string]any{"AWS": "*"}
			}
			fields[name] = canonicalValues(value)
		case "Condition":
			operators, _ := value.(map[string]any)
			for operator, keys := range operators {
				operators[operator] = canonicalValues(keys)
			}
		}
	}
	return fields
}

func canonicalValues(value any) any {
	fields, ok := value.(map[string]any)
	if !ok {
		return value
	}
	for name, values := range fields {
		var texts []any
		for _, v := range list(values) {
			texts = append(texts, fmt.Sprint(v)) // true and "true" mean the same
		}
		fields[name] = sorted(texts)
	}
	return fields
}

func list(value any) []any {
	if values, ok := value.([]any); ok {
		return values
	}
	return []any{value}
}

func sorted(values []any) []any {
	keys := map[string]any{}
	for _, value := range values {
		written, err := json.Marshal(value)
		if err != nil {
			return values // cannot be: the values were JSON a moment ago
		}
		keys[string(written)] = value
	}
	order := make([]string, 0, len(keys))
	for key := range keys {
		order = append(order, key)
	}
	sort.Strings(order)
	out := make([]any, 0, len(order))
	for _, key := range order {
		out = append(out, keys[key])
	}
	return out
}
