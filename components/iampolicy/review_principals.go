package iampolicy

import (
	"slices"
	"strings"
)

// everyone reviews a statement whose principal is "*".
func (r *reviewer) everyone(condition Condition, list clauses) {
	if condition.restricts(saysWho, nil) {
		r.find(EveryoneIf, "trusts every principal of every account that meets the condition; name the principals too where they are known")
	} else {
		r.find(EveryoneTrusted, "trusts every principal of every account, as no condition says whose it must be")
	}
	r.trust(Trusted{Kind: Everyone, Name: "*", If: list.texts()})
}

// awsPrincipal reviews an account, a role, a user or a session.
func (r *reviewer) awsPrincipal(name string, list clauses) {
	account, whole := accountOf(name)
	switch {
	case uniqueIDPattern.MatchString(name):
		r.find(DeletedPrincipal, "%s is the unique ID of a principal that was deleted: a new one of the same name does not get in", name)
		r.trust(Trusted{Kind: AWSPrincipal, Name: name, If: list.texts()})
	case whole:
		r.wholeAccount(account, list)
	default:
		r.trust(Trusted{Kind: AWSPrincipal, Name: name, If: list.texts()})
	}
}

// accountOf is the account of a principal, and whether that is all of the account.
func accountOf(name string) (account string, whole bool) {
	if accountPattern.MatchString(name) {
		return name, true
	}
	arn, _ := ParseARN(name)
	return arn.Account, arn.Resource == "root"
}

// wholeAccount reviews an account, which stands for whomever it allows to assume the role: the user, the role or the session, unless a
// condition names them.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts
func (r *reviewer) wholeAccount(account string, list clauses) {
	const principalArn = "aws:PrincipalArn"
	if r.account != "" && account != r.account && !list.limitsAny("sts:ExternalId", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", principalArn) {
		r.find(OtherAccount, "%s is another account than the role's, and no external ID, organization or principal is asked for", account)
	}
	principals, limited := list.only(principalArn, false)
	if !limited {
		r.find(AccountRoot, "account %s stands for every user and role in it whom an administrator there allows to assume the role", account)
		r.trust(Trusted{Kind: WholeAccount, Name: account, If: list.texts()})
		return
	}
	for _, p := range principals {
		r.trust(Trusted{
			Kind: AWSPrincipal, Name: p.text, Account: account, Pattern: p.isPattern(), AnyCase: p.anyCase, If: list.texts(principalArn),
		})
	}
}

// fromRoles are services that use roles of the account of what they run only, by an instance profile, and say no source.
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html
var fromRoles = []string{"ec2.amazonaws.com", "ec2.amazonaws.com.cn"}

// service reviews a service of AWS other than EKS Pod Identity.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func (r *reviewer) service(name string, list clauses) {
	if !slices.Contains(fromRoles, name) && !list.limitsAny("aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "aws:SourceOrgPaths") {
		r.find(ConfusedDeputy, "nothing says for whom %s acts: if it can be told of the role by another account, it is its confused deputy; "+
			"ask for aws:SourceAccount or aws:SourceArn where the service sets them", name)
	}
	r.trust(Trusted{Kind: AWSService, Name: name, If: list.texts()})
}

// Condition keys of EKS Pod Identity.
const (
	clusterArnTag  = "aws:RequestTag/eks-cluster-arn"
	clusterNameTag = "aws:RequestTag/eks-cluster-name"
	namespaceTag   = "aws:RequestTag/kubernetes-namespace"
	accountTag     = "aws:RequestTag/kubernetes-service-account"
	sourceArn      = "aws:SourceArn"
	sourceAccount  = "aws:SourceAccount"
)

// podIdentity reviews EKS Pod Identity, which asks for a role in the name of any pod whose service account has an association with it.
func (r *reviewer) podIdentity(s Statement, list clauses) {
	namespaces, inNamespace := list.only(namespaceTag, false)
	accounts, isAccount := list.only(accountTag, false)
	clusters, inCluster := list.only(clusterArnTag, false)
	for _, key := range []string{sourceArn, clusterNameTag} {
		if !inCluster {
			clusters, inCluster = list.only(key, false)
		}
	}
	switch {
	case !inNamespace && !isAccount && !inCluster:
		r.find(PodIdentityAnyPod, "trusts every pod of every cluster of the account: anyone who may make an association and pass the role "+
			"chooses which; ask for the session tags of the cluster, the namespace and the service account")
	case !inNamespace && !isAccount:
		r.find(PodIdentityAnyPod, "trusts every pod of the cluster: ask for the session tags of the namespace and the service account")
	case !inNamespace:
		r.find(PodIdentityAnyNamespace, "trusts service accounts of the name in every namespace; ask for %s", namespaceTag)
	case !isAccount:
		r.find(PodIdentityWholeNamespace, "trusts every service account of the namespace; ask for %s", accountTag)
	}
	r.findPatterns(AnyNamespace, namespaces, "%q reaches several namespaces: anyone who may make one of such a name gets in")
	r.findPatterns(SubjectPattern, accounts, "%q is a pattern: anyone who may make a service account of such a name gets in")
	if !inCluster && (inNamespace || isAccount) {
		r.find(PodIdentityAnyCluster, "trusts the service account in every cluster of the account; ask for %s", clusterArnTag)
	}
	if !list.limitsAny(sourceAccount, sourceArn, clusterArnTag) {
		r.find(NoSourceAccount, "does not ask for the account of the cluster; ask for %s", sourceAccount)
	}
	if !s.allows(tagSession) {
		r.find(NoTagSession, "does not allow %s: sessions of EKS Pod Identity bring tags, unless the association turns them off, and do not "+
			"get in without it", tagSession)
	}
	rest := list.texts(namespaceTag, accountTag, clusterArnTag, clusterNameTag, sourceArn, sourceAccount)
	for _, cluster := range orAny(clusters) {
		for _, namespace := range orAny(namespaces) {
			for _, account := range orAny(accounts) {
				r.trust(Trusted{
					Kind: PodIdentityAccount, Name: strings.Join([]string{clusterOf(cluster.text), namespace.text, account.text}, "/"),
					Pattern: cluster.isPattern() || namespace.isPattern() || account.isPattern(),
					AnyCase: cluster.anyCase || namespace.anyCase || account.anyCase, If: rest,
				})
			}
		}
	}
}

// orAny is anything where a key is not limited.
func orAny(patterns []valuePattern) []valuePattern {
	if patterns == nil {
		return []valuePattern{{text: "*", wild: true}}
	}
	return patterns
}

// clusterOf is the name of a cluster, of its ARN if that is what it is. A pattern that ends before the name is any cluster.
func clusterOf(text string) string {
	_, name, is := strings.Cut(text, ":cluster/")
	switch {
	case is:
		return name
	case strings.HasPrefix(text, "arn:"):
		return "*"
	default:
		return text
	}
}
