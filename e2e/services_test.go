package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/testenv"
	"gatehouse/verify"
)

const serviceAudience = "https://api.example.com"

// clientToken gets an access token by client credentials.
func (i *installation) clientToken(t *testing.T, client string) string {
	t.Helper()
	response, err := http.PostForm(i.url+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {sharedSecret}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("no token for %s: %d, %v", client, response.StatusCode, err)
	}
	return answer.AccessToken
}

// badTokens are what no service may take, each made of a good one.
func (i *installation) badTokens(t *testing.T, good string) map[string]string {
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]string{
		"none": "", "nonsense": "x.y.z",
		"for another audience": i.clientToken(t, "stranger"),
		"unsigned":             encode([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + parts[1] + ".",
		"another payload":      parts[0] + "." + encode([]byte(`{"iss":"`+i.url+`","aud":"`+serviceAudience+`","exp":9999999999,"iat":1}`)) + "." + parts[2],
		"no signature":         parts[0] + "." + parts[1] + "." + encode(make([]byte, 64)),
	}
}

// checkService shows a service a good token and bad ones; read gets the answer to the good one.
func (i *installation) checkService(t *testing.T, address string, read func(*testing.T, *http.Response)) {
	t.Helper()
	good := i.clientToken(t, "robot")
	call := func(token string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		request.Header.Set("X-Gatehouse-Role", "owner") // nobody says of himself what he is
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		return response
	}
	response := call(good)
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		t.Fatalf("a good token: %s %s", response.Status, body)
	}
	read(t, response)
	for name, token := range i.badTokens(t, good) {
		if response := call(token); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", name, response.Status)
		}
	}
}

// TestServices: the sibling services of docs/services believe what they should, and nothing else.
func TestServices(t *testing.T) {
	i := install(t, "", "optional")
	t.Run("Go", func(t *testing.T) { i.checkGo(t) })
	t.Run("Node", func(t *testing.T) {
		port := testenv.FreePort(t)
		testenv.Start(t, "ready", peer(t, "resource-server.mjs", fmt.Sprint(port), i.url, serviceAudience))
		i.checkService(t, local(port)+"/", func(t *testing.T, response *http.Response) {
			var claims struct {
				Client string `json:"client_id"`
			}
			if err := json.NewDecoder(response.Body).Decode(&claims); err != nil || claims.Client != "robot" {
				t.Errorf("%+v, %v", claims, err)
			}
		})
	})
	t.Run("nginx", func(t *testing.T) { i.checkNginx(t) })
}

func (i *installation) checkGo(t *testing.T) {
	v, err := verify.New(verify.Config{Issuer: i.url, Audience: serviceAudience, Organizations: verify.EveryOrganization()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(v.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := verify.FromContext(r.Context())
		_, _ = io.WriteString(w, token.Client())
	})))
	t.Cleanup(server.Close)
	i.checkService(t, server.URL, func(t *testing.T, response *http.Response) {
		if body, _ := io.ReadAll(response.Body); string(body) != "robot" {
			t.Errorf("%q", body)
		}
	})
}

// checkNginx runs the very configuration of docs/services/nginx, with addresses filled in.
func (i *installation) checkNginx(t *testing.T) {
	program := testenv.Program(t, "nginx")
	if _, err := os.Stat("/usr/lib/nginx/modules/ngx_http_js_module.so"); err != nil {
		testenv.Missing(t, "libnginx-mod-http-js")
	}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Header.Get("X-Gatehouse-Client"), "|", r.Header.Get("X-Gatehouse-Role"), "|", r.Header.Get("Authorization"))
	}))
	t.Cleanup(backend.Close)
	text, err := os.ReadFile("../docs/services/nginx/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../docs/services/nginx")
	if err != nil {
		t.Fatal(err)
	}
	dir, port, keys := t.TempDir(), testenv.FreePort(t), testenv.FreePort(t)
	config := strings.NewReplacer("ISSUER", i.url, "AUDIENCE", serviceAudience, "BACKEND", backend.URL, "/etc/nginx/gatehouse", script,
		"/var/cache/nginx", dir, "127.0.0.1:8099", fmt.Sprintf("127.0.0.1:%d", keys), "127.0.0.1:8080", fmt.Sprintf("127.0.0.1:%d", port),
		"load_module modules/", "load_module /usr/lib/nginx/modules/").Replace(string(text))
	config = fmt.Sprintf("daemon off; master_process off; pid %s/pid; error_log stderr notice;\n%s", dir, strings.Replace(config, "http {", "http {\n  access_log off;", 1))
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		config = strings.Replace(config, "access_log off;", fmt.Sprintf("access_log off;\n  %s_temp_path %s/%s;", kind, dir, kind), 1)
	}
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Start(t, "getrlimit", exec.Command(program, "-c", path))
	i.checkService(t, local(port)+"/api/x", func(t *testing.T, response *http.Response) {
		if body, _ := io.ReadAll(response.Body); string(body) != "robot||" {
			t.Errorf("the backend sees %q", body)
		}
	})
}
