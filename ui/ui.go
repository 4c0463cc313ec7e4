// Package ui is what people see: templates, styles and the typed values that fill them. It knows nothing of the domain.
//
// Pages work without JavaScript, load nothing from elsewhere and hold no inline style or script.
package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// View is one page's content. The views of this package are the only ones.
type View interface {
	page() (template, title string)
}

// Renderer writes pages. It is safe for concurrent use.
type Renderer struct {
	// Installation is the name above every page and in its title. New sets Gatehouse; set another before the first page.
	Installation string

	pages  map[string]*template.Template
	assets map[string]asset // by hashed name
	names  map[string]string
}

type asset struct {
	body []byte
	kind string
}

// New reads the embedded templates and static files.
func New() (*Renderer, error) {
	r := &Renderer{Installation: "Gatehouse", pages: map[string]*template.Template{}, assets: map[string]asset{}, names: map[string]string{}}
	if err := r.readAssets(); err != nil {
		return nil, err
	}
	layout, err := template.New("layout.html").Funcs(template.FuncMap{"asset": r.assetURL, "grouped": grouped}).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	for _, file := range files {
		page, err := layout.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, file)
		}
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", file, err)
		}
		r.pages[strings.TrimSuffix(path.Base(file), ".html")] = page
	}
	return r, nil
}

// readAssets names each static file after its content, so that browsers may keep it for ever.
func (r *Renderer) readAssets() error {
	return fs.WalkDir(staticFiles, "static", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := staticFiles.ReadFile(file)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		extension := path.Ext(file)
		name := strings.TrimSuffix(path.Base(file), extension)
		hashed := name + "." + hex.EncodeToString(sum[:6]) + extension
		r.assets[hashed] = asset{body: body, kind: mime.TypeByExtension(extension)}
		r.names[path.Base(file)] = "/static/" + hashed
		return nil
	})
}

func (r *Renderer) assetURL(name string) (string, error) {
	hashed, known := r.names[name]
	if !known {
		return "", fmt.Errorf("there is no static file %q", name)
	}
	return hashed, nil
}

// Static serves the files under /static/.
func (r *Renderer) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		found, known := r.assets[strings.TrimPrefix(request.URL.Path, "/static/")]
		if !known {
			http.NotFound(w, request)
			return
		}
		header := w.Header()
		header.Set("Content-Type", found.kind)
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
		header.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(found.body) // the client is gone; nobody to tell
	})
}

// layout is what every page's template gets.
type layout struct {
	Title, Installation string
	Wide                bool // for pages that are read, not filled in
	View                View
}

// Render writes a page: whole or not at all.
func (r *Renderer) Render(w http.ResponseWriter, status int, view View) error {
	name, title := view.page()
	broad, isBroad := view.(interface{ wide() bool })
	var body bytes.Buffer
	if err := r.pages[name].ExecuteTemplate(&body, "layout.html", layout{Title: title, Installation: r.Installation, Wide: isBroad && broad.wide(), View: view}); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return fmt.Errorf("render %s: %w", name, err)
	}
	setHeaders(w.Header())
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the client is gone; nobody to tell
	return nil
}

// setHeaders makes pages private and inert. There is no form-action: browsers apply it to the redirects after a form too, and ours end
// at clients and upstreams. Referrer-Policy is not no-referrer, with which browsers hide the Origin of our own forms, too, and
// the cross-site check would refuse them.
func setHeaders(header http.Header) {
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// grouped writes a long code in groups of four, as people read it.
func grouped(text string) string {
	var b strings.Builder
	for i, r := range text {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
