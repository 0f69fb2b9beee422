package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// capabilitiesService is who assumes the role of an EKS Capability.
const capabilitiesService = "capabilities.eks.amazonaws.com"

// argoCDCapability is the type of the one capability that the sandbox has.
const argoCDCapability = "ARGOCD"

// capability is an EKS Capability of a cluster.
// https://docs.aws.amazon.com/eks/latest/APIReference/API_Capability.html
type capability struct {
	name, arn, clusterName, roleArn, namespace string
	configuration                              argoCDConfiguration
	tags                                       map[string]string
	createdAt, modifiedAt                      time.Time
	// madeEntry is whether the role's access entry was made with it.
	madeEntry bool
}

type argoCDConfiguration struct {
	Namespace string `json:"namespace,omitempty"`
	AWSIdc    struct {
		InstanceArn string `json:"idcInstanceArn"`
		Region      string `json:"idcRegion,omitempty"`
	} `json:"awsIdc"`
}

type capabilityConfiguration struct {
	ArgoCD *argoCDConfiguration `json:"argoCd,omitempty"`
}

type capabilityView struct {
	CapabilityName          string                  `json:"capabilityName"`
	Arn                     string                  `json:"arn"`
	ClusterName             string                  `json:"clusterName"`
	Type                    string                  `json:"type"`
	RoleArn                 string                  `json:"roleArn"`
	Status                  string                  `json:"status"`
	Configuration           capabilityConfiguration `json:"configuration"`
	Tags                    map[string]string       `json:"tags"`
	CreatedAt               epoch                   `json:"createdAt"`
	ModifiedAt              epoch                   `json:"modifiedAt"`
	DeletePropagationPolicy string                  `json:"deletePropagationPolicy"`
}

type capabilityAnswer struct {
	Capability capabilityView `json:"capability"`
}

const retain = "RETAIN"

func (c *capability) answer(status string) capabilityAnswer {
	return capabilityAnswer{capabilityView{
		c.name, c.arn, c.clusterName, argoCDCapability, c.roleArn, status,
		capabilityConfiguration{&c.configuration},
		c.tags,
		epoch(c.createdAt), epoch(c.modifiedAt), retain,
	}}
}

// createCapability makes the capability at once, and with it the access entry of its role: EKS lets the role into the capability's
// own cluster, with two policies for what Argo CD itself needs there and none to deploy with. An entry that the role has keeps what
// it has, and gets the two policies.
// https://docs.aws.amazon.com/eks/latest/userguide/capabilities-security.html
func (e *eks) createCapability(in *eksRequest) (any, error) {
	var body struct {
		CapabilityName          string                  `json:"capabilityName"`
		Type                    string                  `json:"type"`
		RoleArn                 string                  `json:"roleArn"`
		Configuration           capabilityConfiguration `json:"configuration"`
		Tags                    map[string]string       `json:"tags"`
		DeletePropagationPolicy string                  `json:"deletePropagationPolicy"`
		ClientRequestToken      string                  `json:"clientRequestToken"`
	}
	c, err := e.findForAccess(in)
	if err != nil {
		return nil, err
	}
	if err := in.decode(&body); err != nil {
		return nil, err
	}
	config := body.Configuration.ArgoCD
	switch {
	case body.Type != argoCDCapability:
		return nil, invalid("The type %s is invalid; the sandbox has %s.", body.Type, argoCDCapability)
	case !clusterName.MatchString(body.CapabilityName):
		return nil, invalid("The capabilityName %q is invalid.", body.CapabilityName)
	case body.DeletePropagationPolicy != retain:
		return nil, invalid("The deletePropagationPolicy must be %s.", retain)
	case config == nil || config.AWSIdc.InstanceArn == "":
		return nil, invalid("A capability of type %s needs argoCd.awsIdc.idcInstanceArn.", argoCDCapability)
	case len(c.capabilities) > 0:
		return nil, &apiError{http.StatusConflict, "ResourceInUseException", "The cluster has a capability of type " + argoCDCapability + "."}
	}
	if config.Namespace == "" {
		config.Namespace = "argocd"
	}
	if err := e.checkCapabilityRole(in.ctx, c, body.RoleArn); err != nil {
		return nil, err
	}
	now := time.Now()
	made := &capability{
		name: body.CapabilityName, clusterName: c.Name, roleArn: body.RoleArn, namespace: config.Namespace, configuration: *config,
		arn:  fmt.Sprintf("arn:%s:eks:%s:%s:capability/%s/argocd/%s/%s", c.partition, c.Region, c.Account, c.Name, body.CapabilityName, newID()),
		tags: map[string]string{}, createdAt: now, modifiedAt: now,
	}
	maps.Copy(made.tags, body.Tags)
	if made.madeEntry, err = e.letCapabilityIn(in.ctx, c, made, now); err != nil {
		return nil, err
	}
	c.capabilities[made.name] = made
	return made.answer("CREATING"), nil
}

func (e *eks) letCapabilityIn(ctx context.Context, c *cluster, of *capability, now time.Time) (made bool, err error) {
	entry := c.entries[of.roleArn]
	if entry == nil {
		p, id, err := e.checkPrincipal(ctx, c, of.roleArn)
		if err != nil {
			return false, err
		}
		entry, made = newAccessEntry(c, of.roleArn, p, now), true
		entry.principalID = id
		c.entries[of.roleArn] = entry
	}
	for name, scope := range map[string]accessScope{
		"AmazonEKSArgoCDClusterPolicy": {Type: scopeCluster},
		"AmazonEKSArgoCDPolicy":        {Type: scopeNamespace, Namespaces: []string{of.namespace}},
	} {
		entry.policies[accessPolicyArn(c.partition, name)] = &association{scope: scope, associatedAt: now, modifiedAt: now}
	}
	return made, nil
}

