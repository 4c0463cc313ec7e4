package api_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/openapi.json anew")

const goldenDocument = "testdata/openapi.json"

// The document is part of what clients rely on: a change of it is to be seen in a review.
func TestDocumentIsCurrent(t *testing.T) {
	s := newServer(t)
	document := append(must(s.api.Document())(t), '\n')
	if *update {
		if err := os.WriteFile(goldenDocument, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden := must(os.ReadFile(goldenDocument))(t)
	if diff := cmp.Diff(strings.Split(string(golden), "\n"), strings.Split(string(document), "\n")); diff != "" {
		t.Errorf("%s is not current; look at the difference, then run go test ./api -run Document -update:\n%s", goldenDocument, diff)
	}
	for _, path := range []string{"/openapi.json", "/docs.json", "/docs.json/"} {
		if got := s.do("GET", path, "", nil).want(t, 200); got.raw+"\n" != string(document) {
			t.Errorf("%s is another document", path)
		}
	}
	if got := s.do("GET", "/docs.yaml", "", nil).want(t, 200); !strings.Contains(got.raw, "openapi: 3.1.0") {
		t.Errorf("docs.yaml: %.80s", got.raw)
	}
}

// operation is what the tests need of one in the document.
type operation struct {
	method, path string
	OperationID  string                `json:"operationId"`
	Summary      string                `json:"summary"`
	Tags         []string              `json:"tags"`
	Security     []map[string][]string `json:"security"`
	Parameters   []struct {
		Name        string         `json:"name"`
		In          string         `json:"in"`
		Description string         `json:"description"`
		Schema      map[string]any `json:"schema"`
	} `json:"parameters"`
	RequestBody *struct {
		Content map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Description string `json:"description"`
	} `json:"responses"`
}

type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
}

type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

func readDocument(t testing.TB) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(must(os.ReadFile(goldenDocument))(t), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// operations are all of the document, in order.
func (d document) operations() []operation {
	var all []operation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			o := d.Paths[path][method]
			o.method, o.path = strings.ToUpper(method), path
			all = append(all, o)
		}
	}
	return all
}

// members are the properties of a body that is sent as JSON.
func (d document) members(o operation) map[string]schema {
	if o.RequestBody == nil {
		return nil
	}
	body := o.RequestBody.Content["application/json"].Schema
	if name, found := strings.CutPrefix(body.Ref, "#/components/schemas/"); found {
		body = d.Components.Schemas[name]
	}
	return body.Properties
}

func TestDocumentIsSound(t *testing.T) {
	d := readDocument(t)
	public := []string{"obtain-token", "request-password-reset", "confirm-password-reset"}
	seen := map[string]bool{}
	for _, o := range d.operations() {
		name := o.method + " " + o.path
		if o.OperationID == "" || seen[o.OperationID] || o.Summary == "" || len(o.Tags) != 1 {
			t.Errorf("%s: operationId %q, summary %q, tags %q", name, o.OperationID, o.Summary, o.Tags)
		}
		seen[o.OperationID] = true
		if open := len(o.Security) == 0; open != slices.Contains(public, o.OperationID) {
			t.Errorf("%s: security %v", name, o.Security)
		}
		for _, p := range o.Parameters {
			if p.Description == "" {
				t.Errorf("%s: no description of %s %s", name, p.In, p.Name)
			}
		}
		for status, answer := range o.Responses {
			if answer.Description == "" {
				t.Errorf("%s: no description of %s", name, status)
			}
		}
	}
	for name := range d.Components.Schemas {
		if name == "" || strings.ToUpper(name[:1]) != name[:1] {
			t.Errorf("schema %q has no good name", name)
		}
	}
}

// The paths of the described system, section 4.2 of its description.
func TestDocumentHasEveryPathOfTheDescribedSystem(t *testing.T) {
	d := readDocument(t)
	for path, methods := range map[string]string{
		"/users/token/":                   "POST",
		"/users/password/reset/":          "POST",
		"/users/password/reset/confirm/":  "POST",
		"/users/user/password/change/":    "POST",
		"/users/organization/":            "GET POST",
		"/users/organization/{id}/":       "GET PUT PATCH DELETE",
		"/users/user/":                    "GET POST",
		"/users/user/{id}/":               "GET PUT PATCH DELETE",
		"/users/user/{id}/password/":      "PUT",
		"/users/user/{id}/email/":         "GET POST",
		"/users/user/{id}/email/{email}/": "GET PUT PATCH DELETE",
		"/users/group/":                   "GET POST",
		"/users/group/{id}/":              "GET PUT PATCH DELETE",
	} {
		for method := range strings.FieldsSeq(methods) {
			if _, found := d.Paths[path][strings.ToLower(method)]; !found {
				t.Errorf("%s %s is missing", method, path)
			}
		}
	}
}
