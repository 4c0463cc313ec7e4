package password_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/password"
)

// cheap keeps tests fast; the argon2id code is the same for every cost.
func cheap() password.Config { return password.Config{MemoryKiB: 64, Passes: 1} }

func newHasher(t *testing.T, c password.Config) *password.Hasher {
	t.Helper()
	h, err := password.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hash(t *testing.T, h *password.Hasher, plain string) string {
	t.Helper()
	phc, err := h.Hash(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	return phc
}

func verify(t *testing.T, h *password.Hasher, phc, plain string) (ok, rehash bool) {
	t.Helper()
	ok, rehash, err := h.Verify(t.Context(), phc, plain)
	if err != nil {
		t.Fatal(err)
	}
	return ok, rehash
}

func TestNewRefusesBadCosts(t *testing.T) {
	for name, c := range map[string]password.Config{
		"too little memory": {MemoryKiB: 7},
		"too much memory":   {MemoryKiB: 1<<20 + 1},
		"too many passes":   {MemoryKiB: 64, Passes: 65},
		"too many threads":  {MemoryKiB: 1024, Threads: 65},
		"negative at once":  {MemoryKiB: 64, Concurrent: -1},
		"negative queue":    {MemoryKiB: 64, Queue: -1},
	} {
		if _, err := password.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDefaultCosts(t *testing.T) {
	if phc := hash(t, newHasher(t, password.Config{}), "x"); !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s does not have the documented costs", phc)
	}
}

func TestVerify(t *testing.T) {
	h := newHasher(t, cheap())
	long := strings.Repeat("x", 72)
	for _, tt := range []struct {
		name, stored, given string
		want                bool
	}{
		{"same", "correct horse", "correct horse", true},
		{"other", "correct horse", "correct house", false},
		{"other case", "correct horse", "Correct horse", false},
		{"leading space counts", "correct horse", " correct horse", false},
		{"trailing space counts", "correct horse", "correct horse ", false},
		{"the 73rd byte counts", long + "a", long + "b", false},
		{"no prefix", long + "a", long, false},
		{"longest", strings.Repeat("y", password.MaxBytes), strings.Repeat("y", password.MaxBytes), true},
		{"longer than the longest is not cut", strings.Repeat("y", password.MaxBytes), strings.Repeat("y", password.MaxBytes+1), false},
		{"composed and decomposed letters", "pa\u00dfw\u00f6rter", "pa\u00dfwo\u0308rter", true},
		{"compatibility letters stay different", "ﬁnal answer", "final answer", false},
		{"emoji", "🐎🔋📎 stapled", "🐎🔋📎 stapled", true},
		{"NUL inside", "before\x00after", "before", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if ok, _ := verify(t, h, hash(t, h, tt.stored), tt.given); ok != tt.want {
				t.Errorf("Verify = %v, want %v", ok, tt.want)
			}
		})
	}
}

func TestHashRefusesTooLong(t *testing.T) {
	if _, err := newHasher(t, cheap()).Hash(t.Context(), strings.Repeat("y", password.MaxBytes+1)); err == nil {
		t.Error("a longer password was hashed")
	}
}

func TestHashesAreSalted(t *testing.T) {
	h := newHasher(t, cheap())
	first, second := hash(t, h, "same password"), hash(t, h, "same password")
	if first == second {
		t.Error("two hashes of one password are equal")
	}
}

func TestNobodyHasNoPassword(t *testing.T) {
	h := newHasher(t, cheap())
	for _, guess := range []string{"", "nobody's password"} {
		if ok, rehash := verify(t, h, "", guess); ok || rehash {
			t.Errorf("Verify of nobody with %q = %v, %v", guess, ok, rehash)
		}
	}
}

func TestNobodyTakesAsLong(t *testing.T) {
	h := newHasher(t, password.Config{MemoryKiB: 4096, Passes: 2})
	phc := hash(t, h, "correct horse")
	fastest := func(phc, plain string) time.Duration {
		best := time.Hour
		for range 7 {
			start := time.Now()
			verify(t, h, phc, plain)
			best = min(best, time.Since(start))
		}
		return best
	}
	known := fastest(phc, "wrong")
	for name, took := range map[string]time.Duration{
		"unknown name":      fastest("", "wrong"),
		"too long password": fastest(phc, strings.Repeat("y", 2000)),
	} {
		if took < known/3 {
			t.Errorf("%s: %v, a known name %v: the difference tells who exists", name, took, known)
		}
	}
}

func TestRehash(t *testing.T) {
	old, now := newHasher(t, cheap()), newHasher(t, password.Config{MemoryKiB: 128, Passes: 1})
	phc := hash(t, old, "correct horse")
	if ok, rehash := verify(t, old, phc, "correct horse"); !ok || rehash {
		t.Errorf("same costs: %v, %v; want true, false", ok, rehash)
	}
	if ok, rehash := verify(t, now, phc, "correct horse"); !ok || !rehash {
		t.Errorf("other costs: %v, %v; want true, true", ok, rehash)
	}
	if ok, rehash := verify(t, now, phc, "wrong"); ok || rehash {
		t.Errorf("wrong password: %v, %v; want false, false", ok, rehash)
	}
}

func TestVerifyRefusesStrangeHashes(t *testing.T) {
	h := newHasher(t, cheap())
	good := hash(t, h, "correct horse")
	change := func(old, replacement string) string { return strings.Replace(good, old, replacement, 1) }
	salt := strings.Split(good, "$")[4]
	for name, phc := range map[string]string{
		"plain text":            "correct horse",
		"bcrypt":                "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"argon2i":               change("argon2id", "argon2i"),
		"other version":         change("v=19", "v=16"),
		"4 GiB":                 change("m=64", "m=4194304"),
		"more than 32 bits":     change("m=64", "m=4294967360"),
		"no memory":             change("m=64", "m=0"),
		"no passes":             change("t=1", "t=0"),
		"many passes":           change("t=1", "t=1000"),
		"no threads":            change("p=1", "p=0"),
		"many threads":          change("p=1", "p=255"),
		"more after the costs":  change("p=1", "p=1,x=1"),
		"leading zero":          change("m=64", "m=064"),
		"sign":                  change("m=64", "m=+64"),
		"no salt":               change(salt, ""),
		"short salt":            change(salt, "AAAA"),
		"huge salt":             change(salt, strings.Repeat("A", 4096)),
		"salt not base64":       change(salt, "!"+salt[1:]),
		"cut":                   good[:len(good)-4],
		"one part more":         good + "$",
		"something in front":    "x" + good,
		"line break at the end": good + "\n",
	} {
		if ok, _, err := h.Verify(t.Context(), phc, "correct horse"); ok || err == nil {
			t.Errorf("%s: Verify = %v, %v; want an error", name, ok, err)
		}
	}
}

// occupy keeps n hashes running or waiting until the returned function is called.
func occupy(t *testing.T, h *password.Hasher, phc string, n int) (release func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range n {
		running.Go(func() {
			for ctx.Err() == nil {
				_, _, _ = h.Verify(ctx, phc, "wrong") // refusals and cancellation are the point
			}
		})
	}
	return func() { cancel(); running.Wait() }
}

func TestBusyBeyondTheQueue(t *testing.T) {
	h := newHasher(t, password.Config{MemoryKiB: 4096, Passes: 4, Concurrent: 1, Queue: 2})
	phc := hash(t, h, "correct horse")
	var (
		all        sync.WaitGroup
		mu         sync.Mutex
		busy, done int
	)
	for range 32 {
		all.Go(func() {
			_, _, err := h.Verify(t.Context(), phc, "correct horse")
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, password.ErrBusy) {
				busy++
			} else if err == nil {
				done++
			}
		})
	}
	all.Wait()
	if busy == 0 || done < 3 || busy+done != 32 {
		t.Errorf("of 32 at once %d were done and %d refused; want some refused and at least the 3 places served", done, busy)
	}
	if ok, _ := verify(t, h, phc, "correct horse"); !ok {
		t.Error("the places were not given back")
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	h := newHasher(t, password.Config{MemoryKiB: 32 << 10, Passes: 8, Concurrent: 1, Queue: 8})
	phc := hash(t, h, "correct horse")
	release := occupy(t, h, phc, 2)
	defer release()
	time.Sleep(20 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	for range 20 {
		if _, _, err := h.Verify(ctx, phc, "correct horse"); errors.Is(err, password.ErrBusy) && errors.Is(err, context.DeadlineExceeded) {
			return
		}
	}
	t.Error("waiting went on after the context had ended")
}

func BenchmarkVerify(b *testing.B) {
	h, err := password.New(password.Config{})
	if err != nil {
		b.Fatal(err)
	}
	phc, err := h.Hash(b.Context(), "correct horse battery")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, _, err := h.Verify(b.Context(), phc, "correct horse battery"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
