package kubelet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

const (
	// resyncPeriod is how long a change of a ConfigMap or a Secret may take to reach a volume, as with the kubelet.
	resyncPeriod = time.Minute
	// The kubelet renews a token when it is older than 80 % of its life or than a day, and up to ten seconds earlier.
	maxTokenAge    = 24 * time.Hour
	maxTokenJitter = 10 * time.Second
)

// volumes are the volumes of a pod. Each is a folder.
type volumes struct {
	pod *pod
	dir string
	// The rest belongs to setUp, which is never called twice at once.
	contents map[string]content
	tokens   map[tokenRequest]token
}

// content is the content of a volume: the files by their paths.
type content map[string]file

type file struct {
	data []byte
	mode fs.FileMode
}

// tokenRequest is what the tokens of one pod can differ in.
type tokenRequest struct {
	audience string
	seconds  int64
}

type token struct {
	value              string
	refreshAt, expires time.Time
}

func newVolumes(p *pod) *volumes {
	return &volumes{
		pod: p, dir: filepath.Join(p.dir, "volumes"), contents: map[string]content{}, tokens: map[tokenRequest]token{},
	}
}

// source is the folder or file of a volume that a container mounts.
func (v *volumes) source(m corev1.VolumeMount, vars map[string]string) (string, error) {
	path := m.SubPath
	if m.SubPathExpr != "" {
		path = expansion.Expand(m.SubPathExpr, expansion.MappingFuncFor(vars))
	}
	volume := filepath.Join(v.dir, m.Name)
	if path == "" {
		return volume, nil
	}
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("subPath %q of volume %q must be a path in the volume", path, m.Name)
	}
	source := filepath.Join(volume, path)
	if _, err := os.Stat(source); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(source, 0o700); err != nil {
			return "", fmt.Errorf("creating subPath %q of volume %q: %w", path, m.Name, err)
		}
	}
	return source, nil
}

// keepFresh renews tokens before they expire, and what else may have changed in the volumes from time to time.
func (v *volumes) keepFresh(ctx context.Context) {
	for {
		updated := v.pod.updated.wait() // labels and annotations may have changed
		next := time.NewTimer(v.untilRefresh())
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-updated:
			next.Stop()
		case <-next.C:
		}
		if !v.setUp(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(retryInterval):
			}
		}
	}
}

// untilRefresh is how long nothing in the volumes needs care.
func (v *volumes) untilRefresh() time.Duration {
	next := resyncPeriod
	for _, token := range v.tokens {
		next = min(next, time.Until(token.refreshAt))
	}
	return next
}

// setUp brings all volumes up to date and tells about those that it cannot, in events. It returns whether all are there.
func (v *volumes) setUp(ctx context.Context) bool {
	complete := true
	for _, volume := range v.pod.latest().Spec.Volumes {
		if err := v.setUpOne(ctx, volume); err != nil && ctx.Err() == nil {
			v.pod.recordMountFailure(volume.Name, err)
			complete = false
		}
	}
	return complete && ctx.Err() == nil
}

func (v *volumes) setUpOne(ctx context.Context, volume corev1.Volume) error {
	dir := filepath.Join(v.dir, volume.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("creating its folder: %w", err)
	}
	if volume.EmptyDir != nil {
		return nil
	}
	content, err := v.content(ctx, volume)
	if err != nil {
		return err
	}
	if known, found := v.contents[volume.Name]; found && known.equal(content) {
		return nil
	}
	if err := content.writeTo(dir); err != nil {
		return err
	}
	v.contents[volume.Name] = content
	return nil
}

// content is what the volume should hold now.
func (v *volumes) content(ctx context.Context, volume corev1.Volume) (content, error) {
	switch {
	case volume.ConfigMap != nil:
		s := volume.ConfigMap
		return v.fromConfigMap(ctx, s.Name, s.Items, s.Optional, s.DefaultMode)
	case volume.Secret != nil:
		s := volume.Secret
		return v.fromSecret(ctx, s.SecretName, s.Items, s.Optional, s.DefaultMode)
	case volume.DownwardAPI != nil:
		return v.fromFields(volume.DownwardAPI.Items, volume.DownwardAPI.DefaultMode)
	case volume.Projected != nil:
		return v.projected(ctx, volume.Projected)
	default:
		return nil, errors.New("the sandbox has no such volumes") // refuse lets nothing else through
	}
}

