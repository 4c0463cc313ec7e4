// Package notify sends mail, and notices to clients, from an outbox: a message is written with the change that it tells of, and sent
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

// Channel is the way that a message takes.
type Channel string

// The channels.
const (
	ChannelMail   Channel = "mail"
	ChannelLogout Channel = "logout" // to clients: a session has ended
)

// Message is a letter or a notice in the outbox.
type Message struct {
	ID          id.Message
	Channel     Channel
	Kind        Kind
	Recipient   string // an address; the id of a client
	Language    string
	Content     []byte // the letter or notice, sealed for ("outbox", channel, ID); empty once it is sent
	State       State
	Attempts    int
	NextAttempt time.Time // while somebody sends it: when others may
	LastError   string
	Created     time.Time
	Sent        time.Time // zero: not yet
}

// NewMessage seals a letter for the outbox, due at once.
func NewMessage(keys *seal.Keys, letter Letter, now time.Time) (Message, error) {
	m := Message{Channel: ChannelMail, Kind: letter.Kind, Recipient: letter.To, Language: letter.Language}
	return m.sealed(keys, letter, now)
}

// sealed completes a message that is due at once.
func (m Message) sealed(keys *seal.Keys, content any, now time.Time) (Message, error) {
	encoded, err := json.Marshal(content)
	if err != nil {
		return Message{}, fmt.Errorf("encode message: %w", err)
	}
	m.ID, m.State, m.NextAttempt, m.Created = id.New[id.Message](), StateWaiting, now, now
	m.Content = keys.Seal(encoded, m.place(m.Channel)...)
	return m, nil
}

// place binds the content to its message and its channel. Letters, which were there first, have no channel in theirs.
func (m Message) place(channel Channel) []string {
	if channel == ChannelMail {
		channel = "content"
	}
	return []string{"outbox", string(channel), string(m.ID)}
}

// Letter opens a message of ChannelMail.
func (m Message) Letter(keys *seal.Keys) (letter Letter, err error) {
	return letter, m.open(keys, ChannelMail, &letter)
}

// open decodes the content, which is good for one channel alone.
func (m Message) open(keys *seal.Keys, channel Channel, content any) error {
	encoded, err := keys.Open(m.Content, m.place(channel)...)
	if err != nil {
		return fmt.Errorf("open message %s: %w", m.ID, err)
	}
	if err := json.Unmarshal(encoded, content); err != nil {
		return fmt.Errorf("decode message %s: %w", m.ID, err)
	}
	return nil
}
