package oidc_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"gatehouse/connectors"
	"gatehouse/connectors/connectortest"
	"gatehouse/connectors/oidc"
)

const afterLogout = "https://id.example.com" + connectortest.ReturnURL

func (f *fixture) leave(t *testing.T, hint string) (string, error) {
	t.Helper()
	initiator, able := f.connector.(connectors.LogoutInitiator)
	if !able {
		t.Fatal("the connector cannot sign out")
	}
	return initiator.BeginLogout(t.Context(), connectors.LogoutRequest{Hint: hint, State: "the state", ReturnURL: afterLogout})
}

// TestLogout: the provider takes our request, which names the person by his ID token, and sends the browser back with the state.
func TestLogout(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Metadata: func(m map[string]any) { m["end_session_endpoint"] = f.URL + "/logout?tenant=1" }})
	f.open(t, func(s *oidc.Settings) { s.Logout = true })
	address, err := f.leave(t, f.mustSignIn(t).Auth.LogoutHint)
	if err != nil || !strings.HasPrefix(address, f.URL+"/logout?") || !strings.Contains(address, "tenant=1") {
		t.Fatalf("sent to %s, %v", address, err)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if back := response.Header.Get("Location"); back != afterLogout+"?state=the+state" {
		t.Errorf("%s, sent back to %s", response.Status, back)
	}
}

// TestNoLogout: nobody is sent to a provider that cannot, or whose operator does not want it; then no ID token is kept either.
func TestNoLogout(t *testing.T) {
	f := newFixture(t)
	if identity := f.mustSignIn(t); identity.Auth.LogoutHint != "" {
		t.Error("an ID token is kept for nothing")
	}
	if address, err := f.leave(t, "x"); address != "" || err != nil {
		t.Errorf("not configured: %s, %v", address, err)
	}
	f.Behave(connectortest.Behaviour{Metadata: func(m map[string]any) { delete(m, "end_session_endpoint") }})
	f.open(t, func(s *oidc.Settings) { s.Logout = true })
	if address, err := f.leave(t, "x"); address != "" || err != nil {
		t.Errorf("no endpoint: %s, %v", address, err)
	}
	for name, behaviour := range map[string]connectortest.Behaviour{
		"plain http": {Metadata: func(m map[string]any) { m["end_session_endpoint"] = "http://login.example.com/logout" }},
		"a script":   {Metadata: func(m map[string]any) { m["end_session_endpoint"] = "javascript:alert(1)" }},
		"away":       {Faults: map[connectortest.Endpoint]connectortest.Fault{connectortest.Discovery: connectortest.ServerError}},
	} {
		f.Behave(behaviour)
		f.open(t, func(s *oidc.Settings) { s.Logout = true })
		var failed *connectors.Error
		if address, err := f.leave(t, "x"); address != "" || !errors.As(err, &failed) || failed.Reason != connectors.ReasonUnavailable {
			t.Errorf("%s: %s, %v", name, address, err)
		}
	}
}

// TestHugeHint: an ID token that would not fit into an address is not kept.
func TestHugeHint(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Claims: func(c map[string]any) { c["more"] = strings.Repeat("x", 8<<10) }})
	f.open(t, func(s *oidc.Settings) { s.Logout = true })
	if hint := f.mustSignIn(t).Auth.LogoutHint; hint != "" {
		t.Errorf("%d bytes are kept", len(hint))
	}
}
