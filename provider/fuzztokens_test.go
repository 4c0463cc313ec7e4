package provider_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"gatehouse/provider"
)

// FuzzAccessToken: of all texts one is a token in force, the one that was issued; nothing is an error but a bad token. (Signatures of ES256 can be
// changed into other good ones by who knows the group's order; what they sign stays the same.)
func FuzzAccessToken(f *testing.F) {
	fix := open(f)
	good := fix.tokens()
	claims := payload(f, good.Access)
	for _, seed := range []string{
		good.Access, good.ID, good.Refresh, "", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat(".", 5000), "gto_", "gtr_a.1.b.c",
		encode(f, map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": header(f, good.Access)["kid"]}) + "." + encode(f, claims) + ".AAAA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := fix.VerifyAccessToken(t.Context(), token)
		switch {
		case errors.Is(err, provider.ErrBadToken):
		case err != nil:
			t.Fatalf("%q: %v", token, err)
		case got.ID != claims["jti"]:
			t.Fatalf("%q passes for an access token: %+v", token, got)
		}
	})
}

// FuzzRevocation: no text in the place of a token makes the endpoints fail, or ends a grant that it is not a token of.
func FuzzRevocation(f *testing.F) {
	fix := open(f)
	good := fix.tokens()
	for _, seed := range []string{good.ID, "", "gtr_", "gtr_a.1.b.c", good.Refresh + "A", good.Refresh[1:], "gto_x", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if token == good.Refresh || token == good.Access {
			return
		}
		ask := func(path, token string) answer {
			return fix.ask(path, form("client_id", "web", "client_secret", webSecret, "token", token))
		}
		for _, path := range []string{provider.RevokePath, provider.IntrospectPath} {
			if got := ask(path, token); got.status != http.StatusOK && got.status != http.StatusBadRequest {
				t.Fatalf("%s of %q: %d %s", path, token, got.status, got.body)
			}
		}
		if got := ask(provider.IntrospectPath, good.Refresh); !strings.Contains(got.body, `"active":true`) {
			t.Fatalf("%q has ended the grant", token)
		}
	})
}
