package connectortest

import (
	"net/http"
	"net/url"
	"slices"
)

// ReturnURL is where the provider lets people return after they have signed out there.
const ReturnURL = "/signed-out/upstream"

// endSession signs out and sends the browser back, without a question if the hint is an ID token of its own.
func (o *OIDC) endSession(_ Behaviour, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("post_logout_redirect_uri"))
	o.mu.Lock()
	known := slices.Contains(o.issued, q.Get("id_token_hint"))
	o.mu.Unlock()
	if err != nil || !known || q.Get("client_id") != o.ClientID || back.Path != ReturnURL || back.RawQuery != "" {
		w.Header().Set("X-Reason", "invalid_request")
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	back.RawQuery = url.Values{"state": {q.Get("state")}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}
