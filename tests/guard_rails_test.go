package tests

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// warnings is a log that keeps what Pulumi is to warn of.
type warnings struct {
	pulumi.Log

	mutex sync.Mutex
	texts []string
	about []pulumi.Resource
	err   error
}

func (w *warnings) Warn(text string, args *pulumi.LogArgs) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.texts, w.about = append(w.texts, text), append(w.about, args.Resource)
	return w.err
}

// warned are the warnings of a program that makes the role.
func warned(t *testing.T, change func(*components.IrsaRoleArgs), options ...pulumi.RunOption) []string {
	t.Helper()
	log := &warnings{}
	require.NoError(t, newRecorder().run(func(ctx *pulumi.Context) error {
		log.Log, ctx.Log = ctx.Log, log
		given, err := registerProviders(ctx)
		if err != nil {
			return err
		}
		role, err := components.NewIrsaRole(ctx, "app", irsaRole.args(given, change), pulumi.Providers(given.aws, given.hub))
		for _, about := range log.about {
			assert.Equal(t, role, about, "the warning is shown beside the role")
		}
		return err
	}, options...))
	return log.texts
}

// Documents that break guard rails, and one that changes something without that.
const (
	allOfS3   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	putObject = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}]}`
)

func wholeNamespace(args *components.IrsaRoleArgs) {
	args.Name = "runners"
	args.ServiceAccounts = []components.ServiceAccountArgs{{Namespace: "ci", NamePattern: "*", Mode: components.TrustOnly}}
}

func longSession(args *components.IrsaRoleArgs) {
	args.MaxSessionDuration = 7200
	args.InlinePolicies = map[string]components.PolicyDocument{"put": pulumi.String(putObject)}
}

// brokenRails are roles that break one guard rail each, and what Pulumi warns of.
var brokenRails = []struct {
	name   string
	rail   components.GuardRail
	want   string
	change func(*components.IrsaRoleArgs)
}{
	{
		"an administrator's policy by its name", components.AdministratorPolicy,
		"managedPolicies[1]: PowerUserAccess lets the role do or give itself everything",
		func(args *components.IrsaRoleArgs) {
			args.ManagedPolicies = []string{"AmazonS3ReadOnlyAccess", "PowerUserAccess"}
		},
	},
	{
		"an administrator's policy by its ARN", components.AdministratorPolicy,
		"managedPolicies[0]: AdministratorAccess lets the role do or give itself everything",
		func(args *components.IrsaRoleArgs) {
			args.ManagedPolicies = []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
		},
	},
	{
		"an administrator's policy that a program attaches", components.AdministratorPolicy,
		"policyAttachments.admin: IAMFullAccess lets the role do or give itself everything",
		func(args *components.IrsaRoleArgs) {
			args.PolicyAttachments = map[string]pulumi.StringInput{"admin": pulumi.String("arn:aws:iam::aws:policy/IAMFullAccess")}
		},
	},
	{
		"every action in an inline policy", components.EveryAction,
		"inlinePolicies.s3: a statement allows every action of a service on every resource",
		func(args *components.IrsaRoleArgs) {
			args.InlinePolicies = map[string]components.PolicyDocument{"s3": pulumi.String(allOfS3)}
		},
	},
	{
		"every action in a managed policy", components.EveryAction,
		"customerManagedPolicies.s3: a statement allows every action of a service on every resource",
		func(args *components.IrsaRoleArgs) {
			args.CustomerManagedPolicies = map[string]components.PolicyDocument{"s3": pulumi.String(allOfS3)}
		},
	},
	{
		"a whole namespace", components.WholeNamespace,
		"serviceAccounts[0].namePattern: every service account of the namespace ci may have the role, whichever user creates it",
		wholeNamespace,
	},
	{
		"a long session that writes by a document", components.LongSession,
		"maxSessionDuration: sessions of up to 7200 s may change something; what leaks from a pod stays valid as long", longSession,
	},
	{
		"a long session that writes by a policy of AWS", components.LongSession,
		"maxSessionDuration: sessions of up to 7200 s may change something; what leaks from a pod stays valid as long",
		func(args *components.IrsaRoleArgs) {
			args.MaxSessionDuration, args.ManagedPolicies = 7200, []string{"service-role/AmazonEBSCSIDriverPolicy"}
		},
	},
}

func TestIrsaRoleWarnsOfEachGuardRailUntilItIsAcknowledged(t *testing.T) {
	t.Parallel()
	for _, test := range brokenRails {
		for when, options := range map[string][]pulumi.RunOption{"update": nil, "preview": {preview}} {
			t.Run(test.name+", "+when, func(t *testing.T) {
				t.Parallel()
				want := `IrsaRole "app": ` + test.want + ". If that is meant, acknowledge " + string(test.rail)
				assert.Equal(t, []string{want}, warned(t, test.change, options...))
				assert.Empty(t, warned(t, func(args *components.IrsaRoleArgs) {
					test.change(args)
					args.Acknowledge = []components.GuardRail{test.rail}
				}, options...))
			})
		}
	}
}

func TestIrsaRoleAcknowledgesEachGuardRailForItself(t *testing.T) {
	t.Parallel()
	both := func(args *components.IrsaRoleArgs) {
		longSession(args)
		args.ManagedPolicies = []string{"PowerUserAccess"}
	}
	assert.Len(t, warned(t, both), 2)
	left := warned(t, func(args *components.IrsaRoleArgs) {
		both(args)
		args.Acknowledge = []components.GuardRail{components.LongSession}
	})
	require.Len(t, left, 1)
	assert.Contains(t, left[0], "acknowledge administratorPolicy")
}

func TestIrsaRoleDoesNotWarnOfWhatIsMeantToBeSo(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*components.IrsaRoleArgs){
		"a role without permissions": nil,
		"a long session that only reads": func(args *components.IrsaRoleArgs) {
			args.MaxSessionDuration, args.ManagedPolicies = 43200, []string{"AmazonS3ReadOnlyAccess"}
			args.InlinePolicies = map[string]components.PolicyDocument{"list": pulumi.String(listBuckets)}
		},
		"a session of an hour that writes": func(args *components.IrsaRoleArgs) {
			longSession(args)
			args.MaxSessionDuration = 3600
		},
		"a pattern for a part of the namespace": func(args *components.IrsaRoleArgs) {
			wholeNamespace(args)
			args.ServiceAccounts[0].NamePattern = "runner-*"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, warned(t, change))
		})
	}
}

func TestIrsaRoleWarnsOfAnAcknowledgementThatNoLongerApplies(t *testing.T) {
	t.Parallel()
	rails := []components.GuardRail{components.WholeNamespace, components.EveryAction}
	stale := func(args *components.IrsaRoleArgs) {
		args.InlinePolicies = map[string]components.PolicyDocument{"s3": pulumi.String(allOfS3)}
		args.Acknowledge = rails
	}
	assert.Equal(t, []string{
		`IrsaRole "app": acknowledge[0]: wholeNamespace no longer applies to the role; take it out, so that it warns when it does ` +
			"again",
	}, warned(t, stale))
	for name, change := range map[string]func(*components.IrsaRoleArgs){
		"a document that is known later": func(args *components.IrsaRoleArgs) {
			args.InlinePolicies["later"] = pulumi.String(listBuckets).ToStringOutput()
		},
		"a policy that the program makes": func(args *components.IrsaRoleArgs) {
			args.PolicyAttachments = map[string]pulumi.StringInput{"made": pulumi.String("arn:aws:iam::" + account + ":policy/made")}
		},
	} {
		assert.Empty(t, warned(t, func(args *components.IrsaRoleArgs) {
			stale(args)
			change(args)
		}), "%s may be what is acknowledged", name)
	}
}

func TestIrsaRoleRefusesAnUnknownGuardRail(t *testing.T) {
	t.Parallel()
	irsaRole.refusesThis(t, "an unknown guard rail", `acknowledge[1]: "everything" is none of the guard rails `+allGuardRails,
		func(args *components.IrsaRoleArgs) {
			args.Acknowledge = []components.GuardRail{components.WholeNamespace, "everything"}
		})
}

func TestIrsaRoleFailsWhereItCannotWarn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*components.IrsaRoleArgs){
		"of a guard rail": wholeNamespace,
		"of an acknowledgement": func(args *components.IrsaRoleArgs) {
			args.Acknowledge = []components.GuardRail{components.EveryAction}
		},
	} {
		err := newRecorder().run(func(ctx *pulumi.Context) error {
			ctx.Log = &warnings{err: errors.New("no log")}
			_, err := components.NewIrsaRole(ctx, "app", irsaRole.args(unregistered, change))
			return err
		})
		assert.ErrorContains(t, err, `IrsaRole "app": no log`, name)
	}
}

// The platform hands the acknowledgements on to each role, and to that of Argo CD.
func TestPlatformWarnsOfTheGuardRailsOfEveryRole(t *testing.T) {
	t.Parallel()
	const declared = `
clusters:
  hub: {region: eu-west-1}
roles:
  app:
    clusters: [hub]
    serviceAccounts: [{namespace: default, name: app}]
    managedPolicies: [PowerUserAccess]
    # here
argocd:
  hub: hub
  maxSessionDuration: 7200
  customerManagedPolicies:
    s3: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:*", Resource: "*"}]}
  # there
`
	said := func(platform string) []string {
		log := &warnings{}
		deployed(t, clusters("hub"), platformConfig(t, platform), func(ctx *pulumi.Context) error {
			log.Log, ctx.Log = ctx.Log, log
			return nil
		})
		slices.Sort(log.texts)
		return log.texts
	}
	warnings := said(declared)
	require.Len(t, warnings, 3)
	for i, want := range []string{
		`IrsaRole "app": managedPolicies[0]: PowerUserAccess `, `IrsaRole "argocd": customerManagedPolicies.s3: `,
		`IrsaRole "argocd": maxSessionDuration: `,
	} {
		assert.True(t, strings.HasPrefix(warnings[i], want), warnings[i])
	}
	assert.Empty(t, said(strings.NewReplacer(
		"# here", "acknowledge: [administratorPolicy]", "# there", "acknowledge: [everyAction, longSession]").Replace(declared)))
}
