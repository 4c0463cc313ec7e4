package login

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"gatehouse/connectors"
	"gatehouse/internal/id"
	"gatehouse/internal/web"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// link finds or makes the user behind an upstream identity, as the linking rules decide. A text instead of a user is what to tell
// the person; the request's log event says why.
func (h *Handler) link(r *http.Request, configured connectors.Configured, identity connectors.Identity) (id.User, string, error) {
	ctx := r.Context()
	known, err := h.known(ctx, configured, identity)
	if err != nil {
		return "", "", err
	}
	decision := connectors.Decide(configured, known)
	switch decision.Action {
	case connectors.SignIn:
		return decision.User, "", nil
	case connectors.Link:
		err := h.Directory.LinkIdentity(ctx, linking(), tenancy.Identity{Connector: configured.ID, Subject: identity.Subject, User: decision.User})
		return decision.User, "", err
	case connectors.Create:
		user, err := h.Directory.Provision(ctx, linking(), newUser(configured, identity))
		var invalid *tenancy.Invalid
		if errors.As(err, &invalid) {
			noteRefusal(r, configured.ID, "no account can be made: "+strings.Join(slices.Sorted(maps.Keys(invalid.Fields)), ", "))
			return "", "An account cannot be made for you at the moment: the organization is disabled, or what " + configured.Name + " says about you cannot be used. Ask a manager.", nil
		}
		return user.ID, "", err
	case connectors.AskProof:
		noteRefusal(r, configured.ID, "an account with that address exists")
		return "", "An account with your e-mail address exists already. Sign in to it the way you did before; for safety it is not linked to " + configured.Name + " by itself.", nil
	default:
		noteRefusal(r, configured.ID, string(decision.Refusal))
		return "", refusalText(configured.Name, decision.Refusal), nil
	}
}

func linking() tenancy.Scope { return tenancy.System("sign-in through a connector") }

func newUser(configured connectors.Configured, identity connectors.Identity) tenancy.NewIdentityUser {
	email := identity.BestEmail()
	return tenancy.NewIdentityUser{
		Connector: configured.ID, Subject: identity.Subject, Username: identity.Username,
		Email: email.Address, EmailVerified: configured.Trusts(email),
		FirstName: identity.GivenName, LastName: identity.FamilyName, Language: identity.Language, Organization: configured.JoinOrg,
	}
}

// known gathers what the rules look at.
func (h *Handler) known(ctx context.Context, configured connectors.Configured, identity connectors.Identity) (connectors.Known, error) {
	known := connectors.Known{Email: identity.BestEmail()}
	linked, err := h.Directory.UserByIdentity(ctx, linking(), configured.ID, identity.Subject)
	if known.Linked, err = h.found(linked, err); err != nil || known.Linked != nil || known.Email.Address == "" {
		return known, err
	}
	same, address, err := h.Directory.UserByEmail(ctx, linking(), known.Email.Address)
	same.EmailVerified = address.Verified // of the address in question, which need not be the primary one
	known.SameOne, err = h.found(same, err)
	return known, err
}

func (h *Handler) found(user tenancy.User, err error) (*connectors.Account, error) {
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // nobody is an answer
	}
	if err != nil {
		return nil, err
	}
	return &connectors.Account{User: user.ID, Active: h.Directory.MaySignIn(user), Verified: user.EmailVerified, Privileged: user.Staff || user.Superuser}, nil
}

func refusalText(name string, why connectors.Refusal) string {
	switch why {
	case connectors.RefusedDisabled:
		return "Your account here is disabled. Ask a manager of your organization."
	case connectors.RefusedDomain:
		return "Your e-mail address at " + name + " is not of a domain that may sign in here. Ask a manager of your organization."
	default:
		return name + " knows you, but you have no account here yet. Ask a manager of your organization to invite you."
	}
}

// noteRefusal puts into the request's log event why nobody was signed in although the upstream vouched for somebody.
func noteRefusal(r *http.Request, connector id.Connector, why string) {
	web.Note(r, slog.String("connector", string(connector)), slog.String("reason", "refused"), slog.String("error", why))
}

// note puts a connector's failure into the request's log event. Its texts hold no secrets (see connectors.Error).
func note(r *http.Request, connector id.Connector, failed *connectors.Error) {
	web.Note(r, slog.String("connector", string(connector)), slog.String("reason", string(failed.Reason)), slog.String("error", failed.Err.Error()))
}
