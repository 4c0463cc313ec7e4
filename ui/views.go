package ui

import (
	"fmt"
	"html/template"
	"strings"
)

// AlertKind is how urgent an Alert is.
type AlertKind string

// The kinds of alert.
const (
	AlertError AlertKind = "error"
	AlertInfo  AlertKind = "info"
)

// Alert is said at the top of a page.
type Alert struct {
	Kind      AlertKind
	Title     string
	Text      string
	Reference string // under which the log has the cause, may be empty
}

// ConnectorChoice is one way to sign in elsewhere.
type ConnectorChoice struct {
	Name  string
	Value string // posted as "connector"
}

// SignIn asks for username and password, or the choice of a connector. Forms post "flow" back.
type SignIn struct {
	Action          string // of the password form; posts "identifier", "password"
	ConnectorAction string // of the connector buttons
	Flow            string
	Identifier      string // filled in already
	PasswordEnabled bool
	ResetURL        string // for who has forgotten the password; empty: no such link
	Connectors      []ConnectorChoice
	ClientName      string // what to go on to; empty: nothing
	Alert           *Alert
}

func (SignIn) page() (string, string) { return "signin", "Sign in" }

// FactorPrompt asks for a code of the authenticator app, posted as "code".
type FactorPrompt struct {
	Action       string
	SwitchAction string // for somebody else; posts "flow"
	Flow         string
	Issuer       string // as the app names this installation
	Account      string // as the app names it
	ClientName   string
	Alert        *Alert
}

func (FactorPrompt) page() (string, string) { return "factor_prompt", "Enter your code" }

// QRCode is rows of modules; true is dark.
type QRCode [][]bool

const quietZone = 4

// Path draws the dark modules as an SVG path, one unit a module, with the quiet zone around.
func (q QRCode) Path() string {
	var b strings.Builder
	for y, row := range q {
		for x := 0; x < len(row); x++ {
			start := x
			for x < len(row) && row[x] {
				x++
			}
			if x > start {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", start+quietZone, y+quietZone, x-start, x-start)
			}
		}
	}
	return b.String()
}

// Size is the width and height in modules.
func (q QRCode) Size() int { return len(q) + 2*quietZone }

// FactorEnrol offers a new authenticator app and asks for its first code, posted as "code".
type FactorEnrol struct {
	Action           string
	SwitchAction     string // for somebody else; posts "flow"
	Flow             string
	QR               QRCode
	Secret           string // base32
	URI              string // otpauth://
	Account          string
	OrganizationName string // which demands it; may be empty
	CancelURL        string // where nobody demands it; may be empty
	ClientName       string
	Alert            *Alert
}

func (FactorEnrol) page() (string, string) { return "factor_enrol", "Set up two‑step sign-in" }

// AppLink is the address that opens an authenticator app on this device. Its scheme is checked here, because html/template lets
// only web addresses through.
func (f FactorEnrol) AppLink() template.URL {
	if !strings.HasPrefix(f.URI, "otpauth://totp/") {
		return ""
	}
	return template.URL(f.URI) //nolint:gosec // the scheme is checked above, and the value is ours
}

// OrganizationChoice is one organization of the person.
type OrganizationChoice struct {
	Value string // posted as "organization"
	Name  string
	Slug  string
	Role  string
}

// Organizations asks which organization the sign-in is for.
type Organizations struct {
	Action        string
	Flow          string
	ClientName    string
	Organizations []OrganizationChoice
}

func (Organizations) page() (string, string) { return "organizations", "Choose an organization" }

// Consent asks whether a client may see what it asks for; posts "agreement" and, to refuse, "answer" = "deny".
type Consent struct {
	Action           string
	SwitchAction     string // for somebody else; posts "flow"
	Flow             string
	Agreement        string // posted back: what exactly the page asks
	ClientName       string
	ClientURL        string // of the client's own page; may be empty, as the next two
	PolicyURL        string
	TermsURL         string
	Destination      string // where the answer goes; may be empty
	Account          string
	OrganizationName string
	Asked            []string // in words
	Known            []string // agreed to before
}

func (Consent) page() (string, string) { return "consent", "Do you agree?" }

// Accounts asks as whom to go on; posts "account": Value, or nothing for somebody else.
type Accounts struct {
	Action     string
	Flow       string
	Value      string
	Name       string
	Account    string // address or username
	ClientName string
}

func (Accounts) page() (string, string) { return "accounts", "Choose an account" }

// Field is a hidden input.
type Field struct{ Name, Value string }

// FormPost sends the browser to an address by a form, at once where scripts run and by its button where not.
type FormPost struct {
	Action string // http or https
	Fields []Field
}

