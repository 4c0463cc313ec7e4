package verify_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"gatehouse/verify"
	"gatehouse/verify/verifytest"
)

// A service of many organizations: who may view the lines of an organization is in the token.
func ExampleVerifier_Require() {
	issuer := verifytest.New(&testing.B{}) // in a test: verifytest.New(t)
	verifier, err := verify.New(verify.Config{
		Issuer:        issuer.URL,
		Audience:      "https://api.switchboard.example.com",
		Organizations: verify.EveryOrganization(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token, _ := verify.FromContext(r.Context())
		user, _ := token.User()
		fmt.Println("lines for", user)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /organizations/{organization}/lines", verifier.Require(
		verify.InOrganization(verify.PathID("organization")),
		verify.Permission("lines.view_line", verify.PathID("organization")),
	)(lines))

	token := issuer.Sign(verifytest.Token{
		User: "ada", Organization: "org-1", Permissions: []string{"lines.view_line"}, Audience: []string{"https://api.switchboard.example.com"},
	})
	for _, organization := range []string{"org-1", "org-2"} {
		request := httptest.NewRequest(http.MethodGet, "/organizations/"+organization+"/lines", http.NoBody)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		fmt.Println(organization, answer.Code)
	}
	// Output:
	// lines for ada
	// org-1 200
	// org-2 404
}
