package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gatehouse/tenancy"
)

// step is one command line of a story, its exit code and a part of what it prints. " => name" at its end remembers the id that it prints.
type step struct {
	line string
	code int
	says string
}

// follow runs the steps in their order on one installation. {name} stands for what a step before remembers.
func follow(t *testing.T, d daily, steps []step) {
	t.Helper()
	known := map[string]string{}
	for _, s := range steps {
		line, remember, _ := strings.Cut(s.line, " => ")
		for name, value := range known {
			line = strings.ReplaceAll(line, "{"+name+"}", value)
		}
		said := d.want(t, s.code, s.says, "correct horse battery\n", strings.Fields(line)...)
		if remember == "" {
			continue
		}
		var object struct{ ID string }
		if err := json.Unmarshal([]byte(said), &object); err != nil {
			t.Fatalf("%s: %v: %s", line, err, said)
		}
		known[remember] = object.ID
	}
}

func TestOrganizationCommands(t *testing.T) {
	follow(t, newDaily(t), []step{
		{"organizations create harbour --name=Harbour --max-users=5", 0, "max_users    5"},
		{"organizations create airport", 0, "airport"},
		{"organizations list --sort=slug", 0, "harbour  Harbour"},
		{"organizations list --search=harb --json", 0, `"slug":"harbour"`},
		{"organizations list --size=1 --sort=slug", 0, "There are 3; --page 2 shows the next page, --all everything."},
		{"organizations list --sort=nothing", 1, "sorted by created, name, slug"},
		{"organizations update harbour", 1, "nothing to change is named"},
		{"organizations update harbour --factors=required --email=desk@harbour.example", 0, "factors      required"},
		{"organizations update harbour --email=nonsense", 1, "email"},
		{"organizations update nowhere --name=x", 1, `"organizations list" shows`},
		{"organizations disable airport", 0, "airport is enabled: no."},
		{"organizations list --disabled", 0, "airport"},
		{"organizations list --disabled --json", 0, `"is_active":false`},
		{"organizations enable airport", 0, "airport is enabled: yes."},
		{"organizations list --disabled --json", 0, "[]"},
		{"users create ada --organization harbour --role manager", 0, "ada"},
		{"groups create Deck --organization harbour", 0, "Deck"},
		{"invitations create harbour bo@x.example", 0, "bo@x.example"},
		{"organizations delete harbour", 1, "deletes harbour (Harbour) with 1 membership (of them 1 in no other organization; the accounts stay), 1 group, 1 open invitation and cannot be undone; say --yes"},
		{"organizations delete airport", 1, "with nothing in it and cannot be undone"},
		{"organizations delete harbour --yes", 0, "Deleted harbour with 1 membership"},
		{"organizations show harbour", 1, "no organization"},
		{"users show ada", 0, "ada"},
	})
}

func TestMemberCommands(t *testing.T) {
	follow(t, newDaily(t), []step{
		{"organizations create harbour", 0, ""},
		{"users create ada --no-password", 0, ""},
		{"users create bo --no-password --email bo@x.example", 0, ""},
		{"members add harbour ada --role manager", 0, "ada is in harbour as owner."},
		{"members add harbour bo", 0, "bo is in harbour as member."},
		{"members add harbour bo", 1, "already"},
		{"members add harbour nobody", 1, `"users list --search" finds people`},
		{"members add nowhere bo", 1, "no organization"},
		{"members list harbour --role owner --json", 0, `"username":"ada"`},
		{"members list harbour", 0, "bo        bo@x.example"},
		{"members set-role harbour BO@x.example manager", 0, "bo is in harbour as manager."},
		{"members set-role harbour bo owner", 2, "manager"},
		{"members set-role harbour ada member", 1, "owner"},
		{"members remove harbour ada", 1, "members transfer-ownership harbour USER"},
		{"members transfer-ownership harbour bo", 0, "bo owns harbour."},
		{"members remove harbour ada", 0, "ada is not in harbour any more."},
		{"members remove harbour ada", 1, "ada is not in harbour; \"members add\" changes that"},
		{"members transfer-ownership harbour ada", 1, "ada is not in harbour"},
		{"users list --organization harbour --json", 0, `"organizations":["harbour (owner)"]`},
	})
}

