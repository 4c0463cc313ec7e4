package transfer

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// text is a value in a cell. Nothing is the empty text.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "True" // as the described system writes it
		}
		return "False"
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.RFC3339Nano)
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
		return encoded(v)
	case []any:
		return encoded(v)
	default:
		return fmt.Sprint(v)
	}
}

// encoded is a value with parts in one cell.
func encoded(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return "" // custom values were decoded from JSON
	}
	return string(raw)
}

// cell is what a field takes of a user in a table: of one subfield the bare value, "(a,b)" if there are several rows; of several
// subfields one "(a,b)" a line; nothing of something that has subfields when none is asked for.
func (s selected) cell() string {
	switch {
	case s.subfields == nil:
		return text(s.value)
	case len(s.rows) == 1 && len(s.subfields) == 1:
		return text(s.rows[0][0])
	case len(s.rows) == 0:
		return ""
	case len(s.subfields) == 1:
		all := make([]any, len(s.rows))
		for i, row := range s.rows {
			all[i] = row[0]
		}
		return tuple(all)
	default:
		lines := make([]string, len(s.rows))
		for i, row := range s.rows {
			lines[i] = tuple(row)
		}
		return strings.Join(lines, "\n")
	}
}

func tuple(values []any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = text(value)
	}
	return "(" + strings.Join(texts, ",") + ")"
}

var (
	// A spreadsheet takes such a cell for a formula.
	formula = regexp.MustCompile(`^'*[=+\-@\t\r\n]`)
	guarded = regexp.MustCompile(`^'+[=+\-@\t\r\n]`)
	// Numbers and phones are no formulas that do anything, and would not be numbers behind an apostrophe.
	number = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
)

// guard puts an apostrophe before what a spreadsheet would run, and before what looks as if one had been put there, so that unguard
// gives back every cell exactly.
func guard(cell string) string {
	if formula.MatchString(cell) && !number.MatchString(cell) {
		return "'" + cell
	}
	return cell
}

func unguard(cell string) string {
	if guarded.MatchString(cell) {
		return cell[1:]
	}
	return cell
}
