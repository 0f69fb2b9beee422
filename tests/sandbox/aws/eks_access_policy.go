package aws

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// accessPolicies are the names of the access policies that are meant for people and programs; those which AWS keeps for
// its own services and for nodes are left out.
// https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
var accessPolicies = []string{
	"AmazonEKSAdminPolicy",
	"AmazonEKSAdminViewPolicy",
	"AmazonEKSArgoCDClusterPolicy",
	"AmazonEKSArgoCDPolicy",
	"AmazonEKSClusterAdminPolicy",
	"AmazonEKSEditPolicy",
	"AmazonEKSSecretReaderPolicy",
	"AmazonEKSViewPolicy",
}

func accessPolicyArn(partition, name string) string {
	return "arn:" + partition + ":eks::aws:cluster-access-policy/" + name
}

const (
	scopeCluster   = "cluster"
	scopeNamespace = "namespace"
)

type accessScope struct {
	Type       string   `json:"type"`
	Namespaces []string `json:"namespaces"`
}

func (s accessScope) check() error {
	switch {
	case s.Type == scopeNamespace && len(s.Namespaces) == 0:
		return invalid("The accessScope of type namespace must have at least one namespace.")
	case s.Type == scopeNamespace && slices.Contains(s.Namespaces, ""):
		return invalid("The accessScope has an empty namespace.")
	case s.Type == scopeCluster && len(s.Namespaces) > 0:
		return invalid("The accessScope of type cluster cannot have namespaces.")
	case s.Type != scopeNamespace && s.Type != scopeCluster:
		return invalid("The accessScope type %q is invalid, it must be cluster or namespace.", s.Type)
	}
	return nil
}

// association is an access policy of an access entry.
type association struct {
	scope        accessScope
	associatedAt time.Time
	modifiedAt   time.Time
}

type associationView struct {
	PolicyArn    string      `json:"policyArn"`
	AccessScope  accessScope `json:"accessScope"`
	AssociatedAt epoch       `json:"associatedAt"`
	ModifiedAt   epoch       `json:"modifiedAt"`
}

func (a *association) view(policyArn string) associationView {
	scope := accessScope{a.scope.Type, append([]string{}, a.scope.Namespaces...)} // never null
	return associationView{policyArn, scope, epoch(a.associatedAt), epoch(a.modifiedAt)}
}

func (e *eks) listAccessPolicies(in *eksRequest) (any, error) {
	type policy struct {
		Name string `json:"name"`
		Arn  string `json:"arn"`
	}
	policies := []policy{}
	for _, name := range accessPolicies {
		policies = append(policies, policy{name, accessPolicyArn(partitionOf(in.region), name)})
	}
	policies, next, err := page(in, policies)
	if err != nil {
		return nil, err
	}
	return struct {
		AccessPolicies []policy `json:"accessPolicies"`
		NextToken      string   `json:"nextToken,omitempty"`
	}{policies, next}, nil
}

// associateAccessPolicy associates a policy, or changes the scope of one that is associated.
func (e *eks) associateAccessPolicy(in *eksRequest) (any, error) {
	var body struct {
		PolicyArn   string      `json:"policyArn"`
		AccessScope accessScope `json:"accessScope"`
	}
	c, entry, err := e.findEntry(in)
	if err != nil {
		return nil, err
	}
	if err := in.decode(&body); err != nil {
		return nil, err
	}
	if entry.kind != standard {
		return nil, onlyStandard()
	}
	name, ok := strings.CutPrefix(body.PolicyArn, accessPolicyArn(c.partition, ""))
	if !ok || !slices.Contains(accessPolicies, name) {
		return nil, invalid("The policyArn %s is invalid. You can view the available access policies with 'list-access-policies'.",
			body.PolicyArn)
	}
	if err := body.AccessScope.check(); err != nil {
		return nil, err
	}

	now := time.Now()
	associated := entry.policies[body.PolicyArn]
	if associated == nil {
		associated = &association{associatedAt: now}
		entry.policies[body.PolicyArn] = associated
	}
	associated.scope, associated.modifiedAt = body.AccessScope, now
	return struct {
		ClusterName            string          `json:"clusterName"`
		PrincipalArn           string          `json:"principalArn"`
		AssociatedAccessPolicy associationView `json:"associatedAccessPolicy"`
	}{c.Name, entry.principalArn, associated.view(body.PolicyArn)}, nil
}

func (e *eks) disassociateAccessPolicy(in *eksRequest) (any, error) {
	_, entry, err := e.findEntry(in)
	if err != nil {
		return nil, err
	}
	policyArn := in.params["policyArn"]
	if entry.policies[policyArn] == nil {
		return nil, notFound("The specified policyArn %s is not associated with the access entry.", policyArn)
	}
	delete(entry.policies, policyArn)
	return struct{}{}, nil
}

func (e *eks) listAssociatedAccessPolicies(in *eksRequest) (any, error) {
	c, entry, err := e.findEntry(in)
	if err != nil {
		return nil, err
	}
	policies := []associationView{}
	for _, policyArn := range slices.Sorted(maps.Keys(entry.policies)) {
		policies = append(policies, entry.policies[policyArn].view(policyArn))
	}
	policies, next, err := page(in, policies)
	if err != nil {
		return nil, err
	}
	return struct {
		ClusterName              string            `json:"clusterName"`
		PrincipalArn             string            `json:"principalArn"`
		AssociatedAccessPolicies []associationView `json:"associatedAccessPolicies"`
		NextToken                string            `json:"nextToken,omitempty"`
	}{c.Name, entry.principalArn, policies, next}, nil
}
