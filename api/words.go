package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// noField is the member for what is wrong with no field in particular.
const noField = "non_field_errors"

// fieldMark stands between a field and what is wrong with it, in errors of decoders: huma passes on nothing but their text.
const fieldMark = "\x1f"

func badField(field, text string) error { return remark(field + fieldMark + text) }

// remark is an error in words for people.
type remark string

// Error is the remark.
func (r remark) Error() string { return string(r) }

// add puts one of the errors that huma found under its field.
func (p *Problem) add(err error) {
	var (
		detail *huma.ErrorDetail
		own    *Problem
	)
	if errors.As(err, &own) {
		p.Status, p.Detail = own.Status, own.Detail
		return
	}
	if strings.Contains(err.Error(), "unknown content type") {
		p.Status, p.Detail = http.StatusUnsupportedMediaType, "Send application/json or application/x-www-form-urlencoded."
		return
	}
	field, text := noField, err.Error()
	if errors.As(err, &detail) {
		field, text = placeOfError(detail)
	}
	if p.Fields == nil {
		p.Fields = map[string][]string{}
	}
	if !slices.Contains(p.Fields[field], text) {
		p.Fields[field] = append(p.Fields[field], text)
	}
}

// placeOfError names the field that a location such as "body.groups[1]" or "query.page" is about, and says in words what is wrong. Of
// a missing member huma tells the name in the message only.
func placeOfError(d *huma.ErrorDetail) (field, text string) {
	if field, text, marked := strings.Cut(d.Message, fieldMark); marked {
		return field, text
	}
	_, path, _ := strings.Cut(d.Location, ".")
	field, _, _ = strings.Cut(path, "[")
	text = words(d.Message)
	if name, missing := strings.CutPrefix(d.Message, "expected required property "); missing {
		name, _, _ = strings.Cut(name, " ")
		if field == "" {
			return name, text
		}
		return field, name + ": " + text
	}
	if d.Message == "unknown query parameter" {
		return path, text
	}
	if field == "" {
		field = noField
	}
	return field, text
}

// words says what huma says, for people. What it does not know passes as it is.
func words(message string) string {
	for _, w := range []struct{ prefix, text string }{
		{"unexpected property", "There is no such field."},
		{"unknown query parameter", "There is no such parameter."},
		{"expected required property ", "This field is required."},
		{"required ", "This is required."},
		{"request body is required", "The request has to have a body."},
		{"request body is too large", "The body is larger than 1 MiB."},
		{"expected boolean", "This has to be true or false."},
		{"expected string to be RFC 4122 uuid", "This is not an identifier (a UUID in lower case)."},
		{"expected string to be ", "This has not the form that it has to have."},
		{"expected string", "This has to be a text."},
		{"expected integer", "This has to be a whole number."},
		{"expected number to be ", "This number is not possible here."},
		{"expected array items", "Each item may stand here once."},
		{"expected object", "This has to be an object, {…}."},
		{"invalid ", "This value is not possible here."},
		{"unable to marshal response", "Ask for application/json."},
	} {
		if strings.HasPrefix(message, w.prefix) {
			return w.text
		}
	}
	return numbered(message)
}

// numbered is for messages that end with what was expected.
func numbered(message string) string {
	for _, w := range []struct{ prefix, before, after string }{
		{"expected value to be one of ", "This has to be one of ", "."},
		{"expected number >= ", "This has to be at least ", "."},
		{"expected number <= ", "This has to be at most ", "."},
		{"expected array length >= ", "There have to be at least ", "."},
		{"expected array length <= ", "There may be at most ", "."},
		{"expected length <= ", "This has to have at most ", " characters."},
	} {
		if rest, found := strings.CutPrefix(message, w.prefix); found {
			return w.before + strings.ReplaceAll(plainNumber(strings.Trim(rest, `"`)), ", ", " or ") + w.after
		}
	}
	switch {
	case strings.HasPrefix(message, "expected length >= "):
		return "This field may not be empty."
	case strings.HasPrefix(message, "expected array"):
		return "This has to be a list, […]."
	case strings.HasPrefix(message, "expected number"):
		return "This has to be a number."
	default:
		return message
	}
}

// plainNumber writes out what huma gives as 3.1536e+08. Other texts pass as they are.
func plainNumber(text string) string {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.Contains(text, "e+") {
		return text
	}
	return strconv.FormatFloat(number, 'f', -1, 64)
}
