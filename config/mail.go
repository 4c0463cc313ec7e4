package config

import (
	"net/mail"
	"strings"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/jobs"
)

// How the connection to the mail server is protected.
const (
	MailStartTLS = "starttls"
	MailImplicit = "implicit"
	MailNoTLS    = "none"
)

// Mail is how letters leave. Without a host they are written into files.
type Mail struct {
	Host      string      `yaml:"host"` // of the SMTP server
	Port      int         `yaml:"port"` // 0: by TLS
	TLS       string      `yaml:"tls"`  // starttls, implicit, or none (on loopback)
	Username  string      `yaml:"username"`
	Password  secret.Text `yaml:"password"`
	Timeout   Duration    `yaml:"timeout"`   // for connecting, and for each letter
	From      string      `yaml:"from"`      // address, with or without a name
	ReplyTo   string      `yaml:"reply_to"`  // the same; empty: none
	Directory string      `yaml:"directory"` // for the files; empty: mail in DataDir
	Keep      Duration    `yaml:"keep"`      // how long a letter that was sent or given up stays in the list
}

// Jobs are the schedules of what is done again and again.
type Jobs struct {
	Sweep                  jobs.Schedule `yaml:"sweep"`
	DeactivateExpired      jobs.Schedule `yaml:"deactivate-expired"`
	RemindExpiring         jobs.Schedule `yaml:"remind-expiring"`
	RemindPasswordExpiring jobs.Schedule `yaml:"remind-password-expiring"`
	DeleteSentMail         jobs.Schedule `yaml:"delete-sent-mail"`
	RotateKeys             jobs.Schedule `yaml:"rotate-keys"`
}

func defaultJobs() Jobs {
	return Jobs{
		Sweep: jobs.Every(time.Minute), DeactivateExpired: jobs.Daily(0, 1), RemindExpiring: jobs.Daily(0, 5),
		RemindPasswordExpiring: jobs.Daily(1, 0), DeleteSentMail: jobs.Daily(2, 0), RotateKeys: jobs.Every(time.Hour),
	}
}

// Location is the time zone of Users.
func (c *Config) Location() *time.Location {
	location, err := time.LoadLocation(c.Users.TimeZone)
	if err != nil {
		return time.UTC // validation has refused it
	}
	return location
}

func (v *validator) mail(m Mail) {
	v.oneOf("mail.tls", m.TLS, MailStartTLS, MailImplicit, MailNoTLS)
	if m.Port > 65535 {
		v.wrong("mail.port", "must be a port, at most 65535")
	}
	if strings.ContainsAny(m.Host, ":/ @") && !isLoopback(m.Host) {
		v.wrong("mail.host", "must be a host name or address, without port")
	}
	if m.Host != "" && m.TLS == MailNoTLS && !isLoopback(m.Host) {
		v.wrong("mail.tls", "none is for a server on loopback: letters hold links that let people in")
	}
	v.mailAddress("mail.from", m.From)
	v.mailAddress("mail.reply_to", m.ReplyTo)
	if m.Host != "" && m.From == "" {
		v.wrong("mail.from", "is missing")
	}
	if (m.Username == "") != m.Password.Empty() {
		v.wrong("mail.password", "and mail.username belong together")
	}
}

func (v *validator) mailAddress(path, text string) {
	if text == "" {
		return
	}
	if _, err := mail.ParseAddress(text); err != nil {
		v.wrong(path, "must be an address such as no-reply@example.com or Example <no-reply@example.com>")
	}
}
