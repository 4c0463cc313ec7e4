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
	period        = 30
	skew          = 1 // steps of clock difference accepted on either side
	secretBytes   = 20
	maxAttempts   = 6
	attemptWindow = 5 * time.Minute
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

// URI is what the QR code says (the Key URI format of authenticator apps).
func (e Enrolment) URI(issuer string) string {
	// Apps read "+" literally, so spaces are written %20.
	query := "secret=" + e.Secret + "&issuer=" + url.PathEscape(issuer) + "&algorithm=SHA1&digits=6&period=30"
	return "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(e.Account) + "?" + query
}

// Begin makes a fresh secret.
func (t *TOTP) Begin(account string) (Enrolment, error) {
	raw := make([]byte, secretBytes)
	rand.Read(raw) // never fails (crypto/rand)
	return Enrolment{Secret: encode(raw), Account: account}, nil
}

func encode(raw []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
}

// QR draws the enrolment: rows of modules, true is dark, without the quiet zone.
func (t *TOTP) QR(e Enrolment) ([][]bool, error) {
	code, err := qr.Encode(e.URI(t.Issuer), qr.M, qr.Auto)
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

// Confirm enrols the factor if code is right, and spends that code. *store.Conflict if the user has a factor of that name.
func (t *TOTP) Confirm(ctx context.Context, user id.User, e Enrolment, name, code string) (Factor, error) {
	if err := t.count(ctx, user); err != nil {
		return Factor{}, err
	}
	step, ok := t.match(e.Secret, code)
	if !ok {
		return Factor{}, ErrWrongCode
	}
	factor := Factor{
		ID: id.New[id.Factor](), User: user, Kind: KindTOTP, Name: name, LastStep: step, Created: t.Now().UTC(), LastUsed: t.Now().UTC(),
	}
	factor.Secret = t.Keys.Seal([]byte(e.Secret), place(factor.ID)...)
	return factor, t.Store.CreateFactor(ctx, factor)
}

func place(factor id.Factor) []string { return []string{"factors", "secret", string(factor)} }

// Verify spends a code of any of the user's TOTP factors. A code works once, also when sent twice at the same moment to two
// nodes. Beyond the limit of attempts not even a right code is looked at.
func (t *TOTP) Verify(ctx context.Context, user id.User, code string) (Factor, error) {
	if err := t.count(ctx, user); err != nil {
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
		text, err := t.Keys.Open(factor.Secret, place(factor.ID)...)
		if err != nil {
			return Factor{}, fmt.Errorf("open factor %s: %w", factor.ID, err)
		}
		step, ok := t.match(string(text), code)
		if !ok {
			continue
		}
		err = t.Store.AdvanceStep(ctx, factor.ID, step, t.Now().UTC())
		if errors.Is(err, store.ErrStale) {
			return Factor{}, ErrWrongCode
		}
		return factor, err
	}
	return Factor{}, ErrWrongCode
}

// count limits the codes tried for a user, wherever they come from.
func (t *TOTP) count(ctx context.Context, user id.User) error {
	tried, ends, err := t.Attempts.Hit(ctx, session.Key{Kind: session.KindAttempt, ID: "totp:" + string(user)}, attemptWindow)
	if err != nil {
		return err
	}
	if tried > maxAttempts {
		return &TooManyAttempts{Until: ends}
	}
	return nil
}

// match finds the time step whose code this is. All steps are compared, each in constant time.
func (t *TOTP) match(secretText, code string) (step int64, ok bool) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	now := t.Now().Unix() / period
	for candidate := now - skew; candidate <= now+skew; candidate++ {
		expected, err := hotp.GenerateCodeCustom(secretText, uint64(max(candidate, 0)), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(expected), []byte(code)) == 1 {
			step, ok = candidate, true
		}
	}
	return step, ok
}
