-- +goose Up
-- Clients authenticate in several ways, with several secrets. What nothing searches for is JSON: options, and secrets as
-- [{"id", "name", "hash", "created", "expires"}].
ALTER TABLE clients ADD COLUMN auth_method TEXT NOT NULL DEFAULT 'client_secret_basic';
ALTER TABLE clients ADD COLUMN secrets TEXT NOT NULL DEFAULT '[]';
ALTER TABLE clients ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
ALTER TABLE clients ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
UPDATE clients SET auth_method = 'none' WHERE public;
UPDATE clients SET secrets = '[{"id":"1","hash":"' || secret_hash || '"}]' WHERE secret_hash <> '';
ALTER TABLE clients DROP COLUMN public;
ALTER TABLE clients DROP COLUMN secret_hash;
CREATE INDEX clients_organization ON clients (organization_id);
CREATE INDEX clients_name ON clients (name, id);

-- Lists search clients and know those that the configuration declares. Until now it declared all of them, and they were the operator's own.
ALTER TABLE clients ADD COLUMN search TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN static BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE clients SET search = lower(name || ' ' || id), static = TRUE, options = '{"first_party":true}';

ALTER TABLE grants ADD COLUMN audience TEXT NOT NULL DEFAULT '[]';
ALTER TABLE grants ADD COLUMN claims TEXT NOT NULL DEFAULT '';
CREATE INDEX grants_client ON grants (client_id, user_id);

-- What a user has let a client see, in each organization ('' = without one).
CREATE TABLE consents (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id, organization_id)
);
CREATE INDEX consents_client ON consents (client_id);

-- When a signing key became current (0 = never, or before this column was there): rotation is counted from then.
ALTER TABLE signing_keys ADD COLUMN activated BIGINT NOT NULL DEFAULT 0;

-- The outbox has several ways out: letters, and notices to clients whose session has ended.
ALTER TABLE outbox ADD COLUMN channel TEXT NOT NULL DEFAULT 'mail';
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (channel, next_attempt) WHERE state = 'waiting';
