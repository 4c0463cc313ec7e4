package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a file.
type Problem struct {
	Line, Column int    // from 1
	Path         string // of the key, e.g. connectors[0].kind
	Message      string
}

func (p Problem) samePlace(other Problem) bool {
	return p.Path == other.Path && p.Line == other.Line && p.Column == other.Column
}

// Problems are all that is wrong with a file, in its order.
type Problems []Problem

// needsQuotes is said of a number or a word such as yes where a text belongs.
const needsQuotes = "must be text; put it in quotes"

// With adds a problem. Of one place only the first is told, except that what the key itself wants is better advice than quotes.
func (p Problems) With(found Problem) Problems {
	i := slices.IndexFunc(p, found.samePlace)
	switch {
	case i < 0:
		return append(p, found)
	case p[i].Message == needsQuotes:
		p[i] = found
	}
	return p
}

// Error has one line for each: line, column, key and what is wrong.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = fmt.Sprintf("%d:%d: %s: %s", problem.Line, problem.Column, cmp.Or(problem.Path, "file"), problem.Message)
	}
	return strings.Join(lines, "\n")
}

// Join puts the problems of two searches into the file's order, each once. nil if there are none.
func Join(a, b Problems) error {
	all := slices.Clone(a)
	for _, problem := range b {
		all = all.With(problem)
	}
	return all.err()
}

func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return p
}

// suggestion names the known key that a misspelt one probably means.
func suggestion(key string, known map[string]int) string {
	best, distance := "", len(key)/2+1
	for candidate := range known {
		d := edits(key, candidate)
		if d < distance || (d == distance && best != "" && candidate < best) {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(`; did you mean %q?`, best)
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
