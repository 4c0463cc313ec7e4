package provider

import (
	"net/url"
	"slices"
	"strings"
)

// Resource indicators (RFC 8707): which of the resources that a client may use its tokens are for.

const (
	resourceParameter = "resource"
	maxResources      = 10
)

// requestedResources checks what a request names against what it may name. The result keeps its order; nothing named is nil.
func requestedResources(allowed, asked []string) ([]string, error) {
	var resources []string
	for _, resource := range given(asked) {
		switch {
		case !slices.Contains(allowed, resource):
			return nil, badRequest("invalid_target", "A resource is not one that the client may use.")
		case !slices.Contains(resources, resource):
			resources = append(resources, resource)
		}
	}
	return resources, nil
}

// checkResources refuses what is no resource indicator at all: it must be an absolute URI without a fragment (RFC 8707 section 2).
func checkResources(asked []string) error {
	for _, resource := range given(asked) {
		parsed, err := url.Parse(resource)
		if err != nil || !parsed.IsAbs() || strings.Contains(resource, "#") {
			return badRequest("invalid_target", "A resource must be an absolute URI without a fragment.")
		}
	}
	return nil
}

// tokenAudience is the audience of one access token of a grant: what the token request names, else what was granted. Of a grant for
// certain resources only those are left that the client may still use; if none is, there is nothing to issue, least of all a token for
// everything.
func tokenAudience(client Client, granted, asked []string) ([]string, error) {
	if err := checkResources(asked); err != nil {
		return nil, err
	}
	if len(granted) == 0 {
		return requestedResources(client.Audience, asked)
	}
	left := slices.DeleteFunc(slices.Clone(granted), func(resource string) bool { return !slices.Contains(client.Audience, resource) })
	if len(left) == 0 {
		return nil, badRequest("invalid_target", "The client may not use any of the granted resources any more.")
	}
	narrower, err := requestedResources(left, asked)
	if err == nil && narrower != nil {
		return narrower, nil
	}
	return left, err
}

// given leaves out empty values: they are as if they were not there (RFC 6749 section 3.1).
func given(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return value == "" })
}
