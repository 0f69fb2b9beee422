package aws

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Cluster is an EKS cluster as DescribeCluster shows it.
type Cluster struct {
	// Name, Account (12 digits), Region and Version (such as 1.34) of the cluster.
	Name, Account, Region, Version string
	// Endpoint is the URL of the Kubernetes API server, https://127.0.0.1:PORT.
	Endpoint string
	// CertificateAuthority is the certificate that signed the API server's, as PEM.
	CertificateAuthority []byte
	// Issuer of the cluster's service account tokens: https://oidc.eks.<region>.amazonaws.com/id/<32 upper hex>.
	Issuer string
	// AuthenticationMode is API, API_AND_CONFIG_MAP or CONFIG_MAP.
	AuthenticationMode string
	// CreatorArn is the IAM principal that gets the bootstrap access entry, with AmazonEKSClusterAdminPolicy; none if empty,
	// and none as long as the mode is CONFIG_MAP, which has no entries.
	CreatorArn string
	// Keys returns the keys with which the cluster signs its service account tokens, as the JSON Web Key Set that it
	// publishes. Without it STS takes no token of the cluster.
	Keys func(ctx context.Context) ([]byte, error)
	// Pod returns a pod of the cluster, if there is one of that name now. Without it EKS Pod Identity takes no token of the
	// cluster.
	Pod func(ctx context.Context, namespace, name string) (Pod, bool, error)
}

// Pod is what EKS Pod Identity has to know of a pod. A service account that does not exist any more has no UID.
type Pod struct{ UID, ServiceAccount, ServiceAccountUID string }

const (
	modeAPI             = "API"
	modeAPIAndConfigMap = "API_AND_CONFIG_MAP"
	modeConfigMap       = "CONFIG_MAP"
)

// clusterKey is what identifies a cluster to the callers of an account.
type clusterKey struct{ account, region, name string }

type cluster struct {
	Cluster
	arn       string
	partition string
	createdAt time.Time
	tags      map[string]string
	entries   map[string]*accessEntry // by principal ARN
	// podIdentities are the EKS Pod Identity associations by their IDs, and addons the add-ons by their names.
	podIdentities map[string]*podIdentityAssociation
	addons        map[string]*addon
	// capabilities are the EKS Capabilities by their names, and vpcID is made up.
	capabilities map[string]*capability
	vpcID        string
	// managedNodes are the types of entries by the roles of managed node groups and Fargate profiles, and updates those by their IDs.
	managedNodes map[string]string
	updates      map[string]clusterUpdate
}

// AddCluster makes a cluster known, in the state ACTIVE. It reports everything that is wrong with it at once.
//
// Two accounts may each have a cluster of one name in AWS, but not here: AccessEntry would not know which is meant. An
// issuer has one cluster, there and here.
func (e *Endpoint) AddCluster(c Cluster) error {
	if err := c.validate(); err != nil {
		return fmt.Errorf("adding cluster %q: %w", c.Name, err)
	}
	if err := e.eks.add(c); err != nil {
		return fmt.Errorf("adding cluster %q: %w", c.Name, err)
	}
	return nil
}

