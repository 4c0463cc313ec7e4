// Package id holds one string type per kind of identifier, so that swapping two arguments does not compile.
//
// Every identifier is a UUID in its lower-case text form (RFC 9562). Gatehouse makes version 7, which sorts by time of
// creation; any version is accepted from outside. Client and connector identifiers are chosen by operators and are free text.
package id

import (
	"strings"

	"github.com/google/uuid"
)

// Identifiers of the things that Gatehouse stores. The empty string means "none".
type (
	User         string
	Organization string
	Membership   string
	Group        string
	Factor       string
	Grant        string // a refresh-token family
	Session      string // public name of a browser session ("sid"), never its secret
	Client       string // chosen by the operator, unique in the installation
	Connector    string // chosen by the operator, unique in the installation
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