// checkCapabilityRole refuses a role that a capability cannot have. The longer message is what users were seen to get of EKS.
func (e *eks) checkCapabilityRole(ctx context.Context, c *cluster, roleArn string) error {
	arn, err := iampolicy.ParseARN(roleArn)
	if err != nil || !arn.IsRole() || arn.Account != c.Account {
		return invalid("The role %s is not a role in the account of the cluster.", roleArn)
	}
	untrusted := invalid("The trust policy for the provided role is invalid. The policy must include sts:AssumeRole and sts:TagSession " +
		"actions granting access to the AWS service " + capabilitiesService)
	p, err := parsePrincipal(roleArn)
	if err != nil {
		return invalid("The role %s is not a role in the account of the cluster.", roleArn)
	}
	found, err := e.moto.existingRole(ctx, p)
	switch {
	case errors.Is(err, errNoPrincipal) || err == nil && found.arn != roleArn:
		return untrusted
	case err != nil:
		return err
	}
	return trustsService(found, capabilitiesService, servicesContext(c.Region, c, capabilitiesService), untrusted)
}

func (e *eks) findCapability(in *eksRequest) (*cluster, *capability, error) {
	c, err := e.find(in)
	if err != nil {
		return nil, nil, err
	}
	found, ok := c.capabilities[in.params["capabilityName"]]
	if !ok {
		return nil, nil, notFound("No capability found for name: %s.", in.params["capabilityName"])
	}
	return c, found, nil
}

func (e *eks) describeCapability(in *eksRequest) (any, error) {
	_, found, err := e.findCapability(in)
	if err != nil {
		return nil, err
	}
	return found.answer("ACTIVE"), nil
}

// deleteCapability takes the capability away, and the access entry if that was made with it.
func (e *eks) deleteCapability(in *eksRequest) (any, error) {
	c, found, err := e.findCapability(in)
	if err != nil {
		return nil, err
	}
	delete(c.capabilities, found.name)
	if found.madeEntry {
		delete(c.entries, found.roleArn)
	}
	return found.answer("DELETING"), nil
}

// ErrNoAccessEntry is what managed Argo CD says of a cluster into which its capability role is not let, as users saw it:
// https://github.com/ministryofjustice/modernisation-platform-environments/pull/18221
var ErrNoAccessEntry = errors.New("error getting cluster RESTConfig: failed to verify the access entry")

// Reached is a cluster that managed Argo CD reaches.
type Reached struct {
	// Name, Region, Endpoint and CertificateAuthority are the cluster's, as DescribeCluster has them.
	Name, Region, Endpoint string
	CertificateAuthority   []byte
	// Credentials are those of a session of the capability role.
	Credentials aws.Credentials
}

// ReachFromCapability is how AWS connects managed Argo CD of a cluster with the cluster of that ARN, whatever account it is in: as
// the capability role itself, which EKS assumes by the role's trust policy, and only where the role has an access entry. Of another
// role, or of a URL, it knows nothing.
func (e *Endpoint) ReachFromCapability(ctx context.Context, region, hub, targetArn string) (Reached, error) {
	of, roleArn, err := e.eks.capabilityOf(region, hub)
	if err != nil {
		return Reached{}, err
	}
	target := e.eks.byArn(targetArn)
	if target == nil {
		return Reached{}, fmt.Errorf("%q is the ARN of no EKS cluster", targetArn)
	}
	p, err := parsePrincipal(roleArn)
	if err != nil {
		return Reached{}, err
	}
	found, err := e.moto.existingRole(ctx, p)
	if err != nil {
		return Reached{}, fmt.Errorf("assuming the capability role %s: %w", roleArn, err)
	}
	untrusted := fmt.Errorf("assuming the capability role %s: %s is not authorized", roleArn, capabilitiesService)
	if err := trustsService(found, capabilitiesService, servicesContext(region, of, capabilitiesService), untrusted); err != nil {
		return Reached{}, err
	}
	if _, ok := e.AccessEntry(target.Region, target.Name, roleArn); !ok {
		return Reached{}, ErrNoAccessEntry
	}
	started, err := e.startSession(ctx, found, fmt.Sprintf("aws-go-sdk-%d", time.Now().UnixNano()), time.Hour)
	if err != nil {
		return Reached{}, err
	}
	e.sessions.add(started)
	return Reached{target.Name, target.Region, target.Endpoint, target.CertificateAuthority, aws.Credentials{
		AccessKeyID: started.accessKey, SecretAccessKey: started.secret, SessionToken: started.token,
		CanExpire: true, Expires: started.expires, Source: "capability",
	}}, nil
}

// capabilityOf is a cluster that has managed Argo CD, and the role of that.
func (e *eks) capabilityOf(region, name string) (*cluster, string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.named(region, name)
	if c == nil || len(c.capabilities) == 0 {
		return nil, "", fmt.Errorf("the cluster %q in %s has no capability of type %s", name, region, argoCDCapability)
	}
	return c, c.capabilities[slices.Sorted(maps.Keys(c.capabilities))[0]].roleArn, nil
}

func (e *eks) byArn(arn string) *cluster {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.clusters {
		if c.arn == arn {
			return c
		}
	}
	return nil
}
