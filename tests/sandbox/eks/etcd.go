package eks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// etcd is the one database of all clusters; each cluster has a key prefix of its own. It speaks TLS and wants a client
// certificate, because whoever reads it reads every secret.
type etcd struct {
	server *embed.Etcd
	url    string
	// The files that a client needs.
	caFile, certFile, keyFile string
}

func startEtcd(ctx context.Context, dir string) (*etcd, error) {
	ca, err := newAuthority("etcd")
	if err != nil {
		return nil, err
	}
	server, err := ca.server("etcd", nil)
	if err != nil {
		return nil, err
	}
	client, err := ca.client("kube-apiserver")
	if err != nil {
		return nil, err
	}
	if err := writePrivate(dir, map[string][]byte{
		"ca.crt": ca.pem, "server.crt": server.cert, "server.key": server.key,
		"client.crt": client.cert, "client.key": client.key,
	}); err != nil {
		return nil, err
	}
	running, err := embed.StartEtcd(etcdConfig(dir))
	if err != nil {
		return nil, fmt.Errorf("starting etcd: %w", err)
	}
	e := &etcd{
		server:   running,
		url:      "https://" + running.Clients[0].Addr().String(),
		caFile:   filepath.Join(dir, "ca.crt"),
		certFile: filepath.Join(dir, "client.crt"),
		keyFile:  filepath.Join(dir, "client.key"),
	}
	select {
	case <-running.Server.ReadyNotify():
		return e, nil
	case err := <-running.Err():
		return nil, errors.Join(fmt.Errorf("starting etcd: %w", err), e.stop())
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("starting etcd: %w", context.Cause(ctx)), e.stop())
	}
}

func etcdConfig(dir string) *embed.Config {
	config := embed.NewConfig()
	config.Name = "sandbox"
	config.Dir = filepath.Join(dir, "data")
	config.ListenClientUrls = []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}}
	config.AdvertiseClientUrls = config.ListenClientUrls
	// A single member has no peers: it listens for none, and its peer URL is only a name.
	config.ListenPeerUrls = nil
	config.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2380"}}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.ClientTLSInfo = transport.TLSInfo{
		CertFile:       filepath.Join(dir, "server.crt"),
		KeyFile:        filepath.Join(dir, "server.key"),
		TrustedCAFile:  filepath.Join(dir, "ca.crt"),
		ClientCertAuth: true,
	}
	// The data is thrown away with the sandbox, so it need not survive a power cut.
	config.UnsafeNoFsync = true
	// A single member elects itself; nobody is waited for.
	config.TickMs, config.ElectionMs = 10, 100
	config.Logger = "zap"
	config.LogLevel = "error"
	config.LogOutputs = []string{filepath.Join(dir, "etcd.log")}
	return config
}

func (e *etcd) stop() error {
	// Close waits for open watches to end; the API servers that held them are gone by then.
	e.server.Close()
	select {
	case <-e.server.Server.StopNotify():
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("stopping etcd: it still runs after 10s")
	}
}
