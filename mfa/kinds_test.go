package mfa_test

import (
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/mfa"
)

// TestOtherKindsHaveNoCodes: what is no TOTP factor does not stand in the way of one.
func TestOtherKindsHaveNoCodes(t *testing.T) {
	f := newFixture(t)
	other := mfa.Factor{ID: id.New[id.Factor](), User: f.user, Kind: "webauthn", Name: "key", Secret: []byte("sealed otherwise"), Created: f.clock.Now().Add(-time.Hour)}
	if err := f.db.CreateFactor(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	secretText := f.enrol(t)
	if factor, err := f.Verify(t.Context(), f.user, f.codeAt(t, secretText, 0)); err != nil || factor.Kind != mfa.KindTOTP {
		t.Errorf("%+v, %v", factor, err)
	}
}
