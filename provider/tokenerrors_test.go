package provider_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gatehouse/provider"
)

// TestIntrospectionAndRevocationErrors: every error of both endpoints, as clients see it, in one golden file.
func TestIntrospectionAndRevocationErrors(t *testing.T) {
	f := open(t)
	f.config.Store, f.config.Ephemeral = brokenGrants{f.config.Store}, brokenDenials{f.config.Ephemeral}
	f.restart()
	refresh := f.tokens().Refresh
	const urlencoded, credentials = "application/x-www-form-urlencoded", "client_id=web&client_secret=" + webSecret
	var all bytes.Buffer
	for _, path := range []string{provider.IntrospectPath, provider.RevokePath} {
		for _, c := range []struct{ name, method, kind, body string }{
			{"GET", http.MethodGet, "", ""},
			{"no content type", http.MethodPost, "", credentials + "&token=x"},
			{"JSON", http.MethodPost, "application/json", `{"token":"x"}`},
			{"empty body", http.MethodPost, urlencoded, ""},
			{"no client", http.MethodPost, urlencoded, "token=x"},
			{"unknown client", http.MethodPost, urlencoded, "client_id=nobody&client_secret=x&token=x"},
			{"wrong secret", http.MethodPost, urlencoded, "client_id=web&client_secret=x&token=x"},
			{"public client with a secret", http.MethodPost, urlencoded, "client_id=spa&client_secret=x&token=x"},
			{"no token", http.MethodPost, urlencoded, credentials},
			{"empty token", http.MethodPost, urlencoded, credentials + "&token="},
			{"two tokens", http.MethodPost, urlencoded, credentials + "&token=x&token=y"},
			{"NUL in the token", http.MethodPost, urlencoded, credentials + "&token=%00"},
			{"too long a token", http.MethodPost, urlencoded, credentials + "&token=" + strings.Repeat("x", 16<<10+1)},
			{"too large", http.MethodPost, urlencoded, credentials + "&token=x&x=" + strings.Repeat("x", 64<<10)},
			{"public client, introspection only", http.MethodPost, urlencoded, "client_id=spa&token=x"},
			{"storage away, revocation only", http.MethodPost, urlencoded, credentials + "&token=" + refresh},
		} {
			r := httptest.NewRequest(c.method, path, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			got := f.send(r)
			var headers []string
			for name, values := range got.header {
				headers = append(headers, name+": "+strings.Join(values, ", "))
			}
			slices.Sort(headers)
			body := got.body
			if got.status == http.StatusOK {
				body, _, _ = strings.Cut(body, `,"`)
			}
			fmt.Fprintf(&all, "# %s: %s\n%d\n%s\n%s\n\n", path, c.name, got.status, strings.Join(headers, "\n"), body)
		}
	}
	golden(t, "introspection_errors.txt", all.Bytes())
}
