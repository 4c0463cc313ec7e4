package oidc_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/connectors"
	"gatehouse/connectors/connectortest"
	"gatehouse/connectors/oidc"
	"gatehouse/internal/secret"
)

func TestContract(t *testing.T) {
	connectortest.Run(t, func(t *testing.T) connectortest.Upstream {
		f := newFixture(t)
		return connectortest.Upstream{
			Connector: f.connector, CallbackURL: callbackURL, Subject: "person-1", SignIn: f.SignIn, Away: f.Close,
			Secrets: f.Issued, Requests: f.AllRequests,
			Deny: func(t *testing.T, redirect string) url.Values {
				f.Behave(connectortest.Behaviour{Deny: "access_denied", DenyText: "no, thank you"})
				return f.SignIn(t, redirect)
			},
		}
	})
}

func TestSignIn(t *testing.T) {
	f := newFixture(t)
	got := f.mustSignIn(t)
	if got.Claims["nonce"] == nil || got.Claims["name"] != "Ada Lovelace" {
		t.Errorf("Claims are not complete: %v", got.Claims)
	}
	if age := f.clock.now().Sub(got.Auth.At); age < 59*time.Minute || age > 61*time.Minute || got.Auth.At.Location() != time.UTC {
		t.Errorf("Auth.At is %v", got.Auth.At)
	}
	got.Claims, got.Auth.At = nil, time.Time{}
	want := connectors.Identity{
		Subject: "person-1", Username: "ada", Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Language: "en-GB",
		Emails: []connectors.Email{{Address: "ada@example.com", Verified: true}},
		Groups: connectors.Groups{Values: []string{"engines", "poets"}, Complete: true},
		Auth:   connectors.Authentication{ACR: "urn:example:silver", AMR: []string{"pwd", "otp"}, SessionKey: "upstream-session"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAuthorizationRequest(t *testing.T) {
	f := newFixture(t)
	redirect := f.begin(t, connectors.BeginRequest{LoginHint: "ada@example.com"})
	q := query(t, redirect.URL)
	var trip struct{ Nonce, Verifier string }
	if err := json.Unmarshal(redirect.Private, &trip); err != nil {
		t.Fatal(err)
	}
	challenge := sha256.Sum256([]byte(trip.Verifier))
	want := url.Values{
		"response_type": {"code"}, "client_id": {f.ClientID}, "redirect_uri": {callbackURL}, "scope": {"openid profile email"},
		"state": {"the-state"}, "nonce": {trip.Nonce}, "login_hint": {"ada@example.com"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	if diff := cmp.Diff(want, q); diff != "" {
		t.Error(diff)
	}
	if len(trip.Nonce) < 43 || len(trip.Verifier) < 43 || strings.Contains(redirect.URL, trip.Verifier) {
		t.Error("nonce or verifier is short, or the verifier travels with the browser")
	}
	forced := query(t, f.begin(t, connectors.BeginRequest{ForceLogin: true}).URL)
	if forced.Get("prompt") != "login" || forced.Get("max_age") != "0" {
		t.Errorf("a forced sign-in asks with %v", forced)
	}
}

func TestPrompt(t *testing.T) {
	f := newFixture(t)
	f.open(t, func(s *oidc.Settings) { s.Prompt = "select_account" })
	if q := query(t, f.begin(t, connectors.BeginRequest{}).URL); q.Get("prompt") != "select_account" || q.Has("max_age") {
		t.Errorf("asks with %v", q)
	}
	if q := query(t, f.begin(t, connectors.BeginRequest{ForceLogin: true}).URL); q.Get("prompt") != "login" {
		t.Errorf("a forced sign-in asks with %v", q)
	}
}

func TestClientAuthentication(t *testing.T) {
	for _, method := range []string{"client_secret_basic", "client_secret_post", "none"} {
		t.Run(method, func(t *testing.T) {
			f := newFixture(t)
			if method == "none" {
				f.ClientSecret = ""
			}
			f.open(t, func(s *oidc.Settings) { s.TokenAuth = method })
			f.mustSignIn(t)
			if got := f.ClientAuthentication(); got != method {
				t.Errorf("authenticated with %s", got)
			}
		})
	}
}

func TestWrongClientSecret(t *testing.T) {
	f := newFixture(t)
	f.open(t, func(s *oidc.Settings) { s.ClientSecret = secret.New("wrong") })
	f.refused(t, connectors.ReasonSetup)
}

func TestAnswer(t *testing.T) {
	tests := map[string]struct {
		callback func(url.Values)
		want     connectors.Reason
	}{
		"issuer of another provider (mix-up)": {func(v url.Values) { v.Set("iss", "https://evil.example") }, connectors.ReasonInvalid},
		"issuer with a slash more":            {func(v url.Values) { v.Set("iss", v.Get("iss")+"/") }, connectors.ReasonInvalid},
		"issuer missing though announced":     {func(v url.Values) { v.Del("iss") }, connectors.ReasonInvalid},
		"issuer empty":                        {func(v url.Values) { v.Set("iss", "") }, connectors.ReasonInvalid},
		"code missing":                        {func(v url.Values) { v.Del("code") }, connectors.ReasonInvalid},
		"code invented":                       {func(v url.Values) { v.Set("code", "invented") }, connectors.ReasonInvalid},
		"code twice":                          {func(v url.Values) { v.Add("code", "second") }, connectors.ReasonInvalid},
		"error twice":                         {func(v url.Values) { v["error"] = []string{"", "x"} }, connectors.ReasonInvalid},
		"error beside a code":                 {func(v url.Values) { v.Set("error", "access_denied") }, connectors.ReasonDenied},
		"error of another provider":           {func(v url.Values) { v.Set("error", "access_denied"); v.Set("iss", "https://evil.example") }, connectors.ReasonInvalid},
	}
	f := newFixture(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Callback: test.callback})
			f.refused(t, test.want)
		})
	}
	f.Behave(connectortest.Behaviour{})
	f.mustSignIn(t)
}

func TestIssuerInAnswerNotAnnounced(t *testing.T) {
	silent := func(metadata map[string]any) { delete(metadata, "authorization_response_iss_parameter_supported") }
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Metadata: silent, Callback: func(v url.Values) { v.Del("iss") }})
	f.mustSignIn(t)
	for _, issuer := range []string{"https://evil.example", ""} {
		f.Behave(connectortest.Behaviour{Metadata: silent, Callback: func(v url.Values) { v.Set("iss", issuer) }})
		f.refused(t, connectors.ReasonInvalid)
	}
}

