package iampolicy

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

// Audience is the audience of the tokens that EKS gives to pods, and the client ID of a cluster's OIDC provider. It is
// the same in every partition: in China it does not end in .cn.
const Audience = "sts.amazonaws.com"

// The length of a role's trust policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	// MaxTrustPolicySize is the default quota of IAM, in characters without white space.
	MaxTrustPolicySize = 2048
	// RaisedTrustPolicySize is how far AWS raises the quota on request. It has moved before, from 4,096, so nothing is
	// refused for being above it.
	RaisedTrustPolicySize = 8192
)

const (
	assumeRoleWithWebIdentity = "sts:AssumeRoleWithWebIdentity"
	serviceAccountKind        = "a service account"
)

var subjectPattern = regexp.MustCompile(`^[a-z0-9.*?-]*$`)

// ServiceAccountSubject is a service account, or several by pattern, of one namespace.
type ServiceAccountSubject struct {
	// Namespace is a DNS label, never a pattern.
	Namespace string
	// Name is the exact name of the service account, a DNS subdomain.
	Name string
	// NamePattern trusts by pattern, instead of Name: * stands for any characters, ? for one. The pattern "*" trusts
	// every service account of the namespace.
	NamePattern string
	// In are the indices of the clusters that it is trusted in, in Providers and in Clusters. Default: in all.
	In []int
}

// in reports whether the account is trusted in a cluster.
func (s ServiceAccountSubject) in(cluster int) bool {
	return len(s.In) == 0 || slices.Contains(s.In, cluster)
}

// ServiceAccountTrust is the trust policy of a role for service accounts: every one of ServiceAccounts in every cluster may assume
// the role, and no other principal may, except those that ExtraStatements name. A cluster is trusted by its OIDC provider (IRSA), by
// EKS Pod Identity, or by both.
type ServiceAccountTrust struct {
	// Providers are the ARNs of the clusters' OIDC providers in the role's account; each becomes one statement, in this order. At
	// least one is needed unless there are Clusters.
	Providers []string
	// Clusters are the ARNs of the EKS clusters, in the role's account, whose EKS Pod Identity is trusted.
	Clusters []string
	// ServiceAccounts, at least one in each cluster; those of a cluster become one list, in this order.
	ServiceAccounts []ServiceAccountSubject
	// Conditions have to hold as well in each statement of a cluster, aws:PrincipalOrgID or aws:SourceVpc for example. All operators
	// and keys of a statement have to hold, so they only narrow it; a key that the statement has already under the same operator is
	// refused, as the values of one key are alternatives.
	Conditions Condition
	// ExtraStatements come after the clusters' own, for instance to let a role assume itself. Their rules are those of
	// [Document.ValidateTrust].
	ExtraStatements []Statement
	// MaxSize is the account's quota for the length of a trust policy: [MaxTrustPolicySize] (also the meaning of 0) or what
	// it was raised to.
	MaxSize int
}

// Document builds the trust policy: for each OIDC provider a statement with the provider as principal, the audience pinned, and
// the subjects listed under one key; then those for EKS Pod Identity, one for each namespace. All errors are reported together, each
// with its path ("serviceAccounts[1].namespace: ...").
//
// The subjects stand under StringEquals; as soon as one is a pattern, all of them stand under StringLike. Operators of a
// statement are ANDed, so exact names and patterns cannot be split between the two, and a second statement would be
// longer for the same meaning: exact names are DNS names, so they have no *, ? or ${ that StringLike could read as
// anything else.
func (t ServiceAccountTrust) Document() (Document, error) {
	found := fielderr.List{OnePerPath: true}
	issuers, err := providerIssuers(t.Providers)
	found.Add("", err)
	found.Refuse(len(t.Providers)+len(t.Clusters) == 0, "providers", "is empty; at least one cluster is needed")
	found.Add("", t.checkPodIdentity())
	found.Add("", ValidateServiceAccounts("serviceAccounts", t.ServiceAccounts))
	found.Add("", t.checkPlaces())
	found.Add("conditions", t.ValidateConditions())
	found.Add("", checkStatements("extraStatements", t.ExtraStatements))
	found.Add("extraStatements", fielderr.Each(t.ExtraStatements, func(s Statement) error {
		return checkTrustStatement(s, currentVersion)
	}))
	limit := cmp.Or(t.MaxSize, MaxTrustPolicySize)
	found.Add("maxSize", ValidateMaxTrustPolicySize(limit))
	if err := found.Err(); err != nil {
		return Document{}, err
	}

	document := Document{Version: currentVersion}
	for i, provider := range t.Providers {
		document.Statements = append(document.Statements, clusterStatement(provider, issuers[i], t.subjectsIn(i)))
	}
	document.Statements = append(document.Statements, t.podIdentityStatements()...)
	for i, statement := range document.Statements {
		if err := statement.narrow(t.Conditions); err != nil {
			return Document{}, fielderr.At("conditions", fmt.Errorf("statement %d: %w", i, err))
		}
	}
	document.Statements = append(document.Statements, t.ExtraStatements...)
	if size := document.Size(); size > limit {
		return Document{}, fmt.Errorf("trust policy has %d characters and IAM allows %d: trust fewer service accounts or "+
			"clusters with one role, split them over several roles, or have the quota \"Role trust policy length\" "+
			"raised (up to %d), and say so in the maximum size unless the quota is read", size, limit, RaisedTrustPolicySize)
	}
	return document, nil
}

