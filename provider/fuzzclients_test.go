package provider_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/provider"
)

// FuzzBasic: no header makes it fail, and it lets in only who shows the name and the secret, in one of the two ways of writing them.
func FuzzBasic(f *testing.F) {
	fix := open(f)
	for _, seed := range []string{
		url.QueryEscape(robot) + ":" + url.QueryEscape(robotSecret), robot + ":" + robotSecret, "robot%3A+nr+1:x", ":", "", "%00:%00", "%zz:%zz", "nocode:" + webSecret, "\xff:\xfe",
	} {
		f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte(seed)))
	}
	f.Add("Basic")
	f.Add("basic x")
	f.Add("Bearer x")
	secrets := map[string]string{robot: robotSecret, "nocode": webSecret}
	f.Fuzz(func(t *testing.T, header string) {
		r := postForm("grant_type=client_credentials")
		r.Header.Set("Authorization", header)
		got := fix.send(from(network(), r))
		if got.status != http.StatusOK {
			if got.status != http.StatusUnauthorized && got.status != http.StatusBadRequest {
				t.Fatalf("%q: %d %s", header, got.status, got.body)
			}
			return
		}
		user, password, _ := r.BasicAuth()
		if !either(password, secrets[named(user, secrets)]) {
			t.Fatalf("%q was let in", header)
		}
	})
}

// network is another one each time, so that failures close nothing.
func network() string {
	n := networks.Add(1)
	return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
}

var networks atomic.Int64

// either reports whether a text stands for want, decoded or as it is.
func either(text, want string) bool {
	decoded, err := url.QueryUnescape(text)
	return want != "" && (text == want || err == nil && decoded == want)
}

// named is the name among those known that a text stands for.
func named(text string, known map[string]string) string {
	for name := range known {
		if either(text, name) {
			return name
		}
	}
	return ""
}

// FuzzUserCode: whatever is typed, the normal form is eight of the letters or nothing, and stays as it is.
func FuzzUserCode(f *testing.F) {
	for _, seed := range []string{"BCDF-GHJK", "bcdf ghjk", "bcdfghjk", "ＢＣＤＦ－ＧＨＪＫ", "B-C-D-F-G-H-J-K", "ßßßßßßßß", "\u212a", "\xff", "AAAAAAAA", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		normal := provider.NormalUserCode(typed)
		if normal == "" {
			return
		}
		if len(normal) != 8 || strings.Trim(normal, "BCDFGHJKLMNPQRSTVWXZ") != "" {
			t.Fatalf("%q becomes %q", typed, normal)
		}
		if again := provider.NormalUserCode(provider.ShownUserCode(normal)); again != normal {
			t.Fatalf("%q becomes %q", normal, again)
		}
	})
}

// FuzzAssertion: no assertion makes it fail, and none is let in but the one that the client signed.
func FuzzAssertion(f *testing.F) {
	fix := open(f)
	key := madeKeys()["ed"]
	fix.registerSigning(func(c *provider.Client) { c.JWKS = keySet(f, key, madeKeys()["rsa"], madeKeys()["p256"]) })
	good := fix.good().signed(f, key, jose.EdDSA)
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		good, "a.b.c", "", parts[0] + "." + parts[1] + ".", "eyJhbGciOiJub25lIn0." + parts[1] + ".", parts[0] + "." + parts[1] + "." + parts[2] + "A",
		fix.good().with("aud", []any{issuer, 1}).signed(f, key, jose.EdDSA), fix.good().with("exp", "1").signed(f, key, jose.EdDSA),
		`{"payload":"e30","signatures":[]}`, strings.Repeat(".", 4000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := fix.send(from(network(), postForm(asserting(text).Encode())))
		switch {
		case got.status == http.StatusOK && text != good:
			t.Fatalf("%q was let in", text)
		case got.status == http.StatusOK, got.status == http.StatusUnauthorized, got.status == http.StatusBadRequest:
		default:
			t.Fatalf("%q: %d %s", text, got.status, got.body)
		}
	})
}
