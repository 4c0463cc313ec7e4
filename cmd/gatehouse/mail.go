package main

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"path/filepath"
	"text/tabwriter"
	"time"

	"gatehouse/config"
	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/store"
)

// wakeMail tells the sender that a letter waits; it never blocks.
func (a *app) wakeMail() {
	select {
	case a.enqueued <- struct{}{}:
	default:
	}
}

func (a *app) newMailWorker() (*notify.Worker, error) {
	texts, err := newTexts(a.config)
	if err != nil {
		return nil, err
	}
	sender, err := newSender(a.config)
	if err != nil {
		return nil, err
	}
	return &notify.Worker{
		Store: a.db, Keys: a.keys, Texts: texts, Sender: sender, Logouts: a.newLogouts(), Now: time.Now, Logger: a.logger, Wake: a.enqueued,
	}, nil
}

// newTexts makes the letters of this installation, under the name that people also see in their authenticator apps.
func newTexts(c *config.Config) (*notify.Texts, error) {
	return notify.NewTexts(c.Name, c.Issuer)
}

// newSender sends by SMTP if a server is configured, else into files.
func newSender(c *config.Config) (notify.Sender, error) {
	envelope := notify.Envelope{From: netmail.Address{Name: c.Name, Address: "gatehouse@localhost"}, Now: time.Now}
	for _, field := range []struct {
		text   string
		target *netmail.Address
	}{{c.Mail.From, &envelope.From}, {c.Mail.ReplyTo, &envelope.ReplyTo}} {
		if field.text == "" {
			continue
		}
		parsed, err := netmail.ParseAddress(field.text)
		if err != nil {
			return nil, fmt.Errorf("read addresses of mail: %w", err)
		}
		*field.target = *parsed
	}
	if c.Mail.Host == "" {
		return &notify.Files{Envelope: envelope, Directory: mailDirectory(c)}, nil
	}
	return &notify.SMTP{
		Envelope: envelope, Host: c.Mail.Host, Port: c.Mail.Port, Security: notify.Security(c.Mail.TLS),
		Username: c.Mail.Username, Password: c.Mail.Password, Timeout: time.Duration(c.Mail.Timeout),
	}, nil
}

func mailDirectory(c *config.Config) string {
	if c.Mail.Directory != "" {
		return c.Mail.Directory
	}
	return filepath.Join(c.DataDir, "mail")
}

type mailCommand struct {
	Test  mailTestCommand  `cmd:"" help:"Send a test letter now, past the outbox, and say what the server answered."`
	List  mailListCommand  `cmd:"" help:"List the outbox, newest first: letters, and notices to applications that a session has ended."`
	Retry mailRetryCommand `cmd:"" help:"Send again what was given up."`
}

type mailTestCommand struct {
	configFlag
	To       string `required:"" help:"E-mail address."`
	Language string `default:"en" help:"Of the letter."`
}

// Run needs no database, so that mail can be set up first.
func (c mailTestCommand) Run(ctx context.Context, t terminal) error {
	loaded, err := c.load()
	if err != nil {
		return err
	}
	texts, err := newTexts(loaded)
	if err != nil {
		return err
	}
	sender, err := newSender(loaded)
	if err != nil {
		return err
	}
	mail, err := texts.Render(notify.Letter{Kind: notify.KindTest, To: c.To, Language: c.Language})
	if err != nil {
		return err
	}
	mail.ID = id.New[id.Message]()
	sender.Send(ctx, []notify.Mail{mail}, func(_ int, failure error) { err = failure })
	if err != nil {
		return err
	}
	if loaded.Mail.Host == "" {
		_, err = fmt.Fprintf(t.out, "No mail.host is configured. The letter is in %s.\n", mailDirectory(loaded))
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s took the letter.\n", loaded.Mail.Host)
	return err
}

type mailListCommand struct {
	configFlag
	State string `enum:"waiting,sent,failed,all" default:"all" help:"Only what is waiting, sent or failed."`
	Limit int    `default:"50" help:"How many at the most."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// listedMessage is a message as the command line shows it; its content stays sealed.
type listedMessage struct {
	ID          id.Message     `json:"id"`
	Channel     notify.Channel `json:"channel"`
	Kind        notify.Kind    `json:"kind"`
	Recipient   string         `json:"recipient"`
	State       notify.State   `json:"state"`
	Attempts    int            `json:"attempts"`
	Created     time.Time      `json:"created"`
	NextAttempt *time.Time     `json:"next_attempt"`
	Sent        *time.Time     `json:"sent"`
	LastError   string         `json:"last_error,omitempty"`
}

// Run lists the outbox.
func (c mailListCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.open(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	state := notify.State(c.State)
	if c.State == "all" {
		state = ""
	}
	messages, err := a.db.Messages(ctx, state, c.Limit)
	if err != nil {
		return err
	}
	listed := []listedMessage{}
	for _, m := range messages {
		next := listedMessage{ID: m.ID, Channel: m.Channel, Kind: m.Kind, Recipient: m.Recipient, State: m.State, Attempts: m.Attempts, Created: m.Created, Sent: known(m.Sent), LastError: m.LastError}
		if m.State == notify.StateWaiting {
			next.NextAttempt = known(m.NextAttempt)
		}
		listed = append(listed, next)
	}
	if c.JSON {
		return printJSON(t.out, listed)
	}
	in := a.config.Location()
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tCHANNEL\tKIND\tRECIPIENT\tSTATE\tATTEMPTS\tCREATED\tNEXT ATTEMPT\tLAST ERROR")
	for _, m := range listed {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", m.ID, m.Channel, m.Kind, m.Recipient, m.State, m.Attempts, clock(&m.Created, in), clock(m.NextAttempt, in), m.LastError)
	}
	return table.Flush()
}

type mailRetryCommand struct {
	configFlag
	IDs []string `arg:"" name:"id" help:"Of messages that were given up; see mail list --state failed."`
}

// Run makes given-up letters wait again; a running server sends them within seconds.
func (c mailRetryCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.open(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	for _, message := range c.IDs {
		err := a.db.RetryMessage(ctx, id.Message(message), time.Now())
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("no message %s was given up", message)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s waits to be sent again.\n", message)
	}
	return nil
}
