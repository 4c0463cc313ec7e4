package bench_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
)

// registrations are clients, and what users have granted them.
type registrations struct{ clients, grants int }

// BenchmarkProvider compares a PostgreSQL database with a million grants and a hundred thousand clients to one with a thousand of them: x_few
// is how many times longer a request takes. The goal is 1.2.
func BenchmarkProvider(b *testing.B) {
	few, many := openFilled(b, registrations{100, 1000}), openFilled(b, registrations{100_000, 1_000_000})
	for _, c := range []struct {
		name string
		of   func(s *server) job
	}{
		{"client_credentials", func(s *server) job { return s.clientCredentials(b, s.inProcess) }},
		{"code", func(s *server) job { return s.exchange(b, s.inProcess, "web-es256", openIDScope) }},
		{"refresh", func(s *server) job { return s.refresh(b, s.inProcess, "web-es256", openIDScope, 200) }},
		{"introspection", func(s *server) job {
			return s.introspect(b, s.inProcess, "web", s.signIn(b, s.inProcess, "web", plainScope).Access, nil)
		}},
		{"first_look_at_a_client", func(s *server) job { return s.anyClient(b) }},
	} {
		b.Run(c.name, func(b *testing.B) { many.measure(b, "few", c.of(few), c.of(many)) })
	}
}

func openFilled(b *testing.B, r registrations) *server {
	address := testenv.Postgres(b)
	s := open(b, address)
	start := time.Now()
	r.fill(b, address)
	b.Logf("%d clients and %d grants written in %s", r.clients, r.grants, time.Since(start).Round(time.Second))
	s.clients = r.clients
	return s
}

// fill writes past every rule of the program. Each user has ten grants, and there are ten users a client.
func (r registrations) fill(b *testing.B, address string) {
	db, err := sql.Open("pgx", address)
	must(b, err)
	defer db.Close()
	now := time.Now().UnixMicro()
	for _, statement := range []string{
		fmt.Sprintf(`INSERT INTO clients (id, name, auth_method, secrets, redirect_uris, post_logout, grant_types, scopes, audience, id_token_alg, options, enabled, search, static, created, modified)
			SELECT 'client-' || i, 'Client ' || i, 'client_secret_basic', '[{"id":"1","hash":"%s"}]', '["%s"]', '[]', '["authorization_code","refresh_token"]', '["openid","profile"]', '[]', '', '{}', TRUE,
			'client ' || i || ' client-' || i, FALSE, %d, %d FROM generate_series(0, %d) i`, secret.Hash(clientSecret), redirect, now, now, r.clients-1),
		`DROP INDEX grants_session, grants_user, grants_expires, grants_client`, // made faster than they grow
		fmt.Sprintf(`INSERT INTO grants (id, client_id, user_id, organization_id, session_id, scopes, auth_time, acr, amr, nonce, generation, token_hash, successor, rotated, created, expires, revoked)
			SELECT '0190a000-0000-7000-8000-' || lpad(i::text, 12, '0'), 'client-' || i %% %d, md5('user' || i / 10), '0190b000-0000-7000-8000-' || lpad((i %% 100)::text, 12, '0'), md5('session' || i),
			'["openid","profile","offline_access"]', %d, '1', '["pwd"]', 'a-nonce-of-some-length', 1 + i %% 50, repeat(md5('token' || i), 2), '\x%x', %d, %d, %d + i, 0
			FROM generate_series(0, %d) i`, r.clients, now, bytes.Repeat([]byte("s"), 160), now, now, now+int64(90*24*time.Hour/time.Microsecond), r.grants-1),
		`CREATE INDEX grants_session ON grants (session_id)`, `CREATE INDEX grants_user ON grants (user_id)`,
		`CREATE INDEX grants_expires ON grants (expires)`, `CREATE INDEX grants_client ON grants (client_id, user_id)`,
		"VACUUM ANALYZE",
	} {
		_, err := db.ExecContext(b.Context(), statement)
		must(b, err)
	}
}

// anyClient reads one client of all, as a node does that has not seen it since some client changed.
func (s *server) anyClient(b *testing.B) job {
	return job{run: func() {
		_, err := s.db.Client(b.Context(), id.Client(fmt.Sprintf("client-%d", rand.IntN(s.clients))))
		must(b, err)
	}}
}
