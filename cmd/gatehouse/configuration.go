package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"gatehouse/config"
)

// configFlag names the configuration; without one the embedded defaults hold.
type configFlag struct {
	Config string `short:"c" env:"GATEHOUSE_CONFIG" placeholder:"FILE" help:"Configuration file. Without one, embedded defaults: an SQLite file in ./data."`
}

func (f configFlag) load() (*config.Config, error) {
	if f.Config == "" {
		return config.Default(), nil
	}
	c, err := config.Load(f.Config)
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		return nil, fmt.Errorf("%s has problems:\n%w", f.Config, err)
	case err != nil:
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return c, nil
}

// installed loads the configuration of an installation that is there. Who has forgotten the configuration would otherwise make a new one
// wherever he stands, and be shown that it is empty.
func (f configFlag) installed() (*config.Config, error) {
	c, err := f.load()
	if err != nil || f.Config != "" {
		return c, err
	}
	if path := filepath.Join(c.DataDir, "gatehouse.db"); missing(path) {
		return nil, fmt.Errorf("there is no database at %s: name the configuration file with --config or GATEHOUSE_CONFIG, or begin with \"gatehouse serve\"", path)
	}
	return c, nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// open opens what every command needs that works on the database.
func (f configFlag) open(ctx context.Context, t terminal) (*app, error) {
	c, err := f.installed()
	if err != nil {
		return nil, err
	}
	return openStores(ctx, c, newLogger(c.Log, t.err))
}

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Report every problem of a configuration file at once."`
}

type configCheckCommand struct {
	File string `arg:"" type:"path" help:"Configuration file."`
}

// Run reports all problems, those inside connectors' settings too. It touches neither database nor network.
func (c configCheckCommand) Run(t terminal) error {
	checked, err := config.Load(c.File)
	var outside, inside config.Problems
	if err != nil && !errors.As(err, &outside) {
		return fmt.Errorf("configuration: %w", err)
	}
	if _, err := openConnectors(checked, slog.New(slog.DiscardHandler), anyOrganization); err != nil && !errors.As(err, &inside) {
		return err
	}
	for _, note := range checked.Notes() {
		fmt.Fprintln(t.out, "note:", config.Problems{note})
	}
	var fields config.Problems
	if _, err := userSettings(checked); err != nil && !errors.As(err, &fields) {
		return err
	}
	var columns config.Problems
	if err := checkExport(checked); err != nil && !errors.As(err, &columns) {
		return err
	}
	var declared config.Problems
	if _, err := declaredClients(checked, anyOrganization); err != nil && !errors.As(err, &declared) {
		return err
	}
	if err := config.Join(outside, slices.Concat(inside, fields, columns, declared)); err != nil {
		return fmt.Errorf("%s has problems:\n%w", c.File, err)
	}
	_, err = fmt.Fprintf(t.out, "%s is valid.\n", c.File)
	return err
}
