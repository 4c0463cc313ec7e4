package bench_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
)

const (
	plainScope  = "profile offline_access"
	openIDScope = "openid profile offline_access"
	emptyPath   = "/empty"
)

// BenchmarkSignature is the unit of most: one ES256 signature, and nothing else.
func BenchmarkSignature(b *testing.B) {
	sign := es256(b)
	for b.Loop() {
		sign()
	}
}

// BenchmarkClientCredentials is the token endpoint for a client acting as itself: one signature, no statement. Its goal is 1.5.
func BenchmarkClientCredentials(b *testing.B) {
	onEach(b, func(b *testing.B, s *server, send sender) {
		s.measure(b, "sig", job{run: es256(b)}, s.clientCredentials(b, send))
	})
}

// BenchmarkCode exchanges codes for an access token, an ID token and a refresh token. The unit is the two signatures; the goal on SQLite is
// 150 µs over it. With ES256 for the ID token, too, this is to be seen on a busy machine, which interrupts every RS256 signature.
func BenchmarkCode(b *testing.B) {
	onEach(b, func(b *testing.B, s *server, send sender) {
		b.Run("rs256", func(b *testing.B) {
			s.measure(b, "sigs", job{run: both(es256(b), rs256(b))}, s.exchange(b, send, "web", openIDScope))
		})
		b.Run("es256", func(b *testing.B) {
			s.measure(b, "sigs", job{run: both(es256(b), es256(b))}, s.exchange(b, send, "web-es256", openIDScope))
		})
	})
}

// BenchmarkRefresh rotates one refresh token again and again. The unit is what has to be: the signatures and the one UPDATE.
func BenchmarkRefresh(b *testing.B) {
	onEach(b, func(b *testing.B, s *server, send sender) {
		b.Run("access_token", func(b *testing.B) {
			s.measure(b, "sig_update", job{run: both(es256(b), s.update(b))}, s.refresh(b, send, "web", plainScope, 1))
			s.wantGrants(b, 2)
		})
		b.Run("access_and_id_token", func(b *testing.B) {
			unit := job{run: both(both(es256(b), es256(b)), s.update(b))}
			s.measure(b, "sigs_update", unit, s.refresh(b, send, "web-es256", openIDScope, 1))
			s.wantGrants(b, 2)
		})
	})
}

// BenchmarkIntrospection asks about one token again and again, and about each of many once. The unit is one bare ES256 verification; the goal
// is 20 µs over it.
func BenchmarkIntrospection(b *testing.B) {
	onEach(b, func(b *testing.B, s *server, send sender) {
		unit := job{run: verification(b)}
		robot := func() string { return tokensIn(b, s.post(b, s.inProcess, credentialsForm())).Access }
		person := func() string { return s.signIn(b, s.inProcess, "web", plainScope).Access }
		b.Run("of_a_client", func(b *testing.B) { s.measure(b, "verify", unit, s.introspect(b, send, "robot", robot(), nil)) })
		b.Run("of_a_client_first", func(b *testing.B) { s.measure(b, "verify", unit, s.introspect(b, send, "robot", "", robot)) })
		b.Run("of_a_person", func(b *testing.B) { s.measure(b, "verify", unit, s.introspect(b, send, "web", person(), nil)) })
		b.Run("of_a_person_first", func(b *testing.B) { s.measure(b, "verify", unit, s.introspect(b, send, "web", "", person)) })
	})
}

// BenchmarkDocuments fetches what verifiers fetch, over loopback. The unit is an empty handler of the same router; the goal is 1.25, which is
// 80 % of its rate.
func BenchmarkDocuments(b *testing.B) {
	s := open(b, "sqlite:"+filepath.Join(b.TempDir(), "gatehouse.db"))
	for name, path := range map[string]string{"jwks": provider.KeysPath, "discovery": "/.well-known/openid-configuration"} {
		b.Run(name, func(b *testing.B) {
			s.measure(b, "empty", job{run: s.fetch(b, emptyPath)}, job{run: s.fetch(b, path)})
		})
	}
}

func (s *server) post(b *testing.B, send sender, form url.Values) []byte {
	return send(b, provider.TokenPath, form.Encode())
}

