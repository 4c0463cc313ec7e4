package api

import (
	"context"
	"net/http"

	"gatehouse/clients"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

const (
	tagClients  = "Clients"
	clientPath  = "/clients/{client}/"
	secretsPath = clientPath + "secret/"
)

func (a *API) clients() {
	handle(a, route{http.MethodGet, "/clients/", "list-clients", tagClients, "List clients", 0}, needs(tenancy.ViewClient), a.listClients)
	handle(a, route{http.MethodPost, "/clients/", "create-client", tagClients, "Register a client", http.StatusCreated}, needs(tenancy.AddClient), a.createClient)
	handle(a, route{http.MethodGet, clientPath, "client", tagClients, "Read a client", 0}, needs(tenancy.ViewClient), a.client)
	handle(a, route{http.MethodPut, clientPath, "replace-client", tagClients, "Change a client; the name has to be there", 0}, needs(tenancy.ChangeClient), a.replaceClient)
	handle(a, route{http.MethodPatch, clientPath, "change-client", tagClients, "Change a client", 0}, needs(tenancy.ChangeClient), a.changeClient)
	handle(a, route{http.MethodDelete, clientPath, "delete-client", tagClients, "Delete a client, with its grants and consents", http.StatusNoContent}, needs(tenancy.DeleteClient), a.deleteClient)
	handle(a, route{http.MethodGet, secretsPath, "list-client-secrets", tagClients, "List the secrets of a client, without their text", 0}, needs(tenancy.ViewClient), a.listClientSecrets)
	handle(a, route{http.MethodPost, secretsPath, "add-client-secret", tagClients, "Give a client one more secret", http.StatusCreated}, needs(tenancy.ChangeClient), a.addClientSecret)
	handle(a, route{http.MethodDelete, secretsPath + "{secret}/", "remove-client-secret", tagClients, "End a secret of a client at once", http.StatusNoContent}, needs(tenancy.ChangeClient), a.removeClientSecret)
}

type listClientsInput struct {
	ListInput

	Organization id.Organization `query:"organization" format:"uuid" doc:"Clients of this organization, without shared ones."`
	Shared       string          `query:"shared" doc:"true: those without an organization; false: the others."`
	Enabled      string          `query:"enabled" doc:"true or false."`
	Static       string          `query:"static" doc:"true: those that the configuration file declares; false: the others."`
	Kind         clients.Kind    `query:"kind" enum:"public,confidential" doc:"public: without secret or key."`
}

func (a *API) listClients(ctx context.Context, c caller, in *listClientsInput) (*listOutput[ClientBody], error) {
	asked, err := query(in.ListInput)
	if err != nil {
		return nil, err
	}
	filter := clients.Filter{Organization: in.Organization, Kind: in.Kind}
	for _, f := range []struct {
		name, text string
		to         **bool
	}{{"shared", in.Shared, &filter.Shared}, {"enabled", in.Enabled, &filter.Enabled}, {"static", in.Static, &filter.Static}} {
		if *f.to, err = flag(f.name, f.text); err != nil {
			return nil, err
		}
	}
	page, err := a.Clients.List(ctx, c.scope, filter, asked)
	if err != nil {
		return nil, err
	}
	return listed(a, c, page, writeClient), nil
}

type clientOutput struct {
	ETag string `header:"ETag"`
	Body ClientBody
}

func clientAnswer(c provider.Client, err error) (*clientOutput, error) {
	if err != nil {
		return nil, err
	}
	return &clientOutput{ETag: etag(c.Version), Body: writeClient(c)}, nil
}

// ClientIDInput names a client in the path.
type ClientIDInput struct {
	Client id.Client `path:"client" doc:"Its id."`
}

func (a *API) client(ctx context.Context, c caller, in *ClientIDInput) (*clientOutput, error) {
	return clientAnswer(a.Clients.Client(ctx, c.scope, in.Client))
}

type createClientInput struct {
	Body struct {
		ClientInput

		ID id.Client `json:"id,omitempty" doc:"Chosen by superusers only; default: one is made up."`
	}
}

type createdClient struct {
	ClientBody

	Secret string `json:"client_secret,omitempty" doc:"Shown this once."`
}

func (a *API) createClient(ctx context.Context, c caller, in *createClientInput) (*createdOutput[createdClient], error) {
	wanted := provider.Client{ID: in.Body.ID, GrantTypes: provider.DefaultGrants(), Scopes: []string{"openid", "profile", "email"}, Enabled: true}
	in.Body.apply(&wanted)
	made, text, err := a.Clients.Create(ctx, c.scope, wanted)
	if err != nil {
		return nil, err
	}
	return &createdOutput[createdClient]{
		Location: a.created("/clients/", string(made.ID)), ETag: etag(made.Version), Body: createdClient{writeClient(made), text.Reveal()},
	}, nil
}

type changeClientInput struct {
	ClientIDInput
	Precondition
	Body ClientInput
}

func (a *API) replaceClient(ctx context.Context, c caller, in *changeClientInput) (*clientOutput, error) {
	if missing := required(map[string]string{"name": in.Body.Name.value}); missing != nil {
		return nil, missing
	}
	return a.changeClient(ctx, c, in)
}

func (a *API) changeClient(ctx context.Context, c caller, in *changeClientInput) (*clientOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	changed, err := a.Clients.Update(ctx, c.scope, in.Client, version, in.Body.apply)
	return clientAnswer(changed, in.changed(err))
}

func (a *API) deleteClient(ctx context.Context, c caller, in *ClientIDInput) (*nothing, error) {
	return &nothing{}, a.Clients.Delete(ctx, c.scope, in.Client)
}

func (a *API) listClientSecrets(ctx context.Context, c caller, in *ClientIDInput) (*listOutput[ClientSecretBody], error) {
	found, err := a.Clients.Client(ctx, c.scope, in.Client)
	if err != nil {
		return nil, err
	}
	return listed(a, c, whole(found.Secrets), writeClientSecret), nil
}

type addClientSecretInput struct {
	ClientIDInput

	Body struct {
		Name      string `json:"name" minLength:"1" doc:"What it is for."`
		ExpiresIn int    `json:"expires_in,omitempty" minimum:"60" maximum:"315360000" doc:"Seconds; default: no end."`
	}
}

type addClientSecretOutput struct {
	Body struct {
		ClientSecretBody

		Secret string `json:"client_secret" doc:"Shown this once."`
	}
}

func (a *API) addClientSecret(ctx context.Context, c caller, in *addClientSecretInput) (*addClientSecretOutput, error) {
	made, text, err := a.Clients.AddSecret(ctx, c.scope, in.Client, in.Body.Name, a.expiry(in.Body.ExpiresIn))
	if err != nil {
		return nil, err
	}
	out := &addClientSecretOutput{}
	out.Body.ClientSecretBody, out.Body.Secret = writeClientSecret(made), text.Reveal()
	return out, nil
}

type clientSecretInput struct {
	ClientIDInput

	Secret string `path:"secret" doc:"Its id."`
}

func (a *API) removeClientSecret(ctx context.Context, c caller, in *clientSecretInput) (*nothing, error) {
	return &nothing{}, a.Clients.RemoveSecret(ctx, c.scope, in.Client, in.Secret)
}
