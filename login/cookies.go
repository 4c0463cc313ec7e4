package login

import (
	"net/http"
	"net/url"
	"time"

	"gatehouse/internal/secret"
)

// Cookies name and write the two cookies of a browser: "session" (who is signed in) and "browser" (which binds flows to it).
//
// Behind https they carry the __Host- prefix and Secure. A plain-http issuer exists on loopback only (config refuses it
// elsewhere); there the names carry the port, because cookies of one host do not keep ports apart.
type Cookies struct {
	session, browser string
	secure           bool
}

// NewCookies derives names and attributes from the issuer.
func NewCookies(issuer *url.URL) Cookies {
	if issuer.Scheme == "https" {
		return Cookies{session: "__Host-gatehouse_session", browser: "__Host-gatehouse_browser", secure: true}
	}
	return Cookies{session: "gatehouse_session_" + issuer.Port(), browser: "gatehouse_browser_" + issuer.Port()}
}

// write keeps the cookie for so long, for as long as the browser runs if it is 0, and takes it away if it is negative. Max-Age, not
// Expires, because browsers' clocks may be wrong.
func (c Cookies) write(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever there is https; see Cookies
		Name: name, Value: value, Path: "/", Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(lifetime / time.Second),
	})
}

func (c Cookies) read(r *http.Request, name string) string {
	cookie, err := r.Cookie(name)
	if err != nil || len(cookie.Value) > 256 {
		return ""
	}
	return cookie.Value
}

// sessionToken is the browser's session secret, empty if it shows none.
func (c Cookies) sessionToken(r *http.Request) secret.Text { return secret.New(c.read(r, c.session)) }

// signIn gives the browser a session for as long as the session can last.
func (c Cookies) signIn(w http.ResponseWriter, token secret.Text, lifetime time.Duration) {
	c.write(w, c.session, token.Reveal(), lifetime)
}

// signOut takes the session cookie away.
func (c Cookies) signOut(w http.ResponseWriter) { c.write(w, c.session, "", -time.Second) }

// browserSecret returns what binds flows to this browser, giving it one at its first visit.
func (c Cookies) browserSecret(w http.ResponseWriter, r *http.Request) string {
	if known := c.read(r, c.browser); len(known) >= minBrowserSecret {
		return known
	}
	fresh := secret.Token(32)
	c.write(w, c.browser, fresh, 0)
	return fresh
}

const minBrowserSecret = 43 // 32 bytes in base64url
