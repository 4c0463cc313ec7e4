package password

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const longestPace = 2 * time.Second

// pace makes refusals alike. A foreign hash takes longer than ours, so that its refusal would tell that the account exists and has
// not signed in since it was imported: once one has been checked, every refusal takes as long as those do. They wait without
// holding a place in the queue. The first one after a start stands out.
type pace struct {
	mu      sync.Mutex
	foreign time.Duration
}

// keep waits until a refusal that took so long has lasted as long as the foreign ones.
func (p *pace) keep(ctx context.Context, foreign bool, took time.Duration) error {
	rest := p.note(foreign, took) - took
	if rest <= 0 {
		return nil
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

// note takes up how long a foreign refusal took. Single slow ones are forgotten with the next few.
func (p *pace) note(foreign bool, took time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if foreign {
		p.foreign = min(max(took, p.foreign-p.foreign/16), longestPace)
	}
	return p.foreign
}
