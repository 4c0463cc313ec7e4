package api_test

import (
	"testing"

	"gatehouse/internal/id"
	"gatehouse/session"
	"gatehouse/tenancy"
)

// create makes a user from what differs; username is the only field that has to be there.
func (s *server) create(n tenancy.NewUser) tenancy.User {
	s.t.Helper()
	if n.Email == "" {
		n.Email = n.Username + "@example.org"
	}
	if n.Password == "" {
		n.Password = goodPassword
	}
	n.EmailVerified = true
	return must(s.directory.CreateUser(s.t.Context(), system(), n))(s.t)
}

func (s *server) superuser(name string) tenancy.User {
	s.t.Helper()
	return s.create(tenancy.NewUser{Username: name, Staff: true, Superuser: true})
}

// manager manages an organization with everything that the group Administrator gives. The first of an organization is its owner.
func (s *server) manager(name string, organization id.Organization) tenancy.User {
	s.t.Helper()
	group := must(s.directory.GroupByName(s.t.Context(), system(), "Administrator"))(s.t)
	return s.create(tenancy.NewUser{Username: name, Organization: organization, Role: tenancy.Manager, Staff: true, Groups: []id.Group{group.ID}})
}

func (s *server) member(name string, organization id.Organization) tenancy.User {
	s.t.Helper()
	return s.create(tenancy.NewUser{Username: name, Organization: organization})
}

func (s *server) organization(slug string) tenancy.Organization {
	s.t.Helper()
	return must(s.directory.CreateOrganization(s.t.Context(), system(), tenancy.Organization{Name: slug, Slug: slug}))(s.t)
}

// token is one as a sign-in gives.
func (s *server) token(user id.User) string {
	s.t.Helper()
	_, text, err := s.directory.IssueToken(s.t.Context(), user, tenancy.MethodPassword)
	if err != nil {
		s.t.Fatal(err)
	}
	return text.Reveal()
}

// narrow is a token of less than its owner may do.
func (s *server) narrow(user id.User, organization id.Organization, permissions ...tenancy.Permission) string {
	s.t.Helper()
	scope := must(s.directory.Scope(s.t.Context(), user))(s.t)
	_, text, err := s.directory.CreateAPIToken(s.t.Context(), scope, tenancy.NewAPIToken{User: user, Name: "narrow", Organization: organization, Permissions: permissions})
	if err != nil {
		s.t.Fatal(err)
	}
	return text.Reveal()
}

// signIn opens a browser session, which sessionHeader takes; organization is the only one that it is good for, "" for all.
func (s *server) signIn(user id.User, organization id.Organization) (string, session.Session) {
	s.t.Helper()
	token, started, err := s.sessions.Start(s.t.Context(), session.Session{User: user, Organization: organization, AMR: []string{tenancy.MethodPassword}, AuthTime: s.clock.Now(), Address: "192.0.2.9", Agent: "test browser"})
	if err != nil {
		s.t.Fatal(err)
	}
	return token.Reveal(), started
}

func TestFixture(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	root, owner, ada := s.superuser("root"), s.manager("mona", harbour.ID), s.member("ada", harbour.ID)
	for name, token := range map[string]string{"root": s.token(root.ID), "mona": s.token(owner.ID), "ada": s.token(ada.ID), "narrow": s.narrow(root.ID, "", tenancy.ViewUser)} {
		if got := s.do("GET", "/users/user/"+string(ada.ID)+"/", token, nil).want(t, 200); got.text("username") != "ada" {
			t.Errorf("%s reads %s", name, got.raw)
		}
	}
	cookie, _ := s.signIn(ada.ID, "")
	r := s.request("GET", "/users/user/"+string(ada.ID), "", nil)
	r.Header.Set(sessionHeader, cookie)
	s.send(r).want(t, 200)
	s.do("GET", "/users/user/", "", nil).want(t, 401)
}
