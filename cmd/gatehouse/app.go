package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/api"
	"gatehouse/clients"
	"gatehouse/config"
	"gatehouse/connectors"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/web"
	"gatehouse/login"
	"gatehouse/mfa"
	"gatehouse/notify"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store/redisdb"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

// app is one assembled Gatehouse. The order of its fields is the order in which they are built.
type app struct {
	config    *config.Config
	logger    *slog.Logger
	keys      *seal.Keys
	db        *sqldb.DB
	redis     *redisdb.DB // nil where sessions live in the database
	ephemeral session.Store
	enqueued  chan struct{} // a letter has come into the outbox
	mail      *notify.Worker
	directory *tenancy.Directory
	clients   *clients.Registry
	provider  *provider.Provider
	login     *login.Handler
	api       *api.API
	handler   http.Handler
}

// openStores opens the database and what every command needs, at the current schema.
func openStores(ctx context.Context, c *config.Config, logger *slog.Logger) (*app, error) {
	a := &app{config: c, logger: logger, enqueued: make(chan struct{}, 1)}
	keys, err := c.Keys()
	if err != nil {
		return nil, err
	}
	a.keys = keys
	hasher, err := password.New(password.Config(c.Passwords))
	if err != nil {
		return nil, fmt.Errorf("configure passwords: %w", err)
	}
	settings, err := userSettings(c)
	if err != nil {
		return nil, err
	}
	a.db, err = sqldb.Open(ctx, sqldb.Options{URL: c.DatabaseURL(), Now: time.Now, Logger: logger, Fields: settings.Fields, Enqueued: a.wakeMail})
	if err != nil {
		return nil, databaseError(c, err)
	}
	if err := a.db.Migrate(ctx); err != nil {
		a.close()
		return nil, databaseError(c, err)
	}
	a.directory = &tenancy.Directory{Store: a.db, Passwords: hasher, Keys: keys, Now: time.Now, Settings: settings}
	a.clients = &clients.Registry{Store: a.db, Directory: a.directory, Now: time.Now}
	return a, nil
}

// openApp assembles everything that serve needs.
func openApp(ctx context.Context, c *config.Config, logger *slog.Logger) (*app, error) {
	a, err := openStores(ctx, c, logger)
	if err != nil {
		return nil, err
	}
	if err := a.assemble(ctx); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *app) assemble(ctx context.Context) error {
	if err := a.openEphemeral(ctx); err != nil {
		return err
	}
	if err := a.directory.Bootstrap(ctx, tenancy.System("start")); err != nil {
		return fmt.Errorf("prepare the installation: %w", err)
	}
	if err := a.declare(ctx); err != nil {
		return err
	}
	var err error
	if a.mail, err = a.newMailWorker(); err != nil {
		return err
	}
	opened, err := openConnectors(a.config, a.logger, a.organizationBySlug(ctx))
	if err != nil {
		return err
	}
	if a.provider, err = a.newProvider(ctx); err != nil {
		return err
	}
	return a.assembleHTTP(opened)
}

func (a *app) newProvider(ctx context.Context) (*provider.Provider, error) {
	return provider.New(ctx, provider.Config{
		Issuer: a.config.Issuer, Store: a.db, Ephemeral: a.ephemeral, Keys: a.keys,
		Subjects: login.Subjects{Directory: a.directory}, Now: time.Now, Logger: a.logger,
		Address:   a.clientAddress,
		Lifetimes: lifetimes(a.config.Tokens, a.config.Sessions), Logouts: logoutOutbox{a.db, a.keys}, Outgoing: outgoingClient(a.config),
	})
}

func (a *app) clientAddress(r *http.Request) string {
	return web.ClientAddress(r, a.config.TrustedProxies)
}

func (a *app) openEphemeral(ctx context.Context) error {
	if a.config.Sessions.Store == config.SessionsInDatabase {
		a.ephemeral = a.db.Ephemeral()
		return nil
	}
	opened, err := redisdb.Open(ctx, redisdb.Options{URL: a.config.Sessions.Redis.URL, Now: time.Now, Logger: a.logger})
	if err != nil {
		return err
	}
	a.redis, a.ephemeral = opened, opened
	return nil
}

