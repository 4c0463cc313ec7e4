// Package connectortest is the contract of connectors.Connector as a test, and fake upstreams that misbehave on demand.
package connectortest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"gatehouse/connectors"
)

// Upstream is a connector together with the upstream that it was opened for, and a person who has an account there.
type Upstream struct {
	Connector   connectors.Connector // just opened; it has not reached the upstream yet
	CallbackURL string
	Subject     string                                         // of the person
	SignIn      func(t *testing.T, redirect string) url.Values // plays browser and person; returns the callback's parameters
	Deny        func(t *testing.T, redirect string) url.Values // the person presses "cancel"
	Away        func()                                         // from now on the upstream cannot be reached
	Secrets     func() []string                                // every code, token and key given out or configured so far
	Requests    func() int                                     // that reached the upstream so far
}

// Run checks the contract. It starts a fresh upstream for each part.
func Run(t *testing.T, start func(t *testing.T) Upstream) {
	t.Run("SignIn", func(t *testing.T) { start(t).signIn(t) })
	t.Run("OpeningReachesNothing", func(t *testing.T) {
		if n := start(t).Requests(); n != 0 {
			t.Errorf("opening sent %d requests", n)
		}
	})
	t.Run("TripsDiffer", func(t *testing.T) { start(t).tripsDiffer(t) })
	t.Run("Denied", func(t *testing.T) { start(t).denied(t) })
	t.Run("AnswerOfAnotherTrip", func(t *testing.T) { start(t).otherTrip(t) })
	t.Run("AnswerTwice", func(t *testing.T) { start(t).twice(t) })
	t.Run("Nonsense", func(t *testing.T) { start(t).nonsense(t) })
	t.Run("AwayAtBegin", func(t *testing.T) { start(t).awayAtBegin(t) })
	t.Run("AwayAtFinish", func(t *testing.T) { start(t).awayAtFinish(t) })
	t.Run("CallerGone", func(t *testing.T) { start(t).callerGone(t) })
	t.Run("Many", func(t *testing.T) { start(t).many(t) })
}

const contractState = "state-that-must-come-back-unchanged"

// Begin calls the connector's Begin and checks what every redirect must be.
func (u Upstream) Begin(t *testing.T) connectors.Redirect {
	t.Helper()
	redirect, err := u.Connector.Begin(t.Context(), connectors.BeginRequest{State: contractState, CallbackURL: u.CallbackURL})
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	if target, err := url.Parse(redirect.URL); err != nil || !target.IsAbs() {
		t.Fatalf("%q is not an absolute URL", redirect.URL)
	}
	if len(redirect.Private) > 4<<10 {
		t.Errorf("Private has %d bytes", len(redirect.Private))
	}
	return redirect
}

// Finish calls the connector's Finish with an answer to a redirect.
func (u Upstream) Finish(t *testing.T, redirect connectors.Redirect, answer url.Values) (connectors.Identity, error) {
	t.Helper()
	return u.Connector.Finish(t.Context(), connectors.Callback{
		Parameters: answer, CallbackURL: u.CallbackURL, Private: redirect.Private, Started: time.Now(),
	})
}

// Refused checks that err is a *connectors.Error of the reason, whose text holds none of the secrets, is short, and has no control
// characters.
func Refused(t *testing.T, err error, want connectors.Reason, secrets []string) {
	t.Helper()
	var refused *connectors.Error
	if !errors.As(err, &refused) {
		t.Fatalf("error is %#v, want *connectors.Error with reason %s", err, want)
	}
	if refused.Reason != want {
		t.Errorf("reason is %s (%v), want %s", refused.Reason, err, want)
	}
	text := err.Error()
	for _, hidden := range secrets {
		if hidden != "" && strings.Contains(text, hidden) {
			t.Errorf("the error text holds a secret: %s", text)
		}
	}
	if len(text) > 600 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("the error text is not fit for a log line: %q", text)
	}
}

