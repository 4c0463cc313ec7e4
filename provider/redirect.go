package provider

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ory/fosite"
)

// matchRedirectURI reports whether a redirect URI may be used by a client with the registered ones: byte for byte (RFC 9700 section
// 2.1), save that the port of an http loopback address is free (RFC 8252 section 7.3). fosite's own loopback rule ignores the
// registered scheme and user information and compares decoded paths; it never decides here.
func matchRedirectURI(registered []string, asked string) bool {
	return usableRedirect(asked) && slices.ContainsFunc(registered, func(known string) bool {
		return known == asked || matchLoopback(known, asked)
	})
}

func matchLoopback(known, asked string) bool {
	knownHost, knownRest, ok := splitLoopback(known)
	if !ok {
		return false
	}
	host, rest, ok := splitLoopback(asked)
	return ok && host == knownHost && rest == knownRest
}

// splitLoopback splits "http://127.0.0.1:5000/cb?x" into the host and what follows the port. It works on the text itself, so that no
// two spellings are taken for one.
func splitLoopback(uri string) (host, rest string, ok bool) {
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		after, found := strings.CutPrefix(uri, "http://"+host)
		if !found {
			continue
		}
		if after, found = strings.CutPrefix(after, ":"); !found {
			return host, after, startsPath(after)
		}
		digits := 0
		for digits < len(after) && '0' <= after[digits] && after[digits] <= '9' {
			digits++
		}
		_, err := strconv.ParseUint(after[:digits], 10, 16)
		return host, after[digits:], err == nil && after[0] != '0' && startsPath(after[digits:])
	}
	return "", "", false
}

func startsPath(rest string) bool { return rest == "" || rest[0] == '/' || rest[0] == '?' }

// usableRedirect refuses what must never be a redirect target, even if it was registered: fragments, user information, characters
// that browsers and parsers read differently, script-like schemes, and plain http beyond this machine.
func usableRedirect(uri string) bool {
	for i := range len(uri) {
		if c := uri[i]; c <= ' ' || c >= 0x7f || c == '#' || c == '\\' || c == '"' || c == '<' || c == '>' {
			return false
		}
	}
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Scheme == "" || parsed.User != nil {
		return false
	}
	switch parsed.Scheme {
	case "https", "http":
		return parsed.Hostname() != "" && fosite.IsRedirectURISecure(context.Background(), parsed)
	case "javascript", "data", "vbscript", "file", "about", "blob", "view-source":
		return false
	default:
		return true
	}
}
