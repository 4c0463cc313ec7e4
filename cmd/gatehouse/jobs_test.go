package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/config"
	"gatehouse/jobs"
	"gatehouse/notify"
	"gatehouse/tenancy"
)

// configured writes a configuration for a fresh directory and returns its path.
func configured(t *testing.T, more string) string {
	t.Helper()
	directory := t.TempDir()
	path := filepath.Join(directory, "gatehouse.yaml")
	if err := os.WriteFile(path, []byte("data_dir: "+filepath.Join(directory, "data")+"\nlog: {level: error}\n"+more), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t *testing.T, path string) *app {
	t.Helper()
	a, err := configFlag{Config: path}.open(t.Context(), terminal{in: os.Stdin, out: t.Output(), err: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

func succeed(t *testing.T, args ...string) string {
	t.Helper()
	code, out, problems := runCommand(t, args...)
	if code != 0 {
		t.Fatalf("%v: exit code %d\n%s%s", args, code, out, problems)
	}
	return out
}

// TestEveryJobHasItsSchedule: the names of the program and of the configuration are the same.
func TestEveryJobHasItsSchedule(t *testing.T) {
	var keys, names []string
	for i := range reflect.TypeFor[config.Jobs]().NumField() {
		keys = append(keys, reflect.TypeFor[config.Jobs]().Field(i).Tag.Get("yaml"))
	}
	for _, job := range (&app{config: config.Default()}).jobs() {
		names = append(names, job.Name)
		if job.Schedule == (jobs.Schedule{}) {
			t.Errorf("%s is off by default", job.Name)
		}
	}
	slices.Sort(keys)
	slices.Sort(names)
	if !slices.Equal(keys, names) {
		t.Errorf("schedules %v, jobs %v", keys, names)
	}
}

func TestJobsCommands(t *testing.T) {
	path := configured(t, "jobs: {sweep: off}\n")
	if out := succeed(t, "jobs", "list", "-c", path); !strings.Contains(out, "sweep") || !strings.Contains(out, "off") {
		t.Errorf("list before the first run:\n%s", out)
	}
	if out := succeed(t, "jobs", "run", "sweep", "-c", path); !strings.Contains(out, "sweep: deleted 0 sessions") {
		t.Errorf("run:\n%s", out)
	}
	var listed []listedJob
	if err := json.Unmarshal([]byte(succeed(t, "jobs", "list", "--json", "-c", path)), &listed); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(listed, func(j listedJob) bool { return j.Name == "sweep" })
	if j := listed[i]; j.Outcome != "done" || j.LastRun == nil || j.NextDue != nil || j.Running || j.Schedule != "off" {
		t.Errorf("listed %+v", j)
	}
	if code, _, problems := runCommand(t, "jobs", "run", "swep", "-c", path); code != 1 || !strings.Contains(problems, "sweep") {
		t.Errorf("a misspelt name: %d, %s", code, problems)
	}
}

// TestJobsOnUsers: the jobs do what they are named after, with the configured days and time zone.
func TestJobsOnUsers(t *testing.T) {
	path := configured(t, "users: {expiration_warning_days: 3, time_zone: Pacific/Kiritimati}\n")
	create := func(a *app, name string, days int) {
		_, err := a.directory.CreateUser(t.Context(), tenancy.System("test"), tenancy.NewUser{
			Username: name, Email: name + "@x.example", EmailVerified: true, Password: "correct horse battery staple",
			Expires: tenancy.DateOf(time.Now().In(a.config.Location()).AddDate(0, 0, days)),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	a := opened(t, path)
	for name, days := range map[string]int{"last-day": 0, "soon": 3, "later": 4} {
		create(a, name, days)
	}
	// What is today where the clocks are last is over where they are first.
	a.config.Users.TimeZone = "Pacific/Niue"
	a.directory.Settings.Location = a.config.Location()
	create(a, "gone", 0)
	for name, want := range map[string]string{
		"deactivate-expired": "deactivated 1 accounts", "remind-expiring": "reminded 1 people", "remind-password-expiring": "reminded 0 people", "delete-sent-mail": "deleted 0 letters",
	} {
		if out := succeed(t, "jobs", "run", name, "-c", path); !strings.Contains(out, want) {
			t.Errorf("%s: %s, want %s", name, out, want)
		}
	}
	var listed []listedMessage
	if err := json.Unmarshal([]byte(succeed(t, "mail", "list", "--json", "-c", path)), &listed); err != nil {
		t.Fatal(err)
	}
	told := map[notify.Kind]string{}
	for _, m := range listed {
		told[m.Kind] = m.Recipient
	}
	if told[notify.KindAccountExpired] != "gone@x.example" || told[notify.KindAccountExpiring] != "soon@x.example" || len(listed) != 2 {
		t.Errorf("letters %+v", listed)
	}
}

// TestRunUnderTheLease: what another node runs is not run beside it, unless forced.
func TestRunUnderTheLease(t *testing.T) {
	path := configured(t, "")
	succeed(t, "jobs", "run", "sweep", "-c", path)
	a := opened(t, path)
	now := time.Now()
	if err := a.db.ClaimJob(t.Context(), jobs.Claim{Name: "sweep", Holder: "other", Now: now, Until: now.Add(time.Hour), Early: true}); err != nil {
		t.Fatal(err)
	}
	if code, _, problems := runCommand(t, "jobs", "run", "sweep", "-c", path); code != 1 || !strings.Contains(problems, "running already") {
		t.Errorf("exit code %d, %s", code, problems)
	}
	succeed(t, "jobs", "run", "sweep", "--force", "-c", path)
}

func TestMailCommands(t *testing.T) {
	path := configured(t, "")
	out := succeed(t, "mail", "test", "--to", "ada@x.example", "-c", path)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "data", "mail", "*.eml"))
	if err != nil || len(files) != 1 || !strings.Contains(out, filepath.Dir(files[0])) {
		t.Fatalf("%v, %v\n%s", files, err, out)
	}
	a := opened(t, path)
	message, err := notify.NewMessage(a.keys, notify.Letter{Kind: notify.KindTest, To: "ada@x.example"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	message.State, message.LastError = notify.StateFailed, "550 no"
	if err := a.db.Enqueue(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if out := succeed(t, "mail", "list", "--state", "failed", "-c", path); !strings.Contains(out, string(message.ID)) || !strings.Contains(out, "550 no") {
		t.Errorf("list:\n%s", out)
	}
	succeed(t, "mail", "retry", string(message.ID), "-c", path)
	if code, _, _ := runCommand(t, "mail", "retry", string(message.ID), "-c", path); code != 1 {
		t.Errorf("a waiting letter was retried: exit code %d", code)
	}
	if out := succeed(t, "mail", "list", "--json", "--state", "waiting", "-c", path); !strings.Contains(out, string(message.ID)) {
		t.Errorf("list:\n%s", out)
	}
	for _, to := range []string{"nobody", "Ada <ada@x.example>", "a@x.example,b@x.example"} {
		if code, _, _ := runCommand(t, "mail", "test", "--to", to, "-c", path); code != 1 {
			t.Errorf("%q: exit code %d", to, code)
		}
	}
}

// TestServerSendsMailAndRunsJobs: what serve runs beside HTTP, and that it ends.
func TestServerSendsMailAndRunsJobs(t *testing.T) {
	path := configured(t, "listen: 127.0.0.1:0\njobs: {sweep: every 10s}\n")
	c, err := configFlag{Config: path}.load()
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(t.Context(), c, newLogger(c.Log, t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	listener, err := listen(t.Context(), "127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.run(ctx, listener) }()
	message, err := notify.NewMessage(a.keys, notify.Letter{Kind: notify.KindTest, To: "ada@x.example"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.db.Enqueue(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		sent, err := a.db.Messages(t.Context(), notify.StateSent, 1)
		records, recordsErr := a.db.JobRecords(t.Context())
		if err == nil && recordsErr == nil && len(sent) == 1 && len(records) == len(a.jobs()) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("sent %v, jobs %v", sent, records)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
