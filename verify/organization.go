package verify

import (
	"net/http"
	"slices"
)

// Organization names one organization. It is made by ID or Slug; the zero value names none and matches nothing.
type Organization struct{ id, slug string }

// ID names an organization by its identifier, which never changes ("org_id" in tokens).
func ID(id string) Organization { return Organization{id: id} }

// Slug names an organization by its slug ("org_slug"), which a superuser may change: prefer ID in what is stored.
func Slug(slug string) Organization { return Organization{slug: slug} }

func (o Organization) is(id, slug string) bool {
	return o.id != "" && o.id == id || o.slug != "" && o.slug == slug
}

// Organizations says of which organizations a verifier accepts tokens. It is made by EveryOrganization or Only; New refuses the zero
// value, so that nobody serves all of them by oversight.
type Organizations struct {
	every bool
	only  []Organization
}

// EveryOrganization is for services of many tenants: each request then has to be checked against the organization whose data it
// touches, by Permission, Role or InOrganization. Tokens without an organization (of a shared client acting as itself) are accepted too.
func EveryOrganization() Organizations { return Organizations{every: true} }

// Only is for services of one organization, or of some. Tokens without an organization are refused.
func Only(organizations ...Organization) Organizations { return Organizations{only: organizations} }

func (o Organizations) stated() bool {
	return o.every || len(o.only) > 0 && !slices.Contains(o.only, Organization{})
}

func (o Organizations) accept(id, slug string) bool {
	return o.every || slices.ContainsFunc(o.only, func(one Organization) bool { return one.is(id, slug) })
}

// OrganizationOf finds the organization whose data a request touches.
type OrganizationOf func(*http.Request) Organization

// PathID reads the identifier of the organization from a wildcard of the route's pattern, "{organization}" for example.
func PathID(wildcard string) OrganizationOf {
	return func(r *http.Request) Organization { return ID(r.PathValue(wildcard)) }
}

// PathSlug reads the organization's slug from a wildcard of the route's pattern.
func PathSlug(wildcard string) OrganizationOf {
	return func(r *http.Request) Organization { return Slug(r.PathValue(wildcard)) }
}

// Always is one organization, whatever the request.
func Always(organization Organization) OrganizationOf {
	return func(*http.Request) Organization { return organization }
}
