// Package audit is the record of what happened and who did it. Events are written in the transaction of the change they describe.
package audit

import (
	"time"

	"gatehouse/internal/id"
)

// Event is one line of the record. Secrets never stand in it.
type Event struct {
	ID           string // UUIDv7
	At           time.Time
	Actor        id.User         // empty: the program itself, see Reason
	Reason       string          // why the program acted
	Organization id.Organization // empty: the installation
	Action       string          // "<noun>.<verb>", e.g. "user.created"
	Object       string          // identifier of what changed
	Detail       map[string]string
	Via          string   // by what the actor acted: "session", "token:<id>", "" for the program itself
	Changes      []Change // of an existing object; secrets are masked
}

// Change is one field before and after.
type Change struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Masked stands for a secret in a Change.
const Masked = "••••"
