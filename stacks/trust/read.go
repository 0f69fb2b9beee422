package trust

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// outputs are those of a stack of package stacks that the map is made of.
type outputs struct {
	Clusters map[string]struct{ Name, Region, Account, Issuer string } `json:"clusters"`
	Roles    map[string]struct{ Arn string }                           `json:"roles"`
	Targets  map[string]struct {
		Cluster, Model, PrincipalArn, Via string
	} `json:"argocdTargets"`
	Capability map[string]struct{ RoleArn string } `json:"argocdCapability"` // by the key of the hub
	Trust      *struct {
		Roles map[string]struct {
			Identity             string
			ServiceAccounts      map[string]string // when each proved its role
			Refused              map[string]string // when the default account of each namespace was refused it
			Policies, Conditions []string
		}
		Targets map[string]struct {
			Access []string
			Proven string
		}
	} `json:"trust"`
}

// Read makes the map of a stack's outputs as `pulumi stack output --json` prints them.
func Read(text []byte) (*Map, error) {
	var found outputs
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fmt.Errorf("reading the outputs of the stack, as `pulumi stack output --json` prints them: %w", err)
	}
	if found.Trust == nil {
		return nil, errors.New("the outputs of the stack have no `trust`: a stack of the platform has it from its next `pulumi up` on")
	}
	m := &Map{Clusters: []Cluster{}, Roles: []Role{}}
	for _, key := range slices.Sorted(maps.Keys(found.Clusters)) {
		c := found.Clusters[key]
		m.Clusters = append(m.Clusters, Cluster{Key: key, Name: c.Name, Region: c.Region, Account: c.Account, Issuer: c.Issuer})
	}
	for _, key := range slices.Sorted(maps.Keys(found.Trust.Roles)) {
		role, err := found.role(key)
		if err != nil {
			return nil, fmt.Errorf("role %q: %w", key, err)
		}
		m.Roles = append(m.Roles, role)
	}
	for _, hub := range slices.Sorted(maps.Keys(found.Capability)) {
		role := Role{Key: argoCDKey, Arn: found.Capability[hub].RoleArn, Capability: hub, ServiceAccounts: []ServiceAccount{}}
		if _, err := iampolicy.ParseARN(role.Arn); err != nil {
			return nil, fmt.Errorf("argocdCapability %q: %w", hub, err)
		}
		role.Account, role.Name = roleOf(role.Arn)
		m.Roles = append(m.Roles, role)
	}
	slices.SortFunc(m.Roles, func(a, b Role) int { return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name)) })
	for _, key := range slices.Sorted(maps.Keys(found.Targets)) {
		output, more := found.Targets[key], found.Trust.Targets[key]
		target := Target{
			Key: key, Cluster: output.Cluster, Principal: output.PrincipalArn, Assumed: output.Model == "role", Via: output.Via,
			Access: more.Access, ProvenAt: more.Proven,
		}
		if _, err := iampolicy.ParseARN(target.Principal); err != nil && target.Principal != "" {
			return nil, fmt.Errorf("argocdTargets %q: %w", key, err)
		}
		m.Targets = append(m.Targets, target)
	}
	return m, nil
}

func (found outputs) role(key string) (Role, error) {
	of := found.Trust.Roles[key]
	role := Role{Key: key, Arn: found.Roles[key].Arn, Policies: of.Policies, Conditions: of.Conditions}
	if _, err := iampolicy.ParseARN(role.Arn); err != nil {
		return Role{}, err
	}
	role.Account, role.Name = roleOf(role.Arn)
	via, too := waysOf(of.Identity)
	for _, path := range slices.Sorted(maps.Keys(of.ServiceAccounts)) {
		parts := strings.SplitN(path, "/", 3)
		if len(parts) != 3 {
			return Role{}, fmt.Errorf("%q is not <cluster>/<namespace>/<service account>", path)
		}
		role.ServiceAccounts = append(role.ServiceAccounts, ServiceAccount{
			Cluster: parts[0], Namespace: parts[1], Name: parts[2], Pattern: strings.ContainsAny(parts[2], "*?"),
			Via: via, TrustedToo: too, ProvenAt: of.ServiceAccounts[path], RefusedAt: of.Refused[parts[0]+"/"+parts[1]],
		})
	}
	return role, nil
}

// waysOf are how new pods get a role of an identity type, and the other way where that is trusted as well.
func waysOf(identity string) (via, too Via) {
	switch identity {
	case "podIdentity":
		return PodIdentity, ""
	case "both":
		return PodIdentity, IRSA
	case "trustBoth":
		return IRSA, PodIdentity
	default:
		return IRSA, ""
	}
}

// roleOf is the account and the name of a role.
func roleOf(arn string) (account, name string) {
	parsed, _ := iampolicy.ParseARN(arn) // read already
	return parsed.Account, parsed.RoleName()
}