// The forms are those of https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html and, for the issuer,
// of what DescribeCluster answers.
var (
	clusterName = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`)
	accountID   = regexp.MustCompile(`^\d{12}$`)
	regionName  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	version     = regexp.MustCompile(`^1\.\d+$`)
)

func (c *Cluster) validate() error {
	var faults []error
	check := func(ok bool, field, value, want string) {
		if !ok {
			faults = append(faults, fmt.Errorf("%s %q must be %s", field, value, want))
		}
	}
	check(clusterName.MatchString(c.Name), "Name", c.Name, "1-100 letters, digits, - and _, a letter or digit first")
	check(accountID.MatchString(c.Account), "Account", c.Account, "12 digits")
	check(regionName.MatchString(c.Region), "Region", c.Region, "like eu-west-1")
	check(version.MatchString(c.Version), "Version", c.Version, "like 1.34")
	endpoint, err := url.Parse(c.Endpoint)
	check(err == nil && endpoint.Scheme == "https" && endpoint.Host != "", "Endpoint", c.Endpoint, "an https URL")
	check(isCertificate(c.CertificateAuthority), "CertificateAuthority", string(c.CertificateAuthority), "a PEM certificate")
	issuer := regexp.MustCompile(`^https://oidc\.eks\.` + regexp.QuoteMeta(c.Region) + `\.amazonaws\.com(\.cn)?/id/[0-9A-F]{32}$`)
	check(issuer.MatchString(c.Issuer), "Issuer", c.Issuer, "https://oidc.eks.<region>.amazonaws.com/id/<32 upper-case hex digits>")
	check(slices.Contains([]string{modeAPI, modeAPIAndConfigMap, modeConfigMap}, c.AuthenticationMode),
		"AuthenticationMode", c.AuthenticationMode, "API, API_AND_CONFIG_MAP or CONFIG_MAP")
	return errors.Join(faults...)
}

func isCertificate(text []byte) bool {
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	_, err := x509.ParseCertificate(block.Bytes)
	return err == nil
}

// partitionOf returns the partition of a region.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func (e *eks) add(given Cluster) error {
	now := time.Now()
	partition := partitionOf(given.Region)
	c := &cluster{
		Cluster:   given,
		partition: partition,
		arn:       fmt.Sprintf("arn:%s:eks:%s:%s:cluster/%s", partition, given.Region, given.Account, given.Name),
		createdAt: now,
		tags:      map[string]string{},
		entries:   map[string]*accessEntry{},

		podIdentities: map[string]*podIdentityAssociation{},
		addons:        map[string]*addon{},
		capabilities:  map[string]*capability{},
		vpcID:         vpcID(),
		managedNodes:  map[string]string{},
		updates:       map[string]clusterUpdate{},
	}
	c.addons[PodIdentityAgent] = newAddon(c, PodIdentityAgent, now)
	if given.CreatorArn != "" && given.AuthenticationMode != modeConfigMap {
		entry, err := e.bootstrapEntry(c, now)
		if err != nil {
			return fmt.Errorf("bootstrap access entry of CreatorArn %q: %w", given.CreatorArn, err)
		}
		c.entries[given.CreatorArn] = entry
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	for key, other := range e.clusters {
		if key.region == given.Region && key.name == given.Name {
			return fmt.Errorf("region %s has a cluster of this name, in account %s", key.region, key.account)
		}
		if other.Issuer == given.Issuer {
			return fmt.Errorf("the issuer %s is that of cluster %q", given.Issuer, key.name)
		}
	}
	e.clusters[clusterKey{given.Account, given.Region, given.Name}] = c
	return nil
}

// DeleteCluster makes a cluster unknown, with its access entries, associations and add-ons.
func (e *Endpoint) DeleteCluster(account, region, name string) {
	e.eks.mu.Lock()
	defer e.eks.mu.Unlock()
	delete(e.eks.clusters, clusterKey{account, region, name})
}

// keys returns what tells the keys of an issuer; nil if it is none of the sandbox's clusters, or its keys are not known.
func (e *eks) keys(issuer string) func(context.Context) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.clusters {
		if c.Issuer == issuer {
			return c.Keys
		}
	}
	return nil
}

// named returns the cluster of a name in a region, in whichever account it is, or nil. The caller holds the lock.
func (e *eks) named(region, name string) *cluster {
	for key, c := range e.clusters {
		if key.region == region && key.name == name {
			return c
		}
	}
	return nil
}

// find returns a cluster of the caller's account and region.
func (e *eks) find(in *eksRequest) (*cluster, error) {
	c, ok := e.clusters[clusterKey{in.account, in.region, in.params["clusterName"]}]
	if !ok {
		return nil, notFound("No cluster found for name: %s.", in.params["clusterName"])
	}
	return c, nil
}

