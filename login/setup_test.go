package login_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/tenancy"
)

// setupToken makes a set-up link and returns its token.
func (h *house) setupToken() string {
	h.t.Helper()
	link := must[string](h.t)(h.handler.NewSetupLink(h.t.Context()))
	_, token, found := strings.Cut(link, "/setup?token=")
	if !found {
		h.t.Fatalf("link %q", link)
	}
	return token
}

func setupForm(token, name string) url.Values {
	return url.Values{"token": {token}, "username": {name}, "email": {name + "@x.example"}, "password": {goodPassword}}
}

func TestSetup(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	token := h.setupToken()
	for _, wrong := range []string{"", "x", token + "x", token[1:]} {
		wantStatus(t, b.get("/setup?token="+wrong), http.StatusNotFound, "does not work")
		wantStatus(t, b.post("/setup", setupForm(wrong, "root")), http.StatusNotFound, "does not work")
	}
	weak := setupForm(token, "root")
	weak.Set("password", "short")
	wantStatus(t, b.post("/setup", weak), http.StatusUnprocessableEntity, "root")
	wantStatus(t, b.post("/setup", setupForm(token, "ada")), http.StatusUnprocessableEntity, "taken")
	wantStatus(t, b.post("/setup", setupForm(token, "root")), http.StatusOK, "Sign in")
	wantStatus(t, b.get("/setup?token="+token), http.StatusNotFound, "does not work")
	if link, err := h.handler.NewSetupLink(t.Context()); link != "" || err != nil {
		t.Errorf("another link: %q, %v", link, err)
	}
	b.password(flowOf(b.get("/signin")), "root", goodPassword)
	wantStatus(t, b.get("/"), http.StatusOK, "root")
}

func TestSetupLinkExpires(t *testing.T) {
	h := newHouse(t)
	token := h.setupToken()
	h.clock.Advance(25 * time.Hour)
	wantStatus(t, h.browser().post("/setup", setupForm(token, "root")), http.StatusNotFound, "does not work")
}

// TestSetupLinkAfterAnotherWay: a link is dead once there is an administrator, however he came to be.
func TestSetupLinkAfterAnotherWay(t *testing.T) {
	h := newHouse(t)
	token := h.setupToken()
	must[tenancy.User](t)(h.directory.CreateFirstSuperuser(t.Context(), tenancy.NewUser{Username: "root", Password: goodPassword}))
	wantStatus(t, h.browser().get("/setup?token="+token), http.StatusNotFound, "does not work")
	wantStatus(t, h.browser().post("/setup", setupForm(token, "second")), http.StatusNotFound, "does not work")
}

// TestSetupRace: of many with several links one becomes the administrator.
func TestSetupRace(t *testing.T) {
	h := newHouse(t)
	tokens := []string{h.setupToken(), h.setupToken()}
	var (
		group sync.WaitGroup
		won   atomic.Int64
	)
	for i := range 16 {
		b := h.browser()
		group.Go(func() {
			switch p := b.post("/setup", setupForm(tokens[i%2], fmt.Sprint("root", i))); p.status {
			case http.StatusOK:
				won.Add(1)
			case http.StatusNotFound:
			default:
				t.Errorf("status %d: %s", p.status, visible(p))
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d became administrators", won.Load())
	}
}
