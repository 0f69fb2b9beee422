package stacks

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// policyPaths are where AWS keeps its own policies that a role can have. Those below aws-service-role/ and root-task/ are for
// AWS's own use.
//
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
var policyPaths = []string{"", "service-role/", "job-function/"}

// policyNameForm is the name of one of AWS's own policies, with its path or without.
var policyNameForm = regexp.MustCompile(`^([A-Za-z0-9-]+/)*[A-Za-z0-9_+=,.@-]{1,128}$`)

// managedPolicyName is a managed policy's name, whether it was given as such or as an ARN.
func managedPolicyName(policy string) string { return policy[strings.LastIndex(policy, "/")+1:] }

// managedPolicyArn turns the name of one of AWS's own policies into its ARN; an ARN stays as it is.
func managedPolicyArn(policy, partition string) string {
	if strings.HasPrefix(policy, "arn:") {
		return policy
	}
	return fmt.Sprintf("arn:%s:iam::aws:policy/%s", partition, policy)
}

// validatePolicy checks a managed policy of a role in the account of a cluster: the name of one of AWS's own, or an ARN.
func (cfg *Config) validatePolicy(policy, cluster string) error {
	if !strings.HasPrefix(policy, "arn:") {
		if !policyNameForm.MatchString(policy) {
			return fmt.Errorf("%q is neither the name of one of AWS's own policies, such as ReadOnlyAccess or "+
				"service-role/AmazonEBSCSIDriverPolicy, nor an ARN", policy)
		}
		return nil
	}
	return errors.Join(iampolicy.ValidatePolicyArn(policy), cfg.Clusters[cluster].refusePartition(policy))
}

// validateBoundary checks the permissions boundary of a role in the account of a cluster.
func (cfg *Config) validateBoundary(settings RoleSettings, cluster string) error {
	if settings.PermissionsBoundary == "" {
		return nil
	}
	return fault.At("permissionsBoundary", cfg.validatePolicy(settings.PermissionsBoundary, cluster))
}

// eachPolicy visits the managed policies of all roles, boundaries among them, each with its path and a cluster in the account
// of the role.
func (cfg *Config) eachPolicy(visit func(path, policy, cluster string)) {
	settings := func(path string, settings RoleSettings, cluster string) {
		if settings.PermissionsBoundary != "" {
			visit(path+".permissionsBoundary", settings.PermissionsBoundary, cluster)
		}
	}
	podRole := func(path string, role PodRoleSettings, cluster string) {
		settings(path, role.RoleSettings, cluster)
		for i, policy := range role.ManagedPolicies {
			visit(fmt.Sprintf("%s.managedPolicies[%d]", path, i), policy, cluster)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Roles)) {
		podRole("roles."+key, cfg.Roles[key].PodRoleSettings, cfg.Roles[key].Clusters[0])
	}
	if cfg.ArgoCD == nil {
		return
	}
	podRole("argocd", cfg.ArgoCD.PodRoleSettings, cfg.ArgoCD.Hub)
	for _, key := range slices.Sorted(maps.Keys(cfg.ArgoCD.Targets)) {
		if target := cfg.ArgoCD.Targets[key]; target.Role != nil {
			settings("argocd.targets."+key+".role", target.Role.RoleSettings, target.Cluster)
		}
	}
}

// namedPolicy is one of AWS's own policies, as an account is asked for it.
type namedPolicy struct{ account, name string }

// findPolicies asks AWS for its own policies that the configuration names: the ARN has a path, which the name need not tell.
// Each is asked for once in an account. A name that AWS does not have is no error yet.
func (p *platform) findPolicies() error {
	clusters := map[namedPolicy]string{}
	p.cfg.eachPolicy(func(_, policy, cluster string) {
		if !strings.HasPrefix(policy, "arn:") {
			clusters[namedPolicy{p.accountOf(cluster).id, policy}] = cluster
		}
	})
	names := slices.Collect(maps.Keys(clusters))
	arns := make([]string, len(names))
	places := make([]int, len(names))
	for i := range places {
		places[i] = i
	}
	err := atOnce(places, func(i int) (err error) {
		arns[i], err = p.findPolicy(names[i].name, p.accountOf(clusters[names[i]]))
		return err
	})
	for i, name := range names {
		p.policies[name] = arns[i]
	}
	return err
}

// findPolicy is the ARN of one of AWS's own policies, or "" where there is none of that name.
func (p *platform) findPolicy(name string, account *account) (string, error) {
	paths := policyPaths
	if strings.Contains(name, "/") {
		paths = []string{""} // its own
	}
	for _, path := range paths {
		arn := managedPolicyArn(path+name, account.partition)
		_, err := iam.LookupPolicy(p.ctx, &iam.LookupPolicyArgs{Arn: &arn}, pulumi.Provider(account.iam))
		switch {
		case err == nil:
			return arn, nil
		case isDenied(err):
			// Most of AWS's policies have no path, so this is right most of the time, and IAM says so where it is not.
			arn = managedPolicyArn(name, account.partition)
			return arn, p.ctx.Log.Warn(fmt.Sprintf("Pulumi's credentials%s may not ask IAM for the policy %s (iam:GetPolicy), so it is taken "+
				"for %s; give it with its path, or its ARN, if it is another", account.credentials, name, arn), nil)
		case !isMissing(err):
			return "", fmt.Errorf("asking IAM for the policy %s%s: %w", arn, account.credentials, err)
		}
	}
	return "", nil
}

// isMissing and isDenied know the AWS provider's errors, which are text to a program.
func isMissing(err error) bool {
	return strings.Contains(err.Error(), "NoSuchEntity") || strings.Contains(err.Error(), "couldn't find resource")
}

func isDenied(err error) bool { return strings.Contains(err.Error(), "AccessDenied") }

// checkPolicies refuses names that AWS does not have.
func (p *platform) checkPolicies() error {
	var faults []error
	p.cfg.eachPolicy(func(path, policy, cluster string) {
		if p.policyArn(cluster)(policy) != "" {
			return
		}
		faults = append(faults, fmt.Errorf("%s: AWS has no policy of its own that is called %s and can be given to a role; one of your own "+
			"needs its ARN, arn:%s:iam::%s:policy/%s for example", path, policy, p.accountOf(cluster).partition, p.accountOf(cluster).id,
			managedPolicyName(policy)))
	})
	return errors.Join(faults...)
}

// policyArn gives the ARNs of the managed policies of a role in the account of a cluster.
func (p *platform) policyArn(cluster string) func(policy string) string {
	return func(policy string) string {
		if strings.HasPrefix(policy, "arn:") {
			return policy
		}
		return p.policies[namedPolicy{p.accountOf(cluster).id, policy}]
	}
}
