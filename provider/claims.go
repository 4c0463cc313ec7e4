package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// The parameter "claims": what a client asks for one by one (OpenID Connect Core section 5.5).

const (
	maxClaims      = 2048 // bytes: the part for userinfo travels in access tokens
	maxClaimNames  = 40
	maxClaimValues = 20
)

// Authentication context classes that tokens carry and requests may ask for (OpenID Connect Core section 2, "acr").
const (
	ACRSingle = "urn:gatehouse:acr:single" // one factor
	ACRMulti  = "urn:gatehouse:acr:mfa"    // two factors
)

// claimsRequest is the parameter. The stored form has only what can still mean something.
type claimsRequest struct {
	Userinfo wishes `json:"userinfo,omitempty"`
	IDToken  wishes `json:"id_token,omitempty"`
}

// wishes are claims by name; nil is a claim that is asked for as it is.
type wishes map[string]*wish

// wish is how a claim is asked for (OpenID Connect Core section 5.5.1).
type wish struct {
	Essential bool  `json:"essential,omitempty"`
	Value     any   `json:"value,omitempty"`
	Values    []any `json:"values,omitempty"`
}

// accepted are the values that will do; none: any.
func (w *wish) accepted() []any {
	switch {
	case w == nil:
		return nil
	case w.Value != nil:
		return append([]any{w.Value}, w.Values...)
	default:
		return w.Values
	}
}

// accepts reports whether a value is one that was asked for. Both are compared as JSON.
func (w *wish) accepts(value any) bool {
	accepted := w.accepted()
	if len(accepted) == 0 {
		return true
	}
	raw, err := json.Marshal(value)
	return err == nil && slices.ContainsFunc(accepted, func(one any) bool {
		wanted, err := json.Marshal(one)
		return err == nil && bytes.Equal(wanted, raw)
	})
}

// texts are the accepted values that are texts.
func (w *wish) texts() []string {
	var texts []string
	for _, value := range w.accepted() {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// readClaims reads the parameter into the request: whom the client will have, which acr it insists on, and what it wants to be told.
func readClaims(text string, request *AuthorizeRequest) error {
	if text == "" {
		return nil
	}
	asked, err := parseClaims(text)
	if err != nil {
		return err
	}
	for _, subject := range []*wish{asked.IDToken["sub"], asked.Userinfo["sub"]} {
		if err := request.restrict(subject); err != nil {
			return err
		}
	}
	if acr := asked.IDToken["acr"]; acr != nil {
		if err := request.wantACR(acr); err != nil {
			return err
		}
	}
	kept := claimsRequest{Userinfo: asked.Userinfo.allowed(request.Client), IDToken: asked.IDToken.allowed(request.Client)}
	if len(kept.Userinfo)+len(kept.IDToken) == 0 {
		return nil
	}
	request.Claims, err = json.Marshal(kept)
	return err
}

func parseClaims(text string) (claimsRequest, error) {
	var asked claimsRequest
	if len(text) > maxClaims {
		return asked, invalidRequest("The parameter claims is too long.")
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(&asked); err != nil {
		return asked, invalidRequest("The parameter claims is not JSON of the right form.")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return asked, invalidRequest("The parameter claims is not one JSON object.")
	}
	for _, member := range []wishes{asked.Userinfo, asked.IDToken} {
		if len(member) > maxClaimNames {
			return asked, invalidRequest("The parameter claims asks for too much.")
		}
		for _, wish := range member {
			if len(wish.accepted()) > maxClaimValues {
				return asked, invalidRequest("The parameter claims has too many values.")
			}
		}
	}
	return asked, nil
}

// restrict notes whom alone the client will have. Where two parts of the request name different people, it is for nobody.
func (r *AuthorizeRequest) restrict(subject *wish) error {
	if len(subject.accepted()) == 0 {
		return nil
	}
	wanted := subject.texts()
	if len(r.Subjects) > 0 {
		wanted = slices.DeleteFunc(wanted, func(one string) bool { return !slices.Contains(r.Subjects, one) })
	}
	if len(wanted) == 0 {
		return badRequest("login_required", "The claim sub names nobody who could sign in.")
	}
	r.Subjects = wanted
	return nil
}

// wantACR takes an essential acr as a condition, and any other like acr_values (OpenID Connect Core section 5.5.1.1).
func (r *AuthorizeRequest) wantACR(acr *wish) error {
	values := acr.texts()
	if !acr.Essential {
		r.ACRValues = append(r.ACRValues, values...)
		return nil
	}
	if len(acr.accepted()) == 0 {
		return nil // every token has one
	}
	r.EssentialACR = slices.DeleteFunc(values, func(value string) bool { return value != ACRSingle && value != ACRMulti })
	if len(r.EssentialACR) == 0 {
		return errUnmet()
	}
	return nil
}

func errUnmet() error {
	return badRequest("unmet_authentication_requirements", "The acr that the request demands cannot be reached.")
}

// NeedsMulti reports whether the client insists on two factors.
func (r *AuthorizeRequest) NeedsMulti() bool {
	return len(r.EssentialACR) > 0 && !slices.Contains(r.EssentialACR, ACRSingle)
}

// reached is the acr to tell: what was reached, put in the words of a request that insists on less.
func (r *AuthorizeRequest) reached(acr string) (string, error) {
	switch {
	case len(r.EssentialACR) == 0 || slices.Contains(r.EssentialACR, acr):
		return acr, nil
	case acr == ACRMulti: // whoever showed two factors showed one
		return ACRSingle, nil
	default:
		return "", errUnmet()
	}
}

// allowed leaves out what the client is not registered for: asking one by one is no way round its scopes. Whether a claim is essential
// has done what it can.
func (w wishes) allowed(client Client) wishes {
	kept := wishes{}
	for name, asked := range w {
		if !slices.Contains(client.Scopes, claimScope(name)) || reservedClaim(name) {
			continue
		}
		kept[name] = nil
		if len(asked.accepted()) > 0 {
			kept[name] = &wish{Value: asked.Value, Values: asked.Values}
		}
	}
	return kept
}
