package config_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/config"
)

func TestRotateEvery(t *testing.T) {
	if every := time.Duration(config.Default().SigningKeys.RotateEvery); every != 90*24*time.Hour {
		t.Errorf("the default is %v", every)
	}
	for text, want := range map[string]string{"1h": "", "59m": "signing_keys.rotate_every: must be at least 1h", "0s": "must be a positive time span"} {
		_, err := config.Parse([]byte("signing_keys: {rotate_every: "+text+"}\n"), lookup())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
