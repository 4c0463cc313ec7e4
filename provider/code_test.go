package provider_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestCodeExchange(t *testing.T) {
	f := open(t)
	got := f.tokens()
	if got.Type != "Bearer" || got.Expires != 600 || got.Scope != "openid profile email offline_access groups permissions" || got.Refresh == "" {
		t.Errorf("answer: %s", got.body)
	}
	if got.header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		t.Errorf("header: %v", got.header)
	}
	now := float64(f.clock.Now().Unix())
	access := payload(t, got.Access)
	want := map[string]any{
		"iss": issuer, "sub": string(ada), "aud": []any{"web", "https://api.example.com"}, "exp": now + 600, "iat": now, "client_id": "web",
		"scope": got.Scope, "sid": string(browser), "auth_time": now - 60, "acr": "urn:gatehouse:acr:mfa", "amr": []any{"pwd", "otp", "mfa"},
		"org_id": string(acme), "org_slug": "acme", "org_role": "manager", "groups": []any{"Operator"},
		"permissions": []any{"users.change_user", "users.view_user"},
	}
	chance := cmpopts.IgnoreMapEntries(func(name string, _ any) bool { return name == "jti" || name == "grant_id" || name == "at_hash" })
	if diff := cmp.Diff(want, access, chance); diff != "" {
		t.Errorf("access token (-want +got):\n%s", diff)
	}
	if header(t, got.Access)["typ"] != "at+jwt" || header(t, got.Access)["alg"] != "ES256" || access["jti"] == "" || access["grant_id"] == "" {
		t.Errorf("access token: %v %v", header(t, got.Access), access)
	}
	idToken := payload(t, got.ID)
	for _, name := range []string{"client_id", "scope", "permissions"} {
		delete(want, name)
	}
	want["aud"], want["nonce"] = "web", "n1"
	if diff := cmp.Diff(want, idToken, chance); diff != "" {
		t.Errorf("ID token (-want +got):\n%s", diff)
	}
	if header(t, got.ID)["alg"] != "RS256" || idToken["at_hash"] != halfHash(got.Access) {
		t.Errorf("ID token: %v %v", header(t, got.ID), idToken)
	}
}

func halfHash(text string) string { return half(text) }

func TestIDTokenAlgorithmOfClient(t *testing.T) {
	f := open(t)
	code := f.code(request("client_id", "spa", "redirect_uri", "https://spa.example.com/"))
	got := f.post(redeem(code, "client_id", "spa", "client_secret", "", "redirect_uri", "https://spa.example.com/"))
	if got.status != http.StatusOK || header(t, got.ID)["alg"] != "ES256" {
		t.Errorf("answer: %d %s", got.status, got.body)
	}
}

func TestScopesDecide(t *testing.T) {
	f := open(t)
	if got := f.tokens("scope", "openid"); got.Refresh != "" || got.ID == "" || payload(t, got.Access)["permissions"] != nil || payload(t, got.Access)["groups"] != nil || payload(t, got.ID)["groups"] != nil {
		t.Errorf("openid alone: %s", got.body)
	}
	if got := f.tokens("scope", "profile"); got.ID != "" || got.Refresh != "" {
		t.Errorf("without openid: %s", got.body)
	}
	code := f.code(request("client_id", "short", "scope", "openid offline_access"))
	if got := f.post(redeem(code, "client_id", "short")); got.status != http.StatusOK || got.Refresh != "" || got.Scope != "openid" {
		t.Errorf("client that may not refresh: %d %s", got.status, got.body)
	}
}

// TestPKCEDowngrade is fosite's open hole: a wrong verifier left the code alive, and without a verifier it was good then.
func TestPKCEDowngrade(t *testing.T) {
	for name, wrong := range map[string]string{
		"wrong": strings.Repeat("x", 43), "missing": "", "short": "x", "the challenge itself": challengeOf(verifierText), "odd characters": verifierText + "%",
		"long": verifierText + strings.Repeat("x", 128),
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			code := f.code(request())
			f.wantError(f.post(redeem(code, "code_verifier", wrong)), http.StatusBadRequest, "invalid_grant")
			f.wantError(f.post(redeem(code, "code_verifier", "")), http.StatusBadRequest, "invalid_grant")
			f.wantError(f.post(redeem(code)), http.StatusBadRequest, "invalid_grant")
		})
	}
}

