package kubelet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// containerLog is the log of one run of a container: a file in the format of the container runtime interface, whose lines
// are a time, a stream, P for a part of a line or F for its end, and the text.
type containerLog struct {
	path string
	// grown tells of new lines, and of the end.
	grown signal

	mu     sync.Mutex
	file   *os.File
	closed bool
}

// maxLogLine is where a long line is split, as containerd splits it.
const maxLogLine = 16 << 10

func newContainerLog(path string) (*containerLog, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // #nosec G304 -- in the scratch folder
	if err != nil {
		return nil, fmt.Errorf("creating the log: %w", err)
	}
	return &containerLog{path: path, file: file}, nil
}

func (l *containerLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	l.grown.send()
	return l.file.Close()
}

// copyFrom writes a stream to the log until it ends.
func (l *containerLog) copyFrom(stream string, reader io.Reader) {
	lines := bufio.NewReaderSize(reader, maxLogLine)
	for {
		line, err := lines.ReadSlice('\n')
		if text, whole := strings.CutSuffix(string(line), "\n"); whole {
			l.write(stream, "F", text)
		} else if text != "" {
			l.write(stream, "P", text)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (l *containerLog) write(stream, tag, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// What a full disk swallows is missing in the log, as with a container.
	_, _ = fmt.Fprintf(l.file, "%s %s %s %s\n", time.Now().UTC().Format(time.RFC3339Nano), stream, tag, text)
	l.grown.send()
}

func (l *containerLog) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// end is the end of the log, at most so many lines and bytes.
func (l *containerLog) end(maxLines int64, maxBytes int) (string, error) {
	var b strings.Builder
	if err := l.copyTo(context.Background(), &b, &corev1.PodLogOptions{TailLines: &maxLines}); err != nil {
		return "", err
	}
	text := b.String()
	return text[max(0, len(text)-maxBytes):], nil
}

// copyTo writes the lines that the options ask for. Following ends with the log, or with ctx.
func (l *containerLog) copyTo(ctx context.Context, w io.Writer, opts *corev1.PodLogOptions) error {
	file, err := os.Open(l.path)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer file.Close() //nolint:errcheck // read only
	if opts.TailLines != nil {
		if err := seekTail(file, *opts.TailLines); err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
	}
	if opts.LimitBytes != nil {
		w = &limitedWriter{w: w, left: *opts.LimitBytes}
	}
	err = l.follow(ctx, file, func(line string) error { return writeLine(w, line, opts) }, opts.Follow)
	if errors.Is(err, errLimit) {
		return nil
	}
	return err
}

// follow hands out the lines of the file, and those that will be written to it if it is to go on.
func (l *containerLog) follow(ctx context.Context, file io.Reader, each func(line string) error, goOn bool) error {
	lines := bufio.NewReader(file)
	var begun string // of a line whose end is not written yet
	for {
		grown, closed := l.grown.wait(), l.isClosed()
		for {
			line, err := lines.ReadString('\n')
			begun += line
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("reading the log: %w", err)
			}
			if err := each(begun); err != nil {
				return err
			}
			begun = ""
		}
		if !goOn || closed {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-grown:
		}
	}
}

// writeLine writes a line of the log file as somebody wants to read it.
func writeLine(w io.Writer, line string, opts *corev1.PodLogOptions) error {
	parts := strings.SplitN(line, " ", 4)
	if len(parts) != 4 {
		return fmt.Errorf("the log has a line of another format: %q", line)
	}
	stamp, stream, tag, text := parts[0], parts[1], parts[2], parts[3]
	if opts.Stream != nil && *opts.Stream != corev1.LogStreamAll && !strings.EqualFold(*opts.Stream, stream) {
		return nil
	}
	written, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return fmt.Errorf("the log has a line of another format: %w", err)
	}
	if opts.SinceTime != nil && written.Before(opts.SinceTime.Time) {
		return nil
	}
	if tag == "P" {
		text = strings.TrimSuffix(text, "\n")
	}
	if opts.Timestamps {
		text = stamp + " " + text
	}
	_, err = io.WriteString(w, text)
	return err
}

// seekTail goes to where the last lines of the file begin.
func seekTail(file *os.File, lines int64) error {
	starts := []int64{0} // of the last lines, and of the one that would follow
	reader := bufio.NewReader(file)
	for {
		line, err := reader.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		starts = append(starts, starts[len(starts)-1]+int64(len(line)))
		if int64(len(starts)) > lines+1 {
			starts = starts[1:]
		}
	}
	_, err := file.Seek(starts[0], io.SeekStart)
	return err
}

var errLimit = errors.New("that is as much as was asked for")

// limitedWriter fails with errLimit after so many bytes.
type limitedWriter struct {
	w    io.Writer
	left int64
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) < l.left {
		l.left -= int64(len(p))
		return l.w.Write(p)
	}
	n, err := l.w.Write(p[:l.left])
	l.left = 0
	return n, errors.Join(err, errLimit)
}
