package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
)

var errForeignSession = errors.New("provider: a session that is not ours")

// issue is what a token response will hold.
type issue struct {
	client  Client
	grant   Grant    // of a user; zero for client credentials
	subject Subject  // of that user
	scopes  []string // of this access token
	narrow  bool     // to fewer scopes than were granted, as the client asked
	aud     []string // narrower than what the client is registered for; empty = all of that
	nonce   string   // for the ID token of a code
	refresh string   // refresh token, "" = none
}

// accessClaims are the claims of an access token (RFC 9068 section 2.2).
type accessClaims struct {
	Issuer       string          `json:"iss"`
	Subject      string          `json:"sub"`
	Audience     []string        `json:"aud"`
	Expires      int64           `json:"exp"`
	IssuedAt     int64           `json:"iat"`
	ID           string          `json:"jti,omitempty"`
	Client       id.Client       `json:"client_id"`
	Scope        string          `json:"scope"`
	AuthTime     int64           `json:"auth_time,omitempty"`
	ACR          string          `json:"acr,omitempty"`
	AMR          []string        `json:"amr,omitempty"`
	Session      id.Session      `json:"sid,omitempty"`
	Grant        id.Grant        `json:"grant_id,omitempty"`
	Organization id.Organization `json:"org_id,omitempty"`
	Slug         string          `json:"org_slug,omitempty"`
	Role         string          `json:"org_role,omitempty"`
	Groups       []string        `json:"groups,omitempty"`
	Permissions  []string        `json:"permissions,omitempty"`
	Wanted       wishes          `json:"uic,omitempty"` // the userinfo part of the request's claims
}

// idClaims are the claims of an ID token (OpenID Connect Core section 2).
type idClaims struct {
	Issuer       string          `json:"iss"`
	Subject      string          `json:"sub"`
	Audience     id.Client       `json:"aud"`
	Expires      int64           `json:"exp"`
	IssuedAt     int64           `json:"iat"`
	AuthTime     int64           `json:"auth_time"`
	Nonce        string          `json:"nonce,omitempty"`
	ACR          string          `json:"acr,omitempty"`
	AMR          []string        `json:"amr,omitempty"`
	AccessHash   string          `json:"at_hash"`
	Session      id.Session      `json:"sid,omitempty"`
	Organization id.Organization `json:"org_id,omitempty"`
	Slug         string          `json:"org_slug,omitempty"`
	Role         string          `json:"org_role,omitempty"`
	Groups       []string        `json:"groups,omitempty"`
}

// Scopes with a meaning here.
const (
	scopeOpenID      = "openid"
	scopeProfile     = "profile"
	scopeEmail       = "email"
	scopePhone       = "phone"
	scopeOffline     = "offline_access"
	scopeGroups      = "groups"
	scopePermissions = "permissions"
)

// respond signs the tokens and fills the response.
func (p *Provider) respond(ctx context.Context, i issue, response fosite.AccessResponder) error {
	now := p.now()
	access, err := p.accessToken(ctx, i, now)
	if err != nil {
		return err
	}
	response.SetAccessToken(access)
	response.SetTokenType("Bearer")
	response.SetExpiresIn(p.Lifetimes.Access)
	response.SetScopes(i.scopes)
	if i.refresh != "" {
		response.SetExtra("refresh_token", i.refresh)
	}
	if i.grant.User == "" || !slices.Contains(i.scopes, scopeOpenID) {
		return nil
	}
	idToken, err := p.idToken(ctx, i, access, now)
	if err == nil {
		response.SetExtra("id_token", idToken)
	}
	return err
}

func (p *Provider) accessToken(ctx context.Context, i issue, now time.Time) (string, error) {
	claims := accessClaims{
		Issuer: p.Issuer, Subject: string(i.client.ID), Audience: i.aud, Client: i.client.ID, Organization: i.client.Organization,
		Expires: now.Add(p.Lifetimes.Access).Unix(), IssuedAt: now.Unix(), ID: secret.Token(16), Scope: strings.Join(i.scopes, " "),
	}
	if len(claims.Audience) == 0 {
		claims.Audience = append([]string{string(i.client.ID)}, i.client.Audience...)
	}
	if i.grant.User != "" {
		claims.Subject, claims.Session, claims.Grant = string(i.grant.User), i.grant.Session, i.grant.ID
		claims.AuthTime, claims.ACR, claims.AMR = i.grant.AuthTime.Unix(), i.grant.ACR, i.grant.AMR
		claims.Organization, claims.Slug, claims.Role = i.grant.Organization, i.subject.OrganizationSlug, i.subject.Role
		if slices.Contains(i.scopes, scopeGroups) {
			claims.Groups = i.subject.Groups
		}
		if slices.Contains(i.scopes, scopePermissions) {
			claims.Permissions = i.subject.Permissions
		}
		asked, err := i.asked()
		if err != nil {
			return "", err
		}
		claims.Wanted = asked.Userinfo
		if i.narrow {
			maps.DeleteFunc(claims.Wanted, func(name string, _ *wish) bool { return !slices.Contains(i.scopes, claimScope(name)) })
		}
	}
	if i.client.AccessTokenFormat == FormatOpaque {
		return p.newOpaque(ctx, claims)
	}
	signer, err := p.keys.signer(ctx, algES256)
	if err != nil {
		return "", err
	}
	return signer.sign(typeAccess, claims)
}

func (p *Provider) idToken(ctx context.Context, i issue, access string, now time.Time) (string, error) {
	signer, err := p.keys.signer(ctx, i.client.idTokenAlgorithm())
	if err != nil {
		return "", err
	}
	claims := idClaims{
		Issuer: p.Issuer, Subject: string(i.grant.User), Audience: i.client.ID, Expires: now.Add(p.Lifetimes.ID).Unix(), IssuedAt: now.Unix(),
		AuthTime: i.grant.AuthTime.Unix(), Nonce: i.nonce, ACR: i.grant.ACR, AMR: i.grant.AMR, AccessHash: halfHash(signer.algorithm, access),
		Session: i.grant.Session, Organization: i.grant.Organization, Slug: i.subject.OrganizationSlug, Role: i.subject.Role,
	}
	if slices.Contains(i.scopes, scopeGroups) {
		claims.Groups = i.subject.Groups
	}
	if len(i.subject.Extra) == 0 && len(i.grant.Claims) == 0 {
		return signer.sign(typeID, claims)
	}
	more, err := i.moreForIDToken()
	if err != nil {
		return "", err
	}
	all, err := withExtra(claims, more)
	if err != nil {
		return "", err
	}
	return signer.sign(typeID, all)
}

// withExtra adds further claims, of which none replaces one of ours.
func withExtra(claims idClaims, extra map[string]any) (map[string]any, error) {
	raw, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("encode claims: %w", err)
	}
	var ours map[string]json.RawMessage
	if err := json.Unmarshal(raw, &ours); err != nil {
		return nil, fmt.Errorf("decode claims: %w", err)
	}
	all := maps.Clone(extra)
	for name, value := range ours {
		all[name] = value
	}
	return all, nil
}
