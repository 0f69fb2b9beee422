package iampolicy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

func TestNamesAndLimits(t *testing.T) {
	t.Parallel()
	const all = "aZ0_+=,.@-"
	long := func(length int) string { return strings.Repeat("x", length) }
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"role name with every kind of character", iampolicy.ValidateRoleName(all), ""},
		{"role name of 64", iampolicy.ValidateRoleName(long(64)), ""},
		{"role name of 65", iampolicy.ValidateRoleName(long(65)), `role name "` + long(65) + `" has 65 characters; at most 64 are allowed`},
		{"empty role name", iampolicy.ValidateRoleName(""), "role name is empty; use 1 to 64 letters, digits or _+=,.@-"},
		{
			"role name with a slash", iampolicy.ValidateRoleName("team/x"),
			`role name "team/x" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
		},
		{
			"role name with a letter that is not ASCII", iampolicy.ValidateRoleName("ü"),
			`role name "ü" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
		},
		{
			"role name with a line break", iampolicy.ValidateRoleName("x\n"),
			`role name "x\n" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
		},

		{"prefix of 38", iampolicy.ValidateNamePrefix(long(38)), ""},
		{"prefix of 39", iampolicy.ValidateNamePrefix(long(39)), `role name prefix "` + long(39) + `" has 39 characters; at most 38 are allowed`},
		{"empty prefix", iampolicy.ValidateNamePrefix(""), "role name prefix is empty; use 1 to 38 letters, digits or _+=,.@-"},

		{"policy name of 128", iampolicy.ValidatePolicyName(long(128)), ""},
		{"policy name of 129", iampolicy.ValidatePolicyName(long(129)), `policy name "` + long(129) + `" has 129 characters; at most 128 are allowed`},
		{"empty policy name", iampolicy.ValidatePolicyName(""), "policy name is empty; use 1 to 128 letters, digits or _+=,.@-"},
		{
			"policy name with a space", iampolicy.ValidatePolicyName("a b"),
			`policy name "a b" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
		},

		{"root path", iampolicy.ValidateRolePath("/"), ""},
		{"deep path", iampolicy.ValidateRolePath("/teams/payments!~/"), ""},
		{"path of 512", iampolicy.ValidateRolePath("/" + long(510) + "/"), ""},
		{"path of 513", iampolicy.ValidateRolePath("/" + long(511) + "/"), "role path has 513 characters; at most 512 are allowed"},
		{"empty path", iampolicy.ValidateRolePath(""), `role path is empty; use "/" or a path such as "/teams/payments/"`},
		{
			"path without the first slash", iampolicy.ValidateRolePath("teams/"),
			`role path "teams/" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
		},
		{
			"path without the last slash", iampolicy.ValidateRolePath("/teams"),
			`role path "/teams" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
		},
		{
			"path with an empty part", iampolicy.ValidateRolePath("/a//b/"),
			`role path "/a//b/" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
		},
		{
			"path with a space", iampolicy.ValidateRolePath("/a b/"),
			`role path "/a b/" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
		},

		{"session of 3599 s", iampolicy.ValidateSessionDuration(3599), "session duration of 3599 s is out of range; use 3600 to 43200 s (1 to 12 hours)"},
		{"session of 3600 s", iampolicy.ValidateSessionDuration(3600), ""},
		{"session of 43200 s", iampolicy.ValidateSessionDuration(43200), ""},
		{"session of 43201 s", iampolicy.ValidateSessionDuration(43201), "session duration of 43201 s is out of range; use 3600 to 43200 s (1 to 12 hours)"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.want == "" {
				require.NoError(t, test.err)
				return
			}
			require.EqualError(t, test.err, test.want)
		})
	}
}

func TestDefaultRoleName(t *testing.T) {
	t.Parallel()
	const namespace, account = "payments", "s3-backup-and-restore-of-the-whole-archive-once-a-day" // eks-…-… has 66 characters
	cases := []struct{ name, namespace, account, want string }{
		{"short", "payments", "s3-backup", "eks-payments-s3-backup"},
		{"with dots", "default", "v1.backup", "eks-default-v1.backup"},
		{"64 characters are kept", namespace, account[2:], "eks-payments-" + account[2:]},
		{"65 characters are shortened to 64", namespace, account[1:], "eks-payments-3-backup-and-restore-of-the-whole-archive-1067b138"},
		{"66 characters are shortened to 64", namespace, account, "eks-payments-s3-backup-and-restore-of-the-whole-archive-7b4b6b56"},
		{"no hyphen is left before the hash", strings.Repeat("a", 50), strings.Repeat("b", 40), "eks-" + strings.Repeat("a", 50) + "-dffdc3ad"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name := iampolicy.DefaultRoleName(test.namespace, test.account)
			assert.Equal(t, test.want, name)
			assert.LessOrEqual(t, len(name), 64)
		})
	}
}

// Names are made of parts with every length at and around the limit, and with the same beginning, so that only a hash can
// keep them apart.
func TestDefaultRoleNamesAreValidAndDistinct(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for namespaceLength := 1; namespaceLength <= 63; namespaceLength++ {
		for accountLength := 1; accountLength <= 253; accountLength++ {
			for _, last := range []string{"", "a", "b", ".c", "-d"} {
				namespace, account := strings.Repeat("n", namespaceLength), strings.Repeat("s", accountLength)+last
				name := iampolicy.DefaultRoleName(namespace, account)
				require.NoError(t, iampolicy.ValidateRoleName(name))
				require.Equal(t, name, iampolicy.DefaultRoleName(namespace, account), "not stable")
				require.Empty(t, seen[name], "%s is also the name for %s/%s", name, namespace, account)
				seen[name] = namespace + "/" + account
			}
		}
	}
}

func TestHyphensKeepLongNamesApartAndShortOnesNot(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("c", 64)
	assert.NotEqual(t, iampolicy.DefaultRoleName("a-b", long), iampolicy.DefaultRoleName("a", "b-"+long))
	assert.Equal(t, iampolicy.DefaultRoleName("a-b", "c"), iampolicy.DefaultRoleName("a", "b-c"), "documented")
}
