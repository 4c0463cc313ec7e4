package ui_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/ui"
)

var update = flag.Bool("update", false, "write the golden files anew")

func renderer(t *testing.T) *ui.Renderer {
	t.Helper()
	r, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t *testing.T, view ui.View) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := renderer(t).Render(w, http.StatusOK, view); err != nil {
		t.Fatal(err)
	}
	return w
}

// views are every page in its states; text stands wherever people or upstreams can put it.
func views(text string) map[string]ui.View {
	alert := &ui.Alert{Kind: ui.AlertError, Title: text, Text: text, Reference: text}
	return map[string]ui.View{
		"signin":           ui.SignIn{Action: "/a", ConnectorAction: "/c", Flow: text, PasswordEnabled: true},
		"signin-full":      ui.SignIn{Action: "/a", ConnectorAction: "/c", Flow: text, Identifier: text, PasswordEnabled: true, ResetURL: "/reset-password", ClientName: text, Alert: alert, Connectors: []ui.ConnectorChoice{{Name: text, Value: text}, {Name: "Other", Value: "other"}}},
		"signin-upstreams": ui.SignIn{ConnectorAction: "/c", Flow: text, Connectors: []ui.ConnectorChoice{{Name: text, Value: text}}},
		"factor-prompt":    ui.FactorPrompt{Action: "/a", SwitchAction: "/o", Flow: text, Issuer: text, Account: text, ClientName: text, Alert: alert},
		"factor-enrol":     ui.FactorEnrol{Action: "/a", SwitchAction: "/o", Flow: text, QR: ui.QRCode{{true, false}, {false, true}}, Secret: "ABCDEFGHIJ", URI: "otpauth://totp/x?secret=ABC&issuer=" + text, Account: text, OrganizationName: text, CancelURL: "/", ClientName: text, Alert: alert},
		"organizations":    ui.Organizations{Action: "/a", Flow: text, ClientName: text, Organizations: []ui.OrganizationChoice{{Value: text, Name: text, Slug: text, Role: "member"}}},
		"consent":          ui.Consent{Action: "/a", SwitchAction: "/o", Flow: text, Agreement: text, ClientName: text, ClientURL: "https://client.example/" + text, PolicyURL: text, TermsURL: text, Destination: text, Account: text, OrganizationName: text, Asked: []string{text, "See your e-mail address"}, Known: []string{text}},
		"consent-first":    ui.Consent{Action: "/a", SwitchAction: "/o", Flow: text, Agreement: text, ClientName: text, Account: text, OrganizationName: text, Asked: []string{text}},
		"consent-again":    ui.Consent{Action: "/a", SwitchAction: "/o", Flow: text, Agreement: text, ClientName: text, Account: text, OrganizationName: text, Known: []string{text}},
		"accounts":         ui.Accounts{Action: "/a", Flow: text, Value: text, Name: text, Account: "ada@x.example", ClientName: text},
		"accounts-same":    ui.Accounts{Action: "/a", Flow: text, Value: text, Name: text, Account: text},
		"form-post":        ui.FormPost{Action: "https://client.example/?x=" + text, Fields: []ui.Field{{Name: "code", Value: text}, {Name: "state", Value: text}}},
		"error-post":       ui.Error{Status: 403, Title: text, Text: text, LinkURL: "https://client.example/", LinkText: text, LinkFields: []ui.Field{{Name: "error", Value: text}}},
		"home":             ui.Home{Name: text, Username: text, Email: text, SignOutAction: "/s", FactorCount: 1, Organizations: []ui.OrganizationChoice{{Name: text, Role: "owner"}}},
		"home-empty":       ui.Home{Name: text, Username: text, SignOutAction: "/s", SecureAction: "/f"},
		"home-superuser":   ui.Home{Name: text, Username: text, Superuser: true, SignOutAction: "/s", SecureAction: "/f"},
		"new-password":     ui.NewPassword{Action: "/a", SwitchAction: "/o", Flow: text, Account: text, ClientName: text, FieldErrors: map[string][]string{"old_password": {text}, "new_password": {text, text}, "again": {text}}},
		"reset-request":    ui.ResetRequest{Action: "/a"},
		"reset-password":   ui.ResetPassword{Action: "/a", Token: text, Account: text, FieldErrors: map[string][]string{"new_password": {text}}},
		"confirm-email":    ui.ConfirmEmail{Action: "/a", Token: text},
		"device-code":      ui.DeviceCode{Action: "/device"},
		"device-code-full": ui.DeviceCode{Action: "/device", Code: text, Alert: alert},
		"device-approve":   ui.DeviceApprove{Action: "/a", SwitchAction: "/o", Flow: text, Agreement: text, Code: text, ClientName: text, Account: text, OrganizationName: text, Address: text, SameNetwork: true, Asked: text, Scopes: []string{text, "openid"}},
		"device-screen":    ui.DeviceScreen{Code: text, Address: text, QR: ui.QRCode{{true, false}, {false, true}}},
		"notice":           ui.Notice{Title: text, Text: text, LinkURL: "/signin", LinkText: text},
		"signed-out":       ui.SignedOut{SignInURL: "/signin"},
		"signed-out-back":  ui.SignedOut{SignInURL: "/signin", ClientName: text, ClientURL: "https://client.example/?x=" + text},
		"logout-confirm":   ui.LogoutConfirm{Action: "/a", StayURL: "/", Session: text, Name: text + "!", Username: text, ClientName: text, Fields: []ui.Field{{Name: "state", Value: text}, {Name: "client_id", Value: text}}},
		"logout-unknown":   ui.LogoutConfirm{Action: "/a", StayURL: "/", Session: text},
		"setup":            ui.Setup{Action: "/a", Token: text, Username: text, Email: text, FieldErrors: map[string][]string{"username": {text}, "password": {text, text}}},
		"setup-password":   ui.Setup{Action: "/a", Token: text, Username: text, FieldErrors: map[string][]string{"password": {text}}},
		"error-account":    ui.Error{Status: 403, Title: text, Text: text, SwitchAction: "/o", Flow: text},
		"invitation":       ui.Invitation{Token: text, Organization: text, Inviter: text, Email: text, SignInURL: "/signin?invitation=x", CreateAction: "/c", Username: text, FirstName: text, LastName: text, Alert: alert, FieldErrors: map[string][]string{"username": {text}, "password": {text}}},
		"invitation-join":  ui.Invitation{Token: text, Organization: text, Email: text, Manager: true, Name: text, JoinAction: "/j", SignOutAction: "/s"},
		"invitation-known": ui.Invitation{Token: text, Organization: text, Email: text, SignInURL: "/signin?invitation=x"},
		"error":            ui.Error{Status: 400, Title: text, Text: text, Reference: text, LinkURL: "https://client.example/?x=" + text, LinkText: text},
	}
}

