package login

import (
	"slices"
	"time"

	"gatehouse/internal/id"
	"gatehouse/mfa"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/tenancy"
)

// Authentication context classes that tokens carry and requests may ask for (OpenID Connect Core section 2, "acr").
const (
	ACRSingle = provider.ACRSingle
	ACRMulti  = provider.ACRMulti
)

// step is what a flow needs next.
type step string

const (
	stepSignIn       step = "sign in"
	stepAccount      step = "choose account"
	stepPrompt       step = "prompt for factor"
	stepPassword     step = "change password"
	stepEnrol        step = "enrol factor"
	stepOrganization step = "pick organization"
	stepConsent      step = "consent"
	stepRefuse       step = "refuse"
	stepApprove      step = "approve device"
	stepDone         step = "done"
)

// decision is the outcome of next.
type decision struct {
	step         step
	organization *tenancy.Organization // stepEnrol, stepConsent, stepApprove, stepDone: the one the sign-in is for; nil without a client
	choices      []tenancy.Place       // stepOrganization
	refusal      refusal               // stepRefuse
}

// refusal says why a signed-in person may not go on.
type refusal string

const (
	refusedNoOrganization refusal = "no organization"
	refusedNotMember      refusal = "not a member"
	refusedOtherUser      refusal = "another user"
)

// facts are everything that next looks at.
type facts struct {
	now      time.Time
	flow     *Flow
	request  *provider.AuthorizeRequest // nil: no client asked
	session  *session.Session           // nil: no live session in this browser
	standing *tenancy.Standing          // of the user of flow.First, else of the session; nil: nobody yet, or disabled
	factors  []mfa.Factor               // of that user
	expired  bool                       // his local password
	consent  *provider.Consent          // of that user to the client, in the organization that the request will be for; nil: none
}

// next is the only place that decides what comes after.
func next(f facts) decision {
	if f.standing == nil || f.outdated() || (f.flow.First == nil && !f.sessionSuffices()) {
		return decision{step: stepSignIn}
	}
	if f.hintsAtAnother() {
		return decision{step: stepRefuse, refusal: refusedOtherUser}
	}
	if f.accountOpen() {
		return decision{step: stepAccount}
	}
	if !f.factorDone() && len(f.factors) > 0 {
		return decision{step: stepPrompt}
	}
	if f.expired && f.byPassword() {
		return decision{step: stepPassword}
	}
	found := f.organization()
	if found.step != stepDone {
		return found
	}
	switch mfa.Next(f.factorRequired(found.organization), f.factors, f.factorDone()) {
	case mfa.StepEnrol:
		found.step = stepEnrol
	case mfa.StepPrompt:
		found.step = stepPrompt
	case mfa.StepNone:
		switch {
		case f.flow.Device != "": // whose page asks, too
			found.step = stepApprove
		case found.organization != nil && f.consentMissing(found.organization.ID):
			found.step = stepConsent
		}
	}
	return found
}

// byPassword reports whether the sign-in rests on the local password: whom an upstream vouches for, its age does not concern.
func (f facts) byPassword() bool {
	if f.flow.First != nil {
		return f.flow.First.Method == amrPassword
	}
	return f.session != nil && slices.Contains(f.session.AMR, amrPassword)
}

// outdated reports whether the password that was shown in this flow has been replaced since: somebody else may have shown it.
func (f facts) outdated() bool {
	first := f.flow.First
	return first != nil && first.Method == amrPassword && first.At.Before(f.standing.User.PasswordUpdated)
}

// sessionSuffices reports whether the request accepts the live session as the first factor (OpenID Connect Core section 3.1.2.1:
// prompt, max_age, id_token_hint).
func (f facts) sessionSuffices() bool {
	if f.session == nil || f.flow.Another {
		return false
	}
	if f.flow.Secure && f.now.Sub(f.session.AuthTime) > recent {
		return false
	}
	if f.request == nil {
		return true
	}
	if slices.Contains(f.request.Prompt, "login") {
		return false
	}
	if f.request.MaxAge != nil && f.now.Sub(f.session.AuthTime) > *f.request.MaxAge {
		return false
	}
	return !f.hintsAtAnother()
}

// hintsAtAnother reports whether the client asked for one user and another is here.
func (f facts) hintsAtAnother() bool {
	return f.request != nil && !f.request.Accepts(f.standing.User.ID)
}

// accountOpen reports whether the client wants the person to say as whom to go on, and nobody has said so. Signing in says it, too.
func (f facts) accountOpen() bool {
	return f.request != nil && slices.Contains(f.request.Prompt, "select_account") && f.flow.First == nil && f.flow.Account != f.standing.User.ID
}

func (f facts) factorDone() bool {
	if f.flow.FactorOf != "" && f.flow.FactorOf == f.user() {
		return true
	}
	return f.flow.First == nil && f.session != nil && slices.Contains(f.session.AMR, amrMulti)
}

// factorRequired asks the person, the client where it insists, the organization's policy, or without one that of every organization the
// sign-in will be good for. What acr_values would like is met by who has a factor; it makes nobody enrol one.
func (f facts) factorRequired(organization *tenancy.Organization) bool {
	if f.flow.Secure || (f.request != nil && f.request.NeedsMulti()) {
		return true
	}
	if organization != nil {
		return organization.FactorPolicy == tenancy.FactorRequired
	}
	return f.standing.DemandsFactor("")
}

// organization finds the one the token will belong to: the client's own, else the requested, else the picked, else the user's
// only one. Only active organizations of which the user is a member are in question, and behind an organization's own connector
// only that one.
func (f facts) organization() decision {
	if f.request == nil {
		return decision{step: stepDone}
	}
	places := f.places()
	switch {
	case f.request.Client.Organization != "":
		return pick(places, func(o tenancy.Organization) bool { return o.ID == f.request.Client.Organization })
	case f.request.Organization != "":
		return pick(places, func(o tenancy.Organization) bool {
			return string(o.ID) == f.request.Organization || o.Slug == f.request.Organization
		})
	case f.flow.Organization != "":
		return pick(places, func(o tenancy.Organization) bool { return o.ID == f.flow.Organization })
	case len(places) == 0:
		return decision{step: stepRefuse, refusal: refusedNoOrganization}
	case len(places) == 1:
		return decision{step: stepDone, organization: &places[0].Organization}
	default:
		return decision{step: stepOrganization, choices: places}
	}
}

func (f facts) places() []tenancy.Place {
	limit := f.limit()
	if limit == "" {
		return f.standing.Places
	}
	return slices.DeleteFunc(slices.Clone(f.standing.Places), func(place tenancy.Place) bool {
		return place.Organization.ID != limit
	})
}

func (f facts) limit() id.Organization {
	switch {
	case f.flow.First != nil:
		return f.flow.First.Limit
	case f.session != nil:
		return f.session.Organization
	default:
		return ""
	}
}

func pick(places []tenancy.Place, wanted func(tenancy.Organization) bool) decision {
	for _, place := range places {
		if wanted(place.Organization) {
			return decision{step: stepDone, organization: &place.Organization}
		}
	}
	return decision{step: stepRefuse, refusal: refusedNotMember}
}
