package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	upstream "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"gatehouse/connectors"
)

// claims are those of the ID token that the rules look at; All has every one.
type claims struct {
	AuthorizedParty string   `json:"azp"`
	AuthTime        int64    `json:"auth_time"`
	NotBefore       float64  `json:"nbf"`
	ACR             string   `json:"acr"`
	AMR             []string `json:"amr"`
	SessionID       string   `json:"sid"`
	All             map[string]any
}

// verify checks the ID token as OpenID Connect Core section 3.1.3.7 demands: signature by a published key and an allowed algorithm,
// issuer, audience, authorized party, times within the skew, and nonce.
func (c *Connector) verify(ctx context.Context, found *discovered, tokens *oauth2.Token, nonce string) (*upstream.IDToken, *claims, error) {
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return nil, nil, invalid("the provider sent no ID token")
	}
	verifier := found.provider.VerifierContext(upstream.ClientContext(context.WithoutCancel(ctx), c.env.Client), &upstream.Config{
		ClientID: c.settings.ClientID, SupportedSigningAlgs: allowedAlgorithms(found.Algs),
		Now: func() time.Time { return c.env.Now().Add(-c.skew) },
	})
	idToken, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, nil, fail(connectors.ReasonInvalid, "verify the ID token", err)
	}
	if subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(nonce)) != 1 {
		return nil, nil, invalid("the ID token belongs to another sign-in")
	}
	if idToken.AccessTokenHash != "" {
		if err := idToken.VerifyAccessToken(tokens.AccessToken); err != nil {
			return nil, nil, fail(connectors.ReasonInvalid, "verify at_hash", err)
		}
	}
	read := &claims{}
	if err := idToken.Claims(read); err != nil {
		return nil, nil, fail(connectors.ReasonInvalid, "read the ID token", err)
	}
	if err := idToken.Claims(&read.All); err != nil {
		return nil, nil, fail(connectors.ReasonInvalid, "read the ID token", err)
	}
	return idToken, read, c.checkClaims(idToken, read)
}

func (c *Connector) checkClaims(idToken *upstream.IDToken, read *claims) error {
	now := c.env.Now()
	switch {
	case len(idToken.Audience) > 1 && read.AuthorizedParty == "",
		read.AuthorizedParty != "" && read.AuthorizedParty != c.settings.ClientID:
		return invalid("the ID token was issued to another client")
	case idToken.IssuedAt.After(now.Add(c.skew)):
		return invalid("the ID token comes from the future; check the clocks")
	case read.NotBefore > float64(now.Add(c.skew).Unix()):
		return invalid("the ID token is not valid yet; check the clocks")
	case idToken.Subject == "" || len(idToken.Subject) > maxSubject || !utf8.ValidString(idToken.Subject) || strings.ContainsFunc(idToken.Subject, unicode.IsControl):
		return invalid("the ID token has no usable subject")
	}
	return nil
}

// addUserinfo merges what the userinfo endpoint adds, if there is one: only about the same subject (section 5.3.2), and never over
// a claim of the signed ID token.
func (c *Connector) addUserinfo(ctx context.Context, found *discovered, tokens *oauth2.Token, idToken *upstream.IDToken, read *claims) error {
	if found.provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := found.provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return &connectors.Error{Reason: connectors.ReasonUnavailable, Err: errors.New("the userinfo endpoint did not answer properly")}
	}
	if info.Subject != idToken.Subject {
		return invalid("userinfo speaks of another person")
	}
	var more map[string]any
	if err := info.Claims(&more); err != nil {
		return fail(connectors.ReasonInvalid, "read userinfo", err)
	}
	for name, value := range more {
		if _, signed := read.All[name]; !signed {
			read.All[name] = value
		}
	}
	return nil
}

// identity puts the claims into Gatehouse's words.
func (c *Connector) identity(idToken *upstream.IDToken, read *claims) (connectors.Identity, error) {
	if raw, err := json.Marshal(read.All); err != nil || len(raw) > maxClaims {
		return connectors.Identity{}, invalid("the provider sent too many claims")
	}
	identity := connectors.Identity{
		Subject: idToken.Subject, Username: read.text("preferred_username"), Name: read.text("name"),
		GivenName: read.text("given_name"), FamilyName: read.text("family_name"), Language: read.text("locale"),
		Auth:   connectors.Authentication{ACR: read.ACR, AMR: read.AMR, SessionKey: read.SessionID},
		Groups: read.groups(c.settings.GroupsClaim), Claims: read.All,
	}
	if read.AuthTime != 0 {
		identity.Auth.At = time.Unix(read.AuthTime, 0).UTC()
	}
	if address := read.text("email"); address != "" {
		identity.Emails = []connectors.Email{{Address: address, Verified: read.truth("email_verified")}}
	}
	return identity, nil
}

func (c *claims) text(name string) string {
	text, _ := c.All[name].(string)
	return text
}

// truth reads a boolean that some providers send as text.
func (c *claims) truth(name string) bool {
	switch value := c.All[name].(type) {
	case bool:
		return value
	case string:
		return value == "true"
	default:
		return false
	}
}

// groups are complete if the claim is there as a list of texts; _claim_names (an overage) or anything else is not.
func (c *claims) groups(claim string) connectors.Groups {
	values, ok := c.All[claim].([]any)
	if claim == "" || !ok {
		return connectors.Groups{}
	}
	groups := connectors.Groups{Complete: true}
	for _, value := range values {
		text, ok := value.(string)
		if !ok {
			groups.Complete = false
			continue
		}
		groups.Values = append(groups.Values, text)
	}
	return groups
}
