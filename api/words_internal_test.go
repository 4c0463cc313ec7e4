package api

import "testing"

// TestWords: what huma says, as people read it.
func TestWords(t *testing.T) {
	for message, want := range map[string]string{
		"expected number <= 3.1536e+08":                              "This has to be at most 315360000.",
		"expected number >= 60":                                      "This has to be at least 60.",
		`expected value to be one of "public, confidential"`:         "This has to be one of public or confidential.",
		`expected value to be one of "1e+08x"`:                       "This has to be one of 1e+08x.",
		"expected number to be a multiple of 2":                      "This number is not possible here.",
		"expected string to be RFC 4122 uuid: invalid UUID length 1": "This is not an identifier (a UUID in lower case).",
	} {
		if got := words(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}
