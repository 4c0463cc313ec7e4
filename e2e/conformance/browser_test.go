package conformance

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// browser is one with cookies and without JavaScript.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t: t, client: &http.Client{Jar: jar, CheckRedirect: stay}}
}

// page is where the browser has come to: a page of the provider, or an address of a client, where nothing is.
type page struct {
	address *url.URL
	status  int
	method  string // by which the client's address was to be called
	fields  url.Values
	forms   []form
	text    string
}

// form is one of the page.
type form struct {
	action  *url.URL
	method  string
	fields  url.Values // with the values that they have by themselves
	buttons []button
}

type button struct{ name, value string }

func (f form) has(field string) bool { return f.fields.Has(field) }

// open follows redirects until there is a page, or they leave the provider.
func (b *browser) open(method, address string, fields url.Values) page {
	b.t.Helper()
	from := ""
	for range 20 {
		response := b.send(method, address, fields, from)
		if location := response.Header.Get("Location"); location != "" {
			from = address
			next, err := response.Request.URL.Parse(location)
			if err != nil {
				b.t.Fatal(err)
			}
			if next.Host != response.Request.URL.Host {
				return page{address: next, method: http.MethodGet, fields: next.Query(), status: response.StatusCode}
			}
			method, address, fields = http.MethodGet, next.String(), nil
			continue
		}
		return b.read(response)
	}
	b.t.Fatalf("%s redirects without end", address)
	return page{}
}

func (b *browser) send(method, address string, fields url.Values, from string) *http.Response {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(fields.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if from == "" && method == http.MethodGet {
		request.Header.Set("Sec-Fetch-Site", "cross-site")
	} else {
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// read takes a page apart. A form that leads to a client (response_mode=form_post) is followed, as its script would.
func (b *browser) read(response *http.Response) page {
	b.t.Helper()
	root, err := html.Parse(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		b.t.Fatal(err)
	}
	p := page{address: response.Request.URL, status: response.StatusCode}
	var text strings.Builder
	for node := range root.Descendants() {
		switch {
		case node.Type == html.TextNode && node.Parent.Data != "style" && node.Parent.Data != "script":
			text.WriteString(node.Data + " ")
		case node.Type == html.ElementNode && node.Data == "form":
			p.forms = append(p.forms, readForm(b.t, response.Request.URL, node))
		}
	}
	p.text = strings.Join(strings.Fields(text.String()), " ")
	for _, f := range p.forms {
		if f.action.Host != response.Request.URL.Host {
			return page{address: f.action, method: f.method, fields: f.fields, status: response.StatusCode}
		}
	}
	return p
}

func readForm(t *testing.T, base *url.URL, node *html.Node) form {
	t.Helper()
	f := form{method: strings.ToUpper(attribute(node, "method")), fields: url.Values{}}
	action, err := base.Parse(attribute(node, "action"))
	if err != nil {
		t.Fatal(err)
	}
	f.action = action
	for child := range node.Descendants() {
		if child.Type != html.ElementNode {
			continue
		}
		switch name := attribute(child, "name"); {
		case child.Data == "input" && name != "" && attribute(child, "type") != "checkbox":
			f.fields.Add(name, attribute(child, "value"))
		case child.Data == "button":
			f.buttons = append(f.buttons, button{name, attribute(child, "value")})
		}
	}
	return f
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// submit presses a button of a form, after typing.
func (b *browser) submit(f form, typed url.Values, pressed button) page {
	b.t.Helper()
	fields := url.Values{}
	for name, values := range f.fields {
		fields[name] = values
	}
	for name, values := range typed {
		fields[name] = values
	}
	if pressed.name != "" {
		fields.Set(pressed.name, pressed.value)
	}
	return b.open(http.MethodPost, f.action.String(), fields)
}

// formWith finds the form of the page that has a field.
func (p page) formWith(field string) (form, bool) {
	for _, f := range p.forms {
		if f.has(field) {
			return f, true
		}
	}
	return form{}, false
}

// signIn shows the password.
func (b *browser) signIn(p page) page {
	b.t.Helper()
	f, found := p.formWith("password")
	if !found {
		b.t.Fatalf("no sign-in page at %s: %s", p.address, p.text)
	}
	return b.submit(f, url.Values{"identifier": {person}, "password": {personPassword}}, button{})
}

// agree presses the first button of the page that asks for consent, if it is one (prompt=consent).
func (b *browser) agree(p page) page {
	b.t.Helper()
	f, found := p.formWith("agreement")
	if !found || len(f.buttons) == 0 {
		return p
	}
	return b.submit(f, nil, f.buttons[0])
}

// isSignIn reports whether the page asks for a password.
func (p page) isSignIn() bool {
	_, found := p.formWith("password")
	return found
}

// back reports whether the browser was sent to the client.
func (p page) back() bool { return p.address.Host == "client.example" }
