package mfa_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/mfa"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

type fixture struct {
	*mfa.TOTP
	clock *clock
	db    *sqldb.DB
	user  id.User
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 10, 0, time.UTC)}
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("sqlite://" + filepath.Join(t.TempDir(), "test.db")), Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeys(seal.NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{
		TOTP:  &mfa.TOTP{Store: db, Attempts: db.Ephemeral(), Keys: keys, Now: c.Now, Issuer: "Gatehouse"},
		clock: c, db: db,
	}
	f.user = f.newUser(t, "ada")
	return f
}

func (f *fixture) newUser(t *testing.T, name string) id.User {
	t.Helper()
	user := tenancy.User{ID: id.New[id.User](), Username: name, Active: true, Created: f.clock.Now(), Modified: f.clock.Now()}
	if err := f.db.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	return user.ID
}

func (f *fixture) begin(t *testing.T) mfa.Enrolment {
	t.Helper()
	e, err := f.Begin("ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// codeAt is what an app shows steps away from now.
func (f *fixture) codeAt(t *testing.T, secretText string, steps int64) string {
	t.Helper()
	code, err := hotp.GenerateCodeCustom(secretText, uint64(f.clock.Now().Unix()/30+steps), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// enrol enrols a factor and waits until its first code is past and the attempts are forgotten.
func (f *fixture) enrol(t *testing.T) (secretText string) {
	t.Helper()
	e := f.begin(t)
	if _, err := f.Confirm(t.Context(), f.user, e, "phone", f.codeAt(t, e.Secret, 0)); err != nil {
		t.Fatal(err)
	}
	f.clock.advance(10 * time.Minute)
	return e.Secret
}

// wrongCode is none of the codes that are right now.
func (f *fixture) wrongCode(t *testing.T, secretText string) string {
	t.Helper()
	for _, code := range []string{"000000", "111111", "222222", "333333"} {
		if code != f.codeAt(t, secretText, -1) && code != f.codeAt(t, secretText, 0) && code != f.codeAt(t, secretText, 1) {
			return code
		}
	}
	panic("unreachable: three codes are right")
}

func TestRFC6238Vectors(t *testing.T) {
	// RFC 6238 appendix B, SHA-1; of its eight digits the last six.
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		f := newFixture(t)
		f.clock.now = time.Unix(at, 0).UTC()
		e := mfa.Enrolment{Secret: base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))}
		factor, err := f.Confirm(t.Context(), f.user, e, "phone", code)
		if err != nil || factor.LastStep != at/30 {
			t.Errorf("at %d: step %d, error %v; want step %d", at, factor.LastStep, err, at/30)
		}
	}
}

func TestWindowIsOneStepEachWay(t *testing.T) {
	for steps, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		f := newFixture(t)
		secretText := f.enrol(t)
		_, err := f.Verify(t.Context(), f.user, f.codeAt(t, secretText, steps))
		if (err == nil) != want || (!want && !errors.Is(err, mfa.ErrWrongCode)) {
			t.Errorf("code %d steps away: error %v, want accepted = %v", steps, err, want)
		}
	}
}

func TestCodeForms(t *testing.T) {
	for name, tt := range map[string]struct {
		write func(code string) string
		want  bool
	}{
		"as it is":        {func(c string) string { return c }, true},
		"space inside":    {func(c string) string { return c[:3] + " " + c[3:] }, true},
		"dash and spaces": {func(c string) string { return "  " + c[:3] + "-" + c[3:] + " " }, true},
		"empty":           {func(string) string { return "" }, false},
		"five digits":     {func(c string) string { return c[:5] }, false},
		"seven digits":    {func(c string) string { return c + "0" }, false},
		"letter":          {func(c string) string { return c[:5] + "O" }, false},
		"full-width": {func(c string) string {
			return strings.Map(func(r rune) rune { return r + '０' - '0' }, c)
		}, false},
		"NUL":       {func(c string) string { return c + "\x00" }, false},
		"two codes": {func(c string) string { return c + " " + c }, false},
	} {
		f := newFixture(t)
		secretText := f.enrol(t)
		_, err := f.Verify(t.Context(), f.user, tt.write(f.codeAt(t, secretText, 0)))
		if (err == nil) != tt.want || (!tt.want && !errors.Is(err, mfa.ErrWrongCode)) {
			t.Errorf("%s: error %v, want accepted = %v", name, err, tt.want)
		}
	}
}