func (v *volumes) projected(ctx context.Context, projected *corev1.ProjectedVolumeSource) (content, error) {
	all := content{}
	var faults []error
	for _, source := range projected.Sources {
		content, err := v.fromSource(ctx, source, projected.DefaultMode)
		if err != nil {
			faults = append(faults, err)
		}
		maps.Copy(all, content)
	}
	return all, errors.Join(faults...)
}

func (v *volumes) fromSource(ctx context.Context, source corev1.VolumeProjection, mode *int32) (content, error) {
	switch {
	case source.ServiceAccountToken != nil:
		value, err := v.token(ctx, source.ServiceAccountToken)
		if err != nil {
			return nil, err
		}
		return content{source.ServiceAccountToken.Path: {[]byte(value), fileMode(mode, nil)}}, nil
	case source.ConfigMap != nil:
		s := source.ConfigMap
		return v.fromConfigMap(ctx, s.Name, s.Items, s.Optional, mode)
	case source.Secret != nil:
		s := source.Secret
		return v.fromSecret(ctx, s.Name, s.Items, s.Optional, mode)
	case source.DownwardAPI != nil:
		return v.fromFields(source.DownwardAPI.Items, mode)
	default:
		return nil, errors.New("the sandbox has no such volumes") // refuse lets nothing else through
	}
}

