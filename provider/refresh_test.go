package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"

	"gatehouse/session"
)

func (f *fixture) refresh(token string, pairs ...string) answer {
	f.t.Helper()
	got := f.post(refreshing(token, pairs...))
	if got.status != http.StatusOK {
		f.t.Fatalf("refresh: %d %s", got.status, got.body)
	}
	return got
}

func TestRefresh(t *testing.T) {
	f := open(t)
	first := f.tokens()
	f.clock.advance(5 * time.Minute)
	second := f.refresh(first.Refresh)
	if second.Refresh == "" || second.Refresh == first.Refresh || second.Scope != first.Scope {
		t.Errorf("answer: %s", second.body)
	}
	before, after := payload(t, first.Access), payload(t, second.Access)
	if before["jti"] == after["jti"] || after["iat"] != before["iat"].(float64)+300 || after["exp"] != before["exp"].(float64)+300 {
		t.Errorf("the refreshed token keeps jti or times: %v, %v", before, after)
	}
	if before["auth_time"] != after["auth_time"] || before["grant_id"] != after["grant_id"] || before["sid"] != after["sid"] {
		t.Errorf("the refreshed token is of another sign-in: %v, %v", before, after)
	}
	idToken := payload(t, second.ID)
	if idToken["nonce"] != nil || idToken["auth_time"] != before["auth_time"] || idToken["at_hash"] != half(second.Access) {
		t.Errorf("ID token: %v", idToken)
	}
	for range 5 {
		second = f.refresh(second.Refresh)
	}
	f.wantAlive(first.Access) // rotation is no revocation
}

func TestRefreshNarrowsScope(t *testing.T) {
	f := open(t)
	first := f.tokens()
	narrow := f.refresh(first.Refresh, "scope", "openid organization:acme permissions")
	if narrow.Scope != "openid permissions" || payload(t, narrow.Access)["groups"] != nil {
		t.Errorf("narrowed: %s", narrow.body)
	}
	f.wantError(f.post(refreshing(narrow.Refresh, "scope", "openid admin")), http.StatusBadRequest, "invalid_scope")
	if again := f.refresh(narrow.Refresh); again.Scope != first.Scope { // the grant stays as it was
		t.Errorf("after narrowing: %s", again.body)
	}
	if without := f.refresh(f.tokens().Refresh, "scope", "profile"); without.ID != "" {
		t.Errorf("an ID token without openid: %s", without.body)
	}
}

func TestRefreshGrace(t *testing.T) {
	f := open(t)
	first := f.tokens()
	second := f.refresh(first.Refresh)
	f.clock.advance(29 * time.Second)
	again := f.refresh(first.Refresh) // our answer was lost, say
	if again.Refresh != second.Refresh {
		t.Error("a repeated refresh got another successor")
	}
	if payload(t, again.Access)["jti"] == payload(t, second.Access)["jti"] {
		t.Error("a repeated refresh got the same access token")
	}
	f.refresh(second.Refresh)
	f.wantError(f.post(refreshing(first.Refresh)), http.StatusBadRequest, "invalid_grant") // the successor has been used
	f.wantDead(second.Access)
}

func TestRefreshReuse(t *testing.T) {
	for name, reuse := range map[string]func(f *fixture, first, second, third answer) string{
		"predecessor after the grace time": func(f *fixture, _, second, _ answer) string { f.clock.advance(31 * time.Second); return second.Refresh },
		"older generation":                 func(_ *fixture, first, _, _ answer) string { return first.Refresh },
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			first := f.tokens()
			second := f.refresh(first.Refresh)
			third := f.refresh(second.Refresh)
			f.wantError(f.post(refreshing(reuse(f, first, second, third))), http.StatusBadRequest, "invalid_grant")
			f.wantError(f.post(refreshing(third.Refresh)), http.StatusBadRequest, "invalid_grant")
			for _, token := range []string{first.Access, second.Access, third.Access} {
				f.wantDead(token)
			}
		})
	}
}

