package testenv

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// MailOptions say how a mail server behaves. The zero value offers STARTTLS and takes everything from everybody.
type MailOptions struct {
	Implicit bool // TLS from the start
	Plain    bool // no TLS at all
	Username string
	Password string
	// Refuse is asked for each recipient; its error is the answer. May be nil.
	Refuse func(recipient string) error
	// Hang, if not nil, holds up the answer to each mail until it is closed or the connection ends.
	Hang <-chan struct{}
}

// SMTPError makes an answer of the server, e.g. SMTPError(550, "no such user").
func SMTPError(code int, message string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCodeNotSet, Message: message}
}

// Received is a mail that arrived.
type Received struct{ From, To, Data string }

// MailServer is a mail server on loopback that keeps what it gets.
type MailServer struct {
	Host  string
	Port  int
	Roots *x509.CertPool // with its certificate

	options  MailOptions
	mu       sync.Mutex
	received []Received
	sessions int
}

// StartMail runs a mail server until the test ends.
func StartMail(tb testing.TB, o MailOptions) *MailServer {
	tb.Helper()
	certified := httptest.NewTLSServer(nil) // for its certificate
	certified.Close()
	m := &MailServer{Host: "127.0.0.1", Roots: x509.NewCertPool(), options: o}
	m.Roots.AddCert(certified.Certificate())
	settings := &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("start a mail server: %v", err)
	}
	m.Port = listener.Addr().(*net.TCPAddr).Port
	server := smtp.NewServer(m)
	server.Domain, server.AllowInsecureAuth = "mail.test", o.Plain
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	server.ErrorLog = discard{}
	switch {
	case o.Implicit:
		listener = tls.NewListener(listener, settings)
	case !o.Plain:
		server.TLSConfig = settings
	}
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(func() { _ = server.Close() })
	return m
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

// Received is what has arrived so far.
func (m *MailServer) Received() []Received {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Received(nil), m.received...)
}

// Sessions is how many connections there were.
func (m *MailServer) Sessions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions
}

// NewSession implements smtp.Backend.
func (m *MailServer) NewSession(*smtp.Conn) (smtp.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions++
	s := &mailSession{server: m}
	if m.options.Username == "" {
		return s, nil
	}
	return &authSession{mailSession: s}, nil
}

type mailSession struct {
	server  *MailServer
	current Received
}

// Mail implements smtp.Session.
func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.current = Received{From: from}
	return nil
}

// Rcpt implements smtp.Session.
func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.current.To = to
	if refuse := s.server.options.Refuse; refuse != nil {
		return refuse(to)
	}
	return nil
}

// Data implements smtp.Session.
func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.options.Hang != nil {
		<-s.server.options.Hang
		return errors.New("hung")
	}
	s.current.Data = string(raw)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.received = append(s.server.received, s.current)
	return nil
}

// Reset implements smtp.Session.
func (s *mailSession) Reset() { s.current = Received{} }

// Logout implements smtp.Session.
func (*mailSession) Logout() error { return nil }

// authSession wants a name and password before anything else.
type authSession struct {
	*mailSession
	known bool
}

// AuthMechanisms implements smtp.AuthSession.
func (*authSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *authSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		o := s.server.options
		if username != o.Username || password != o.Password {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *authSession) Mail(from string, o *smtp.MailOptions) error {
	if !s.known {
		return smtp.ErrAuthRequired
	}
	return s.mailSession.Mail(from, o)
}