func (a *app) assembleHTTP(opened connectors.Set) error {
	pages, err := ui.New()
	if err != nil {
		return fmt.Errorf("load pages: %w", err)
	}
	pages.Installation = a.config.Name
	issuer, err := url.Parse(a.config.Issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	a.login = &login.Handler{
		Issuer: a.config.Issuer, Provider: a.provider, Directory: a.directory, Connectors: opened, Pages: pages, Now: time.Now,
		Factors:    &mfa.TOTP{Store: a.db, Attempts: a.ephemeral, Keys: a.keys, Now: time.Now, Issuer: a.config.Factors.IssuerName},
		Sessions:   a.newSessions(),
		Flows:      session.Vault[login.Flow]{Kind: session.KindFlow, Store: a.ephemeral, Keys: a.keys, Now: time.Now},
		Returns:    session.Vault[login.Return]{Kind: session.KindReturn, Store: a.ephemeral, Keys: a.keys, Now: time.Now},
		SetupLinks: session.Vault[login.SetupLink]{Kind: session.KindSetup, Store: a.ephemeral, Keys: a.keys, Now: time.Now},
		Attempts:   a.ephemeral, Passwords: session.Guard{Store: a.ephemeral, Now: time.Now, Name: "password"}, Cookies: login.NewCookies(issuer),
		Address: a.clientAddress, Wrap: wrap(pages),
	}
	signOut := login.SignOut{Sessions: a.login.Sessions, Provider: a.provider}
	a.directory.Sessions, a.clients.Tokens = signOut, a.provider
	a.api = api.New(api.Config{
		Issuer: a.config.Issuer, Version: version, Directory: a.directory, Clients: a.clients, Factors: a.login.Factors, Sessions: a.login.Sessions,
		Ephemeral: a.ephemeral, Keys: a.keys, Session: a.login.Session, Passwords: a.login.Passwords, Address: a.login.Address, Pages: pages, Now: time.Now,
	})
	a.handler = a.routes(pages)
	return nil
}

// routes is the whole public surface on one page.
func (a *app) routes(pages *ui.Renderer) http.Handler {
	r := chi.NewRouter()
	r.Handle("/static/*", pages.Static())
	r.Get("/healthz", web.Alive)
	r.Get("/readyz", web.Ready(a.checks()))
	a.provider.Mount(r)
	a.login.Mount(r)
	a.api.Mount(r)
	r.NotFound(wrap(pages)(func(http.ResponseWriter, *http.Request) error {
		return &web.Error{Status: http.StatusNotFound, Title: "There is no such page", Text: "The address may be mistyped, or the page has moved."}
	}))
	r.MethodNotAllowed(wrap(pages)(func(http.ResponseWriter, *http.Request) error {
		return &web.Error{Status: http.StatusMethodNotAllowed, Title: "That does not work here", Text: "This page does not take such requests."}
	}))
	return web.Defaults(r, web.Options{Logger: a.logger, TrustedProxies: a.config.TrustedProxies, CrossSite: provider.CrossSitePaths(), Now: time.Now})
}

func (a *app) checks() map[string]func(context.Context) error {
	checks := map[string]func(context.Context) error{"database": a.db.Ping}
	if a.redis != nil {
		checks["redis"] = a.redis.Ping
	}
	return checks
}

// run serves until ctx ends, then lets requests, letters and jobs in progress finish.
func (a *app) run(ctx context.Context, listener net.Listener) error {
	var background sync.WaitGroup
	defer background.Wait()
	working, stop := context.WithCancel(ctx)
	defer stop()
	background.Go(func() { a.mail.Run(working) })
	background.Go(func() { a.runner().Run(working) })
	return web.Serve(ctx, listener, a.handler, a.logger)
}

func (a *app) close() {
	if a.redis != nil {
		_ = a.redis.Close()
	}
	_ = a.db.Close()
}
