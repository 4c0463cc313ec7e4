package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
	"gatehouse/transfer"
)

type usersImportCommand struct {
	configFlag
	File                string            `arg:"" placeholder:"FILE" help:"CSV or JSON Lines; - is standard input."`
	Format              string            `enum:"auto,csv,jsonl" default:"auto" help:"csv or jsonl; auto goes by the file's name."`
	DryRun              bool              `help:"Write nothing, and say what would become of each row."`
	OnExisting          string            `enum:"skip,update,fail" default:"skip" help:"What becomes of a row whose user is here already: skip, update or fail."`
	Organization        string            `placeholder:"SLUG" help:"Make everybody a member of this organization, whatever the file says of organizations. Users who are elsewhere are refused."`
	Role                string            `enum:"member,manager" default:"member" help:"Role in --organization."`
	MapOrganization     map[string]string `mapsep:"," placeholder:"ID=SLUG,…" help:"Which organization here is meant by an id or slug of the file."`
	CreateOrganizations bool              `help:"Make organizations that are not here yet, with their ids."`
	AllowPrivileged     bool              `help:"Import staff and superuser flags, and update such accounts."`
	EmailsVerified      bool              `help:"Take e-mail addresses as proved where the file does not say."`
	DropUnknownHashes   bool              `help:"Import users without password whose hash has an unknown form, instead of refusing them."`
	Resume              string            `placeholder:"STATE" help:"Keep in this file how far the import is, and go on from there."`
	Report              string            `placeholder:"FILE" help:"Write what became of each row to this file, as JSON Lines."`
	Verbose             bool              `short:"v" help:"Print rows that were created or updated without remark, too."`
	Progress            int               `placeholder:"N" help:"Tell after every N rows, also where standard error is no terminal."`
}

var errRowsRefused = errors.New("some rows were refused")

// Run imports with the authority of the program itself.
func (c usersImportCommand) Run(ctx context.Context, t terminal) (err error) {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	i, err := c.prepare(ctx, a, t)
	if err != nil {
		return err
	}
	from := t.in
	if c.File != "-" {
		if from, err = os.Open(c.File); err != nil {
			return err
		}
		defer from.Close()
	}
	report, err := c.report()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, report.Close()) }()
	i.Each = c.each(t, json.NewEncoder(report))
	totals, err := i.Run(ctx, from)
	c.summarize(t, totals)
	if err == nil && totals.Refused > 0 {
		err = errRowsRefused
	}
	return err
}

// summarize prints the totals.
func (c usersImportCommand) summarize(t terminal, totals transfer.Totals) {
	if c.DryRun {
		fmt.Fprint(t.out, "Nothing was written. It would be: ")
	}
	fmt.Fprintf(t.out, "%d rows: %d created, %d updated, %d skipped, %d refused.\n",
		totals.Rows(), totals.Created, totals.Updated, totals.Skipped, totals.Refused)
}

func (c usersImportCommand) prepare(ctx context.Context, a *app, t terminal) (transfer.Import, error) {
	o := tenancy.ImportOptions{
		OnExisting: tenancy.OnExisting(c.OnExisting), Role: tenancy.Role(c.Role), Organizations: map[string]id.Organization{},
		CreateOrganizations: c.CreateOrganizations, AllowPrivileged: c.AllowPrivileged, EmailsVerified: c.EmailsVerified, DropPasswords: c.DropUnknownHashes,
	}
	if c.DryRun {
		o.Rehearsal = tenancy.NewRehearsal()
	}
	var err error
	if o.Organization, err = findOrganization(ctx, a, c.Organization); err != nil {
		return transfer.Import{}, err
	}
	for _, old := range slices.Sorted(maps.Keys(c.MapOrganization)) {
		if o.Organizations[old], err = findOrganization(ctx, a, c.MapOrganization[old]); err != nil {
			return transfer.Import{}, err
		}
	}
	return transfer.Import{
		Directory: a.directory, Scope: commandLine(), Format: c.format(), Options: o, State: c.Resume,
		Notice: func(text string) { fmt.Fprintln(t.err, text) },
	}, nil
}

func (c usersImportCommand) format() transfer.Format {
	extension := filepath.Ext(c.File)
	if c.Format == "jsonl" || (c.Format == "auto" && slices.Contains([]string{".jsonl", ".ndjson"}, extension)) {
		return transfer.JSONL
	}
	return transfer.CSV
}

// report is where each row is told of: nowhere, a new file, or the old one where an import goes on.
func (c usersImportCommand) report() (io.WriteCloser, error) {
	if c.Report == "" {
		return nowhere{io.Discard}, nil
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if _, err := os.Stat(c.Resume); c.Resume != "" && err == nil {
		mode = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	return os.OpenFile(c.Report, mode, 0o600)
}

type nowhere struct{ io.Writer }

// Close has nothing to close.
func (nowhere) Close() error { return nil }

// each prints rows that a person should look at, and reports all.
func (c usersImportCommand) each(t terminal, report *json.Encoder) func(transfer.Line) error {
	progress, rows, advised := progressOf(t, c.Progress), 0, false
	return func(line transfer.Line) error {
		if rows++; c.Verbose || line.Outcome == tenancy.ImportRefused || len(line.Notes) > 0 {
			fmt.Fprintln(t.out, line)
		}
		if !c.CreateOrganizations && len(line.Problems["organizations"]) > 0 && !advised {
			fmt.Fprintln(t.err, "Say with --map-organization which organization here is meant, or let --create-organizations make those that are not here.")
			advised = true
		}
		progress(rows)
		return report.Encode(line)
	}
}
