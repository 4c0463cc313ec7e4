package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"gatehouse/tenancy"
)

type adminCommand struct {
	Create adminCreateCommand `cmd:"" help:"Create a superuser. Asks for the password; without a terminal, reads it from standard input."`
}

type adminCreateCommand struct {
	configFlag
	Username string `required:"" help:"Sign-in name."`
	Email    string `help:"E-mail address, taken as verified."`
}

// Run creates a superuser, the first or another: whoever may run it on the server's database may do anything anyway.
func (c adminCreateCommand) Run(ctx context.Context, t terminal) error {
	loaded, err := c.installed()
	if err != nil {
		return err
	}
	a, err := openStores(ctx, loaded, newLogger(loaded.Log, t.err))
	if err != nil {
		return err
	}
	defer a.close()
	password, err := readPassword(t)
	if err != nil {
		return err
	}
	n := tenancy.NewUser{Username: c.Username, Email: c.Email, EmailVerified: true, Password: password, Staff: true, Superuser: true}
	user, err := a.directory.CreateFirstSuperuser(ctx, n)
	if errors.Is(err, tenancy.ErrSetUpAlready) {
		user, err = a.directory.CreateUser(ctx, tenancy.System("command line"), n)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "Created the superuser %s (%s).\n", user.Username, user.ID)
	return err
}

// readPassword asks twice on a terminal; otherwise it takes the first line of standard input. A password is never an argument: other
// users of the machine see those.
func readPassword(t terminal) (string, error) {
	fd := int(t.in.Fd())
	if !term.IsTerminal(fd) {
		line, err := bufio.NewReader(io.LimitReader(t.in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read password: %w", err)
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.New("no password on standard input")
		}
		return line, nil
	}
	fmt.Fprint(t.err, "Password: ")
	first, err := term.ReadPassword(fd)
	fmt.Fprint(t.err, "\nThe same again: ")
	second, again := term.ReadPassword(fd)
	fmt.Fprintln(t.err)
	if err := errors.Join(err, again); err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	if string(first) != string(second) || len(first) == 0 {
		return "", errors.New("the two passwords differ or are empty")
	}
	return string(first), nil
}
