package bench_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/login"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

// BenchmarkIntrospection asks about one token again and again, in the process. The unit is one bare ES256 verification: x_verify is how
// many of them an answer costs, over_us what it costs beyond one. A person's standing is read from the real directory, each time.
func BenchmarkIntrospection(b *testing.B) {
	databases := map[string]func(testing.TB) string{
		"sqlite":   func(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "gatehouse.db") },
		"postgres": testenv.Postgres,
	}
	for _, name := range []string{"sqlite", "postgres"} {
		b.Run(name, func(b *testing.B) {
			s := open(b, databases[name](b))
			user, organization := s.withDirectory(b)
			b.Run("of_a_client", func(b *testing.B) {
				s.introspections(b, "robot", s.inProcess(b, "grant_type=client_credentials&code&client_id=robot&client_secret="+clientSecret).Access)
			})
			b.Run("of_a_user", func(b *testing.B) {
				s.introspections(b, "web", s.signInAs(b, s.inProcess, "openid profile offline_access", user, organization).Access)
			})
		})
	}
}

// withDirectory makes the provider ask a directory that knows one person in one organization, a member of two groups.
func (s *server) withDirectory(b *testing.B) (id.User, id.Organization) {
	system := tenancy.System("bench")
	keys, err := seal.NewKeys(secret.New(strings.Repeat("k", 32)))
	must(b, err)
	hasher, err := password.New(password.Config{MemoryKiB: 64, Passes: 1})
	must(b, err)
	directory := &tenancy.Directory{Store: s.db, Passwords: hasher, Keys: keys, Now: time.Now}
	must(b, directory.Bootstrap(b.Context(), system))
	organization, err := directory.OrganizationBySlug(b.Context(), system, "default")
	must(b, err)
	person, err := directory.CreateUser(b.Context(), system, tenancy.NewUser{Username: "ada", Email: "ada@x.example", Organization: organization.ID, Role: tenancy.Manager})
	must(b, err)
	s.Provider, err = provider.New(b.Context(), provider.Config{
		Issuer: issuer, Store: s.db, Ephemeral: s.db.Ephemeral(), Keys: keys, Subjects: login.Subjects{Directory: directory}, Now: time.Now, Logger: s.Logger,
	})
	must(b, err)
	router := chi.NewRouter()
	s.Mount(router)
	s.handler = router
	return person.ID, organization.ID
}

func (s *server) introspections(b *testing.B, client, token string) {
	form := url.Values{"token": {token}, "client_id": {client}, "client_secret": {clientSecret}}.Encode()
	ask := func() {
		request := s.request(form)
		request.URL, request.Body = &url.URL{Path: provider.IntrospectPath}, io.NopCloser(strings.NewReader(form))
		a := &answer{header: http.Header{}}
		s.handler.ServeHTTP(a, request)
		if !bytes.Contains(a.body.Bytes(), []byte(`"active":true`)) {
			b.Fatalf("answer: %d %s", a.status, a.body.String())
		}
	}
	ask() // warm
	verify := verification(b)
	const turn = 50
	var asking, verifying time.Duration
	statements := s.statements.Load()
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += turn {
		count := min(turn, b.N-done)
		asking += timed(count, ask)
		b.StopTimer()
		verifying += timed(count, verify)
		b.StartTimer()
	}
	b.StopTimer()
	b.ReportMetric(float64(asking)/float64(verifying), "x_verify")
	b.ReportMetric(float64((asking-verifying).Microseconds())/float64(b.N), "over_us")
	b.ReportMetric(float64(s.statements.Load()-statements)/float64(b.N), "sql/op")
}

func timed(count int, work func()) time.Duration {
	start := time.Now()
	for range count {
		work()
	}
	return time.Since(start)
}

// verification is the unit: one bare ES256 verification.
func verification(b *testing.B) func() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	digest := sha256.Sum256([]byte("what is signed"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	must(b, err)
	return func() {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			b.Fatal("not verified")
		}
	}
}
