package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// standardClaims are the claims about people by the scope that gives them (OpenID Connect Core section 5.4). Of those that are not here,
// address for one, nothing is known.
func standardClaims() map[string][]string {
	return map[string][]string{
		scopeProfile:     {"name", "given_name", "family_name", "preferred_username", "website", "birthdate", "locale", "updated_at"},
		scopeEmail:       {"email", "email_verified"},
		scopePhone:       {"phone_number", "phone_number_verified"},
		scopeGroups:      {"groups"},
		scopePermissions: {"permissions"},
	}
}

// claimScope is the scope that gives a claim. Claims of the operator's own fields come with the profile.
func claimScope(name string) string {
	switch name {
	case "email", "email_verified":
		return scopeEmail
	case "phone_number", "phone_number_verified":
		return scopePhone
	case "groups":
		return scopeGroups
	case "permissions":
		return scopePermissions
	default:
		return scopeProfile
	}
}

// reservedClaim reports whether a claim is about the token or the sign-in: nobody's profile, and told anyway.
func reservedClaim(name string) bool {
	return slices.Contains([]string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "s_hash", "sid", "cnf", "act",
		"client_id", "scope", "grant_id", "org_id", "org_slug", "org_name", "org_role",
	}, name)
}

// claims is everything known about a user, by the name of the claim; what is not known is not there.
func (s Subject) claims() map[string]any {
	claims := maps.Clone(s.Extra) // first: what follows stands, whatever they are called
	if claims == nil {
		claims = map[string]any{}
	}
	maps.DeleteFunc(claims, func(name string, _ any) bool { return reservedClaim(name) })
	for name, value := range map[string]string{
		"name": s.Name, "given_name": s.GivenName, "family_name": s.FamilyName, "preferred_username": s.Username, "website": s.Website,
		"birthdate": s.BirthDate, "locale": s.Language, "email": s.Email, "phone_number": s.Phone,
	} {
		delete(claims, name)
		if value != "" {
			claims[name] = value
		}
	}
	claims["updated_at"] = s.UpdatedAt.Unix()
	if s.Email != "" {
		claims["email_verified"] = s.EmailVerified
	}
	if s.Phone != "" {
		claims["phone_number_verified"] = s.PhoneVerified
	}
	claims["groups"], claims["permissions"] = append([]string{}, s.Groups...), append([]string{}, s.Permissions...)
	return claims
}

// told picks what a client learns: by the granted scopes, and by what it asked for one by one within those that it is registered for.
func told(s Subject, client Client, scopes []string, wanted wishes) map[string]any {
	all := s.claims()
	maps.DeleteFunc(all, func(name string, value any) bool {
		scope := claimScope(name)
		if slices.Contains(scopes, scope) {
			return false
		}
		wish, asked := wanted[name]
		return !asked || !slices.Contains(client.Scopes, scope) || !wish.accepts(value)
	})
	return all
}

// userClaims are the answer of the UserInfo endpoint (OpenID Connect Core section 5.3.2).
func userClaims(token AccessToken, client Client, s Subject) map[string]any {
	claims := told(s, client, token.Scopes, token.wanted)
	maps.Copy(claims, map[string]any{"sub": token.Subject, "org_id": token.Organization, "org_slug": s.OrganizationSlug, "org_name": s.OrganizationName, "org_role": s.Role})
	return claims
}

// moreForIDToken are the claims of an ID token beside its own: the operator's fields with the profile, and what was asked for one by one.
func (i issue) moreForIDToken() (map[string]any, error) {
	asked, err := i.asked()
	if err != nil {
		return nil, err
	}
	more := told(i.subject, i.client, nil, asked.IDToken)
	if slices.Contains(i.scopes, scopeProfile) {
		for name, value := range i.subject.Extra {
			if claimScope(name) == scopeProfile && !reservedClaim(name) && !slices.Contains(standardClaims()[scopeProfile], name) {
				more[name] = value
			}
		}
	}
	return more, nil
}

// asked is the stored form of the parameter claims.
func (i issue) asked() (claimsRequest, error) {
	var asked claimsRequest
	if len(i.grant.Claims) == 0 {
		return asked, nil
	}
	if err := json.Unmarshal(i.grant.Claims, &asked); err != nil {
		return asked, fmt.Errorf("decode claims of grant %s: %w", i.grant.ID, err)
	}
	return asked, nil
}
