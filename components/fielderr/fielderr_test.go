package fielderr_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

func TestAPathIsWrittenAsInTheFile(t *testing.T) {
	t.Parallel()
	for want, path := range map[string]fielderr.Path{
		"":                               "",
		"name":                           fielderr.Path("").Child("name"),
		"clusters[0].name":               fielderr.Path("clusters").Index(0).Child("name"),
		"tags.50%d off":                  fielderr.Path("tags").Child("50%d off"),
		"tags..a":                        fielderr.Path("tags").Child(".a"),
		"tags.":                          fielderr.Path("tags").Child(""),
		"Statement[1].Effect":            fielderr.Path("Statement").Index(1).Key("Effect"),
		`Condition["ForAnyValue:Bool"]`:  fielderr.Path("Condition").Key("ForAnyValue:Bool"),
		"platform.roles.a":               fielderr.Path("platform").Join(fielderr.Path("roles").Child("a")),
		"platform":                       fielderr.Path("platform").Join(""),
		`["a.b"]`:                        fielderr.Path("").Key("a.b"),
		`Condition["StringLike"]["%w"]`:  `Condition["StringLike"]["%w"]`,
		"roles.a.b.serviceAccounts[0].x": fielderr.Path("roles").Child("a.b").Child("serviceAccounts").Index(0).Child("x"),
	} {
		assert.Equal(t, want, path.String())
	}
}

func TestAPathGoesBeforeEveryError(t *testing.T) {
	t.Parallel()
	var two fielderr.List
	two.Addf("name", "is empty")
	two.Addf("path", "is %s", "wrong")
	cases := []struct {
		name, want string
		err        error
	}{
		{"one without a path", "x: is empty", errors.New("is empty")},
		{"two with paths", "x.name: is empty\nx.path: is wrong", two.Err()},
		{"an element of a list", "x[1]: is empty", fielderr.At(fielderr.Path("").Index(1), errors.New("is empty"))},
		{"a key like an element", "x.[1]: is empty", fielderr.At(fielderr.Path("").Child("[1]"), errors.New("is empty"))},
		{"a key like a child", "x..a: is empty", fielderr.At(fielderr.Path("").Child(".a"), errors.New("is empty"))},
		{
			"joins within joins", "x.name: is empty\nx.path: is wrong\nx: tags are missing",
			errors.Join(two.Err(), errors.Join(nil, errors.New("tags are missing"))),
		},
		{"a join that is wrapped, which is one error", "x: role: name: is empty\npath: is wrong", fmt.Errorf("role: %w", two.Err())},
		{"a document", "x: name: is empty\nx: path: is wrong", fielderr.Document(two.Err())},
		{"a document at a path", "x.policy: name: is empty\nx.policy: path: is wrong", fielderr.At("policy", fielderr.Document(two.Err()))},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.EqualError(t, fielderr.At("x", test.err), test.want)
			require.EqualError(t, fielderr.At("", fielderr.At("x", test.err)), test.want)
		})
	}
}

func TestNoErrorHasNoPath(t *testing.T) {
	t.Parallel()
	var found fielderr.List
	found.Add("x", nil)
	found.Add("x", errors.Join(nil, nil))
	found.Add("x", fielderr.At("y", nil))
	found.Add("x", fielderr.Document(nil))
	found.Refuse(false, "x", "is bad")
	require.NoError(t, found.Err())
	assert.Zero(t, found.Len())
	assert.False(t, found.Has("x"))
}

func TestAnErrorInAListCanBeFound(t *testing.T) {
	t.Parallel()
	err := fielderr.At("a", fielderr.At("b", errors.Join(errors.New("other"), io.ErrUnexpectedEOF)))
	require.EqualError(t, err, "a.b: other\na.b: unexpected EOF")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorIs(t, fielderr.At("a", fielderr.Document(err)), io.ErrUnexpectedEOF)
}

func TestAPathIsNoFormat(t *testing.T) {
	t.Parallel()
	for _, path := range []fielderr.Path{"roles.100%", "roles.%w", "roles.%!s(MISSING)", "tags.50%d"} {
		err := fielderr.At(path, fielderr.At(path, io.ErrUnexpectedEOF))
		require.EqualError(t, err, path.String()+"."+path.String()+": unexpected EOF")
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
}

func TestAListHasOneErrorPerPathIfThatIsAskedFor(t *testing.T) {
	t.Parallel()
	found := fielderr.List{OnePerPath: true}
	found.Addf("a", "is a number")
	found.Add("", fielderr.At(fielderr.Path("").Child("a"), errors.New("is missing")))
	found.Silence("b")
	found.Addf("b", "is missing")
	found.Addf("c", "is missing")
	require.EqualError(t, found.Err(), "a: is a number\nc: is missing")
	assert.Equal(t, 2, found.Len())
	assert.True(t, found.Has("b"))

	var all fielderr.List
	all.Addf("a", "is a number")
	all.Addf("a", "is negative")
	require.EqualError(t, all.Err(), "a: is a number\na: is negative")
}

func TestAValueThatIsNotGivenIsNotChecked(t *testing.T) {
	t.Parallel()
	refuse := func(size int) error { return fmt.Errorf("no %d", size) }
	require.NoError(t, fielderr.IfGiven(0, refuse))
	require.EqualError(t, fielderr.IfGiven(2, refuse), "no 2")
}

func TestListsAndMapsAreCheckedInTheirOrder(t *testing.T) {
	t.Parallel()
	refuse := func(name string) error { return fmt.Errorf("no %s", name) }
	require.EqualError(t, fielderr.At("x", fielderr.Each([]string{"b", "a"}, refuse)), "x[0]: no b\nx[1]: no a")
	require.EqualError(t, fielderr.At("x", fielderr.EachKey(map[string]string{"b": "2", "a": "1"}, func(key, value string) error {
		return refuse(key + value)
	})), "x.a: no a1\nx.b: no b2")
	require.EqualError(t, fielderr.At("x", fielderr.Names([]string{"b", "b"}, refuse)),
		`x[1]: "b" is already in the list, at index 0`+"\nx[0]: no b\nx[1]: no b")
	require.EqualError(t, fielderr.At("x", fielderr.Duplicates([]string{"a", "", "b", "", "a", "a"})),
		`x[4]: "a" is already in the list, at index 0`+"\n"+`x[5]: "a" is already in the list, at index 0`)
}
