package oidc_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"gatehouse/connectors"
	"gatehouse/connectors/builtin"
	"gatehouse/internal/secret"
)

// open opens a connector from YAML as the program does, with a client that fails every request.
func open(t *testing.T, text string) (connectors.Connector, error) {
	t.Helper()
	environment := connectors.Environment{
		Client: &http.Client{Transport: noNetwork{t}}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}
	for _, kind := range builtin.Kinds() {
		if kind.Name == "oidc" {
			return kind.Open(environment, func(target any) error {
				readSecret := yaml.CustomUnmarshaler(func(text *secret.Text, raw []byte) error {
					*text = secret.New(string(bytes.TrimSpace(raw)))
					return nil
				})
				return yaml.NewDecoder(strings.NewReader(text), yaml.Strict(), readSecret).Decode(target)
			})
		}
	}
	t.Fatal("there is no kind oidc")
	return nil, nil
}

type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("a request to %s", r.URL)
	return nil, http.ErrAbortHandler
}

const goodSettings = "issuer: https://login.example.com\nclient_id: gatehouse\nclient_secret: s3cret-value\n"

func TestSettings(t *testing.T) {
	for name, more := range map[string]string{
		"the least": "",
		"all": "token_auth: client_secret_post\nscopes: [openid, groups]\nprompt: select_account consent\nclock_skew: 2m\n" +
			"username_claim: upn\ngroups_claim: realm_access.roles\nrequire_verified_email: true\nallow_missing_auth_time: true\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := open(t, goodSettings+more); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBadSettings(t *testing.T) {
	const client = "client_id: gatehouse\nclient_secret: s3cret-value\n"
	for name, test := range map[string]struct{ text, want string }{
		"several at once":     {"issuer: login\nscopes: [profile]\nprompt: maybe\nclock_skew: 1h\n", "issuer: must be an absolute URL without query\nclient_id: is missing\nclient_secret: is missing\nscopes: openid is missing\nprompt: must"},
		"unknown key":         {goodSettings + "isuer: x\n", "isuer"},
		"no issuer":           {client, "issuer:"},
		"relative issuer":     {client + "issuer: /realms/a\n", "issuer:"},
		"issuer with query":   {client + "issuer: https://a.example/?a=b\n", "issuer:"},
		"issuer with user":    {client + "issuer: https://a:b@c.example\n", "issuer:"},
		"issuer without TLS":  {client + "issuer: http://a.example\n", "issuer:"},
		"issuer no web page":  {client + "issuer: ftp://a.example\n", "issuer:"},
		"almost loopback":     {client + "issuer: http://127.0.0.1.a.example\n", "issuer:"},
		"no client id":        {"issuer: https://a.example\nclient_secret: s3cret-value\n", "client_id:"},
		"no secret":           {"issuer: https://a.example\nclient_id: a\n", "client_secret:"},
		"secret without use":  {goodSettings + "token_auth: none\n", "client_secret:"},
		"unknown method":      {goodSettings + "token_auth: private_key_jwt\n", "token_auth:"},
		"scopes not OpenID":   {goodSettings + "scopes: [email]\n", "scopes:"},
		"skew not a duration": {goodSettings + "clock_skew: soon\n", "clock_skew:"},
		"skew negative":       {goodSettings + "clock_skew: -1s\n", "clock_skew:"},
		"skew too long":       {goodSettings + "clock_skew: 1h\n", "clock_skew:"},
		"prompt none":         {goodSettings + "prompt: none\n", "prompt:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error is %v, want one about %s", err, test.want)
			}
			if name != "unknown key" && strings.Contains(err.Error(), "s3cret") {
				t.Error("the error quotes the secret")
			}
		})
	}
}
