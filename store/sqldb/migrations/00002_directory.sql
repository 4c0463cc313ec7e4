-- +goose Up
-- The whole directory: profile, several addresses, invitations, tokens, registered permissions, history, mail, jobs.

ALTER TABLE users ADD COLUMN phone TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN bio TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN url TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN company TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN location TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN birth_date TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN notes TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN expiration_date TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN password_updated BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN last_method TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN last_connector TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN custom TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN search TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
UPDATE users SET search = lower(username || ' ' || email || ' ' || first_name || ' ' || last_name);
CREATE INDEX users_created ON users (created, id);
CREATE INDEX users_username ON users (username, id);
CREATE INDEX users_email ON users (email, id);
CREATE INDEX users_last_name ON users (last_name, id);
CREATE INDEX users_last_login ON users (last_login, id);
CREATE INDEX users_staff ON users (created, id) WHERE staff;
CREATE INDEX users_inactive ON users (created, id) WHERE NOT active;
CREATE INDEX users_expiring ON users (expiration_date, id) WHERE active AND expiration_date <> '';
CREATE INDEX users_password_updated ON users (password_updated, id) WHERE active AND password_hash <> '';

-- Every address of every user; users.email is a copy of the primary one. A verified address is also an identifier.
CREATE TABLE email_addresses (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    value TEXT NOT NULL,
    verified BOOLEAN NOT NULL,
    is_primary BOOLEAN NOT NULL,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX email_addresses_user_value ON email_addresses (user_id, value);
CREATE UNIQUE INDEX email_addresses_verified ON email_addresses (value) WHERE verified;
CREATE UNIQUE INDEX email_addresses_primary ON email_addresses (user_id) WHERE is_primary;
INSERT INTO email_addresses (id, user_id, email, value, verified, is_primary, created)
    SELECT u.id, u.id, u.email, COALESCE((SELECT i.value FROM identifiers i WHERE i.user_id = u.id AND i.kind = 'email'), lower(u.email)),
        u.email_verified, TRUE, u.created FROM users u WHERE u.email <> '';

-- Values of custom fields that the operator declared unique.
CREATE TABLE user_field_values (
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (field, value)
);
CREATE INDEX user_field_values_user ON user_field_values (user_id);

ALTER TABLE organizations ADD COLUMN max_users BIGINT NOT NULL DEFAULT 0;
ALTER TABLE organizations ADD COLUMN search TEXT NOT NULL DEFAULT '';
ALTER TABLE organizations ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
UPDATE organizations SET search = lower(name || ' ' || slug);
CREATE INDEX organizations_name ON organizations (name, id);
CREATE INDEX organizations_created ON organizations (created, id);

ALTER TABLE memberships ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
CREATE INDEX memberships_organization_user ON memberships (organization_id, user_id, id);
CREATE INDEX memberships_created ON memberships (created, id);

ALTER TABLE groups ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
ALTER TABLE groups ADD COLUMN modified BIGINT NOT NULL DEFAULT 0;
ALTER TABLE groups ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE groups ADD COLUMN search TEXT NOT NULL DEFAULT '';
UPDATE groups SET search = lower(name);
CREATE INDEX groups_name ON groups (name, id);

CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    value TEXT NOT NULL,
    role TEXT NOT NULL,
    group_ids TEXT NOT NULL,
    invited_by TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    state TEXT NOT NULL,
    accepted_by TEXT NOT NULL,
    sent BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE UNIQUE INDEX invitations_token ON invitations (token_hash);
CREATE UNIQUE INDEX invitations_open ON invitations (organization_id, value) WHERE state = 'open';
CREATE INDEX invitations_organization ON invitations (organization_id, created);
CREATE INDEX invitations_expires ON invitations (expires);

-- What siblings and Gatehouse itself check. Installation-wide: an application registers its own.
CREATE TABLE permissions (
    code TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    model TEXT NOT NULL,
    action TEXT NOT NULL,
    label TEXT NOT NULL
);
CREATE INDEX permissions_app ON permissions (app);

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    hint TEXT NOT NULL,
    purpose TEXT NOT NULL,
    method TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    last_used BIGINT NOT NULL
);
CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (hash);
CREATE INDEX api_tokens_user ON api_tokens (user_id, created);
CREATE INDEX api_tokens_expires ON api_tokens (expires) WHERE expires > 0;

ALTER TABLE audit_events ADD COLUMN via TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';
CREATE INDEX audit_events_object ON audit_events (object, id);
CREATE INDEX audit_events_actor ON audit_events (actor, id);
CREATE INDEX audit_events_at ON audit_events (at, id);

-- Mail and webhooks to be sent; written with the change that they tell of.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    language TEXT NOT NULL,
    content BYTEA NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    created BIGINT NOT NULL,
    sent BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (next_attempt) WHERE state = 'waiting';
CREATE INDEX outbox_created ON outbox (created);
CREATE INDEX outbox_recipient ON outbox (lower(recipient), created);

-- One row per periodic job: who runs it, until when, and how it went.
CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    schedule TEXT NOT NULL,
    holder TEXT NOT NULL,
    leased_until BIGINT NOT NULL,
    due BIGINT NOT NULL,
    started BIGINT NOT NULL,
    finished BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    summary TEXT NOT NULL
);