func TestCodeWorksOnce(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	ahead, current, behind := f.codeAt(t, secretText, 1), f.codeAt(t, secretText, 0), f.codeAt(t, secretText, -1)
	if _, err := f.Verify(t.Context(), f.user, current); err != nil {
		t.Fatal(err)
	}
	for name, code := range map[string]string{"the same": current, "an older one": behind} {
		if _, err := f.Verify(t.Context(), f.user, code); !errors.Is(err, mfa.ErrWrongCode) {
			t.Errorf("%s after it: error %v, want ErrWrongCode", name, err)
		}
	}
	if _, err := f.Verify(t.Context(), f.user, ahead); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestCodeWorksOnceAtTheSameTime(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	code := f.codeAt(t, secretText, 0)
	// Three nodes, each with limits of its own: the stored step alone has to do it.
	nodes := []*mfa.TOTP{f.TOTP}
	for range 2 {
		nodes = append(nodes, &mfa.TOTP{Store: f.db, Attempts: newFixture(t).db.Ephemeral(), Keys: f.Keys, Now: f.Now, Issuer: f.Issuer})
	}
	const each = 6 // the limit of attempts
	results := make(chan error, len(nodes)*each)
	for _, node := range nodes {
		for range each {
			go func() {
				_, err := node.Verify(t.Context(), f.user, code)
				results <- err
			}()
		}
	}
	accepted := 0
	for range len(nodes) * each {
		switch err := <-results; {
		case err == nil:
			accepted++
		case !errors.Is(err, mfa.ErrWrongCode):
			t.Errorf("unexpected error %v", err)
		}
	}
	if accepted != 1 {
		t.Errorf("one code was accepted %d times", accepted)
	}
}

func TestEnrolment(t *testing.T) {
	f := newFixture(t)
	e := f.begin(t)
	if raw, err := base32.StdEncoding.DecodeString(e.Secret); err != nil || len(raw) != 20 {
		t.Fatalf("secret has %d bytes (%v), want 160 bits", len(raw), err)
	}
	if _, err := f.Confirm(t.Context(), f.user, e, "phone", f.wrongCode(t, e.Secret)); !errors.Is(err, mfa.ErrWrongCode) {
		t.Fatalf("wrong first code: error %v", err)
	}
	if factors, err := f.Store.Factors(t.Context(), f.user); err != nil || len(factors) != 0 {
		t.Fatalf("before a right code there are %d factors (%v)", len(factors), err)
	}
	code := f.codeAt(t, e.Secret, 0)
	factor, err := f.Confirm(t.Context(), f.user, e, "phone", code)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := f.Store.Factors(t.Context(), f.user)
	if err != nil || len(stored) != 1 || stored[0].ID != factor.ID || stored[0].Kind != mfa.KindTOTP || stored[0].Name != "phone" {
		t.Fatalf("stored %+v (%v)", stored, err)
	}
	if bytes.Contains(stored[0].Secret, []byte(e.Secret)) {
		t.Error("the secret is stored in clear")
	}
	if opened, err := f.Keys.Open(stored[0].Secret, "factors", "secret", string(factor.ID)); err != nil || string(opened) != e.Secret {
		t.Errorf("the sealed secret does not open in its place: %v", err)
	}
	if _, err := f.Verify(t.Context(), f.user, code); !errors.Is(err, mfa.ErrWrongCode) {
		t.Errorf("the enrolling code works again: error %v", err)
	}
	if _, err := f.Confirm(t.Context(), f.user, e, "phone", f.codeAt(t, e.Secret, 1)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second factor of that name: error %v, want a conflict", err)
	}
}

func TestEnrolmentsDiffer(t *testing.T) {
	f := newFixture(t)
	first, second := f.begin(t), f.begin(t)
	if first.Secret == second.Secret {
		t.Error("two enrolments have one secret")
	}
}

func TestEnrolmentSurvivesJSON(t *testing.T) {
	e := newFixture(t).begin(t)
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var again mfa.Enrolment
	if err := json.Unmarshal(raw, &again); err != nil || again != e {
		t.Errorf("%+v became %+v (%v)", e, again, err)
	}
}

func TestVerifyTriesEveryFactor(t *testing.T) {
	f := newFixture(t)
	f.enrol(t)
	e := f.begin(t)
	if _, err := f.Confirm(t.Context(), f.user, e, "tablet", f.codeAt(t, e.Secret, 0)); err != nil {
		t.Fatal(err)
	}
	f.clock.advance(time.Minute)
	factor, err := f.Verify(t.Context(), f.user, f.codeAt(t, e.Secret, 0))
	if err != nil || factor.Name != "tablet" || !factor.LastUsed.Equal(f.clock.Now()) {
		t.Errorf("Verify = %+v, %v; want the second factor, used now", factor, err)
	}
}

func TestVerifyIsPerUser(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	for name, user := range map[string]id.User{"somebody without a factor": f.newUser(t, "bob"), "nobody": id.New[id.User]()} {
		if _, err := f.Verify(t.Context(), user, f.codeAt(t, secretText, 0)); !errors.Is(err, mfa.ErrWrongCode) {
			t.Errorf("%s: error %v, want ErrWrongCode", name, err)
		}
	}
}

func TestSecretOfAnotherRowDoesNotOpen(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	stolen, err := f.Store.Factors(t.Context(), f.user)
	if err != nil {
		t.Fatal(err)
	}
	bob := f.newUser(t, "bob")
	copied := stolen[0]
	copied.ID, copied.User, copied.LastStep = id.New[id.Factor](), bob, 0
	if err := f.Store.CreateFactor(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Verify(t.Context(), bob, f.codeAt(t, secretText, 0)); err == nil || errors.Is(err, mfa.ErrWrongCode) {
		t.Errorf("a secret copied to another row: error %v, want one of seal", err)
	}
}

func TestUnreadableSecretIsAnError(t *testing.T) {
	f := newFixture(t)
	_, err := f.Confirm(t.Context(), f.user, mfa.Enrolment{Secret: "not base32!"}, "phone", "123456")
	if err == nil || errors.Is(err, mfa.ErrWrongCode) || strings.Contains(err.Error(), "base32!") {
		t.Errorf("error %v, want one that does not show the secret", err)
	}
}

func TestURI(t *testing.T) {
	e := mfa.Enrolment{Secret: "JBSWY3DPEHPK3PXP", Account: "ada+test@example.org"}
	const issuer = "Länd & Sea: 50% = ?#/"
	text := e.URI(issuer)
	if strings.ContainsAny(text, " +") {
		t.Errorf("%s: apps do not read + as space", text)
	}
	parsed, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	query := parsed.Query()
	if parsed.Scheme != "otpauth" || parsed.Host != "totp" || parsed.Path != "/Länd & Sea 50% = ?#/:ada+test@example.org" {
		t.Errorf("%s: scheme %q, host %q, path %q", text, parsed.Scheme, parsed.Host, parsed.Path)
	}
	for key, want := range map[string]string{
		"secret": "JBSWY3DPEHPK3PXP", "issuer": "Länd & Sea 50% = ?#/", "algorithm": "SHA1", "digits": "6", "period": "30",
	} {
		if got := query[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
	if len(query) != 5 {
		t.Errorf("%s has %d parameters, want 5", text, len(query))
	}
}

func TestQR(t *testing.T) {
	f := newFixture(t)
	rows, err := f.QR(f.begin(t))
	if err != nil {
		t.Fatal(err)
	}
	size := len(rows)
	if size < 21 || (size-17)%4 != 0 {
		t.Fatalf("%d rows are no QR code", size)
	}
	// The three finder patterns: a dark ring, a light ring, a dark 3×3 core.
	for _, corner := range [][2]int{{0, 0}, {size - 7, 0}, {0, size - 7}} {
		for y := range 7 {
			for x := range 7 {
				ring := max(x-3, 3-x, y-3, 3-y)
				if want := ring != 2; rows[corner[1]+y][corner[0]+x] != want {
					t.Fatalf("no finder pattern at %v", corner)
				}
			}
		}
	}
	for y, row := range rows {
		if len(row) != size {
			t.Fatalf("row %d has %d modules, want %d", y, len(row), size)
		}
	}
	long := mfa.Enrolment{Secret: f.begin(t).Secret, Account: strings.Repeat("ä", 254)}
	if _, err := f.QR(long); err != nil {
		t.Errorf("the longest account: %v", err)
	}
}

func TestCancelledContext(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Verify(ctx, f.user, f.codeAt(t, secretText, 0)); err == nil {
		t.Error("accepted though nothing could be stored")
	}
}
