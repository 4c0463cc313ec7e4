package notify_test

import (
	"context"
	"errors"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/notify"
)

func envelope() notify.Envelope {
	return notify.Envelope{
		From: netmail.Address{Name: "Example", Address: "no-reply@example.com"}, ReplyTo: netmail.Address{Address: "help@example.com"},
		Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	}
}

func sender(server *testenv.MailServer, security notify.Security) *notify.SMTP {
	return &notify.SMTP{Envelope: envelope(), Host: server.Host, Port: server.Port, Security: security, Roots: server.Roots, Timeout: 10 * time.Second}
}

func mails(recipients ...string) []notify.Mail {
	all := make([]notify.Mail, len(recipients))
	for i, to := range recipients {
		all[i] = notify.Mail{
			ID: id.New[id.Message](), To: to, Subject: "Grüße\r\nBcc: all@x.example", Text: "Hello\n\nhttps://id.example.com/reset?token=" + strings.Repeat("x", 80) + "\n",
			HTML: "<p>Hello</p>",
		}
	}
	return all
}

// send returns the fates of mails, and fails the test unless each is settled once and in order.
func send(ctx context.Context, t *testing.T, s notify.Sender, all []notify.Mail) []error {
	t.Helper()
	var fates []error
	s.Send(ctx, all, func(i int, err error) {
		if i != len(fates) {
			t.Fatalf("settled mail %d after %d", i, len(fates))
		}
		fates = append(fates, err)
	})
	if len(fates) != len(all) {
		t.Fatalf("settled %d of %d", len(fates), len(all))
	}
	return fates
}

// TestSend: over each kind of connection, authenticated or not, all mails of a batch arrive over one connection.
func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		options  testenv.MailOptions
		security notify.Security
		username string
	}{
		"STARTTLS":                    {testenv.MailOptions{}, notify.StartTLS, ""},
		"STARTTLS, authenticated":     {testenv.MailOptions{Username: "gate", Password: "hunter2"}, notify.StartTLS, "gate"},
		"implicit TLS":                {testenv.MailOptions{Implicit: true}, notify.ImplicitTLS, ""},
		"implicit TLS, authenticated": {testenv.MailOptions{Implicit: true, Username: "gate", Password: "hunter2"}, notify.ImplicitTLS, "gate"},
		"no TLS, on this machine":     {testenv.MailOptions{Plain: true, Username: "gate", Password: "hunter2"}, notify.NoTLS, "gate"},
	} {
		t.Run(name, func(t *testing.T) {
			server := testenv.StartMail(t, c.options)
			s := sender(server, c.security)
			s.Username, s.Password = c.username, secret.New("hunter2")
			for _, err := range send(t.Context(), t, s, mails("ada@x.example", "grace@x.example")) {
				if err != nil {
					t.Fatal(err)
				}
			}
			received := server.Received()
			if len(received) != 2 || server.Sessions() > 2 { // the greeting is counted again after STARTTLS
				t.Fatalf("%d mails over %d sessions", len(received), server.Sessions())
			}
			checkMail(t, received[0])
		})
	}
}

func checkMail(t *testing.T, received testenv.Received) {
	t.Helper()
	if received.From != "no-reply@example.com" || received.To != "ada@x.example" {
		t.Errorf("envelope %+v", received)
	}
	message, err := netmail.ReadMessage(strings.NewReader(received.Data))
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"From": `"Example" <no-reply@example.com>`, "To": "<ada@x.example>", "Reply-To": "<help@example.com>", "Bcc": "",
		"Auto-Submitted": "auto-generated", "Date": "Sun, 01 Mar 2026 12:00:00 +0000",
	} {
		if got := message.Header.Get(header); got != want {
			t.Errorf("%s = %q, want %q", header, got, want)
		}
	}
	if !strings.HasSuffix(message.Header.Get("Message-Id"), "@example.com>") || !strings.HasPrefix(message.Header.Get("Content-Type"), "multipart/alternative") {
		t.Errorf("headers %v", message.Header)
	}
}

