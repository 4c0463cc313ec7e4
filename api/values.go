package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// optional is a member that may be left out, which is not the same as null or empty: null is the zero value of T.
type optional[T any] struct {
	given bool
	value T
}

// UnmarshalJSON notes that the member is there.
func (o *optional[T]) UnmarshalJSON(raw []byte) error {
	o.given = true
	if bytes.Equal(raw, []byte("null")) {
		return nil
	}
	return json.Unmarshal(raw, &o.value)
}

// Schema is that of T, or null.
func (optional[T]) Schema(registry huma.Registry) *huma.Schema {
	schema := *registry.Schema(reflect.TypeFor[T](), true, "")
	if schema.Ref == "" {
		schema.Nullable = true
	}
	return &schema
}

// pointer is nil for a member that was left out.
func (o optional[T]) pointer() *T {
	if !o.given {
		return nil
	}
	return &o.value
}

// as is like pointer, in a type of the domain.
func as[To, From ~string](o optional[From]) *To {
	if !o.given {
		return nil
	}
	value := To(o.value)
	return &value
}

// orNull writes empty texts as null, as the described system does for what may be missing.
func orNull[T ~string](text T) *string {
	if text == "" {
		return nil
	}
	plain := string(text)
	return &plain
}

// moment writes a time, or null for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}

// created is the address of a new object below a path (RFC 9110 section 10.2.2).
func (a *API) created(path string, object string) string {
	return a.Issuer + Prefix + path + object + "/"
}

// createdOutput answers what was made.
type createdOutput[T any] struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     T
}

// etag is the strong validator of a version of an object (RFC 9110 section 8.8.3).
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// Precondition is the header against lost updates (RFC 9110 section 13.1.1). Leave it out to write whatever is stored now.
type Precondition struct {
	IfMatch string `header:"If-Match" doc:"The ETag that was read; 412 if the object has changed since."`
}

// version is what the caller has seen, 0 for any.
func (m Precondition) version() (int64, error) {
	text := strings.TrimSpace(m.IfMatch)
	if text == "" || text == "*" {
		return 0, nil
	}
	number, err := strconv.ParseInt(strings.Trim(text, `"`), 10, 64)
	if err != nil || number <= 0 || etag(number) != text {
		return 0, errPrecondition
	}
	return number, nil
}

// changed turns a lost race into 412 where the caller named a version.
func (m Precondition) changed(err error) error {
	if m.IfMatch != "" && isStale(err) {
		return errPrecondition
	}
	return err
}

var errPrecondition = &Problem{Status: http.StatusPreconditionFailed, Detail: "It was changed since you read it. Read it again and repeat what you did."}
