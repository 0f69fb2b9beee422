package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

func TestAPathGoesBeforeEveryFault(t *testing.T) {
	t.Parallel()
	two := errors.Join(errors.New("name: is empty"), errors.New("path: is wrong"))
	cases := []struct {
		name     string
		err      error
		at       string
		under    string
		oneFault bool
	}{
		{"one", errors.New("is empty"), "x: is empty", "x.is empty", true},
		{"two, joined", two, "x: name: is empty\nx: path: is wrong", "x.name: is empty\nx.path: is wrong", false},
		{
			"joins within joins", errors.Join(two, errors.Join(nil, errors.New("tags: are missing"))),
			"x: name: is empty\nx: path: is wrong\nx: tags: are missing",
			"x.name: is empty\nx.path: is wrong\nx.tags: are missing", false,
		},
		{
			"a join that is wrapped, which is one fault", fmt.Errorf("role: %w", two),
			"x: role: name: is empty\npath: is wrong", "x.role: name: is empty\npath: is wrong", true,
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.EqualError(t, fault.At("x", test.err), test.at)
			require.EqualError(t, fault.Under("x", test.err), test.under)
			assert.Equal(t, test.oneFault, errors.Is(fault.At("x", test.err), test.err), "what is wrapped can be found")
		})
	}
}

func TestNoFaultHasNoPath(t *testing.T) {
	t.Parallel()
	require.NoError(t, fault.At("x", nil))
	require.NoError(t, fault.Under("x", nil))
	require.NoError(t, fault.At("x", errors.Join(nil, nil)))
}

func TestAFaultInAJoinCanBeFound(t *testing.T) {
	t.Parallel()
	err := fault.Under("a", fault.At("b", errors.Join(errors.New("other"), io.ErrUnexpectedEOF)))
	require.EqualError(t, err, "a.b: other\na.b: unexpected EOF")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestAPathIsNoFormat(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"roles.100%", "roles.%w", "roles.%!s(MISSING)", "tags.50%d"} {
		err := fault.Under(path, fault.At(path, io.ErrUnexpectedEOF))
		require.EqualError(t, err, path+"."+path+": unexpected EOF")
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "a garbled format loses the error")
	}
}

func TestFaultsBecomeErrorsWithPaths(t *testing.T) {
	t.Parallel()
	require.NoError(t, fault.Typed(nil))
	err := errors.Join(fault.Under("a", fault.At("b", errors.New("is: wrong"))), errors.Join(errors.New("c.d: is empty")))
	require.EqualError(t, fielderr.At("x", fault.Typed(err)), "x.a.b: is: wrong\nx.c.d: is empty")
}
