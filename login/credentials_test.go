package login_test

import (
	"database/sql"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/connectors"
	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const (
	day           = 24 * time.Hour
	otherPassword = "copper lantern violin 3"
)

// letters are those in the outbox, oldest first.
func (h *house) letters() []notify.Letter {
	t := h.t
	t.Helper()
	db := must[*sql.DB](t)(sql.Open("sqlite", "file:"+h.path))
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT id, content FROM outbox ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found []notify.Letter
	for rows.Next() {
		var m notify.Message
		if err := rows.Scan(&m.ID, &m.Content); err != nil {
			t.Fatal(err)
		}
		found = append(found, must[notify.Letter](t)(m.Letter(h.directory.Keys)))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// link is the one in the newest letter.
func (h *house) link(kind notify.Kind) string {
	h.t.Helper()
	letters := h.letters()
	if len(letters) == 0 || letters[len(letters)-1].Kind != kind {
		h.t.Fatalf("no letter of the kind %s: %+v", kind, letters)
	}
	return letters[len(letters)-1].Data["link"]
}

func (b *browser) newPassword(flow, old, plain, again string) page {
	return b.post("/signin/new-password", url.Values{"flow": {flow}, "old_password": {old}, "new_password": {plain}, "again": {again}})
}

func TestExpiredPasswordIsChangedOnTheWay(t *testing.T) {
	h := newHouse(t)
	h.directory.Settings.PasswordExpiryDays = 10
	other := h.browser()
	h.code(other.password(other.begin("shared"), "ada", goodPassword))
	h.clock.Advance(11 * day)
	named, _, err := h.directory.CreateAPIToken(t.Context(), tenancy.System("test"), tenancy.NewAPIToken{User: h.ada.ID, Name: "robot"})
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	flow := b.begin("shared")
	p := b.password(flow, "ada", goodPassword)
	if !strings.Contains(visible(p), "has expired") {
		t.Fatalf("no page to change the password: %d %s", p.status, visible(p))
	}
	if again := b.get("/signin?flow=" + flow); !strings.Contains(visible(again), "has expired") {
		t.Errorf("the page can be left: %s", visible(again))
	}
	for name, try := range map[string][3]string{
		"wrong old one": {"nonsense", otherPassword, otherPassword}, "weak": {goodPassword, "password1", "password1"},
		"the same": {goodPassword, goodPassword, goodPassword}, "mistyped": {goodPassword, otherPassword, otherPassword + "x"},
	} {
		if p := b.newPassword(flow, try[0], try[1], try[2]); p.status != http.StatusUnprocessableEntity || !strings.Contains(p.text, `class="problem"`) {
			t.Errorf("%s: %d %s", name, p.status, visible(p))
		}
	}
	h.clock.Advance(5 * time.Minute) // the tries above count
	h.code(b.newPassword(flow, goodPassword, otherPassword, otherPassword))
	if p := b.newPassword(flow, otherPassword, goodPassword, goodPassword); p.status != http.StatusBadRequest {
		t.Errorf("the flow goes on: %d", p.status)
	}
	if p := b.get("/"); !strings.Contains(visible(p), "ada") || p.address.Path != "/" {
		t.Errorf("not signed in: %s", visible(p))
	}
	if _, err := h.db.APIToken(t.Context(), named.ID); err != nil {
		t.Errorf("age alone ended a named token: %v", err)
	}
}

// TestExpiredPasswordOfASession: the session stays, once the password is changed; other sessions end.
func TestExpiredPasswordOfASession(t *testing.T) {
	h := newHouse(t)
	h.handler.Sessions.Idle, h.handler.Sessions.Absolute = 100*day, 100*day
	b, other := h.browser(), h.browser()
	for _, who := range []*browser{b, other} {
		h.code(who.password(who.begin("shared"), "ada", goodPassword))
	}
	h.clock.Advance(11 * day)
	h.directory.Settings.PasswordExpiryDays = 10
	if p := b.get(h.authorizeURL("shared", "prompt", "none")); p.location == nil || p.location.Query().Get("error") != "interaction_required" {
		t.Errorf("silent request: %v", p.location)
	}
	p := b.get("/")
	if !strings.Contains(visible(p), "has expired") {
		t.Fatalf("the account page is open: %s", visible(p))
	}
	if p := b.newPassword(flowOf(p), goodPassword, otherPassword, otherPassword); p.address.Path != "/" || !strings.Contains(visible(p), "ada") {
		t.Errorf("after the change: %s %s", p.address, visible(p))
	}
	if p := other.get("/"); p.address.Path != "/signin" {
		t.Errorf("the other browser is signed in: %s", visible(p))
	}
}

func TestUpstreamSignInWithExpiredPassword(t *testing.T) {
	h := newHouse(t)
	h.directory.Settings.PasswordExpiryDays = 10
	h.clock.Advance(11 * day)
	h.upstream.identity = connectors.Identity{Subject: "1", Emails: []connectors.Email{{Address: "ada@x.example", Verified: true}}}
	b := h.browser()
	flow := b.begin("shared")
	p := b.post("/signin/connector", url.Values{"flow": {flow}, "connector": {"up"}})
	h.code(b.get("/signin/callback/up?code=x&state=" + p.location.Query().Get("state")))
	if user := must[tenancy.User](t)(h.db.User(t.Context(), h.ada.ID)); user.LastMethod != "fed" || user.LastConnector != "up" {
		t.Errorf("last sign-in by %q through %q", user.LastMethod, user.LastConnector)
	}
}

func TestExpiredAccount(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	token := h.exchange("shared", h.code(b.password(b.begin("shared"), "ada", goodPassword)))
	if token.status != http.StatusOK {
		t.Fatal(token.text)
	}
	last := tenancy.DateOf(h.clock.Now())
	user := must[tenancy.User](t)(h.db.User(t.Context(), h.ada.ID))
	user.Expires = last
	if err := h.db.UpdateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	if p := b.get("/"); p.address.Path != "/" {
		t.Errorf("on the last day: %s", visible(p))
	}
	h.clock.Advance(day)
	if p := b.get("/"); p.address.Path != "/signin" {
		t.Errorf("after the last day the session is good: %s", visible(p))
	}
	if p := b.password(b.begin("shared"), "ada", goodPassword); p.status != http.StatusUnauthorized {
		t.Errorf("after the last day: %d", p.status)
	}
	_, err := h.subject(h.ada.ID)
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("tokens are still filled: %v", err)
	}
}

func (h *house) subject(user id.User) (string, error) {
	subject, err := h.provider.Subjects.Subject(h.t.Context(), user, h.harbour.ID)
	return subject.Username, err
}

func TestForgottenPassword(t *testing.T) {
	h := newHouse(t)
	signedIn, halfway := h.browser(), h.browser()
	h.code(signedIn.password(signedIn.begin("shared"), "ada", goodPassword))
	both := h.person("both", h.harbour, h.castle)
	flow := halfway.begin("shared")
	halfway.password(flow, both.Username, goodPassword)

	b := h.browser()
	if p := b.get("/signin"); !strings.Contains(p.text, `href="/reset-password"`) {
		t.Error("the sign-in page has no way out")
	}
	sent := b.post("/reset-password", url.Values{"identifier": {"ada"}})
	nobody := b.post("/reset-password", url.Values{"identifier": {"nobody"}})
	if sent.status != http.StatusOK || sent.text != nobody.text || sent.address.String() != nobody.address.String() {
		t.Errorf("somebody: %d at %s, nobody: %d at %s", sent.status, sent.address, nobody.status, nobody.address)
	}
	link := h.link(notify.KindPasswordReset)
	p := b.get(link)
	if p.status != http.StatusOK || !strings.Contains(visible(p), "ada") {
		t.Fatalf("%d %s", p.status, visible(p))
	}
	token := must[*url.URL](t)(url.Parse(link)).Query().Get("token")
	choose := func(token, plain, again string) page {
		return b.post("/reset-password/choose", url.Values{"token": {token}, "new_password": {plain}, "again": {again}})
	}
	for _, try := range [][2]string{{"short", "short"}, {otherPassword, "x"}, {goodPassword, goodPassword}} {
		if p := choose(token, try[0], try[1]); p.status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", try, p.status)
		}
	}
	if p := choose(token, otherPassword, otherPassword); p.status != http.StatusOK || p.address.Path != "/reset-password/done" {
		t.Fatalf("%d %s", p.status, visible(p))
	}
	for _, p := range []page{choose(token, goodPassword, goodPassword), b.get(link), b.get("/reset-password?token=garbage"), choose("", "x", "x")} {
		if p.status != http.StatusNotFound {
			t.Errorf("a spent link: %d %s", p.status, visible(p))
		}
	}
	if p := signedIn.get("/"); p.address.Path != "/signin" {
		t.Errorf("still signed in: %s", visible(p))
	}
	h.code(b.password(b.begin("shared"), "ada", otherPassword))
}

// TestFlowBeforeAReset: who has shown the old password and waits does not get in with it.
func TestFlowBeforeAReset(t *testing.T) {
	h := newHouse(t)
	both := h.person("both", h.harbour, h.mill())
	b := h.browser()
	flow := b.begin("shared")
	p := b.password(flow, "both", goodPassword)
	if !strings.Contains(visible(p), "Choose an organization") {
		t.Fatalf("no picker: %s", visible(p))
	}
	h.clock.Advance(time.Minute)
	if err := h.directory.SetPassword(t.Context(), tenancy.System("test"), both.ID, otherPassword); err != nil {
		t.Fatal(err)
	}
	p = b.post("/signin/organization", url.Values{"flow": {flow}, "organization": {string(h.harbour.ID)}})
	if p.location != nil || !strings.Contains(p.text, `name="password"`) {
		t.Errorf("the old password got in: %d %s", p.status, visible(p))
	}
}

// mill is one more organization that demands no factor.
func (h *house) mill() tenancy.Organization {
	return must[tenancy.Organization](h.t)(h.directory.CreateOrganization(h.t.Context(), tenancy.System("test"), tenancy.Organization{Name: "Mill", Slug: "mill"}))
}

func TestResetLimits(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	for range 5 {
		b.post("/reset-password", url.Values{"identifier": {"ada"}})
	}
	for _, who := range []string{"ada", "ADA"} {
		if p := b.post("/reset-password", url.Values{"identifier": {who}}); p.status != http.StatusTooManyRequests {
			t.Errorf("a sixth link for %s: %d", who, p.status)
		}
	}
	if got := len(h.letters()); got != 5 {
		t.Errorf("%d letters", got)
	}
	h.clock.Advance(time.Hour + time.Minute)
	if p := b.post("/reset-password", url.Values{"identifier": {"ada"}}); p.status != http.StatusOK {
		t.Errorf("an hour later: %d", p.status)
	}
}

func TestConfirmEmailPage(t *testing.T) {
	h := newHouse(t)
	scope := must[tenancy.Scope](t)(h.directory.Scope(t.Context(), h.ada.ID))
	must[tenancy.EmailAddress](t)(h.directory.AddEmail(t.Context(), scope, h.ada.ID, "second@x.example"))
	link, b := h.link(notify.KindConfirmEmail), h.browser()
	verified := func() bool {
		emails := must[[]tenancy.EmailAddress](t)(h.db.Emails(t.Context(), h.ada.ID))
		return emails[len(emails)-1].Verified
	}
	if p := b.get(link); p.status != http.StatusOK || verified() {
		t.Errorf("opening the link alone: %d, verified %v", p.status, verified())
	}
	token := must[*url.URL](t)(url.Parse(link)).Query()
	if p := b.post("/confirm-email", token); p.address.Path != "/confirm-email/done" || !verified() {
		t.Errorf("%d %s, verified %v", p.status, visible(p), verified())
	}
	for _, token := range []url.Values{token, {"token": {"garbage"}}, {}} {
		if p := b.post("/confirm-email", token); p.status != http.StatusNotFound {
			t.Errorf("a bad link: %d %s", p.status, visible(p))
		}
	}
}

// TestNewPasswordOnlyAtItsStep: neither before somebody has signed in, nor where nothing has expired.
func TestNewPasswordOnlyAtItsStep(t *testing.T) {
	h := newHouse(t)
	both := h.person("both", h.harbour, h.mill())
	hash := must[tenancy.User](t)(h.db.User(t.Context(), both.ID)).PasswordHash
	b := h.browser()
	flow := b.begin("shared")
	for _, step := range []string{"Sign in", "Choose an organization"} {
		if p := b.newPassword(flow, goodPassword, otherPassword, otherPassword); p.status != http.StatusOK || !strings.Contains(visible(p), step) {
			t.Errorf("at %s: %d %s", step, p.status, visible(p))
		}
		b.password(flow, "both", goodPassword)
	}
	if must[tenancy.User](t)(h.db.User(t.Context(), both.ID)).PasswordHash != hash {
		t.Error("the password changed")
	}
}