func (u Upstream) signIn(t *testing.T) {
	redirect := u.Begin(t)
	answer := u.SignIn(t, redirect.URL)
	if answer.Get("state") != contractState && answer.Get("RelayState") != contractState {
		t.Error("the state did not come back")
	}
	identity, err := u.Finish(t, redirect, answer)
	if err != nil {
		t.Fatalf("finish: %v", err)
	}
	if identity.Subject != u.Subject {
		t.Errorf("subject is %q, want %q", identity.Subject, u.Subject)
	}
	if n := len(identity.Subject); n < 1 || n > 512 || !utf8.ValidString(identity.Subject) {
		t.Errorf("subject %q is out of bounds", identity.Subject)
	}
}

func (u Upstream) tripsDiffer(t *testing.T) {
	first, second := u.Begin(t), u.Begin(t)
	if first.URL == second.URL || string(first.Private) == string(second.Private) {
		t.Error("two sign-ins are alike; nothing ties an answer to its own")
	}
}

func (u Upstream) denied(t *testing.T) {
	redirect := u.Begin(t)
	_, err := u.Finish(t, redirect, u.Deny(t, redirect.URL))
	Refused(t, err, connectors.ReasonDenied, u.Secrets())
}

func (u Upstream) otherTrip(t *testing.T) {
	mine, theirs := u.Begin(t), u.Begin(t)
	_, err := u.Finish(t, mine, u.SignIn(t, theirs.URL))
	Refused(t, err, connectors.ReasonInvalid, u.Secrets())
}

func (u Upstream) twice(t *testing.T) {
	redirect := u.Begin(t)
	answer := u.SignIn(t, redirect.URL)
	if _, err := u.Finish(t, redirect, answer); err != nil {
		t.Fatalf("finish: %v", err)
	}
	_, err := u.Finish(t, redirect, answer)
	Refused(t, err, connectors.ReasonInvalid, u.Secrets())
}

func (u Upstream) nonsense(t *testing.T) {
	redirect := u.Begin(t)
	for _, answer := range []url.Values{nil, {}, {"state": {contractState}}, {"code": {""}}, {"code": {"a", "b"}}, {"SAMLResponse": {"<"}}} {
		_, err := u.Finish(t, redirect, answer)
		Refused(t, err, connectors.ReasonInvalid, u.Secrets())
	}
	for _, private := range []string{"", "{}", "null", "[]", "\xff"} {
		_, err := u.Finish(t, connectors.Redirect{Private: []byte(private)}, u.SignIn(t, redirect.URL))
		Refused(t, err, connectors.ReasonInvalid, u.Secrets())
	}
}

func (u Upstream) awayAtBegin(t *testing.T) {
	u.Away()
	redirect, err := u.Connector.Begin(t.Context(), connectors.BeginRequest{State: contractState, CallbackURL: u.CallbackURL})
	if err == nil { // nothing needed of the upstream so far
		_, err = u.Finish(t, redirect, url.Values{"state": {contractState}, "code": {"code"}})
	}
	Refused(t, err, connectors.ReasonUnavailable, u.Secrets())
}

func (u Upstream) awayAtFinish(t *testing.T) {
	redirect := u.Begin(t)
	answer := u.SignIn(t, redirect.URL)
	u.Away()
	_, err := u.Finish(t, redirect, answer)
	Refused(t, err, connectors.ReasonUnavailable, u.Secrets())
}

// callerGone: an ended context is not waited for, and does no harm to the next caller.
func (u Upstream) callerGone(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := u.Connector.Begin(gone, connectors.BeginRequest{State: contractState, CallbackURL: u.CallbackURL}); err != nil {
		Refused(t, err, connectors.ReasonUnavailable, u.Secrets())
	}
	u.signIn(t)
}

func (u Upstream) many(t *testing.T) {
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			redirect, err := u.Connector.Begin(t.Context(), connectors.BeginRequest{State: contractState, CallbackURL: u.CallbackURL})
			if err != nil {
				t.Errorf("begin: %v", err)
				return
			}
			identity, err := u.Finish(t, redirect, u.SignIn(t, redirect.URL))
			if err != nil || identity.Subject != u.Subject {
				t.Errorf("finish: %q, %v", identity.Subject, err)
			}
		})
	}
	all.Wait()
}
