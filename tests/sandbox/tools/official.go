//go:build unix

package tools

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// lookUpLimit bounds the look-up of the host that plugins are downloaded from. A machine that has no way to it may drop what
// it is sent, and never answer.
const lookUpLimit = 3 * time.Second

// downloadHome is the folder of the cache that is Pulumi's home to the CLI when it downloads plugins.
const downloadHome = "pulumi-home"

// installedPlugin finds a released plugin in Pulumi's home, or in the cache, where an earlier run downloaded it.
func (b *builder) installedPlugin(wanted pulumiPlugin, version string) (string, error) {
	home := b.home
	if home == "" {
		var err error
		if home, err = workspace.GetPulumiHomeDir(); err != nil {
			return "", fmt.Errorf("finding Pulumi's home: %w", err)
		}
	}
	for _, home := range []string{home, filepath.Join(b.cache, downloadHome)} {
		if dir := installedIn(home, wanted, version); dir != "" {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%s is not installed in %s", version, filepath.Join(home, workspace.PluginDir))
}

// installedIn is the plugin's directory below a home of Pulumi's; "" where it is missing, or was not installed to the end.
func installedIn(home string, wanted pulumiPlugin, version string) string {
	dir := filepath.Join(home, workspace.PluginDir, "resource-"+wanted.name+"-v"+version)
	if _, err := findOn(dir, wanted.binary()); err != nil {
		return ""
	}
	if _, err := os.Stat(dir + ".partial"); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return dir
}

// downloadedPlugin has the CLI download a released plugin into the cache, if its host can be reached.
func (b *builder) downloadedPlugin(ctx context.Context, wanted pulumiPlugin, version, cli string) (string, error) {
	if err := b.lookUp(ctx, wanted); err != nil {
		return "", err
	}
	home := filepath.Join(b.cache, downloadHome)
	unlock, err := b.lock(ctx, downloadHome)
	if err != nil {
		return "", err
	}
	defer unlock()
	if dir := installedIn(home, wanted, version); dir != "" {
		return dir, nil
	}
	err = b.log.during("downloading the "+wanted.title+" plugin "+version, "less than a minute on a quick line", func() error {
		env := append(os.Environ(), "PULUMI_HOME="+home, "PULUMI_SKIP_UPDATE_CHECK=true",
			"PULUMI_DISABLE_REGISTRY_RESOLVE=true") // one host less to ask: these two names need no registry
		_, err := runWith(ctx, env, b.cache, cli, "plugin", "install", "resource", wanted.name, version, "--exact")
		return err
	})
	if err != nil {
		return "", fmt.Errorf("downloading it: %w", err)
	}
	if dir := installedIn(home, wanted, version); dir != "" {
		return dir, nil
	}
	return "", fmt.Errorf("downloading it: `pulumi plugin install` has not put it in %s", home)
}

// lookUp tells within a few seconds whether the host can be reached that the engine downloads a plugin from: one of its
// environment's download overrides, else GitHub. Each host is asked once.
func (b *builder) lookUp(ctx context.Context, wanted pulumiPlugin) error {
	source, err := workspace.PluginDescriptor{Name: wanted.name, Kind: apitype.ResourcePlugin}.GetSource()
	if err != nil {
		return fmt.Errorf("finding where it is downloaded from: %w", err)
	}
	address, err := url.Parse(source.URL())
	if err != nil {
		return fmt.Errorf("finding where it is downloaded from: %w", err)
	}
	host := url.URL{Scheme: address.Scheme, Host: address.Host, Path: "/"}
	if host.Scheme != "http" {
		host.Scheme = "https" // github://api.github.com/pulumi/pulumi-aws, for example
	}
	err, asked := b.hosts[host.String()]
	if !asked {
		err = reach(ctx, host.String())
		b.hosts[host.String()] = err
	}
	return err
}

// reach asks a host for anything, by way of a proxy where the environment names one. Whatever it answers, it is there.
func reach(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, lookUpLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", address, err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("%s cannot be reached: %w", address, err)
	}
	return response.Body.Close()
}
