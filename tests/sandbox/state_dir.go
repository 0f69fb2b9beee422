package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// stateDir makes the folder of one sandbox, and removes those of sandboxes that were killed. A sandbox holds a lock on
// its folder's lock file as long as it lives, so a folder whose lock can be had is nobody's.
func stateDir() (string, *os.File, error) {
	base := filepath.Join(os.TempDir(), "eks-irsa-sandbox-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", nil, fmt.Errorf("making the sandbox's state folder: %w", err)
	}
	if err := removeAbandoned(base); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return "", nil, fmt.Errorf("making the sandbox's state folder: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return "", nil, fmt.Errorf("locking the sandbox's state folder: %w", err)
	}
	return dir, lock, nil
}

func lockDir(dir string) (*os.File, error) {
	file, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a name of our own
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func removeAbandoned(base string) error {
	locks, err := filepath.Glob(filepath.Join(base, "run-*.lock"))
	if err != nil {
		return err
	}
	for _, path := range locks {
		dir := path[:len(path)-len(".lock")]
		lock, err := lockDir(dir)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
			continue // somebody's, or gone in the meantime
		}
		if err != nil {
			return fmt.Errorf("looking at an older sandbox's folder: %w", err)
		}
		if err := errors.Join(os.RemoveAll(dir), os.Remove(path), lock.Close()); err != nil {
			return fmt.Errorf("removing the folder of a sandbox that was killed: %w", err)
		}
	}
	return nil
}
