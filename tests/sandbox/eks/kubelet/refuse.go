package kubelet

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	reasonImageRefused = "SandboxImageRefused"
	reasonPodRefused   = "SandboxPodRefused"
)

// awsCLIImages are the repositories of the images that the sandbox knows how to stand in for, whatever tag or digest.
var awsCLIImages = []string{"public.ecr.aws/aws-cli/aws-cli", "amazon/aws-cli", "docker.io/amazon/aws-cli"}

// refuse tells why the node does not run the pod; there is no reason when it does. What it would not do as a kubelet does
// it refuses, rather than do something else.
func refuse(pod *corev1.Pod) cause {
	containers := slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
	if refused := refuseImages(containers); refused.reason != "" {
		return refused
	}
	var faults []string
	for i, volume := range pod.Spec.Volumes {
		if fault := refuseVolume(volume); fault != "" {
			faults = append(faults, fmt.Sprintf("volumes[%d]%s", i, fault))
		}
	}
	for i, c := range pod.Spec.InitContainers {
		faults = append(faults, refuseContainer(fmt.Sprintf("initContainers[%d]", i), c)...)
	}
	for i, c := range pod.Spec.Containers {
		faults = append(faults, refuseContainer(fmt.Sprintf("containers[%d]", i), c)...)
	}
	if len(faults) == 0 {
		return cause{}
	}
	return cause{reasonPodRefused, "the sandbox does not run this pod: " + strings.Join(faults, ", ")}
}

// refuseImages refuses the images that are not the AWS CLI's.
func refuseImages(containers []corev1.Container) cause {
	var refused []string
	for _, c := range containers {
		if !slices.Contains(awsCLIImages, repository(c.Image)) && !slices.Contains(refused, c.Image) {
			refused = append(refused, c.Image)
		}
	}
	if len(refused) == 0 {
		return cause{}
	}
	return cause{reasonImageRefused, fmt.Sprintf("the sandbox stands in for the AWS CLI only (%s): it has no %s",
		strings.Join(awsCLIImages, ", "), strings.Join(refused, ", "))}
}

// repository is an image's name without tag and digest. A colon before the last slash is a registry's port.
func repository(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name = name[:colon]
	}
	return name
}

func refuseContainer(path string, c corev1.Container) []string {
	var faults []string
	for name, probe := range map[string]*corev1.Probe{
		"livenessProbe": c.LivenessProbe, "readinessProbe": c.ReadinessProbe, "startupProbe": c.StartupProbe,
	} {
		if probe != nil && probe.Exec == nil {
			faults = append(faults, path+"."+name+": only exec probes are run")
		}
	}
	if c.Lifecycle != nil {
		faults = append(faults, path+".lifecycle: hooks are not run")
	}
	if len(c.VolumeDevices) > 0 {
		faults = append(faults, path+".volumeDevices: there are no devices")
	}
	for i, env := range c.Env {
		if from := env.ValueFrom; from != nil && (from.ResourceFieldRef != nil || from.FileKeyRef != nil) {
			faults = append(faults, fmt.Sprintf("%s.env[%d].valueFrom: only fields, ConfigMaps and Secrets are read", path, i))
		}
	}
	slices.Sort(faults) // the order of a map's keys is none
	return faults
}

// refuseVolume returns what is wrong, after the volume's path.
func refuseVolume(volume corev1.Volume) string {
	switch {
	case volume.EmptyDir != nil, volume.ConfigMap != nil, volume.Secret != nil:
		return ""
	case volume.DownwardAPI != nil:
		return refuseFields(".downwardAPI", volume.DownwardAPI.Items)
	case volume.Projected != nil:
		for i, source := range volume.Projected.Sources {
			if fault := refuseSource(source); fault != "" {
				return fmt.Sprintf(".projected.sources[%d]%s", i, fault)
			}
		}
		return ""
	default:
		return ": only emptyDir, configMap, secret, downwardAPI and projected volumes are made"
	}
}

func refuseSource(source corev1.VolumeProjection) string {
	switch {
	case source.ServiceAccountToken != nil, source.ConfigMap != nil, source.Secret != nil:
		return ""
	case source.DownwardAPI != nil:
		return refuseFields(".downwardAPI", source.DownwardAPI.Items)
	default:
		return ": only tokens, ConfigMaps, Secrets and the downward API are projected"
	}
}

func refuseFields(path string, items []corev1.DownwardAPIVolumeFile) string {
	for i, item := range items {
		if item.FieldRef == nil {
			return fmt.Sprintf("%s.items[%d]: only fields are read", path, i)
		}
	}
	return ""
}
