package provider_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"gatehouse/session"
	"gatehouse/store"
)

func sessionKey(name string) session.Key { return session.Key{Kind: session.KindDevice, ID: name} }

// TestDeviceRace: of 16 polls of an approved device one gets tokens, and they are good.
func TestDeviceRace(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		for range 5 {
			b := f.begin()
			must(t, f.ApproveDevice(t.Context(), b.UserCode, f.authorization()))
			var won []answer
			post := f.onTwoNodes()
			for _, got := range race(16, func() answer { return post(polling(b.DeviceCode)) }) {
				if got.status == http.StatusOK {
					won = append(won, got)
					continue
				}
				f.wantError(got, http.StatusBadRequest, "invalid_grant")
			}
			if len(won) != 1 {
				t.Fatalf("%d got tokens", len(won))
			}
			f.wantAlive(won[0].Access)
			f.wantToken(f.post(form("grant_type", "refresh_token", "refresh_token", won[0].Refresh, "client_id", "tv")))
		}
	})
}

// TestDeviceDecisionRace: of approvals and denials at once one counts, while the device polls.
func TestDeviceDecisionRace(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		for range 5 {
			b := f.begin()
			var decided, turn, approved atomic.Int64
			race(16, func() answer {
				var err error
				switch i := turn.Add(1) % 3; i {
				case 0:
					return f.post(polling(b.DeviceCode))
				case 1:
					if err = f.ApproveDevice(t.Context(), b.UserCode, f.authorization()); err == nil {
						approved.Add(1)
					}
				default:
					err = f.DenyDevice(t.Context(), b.UserCode)
				}
				if err == nil {
					decided.Add(1)
				} else if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrStale) {
					t.Errorf("decide: %v", err)
				}
				return answer{}
			})
			if decided.Load() != 1 {
				t.Fatalf("%d decided", decided.Load())
			}
			// A poll of the race may have fetched the tokens already.
			if got := f.post(polling(b.DeviceCode)); approved.Load() == 0 && got.Error != "access_denied" || approved.Load() == 1 && got.Access == "" && got.Error != "invalid_grant" {
				t.Errorf("approved %d times: %s", approved.Load(), got.body)
			}
		}
	})
}