var hashedName = regexp.MustCompile(`/static/(\w+)\.[0-9a-f]{12}\.(\w+)`)

func TestGolden(t *testing.T) {
	for name, view := range views("Ünïcode & Co") {
		t.Run(name, func(t *testing.T) {
			// Names of assets change with every change of a style; that they are served, another test sees.
			got := hashedName.ReplaceAllString(render(t, view).Body.String(), "/static/$1.HASH.$2")
			path := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHostileText: nothing that people or upstreams write becomes markup, script or a script address.
func TestHostileText(t *testing.T) {
	for _, hostile := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' autofocus onfocus='alert(1)`, `{{.}}`, "javascript:alert(1)"} {
		for name, view := range views(hostile) {
			body := render(t, view).Body.String()
			for _, bad := range []string{"<script>alert", "<img src=x", "onerror=alert(1)>", "' autofocus onfocus", `href="javascript:`} {
				if strings.Contains(body, bad) {
					t.Errorf("%s: %q became markup", name, hostile)
				}
			}
		}
	}
	for _, bad := range []string{"javascript:alert(1)", "java.script:x", " javascript:x.y:z", "JavaScript:a.b", "data:text/html,a.b", "javascript:..:"} {
		page := render(t, ui.Error{Title: "x", LinkURL: bad, LinkText: "x"}).Body.String()
		page += render(t, ui.SignedOut{ClientName: "x", ClientURL: bad}).Body.String()
		if strings.Contains(strings.ToLower(page), "javascript:") || strings.Contains(page, "data:text") {
			t.Errorf("%s became a link", bad)
		}
	}
	if link := (ui.FactorEnrol{URI: "javascript:alert(1)"}).AppLink(); link != "" {
		t.Errorf("a script address became a link: %s", link)
	}
}

// TestWayBackToAnApp: the redirect URI of an app (RFC 8252 section 7.1) is a link like any other.
func TestWayBackToAnApp(t *testing.T) {
	for _, address := range []string{"com.example.app:/cb?error=access_denied", "https://client.example/cb?error=access_denied"} {
		page := render(t, ui.Error{Title: "x", LinkURL: address, LinkText: "x"}).Body.String()
		if !strings.Contains(page, `href="`+address+`"`) {
			t.Errorf("no link to %s: %s", address, page)
		}
	}
}

// TestPagesAreInert: no inline script or style, nothing from elsewhere.
func TestPagesAreInert(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script(?: [^>]*)?>[^<]|<style|\sstyle=|\son[a-z]+=|(?:src|href)="(?:https?:)?//[^c]`)
	for name, view := range views("text") {
		body := render(t, view).Body.String()
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s has %q", name, found)
		}
	}
}

