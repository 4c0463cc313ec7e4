package api_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

// nastyTexts are what people and attackers put into texts.
var nastyTexts = []string{
	"", " ", "\x00", "a\x00b", "🦊🦊🦊", "مرحبا \u202e\u200f", "аdmin", "../../etc/passwd", "' OR 1=1 --", "<script>alert(1)</script>", "-1", "0", "1e999",
	"99999999999999999999999999", "null", "1066-01-01", "0000-00-00", "2026-02-30", "9999-12-31T23:59:59Z", "\r\nSet-Cookie: a=b", "%00", "%zz",
	strings.Repeat("a", 5000), "a@b", "ʼ@ʼ.ʼ", "+000000000000000000000", "\ufeff", "e\u0301", "%", "_", "*", "[", `"`, `\`, "01990000-0000-7000-8000-000000000000",
}

// nastyValues are JSON that is no text, or not the one that is expected.
var nastyValues = []any{
	nil, true, 0, -1, 1.5, 1e308, uint64(1 << 63),
	[]any{},
	[]any{nil},
	[]any{"\x00"},
	[]any{1, "a", nil},
	map[string]any{},
	map[string]any{"\x00": "\x00"},
	map[string]any{"a": map[string]any{"b": []any{}}},
	[]any{[]any{[]any{}}},
	[]string{"01990000-0000-7000-8000-000000000000"},
	[]string{"users.view_user", "users.view_user"},
}

// hostile is a server with one object of each kind, and bodies that are good for each operation.
type hostile struct {
	*server
	document document
	token    string
	paths    *strings.Replacer
	bodies   map[string]map[string]any
}

func newHostile(t *testing.T) *hostile {
	s := newServer(t)
	root, harbour := s.superuser("root"), s.organization("harbour")
	s.manager("mona", harbour.ID)
	ada := s.member("ada", harbour.ID)
	token, ctx := s.token(root.ID), t.Context()
	scope := must(s.directory.Scope(ctx, root.ID))(t)
	group := must(s.directory.CreateGroup(ctx, scope, tenancy.Group{Name: "g", Organization: harbour.ID}))(t)
	invitation := must(s.directory.Invite(ctx, scope, tenancy.NewInvitation{Organization: harbour.ID, Email: "new@example.org", Role: tenancy.Member}))(t)
	memberships := must(s.directory.MembershipsOf(ctx, scope, ada.ID))(t)
	emails := must(s.directory.Emails(ctx, scope, ada.ID))(t)
	_, live := s.signIn(ada.ID, "")
	client, _, err := s.clients.Create(ctx, scope, provider.Client{ID: "radio", Name: "Radio", Organization: harbour.ID, GrantTypes: []string{"client_credentials"}, Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	ids := func(kind string, of string) []string {
		return []string{"/" + kind + "/{id}/", "/" + kind + "/" + of + "/"}
	}
	pairs := slices.Concat(ids("user", string(ada.ID)), ids("organization", string(harbour.ID)), ids("group", string(group.ID)), ids("invitation", string(invitation.ID)), ids("membership", string(memberships[0].ID)),
		[]string{"{email}", string(emails[0].ID), "{session}", string(live.ID), "{token}", string(id.New[id.APIToken]()), "{user}", string(ada.ID), "{app}", "radius", "{client}", "radio", "{secret}", client.Secrets[0].ID})
	other := s.superuser("other")
	return &hostile{server: s, document: readDocument(t), token: token, paths: strings.NewReplacer(pairs...), bodies: map[string]map[string]any{
		"create-user":         {"username": "fresh", "email": "fresh@example.org", "password": goodPassword},
		"create-organization": {"name": "Fresh", "slug": "fresh"},
		"replace-user":        {"username": "ada"}, "replace-organization": {"name": "harbour", "slug": "harbour"}, "replace-group": {"name": "g"},
		"create-group": {"name": "fresh", "organization": harbour.ID}, "add-email": {"email": "ada2@example.org"},
		"create-membership": {"user": other.ID, "organization": harbour.ID}, "invite": {"organization": harbour.ID, "email": "x@example.org"},
		"bulk-users": {"action": "activate", "users": []id.User{ada.ID}}, "create-token": {"name": "n"}, "set-password": {"new_password": "a new long password 1", "confirm_password": "a new long password 1"},
		"change-own-password": {"old_password": goodPassword, "new_password1": "a", "new_password2": "b"}, "obtain-token": {"username": "ada", "password": goodPassword},
		"register-permissions": {"models": []map[string]any{{"name": "device"}}}, "request-password-reset": {"input": "ada"}, "accept-invitation": {"token": "x"},
		"create-client": {"name": "Fresh", "redirect_uris": []string{"https://fresh.example/"}}, "replace-client": {"name": "Radio"}, "add-client-secret": {"name": "n"},
		"confirm-password-reset": {"token": "x", "new_password1": goodPassword, "new_password2": goodPassword},
	}}
}

// check is what holds of every answer, whatever was sent.
func (h *hostile) check(what string, a answered, fields ...string) {
	h.t.Helper()
	if a.status >= 500 {
		h.t.Errorf("%s: %d %s", what, a.status, a.raw)
	}
	if a.status < 400 {
		return
	}
	if a.header.Get("Content-Type") != "application/problem+json" || a.body["status"] != float64(a.status) || a.text("detail") == "" {
		h.t.Errorf("%s: %d without a problem document: %.200s", what, a.status, a.raw)
	}
	if a.status != 400 {
		return
	}
	named := false
	for name, value := range a.body {
		outer, _, _ := strings.Cut(name, ".")
		if _, list := value.([]any); list && slices.Contains(fields, outer) {
			named = true
		}
	}
	if !named {
		h.t.Errorf("%s: 400 that names none of %q: %.300s", what, fields, a.raw)
	}
}

func TestHostileParameters(t *testing.T) {
	h := newHostile(t)
	for _, o := range h.document.operations() {
		for _, p := range o.Parameters {
			for _, nasty := range nastyTexts {
				what := fmt.Sprintf("%s %s, %s %s = %.40q", o.method, o.path, p.In, p.Name, nasty)
				switch p.In {
				case "path":
					if nasty == "" {
						continue
					}
					path := h.paths.Replace(strings.Replace(o.path, "{"+p.Name+"}", url.PathEscape(nasty), 1))
					h.check(what, h.do(o.method, path, h.token, body(h.bodies[o.OperationID])), "app", "models", "non_field_errors")
				case "query":
					h.check(what, h.do(o.method, h.paths.Replace(o.path)+"?"+p.Name+"="+url.QueryEscape(nasty), h.token, nil), p.Name)
				}
			}
		}
		h.check(o.OperationID, h.do(o.method, h.paths.Replace(o.path)+"?unheard_of=1", h.token, body(h.bodies[o.OperationID])), "unheard_of")
	}
}

// body is nil, and not a nil map, where there is nothing to send.
func body(members map[string]any) any {
	if members == nil {
		return nil
	}
	return members
}

func TestHostileBodies(t *testing.T) {
	h := newHostile(t)
	for _, o := range h.document.operations() {
		members := h.document.members(o)
		if o.RequestBody == nil {
			continue
		}
		path := h.paths.Replace(o.path)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			for _, nasty := range slices.Concat(nastyValues, anys(nastyTexts)) {
				good := maps.Clone(h.bodies[o.OperationID])
				if good == nil {
					good = map[string]any{}
				}
				good[name] = nasty
				h.clock.Advance(1e10) // no guard closes
				a := h.do(o.method, path, h.token, good)
				h.check(fmt.Sprintf("%s %s, %s = %.60v", o.method, o.path, name, nasty), a, slices.Concat(slices.Collect(maps.Keys(members)), []string{"non_field_errors"})...)
			}
		}
		for _, raw := range []string{"", "null", "[]", "1", `"a"`, "{", "{}}", `{"a":1,"a":2}`, `{"a":` + strings.Repeat("[", 1000), "\xff", `{"\xff":1}`, strings.Repeat("[", 100000), `{"x":1e999}`} {
			h.check(fmt.Sprintf("%s %.40q", o.OperationID, raw), h.do(o.method, path, h.token, raw), slices.Concat(slices.Collect(maps.Keys(members)), []string{"non_field_errors", "a", "x", "\ufffd"})...)
		}
		h.check(o.OperationID, h.do(o.method, path, h.token, map[string]any{"unheard_of": 1}), "unheard_of")
		h.check(o.OperationID, h.do(o.method, path, h.token, map[string]any{"status": 1}), "non_field_errors")
	}
}

func anys(texts []string) []any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}
