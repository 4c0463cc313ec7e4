package notify

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"time"

	"github.com/wneessen/go-mail"

	"gatehouse/internal/id"
)

// Mail is a letter in its words.
type Mail struct {
	ID                  id.Message // makes the Message-ID, so that one that is sent twice is known as the same
	To                  string     // bare address
	Subject, Text, HTML string
}

// Sentinels of senders.
var (
	// ErrRefused: the server will never take this mail; the recipient does not exist, for example.
	ErrRefused = errors.New("refused for good")
	// ErrOver: the link in the letter works no more, so nobody is to get it.
	ErrOver = errors.New("its link works no more")
	// ErrNotTried: the context ended before the mail's turn.
	ErrNotTried = errors.New("not tried")
)

// Sender sends mails.
type Sender interface {
	// Send sends mails one after the other and calls settled once for each, in order, as soon as its fate is known: nil when somebody
	// else is responsible for it now. A failing mail does not stop the rest. When ctx ends, Send returns within seconds; the mails
	// that are left get ErrNotTried.
	Send(ctx context.Context, mails []Mail, settled func(index int, err error))
}

// Envelope is what all mails of an installation have in common.
type Envelope struct {
	From    netmail.Address
	ReplyTo netmail.Address // zero: none
	Now     func() time.Time
}

// compose makes the message; RFC 3834 section 5 keeps robots from answering it.
func (e Envelope) compose(m Mail, encoding mail.Encoding) (*mail.Msg, error) {
	if err := CheckAddress(m.To); err != nil {
		return nil, err
	}
	message := mail.NewMsg(mail.WithEncoding(encoding), mail.WithNoDefaultUserAgent())
	message.FromMailAddress(&e.From)
	message.ToMailAddress(&netmail.Address{Address: m.To})
	if e.ReplyTo.Address != "" {
		message.ReplyToMailAddress(&e.ReplyTo)
	}
	message.Subject(clean(m.Subject))
	message.SetDateWithValue(e.Now())
	message.SetMessageIDWithValue(string(m.ID) + "@" + domain(e.From.Address))
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetBodyString(mail.TypeTextPlain, m.Text)
	message.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	if message.HasSendError() {
		return nil, fmt.Errorf("compose mail: %w", message.SendError())
	}
	return message, nil
}

// domain is what follows the last @.
func domain(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '@' {
			return address[i+1:]
		}
	}
	return "localhost"
}
