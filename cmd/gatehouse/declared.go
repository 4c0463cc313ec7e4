package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"gatehouse/config"
	"gatehouse/connectors"
	"gatehouse/connectors/builtin"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// organizationFinder resolves the slug of an organization; "" stands for none.
type organizationFinder func(slug string) (id.Organization, error)

// anyOrganization is for checks without a database.
func anyOrganization(string) (id.Organization, error) { return "", nil }

func (a *app) organizationBySlug(ctx context.Context) organizationFinder {
	return func(slug string) (id.Organization, error) {
		if slug == "" {
			return "", nil
		}
		found, err := a.directory.OrganizationBySlug(ctx, tenancy.System("start"), slug)
		if errors.Is(err, store.ErrNotFound) {
			return "", fmt.Errorf("there is no organization %q", slug)
		}
		return found.ID, err
	}
}

// declare brings what the configuration declares into the database: organizations once, clients at every start.
func (a *app) declare(ctx context.Context) error {
	for _, o := range a.config.Organizations {
		if o.Name == "" {
			o.Name = o.Slug
		}
		_, err := a.directory.EnsureOrganization(ctx, tenancy.System("configuration"), tenancy.Organization{
			Name: o.Name, Slug: o.Slug, FactorPolicy: tenancy.FactorPolicy(o.Factors),
		})
		if err != nil {
			return fmt.Errorf("organization %s: %w", o.Slug, err)
		}
	}
	return a.declareClients(ctx)
}

// outgoingClient is for everything that is fetched from elsewhere.
func outgoingClient(c *config.Config) *http.Client {
	return connectors.NewClient(connectors.ClientConfig{Timeout: time.Duration(c.Outgoing.Timeout), AllowPrivate: c.Outgoing.AllowPrivate})
}

// openConnectors opens every configured connector; all problems of all of them are reported at once. The network is not touched.
func openConnectors(c *config.Config, logger *slog.Logger, find organizationFinder) (connectors.Set, error) {
	environment := connectors.Environment{
		Client: outgoingClient(c), Now: time.Now, Logger: logger,
	}
	var (
		opened   []connectors.Configured
		problems config.Problems
	)
	for i, declared := range c.Connectors {
		report := problemReport{config: c, path: fmt.Sprintf("connectors[%d]", i), problems: &problems}
		opened = append(opened, openConnector(environment, declared, find, report))
	}
	if len(problems) > 0 {
		return connectors.Set{}, problems
	}
	return connectors.NewSet(opened), nil
}

func openConnector(environment connectors.Environment, c config.Connector, find organizationFinder, report problemReport) connectors.Configured {
	configured := connectors.Configured{
		ID: id.Connector(c.ID), Name: cmp.Or(c.Name, c.ID), Enabled: c.Enabled == nil || *c.Enabled,
		Provisioning:   cmp.Or(connectors.Provisioning(c.Provisioning), connectors.ProvisionLink),
		AllowedDomains: c.AllowedDomains, Authoritative: c.AuthoritativeDomains,
	}
	var err error
	configured.Organization, err = find(c.Organization)
	report.key("organization", err)
	join := c.JoinOrganization
	if join == "" && configured.Provisioning == connectors.ProvisionCreate {
		configured.JoinOrg = configured.Organization
	} else {
		configured.JoinOrg, err = find(join)
		report.key("join_organization", err)
	}
	known := func(kind connectors.Kind) bool { return kind.Name == c.Kind }
	kinds := builtin.Kinds()
	i := slices.IndexFunc(kinds, known)
	if i < 0 {
		report.key("kind", fmt.Errorf("there is no kind of connector %q", c.Kind))
		return configured
	}
	configured.Connector, err = kinds[i].Open(environment, c.Settings.Decode)
	report.settings(err)
	return configured
}

// problemReport places what is wrong with one connector.
type problemReport struct {
	config   *config.Config
	path     string
	problems *config.Problems
}

func (r problemReport) key(key string, err error) {
	if err != nil {
		*r.problems = r.problems.With(r.config.ProblemAt(r.path+"."+key, err.Error()))
	}
}

// settings takes the error of a kind's Open apart.
func (r problemReport) settings(err error) {
	var (
		unread config.Problems
		wrong  connectors.SettingProblems
	)
	if !errors.As(err, &unread) && !errors.As(err, &wrong) {
		r.key("settings", err)
		return
	}
	errors.As(err, &wrong)
	for _, problem := range unread {
		*r.problems = r.problems.With(problem)
	}
	for _, problem := range wrong {
		r.key("settings."+problem.Key, errors.New(problem.Message))
	}
}

func lifetimes(t config.Tokens, s config.Sessions) provider.Lifetimes {
	return provider.Lifetimes{
		Code: time.Duration(t.Code), Access: time.Duration(t.Access), ID: time.Duration(t.ID), RefreshIdle: time.Duration(t.RefreshIdle),
		RefreshAbsolute: time.Duration(t.RefreshAbsolute), RefreshGrace: time.Duration(t.RefreshGrace), Session: time.Duration(s.Absolute),
	}
}
