package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"gatehouse/config"
)

type serveCommand struct {
	configFlag
}

// Run serves until it is told to stop (SIGTERM, SIGINT).
func (s serveCommand) Run(ctx context.Context, t terminal) error {
	c, err := s.load()
	if err != nil {
		return err
	}
	listener, err := listen(ctx, c.Listen, `set another address under "listen" in the configuration`)
	if err != nil {
		return err
	}
	defer listener.Close()
	a, err := openApp(ctx, c, newLogger(c.Log, t.err))
	if err != nil {
		return err
	}
	defer a.close()
	link, err := a.login.NewSetupLink(ctx)
	if err != nil {
		return err
	}
	if link != "" {
		fmt.Fprintf(t.out, "Nobody administers this installation yet. Create the first administrator within a day at\n\n  %s\n\n", link)
	}
	if c.Mail.Host == "" {
		a.logger.WarnContext(ctx, "mail_not_sent", "why", "mail.host is not configured; letters are written into files", "directory", mailDirectory(c))
	}
	fmt.Fprintf(t.out, "Gatehouse serves %s on %s.\n", c.Issuer, listener.Addr())
	return a.run(ctx, listener)
}

func newLogger(l config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo // config has checked it
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

type migrateCommand struct {
	configFlag
}

// Run brings the schema up to date.
func (m migrateCommand) Run(ctx context.Context, t terminal) error {
	c, err := m.load()
	if err != nil {
		return err
	}
	a, err := openStores(ctx, c, newLogger(c.Log, t.err))
	if err != nil {
		return err
	}
	defer a.close()
	_, err = fmt.Fprintln(t.out, "The database has this version's schema.")
	return err
}
