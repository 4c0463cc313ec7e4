package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/mail"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"gatehouse/connectors"
)

const maxClaims = 64 << 10 // bytes, as JSON

// claims are the ID token's, and what userinfo added. Numbers are json.Number, so that long ids stay exact.
type claims map[string]any

func readClaims(document []byte) (claims, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var read claims
	if err := decoder.Decode(&read); err != nil || read == nil {
		return nil, invalid("the claims are not a JSON object")
	}
	if name, found := lookalike(read); found {
		return nil, invalid("the claim " + clean(name) + " is spelled wrongly")
	}
	return read, nil
}

// addUserinfo merges what the userinfo endpoint adds, if there is one: only about the same subject (OpenID Connect Core section
// 5.3.2), and never over a claim of the signed ID token.
func (c *Connector) addUserinfo(ctx context.Context, found *discovered, tokens *oauth2.Token, read claims) error {
	if found.provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := found.provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil { // its text may quote the answer
		return &connectors.Error{Reason: connectors.ReasonUnavailable, Err: errors.New("the userinfo endpoint did not answer properly")}
	}
	var payload json.RawMessage
	if err := info.Claims(&payload); err != nil {
		return fail(connectors.ReasonInvalid, "read userinfo", err)
	}
	more, err := readClaims(payload)
	if err != nil {
		return err
	}
	if subject := more.text("sub"); subject == "" || subject != read.text("sub") {
		return invalid("userinfo speaks of another person")
	}
	read.merge(more)
	return nil
}

// merge adds what is not there yet. An address and its verification come from one place, or one's "verified" would vouch for the
// other's address.
func (c claims) merge(more claims) {
	_, signed := c["email"]
	if !signed {
		delete(c, "email_verified")
	} else if more.text("email") != c.text("email") {
		delete(more, "email_verified")
	}
	for name, value := range more {
		if _, there := c[name]; !there && !slices.Contains(protocolClaims(), name) {
			c[name] = value
		}
	}
}

// identity puts the claims into Gatehouse's words.
func (c *Connector) identity(read claims) (connectors.Identity, error) {
	if raw, err := json.Marshal(read); err != nil || len(raw) > maxClaims {
		return connectors.Identity{}, invalid("the provider sent too many claims")
	}
	identity := connectors.Identity{
		Subject: read.text("sub"), Username: read.text(c.settings.UsernameClaim), Name: read.text("name"),
		GivenName: read.text("given_name"), FamilyName: read.text("family_name"), Language: read.text("locale"),
		Auth:   connectors.Authentication{ACR: read.text("acr"), SessionKey: read.text("sid")},
		Groups: read.groups(c.settings.GroupsClaim), Claims: read,
	}
	identity.Auth.AMR, _ = texts(read["amr"])
	identity.Auth.At, _ = read.moment("auth_time")
	if address := read.text("email"); usableAddress(address) {
		identity.Emails = []connectors.Email{{Address: address, Verified: read.truth("email_verified")}}
	}
	if c.settings.RequireVerifiedEmail && !identity.BestEmail().Verified {
		return connectors.Identity{}, &connectors.Error{Reason: connectors.ReasonDenied, Err: errors.New("the provider has not verified the person's e-mail address")}
	}
	return identity, nil
}

// usableAddress: one bare address, not a list, a name or a header.
func usableAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text
}

func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// truth reads a boolean that some providers send as text.
func (c claims) truth(name string) bool { return c[name] == true || c[name] == "true" }

// moment reads seconds since 1970, with or without a fraction. Text and impossible numbers are no moment.
func (c claims) moment(name string) (time.Time, bool) {
	number, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	const farthest = 1e11 // the year 5138; beyond are milliseconds and mischief
	seconds, err := number.Float64()
	if err != nil || math.Abs(seconds) > farthest {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

// groups are complete if the claim is there as texts and is not marked as too long to be sent (OpenID Connect Core section 5.6.2;
// Entra's overage).
func (c claims) groups(claim string) connectors.Groups {
	if claim == "" {
		return connectors.Groups{}
	}
	values, complete := texts(c.at(claim))
	if elsewhere, ok := c["_claim_names"].(map[string]any); ok && elsewhere[claim] != nil {
		complete = false
	}
	return connectors.Groups{Values: values, Complete: complete}
}

// at finds a claim by its name or, for one inside others, by a path with dots: realm_access.roles.
func (c claims) at(path string) any {
	if value, there := c[path]; there {
		return value
	}
	first, rest, nested := strings.Cut(path, ".")
	if inner, ok := c[first].(map[string]any); nested && ok {
		return claims(inner).at(rest)
	}
	return nil
}

// texts reads a list of texts, or a single one. All is false if anything else is there or nothing.
func texts(value any) (found []string, all bool) {
	switch value := value.(type) {
	case string:
		return []string{value}, true
	case []any:
		all = true
		for _, element := range value {
			text, ok := element.(string)
			if ok {
				found = append(found, text)
			}
			all = all && ok
		}
		return found, all
	default:
		return nil, false
	}
}
