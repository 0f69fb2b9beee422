// Package awsauth is the Pulumi resource eks-irsa:index:AwsAuthRole: one IAM role's entry in the aws-auth ConfigMap of an EKS
// cluster.
package awsauth

import (
	"context"
	"fmt"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-irsa/pulumi-eks-irsa/components/plugin/maproles"
)

// PackageName is the Pulumi package that the plugin serves.
const PackageName = "eks-irsa"

// Role is the controller of the resource.
type Role struct {
	connect func(kubeconfig string) (kubernetes.Interface, error)
}

// RoleArgs are the resource's inputs.
type RoleArgs struct {
	Kubeconfig string   `pulumi:"kubeconfig" provider:"secret"`
	RoleARN    string   `pulumi:"roleArn"`
	Username   *string  `pulumi:"username,optional"`
	Groups     []string `pulumi:"groups,optional"`
	Overwrite  *bool    `pulumi:"overwrite,optional"`
}

// RoleState is what Pulumi remembers: the inputs, with the entry as it is in the cluster, and the ARN in it.
type RoleState struct {
	RoleArgs
	MappedARN string `pulumi:"mappedArn"`
}

// NewProvider is the plugin's provider. connect makes the client for a kubeconfig; outside tests it is Connect.
func NewProvider(connect func(kubeconfig string) (kubernetes.Interface, error)) (p.Provider, error) {
	provider, err := infer.NewProviderBuilder().
		WithDisplayName("EKS IRSA").
		WithDescription("Edits single entries of the aws-auth ConfigMap of an EKS cluster.").
		WithRepository("https://github.com/eks-irsa/pulumi-eks-irsa").
		WithGoImportPath("github.com/eks-irsa/pulumi-eks-irsa/sdk/go/eksirsa").
		WithLicense("Apache-2.0").
		WithResources(infer.Resource(&Role{connect: connect})).
		Build()
	if err != nil {
		return p.Provider{}, fmt.Errorf("building provider %s: %w", PackageName, err)
	}
	return readingSecrets(provider), nil
}

// readingSecrets keeps an imported kubeconfig secret: infer marks secrets in Check, and an import has no Check before its Read.
func readingSecrets(provider p.Provider) p.Provider {
	read := provider.Read
	provider.Read = func(ctx context.Context, req p.ReadRequest) (p.ReadResponse, error) {
		resp, err := read(ctx, req)
		if kubeconfig, found := resp.Properties.GetOk("kubeconfig"); found {
			resp.Properties = resp.Properties.Set("kubeconfig", kubeconfig.WithSecret(true))
		}
		if kubeconfig, found := resp.Inputs.GetOk("kubeconfig"); found {
			resp.Inputs = resp.Inputs.Set("kubeconfig", kubeconfig.WithSecret(true))
		}
		return resp, err
	}
	return provider
}

// Annotate sets the type token and the schema's description.
func (r *Role) Annotate(a infer.Annotator) {
	a.SetToken("index", "AwsAuthRole")
	a.Describe(&r, "The entry of one IAM role in `mapRoles` of the ConfigMap `kube-system/aws-auth`, through which an EKS "+
		"cluster gives the role's sessions a Kubernetes user and groups. All other entries stay byte for byte as they are, also "+
		"when several writers edit the map at once. Import by `kube-system/aws-auth/<role ARN without path>`, with KUBECONFIG "+
		"pointing at the cluster.")
}

// Annotate describes the inputs in the schema.
func (a *RoleArgs) Annotate(annotator infer.Annotator) {
	annotator.Describe(&a.Kubeconfig, "Content of a kubeconfig whose current context may get and update the ConfigMap. "+
		"Credential plugins such as `aws eks get-token` are allowed. Another server replaces the resource.")
	annotator.Describe(&a.RoleARN, "ARN of the IAM role. A path is left out of the entry, since the cluster never sees it.")
	annotator.Describe(&a.Username, "Kubernetes user name of the role's sessions. It may hold the authenticator's templates, "+
		"such as `{{SessionName}}`. Default: the role's ARN without path.")
	annotator.Describe(&a.Groups, "Kubernetes groups of the role's sessions, a set. Default: none.")
	annotator.Describe(&a.Overwrite, "Replace an entry that somebody else made for this role with another user name or other "+
		"groups. Default: false, which refuses.")
}

