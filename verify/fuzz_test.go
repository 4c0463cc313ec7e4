package verify_test

import (
	"strings"
	"testing"

	"gatehouse/verify/verifytest"
)

// FuzzVerify: nothing but the issuer's own token is believed, however it is bent.
func FuzzVerify(f *testing.F) {
	issuer := verifytest.New(f)
	v, valid := issuer.Verifier(api), issuer.Sign(good())
	parts := strings.Split(valid, ".")
	for _, seed := range []string{"", "..", parts[0] + "." + parts[1] + ".", parts[0] + ".e30." + parts[2], valid + ".", valid + "=", "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		// ES256 signatures have many spellings and two values; one token of the issuer stays one token of the issuer.
		if strings.HasPrefix(token, parts[0]+"."+parts[1]+".") {
			return
		}
		if _, err := v.Verify(t.Context(), token); err == nil {
			t.Errorf("%q is believed", token)
		}
	})
}
