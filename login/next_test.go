package login // internal: next is the heart of the package and is not exported

import (
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/mfa"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/tenancy"
)

var (
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	optional = tenancy.Organization{ID: "org-a", Slug: "alpha", Active: true}
	required = tenancy.Organization{ID: "org-b", Slug: "beta", Active: true, FactorPolicy: tenancy.FactorRequired}
	enrolled = []mfa.Factor{{ID: "factor", Kind: mfa.KindTOTP}}
)

func standing(organizations ...tenancy.Organization) *tenancy.Standing {
	s := &tenancy.Standing{User: tenancy.User{ID: "user", Active: true}}
	for _, organization := range organizations {
		s.Places = append(s.Places, tenancy.Place{Organization: organization, Role: tenancy.Member})
	}
	return s
}

func signedIn() *Flow { return &Flow{First: &FirstFactor{User: "user", At: noon}} }

func by(method string) *Flow {
	return &Flow{First: &FirstFactor{User: "user", At: noon, Method: method}}
}

func since(updated time.Time) *tenancy.Standing {
	s := standing(optional)
	s.User.PasswordUpdated = updated
	return s
}

func live(amr ...string) *session.Session {
	return &session.Session{ID: "sid", User: "user", AuthTime: noon.Add(-time.Hour), AMR: amr}
}

func shared() *provider.AuthorizeRequest {
	return &provider.AuthorizeRequest{Client: provider.Client{FirstParty: true}}
}

func stranger() *provider.AuthorizeRequest {
	return &provider.AuthorizeRequest{Client: provider.Client{ID: "stranger"}, Scopes: []string{"openid"}}
}

func with(change func(*provider.AuthorizeRequest)) *provider.AuthorizeRequest {
	request := shared()
	change(request)
	return request
}

func selecting() *provider.AuthorizeRequest {
	return with(func(r *provider.AuthorizeRequest) { r.Prompt = []string{"select_account"} })
}

