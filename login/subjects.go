package login

import (
	"context"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// Subjects tells the provider what its tokens say about people. It reads the directory fresh each time, so that a change of role
// or a disabled account shows in the next token.
type Subjects struct{ Directory *tenancy.Directory }

// Subject describes a user as member of an organization. store.ErrNotFound if the user is disabled, past his last day or gone, is no
// member, or the organization is disabled.
func (s Subjects) Subject(ctx context.Context, user id.User, organization id.Organization) (provider.Subject, error) {
	standing, err := s.Directory.Standing(ctx, tenancy.System("token"), user)
	if err != nil {
		return provider.Subject{}, err
	}
	place, member := standing.In(organization)
	if !s.Directory.MaySignIn(standing.User) || !member {
		return provider.Subject{}, store.ErrNotFound
	}
	subject := describe(standing, place)
	subject.Extra = s.Directory.Settings.Fields.Claims(standing.User)
	return subject, nil
}

func describe(standing tenancy.Standing, place tenancy.Place) provider.Subject {
	user := standing.User
	subject := provider.Subject{
		Username: user.Username, Name: user.Name(), GivenName: user.FirstName, FamilyName: user.LastName,
		Email: user.Email, EmailVerified: user.EmailVerified, Phone: user.Phone, Website: user.URL, BirthDate: string(user.BirthDate),
		Language: user.Language, UpdatedAt: user.Modified,
		OrganizationSlug: place.Organization.Slug, OrganizationName: place.Organization.Name, Role: string(place.Role),
	}
	for _, permission := range standing.Permissions {
		subject.Permissions = append(subject.Permissions, string(permission))
	}
	for _, group := range standing.GroupsIn(place.Organization.ID) {
		subject.Groups = append(subject.Groups, group.Name)
		for _, permission := range group.Permissions {
			subject.Permissions = append(subject.Permissions, string(permission))
		}
	}
	slices.Sort(subject.Permissions)
	subject.Permissions = slices.Compact(subject.Permissions)
	slices.Sort(subject.Groups)
	return subject
}