// TestForgedRefreshToken: access tokens carry the grant's name; knowing it must not be enough to have the grant revoked.
func TestForgedRefreshToken(t *testing.T) {
	f := open(t)
	first := f.tokens()
	second := f.refresh(first.Refresh)
	f.clock.advance(time.Minute)
	grant, _ := payload(t, first.Access)["grant_id"].(string)
	forged := []string{
		"gtr_" + grant + ".1." + strings.Repeat("A", 43) + "." + strings.Repeat("A", 43), "gtr_" + grant + ".1.x.", grant, "gtr_", ".", "....",
		second.Refresh[:len(second.Refresh)-1], second.Refresh + "A", strings.Replace(second.Refresh, ".2.", ".1.", 1), strings.Replace(second.Refresh, ".2.", ".3.", 1),
		second.Access, second.ID, "\x00", "\xff",
	}
	for _, token := range forged {
		got := f.post(refreshing(token))
		if got.status != http.StatusBadRequest || got.Error != "invalid_grant" && got.Error != "invalid_request" {
			t.Errorf("%q: %d %s", token, got.status, got.body)
		}
	}
	f.refresh(second.Refresh)
}

func TestRefreshIsBoundToClient(t *testing.T) {
	f := open(t)
	first := f.tokens()
	f.wantError(f.post(refreshing(first.Refresh, "client_id", "spa", "client_secret", "")), http.StatusBadRequest, "invalid_grant")
	f.wantError(f.post(refreshing(first.Refresh, "client_id", "short")), http.StatusBadRequest, "unauthorized_client")
	f.wantError(f.post(refreshing(first.Refresh, "client_secret", "wrong")), http.StatusUnauthorized, "invalid_client")
	f.refresh(first.Refresh)
}

func TestRefreshLifetimes(t *testing.T) {
	f := open(t)
	idle := f.tokens()
	f.clock.advance(14*24*time.Hour + time.Second)
	f.wantError(f.post(refreshing(idle.Refresh)), http.StatusBadRequest, "invalid_grant")
	busy := f.tokens()
	for range 8 {
		f.clock.advance(10 * 24 * time.Hour)
		busy = f.refresh(busy.Refresh)
	}
	f.clock.advance(10*24*time.Hour - 10*time.Second)
	last := f.refresh(busy.Refresh)
	f.clock.advance(20 * time.Second)
	f.wantError(f.post(refreshing(last.Refresh)), http.StatusBadRequest, "invalid_grant") // 90 days, however busy
	f.wantError(f.post(refreshing(busy.Refresh)), http.StatusBadRequest, "invalid_grant") // nor does the grace time help
}

func TestRefreshAsksForTheUser(t *testing.T) {
	f := open(t)
	first := f.tokens()
	changed := f.people.byID[ada]
	changed.Role, changed.Permissions = "member", nil
	f.people.byID[ada] = changed
	second := f.refresh(first.Refresh)
	if claims := payload(t, second.Access); claims["org_role"] != "member" || claims["permissions"] != nil {
		t.Errorf("claims are of yesterday: %v", claims)
	}
	f.people.remove(ada)
	f.wantError(f.post(refreshing(second.Refresh)), http.StatusBadRequest, "invalid_grant")
	f.people.byID[ada] = changed
	f.wantError(f.post(refreshing(second.Refresh)), http.StatusBadRequest, "invalid_grant") // revoked for good
	f.wantDead(second.Access)
}

func TestEndSession(t *testing.T) {
	f := open(t)
	first, again := f.tokens(), f.tokens("scope", "openid")
	second := f.refresh(first.Refresh)
	must(t, f.EndSession(t.Context(), browser))
	must(t, f.EndSession(t.Context(), browser)) // twice is fine
	f.wantDead(first.Access)
	f.wantDead(again.Access)
	f.wantError(f.post(refreshing(second.Refresh)), http.StatusBadRequest, "invalid_grant")
	f.wantError(f.post(refreshing(first.Refresh)), http.StatusBadRequest, "invalid_grant") // the grace time does not help
}

// TestDenylist: all three of grant, session and token are looked for.
func TestDenylist(t *testing.T) {
	f := open(t)
	for name, claim := range map[string]string{"grant": "grant_id", "sid": "sid", "jti": "jti"} {
		got := f.tokens()
		f.wantAlive(got.Access)
		value, _ := payload(t, got.Access)[claim].(string)
		key := session.Key{Kind: session.KindDenied, ID: name + ":" + value}
		must(t, f.ephemeral.Create(t.Context(), key, session.Entry{Value: []byte{}, Expires: f.clock.Now().Add(time.Hour)}))
		f.wantDead(got.Access)
		must(t, f.ephemeral.Delete(t.Context(), key))
	}
}

