package notify_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/connectors"
	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/store"
)

// application is a client that is told. What it answers the test says.
type application struct {
	*httptest.Server
	mu     sync.Mutex
	status []int // of the next answers; 200 afterwards
	tokens []string
}

func newApplication(t *testing.T, status ...int) *application {
	t.Helper()
	a := &application{status: status}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.Path != "/told" {
		a.tokens = append(a.tokens, "not as agreed: "+r.Method+" "+r.URL.Path)
	}
	_ = r.ParseForm()
	a.tokens = append(a.tokens, r.PostForm.Encode())
	status := http.StatusOK
	if len(a.status) > 0 {
		status, a.status = a.status[0], a.status[1:]
	}
	w.Header().Set("Location", a.URL+"/elsewhere")
	w.WriteHeader(status)
	fmt.Fprint(w, "whatever")
}

func (a *application) got() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.tokens...)
}

// logouts signs "client.attempt" tokens for the addresses of clients.
func logouts(addresses map[id.Client]string) *notify.Logouts {
	var (
		mu     sync.Mutex
		signed int
	)
	return &notify.Logouts{
		Client: &http.Client{Timeout: 500 * time.Millisecond},
		Token: func(_ context.Context, n notify.Notice) (uri, token string, err error) {
			mu.Lock()
			defer mu.Unlock()
			address, known := addresses[n.Client]
			if !known {
				return "", "", store.ErrNotFound
			}
			signed++
			return address, fmt.Sprintf("%s+%s+%s+%d", n.Client, n.User, n.Session, signed), nil
		},
	}
}

