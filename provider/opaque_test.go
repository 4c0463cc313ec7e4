package provider_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/session"
)

func openWithOpaque(t *testing.T) *fixture {
	f := open(t)
	f.register(f.like("opaque", func(c *provider.Client) { c.AccessTokenFormat = provider.FormatOpaque }))
	return f
}

func TestOpaqueAccessToken(t *testing.T) {
	f := openWithOpaque(t)
	got := f.tokensOf("opaque")
	if !regexp.MustCompile(`^gto_[A-Za-z0-9_-]{43}$`).MatchString(got.Access) {
		t.Errorf("token: %s", got.Access)
	}
	if half := half(got.Access); payload(t, got.ID)["at_hash"] != half {
		t.Error("at_hash is not of the token")
	}
	f.wantAlive(got.Access)
	if told := f.userinfo(got.Access); told.status != http.StatusOK || !strings.Contains(told.body, "ada@acme.example") {
		t.Errorf("userinfo: %d %s", told.status, told.body)
	}
	changed := got.Access[:len(got.Access)-1] + string('A'+(got.Access[len(got.Access)-1]+1)%26)
	for _, forged := range []string{"gto_", "gto_x", changed, strings.ToUpper(got.Access), got.Access + "A", "gto_\x00"} {
		if forged != got.Access {
			f.wantUnknown(forged)
		}
	}
	f.clock.advance(10*time.Minute - time.Second)
	f.wantAlive(got.Access)
	f.clock.advance(time.Second)
	f.wantDead(got.Access)
}

func (f *fixture) wantUnknown(access string) {
	f.t.Helper()
	if _, err := f.VerifyAccessToken(f.t.Context(), access); err != provider.ErrBadToken { //nolint:errorlint // exactly this one
		f.t.Errorf("%q: %v", access, err)
	}
}

// TestOpaqueTokenAtRest: neither the token nor what it means can be read in the store; JWT clients leave nothing there.
func TestOpaqueTokenAtRest(t *testing.T) {
	f := openWithOpaque(t)
	access := f.tokensOf("opaque").Access
	entry, err := f.ephemeral.Find(t.Context(), session.Key{Kind: session.KindOpaque, ID: secret.Hash(access)})
	must(t, err)
	if text := string(entry.Value); strings.Contains(text, string(ada)) || strings.Contains(text, access) {
		t.Error("the value is readable")
	}
	jwt := f.tokens().Access
	if _, err := f.ephemeral.Find(t.Context(), session.Key{Kind: session.KindOpaque, ID: secret.Hash(jwt)}); err == nil {
		t.Error("a JWT is stored")
	}
}

// TestOpaqueTokenIsRevoked: with its grant, its session and by itself.
func TestOpaqueTokenIsRevoked(t *testing.T) {
	f := openWithOpaque(t)
	alone := f.tokensOf("opaque")
	f.mustRevoke("web", webSecret, alone.Access)
	f.wantAlive(alone.Access) // it is another client's
	f.mustRevoke("opaque", apiSecret, alone.Access)
	f.wantDead(alone.Access)
	withGrant := f.tokensOf("opaque")
	f.mustRevoke("opaque", apiSecret, withGrant.Refresh)
	f.wantDead(withGrant.Access)
	withSession := f.tokensOf("opaque")
	must(t, f.EndSession(t.Context(), browser))
	f.wantDead(withSession.Access)
}
