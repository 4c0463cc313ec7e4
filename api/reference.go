package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gatehouse/ui"
)

// Addresses of the description of the API, below Prefix. The first two are those of the described system.
const (
	docsPath     = "/docs/"
	docsJSONPath = "/docs.json/"
	docsYAMLPath = "/docs.yaml/"
	documentPath = "/openapi.json/"
)

// reference serves the OpenAPI document, and a page that is made of it and loads nothing from elsewhere.
//
// Both forms of the document are made when somebody asks: few do, and the program starts sooner.
func (a *API) reference() {
	document := a.huma.OpenAPI()
	view := referenceView(document, a.Version)
	a.router.Get(documentPath, a.file("application/json", a.Document))
	a.router.Get(docsJSONPath, a.file("application/json", a.Document))
	a.router.Get(docsYAMLPath, a.file("application/yaml", document.YAML))
	a.router.Get(docsPath, func(w http.ResponseWriter, r *http.Request) {
		if err := a.Pages.Render(w, http.StatusOK, view); err != nil {
			answer(w, a.failed(r, err))
		}
	})
	a.router.Get("/redoc/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, Prefix+docsPath, http.StatusSeeOther)
	})
}

// Document is the OpenAPI document, indented.
func (a *API) Document() ([]byte, error) { return json.MarshalIndent(a.huma.OpenAPI(), "", "  ") }

func (a *API) file(kind string, read func() ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := read()
		if err != nil {
			answer(w, a.failed(r, err))
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body) // the client is gone; nobody to tell
	}
}

func referenceView(document *huma.OpenAPI, version string) ui.Reference {
	view := ui.Reference{Version: version, Base: Prefix, DocumentURL: Prefix + strings.TrimSuffix(documentPath, "/")}
	at := map[string]int{}
	for _, group := range []string{tagSignIn, tagUsers, tagEmails, tagTokens, tagSessions, tagFactors, tagOrganizations, tagMemberships, tagInvitations, tagGroups, tagPermissions, tagClients, tagAudit} {
		at[group] = len(view.Groups)
		view.Groups = append(view.Groups, ui.ReferenceGroup{Name: group, Anchor: strings.ReplaceAll(strings.ToLower(group), " ", "-")})
	}
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		item := document.Paths[path]
		for _, operation := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if operation == nil {
				continue
			}
			g := &view.Groups[at[operation.Tags[0]]]
			g.Operations = append(g.Operations, referenceOperation(document, operation))
		}
	}
	return view
}

func referenceOperation(document *huma.OpenAPI, operation *huma.Operation) ui.ReferenceOperation {
	o := ui.ReferenceOperation{
		Anchor: operation.OperationID, Method: operation.Method, Path: operation.Path, Summary: operation.Summary, Public: operation.Security == nil,
	}
	if _, rest, found := strings.Cut(operation.Description, "`"); found {
		o.Permission, _, _ = strings.Cut(rest, "`")
	}
	for _, parameter := range operation.Parameters {
		o.Parameters = append(o.Parameters, ui.ReferenceField{
			Name: parameter.Name, Place: parameter.In, Type: typeName(document, parameter.Schema), Required: parameter.Required, Text: parameter.Description,
		})
	}
	if operation.RequestBody != nil {
		o.Body = members(document, operation.RequestBody.Content["application/json"].Schema, "", 0)
	}
	for _, status := range slices.Sorted(maps.Keys(operation.Responses)) {
		if status[0] != '2' {
			continue
		}
		o.Status = status
		if content := operation.Responses[status].Content["application/json"]; content != nil {
			o.Answer = members(document, content.Schema, "", 0)
		}
	}
	return o
}

const referenceDepth = 3

// members lists those of an object, and of the objects within.
func members(document *huma.OpenAPI, schema *huma.Schema, prefix string, depth int) []ui.ReferenceField {
	schema = resolved(document, schema)
	for schema != nil && schema.Items != nil {
		schema = resolved(document, schema.Items)
	}
	if schema == nil || depth >= referenceDepth {
		return nil
	}
	var fields []ui.ReferenceField
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		member := resolved(document, schema.Properties[name])
		fields = append(fields, ui.ReferenceField{
			Name: prefix + name, Type: typeName(document, member), Required: slices.Contains(schema.Required, name), Text: schema.Properties[name].Description,
		})
		fields = append(fields, members(document, member, prefix+name+".", depth+1)...)
	}
	return fields
}

func resolved(document *huma.OpenAPI, schema *huma.Schema) *huma.Schema {
	if schema != nil && schema.Ref != "" {
		return document.Components.Schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}

func typeName(document *huma.OpenAPI, schema *huma.Schema) string {
	schema = resolved(document, schema)
	switch {
	case schema == nil:
		return ""
	case schema.Items != nil:
		return "list of " + typeName(document, schema.Items)
	case len(schema.Enum) > 0:
		choices := make([]string, len(schema.Enum))
		for i, choice := range schema.Enum {
			choices[i] = fmt.Sprint(choice)
		}
		return strings.Join(choices, " | ")
	case schema.Format != "":
		return schema.Type + " (" + schema.Format + ")"
	default:
		return schema.Type
	}
}
