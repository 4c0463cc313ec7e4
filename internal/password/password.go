// Package password hashes and checks passwords with argon2id (RFC 9106), a bounded number at once. It also checks the forms that
// Django stores, so that accounts can move here with their passwords.
package password

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Config is the cost of a hash and how many may run. Zero fields take the defaults in brackets.
type Config struct {
	MemoryKiB  uint32 // [19456]
	Passes     uint32 // [2]
	Threads    uint8  // [1]
	Concurrent int    // hashes at once [the number of cores]
	Queue      int    // waiting behind them; more get ErrBusy [64]
}

// ErrBusy says that too many passwords are being checked already. Worth trying again in a moment.
var ErrBusy = errors.New("too many passwords are being checked at the moment")

const (
	saltBytes = 16
	hashBytes = 32
	// MaxBytes is the longest password that is hashed; longer ones are refused, never cut.
	MaxBytes     = 1024
	minSaltBytes = 8
	minHashBytes = 16 // argon2-cffi before 19.2, which Django uses
	maxHashBytes = 64
	maxPHCBytes  = 256
)

// Bounds of the costs; the memory is at least MinMemoryKiB for each thread (RFC 9106 section 3.1). Those above hold for stored hashes too, so
// that a planted one cannot exhaust the machine.
const (
	MinMemoryKiB = 8
	MaxMemoryKiB = 1 << 20
	MaxPasses    = 64
	MaxThreads   = 64
)

// Hasher hashes and checks. It is safe for concurrent use.
type Hasher struct {
	config  Config
	running chan struct{}
	waiting chan struct{}
	dummy   string
	pace    pace
}

// New makes a Hasher, computing one hash. It refuses costs out of bounds and negative numbers.
func New(c Config) (*Hasher, error) {
	c = c.withDefaults()
	if c.MemoryKiB < MinMemoryKiB*uint32(c.Threads) || c.MemoryKiB > MaxMemoryKiB || c.Passes > MaxPasses || c.Threads > MaxThreads {
		return nil, fmt.Errorf("memory must be %d to %d KiB, passes 1 to %d, threads 1 to %d", MinMemoryKiB*uint32(c.Threads), MaxMemoryKiB, MaxPasses, MaxThreads)
	}
	if c.Concurrent < 0 || c.Queue < 0 {
		return nil, errors.New("the numbers of concurrent and of waiting hashes cannot be negative")
	}
	h := &Hasher{config: c, running: make(chan struct{}, c.Concurrent), waiting: make(chan struct{}, c.Concurrent+c.Queue)}
	var err error
	h.dummy, err = h.Hash(context.Background(), "nobody's password")
	return h, err
}

func (c Config) withDefaults() Config {
	defaults := Config{MemoryKiB: 19456, Passes: 2, Threads: 1, Concurrent: runtime.GOMAXPROCS(0), Queue: 64}
	if c.MemoryKiB == 0 {
		c.MemoryKiB = defaults.MemoryKiB
	}
	if c.Passes == 0 {
		c.Passes = defaults.Passes
	}
	if c.Threads == 0 {
		c.Threads = defaults.Threads
	}
	if c.Concurrent == 0 {
		c.Concurrent = defaults.Concurrent
	}
	if c.Queue == 0 {
		c.Queue = defaults.Queue
	}
	return c
}

// Hash returns the PHC text of a new hash: "$argon2id$v=19$m=…,t=…,p=…$salt$hash". The password is NFC-normalised first (NIST SP
// 800-63B-4 section 3.1.1.2).
func (h *Hasher) Hash(ctx context.Context, plain string) (string, error) {
	if len(plain) > MaxBytes {
		return "", fmt.Errorf("a password has at most %d bytes", MaxBytes)
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails (crypto/rand)
	p := parameters{memory: h.config.MemoryKiB, passes: h.config.Passes, threads: h.config.Threads, salt: salt}
	if _, err := h.turn(ctx, func() { p.sum = p.derive(plain, hashBytes) }); err != nil {
		return "", err
	}
	return p.String(), nil
}

// Verify checks a password against a stored text: a PHC text of Hash, or a form that Importable accepts. An empty or unusable text
// stands for nobody: the answer is false and takes as long. rehash says that the password was right and its hash has another form or
// other costs than Hash makes now.
func (h *Hasher) Verify(ctx context.Context, stored, plain string) (ok, rehash bool, err error) {
	nobody := stored == "" || Unusable(stored) || len(plain) > MaxBytes
	if nobody {
		stored = h.dummy
	}
	v, err := parse(stored)
	if err != nil {
		return false, false, err
	}
	plain = plain[:min(len(plain), MaxBytes)]
	took, err := h.turn(ctx, func() { ok = v.matches(plain) })
	if err != nil {
		return false, false, err
	}
	if !ok || nobody {
		return false, false, h.pace.keep(ctx, v.foreign, took)
	}
	return true, v.foreign || !h.current(v.parameters), nil
}

func (h *Hasher) current(p parameters) bool {
	return p.memory == h.config.MemoryKiB && p.passes == h.config.Passes && p.threads == h.config.Threads
}

// turn waits for its turn to work and returns how long the work took. Without a bound a burst of sign-ins would take all memory and
// processors.
func (h *Hasher) turn(ctx context.Context, work func()) (time.Duration, error) {
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return 0, ErrBusy
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	begun := time.Now() //nolint:forbidigo // measures a duration
	work()
	return time.Since(begun), nil
}

type parameters struct {
	memory, passes uint32
	threads        uint8
	salt, sum      []byte
}

// derive is argon2id of the NFC form of a password.
func (p parameters) derive(plain string, length uint32) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(plain)), p.salt, p.passes, p.memory, p.threads, length)
}

// String is the PHC form.
func (p parameters) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.threads, encode(p.salt), encode(p.sum))
}

func parsePHC(phc string) (parameters, error) {
	var (
		p       parameters
		version int
	)
	parts := strings.Split(phc[:min(len(phc), maxPHCBytes)], "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return p, errFormat
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return p, errFormat
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.threads); err != nil {
		return p, errFormat
	}
	var saltErr, sumErr error
	p.salt, saltErr = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	p.sum, sumErr = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	// Written anew it must be the same text: Sscanf ignores what follows, signs and leading zeros.
	if saltErr != nil || sumErr != nil || !p.sane() || p.String() != phc {
		return p, errFormat
	}
	return p, nil
}

func (p parameters) sane() bool {
	return len(p.salt) >= minSaltBytes && len(p.sum) >= minHashBytes && len(p.sum) <= maxHashBytes &&
		p.memory >= 8*uint32(p.threads) && p.memory <= MaxMemoryKiB &&
		p.passes > 0 && p.passes <= MaxPasses && p.threads > 0 && p.threads <= MaxThreads
}
