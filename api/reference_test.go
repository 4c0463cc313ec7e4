package api_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page describes every operation, in an order for people, and loads nothing from elsewhere.
func TestReferencePage(t *testing.T) {
	s := newServer(t)
	page := s.do("GET", "/docs/", "", nil).want(t, 200)
	for _, o := range readDocument(t).operations() {
		if !strings.Contains(page.raw, `id="`+o.OperationID+`"`) || !strings.Contains(page.raw, "<code>"+o.path+"</code>") || !slices.Contains(groups(page.raw), o.Tags[0]) {
			t.Errorf("%s is missing", o.OperationID)
		}
	}
	want := []string{"Signing in", "Users", "E-mail addresses", "API tokens", "Sessions", "Second factors", "Organizations", "Memberships", "Invitations", "Groups", "Permissions", "Clients", "Audit"}
	if diff := cmp.Diff(want, groups(page.raw)); diff != "" {
		t.Errorf("groups:\n%s", diff)
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.raw, -1) {
		if !strings.HasPrefix(link[1], "/") && !strings.HasPrefix(link[1], "#") || strings.HasPrefix(link[1], "//") {
			t.Errorf("it leads to %s", link[1])
		}
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http") || strings.Contains(policy, "unsafe") {
		t.Errorf("Content-Security-Policy %q", policy)
	}
	if redirect := s.do("GET", "/redoc/", "", nil).want(t, 303); redirect.header.Get("Location") != "/api/v1/docs/" {
		t.Errorf("Location %q", redirect.header.Get("Location"))
	}
}

func groups(page string) []string {
	var names []string
	for _, heading := range regexp.MustCompile(`<h2>([^<]*)</h2>`).FindAllStringSubmatch(page, -1) {
		names = append(names, heading[1])
	}
	return names
}
