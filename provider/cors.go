package provider

import (
	"net/http"
	"strings"
)

// fromAnywhere opens an endpoint that acts by what the request carries to the scripts of all pages (Fetch Standard, CORS protocol). It
// takes no cookies: a wildcard never goes with credentials.
func fromAnywhere(handle http.HandlerFunc, methods ...string) http.HandlerFunc {
	handle = only(handle, methods...)
	origin, exposed := []string{"*"}, []string{"WWW-Authenticate, Retry-After, ETag, X-Request-Id"}
	return func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header["Access-Control-Allow-Origin"] = origin
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			header.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			header.Set("Access-Control-Max-Age", "7200")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		header["Access-Control-Expose-Headers"] = exposed
		handle(w, r)
	}
}
