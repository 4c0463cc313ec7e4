package api_test

import (
	"context"
	"net/url"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

type direct = func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error)

// nothing is an operation that lists nothing.
func nothing[T any](_ T, err error) ([]string, error) { return nil, err }

// ids are those of a list's rows.
func ids[T any, ID ~string](rows []T, err error, idOf func(T) ID) ([]string, error) {
	found := make([]string, len(rows))
	for i, row := range rows {
		found[i] = string(idOf(row))
	}
	return found, err
}

var everything = tenancy.Query{Size: 100}

func everythingOver(more ...string) url.Values {
	values := url.Values{"page_size": {"100"}}
	for i := 0; i < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return values
}

func at(pairs ...string) map[string]string {
	path := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		path[pairs[i]] = pairs[i+1]
	}
	return path
}

type fields = map[string]any

// calls are the operations of the API by name.
func (w *town) calls() map[string]func(o objects) call {
	all := map[string]func(o objects) call{}
	for _, some := range []map[string]func(o objects) call{
		w.signInCalls(), w.userCalls(), w.emailCalls(), w.credentialCalls(), w.organizationCalls(), w.membershipCalls(), w.invitationCalls(), w.groupCalls(), w.clientCalls(),
	} {
		for name, make := range some {
			all[name] = make
		}
	}
	return all
}

func (w *town) signInCalls() map[string]func(o objects) call {
	const other = "marble heron lantern 9"
	return map[string]func(o objects) call{
		"obtain-token": func(objects) call {
			return call{body: fields{"username": "own", "password": goodPassword}, direct: func(ctx context.Context, d *tenancy.Directory, _ tenancy.Scope) ([]string, error) {
				return nothing(d.Authenticate(ctx, "own", goodPassword))
			}}
		},
		"request-password-reset": func(objects) call {
			return call{body: fields{"input": "own"}, direct: func(ctx context.Context, d *tenancy.Directory, _ tenancy.Scope) ([]string, error) {
				return nil, d.RequestPasswordReset(ctx, "own")
			}}
		},
		"confirm-password-reset": func(objects) call {
			return call{body: fields{"token": "x", "new_password1": other, "new_password2": other}, direct: func(ctx context.Context, d *tenancy.Directory, _ tenancy.Scope) ([]string, error) {
				return nothing(d.ResetPassword(ctx, "x", other))
			}}
		},
		"change-own-password": func(objects) call {
			body := fields{"old_password": goodPassword, "new_password1": other, "new_password2": other}
			return call{body: body, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.ChangePassword(ctx, scope, goodPassword, other, tenancy.Kept{})
			}}
		},
		"set-password": func(o objects) call {
			return call{path: at("id", string(o.user)), body: fields{"new_password": other, "confirm_password": other}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.SetPassword(ctx, scope, o.user, other)
			}}
		},
		"revoke-own-token": func(objects) call {
			return call{direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.RevokeAPIToken(ctx, scope, "", id.APIToken(strings.TrimPrefix(scope.Via(), "token:")))
			}}
		},
		"list-permissions": func(objects) call {
			return call{seek: "users.change_user", direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				found, err := d.Permissions(ctx, scope)
				return ids(found, err, func(p tenancy.PermissionDefinition) tenancy.Permission { return p.Code })
			}}
		},
		"register-permissions": func(objects) call {
			return call{path: at("app", "radius"), body: fields{"models": []fields{{"name": "nas"}}}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.RegisterPermissions(ctx, scope, "radius", []tenancy.ModelDefinition{{Name: "nas"}}, nil))
			}}
		},
		"list-audit": func(o objects) call {
			object := string(o.organization)
			if object == "" {
				object = string(o.user)
			}
			return call{query: everythingOver("object", object), seek: object, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				page, err := d.ListAuditEvents(ctx, scope, tenancy.AuditFilter{Object: object}, everything)
				if err == nil && len(page.Items) > 0 {
					return []string{object}, nil
				}
				return nil, err
			}}
		},
	}
}

func (w *town) userCalls() map[string]func(o objects) call {
	change := func(o objects, body fields, change tenancy.UserChange) call {
		return call{path: at("id", string(o.user)), body: body, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
			return nothing(d.UpdateUser(ctx, scope, o.user, change))
		}}
	}
	name := "renamed"
	return map[string]func(o objects) call{
		"list-users": func(o objects) call {
			return call{query: everythingOver(), seek: string(o.user), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				page, err := d.ListUsers(ctx, scope, tenancy.UserFilter{}, everything)
				return ids(page.Items, err, func(row tenancy.UserRow) id.User { return row.ID })
			}}
		},
		"create-user": func(o objects) call {
			body := fields{"username": "fresh", "email": "fresh@example.org", "password": goodPassword}
			n := tenancy.NewUser{Username: "fresh", Email: "fresh@example.org", Password: goodPassword, Organization: o.organization}
			if o.organization != "" { // a manager, because the first one would be the owner
				body["organization_users"], n.Role = fields{"organization": o.organization, "is_admin": true}, tenancy.Manager
			}
			return call{body: body, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.CreateUser(ctx, scope, n))
			}}
		},
		"user": func(o objects) call {
			return call{path: at("id", string(o.user)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.User(ctx, scope, o.user))
			}}
		},
		"change-user": func(o objects) call {
			return change(o, fields{"first_name": name}, tenancy.UserChange{FirstName: &name})
		},
		"replace-user": func(o objects) call { return change(o, fields{"username": name}, tenancy.UserChange{Username: &name}) },
		"delete-user": func(o objects) call {
			return call{path: at("id", string(o.user)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.DeleteUser(ctx, scope, o.user)
			}}
		},
		"bulk-users": func(o objects) call {
			return call{body: fields{"action": "deactivate", "users": []id.User{o.user}}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.SetUsersActive(ctx, scope, []id.User{o.user}, false)[0].Err
			}}
		},
		"effective-permissions": func(o objects) call {
			c := call{path: at("id", string(o.user)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.EffectivePermissions(ctx, scope, o.user, o.organization))
			}}
			if o.organization != "" {
				c.query = url.Values{"organization": {string(o.organization)}}
			}
			return c
		},
	}
}

