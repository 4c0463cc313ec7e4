package api // internal: no request makes every answer

import (
	"bytes"
	"net/http"
	"testing"
)

// TestWhatIsKept: an answer that is no answer to the same request later is not kept.
func TestWhatIsKept(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		length int
		want   bool
	}{
		{"no answer, as after a panic", 0, 0, false},
		{"done", http.StatusCreated, 100, true},
		{"refused", http.StatusBadRequest, 100, true},
		{"too early", http.StatusTooManyRequests, 100, false},
		{"failed", http.StatusInternalServerError, 100, false},
		{"busy", http.StatusServiceUnavailable, 100, false},
		{"as long as may be", http.StatusOK, 256 << 10, true},
		{"too long", http.StatusOK, 256<<10 + 1, false},
	} {
		kept := recorder{status: tt.status, body: *bytes.NewBuffer(make([]byte, tt.length))}
		if got := kept.worthKeeping(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
