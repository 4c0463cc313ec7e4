package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/testenv"
)

const apacheConfig = `
ServerRoot "%[1]s"
PidFile apache.pid
Listen 127.0.0.1:%[2]d
ServerName 127.0.0.1
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule include_module /usr/lib/apache2/modules/mod_include.so
LoadModule auth_openidc_module /usr/lib/apache2/modules/mod_auth_openidc.so
TypesConfig /etc/mime.types
ErrorLog /dev/stderr
DocumentRoot "%[1]s/htdocs"
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
OIDCProviderMetadataURL %[3]s/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret %[4]s
OIDCRedirectURI http://127.0.0.1:%[2]d/protected/callback
OIDCCryptoPassphrase not-a-secret-test-only
OIDCPKCEMethod S256
OIDCScope "openid profile email"
<Directory "%[1]s/htdocs">
  Options +Includes
  Require all granted
</Directory>
<Location /protected>
  AuthType openid-connect
  Require valid-user
</Location>
`

// TestApache: mod_auth_openidc from Debian as relying party, with the settings that it has by itself but for PKCE, which it leaves off.
func TestApache(t *testing.T) {
	program := testenv.Program(t, "apache2")
	if _, err := os.Stat("/usr/lib/apache2/modules/mod_auth_openidc.so"); err != nil {
		testenv.Missing(t, "libapache2-mod-auth-openidc")
	}
	i := install(t, "", "optional")
	dir, err := os.MkdirTemp("", "gatehouse-apache-") // Apache's own user must get in, unlike into t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	pages := filepath.Join(dir, "htdocs", "protected")
	for path, mode := range map[string]os.FileMode{dir: 0o755, pages: 0o755} {
		if err := os.MkdirAll(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	page := `<p id="claims"><!--#echo var="OIDC_CLAIM_org_slug" -->|<!--#echo var="OIDC_CLAIM_email" -->|<!--#echo var="OIDC_CLAIM_org_role" --></p>`
	if err := os.WriteFile(filepath.Join(pages, "index.shtml"), []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "apache.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, apacheConfig, dir, i.apache, i.url, sharedSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Start(t, "resuming normal operations", exec.Command(program, "-f", config, "-D", "FOREGROUND"))

	browser := testenv.NewBrowser(t)
	browser.Open(local(i.apache) + "/protected/index.shtml")
	browser.Wait("button[value=foreign]")
	signInForeign(browser, "nadia")
	if got, want := strings.TrimSpace(browser.Text("#claims")), "harbour|nadia@upstream.example|member"; got != want {
		t.Errorf("Apache was told %q, want %q", got, want)
	}
}
