package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"github.com/wneessen/go-mail"

	"gatehouse/internal/secret"
)

// Security is how the connection to the mail server is protected.
type Security string

// The ways. Nothing falls back to plain text: who can take STARTTLS out of the server's greeting would read every link.
const (
	StartTLS    Security = "starttls" // RFC 3207; the server must offer it
	ImplicitTLS Security = "implicit" // RFC 8314 section 3
	NoTLS       Security = "none"     // to a server on this machine only
)

// Port is the usual one.
func (s Security) Port() int {
	switch s {
	case ImplicitTLS:
		return 465
	case NoTLS:
		return 25
	default:
		return 587
	}
}

// SMTP sends through a mail server, with one connection for each call of Send.
type SMTP struct {
	Envelope Envelope
	Host     string
	Port     int // 0: the usual one
	Security Security
	Username string // "": no authentication
	Password secret.Text
	Timeout  time.Duration  // for connecting, and for each mail; 0 = 30 s
	Roots    *x509.CertPool // nil: the system's
}

// Send implements Sender. After a connection broke, the next mail gets a new one; where none can be made, all that are left fail alike.
func (s *SMTP) Send(ctx context.Context, mails []Mail, settled func(index int, err error)) {
	var (
		open *line
		away error // why no connection can be made
	)
	defer func() { open.close() }()
	for i, m := range mails {
		switch {
		case ctx.Err() != nil:
			settled(i, ErrNotTried)
			continue
		case away != nil:
			settled(i, away)
			continue
		}
		message, err := s.Envelope.compose(m, mail.EncodingQP)
		if err != nil {
			settled(i, err)
			continue
		}
		if open == nil {
			if open, err = s.dial(ctx); err != nil {
				away = fmt.Errorf("connect to the mail server: %w", err)
				settled(i, away)
				continue
			}
		}
		usable, err := open.send(message)
		if !usable {
			open.close()
			open = nil
		}
		settled(i, err)
	}
}

func (s *SMTP) options(l *line) []mail.Option {
	settings := &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	policy := mail.TLSMandatory
	if s.Security != StartTLS {
		policy = mail.NoTLS
	}
	timeout := cmp.Or(s.Timeout, 30*time.Second)
	options := []mail.Option{
		mail.WithPort(cmp.Or(s.Port, s.Security.Port())), mail.WithTimeout(timeout), mail.WithTLSConfig(settings), mail.WithTLSPolicy(policy),
		mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := s.connect(ctx, network, address, settings)
			l.keep(connection)
			return connection, err
		}),
	}
	if s.Username != "" {
		options = append(options, mail.WithSMTPAuthCustom(&authentication{sender: s}))
	}
	return options
}
