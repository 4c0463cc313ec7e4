package e2e

import (
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/testenv"
)

// TestDemo is what "make run" tells people to try.
func TestDemo(t *testing.T) {
	d := startDemo(t)
	browser := testenv.NewBrowser(t)

	// The first time: through the upstream, then enrolment.
	browser.Open(d.sibling)
	browser.Screenshot("sibling-welcome")
	browser.Open(d.sibling + "/nowhere")
	browser.Screenshot("sibling-nowhere")
	browser.Open(d.sibling)
	browser.Click("a.go")
	browser.Wait("button[value=staff]")
	browser.Screenshot("signin")
	signInUpstream(t, browser, d, "ada")
	browser.Wait("svg.qr")
	browser.Screenshot("factor-enrol")
	app := newAuthenticator(browser.Text("#secret"))
	browser.Type("#code", "000000")
	browser.Click("button.main")
	browser.Wait("[role=alert]")
	browser.Screenshot("factor-enrol-wrong")
	browser.Type("#code", app.code(t))
	browser.Click("button.main")
	browser.Wait("#verified")
	browser.Screenshot("sibling-token")
	wantToken(t, browser, map[string]string{"#organization": "harbour", "#role": "owner", "#groups": "Administrator", "#amr": "fed otp mfa"})
	if permissions := browser.Text("#permissions"); !strings.Contains(permissions, "users.change_user") {
		t.Errorf("permissions = %q", permissions)
	}

	// The session is there: no page is shown.
	browser.Click("a.go[href='/signin']")
	browser.Wait("#verified")

	// Signed out, and in again: now the code is asked for.
	signOut(browser, d)
	browser.Open(d.sibling + "/signin")
	browser.Click("button[value=staff]")
	browser.Wait("button[name=account]") // the upstream knows her still, and asks
	browser.Screenshot("accounts")
	browser.Click("button[name=account]")
	browser.Wait("#code")
	browser.Screenshot("factor-prompt")
	browser.Type("#code", app.code(t))
	browser.Click("button.main")
	browser.Wait("#verified")

	// Then the same as grace, in the same browser, which the upstream knows as ada's.
	signOut(browser, d)
	browser.Open(d.sibling + "/signin")
	browser.Click("button[value=staff]")
	browser.Click("button[name=account][value='']")
	typeUpstream(browser, d, "grace")
	browser.Wait("svg.qr")
	hers := newAuthenticator(browser.Text("#secret"))
	browser.Type("#code", hers.code(t))
	browser.Click("button.main")
	browser.Wait("#verified")
	wantToken(t, browser, map[string]string{"#role": "member"})
	browser.Open(browser.Address()) // a reload
	browser.Wait("#verified")
}

func signOut(browser *testenv.Browser, d demonstration) {
	browser.Open(d.gatehouse)
	browser.Screenshot("home")
	browser.Click("#signout button")
	browser.Wait("a.button.main")
	browser.Screenshot("signed-out")
}

// TestDemoAPI: the request that the demonstration prints works, and answers with its people.
func TestDemoAPI(t *testing.T) {
	d := startDemo(t)
	answer := directory{url: d.gatehouse}.ask(t, d.secrets["api_token"], "GET", "/users/user/?ordering=username", 200, nil)
	if got := column(answer, "username"); !slices.Equal(got, []string{"ada", "admin"}) {
		t.Errorf("users %v", got)
	}
}

// TestDemoMember is the person whom Gatehouse does not know: a member is made just in time.
func TestDemoMember(t *testing.T) {
	d := startDemo(t)
	browser := testenv.NewBrowser(t)
	browser.Open(d.sibling + "/signin")
	browser.Wait("button[value=staff]")
	signInUpstream(t, browser, d, "grace")
	browser.Wait("svg.qr")
	app := newAuthenticator(browser.Text("#secret"))
	browser.Type("#code", app.code(t))
	browser.Click("button.main")
	browser.Wait("#verified")
	wantToken(t, browser, map[string]string{"#organization": "harbour", "#role": "member", "#permissions": "none"})
}

// TestDemoStranger is somebody with an account and a password, but outside of the client's organization.
func TestDemoStranger(t *testing.T) {
	d := startDemo(t)
	browser := testenv.NewBrowser(t)
	browser.Open(d.sibling + "/signin")
	browser.Type("#identifier", "admin")
	browser.Type("#password", "not the password")
	browser.Click("button.second")
	browser.Wait("[role=alert]")
	browser.Screenshot("signin-wrong")
	browser.Type("#password", d.secrets["admin_password"])
	browser.Click("button.second")
	browser.Wait(".reference")
	browser.Screenshot("error-not-member")
	if page := browser.Page(); !strings.Contains(page, "not a member") {
		t.Errorf("page says %q", page)
	}
	browser.Click("a.button")
	browser.Wait("#problem")
	if problem := browser.Text("#problem"); !strings.Contains(problem, "access_denied") {
		t.Errorf("the sibling was told %q", problem)
	}

	// At home he sets up a second step; then he lets somebody else in.
	browser.Open(d.gatehouse)
	browser.Type("#identifier", "admin")
	browser.Type("#password", d.secrets["admin_password"])
	browser.Click("button.main")
	browser.Wait("#signout")
	browser.Screenshot("home-superuser")
	browser.Click("form[action='/signin/secure'] button")
	browser.Wait("svg.qr")
	browser.Screenshot("factor-enrol-voluntary")
	app := newAuthenticator(browser.Text("#secret"))
	browser.Type("#code", app.code(t))
	browser.Click("button.main")
	browser.Wait("#signout")
	if page := browser.Page(); !strings.Contains(page, "On: an authenticator app") {
		t.Errorf("page says %q", page)
	}
	browser.Open(strings.Replace(d.sibling, "127.0.0.1", "localhost", 1)) // leads to the address that the client is registered with
	browser.Click("a.go")
	browser.Wait(".reference")
	browser.Click("form button.main")
	browser.Wait("button[value=staff]")
	signInUpstream(t, browser, d, "grace")
	browser.Wait("svg.qr")
	browser.Screenshot("factor-enrol-somebody-else")
	browser.Click("form.aside button")
	browser.Wait("button[value=staff]")
}

func signInUpstream(t *testing.T, browser *testenv.Browser, d demonstration, name string) {
	t.Helper()
	browser.Click("button[value=staff]")
	typeUpstream(browser, d, name)
}

func typeUpstream(browser *testenv.Browser, d demonstration, name string) {
	browser.Wait("form button.main") // the upstream has no connectors, so that its password button is the main one
	browser.Screenshot("signin-upstream")
	browser.Type("#identifier", name)
	browser.Type("#password", d.secrets[name+"_password"])
	browser.Click("form button.main")
}

func wantToken(t *testing.T, browser *testenv.Browser, want map[string]string) {
	t.Helper()
	for selector, text := range want {
		if got := strings.Join(strings.Fields(browser.Text(selector)), " "); got != text {
			t.Errorf("%s = %q, want %q", selector, got, text)
		}
	}
}