func (w *town) emailCalls() map[string]func(o objects) call {
	primary := func(o objects) call {
		return call{path: at("id", string(o.user), "email", string(o.email)), body: fields{"primary": true}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
			return nil, d.SetPrimaryEmail(ctx, scope, o.user, o.email)
		}}
	}
	list := func(o objects) direct {
		return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
			found, err := d.Emails(ctx, scope, o.user)
			return ids(found, err, func(e tenancy.EmailAddress) id.Email { return e.ID })
		}
	}
	return map[string]func(o objects) call{
		"list-emails": func(o objects) call {
			return call{path: at("id", string(o.user)), seek: string(o.email), direct: list(o)}
		},
		"email": func(o objects) call {
			return call{path: at("id", string(o.user), "email", string(o.email)), seek: string(o.email), direct: list(o)}
		},
		"add-email": func(o objects) call {
			return call{path: at("id", string(o.user)), body: fields{"email": "more@example.org"}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.AddEmail(ctx, scope, o.user, "more@example.org"))
			}}
		},
		"change-email":  primary,
		"replace-email": primary,
		"delete-email": func(o objects) call {
			return call{path: at("id", string(o.user), "email", string(o.email)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.DeleteEmail(ctx, scope, o.user, o.email)
			}}
		},
		"send-confirmation": func(o objects) call {
			return call{path: at("id", string(o.user), "email", string(o.email)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.SendConfirmation(ctx, scope, o.user, o.email)
			}}
		},
	}
}

func (w *town) credentialCalls() map[string]func(o objects) call {
	sessions := func(path map[string]string, user id.User, seek string, permission tenancy.Permission) call {
		return call{path: path, seek: seek, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
			return []string{seek}, d.MayActOnSessions(ctx, scope, user, permission)
		}}
	}
	return map[string]func(o objects) call{
		"list-tokens": func(o objects) call {
			return call{path: at("id", string(o.user)), seek: string(o.token), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				found, err := d.APITokens(ctx, scope, o.user)
				return ids(found, err, func(t tenancy.APIToken) id.APIToken { return t.ID })
			}}
		},
		"create-token": func(o objects) call {
			return call{path: at("id", string(o.user)), body: fields{"name": "n"}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				_, _, err := d.CreateAPIToken(ctx, scope, tenancy.NewAPIToken{User: o.user, Name: "n"})
				return nil, err
			}}
		},
		"revoke-token": func(o objects) call {
			return call{path: at("id", string(o.user), "token", string(o.token)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.RevokeAPIToken(ctx, scope, o.user, o.token)
			}}
		},
		"revoke-tokens": func(o objects) call {
			return call{path: at("id", string(o.user)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.RevokeAllAPITokens(ctx, scope, o.user))
			}}
		},
		"list-sessions": func(o objects) call {
			return sessions(at("id", string(o.user)), o.user, string(o.session), tenancy.ViewSession)
		},
		"end-sessions": func(o objects) call {
			return call{path: at("id", string(o.user)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.EndSessions(ctx, scope, o.user)
			}}
		},
		"list-factors": func(o objects) call {
			return call{path: at("id", string(o.user)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.User(ctx, scope, o.user))
			}}
		},
		"remove-factors": func(o objects) call {
			return call{path: at("id", string(o.user)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.RemoveFactors(ctx, scope, o.user))
			}}
		},
		"list-organization-sessions": func(o objects) call {
			return sessionsOf(o, func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
				return d.MayActOnSessionsOf(ctx, scope, o.organization, tenancy.ViewSession)
			})
		},
		"end-organization-sessions": func(o objects) call {
			return sessionsOf(o, func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
				return d.EndSessionsOf(ctx, scope, o.organization)
			})
		},
		"end-session": func(o objects) call {
			return call{path: at("id", string(o.user), "session", string(o.session)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.EndSession(ctx, scope, o.user, o.session)
			}}
		},
	}
}

// sessionsOf is about the sessions that are good for an organization alone.
func sessionsOf(o objects, direct func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error) call {
	return call{path: at("id", string(o.organization)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
		return nil, direct(ctx, d, scope)
	}}
}
