package awsauth

import (
	"fmt"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/plugin/maproles"
)

// reported is the entry that a refresh shows: the last one, as the authenticator takes that, but one that this resource did not
// write also where it stands before the own one. It is another writer's wish for the role, and an update ends it.
func reported(entries []maproles.Entry, own maproles.Entry) maproles.Entry {
	for _, entry := range slices.Backward(entries) {
		if !entry.Equal(own) {
			return entry
		}
	}
	return entries[len(entries)-1]
}

// refuseOthers fails if mapRoles has an entry for the role that is neither the wanted one nor gives what a known one does.
func refuseOthers(text string, wanted maproles.Entry, known []maproles.Entry) error {
	found, err := maproles.Find(text, wanted.RoleARN)
	if err != nil {
		return err
	}
	for _, entry := range found {
		if !entry.Equal(wanted) && !slices.ContainsFunc(known, entry.Gives) {
			return fmt.Errorf("the role has an entry already that this resource did not write, with %s: give it the same values to "+
				"adopt it, refresh if it was changed by hand, or replace it with overwrite (in the configuration "+
				"`access: {via: aws-auth, overwrite: true}`, in a program Overwrite of components.AwsAuthArgs)", entry)
		}
	}
	return nil
}

// stateOf is the state that inputs lead to. Check has validated them; an ARN that is not known yet has no mapped form.
func stateOf(args RoleArgs) RoleState {
	mapped, _ := mappedARN(args.RoleARN)
	args.Groups = asList(args.Groups)
	written := &Identity{Username: valueOf(args.Username), Groups: args.Groups}
	return RoleState{RoleArgs: args, MappedARN: mapped, Written: written}
}

// writtenBy is the entry as the resource wrote it, whatever a refresh has found since. Earlier versions did not note it.
func writtenBy(state RoleState) maproles.Entry {
	if state.Written == nil {
		return entryOf(state)
	}
	return maproles.Entry{RoleARN: state.MappedARN, Username: state.Written.Username, Groups: state.Written.Groups}
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
