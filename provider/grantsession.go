package provider

import (
	"time"

	"github.com/ory/fosite"
)

// grantSession carries our values through fosite: it goes in with a request and comes out filled by the grant that handled it.
type grantSession struct {
	authorization Authorization    // authorize endpoint: who granted
	asked         AuthorizeRequest // and what
	issue         issue            // token endpoint: what to issue
	expires       map[fosite.TokenType]time.Time
}

var _ fosite.Session = (*grantSession)(nil)

// SetExpiresAt implements fosite.Session.
func (s *grantSession) SetExpiresAt(key fosite.TokenType, at time.Time) {
	if s.expires == nil {
		s.expires = map[fosite.TokenType]time.Time{}
	}
	s.expires[key] = at
}

// GetExpiresAt implements fosite.Session.
func (s *grantSession) GetExpiresAt(key fosite.TokenType) time.Time { return s.expires[key] }

// GetUsername implements fosite.Session.
func (s *grantSession) GetUsername() string { return s.issue.subject.Username }

// GetSubject implements fosite.Session.
func (s *grantSession) GetSubject() string { return string(s.issue.grant.User) }

// Clone implements fosite.Session. The default one reflects and takes twice as long.
func (s *grantSession) Clone() fosite.Session {
	clone := *s
	return &clone
}
