package stacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// includable are the sections that files of their own may have, in which each key is declared once.
var includable = []string{"buckets", "clusters", "roles"}

// sections are parts of a configuration by their names, with what is declared in them by its keys.
type sections map[string]map[string]json.RawMessage

// include puts what the included files in dir declare into a configuration in JSON. What else is wrong with that is found when it is
// decoded.
func include(text, dir string) (string, error) {
	var platform map[string]json.RawMessage
	var files []string
	if json.Unmarshal([]byte(text), &platform) != nil || json.Unmarshal(platform["include"], &files) != nil || len(files) == 0 {
		return text, nil
	}
	whole := sections{}
	for _, name := range includable {
		declared := map[string]json.RawMessage{}
		if given := platform[name]; given != nil && json.Unmarshal(given, &declared) != nil {
			return text, nil
		}
		whole[name] = declared
	}
	var found fielderr.List
	found.Add("", keysTwice(json.NewDecoder(strings.NewReader(text))))
	for i, file := range files {
		at := child("include").Index(i)
		if !filepath.IsLocal(file) {
			found.Addf(at, "%q is not the path of a file below the folder of Pulumi.yaml", file)
			continue
		}
		read, err := readSections(filepath.Join(dir, file))
		if err != nil {
			found.Addf(at, "%s: %w", file, err)
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(read)) {
			if whole[name] == nil {
				found.Addf(at, "%s: %s cannot be in a file of its own; only %s can", file, name, strings.Join(includable, ", "))
				continue
			}
			found.Add(child(name), whole.add(name, read[name], file))
		}
	}
	if err := found.Err(); err != nil {
		return "", err
	}
	for name, declared := range whole {
		platform[name], _ = json.Marshal(declared) // it was read as JSON
	}
	merged, err := json.Marshal(platform)
	return string(merged), err
}

// readSections reads a file as the Pulumi CLI reads the configuration of a stack.
func readSections(path string) (sections, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the configuration names it
	if err != nil {
		return nil, errors.Unwrap(err) // the path is said already
	}
	var value config.Value
	if err := encoding.YAML.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	if value.Secure() {
		return nil, errors.New("has an encrypted value (secure:), which only the configuration of a stack can have")
	}
	whole, err := value.Value(config.NopDecrypter)
	if err != nil {
		return nil, err
	}
	var read sections
	if err := json.Unmarshal([]byte(whole), &read); err != nil {
		return nil, fmt.Errorf("must have sections (%s), each with what it declares by keys", strings.Join(includable, ", "))
	}
	return read, nil
}

// add puts what a file declares into a section.
func (whole sections) add(name string, declared map[string]json.RawMessage, file string) error {
	return fielderr.EachKey(declared, func(key string, value json.RawMessage) error {
		if whole[name][key] != nil {
			return fmt.Errorf("is declared twice, the second time in %s; leave one of the two", file)
		}
		whole[name][key] = value
		return nil
	})
}