func (FormPost) page() (string, string) { return "form_post", "One moment" }

// Home says who is signed in.
type Home struct {
	Name          string
	Username      string
	Email         string
	Superuser     bool
	SignOutAction string
	SecureAction  string // enrols a second factor
	FactorCount   int
	Organizations []OrganizationChoice
}

func (Home) page() (string, string) { return "home", "Signed in" }

// LogoutConfirm asks who is signed in whether he wants to sign out; posts "session" and the fields.
type LogoutConfirm struct {
	Action     string
	StayURL    string // for who does not
	Session    string // its public id
	Name       string // who is signed in; empty: nobody knows
	Username   string
	ClientName string // which application asks; empty: none
	Fields     []Field
}

func (LogoutConfirm) page() (string, string) { return "logout_confirm", "Sign out?" }

// SignedOut says that the session has ended.
type SignedOut struct {
	SignInURL  string
	ClientName string // which application asked for it; empty: none
	ClientURL  string // back to it
}

func (SignedOut) page() (string, string) { return "signed_out", "Signed out" }

// Setup creates the first administrator; posts "token", "username", "email", "password".
type Setup struct {
	Action      string
	Token       string
	Username    string
	Email       string
	FieldErrors map[string][]string
}

// Focus is the field to begin with: the first that has a problem.
func (s Setup) Focus() string {
	for _, field := range []string{"username", "email", "password"} {
		if len(s.FieldErrors[field]) > 0 {
			return field
		}
	}
	return "username"
}

func (Setup) page() (string, string) { return "setup", "Create the first administrator" }

// NewPassword asks whose password has expired for the old and a new one; posts "old_password", "new_password", "again".
type NewPassword struct {
	Action       string
	SwitchAction string // for somebody else; posts "flow"
	Flow         string
	Account      string
	ClientName   string
	FieldErrors  map[string][]string
}

func (NewPassword) page() (string, string) { return "new_password", "Choose a new password" }

// ResetRequest asks whom to mail a link to a new password; posts "identifier".
type ResetRequest struct{ Action string }

func (ResetRequest) page() (string, string) { return "reset_request", "Forgotten password" }

// ResetPassword asks for a new password; posts "token", "new_password", "again".
type ResetPassword struct {
	Action      string
	Token       string
	Account     string
	FieldErrors map[string][]string
}

func (ResetPassword) page() (string, string) { return "reset_password", "Choose a new password" }

// ConfirmEmail asks to confirm an address; posts "token".
type ConfirmEmail struct {
	Action string
	Token  string
}

func (ConfirmEmail) page() (string, string) { return "confirm_email", "Confirm your address" }

// Notice says that something is done, and what comes next.
type Notice struct {
	Title    string
	Text     string
	LinkURL  string // a way on, may be empty
	LinkText string
}

func (n Notice) page() (string, string) { return "notice", n.Title }

// Error says what went wrong, and what to do.
type Error struct {
	Status    int
	Title     string
	Text      string
	Reference string // under which the log has the cause
	LinkURL   string // a way on, may be empty
	LinkText  string
	// LinkFields makes the way on a form that posts them.
	LinkFields []Field
	// SwitchAction ends the session and lets somebody else sign in; posts "flow". May be empty.
	SwitchAction string
	Flow         string
}

func (e Error) page() (string, string) { return "error", e.Title }

// Link is LinkURL as html/template lets it through: web addresses, and those of apps, whose schemes have a dot (RFC 8252 section 7.1)
// as none has that browsers run.
func (e Error) Link() any { return link(e.LinkURL) }

// Back is ClientURL as html/template lets it through, like Error.Link.
func (s SignedOut) Back() any { return link(s.ClientURL) }

func link(address string) any {
	scheme, _, found := strings.Cut(address, ":")
	dotted := strings.Contains(scheme, ".") && !strings.ContainsFunc(scheme, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '+'
	})
	if found && dotted {
		return template.URL(address) //nolint:gosec // the scheme is checked above
	}
	return address
}

// Invitation asks a person to join an organization: with the account that is signed in, or after signing in, or with a new account.
type Invitation struct {
	Token         string // posted back as "token"
	Organization  string
	Inviter       string // may be empty
	Email         string // the invited address
	Manager       bool   // invited as one
	Name          string // who is signed in; empty: nobody
	JoinAction    string
	SignOutAction string
	SignInURL     string
	CreateAction  string // posts "username", "first_name", "last_name", "password"; empty: an account has the address
	Username      string
	FirstName     string
	LastName      string
	Alert         *Alert
	FieldErrors   map[string][]string
}

func (Invitation) page() (string, string) { return "invitation", "Invitation" }