// Annotate describes the output in the schema.
func (s *RoleState) Annotate(annotator infer.Annotator) {
	annotator.Describe(&s.MappedARN, "The role's ARN without its path, as it stands in the entry.")
}

// WireDependencies says that mappedArn follows from roleArn alone, so that a preview knows it.
func (*Role) WireDependencies(f infer.FieldSelector, args *RoleArgs, state *RoleState) {
	f.OutputField(&state.Kubeconfig).AlwaysSecret()
	mapped := f.OutputField(&state.MappedARN)
	mapped.DependsOn(f.InputField(&args.RoleARN))
	if args.RoleARN != "" {
		mapped.AlwaysKnown()
	}
}

// Diff compares roles and clusters by what they are, not by spelling: a new path of the role, or a new kubeconfig for the
// same server, changes the state only.
func (*Role) Diff(
	_ context.Context, req infer.DiffRequest[RoleArgs, RoleState],
) (infer.DiffResponse, error) {
	was, is := req.State, req.Inputs
	mapped, err := mappedARN(is.RoleARN) // fails for an ARN that a preview does not know yet
	otherRole := err != nil || !maproles.SameRole(was.MappedARN, mapped)
	otherCluster := !sameCluster(was.Kubeconfig, is.Kubeconfig)

	diff := map[string]p.PropertyDiff{}
	mark := func(property string, changed, replaces bool) {
		if kind := p.Update; changed {
			if replaces {
				kind = p.UpdateReplace
			}
			diff[property] = p.PropertyDiff{Kind: kind, InputDiff: true}
		}
	}
	mark("roleArn", was.RoleARN != is.RoleARN, otherRole)
	mark("kubeconfig", was.Kubeconfig != is.Kubeconfig, otherCluster)
	mark("username", valueOf(was.Username) != valueOf(is.Username), false)
	mark("groups", !maproles.SameGroups(was.Groups, is.Groups), false)
	mark("overwrite", valueOf(was.Overwrite) != valueOf(is.Overwrite), false)
	return infer.DiffResponse{
		HasChanges:   len(diff) > 0,
		DetailedDiff: diff,
		// Two servers may be two names of one cluster. Created first, the entry would be adopted there, and then deleted.
		DeleteBeforeReplace: otherCluster,
	}, nil
}

// Create adds the entry, or adopts an equal one.
func (r *Role) Create(
	ctx context.Context, req infer.CreateRequest[RoleArgs],
) (infer.CreateResponse[RoleState], error) {
	state := stateOf(req.Inputs)
	created := infer.CreateResponse[RoleState]{Output: state}
	if state.MappedARN != "" { // else a preview that does not know the role yet
		created.ID = idOf(state.MappedARN)
	}
	if req.DryRun {
		return created, nil
	}
	return created, r.put(ctx, state)
}

// Update rewrites the entry in its place.
func (r *Role) Update(
	ctx context.Context, req infer.UpdateRequest[RoleArgs, RoleState],
) (infer.UpdateResponse[RoleState], error) {
	state := stateOf(req.Inputs)
	updated := infer.UpdateResponse[RoleState]{Output: state}
	if req.DryRun {
		return updated, nil
	}
	return updated, r.put(ctx, state, entryOf(req.State))
}

// Read reports the entry as it is in the cluster, or that it is gone.
func (r *Role) Read(
	ctx context.Context, req infer.ReadRequest[RoleArgs, RoleState],
) (infer.ReadResponse[RoleArgs, RoleState], error) {
	gone := infer.ReadResponse[RoleArgs, RoleState]{}
	state, err := recall(req)
	if err != nil {
		return gone, err
	}
	client, err := r.connect(state.Kubeconfig)
	if err != nil {
		return gone, err
	}
	text, err := readMapRoles(ctx, client)
	if err != nil {
		return gone, err
	}
	entries, err := maproles.Find(text, state.MappedARN)
	if err != nil || len(entries) == 0 {
		return gone, err
	}
	inCluster := entries[len(entries)-1] // the one that the authenticator takes
	state.Username = &inCluster.Username
	if !maproles.SameGroups(state.Groups, inCluster.Groups) {
		state.Groups = asList(inCluster.Groups)
	}
	return infer.ReadResponse[RoleArgs, RoleState]{ID: req.ID, Inputs: state.RoleArgs, State: state}, nil
}

