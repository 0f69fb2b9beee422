package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// AccessEntry is what an IAM principal may do in a cluster.
type AccessEntry struct {
	// PrincipalArn is the ARN of the IAM role or user, its path included.
	PrincipalArn string
	// Username is the Kubernetes user name; {{SessionName}} and {{SessionNameRaw}} in it stand for that of the session.
	Username string
	// Groups are the Kubernetes groups.
	Groups []string
	// Type is STANDARD, or a kind of node.
	Type string
	// Policies are the associated access policies.
	Policies []AccessPolicy
}

// AccessPolicy is an access policy that is associated with an access entry.
type AccessPolicy struct {
	// Arn of the policy, arn:<partition>:eks::aws:cluster-access-policy/<name>.
	Arn string
	// Namespaces that it is limited to; none means the whole cluster.
	Namespaces []string
}

// AccessEntry returns a copy of the entry that lets a principal into a cluster, as EKS would find it at a login.
//
// principalArn is what STS says of the caller, an assumed-role session or a user, or the ARN of the IAM principal itself
// with or without its path: a session does not tell the path of its role.
//
// EKS keeps the unique ID of the principal with an entry. So there is no entry for a role that was deleted, even where
// one of the same name was made since: https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html.
// Nor is there one in a cluster whose authentication mode is CONFIG_MAP, or where IAM does not answer.
func (e *Endpoint) AccessEntry(region, cluster, principalArn string) (AccessEntry, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return e.eks.login(ctx, region, cluster, principalArn)
}

