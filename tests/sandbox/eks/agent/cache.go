package agent

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// renewal is how old credentials become before the agent asks for new ones. The real agent does so in the background;
	// here the next request waits for it.
	renewal = 3 * time.Hour
	// minLife is how long credentials must still be good to be given out.
	minLife = 15 * time.Second
)

// cache keeps the credentials of pods, by the UIDs of the pods. So a pod has its credentials for hours after its association
// was changed or taken away.
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html
type cache struct {
	// fetch asks EKS Auth, and holds validates a token as the agent can by itself.
	fetch func(ctx context.Context, token string) (Session, error)
	holds func(ctx context.Context, token string) bool
	now   func() time.Time

	mu      sync.Mutex
	entries map[string]kept
}

// kept are credentials, the token that they were last given for, and since when they are kept.
type kept struct {
	session Session
	token   string
	since   time.Time
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = nil
}

func (c *cache) find(uid string) (kept, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.entries[uid]
	return found, ok && found.session.Expires.Sub(c.now()) > minLife
}

func (c *cache) set(uid string, k kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[string]kept{}
	}
	c.entries[uid] = k
}

func (c *cache) forget(uid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, uid)
}

// get returns the credentials for a token. Its pod UID, by which the cache is asked, is not verified yet: so a token that
// differs from the one at hand has to hold by itself, and is for EKS Auth to judge where it does not.
func (c *cache) get(ctx context.Context, token string) (Session, error) {
	uid, err := podUID(token)
	if err != nil {
		return Session{}, fmt.Errorf("failed to get pod uid from service account token: %w", err)
	}
	found, ok := c.find(uid)
	if ok && found.token != token {
		if ok = c.holds(ctx, token); ok {
			found.token = token
			c.set(uid, found)
		}
	}
	if ok && c.now().Sub(found.since) < renewal {
		return found.session, nil
	}
	session, err := c.fetch(ctx, token)
	switch {
	case err == nil && session.Expires.Sub(c.now()) > minLife:
		c.set(uid, kept{session, token, c.now()})
		return session, nil
	case err == nil:
		return Session{}, fmt.Errorf("fetched credentials are expired or will expire within the next %s", minLife)
	case ok && !isIrrecoverable(err):
		return found.session, nil
	case ok:
		c.forget(uid)
	}
	return Session{}, fmt.Errorf("error getting credentials to cache: %w", err)
}
