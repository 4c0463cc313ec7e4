package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"text/template"

	_ "embed"

	"golang.org/x/sync/errgroup"

	"gatehouse/config"
	"gatehouse/internal/secret"
	"gatehouse/internal/web"
)

//go:embed demo.yaml.tmpl
var demoConfigs string

type demoCommand struct {
	Dir          string `default:".demo" type:"path" help:"Where the demonstration keeps its data."`
	Port         int    `default:"8080" help:"Of Gatehouse; the upstream and the sibling service take the next two."`
	UpstreamPort int    `help:"Of the upstream, if not the next one."`
	SiblingPort  int    `help:"Of the sibling service, if not the one after."`
}

// demoSecrets are made once for a directory, so that nothing in a demonstration has a known password.
type demoSecrets struct {
	AdaPassword    string `json:"ada_password"`
	GracePassword  string `json:"grace_password"`
	AdminPassword  string `json:"admin_password"`
	UpstreamSecret string `json:"upstream_client_secret"`
	SiblingSecret  string `json:"sibling_client_secret"`
	APIToken       string `json:"api_token"`
}

// demo is what the templates see.
type demo struct {
	demoSecrets
	Dir                      string
	Main, Upstream, Sibling  string // addresses, host:port
	MainURL, UpURL, SiblyURL string
}

// Run starts an upstream, Gatehouse and the sibling service on loopback, and tells what to try.
func (c demoCommand) Run(ctx context.Context, t terminal) error {
	c.UpstreamPort, c.SiblingPort = cmp.Or(c.UpstreamPort, c.Port+1), cmp.Or(c.SiblingPort, c.Port+2)
	d := demo{Dir: c.Dir}
	for _, place := range []struct {
		flag         string
		port         int
		address, url *string
	}{{"port", c.Port, &d.Main, &d.MainURL}, {"upstream-port", c.UpstreamPort, &d.Upstream, &d.UpURL}, {"sibling-port", c.SiblingPort, &d.Sibling, &d.SiblyURL}} {
		if place.port < 1 || place.port > 65535 {
			return fmt.Errorf("--%s: %d is not a port; ports are 1 to 65535", place.flag, place.port)
		}
		*place.address = fmt.Sprintf("127.0.0.1:%d", place.port)
		*place.url = "http://" + *place.address
	}
	release, err := lockDemo(c.Dir)
	if err != nil {
		return err
	}
	defer release()
	if d.demoSecrets, err = loadDemoSecrets(c.Dir); err != nil {
		return err
	}
	return d.run(ctx, t)
}

// lockDemo keeps a second demonstration out of the directory: it would share the first one's databases.
func lockDemo(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("another demonstration is running in %s; stop it, or give this one a place and ports of its own: gatehouse demo --dir .demo2 --port 9080", dir)
	}
	return func() { _ = file.Close() }, nil // closing unlocks
}

func (d *demo) run(ctx context.Context, t terminal) error {
	logger := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	listeners := map[string]net.Listener{}
	for _, address := range []string{d.Main, d.Upstream, d.Sibling} {
		listener, err := listen(ctx, address, "take other ports with --port, as in: gatehouse demo --port 9080")
		if err != nil {
			return err
		}
		defer listener.Close()
		listeners[address] = listener
	}
	upstream, err := d.open(ctx, "upstream", logger)
	if err != nil {
		return err
	}
	defer upstream.close()
	gatehouse, err := d.open(ctx, "gatehouse", logger)
	if err != nil {
		return err
	}
	defer gatehouse.close()
	if err := d.seed(ctx, upstream, gatehouse); err != nil {
		return fmt.Errorf("fill the demonstration: %w", err)
	}
	if err := d.ensureToken(ctx, gatehouse.directory); err != nil {
		return fmt.Errorf("fill the demonstration: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, a := range []*app{upstream, gatehouse} {
		group.Go(func() error { return a.run(ctx, listeners[a.config.Listen]) })
	}
	group.Go(func() error { return d.runSibling(ctx, t, listeners[d.Sibling], logger) })
	return group.Wait()
}

func (d demo) runSibling(ctx context.Context, t terminal, listener net.Listener, logger *slog.Logger) error {
	service, err := newSibling(ctx, d.MainURL, "switchboard", secret.New(d.SiblingSecret), d.SiblyURL)
	if err != nil {
		return err
	}
	d.tell(t)
	return web.Serve(ctx, listener, service, logger)
}

// open makes one of the two Gatehouses from its part of the template.
func (d demo) open(ctx context.Context, name string, logger *slog.Logger) (*app, error) {
	parsed, err := template.New("demo").Parse(demoConfigs)
	if err != nil {
		return nil, fmt.Errorf("read demonstration: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.ExecuteTemplate(&text, name, d); err != nil {
		return nil, fmt.Errorf("read demonstration: %w", err)
	}
	path := filepath.Join(d.Dir, name+".yaml")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return nil, err
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return openApp(ctx, c, logger)
}

// loadDemoSecrets reads the directory's secrets, making them at the first start.
func loadDemoSecrets(dir string) (demoSecrets, error) {
	path := filepath.Join(dir, "secrets.json")
	raw, err := os.ReadFile(path)
	if err == nil {
		var s demoSecrets
		return s, json.Unmarshal(raw, &s)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return demoSecrets{}, err
	}
	s := demoSecrets{
		AdaPassword: secret.Token(9), GracePassword: secret.Token(9), AdminPassword: secret.Token(9),
		UpstreamSecret: secret.Token(32), SiblingSecret: secret.Token(32),
	}
	return s, s.save(dir)
}

func (s demoSecrets) save(dir string) error {
	raw, err := json.MarshalIndent(s, "", "  ") //nolint:gosec // of a demonstration, for its owner alone
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "secrets.json"), raw, 0o600)
}

func (d demo) tell(t terminal) {
	fmt.Fprintf(t.out, `
Gatehouse is running on this machine. Press Ctrl-C to stop; %[1]s keeps the data.

  Sibling service   %[2]s    start here
  Gatehouse         %[3]s
  Upstream          %[4]s    a second Gatehouse that plays the company's own provider

  Letters           %[1]s/gatehouse/mail    as files, instead of being sent

  REST API          %[3]s/api/v1/docs/    what there is to ask; as admin:
    curl -H 'Authorization: Bearer %[8]s' %[3]s/api/v1/users/user/

  Accounts (made for this directory, random passwords)
    at the upstream    ada     %[5]s    owner of Harbour Networks, administrator
                       grace   %[6]s    unknown to Gatehouse until she signs in: then a member
    at Gatehouse       admin   %[7]s    superuser with a local password, in no organization

  Try
    1. Open %[2]s and choose “Sign in”, then “Harbour Staff Directory”; sign in as ada.
    2. Harbour Networks demands a second factor: scan the QR code, or type the text secret into an authenticator app.
    3. The sibling service shows the token that it verified: organization, role, permissions, amr.
    4. Sign out at %[3]s, and sign in again at the sibling service: now a code is asked for.
    5. Sign out there again and sign in as grace: she gets an account, and enrols an authenticator app of her own.

`, d.Dir, d.SiblyURL, d.MainURL, d.UpURL, d.AdaPassword, d.GracePassword, d.AdminPassword, d.APIToken)
}
