package connectors

import (
	"slices"
	"strings"

	"gatehouse/internal/id"
)

// Known is what the directory knows that may concern an upstream identity.
type Known struct {
	Linked  *Account // the account that (connector, subject) is linked to
	SameOne *Account // the account with the same e-mail address as Email
	Email   Email    // the identity's address that was looked up; zero if it has none
}

// Account is as much of a user as linking looks at.
type Account struct {
	User       id.User
	Active     bool
	Verified   bool // somebody proved that the account's address is his
	Privileged bool // staff or superuser: never linked automatically
}

// Action is what to do with an upstream identity.
type Action string

// The actions.
const (
	SignIn   Action = "sign in"   // as the linked account
	Link     Action = "link"      // to the account with the same address, then sign in
	AskProof Action = "ask proof" // the account with the same address must be proved first
	Create   Action = "create"    // an account
	Refuse   Action = "refuse"
)

// Refusal says why an identity is refused.
type Refusal string

// The refusals.
const (
	RefusedDisabled Refusal = "disabled" // the linked account
	RefusedDomain   Refusal = "domain"   // the address is not of an allowed domain
	RefusedUnknown  Refusal = "unknown"  // and the connector may not create accounts
)

// Decision is the outcome of the linking rules.
type Decision struct {
	Action  Action
	User    id.User // SignIn, Link, AskProof
	Refusal Refusal
}

// Decide applies the linking rules, the same for every kind of connector. It never looks at usernames: they are nobody's proof. An
// address counts only if the upstream verified it and the operator named the connector authoritative for its domain.
func Decide(configured Configured, known Known) Decision {
	if !configured.admits(known.Email) {
		return Decision{Action: Refuse, Refusal: RefusedDomain}
	}
	if known.Linked != nil {
		if !known.Linked.Active {
			return Decision{Action: Refuse, Refusal: RefusedDisabled}
		}
		return Decision{Action: SignIn, User: known.Linked.User}
	}
	if configured.Provisioning != ProvisionCreate && configured.Provisioning != ProvisionLink {
		return Decision{Action: Refuse, Refusal: RefusedUnknown}
	}
	if known.SameOne != nil {
		return configured.decideSameAddress(*known.SameOne, known.Email)
	}
	if configured.Provisioning == ProvisionCreate {
		return Decision{Action: Create}
	}
	return Decision{Action: Refuse, Refusal: RefusedUnknown}
}

func (c Configured) decideSameAddress(account Account, email Email) Decision {
	switch {
	case !account.Active:
		return Decision{Action: Refuse, Refusal: RefusedDisabled}
	case account.Privileged, !account.Verified, !c.Trusts(email):
		return Decision{Action: AskProof, User: account.User}
	default:
		return Decision{Action: Link, User: account.User}
	}
}

// Trusts reports whether the upstream's word on an address counts: it verified the address, and the operator named it authoritative
// for the domain. Addresses beyond ASCII never count: the directory compares addresses case-folded and normalised (NFKC), so
// that an upstream's honest "ｂoss@example.com" would be taken for "boss@example.com".
func (c Configured) Trusts(email Email) bool {
	return email.Verified && ascii(email.Address) && covers(c.Authoritative, email.Address)
}

// admits applies AllowedDomains. Where domains are named, an unverified address of one does not open the door.
func (c Configured) admits(email Email) bool {
	return len(c.AllowedDomains) == 0 || (email.Verified && covers(c.AllowedDomains, email.Address))
}

func covers(domains []string, address string) bool {
	domain := Domain(address)
	return domain != "" && slices.ContainsFunc(domains, func(d string) bool { return strings.EqualFold(d, domain) })
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 })
}

// Domain is the lower-case domain of an address, "" if it has none.
func Domain(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return strings.ToLower(address[at+1:])
}

// BestEmail picks the address that linking looks at: the first verified one, else the first.
func (i Identity) BestEmail() Email {
	for _, email := range i.Emails {
		if email.Verified {
			return email
		}
	}
	if len(i.Emails) > 0 {
		return i.Emails[0]
	}
	return Email{}
}
