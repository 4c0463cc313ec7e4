package connectors_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gatehouse/connectors"
	"gatehouse/internal/id"
)

const (
	linkedUser = id.User("linked")
	sameUser   = id.User("same")
)

func account(user id.User, active, privileged bool) *connectors.Account {
	return &connectors.Account{User: user, Active: active, Verified: true, Privileged: privileged}
}

func email(address string, verified bool) connectors.Email {
	return connectors.Email{Address: address, Verified: verified}
}

// The table of the architecture document, row by row.
func TestDecide(t *testing.T) {
	var (
		create = connectors.Configured{Provisioning: connectors.ProvisionCreate, Authoritative: []string{"example.com"}}
		link   = connectors.Configured{Provisioning: connectors.ProvisionLink, Authoritative: []string{"example.com"}}
		none   = connectors.Configured{Provisioning: connectors.ProvisionNone, Authoritative: []string{"example.com"}}
		unset  = connectors.Configured{Authoritative: []string{"example.com"}}
		only   = connectors.Configured{Provisioning: connectors.ProvisionCreate, AllowedDomains: []string{"example.com"}}

		ada      = email("ada@example.com", true)
		doubtful = email("ada@example.com", false)
		foreign  = email("ada@elsewhere.example", true)

		signIn  = connectors.Decision{Action: connectors.SignIn, User: linkedUser}
		linking = connectors.Decision{Action: connectors.Link, User: sameUser}
		proof   = connectors.Decision{Action: connectors.AskProof, User: sameUser}
		creates = connectors.Decision{Action: connectors.Create}
	)
	refuse := func(why connectors.Refusal) connectors.Decision {
		return connectors.Decision{Action: connectors.Refuse, Refusal: why}
	}
	person, staff, disabled := account(sameUser, true, false), account(sameUser, true, true), account(sameUser, false, false)
	claimed := &connectors.Account{User: sameUser, Active: true}
	for name, test := range map[string]struct {
		configured connectors.Configured
		known      connectors.Known
		want       connectors.Decision
	}{
		"linked":                                     {create, connectors.Known{Linked: account(linkedUser, true, false), Email: ada}, signIn},
		"linked, provisioning none":                  {none, connectors.Known{Linked: account(linkedUser, true, false), Email: ada}, signIn},
		"linked, no address":                         {none, connectors.Known{Linked: account(linkedUser, true, false)}, signIn},
		"linked superuser":                           {create, connectors.Known{Linked: account(linkedUser, true, true), Email: ada}, signIn},
		"linked, another has the address":            {create, connectors.Known{Linked: account(linkedUser, true, false), SameOne: person, Email: ada}, signIn},
		"linked, disabled":                           {create, connectors.Known{Linked: account(linkedUser, false, false), Email: ada}, refuse(connectors.RefusedDisabled)},
		"linked, of a domain not allowed":            {only, connectors.Known{Linked: account(linkedUser, true, false), Email: foreign}, refuse(connectors.RefusedDomain)},
		"same address, authoritative":                {create, connectors.Known{SameOne: person, Email: ada}, linking},
		"same address, authoritative, link_only":     {link, connectors.Known{SameOne: person, Email: ada}, linking},
		"same address, authoritative, none":          {none, connectors.Known{SameOne: person, Email: ada}, refuse(connectors.RefusedUnknown)},
		"same address, authoritative, not set":       {unset, connectors.Known{SameOne: person, Email: ada}, refuse(connectors.RefusedUnknown)},
		"same address, staff":                        {create, connectors.Known{SameOne: staff, Email: ada}, proof},
		"same address, but nobody proved it here":    {create, connectors.Known{SameOne: claimed, Email: ada}, proof},
		"same address, disabled":                     {create, connectors.Known{SameOne: disabled, Email: ada}, refuse(connectors.RefusedDisabled)},
		"same address, not verified":                 {create, connectors.Known{SameOne: person, Email: doubtful}, proof},
		"same address, not authoritative":            {create, connectors.Known{SameOne: person, Email: foreign}, proof},
		"same address in capitals":                   {create, connectors.Known{SameOne: person, Email: email("Ada@EXAMPLE.com", true)}, linking},
		"same address once normalised (NFKC)":        {create, connectors.Known{SameOne: person, Email: email("ａda@example.com", true)}, proof},
		"domain of a subdomain":                      {create, connectors.Known{SameOne: person, Email: email("ada@sub.example.com", true)}, proof},
		"domain as a suffix":                         {create, connectors.Known{SameOne: person, Email: email("ada@notexample.com", true)}, proof},
		"domain in the local part":                   {create, connectors.Known{SameOne: person, Email: email(`"ada@example.com"@evil.example`, true)}, proof},
		"unknown, create":                            {create, connectors.Known{Email: ada}, creates},
		"unknown, create, no address":                {create, connectors.Known{}, creates},
		"unknown, link_only":                         {link, connectors.Known{Email: ada}, refuse(connectors.RefusedUnknown)},
		"unknown, none":                              {none, connectors.Known{Email: ada}, refuse(connectors.RefusedUnknown)},
		"unknown, not set":                           {unset, connectors.Known{Email: ada}, refuse(connectors.RefusedUnknown)},
		"unknown, allowed domain":                    {only, connectors.Known{Email: ada}, creates},
		"unknown, allowed domain, not verified":      {only, connectors.Known{Email: doubtful}, refuse(connectors.RefusedDomain)},
		"unknown, other domain":                      {only, connectors.Known{Email: foreign}, refuse(connectors.RefusedDomain)},
		"unknown, domains are limited, no address":   {only, connectors.Known{}, refuse(connectors.RefusedDomain)},
		"unknown, domains are limited, half address": {only, connectors.Known{Email: email("example.com", true)}, refuse(connectors.RefusedDomain)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := connectors.Decide(test.configured, test.known); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func oneOf[T any](values ...T) T { return values[rand.IntN(len(values))] }

// Whatever the situation: what must never happen does not happen.
func TestDecideNever(t *testing.T) {
	domains := []string{"example.com", "elsewhere.example", "EXAMPLE.com", ""}
	seen := map[connectors.Action]int{}
	for range 200_000 {
		configured := connectors.Configured{
			Provisioning:  oneOf(connectors.ProvisionCreate, connectors.ProvisionLink, connectors.ProvisionNone, "", "invented"),
			Authoritative: oneOf(nil, []string{oneOf(domains...)}), AllowedDomains: oneOf(nil, nil, []string{oneOf(domains...)}),
		}
		known := connectors.Known{
			Linked:  oneOf(nil, nil, account(linkedUser, oneOf(true, false), oneOf(true, false))),
			SameOne: oneOf(nil, &connectors.Account{User: sameUser, Active: oneOf(true, false), Verified: oneOf(true, false), Privileged: oneOf(true, false)}),
			Email:   email(oneOf("", "ada", "ada@", "ada@example.com", "ada@elsewhere.example", "ａda@example.com"), oneOf(true, false)),
		}
		decision := connectors.Decide(configured, known)
		seen[decision.Action]++
		if wrong := violation(configured, known, decision); wrong != "" {
			t.Fatalf("%s: %+v, %+v, %+v -> %+v", wrong, configured, known, known.Email, decision)
		}
	}
	for _, action := range []connectors.Action{connectors.SignIn, connectors.Link, connectors.AskProof, connectors.Create, connectors.Refuse} {
		if seen[action] == 0 {
			t.Errorf("no situation led to %q", action)
		}
	}
}

func violation(configured connectors.Configured, known connectors.Known, d connectors.Decision) string {
	trusted := known.Email.Verified && len(configured.Authoritative) == 1 && configured.Authoritative[0] != "" &&
		(known.Email.Address == "ada@example.com" || known.Email.Address == "ada@elsewhere.example") &&
		equalFold(configured.Authoritative[0], connectors.Domain(known.Email.Address))
	signsIn := d.Action == connectors.SignIn || d.Action == connectors.Link
	switch {
	case d.Action == connectors.Link && (known.SameOne == nil || known.SameOne.Privileged || !known.SameOne.Active || !known.SameOne.Verified):
		return "linked to nobody, staff, a disabled account or one whose address nobody proved"
	case d.Action == connectors.Link && !trusted:
		return "linked on an address that nobody vouches for"
	case d.Action == connectors.Link && known.Linked != nil:
		return "linked twice"
	case d.Action == connectors.SignIn && (known.Linked == nil || !known.Linked.Active || d.User != linkedUser):
		return "signed in somebody else"
	case d.Action == connectors.Create && (known.Linked != nil || known.SameOne != nil || configured.Provisioning != connectors.ProvisionCreate):
		return "created beside an account or without being allowed to"
	case signsIn && len(configured.AllowedDomains) > 0 && !known.Email.Verified:
		return "let in past the allowed domains"
	case (d.Action == connectors.Refuse) != (d.Refusal != ""):
		return "refused without saying why"
	case (d.Action == connectors.Link || d.Action == connectors.AskProof) && d.User != sameUser:
		return "another account than the one with the address"
	default:
		return ""
	}
}

func equalFold(a, b string) bool {
	return connectors.Domain("@"+a) == connectors.Domain("@"+b)
}

func TestBestEmail(t *testing.T) {
	for _, test := range []struct {
		emails []connectors.Email
		want   connectors.Email
	}{
		{nil, connectors.Email{}},
		{[]connectors.Email{email("a@x", false), email("b@x", false)}, email("a@x", false)},
		{[]connectors.Email{email("a@x", false), email("b@x", true), email("c@x", true)}, email("b@x", true)},
	} {
		if got := (connectors.Identity{Emails: test.emails}).BestEmail(); got != test.want {
			t.Errorf("%v: got %v", test.emails, got)
		}
	}
}

func ExampleDecide() {
	configured := connectors.Configured{Provisioning: connectors.ProvisionLink, Authoritative: []string{"example.com"}}
	decision := connectors.Decide(configured, connectors.Known{
		SameOne: &connectors.Account{User: "u1", Active: true, Verified: true},
		Email:   connectors.Email{Address: "ada@example.com", Verified: true},
	})
	fmt.Println(decision.Action, decision.User)
	// Output: link u1
}