// TestRefreshRace: many refresh with one token at once. All get the same successor, nobody is signed out.
func TestRefreshRace(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		current, post := f.tokens().Refresh, f.onTwoNodes()
		for range 5 {
			successors := map[string]bool{}
			for _, got := range race(16, func() answer { return post(refreshing(current)) }) {
				if got.status != http.StatusOK {
					t.Fatalf("answer: %d %s", got.status, got.body)
				}
				successors[got.Refresh] = true
			}
			if len(successors) != 1 {
				t.Fatalf("%d different successors", len(successors))
			}
			for current = range successors {
			}
		}
	})
}

// TestRevocationDuringRefresh: whatever a refresh in flight gets out of a grant that is being revoked is worth nothing.
func TestRevocationDuringRefresh(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		for round := range 30 {
			browser := id.Session(fmt.Sprintf("0190c000-0000-7000-8000-%012d", round))
			given := f.authorization()
			given.Session = browser
			response, err := f.Complete(t.Context(), request(), given)
			must(t, err)
			first := f.post(redeem(codeIn(t, response.URL)))
			second := f.refresh(first.Refresh)
			third := f.refresh(second.Refresh)
			answers := race(6, func() func() answer {
				turn := make(chan int, 6)
				for i := range 6 {
					turn <- i
				}
				return func() answer {
					switch <-turn {
					case 0:
						return f.post(refreshing(first.Refresh)) // reuse
					case 1:
						return answer{status: http.StatusOK, body: fmt.Sprint(f.EndSession(t.Context(), browser))}
					default:
						return f.post(refreshing(third.Refresh))
					}
				}
			}())
			for _, got := range answers {
				if got.Access == "" {
					continue
				}
				f.wantDead(got.Access)
				f.wantError(f.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
			}
		}
	})
}

// TestRevocationDuringCodeExchange: a session that ends while its code is redeemed leaves nothing alive.
func TestRevocationDuringCodeExchange(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		for round := range 30 {
			given := f.authorization()
			given.Session = id.Session(fmt.Sprintf("0190d000-0000-7000-8000-%012d", round))
			response, err := f.Complete(t.Context(), request(), given)
			must(t, err)
			code := codeIn(t, response.URL)
			turn := make(chan bool, 2)
			turn <- true
			turn <- false
			for _, got := range race(2, func() answer {
				if <-turn {
					return answer{body: fmt.Sprint(f.EndSession(t.Context(), given.Session))}
				}
				return f.post(redeem(code))
			}) {
				if got.Access == "" {
					continue
				}
				f.wantDead(got.Access)
				f.clock.advance(20 * time.Minute) // past the denylist: the grant itself must be revoked
				f.wantError(f.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
			}
		}
	})
}

// TestRotationsKeepOneRow: a grant is one row, however often it rotates, and its row does not grow.
func TestRotationsKeepOneRow(t *testing.T) {
	f := open(t)
	current := f.tokens()
	grant, _ := payload(t, current.Access)["grant_id"].(string)
	before, err := f.db.Grant(t.Context(), id.Grant(grant))
	must(t, err)
	const rotations = 300
	for range rotations {
		current = f.refresh(current.Refresh)
	}
	after, err := f.db.Grant(t.Context(), id.Grant(grant))
	must(t, err)
	if after.Generation != before.Generation+rotations || len(after.Successor) > 400 {
		t.Errorf("grant after: %+v", after)
	}
	f.clock.advance(91 * 24 * time.Hour)
	if gone, err := f.db.DeleteExpiredGrants(t.Context(), f.clock.Now(), 100); err != nil || gone != 1 {
		t.Errorf("%d grants in the table, %v", gone, err)
	}
}

// TestRefreshSurvivesNewMasterKey: master keys rotate; refresh tokens and signing keys made under the old one go on.
func TestRefreshSurvivesNewMasterKey(t *testing.T) {
	f := open(t)
	first := f.tokens()
	f.config.Keys = newKeys(t, strings.Repeat("f", 32), masterText)
	f.restart()
	second := f.refresh(first.Refresh)
	if again := f.refresh(first.Refresh); again.Refresh != second.Refresh {
		t.Error("grace does not survive")
	}
	f.refresh(second.Refresh)
}

func TestGrantStoredAsHash(t *testing.T) {
	f := open(t)
	got := f.tokens()
	grantID, _ := payload(t, got.Access)["grant_id"].(string)
	grant, err := f.db.Grant(t.Context(), id.Grant(grantID))
	must(t, err)
	if strings.Contains(fmt.Sprintf("%+v", grant), got.Refresh) {
		t.Error("the refresh token stands in the database")
	}
}
