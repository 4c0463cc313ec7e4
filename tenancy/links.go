package tenancy

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrBadLink says that the token of a link in a letter is none of ours, was made for something else, is too old, or what it was for
// has changed or happened meanwhile. Nobody learns which.
var ErrBadLink = errors.New("this link is not good, or not any more")

const maxLink = 2048 // characters

// sealedLink is what the token of a link holds.
type sealedLink struct {
	Expires int64           `json:"expires"` // Unix microseconds
	Claims  json.RawMessage `json:"claims"`
}

// newLink makes the token of a link in a letter: sealed text for an address, which opens for this purpose only, until lifetime is
// over. Nothing is stored, so the token itself works more than once: claims have to name something that its use changes (the
// address as it was, a mark of the password), which whoever opens it compares.
func (d *Directory) newLink(purpose string, claims any, lifetime time.Duration) (string, error) {
	encoded, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode link: %w", err)
	}
	content, err := json.Marshal(sealedLink{Expires: d.now().Add(lifetime).UnixMicro(), Claims: encoded})
	if err != nil {
		return "", fmt.Errorf("encode link: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(d.Keys.Seal(content, "link", purpose)), nil
}

// ends is when a link that is made now works no more, as letters say it.
func (d *Directory) ends(lifetime time.Duration) string {
	return d.now().Add(lifetime).Format(time.RFC3339)
}

// openLink reads the claims of a token that newLink made for the purpose into the value that claims points to. ErrBadLink for every
// other text.
func (d *Directory) openLink(purpose, token string, claims any) error {
	if len(token) > maxLink {
		return ErrBadLink
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return ErrBadLink
	}
	content, err := d.Keys.Open(sealed, "link", purpose)
	if err != nil {
		return ErrBadLink
	}
	var link sealedLink
	if err := json.Unmarshal(content, &link); err != nil {
		return fmt.Errorf("decode link: %w", err)
	}
	if !d.now().Before(time.UnixMicro(link.Expires)) {
		return ErrBadLink
	}
	if err := json.Unmarshal(link.Claims, claims); err != nil {
		return fmt.Errorf("decode link: %w", err)
	}
	return nil
}
