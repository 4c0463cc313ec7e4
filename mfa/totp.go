package mfa

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/session"
	"gatehouse/store"
)

// TOTP (RFC 6238) with the parameters that every authenticator app knows: SHA-1, six digits, 30 seconds.
const (
	period      = 30
	skew        = 1  // steps of clock difference accepted on either side
	secretBytes = 20 // RFC 4226 section 4, R6
)

// TOTP enrols and verifies time-based codes. All fields are required.
type TOTP struct {
	Store    Store
	Attempts session.Store
	Keys     *seal.Keys
	Now      func() time.Time
	Issuer   string // shown in the app
}

// Enrolment is a factor on offer. It lives in the sign-in flow until its first code confirms it; nothing durable is written before.
type Enrolment struct {
	Secret  string // base32
	Account string // shown in the app
}

// URI is what the QR code says (the Key URI format of authenticator apps). Colons are left out of both names: they part the two.
func (e Enrolment) URI(issuer string) string {
	issuer, account := escape(issuer), escape(e.Account)
	return "otpauth://totp/" + issuer + ":" + account + "?secret=" + e.Secret + "&issuer=" + issuer + "&algorithm=SHA1&digits=6&period=30"
}

// escape writes spaces as %20, because apps read "+" literally.
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(strings.ReplaceAll(text, ":", "")), "+", "%20")
}

// Begin makes a fresh secret of 160 bits. The error is always nil.
func (t *TOTP) Begin(account string) (Enrolment, error) {
	raw := make([]byte, secretBytes)
	rand.Read(raw) // never fails (crypto/rand)
	return Enrolment{Secret: encode(raw), Account: account}, nil
}

func encode(raw []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
}

// QR draws the enrolment: rows of modules, true is dark, without the quiet zone.
func (t *TOTP) QR(e Enrolment) ([][]bool, error) { return QRCode(e.URI(t.Issuer)) }

// QRCode draws any text in the same form. Its errors are of texts that are too long.
func QRCode(text string) ([][]bool, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	size := code.Bounds().Dx()
	rows := make([][]bool, size)
	for y := range rows {
		rows[y] = make([]bool, size)
		for x := range rows[y] {
			shade, _, _, _ := code.At(x, y).RGBA()
			rows[y][x] = shade == 0
		}
	}
	return rows, nil
}

// Confirm enrols the factor if code is right, and spends that code. Errors: ErrWrongCode, *TooManyAttempts, and *store.Conflict if
// the user has a factor of that name. Not checked here: the name, and whether the user proved another factor before.
func (t *TOTP) Confirm(ctx context.Context, user id.User, e Enrolment, name, code string) (Factor, error) {
	if err := t.admit(ctx, user); err != nil {
		return Factor{}, err
	}
	step, ok, err := t.match(e.Secret, code)
	if err != nil {
		return Factor{}, fmt.Errorf("confirm factor: %w", err)
	}
	if !ok {
		return Factor{}, t.wrong(ctx, user)
	}
	now := t.Now().UTC()
	factor := Factor{ID: id.New[id.Factor](), User: user, Kind: KindTOTP, Name: name, LastStep: step, Created: now, LastUsed: now}
	factor.Secret = t.Keys.Seal([]byte(e.Secret), place(factor.ID)...)
	return factor, t.Store.CreateFactor(ctx, factor)
}

func place(factor id.Factor) []string { return []string{"factors", "secret", string(factor)} }

// Verify spends a code of any of the user's TOTP factors and returns that factor. A code works once, also when sent twice at the
// same moment to two nodes; with it all older ones are spent. Errors: ErrWrongCode (also for somebody without a factor), and
// *TooManyAttempts: beyond the limit not even a right code is looked at.
func (t *TOTP) Verify(ctx context.Context, user id.User, code string) (Factor, error) {
	if err := t.admit(ctx, user); err != nil {
		return Factor{}, err
	}
	factors, err := t.Store.Factors(ctx, user)
	if err != nil {
		return Factor{}, err
	}
	for _, factor := range factors {
		if factor.Kind != KindTOTP {
			continue
		}
		found, err := t.spend(ctx, factor, code)
		if !errors.Is(err, ErrWrongCode) {
			return found, err
		}
	}
	return Factor{}, t.wrong(ctx, user)
}

// spend uses up a code of one factor.
func (t *TOTP) spend(ctx context.Context, factor Factor, code string) (Factor, error) {
	text, err := t.Keys.Open(factor.Secret, place(factor.ID)...)
	if err != nil {
		return Factor{}, fmt.Errorf("open factor %s: %w", factor.ID, err)
	}
	step, ok, err := t.match(string(text), code)
	if err != nil {
		return Factor{}, fmt.Errorf("check factor %s: %w", factor.ID, err)
	}
	if !ok {
		return Factor{}, ErrWrongCode
	}
	factor.LastStep, factor.LastUsed = step, t.Now().UTC()
	// otp.Validate would accept a code any number of times within its period: the stored step is what makes it work once.
	err = t.Store.AdvanceStep(ctx, factor.ID, step, factor.LastUsed)
	if errors.Is(err, store.ErrStale) {
		return Factor{}, ErrWrongCode
	}
	return factor, err
}

var errSecret = errors.New("the secret of the factor cannot be read")

// match finds the newest time step whose code this is; what is not six ASCII digits is none. All steps are compared, each in
// constant time.
func (t *TOTP) match(secretText, code string) (step int64, ok bool, err error) {
	digits := []byte(strings.NewReplacer(" ", "", "-", "").Replace(code)) // as people type them
	now := t.Now().Unix() / period
	for candidate := now - skew; candidate <= now+skew; candidate++ {
		expected, err := hotp.GenerateCodeCustom(secretText, uint64(max(candidate, 0)), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false, errSecret // the library's error may show a part of it
		}
		if subtle.ConstantTimeCompare([]byte(expected), digits) == 1 {
			step, ok = candidate, true
		}
	}
	return step, ok, nil
}