// Without a code, or without what the trip left behind, there is nothing to exchange: a provider that is careless about PKCE and nonce
// must not get the chance.
func TestNothingToExchange(t *testing.T) {
	f := newFixture(t)
	redirect := f.begin(t, connectors.BeginRequest{})
	answer := f.SignIn(t, redirect.URL)
	for _, private := range []string{"", "{}", `{"Nonce":"n"}`, `{"Verifier":"v"}`} {
		_, err := f.connector.Finish(t.Context(), connectors.Callback{Parameters: answer, CallbackURL: callbackURL, Private: []byte(private)})
		connectortest.Refused(t, err, connectors.ReasonInvalid, f.Issued())
	}
	answer.Del("code")
	_, err := f.connector.Finish(t.Context(), connectors.Callback{Parameters: answer, CallbackURL: callbackURL, Private: redirect.Private})
	connectortest.Refused(t, err, connectors.ReasonInvalid, f.Issued())
	if n := f.Requests(connectortest.Token); n != 0 {
		t.Errorf("%d requests went to the token endpoint", n)
	}
}

func TestErrorAnswer(t *testing.T) {
	f := newFixture(t)
	for code, want := range map[string]connectors.Reason{
		"access_denied": connectors.ReasonDenied, "login_required": connectors.ReasonDenied, "interaction_required": connectors.ReasonDenied,
		"account_selection_required": connectors.ReasonDenied, "consent_required": connectors.ReasonDenied, "made_up": connectors.ReasonDenied,
		"server_error": connectors.ReasonUnavailable, "temporarily_unavailable": connectors.ReasonUnavailable,
		"invalid_scope": connectors.ReasonSetup, "unauthorized_client": connectors.ReasonSetup, "invalid_request": connectors.ReasonSetup,
		"unsupported_response_type": connectors.ReasonSetup,
	} {
		t.Run(code, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Deny: code})
			f.refused(t, want)
		})
	}
}

// A stranger's text goes into the log: it must not end the line, hide or reorder it, or fill the disk.
func TestErrorDescriptionIsCleaned(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Deny: "access_denied\r\n", DenyText: "line\nbreak \x1b[31m\u202e\u0085\u2028\xff" + strings.Repeat("é", 5000)})
	_, err := f.signIn(t)
	connectortest.Refused(t, err, connectors.ReasonDenied, nil)
	for _, hidden := range []string{"\x1b", "\u202e", "\u0085", "\u2028", "\xff"} {
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("%q survived in %q", hidden, err)
		}
	}
}

func TestTokenErrors(t *testing.T) {
	f := newFixture(t)
	for code, want := range map[string]connectors.Reason{
		"invalid_grant": connectors.ReasonInvalid, "invalid_client": connectors.ReasonSetup, "unauthorized_client": connectors.ReasonSetup,
		"made\nup": connectors.ReasonInvalid,
	} {
		t.Run(code, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{TokenError: code})
			f.refused(t, want)
		})
	}
}
