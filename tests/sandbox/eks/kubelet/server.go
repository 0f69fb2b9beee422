package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	remotecommandconsts "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/apiserver/pkg/util/flushwriter"
	"k8s.io/client-go/tools/cache"
	remotecommandclient "k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubelet/pkg/cri/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
	"k8s.io/utils/ptr"
)

const (
	// streamIdleTimeout and streamCreationTimeout are the kubelet's.
	streamIdleTimeout     = 4 * time.Hour
	streamCreationTimeout = 30 * time.Second
)

// server is the part of the kubelet's API that the API server needs for kubectl logs and kubectl exec. Its clients show a
// certificate of the cluster's authority, which signs none for others than the control plane and the sandbox.
type server struct {
	node *Node
	http *http.Server
	port int32
}

func startServer(ctx context.Context, n *Node) (*server, error) {
	config, err := serverTLS(n.opts)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(hostIP, "0"))
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listening: unexpected address %s", listener.Addr()), listener.Close())
	}
	s := &server{node: n, port: int32(address.Port)} //nolint:gosec // a port fits
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.logs)
	for _, path := range []string{"/exec/{namespace}/{pod}/{container}", "/exec/{namespace}/{pod}/{uid}/{container}"} {
		mux.HandleFunc("GET "+path, s.exec) // by WebSocket
		mux.HandleFunc("POST "+path, s.exec)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the sandbox's node has logs and exec only", http.StatusNotImplemented)
	})
	s.http = &http.Server{
		Handler: mux, TLSConfig: config, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { _ = s.http.ServeTLS(listener, "", "") }() // it returns when it is closed
	return s, nil
}

func serverTLS(opts Options) (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(opts.CertFile, opts.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading its certificate: %w", err)
	}
	authority, err := os.ReadFile(opts.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the authority of its clients: %w", err)
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("reading the authority of its clients: %s holds no certificate", opts.ClientCAFile)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientCAs: clients,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}, nil
}

func (s *server) stop() error {
	if s == nil {
		return nil
	}
	if err := s.http.Close(); err != nil {
		return fmt.Errorf("stopping the node's server: %w", err)
	}
	return nil
}

// container finds the container of a request, and answers the request when there is none.
func (s *server) container(w http.ResponseWriter, r *http.Request) *container {
	name := cache.ObjectName{Namespace: r.PathValue("namespace"), Name: r.PathValue("pod")}
	pod := s.node.known(name)
	if pod == nil {
		http.Error(w, fmt.Sprintf("pod %q does not exist", name.Name), http.StatusNotFound)
		return nil
	}
	for _, c := range pod.all() {
		if c.name == r.PathValue("container") {
			return c
		}
	}
	http.Error(w, fmt.Sprintf("container %q not found in pod %q", r.PathValue("container"), name.Name), http.StatusNotFound)
	return nil
}

func (s *server) logs(w http.ResponseWriter, r *http.Request) {
	c := s.container(w, r)
	if c == nil {
		return
	}
	opts, err := logOptions(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	log, err := c.log(opts.Previous)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := flushwriter.Wrap(w)
	_, _ = out.Write(nil)                  // the header, so that who follows an empty log knows that it does
	_ = log.copyTo(r.Context(), out, opts) // its reader has gone, or knows as much as there is
}

// logOptions reads the options as the API server writes them. The conversion that the kubelet uses is not in a package of
// its own.
func logOptions(query url.Values) (*corev1.PodLogOptions, error) {
	opts := &corev1.PodLogOptions{}
	for name, values := range query {
		if err := setLogOption(opts, name, values[0]); err != nil {
			return nil, fmt.Errorf("unable to decode %s: %w", name, err)
		}
	}
	return opts, nil
}

func setLogOption(opts *corev1.PodLogOptions, name, value string) (err error) {
	switch name {
	case "follow":
		opts.Follow, err = strconv.ParseBool(value)
	case "previous":
		opts.Previous, err = strconv.ParseBool(value)
	case "timestamps":
		opts.Timestamps, err = strconv.ParseBool(value)
	case "tailLines":
		opts.TailLines, err = parseCount(value)
	case "limitBytes":
		opts.LimitBytes, err = parseCount(value)
	case "sinceSeconds":
		var seconds *int64
		if seconds, err = parseCount(value); err == nil {
			opts.SinceTime = &metav1.Time{Time: time.Now().Add(-time.Duration(*seconds) * time.Second)}
		}
	case "sinceTime":
		opts.SinceTime = &metav1.Time{}
		err = opts.SinceTime.UnmarshalQueryParameter(value)
	case "stream":
		opts.Stream = &value
	}
	return err
}

func parseCount(value string) (*int64, error) {
	count, err := strconv.ParseUint(value, 10, 63)
	return ptr.To(int64(count)), err
}

// log is the log of the container's last run, or of the one before it. The words for its absence are the kubelet's.
func (c *container) log(previous bool) (*containerLog, error) {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	waiting := c.status.State.Waiting
	// While a container waits for its restart, its last run is the last and the previous one at once.
	index := len(c.logs) - 1
	if previous && waiting == nil {
		index--
	}
	switch {
	case index >= 0:
		return c.logs[index], nil
	case previous:
		return nil, fmt.Errorf("previous terminated container %q in pod %q not found", c.name, c.pod.name)
	case waiting != nil:
		return nil, fmt.Errorf("container %q in pod %q is waiting to start: %s", c.name, c.pod.name, waiting.Reason)
	default:
		return nil, fmt.Errorf("container %q in pod %q is terminated", c.name, c.pod.name)
	}
}

func (s *server) exec(w http.ResponseWriter, r *http.Request) {
	c := s.container(w, r)
	if c == nil {
		return
	}
	run := c.current()
	if run == nil {
		http.Error(w, fmt.Sprintf("container not found (%q)", c.name), http.StatusInternalServerError)
		return
	}
	cmd, err := run.view.command(r.URL.Query()["command"])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	opts, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, &executor{s.node, run, cmd}, c.pod.name, c.pod.uid, c.name, nil, opts, streamIdleTimeout,
		streamCreationTimeout, remotecommandconsts.SupportedStreamingProtocols)
}

