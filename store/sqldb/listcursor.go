package sqldb

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"

	"gatehouse/tenancy"
)

// cursorForm is what stands in a cursor. Whoever forges one gets another place in a list of what he sees anyway.
type cursorForm struct {
	List   string `json:"l"` // fingerprint of list, conditions and order
	Keys   []any  `json:"k"`
	Before bool   `json:"b,omitempty"`
	Page   int    `json:"p"`
}

const maxCursor = 4096

// fingerprint tells lists apart, without showing what was searched for.
func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func (o order) cursor(keys []any, before bool, page int) string {
	raw, err := json.Marshal(cursorForm{List: o.list, Keys: keys, Before: before, Page: page})
	if err != nil {
		panic("marshal of texts and numbers: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// read decodes a cursor of this list in this order.
func (o order) read(text string) (cursorForm, bool) {
	if len(text) > maxCursor {
		return cursorForm{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return cursorForm{}, false
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var form cursorForm
	if decoder.Decode(&form) != nil || decoder.More() || form.List != o.list || len(form.Keys) != len(o.keys) {
		return cursorForm{}, false
	}
	if form.Page < 1 || form.Page > math.MaxInt32 {
		return cursorForm{}, false
	}
	for i, key := range o.keys {
		if form.Keys[i] = typed(key, form.Keys[i]); form.Keys[i] == nil {
			return cursorForm{}, false
		}
	}
	return form, true
}

// typed is the value of a key as its column has it, or nil.
func typed(key column, value any) any {
	switch v := value.(type) {
	case json.Number:
		if number, err := v.Int64(); key.number && err == nil {
			return number
		}
	case string:
		if !key.number && storable(v) {
			return v
		}
	}
	return nil
}

// begin finds where a page begins: at the cursor, or by its number.
func (c *counts) begin(t tally, o order, query tenancy.Query) (position, error) {
	if query.After == "" {
		return c.nearest(t, o.name, query)
	}
	form, ok := o.read(query.After)
	if !ok {
		return position{}, &tenancy.Invalid{Fields: map[string][]string{"cursor": {"This is no cursor of this list."}}}
	}
	return position{key: form.Keys, backward: form.Before, take: query.Size, page: form.Page}, nil
}
