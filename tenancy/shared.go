package tenancy

import (
	"fmt"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// Action is what somebody wants to do with an object of a tenant, or with a shared one.
type Action int

// The actions. List asks whether an object belongs into the actor's list.
const (
	List Action = iota
	Read
	Create
	Update
	Delete
)

// Decide says whether scope may act on an object that belongs to an organization, or is shared ("", readable by managers, written by
// those whom nothing limits to an organization). permission is the one that the action takes ("nas.change_nas" for Update); active is
// whether the organization is, true for a shared object. It is the table of every kind of tenant-owned object:
//
//	                 shared               own                   of a disabled one     foreign
//	superuser        everything           everything            List, Read, Delete    -
//	manager          List, Read           with the permission   List, Read, Delete    store.ErrNotFound
//	member           store.ErrNotFound    store.ErrNotFound     store.ErrNotFound     store.ErrNotFound
//
// ErrForbidden if a manager holds the permission nowhere, or sees the object but may not do this. *Invalid names "organization" for
// what a disabled organization refuses, and where anybody but a superuser would create a shared object. Reading takes the view
// permission or the one to change. What the object's own kind demands besides is not checked.
func Decide(scope Scope, action Action, permission Permission, organization id.Organization, active bool) error {
	manages := scope.Everywhere() || len(scope.Organizations()) > 0
	switch {
	case manages && !scope.somewhere(permission):
		return ErrForbidden
	case organization == "" && action == Create && !scope.Everywhere():
		return refused("organization", "Choose an organization.")
	case !manages, organization != "" && !scope.Covers(organization):
		return store.ErrNotFound
	case organization == "" && (action == List || action == Read):
		return nil
	case organization == "" && (!scope.Everywhere() || !scope.Has(permission)):
		return ErrForbidden
	case !scope.holdsIn(organization, permission):
		return ErrForbidden
	case !active && (action == Create || action == Update):
		return errDisabledOrganization()
	default:
		return nil
	}
}

// Owned is an object that belongs to an organization, or is shared (""), with the words for its kind.
type Owned struct {
	Kind         string // singular, "access point"
	Plural       string // "access points"
	Organization id.Organization
}

// CheckReference refuses that an object refers to one of another organization: what from refers to is shared, or of the same one. A
// shared object refers to shared ones only. *Invalid names field.
func CheckReference(field string, from, to Owned) error {
	switch {
	case to.Organization == "" || to.Organization == from.Organization:
		return nil
	case from.Organization == "":
		return refused(field, fmt.Sprintf("A shared %s cannot refer to a %s of one organization.", from.Kind, to.Kind))
	default:
		return refused(field, fmt.Sprintf("The %s and the %s have to belong to the same organization.", from.Kind, to.Kind))
	}
}

// Referrers are how many objects of a kind refer to another. Of Owned, Organization means nothing here.
type Referrers struct {
	Owned
	Count int
}

// CheckMove refuses that an object which others refer to changes its organization, or becomes shared or one's own. *Invalid names
// "organization", the kinds and how many there are.
func CheckMove(before Owned, after id.Organization, referrers ...Referrers) error {
	if before.Organization == after {
		return nil
	}
	var texts []string
	for _, r := range referrers {
		switch {
		case r.Count == 1:
			texts = append(texts, fmt.Sprintf("The %s cannot change its organization: 1 %s refers to it.", before.Kind, r.Kind))
		case r.Count > 1:
			texts = append(texts, fmt.Sprintf("The %s cannot change its organization: %d %s refer to it.", before.Kind, r.Count, r.Plural))
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return &Invalid{Fields: map[string][]string{"organization": texts}}
}

func refused(field, text string) error { return &Invalid{Fields: map[string][]string{field: {text}}} }
