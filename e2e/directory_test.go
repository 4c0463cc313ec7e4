package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

// directory is a running "gatehouse serve" that mails, and commands beside it.
type directory struct {
	url, config string
	mail        *testenv.MailServer
}

func startDirectory(t *testing.T, more string) directory {
	t.Helper()
	port, dir := testenv.FreePort(t), t.TempDir()
	d := directory{url: local(port), config: filepath.Join(dir, "gatehouse.yaml"), mail: testenv.StartMail(t, testenv.MailOptions{Plain: true})}
	text := fmt.Sprintf("name: Harbour Sign-in\nissuer: %s\nlisten: 127.0.0.1:%d\ndata_dir: %q\nmail: {host: 127.0.0.1, port: %d, tls: none, from: no-reply@harbour.example}\n%s\n",
		d.url, port, filepath.Join(dir, "data"), d.mail.Port, more)
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Start(t, "Gatehouse serves", exec.Command(program(t), "serve", "--config", d.config))
	return d
}

// command runs a command beside the server.
func (d directory) command(t *testing.T, input string, args ...string) string {
	t.Helper()
	command := exec.Command(program(t), append(args, "--config", d.config)...)
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v:\n%s", args, err, output)
	}
	return string(output)
}

// bearer makes a superuser and an API token of his.
func (d directory) bearer(t *testing.T) string {
	t.Helper()
	d.command(t, "granite otter umbrella 7\n", "admin", "create", "--username", "root")
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(d.command(t, "", "tokens", "create", "root", "--name", "end to end", "--json")), &made); err != nil {
		t.Fatal(err)
	}
	return made.Token
}

// ask calls the REST API and returns its answer, whose status has to be want.
func (d directory) ask(t *testing.T, bearer, method, path string, want int, body any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(method, d.url+"/api/v1"+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	answer := map[string]any{}
	if len(text) > 0 {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil || response.StatusCode != want {
		t.Fatalf("%s %s: %d, want %d, %v:\n%s", method, path, response.StatusCode, want, err, text)
	}
	return answer
}

// column is one member of each result of a list.
func column(answer map[string]any, member string) []string {
	var values []string
	for _, row := range answer["results"].([]any) {
		values = append(values, fmt.Sprint(row.(map[string]any)[member]))
	}
	return values
}

// link waits for the next letter to an address and returns the first link of a path in it.
func (d directory) link(t *testing.T, to, path string, letters int) string {
	t.Helper()
	wanted := regexp.MustCompile(regexp.QuoteMeta(d.url+path) + `\?\S+`)
	for range 150 {
		var found []string
		for _, letter := range d.mail.Received() {
			text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(letter.Data)))
			if err != nil {
				t.Fatal(err)
			}
			if link := wanted.FindString(string(text)); letter.To == to && link != "" {
				found = append(found, link)
			}
		}
		if len(found) == letters {
			return found[letters-1]
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("letter %d to %s with a link to %s did not come; there came %d letters", letters, to, path, len(d.mail.Received()))
	return ""
}

// TestRESTAndImport: the API, the commands and the sign-in pages are one directory, on PostgreSQL and Redis.
func TestRESTAndImport(t *testing.T) {
	d := startDirectory(t, fmt.Sprintf("database: {url: %q}\nsessions: {store: redis, redis: {url: %q}}", testenv.Postgres(t), testenv.Redis(t)))
	bearer := d.bearer(t)
	harbour := d.ask(t, bearer, "POST", "/users/organization/", 201, map[string]any{"name": "Harbour Networks", "slug": "harbour"})
	ada := d.ask(t, bearer, "POST", "/users/user/", 201, map[string]any{"username": "ada", "email": "ada@harbour.example", "password": "granite otter umbrella 7"})
	member := d.ask(t, bearer, "POST", "/users/membership/", 201, map[string]any{"user": ada["id"], "organization": harbour["id"], "role": "manager"})
	if member["role"] != "owner" {
		t.Errorf("the first manager is %v", member["role"])
	}
	d.command(t, "", "groups", "create", "Deck", "--organization", "harbour", "--permission", "users.view_user")
	d.command(t, "", "groups", "add-user", "Deck", "ada", "--organization", "harbour")
	effective := d.ask(t, bearer, "GET", fmt.Sprintf("/users/user/%v/effective-permissions/?organization=%v", ada["id"], harbour["id"]), 200, nil)
	if !strings.Contains(fmt.Sprint(effective), "Deck") {
		t.Errorf("effective permissions: %v", effective)
	}
	hers := d.ask(t, "", "POST", "/users/token/", 200, map[string]any{"username": "ada", "password": "granite otter umbrella 7"})["token"].(string)
	if got := column(d.ask(t, hers, "GET", "/users/user/", 200, nil), "username"); !slices.Equal(got, []string{"ada"}) {
		t.Errorf("the owner sees %v", got)
	}
	d.ask(t, hers, "GET", "/audit/", 403, nil)
	actions := column(d.ask(t, bearer, "GET", "/audit/?page_size=100", 200, nil), "action")
	for _, want := range []string{"organization.created", "user.created", "membership.created", "group.joined", "token.created", "group.created"} {
		if !slices.Contains(actions, want) {
			t.Errorf("the audit log has no %s: %v", want, actions)
		}
	}
	d.importAndSignIn(t, bearer)
}

// fromOpenWISP is a file as "manage.py export_users" writes it; the password is "seaworthy lantern 9".
const fromOpenWISP = `id,username,email,password,first_name,last_name,is_staff,is_active,date_joined,phone_number,birth_date,location,notes,language,organizations
3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0001,nadia,nadia@x.example,HASH,Nadia,Haddad,False,True,2020-01-02 03:04:05+00:00,,,,,it,"(8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa01,True)"
`

func (d directory) importAndSignIn(t *testing.T, bearer string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(file, []byte(strings.Replace(fromOpenWISP, "HASH", djangoHash(t, "seaworthy lantern 9"), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := d.command(t, "", "users", "import", file, "--create-organizations", "--emails-verified"); !strings.Contains(said, "1 rows: 1 created") {
		t.Errorf("the import says %s", said)
	}
	browser := testenv.NewBrowser(t)
	signInWith(browser, d.url, "nadia@x.example", "seaworthy lantern 9")
	browser.Wait("#signout")
	if page := browser.Page(); !strings.Contains(page, "Nadia Haddad") || !strings.Contains(page, "org-8f1d3bd5") {
		t.Errorf("page says %q", page)
	}
	user := d.ask(t, bearer, "GET", "/users/user/3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0001/", 200, nil)
	if user["language"] != "it" || user["email_verified"] != true || user["last_login"] == nil {
		t.Errorf("user %v", user)
	}

	// A password from the command line signs her out, and the old one is good for nothing.
	d.command(t, "granite otter umbrella 8\n", "users", "set-password", "nadia")
	browser.Open(d.url)
	browser.Wait("#identifier")
	d.ask(t, "", "POST", "/users/token/", 400, map[string]any{"username": "nadia", "password": "seaworthy lantern 9"})
	d.ask(t, "", "POST", "/users/token/", 200, map[string]any{"username": "nadia", "password": "granite otter umbrella 8"})
}

func signInWith(browser *testenv.Browser, address, identifier, password string) {
	browser.Open(address + "/signin")
	browser.Type("#identifier", identifier)
	browser.Type("#password", password)
	browser.Click("button.main")
}
