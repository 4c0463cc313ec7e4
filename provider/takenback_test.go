package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// agree makes Ada a user of the store, who lets clients see the scopes.
func (f *fixture) agree(scopes []string, clients ...id.Client) {
	f.t.Helper()
	db, ok := f.db.(interface {
		CreateUser(ctx context.Context, user tenancy.User) error
	})
	if !ok {
		f.t.Fatal("the store has no users")
	}
	err := db.CreateUser(f.t.Context(), tenancy.User{ID: ada, Username: "ada", Active: true, Created: f.clock.Now(), Modified: f.clock.Now()})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		f.t.Fatal(err)
	}
	for _, client := range clients {
		must(f.t, f.Agree(f.t.Context(), ada, client, acme, scopes))
	}
}

// change alters a registered client, and waits until that is known.
func (f *fixture) change(client id.Client, change func(*provider.Client)) {
	f.t.Helper()
	found, err := f.db.Client(f.t.Context(), client)
	must(f.t, err)
	change(&found)
	must(f.t, f.db.SaveClient(f.t.Context(), found))
	f.clock.advance(4 * time.Second)
}

func (f *fixture) takeBack(client id.Client) error {
	if err := f.EndConsent(context.Background(), ada, client); err != nil {
		return err
	}
	_, err := f.db.DeleteConsents(context.Background(), ada, client, f.clock.Now())
	return err
}

// agreed is a code that rests on a consent.
func (f *fixture) agreed(params ...string) string {
	f.t.Helper()
	authorization := f.authorization()
	authorization.Consent = true
	response, err := f.Complete(f.t.Context(), request(params...), authorization)
	must(f.t, err)
	return codeIn(f.t, response.URL)
}

var allOfRequest = []string{"openid", "profile", "email", "offline_access", "groups", "permissions"}

// TestTakenBackBeforeCodeExchange: of a consent that is being taken back nothing comes any more, even while the transaction that deletes it is
// not committed and its row still there; nor of a first-party client's code, for which there never was one.
func TestTakenBackBeforeCodeExchange(t *testing.T) {
	f := open(t)
	f.agree(allOfRequest, "web")
	for name, code := range map[string]string{"consent": f.agreed(), "without offline_access": f.agreed("scope", "openid"), "first party": f.code(request())} {
		must(t, f.EndConsent(t.Context(), ada, "web"))
		t.Run(name, func(t *testing.T) { f.wantError(f.post(redeem(code)), http.StatusBadRequest, "invalid_grant") })
	}
	f.clock.advance(10 * time.Second)
	if got := f.post(redeem(f.agreed())); got.Access == "" {
		t.Errorf("a consent given anew: %s", got.body)
	}
}

// TestTakenBackBeforeDeviceAsks: a device that waits with its user's word gets nothing once he has taken it back, for as long as it can wait.
func TestTakenBackBeforeDeviceAsks(t *testing.T) {
	f := open(t)
	f.config.Lifetimes.Device = time.Hour
	f.restart()
	b := f.begin()
	must(t, f.ApproveDevice(t.Context(), b.UserCode, f.authorization()))
	must(t, f.takeBack("tv"))
	f.clock.advance(50 * time.Minute)
	f.poll(b, "invalid_grant")
	again := f.begin()
	must(t, f.ApproveDevice(t.Context(), again.UserCode, f.authorization()))
	f.wantToken(f.post(polling(again.DeviceCode)))
}

// TestRaceTakeBackAndRedeem: 15 codes are redeemed while the consent is taken back. What they get is worth nothing.
func TestRaceTakeBackAndRedeem(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		for range 8 {
			f.agree(allOfRequest, "web")
			turn := make(chan string, 16)
			for range 15 {
				turn <- f.agreed()
			}
			turn <- ""
			answers := race(16, func() answer {
				code := <-turn
				if code == "" {
					return answer{body: fmt.Sprint(f.takeBack("web"))}
				}
				return f.post(redeem(code))
			})
			for _, got := range answers {
				if got.status == 0 && got.body != fmt.Sprint(nil) || got.status != 0 && got.Access == "" && got.Error != "invalid_grant" {
					t.Fatalf("answer: %d %s", got.status, got.body)
				}
				if got.Access == "" {
					continue
				}
				f.wantDead(got.Access)
				f.wantError(f.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
			}
			f.clock.advance(10 * time.Second)
		}
	})
}

