package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store"
)

// A POST with an Idempotency-Key header acts once within a day, however often it is sent: later ones get the first one's answer
// (draft-ietf-httpapi-idempotency-key-header-07). Answers are sealed, for they may hold a token.
const (
	idempotencyHeader = "Idempotency-Key"
	maxIdempotencyKey = 200 // bytes
	idempotencyLife   = 24 * time.Hour
	idempotencyPause  = time.Minute // how long a request may be at work before its key is free again
	maxKeptAnswer     = 256 << 10   // bytes; a longer one is not kept
)

// keptAnswer is what the first request was told; Status 0 while it is at work.
type keptAnswer struct {
	Request string // hash of method, path and body
	Status  int
	Header  http.Header
	Body    []byte
}

func (a *API) idempotent(next http.Handler) http.Handler {
	vault := session.Vault[keptAnswer]{Kind: session.KindAnswer, Store: a.Ephemeral, Keys: a.Keys, Now: a.Now}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(idempotencyHeader)
		if key == "" || r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		c, err := a.authenticate(r, signedIn)
		if err != nil { // a public operation, or one that will say the same
			next.ServeHTTP(w, r)
			return
		}
		if err := a.once(w, r, next, vault, c, key); err != nil {
			answer(w, a.failed(r, err))
		}
	})
}

func (a *API) once(w http.ResponseWriter, r *http.Request, next http.Handler, vault session.Vault[keptAnswer], c caller, key string) error {
	if len(key) > maxIdempotencyKey {
		return &Problem{Status: http.StatusBadRequest, Detail: "The Idempotency-Key is longer than 200 bytes."}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: "The body is larger than 1 MiB.", cause: err}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	name := secret.New(c.fingerprint() + key)
	work := keptAnswer{Request: secret.Hash(r.Method + " " + r.URL.Path + "\n" + string(body))}
	err = vault.Create(r.Context(), name, work, a.Now().Add(idempotencyPause))
	if errors.Is(err, store.ErrConflict) {
		return a.again(w, r, vault, name, work.Request)
	}
	if err != nil {
		return err
	}
	a.first(w, r, next, vault, name)
	return nil
}

// again answers a repeated request.
func (a *API) again(w http.ResponseWriter, r *http.Request, vault session.Vault[keptAnswer], name secret.Text, request string) error {
	held, err := vault.Find(r.Context(), name)
	switch {
	case err != nil:
		return err
	case held.Value.Request != request:
		return &Problem{Status: http.StatusUnprocessableEntity, Detail: "This Idempotency-Key was used with another request."}
	case held.Value.Status == 0:
		return &Problem{Status: http.StatusConflict, Detail: "The same request is at work.", Headers: retryAfter(time.Second)}
	}
	for header, values := range held.Value.Header {
		w.Header()[header] = values
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(held.Value.Status)
	_, _ = w.Write(held.Value.Body) // the client is gone; nobody to tell
	return nil
}

// first lets the request act and keeps its answer. One that failed on our side, or came too early, acted not and may be repeated.
func (a *API) first(w http.ResponseWriter, r *http.Request, next http.Handler, vault session.Vault[keptAnswer], name secret.Text) {
	kept := &recorder{ResponseWriter: w}
	// The client may be gone before the answer is kept: that is the very case the key is for.
	ctx := context.WithoutCancel(r.Context())
	defer func() {
		if !kept.worthKeeping() {
			_ = vault.Delete(ctx, name) // it expires by itself
		}
	}()
	next.ServeHTTP(kept, r)
	if kept.worthKeeping() {
		a.keep(ctx, vault, name, kept)
	}
}

// keep stores an answer for repeated requests. It is on its way already: where it cannot be kept, a repeated request acts again.
func (a *API) keep(ctx context.Context, vault session.Vault[keptAnswer], name secret.Text, answer *recorder) {
	held, err := vault.Find(ctx, name)
	if err != nil {
		return
	}
	held.Value.Status, held.Value.Header, held.Value.Body = answer.status, answerHeaders(answer.Header()), answer.body.Bytes()
	held.Expires = a.Now().Add(idempotencyLife)
	_ = vault.Replace(ctx, name, held)
}

func answerHeaders(all http.Header) http.Header {
	kept := http.Header{}
	for _, name := range []string{"Content-Type", "Etag", "Location"} {
		if values := all.Values(name); len(values) > 0 {
			kept[name] = values
		}
	}
	return kept
}

// recorder keeps what it passes on.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *recorder) worthKeeping() bool {
	return w.status != 0 && w.status != http.StatusTooManyRequests && w.status < http.StatusInternalServerError && w.body.Len() <= maxKeptAnswer
}

// WriteHeader keeps the status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write keeps the body.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.body.Len() <= maxKeptAnswer {
		w.body.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
