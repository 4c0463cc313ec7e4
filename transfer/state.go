package transfer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"gatehouse/tenancy"
)

// progress is how far an import has come: what the state file holds.
type progress struct {
	Checksum string    `json:"checksum"` // SHA-256 of the input
	Started  time.Time `json:"started"`
	Offset   int64     `json:"offset"` // where the next row begins
	Line     int       `json:"line"`
	Totals   Totals    `json:"totals"`
	Done     bool      `json:"done"`
	resumed  bool
}

func (p *progress) count(outcome tenancy.ImportOutcome) {
	switch outcome {
	case tenancy.ImportCreated:
		p.Totals.Created++
	case tenancy.ImportUpdated:
		p.Totals.Updated++
	case tenancy.ImportSkipped:
		p.Totals.Skipped++
	default:
		p.Totals.Refused++
	}
}

// resume finds out where to go on.
func (i Import) resume(from io.Reader) (progress, error) {
	fresh := progress{Started: i.Directory.Now().UTC().Truncate(time.Microsecond)}
	if i.State == "" {
		return fresh, nil
	}
	seeker, ok := from.(io.ReadSeeker)
	if !ok {
		return fresh, errors.New("only a file can be gone on with, not a stream")
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, seeker); err != nil {
		return fresh, fmt.Errorf("read the file: %w", err)
	}
	if _, err := seeker.Seek(0, io.SeekStart); err != nil {
		return fresh, fmt.Errorf("read the file: %w", err)
	}
	fresh.Checksum = hex.EncodeToString(sum.Sum(nil))
	raw, err := os.ReadFile(i.State)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, i.save(fresh) // from now on it is known since when accounts may be of this import
	}
	if err != nil {
		return fresh, fmt.Errorf("read the state: %w", err)
	}
	var stored progress
	if err := json.Unmarshal(raw, &stored); err != nil {
		return fresh, fmt.Errorf("%s is no state of an import; remove it to begin anew", i.State)
	}
	if stored.Checksum != fresh.Checksum {
		return fresh, fmt.Errorf("%s belongs to another file, or the file has changed since; remove it to begin anew", i.State)
	}
	stored.resumed = true
	if stored.Done {
		i.notice("This file was imported to its end already; remove " + i.State + " to begin anew.")
	} else {
		i.notice(fmt.Sprintf("Going on after %d rows, at line %d.", stored.Totals.Rows(), stored.Line))
	}
	return stored, nil
}

// save replaces the state file at once, so that there is always a whole one.
func (i Import) save(p progress) error {
	if i.State == "" || i.Options.Rehearsal != nil {
		return nil
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	if err := WriteFile(i.State, func(to io.Writer) error { _, err := to.Write(raw); return err }); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// WriteFile makes or replaces a file, readable by its owner only, once its content is complete: until then it has another name, and
// if write fails nothing is left.
func WriteFile(path string, write func(io.Writer) error) error {
	temporary := path + "." + rand.Text()
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(temporary) // is not there any more after the rename
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
