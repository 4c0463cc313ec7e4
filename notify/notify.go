// Package notify sends mail, from an outbox: a letter is written in the transaction of the change that it tells of, and sent
// afterwards, again and again until it arrives or its time is over.
package notify

import (
	"encoding/json"
	"fmt"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
)

// Kind says which text a letter has.
type Kind string

// The kinds of letter, and the keys of their Data beside "name" (of the reader). Dates are YYYY-MM-DD or RFC 3339; "expires" may
// stand beside every link: from then on the letter is not sent any more.
const (
	KindConfirmEmail     Kind = "confirm_email"     // link
	KindPasswordReset    Kind = "password_reset"    // link
	KindPasswordChanged  Kind = "password_changed"  //
	KindEmailChanged     Kind = "email_changed"     // to the address that was the primary one
	KindFactorsRemoved   Kind = "factors_removed"   //
	KindInvitation       Kind = "invitation"        // link, organization, inviter, expires
	KindAccountExpiring  Kind = "account_expiring"  // date
	KindAccountExpired   Kind = "account_expired"   // date
	KindPasswordExpiring Kind = "password_expiring" // date
	KindTest             Kind = "test"              // of the operator, who wants to see that mail works
)

// Letter is what somebody is to be told. Data may hold links that are secrets: it is kept sealed.
type Letter struct {
	Kind     Kind              `json:"kind"`
	To       string            `json:"to"`       // e-mail address
	Language string            `json:"language"` // BCP 47, "" = the installation's
	Data     map[string]string `json:"data"`     // values of the text; "link" is a path below the issuer, with its query
}

// State is how far a message is.
type State string

// The states.
const (
	StateWaiting State = "waiting"
	StateSent    State = "sent"
	StateFailed  State = "failed" // given up
)

// Message is a letter in the outbox.
type Message struct {
	ID          id.Message
	Kind        Kind
	Recipient   string
	Language    string
	Content     []byte // the letter, sealed for ("outbox", "content", ID); empty once it is sent
	State       State
	Attempts    int
	NextAttempt time.Time // while somebody sends it: when others may
	LastError   string
	Created     time.Time
	Sent        time.Time // zero: not yet
}

func place(message id.Message) []string { return []string{"outbox", "content", string(message)} }

// NewMessage seals a letter for the outbox, due at once.
func NewMessage(keys *seal.Keys, letter Letter, now time.Time) (Message, error) {
	content, err := json.Marshal(letter)
	if err != nil {
		return Message{}, fmt.Errorf("encode letter: %w", err)
	}
	m := Message{
		ID: id.New[id.Message](), Kind: letter.Kind, Recipient: letter.To, Language: letter.Language, State: StateWaiting,
		NextAttempt: now, Created: now,
	}
	m.Content = keys.Seal(content, place(m.ID)...)
	return m, nil
}

// Letter opens a message of the outbox.
func (m Message) Letter(keys *seal.Keys) (Letter, error) {
	content, err := keys.Open(m.Content, place(m.ID)...)
	if err != nil {
		return Letter{}, fmt.Errorf("open message %s: %w", m.ID, err)
	}
	var letter Letter
	if err := json.Unmarshal(content, &letter); err != nil {
		return Letter{}, fmt.Errorf("decode message %s: %w", m.ID, err)
	}
	return letter, nil
}