func (e *eks) login(ctx context.Context, region, clusterName, callerArn string) (AccessEntry, bool) {
	caller := identity{arn: callerArn}
	if p, err := parseCaller(callerArn); err == nil {
		if caller, err = e.moto.principal(ctx, p); err != nil {
			return AccessEntry{}, false
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, c := range e.clusters {
		if key.region != region || key.name != clusterName {
			continue
		}
		entry, ok := c.entries[caller.arn]
		if !ok || entry.principalID != "" && entry.principalID != caller.id {
			return AccessEntry{}, false
		}
		return entry.snapshot(), true
	}
	return AccessEntry{}, false
}

// principal is an IAM role or user.
type principal struct{ partition, account, kind, path, name string }

// parsePrincipal reads the ARN of an IAM role or user. Nothing else can have an access entry, an STS session least of all.
func parsePrincipal(text string) (principal, error) {
	parsed, err := arn.Parse(text)
	if err != nil || parsed.Service != "iam" || parsed.Region != "" || !accountID.MatchString(parsed.AccountID) {
		return principal{}, errNoPrincipal
	}
	kind, path, _ := strings.Cut(parsed.Resource, "/")
	name := path[strings.LastIndex(path, "/")+1:]
	if kind != "role" && kind != "user" || name == "" {
		return principal{}, errNoPrincipal
	}
	return principal{parsed.Partition, parsed.AccountID, kind, strings.TrimSuffix(path, name), name}, nil
}

// parseCaller reads the ARN of a caller, which may be a session of a role.
func parseCaller(text string) (principal, error) {
	if parsed, err := arn.Parse(text); err == nil && parsed.Service == "sts" {
		if session, ok := strings.CutPrefix(parsed.Resource, "assumed-role/"); ok {
			role, _, _ := strings.Cut(session, "/")
			return principal{partition: parsed.Partition, account: parsed.AccountID, kind: "role", name: role}, nil
		}
	}
	return parsePrincipal(text)
}

type accessEntry struct {
	arn          string
	principalArn string
	principalID  string // unique ID; empty where EKS cannot know it
	clusterName  string
	username     string
	groups       []string
	kind         string
	tags         map[string]string
	policies     map[string]*association // by policy ARN
	token        string                  // clientRequestToken
	createdAt    time.Time
	modifiedAt   time.Time
}

func (a *accessEntry) snapshot() AccessEntry {
	entry := AccessEntry{
		PrincipalArn: a.principalArn, Username: a.username, Groups: slices.Clone(a.groups), Type: a.kind,
	}
	for _, policyArn := range slices.Sorted(maps.Keys(a.policies)) {
		entry.Policies = append(entry.Policies, AccessPolicy{policyArn, slices.Clone(a.policies[policyArn].scope.Namespaces)})
	}
	return entry
}

const standard = "STANDARD"

// nodeTypes are the types of entries for nodes, with the user name and groups that EKS gives them itself.
// https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
var nodeTypes = map[string]struct {
	username string
	groups   []string
}{
	"EC2_LINUX":     {"system:node:{{EC2PrivateDNSName}}", []string{"system:nodes"}},
	"EC2_WINDOWS":   {"system:node:{{EC2PrivateDNSName}}", []string{"eks:kube-proxy-windows", "system:nodes"}},
	"FARGATE_LINUX": {"system:node:{{SessionName}}", []string{"system:bootstrappers", "system:node-proxier", "system:nodes"}},
	"HYBRID_LINUX":  {"system:node:{{SessionName}}", []string{"system:bootstrappers", "system:nodes"}},
}

// defaultUsername is what EKS calls a principal in Kubernetes: a user by its ARN, a role by that of its sessions, which
// has no path. https://docs.aws.amazon.com/eks/latest/userguide/set-custom-username.html
func (p principal) defaultUsername(principalArn string) string {
	if p.kind == "role" {
		return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/{{SessionName}}", p.partition, p.account, p.name)
	}
	return principalArn
}

// checkUsername applies the rules for a user name of one's own.
// https://docs.aws.amazon.com/eks/latest/userguide/set-custom-username.html
func checkUsername(username string) error {
	for _, prefix := range []string{"system:", "eks:", "aws:", "amazon:", "iam:"} {
		if strings.HasPrefix(username, prefix) {
			return invalid("The username %s is invalid, it cannot start with %s", username, prefix)
		}
	}
	if session := strings.Index(username, "{{SessionName"); session >= 0 && !strings.Contains(username[:session], ":") {
		return invalid("The username %s is invalid, it must have a colon before {{SessionName}}", username)
	}
	return nil
}

func checkGroups(groups []string) error {
	for _, group := range groups {
		if strings.HasPrefix(group, "system:") {
			return invalid("The kubernetes group name %s is invalid, it cannot start with system:", group)
		}
	}
	return nil
}

// newAccessEntry is an entry of type STANDARD for a principal, whatever its ARN.
func newAccessEntry(c *cluster, principalArn string, p principal, now time.Time) *accessEntry {
	return &accessEntry{
		arn: fmt.Sprintf("arn:%s:eks:%s:%s:access-entry/%s/%s/%s/%s/%s",
			c.partition, c.Region, c.Account, c.Name, p.kind, p.account, p.name, newID()),
		principalArn: principalArn,
		clusterName:  c.Name,
		username:     p.defaultUsername(principalArn),
		kind:         standard,
		tags:         map[string]string{},
		policies:     map[string]*association{},
		createdAt:    now,
		modifiedAt:   now,
	}
}

// anonymousOperator is who moto says that a caller is whose key it never gave out.
var anonymousOperator = regexp.MustCompile(`^arn:(aws[a-z-]*):sts::(\d{12}):user/moto$`)

// bootstrapEntry is the entry of the cluster's creator, bootstrapClusterCreatorAdminPermissions in EKS.
func (e *eks) bootstrapEntry(c *cluster, now time.Time) (*accessEntry, error) {
	var entry *accessEntry
	if operator := anonymousOperator.FindStringSubmatch(c.CreatorArn); operator != nil {
		entry = newAccessEntry(c, c.CreatorArn, principal{operator[1], operator[2], "user", "", "moto"}, now)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		p, id, err := e.checkPrincipal(ctx, c, c.CreatorArn)
		if err != nil {
			return nil, err
		}
		entry = newAccessEntry(c, c.CreatorArn, p, now)
		entry.principalID = id
	}
	policyArn := accessPolicyArn(c.partition, "AmazonEKSClusterAdminPolicy")
	entry.policies[policyArn] = &association{scope: accessScope{Type: scopeCluster}, associatedAt: now, modifiedAt: now}
	return entry, nil
}

// checkPrincipal checks the principal of an entry to be and returns its unique ID. EKS sees whether a principal of the
// cluster's own account exists; of another account it does not tell, and the ID stays empty where there is none.
func (e *eks) checkPrincipal(ctx context.Context, c *cluster, principalArn string) (principal, string, error) {
	p, err := parsePrincipal(principalArn)
	if err != nil {
		return p, "", invalid("The specified principalArn is invalid: invalid principal.")
	}
	if p.partition != c.partition {
		return p, "", invalid("The specified principalArn is invalid: invalid partition.")
	}
	found, err := e.moto.principal(ctx, p)
	switch {
	case err != nil && !errors.Is(err, errNoPrincipal):
		return p, "", err
	case found.arn == principalArn:
		return p, found.id, nil
	case p.account == c.Account: // missing, or there with another path
		return p, "", invalid("The specified principalArn is invalid: invalid principal.")
	}
	return p, "", nil
}

// findForAccess returns a cluster for an operation on access entries, which needs the authentication mode for it.
func (e *eks) findForAccess(in *eksRequest) (*cluster, error) {
	c, err := e.find(in)
	if err != nil {
		return nil, err
	}
	if c.AuthenticationMode == modeConfigMap {
		return nil, &apiError{
			http.StatusBadRequest, "InvalidRequestException",
			"The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
		}
	}
	return c, nil
}

func (e *eks) findEntry(in *eksRequest) (*cluster, *accessEntry, error) {
	c, err := e.findForAccess(in)
	if err != nil {
		return nil, nil, err
	}
	entry, ok := c.entries[in.params["principalArn"]]
	if !ok {
		return nil, nil, notFound("The specified principalArn could not be found. " +
			"You can view your available access entries with 'list-access-entries'.")
	}
	return c, entry, nil
}

type accessEntryView struct {
	ClusterName      string            `json:"clusterName"`
	PrincipalArn     string            `json:"principalArn"`
	KubernetesGroups []string          `json:"kubernetesGroups"`
	AccessEntryArn   string            `json:"accessEntryArn"`
	CreatedAt        epoch             `json:"createdAt"`
	ModifiedAt       epoch             `json:"modifiedAt"`
	Tags             map[string]string `json:"tags"`
	Username         string            `json:"username"`
	Type             string            `json:"type"`
}

type accessEntryAnswer struct {
	AccessEntry accessEntryView `json:"accessEntry"`
}

func (a *accessEntry) answer() accessEntryAnswer {
	return accessEntryAnswer{accessEntryView{
		ClusterName:      a.clusterName,
		PrincipalArn:     a.principalArn,
		KubernetesGroups: append([]string{}, a.groups...), // never null
		AccessEntryArn:   a.arn,
		CreatedAt:        epoch(a.createdAt),
		ModifiedAt:       epoch(a.modifiedAt),
		Tags:             a.tags,
		Username:         a.username,
		Type:             a.kind,
	}}
}

func (e *eks) createAccessEntry(in *eksRequest) (any, error) {
	var body struct {
		PrincipalArn       string            `json:"principalArn"`
		KubernetesGroups   []string          `json:"kubernetesGroups"`
		Username           string            `json:"username"`
		Type               string            `json:"type"`
		Tags               map[string]string `json:"tags"`
		ClientRequestToken string            `json:"clientRequestToken"`
	}
	c, err := e.findForAccess(in)
	if err != nil {
		return nil, err
	}
	if err := in.decode(&body); err != nil {
		return nil, err
	}
	if existing, ok := c.entries[body.PrincipalArn]; ok {
		if body.ClientRequestToken != "" && body.ClientRequestToken == existing.token {
			return existing.answer(), nil // the same request again, sent because its answer was lost
		}
		return nil, &apiError{
			http.StatusConflict, "ResourceInUseException",
			"The specified access entry resource is already in use on this cluster.",
		}
	}
	p, principalID, err := e.checkPrincipal(in.ctx, c, body.PrincipalArn)
	if err != nil {
		return nil, err
	}
	entry := newAccessEntry(c, body.PrincipalArn, p, time.Now())
	entry.principalID, entry.token = principalID, body.ClientRequestToken
	maps.Copy(entry.tags, body.Tags)
	if body.Type == "" || body.Type == standard {
		err = entry.set(&body.Username, body.KubernetesGroups)
	} else {
		err = entry.setNodeType(body.Type, p, c, body.Username != "" || len(body.KubernetesGroups) > 0)
	}
	if err != nil {
		return nil, err
	}
	c.entries[body.PrincipalArn] = entry
	return entry.answer(), nil
}

// set changes the user name and the groups of a STANDARD entry; what is nil or empty stays as it is, but groups that are
// empty and not nil are taken away.
func (a *accessEntry) set(username *string, groups []string) error {
	if a.kind != standard {
		return onlyStandard()
	}
	if err := checkGroups(groups); err != nil {
		return err
	}
	if username != nil && *username != "" {
		if err := checkUsername(*username); err != nil {
			return err
		}
		a.username = *username
	}
	if groups != nil {
		a.groups = groups
	}
	return nil
}

func onlyStandard() error {
	return invalid(`This operation can only be performed on Access Entries with a type of "STANDARD".`)
}

// setNodeType makes an entry one for nodes, whose principal is a role of the cluster's account and whose name and groups
// are not for the caller to choose.
func (a *accessEntry) setNodeType(kind string, p principal, c *cluster, chosen bool) error {
	node, ok := nodeTypes[kind]
	switch {
	case !ok:
		return invalid("The type %s is invalid; the sandbox has STANDARD, EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX and HYBRID_LINUX.", kind)
	case chosen:
		return invalid("The kubernetesGroups and username cannot be specified for an access entry with a type of %q.", kind)
	case p.kind != "role" || p.account != c.Account:
		return invalid("The principalArn of an access entry with a type of %q must be a role in the cluster's account.", kind)
	}
	a.kind, a.username, a.groups = kind, node.username, node.groups
	return nil
}

func (e *eks) describeAccessEntry(in *eksRequest) (any, error) {
	_, entry, err := e.findEntry(in)
	if err != nil {
		return nil, err
	}
	return entry.answer(), nil
}

func (e *eks) updateAccessEntry(in *eksRequest) (any, error) {
	var body struct {
		KubernetesGroups   []string `json:"kubernetesGroups"`
		Username           *string  `json:"username"`
		ClientRequestToken string   `json:"clientRequestToken"`
	}
	_, entry, err := e.findEntry(in)
	if err != nil {
		return nil, err
	}
	if err := in.decode(&body); err != nil {
		return nil, err
	}
	if err := entry.set(body.Username, body.KubernetesGroups); err != nil {
		return nil, err
	}
	entry.modifiedAt = time.Now()
	return entry.answer(), nil
}

func (e *eks) deleteAccessEntry(in *eksRequest) (any, error) {
	c, entry, err := e.findEntry(in)
	if err != nil {
		return nil, err
	}
	delete(c.entries, entry.principalArn)
	return struct{}{}, nil
}

func (e *eks) listAccessEntries(in *eksRequest) (any, error) {
	c, err := e.findForAccess(in)
	if err != nil {
		return nil, err
	}
	policyArn := in.query.Get("associatedPolicyArn")
	arns := []string{}
	for _, principalArn := range slices.Sorted(maps.Keys(c.entries)) {
		if policyArn == "" || c.entries[principalArn].policies[policyArn] != nil {
			arns = append(arns, principalArn)
		}
	}
	arns, next, err := page(in, arns)
	if err != nil {
		return nil, err
	}
	return struct {
		AccessEntries []string `json:"accessEntries"`
		NextToken     string   `json:"nextToken,omitempty"`
	}{arns, next}, nil
}