// TestConsentCoversClaims: a code is worth no claims beyond the consent, even if the client was registered for more meanwhile.
func TestConsentCoversClaims(t *testing.T) {
	f := open(t)
	f.agree([]string{"openid"}, "web")
	asking := []string{"scope", "openid", "claims", `{"userinfo":{"phone_number":null}}`}
	f.wantError(f.post(redeem(f.agreed(asking...))), http.StatusBadRequest, "invalid_grant")
	f.agree([]string{"phone"}, "web")
	if got := f.post(redeem(f.agreed(asking...))); got.Access == "" {
		t.Errorf("with consent: %s", got.body)
	}
}

// TestMovedBeforeDeviceAsks: an approved device does not take its organization along to where its client has moved.
func TestMovedBeforeDeviceAsks(t *testing.T) {
	f := open(t)
	f.createOrganization(globex)
	b := f.begin()
	must(t, f.ApproveDevice(t.Context(), b.UserCode, f.authorization()))
	f.change("tv", func(c *provider.Client) { c.Organization = globex })
	f.poll(b, "invalid_grant")
}

// TestUserinfoOfMovedClient: what a client got in one organization it does not read from another.
func TestUserinfoOfMovedClient(t *testing.T) {
	f := open(t)
	f.createOrganization(globex)
	access := f.tokens().Access
	f.change("web", func(c *provider.Client) { c.Organization = globex })
	f.wantError(f.userinfo(access), http.StatusUnauthorized, "invalid_token")
}

// TestScopesLostBeforeTheyAreGranted: what a client was registered for when it asked, and is not any more, it does not get.
func TestScopesLostBeforeTheyAreGranted(t *testing.T) {
	f := open(t)
	b, code := f.begin("scope", "openid phone offline_access"), f.code(request("scope", "openid phone offline_access"))
	must(t, f.ApproveDevice(t.Context(), b.UserCode, f.authorization()))
	for _, client := range []id.Client{"tv", "web"} {
		f.change(client, func(c *provider.Client) { c.Scopes = []string{"openid", "profile"} })
	}
	for name, got := range map[string]answer{"device": f.post(polling(b.DeviceCode)), "code": f.post(redeem(code))} {
		if got.Scope != "openid offline_access" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

// meanwhile is a store where something happens between the reading of a consent and what follows.
type meanwhile struct {
	provider.Store
	then func()
}

func (m *meanwhile) Consent(ctx context.Context, user id.User, client id.Client, organization id.Organization) (provider.Consent, error) {
	found, err := m.Store.Consent(ctx, user, client, organization)
	if m.then != nil {
		m.then()
	}
	return found, err
}

// TestAgreedWhileTakenBack: who agrees to more in one tab and takes all back in another has agreed to nothing of it; the old does not come back with the new.
func TestAgreedWhileTakenBack(t *testing.T) {
	f := open(t)
	f.agree([]string{"openid", "phone"}, "web")
	between := &meanwhile{f.db, func() { must(t, f.takeBack("web")) }}
	f.config.Store = between
	f.restart()
	must(t, f.Agree(t.Context(), ada, "web", acme, []string{"email"}))
	between.then = nil
	if found, err := f.db.ConsentsOfUser(t.Context(), ada); err != nil || len(found) > 0 {
		t.Errorf("consents: %+v, %v", found, err)
	}
	f.clock.advance(10 * time.Second)
	f.agree([]string{"email"}, "web")
	if found, err := f.db.ConsentsOfUser(t.Context(), ada); err != nil || len(found) != 1 || len(found[0].Scopes) != 1 {
		t.Errorf("anew: %+v, %v", found, err)
	}
}