// Validate reports what [ServiceAccountTrust.Document] would, before all ARNs are known: providers and clusters are the numbers of
// those that are not, each of which counts with the shortest possible ARN. A policy that is too long with these is always too long.
func (t ServiceAccountTrust) Validate(providers, clusters int) error {
	t.Providers, t.Clusters = slices.Clone(t.Providers), slices.Clone(t.Clusters)
	for i := range providers {
		t.Providers = append(t.Providers, fmt.Sprintf("arn:aws:iam::000000000000:oidc-provider/%d.aa", i))
	}
	account := "000000000000" // of the clusters whose ARNs are known, where there are some
	if len(t.Clusters) > 0 {
		if known, err := ParseClusterARN(t.Clusters[0]); err == nil {
			account = known.Account
		}
	}
	for i := range clusters {
		t.Clusters = append(t.Clusters, fmt.Sprintf("arn:aws:eks:a-a-1:%s:cluster/%d", account, i))
	}
	_, err := t.Document()
	return err
}

// JSON is the document as compact JSON; see [ServiceAccountTrust.Document] and [Document.JSON].
func (t ServiceAccountTrust) JSON() (string, error) {
	document, err := t.Document()
	if err != nil {
		return "", err
	}
	return document.JSON()
}

// subjectsIn are the service accounts that are trusted in a cluster.
func (t ServiceAccountTrust) subjectsIn(cluster int) []ServiceAccountSubject {
	return slices.DeleteFunc(slices.Clone(t.ServiceAccounts), func(s ServiceAccountSubject) bool { return !s.in(cluster) })
}

// checkPlaces refuses clusters that there are not, and those without a service account: a statement without subjects would trust
// every token of the cluster.
func (t ServiceAccountTrust) checkPlaces() error {
	var found fielderr.List
	clusters := max(len(t.Providers), len(t.Clusters))
	for i, subject := range t.ServiceAccounts {
		for j, cluster := range subject.In {
			found.Refuse(cluster < 0 || cluster >= clusters, fielderr.Path("serviceAccounts").Index(i).Child("in").Index(j),
				"%d is the index of no cluster", cluster)
		}
	}
	for i := range clusters {
		found.Refuse(len(t.ServiceAccounts) > 0 && len(t.subjectsIn(i)) == 0, "serviceAccounts", "has none in cluster %d", i)
	}
	return found.Err()
}

// ValidateMaxTrustPolicySize refuses a quota for the length of a trust policy that no account has, as it is less than the
// default.
func ValidateMaxTrustPolicySize(size int) error {
	if size < MaxTrustPolicySize {
		return fmt.Errorf("%d is less than %d, which IAM allows every account; give the quota that the account was raised to",
			size, MaxTrustPolicySize)
	}
	return nil
}

func clusterStatement(providerARN, issuer string, subjects []ServiceAccountSubject) Statement {
	list := make(Strings, len(subjects))
	operator := StringEquals
	for i, subject := range subjects {
		list[i] = subject.Claim()
		if subject.NamePattern != "" {
			operator = StringLike
		}
	}
	condition := Condition{StringEquals: {issuer + ":aud": {Audience}}}
	if operator != StringEquals {
		condition[operator] = map[string]Strings{}
	}
	condition[operator][issuer+":sub"] = list
	return Statement{
		Effect:    Allow,
		Principal: &Principal{Federated: Strings{providerARN}},
		Actions:   Strings{assumeRoleWithWebIdentity},
		Condition: condition,
	}
}

// Claim is the value of "sub" in the service account's token, with a pattern as it stands.
func (s ServiceAccountSubject) Claim() string {
	return "system:serviceaccount:" + s.Namespace + ":" + s.Name + s.NamePattern // one of the two is empty
}

