package login

import (
	"net/http"

	"gatehouse/ui"
)

// organization takes the person's pick. Only what was offered can be picked.
func (h *Handler) organization(w http.ResponseWriter, r *http.Request) error {
	v, d, err := h.at(w, r, stepOrganization)
	if err != nil {
		return err
	}
	picked := r.PostFormValue("organization")
	for _, place := range d.choices {
		if string(place.Organization.ID) == picked {
			v.open.flow().Organization = place.Organization.ID
			if err := h.save(r.Context(), v.browser, v.open); err != nil {
				return err
			}
			break
		}
	}
	toSignIn(w, r, v.open.id)
	return nil
}

func (h *Handler) showOrganizations(w http.ResponseWriter, v *visit, d decision) error {
	view := ui.Organizations{Action: action(organizationPath, v), Flow: v.open.id, ClientName: v.facts.clientName()}
	for _, place := range d.choices {
		view.Organizations = append(view.Organizations, ui.OrganizationChoice{
			Value: string(place.Organization.ID), Name: place.Organization.Name, Slug: place.Organization.Slug, Role: string(place.Role),
		})
	}
	return h.Pages.Render(w, http.StatusOK, view)
}
