package main

import (
	"errors"
	"fmt"
	"log/slog"

	"gatehouse/config"
)

// configFlag names the configuration; without one the embedded defaults hold.
type configFlag struct {
	Config string `short:"c" type:"path" placeholder:"FILE" help:"Configuration file. Without one, embedded defaults: an SQLite file in ./data."`
}

func (f configFlag) load() (*config.Config, error) {
	if f.Config == "" {
		return config.Default(), nil
	}
	c, err := config.Load(f.Config)
	if err != nil {
		return nil, fmt.Errorf("%s has problems:\n%w", f.Config, err)
	}
	return c, nil
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
		return err
	}
	if _, err := openConnectors(checked, slog.New(slog.DiscardHandler), anyOrganization); err != nil && !errors.As(err, &inside) {
		return err
	}
	var columns config.Problems
	if err := checkExport(checked); err != nil && !errors.As(err, &columns) {
		return err
	}
	if err := config.Join(outside, append(inside, columns...)); err != nil {
		return fmt.Errorf("%s has problems:\n%w", c.File, err)
	}
	_, err = fmt.Fprintf(t.out, "%s is valid.\n", c.File)
	return err
}
