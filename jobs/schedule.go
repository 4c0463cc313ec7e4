// Package jobs runs what has to be done again and again, once in the whole cluster: each job has a row with the time when it is due
// and a lease, and whoever gets the lease by one conditional statement runs it.
package jobs

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Schedule says when a job is due. The zero value is off.
type Schedule struct {
	every        time.Duration // 0: daily, if at all
	daily        bool
	hour, minute int
}

var errSchedule = errors.New(`must be "every 5m" (at least 10s, at most 24h), "daily 00:01" or "off"`)

// Every is a schedule with a span from 10 s to 24 h between due times.
func Every(span time.Duration) Schedule { return Schedule{every: span} }

// Daily is a schedule that is due at one time of each day.
func Daily(hour, minute int) Schedule { return Schedule{daily: true, hour: hour, minute: minute} }

// ParseSchedule reads "every SPAN", "daily HH:MM" or "off". The span has the form of time.ParseDuration.
func ParseSchedule(text string) (Schedule, error) {
	kind, value, _ := strings.Cut(text, " ")
	switch {
	case text == "off":
		return Schedule{}, nil
	case kind == "every":
		every, err := time.ParseDuration(value)
		if err != nil || every < 10*time.Second || every > 24*time.Hour {
			return Schedule{}, errSchedule
		}
		return Every(every), nil
	case kind == "daily":
		at, err := time.Parse("15:04", value)
		if err != nil || len(value) != len("15:04") {
			return Schedule{}, errSchedule
		}
		return Daily(at.Hour(), at.Minute()), nil
	default:
		return Schedule{}, errSchedule
	}
}

// String is the form that ParseSchedule reads.
func (s Schedule) String() string {
	switch {
	case s.daily:
		return fmt.Sprintf("daily %02d:%02d", s.hour, s.minute)
	case s.every > 0:
		return "every " + short(s.every)
	default:
		return "off"
	}
}

// short drops the zeros at the end of "1h0m0s".
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Equal reports whether both are due at the same times.
func (s Schedule) Equal(other Schedule) bool { return s == other }

// Next is the first due time after a moment, in UTC; zero if the schedule is off. Daily times are of the location; one that its clock
// skips in spring is an hour later. Spans are counted from midnight UTC of year 1, so that all nodes agree.
func (s Schedule) Next(after time.Time, in *time.Location) time.Time {
	switch {
	case s.daily:
		local := after.In(in)
		next := time.Date(local.Year(), local.Month(), local.Day(), s.hour, s.minute, 0, 0, in)
		if !next.After(after) {
			next = time.Date(local.Year(), local.Month(), local.Day()+1, s.hour, s.minute, 0, 0, in)
		}
		return next.UTC()
	case s.every > 0:
		return after.UTC().Truncate(s.every).Add(s.every)
	default:
		return time.Time{}
	}
}
