package kubelet

import (
	"cmp"
	"maps"
	"slices"
)

// Running is a container whose process runs.
type Running struct {
	Namespace, Pod, Container string
	// Env are the variables of the process.
	Env map[string]string
}

// String is <namespace>/<pod>/<container>.
func (r Running) String() string { return r.Namespace + "/" + r.Pod + "/" + r.Container }

// HoldsRole tells whether AWS SDKs find the credentials of a role by the container's variables.
func (r Running) HoldsRole() bool {
	return r.Env["AWS_WEB_IDENTITY_TOKEN_FILE"] != "" || r.Env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] != ""
}

// Running lists the containers whose processes run now, sorted. A process that a container has started ends with it.
func (n *Node) Running() []Running {
	n.mu.Lock()
	pods := slices.Collect(maps.Values(n.pods))
	n.mu.Unlock()
	var all []Running
	for _, pod := range pods {
		for _, c := range pod.all() {
			if run := c.current(); run != nil {
				all = append(all, Running{pod.namespace, pod.name, c.name, maps.Clone(run.view.env)})
			}
		}
	}
	slices.SortFunc(all, func(a, b Running) int { return cmp.Compare(a.String(), b.String()) })
	return all
}
