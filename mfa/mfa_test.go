package mfa_test

import (
	"testing"

	"gatehouse/mfa"
)

func TestNext(t *testing.T) {
	one := []mfa.Factor{{Kind: mfa.KindTOTP}}
	for _, tt := range []struct {
		name     string
		required bool
		factors  []mfa.Factor
		done     bool
		want     mfa.Step
	}{
		{"optional, none", false, nil, false, mfa.StepNone},
		{"optional, enrolled: who has one shows it", false, one, false, mfa.StepPrompt},
		{"optional, shown", false, one, true, mfa.StepNone},
		{"required, none", true, nil, false, mfa.StepEnrol},
		{"required, enrolled: no second enrolment instead of the code", true, one, false, mfa.StepPrompt},
		{"required, shown", true, one, true, mfa.StepNone},
		{"required, shown at an upstream", true, nil, true, mfa.StepNone},
	} {
		if got := mfa.Next(tt.required, tt.factors, tt.done); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
