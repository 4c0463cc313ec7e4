package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Config says whom a service trusts, and for what.
type Config struct {
	Issuer        string        // of the Gatehouse, exactly as in its configuration: https, or http on loopback
	Audience      string        // what this service is called in tokens ("aud"): one of the client's audiences, or its own client id
	Organizations Organizations // EveryOrganization() or Only(…)

	// Introspection asks the Gatehouse about each token too (RFC 7662). Optional: without it opaque tokens are refused, and a revoked
	// token is believed until it expires.
	Introspection *Introspection

	Client *http.Client     // for keys and introspection; nil: one with a limit of 10 s
	Skew   time.Duration    // by how much clocks may differ; 0: 30 s
	Now    func() time.Time // nil: time.Now
}

// Verifier checks access tokens. It is safe for concurrent use, and meant to be made once.
type Verifier struct {
	config Config
	remote *remote
	asked  *answers // nil without introspection
}

// The errors of Verify. Their text tells the reason, for logs.
var (
	ErrInvalid     = errors.New("the access token is not valid")
	ErrUnavailable = errors.New("the identity provider cannot be asked")
)

const (
	defaultTimeout = 10 * time.Second
	defaultSkew    = 30 * time.Second
	maxSkew        = 5 * time.Minute
	maxToken       = 16 << 10
)

// New makes a verifier. It does not touch the network: the first token does.
func New(c Config) (*Verifier, error) {
	if err := checkIssuer(c.Issuer); err != nil {
		return nil, err
	}
	switch {
	case c.Audience == "":
		return nil, errors.New("verify: Audience is empty: which of the tokens of this issuer are for this service?")
	case !c.Organizations.stated():
		return nil, errors.New("verify: Organizations is not stated: EveryOrganization() or Only(…)?")
	case c.Skew < 0 || c.Skew > maxSkew:
		return nil, fmt.Errorf("verify: Skew must be between 0 and %v", maxSkew)
	}
	if c.Skew == 0 {
		c.Skew = defaultSkew
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // whoever wants another clock gives one
	}
	v := &Verifier{config: c, remote: newRemote(c.Issuer, c.Client, c.Now)}
	if c.Introspection != nil {
		if c.Introspection.ClientID == "" || c.Introspection.ClientSecret == "" {
			return nil, errors.New("verify: Introspection needs the id and the secret of a client")
		}
		v.asked = newAnswers(*c.Introspection, v.remote, c.Now)
	}
	return v, nil
}

func checkIssuer(issuer string) error {
	parsed, err := url.Parse(issuer)
	switch {
	case err != nil || parsed.Host == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "":
		return fmt.Errorf("verify: Issuer %q is not an address such as https://id.example.com", issuer)
	case parsed.Scheme == "https", parsed.Scheme == "http" && isLoopback(parsed.Hostname()):
		return nil
	default:
		return fmt.Errorf("verify: Issuer %q must be https (http on loopback only)", issuer)
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Verify checks an access token: form, type, signature, issuer, audience, organization, times, and with introspection whether it is
// still in force. What the token allows is for the caller to ask. The error is ErrInvalid or ErrUnavailable, or that of ctx.
func (v *Verifier) Verify(ctx context.Context, token string) (*Token, error) {
	payload, err := v.payload(ctx, token)
	if err != nil {
		return nil, err
	}
	verified := &Token{raw: payload}
	if err := json.Unmarshal(payload, &verified.claims); err != nil {
		return nil, invalid("its claims cannot be read")
	}
	if err := v.check(verified.claims); err != nil {
		return nil, err
	}
	return verified, nil
}

// payload is the claims of a token whose origin is certain: by its signature, and where the service wants that by asking. What the issuer
// answers is newer than what the token says.
func (v *Verifier) payload(ctx context.Context, token string) (json.RawMessage, error) {
	if len(token) > maxToken {
		return nil, invalid("it is too long")
	}
	var (
		signed json.RawMessage
		err    error
	)
	if v.asked == nil || strings.Count(token, ".") == 2 {
		signed, err = v.signed(ctx, token)
	}
	if err != nil || v.asked == nil {
		return signed, err
	}
	return v.asked.ask(ctx, token)
}

// algorithms are asymmetric: with HMAC a service that verifies could also sign, and a published key would be a secret.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA}
}

// signed checks type and signature (RFC 9068 section 4). Keys that the token itself brings or names are not looked at.
func (v *Verifier) signed(ctx context.Context, token string) (json.RawMessage, error) {
	parsed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, invalid("it is not a JWT signed with ES256, RS256 or EdDSA")
	}
	header := parsed.Signatures[0].Protected
	kind, _ := header.ExtraHeaders[jose.HeaderType].(string)
	if kind = strings.ToLower(kind); kind != "at+jwt" && kind != "application/at+jwt" {
		return nil, invalid("it is not an access token (typ at+jwt)")
	}
	key, err := v.remote.key(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	if key.Algorithm != header.Algorithm {
		return nil, invalid("its key is for another algorithm")
	}
	payload, err := parsed.Verify(key)
	if err != nil {
		return nil, invalid("its signature is wrong")
	}
	return payload, nil
}

func (v *Verifier) check(c claims) error {
	now := v.config.Now()
	switch {
	case c.Issuer != v.config.Issuer:
		return invalid("it is of another issuer")
	case !slices.Contains(c.Audience, v.config.Audience):
		return invalid("it is for another audience")
	case c.Subject == "" || c.Client == "" || c.ID == "":
		return invalid("sub, client_id or jti is missing")
	case c.Expires == 0 || !time.Unix(c.Expires, 0).Add(v.config.Skew).After(now):
		return invalid("it has expired")
	case time.Unix(c.IssuedAt, 0).Add(-v.config.Skew).After(now), time.Unix(c.NotBefore, 0).Add(-v.config.Skew).After(now):
		return invalid("its time has not come; do the clocks agree?")
	case !v.config.Organizations.accept(c.OrgID, c.OrgSlug):
		return invalid("it is for another organization")
	default:
		return nil
	}
}

func invalid(reason string) error { return fmt.Errorf("%w: %s", ErrInvalid, reason) }
