package provider

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
)

// seenTokens are access tokens whose signatures were found good by one key set, and what they say: who asks about a token asks about it
// often. They are forgotten with the key set, within a minute, so that a revoked key is gone from here too. Whether a token has expired
// or is revoked is another question, and asked each time.
type seenTokens struct {
	count  atomic.Int64
	byHash sync.Map // [sha256.Size]byte → accessClaims
}

const maxSeenTokens = 10_000 // about as many kilobytes; more are verified each time

func (s *seenTokens) find(token string) (accessClaims, bool) {
	known, there := s.byHash.Load(sha256.Sum256([]byte(token)))
	claims, ok := known.(accessClaims)
	return claims, there && ok
}

func (s *seenTokens) add(token string, claims accessClaims) {
	if s.count.Load() < maxSeenTokens {
		s.count.Add(1)
		s.byHash.Store(sha256.Sum256([]byte(token)), claims)
	}
}