type clusterView struct {
	Name                 string            `json:"name"`
	Arn                  string            `json:"arn"`
	CreatedAt            epoch             `json:"createdAt"`
	Version              string            `json:"version"`
	Endpoint             string            `json:"endpoint"`
	Status               string            `json:"status"`
	Tags                 map[string]string `json:"tags"`
	CertificateAuthority struct {
		Data string `json:"data"`
	} `json:"certificateAuthority"`
	Identity struct {
		Oidc struct {
			Issuer string `json:"issuer"`
		} `json:"oidc"`
	} `json:"identity"`
	AccessConfig struct {
		AuthenticationMode string `json:"authenticationMode"`
	} `json:"accessConfig"`
	ResourcesVpcConfig struct {
		VpcID string `json:"vpcId"`
	} `json:"resourcesVpcConfig"`
}

// vpcID is the ID of a VPC: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
func vpcID() string {
	id := make([]byte, 9)
	_, _ = rand.Read(id) // it never fails
	return "vpc-" + hex.EncodeToString(id)[:17]
}

func (c *cluster) view() clusterView {
	v := clusterView{
		Name: c.Name, Arn: c.arn, CreatedAt: epoch(c.createdAt), Version: c.Version, Endpoint: c.Endpoint, Status: "ACTIVE",
		Tags: c.tags,
	}
	v.CertificateAuthority.Data = base64.StdEncoding.EncodeToString(c.CertificateAuthority)
	v.Identity.Oidc.Issuer = c.Issuer
	v.AccessConfig.AuthenticationMode, v.ResourcesVpcConfig.VpcID = c.AuthenticationMode, c.vpcID
	return v
}

func (e *eks) describeCluster(in *eksRequest) (any, error) {
	c, err := e.find(in)
	if err != nil {
		return nil, err
	}
	return struct {
		Cluster clusterView `json:"cluster"`
	}{c.view()}, nil
}

func (e *eks) listClusters(in *eksRequest) (any, error) {
	names := []string{}
	for key := range e.clusters {
		if key.account == in.account && key.region == in.region {
			names = append(names, key.name)
		}
	}
	slices.Sort(names)
	names, next, err := page(in, names)
	if err != nil {
		return nil, err
	}
	return struct {
		Clusters  []string `json:"clusters"`
		NextToken string   `json:"nextToken,omitempty"`
	}{names, next}, nil
}

// tags finds what an ARN in the caller's account and region names: a cluster or something of it.
func (e *eks) tags(in *eksRequest) (map[string]string, error) {
	for key, c := range e.clusters {
		if key.account != in.account || key.region != in.region {
			continue
		}
		if c.arn == in.params["resourceArn"] {
			return c.tags, nil
		}
		for _, entry := range c.entries {
			if entry.arn == in.params["resourceArn"] {
				return entry.tags, nil
			}
		}
		for _, association := range c.podIdentities {
			if association.arn == in.params["resourceArn"] {
				return association.tags, nil
			}
		}
		for _, addon := range c.addons {
			if addon.arn == in.params["resourceArn"] {
				return addon.tags, nil
			}
		}
	}
	return nil, &apiError{http.StatusNotFound, "NotFoundException", "No resource found for ARN: " + in.params["resourceArn"]}
}

func (e *eks) listTags(in *eksRequest) (any, error) {
	tags, err := e.tags(in)
	if err != nil {
		return nil, err
	}
	return struct {
		Tags map[string]string `json:"tags"`
	}{tags}, nil
}

func (e *eks) tagResource(in *eksRequest) (any, error) {
	var body struct {
		Tags map[string]string `json:"tags"`
	}
	tags, err := e.tags(in)
	if err == nil {
		err = in.decode(&body)
	}
	if err != nil {
		return nil, err
	}
	for key, value := range body.Tags {
		tags[key] = value
	}
	return struct{}{}, nil
}

func (e *eks) untagResource(in *eksRequest) (any, error) {
	tags, err := e.tags(in)
	if err != nil {
		return nil, err
	}
	for _, key := range in.query["tagKeys"] {
		delete(tags, key)
	}
	return struct{}{}, nil
}