func TestNext(t *testing.T) {
	minute, hours := time.Minute, 2*time.Hour
	cases := map[string]struct {
		facts        facts
		want         step
		organization id.Organization
		refusal      refusal
	}{
		"nobody yet":                   {facts{flow: &Flow{}, request: shared()}, stepSignIn, "", ""},
		"neither flow nor session":     {facts{flow: &Flow{}, standing: standing(optional), request: shared()}, stepSignIn, "", ""},
		"account disabled meanwhile":   {facts{flow: signedIn(), request: shared()}, stepSignIn, "", ""},
		"session is enough":            {facts{flow: &Flow{}, session: live(), request: shared(), standing: standing(optional)}, stepDone, "org-a", ""},
		"session, prompt=login":        {facts{flow: &Flow{}, session: live(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.Prompt = []string{"login"} })}, stepSignIn, "", ""},
		"session, prompt=select":       {facts{flow: &Flow{}, session: live(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.Prompt = []string{"select_account"} })}, stepAccount, "", ""},
		"chosen":                       {facts{flow: &Flow{Account: "user"}, session: live(), standing: standing(optional), request: selecting()}, stepDone, "org-a", ""},
		"chosen, another session":      {facts{flow: &Flow{Account: "other"}, session: live(), standing: standing(optional), request: selecting()}, stepAccount, "", ""},
		"another is wanted":            {facts{flow: &Flow{Another: true}, session: live(), standing: standing(optional), request: selecting()}, stepSignIn, "", ""},
		"another has signed in":        {facts{flow: &Flow{Another: true, First: signedIn().First}, session: live(), standing: standing(optional), request: selecting()}, stepDone, "org-a", ""},
		"select, nobody signed in":     {facts{flow: &Flow{}, request: selecting()}, stepSignIn, "", ""},
		"select and login":             {facts{flow: &Flow{Account: "user"}, session: live(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.Prompt = []string{"select_account", "login"} })}, stepSignIn, "", ""},
		"chosen, factor enrolled":      {facts{flow: &Flow{Account: "user"}, session: live(), standing: standing(optional), request: selecting(), factors: enrolled}, stepPrompt, "", ""},
		"for another, session":         {facts{flow: &Flow{}, session: live(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.Subjects = []string{"other"} })}, stepSignIn, "", ""},
		"for another, signed in":       {facts{flow: signedIn(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.Subjects = []string{"other"} })}, stepRefuse, "", refusedOtherUser},
		"for this one of two":          {facts{flow: signedIn(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.Subjects = []string{"other", "user"} })}, stepDone, "org-a", ""},
		"session older than max_age":   {facts{flow: &Flow{}, session: live(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.MaxAge = &minute })}, stepSignIn, "", ""},
		"session within max_age":       {facts{flow: &Flow{}, session: live(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.MaxAge = &hours })}, stepDone, "org-a", ""},
		"signed in again for max_age":  {facts{flow: signedIn(), session: live(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.MaxAge = &minute })}, stepDone, "org-a", ""},
		"hint at another, session":     {facts{flow: &Flow{}, session: live(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.IDTokenHintSubject = "other" })}, stepSignIn, "", ""},
		"hint at another, signed in":   {facts{flow: signedIn(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.IDTokenHintSubject = "other" })}, stepRefuse, "", refusedOtherUser},
		"factor enrolled":              {facts{flow: signedIn(), request: shared(), standing: standing(optional), factors: enrolled}, stepPrompt, "", ""},
		"factor before the picker":     {facts{flow: signedIn(), request: shared(), standing: standing(optional, required), factors: enrolled}, stepPrompt, "", ""},
		"factor shown":                 {facts{flow: done(), request: shared(), standing: standing(optional), factors: enrolled}, stepDone, "org-a", ""},
		"session with factor":          {facts{flow: &Flow{}, session: live(amrPassword, amrOTP, amrMulti), request: shared(), standing: standing(required), factors: enrolled}, stepDone, "org-b", ""},
		"session's factor is not ours": {facts{flow: signedIn(), session: live(amrMulti), request: shared(), standing: standing(required), factors: enrolled}, stepPrompt, "", ""},
		"policy demands, none yet":     {facts{flow: signedIn(), request: shared(), standing: standing(required)}, stepEnrol, "org-b", ""},
		"session without, demanded":    {facts{flow: &Flow{}, session: live(), request: shared(), standing: standing(required)}, stepEnrol, "org-b", ""},
		"acr_values wish, no factor":   {facts{flow: signedIn(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.ACRValues = []string{ACRMulti} })}, stepDone, "org-a", ""},
		"acr_values wish, a factor":    {facts{flow: &Flow{}, session: live(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.ACRValues = []string{ACRMulti} }), factors: enrolled}, stepPrompt, "", ""},
		"essential acr, no factor":     {facts{flow: signedIn(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.EssentialACR = []string{ACRMulti} })}, stepEnrol, "org-a", ""},
		"essential acr, either":        {facts{flow: signedIn(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.EssentialACR = []string{ACRMulti, ACRSingle} })}, stepDone, "org-a", ""},
		"two organizations":            {facts{flow: signedIn(), request: shared(), standing: standing(optional, required)}, stepOrganization, "", ""},
		"picked":                       {facts{flow: &Flow{First: signedIn().First, Organization: "org-a"}, request: shared(), standing: standing(optional, required)}, stepDone, "org-a", ""},
		"picked one that demands":      {facts{flow: &Flow{First: signedIn().First, Organization: "org-b"}, request: shared(), standing: standing(optional, required)}, stepEnrol, "org-b", ""},
		"picked a foreign one":         {facts{flow: &Flow{First: signedIn().First, Organization: "org-c"}, request: shared(), standing: standing(optional, required)}, stepRefuse, "", refusedNotMember},
		"client's own organization":    {facts{flow: &Flow{First: signedIn().First, Organization: "org-a"}, standing: standing(optional, required), request: with(func(r *provider.AuthorizeRequest) { r.Client.Organization = "org-b"; r.Organization = "alpha" })}, stepEnrol, "org-b", ""},
		"client of a foreign one":      {facts{flow: signedIn(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.Client.Organization = "org-b" })}, stepRefuse, "", refusedNotMember},
		"requested by slug":            {facts{flow: signedIn(), standing: standing(optional, required), request: with(func(r *provider.AuthorizeRequest) { r.Organization = "alpha" })}, stepDone, "org-a", ""},
		"requested by id":              {facts{flow: signedIn(), standing: standing(optional, required), request: with(func(r *provider.AuthorizeRequest) { r.Organization = "org-a" })}, stepDone, "org-a", ""},
		"requested a foreign one":      {facts{flow: signedIn(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.Organization = "beta" })}, stepRefuse, "", refusedNotMember},
		"no organization":              {facts{flow: signedIn(), request: shared(), standing: standing()}, stepRefuse, "", refusedNoOrganization},
		"own connector limits":         {facts{flow: &Flow{First: &FirstFactor{User: "user", At: noon, Limit: "org-a"}}, request: shared(), standing: standing(optional, required)}, stepDone, "org-a", ""},
		"own connector, other client":  {facts{flow: &Flow{First: &FirstFactor{User: "user", At: noon, Limit: "org-a"}}, standing: standing(optional, required), request: with(func(r *provider.AuthorizeRequest) { r.Client.Organization = "org-b" })}, stepRefuse, "", refusedNotMember},
		"another user's factor":        {facts{flow: &Flow{First: signedIn().First, FactorOf: "other"}, request: shared(), standing: standing(optional), factors: enrolled}, stepPrompt, "", ""},
		"session became another's":     {facts{flow: &Flow{FactorOf: "other"}, session: live(), request: shared(), standing: standing(required), factors: enrolled}, stepPrompt, "", ""},
		"password expired":             {facts{flow: by(amrPassword), request: shared(), standing: standing(optional), expired: true}, stepPassword, "", ""},
		"expired, factor first":        {facts{flow: by(amrPassword), request: shared(), standing: standing(optional), expired: true, factors: enrolled}, stepPrompt, "", ""},
		"expired, before the picker":   {facts{flow: by(amrPassword), request: shared(), standing: standing(optional, required), expired: true}, stepPassword, "", ""},
		"expired, direct":              {facts{flow: by(amrPassword), standing: standing(), expired: true}, stepPassword, "", ""},
		"expired, upstream vouched":    {facts{flow: by(amrFederated), request: shared(), standing: standing(optional), expired: true}, stepDone, "org-a", ""},
		"expired, session by password": {facts{flow: &Flow{}, session: live(amrPassword), request: shared(), standing: standing(optional), expired: true}, stepPassword, "", ""},
		"expired, session by upstream": {facts{flow: &Flow{}, session: live(amrFederated), request: shared(), standing: standing(optional), expired: true}, stepDone, "org-a", ""},
		"password replaced since":      {facts{flow: by(amrPassword), request: shared(), standing: since(noon.Add(time.Second))}, stepSignIn, "", ""},
		"replaced before":              {facts{flow: by(amrPassword), request: shared(), standing: since(noon)}, stepDone, "org-a", ""},
		"replaced, upstream vouched":   {facts{flow: by(amrFederated), request: shared(), standing: since(noon.Add(time.Second))}, stepDone, "org-a", ""},
		"stranger":                     {facts{flow: signedIn(), request: stranger(), standing: standing(optional)}, stepConsent, "org-a", ""},
		"stranger, agreed before":      {facts{flow: signedIn(), request: stranger(), standing: standing(optional), consent: &provider.Consent{Organization: "org-a", Scopes: []string{"openid", "email"}}}, stepDone, "org-a", ""},
		"stranger asks for more":       {facts{flow: signedIn(), request: stranger(), standing: standing(optional), consent: &provider.Consent{Organization: "org-a", Scopes: []string{"email"}}}, stepConsent, "org-a", ""},
		"agreed in another place":      {facts{flow: signedIn(), request: stranger(), standing: standing(optional), consent: &provider.Consent{Organization: "org-b", Scopes: []string{"openid"}}}, stepConsent, "org-a", ""},
		"stranger, factor first":       {facts{flow: signedIn(), request: stranger(), standing: standing(required)}, stepEnrol, "org-b", ""},
		"stranger, picker first":       {facts{flow: signedIn(), request: stranger(), standing: standing(optional, required)}, stepOrganization, "", ""},
		"prompt=consent":               {facts{flow: signedIn(), standing: standing(optional), request: with(func(r *provider.AuthorizeRequest) { r.Prompt = []string{"consent"} })}, stepConsent, "org-a", ""},
		"direct":                       {facts{flow: signedIn(), standing: standing(optional)}, stepDone, "", ""},
		"direct, any demands":          {facts{flow: signedIn(), standing: standing(optional, required)}, stepEnrol, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.facts.now = noon
			got := next(c.facts)
			if got.step != c.want || got.refusal != c.refusal {
				t.Fatalf("next = %q (%q), want %q (%q)", got.step, got.refusal, c.want, c.refusal)
			}
			if c.organization != "" && (got.organization == nil || got.organization.ID != c.organization) {
				t.Errorf("organization = %v, want %s", got.organization, c.organization)
			}
		})
	}
}

// TestNobodyHasShownAnything: where nobody is, there is neither a password nor a factor.
func TestNobodyHasShownAnything(t *testing.T) {
	nobody := facts{flow: &Flow{}}
	if nobody.byPassword() || nobody.factorDone() || nobody.sessionSuffices() {
		t.Errorf("by password %v, factor %v, session %v", nobody.byPassword(), nobody.factorDone(), nobody.sessionSuffices())
	}
}

func done() *Flow {
	flow := signedIn()
	flow.FactorOf = "user"
	return flow
}