// providerIssuers are the issuers, without https://, that the ARNs name.
func providerIssuers(providers []string) ([]string, error) {
	var found fielderr.List
	issuers := make([]string, len(providers))
	for i, provider := range providers {
		at := fielderr.Path("providers")
		issuer, err := ProviderIssuer(provider)
		found.Add(at.Index(i), err)
		first := slices.Index(issuers[:i], issuer)
		found.Refuse(err == nil && first >= 0, at.Index(i), "%s is the issuer of %s already", issuer, at.Index(first))
		issuers[i] = issuer
	}
	return issuers, found.Err()
}

// ProviderIssuer is the issuer, without https://, that the ARN of an IAM OIDC provider names.
func ProviderIssuer(providerARN string) (string, error) {
	const form = "arn:<partition>:iam::<account>:oidc-provider/<issuer without https://>"
	arn, err := ParseARN(providerARN)
	if err != nil || !arn.IsOIDCProvider() {
		return "", fmt.Errorf("%q is not the ARN of an OIDC provider; its form is %s", providerARN, form)
	}
	issuer, err := ParseIssuer(arn.issuer())
	if err == nil && issuer != arn.issuer() {
		return "", fmt.Errorf("%q names the issuer otherwise than IAM does; its form is %s", providerARN, form)
	}
	return issuer, err
}

// ValidateServiceAccounts checks subjects as far as plain values go, before any cluster or ARN is known. All errors are
// reported together, each with its path: with the path "serviceAccounts", "serviceAccounts[1].namespace: ...".
//
// Subjects that appear twice are refused rather than merged: the order is the caller's, and a repetition is more likely a
// slip in copying than meant.
func ValidateServiceAccounts(path fielderr.Path, subjects []ServiceAccountSubject) error {
	var found fielderr.List
	// Without subjects a policy would be left with the audience alone, which every token of the cluster has.
	found.Refuse(len(subjects) == 0, path, "is empty; at least one service account is needed")
	first := map[string]fielderr.Path{}
	for i, subject := range subjects {
		at := path.Index(i)
		if err := subject.validate(); err != nil {
			found.Add(at, err)
			continue // Two faulty subjects are not worth comparing.
		}
		if other, taken := first[subject.Claim()]; taken {
			found.Addf(at, "%s/%s is %s already", subject.Namespace, subject.Name+subject.NamePattern, other)
		} else {
			first[subject.Claim()] = at
		}
	}
	return found.Err()
}

func (s ServiceAccountSubject) validate() error {
	var found fielderr.List
	found.Add("namespace", validateNamespace(s.Namespace))
	switch {
	case s.NamePattern == "":
		found.Add("name", validateServiceAccountName(s.Name))
	case s.Name != "":
		found.Addf("namePattern", "conflicts with name; give one of the two")
	default:
		found.Add("namePattern", validateNamePattern(s.NamePattern))
	}
	return found.Err()
}

func validateNamespace(namespace string) error {
	switch {
	case namespace == "":
		return errors.New("is empty; name the namespace")
	case strings.ContainsAny(namespace, "*?"):
		return fmt.Errorf("%q is a pattern; a namespace is always named exactly", namespace)
	default:
		return kubename.ValidateNamespace(namespace)
	}
}

func validateServiceAccountName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty; name the service account, or ask for a pattern with namePattern")
	case strings.ContainsAny(name, "*?"):
		return fmt.Errorf("%q is a pattern; ask for it with namePattern", name)
	default:
		return kubename.ValidateObject(serviceAccountKind, name)
	}
}

// validateNamePattern takes "*" alone, because it was asked for by name, but no other spelling of it: a reader of "?*" or
// "**" should not have to work out that it is the whole namespace.
func validateNamePattern(pattern string) error {
	switch {
	case !subjectPattern.MatchString(pattern):
		return fmt.Errorf("%q has a character that no service account has; use lower case letters, digits, hyphens, dots, * and ?", pattern)
	case !strings.ContainsAny(pattern, "*?"):
		return fmt.Errorf("%q has neither * nor ?; use name for an exact name", pattern)
	case pattern != "*" && strings.Trim(pattern, "*?") == "":
		return fmt.Errorf(`%q is nothing but wildcards; write "*" if every service account of the namespace is meant`, pattern)
	case strings.Contains(pattern, "**"):
		return fmt.Errorf("%q has ** in it, which means the same as *; write one", pattern)
	case len(pattern) > kubename.MaxObject:
		return fmt.Errorf("%q has %d characters; Kubernetes allows %d", pattern, len(pattern), kubename.MaxObject)
	case kubename.ValidateObject(serviceAccountKind, strings.NewReplacer("*", "a", "?", "a").Replace(pattern)) != nil:
		// If the wildcards cannot save it, nothing that Kubernetes would call a name matches.
		return fmt.Errorf("%q can match no service account; names begin and end with a letter or a digit", pattern)
	default:
		return nil
	}
}
