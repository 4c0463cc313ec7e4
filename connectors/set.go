package connectors

import (
	"slices"

	"gatehouse/internal/id"
)

// Set is the configured connectors. There is no other way to a connector than Enabled and For, so that a disabled one opens nothing.
type Set struct{ all []Configured }

// NewSet keeps the connectors in the order given, which is the order on the sign-in page.
func NewSet(all []Configured) Set { return Set{all: slices.Clone(all)} }

// Enabled finds a connector by id; a disabled one is not found.
func (s Set) Enabled(connector id.Connector) (Configured, bool) {
	for _, candidate := range s.all {
		if candidate.ID == connector && candidate.Enabled {
			return candidate, true
		}
	}
	return Configured{}, false
}

// For lists what to offer for an organization: the shared connectors and its own. Without an organization, the shared ones.
func (s Set) For(organization id.Organization) []Configured {
	var offered []Configured
	for _, candidate := range s.all {
		if candidate.Enabled && (candidate.Organization == "" || candidate.Organization == organization) {
			offered = append(offered, candidate)
		}
	}
	return offered
}
