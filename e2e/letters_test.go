package e2e

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

// djangoHash is a password as Django keeps it.
func djangoHash(t *testing.T, password string) string {
	t.Helper()
	key, err := pbkdf2.Key(sha256.New, password, []byte("seasalt"), 1000, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	return "pbkdf2_sha256$1000$seasalt$" + base64.StdEncoding.EncodeToString(key)
}

// TestInvitationByMail: an invitation from the command line becomes an account, whose owner then forgets the password.
func TestInvitationByMail(t *testing.T) {
	d := startDirectory(t, "")
	d.command(t, "", "organizations", "create", "harbour", "--name", "Harbour Networks")
	d.command(t, "", "invitations", "create", "harbour", "bo@x.example", "--role", "manager")
	browser := testenv.NewBrowser(t)
	invitation := d.link(t, "bo@x.example", "/invitation", 1)
	browser.Open(invitation)
	browser.Wait("#username")
	browser.Screenshot("invitation")
	browser.Type("#username", "bo")
	browser.Type("#first_name", "Bo")
	browser.Type("#last_name", "Andersen")
	browser.Type("#password", "password")
	browser.Click("button.main")
	browser.Wait(".problem")
	browser.Screenshot("invitation-problem")
	browser.Type("#password", "granite otter umbrella 7")
	browser.Click("button.main")
	browser.Wait("#signout")
	if page := strings.Join(strings.Fields(browser.Page()), " "); !strings.Contains(page, "signed in as bo") || !strings.Contains(page, "Harbour Networks owner") {
		t.Errorf("page says %q", page)
	}
	browser.Click("#signout button")
	browser.Wait("a.button.main")
	browser.Open(invitation)
	browser.Wait(".reference")
	browser.Screenshot("invitation-spent")

	d.resetPassword(t, browser)
}

// resetPassword is what somebody does who has forgotten his password.
func (d directory) resetPassword(t *testing.T, browser *testenv.Browser) {
	t.Helper()
	browser.Open(d.url + "/signin")
	browser.Click("a.link")
	browser.Wait("#identifier")
	browser.Screenshot("reset-request")
	browser.Type("#identifier", "BO@x.example")
	browser.Click("button.main")
	browser.Gone("#identifier")
	browser.Screenshot("reset-sent")
	link := d.link(t, "bo@x.example", "/reset-password", 1)
	browser.Open(link)
	browser.Wait("#new-password")
	browser.Screenshot("reset-password")
	browser.Type("#new-password", "seaworthy lantern 9")
	browser.Type("#again", "seaworthy lantern 8")
	browser.Click("button.main")
	browser.Wait(".problem")
	browser.Screenshot("reset-password-problem")
	browser.Type("#new-password", "seaworthy lantern 9")
	browser.Type("#again", "seaworthy lantern 9")
	browser.Click("button.main")
	browser.Gone("#new-password")
	browser.Screenshot("reset-done")
	signInWith(browser, d.url, "bo", "seaworthy lantern 9")
	browser.Wait("#signout")
	browser.Open(link)
	browser.Wait(".reference")
	browser.Screenshot("reset-spent")
}

// TestConfirmAddress: an address from the REST API is its user's once the link in the letter was followed.
func TestConfirmAddress(t *testing.T) {
	d := startDirectory(t, "")
	bearer := d.bearer(t)
	user := d.ask(t, bearer, "POST", "/users/user/", 201, map[string]any{"username": "cy", "email": "cy@x.example", "password": "granite otter umbrella 7"})
	browser := testenv.NewBrowser(t)
	link := d.link(t, "cy@x.example", "/confirm-email", 1)
	browser.Open(link)
	browser.Wait("button.main")
	browser.Screenshot("confirm-email")
	browser.Click("button.main")
	browser.Gone("input[name=token]")
	browser.Screenshot("confirm-email-done")
	if answer := d.ask(t, bearer, "GET", fmt.Sprintf("/users/user/%v/", user["id"]), 200, nil); answer["email_verified"] != true {
		t.Errorf("user %v", answer)
	}
	browser.Open(link)
	browser.Click("button.main")
	browser.Wait(".reference")
	browser.Screenshot("confirm-email-spent")
}

// TestExpiredPassword: who signs in with a password that is too old chooses another one before he gets in.
func TestExpiredPassword(t *testing.T) {
	address := testenv.Postgres(t)
	d := startDirectory(t, fmt.Sprintf("database: {url: %q}\nusers: {password_expiry_days: 90}", address))
	d.command(t, "granite otter umbrella 7\n", "users", "create", "cy", "--email", "cy@x.example", "--email-verified")
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE users SET password_updated = $1", time.Now().AddDate(0, 0, -91).UnixMicro()); err != nil {
		t.Fatal(err)
	}
	browser := testenv.NewBrowser(t)
	signInWith(browser, d.url, "cy", "granite otter umbrella 7")
	browser.Wait("#old-password")
	browser.Screenshot("new-password")
	browser.Type("#old-password", "granite otter umbrella 7")
	browser.Type("#new-password", "granite otter umbrella 7")
	browser.Type("#again", "granite otter umbrella 7")
	browser.Click("button.main")
	browser.Wait(".problem")
	browser.Screenshot("new-password-problem")
	browser.Type("#old-password", "granite otter umbrella 7")
	browser.Type("#new-password", "seaworthy lantern 9")
	browser.Type("#again", "seaworthy lantern 9")
	browser.Click("button.main")
	browser.Wait("#signout")
	d.ask(t, "", "POST", "/users/token/", 200, map[string]any{"username": "cy", "password": "seaworthy lantern 9"})
	for range 100 {
		for _, letter := range d.mail.Received() {
			if letter.To == "cy@x.example" && strings.Contains(letter.Data, "password") {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("nobody was told of the new password")
}
