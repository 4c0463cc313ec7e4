package login

import (
	"fmt"
	"net/http"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/internal/web"
	"gatehouse/session"
)

// A flow is kept for half an hour for whoever asks for one, so one network does not get any number of them. Ten thousand people behind
// one address who all begin their day in the same ten minutes stay below.
const (
	flowsPerNetwork = 10_000
	flowsWindow     = 10 * time.Minute
)

// admitFlow counts one more flow of the network that a request came from.
func (h *Handler) admitFlow(r *http.Request) error {
	key := session.Key{Kind: session.KindAttempt, ID: secret.Hash("flows of " + h.network(r))}
	count, ends, err := h.Attempts.Hit(r.Context(), key, flowsWindow)
	if err != nil || count <= flowsPerNetwork {
		return err
	}
	wait := max(ends.Sub(h.Now()), time.Second)
	return &web.Error{
		Status: http.StatusTooManyRequests, Title: "Too many sign-ins from your network", RetryAfter: wait, Err: fmt.Errorf("%d flows", count),
		Text: "More sign-ins were begun from your network address than can be kept. Whoever is in the middle of one can finish it. Try again in " + about(wait) + ".",
	}
}