// notice puts one for a client into the outbox.
func (p *post) notice(t *testing.T, client id.Client) id.Message {
	t.Helper()
	message, err := notify.NewNotice(p.keys, notify.Notice{Client: client, User: "ada", Session: "sid"}, p.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.db.Enqueue(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	return message.ID
}

// tellOff runs a worker that tells clients.
func (p *post) tellOff(t *testing.T, l *notify.Logouts, poll time.Duration) {
	t.Helper()
	w := &notify.Worker{
		Store: p.db, Keys: p.keys, Texts: newTexts(t), Sender: nobody{}, Logouts: l, Now: p.clock.Now, Logger: slog.New(slog.NewTextHandler(p, nil)), Wake: p.wake, Poll: poll,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// nobody is a mail server that takes everything.
type nobody struct{}

func (nobody) Send(_ context.Context, mails []notify.Mail, settled func(int, error)) {
	for i := range mails {
		settled(i, nil)
	}
}

// TestNotices: clients are told at once, by one POST each, whatever another client does; letters leave beside them.
func TestNotices(t *testing.T) {
	p := newPost(t)
	good, empty := newApplication(t), newApplication(t, http.StatusNoContent)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // a server notices that its client has gone once it has read everything
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	p.tellOff(t, logouts(map[id.Client]string{"good": good.URL + "/told", "empty": empty.URL + "/told", "silent": silent.URL + "/told"}), time.Hour)
	waits := p.notice(t, "silent")
	told, toldToo, letter := p.notice(t, "good"), p.notice(t, "empty"), p.enqueue(t, "ada@x.example")
	for _, message := range []id.Message{told, toldToo, letter} {
		p.eventually(t, "sent", message, is(notify.StateSent))
		if m := p.message(t, message); m.Attempts != 1 || len(m.Content) != 0 {
			t.Errorf("%+v", m)
		}
	}
	if got := good.got(); len(got) != 1 || !strings.HasPrefix(got[0], "logout_token=good%2Bada%2Bsid%2B") {
		t.Errorf("told %q", got)
	}
	p.eventually(t, "delayed", waits, func(m notify.Message) bool { return m.Attempts == 1 && m.LastError != "" })
	p.mu.Lock()
	defer p.mu.Unlock()
	if log := p.log.String(); strings.Contains(log, "+ada") || strings.Contains(log, silent.URL) || !strings.Contains(log, "channel=logout") {
		t.Errorf("the log: %s", log)
	}
}

// TestNoticesAreRepeated: a server that is broken is told again, each time with a fresh token; one that says no, five times; what cannot
// come right is given up at once.
func TestNoticesAreRepeated(t *testing.T) {
	p := newPost(t)
	broken := newApplication(t, 500, 503, 429, 408, 502, 504, 500)
	unwilling := newApplication(t, 400, 400, 400, 400, 400, 400, 400)
	moved := newApplication(t, 302, 307, 308, 301, 303)
	addresses := map[id.Client]string{
		"broken": broken.URL + "/told", "unwilling": unwilling.URL + "/told", "moved": moved.URL + "/told", "plain": "http://app.example.com/told",
		"user": "https://id@app.example.com/", "script": "javascript:alert(1)", "relative": "/told", "none": "", "ftp": "ftp://127.0.0.1/told",
	}
	messages := map[id.Client]id.Message{}
	for client := range addresses {
		messages[client] = p.notice(t, client)
	}
	messages["deleted"] = p.notice(t, "deleted")
	p.tellOff(t, logouts(addresses), 5*time.Millisecond)
	for round := 1; round <= 8; round++ {
		p.eventually(t, "tried", messages["broken"], func(m notify.Message) bool {
			return m.State == notify.StateSent || m.Attempts == round && m.NextAttempt.Sub(p.clock.Now()) < 4*time.Minute*60
		})
		time.Sleep(50 * time.Millisecond)
		p.clock.Advance(7 * time.Hour)
	}
	p.eventually(t, "sent", messages["broken"], is(notify.StateSent))
	if got := broken.got(); len(got) != 8 || got[0] == got[7] {
		t.Errorf("broken was told %q", got)
	}
	for client, times := range map[id.Client]int{"unwilling": 5, "moved": 5, "plain": 1, "user": 1, "script": 1, "relative": 1, "none": 1, "ftp": 1, "deleted": 1} {
		p.eventually(t, string(client), messages[client], is(notify.StateFailed))
		if m := p.message(t, messages[client]); m.Attempts != times || len(m.Content) == 0 {
			t.Errorf("%s: %+v", client, m)
		}
	}
	if got := moved.got(); len(got) != 5 || strings.Contains(strings.Join(got, " "), "elsewhere") {
		t.Errorf("moved was told %q", got)
	}
}

// TestNoticesStayOutside: a client does not have us post to our own network, by address, by name or by a redirect.
func TestNoticesStayOutside(t *testing.T) {
	p := newPost(t)
	inside := newApplication(t)
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	l := logouts(map[id.Client]string{"address": inside.URL + "/told", "name": "http://localhost" + port + "/told", "mapped": "http://[::ffff:127.0.0.1]" + port + "/told"})
	l.Client = connectors.NewClient(connectors.ClientConfig{Timeout: time.Second})
	p.tellOff(t, l, time.Hour)
	for _, client := range []id.Client{"address", "name", "mapped"} {
		message := p.notice(t, client)
		p.eventually(t, "refused", message, func(m notify.Message) bool { return m.LastError != "" })
		if m := p.message(t, message); !strings.Contains(m.LastError, "allow_private") {
			t.Errorf("%s: %s", client, m.LastError)
		}
	}
	if got := inside.got(); len(got) != 0 {
		t.Errorf("told %q", got)
	}
	l.Client = connectors.NewClient(connectors.ClientConfig{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	p.eventually(t, "told", p.notice(t, "address"), is(notify.StateSent))
}

// TestContentIsOfItsChannel: a notice opens as no letter, a letter as no notice, and neither in the place of another message.
func TestContentIsOfItsChannel(t *testing.T) {
	p := newPost(t)
	letter, notice := p.message(t, p.enqueue(t, "ada@x.example")), p.message(t, p.notice(t, "good"))
	if _, err := notice.Letter(p.keys); err == nil {
		t.Error("a notice is a letter")
	}
	if _, err := letter.Notice(p.keys); err == nil {
		t.Error("a letter is a notice")
	}
	moved := notice
	moved.ID = letter.ID
	if _, err := moved.Notice(p.keys); err == nil {
		t.Error("a notice opens in another's place")
	}
	if got, err := notice.Notice(p.keys); err != nil || got != (notify.Notice{Client: "good", User: "ada", Session: "sid"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if strings.Contains(string(notice.Content), "sid") || notice.Recipient != "good" || notice.Kind != notify.KindLogout {
		t.Errorf("%+v", notice)
	}
}