func credentialsForm() url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {clientSecret}, "scope": {"read"}}
}

func (s *server) clientCredentials(b *testing.B, send sender) job {
	form := credentialsForm().Encode()
	return job{run: func() { send(b, provider.TokenPath, form) }}
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func tokensIn(b *testing.B, body []byte) tokens {
	var got tokens
	must(b, json.Unmarshal(body, &got))
	return got
}

func (s *server) exchange(b *testing.B, send sender, client, scope string) job {
	var ready []string
	return job{
		prepare: func(count int) {
			for range count {
				ready = append(ready, s.codeForm(b, client, scope))
			}
		},
		run: func() {
			form := ready[len(ready)-1]
			ready = ready[:len(ready)-1]
			send(b, provider.TokenPath, form)
		},
	}
}

// codeForm is the exchange of a fresh code.
func (s *server) codeForm(b *testing.B, client, scope string) string {
	sum := sha256.Sum256([]byte(verifier))
	response, err := s.Complete(b.Context(), url.Values{
		"client_id": {client}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {scope},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}, provider.Authorization{User: s.user, Organization: s.organization, Session: id.New[id.Session](), AuthTime: time.Now(), AMR: []string{"pwd"}})
	must(b, err)
	answered, err := url.Parse(response.URL)
	must(b, err)
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {answered.Query().Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier},
		"client_id": {client}, "client_secret": {clientSecret},
	}.Encode()
}

func (s *server) signIn(b *testing.B, send sender, client, scope string) tokens {
	return tokensIn(b, send(b, provider.TokenPath, s.codeForm(b, client, scope)))
}

// refresh rotates the tokens of so many sign-ins, one after another.
func (s *server) refresh(b *testing.B, send sender, client, scope string, signIns int) job {
	held := make([]string, signIns)
	for i := range held {
		held[i] = s.signIn(b, send, client, scope).Refresh
	}
	next := 0
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "client_secret": {clientSecret}}
	return job{run: func() {
		form.Set("refresh_token", held[next])
		held[next] = tokensIn(b, s.post(b, send, form)).Refresh
		next = (next + 1) % signIns
	}}
}

// update is the one UPDATE of a refresh, of a grant of its own.
func (s *server) update(b *testing.B) func() {
	now := time.Now()
	grant := provider.Grant{ID: id.New[id.Grant](), Client: "web", User: s.user, Organization: s.organization, Generation: 1, TokenHash: secret.Hash("token"), Rotated: now, Created: now, Expires: now.Add(24 * time.Hour)}
	must(b, s.db.CreateGrant(b.Context(), grant))
	successor := bytes.Repeat([]byte("s"), 180)
	return func() {
		must(b, s.db.RotateGrant(b.Context(), provider.Rotation{
			Grant: grant.ID, From: grant.Generation, FromHash: grant.TokenHash, TokenHash: grant.TokenHash, Successor: successor, At: time.Now(), IdleSince: now.Add(-time.Hour),
		}))
		grant.Generation++
	}
}

// wantGrants checks that rotations left one row each sign-in, then removes them.
func (s *server) wantGrants(b *testing.B, want int) {
	removed, err := s.db.DeleteExpiredGrants(b.Context(), time.Now().Add(1000*24*time.Hour), 1_000_000)
	must(b, err)
	if removed != want {
		b.Fatalf("%d rows after the rotations, want %d", removed, want)
	}
}

// introspect asks about a token, or about a fresh one each time.
func (s *server) introspect(b *testing.B, send sender, client, token string, fresh func() string) job {
	form := url.Values{"token": {token}, "client_id": {client}, "client_secret": {clientSecret}}
	var ready []string
	j := job{run: func() {
		if fresh != nil {
			form["token"][0], ready = ready[len(ready)-1], ready[:len(ready)-1]
		}
		if body := send(b, provider.IntrospectPath, form.Encode()); !bytes.Contains(body, []byte(`"active":true`)) {
			b.Fatalf("answer: %s", body)
		}
	}}
	if fresh != nil {
		j.prepare = func(count int) {
			for range count {
				ready = append(ready, fresh())
			}
		}
	}
	return j
}
