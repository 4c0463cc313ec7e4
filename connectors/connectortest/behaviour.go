package connectortest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Behaviour is how the fake provider deviates. The zero value is a provider without fault. The functions edit what is about to be
// sent.
type Behaviour struct {
	Metadata func(map[string]any) // the discovery document
	Callback func(url.Values)     // the authorization response
	Tokens   func(map[string]any) // the token response
	Claims   func(map[string]any) // the ID token's claims
	Userinfo func(map[string]any) // the userinfo response
	Keys     func(map[string]any) // the key set
	Sign     Signer               // of the ID token [RS256 with the published key]

	Deny, DenyText string             // error and error_description instead of a code
	TokenError     string             // error instead of tokens; its description quotes the code
	Faults         map[Endpoint]Fault // endpoints that do not work at all
}

// Fault is what an endpoint does instead of answering.
type Fault string

// The faults.
const (
	Hang              Fault = "hang"               // no answer until the client goes away
	Huge              Fault = "huge"               // two megabytes of unexceptional JSON
	HTML              Fault = "html"               // a friendly page, status 200
	Garbage           Fault = "garbage"            // JSON that ends too soon
	Empty             Fault = "empty"              // status 200 and nothing
	ServerError       Fault = "server error"       // 500 with a page that quotes the request
	WrongStatus       Fault = "wrong status"       // 503 with the right answer
	NotFound          Fault = "not found"          // 404 with a page
	RedirectElsewhere Fault = "redirect elsewhere" // 307 to another host, which would answer well
	HangUp            Fault = "hang up"            // closes the connection
)

// Behave replaces the behaviour.
func (o *OIDC) Behave(b Behaviour) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.behaviour = b
}

// faulty counts a request and lets the endpoint answer unless it has a fault.
func (o *OIDC) faulty(endpoint Endpoint, well func(Behaviour, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		b := o.behaviour
		o.requests[endpoint]++
		o.mu.Unlock()
		if r.Host != o.server.Listener.Addr().String() { // where a redirect led, all is well
			well(b, w, r)
			return
		}
		o.fail(b, b.Faults[endpoint], well, w, r)
	}
}

func (o *OIDC) fail(b Behaviour, fault Fault, well func(Behaviour, http.ResponseWriter, *http.Request), w http.ResponseWriter, r *http.Request) {
	switch fault {
	case Hang:
		select {
		case <-r.Context().Done():
		case <-o.closing:
		}
	case Huge:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"filler":"`)
		for range 2048 {
			fmt.Fprint(w, strings.Repeat("x", 1024))
		}
		fmt.Fprint(w, `"}`)
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>Down for maintenance</title>")
	case Garbage:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"issuer": "`)
	case Empty:
		w.WriteHeader(http.StatusOK)
	case ServerError:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "<pre>%s %s</pre>", r.Header.Get("Authorization"), r.PostFormValue("code"))
	case WrongStatus:
		well(b, unavailable{w}, r)
	case NotFound:
		http.NotFound(w, r)
	case RedirectElsewhere:
		http.Redirect(w, r, o.elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	case HangUp:
		panic(http.ErrAbortHandler)
	default:
		well(b, w, r)
	}
}

// unavailable answers 503, whatever the status was to be.
type unavailable struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (u unavailable) WriteHeader(int) { u.ResponseWriter.WriteHeader(http.StatusServiceUnavailable) }
