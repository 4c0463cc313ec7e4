package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/store"
)

// KindLogout is the only kind of notice.
const KindLogout Kind = "backchannel_logout"

// Notice is what a client is to be told: that a session of a user has ended. The token that says so is signed when it is sent.
type Notice struct {
	Client  id.Client  `json:"client"`
	User    id.User    `json:"user"`
	Session id.Session `json:"session"`
}

// NewNotice seals a notice for the outbox, due at once.
func NewNotice(keys *seal.Keys, notice Notice, now time.Time) (Message, error) {
	return Message{Channel: ChannelLogout, Kind: KindLogout, Recipient: string(notice.Client)}.sealed(keys, notice, now)
}

// Notice opens a message of ChannelLogout.
func (m Message) Notice(keys *seal.Keys) (notice Notice, err error) {
	return notice, m.open(keys, ChannelLogout, &notice)
}

// Logouts tells clients of ended sessions (OpenID Connect Back-Channel Logout 1.0 section 2.5). Both fields are required.
type Logouts struct {
	Client *http.Client // limited in time and addresses; its redirects are not followed
	// Token makes a fresh logout token and says where the client wants it; store.ErrNotFound if it does not want to be told any more.
	Token func(ctx context.Context, notice Notice) (uri, token string, err error)
}

// stubborn is after how many attempts a client that understands and refuses is left alone. The first few may meet a client that has
// not seen a new key yet, or could not do it at that moment: for both it answers 400 (section 2.8).
const stubborn = 5

// tell posts a notice once. ErrRefused if nothing is to be gained by doing so again.
func (l *Logouts) tell(ctx context.Context, notice Notice, attempt int) error {
	uri, token, err := l.Token(ctx, notice)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: the client is gone, or has no backchannel_logout_uri any more", ErrRefused)
	}
	if err != nil {
		return err
	}
	if !mayBePostedTo(uri) {
		return fmt.Errorf("%w: the client's backchannel_logout_uri is not an https address", ErrRefused)
	}
	body := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := l.unled().Do(request)
	if err != nil {
		return fmt.Errorf("post logout token: %w", withoutAddress(err))
	}
	_ = response.Body.Close() // what it says is for nobody
	return outcome(response.StatusCode, attempt)
}

// withoutAddress is the cause alone: the address is in the client's registration, and may hold what is not for the log.
func withoutAddress(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// unled is the client without redirects: the token goes where the client has registered, and nowhere else.
func (l *Logouts) unled() *http.Client {
	client := *l.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// mayBePostedTo: https, or plain http to this machine, for development and tests.
func mayBePostedTo(uri string) bool {
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Hostname() == "" || parsed.User != nil || parsed.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(parsed.Hostname())
	return parsed.Scheme == "https" || parsed.Scheme == "http" && (parsed.Hostname() == "localhost" || err == nil && ip.IsLoopback())
}

// outcome reads a status: 200 is done, and 204, which frameworks make of an empty 200 (section 2.8). A server that is overloaded or broken
// is asked again for days; one that says no, a few times.
func outcome(status, attempt int) error {
	err := fmt.Errorf("the client answered %d", status)
	switch {
	case status == http.StatusOK, status == http.StatusNoContent:
		return nil
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, attempt < stubborn:
		return err
	default:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
}
