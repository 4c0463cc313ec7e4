package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

// post sends a form to the demonstration's Gatehouse and reads its JSON.
func (d demonstration) post(t *testing.T, path string, form url.Values) map[string]any {
	t.Helper()
	response, err := http.PostForm(d.gatehouse+path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestDevice is the session of docs/device.md, with a person in a browser.
func TestDevice(t *testing.T) {
	d := startDemo(t)
	browser := testenv.NewBrowser(t)
	begun := d.post(t, "/oauth2/device_authorization", url.Values{"client_id": {"panel"}, "scope": {"openid profile permissions offline_access"}})
	code, _ := begun["user_code"].(string)
	complete, _ := begun["verification_uri_complete"].(string)
	deviceCode, _ := begun["device_code"].(string)
	interval, _ := begun["interval"].(float64)
	polled := time.Time{}
	poll := func() map[string]any {
		time.Sleep(time.Until(polled.Add(time.Duration(interval+1) * time.Second))) // as devices do
		polled = time.Now()
		return d.post(t, "/oauth2/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {deviceCode}, "client_id": {"panel"}})
	}
	if answer := poll(); answer["error"] != "authorization_pending" {
		t.Errorf("too early: %v", answer)
	}
	browser.Open(d.gatehouse + "/device/screen?user_code=" + code)
	browser.Wait("svg.qr")
	browser.Screenshot("device-screen")
	browser.Open(d.gatehouse + "/device")
	browser.Screenshot("device-code")
	browser.Type("#user-code", "bbbb bbbb")
	browser.Click("button.main")
	browser.Wait("[role=alert]")
	browser.Screenshot("device-code-wrong")
	browser.Open(complete)
	browser.Screenshot("device-code-complete")
	browser.Click("button.main")
	browser.Wait("button[value=staff]")
	signInUpstream(t, browser, d, "ada")
	browser.Wait("svg.qr")
	app := newAuthenticator(browser.Text("#secret"))
	browser.Type("#code", app.code(t))
	browser.Click("button.main")
	browser.Wait("button[value=approve]")
	browser.Screenshot("device-approve")
	if page := browser.Page(); !strings.Contains(page, code) || !strings.Contains(page, "Wall panel") {
		t.Errorf("page says %q", page)
	}
	browser.Click("button[value=approve]")
	browser.Wait("h1")
	browser.Screenshot("device-approved")
	if answer := poll(); answer["access_token"] == nil || answer["refresh_token"] == nil || answer["id_token"] == nil {
		t.Errorf("approved: %v", answer)
	}
	browser.Open(d.gatehouse + "/device/denied")
	browser.Screenshot("device-denied")
}
