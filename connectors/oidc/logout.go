package oidc

import (
	"context"
	"net/url"

	"golang.org/x/oauth2"

	"gatehouse/connectors"
)

var _ connectors.LogoutInitiator = (*Connector)(nil)

const maxHint = 8 << 10 // bytes; a longer token would be too long for an address, too

// logoutHint is the ID token, where people sign out at the provider: it is then not asked who wants to (OpenID Connect RP-Initiated
// Logout 1.0 section 2). It was verified before.
func (c *Connector) logoutHint(tokens *oauth2.Token) string {
	hint, _ := tokens.Extra("id_token").(string)
	if !c.settings.Logout || len(hint) > maxHint {
		return ""
	}
	return hint
}

// BeginLogout implements connectors.LogoutInitiator by RP-initiated logout at the provider, if the settings want it and the provider has
// an end_session_endpoint.
func (c *Connector) BeginLogout(ctx context.Context, request connectors.LogoutRequest) (string, error) {
	if !c.settings.Logout {
		return "", nil
	}
	found, err := c.discover(ctx)
	if err != nil || found.EndURL == "" {
		return "", err
	}
	address, err := url.Parse(found.EndURL)
	if err != nil {
		return "", fail(connectors.ReasonUnavailable, "read end_session_endpoint", err)
	}
	query := address.Query()
	query.Set("client_id", c.settings.ClientID)
	query.Set("post_logout_redirect_uri", request.ReturnURL)
	query.Set("state", request.State)
	if request.Hint != "" {
		query.Set("id_token_hint", request.Hint)
	}
	address.RawQuery = query.Encode()
	return address.String(), nil
}