// TestVerifierLength: a verifier that can be guessed is none, even if the client made its challenge of it (RFC 7636 section 4.1).
func TestVerifierLength(t *testing.T) {
	f := open(t)
	for length, status := range map[int]int{42: http.StatusBadRequest, 43: http.StatusOK, 128: http.StatusOK, 129: http.StatusBadRequest} {
		verifier := strings.Repeat("v", length)
		if got := f.post(redeem(f.code(request("code_challenge", challengeOf(verifier))), "code_verifier", verifier)); got.status != status {
			t.Errorf("%d characters: %d %s", length, got.status, got.body)
		}
	}
}

func TestCodeIsBound(t *testing.T) {
	f := open(t)
	for name, wrong := range map[string][]string{
		"another redirect": {"redirect_uri", "https://app.example.com/cb2?x=1"},
		"no redirect":      {"redirect_uri", ""},
		"another client":   {"client_id", "short"},
	} {
		t.Run(name, func(t *testing.T) {
			code := f.code(request())
			f.wantError(f.post(redeem(code, wrong...)), http.StatusBadRequest, "invalid_grant")
			f.wantError(f.post(redeem(code)), http.StatusBadRequest, "invalid_grant") // burned
		})
	}
	f.wantError(f.post(redeem("")), http.StatusBadRequest, "invalid_request")
	f.wantError(f.post(redeem("no such code")), http.StatusBadRequest, "invalid_grant")
}

func TestCodeExpires(t *testing.T) {
	f := open(t)
	code := f.code(request())
	f.clock.advance(61 * time.Second)
	f.wantError(f.post(redeem(code)), http.StatusBadRequest, "invalid_grant")
}

// TestCodeReplay: a code used twice takes everything back that was issued from it (RFC 6749 section 4.1.2), also after its own minute.
func TestCodeReplay(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "after its minute": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			code := f.code(request())
			got := f.post(redeem(code))
			f.wantAlive(got.Access)
			f.clock.advance(wait)
			f.wantError(f.post(redeem(code)), http.StatusBadRequest, "invalid_grant")
			f.wantDead(got.Access)
			f.wantError(f.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
		})
	}
}

func race[T any](n int, what func() T) []T {
	var (
		start   = make(chan struct{})
		done    sync.WaitGroup
		answers = make([]T, n)
	)
	for i := range n {
		done.Go(func() {
			<-start
			answers[i] = what()
		})
	}
	close(start)
	done.Wait()
	return answers
}

// codeRace: of many who show one code, one redeems it, the others get invalid_grant, and what the one got is worth nothing.
func codeRace(t *testing.T, f *fixture, scope string, exactly bool) {
	code, post := f.code(request("scope", scope)), f.onTwoNodes()
	var won []answer
	for _, got := range race(16, func() answer { return post(redeem(code)) }) {
		if got.status == http.StatusOK {
			won = append(won, got)
			continue
		}
		f.wantError(got, http.StatusBadRequest, "invalid_grant")
	}
	if len(won) > 1 || exactly && len(won) != 1 {
		t.Fatalf("%d redeemed the code", len(won))
	}
	for _, got := range won {
		f.wantDead(got.Access)
		if got.Refresh != "" {
			f.wantError(f.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
		}
	}
}

func TestCodeRace(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		for range 5 {
			codeRace(t, f, "openid", true)
			codeRace(t, f, "openid offline_access", false) // a loser's revocation may come before the winner's grant is written
		}
	})
}

func TestUserGoneBeforeCodeExchange(t *testing.T) {
	f := open(t)
	code := f.code(request())
	f.people.remove(ada)
	f.wantError(f.post(redeem(code)), http.StatusBadRequest, "invalid_grant")
}

func TestSessionEndedBeforeCodeExchange(t *testing.T) {
	f := open(t)
	code := f.code(request())
	must(t, f.EndSession(t.Context(), browser))
	f.wantError(f.post(redeem(code)), http.StatusBadRequest, "invalid_grant")
}
