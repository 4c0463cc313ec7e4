package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/config"
	"gatehouse/jobs"
)

// TestExampleShowsDefaultJobs: the schedules of the example are the built-in ones.
func TestExampleShowsDefaultJobs(t *testing.T) {
	c, err := config.Parse([]byte(readExample(t)), lookup())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default().Jobs, c.Jobs); diff != "" {
		t.Error(diff)
	}
	if c.Location().String() != "Europe/Rome" || config.Default().Location().String() != "UTC" {
		t.Errorf("time zone %v", c.Location())
	}
}

func TestMailOnLoopback(t *testing.T) {
	for _, host := range []string{"localhost", "127.0.0.1", `"::1"`} {
		text := "mail: {host: " + host + ", tls: none, from: \"Example <no-reply@example.com>\"}\njobs: {sweep: off}\n"
		c, err := config.Parse([]byte(text), lookup())
		if err != nil || c.Jobs.Sweep != (jobs.Schedule{}) || strings.Trim(host, `"`) != c.Mail.Host {
			t.Errorf("%s: %v", host, err)
		}
	}
}
