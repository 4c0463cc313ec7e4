package provider_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gatehouse/provider"
)

// FuzzRedirectURI: whatever is accepted is registered byte for byte, or differs from a registered loopback address by its port only.
func FuzzRedirectURI(f *testing.F) {
	fix := open(f)
	var registered []string
	for _, client := range clients() {
		if client.ID == "spa" {
			registered = client.RedirectURIs
		}
	}
	for _, seed := range append(slices.Clone(registered), "http://127.0.0.1:5000/cb", "http://evil@127.0.0.1:5000/cb", "http://127.0.0.1:5000/%63b", "https://127.0.0.1/cb#",
		"http://127.0.0.1:80/tls", "https://127.0.0.1:5000/cb", "http://127.0.0.1:5000/cb#", "http://localhost:5000/cb", "http://127.0.0.1:5000\\@evil.example/cb", "com.example.app:/cb#") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, redirect string) {
		_, err := fix.ParseAuthorize(t.Context(), request("client_id", "spa", "redirect_uri", redirect))
		if err != nil {
			var refused *provider.AuthorizeError
			if !errors.As(err, &refused) || refused.URL != "" {
				t.Fatalf("%q: %v", redirect, err)
			}
			return
		}
		if slices.Contains(registered, redirect) {
			return
		}
		parsed, err := url.Parse(redirect)
		if err != nil || parsed.Port() == "" {
			t.Fatalf("%q was accepted", redirect)
		}
		if without := strings.Replace(redirect, ":"+parsed.Port(), "", 1); !slices.Contains(registered, without) || parsed.Scheme != "http" {
			t.Fatalf("%q was accepted for %q", redirect, without)
		}
	})
}

// FuzzAuthorize: no request makes it fail, and no error goes anywhere but to the registered address.
func FuzzAuthorize(f *testing.F) {
	fix := open(f)
	f.Add(request().Encode())
	f.Add(request("prompt", "none", "max_age", "1", "id_token_hint", "a.b.c").Encode())
	f.Add(request("scope", "openid organization:x", "request", "{}", "state", "\x00").Encode())
	f.Add("client_id=web&client_id=web&%ff=%fe")
	f.Add(request("response_mode", "form_post", "claims", `{"userinfo":{"email":null}}`).Encode() + "&resource=https://api.example.com&resource=x%23")
	f.Add(request("client_id", "spa", "redirect_uri", "com.example.app:/cb", "response_mode", "fragment").Encode())
	f.Add("client_id=web&request_uri=urn:ietf:params:oauth:request_uri:x&gatehouse_pushed=1")
	f.Fuzz(func(t *testing.T, query string) {
		params, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		var (
			response provider.Response
			refused  *provider.AuthorizeError
		)
		accepted, err := fix.ParseAuthorize(t.Context(), params)
		if err == nil {
			response, err = fix.Complete(t.Context(), accepted.Params, fix.authorization())
		}
		switch {
		case err == nil && !strings.HasPrefix(response.URL, params.Get("redirect_uri")):
			t.Fatalf("%q: the code goes to %s", query, response.URL)
		case err == nil:
		case !errors.As(err, &refused):
			t.Fatalf("%q: %v", query, err)
		case refused.URL != "" && !strings.HasPrefix(refused.URL, params.Get("redirect_uri")):
			t.Fatalf("%q: the error goes to %s", query, refused.URL)
		}
	})
}
