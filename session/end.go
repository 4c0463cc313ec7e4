package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// endingFor is how long a call of Renew may be under way when its session is ended.
const endingFor = time.Minute

// endedKey marks a session as ended, for a Renew that holds it in its hands while EndByID looks for it.
func endedKey(sid id.Session) Key { return Key{Kind: KindSession, ID: "ended:" + string(sid)} }

// EndByID ends a session by its public name, if it exists. A concurrent Renew does not bring it back.
func (m *Manager) EndByID(ctx context.Context, sid id.Session) error {
	// The mark comes before the list: what Renew creates after the list then meets the mark.
	err := m.Store.Create(ctx, endedKey(sid), Entry{Expires: m.Now().Add(endingFor)})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	listed, err := m.Store.List(ctx, KindSession, sidIndex(sid))
	if err != nil || len(listed) == 0 {
		return err
	}
	keys := make([]Key, len(listed))
	for i, l := range listed {
		keys[i] = l.Key
	}
	return m.Store.Delete(ctx, keys...)
}

// stillOn takes a renewed session away again if it was ended while it moved to its new token.
func (m *Manager) stillOn(ctx context.Context, token secret.Text, sid id.Session) error {
	ended, err := m.Store.Any(ctx, endedKey(sid))
	if err == nil && !ended {
		return nil
	}
	if err == nil {
		err = store.ErrNotFound
	}
	return errors.Join(err, m.Store.Delete(ctx, tokenKey(token)))
}

// OfUser lists a user's sessions, newest first, at most 1,000. It leaves out those whose encryption key is gone, as Find does.
func (m *Manager) OfUser(ctx context.Context, user id.User) ([]Header, error) {
	return m.headers(ctx, userIndex(user))
}

// Header finds a session by its public name; store.ErrNotFound if there is none.
func (m *Manager) Header(ctx context.Context, sid id.Session) (Header, error) {
	found, err := m.headers(ctx, sidIndex(sid))
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return Header{}, err
	}
	return found[0], nil
}

// OfOrganization lists the sessions that are good for an organization alone, as OfUser does.
func (m *Manager) OfOrganization(ctx context.Context, organization id.Organization) ([]Header, error) {
	return m.headers(ctx, organizationIndex(organization))
}

func (m *Manager) headers(ctx context.Context, index string) ([]Header, error) {
	listed, err := m.Store.List(ctx, KindSession, index)
	if err != nil {
		return nil, err
	}
	var headers []Header
	for _, l := range listed {
		header, err := m.header(l)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		headers = append(headers, header)
	}
	return headers, nil
}

// header opens what is readable without the token; store.ErrNotFound if it does not open.
func (m *Manager) header(l Listed) (Header, error) {
	var (
		sealed stored
		h      Header
	)
	if err := json.Unmarshal(l.Value, &sealed); err != nil {
		return Header{}, fmt.Errorf("decode session: %w", err)
	}
	plain, err := m.Keys.Open(sealed.Header, "session", "header", l.Key.ID)
	if err != nil {
		return Header{}, store.ErrNotFound
	}
	if err := json.Unmarshal(plain, &h); err != nil {
		return Header{}, fmt.Errorf("decode session: %w", err)
	}
	return h, nil
}
