//go:build unix

package tools

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// keyFile is written into a directory of the cache last of all; it says what the directory was made from. One without it
// is the rest of a step that did not end.
const keyFile = ".key"

// ensure makes a directory of the cache unless it is there with the same key, and returns its path and whether it was
// there. Runs at the same time make it once: the others wait.
func (b *builder) ensure(ctx context.Context, name, key string, create func(dir string) error) (string, bool, error) {
	dir := filepath.Join(b.cache, name)
	if current(dir, key) {
		return dir, true, nil
	}
	unlock, err := b.lock(ctx, name)
	if err != nil {
		return "", false, err
	}
	defer unlock()
	if current(dir, key) {
		return dir, true, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", false, fmt.Errorf("creating %s: %w", dir, err)
	}
	if err := create(dir); err != nil {
		return "", false, err
	}
	if err := writeWhole(filepath.Join(dir, keyFile), []byte(key)); err != nil {
		return "", false, err
	}
	return dir, false, nil
}

func current(dir, key string) bool {
	content, err := os.ReadFile(filepath.Join(dir, keyFile)) // #nosec G304 -- a file of the cache
	return err == nil && string(content) == key
}

// lock takes the lock on a name of the cache, and waits for whoever has it. The kernel frees it when its holder dies.
func (b *builder) lock(ctx context.Context, name string) (unlock func(), err error) {
	path := filepath.Join(b.cache, name+".lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- a file of the cache
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	waiting := false
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil // nothing was written; closing frees the lock
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
		}
		if !waiting {
			b.log.say("waiting for another run that makes %s", name)
			waiting = true
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for %s: %w", path, context.Cause(ctx)), file.Close())
		case <-time.After(200 * time.Millisecond): // a lock tells nobody that it is free, and a blocking one ignores ctx
		}
	}
}

// remember returns what f returned for the same key at an earlier time, else calls it and keeps the result for later.
// It is for questions whose answer depends on files only and costs a process start.
func (b *builder) remember(key []string, f func() (string, error)) (string, error) {
	path := filepath.Join(b.cache, "known-"+digest(key...))
	content, err := os.ReadFile(path) // #nosec G304 -- a file of the cache
	if err == nil {
		return string(content), nil
	}
	answer, err := f()
	if err != nil {
		return "", err
	}
	return answer, writeWhole(path, []byte(answer))
}

// fingerprint identifies a file's content without reading it.
func fingerprint(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano()), nil
}

// digest is short enough for a file name and long enough to differ.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// writeWhole writes a file so that nobody ever sees a part of it.
func writeWhole(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = temporary.Write(content)
	if err := errors.Join(err, temporary.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(temporary.Name()))
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(temporary.Name()))
	}
	return nil
}

// run runs a program and returns its standard output. When it fails, the error ends with the last lines it wrote.
func run(ctx context.Context, dir, program string, args ...string) (string, error) {
	return runWith(ctx, nil, dir, program, args...)
}

// runWith is run with an environment; nil is this process' own.
func runWith(ctx context.Context, env []string, dir, program string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, program, args...)
	command.Dir, command.Env = dir, env
	// With a process group of its own, an interrupted build takes its compilers along.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		said := lastLines(stderr.String()+stdout.String(), 20)
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, said)
	}
	return stdout.String(), nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
