package mfa

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/id"
	"gatehouse/session"
	"gatehouse/store"
)

// Three of a million codes are right at any moment, so the number of guesses is what protects an account whose password is known
// (NIST SP 800-63B-4 section 3.2.2: at most 100 failures in a row). Six codes in five minutes are looked at, so that five wrong ones
// leave one more try. From the tenth wrong one of a day on, every fifth closes the account's codes for a while: 15 minutes, then
// twice as long each time, at most 8 hours. That leaves about 45 guesses a day. Right codes do not reset the counters: the guesser
// would only have to wait for the owner to sign in.
const (
	attemptLimit  = 6
	attemptWindow = 5 * time.Minute
	wrongWindow   = 24 * time.Hour
	wrongFirst    = 10 // wrong codes until the first closure
	wrongStep     = 5  // and from one closure to the next
	firstClosure  = 15 * time.Minute
	maxClosure    = 8 * time.Hour
)

func attemptKey(name string, user id.User) session.Key {
	return session.Key{Kind: session.KindAttempt, ID: name + ":" + string(user)}
}

// admit counts an attempt before the code is looked at, wherever it comes from: a limit that is checked afterwards lets a burst of
// guesses at the same moment through.
func (t *TOTP) admit(ctx context.Context, user id.User) error {
	closed, err := t.Attempts.Find(ctx, attemptKey("totp-closed", user))
	if err == nil {
		return &TooManyAttempts{Until: closed.Expires}
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	tried, ends, err := t.Attempts.Hit(ctx, attemptKey("totp", user), attemptWindow)
	if err != nil {
		return err
	}
	if tried > attemptLimit {
		return &TooManyAttempts{Until: ends}
	}
	return nil
}

// wrong counts a wrong code and returns ErrWrongCode, unless the store fails.
func (t *TOTP) wrong(ctx context.Context, user id.User) error {
	count, _, err := t.Attempts.Hit(ctx, attemptKey("totp-wrong", user), wrongWindow)
	if err != nil {
		return err
	}
	if count < wrongFirst || count%wrongStep != 0 {
		return ErrWrongCode
	}
	entry := session.Entry{Expires: t.Now().UTC().Add(closure(count))}
	if err := t.Attempts.Create(ctx, attemptKey("totp-closed", user), entry); err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return ErrWrongCode
}

// closure is how long codes are closed after that many wrong ones.
func closure(wrong int) time.Duration {
	doubled := min((wrong-wrongFirst)/wrongStep, 10)
	return min(firstClosure<<doubled, maxClosure)
}
