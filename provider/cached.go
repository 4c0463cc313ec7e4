package provider

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// cached holds a value that is loaded again by use: it is served as it is while fresh, served while one load runs behind it until
// stale, and waited for after that.
type cached[T any] struct {
	load         func(ctx context.Context, old *T) (*T, error) // old is nil at first; may be returned if nothing changed
	now          func() time.Time
	fresh, stale time.Duration

	flight  singleflight.Group
	current atomic.Pointer[loaded[T]]
}

type loaded[T any] struct {
	value *T
	at    time.Time
}

const loadTimeout = 5 * time.Second

func (c *cached[T]) get(ctx context.Context) (*T, error) {
	held := c.current.Load()
	if held == nil {
		return c.reload(ctx)
	}
	switch age := c.now().Sub(held.at); {
	case age < c.fresh:
		return held.value, nil
	case age < c.stale:
		c.flight.DoChan("", func() (any, error) { return c.loadNow(ctx) })
		return held.value, nil
	}
	return c.reload(ctx)
}

// reload waits for a load: the one that is running, or a new one.
func (c *cached[T]) reload(ctx context.Context) (*T, error) {
	value, err, _ := c.flight.Do("", func() (any, error) { return c.loadNow(ctx) })
	if err != nil {
		return nil, err
	}
	loaded, _ := value.(*T)
	return loaded, nil
}

func (c *cached[T]) loadNow(ctx context.Context) (*T, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout) // others wait for it too
	defer cancel()
	at := c.now()
	var old *T
	if held := c.current.Load(); held != nil {
		old = held.value
	}
	value, err := c.load(ctx, old)
	if err != nil {
		return nil, err
	}
	c.current.Store(&loaded[T]{value: value, at: at})
	return value, nil
}
