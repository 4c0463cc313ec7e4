package notify_test

import (
	"flag"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/testenv"
	"gatehouse/notify"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { testenv.Main(m) }

func newTexts(t *testing.T) *notify.Texts {
	t.Helper()
	texts, err := notify.NewTexts("Example", "https://id.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func letter(kind notify.Kind) notify.Letter {
	return notify.Letter{Kind: kind, To: "ada@harbour.example", Language: "it", Data: map[string]string{
		"name": "Ada Lindqvist", "link": "/confirm?token=a-b_c&next=%2Fhome", "organization": `Harbour & <Networks>`, "inviter": "Grace O'Kafor",
		"expires": "2026-03-08T12:30:00Z", "date": "2026-03-07",
	}}
}

func linkless(kind notify.Kind) notify.Letter {
	l := letter(kind)
	switch kind {
	case notify.KindConfirmEmail, notify.KindPasswordReset, notify.KindInvitation:
	default:
		delete(l.Data, "link")
	}
	return l
}

// TestLetters compares every kind of letter with its golden file, and text with HTML.
func TestLetters(t *testing.T) {
	texts := newTexts(t)
	for _, kind := range notify.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			mail, err := texts.Render(linkless(kind))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, string(kind)+".txt", "Subject: "+mail.Subject+"\n\n"+mail.Text)
			golden(t, string(kind)+".html", mail.HTML)
			sameLink(t, mail, linkless(kind).Data["link"])
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", name, diff)
	}
}

func sameLink(t *testing.T, mail notify.Mail, link string) {
	t.Helper()
	hrefs := regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(mail.HTML, -1)
	if link == "" {
		if len(hrefs) != 0 {
			t.Errorf("links where there is none: %v", hrefs)
		}
		return
	}
	link = "https://id.example.com" + link
	if !strings.Contains(mail.Text, "\n"+link+"\n") {
		t.Errorf("the text lacks the link %s:\n%s", link, mail.Text)
	}
	if len(hrefs) != 1 || html.UnescapeString(hrefs[0][1]) != link {
		t.Errorf("links of the HTML = %v, want %s", hrefs, link)
	}
	if !strings.Contains(html.UnescapeString(mail.HTML), ">"+link+"<") {
		t.Error("the HTML does not show the link")
	}
}

// TestHostileData: what people choose cannot add headers, lines, markup or links.
func TestHostileData(t *testing.T) {
	l := letter(notify.KindInvitation)
	l.Data["organization"] = "Win\r\nBcc: all@x.example\n\n<script>alert(1)</script> http://evil.example/ \u202egnp"
	l.Data["inviter"] = "www.evil.example" + strings.Repeat("é", 500)
	mail, err := newTexts(t).Render(l)
	if err != nil {
		t.Fatal(err)
	}
	for part, text := range map[string]string{"subject": mail.Subject, "text": mail.Text, "HTML": mail.HTML} {
		for _, bad := range []string{"\nBcc", "\r", "http://evil", "evil.example", "\u202e", strings.Repeat("é", 121)} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q:\n%s", part, bad, text)
			}
		}
	}
	if strings.Contains(mail.HTML, "<script") || strings.Contains(mail.Subject, "\n") {
		t.Errorf("markup or a line break came through: %q", mail.Subject)
	}
}

// TestRefusedLetters: a letter that cannot be right is not sent, and its error shows neither address nor link.
func TestRefusedLetters(t *testing.T) {
	for name, change := range map[string]func(*notify.Letter){
		"another host":      func(l *notify.Letter) { l.Data["link"] = "//evil.example/secret" },
		"absolute":          func(l *notify.Letter) { l.Data["link"] = "https://evil.example/secret" },
		"no slash":          func(l *notify.Letter) { l.Data["link"] = ".evil.example/secret" },
		"user info":         func(l *notify.Letter) { l.Data["link"] = "@evil.example/secret" },
		"backslash":         func(l *notify.Letter) { l.Data["link"] = `/\evil.example/secret` },
		"line break":        func(l *notify.Letter) { l.Data["link"] = "/secret\nx" },
		"no link":           func(l *notify.Letter) { delete(l.Data, "link") },
		"no organization":   func(l *notify.Letter) { delete(l.Data, "organization") },
		"unknown kind":      func(l *notify.Letter) { l.Kind = "love" },
		"named address":     func(l *notify.Letter) { l.To = "Secret <ada@secret.example>" },
		"two addresses":     func(l *notify.Letter) { l.To = "a@secret.example, b@secret.example" },
		"header in address": func(l *notify.Letter) { l.To = "ada@secret.example\r\nBcc: b@secret.example" },
		"no address":        func(l *notify.Letter) { l.To = "" },
	} {
		l := letter(notify.KindInvitation)
		change(&l)
		_, err := newTexts(t).Render(l)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

// TestLanguages: an unknown language, and one with a region, fall back.
func TestLanguages(t *testing.T) {
	for _, language := range []string{"", "en", "en-GB", "EN", "xx", "../en"} {
		l := letter(notify.KindTest)
		l.Language = language
		mail, err := newTexts(t).Render(l)
		if err != nil || !strings.Contains(mail.HTML, `lang="en"`) {
			t.Errorf("%q: %v", language, err)
		}
	}
}

func TestScrub(t *testing.T) {
	for text, want := range map[string]string{
		"550 5.1.1 <ada@x.example>: no such user":                  "550 5.1.1 <[address]>: no such user",
		"554 blocked: https://id.example.com/reset?token=abc, bye": "554 blocked: [link] bye",
		"a\r\nb\x00c": "a b c",
	} {
		if got := notify.Scrub(text); got != want {
			t.Errorf("Scrub(%q) = %q, want %q", text, got, want)
		}
	}
	if got := notify.Scrub(strings.Repeat("é", 1000)); len([]rune(got)) > 301 {
		t.Errorf("%d characters", len([]rune(got)))
	}
}
