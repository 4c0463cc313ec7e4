package ui_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// onGrounds are the colours that text has, each with the grounds that it stands on (the names of the style sheet's variables).
var onGrounds = map[string][]string{
	"ink": {"stone", "stone-edge", "panel", "bad-ground", "info-ground"}, "soft": {"stone", "stone-edge", "panel", "bad-ground", "info-ground"},
	"gate": {"panel", "info-ground"}, "on-gate": {"gate", "gate-deep"}, "brass": {"panel"}, "bad": {"panel", "bad-ground"},
}

// TestContrast: every text is readable, by light and in the dark (WCAG 2.2 success criterion 1.4.3).
func TestContrast(t *testing.T) {
	css, err := os.ReadFile("static/gatehouse.css")
	if err != nil {
		t.Fatal(err)
	}
	palettes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllSubmatch(css, -1)
	if len(palettes) != 2 {
		t.Fatalf("%d palettes, want one by light and one in the dark", len(palettes))
	}
	for i, scheme := range []string{"light", "dark"} {
		colours := map[string]float64{}
		for _, match := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`).FindAllSubmatch(palettes[i][1], -1) {
			colours[string(match[1])] = luminance(t, string(match[2]))
		}
		for text, grounds := range onGrounds {
			for _, ground := range grounds {
				lighter, darker := max(colours[text], colours[ground]), min(colours[text], colours[ground])
				if ratio := (lighter + 0.05) / (darker + 0.05); ratio < 4.5 {
					t.Errorf("%s: %s on %s has %.2f:1, less than 4.5:1", scheme, text, ground, ratio)
				}
			}
		}
	}
}

// luminance is the relative luminance of a colour.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	rgb, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(shift int) float64 {
		v := float64(rgb>>shift&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}
