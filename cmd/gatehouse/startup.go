package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"gatehouse/config"
)

// listen takes an address before anything else is done. Its errors say what to do, ending with elsewhere: how to take another one.
func listen(ctx context.Context, address, elsewhere string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program listens on %s; stop it, or %s", address, elsewhere)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on %s (ports below 1024 are reserved); %s", address, elsewhere)
	}
	var operation *net.OpError
	if errors.As(err, &operation) {
		err = operation.Err // the rest repeats the address
	}
	return nil, fmt.Errorf("cannot listen on %s: %w; %s", address, err, elsewhere)
}

// databaseError names the key of the configuration that an error at the start is about. The drivers leave the password out.
func databaseError(c *config.Config, err error) error {
	key, place := "database.url", ""
	if c.Database.URL.Empty() {
		key = "data_dir"
	}
	if scheme, file, _ := strings.Cut(c.DatabaseURL().Reveal(), ":"); scheme == "sqlite" {
		place = " " + strings.TrimPrefix(file, "//")
	}
	advice := ""
	var path *fs.PathError
	if errors.As(err, &path) {
		advice = "; the user that runs Gatehouse must be able to write there"
	}
	return &startError{text: fmt.Sprintf("%s: the database%s cannot be used: %s%s", key, place, oneLine(err), advice), cause: err}
}

// oneLine drops line breaks and what a driver says twice because it tried twice.
func oneLine(err error) string {
	var said []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if len(said) == 0 || said[len(said)-1] != line {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}

// startError is another text for an error.
type startError struct {
	text  string
	cause error
}

func (e *startError) Error() string { return e.text }

func (e *startError) Unwrap() error { return e.cause }
