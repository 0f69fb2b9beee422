package kubelet

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// view is what the processes of one run of a container see.
type view struct {
	spec corev1.Container
	// dir is the container's scratch folder, and workDir where its processes start.
	dir, workDir   string
	terminationLog string
	// vars are the variables that the container declares, and env is the whole environment.
	vars   map[string]string
	env    map[string]string
	mounts []mount
}

// mount is a path as the container knows it, and where it is on this machine.
type mount struct{ path, source string }

func (c *container) newView(ctx context.Context, spec corev1.Container) (*view, error) {
	p := c.pod
	v := &view{spec: spec, dir: filepath.Join(p.dir, "containers", spec.Name)}
	files := filepath.Join(v.dir, "files")
	if err := os.RemoveAll(files); err != nil { // a container that is restarted begins anew
		return nil, fmt.Errorf("emptying its folder: %w", err)
	}
	home, temp := filepath.Join(files, "root"), filepath.Join(files, "tmp")
	shared := filepath.Join(p.dir, "shm") // the pod's shared memory, which outlives its containers
	for _, dir := range []string{home, temp, shared} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("creating its folder: %w", err)
		}
	}
	v.terminationLog = filepath.Join(files, "termination-log")
	if err := os.WriteFile(v.terminationLog, nil, 0o600); err != nil {
		return nil, fmt.Errorf("creating its termination log: %w", err)
	}
	var err error
	if v.vars, err = p.variables(ctx, spec); err != nil {
		return nil, err
	}
	v.mounts = []mount{{"/tmp", temp}, {"/root", home}, {"/dev/shm", shared}}
	if spec.TerminationMessagePath != "" {
		v.mounts = append(v.mounts, mount{spec.TerminationMessagePath, v.terminationLog})
	}
	for _, m := range spec.VolumeMounts {
		source, err := p.volumes.source(m, v.vars)
		if err != nil {
			return nil, err
		}
		// A mount of the container's own hides what the node would have there.
		v.mounts = append([]mount{{strings.TrimRight(m.MountPath, "/"), source}}, v.mounts...)
	}
	slices.SortStableFunc(v.mounts, func(a, b mount) int { return len(b.path) - len(a.path) })

	v.workDir = v.mapped(spec.WorkingDir)
	if v.workDir == spec.WorkingDir {
		v.workDir = filepath.Join(files, "work", spec.WorkingDir)
	}
	if err := os.MkdirAll(v.workDir, 0o700); err != nil {
		return nil, fmt.Errorf("creating its working folder: %w", err)
	}
	v.env = p.environment(home, temp)
	for name, value := range v.vars {
		for url, address := range p.node.opts.Addresses {
			value = strings.ReplaceAll(value, url, address)
		}
		v.env[name] = v.mapped(value)
	}
	return v, nil
}

// environment is what a container gets before its own variables: what an image, the container runtime and the kubelet give
// it, and the network.
func (p *pod) environment(home, temp string) map[string]string {
	object := p.latest()
	host, port := p.node.endpoint()
	env := map[string]string{
		"PATH": p.node.opts.Path, "HOME": home, "TMPDIR": temp, "HOSTNAME": object.Name,
		"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port,
	}
	if object.Spec.Hostname != "" {
		env["HOSTNAME"] = object.Spec.Hostname
	}
	for name, value := range p.node.opts.Env {
		env[name] = value
	}
	return env
}

// variables are those that the container declares. As in the kubelet, references to variables are expanded in the order of
// the declaration, and env comes after envFrom.
func (p *pod) variables(ctx context.Context, spec corev1.Container) (map[string]string, error) {
	vars := map[string]string{}
	for _, from := range spec.EnvFrom {
		values, err := p.valuesFrom(ctx, from)
		if err != nil {
			return nil, err
		}
		for name, value := range values {
			vars[from.Prefix+name] = value
		}
	}
	expand := expansion.MappingFuncFor(vars)
	for _, env := range spec.Env {
		if env.ValueFrom == nil {
			vars[env.Name] = expansion.Expand(env.Value, expand)
			continue
		}
		value, found, err := p.value(ctx, env.ValueFrom)
		if err != nil {
			return nil, err
		}
		if found {
			vars[env.Name] = value
		}
	}
	return vars, nil
}

