package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	upstream "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"gatehouse/connectors"
)

const maxSubject = 512 // bytes

// verify checks the ID token as OpenID Connect Core section 3.1.3.7 demands: signature by a published key and an allowed algorithm,
// issuer, audience, authorized party, times within the skew, and nonce. Errors are *connectors.Error.
func (c *Connector) verify(ctx context.Context, found *discovered, tokens *oauth2.Token, nonce string) (claims, error) {
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return nil, invalid("the provider sent no ID token")
	}
	signature := &signatureCheck{keys: found.keys, algorithms: found.algorithms()}
	verifier := upstream.NewVerifier(c.settings.Issuer, signature, &upstream.Config{
		ClientID: c.settings.ClientID, SupportedSigningAlgs: signature.algorithms,
		SkipExpiryCheck: true, // checkTimes does it: the library's leeway for nbf is fixed
	})
	idToken, err := verifier.Verify(ctx, raw)
	if errors.Is(signature.failure, errKeys) {
		return nil, fail(connectors.ReasonUnavailable, "verify the ID token", signature.failure)
	}
	if err != nil {
		return nil, fail(connectors.ReasonInvalid, "verify the ID token", err)
	}
	var payload json.RawMessage
	if err := idToken.Claims(&payload); err != nil {
		return nil, fail(connectors.ReasonInvalid, "read the ID token", err)
	}
	read, err := readClaims(payload)
	if err != nil {
		return nil, err
	}
	if _, there := read["at_hash"]; there {
		if err := idToken.VerifyAccessToken(tokens.AccessToken); err != nil {
			return nil, fail(connectors.ReasonInvalid, "verify at_hash", err)
		}
	}
	if subtle.ConstantTimeCompare([]byte(read.text("nonce")), []byte(nonce)) != 1 {
		return nil, invalid("the ID token belongs to another sign-in")
	}
	if err := c.checkParties(idToken, read); err != nil {
		return nil, err
	}
	return read, c.checkTimes(read)
}

// signatureCheck is the provider's keys as go-oidc wants them. It remembers its failure, which go-oidc turns into text.
type signatureCheck struct {
	keys       *keySet
	algorithms []string
	failure    error
}

// VerifySignature implements go-oidc's KeySet. An ID token is a compact JWS; the JSON form has headers that nothing protects.
func (s *signatureCheck) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	algorithms := make([]jose.SignatureAlgorithm, len(s.algorithms))
	for i, name := range s.algorithms {
		algorithms[i] = jose.SignatureAlgorithm(name)
	}
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, err
	}
	payload, err := s.keys.verify(ctx, jws)
	s.failure = err
	return payload, err
}

func (c *Connector) checkParties(idToken *upstream.IDToken, read claims) error {
	party, several := read.text("azp"), len(idToken.Audience) > 1
	if (several || read["azp"] != nil) && party != c.settings.ClientID {
		return invalid("the ID token was issued to another client")
	}
	subject := read.text("sub")
	if subject == "" || len(subject) > maxSubject || !utf8.ValidString(subject) || strings.ContainsFunc(subject, unicode.IsControl) {
		return invalid("the ID token has no usable subject")
	}
	return nil
}

func (c *Connector) checkTimes(read claims) error {
	earliest, latest := c.env.Now().Add(-c.skew), c.env.Now().Add(c.skew)
	expires, ok := read.moment("exp")
	if !ok || !expires.After(earliest) {
		return invalid("the ID token has expired; check the clocks")
	}
	issued, ok := read.moment("iat")
	if !ok || issued.After(latest) {
		return invalid("the ID token has no time of issue or comes from the future; check the clocks")
	}
	if valid, ok := read.moment("nbf"); ok && valid.After(latest) {
		return invalid("the ID token is not valid yet; check the clocks")
	}
	return nil
}

// checkFreshness: a person who must sign in anew has done so since the flow began. A provider that was asked with max_age must send
// auth_time (OpenID Connect Core section 2); some never do, and only the operator can decide to believe them.
func (c *Connector) checkFreshness(read claims, callback connectors.Callback) error {
	if !callback.ForceLogin {
		return nil
	}
	at, ok := read.moment("auth_time")
	if !ok && c.settings.AllowMissingAuthTime {
		return nil
	}
	if !ok {
		return invalid("the provider does not say when the person signed in (auth_time); see allow_missing_auth_time")
	}
	if at.Before(callback.Started.Add(-c.skew).Truncate(time.Second)) {
		return invalid("the provider did not ask the person to sign in anew")
	}
	return nil
}

// protocolClaims belong to the token, not to the person: userinfo cannot set them.
func protocolClaims() []string {
	return []string{
		"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash", "auth_time", "acr", "amr", "sid",
		"_claim_names", "_claim_sources",
	}
}

// lookalike finds a name that decoders may take for a protocol claim: Go's matches field names whatever their case, so "SUB" from a
// self-service attribute could stand in for "sub".
func lookalike(read claims) (string, bool) {
	for name := range read {
		if slices.ContainsFunc(protocolClaims(), func(known string) bool { return name != known && strings.EqualFold(name, known) }) {
			return name, true
		}
	}
	return "", false
}
