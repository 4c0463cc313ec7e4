// Command gatehouse is an identity provider and authentication gateway for products that serve many organizations.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the container image has none

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "development"

// commands is the command line.
type commands struct {
	Serve         serveCommand         `cmd:"" help:"Run the identity provider."`
	Demo          demoCommand          `cmd:"" help:"Run a demonstration: an upstream, Gatehouse and a sibling service, on this machine only."`
	Migrate       migrateCommand       `cmd:"" help:"Bring the database to this version's schema (serve does it too)."`
	Config        configCommand        `cmd:"" help:"Look at configuration files."`
	Admin         adminCommand         `cmd:"" help:"Manage the installation's administrators."`
	Users         usersCommand         `cmd:"" help:"Manage users, and move them in and out."`
	Organizations organizationsCommand `cmd:"" help:"Manage organizations."`
	Members       membersCommand       `cmd:"" help:"Manage who is in an organization, and as what."`
	Invitations   invitationsCommand   `cmd:"" help:"Manage invitations to organizations."`
	Groups        groupsCommand        `cmd:"" help:"Manage groups, shared ones and those of organizations."`
	Permissions   permissionsCommand   `cmd:"" help:"Look at permissions, and at who has which and why."`
	Clients       clientsCommand       `cmd:"" help:"Manage OAuth 2.0 clients."`
	Consents      consentsCommand      `cmd:"" help:"Look at what users let applications see, and take it back."`
	Tokens        tokensCommand        `cmd:"" help:"Manage API tokens."`
	Keys          keysCommand          `cmd:"" help:"Look at signing keys, rotate and revoke them."`
	Sessions      sessionsCommand      `cmd:"" help:"Look at signed-in browsers, and sign them out."`
	Mail          mailCommand          `cmd:"" aliases:"outbox" help:"Send a test letter, look at the outbox."`
	Jobs          jobsCommand          `cmd:"" help:"Look at periodic jobs, run one now."`
	Healthcheck   healthcheckCommand   `cmd:"" help:"Ask a running server whether it is healthy; exit code 1 if not (for containers)."`
	Version       versionCommand       `cmd:"" help:"Print the version."`

	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`
}

// terminal is what commands read from and write to.
type terminal struct {
	in  *os.File
	out io.Writer
	err io.Writer
}

func main() {
	os.Exit(run(os.Args[1:], terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// run parses and runs one command line and returns the exit code: 0 done, 1 failed, 2 called wrongly.
func run(args []string, t terminal) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exited := -1
	parser, err := kong.New(&commands{},
		kong.Name("gatehouse"), kong.Description("Identity provider and authentication gateway."), kong.Vars{"version": "gatehouse " + version},
		kong.Writers(t.out, t.err), kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(t),
	)
	if err != nil {
		fmt.Fprintln(t.err, "gatehouse:", err)
		return 2
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	if len(args) == 0 {
		_, _ = parser.Parse([]string{"--help"}) // it is printed; that no command is named, we know
		return 2
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help, --version
		return exited
	}
	if err != nil {
		parser.Errorf("%s (gatehouse --help shows what there is)", err)
		return 2
	}
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(t.err, "gatehouse:", err)
		return 1
	}
	return 0
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(t terminal) error {
	_, err := fmt.Fprintln(t.out, "gatehouse", version)
	return err
}
