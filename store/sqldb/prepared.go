package sqldb

import (
	"context"
	"database/sql"
	"sync"
)

// connection is where statements run: a pool or a transaction.
type connection interface {
	exec(ctx context.Context, s statement, args ...any) (sql.Result, error)
	query(ctx context.Context, s statement, args ...any) (*sql.Rows, error)
}

// direct gives the driver texts. That of PostgreSQL prepares them by itself.
type direct struct {
	on interface {
		ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	}
}

func (d direct) exec(ctx context.Context, s statement, args ...any) (sql.Result, error) {
	return d.on.ExecContext(ctx, s.text, args...)
}

func (d direct) query(ctx context.Context, s statement, args ...any) (*sql.Rows, error) {
	return d.on.QueryContext(ctx, s.text, args...)
}

// prepared is a pool of SQLite that keeps fixed statements prepared: to read and plan a text costs SQLite as much as to run most of ours.
// How many there are, the program's source bounds. They end with the pool.
type prepared struct {
	direct
	pool  *sql.DB
	mu    sync.RWMutex // never held while a connection is waited for: a transaction that has it asks for known ones
	texts map[string]*sql.Stmt
}

func newPrepared(pool *sql.DB) *prepared {
	return &prepared{direct: direct{pool}, pool: pool, texts: map[string]*sql.Stmt{}}
}

func (p *prepared) exec(ctx context.Context, s statement, args ...any) (sql.Result, error) {
	if known := p.prepare(ctx, s); known != nil { //nolint:sqlclosecheck // kept until the pool ends
		return known.ExecContext(ctx, args...)
	}
	return p.direct.exec(ctx, s, args...)
}

func (p *prepared) query(ctx context.Context, s statement, args ...any) (*sql.Rows, error) {
	if known := p.prepare(ctx, s); known != nil { //nolint:sqlclosecheck // kept until the pool ends
		return known.QueryContext(ctx, args...)
	}
	return p.direct.query(ctx, s, args...)
}

func (p *prepared) known(text string) *sql.Stmt {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.texts[text]
}

// prepare returns nil for what is not fixed, and for what cannot be prepared: it then fails when it runs.
func (p *prepared) prepare(ctx context.Context, s statement) *sql.Stmt {
	if !s.fixed {
		return nil
	}
	if known := p.known(s.text); known != nil {
		return known
	}
	fresh, err := p.pool.PrepareContext(ctx, s.text)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.texts[s.text]; known != nil { // somebody was faster
		_ = fresh.Close() //nolint:sqlclosecheck // the other ones are kept
		return known
	}
	p.texts[s.text] = fresh
	return fresh
}

// preparedTx is a transaction that uses what its pool has prepared. What that has not is remembered: it could be prepared only on a
// connection, and the transaction may have the only one.
type preparedTx struct {
	direct
	tx     *sql.Tx
	pool   *prepared
	missed []statement
}

func (t *preparedTx) exec(ctx context.Context, s statement, args ...any) (sql.Result, error) {
	if known := t.statement(ctx, s); known != nil { //nolint:sqlclosecheck // ends with the transaction
		return known.ExecContext(ctx, args...)
	}
	return t.direct.exec(ctx, s, args...)
}

func (t *preparedTx) query(ctx context.Context, s statement, args ...any) (*sql.Rows, error) {
	if known := t.statement(ctx, s); known != nil { //nolint:sqlclosecheck // ends with the transaction
		return known.QueryContext(ctx, args...)
	}
	return t.direct.query(ctx, s, args...)
}

func (t *preparedTx) statement(ctx context.Context, s statement) *sql.Stmt {
	if !s.fixed {
		return nil
	}
	if known := t.pool.known(s.text); known != nil {
		return t.tx.StmtContext(ctx, known)
	}
	t.missed = append(t.missed, s)
	return nil
}

// learn prepares for the next transaction what this one missed; it is over.
func (t *preparedTx) learn(ctx context.Context) {
	for _, s := range t.missed {
		t.pool.prepare(ctx, s)
	}
}