// recall gives the state to compare with the cluster. For an import, which has none, it is made of the ID and of kubectl's
// configuration.
func recall(req infer.ReadRequest[RoleArgs, RoleState]) (RoleState, error) {
	if req.State.MappedARN != "" {
		return req.State, nil
	}
	roleARN, found := strings.CutPrefix(req.ID, idOf(""))
	mapped, err := mappedARN(roleARN)
	if !found || err != nil || mapped != roleARN {
		return RoleState{}, fmt.Errorf("%q is not the ID of an AwsAuthRole, %s<role ARN without path>", req.ID, idOf(""))
	}
	kubeconfig, err := ambientKubeconfig()
	if err != nil {
		return RoleState{}, err
	}
	return RoleState{
		RoleArgs:  RoleArgs{Kubeconfig: kubeconfig, RoleARN: roleARN, Groups: []string{}},
		MappedARN: mapped,
	}, nil
}

// Delete removes the entry. One that somebody has changed since is theirs, and stays.
func (r *Role) Delete(
	ctx context.Context, req infer.DeleteRequest[RoleState],
) (infer.DeleteResponse, error) {
	client, err := r.connect(req.State.Kubeconfig)
	if err != nil {
		return infer.DeleteResponse{}, err
	}
	mine := entryOf(req.State)
	var left []maproles.Entry
	err = editMapRoles(ctx, client, func(text string) (string, error) {
		edited, err := maproles.Remove(text, mine)
		if err != nil {
			return "", err
		}
		left, err = maproles.Find(edited, mine.RoleARN)
		return edited, err
	})
	if err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("unmapping %s: %w", mine.RoleARN, err)
	}
	for _, entry := range left {
		p.GetLogger(ctx).Warningf("the entry of %s with user name %q and groups %q was changed by somebody else and stays",
			entry.RoleARN, entry.Username, entry.Groups)
	}
	return infer.DeleteResponse{}, nil
}

// put makes the cluster's entry that of state. It replaces only entries that it knows: equal ones, those in known, and, if
// told to overwrite, any.
func (r *Role) put(ctx context.Context, state RoleState, known ...maproles.Entry) error {
	client, err := r.connect(state.Kubeconfig)
	if err != nil {
		return err
	}
	wanted := entryOf(state)
	err = editMapRoles(ctx, client, func(text string) (string, error) {
		if !valueOf(state.Overwrite) {
			if err := refuseOthers(text, append(known, wanted)); err != nil {
				return "", err
			}
		}
		return maproles.Put(text, wanted)
	})
	if err != nil {
		return fmt.Errorf("mapping %s: %w", wanted.RoleARN, err)
	}
	return nil
}

// refuseOthers fails if mapRoles has an entry for the role that is none of the known ones. The known ones are of one role.
func refuseOthers(text string, known []maproles.Entry) error {
	found, err := maproles.Find(text, known[0].RoleARN)
	if err != nil {
		return err
	}
	for _, entry := range found {
		isKnown := false
		for _, candidate := range known {
			isKnown = isKnown || entry.Equal(candidate)
		}
		if !isKnown {
			return fmt.Errorf("the role has an entry already that this resource did not write, with user name %q and groups %q: "+
				"give it the same values to adopt it, refresh if it was changed by hand, or set overwrite to replace it",
				entry.Username, entry.Groups)
		}
	}
	return nil
}

// stateOf is the state that inputs lead to. Check has validated them; an ARN that is not known yet has no mapped form.
func stateOf(args RoleArgs) RoleState {
	mapped, _ := mappedARN(args.RoleARN)
	args.Groups = asList(args.Groups)
	return RoleState{RoleArgs: args, MappedARN: mapped}
}

func entryOf(state RoleState) maproles.Entry {
	return maproles.Entry{RoleARN: state.MappedARN, Username: valueOf(state.Username), Groups: state.Groups}
}

// asList makes no groups an empty list, so that the state has the property always, and a preview can mark it as not known.
func asList(groups []string) []string { return append([]string{}, groups...) }

func idOf(mappedARN string) string { return configMapNamespace + "/" + configMapName + "/" + mappedARN }

// valueOf is what the pointer points at, or the zero value for nil.
func valueOf[T any](pointer *T) T {
	var value T
	if pointer != nil {
		value = *pointer
	}
	return value
}
