package presets

// ecrPolicies is where AWS describes its own policies for Amazon ECR.
const ecrPolicies = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/security-iam-awsmanpol.html"

// ImageBuilder is a pod that pulls images from Amazon ECR and pushes them to it, in a build for example. Its service account is
// one's own, so the preset has none.
type ImageBuilder struct{}

func (ImageBuilder) definition(Scope) definition {
	return definition{source: Source{ecrPolicies, "2026-11-26"}, managed: []string{"AmazonEC2ContainerRegistryPowerUser"}}
}

// ArgoCDImageUpdater is Argo CD Image Updater, of the chart argocd-image-updater, with images in Amazon ECR: it lists their tags.
// Upstream's plain manifests call the service account argocd-image-updater-controller. Upstream documents no policy; AWS's own
// one for reading is used.
type ArgoCDImageUpdater struct{}

func (ArgoCDImageUpdater) definition(Scope) definition {
	return definition{
		source:   Source{ecrPolicies, "2026-11-26"},
		accounts: []Account{{"argocd", "argocd-image-updater"}},
		managed:  []string{"AmazonEC2ContainerRegistryReadOnly"},
	}
}

// ArgoCDRepoServer is Argo CD's repo server with Helm charts in Amazon ECR, with the policy that AWS documents for its own Argo
// CD.
type ArgoCDRepoServer struct{}

func (ArgoCDRepoServer) definition(Scope) definition {
	return definition{
		source:   Source{"https://docs.aws.amazon.com/eks/latest/userguide/argocd-configure-repositories.html", "2026-11-26"},
		accounts: []Account{{"argocd", "argocd-repo-server"}},
		managed:  []string{"AmazonEC2ContainerRegistryPullOnly"},
	}
}
