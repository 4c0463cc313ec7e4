// Package builtin lists the kinds of connector that the program knows.
package builtin

import (
	"gatehouse/connectors"
	"gatehouse/connectors/oidc"
)

// Kinds are all kinds, one line each.
func Kinds() []connectors.Kind {
	return []connectors.Kind{
		oidc.Kind(),
	}
}
