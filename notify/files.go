package notify

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wneessen/go-mail"
)

// Files writes each mail into a directory instead of sending it, for development: <time>-<id>.eml, for its owner's eyes alone, because
// the links in it are secrets. The text is not encoded, so that links can be copied.
type Files struct {
	Envelope  Envelope
	Directory string // made if it is not there
}

// Send implements Sender.
func (f *Files) Send(ctx context.Context, mails []Mail, settled func(index int, err error)) {
	for i, m := range mails {
		if ctx.Err() != nil {
			settled(i, ErrNotTried)
			continue
		}
		settled(i, f.write(m))
	}
}

func (f *Files) write(m Mail) error {
	message, err := f.Envelope.compose(m, mail.NoEncoding)
	if err != nil {
		return err
	}
	var raw bytes.Buffer
	if _, err := message.WriteTo(&raw); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	if err := os.MkdirAll(f.Directory, 0o700); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	name := f.Envelope.Now().UTC().Format("20060102T150405") + "-" + filepath.Base(string(m.ID)) + ".eml"
	if err := os.WriteFile(filepath.Join(f.Directory, name), raw.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	return nil
}