func (p *pod) valuesFrom(ctx context.Context, from corev1.EnvFromSource) (map[string]string, error) {
	values := map[string]string{}
	switch {
	case from.ConfigMapRef != nil:
		content, err := p.configMap(ctx, from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
		if err != nil {
			return nil, err
		}
		return content.Data, nil
	case from.SecretRef != nil:
		content, err := p.secret(ctx, from.SecretRef.Name, from.SecretRef.Optional)
		if err != nil {
			return nil, err
		}
		for name, value := range content.Data {
			values[name] = string(value)
		}
	}
	return values, nil
}

// value is the value of a variable that comes from elsewhere. Where that is optional and not there, found is false.
func (p *pod) value(ctx context.Context, from *corev1.EnvVarSource) (value string, found bool, err error) {
	switch {
	case from.FieldRef != nil:
		value, err = fieldValue(p.latest(), from.FieldRef.FieldPath)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		content, err := p.configMap(ctx, ref.Name, ref.Optional)
		if err != nil {
			return "", false, err
		}
		if value, found = content.Data[ref.Key]; !found && !isOptional(ref.Optional) {
			return "", false, fmt.Errorf("couldn't find key %v in ConfigMap %v/%v", ref.Key, p.namespace, ref.Name)
		}
		return value, found, nil
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		content, err := p.secret(ctx, ref.Name, ref.Optional)
		if err != nil {
			return "", false, err
		}
		data, found := content.Data[ref.Key]
		if !found && !isOptional(ref.Optional) {
			return "", false, fmt.Errorf("couldn't find key %v in Secret %v/%v", ref.Key, p.namespace, ref.Name)
		}
		return string(data), found, nil
	default:
		return "", false, nil // refuse lets nothing else through
	}
}

func isOptional(optional *bool) bool { return optional != nil && *optional }

// configMap reads a ConfigMap of the pod's namespace; an optional one that does not exist is empty.
func (p *pod) configMap(ctx context.Context, name string, optional *bool) (*corev1.ConfigMap, error) {
	content, err := p.node.client.CoreV1().ConfigMaps(p.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && isOptional(optional) {
		return &corev1.ConfigMap{}, nil
	}
	return content, plain(err, "configmap", name)
}

// secret reads a Secret of the pod's namespace; an optional one that does not exist is empty.
func (p *pod) secret(ctx context.Context, name string, optional *bool) (*corev1.Secret, error) {
	content, err := p.node.client.CoreV1().Secrets(p.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && isOptional(optional) {
		return &corev1.Secret{}, nil
	}
	return content, plain(err, "secret", name)
}

// plain says that something does not exist in the kubelet's words, which are shorter than the API server's.
func plain(err error, kind, name string) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%s %q not found", kind, name)
	}
	return err
}

// fieldValue is a field of the pod, as env and the downward API have it.
func fieldValue(pod *corev1.Pod, path string) (string, error) {
	switch path {
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs":
		return hostIP, nil
	default:
		return fieldpath.ExtractFieldPathAsString(pod, path)
	}
}

// entryPoint is the container's command, or the one of the AWS CLI's images.
func (v *view) entryPoint() (*exec.Cmd, error) {
	words := slices.Concat(v.spec.Command, v.spec.Args)
	if len(v.spec.Command) == 0 {
		words = append([]string{"aws"}, v.spec.Args...)
	}
	return v.command(v.expand(words))
}

// expand replaces references to variables of the container.
func (v *view) expand(words []string) []string {
	expand := expansion.MappingFuncFor(v.vars, v.env)
	expanded := make([]string, len(words))
	for i, word := range words {
		expanded[i] = expansion.Expand(word, expand)
	}
	return expanded
}

// command is a command in the container.
func (v *view) command(words []string) (*exec.Cmd, error) {
	mapped := make([]string, len(words))
	for i, word := range words {
		mapped[i] = v.mapped(word)
	}
	path, err := v.lookUp(mapped[0])
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: path, Args: mapped, Dir: v.workDir}
	for name, value := range v.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	slices.Sort(cmd.Env)
	return cmd, nil
}

// lookUp finds a program on the container's PATH.
func (v *view) lookUp(name string) (string, error) {
	if name == "/usr/local/bin/aws" {
		name = "aws" // this is where the images have it
	}
	if strings.Contains(name, "/") {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(v.workDir, path)
		}
		if _, err := os.Stat(path); err != nil {
			return "", &exec.Error{Name: name, Err: err}
		}
		return path, nil
	}
	for _, dir := range filepath.SplitList(v.env["PATH"]) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// mapped replaces the container's mount paths in a word by where they are on this machine. A mount path counts where it
// begins the word, or follows something that ends another word in a shell's or a URL's or a list's eyes, and where its
// last name is whole.
func (v *view) mapped(word string) string {
	var b strings.Builder
	for i := 0; i < len(word); {
		if m, found := v.mountAt(word, i); found {
			b.WriteString(m.source)
			i += len(m.path)
			continue
		}
		b.WriteByte(word[i])
		i++
	}
	return b.String()
}

// mountAt finds the longest mount path that begins at that place of the word.
func (v *view) mountAt(word string, at int) (mount, bool) {
	if word[at] != '/' || !beginsPath(word[:at]) {
		return mount{}, false
	}
	for _, m := range v.mounts { // longest first
		if rest, found := strings.CutPrefix(word[at:], m.path); found && (rest == "" || !isNameByte(rest[0])) {
			return m, true
		}
	}
	return mount{}, false
}

// beginsPath tells whether a slash that follows this text is the beginning of a path.
func beginsPath(before string) bool {
	return before == "" || strings.ContainsRune(" \t\n'\"`=:,;|&<>([{", rune(before[len(before)-1])) ||
		// How the AWS CLI is told to read a parameter from a file.
		strings.HasSuffix(before, "file://") || strings.HasSuffix(before, "fileb://")
}

// isNameByte tells whether the byte goes on with a file's name, so that /data is not found in /database.
func isNameByte(b byte) bool {
	return b == '.' || b == '_' || b == '-' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= 0x80
}
