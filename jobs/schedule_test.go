package jobs_test

import (
	"testing"
	"time"

	"gatehouse/jobs"
)

func TestParseSchedule(t *testing.T) {
	for _, text := range []string{"off", "every 10s", "every 5m", "every 1h30m", "every 24h", "daily 00:01", "daily 23:59"} {
		s, err := jobs.ParseSchedule(text)
		if err != nil || s.String() != text {
			t.Errorf("%q: %q, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "on", "every", "every 5", "every 9s", "every -5m", "every 25h", "daily", "daily 24:00", "daily 1:05", "daily 00:01:02", "Daily 00:01", "off "} {
		if _, err := jobs.ParseSchedule(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestNext(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		schedule, after string
		in              *time.Location
		want            string
	}{
		{"every 5m", "2026-03-01T12:03:00Z", time.UTC, "2026-03-01T12:05:00Z"},
		{"every 5m", "2026-03-01T12:05:00Z", rome, "2026-03-01T12:10:00Z"},
		{"daily 00:01", "2026-03-01T00:00:59Z", time.UTC, "2026-03-01T00:01:00Z"},
		{"daily 00:01", "2026-03-01T00:01:00Z", time.UTC, "2026-03-02T00:01:00Z"},
		{"daily 00:01", "2026-03-31T22:00:00Z", rome, "2026-03-31T22:01:00Z"}, // summer there
		{"daily 00:01", "2026-03-31T22:01:00Z", rome, "2026-04-01T22:01:00Z"},
		{"daily 02:30", "2026-03-29T00:00:00Z", rome, "2026-03-29T01:30:00Z"}, // its clock goes from 02:00 to 03:00
		{"daily 02:30", "2026-03-29T01:30:00Z", rome, "2026-03-30T00:30:00Z"},
		{"daily 02:30", "2026-10-24T12:00:00Z", rome, "2026-10-25T01:30:00Z"}, // 02:30 comes twice, the job once
		{"daily 02:30", "2026-10-25T01:30:00Z", rome, "2026-10-26T01:30:00Z"},
	} {
		schedule, err := jobs.ParseSchedule(c.schedule)
		if err != nil {
			t.Fatal(err)
		}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := schedule.Next(after, c.in).Format(time.RFC3339); got != c.want {
			t.Errorf("%s after %s: %s, want %s", c.schedule, c.after, got, c.want)
		}
	}
	if next := (jobs.Schedule{}).Next(time.Now(), time.UTC); !next.IsZero() {
		t.Errorf("off is due at %v", next)
	}
}
