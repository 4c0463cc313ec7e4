package ui

// Reference is the readable description of the REST API.
type Reference struct {
	Version     string
	Base        string // below which the paths are
	DocumentURL string // of the OpenAPI document
	Groups      []ReferenceGroup
}

func (Reference) page() (string, string) { return "reference", "REST API" }

func (Reference) wide() bool { return true }

// ReferenceGroup are operations on one kind of object.
type ReferenceGroup struct {
	Name       string
	Anchor     string
	Operations []ReferenceOperation
}

// ReferenceOperation is one method of one path.
type ReferenceOperation struct {
	Anchor     string
	Method     string
	Path       string
	Summary    string
	Permission string // that callers need; empty: none
	Public     bool   // no authentication at all
	Parameters []ReferenceField
	Body       []ReferenceField
	Answer     []ReferenceField
	Status     string // of success
}

// ReferenceField is a parameter, or a member of a body. Names of nested members have dots.
type ReferenceField struct {
	Name     string
	Place    string // of a parameter: path, query, header
	Type     string
	Required bool
	Text     string
}
