package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"gatehouse/config"
	"gatehouse/tenancy"
	"gatehouse/transfer"
)

type usersExportCommand struct {
	configFlag
	Format             string `enum:"csv,jsonl" default:"csv" help:"csv or jsonl (one JSON object a line, with everything an import takes up again)."`
	Output             string `short:"o" placeholder:"FILE" help:"File to write, readable by you only; - is standard output. Without: gatehouse-users.csv, or .jsonl."`
	Fields             string `placeholder:"NAMES" help:"Columns, separated by commas, instead of the configured ones: names and paths such as custom.badge."`
	ExcludeFields      string `placeholder:"NAMES" help:"Columns to leave out, separated by commas."`
	WithPasswordHashes bool   `help:"Write password hashes too. Whoever reads the file can try passwords at leisure."`
	Organization       string `placeholder:"SLUG" help:"Only the members of this organization."`
	Progress           int    `placeholder:"N" help:"Tell after every N users, also where standard error is no terminal."`
}

// Run exports with the authority of the program itself.
func (c usersExportCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	scope := commandLine()
	fields, err := c.columns(a)
	if err != nil {
		return err
	}
	e := transfer.Export{
		Directory: a.directory, Scope: scope, Format: transfer.Format(c.Format), Fields: fields,
		Options:  tenancy.ExportOptions{PasswordHashes: c.WithPasswordHashes},
		Progress: progressOf(t, c.Progress),
	}
	if e.Options.Organization, err = findOrganization(ctx, a, c.Organization); err != nil {
		return err
	}
	written := 0
	write := func(to io.Writer) error {
		written, err = e.Run(ctx, to)
		return err
	}
	if c.Output == "" {
		c.Output = "gatehouse-users." + c.Format
	}
	if c.Output == "-" {
		return write(t.out)
	}
	if err := transfer.WriteFile(c.Output, write); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "Exported %s to %s.\n", plural(written, "user"), c.Output)
	return err
}

// columns are those of the command line, of the configuration, or the documented ones.
func (c usersExportCommand) columns(a *app) ([]transfer.Field, error) {
	fields := transfer.DefaultFields(a.directory.Settings.Fields)
	if c.Format == string(transfer.JSONL) {
		fields = transfer.CompleteFields()
	}
	if len(a.config.Users.Export) > 0 {
		fields = exportFields(a.config.Users.Export)
	}
	if c.Fields != "" {
		fields = transfer.ParseFields(c.Fields)
	}
	return transfer.Without(fields, c.ExcludeFields)
}

func exportFields(configured []config.ExportField) []transfer.Field {
	fields := make([]transfer.Field, len(configured))
	for i, field := range configured {
		fields[i] = transfer.Field(field)
	}
	return fields
}

// checkExport reports columns that users do not have.
func checkExport(c *config.Config) error {
	var problems config.Problems
	for i, field := range exportFields(c.Users.Export) {
		if err := field.Check(); err != nil {
			problems = append(problems, c.ProblemAt(fmt.Sprintf("users.export[%d]", i), err.Error()))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// progressOf tells how far a command is: on a terminal all the time, elsewhere after every so many.
func progressOf(t terminal, every int) func(done int) {
	file, ok := t.err.(*os.File)
	onTerminal := ok && term.IsTerminal(int(file.Fd()))
	return func(done int) {
		switch {
		case every > 0 && done%every == 0:
			fmt.Fprintf(t.err, "%d\n", done)
		case every == 0 && onTerminal && done%500 == 0:
			fmt.Fprintf(t.err, "\r%d ", done)
		}
	}
}
