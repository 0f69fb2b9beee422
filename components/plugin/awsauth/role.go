// Package awsauth is the Pulumi resource eks-irsa:index:AwsAuthRole: one IAM role's entry in the aws-auth ConfigMap of an EKS
// cluster.
package awsauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
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

// RoleState is what Pulumi remembers: the inputs, with the entry as it is in the cluster, the ARN in it, and what this resource
// wrote.
type RoleState struct {
	RoleArgs
	MappedARN string    `pulumi:"mappedArn"`
	Written   *Identity `pulumi:"written,optional"`
}

// Identity is what an entry gives a role.
type Identity struct {
	Username string   `pulumi:"username"`
	Groups   []string `pulumi:"groups"`
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
	annotator.Describe(&a.Overwrite, "Replace an entry made outside this stack for this role with another user name or other "+
		"groups. Default: false, which refuses.")
}

// Annotate describes an identity in the schema.
func (i *Identity) Annotate(annotator infer.Annotator) {
	annotator.Describe(&i.Username, "Kubernetes user name.")
	annotator.Describe(&i.Groups, "Kubernetes groups.")
}

// Annotate describes the output in the schema.
func (s *RoleState) Annotate(annotator infer.Annotator) {
	annotator.Describe(&s.MappedARN, "The role's ARN without its path, as it stands in the entry.")
	annotator.Describe(&s.Written, "What this resource wrote or adopted. A refresh does not change it, and only it is removed.")
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
	// Values that were taken over from an entry made by hand are not this resource's own until an update has made them so.
	own := writtenBy(was)
	mark("username", valueOf(was.Username) != valueOf(is.Username) || own.Username != valueOf(is.Username), false)
	mark("groups", !maproles.SameGroups(was.Groups, is.Groups) || !maproles.SameGroups(own.Groups, is.Groups), false)
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
	return updated, r.put(ctx, state, entryOf(req.State), writtenBy(req.State))
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
	found := reported(entries, writtenBy(state))
	state.Username = &found.Username
	if !maproles.SameGroups(state.Groups, found.Groups) {
		state.Groups = asList(found.Groups)
	}
	if state.Written == nil { // an import
		state.Written = &Identity{Username: found.Username, Groups: state.Groups}
	}
	return infer.ReadResponse[RoleArgs, RoleState]{ID: req.ID, Inputs: state.RoleArgs, State: state}, nil
}

// recall gives the state to compare with the cluster. For an import, which has none, it is made of the ID and of kubectl's
// configuration.
func recall(req infer.ReadRequest[RoleArgs, RoleState]) (RoleState, error) {
	if state := req.State; state.MappedARN != "" {
		own := writtenBy(state)
		state.Written = &Identity{Username: own.Username, Groups: own.Groups}
		return state, nil
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

// forgotten reports whether an entry was in a cluster that gives no answer, which the variable of Pulumi's Kubernetes provider says
// is gone: https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/
func forgotten(err error) bool {
	var unanswered *url.Error
	return errors.As(err, &unanswered) && os.Getenv("PULUMI_K8S_DELETE_UNREACHABLE") == "true"
}

// Delete removes the entry as this resource wrote it. One that another writer has changed since is theirs, and stays.
func (r *Role) Delete(
	ctx context.Context, req infer.DeleteRequest[RoleState],
) (infer.DeleteResponse, error) {
	client, err := r.connect(req.State.Kubeconfig)
	if err != nil {
		return infer.DeleteResponse{}, err
	}
	mine := writtenBy(req.State)
	var left []maproles.Entry
	err = editMapRoles(ctx, client, func(text string) (string, error) {
		edited, err := maproles.Remove(text, mine)
		if err != nil {
			return "", err
		}
		left, err = maproles.Find(edited, mine.RoleARN)
		return edited, err
	})
	if forgotten(err) {
		p.GetLogger(ctx).Warningf("the cluster cannot be reached, so the entry of %s is forgotten: %v", mine.RoleARN, err)
		return infer.DeleteResponse{}, nil
	}
	if err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("unmapping %s: %w", mine.RoleARN, err)
	}
	for _, entry := range left {
		p.GetLogger(ctx).Warningf("the entry of %s with %s was changed outside this stack and stays", entry.RoleARN, entry)
	}
	return infer.DeleteResponse{}, nil
}

// put makes the cluster's entry that of state. It replaces only entries that it knows: equal ones, what known ones give, and, if
// told to overwrite, any.
func (r *Role) put(ctx context.Context, state RoleState, known ...maproles.Entry) error {
	client, err := r.connect(state.Kubeconfig)
	if err != nil {
		return err
	}
	wanted := entryOf(state)
	err = editMapRoles(ctx, client, func(text string) (string, error) {
		if !valueOf(state.Overwrite) {
			if err := refuseOthers(text, wanted, known); err != nil {
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
