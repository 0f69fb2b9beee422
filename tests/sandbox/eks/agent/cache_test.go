package agent //nolint:testpackage // the clock of the cache is its own

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCredentialsAreRenewedBeforeTheyEnd(t *testing.T) {
	t.Parallel()
	now := time.Now()
	refusal := (*Error)(nil)
	fetched := 0
	c := &cache{
		now:   func() time.Time { return now },
		holds: func(context.Context, string) bool { return false },
		fetch: func(context.Context, string) (Session, error) {
			if refusal != nil {
				return Session{}, refusal
			}
			fetched++
			return Session{AccessKeyID: "key", Expires: now.Add(6 * time.Hour)}, nil
		},
	}
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := encode(`{}`) + "." + encode(`{"kubernetes.io":{"pod":{"uid":"1"}}}`) + "."
	get := func() error {
		_, err := c.get(t.Context(), token)
		return err
	}
	for _, step := range []struct {
		name    string
		later   time.Duration
		refusal *Error
		fetched int
		fails   bool
	}{
		{"the first", 0, nil, 1, false},
		{"within three hours they are kept", 3*time.Hour - time.Second, &Error{Code: "AccessDeniedException"}, 1, false},
		{"then asked for again", time.Second, nil, 2, false},
		{"and kept over a fault that passes", 3 * time.Hour, &Error{Code: "ThrottlingException"}, 2, false},
		{"but not over a refusal", 0, &Error{Code: "AccessDeniedException"}, 2, true},
		{"after which they are forgotten", 0, &Error{Code: "ThrottlingException"}, 2, true},
		{"until there are new ones", 0, nil, 3, false},
		{"and no fault keeps those that end", 6*time.Hour - minLife, &Error{Code: "ThrottlingException"}, 3, true},
	} {
		now, refusal = now.Add(step.later), step.refusal
		err := get()
		if step.fails {
			require.Error(t, err, step.name)
		} else {
			require.NoError(t, err, step.name)
		}
		assert.Equal(t, step.fetched, fetched, step.name)
	}
}