// TestRefused: a recipient that is refused does not stop the others, and refusal for good is told from "not now".
func TestRefused(t *testing.T) {
	server := testenv.StartMail(t, testenv.MailOptions{Refuse: func(to string) error {
		switch {
		case strings.HasPrefix(to, "nobody"):
			return testenv.SMTPError(550, "<"+to+"> no such user")
		case strings.HasPrefix(to, "grey"):
			return testenv.SMTPError(450, "try later")
		}
		return nil
	}})
	fates := send(t.Context(), t, sender(server, notify.StartTLS), mails("nobody@x.example", "ada@x.example", "grey@x.example", "bad address", "grace@x.example"))
	for i, want := range []struct{ sent, refused bool }{{false, true}, {true, false}, {false, false}, {false, false}, {true, false}} {
		if (fates[i] == nil) != want.sent || errors.Is(fates[i], notify.ErrRefused) != want.refused {
			t.Errorf("mail %d: %v", i, fates[i])
		}
	}
	if n := len(server.Received()); n != 2 {
		t.Errorf("%d arrived", n)
	}
}

// TestNoConnection: none of these sends anything, a password least of all, and none is for good.
func TestNoConnection(t *testing.T) {
	plain, other := testenv.StartMail(t, testenv.MailOptions{Plain: true}), testenv.StartMail(t, testenv.MailOptions{})
	authenticated := testenv.StartMail(t, testenv.MailOptions{Username: "gate", Password: "right"})
	away := sender(plain, notify.StartTLS)
	away.Port = testenv.FreePort(t)
	wrong := sender(authenticated, notify.StartTLS)
	wrong.Username, wrong.Password = "gate", secret.New("hunter2")
	strange := sender(other, notify.StartTLS)
	strange.Roots = nil
	remote := sender(plain, notify.NoTLS)
	remote.Host = "mail.example.com"
	for name, s := range map[string]*notify.SMTP{
		"away": away, "no STARTTLS": sender(plain, notify.StartTLS), "no TLS": sender(plain, notify.ImplicitTLS),
		"unknown certificate": strange, "wrong password": wrong, "no TLS to another machine": remote,
	} {
		t.Run(name, func(t *testing.T) {
			s.Timeout = 2 * time.Second
			for _, err := range send(t.Context(), t, s, mails("ada@x.example", "grace@x.example")) {
				if err == nil || errors.Is(err, notify.ErrRefused) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("error = %v", err)
				}
			}
		})
	}
	for _, server := range []*testenv.MailServer{plain, other, authenticated} {
		if n := len(server.Received()); n != 0 {
			t.Errorf("%d mails arrived", n)
		}
	}
}

// TestHang: a server that does not answer costs the timeout for each mail, and the end of the program does not wait for it.
func TestHang(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	server := testenv.StartMail(t, testenv.MailOptions{Hang: hang})
	s := sender(server, notify.StartTLS)
	s.Timeout = 300 * time.Millisecond
	for _, err := range send(t.Context(), t, s, mails("ada@x.example", "grace@x.example")) {
		if err == nil || errors.Is(err, notify.ErrRefused) {
			t.Errorf("error = %v", err)
		}
	}
	s.Timeout = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	fates := send(ctx, t, s, mails("ada@x.example", "grace@x.example"))
	if fates[0] == nil || !errors.Is(fates[1], notify.ErrNotTried) {
		t.Errorf("fates = %v", fates)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestFiles: a mail is a file for its owner alone, with a link that can be copied.
func TestFiles(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "mail")
	all := mails("ada@x.example", "bad address")
	fates := send(t.Context(), t, &notify.Files{Envelope: envelope(), Directory: directory}, all)
	if fates[0] != nil || fates[1] == nil {
		t.Fatal(fates)
	}
	path := filepath.Join(directory, "20260301T120000-"+string(all[0].ID)+".eml")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(raw), "reset?token="+strings.Repeat("x", 80)) {
		t.Errorf("%v\n%s", err, raw)
	}
}
