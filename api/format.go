package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// jsonFormat reads JSON strictly: encoding/json takes the last of two equal members, a filter in front perhaps the first.
var jsonFormat = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalJSON}

// formFormat reads flat bodies of HTML forms, which the described system takes too.
var formFormat = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalForm}

const maxDepth = 16

func unmarshalJSON(data []byte, target any) error {
	if !utf8.Valid(data) {
		return remark("The body is not valid UTF-8.")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := checkValue(decoder, 0); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return remark("Something follows the JSON document.")
	}
	if err := json.Unmarshal(data, target); err != nil {
		return plainError(err)
	}
	return nil
}

// plainError leaves out what Go calls things.
func plainError(err error) error {
	var (
		syntax *json.SyntaxError
		typed  *json.UnmarshalTypeError
	)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return remark("This is not complete JSON.")
	case errors.As(err, &syntax):
		return remark(fmt.Sprintf("This is not JSON: see byte %d.", syntax.Offset))
	case errors.As(err, &typed) && typed.Field != "":
		field, _, _ := strings.Cut(typed.Field, ".")
		return badField(field, "This value is not possible here.")
	case errors.As(err, &typed):
		return remark("A value is not possible here.")
	default:
		return remark("This is not the JSON that is expected here.")
	}
}

func checkValue(decoder *json.Decoder, depth int) error {
	token, err := decoder.Token()
	if err != nil {
		return plainError(err)
	}
	delimiter, nested := token.(json.Delim)
	text, _ := token.(string)
	switch {
	case strings.Contains(text, "\x00"):
		return remark("This holds a character that no text has, U+0000.")
	case !nested:
		return nil
	case depth >= maxDepth:
		return remark(fmt.Sprintf("This is nested deeper than %d.", maxDepth))
	case delimiter == '{':
		return checkObject(decoder, depth)
	}
	for decoder.More() {
		if err := checkValue(decoder, depth+1); err != nil {
			return err
		}
	}
	return closing(decoder)
}

// within tells in which member of an object something is wrong; the outermost is what counts.
func within(name string, err error) error {
	text := err.Error()
	if _, inner, marked := strings.Cut(text, fieldMark); marked {
		text = inner
	}
	return badField(name, text)
}

// closing reads the end of a list or an object.
func closing(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return plainError(err)
	}
	return nil
}

func checkObject(decoder *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return plainError(err)
		}
		name, _ := token.(string)
		if seen[name] {
			return badField(name, "This field stands twice.")
		}
		seen[name] = true
		if err := checkValue(decoder, depth+1); err != nil {
			return within(name, err)
		}
	}
	return closing(decoder)
}

// unmarshalForm reads a form as the JSON object of its values; true, false and null mean what they mean there. A name that stands
// several times is a list.
func unmarshalForm(data []byte, target any) error {
	values, err := url.ParseQuery(string(data))
	if err != nil {
		return remark("This is not a form.")
	}
	members := map[string]any{}
	for name, texts := range values {
		if len(texts) > 1 {
			members[name] = texts
			continue
		}
		switch texts[0] {
		case "true":
			members[name] = true
		case "false":
			members[name] = false
		default:
			members[name] = texts[0]
		}
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return unmarshalJSON(raw, target)
}