func TestHeaders(t *testing.T) {
	header := render(t, ui.SignedOut{}).Header()
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'self'", "style-src 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
}

// TestForms: every field has a label, every id is unique, every form posts.
func TestForms(t *testing.T) {
	field, label := regexp.MustCompile(`<input id="([^"]+)"`), regexp.MustCompile(`<label for="([^"]+)"`)
	id, form := regexp.MustCompile(`\sid="([^"]+)"`), regexp.MustCompile(`<form[^>]*>`)
	for name, view := range views("text") {
		body := render(t, view).Body.String()
		labels := map[string]bool{}
		for _, match := range label.FindAllStringSubmatch(body, -1) {
			labels[match[1]] = true
		}
		for _, match := range field.FindAllStringSubmatch(body, -1) {
			if !labels[match[1]] {
				t.Errorf("%s: the field %s has no label", name, match[1])
			}
		}
		seen := map[string]bool{}
		for _, match := range id.FindAllStringSubmatch(body, -1) {
			if seen[match[1]] {
				t.Errorf("%s: the id %s is there twice", name, match[1])
			}
			seen[match[1]] = true
		}
		for _, tag := range form.FindAllString(body, -1) {
			if !strings.Contains(tag, `method="post"`) {
				t.Errorf("%s: %s does not post", name, tag)
			}
		}
	}
}

func TestPasswordManagers(t *testing.T) {
	body := render(t, ui.SignIn{PasswordEnabled: true}).Body.String() + render(t, ui.Setup{}).Body.String() + render(t, ui.FactorPrompt{}).Body.String()
	for _, want := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `autocomplete="new-password"`, `autocomplete="one-time-code"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no field has %s", want)
		}
	}
}

func TestStatic(t *testing.T) {
	r := renderer(t)
	css := regexp.MustCompile(`/static/gatehouse\.[0-9a-f]{12}\.css`).FindString(render(t, ui.SignedOut{}).Body.String())
	for path, want := range map[string]int{css: http.StatusOK, "/static/gatehouse.css": http.StatusNotFound, "/static/../ui.go": http.StatusNotFound, "/static/": http.StatusNotFound} {
		w := httptest.NewRecorder()
		r.Static().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
		if want == http.StatusOK && (!strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css")) {
			t.Errorf("%s: %v", path, w.Header())
		}
	}
}

func TestQRCodePath(t *testing.T) {
	code := ui.QRCode{{true, true, false}, {false, false, true}, {false, false, false}}
	if got, want := code.Path(), "M4 4h2v1h-2zM6 5h1v1h-1z"; got != want {
		t.Errorf("path = %s, want %s", got, want)
	}
	if got := code.Size(); got != 11 {
		t.Errorf("size = %d", got)
	}
}

// TestInstallation: the operator's name stands above every page and in its title.
func TestInstallation(t *testing.T) {
	r := renderer(t)
	r.Installation = "Harbour <Staff>"
	w := httptest.NewRecorder()
	if err := r.Render(w, http.StatusOK, ui.SignedOut{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>Signed out · Harbour &lt;Staff&gt;</title>", "<span>Harbour &lt;Staff&gt;</span>"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// TestFocus: the first field with a problem is focused, and its problem belongs to it.
func TestFocus(t *testing.T) {
	body := render(t, ui.Setup{FieldErrors: map[string][]string{"password": {"is too common"}}}).Body.String()
	field := regexp.MustCompile(`<input id="password"[^>]*>`).FindString(body)
	for _, want := range []string{"autofocus", `aria-invalid="true"`, `aria-describedby="password-problems password-hint"`} {
		if !strings.Contains(field, want) {
			t.Errorf("%s lacks %s", field, want)
		}
	}
	if strings.Count(body, "autofocus") != 1 || strings.Count(body, "aria-invalid") != 1 {
		t.Errorf("more than one field is focused or marked:\n%s", body)
	}
}
