// Package checkout finds the checkout of this repository that a command runs in.
package checkout

import (
	"errors"
	"os"
	"path/filepath"
)

// Find returns the nearest folder, from the current one upwards, with a Pulumi.yaml.
func Find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("there is no Pulumi.yaml here or above: run this in the repository")
		}
		dir = parent
	}
}
