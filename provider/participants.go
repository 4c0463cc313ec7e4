package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store"
)

// Participant is a client that has tokens of a session and wants to be told when it ends (OpenID Connect Back-Channel Logout 1.0).
type Participant struct {
	Client  id.Client  `json:"client"`
	User    id.User    `json:"user"`
	Session id.Session `json:"session"`
}

// Logouts takes what clients are to be told.
type Logouts interface {
	// SessionEnded must keep for good, before it returns, that each of the participants is to be told. They are told some time later,
	// each by a LogoutToken; one that is given twice is told twice.
	SessionEnded(ctx context.Context, ended []Participant) error
}

// Names of the indexes that participants are found by.
func participantsOf(sid id.Session) string   { return "sid:" + string(sid) }
func participantsOfUser(user id.User) string { return "user:" + string(user) }
func (p Participant) key() session.Key {
	return session.Key{Kind: session.KindParticipant, ID: string(p.Session) + "/" + string(p.Client)}
}

func (p Participant) indexes() []string {
	return []string{participantsOf(p.Session), participantsOfUser(p.User)}
}

// join notes that a client takes part in a session, if it wants to hear of its end. It comes before the last look at whether the session
// has ended (checkEnds), and EndSession denies the session before it looks for participants: so a client either gets no tokens or is
// told. A note outlives its session, because the client's own session may: it lasts until nothing that was issued from it can live.
func (p *Provider) join(ctx context.Context, grant Grant) error {
	if p.Logouts == nil || grant.Session == "" {
		return nil
	}
	client, err := p.clients.find(ctx, grant.Client)
	if errors.Is(err, store.ErrNotFound) || (err == nil && client.BackchannelLogoutURI == "") {
		return nil
	}
	if err != nil {
		return err
	}
	noted := Participant{Client: grant.Client, User: grant.User, Session: grant.Session}
	value, err := json.Marshal(noted)
	if err != nil {
		return fmt.Errorf("encode participant: %w", err)
	}
	return p.put(ctx, noted.key(), session.Entry{
		Value: value, Indexes: noted.indexes(), Expires: p.now().Add(max(p.Lifetimes.RefreshAbsolute, p.Lifetimes.Session)),
	})
}

// put creates an entry, or lets the one that is there live as long. It is there when put returns, unless somebody deletes it.
func (p *Provider) put(ctx context.Context, key session.Key, entry session.Entry) error {
	var err error
	for range 3 { // what is there may expire between two steps
		err = p.Ephemeral.Create(ctx, key, entry)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err = p.extend(ctx, key, entry.Expires); !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return err
}

// extend lets an entry live longer. That another request did so at the same time is as good.
func (p *Provider) extend(ctx context.Context, key session.Key, until time.Time) error {
	entry, err := p.Ephemeral.Find(ctx, key)
	if err != nil || !entry.Expires.Before(until) {
		return err
	}
	entry.Expires = until
	err = p.Ephemeral.Replace(ctx, key, entry)
	if errors.Is(err, store.ErrStale) {
		return nil
	}
	return err
}

// tell hands over the participants of an index but for those of the session keep. They are forgotten afterwards, so that who fails half
// way and is asked again tells somebody twice rather than nobody.
func (p *Provider) tell(ctx context.Context, index string, keep id.Session) error {
	for p.Logouts != nil {
		listed, err := p.Ephemeral.List(ctx, session.KindParticipant, index)
		if err != nil {
			return err
		}
		var (
			ended []Participant
			keys  []session.Key
		)
		for _, l := range listed {
			var participant Participant
			if err := json.Unmarshal(l.Value, &participant); err != nil {
				return fmt.Errorf("decode participant: %w", err)
			}
			if keep == "" || participant.Session != keep {
				ended, keys = append(ended, participant), append(keys, l.Key)
			}
		}
		if len(ended) == 0 { // the list is bounded: there may be more than the first showed
			return nil
		}
		if err := p.Logouts.SessionEnded(ctx, ended); err != nil {
			return err
		}
		if err := p.Ephemeral.Delete(ctx, keys...); err != nil {
			return err
		}
	}
	return nil
}

const (
	logoutLifetime = 2 * time.Minute // Back-Channel Logout 1.0 section 4 recommends no more
	logoutEvent    = "http://schemas.openid.net/event/backchannel-logout"
)

// logoutClaims are the claims of a logout token (Back-Channel Logout 1.0 section 2.4). There is no nonce, so that nobody takes one for
// an ID token.
type logoutClaims struct {
	Issuer   string              `json:"iss"`
	Subject  id.User             `json:"sub"`
	Audience id.Client           `json:"aud"`
	IssuedAt int64               `json:"iat"`
	Expires  int64               `json:"exp"`
	ID       string              `json:"jti"`
	Session  id.Session          `json:"sid"`
	Events   map[string]struct{} `json:"events"`
}

// LogoutToken makes the token that tells a participant of the end, for two minutes, and says where to post it. A client that is disabled
// is told, too: people are still signed in there. store.ErrNotFound if the client is gone or does not want to be told any more. The
// address is the client's word: who posts there must look where it leads.
func (p *Provider) LogoutToken(ctx context.Context, told Participant) (uri, token string, err error) {
	client, err := p.Store.Client(ctx, told.Client)
	if err != nil {
		return "", "", err
	}
	if client.BackchannelLogoutURI == "" {
		return "", "", store.ErrNotFound
	}
	now := p.now()
	signer, err := p.keys.signer(ctx, client.idTokenAlgorithm())
	if err != nil {
		return "", "", err
	}
	token, err = signer.sign(typeLogout, logoutClaims{
		Issuer: p.Issuer, Subject: told.User, Audience: told.Client, IssuedAt: now.Unix(), Expires: now.Add(logoutLifetime).Unix(),
		ID: secret.Token(16), Session: told.Session, Events: map[string]struct{}{logoutEvent: {}},
	})
	return client.BackchannelLogoutURI, token, err
}
