package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span, written like 90s, 10m, 8h or 14d, or several of them together.
type Duration time.Duration

// String is the form of the file.
func (d Duration) String() string {
	const day = 24 * time.Hour
	span := time.Duration(d)
	if span >= day && span%day == 0 {
		return strconv.Itoa(int(span/day)) + "d"
	}
	return span.String()
}

// UnmarshalText reads a time span as the file has it.
func (d *Duration) UnmarshalText(text []byte) error {
	var err error
	*d, err = parseDuration(string(text))
	return err
}

func parseDuration(text string) (Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "", text
	}
	total := time.Duration(0)
	if days != "" {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36500 {
			return 0, errDuration
		}
		total = time.Duration(n) * 24 * time.Hour
	}
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 {
			return 0, errDuration
		}
		total += more
	}
	if total <= 0 {
		return 0, errDuration
	}
	return Duration(total), nil
}

var errDuration = fmt.Errorf("must be a positive time span such as 90s, 10m, 8h or 14d")

func trimNewline(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}