// token is a token of the pod's service account that is bound to the pod. It is renewed as the kubelet does it; when that
// fails, the one at hand stays as long as it is good.
func (v *volumes) token(ctx context.Context, projection *corev1.ServiceAccountTokenProjection) (string, error) {
	request := tokenRequest{audience: projection.Audience}
	if projection.ExpirationSeconds != nil {
		request.seconds = *projection.ExpirationSeconds
	}
	known, found := v.tokens[request]
	if found && time.Now().Before(known.refreshAt) {
		return known.value, nil
	}
	p := v.pod
	spec := authenticationv1.TokenRequestSpec{
		ExpirationSeconds: projection.ExpirationSeconds,
		BoundObjectRef: &authenticationv1.BoundObjectReference{
			APIVersion: "v1", Kind: "Pod", Name: p.name, UID: p.uid,
		},
	}
	if projection.Audience != "" {
		spec.Audiences = []string{projection.Audience}
	}
	issued, err := p.node.client.CoreV1().ServiceAccounts(p.namespace).CreateToken(ctx,
		p.latest().Spec.ServiceAccountName, &authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
	if now := time.Now(); err != nil && found && now.Before(known.expires) {
		known.refreshAt = now.Add(retryInterval)
		v.tokens[request] = known
		return known.value, nil
	}
	if err != nil {
		return "", fmt.Errorf("failed to fetch token: %w", err)
	}
	renewed := newToken(issued, p.node.opts.TokenAging)
	v.tokens[request] = renewed
	return renewed.value, nil
}

// newToken is a token that ages that many times faster than it does.
func newToken(issued *authenticationv1.TokenRequest, aging int) token {
	life := time.Duration(*issued.Spec.ExpirationSeconds) * time.Second // the API server sets it
	age := min(life*8/10, maxTokenAge) - rand.N(maxTokenJitter)         // #nosec G404 -- spreads load, guards nothing
	from := issued.Status.ExpirationTimestamp.Add(-life)
	return token{
		value:     issued.Status.Token,
		refreshAt: from.Add(age / time.Duration(aging)),
		expires:   from.Add(life / time.Duration(aging)),
	}
}

func (v *volumes) fromConfigMap(
	ctx context.Context, name string, items []corev1.KeyToPath, optional *bool, mode *int32,
) (content, error) {
	configMap, err := v.pod.configMap(ctx, name, optional)
	if err != nil {
		return nil, err
	}
	data := maps.Clone(configMap.BinaryData)
	if data == nil {
		data = map[string][]byte{}
	}
	for key, value := range configMap.Data {
		data[key] = []byte(value)
	}
	return fromKeys(data, items, optional, mode, "configmap references non-existent config key: ")
}

func (v *volumes) fromSecret(
	ctx context.Context, name string, items []corev1.KeyToPath, optional *bool, mode *int32,
) (content, error) {
	secret, err := v.pod.secret(ctx, name, optional)
	if err != nil {
		return nil, err
	}
	return fromKeys(secret.Data, items, optional, mode, "references non-existent secret key: ")
}

// fromKeys makes files of all keys, or of those that are asked for.
func fromKeys(
	data map[string][]byte, items []corev1.KeyToPath, optional *bool, mode *int32, missing string,
) (content, error) {
	files := content{}
	if len(items) == 0 {
		for key, value := range data {
			files[key] = file{value, fileMode(mode, nil)}
		}
		return files, nil
	}
	for _, item := range items {
		value, found := data[item.Key]
		switch {
		case found:
			files[item.Path] = file{value, fileMode(mode, item.Mode)}
		case !isOptional(optional):
			return nil, errors.New(missing + item.Key)
		}
	}
	return files, nil
}

// fromFields makes files of fields of the pod.
func (v *volumes) fromFields(items []corev1.DownwardAPIVolumeFile, mode *int32) (content, error) {
	files := content{}
	for _, item := range items {
		if item.FieldRef == nil {
			continue // refuse lets no other through
		}
		value, err := fieldValue(v.pod.latest(), item.FieldRef.FieldPath)
		if err != nil {
			return nil, err
		}
		files[item.Path] = file{[]byte(value), fileMode(mode, item.Mode)}
	}
	return files, nil
}

// fileMode is the file's own mode or the volume's, which is 0644 by default.
func fileMode(volume, own *int32) fs.FileMode {
	for _, mode := range []*int32{own, volume} {
		if mode != nil {
			return fs.FileMode(*mode) & fs.ModePerm //nolint:gosec // the API server bounds it to 0777
		}
	}
	return 0o644
}

func (c content) equal(other content) bool {
	return maps.EqualFunc(c, other, func(a, b file) bool { return a.mode == b.mode && bytes.Equal(a.data, b.data) })
}

// dataLink is the name of the link that is replaced when the content of a volume changes, the same as in the kubelet.
const dataLink = "..data"

// writeTo replaces the content of a volume at once, so that nobody reads a half of it: the files are in a folder of their
// own, the link ..data leads to it, and the links that the container sees lead through that.
func (c content) writeTo(dir string) error {
	link := filepath.Join(dir, dataLink)
	before, err := os.Readlink(link)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the link to its content: %w", err)
	}
	after, err := os.MkdirTemp(dir, "..")
	if err != nil {
		return fmt.Errorf("creating a folder for its content: %w", err)
	}
	for path, file := range c {
		if err := file.write(filepath.Join(after, path)); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	fresh := link + "_tmp"
	if err := errors.Join(os.Symlink(filepath.Base(after), fresh), os.Rename(fresh, link)); err != nil {
		return fmt.Errorf("replacing its content: %w", err)
	}
	if err := c.showIn(dir); err != nil {
		return err
	}
	if before == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(dir, before))
}

func (f file) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, f.data, f.mode); err != nil {
		return err
	}
	return os.Chmod(path, f.mode) // whatever the umask is
}

// showIn makes the links that lead to the files, and takes those away that lead nowhere any more.
func (c content) showIn(dir string) error {
	visible := map[string]bool{}
	for path := range c {
		first, _, _ := strings.Cut(filepath.ToSlash(filepath.Clean(path)), "/")
		visible[first] = true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if visible[name] {
			delete(visible, name)
		} else if entry.Type() == fs.ModeSymlink && name != dataLink {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for name := range visible {
		if err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
