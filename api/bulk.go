package api

import (
	"context"
	"net/http"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const maxBulk = 1000

func (a *API) bulk() {
	handle(a, route{http.MethodPost, "/users/user/bulk/", "bulk-users", tagUsers, "Do something with many users; each has an outcome of its own", 0}, signedIn, a.bulkUsers)
}

type bulkInput struct {
	Body struct {
		Action       string          `json:"action" enum:"activate,deactivate,delete,add_to_organization"`
		Users        []id.User       `json:"users" minItems:"1" maxItems:"1000"`
		Organization id.Organization `json:"organization,omitempty" format:"uuid" doc:"For add_to_organization."`
		Role         tenancy.Role    `json:"role,omitempty" enum:"member,manager" doc:"For add_to_organization; default member."`
	}
}

type bulkRow struct {
	User   id.User             `json:"user"`
	Status int                 `json:"status" doc:"As if the row had been a request of its own."`
	Detail string              `json:"detail,omitempty"`
	Fields map[string][]string `json:"fields,omitempty"`
}

type bulkOutput struct {
	Body struct {
		Succeeded int       `json:"succeeded"`
		Failed    int       `json:"failed"`
		Results   []bulkRow `json:"results"`
	}
}

func (a *API) bulkUsers(ctx context.Context, c caller, in *bulkInput) (*bulkOutput, error) {
	act, err := a.bulkAction(c, in)
	if err != nil {
		return nil, err
	}
	users := slices.Clone(in.Body.Users)
	slices.Sort(users)
	if len(slices.Compact(users)) != len(in.Body.Users) || len(users) > maxBulk {
		return nil, fieldProblem("users", "Each user stands here once, at most 1,000 of them.")
	}
	out := &bulkOutput{}
	out.Body.Results = make([]bulkRow, 0, len(users))
	for _, user := range in.Body.Users {
		row := bulkRow{User: user, Status: http.StatusOK}
		if err := act(ctx, user); err != nil {
			p := a.problemOf(err)
			if p.Status >= http.StatusInternalServerError {
				return nil, err
			}
			row.Status, row.Detail, row.Fields = p.Status, p.Detail, p.Fields
			out.Body.Failed++
		} else {
			out.Body.Succeeded++
		}
		out.Body.Results = append(out.Body.Results, row)
	}
	return out, nil
}

func (a *API) bulkAction(c caller, in *bulkInput) (func(context.Context, id.User) error, error) {
	switch in.Body.Action {
	case "activate", "deactivate":
		return func(ctx context.Context, user id.User) error {
			return a.Directory.SetUsersActive(ctx, c.scope, []id.User{user}, in.Body.Action == "activate")[0].Err
		}, nil
	case "delete":
		return func(ctx context.Context, user id.User) error { return a.Directory.DeleteUser(ctx, c.scope, user) }, nil
	}
	if in.Body.Organization == "" {
		return nil, fieldProblem("organization", "Say to which organization.")
	}
	role := in.Body.Role
	if role == "" {
		role = tenancy.Member
	}
	return func(ctx context.Context, user id.User) error {
		_, err := a.Directory.AddMember(ctx, c.scope, in.Body.Organization, user, role)
		return err
	}, nil
}
