package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// line is a connection to the mail server.
type line struct {
	client  *mail.Client
	session *smtp.Client
	stop    func() bool

	mu         sync.Mutex
	connection net.Conn
}

// breakOff is how long a mail in progress has to end when the program does.
const breakOff = 3 * time.Second

func (s *SMTP) dial(ctx context.Context) (*line, error) {
	if s.Security == NoTLS && !loopback(s.Host) {
		return nil, errors.New("without TLS only to this machine")
	}
	l := &line{}
	client, err := mail.NewClient(s.Host, s.options(l)...)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, l.hangUp)
	session, err := client.DialToSMTPClientWithContext(ctx)
	stop()
	if err != nil {
		l.hangUp() // the library leaves it open when TLS or authentication fail
		return nil, err
	}
	l.client, l.session = client, session
	l.stop = context.AfterFunc(ctx, func() { time.AfterFunc(breakOff, l.hangUp) })
	return l, nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && address.IsLoopback())
}

func (s *SMTP) connect(ctx context.Context, network, address string, settings *tls.Config) (net.Conn, error) {
	if s.Security == ImplicitTLS {
		return (&tls.Dialer{Config: settings}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func (l *line) keep(connection net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connection = connection
}

func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.connection != nil {
		_ = l.connection.Close()
	}
}

// close says goodbye, but does not wait long for an answer.
func (l *line) close() {
	if l == nil {
		return
	}
	l.stop()
	_ = l.session.UpdateDeadline(breakOff)
	_ = l.client.CloseWithSMTPClient(l.session)
	l.hangUp()
}

// send sends one mail. usable says whether the line can take another one.
func (l *line) send(message *mail.Msg) (usable bool, err error) {
	err = l.client.SendWithSMTPClient(l.session, message)
	var reply *mail.SendError
	switch {
	case err == nil:
		return true, nil
	case message.IsDelivered(): // what failed was to make the line ready for the next one
		return false, nil
	case !errors.As(err, &reply) || reply.ErrorCode() < 400 || reply.ErrorCode() == 421:
		return false, err
	}
	// The library takes a broken connection for a permanent error; only the server's own words are.
	aboutMail := reply.Reason == mail.ErrSMTPRcptTo || reply.Reason == mail.ErrSMTPDataClose
	if aboutMail && reply.ErrorCode() >= 500 {
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return aboutMail, err
}

// authentication uses the best of what the server offers.
type authentication struct {
	sender *SMTP
	chosen smtp.Auth
}

// Start implements smtp.Auth.
func (a *authentication) Start(server *smtp.ServerInfo) (protocol string, first []byte, err error) {
	s := a.sender
	if !server.TLS && !loopback(s.Host) {
		return "", nil, errors.New("no authentication without TLS")
	}
	for _, mechanism := range []struct {
		name string
		auth smtp.Auth
	}{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(s.Username, s.Password.Reveal())},
		{"PLAIN", smtp.PlainAuth("", s.Username, s.Password.Reveal(), s.Host, true)},
		{"LOGIN", smtp.LoginAuth(s.Username, s.Password.Reveal(), s.Host, true)},
	} {
		if slices.Contains(server.Auth, mechanism.name) {
			a.chosen = mechanism.auth
			return a.chosen.Start(server)
		}
	}
	return "", nil, errors.New("the server offers no way to authenticate that is known here")
}

// Next implements smtp.Auth.
func (a *authentication) Next(challenge []byte, more bool) ([]byte, error) {
	return a.chosen.Next(challenge, more)
}
