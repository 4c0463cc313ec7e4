package main

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"gatehouse/internal/web"
	"gatehouse/store"
	"gatehouse/ui"
)

// wrap turns what a handler returns into a page. The reference on the page is the one under which the log has the cause.
func wrap(pages *ui.Renderer) func(web.Handler) http.HandlerFunc {
	return func(handle web.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			err := handle(w, r)
			if err == nil {
				return
			}
			web.Note(r, slog.String("failure", err.Error()))
			page := pageOf(err)
			if page.RetryAfter > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(int(page.RetryAfter.Round(time.Second)/time.Second)))
			}
			view := ui.Error{
				Status: page.Status, Title: page.Title, Text: page.Text, Reference: web.RequestID(r), LinkURL: page.LinkURL, LinkText: page.LinkText,
			}
			if view.LinkURL == "" {
				view.LinkURL, view.LinkText = "/", "To the start page"
			}
			err = pages.Render(w, page.Status, view)
			if err != nil {
				web.Note(r, slog.String("render", err.Error()))
			}
		}
	}
}

// pageOf is what people read about an error.
func pageOf(err error) *web.Error {
	var page *web.Error
	switch {
	case errors.As(err, &page):
		return page
	case errors.Is(err, store.ErrUnavailable):
		return &web.Error{
			Status: http.StatusServiceUnavailable, Title: "Signing in is not possible at the moment", RetryAfter: 5 * time.Second,
			Text: "A part of this service does not answer. Nothing is lost; please try again in a minute.",
		}
	case errors.Is(err, store.ErrStale):
		return &web.Error{
			Status: http.StatusConflict, Title: "That was done already", Text: "The same form was sent twice. Go back and look at where you are.",
		}
	default:
		return &web.Error{
			Status: http.StatusInternalServerError, Title: "Something went wrong here", Text: "It is not your fault. If it happens again, tell your administrator the reference below.",
		}
	}
}
