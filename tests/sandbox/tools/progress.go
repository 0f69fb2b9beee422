//go:build unix

package tools

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// tellEvery is how often a long step says that it is still under way.
const tellEvery = 15 * time.Second

// progress tells a person what takes so long.
type progress struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *progress) say(format string, args ...any) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Progress that nobody can read is no reason to stop.
	_, _ = fmt.Fprintf(p.w, format+"\n", args...)
}

// during does a step and says when it starts, that it goes on, and when it has ended. The estimate is how long the step
// takes the first time.
func (p *progress) during(step, estimate string, do func() error) error {
	start := time.Now()
	elapsed := func() time.Duration { return time.Since(start).Round(time.Second) }
	p.say("%s: once, %s ...", step, estimate)
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	done := make(chan error, 1)
	go func() { done <- do() }()
	for {
		select {
		case err := <-done:
			if err == nil {
				p.say("%s: done in %s", step, elapsed())
			}
			return err
		case <-ticker.C:
			p.say("%s: %s so far", step, elapsed())
		}
	}
}
