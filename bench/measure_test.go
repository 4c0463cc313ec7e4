package bench_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"testing"
	"time"
)

// turn is how many requests follow one another before as many units do.
const turn = 20

// job is something to measure: prepare, which may be nil, makes ready for so many runs and is not measured.
type job struct {
	prepare func(count int)
	run     func()
}

// measure runs work b.N times and as many units in turn with it, so that a busy machine slows both. It reports the fastest tenth
// of the runs, which is what they take when nobody interrupts: x_<unit> is the ratio to the unit, over_us what is beyond it, µs the whole.
func (s *server) measure(b *testing.B, name string, unit, work job) {
	var working, waiting []time.Duration
	var statements int64
	work.warm()
	unit.warm()
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += turn {
		count := min(turn, b.N-done)
		b.StopTimer()
		work.ready(count)
		before := s.statements.Load()
		b.StartTimer()
		working = work.each(count, working)
		b.StopTimer()
		statements += s.statements.Load() - before
		unit.ready(count)
		waiting = unit.each(count, waiting)
		b.StartTimer()
	}
	b.StopTimer()
	took, one := fastest(working), fastest(waiting)
	b.ReportMetric(float64(took)/float64(one), "x_"+name)
	b.ReportMetric(float64((took-one).Nanoseconds())/1000, "over_us")
	b.ReportMetric(float64(took.Nanoseconds())/1000, "µs")
	b.ReportMetric(float64(statements)/float64(b.N), "sql/op")
}

func (j job) ready(count int) {
	if j.prepare != nil {
		j.prepare(count)
	}
}

func (j job) warm() {
	j.ready(1)
	j.run()
}

// each appends how long each of so many runs takes.
func (j job) each(count int, taken []time.Duration) []time.Duration {
	for range count {
		start := time.Now()
		j.run()
		taken = append(taken, time.Since(start))
	}
	return taken
}

// fastest is the mean of the fastest tenth.
func fastest(taken []time.Duration) time.Duration {
	slices.Sort(taken)
	taken = taken[:max(1, len(taken)/10)]
	var sum time.Duration
	for _, one := range taken {
		sum += one
	}
	return sum / time.Duration(len(taken))
}

// both is two jobs one after the other.
func both(first, second func()) func() {
	return func() {
		first()
		second()
	}
}

var digest = sha256.Sum256([]byte("what is signed"))

// es256 is one bare signature.
func es256(b *testing.B) func() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	return func() {
		_, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		must(b, err)
	}
}

// rs256 is one bare signature by a key of the size that the provider makes.
func rs256(b *testing.B) func() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(b, err)
	return func() {
		_, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		must(b, err)
	}
}

// verification is one bare ES256 verification.
func verification(b *testing.B) func() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	must(b, err)
	return func() {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			b.Fatal("not verified")
		}
	}
}
