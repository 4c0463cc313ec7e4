package login_test

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/provider"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var told = template.Must(template.New("").Parse(`<!doctype html><p id="method">{{.Method}}</p><p id="query">{{.URL.RawQuery}}</p><p id="state">{{.PostFormValue "state"}}</p><p id="code">{{.PostFormValue "code"}}</p>`))

// TestFormPostInABrowser: our own policy lets the answer's form go to the client by itself, and the client's next redirect to wherever it likes.
func TestFormPostInABrowser(t *testing.T) {
	h := newHouse(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`<!doctype html><p id="home">home</p>`))
	}))
	t.Cleanup(elsewhere.Close)
	client := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("state") == "go on" {
			http.Redirect(w, r, elsewhere.URL, http.StatusSeeOther)
			return
		}
		_ = told.Execute(w, r)
	}))
	t.Cleanup(client.Close)
	registered := provider.Client{
		ID: "post", Name: "Harbour Cranes", Organization: h.harbour.ID, RedirectURIs: []string{"http://127.0.0.1/cb"}, Enabled: true, FirstParty: true,
		Secrets: []provider.ClientSecret{{Hash: secret.Hash(clientSecret)}}, GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid"},
	}
	if err := h.db.SaveClient(t.Context(), registered); err != nil {
		t.Fatal(err)
	}
	browser := testenv.NewBrowser(t)
	browser.Open(h.url + h.authorizeURL("post", "scope", "openid", "redirect_uri", client.URL+"/cb", "response_mode", "form_post", "state", `"ä&<b>`))
	browser.Type("#identifier", "ada")
	browser.Type("#password", goodPassword)
	browser.Click("form[action*=password] button")
	browser.Wait("#method")
	if browser.Text("#method") != "POST" || browser.Text("#query") != "" || browser.Text("#state") != `"ä&<b>` || len(browser.Text("#code")) != 43 {
		t.Errorf("the client got %s", browser.Page())
	}

	browser.Open(h.url + h.authorizeURL("post", "scope", "openid", "redirect_uri", client.URL+"/cb", "response_mode", "form_post", "state", "go on", "prompt", "select_account"))
	browser.Wait("button[name=account]")
	browser.Screenshot("accounts")
	browser.Click("button[name=account]")
	browser.Wait("#home")
	if at, err := url.Parse(browser.Address()); err != nil || "http://"+at.Host != elsewhere.URL {
		t.Errorf("at %s", browser.Address())
	}
}
