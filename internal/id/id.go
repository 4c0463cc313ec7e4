// Package id holds one string type per kind of identifier, so that swapping two arguments does not compile.
//
// Every identifier is a UUID in its lower-case text form (RFC 9562). Gatehouse makes version 7, which sorts by time of
// creation; any version is accepted from outside. Client and connector identifiers are chosen by operators and are free text.
package id

import (
	"strings"

	"github.com/google/uuid"
)

// The empty string means "none" in each of them.
type (
	// User identifies a person with an account.
	User string
	// Organization identifies a tenant.
	Organization string
	// Membership identifies a user in an organization.
	Membership string
	// Group identifies a set of permissions.
	Group string
	// Email identifies one address of a user.
	Email string
	// Invitation identifies an invitation to an organization.
	Invitation string
	// APIToken identifies an API token, without being one.
	APIToken string
	// Message identifies a mail or webhook to be sent.
	Message string
	// Factor identifies an enrolled second factor.
	Factor string
	// Grant identifies a refresh-token family.
	Grant string
	// Session is the public name of a browser session ("sid"), never its secret.
	Session string
	// Client is chosen by the operator, unique in the installation.
	Client string
	// Connector is chosen by the operator, unique in the installation.
	Connector string
)

// New makes a fresh identifier of kind T.
func New[T ~string]() T { return T(uuid.Must(uuid.NewV7()).String()) }

// Parse reads a UUID given from outside. It reports false for anything else, including upper-case or braced forms.
func Parse[T ~string](text string) (T, bool) {
	parsed, err := uuid.Parse(text)
	if err != nil || parsed.String() != text || strings.ToLower(text) != text {
		return "", false
	}
	return T(text), true
}
