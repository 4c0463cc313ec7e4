// Package verify is for services that trust a Gatehouse: it checks the access tokens that their callers show, without asking anybody.
//
//	verifier, err := verify.New(verify.Config{
//		Issuer:        "https://id.example.com",
//		Audience:      "https://api.switchboard.example.com",
//		Organizations: verify.EveryOrganization(),
//	})
//	mux.Handle("GET /organizations/{organization}/lines", verifier.Require(
//		verify.Permission("lines.view_line", verify.PathID("organization")),
//	)(lines))
//
// What a service must not do by mistake cannot be said here: a Token comes only from Verify, which believes nothing but access tokens
// (RFC 9068) that are signed with a published asymmetric key of the one issuer, for the one audience, for an organization that the
// service named. Permissions and roles are asked for together with the organization in which they have to hold.
//
// The package needs nothing else of Gatehouse's code, and the module github.com/go-jose/go-jose/v4. For unit tests there is
// verifytest.
package verify
