package iampolicy

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

const (
	// PodIdentityAudience is the audience of the tokens with which pods ask EKS Pod Identity for their role.
	PodIdentityAudience = "pods.eks.amazonaws.com"

	podIdentityService = "pods.eks.amazonaws.com"
	tagSession         = "sts:TagSession"
)

var clusterResource = regexp.MustCompile(`^cluster/([0-9A-Za-z][A-Za-z0-9_-]{0,99})$`)

// IsCluster reports whether this is the ARN of an EKS cluster: arn:aws:eks:<region>:<account>:cluster/<name>.
func (a ARN) IsCluster() bool {
	return a.Service == "eks" && a.Region != "" && accountPattern.MatchString(a.Account) && clusterResource.MatchString(a.Resource)
}

// ClusterName is the name in the ARN of an EKS cluster.
func (a ARN) ClusterName() string { return clusterResource.ReplaceAllString(a.Resource, "$1") }

// ParseClusterARN parses the ARN of an EKS cluster.
func ParseClusterARN(text string) (ARN, error) {
	arn, err := ParseARN(text)
	if err != nil || !arn.IsCluster() {
		const form = "arn:<partition>:eks:<region>:<account>:cluster/<name>"
		return ARN{}, fmt.Errorf("%q is not the ARN of an EKS cluster; its form is %s", text, form)
	}
	return arn, nil
}

// checkPodIdentity checks the clusters and the service accounts that are to be trusted by EKS Pod Identity, which takes names only
// and clusters of the role's own account.
func (t ServiceAccountTrust) checkPodIdentity() error {
	var found fielderr.List
	var first ARN
	for i, text := range t.Clusters {
		at := fielderr.Path("clusters").Index(i)
		arn, err := ParseClusterARN(text)
		found.Add(at, err)
		if other := slices.Index(t.Clusters, text); other < i {
			found.Addf(at, "%s is %s already", text, fielderr.Path("clusters").Index(other))
		}
		if i == 0 {
			first = arn
		}
		found.Refuse(err == nil && first.Account != "" && arn.Account != first.Account, at,
			"%s is in another account than %s; EKS Pod Identity knows roles of the cluster's own account only", text, t.Clusters[0])
	}
	for i, subject := range t.ServiceAccounts {
		found.Refuse(len(t.Clusters) > 0 && subject.NamePattern != "", fielderr.Path("serviceAccounts").Index(i).Child("namePattern"),
			"EKS Pod Identity knows no patterns; name each service account, or leave the role with IRSA")
	}
	return found.Err()
}

// podIdentityStatements trust the service accounts by EKS Pod Identity, as exactly as a token's subject does: a statement for each
// namespace and set of clusters, as the values of one key are alternatives, and two namespaces in one statement would each have the
// accounts of both. EKS itself sets the request tags, from the token of the pod, and no caller can.
//
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
func (t ServiceAccountTrust) podIdentityStatements() []Statement {
	if len(t.Clusters) == 0 {
		return nil
	}
	cluster, err := ParseARN(t.Clusters[0])
	if err != nil {
		return nil // reported already
	}
	var statements []Statement
	index := map[string]int{}
	for _, subject := range t.ServiceAccounts {
		const tag = "aws:RequestTag/"
		var clusters Strings
		for i, cluster := range t.Clusters {
			if subject.in(i) {
				clusters = append(clusters, cluster)
			}
		}
		key := fmt.Sprint(subject.Namespace, clusters)
		i, seen := index[key]
		if !seen {
			i = len(statements)
			index[key] = i
			statements = append(statements, Statement{
				Effect: Allow, Principal: &Principal{Service: Strings{podIdentityService}}, Actions: Strings{assumeRole, tagSession},
				Condition: Condition{StringEquals: {
					"aws:SourceAccount":          {cluster.Account},
					tag + "eks-cluster-arn":      clusters,
					tag + "kubernetes-namespace": {subject.Namespace},
				}},
			})
		}
		keys := statements[i].Condition[StringEquals]
		keys[tag+"kubernetes-service-account"] = append(keys[tag+"kubernetes-service-account"], subject.Name)
	}
	return statements
}
