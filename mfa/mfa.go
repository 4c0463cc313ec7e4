// Package mfa holds second factors: their enrolment, their verification and when they are asked for.
package mfa

import (
	"errors"
	"time"
)

// ErrWrongCode says that a code is wrong or was used before; nobody learns which.
var ErrWrongCode = errors.New("wrong code")

// TooManyAttempts says that a user's codes are not looked at until the given time, right or wrong.
type TooManyAttempts struct{ Until time.Time }

// Error tells until when.
func (t *TooManyAttempts) Error() string {
	return "too many codes tried, wait until " + t.Until.UTC().Format(time.RFC3339)
}

// MultiFactor is the authentication method of who showed a second factor (RFC 8176, "mfa").
const MultiFactor = "mfa"

// Step is what a sign-in needs of second factors.
type Step string

// The steps.
const (
	StepNone   Step = "none"
	StepEnrol  Step = "enrol"
	StepPrompt Step = "prompt"
)

// Next decides what a sign-in needs: whoever has a factor shows it, whether or not policy requires one; who has none enrols one
// if it does. done says that a factor was shown already.
func Next(required bool, factors []Factor, done bool) Step {
	switch {
	case done:
		return StepNone
	case len(factors) > 0:
		return StepPrompt
	case required:
		return StepEnrol
	default:
		return StepNone
	}
}
