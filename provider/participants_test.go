package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
)

// outbox notes who is to be told.
type outbox struct {
	mu   sync.Mutex
	told []provider.Participant
	fail error
}

func (o *outbox) SessionEnded(_ context.Context, ended []provider.Participant) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	o.told = append(o.told, ended...)
	return nil
}

// take returns who is to be told as "client/session", and forgets it.
func (o *outbox) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var names []string
	for _, p := range o.told {
		names = append(names, string(p.Client)+"/"+string(p.Session)+"/"+string(p.User))
	}
	o.told = nil
	slices.Sort(names)
	return names
}

func (f *fixture) outbox() *outbox {
	told, _ := f.config.Logouts.(*outbox)
	return told
}

// in signs Ada in at "web" in another session.
func (f *fixture) in(sid id.Session, params ...string) answer {
	f.t.Helper()
	authorization := f.authorization()
	authorization.Session = sid
	response, err := f.Complete(f.t.Context(), request(params...), authorization)
	must(f.t, err)
	got := f.post(redeem(codeIn(f.t, response.URL)))
	if got.status != http.StatusOK {
		f.t.Fatalf("code exchange: %d %s", got.status, got.body)
	}
	return got
}

func TestParticipantsAreToldOnce(t *testing.T) {
	f := leaving(t)
	f.tokens()
	f.tokens() // once more in the same session
	f.spaHint()
	f.in("elsewhere", "scope", "openid")
	must(t, f.EndSession(t.Context(), browser))
	want := []string{"spa/" + string(browser) + "/" + string(ada), "web/" + string(browser) + "/" + string(ada)}
	if diff := cmp.Diff(want, f.outbox().take()); diff != "" {
		t.Error(diff)
	}
	must(t, f.EndSession(t.Context(), browser))
	if got := f.outbox().take(); got != nil {
		t.Errorf("told again: %v", got)
	}
}

// TestOnlyWhoWantsIsTold: a client without backchannel_logout_uri is no participant.
func TestOnlyWhoWantsIsTold(t *testing.T) {
	f := open(t)
	f.tokens()
	must(t, f.EndSession(t.Context(), browser))
	if got := f.outbox().take(); got != nil {
		t.Errorf("told %v", got)
	}
}

// TestOldSessionsAreTold: when everything of a user ends, clients of sessions that have long expired are told, too, but not those of the
// one that goes on.
func TestOldSessionsAreTold(t *testing.T) {
	f := leaving(t)
	f.in("expired")
	f.in("kept")
	f.clock.advance(60 * 24 * time.Hour)
	must(t, f.EndGrantsOfUser(t.Context(), ada, "kept"))
	if diff := cmp.Diff([]string{"web/expired/" + string(ada)}, f.outbox().take()); diff != "" {
		t.Error(diff)
	}
	must(t, f.EndSession(t.Context(), "kept"))
	if diff := cmp.Diff([]string{"web/kept/" + string(ada)}, f.outbox().take()); diff != "" {
		t.Error(diff)
	}
}

// TestParticipantsStayUntilTheyAreTold: what failed half way tells them when it is tried again.
func TestParticipantsStayUntilTheyAreTold(t *testing.T) {
	f := leaving(t)
	tokens := f.tokens()
	f.outbox().fail = errors.New("the outbox is away")
	if err := f.EndSession(t.Context(), browser); err == nil {
		t.Fatal("nobody says that nobody will be told")
	}
	f.wantDead(tokens.Access)
	f.outbox().fail = nil
	must(t, f.EndSession(t.Context(), browser))
	if got := f.outbox().take(); len(got) != 1 {
		t.Errorf("told %v", got)
	}
}

// TestParticipationIsRenewed: a client that comes again takes part for as long as its new tokens may live.
func TestParticipationIsRenewed(t *testing.T) {
	f := leaving(t)
	f.tokens()
	f.clock.advance(80 * 24 * time.Hour)
	f.tokens()
	f.clock.advance(80 * 24 * time.Hour)
	must(t, f.EndSession(t.Context(), browser))
	if got := f.outbox().take(); len(got) != 1 {
		t.Errorf("told %v", got)
	}
}

// TestEndedAgainIsDeniedLonger: a session whose end is tried again is denied from then on, for as long as a code of the last moment is
// good.
func TestEndedAgainIsDeniedLonger(t *testing.T) {
	f := leaving(t)
	must(t, f.EndSession(t.Context(), browser))
	f.clock.advance(11*time.Minute + 50*time.Second)
	late := f.code(request())
	must(t, f.EndSession(t.Context(), browser))
	f.clock.advance(40 * time.Second)
	f.wantError(f.post(redeem(late)), http.StatusBadRequest, "invalid_grant")
}

// TestGoneClientIsNotTold: of clients that are deleted, or do not want to be told any more, the sender learns that.
func TestGoneClientIsNotTold(t *testing.T) {
	f := leaving(t)
	told := provider.Participant{Client: "web", User: ada, Session: browser}
	stored, err := f.db.Client(t.Context(), "web")
	must(t, err)
	stored.Enabled = false
	must(t, f.db.SaveClient(t.Context(), stored))
	if _, _, err := f.LogoutToken(t.Context(), told); err != nil {
		t.Errorf("a disabled client: %v", err)
	}
	stored.BackchannelLogoutURI = ""
	must(t, f.db.SaveClient(t.Context(), stored))
	if _, _, err := f.LogoutToken(t.Context(), told); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("without address: %v", err)
	}
	told.Client = "gone"
	if _, _, err := f.LogoutToken(t.Context(), told); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

// TestRaceEndAndRedeem: 16 codes are redeemed while their session ends. Whoever got tokens is told, and his tokens are dead.
func TestRaceEndAndRedeem(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		f.letLeave()
		for i := range 8 {
			raceEndAndRedeem(f, id.Session(fmt.Sprint("session-", i)))
		}
	})
}

func raceEndAndRedeem(f *fixture, sid id.Session) {
	authorization := f.authorization()
	authorization.Session = sid
	codes, answers := make([]string, 16), make([]answer, 16)
	for i := range codes {
		response, err := f.Complete(f.t.Context(), request(), authorization)
		must(f.t, err)
		codes[i] = codeIn(f.t, response.URL)
	}
	var (
		all    sync.WaitGroup
		failed error
	)
	start := make(chan struct{})
	for i := range codes {
		all.Go(func() { <-start; answers[i] = f.post(redeem(codes[i])) })
	}
	all.Go(func() { <-start; failed = f.EndSession(context.Background(), sid) })
	close(start)
	all.Wait()
	must(f.t, failed)
	got := 0
	for _, a := range answers {
		if a.status != http.StatusOK {
			f.wantError(a, http.StatusBadRequest, "invalid_grant")
			continue
		}
		got++
		f.wantDead(a.Access)
		f.wantError(f.post(refreshing(a.Refresh)), http.StatusBadRequest, "invalid_grant")
	}
	if told := f.outbox().take(); got > 0 && len(told) == 0 {
		f.t.Errorf("%d got tokens, and nobody is told", got)
	}
}

// TestRaceEndAndEnd: two ends of one session may tell a client twice, but never not at all.
func TestRaceEndAndEnd(t *testing.T) {
	f := leaving(t)
	f.tokens()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if err := f.EndSession(context.Background(), browser); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if told := f.outbox().take(); len(told) == 0 {
		t.Error("nobody is told")
	}
	listed, err := f.ephemeral.List(t.Context(), session.KindParticipant, "sid:"+string(browser))
	if err != nil || len(listed) != 0 {
		t.Errorf("left over: %v, %v", listed, err)
	}
}