// current is the run whose process runs now, or nil.
func (c *container) current() *run {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	if c.status.State.Running == nil {
		return nil
	}
	return c.run
}

// executor runs a command for kubectl exec beside a container's process, and ends it with that.
type executor struct {
	node *Node
	run  *run
	cmd  *exec.Cmd
}

// ExecInContainer implements remotecommand.Executor.
func (e *executor) ExecInContainer(
	ctx context.Context, _ string, _ types.UID, _ string, _ []string, in io.Reader, out, errOut io.WriteCloser,
	tty bool, resize <-chan remotecommandclient.TerminalSize, _ time.Duration,
) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.run.alive, cancel)()
	if tty {
		err = e.runInTerminal(ctx, in, out, resize)
	} else {
		err = e.runWithStreams(ctx, in, out, errOut)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return utilexec.CodeExitError{Err: exit, Code: int(exitCode(exit.ProcessState))}
	}
	return err
}

func (e *executor) runWithStreams(ctx context.Context, in io.Reader, out, errOut io.Writer) error {
	cmd := e.cmd
	cmd.Stdout, cmd.Stderr = out, errOut
	if in != nil {
		// Not cmd.Stdin, which would have the end of the command wait for that of the input.
		pipe, err := cmd.StdinPipe()
		if err != nil {
			return fmt.Errorf("creating its input: %w", err)
		}
		go func() {
			_, _ = io.Copy(pipe, in) // whichever of the two ends first
			_ = pipe.Close()
		}()
	}
	return e.node.runCommand(ctx, cmd)
}

// runInTerminal runs a command in a session with a terminal of its own, so that a shell is what its user knows.
func (e *executor) runInTerminal(
	ctx context.Context, in io.Reader, out io.Writer, resize <-chan remotecommandclient.TerminalSize,
) error {
	cmd := e.cmd
	master, terminal, err := pty.Open()
	if err != nil {
		return fmt.Errorf("opening a terminal: %w", err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(cmd.Env, "TERM=xterm") // as container runtimes have it
	shown, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(shown)
		if out != nil {
			_, _ = io.Copy(out, master) // to the end of the terminal, which is an error on Linux
		}
	}()
	if in != nil {
		go func() { _, _ = io.Copy(master, in) }()
	}
	var resizing sync.WaitGroup
	resizing.Go(func() { keepSize(master, resize, ended) })
	err = errors.Join(e.node.runCommand(ctx, cmd), terminal.Close())
	close(ended)
	resizing.Wait()
	select {
	case <-shown:
	case <-time.After(drainTime): // a background job keeps the terminal, and must not keep its user
	}
	return errors.Join(err, master.Close())
}

// keepSize gives the terminal the size of the user's.
func keepSize(terminal *os.File, resize <-chan remotecommandclient.TerminalSize, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case size, ok := <-resize:
			if !ok {
				return
			}
			_ = pty.Setsize(terminal, &pty.Winsize{Rows: size.Height, Cols: size.Width}) // one of another size will do
		}
	}
}
