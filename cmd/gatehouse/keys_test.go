package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gatehouse/login"
	"gatehouse/provider"
)

// keysMade makes the first signing keys as a server does that started so long ago.
func keysMade(t *testing.T, path string, ago time.Duration) {
	t.Helper()
	a := opened(t, path)
	_, err := provider.New(t.Context(), provider.Config{
		Issuer: a.config.Issuer, Store: a.db, Ephemeral: a.db.Ephemeral(), Keys: a.keys, Subjects: login.Subjects{Directory: a.directory},
		Now: func() time.Time { return time.Now().Add(-ago) }, Logger: a.logger,
	})
	if err != nil {
		t.Fatal(err)
	}
}

type listedKey struct {
	Kid, Algorithm, State string
	SignsSince            *time.Time `json:"signs_since"`
	PublishedUntil        *time.Time `json:"published_until"`
}

func keysListed(t *testing.T, path string) map[string][]listedKey {
	t.Helper()
	out := succeed(t, "keys", "list", "--json", "-c", path)
	var listed []listedKey
	if err := json.Unmarshal([]byte(out), &listed); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(strings.ToLower(out), "private") {
		t.Errorf("private keys are listed: %s", out)
	}
	byState := map[string][]listedKey{}
	for _, key := range listed {
		byState[key.Algorithm+" "+key.State] = append(byState[key.Algorithm+" "+key.State], key)
	}
	return byState
}

func fail(t *testing.T, says string, args ...string) {
	t.Helper()
	if code, _, problems := runCommand(t, args...); code != 1 || !strings.Contains(problems, says) {
		t.Errorf("%v: exit code %d, %s", args, code, problems)
	}
}

// wantKeyEvent: the newest line of the audit log is about a key, and says who did it.
func wantKeyEvent(t *testing.T, path, action, kid, state string) {
	t.Helper()
	events, err := opened(t, path).db.AuditEvents(t.Context(), 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("%v, %v", events, err)
	}
	e := events[0]
	if e.Action != action || e.Object != kid || e.Reason != "command line" || e.Detail["algorithm"] != "ES256" || e.Detail["state"] != state || e.At.IsZero() {
		t.Errorf("the audit log has %+v", e)
	}
}

func TestKeysCommands(t *testing.T) {
	path := configured(t, "")
	if out := succeed(t, "keys", "list", "--json", "-c", path); strings.TrimSpace(out) != "[]" {
		t.Errorf("keys before the first start: %s", out)
	}
	fail(t, "there are no ES256 keys yet", "keys", "rotate", "-c", path)
	keysMade(t, path, time.Hour)
	before := keysListed(t, path)
	if len(before) != 6 || before["EdDSA current"][0].SignsSince == nil || before["EdDSA next"][0].SignsSince != nil {
		t.Errorf("keys: %+v", before)
	}
	fail(t, `there is no algorithm "HS256"; there are: ES256, RS256, EdDSA`, "keys", "rotate", "--algorithm", "HS256", "-c", path)
	next := before["ES256 next"][0].Kid
	if out := succeed(t, "keys", "rotate", "--algorithm", "ES256", "-c", path); !strings.Contains(out, next+" signs from now on") || strings.Contains(out, "RS256") {
		t.Errorf("rotate: %s", out)
	}
	fail(t, "the next ES256 key is too new to sign", "keys", "rotate", "-c", path)
	after := keysListed(t, path)
	if after["ES256 current"][0].Kid != next || after["ES256 retired"][0].PublishedUntil == nil || after["RS256 current"][0] == (listedKey{}) || len(after["RS256 retired"]) != 0 {
		t.Errorf("keys: %+v", after)
	}
	if out := succeed(t, "keys", "list", "-c", path); !strings.Contains(out, "KID") || !strings.Contains(out, "retired") {
		t.Errorf("table: %s", out)
	}
	wantKeyEvent(t, path, "key.rotated", next, "next")
	fail(t, "cannot be undone; say --yes", "keys", "revoke", next, "-c", path)
	if out := succeed(t, "keys", "revoke", next, "--yes", "-c", path); !strings.Contains(out, "read the key set again") {
		t.Errorf("revoke: %s", out)
	}
	wantKeyEvent(t, path, "key.revoked", next, "current")
	fail(t, "there is no key", "keys", "revoke", next, "--yes", "-c", path)
	if left := keysListed(t, path); left["ES256 current"][0].Kid != after["ES256 next"][0].Kid || len(left["ES256 next"]) != 1 {
		t.Errorf("keys: %+v", left)
	}
}

// TestRotateKeysJob: by age, and not before.
func TestRotateKeysJob(t *testing.T) {
	path := configured(t, "signing_keys: {rotate_every: 2h}\n")
	keysMade(t, path, 2*time.Hour-time.Minute)
	if out := succeed(t, "jobs", "run", "rotate-keys", "-c", path); !strings.Contains(out, "rotate-keys: no key was due") {
		t.Errorf("too early: %s", out)
	}
	path = configured(t, "signing_keys: {rotate_every: 2h}\n")
	keysMade(t, path, 2*time.Hour)
	if out := succeed(t, "jobs", "run", "rotate-keys", "-c", path); !strings.Contains(out, "rotated ES256, RS256, EdDSA") {
		t.Errorf("due: %s", out)
	}
	if out := succeed(t, "jobs", "run", "rotate-keys", "-c", path); !strings.Contains(out, "no key was due") {
		t.Errorf("again: %s", out)
	}
	if out := succeed(t, "jobs", "run", "sweep", "-c", path); !strings.Contains(out, "0 signing keys") {
		t.Errorf("sweep: %s", out)
	}
}
