package notify

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
)

//go:embed templates
var templates embed.FS

const fallbackLanguage = "en"

// kinds are all kinds with the data that they cannot do without.
func kinds() map[Kind][]string {
	return map[Kind][]string{
		KindConfirmEmail: {"link"}, KindPasswordReset: {"link"}, KindPasswordChanged: {}, KindEmailChanged: {}, KindFactorsRemoved: {}, KindInvitation: {"link", "organization"},
		KindAccountExpiring: {"date"}, KindAccountExpired: {"date"}, KindPasswordExpiring: {"date"}, KindTest: {},
	}
}

// Kinds are all kinds of letter, sorted.
func Kinds() []Kind {
	all := make([]Kind, 0, len(kinds()))
	for kind := range kinds() {
		all = append(all, kind)
	}
	slices.Sort(all)
	return all
}

// Texts are the words of every kind of letter in every language. A language is a directory of templates/: <kind>.txt begins with the
// line "Subject: …", <kind>.html fills layout.html. English is complete; another language may leave letters out.
type Texts struct {
	name, issuer string
	languages    map[string]*catalogue
}

type catalogue struct {
	text map[Kind]*texttemplate.Template
	html map[Kind]*htmltemplate.Template
}

// NewTexts reads the embedded templates. name is the installation's, issuer its public base URL without a slash at the end.
func NewTexts(name, issuer string) (*Texts, error) {
	return newTexts(name, issuer, templates)
}

func newTexts(name, issuer string, files fs.FS) (*Texts, error) {
	t := &Texts{name: clean(name), issuer: issuer, languages: map[string]*catalogue{}}
	directories, err := fs.ReadDir(files, "templates")
	if err != nil {
		return nil, fmt.Errorf("read letters: %w", err)
	}
	for _, directory := range directories {
		c, err := newCatalogue(files, path.Join("templates", directory.Name()), directory.Name() == fallbackLanguage)
		if err != nil {
			return nil, fmt.Errorf("read letters in %s: %w", directory.Name(), err)
		}
		t.languages[strings.ToLower(directory.Name())] = c
	}
	return t, nil
}

func newCatalogue(files fs.FS, directory string, complete bool) (*catalogue, error) {
	c := &catalogue{text: map[Kind]*texttemplate.Template{}, html: map[Kind]*htmltemplate.Template{}}
	for _, kind := range Kinds() {
		text, html := path.Join(directory, string(kind)+".txt"), path.Join(directory, string(kind)+".html")
		if _, err := fs.Stat(files, text); err != nil && !complete {
			continue
		}
		var err error
		c.text[kind], err = texttemplate.New(path.Base(text)).Option("missingkey=error").ParseFS(files, path.Join(directory, "common.txt"), text)
		if err != nil {
			return nil, err
		}
		c.html[kind], err = htmltemplate.New("layout.html").Option("missingkey=error").ParseFS(files, path.Join(directory, "layout.html"), html)
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// catalogue finds the words of a letter: of its language, of that without region, in English.
func (t *Texts) catalogue(letter Letter) (*catalogue, string) {
	language := strings.ToLower(letter.Language)
	base, _, _ := strings.Cut(language, "-")
	for _, candidate := range []string{language, base} {
		if c, found := t.languages[candidate]; found && c.text[letter.Kind] != nil {
			return c, candidate
		}
	}
	return t.languages[fallbackLanguage], fallbackLanguage
}

// view is what templates see; everything in it is clean.
type view struct {
	Installation, Issuer, Language    string
	Subject                           string // for the HTML part
	Name, Organization, Inviter, Link string
	Date, Expires                     string
}

// Render makes the mail of a letter. Errors name neither addresses nor links.
func (t *Texts) Render(letter Letter) (Mail, error) {
	required, known := kinds()[letter.Kind]
	if !known {
		return Mail{}, fmt.Errorf("there is no text for letters of kind %q", letter.Kind)
	}
	for _, key := range required {
		if letter.Data[key] == "" {
			return Mail{}, fmt.Errorf("the letter %s lacks %q", letter.Kind, key)
		}
	}
	if err := CheckAddress(letter.To); err != nil {
		return Mail{}, fmt.Errorf("address of the letter: %w", err)
	}
	c, language := t.catalogue(letter)
	v := view{
		Installation: t.name, Issuer: t.issuer, Language: language, Name: clean(letter.Data["name"]),
		Organization: clean(letter.Data["organization"]), Inviter: clean(letter.Data["inviter"]),
		Date: day(letter.Data["date"], language), Expires: moment(letter.Data["expires"], language),
	}
	if link := letter.Data["link"]; link != "" {
		var err error
		if v.Link, err = absolute(t.issuer, link); err != nil {
			return Mail{}, fmt.Errorf("link of the letter: %w", err)
		}
	}
	return c.render(letter, v)
}

func (c *catalogue) render(letter Letter, v view) (Mail, error) {
	var text, html bytes.Buffer
	if err := c.text[letter.Kind].Execute(&text, v); err != nil {
		return Mail{}, fmt.Errorf("write letter: %w", err)
	}
	first, body, _ := strings.Cut(text.String(), "\n")
	subject, found := strings.CutPrefix(first, "Subject: ")
	if !found {
		return Mail{}, fmt.Errorf("the letter %s has no subject", letter.Kind)
	}
	v.Subject = clean(subject)
	if err := c.html[letter.Kind].Execute(&html, v); err != nil {
		return Mail{}, fmt.Errorf("write letter: %w", err)
	}
	return Mail{To: letter.To, Subject: v.Subject, Text: strings.TrimSpace(body) + "\n", HTML: html.String()}, nil
}

// day writes a date as the language does, or as it stands where it cannot be read.
func day(value, language string) string {
	if at, err := time.Parse(time.DateOnly, value); err == nil && language == fallbackLanguage {
		return at.Format("2 January 2006")
	}
	return moment(value, language)
}

func moment(value, language string) string {
	at, err := time.Parse(time.RFC3339, value)
	switch {
	case err != nil:
		return clean(value)
	case language == fallbackLanguage:
		return at.UTC().Format("2 January 2006, 15:04 UTC")
	default:
		return at.UTC().Format("2006-01-02 15:04 UTC")
	}
}
