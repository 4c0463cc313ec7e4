// Package session keeps signed-in browsers and all other short-lived state.
//
// Store is what a backend must do, Vault keeps values that only the holder of a token can read, Manager keeps browser sessions.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// Session is one signed-in browser.
type Session struct {
	ID              id.Session // its public name, "sid" in tokens
	User            id.User
	Organization    id.Organization // the only one that it is good for; empty: all of the user's
	AuthTime        time.Time       // when the person last authenticated
	AMR             []string        // RFC 8176
	ACR             string
	Connector       id.Connector // empty for a local sign-in
	UpstreamSession string
	UpstreamHint    string // what signing out at the upstream needs; it may name the person
	Created         time.Time
	LastSeen        time.Time // to the minute
	Expires         time.Time // absolute end
	Address         string    // of the client at sign-in
	Agent           string    // User-Agent at sign-in
}

// Header is what can be known of a session without its token, for lists of sessions.
type Header struct {
	ID           id.Session
	User         id.User
	Organization id.Organization
	Connector    id.Connector
	Created      time.Time
	LastSeen     time.Time
	Address      string
	Agent        string
}

// ManagerConfig is what a Manager needs; all fields are required.
type ManagerConfig struct {
	Store    Store
	Keys     *seal.Keys
	Now      func() time.Time
	Idle     time.Duration // a session that is not seen for so long has ended
	Absolute time.Duration // however busy it is
}

// Manager keeps browser sessions. The store holds the hash of a session's token; the session is sealed with a key that the token
// completes, its header with the server's alone.
type Manager struct{ ManagerConfig }

// New makes a Manager.
func New(c ManagerConfig) *Manager { return &Manager{c} }

const (
	tokenBytes = 32
	touchEvery = time.Minute
)

// stored is the form of a session in the store.
type stored struct {
	Header []byte
	Body   []byte
}

func tokenKey(token secret.Text) Key {
	return Key{Kind: KindSession, ID: secret.Hash(token.Reveal())}
}

// Start begins a session and returns its token, the only one there will be. ID, Created, LastSeen and Expires are set here.
func (m *Manager) Start(ctx context.Context, s Session) (secret.Text, Session, error) {
	s.ID, s.Created = id.New[id.Session](), m.Now().UTC()
	return m.create(ctx, s)
}

func (m *Manager) create(ctx context.Context, s Session) (secret.Text, Session, error) {
	token := secret.Random(tokenBytes)
	s.LastSeen = m.Now().UTC()
	s.Expires = s.LastSeen.Add(m.Absolute)
	entry, err := m.encode(token, s)
	if err != nil {
		return secret.Text{}, Session{}, err
	}
	if err := m.Store.Create(ctx, tokenKey(token), entry); err != nil {
		return secret.Text{}, Session{}, err
	}
	return token, s, nil
}

// Find returns the session of a token, or store.ErrNotFound. Once a minute it notes that the session is alive.
func (m *Manager) Find(ctx context.Context, token secret.Text) (Session, error) {
	entry, err := m.Store.Find(ctx, tokenKey(token))
	if err != nil {
		return Session{}, err
	}
	s, err := m.decode(token, entry)
	if err != nil {
		return Session{}, err
	}
	now := m.Now().UTC()
	if !s.Expires.After(now) {
		return Session{}, store.ErrNotFound
	}
	if now.Sub(s.LastSeen) < touchEvery {
		return s, nil
	}
	s.LastSeen = now
	return s, m.touch(ctx, token, s, entry.Version)
}

// touch writes LastSeen. That another request did so first, or that the session has just ended, is for the next Find to notice.
func (m *Manager) touch(ctx context.Context, token secret.Text, s Session, version int64) error {
	entry, err := m.encode(token, s)
	if err != nil {
		return err
	}
	entry.Version = version
	err = m.Store.Replace(ctx, tokenKey(token), entry)
	if errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Renew changes a session after a further authentication and moves it to a fresh token; the old one is dead at once. The absolute
// end starts anew, the ID stays. Of concurrent calls one succeeds, the others get store.ErrNotFound; so does one whose session is ended
// meanwhile.
func (m *Manager) Renew(ctx context.Context, token secret.Text, change func(*Session)) (secret.Text, Session, error) {
	entry, err := m.Store.Take(ctx, tokenKey(token))
	if err != nil {
		return secret.Text{}, Session{}, err
	}
	s, err := m.decode(token, entry)
	if err != nil {
		return secret.Text{}, Session{}, err
	}
	change(&s)
	fresh, s, err := m.create(ctx, s)
	if err != nil {
		return secret.Text{}, Session{}, err
	}
	if err := m.stillOn(ctx, fresh, s.ID); err != nil {
		return secret.Text{}, Session{}, err
	}
	return fresh, s, nil
}

func userIndex(user id.User) string { return "user:" + string(user) }

func organizationIndex(organization id.Organization) string {
	return "organization:" + string(organization)
}

func sidIndex(sid id.Session) string { return "sid:" + string(sid) }

func (s Session) indexes() []string {
	indexes := []string{userIndex(s.User), sidIndex(s.ID)}
	if s.Organization != "" {
		indexes = append(indexes, organizationIndex(s.Organization))
	}
	if s.UpstreamSession != "" {
		indexes = append(indexes, upstreamIndex(s.Connector, s.UpstreamSession))
	}
	return indexes
}

// upstreamIndex hashes the upstream's name for a session: it may be of any length and hold any byte.
func upstreamIndex(connector id.Connector, session string) string {
	return "upstream:" + string(connector) + "/" + secret.Hash(session)
}

func (m *Manager) encode(token secret.Text, s Session) (Entry, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return Entry{}, fmt.Errorf("encode session: %w", err)
	}
	header, err := json.Marshal(Header{
		ID: s.ID, User: s.User, Organization: s.Organization, Connector: s.Connector, Created: s.Created, LastSeen: s.LastSeen,
		Address: s.Address, Agent: s.Agent,
	})
	if err != nil {
		return Entry{}, fmt.Errorf("encode session: %w", err)
	}
	value, err := json.Marshal(stored{
		Header: m.Keys.Seal(header, "session", "header", tokenKey(token).ID),
		Body:   m.Keys.With(token).Seal(body, "session", "body"),
	})
	if err != nil {
		return Entry{}, fmt.Errorf("encode session: %w", err)
	}
	expires := s.LastSeen.Add(m.Idle)
	if s.Expires.Before(expires) {
		expires = s.Expires
	}
	return Entry{Value: value, Indexes: s.indexes(), Expires: expires}, nil
}

// decode opens a session; one that does not open is not found.
func (m *Manager) decode(token secret.Text, entry Entry) (Session, error) {
	var (
		sealed stored
		s      Session
	)
	if err := json.Unmarshal(entry.Value, &sealed); err != nil {
		return Session{}, fmt.Errorf("decode session: %w", err)
	}
	body, err := m.Keys.With(token).Open(sealed.Body, "session", "body")
	if err != nil {
		return Session{}, store.ErrNotFound
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return Session{}, fmt.Errorf("decode session: %w", err)
	}
	return s, nil
}
