package components

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// GuardRail is a property of a role that is allowed, and more often a slip than meant. Pulumi warns of it, in a preview too,
// until the role acknowledges it by its name.
type GuardRail string

// The guard rails.
const (
	// AdministratorPolicy is one of AWS's own policies that allow everything, or everything in IAM.
	AdministratorPolicy GuardRail = "administratorPolicy"
	// EveryAction is a statement that allows all actions of a service, or of all services, on every resource.
	EveryAction GuardRail = "everyAction"
	// WholeNamespace is the namePattern "*", which lets every service account of a namespace have the role.
	WholeNamespace GuardRail = "wholeNamespace"
	// LongSession is a session of more than an hour with permissions to change something: as long, what leaks stays valid.
	LongSession GuardRail = "longSession"
)

var guardRails = []GuardRail{AdministratorPolicy, EveryAction, WholeNamespace, LongSession}

// administratorPolicies are those of AWS's own policies with which a role can give itself everything.
//
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
var administratorPolicies = []string{"AdministratorAccess", "IAMFullAccess", "PowerUserAccess", "AdministratorAccess-Amplify"}

// concern is a guard rail that a role breaks.
type concern struct {
	rail   GuardRail
	path   fielderr.Path
	reason string
}

// concerns are the guard rails that the role breaks, as far as its arguments are known. complete is false where a document is
// not known yet.
func (args *IrsaRoleArgs) concerns() (found []concern, complete bool) {
	complete = true
	administrator := func(path fielderr.Path, policy string) {
		if name := ManagedPolicyName(policy); slices.Contains(administratorPolicies, name) {
			found = append(found, concern{AdministratorPolicy, path, name + " lets the role do or give itself everything"})
		}
	}
	for i, policy := range args.ManagedPolicies {
		administrator(fielderr.Path("managedPolicies").Index(i), policy)
	}
	for _, key := range slices.Sorted(maps.Keys(args.PolicyAttachments)) {
		arn, _ := plainString(args.PolicyAttachments[key])
		administrator(fielderr.Path("policyAttachments").Child(key), arn)
	}
	for i, account := range args.ServiceAccounts {
		if account.NamePattern == "*" {
			found = append(found, concern{
				WholeNamespace, fielderr.Path("serviceAccounts").Index(i).Child("namePattern"),
				"every service account of the namespace " + account.Namespace + " may have the role, whichever user creates it",
			})
		}
	}
	long, writes := args.MaxSessionDuration > defaultSessionDuration, false
	for _, group := range args.policyDocuments() {
		for _, key := range slices.Sorted(maps.Keys(group.documents)) {
			text, plain := plainDocument(group.documents[key])
			document, err := iampolicy.Parse(text)
			if !plain || err != nil {
				complete = false
				continue
			}
			if document.AllowsEverything() {
				found = append(found, concern{
					EveryAction, group.path.Child(key), "a statement allows every action of a service on every resource",
				})
			}
			writes = writes || document.Writes()
		}
	}
	for _, policy := range args.ManagedPolicies {
		writes = writes || !strings.Contains(policy, "ReadOnly")
	}
	if long && writes {
		found = append(found, concern{
			LongSession, "maxSessionDuration",
			fmt.Sprintf("sessions of up to %d s may change something; what leaks from a pod stays valid as long", args.MaxSessionDuration),
		})
	}
	return found, complete && len(args.PolicyAttachments) == 0
}

// defaultSessionDuration is IAM's, in seconds.
const defaultSessionDuration = 3600

// warn shows the guard rails that the role breaks and does not acknowledge, and the acknowledgements that no longer apply.
func (args *IrsaRoleArgs) warn(ctx *pulumi.Context, name string, component pulumi.Resource) error {
	show := func(format string, values ...any) error {
		text := fmt.Sprintf("%s %q: ", typeName(IrsaRoleType), name) + fmt.Sprintf(format, values...)
		return ctx.Log.Warn(text, &pulumi.LogArgs{Resource: component})
	}
	found, complete := args.concerns()
	broken := map[GuardRail]bool{}
	for _, concern := range found {
		broken[concern.rail] = true
		if slices.Contains(args.Acknowledge, concern.rail) {
			continue
		}
		if err := show("%s: %s. If that is meant, acknowledge %s", concern.path, concern.reason, concern.rail); err != nil {
			return err
		}
	}
	for i, rail := range args.Acknowledge {
		if broken[rail] || !complete {
			continue
		}
		err := show("%s: %s no longer applies to the role; take it out, so that it warns when it does again",
			fielderr.Path("acknowledge").Index(i), rail)
		if err != nil {
			return err
		}
	}
	return nil
}

func validateAcknowledged(rails []GuardRail) error {
	return fielderr.At("acknowledge", fielderr.Each(rails, func(rail GuardRail) error {
		if slices.Contains(guardRails, rail) {
			return nil
		}
		return fmt.Errorf("%q is none of the guard rails %q", rail, guardRails)
	}))
}
