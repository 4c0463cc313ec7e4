package provider_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/provider"
)

// TestResponseModes: code, state and issuer (RFC 9207) arrive in every mode, errors too.
func TestResponseModes(t *testing.T) {
	f := open(t)
	const (
		withQuery = "https://app.example.com/cb2?x=1"
		state     = `ä&#+"'`
	)
	for name, c := range map[string]struct{ mode, redirect, separator string }{
		"default":              {"", webRedirect, "?"},
		"query":                {"query", webRedirect, "?"},
		"query, with one":      {"query", withQuery, "&"},
		"fragment":             {"fragment", webRedirect, "#"},
		"fragment, with query": {"fragment", withQuery, "#"},
		"form_post":            {"form_post", webRedirect, ""},
		"form_post with query": {"form_post", withQuery, ""},
	} {
		t.Run(name, func(t *testing.T) {
			params := request("response_mode", c.mode, "redirect_uri", c.redirect, "state", state)
			response, err := f.Complete(t.Context(), params, f.authorization())
			must(t, err)
			answer := answered(t, response, c.redirect, c.separator)
			if code := answer.Get("code"); len(code) != 43 {
				t.Errorf("code %q", code)
			}
			answer.Del("code")
			if diff := cmp.Diff(url.Values{"state": {state}, "iss": {issuer}}, answer); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			response, err = f.Refuse(t.Context(), params, "access_denied", "No.")
			must(t, err)
			want := url.Values{"error": {"access_denied"}, "error_description": {"No."}, "state": {state}, "iss": {issuer}}
			if diff := cmp.Diff(want, answered(t, response, c.redirect, c.separator)); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
		})
	}
}

// answered reads the parameters behind the separator; without one those of the form.
func answered(t *testing.T, r provider.Response, redirect, separator string) url.Values {
	t.Helper()
	if separator == "" {
		if r.URL != redirect {
			t.Errorf("posted to %s", r.URL)
		}
		return r.Form
	}
	text, found := strings.CutPrefix(r.URL, redirect+separator)
	if !found || r.Form != nil {
		t.Fatalf("answer: %+v", r)
	}
	answer, err := url.ParseQuery(text)
	must(t, err)
	return answer
}
