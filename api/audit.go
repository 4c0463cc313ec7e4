package api

import (
	"context"
	"net/http"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const tagAudit = "Audit"

func (a *API) audit() {
	handle(a, route{http.MethodGet, "/audit/", "list-audit", tagAudit, "List what happened, newest first", 0}, needs(tenancy.ViewAuditEvent), a.listAudit)
}

type auditBody struct {
	ID           string            `json:"id"`
	At           *time.Time        `json:"at"`
	Actor        *string           `json:"actor" doc:"Who did it; null: the program itself, see reason."`
	Reason       string            `json:"reason"`
	Via          string            `json:"via" doc:"session, or token and its id."`
	Organization *string           `json:"organization"`
	Action       string            `json:"action"`
	Object       string            `json:"object"`
	Detail       map[string]string `json:"detail"`
	Changes      []audit.Change    `json:"changes" doc:"Fields before and after; secrets are masked."`
}

func writeAudit(e audit.Event) auditBody {
	body := auditBody{
		ID: e.ID, At: moment(e.At), Actor: orNull(e.Actor), Reason: e.Reason, Via: e.Via, Organization: orNull(e.Organization), Action: e.Action,
		Object: e.Object, Detail: e.Detail, Changes: e.Changes,
	}
	if body.Detail == nil {
		body.Detail = map[string]string{}
	}
	if body.Changes == nil {
		body.Changes = []audit.Change{}
	}
	return body
}

type listAuditInput struct {
	ListInput

	Organization id.Organization `query:"organization" format:"uuid" doc:"In which something happened."`
	Actor        id.User         `query:"actor" format:"uuid" doc:"Who did something."`
	Object       string          `query:"object" doc:"Identifier of what changed."`
	Action       string          `query:"action" doc:"Its beginning: user. for everything about users."`
	From         string          `query:"from" doc:"At this time or day, or later."`
	To           string          `query:"to" doc:"Before this time or day."`
}

func (a *API) listAudit(ctx context.Context, c caller, in *listAuditInput) (*listOutput[auditBody], error) {
	asked, err := query(in.ListInput)
	if err != nil {
		return nil, err
	}
	at, err := period(in.From, in.To)
	if err != nil {
		return nil, err
	}
	filter := tenancy.AuditFilter{Organization: in.Organization, Actor: in.Actor, Object: in.Object, Action: in.Action, At: at}
	page, err := a.Directory.ListAuditEvents(ctx, c.scope, filter, asked)
	if err != nil {
		return nil, err
	}
	return listed(a, c, page, writeAudit), nil
}