func TestGroupAndPermissionCommands(t *testing.T) {
	follow(t, newDaily(t), []step{
		{"organizations create harbour", 0, ""},
		{"users create ada --no-password --organization harbour", 0, ""},
		{"permissions list", 0, "Can change user"},
		{"permissions list --json", 0, `"permission":"users.view_user"`},
		{"groups create Deck --organization harbour --permission users.view_user --permission users.add_user", 0, "users.add_user, users.view_user"},
		{"groups create Deck --organization harbour", 1, "name"},
		{"groups create Deck --organization nowhere", 1, "no organization"},
		{"groups create Bridge --permission users.sink_ship", 1, "users.sink_ship"},
		{"groups list --organization harbour", 0, "Deck  harbour"},
		{"groups list --shared --json", 0, `"name":"Operator"`},
		{"groups show Deck", 1, `no shared group "Deck"`},
		{"groups show Operator --organization harbour", 1, "the organization has no group"},
		{"groups show Deck --organization harbour --json", 0, `"permissions":["users.add_user","users.view_user"]`},
		{"users create bo --no-password --email bo@x.example", 0, ""},
		{"mail list", 0, "confirm_email  bo@x.example"},
		{"users create cy --no-password --email cy@x.example --email-verified", 0, ""},
		{"mail list --json", 0, "bo@x.example"},
		{"groups add-user Deck bo --organization harbour", 1, "user: Only members of the organization"},
		{"groups add-user Deck ada --organization harbour", 0, "ada is in Deck."},
		{"users list --group Deck --organization harbour", 0, "ada"},
		{"users list --group Operator --json", 0, "[]"},
		{"users list --group Nobody", 1, "no shared group"},
		{"permissions explain --user ada --organization harbour", 0, "Deck"},
		{"permissions explain --user ada --json", 0, "[]"},
		{"permissions explain --user nobody", 1, "no user"},
		{"groups update Deck --organization harbour", 1, "nothing to change is named"},
		{"groups update Deck --organization harbour --add-permission users.change_user --remove-permission users.add_user --name Bridge", 0, "users.change_user, users.view_user"},
		{"groups update Bridge --organization harbour --remove-permission users.add_user", 1, "the group Bridge does not give users.add_user"},
		{"groups update Bridge --organization harbour --add-permission users.sink_ship", 1, "users.sink_ship"},
		{"groups update Bridge --organization harbour --name Deck --json", 0, `"permissions":["users.change_user","users.view_user"]`},
		{"groups delete Deck --organization harbour", 1, "deletes the group Deck, which gives 2 permissions to 1 user,"},
		{"groups remove-user Deck ada --organization harbour", 0, "ada is not in Deck."},
		{"permissions explain --user ada --organization harbour --json", 0, "[]"},
		{"groups delete Deck --organization harbour --yes", 0, "Deleted Deck."},
		{"groups show Deck --organization harbour", 1, "no group"},
	})
}

func TestInvitationCommands(t *testing.T) {
	follow(t, newDaily(t), []step{
		{"organizations create harbour", 0, ""},
		{"groups create Deck --organization harbour", 0, ""},
		{"invitations create harbour bo@x.example --role manager --group Deck --group Operator --lifetime 2d --json => bo", 0, `"state":"open"`},
		{"invitations create harbour bo@x.example", 1, "email"},
		{"invitations create harbour nonsense", 1, "email"},
		{"invitations create harbour cy@x.example --group Strangers", 1, "no shared group"},
		{"mail list", 0, "bo@x.example"},
		{"invitations list --organization harbour", 0, "harbour       bo@x.example  manager"},
		{"invitations list --email bo@x.example --json", 0, `"mailed":1`},
		{"invitations resend {bo}", 1, "invitation"},
		{"invitations resend none", 1, "no invitation"},
		{"invitations revoke {bo}", 0, "The invitation is void."},
		{"invitations revoke {bo}", 1, "not open any more"},
		{"invitations list --state open --json", 0, "[]"},
		{"invitations list --state lost", 2, "state"},
	})
}

func TestUsersList(t *testing.T) {
	d := newDaily(t)
	steps := []step{{"organizations create harbour", 0, ""}}
	for i := range 5 {
		steps = append(steps, step{fmt.Sprintf("users create person%d --no-password --organization harbour --first-name Pat%d", i, i), 0, ""})
	}
	follow(t, d, append(steps,
		step{"users deactivate person3", 0, "no"},
		step{"users list --inactive --json", 0, `"username":"person3"`},
		step{"users list --search pat4", 0, "person4"},
		step{"users list --page 9", 1, "page"},
		step{"users list --superusers --json", 0, "[]"},
		step{"users list --sort username --size 2 --page 2", 0, "person2"},
	))
	var listed []struct{ Username string }
	if err := json.Unmarshal([]byte(d.want(t, 0, "person", "", "users", "list", "--all", "--sort=-username", "--json")), &listed); err != nil {
		t.Fatal(err)
	}
	if len(listed) != 5 || listed[0].Username != "person4" || listed[4].Username != "person0" {
		t.Errorf("listed %v", listed)
	}
}

// TestListsAreStreamed: --all follows the cursors, and what comes out is one table and one array.
func TestListsAreStreamed(t *testing.T) {
	pages := map[string]tenancy.Page[int]{"": {Items: []int{1, 2}, Next: "a"}, "a": {Items: []int{3}, Next: "b"}, "b": {Items: []int{4}}}
	read := func(q tenancy.Query) (tenancy.Page[int], error) { return pages[q.After], nil }
	row := func(n int) []attribute { return []attribute{{"n", n}, {"text", "a\x1b[2J\nb"}} }
	for want, output := range map[string]outputFlag{
		"N  TEXT\n1  a [2J b\n2  a [2J b\n3  a [2J b\n4  a [2J b\n": {},
		`{"n":1}{"n":2}{"n":3}{"n":4}`:                              {JSON: true},
	} {
		var out strings.Builder
		if err := (listing[int]{output, pageFlags{All: true}, read, row}).print(terminal{out: &out, err: &out}, ""); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if output.JSON {
			var rows []struct{ N int }
			if err := json.Unmarshal([]byte(got), &rows); err != nil {
				t.Fatalf("%v: %s", err, got)
			}
			got = ""
			for _, row := range rows {
				got += fmt.Sprintf(`{"n":%d}`, row.N)
			}
		}
		if got != want {
			t.Errorf("printed %q, want %q", got, want)
		}
	}
}
